"""Use cases on the keypoints of a project: transfer to its other images, doubt about what is there, self-evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, UsageError
from counterpart.core.evaluate.keypoint_quality import KeypointQuality
from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine, failed_images
from counterpart.core.pipeline.evaluate.keypoints import evaluate_keypoints_loo
from counterpart.core.pipeline.keypoints.transfer import TransferJob, Transferred, transfer_keypoints
from counterpart.core.project.points import Box, KeypointSet, Origin, Skeleton
from counterpart.core.project.view import ProjectView
from counterpart.core.transfer.bank import Template
from counterpart.core.transfer.checking import check_points
from counterpart.core.transfer.encode import encode_views, template_views
from counterpart.core.transfer.skeleton import mirror_order

MIN_TEMPLATE_POINTS = 2
"""Points that an instance has at least to serve as a template unasked."""
_MARGIN = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """An instance of a project.

    Attributes:
        image: Id of its image.
        ref: The image's file.
        points: Its points.
    """

    image: int
    ref: ImageRef
    points: KeypointSet


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The instances of a skeleton as they were when a job was made; a job never sees the project itself."""

    skeleton: Skeleton
    instances: tuple[Placed, ...]

    @property
    def templates(self) -> tuple[Placed, ...]:
        """Those that others are found by."""
        return tuple(each for each in self.instances if serves(each.points))


def snapshot(view: ProjectView, skeleton: Skeleton) -> Snapshot:
    """All instances of a skeleton, in the order of the images."""
    having = set(view.images_with_keypoints(skeleton.id))
    found = [
        Placed(image, view.image_ref(image), points)
        for image in view.image_ids
        if image in having
        for points in view.keypoints(image)
        if points.skeleton == skeleton.id
    ]
    return Snapshot(skeleton, tuple(found))


