"""How far keypoint transfer can be trusted on a person's own images: each instance predicted from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.evaluate.keypoints import (
    Annotated,
    EncodeViews,
    Outcomes,
    auroc,
    calibration_error,
    outcome_of,
    pck,
)
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer.bank import PreparedTemplate, Template, TemplateBank
from counterpart.core.transfer.calibration import MIN_OUTCOMES, Calibration
from counterpart.core.transfer.encode import target_views, template_views
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.prediction import Target
from counterpart.core.transfer.skeleton import mirror_order

MAX_TEMPLATES = 24
"""Templates that predict an instance at most; of more, evenly chosen ones: more hardly change a figure."""
_POOL = 96
"""Instances that serve as templates at most: what is kept of one is 2 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class KeypointQuality:
    """Outcome of leave-one-out: per keypoint, in the skeleton's order, and overall.

    Attributes:
        names: (K,) of the keypoints.
        count: (K,) int64 points that count: shown by the instance and by any of its templates.
        pck: (K,) float64 share of them placed within 0.1 of the longer side of the instance's box; NaN without any.
        pck_tight: (K,) float64 the same within 0.05.
        baseline: (K,) float64 share (at 0.1) when places are copied from the templates' boxes into the instance's: what
            is below it was not found by looking.
        score: (K,) float64 mean score given, the chance of being right that transfer believed in.
        instances: Instances predicted.
        outcomes: One entry per point that counts; `target` is the position among the instances given.
    """

    names: tuple[str, ...]
    count: NDArray[np.int64]
    pck: NDArray[np.float64]
    pck_tight: NDArray[np.float64]
    baseline: NDArray[np.float64]
    score: NDArray[np.float64]
    instances: int
    outcomes: Outcomes

    @classmethod
    def of(cls, names: Sequence[str], outcomes: Outcomes, instances: int) -> KeypointQuality:
        """Sum outcomes up."""
        which = [outcomes.keypoint == k for k in range(len(names))]
        return cls(
            tuple(names),
            np.array([int(inside.sum()) for inside in which], dtype=np.int64),
            np.array([pck(outcomes.error[inside], 0.1) for inside in which]),
            np.array([pck(outcomes.error[inside], 0.05) for inside in which]),
            np.array([pck(outcomes.baseline[inside], 0.1) for inside in which]),
            np.array([outcomes.score[inside].mean() if inside.any() else np.nan for inside in which]),
            instances,
            outcomes,
        )

    @property
    def overall(self) -> float:
        """PCK@0.1 over all points; NaN without any."""
        return pck(self.outcomes.error, 0.1)

    @property
    def overall_tight(self) -> float:
        """PCK@0.05 over all points."""
        return pck(self.outcomes.error, 0.05)

    @property
    def overall_baseline(self) -> float:
        """PCK@0.1 of copying places from the templates' boxes, over all points."""
        return pck(self.outcomes.baseline, 0.1)

    @property
    def auroc(self) -> float:
        """How well the score tells right from wrong: 0.5 not at all, 1 always; NaN where all are one of the two."""
        return auroc(self.outcomes.score, self.outcomes.error <= 0.1)

    @property
    def calibration_error(self) -> float:
        """Expected distance between the score and the share that is right."""
        return calibration_error(self.outcomes.score, self.outcomes.error <= 0.1)

    def calibration(self) -> Calibration | None:
        """A calibration of the score to these images, or None where they are too few to be better than the built-in."""
        if len(self.outcomes.error) < MIN_OUTCOMES:
            return None
        return Calibration.refit([self.outcomes.cues], [self.outcomes.error <= 0.1])

    def as_dict(self) -> dict[str, object]:
        """Plain values, shares in [0, 1]; None where there is nothing to say."""

        def plain(value: float) -> float | None:
            return None if np.isnan(value) else round(float(value), 4)

        return {
            "instances": self.instances,
            "points": int(self.count.sum()),
            "pck@0.1": plain(self.overall),
            "pck@0.05": plain(self.overall_tight),
            "baseline@0.1": plain(self.overall_baseline),
            "auroc": plain(self.auroc),
            "calibration_error": plain(self.calibration_error),
            "keypoints": [
                {
                    "name": name,
                    "points": int(self.count[k]),
                    "pck@0.1": plain(self.pck[k]),
                    "pck@0.05": plain(self.pck_tight[k]),
                    "baseline@0.1": plain(self.baseline[k]),
                    "score": plain(self.score[k]),
                }
                for k, name in enumerate(self.names)
            ],
        }


def leave_one_out(
    items: Sequence[Annotated],
    skeleton: Skeleton,
    params: TransferParams,
    encode: Callable[[JobContext], EncodeViews],
    ctx: JobContext,
    *,
    boxes: bool = False,
    calibration: Calibration | None = None,
) -> KeypointQuality:
    """Predict every instance from the others, leaving out those on the same image.

    Args:
        items: Confirmed instances, in the skeleton's order. One whose image cannot be used is left out.
        skeleton: Names and mirror pairs.
        params: As for transfer.
        encode: Gives features of views, with the progress and the failures of the context it is called with.
        ctx: Progress and cancellation.
        boxes: Whether the instance's box is given, as it is where boxes were drawn before.
        calibration: How scores are made; the built-in one by default.

    Raises:
        UsageError: There are no two images with points to compare.
        JobCancelledError: Cancelled.
    """
    usable = [number for number, item in enumerate(items) if item.visible.any()]
    order = mirror_order(skeleton)
    pool = [usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, min(len(usable), _POOL)).astype(np.int64))]
    ready: dict[int, PreparedTemplate] = {}
    keys = [template_views(it.image_hw, it.xy, it.visible, it.box, params) for it in (items[i] for i in pool)]
    for index, views in encode(ctx.stage(0.0, 0.4))([items[i].ref for i in pool], keys):
        item = items[pool[index]]
        ready[pool[index]] = PreparedTemplate.of(Template(views, item.xy, item.visible, item.box), order, params)
    if len({items[i].ref.path for i in ready}) < 2:
        raise UsageError(
            "there are no two images with confirmed keypoints to compare", hint="Confirm the points of another image"
        )
    lost = set(pool) - set(ready)  # recorded once is enough
    usable = [number for number in usable if number not in lost]
    parts = []
    aims = [target_views(items[i].image_hw, items[i].box if boxes else None, params) for i in usable]
    for index, views in encode(ctx.stage(0.4, 1.0))([items[i].ref for i in usable], aims):
        ctx.check()
        target = usable[index]
        chosen = _templates_of(target, items, list(ready))
        bank = TemplateBank([ready[i] for i in chosen], order, params)
        aim = Target(views, items[target].box if boxes else None)
        parts.append(outcome_of(items, target, chosen, bank, aim, params, calibration))
    if not parts:
        raise UsageError("none of the images can be used", hint="See the reasons given for each")
    ctx.step(1, 1, "Keypoints are measured")
    return KeypointQuality.of(skeleton.names, Outcomes.join(parts), len(parts))


def _templates_of(target: int, items: Sequence[Annotated], ready: Sequence[int]) -> list[int]:
    """At least one, as there are two images."""
    others = [i for i in ready if items[i].ref.path != items[target].ref.path]
    # Another start for each target, or the same few would speak for all.
    start = target % len(others)
    turned = others[start:] + others[:start]
    spaced = np.linspace(0, len(others) - 1, min(len(others), MAX_TEMPLATES)).astype(np.int64)
    return [turned[i] for i in np.unique(spaced)]
