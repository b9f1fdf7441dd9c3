"""Parts as values: how they are found, and what was found in each image."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.parts.codebook import Codebook
from counterpart.core.refine import Refinement, RefineParams

if TYPE_CHECKING:
    from counterpart.core.backbone.registry import ModelDefaults

Grouping = Literal["merged", "kmeans"]


@dataclass(frozen=True, slots=True)
class PartsParams:
    """How parts are found.

    Attributes:
        k: Number of parts.
        grouping: `kmeans` clusters descriptors into k parts (paper); `merged` makes a finer clustering and joins what
            is most alike until k are left, which cuts fewer large parts in two.
        stages: 2, or 3 to remove foreground first that is not common to the images.
        elbow: Of the clustering in between, with three stages.
        max_k: Most clusters tried there.
        common: Share of the images in which such a cluster must occur to stay.
        present: Share of an image's foreground that a cluster must hold to occur there.
        together: Decide background and parts at once, by the nearest centroid (paper), instead of parts inside of the
            object's outline.
        crf: Smooth parts along the photograph's edges.
        refine: How the outline of all parts together follows them.
        working_size: Longest side at which that is done, pixels.
        seed: Of everything random.
        tap: Descriptors clustered; the first of the features for None.
    """

    k: int = 4
    stages: Literal[2, 3] = 2
    elbow: float = 0.94
    max_k: int = 15
    common: float = 0.75
    present: float = 0.02
    together: bool = False
    crf: bool = True
    refine: Refinement = "guided"
    working_size: int = 500
    seed: int = 0
    tap: Tap | None = None
    grouping: Grouping = "merged"

    def __post_init__(self) -> None:
        if not 1 <= self.k <= 255:
            raise UsageError(f"{self.k} parts were asked for", hint="Use between 1 and 255")
        for name in ("elbow", "common", "present"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="It is a share between 0 and 1")

    @classmethod
    def paper(cls, k: int = 4, stages: Literal[2, 3] = 2) -> PartsParams:
        """The paper's parameters (supplement 1.1): keys of block 11, CRF."""
        return cls(k=k, stages=stages, together=True, refine="none", tap=Tap(11, "key"), grouping="kmeans")

    @classmethod
    def paper_for(cls, defaults: ModelDefaults, k: int = 4) -> PartsParams:
        """The paper's, at the layer that was published for a model."""
        return dataclasses.replace(cls.paper(k), tap=defaults.paper_tap)

    @classmethod
    def for_model(cls, defaults: ModelDefaults, k: int = 4) -> PartsParams:
        """What serves a model best, from the registry."""
        # The CRF costs seconds per image and swallows small parts; the paper's models keep it.
        paper = defaults.cosegment_method == "paper"
        return cls(k=k, tap=defaults.parts_tap, crf=paper, grouping="kmeans" if paper else "merged")

    @property
    def refine_params(self) -> RefineParams:
        """How the outline follows edges."""
        return RefineParams(self.refine, self.working_size, seed=self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class PartsImage:
    """Parts of one image.

    Attributes:
        foreground: (rows, columns) float32 probability of any part; above 0.5 is foreground.
        likeness: (rows, columns, k) float32 in (0, 1]: how like each part a token is; the likest part has 1.
    """

    foreground: NDArray[np.float32]
    likeness: NDArray[np.float32]

    @property
    def scores(self) -> NDArray[np.float32]:
        """(rows, columns, k + 1) float32: background, then the parts; the largest decides."""
        inside = self.foreground[..., None] * self.likeness
        return np.concatenate([1 - self.foreground[..., None], inside], axis=-1)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(rows, columns) uint8: 0 background, then the parts from 1."""
        if self.likeness.shape[-1] == 0:
            return np.zeros(self.foreground.shape, np.uint8)
        inside = self.foreground > 0.5
        return np.where(inside, self.likeness.argmax(axis=-1) + 1, 0).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class PartsResult:
    """Parts of a set.

    Attributes:
        images: One entry per feature map, in their order.
        codebook: The parts; None where there was no foreground at all.
        warnings: What a person should know about this result.
    """

    images: tuple[PartsImage, ...]
    codebook: Codebook | None
    warnings: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Number of parts found; can be below the number asked for."""
        return 0 if self.codebook is None else len(self.codebook.parts)
