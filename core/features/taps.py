"""Where in a model descriptors are read, and in which arithmetic. Needs no arrays, so the command line may ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from counterpart.core.errors import UsageError

Facet = Literal["key", "query", "value", "token", "normtoken"]
"""What is read in a block: attention's keys, queries or values (heads concatenated in order), the block's
output tokens, or those after the encoder's final layer norm."""
FACETS: tuple[str, ...] = get_args(Facet)
PositionMode = Literal["reference", "antialias"]
"""How the position embedding is resampled to the grid: as DINO's and the paper's code do (bicubic, scale
factors of (grid + 0.1) / side), or as timm does (bicubic with antialiasing)."""
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True, order=True)
class Tap:
    """One place where descriptors are read.

    Attributes:
        layer: Block index from 0. For ResNets, stage index from 0.
        facet: See `Facet`; ResNets have only `token`.
    """

    layer: int
    facet: Facet

    @classmethod
    def parse(cls, text: str) -> Tap:
        """Read `9:token`.

        Raises:
            UsageError: Not of that form.
        """
        layer, _, facet = text.partition(":")
        if not layer.isdigit() or facet not in FACETS:
            raise UsageError(f"'{text}' is not a layer and facet", hint=f"Use 9:token; facets are {', '.join(FACETS)}")
        return cls(int(layer), facet)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.layer}:{self.facet}"
