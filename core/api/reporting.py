"""What a call of the Python API says of its work: progress while it lasts, warnings at its end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from counterpart.core.jobs import JobContext, Progress

Report = Callable[[Progress], None]
"""Called with how far a job is; `lambda progress: print(progress.text)` will do."""


@contextmanager
def reported(report: Report | None) -> Iterator[JobContext]:
    """A job's context. What it has to say afterwards comes as warnings, one for each image that was left out."""
    ctx = JobContext(report)
    try:
        yield ctx
    finally:
        for text in [*ctx.warnings, *(str(error) for error in ctx.failures)]:
            warnings.warn(text, UserWarning, stacklevel=4)
