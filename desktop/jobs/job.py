"""A job as the window asks for it, and how it ended: values that travel between the threads."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from counterpart.core.errors import CounterpartError, is_out_of_memory
from counterpart.core.jobs import CancelToken, JobContext

JobFunction = Callable[[Any, JobContext], Any]
"""`fn(engine, ctx) -> result`. Runs on the worker thread; must not touch the window."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A request made on the window's thread.

    Attributes:
        title: What is being done, for the status bar.
        fn: See `JobFunction`.
        kind: Short name of the kind of job, `parts`.
        asks: All that it depends on, in a comparable form: while a job that asks the same runs or waits, no second one
            is queued. None for what may be asked twice.
        number: Unique number, in order of creation.
        token: Cancels the job.
    """

    title: str
    fn: JobFunction
    kind: str = ""
    asks: Hashable = None
    number: int = field(default_factory=lambda: next(_numbers))
    token: CancelToken = field(default_factory=CancelToken)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, for a person.

    Attributes:
        text: What happened, which file, what to do.
        details: Traceback when it is a defect of the program, else empty.
        error: The exception.
    """

    text: str
    details: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job ended; exactly one of result, failure and `cancelled` counts.

    Attributes:
        result: What the function returned.
        failure: Why it failed, or None.
        cancelled: Whether it was cancelled.
        warnings: What it wants the person to know.
        failures: Inputs that could not be used while the rest was done.
    """

    result: Any = None
    failure: Failure | None = None
    cancelled: bool = False
    warnings: tuple[str, ...] = ()
    failures: tuple[CounterpartError, ...] = ()


def explain(error: BaseException) -> Failure:
    """A failure in words. Errors meant for people speak for themselves; others carry a traceback."""
    if isinstance(error, CounterpartError):
        return Failure(str(error), "", error)
    details = "".join(traceback.format_exception(error))
    if is_out_of_memory(error):
        text = "The computer ran out of memory. Use a smaller size or a larger stride, or close other programs."
        return Failure(text, details, error)
    return Failure(f"The program made a mistake ({type(error).__name__}: {error}). Your work is safe.", details, error)
