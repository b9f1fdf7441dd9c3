"""Use case: what a person annotated on some frames of a project, carried to the other frames of the same project.

`plan_sequence` reads the document, `propagate_sequence` computes from the plan alone (on a worker), and
`sequence_command` makes the one step that puts the result into the document.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.features.values import FeatureMap
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.video.project_frames import LabelAnchors, ProjectFrames
from counterpart.core.pipeline.video.track_masks import TrackJob
from counterpart.core.project.commands import PredictKeypoints, ReplaceMasks, TakeTrack
from counterpart.core.project.model import KeypointSet, Origin, Provenance
from counterpart.core.project.sequence import FrameState, frame_state
from counterpart.core.project.tiles import PackedLabels, pack_labels
from counterpart.core.project.view import ProjectView
from counterpart.core.track import Encode, default_tap, governed, track, track_points

__all__ = [
    "Direction",
    "SequencePlan",
    "SequenceResult",
    "plan_sequence",
    "propagate_sequence",
    "sequence_command",
    "span_from",
]

Direction = Literal["forward", "backward", "both"]
Slot = tuple[int, int]
"""A skeleton, and which of its instances on a frame, counted from 0."""

_PASSING_BYTES = 64_000_000
"""Features of frames that are held at a time; the rest is on disk, for the next propagation."""
_SURE = 0.5
"""A point with a smaller score is marked as doubtful, as transferred points are."""


@dataclass(frozen=True, slots=True, eq=False)
class SequencePlan:
    """What a propagation works from. Frames are counted from 0 in the order of the project's images.

    Attributes:
        images: Image ids in order.
        refs: Their files.
        hw: Height and width of the frames.
        start, stop: Frames asked for, half open.
        masks: Label maps of annotated frames.
        points: Annotated instances by frame, each with its slot.
        targets: Frames of the span that may receive something.
        instances: Existing instances of those frames, by slot, for points to be put into.
        revision: Of the document.
    """

    images: tuple[int, ...]
    refs: tuple[ImageRef, ...]
    hw: tuple[int, int]
    start: int
    stop: int
    masks: Mapping[int, PackedLabels]
    points: Mapping[int, Mapping[Slot, KeypointSet]]
    targets: frozenset[int]
    instances: Mapping[int, Mapping[Slot, int]]
    revision: int

    @property
    def annotated(self) -> list[int]:
        """Frames that labels or points come from."""
        return sorted({*self.masks, *self.points})


@dataclass(slots=True, eq=False)
class SequenceResult:
    """What arrived.

    Attributes:
        masks: Label maps by frame.
        points: Instances by frame.
        doubts: By frame, in [0, 1].
        complete: Whether every frame asked for was gone through; false after a cancellation.
        provenance: Where it comes from.
    """

    provenance: Provenance
    masks: dict[int, PackedLabels] = field(default_factory=dict)
    points: dict[int, list[KeypointSet]] = field(default_factory=dict)
    doubts: dict[int, float] = field(default_factory=dict)
    complete: bool = False

    @property
    def frames(self) -> list[int]:
        """Frames that received something."""
        return sorted({*self.masks, *self.points})


# Planning --------------------------------------------------


def span_from(view: ProjectView, images: Seq[int], frame: int, direction: Direction) -> range:
    """The frames that an annotated frame speaks for: up to its annotated neighbours, in one direction or both.

    Args:
        view: The project.
        images: The video's frames in order.
        frame: Which of them.
        direction: Where to.

    Raises:
        UsageError: The frame is not annotated.
    """
    annotated = [index for index, image in enumerate(images) if frame_state(view.image(image)) is FrameState.ANNOTATED]
    if frame not in annotated:
        raise UsageError(
            "there is nothing on this frame that you drew or confirmed",
            hint="Paint a part or place keypoints, or accept what is there, then propagate from it",
        )
    span = governed(annotated, frame, len(images))
    return range(frame if direction == "forward" else span.start, frame + 1 if direction == "backward" else span.stop)


def plan_sequence(view: ProjectView, images: Seq[int], revision: int, span: range | None = None) -> SequencePlan:
    """Read from a project what a propagation needs.

    Args:
        view: The project.
        images: The video's frames in order.
        revision: The project's revision.
        span: Frames wanted; all by default.

    Raises:
        UsageError: Nothing is annotated, annotated frames differ in size, or there is no frame to propagate to.
    """
    masks = _mask_anchors(view, images)
    points = _point_anchors(view, images)
    if not masks and not points:
        raise UsageError(
            "no frame is annotated yet", hint="Paint a part or place keypoints on one frame, then propagate"
        )
    span = range(len(images)) if span is None else span
    kept = {*masks, *points} if not (masks and points) else set(masks) & set(points)
    targets = frozenset(
        index for index in span if index not in kept and view.image(images[index]).state not in ("reviewed", "skipped")
    )
    if not targets:
        raise UsageError("every frame here is annotated, reviewed or skipped", hint="There is nothing to propagate to")
    instances = {index: _instances(view, images[index]) for index in targets} if points else {}
    return SequencePlan(
        tuple(images),
        tuple(view.image_ref(image) for image in images),
        _size(view, images, masks, points),
        span.start,
        span.stop,
        masks,
        points,
        targets,
        {index: found for index, found in instances.items() if found},
        revision,
    )


def _mask_anchors(view: ProjectView, images: Seq[int]) -> dict[int, PackedLabels]:
    """Label maps that a person made or confirmed; a reviewed frame without labels says that nothing is there."""
    found: dict[int, PackedLabels] = {}
    empty = []
    for index, image in enumerate(images):
        record = view.image(image)
        if frame_state(record) is not FrameState.ANNOTATED:
            continue
        owned = any(state != "predicted" for state, _ in view.part_states(image).values())
        packed = view.packed_labels(image) if owned or record.state == "reviewed" else None
        if packed is not None:
            found[index] = packed
        elif record.state == "reviewed":
            empty.append(index)
    sizes = {packed.hw for packed in found.values()}
    if any(packed.areas for packed in found.values()) and len(sizes) == 1:
        nothing = pack_labels(np.zeros(next(iter(sizes)), np.uint8))
        found.update(dict.fromkeys(empty, nothing))
    return found if any(packed.areas for packed in found.values()) else {}


def _point_anchors(view: ProjectView, images: Seq[int]) -> dict[int, dict[Slot, KeypointSet]]:
    found: dict[int, dict[Slot, KeypointSet]] = {}
    for index, image in enumerate(images):
        if frame_state(view.image(image)) is not FrameState.ANNOTATED:
            continue
        slots = _slotted(view.keypoints(image))
        if any(((each.origin != Origin.TRANSFERRED) & each.present).any() for each in slots.values()):
            found[index] = slots
    return found


def _slotted(instances: Seq[KeypointSet]) -> dict[Slot, KeypointSet]:
    counts: Counter[int] = Counter()
    slots = {}
    for each in instances:
        slots[each.skeleton, counts[each.skeleton]] = each
        counts[each.skeleton] += 1
    return slots


def _instances(view: ProjectView, image: int) -> dict[Slot, int]:
    return {slot: each.instance for slot, each in _slotted(view.keypoints(image)).items()}


def _size(
    view: ProjectView, images: Seq[int], masks: Mapping[int, PackedLabels], points: Mapping[int, object]
) -> tuple[int, int]:
    """Height and width of the annotated frames, which must be one."""
    sizes = {index: packed.hw for index, packed in masks.items()}
    for index in points:
        record = view.image(images[index])
        sizes.setdefault(index, record.hw if min(record.hw) > 0 else image_size(view.image_path(record.id)))
    first, hw = min(sizes.items())
    for index, other in sorted(sizes.items()):
        if other != hw:
            names = view.image(images[first]).name, view.image(images[index]).name
            raise UsageError(
                f"{names[0]} is {hw[1]} x {hw[0]} pixels, {names[1]} {other[1]} x {other[0]}",
                hint="Frames of one video have one size; take the others out of the project",
            )
    return hw


# Computing --------------------------------------------------


def propagate_sequence(
    engine: Engine,
    plan: SequencePlan,
    job: TrackJob,
    ctx: JobContext,
    done: Callable[[int, float], None] | None = None,
) -> SequenceResult:
    """Carry masks and points of the annotated frames to the plan's targets.

    Cancelled, it gives what is finished, if anything is. Features come from the engine's cache where they are there:
    propagating again from a corrected frame encodes nothing anew.

    Args:
        engine: The model.
        plan: See `plan_sequence`.
        job: How.
        ctx: Progress and cancellation; frames that cannot be used are in `ctx.failures`.
        done: Told each frame that is finished, with its doubt.

    Raises:
        UsageError: An annotated frame cannot be read.
        JobCancelledError: Cancelled before any frame was finished.
    """
    params = {**dataclasses.asdict(job), "annotated": [plan.refs[index].name for index in plan.annotated]}
    provenance = Provenance("track", json.dumps(params, default=str), engine.info.name, engine.plan.weights_sha256)
    result = SequenceResult(provenance)
    frames = ProjectFrames(plan.refs, plan.hw)
    encode = _cached_encoder(engine, job, frames, ctx)
    share = 0.75 if plan.masks and plan.points else 1.0 if plan.masks else 0.0

    def note(index: int, doubt: float) -> None:
        result.doubts[index] = max(doubt, result.doubts.get(index, 0.0))
        if done is not None:
            done(index, result.doubts[index])

    try:
        if plan.masks:
            _carry_masks(plan, frames, job, encode, ctx.stage(0.0, share), result, note)
        if plan.points:
            _carry_points(plan, frames, job, encode, ctx.stage(share, 1.0), result, note)
        result.complete = True
    except JobCancelledError:
        if not result.frames:
            raise
    return result


def _cached_encoder(engine: Engine, job: TrackJob, frames: ProjectFrames, ctx: JobContext) -> Encode:
    taps = [job.params.tap or default_tap(engine.info)]
    cache = engine.cache.beside(_PASSING_BYTES)

    def encode(rgb: NDArray[np.uint8]) -> FeatureMap:
        quiet = JobContext(None, ctx.token)
        ref = frames.ref_of(rgb)
        if ref is None:
            return engine.arrays([rgb], taps, job.size, job.stride, quiet, saliency=False)[0]
        return engine.features([ref], taps, job.size, job.stride, quiet, saliency=False, cache=cache)[0]

    return encode


def _carry_masks(
    plan: SequencePlan,
    frames: ProjectFrames,
    job: TrackJob,
    encode: Encode,
    ctx: JobContext,
    result: SequenceResult,
    note: Callable[[int, float], None],
) -> None:
    for tracked in track(frames, LabelAnchors(plan.masks), job.params, encode, ctx, start=plan.start, stop=plan.stop):
        if tracked.frame in plan.targets and tracked.frame not in plan.masks:
            result.masks[tracked.frame] = pack_labels(tracked.labels)
            note(tracked.frame, 1 - float(tracked.confidence))


def _carry_points(
    plan: SequencePlan,
    frames: ProjectFrames,
    job: TrackJob,
    encode: Encode,
    ctx: JobContext,
    result: SequenceResult,
    note: Callable[[int, float], None],
) -> None:
    slots = {slot: len(each) for found in plan.points.values() for slot, each in found.items()}
    given = {index: _joined(found, slots) for index, found in plan.points.items()}
    for tracked in track_points(frames, given, job.params, encode, ctx, start=plan.start, stop=plan.stop):
        if tracked.frame not in plan.targets or tracked.frame in plan.points:
            continue
        existing = plan.instances.get(tracked.frame, {})
        found, scores, begin = [], [], 0
        for slot, count in slots.items():
            xy, score = tracked.xy[begin : begin + count], tracked.score[begin : begin + count]
            begin += count
            there = np.isfinite(xy[:, 0])
            if not there.any() and slot not in existing:
                continue
            visibility = np.where(there, np.where(score < _SURE, 1, 2), 0).astype(np.uint8)
            scores += score[there].tolist()
            found.append(
                KeypointSet.make(
                    xy, visibility, score, Origin.TRANSFERRED, skeleton=slot[0], instance=existing.get(slot, 0)
                )
            )
        if found:
            result.points[tracked.frame] = found
            note(tracked.frame, 1 - float(np.mean(scores)) if scores else 1.0)


def _joined(
    found: Mapping[Slot, KeypointSet], slots: Mapping[Slot, int]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """The points of all slots one after the other; those of a slot that is not on this frame are absent."""
    xy, visibility = [], []
    for slot, count in slots.items():
        each = found.get(slot)
        xy.append(np.full((count, 2), np.nan) if each is None else each.xy)
        visibility.append(np.zeros(count, np.uint8) if each is None else each.visibility)
    return np.concatenate(xy), np.concatenate(visibility)


# Taking over --------------------------------------------------


def sequence_command(plan: SequencePlan, result: SequenceResult, title: str = "Propagate") -> TakeTrack:
    """The one step that puts a result into the document. What a person made since the plan stays."""
    doubts = {plan.images[index]: doubt for index, doubt in result.doubts.items()}
    masks = {plan.images[index]: packed for index, packed in result.masks.items()}
    points = {plan.images[index]: found for index, found in result.points.items()}
    return TakeTrack(
        ReplaceMasks(masks, None, plan.revision, result.provenance, doubts, title=title) if masks else None,
        PredictKeypoints(points, plan.revision, result.provenance) if points else None,
        doubts,
        title,
    )
