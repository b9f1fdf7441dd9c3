"""Running jobs beside the window: one thread that owns the engine, and the runner that speaks with it.

A job is a plain function `fn(engine, ctx) -> result` over immutable inputs that it closes over (or carries as
arguments of a frozen dataclass). It runs on the one worker thread, reports at most ten times a second, and
ends in exactly one of succeeded, failed or cancelled. Results travel back to the window's thread; nothing
else is shared, so there are no locks.

Two kinds of request:

- *Jobs* queue up and run one after the other.
- *Interactive requests* (a similarity map under the pointer) belong to a slot. Each slot holds one request:
  the latest wins, and what it replaces is dropped, or cancelled if it has begun. They do not wait for a
  running job: the worker serves them when the job reports progress, which is between two of its steps, where
  by contract nothing is half-done. So an interactive answer comes at most one step later than on an idle
  worker.

Whoever makes a request says with it what is to follow (`done`, `failed`, `ended`), and is called on the window's
thread. Nobody listens to what others asked for; the signals of the runner are for what shows progress.

Cancelling is an event, not a slot: a queued slot would run after the job.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from counterpart.core.errors import CounterpartError, JobCancelledError
from counterpart.core.jobs import JobContext, Progress
from counterpart.desktop.jobs.job import Failure, Job, JobOutcome, explain

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Next:
    """What follows on a job, on the window's thread."""

    done: Callable[[JobOutcome], object] | None = None
    failed: Callable[[Failure], object] | None = None
    ended: Callable[[JobOutcome], object] | None = None
    progressed: Callable[[Progress], object] | None = None


def _wanted(call: Callable[..., object] | None) -> bool:
    """Whether there is somebody to call: a window that was closed meanwhile is not told any more."""
    inner = call
    while isinstance(inner, partial):
        inner = inner.func
    owner = getattr(inner, "__self__", None)
    return call is not None and (not isinstance(owner, QObject) or shiboken6.isValid(owner))


