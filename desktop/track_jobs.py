"""The job that propagates through a sequence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.jobs import JobContext
from core.project.document import Document
from desktop.backend import Backend, ModelChoice

if TYPE_CHECKING:
    from core.pipeline.sequence import SequencePlan, SequenceResult

__all__ = ["TrackTicket", "track_job"]


@dataclass(frozen=True, slots=True, eq=False)
class TrackTicket:
    """What a propagation was started for.

    Attributes:
        document: The project.
        plan: What it works from.
        title: Name of the step that it comes to.
    """

    document: Document
    plan: SequencePlan
    title: str


def track_job(
    choice: ModelChoice, plan: SequencePlan, size: int | None, done: Callable[[int, float], None]
) -> Callable[[Backend, JobContext], SequenceResult]:
    """A job that carries annotations through frames, seen at a size (None for the usual one).

    `done` hears of each frame, on the worker thread.
    """

    def run(backend: Backend, ctx: JobContext) -> SequenceResult:
        from core.pipeline.sequence import propagate_sequence
        from core.pipeline.tracking import TrackJob

        engine = backend.engine(choice)
        job = TrackJob.for_engine(engine)
        if size is not None:
            job = dataclasses.replace(job, size=size)
        return propagate_sequence(engine, plan, job, ctx, done)

    return run
