"""What a long computation needs from its surroundings: progress, time left, cancellation.

A job is a plain function `fn(inputs, params, ctx) -> result`. It calls `ctx.step` between images, blocks and
iterations; that reports progress and is the only place where a cancelled job stops, so a job can never be
interrupted half-way through changing something. Standard library only: the window, the command line and the
tests bring their own reporters.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from counterpart.core.errors import CounterpartError, JobCancelledError


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a running job.

    Attributes:
        done: Steps finished in the current stage.
        total: Steps of the current stage, 0 when unknown.
        text: What is being done now, for a person.
        fraction: Share of the whole job done, in [0, 1].
        elapsed_s: Seconds since the job began.
        eta_s: Estimated seconds left, or None while there is nothing to estimate from.
    """

    done: int
    total: int
    text: str
    fraction: float
    elapsed_s: float
    eta_s: float | None


class CancelToken:
    """A flag that any thread may raise. An event, not a queued slot: a slot would run after the job."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop at its next step."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()


class JobContext:
    """Handed to every job. `step` reports and raises `JobCancelledError` once cancellation was asked for.

    Args:
        report: Called with a `Progress`, at most once per `min_interval_s` (and always at the end of a
            stage).
        token: Cancellation flag; a fresh one by default.
        min_interval_s: Shortest time between two reports. The default keeps a window at ten updates a second.
        clock: Monotonic seconds; replaceable for tests.
    """

    def __init__(
        self,
        report: Callable[[Progress], None] | None = None,
        token: CancelToken | None = None,
        *,
        min_interval_s: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token or CancelToken()
        self.warnings: list[str] = []
        self.failures: list[CounterpartError] = []
        self._report = report
        self._clock = clock
        self._min_interval_s = min_interval_s
        self._start = clock()
        self._last_report = -float("inf")
        self._lo, self._hi = 0.0, 1.0

    def step(self, done: int, total: int, text: str) -> None:
        """Report that `done` of `total` steps of the current stage are finished, and stop here if asked to.

        Raises:
            JobCancelledError: Cancellation was asked for.
        """
        self.check()
        if self._report is None:
            return
        now = self._clock()
        if now - self._last_report < self._min_interval_s and done < total:
            return
        self._last_report = now
        share = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0
        fraction = self._lo + (self._hi - self._lo) * share
        elapsed = now - self._start
        eta = elapsed * (1.0 - fraction) / fraction if fraction > 0 else None
        self._report(Progress(done, total, text, fraction, elapsed, eta))

    def check(self) -> None:
        """Stop here if asked to, without reporting.

        Raises:
            JobCancelledError: Cancellation was asked for.
        """
        if self.token.cancelled:
            raise JobCancelledError

    def stage(self, start: float, end: float) -> JobContext:
        """A context for a part of this job that spans `start`..`end` of it, each in [0, 1].

        It shares the clock, the cancellation flag, the warnings and the failures with its parent.
        """
        child = JobContext(self._report, self.token, min_interval_s=self._min_interval_s, clock=self._clock)
        child.warnings, child.failures = self.warnings, self.failures
        child._start = self._start
        span = self._hi - self._lo
        child._lo, child._hi = self._lo + span * start, self._lo + span * end
        return child

    def warn(self, text: str) -> None:
        """Record something the person should know that did not stop the job."""
        if text not in self.warnings:
            self.warnings.append(text)

    def fail(self, error: CounterpartError) -> None:
        """Record that one input failed while the rest of the job goes on."""
        self.failures.append(error)


def silent() -> JobContext:
    """A context that reports to nobody and is never cancelled."""
    return JobContext()


def format_duration(seconds: float) -> str:
    """Seconds as a person reads them: `0:07`, `12:30`, `1:02:03`."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
