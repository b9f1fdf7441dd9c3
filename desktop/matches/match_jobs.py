"""The jobs of matches: those of two images, and that of one place; engine in, values out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import Provenance
from counterpart.desktop.jobs.backend import Backend, ModelChoice

if TYPE_CHECKING:
    from counterpart.core.pipeline.matches.matching import MatchRun


def match_job(
    choice: ModelChoice, a: ImageRef, b: ImageRef, pairs: int
) -> Callable[[Backend, JobContext], tuple[MatchRun, Provenance]]:
    """A job that finds matches of two images and says where they come from."""

    def run(backend: Backend, ctx: JobContext) -> tuple[MatchRun, Provenance]:
        from counterpart.core.pipeline.matches.matching import MatchJob, match_images

        engine = backend.engine(choice)
        job = MatchJob.for_engine(engine, pairs)
        found = match_images(engine, a, b, job, ctx)
        return found, engine.provenance("match", job)

    return run


def match_of_job(
    choice: ModelChoice, a: ImageRef, b: ImageRef, xy: tuple[float, float]
) -> Callable[[Backend, JobContext], MatchRun]:
    """A job that finds the counterpart point in b of a place in a."""

    def run(backend: Backend, ctx: JobContext) -> MatchRun:
        from counterpart.core.pipeline.matches.matching import MatchJob, match_points

        engine = backend.engine(choice)
        return match_points(engine, a, b, [xy], MatchJob.for_engine(engine), ctx)

    return run
