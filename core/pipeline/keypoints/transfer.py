"""Use case: keypoints of a few annotated images, placed in all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterpart.core.backbone.registry import ModelDefaults
from counterpart.core.errors import ImageError, UsageError
from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.features.values import FeatureSpec
from counterpart.core.geometry import Size
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.project.points import Box, Skeleton, outside
from counterpart.core.transfer import Calibration, KeypointPrediction, Target, Template, TransferParams, transfer
from counterpart.core.transfer.encode import encode_views, target_views, template_views


@dataclass(frozen=True, slots=True)
class TransferJob:
    """How to transfer.

    Attributes:
        params: See `TransferParams`.
        size: Input size.
        stride: Distance of patches, input pixels.
    """

    params: TransferParams
    size: Size
    stride: int

    @classmethod
    def for_model(cls, defaults: ModelDefaults) -> TransferJob:
        """A model's own settings."""
        # Square, whatever the shape of the image or window: as many tokens along its shorter side as along the longer.
        side = defaults.points_size
        return cls(TransferParams.for_model(defaults), (side, side), defaults.points_stride)


@dataclass(frozen=True, slots=True, eq=False)
class Transferred:
    """What was found in one target.

    Attributes:
        ref: The image.
        index: Its position among the targets asked for.
        image_hw: Height and width in pixels.
        box: The instance's box that was given, or None.
        prediction: The keypoints.
        confirmed: The image is a template itself: its points are the person's, not a prediction.
    """

    ref: ImageRef
    index: int
    image_hw: tuple[int, int]
    box: Box | None
    prediction: KeypointPrediction
    confirmed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TransferRun:
    """Keypoints of a set of targets, in the order they were asked for.

    Attributes:
        skeleton: Names, edges and mirror pairs.
        found: One entry per target instance.
    """

    skeleton: Skeleton
    found: tuple[Transferred, ...]

    @property
    def doubtful(self) -> int:
        """How many points are placed but not to be trusted unseen."""
        return int(sum(item.prediction.doubtful.sum() for item in self.found if not item.confirmed))


def transfer_keypoints(
    engine: Engine,
    templates: Sequence[Annotated],
    targets: Sequence[ImageRef],
    skeleton: Skeleton,
    job: TransferJob,
    ctx: JobContext,
    boxes: Mapping[int, Sequence[Box]] | None = None,
    calibration: Calibration | None = None,
) -> TransferRun:
    """Place the templates' keypoints in other images.

    Images that cannot be used are recorded in `ctx.failures`; an unusable template is left out too.

    Args:
        engine: The model.
        templates: Annotated instances, in the skeleton's order.
        targets: The images. One that is a template keeps the person's points.
        skeleton: Names and mirror pairs.
        job: How.
        ctx: Progress and cancellation.
        boxes: Where the instances are, by position in `targets`; the whole image where there is none.
        calibration: How scores are made of cues; the built-in one by default.

    Raises:
        UsageError: No template shows a keypoint.
        ImageError: No template can be used.
        JobCancelledError: Cancelled.
    """
    if not templates:
        raise UsageError("there are no templates", hint="Annotate the keypoints of at least one image")
    spec = engine.plan.spec([job.params.tap or engine.defaults.transfer_tap], job.stride, job.size, saliency=False)
    sources = _templates(engine, templates, job, spec, ctx.stage(0.0, 0.2))
    ctx = ctx.stage(0.2, 1.0)
    own = {item.ref.path.resolve(): item for item in templates}
    wanted, confirmed = _wanted(targets, boxes or {}, own, ctx)
    kept: list[tuple[int, ImageRef, tuple[int, int], Box | None]] = []

    def views() -> Iterator[Target]:
        keys = [target_views(hw, box, job.params) for _, _, hw, box in wanted]
        refs = [ref for _, ref, _, _ in wanted]
        for number, found in encode_views(refs, keys, spec, engine.encoder, engine.cache, ctx.stage(0.0, 1.0)):
            kept.append(wanted[number])
            yield Target(found, wanted[number][3])

    predictions = transfer(
        sources, views(), skeleton, job.params, _Quiet(ctx), total=len(wanted), calibration=calibration
    )
    found = [
        Transferred(ref, index, hw, box, prediction)
        for (index, ref, hw, box), prediction in zip(kept, predictions, strict=True)
    ]
    return TransferRun(skeleton, tuple(sorted([*found, *confirmed], key=lambda item: item.index)))


class _Quiet(JobContext):
    """Warnings and cancellation of the job, without progress: the encoder reports that, image by image."""

    def __init__(self, parent: JobContext) -> None:
        super().__init__(None, parent.token)
        self.warnings, self.failures = parent.warnings, parent.failures


def _templates(
    engine: Engine, items: Sequence[Annotated], job: TransferJob, spec: FeatureSpec, ctx: JobContext
) -> list[Template]:
    keys = [template_views(item.image_hw, item.xy, item.visible, item.box, job.params) for item in items]
    refs = [item.ref for item in items]
    views = dict(encode_views(refs, keys, spec, engine.encoder, engine.cache, ctx))
    if not views:
        raise ImageError("none of the templates' images can be used", hint="See the reasons given for each")
    return [Template(views[i], items[i].xy, items[i].visible, items[i].box) for i in sorted(views)]


def _wanted(
    targets: Sequence[ImageRef],
    boxes: Mapping[int, Sequence[Box]],
    own: Mapping[Path, Annotated],
    ctx: JobContext,
) -> tuple[list[tuple[int, ImageRef, tuple[int, int], Box | None]], list[Transferred]]:
    """Target instances to predict, and those that a person has annotated already."""
    wanted: list[tuple[int, ImageRef, tuple[int, int], Box | None]] = []
    confirmed: list[Transferred] = []
    for index, ref in enumerate(targets):
        template = own.get(ref.path.resolve())
        if template is not None:
            confirmed.append(
                Transferred(ref, index, template.image_hw, template.box, _as_given(template), confirmed=True)
            )
            continue
        try:
            hw = image_size(ref.path)
            ref.check_size(hw)
        except ImageError as error:
            ctx.fail(error)
            continue
        chosen: list[Box | None] = [*boxes.get(index, ())]
        if any(box is not None and outside(box, hw) for box in chosen):
            ctx.warnings.append(f"{ref.name}: a box lies outside the image; the whole image is looked at instead")
        wanted += [(index, ref, hw, box) for box in chosen or [None]]
    return wanted, confirmed


def _as_given(item: Annotated) -> KeypointPrediction:
    count = len(item.visible)
    return KeypointPrediction(
        np.where(item.visible[:, None], item.xy, np.nan),
        np.where(item.visible, 2, 0).astype(np.uint8),
        item.visible.astype(np.float32),
        np.zeros(count, np.float32),
        np.zeros((count, 0)),
    )
