"""How labels of a few images are carried over to others."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.refine import Refinement, RefineParams

if TYPE_CHECKING:
    from counterpart.core.backbone.registry import ModelDefaults


@dataclass(frozen=True, slots=True)
class PropagateParams:
    """How parts are predicted from labelled images.

    Attributes:
        taps: Descriptors compared, each of unit length, side by side; the features' first for none.
        neighbours: Labelled tokens that vote on a token.
        temperature: Cosine difference at which a neighbour's vote is e times lighter.
        memory: Most labelled tokens kept to compare with; rare parts and borders are kept first.
        balance: How strongly rare parts are preferred there: 0 not at all, 1 as if all parts were equally large.
        dims: Principal components that tokens are compared in; None compares descriptors whole.
        detail: Cells per side into which a token's answer is cut: labels are learnt at that finer grid.
        mirror: Whether labelled images teach mirrored as well, where mirrored features are given.
        images: Most labelled images that teach at once; beyond it an even choice.
        unlabelled: Images that nobody labelled whose sure predictions teach too: a point or so better with one
            labelled image, at twice the time and with a less reliable estimate of quality. 0 for none.
        refine: How borders follow the photograph's edges: `guided` or `none`.
        working_size: Longest side at which that is done, pixels.
        seed: Of the choice of tokens.
    """

    taps: tuple[Tap, ...] = ()
    neighbours: int = 10
    temperature: float = 0.05
    memory: int = 4_000
    balance: float = 0.5
    dims: int | None = None
    detail: int = 2
    mirror: bool = True
    images: int = 200
    unlabelled: int = 0
    refine: Refinement = "none"
    working_size: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("neighbours", "memory", "detail", "images", "working_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="Use at least 1")
        if self.dims is not None and self.dims < 1:
            raise UsageError(f"dims is {self.dims}", hint="Use at least 1")
        if not 0 <= self.balance <= 1:
            raise UsageError(f"balance is {self.balance}", hint="It is a share between 0 and 1")
        if not self.temperature > 0:
            raise UsageError(f"the temperature is {self.temperature}", hint="Use a positive number")
        if self.refine not in ("guided", "none"):
            raise UsageError(f"predicted parts cannot be refined by {self.refine}", hint="Use guided or none")

    @classmethod
    def for_model(cls, defaults: ModelDefaults) -> PropagateParams:
        """What serves a model best: its descriptors for parts, and those of earlier blocks, which see finer detail."""
        last = defaults.parts_tap
        layers = [layer for layer in (last.layer - 3, last.layer - 1) if layer >= 0] if last.facet == "token" else []
        return cls(taps=(*(Tap(layer, last.facet) for layer in layers), last))

    def quick(self) -> PropagateParams:
        """The same, several times as fast and a little coarser: what a preview is made with."""
        return dataclasses.replace(
            self, memory=min(self.memory, 1_200), dims=min(self.dims or 64, 64), detail=1, unlabelled=0, refine="none"
        )

    @property
    def refine_params(self) -> RefineParams:
        """How borders follow edges."""
        return RefineParams(self.refine, self.working_size, seed=self.seed)
