"""What keypoint transfer depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap

if TYPE_CHECKING:
    from counterpart.core.backbone.registry import ModelDefaults


@dataclass(frozen=True, slots=True)
class TransferParams:
    """Every step of transfer can be switched off; the defaults are what measured best on animals.

    Attributes:
        tap: Descriptors compared; None takes the first that the features have.
        mirror_templates: Templates serve flipped too, left and right keypoints changing places.
        mirror_target: The target is looked at flipped too.
        whitening: Shrinkage of the whitening by the templates' tokens towards none, in units of their mean variance;
            None switches it off.
        view_noise: Share, in what is whitened, of the covariance of how tokens differ between an image and its mirror
            image: directions in which a place does not resemble itself tell nothing. Needs mirrored templates.
        binned: Weight of similarities binned over 3 x 3 tokens against plain ones, 0 to 1.
        competition: How much of the best other keypoint's similarity is taken off each one's. Not at one template,
            where it was found to harm.
        temperature: Of the softmax that makes similarities a distribution over tokens.
        prior: Whether the templates' layouts, voting by a generalised Hough transform, form a shape prior.
        scales: Sizes of the layouts tried, as shares of 0.6 of the longer side of what is looked at.
        hypotheses: Placed layouts that form the prior, the best ones.
        locality: How near, as a share of the layout's size, other keypoints must lie to have a say in where one is: an
            ear is told by the eyes, not by a hoof. Infinity lets all speak alike.
        spread: Standard deviation of a keypoint about its place in a layout, as a share of the layout's size.
        prior_weight: Exponent of the prior.
        facing_weight: How much views of templates that the vote agrees with count for more, 0 to 1.
        rounds: Votes taken after the first, each with the views weighted by the vote before.
        tolerance: The point chosen is the one with the greatest chance of lying this close, as a share of the object's
            size; 0 takes the highest peak. It is also what "right" means for the score.
        max_layouts: Layouts that vote at most; of more templates, evenly chosen ones.
        doubtful_below: Points with a lower score are marked doubtful.
    """

    tap: Tap | None = None
    mirror_templates: bool = True
    mirror_target: bool = True
    whitening: float | None = 2.0
    view_noise: float = 0.3
    binned: float = 0.65
    competition: float = 0.35
    temperature: float = 0.04
    prior: bool = True
    scales: tuple[float, ...] = (0.5, 0.65, 0.8, 1.0, 1.25, 1.6)
    hypotheses: int = 600
    locality: float = 0.4
    spread: float = 0.1
    prior_weight: float = 1.0
    facing_weight: float = 0.5
    rounds: int = 2
    tolerance: float = 0.1
    max_layouts: int = 48
    doubtful_below: float = 0.5

    def __post_init__(self) -> None:
        shares = ("view_noise", "binned", "facing_weight", "doubtful_below")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="It lies between 0 and 1")
        for name in ("temperature", "spread", "locality"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="It is above 0")
        if self.whitening is not None and self.whitening <= 0:
            raise UsageError(f"whitening is {self.whitening}", hint="It is above 0, or none")
        if not self.scales or min(self.scales) <= 0 or self.hypotheses < 1 or self.max_layouts < 1:
            raise UsageError("the shape prior needs scales above 0, a hypothesis and a layout at least")

    @classmethod
    def for_model(cls, defaults: ModelDefaults) -> TransferParams:
        """The defaults with the model's descriptors."""
        return cls(tap=defaults.transfer_tap)

    @classmethod
    def nearest_neighbour(cls, tap: Tap | None = None) -> TransferParams:
        """Everything off: the token most similar to the mean of the templates' descriptors."""
        return cls(
            tap=tap,
            mirror_templates=False,
            mirror_target=False,
            whitening=None,
            view_noise=0.0,
            binned=0.0,
            competition=0.0,
            prior=False,
            facing_weight=0.0,
            rounds=0,
            tolerance=0.0,
        )
