"""The job that tracks through a sequence, and what is said of its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from counterpart.core.jobs import JobContext
from counterpart.core.project.document import Document
from counterpart.core.project.sequence import FrameState, frame_state
from counterpart.core.wording import plural
from counterpart.desktop.jobs.backend import Backend, ModelChoice
from counterpart.desktop.jobs.job import JobOutcome

if TYPE_CHECKING:
    from counterpart.core.pipeline.video.track_plan import TrackPlan
    from counterpart.core.pipeline.video.track_project import TrackResult


def track_job(
    choice: ModelChoice, plan: TrackPlan, size: int | None, done: Callable[[int, float], None]
) -> Callable[[Backend, JobContext], TrackResult]:
    """A job that carries annotations through frames, seen at a size (None for the usual one).

    `done` hears of each frame, on the worker thread.
    """

    def run(backend: Backend, ctx: JobContext) -> TrackResult:
        from counterpart.core.pipeline.video.track_job import TrackJob
        from counterpart.core.pipeline.video.track_project import track_project

        engine = backend.engine(choice)
        job = TrackJob.for_engine(engine)
        if size is not None:
            job = dataclasses.replace(job, size=size)
        return track_project(engine, plan, job, ctx, done)

    return run


def track_words(document: Document, outcome: JobOutcome, changed: list[int], skipped: list[tuple[int, str]]) -> str:
    """What came of tracking, for a person."""
    result: TrackResult = outcome.result
    doubtful = sum(frame_state(document.image(image)) is FrameState.DOUBTFUL for image in changed)
    count = f"{len(changed):,} {plural(len(changed), 'frame')}"
    words = [f"Tracked to {count}." if result.complete else f"Cancelled; what was finished is kept: {count}."]
    if doubtful:
        verb = plural(doubtful, "is", "are")
        words.append(f"{doubtful:,} of them {verb} doubtful: Ctrl+Right goes to the next.")
    if outcome.failures:
        words.append(f"{len(outcome.failures)} could not be used: {outcome.failures[0]}")
    if skipped:
        image, why = skipped[0]
        more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
        words.append(f"Left as they are: {document.name_of(image)}{more} ({why}).")
    return " ".join([*words, *outcome.warnings])
