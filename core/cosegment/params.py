"""How the object that images share is found: the settings of co-segmentation, as measured and as published."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from counterpart.core.errors import UsageError
from counterpart.core.features.saliency import SaliencyMethod, SaliencyParams
from counterpart.core.features.taps import Tap
from counterpart.core.refine import Refinement, RefineParams

if TYPE_CHECKING:
    from counterpart.core.backbone.registry import ModelDefaults

CosegmentMethod = Literal["seeded", "paper", "baseline"]


@dataclass(frozen=True, slots=True)
class CosegmentParams:
    """How the shared object is found. `for_model` gives what serves a model best, `paper` the paper's own settings.

    Attributes:
        method: See `core.cosegment.cosegmentation`.
        threshold: A cluster is salient in an image where its mean saliency exceeds this.
        votes: Share of images in which a cluster must be salient to be foreground.
        present: Share of an image's tokens that a cluster must hold to occur there and be counted. 0 lets every image
            vote, and one without the cluster votes against it (paper).
        clusters: Number of clusters; None lets the elbow rule choose. `seeded` averages votes of several around it.
        elbow: Another cluster must bring the mean squared distance below this share of the last.
        max_k: Most clusters that the elbow rule tries.
        sample_every: Train on every n-th descriptor; None takes an even sample of bounded size.
        outlier_cosine: Images whose class descriptor is less similar than this to the set's mean show something else:
            they get an empty mask. None keeps all.
        refine: How masks follow the photograph's edges.
        working_size: Longest side at which they are refined, pixels.
        seed: Of everything random.
        saliency: How saliency is measured.
        heads: Attention heads averaged for it; None for all.
        saliency_tap: Descriptors compared with the border's for it; the first of the features for None.
        tap: Descriptors clustered; the first of the features for None.
    """

    method: CosegmentMethod = "seeded"
    threshold: float = 0.25
    votes: float = 0.5
    present: float = 0.02
    clusters: int | None = 20
    elbow: float = 0.975
    max_k: int = 15
    sample_every: int | None = None
    outlier_cosine: float | None = None
    refine: Refinement = "guided"
    working_size: int = 500
    seed: int = 0
    saliency: SaliencyMethod = "mean"
    heads: tuple[int, ...] | None = None
    saliency_tap: Tap | None = None
    tap: Tap | None = None

    def __post_init__(self) -> None:
        for name in ("votes", "present", "elbow"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="It is a share between 0 and 1")
        for name, least in (("clusters", 2), ("max_k", 1), ("sample_every", 1), ("working_size", 16)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}", hint=f"Use at least {least}")

    @classmethod
    def paper(cls, heads: tuple[int, ...] | None = None) -> CosegmentParams:
        """The paper's (supplement 1.1): keys of block 11, class attention, every 100th descriptor, GrabCut."""
        return cls(
            method="paper",
            threshold=0.065,
            votes=0.75,
            present=0.0,
            clusters=None,
            sample_every=100,
            outlier_cosine=None,
            refine="grabcut",
            saliency="cls",
            heads=heads,
            saliency_tap=Tap(11, "key"),
            tap=Tap(11, "key"),
        )

    @classmethod
    def baseline(cls, threshold: float = 0.04, heads: tuple[int, ...] | None = None) -> CosegmentParams:
        """The paper's saliency baseline (supplement 1.2): class attention above a threshold, image by image."""
        return dataclasses.replace(cls.paper(heads), method="baseline", threshold=threshold)

    @classmethod
    def paper_for(cls, defaults: ModelDefaults) -> CosegmentParams:
        """The paper's algorithm with its settings for a model: in the supervised ViT, keys of block 9 above 0.01.

        Models without a class token, which the paper compares by their features alone, are seeded by the border.
        """
        return dataclasses.replace(
            cls.paper(defaults.saliency_heads),
            threshold=defaults.paper_threshold,
            saliency="background" if defaults.saliency_layer is None else "cls",
            saliency_tap=defaults.paper_tap,
            tap=defaults.paper_tap,
        )

    @classmethod
    def baseline_for(cls, defaults: ModelDefaults) -> CosegmentParams:
        """The saliency baseline with the model's threshold: 0.04 for DINO, 0.01 for the supervised ViT."""
        return dataclasses.replace(cls.paper_for(defaults), method="baseline", threshold=defaults.baseline_threshold)

    @classmethod
    def for_model(cls, defaults: ModelDefaults) -> CosegmentParams:
        """What serves a model best, from the registry."""
        paper = defaults.cosegment_method == "paper"
        return dataclasses.replace(
            cls.paper() if paper else cls(),
            threshold=defaults.saliency_threshold,
            saliency=defaults.saliency_method,
            heads=defaults.saliency_heads,
            saliency_tap=defaults.saliency_tap,
            tap=defaults.cosegment_tap,
        )

    @classmethod
    def for_method(cls, defaults: ModelDefaults, method: str) -> CosegmentParams:
        """A method by its name, with what was published or measured for a model; its own choice for any other name."""
        own = cls.for_model(defaults)
        if method == "seeded":
            return dataclasses.replace(cls(), heads=own.heads, saliency_tap=own.saliency_tap, tap=own.tap)
        if method == "paper":
            return cls.paper_for(defaults)
        return cls.baseline_for(defaults) if method == "baseline" else own

    @property
    def saliency_params(self) -> SaliencyParams:
        """How saliency is measured."""
        return SaliencyParams(self.saliency, self.heads, self.saliency_tap)

    @property
    def refine_params(self) -> RefineParams:
        """How masks follow edges."""
        return RefineParams(self.refine, self.working_size, seed=self.seed)
