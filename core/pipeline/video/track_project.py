"""Use case: what a person annotated on some frames of a project, carried to the other frames of the same project.

`plan_track` reads the document, `track_project` computes from the plan alone (on a worker), and `track_command` makes
the one step that puts the result into the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import JobCancelledError
from counterpart.core.features.values import FeatureMap
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine, plain
from counterpart.core.pipeline.video.project_frames import LabelAnchors, ProjectFrames
from counterpart.core.pipeline.video.track_job import TrackJob
from counterpart.core.pipeline.video.track_plan import Slot, TrackPlan
from counterpart.core.project.commands import PredictKeypoints, ReplaceMasks, TakeTrack
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, Origin
from counterpart.core.project.tiles import PackedLabels, pack_labels
from counterpart.core.track import Encode, MaskTracker, PointTracker, default_tap

_PASSING_BYTES = 64_000_000
"""Features of frames that are held at a time; the rest is on disk, for the next run."""
_SURE = 0.5
"""A point with a smaller score is marked as doubtful, as transferred points are."""


@dataclass(slots=True, eq=False)
class TrackResult:
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


def track_project(
    engine: Engine,
    plan: TrackPlan,
    job: TrackJob,
    ctx: JobContext,
    done: Callable[[int, float], None] | None = None,
) -> TrackResult:
    """Carry masks and points of the annotated frames to the plan's targets.

    Cancelled, it gives what is finished, if anything is. Features come from the engine's cache where they are there:
    tracking again from a corrected frame encodes nothing anew.

    Args:
        engine: The model.
        plan: See `plan_track`.
        job: How.
        ctx: Progress and cancellation; frames that cannot be used are in `ctx.failures`.
        done: Told each frame that is finished, with its doubt.

    Raises:
        UsageError: An annotated frame cannot be read.
        JobCancelledError: Cancelled before any frame was finished.
    """
    params = {**plain(job), "annotated": [plan.refs[index].name for index in plan.annotated]}
    result = TrackResult(engine.provenance("track", params))
    frames = ProjectFrames(plan.refs, plan.hw)
    encode = _cached_encoder(engine, job, frames, ctx)
    share = 0.75 if plan.masks and plan.points else 1.0 if plan.masks else 0.0

    def note(index: int, doubt: float) -> None:
        result.doubts[index] = max(doubt, result.doubts.get(index, 0.0))
        if done is not None:
            done(index, result.doubts[index])

    try:
        if plan.masks:
            for index, packed, doubt in _masks(plan, frames, job, encode, ctx.stage(0.0, share)):
                result.masks[index] = packed
                note(index, doubt)
        if plan.points:
            for index, points, doubt in _points(plan, frames, job, encode, ctx.stage(share, 1.0)):
                result.points[index] = points
                note(index, doubt)
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


def _masks(
    plan: TrackPlan, frames: ProjectFrames, job: TrackJob, encode: Encode, ctx: JobContext
) -> Iterator[tuple[int, PackedLabels, float]]:
    """Label maps of the targets by frame, each with its doubt."""
    anchors = LabelAnchors(plan.masks)
    for tracked in MaskTracker(frames, anchors, job.params, encode, ctx, start=plan.start, stop=plan.stop):
        if tracked.frame in plan.targets and tracked.frame not in plan.masks:
            yield tracked.frame, pack_labels(tracked.labels), 1 - float(tracked.confidence)


def _points(
    plan: TrackPlan, frames: ProjectFrames, job: TrackJob, encode: Encode, ctx: JobContext
) -> Iterator[tuple[int, list[KeypointSet], float]]:
    """Instances of the targets by frame, and the frame's doubt."""
    slots = {slot: len(each) for found in plan.points.values() for slot, each in found.items()}
    given = {index: _joined(found, slots) for index, found in plan.points.items()}
    for tracked in PointTracker(frames, given, job.params, encode, ctx, start=plan.start, stop=plan.stop):
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
            yield tracked.frame, found, 1 - float(np.mean(scores)) if scores else 1.0


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


def track_command(plan: TrackPlan, result: TrackResult, title: str = "Track") -> TakeTrack:
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