class _Slots:
    """The latest interactive request of each slot, handed from the window's thread to the worker's."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, Job] = {}

    def put(self, slot: str, job: Job) -> Job | None:
        """Make a request wait. Returns the one that it replaces before that has begun."""
        with self._guard:
            replaced = self._waiting.pop(slot, None)
            self._waiting[slot] = job
            if slot in self._running:
                self._running[slot].token.cancel()
            return replaced

    def take(self) -> tuple[str, Job] | None:
        with self._guard:
            for slot, job in self._waiting.items():
                del self._waiting[slot]
                self._running[slot] = job
                return slot, job
            return None

    def done(self, slot: str) -> None:
        with self._guard:
            self._running.pop(slot, None)

    def clear(self) -> None:
        with self._guard:
            self._waiting.clear()
            for job in self._running.values():
                job.token.cancel()


class _Worker(QObject):
    """Lives on the worker thread and owns the engine."""

    progressed = Signal(object, object)
    finished = Signal(object, object)
    answered = Signal(object, object)

    def __init__(self, make_engine: Callable[[], Any], slots: _Slots) -> None:
        super().__init__()
        self._make_engine = make_engine
        self._slots = slots
        self._engine: Any = None
        self._serving = False

    @Slot(object)
    def run(self, job: Job) -> None:
        """Run a job to its end and say how it ended."""

        def report(progress: Progress) -> None:
            self.progressed.emit(job, progress)
            self._serve()

        outcome = self._outcome(job, JobContext(report, job.token))
        self.finished.emit(job, outcome)

    @Slot()
    def serve(self) -> None:
        """Answer what waits in the slots; called when no job is running."""
        self._serve()

    @Slot()
    def release(self) -> None:
        """Let go of the engine on the thread that made it, and end that thread."""
        close = getattr(self._engine, "close", None)
        if close is not None:
            close()
        self._engine = None
        QThread.currentThread().quit()

    def _serve(self) -> None:
        if self._serving:  # an interactive request that reports progress must not serve itself
            return
        self._serving = True
        try:
            while (taken := self._slots.take()) is not None:
                slot, job = taken
                outcome = self._outcome(job, JobContext(None, job.token))
                self._slots.done(slot)
                self.answered.emit(job, outcome)
        finally:
            self._serving = False

    def _outcome(self, job: Job, ctx: JobContext) -> JobOutcome:
        try:
            ctx.check()
            if self._engine is None:
                self._engine = self._make_engine()
            result = job.fn(self._engine, ctx)
        except JobCancelledError:
            return JobOutcome(cancelled=True)
        except Exception as error:  # whatever a model does, the window lives on
            if isinstance(error, CounterpartError):  # foreseen, and told to the person in words
                log.info("job %r: %s", job.title, error)
            else:
                log.exception("job %r failed", job.title)
            return JobOutcome(failure=explain(error), warnings=tuple(ctx.warnings), failures=tuple(ctx.failures))
        return JobOutcome(result, warnings=tuple(ctx.warnings), failures=tuple(ctx.failures))


class JobRunner(QObject):
    """Queues jobs for the worker thread and brings their ends back to the window's thread.

    Args:
        make_engine: Called once, on the worker thread, when the first job begins. Whatever it returns is
            handed to every job as `engine`; its `close()` is called, where there is one, when the runner
            shuts down.
        parent: Owner.

    Signals:
        started: The job that runs now.
        progressed: A job, and how far it is.
        failed: A job and why, where nobody said what is to follow on a failure.
        ended: A job and how it ended, after what follows on it.
        refused: A job that was not queued, since the same runs or waits already.
        changed: What runs and waits is another now.
    """

    refused = Signal(object)
    changed = Signal()
    started = Signal(object)
    progressed = Signal(object, object)
    failed = Signal(object, object)
    ended = Signal(object, object)

    _run = Signal(object)
    _poke = Signal()
    _release = Signal()

    def __init__(self, make_engine: Callable[[], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: deque[Job] = deque()
        self._current: Job | None = None
        self._closing = False
        self._next_by_job: dict[int, _Next] = {}
        self._slots = _Slots()
        self._thread = QThread()
        self._thread.setObjectName("counterpart-worker")
        self._worker = _Worker(make_engine, self._slots)
        self._worker.moveToThread(self._thread)
        queued = Qt.ConnectionType.QueuedConnection
        self._run.connect(self._worker.run, queued)
        self._poke.connect(self._worker.serve, queued)
        self._release.connect(self._worker.release, queued)
        self._worker.progressed.connect(self._on_progressed, queued)
        self._worker.finished.connect(self._on_finished, queued)
        self._worker.answered.connect(self._on_answered, queued)
        self._thread.start()

    @property
    def current(self) -> Job | None:
        """The job that runs now."""
        return self._current

    @property
    def waiting(self) -> tuple[Job, ...]:
        """The jobs that wait, the next one first."""
        return tuple(self._queue)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._current is not None or bool(self._queue)

    def submit(
        self,
        job: Job,
        done: Callable[[JobOutcome], object] | None = None,
        failed: Callable[[Failure], object] | None = None,
        *,
        ended: Callable[[JobOutcome], object] | None = None,
        progressed: Callable[[Progress], object] | None = None,
    ) -> Job:
        """Queue a job, unless one that asks the same runs or waits: that one is what was wanted.

        Args:
            job: What to do.
            done: Called with the outcome when it succeeded.
            failed: Called when it failed; by default the signal `failed` tells.
            ended: Called last, however it ended, cancelled included.
            progressed: Called with how far it is, at most ten times a second.

        Returns:
            The job, or the one that asks the same; what was to follow on this one is dropped then.
        """
        if self._closing:
            return job
        same = self.doing(job.asks)
        if same is not None:
            self.refused.emit(job)
            return same
        self._next_by_job[job.number] = _Next(done, failed, ended, progressed)
        self._queue.append(job)
        self._next()
        self.changed.emit()
        return job

    def doing(self, asks: Hashable) -> Job | None:
        """The job that asks for something and runs or waits, not cancelled; None for none, and for None."""
        if asks is None:
            return None
        running = () if self._current is None else (self._current,)
        alike = (job for job in (*running, *self._queue) if job.asks == asks)
        return next((job for job in alike if not job.token.cancelled), None)

    def ask(self, slot: str, job: Job, answered: Callable[[JobOutcome], object] | None = None) -> Job:
        """Make an interactive request: it replaces what the slot holds.

        Args:
            slot: Name of the slot.
            job: What to do.
            answered: Called with the outcome, a failure included; not when the request was replaced or cancelled.

        Returns:
            The job.
        """
        if self._closing:
            return job
        if answered is not None:
            self._next_by_job[job.number] = _Next(ended=answered)
        replaced = self._slots.put(slot, job)
        if replaced is not None:
            self._next_by_job.pop(replaced.number, None)
        self._poke.emit()
        return job

    def cancel(self, job: Job | None = None) -> None:
        """Cancel one job, or by default the running one. A waiting job is taken out at once."""
        job = job or self._current
        if job is None:
            return
        job.token.cancel()
        if job in self._queue:
            self._queue.remove(job)
            self._follow(job, JobOutcome(cancelled=True))
        else:
            self.changed.emit()

    def cancel_all(self) -> None:
        """Cancel what runs and what waits."""
        for job in (*self._queue, self._current):
            if job is not None:
                self.cancel(job)

    def shutdown(self, timeout_ms: int = 30_000) -> bool:
        """Cancel everything, let the current step end, release the engine and stop the thread.

        Returns:
            Whether the thread has ended. Signals of jobs that were running are not delivered any more.
        """
        if not self._thread.isRunning():
            return True
        self._closing = True
        self._queue.clear()
        if self._current is not None:
            self._current.token.cancel()
        self._slots.clear()
        self._release.emit()
        return self._thread.wait(timeout_ms)

    def _next(self) -> None:
        if self._current is not None or not self._queue:
            return
        self._current = self._queue.popleft()
        self.started.emit(self._current)
        self._run.emit(self._current)

    @Slot(object, object)
    def _on_progressed(self, job: Job, progress: Progress) -> None:
        if not self._closing and job is self._current:
            following = self._next_by_job.get(job.number)
            if following is not None and following.progressed is not None and _wanted(following.progressed):
                following.progressed(progress)
            self.progressed.emit(job, progress)

    @Slot(object, object)
    def _on_finished(self, job: Job, outcome: JobOutcome) -> None:
        if self._closing:
            return
        self._current = None
        try:
            self._follow(job, outcome)
        finally:  # a mistake in what follows on one job must not hold up those that wait
            self._next()

    def _follow(self, job: Job, outcome: JobOutcome) -> None:
        """Call what is to follow on a job that has ended."""
        following = self._next_by_job.pop(job.number, _Next())
        if outcome.failure is not None:
            if following.failed is None:
                self.failed.emit(job, outcome.failure)
            elif _wanted(following.failed):
                following.failed(outcome.failure)
        elif not outcome.cancelled and following.done is not None and _wanted(following.done):
            following.done(outcome)
        if following.ended is not None and _wanted(following.ended):
            following.ended(outcome)
        self.ended.emit(job, outcome)
        self.changed.emit()

    @Slot(object, object)
    def _on_answered(self, job: Job, outcome: JobOutcome) -> None:
        if self._closing:
            return
        following = self._next_by_job.pop(job.number, _Next())
        if not outcome.cancelled and following.ended is not None and _wanted(following.ended):
            following.ended(outcome)