def serves(points: KeypointSet) -> bool:
    """Whether an instance serves as a template: it is marked as one, or a person stands for half its points and all.

    One that is being clicked through does not: what is missing of it is missing because nobody came to it yet.
    """
    own = points.present & (points.origin != Origin.TRANSFERRED)
    if points.template:
        return bool(own.any())
    guessed = points.present & (points.origin == Origin.TRANSFERRED)
    enough = max(MIN_TEMPLATE_POINTS, (len(points) + 1) // 2)
    return bool(not guessed.any() and int(own.sum()) >= enough)


def _annotated(placed: Iterable[Placed], ctx: JobContext) -> list[tuple[Placed, Annotated]]:
    """As transfer takes them; an instance whose image cannot be read is recorded and left out."""
    found = []
    for each in placed:
        points = each.points
        own = points.present & (points.origin != Origin.TRANSFERRED)
        if not own.any():
            continue
        try:
            hw = image_size(each.ref.path)
            each.ref.check_size(hw)
        except ImageError as error:
            ctx.fail(error)
            continue
        box = points.box or _span(points.xy[own], 0.0)
        found.append((each, Annotated(each.ref, hw, points.xy, own, box)))
    return found


def annotated_of(placed: Iterable[Placed], ctx: JobContext) -> list[Annotated]:
    """Instances as transfer and landmarks take them: what a person stands for in each, and where it lies."""
    return [item for _, item in _annotated(placed, ctx)]


def _span(xy: NDArray[np.float64], margin: float) -> Box:
    low, high = xy.min(axis=0) - 0.5, xy.max(axis=0) + 0.5
    more = margin * float((high - low).max())
    low, size = low - more, high - low + 2 * more
    return (float(low[0]), float(low[1]), float(size[0]), float(size[1]))


# Transfer -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PointTransfer:
    """What transfer gave.

    Attributes:
        results: New points by image, for `PredictKeypoints`; 0 as instance where there was none.
        swaps: By image, one list for each result: pairs of keypoints that may have changed sides.
        templates: How many instances were the templates.
        failed: Why an image could not be used, by id.
    """

    results: Mapping[int, Sequence[KeypointSet]]
    swaps: Mapping[int, Sequence[Sequence[tuple[int, int]]]]
    templates: int
    failed: Mapping[int, str] = field(default_factory=dict)


def transfer_in_project(
    engine: Engine, points: Snapshot, targets: Mapping[int, ImageRef], job: TransferJob, ctx: JobContext
) -> PointTransfer:
    """Place the keypoints of a project's templates in some of its images.

    Images with a template are left alone. Of other instances, all points are predicted; what a person has placed is
    kept when the result is taken over.

    Args:
        engine: The model.
        points: The project's instances.
        targets: The images, by id.
        job: How.
        ctx: Progress and cancellation.

    Raises:
        UsageError: There is no template, or no image to transfer to.
        ImageError: No template can be used.
        JobCancelledError: Cancelled.
    """
    templates = annotated_of(points.templates, ctx)
    if not templates:
        raise UsageError("there is no template", hint="Place the keypoints of an image and mark it as a template")
    wanted = without_template(points, targets)
    ids = list(wanted)
    there: dict[int, list[KeypointSet]] = {}
    for each in points.instances:
        if each.image in wanted:
            there.setdefault(each.image, []).append(each.points)
    boxes: dict[int, list[Box]] = {}
    numbers: dict[int, list[int]] = {}
    for position, image in enumerate(ids):
        numbers[position], found = _instances_of(there.get(image, []))
        if found:
            boxes[position] = found
    run = transfer_keypoints(engine, templates, list(wanted.values()), points.skeleton, job, ctx, boxes=boxes)
    results: dict[int, list[KeypointSet]] = {}
    swaps: dict[int, list[list[tuple[int, int]]]] = {}
    for item in run.found:
        image = ids[item.index]
        number = numbers[item.index][len(results.get(image, []))]
        results.setdefault(image, []).append(_points(item, points.skeleton, number))
        swaps.setdefault(image, []).append(_swapped(item, points.skeleton))
    failed = failed_images(targets, ctx)
    return PointTransfer(results, swaps, len(templates), failed)


def without_template(points: Snapshot, targets: Mapping[int, ImageRef]) -> dict[int, ImageRef]:
    """The images that have no template: those to be predicted.

    Raises:
        UsageError: There is none.
    """
    taken = {each.image for each in points.templates}
    wanted = {image: ref for image, ref in targets.items() if image not in taken}
    if not wanted:
        raise UsageError("every chosen image has its keypoints already", hint="Choose others")
    return wanted


def _instances_of(there: Sequence[KeypointSet]) -> tuple[list[int], list[Box]]:
    """Ids of the instances to be predicted on an image, and where to look for each; no box for a single one without."""
    if not there:
        return [0], []
    if len(there) == 1:
        return [there[0].instance], [there[0].box] if there[0].box is not None else []
    kept = [each for each in there if each.box is not None or each.present.any()]
    places = [each.box or _span(each.xy[each.present], _MARGIN) for each in kept]
    return ([each.instance for each in kept], places) if kept else ([0], [])


def _points(item: Transferred, skeleton: Skeleton, instance: int) -> KeypointSet:
    found = item.prediction
    return KeypointSet.make(
        found.xy,
        found.visibility,
        found.score,
        Origin.TRANSFERRED,
        box=item.box,
        skeleton=skeleton.id,
        instance=instance,
    )


def _swapped(item: Transferred, skeleton: Skeleton) -> list[tuple[int, int]]:
    found, order = item.prediction, mirror_order(skeleton)
    return [
        (index, int(twin))
        for index, twin in enumerate(order)
        if index < twin and found.visibility[index] and found.visibility[twin] and found.swap[index] > 0.5
    ]


# Doubt --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckedPoint:
    """What a check says of a point that a person stands for.

    Attributes:
        image, instance, index: Which point.
        xy: Where it was when it was checked.
        doubt: log(1 + r), r being how many times the usual odds those of a mistake are here; near 0 where it stands
            well.
        suggestion: The best place, image pixels.
        swapped: Whether it and its twin would fit better exchanged.
        twin: The keypoint of the other side, -1 where there is none.
    """

    image: int
    instance: int
    index: int
    xy: tuple[float, float]
    doubt: float
    suggestion: tuple[float, float]
    swapped: bool
    twin: int = -1


def check_annotated(
    engine: Engine, items: Sequence[Annotated], skeleton: Skeleton, job: TransferJob, ctx: JobContext
) -> list[CheckedPoint]:
    """Compare every point with what the other instances would have put there.

    Images that cannot be used are recorded in `ctx.failures` and left out.

    Returns:
        The points, the most doubtful first; `image` and `instance` are the position among the items.

    Raises:
        UsageError: There are no two instances to compare.
        JobCancelledError: Cancelled.
    """
    refs = [item.ref for item in items]
    keys = [template_views(item.image_hw, item.xy, item.visible, item.box, job.params) for item in items]
    spec = engine.plan.spec([job.params.tap or engine.defaults.transfer_tap], job.stride, job.size, saliency=False)
    views = dict(encode_views(refs, keys, spec, engine.encoder, engine.cache, ctx.stage(0.0, 0.6)))
    usable = sorted(views)
    if len(usable) < 2:
        raise UsageError("there are no two images to compare", hint="Place or confirm the points of another image")
    chosen = [Template(views[i], items[i].xy, items[i].visible, items[i].box) for i in usable]
    checks = check_points(chosen, skeleton, job.params, ctx.stage(0.6, 1.0))
    order = mirror_order(skeleton)
    found = []
    for row, index in checks.queue():
        number = usable[row]
        x, y = items[number].xy[index]
        to_x, to_y = checks.suggestion[row, index]
        found.append(
            CheckedPoint(
                number,
                number,
                index,
                (float(x), float(y)),
                float(checks.doubt[row, index]),
                (float(to_x), float(to_y)),
                bool(checks.swapped[row, index]),
                int(order[index]) if order[index] != index else -1,
            )
        )
    return found


def check_project(engine: Engine, points: Snapshot, job: TransferJob, ctx: JobContext) -> list[CheckedPoint]:
    """`check_annotated` for the points of a project that a person placed or confirmed.

    Raises:
        UsageError: There are no two instances to compare.
        JobCancelledError: Cancelled.
    """
    items = _annotated(points.instances, ctx)
    found = check_annotated(engine, [item for _, item in items], points.skeleton, job, ctx)
    placed = [each for each, _ in items]
    return [
        dataclasses.replace(each, image=placed[each.instance].image, instance=placed[each.instance].points.instance)
        for each in found
    ]


# Self-evaluation ----------------------------------------------------------------------------------------------------


def evaluate_project(engine: Engine, points: Snapshot, job: TransferJob, ctx: JobContext) -> KeypointQuality:
    """How far transfer can be trusted on these images: every confirmed instance is predicted from the others.

    Raises:
        UsageError: There are no two images with confirmed points.
        JobCancelledError: Cancelled.
    """
    items = [item for _, item in _annotated(points.templates, ctx)]
    return evaluate_keypoints_loo(engine, items, points.skeleton, job, ctx)
