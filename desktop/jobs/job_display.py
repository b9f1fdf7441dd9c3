"""Shows in the status bar how the running job does, and tells when one failed that nobody else speaks for."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from counterpart.core.jobs import Progress
from counterpart.desktop.jobs.job import Failure, Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.shell.status_bar import JobStatus
from counterpart.desktop.widgets.trouble_dialog import TroubleDialog


class JobDisplay(QObject):
    """Keeps the display of the running job in step with its runner.

    Args:
        runner: Runs the jobs.
        display: Shows one.
        tell: Says what went wrong: kind and text.
        window: Owner of the dialog that shows a mistake of the program.
    """

    def __init__(
        self, runner: JobRunner, display: JobStatus, tell: Callable[[str, str], object], window: QWidget
    ) -> None:
        super().__init__(window)
        self._runner, self._display, self._tell, self._window = runner, display, tell, window
        display.cancel.connect(self.cancel)
        runner.started.connect(self._started)
        runner.progressed.connect(self._progressed)
        runner.failed.connect(self.tell_failure)
        runner.refused.connect(self._refused)
        runner.ended.connect(self._ended)

    @Slot()
    def cancel(self) -> None:
        """Stop the running job at its next step."""
        if self._runner.current is not None:
            self._display.stopping()
            self._runner.cancel()

    @Slot(object)
    def _started(self, job: Job) -> None:
        self._display.start(job.title)

    @Slot(object, object)
    def _progressed(self, job: Job, progress: Progress) -> None:
        if not job.token.cancelled:
            self._display.progress(progress, len(self._runner.waiting))

    @Slot(object, object)
    def tell_failure(self, job: Job, failure: Failure) -> None:
        """Say why a job failed; a mistake of the program with its details."""
        if failure.details:
            TroubleDialog(f"{job.title} failed", failure.text, failure.details, self._window).open()
        else:
            self._tell("error", f"{job.title}: {failure.text}")

    @Slot(object)
    def _refused(self, job: Job) -> None:
        """A button was pressed twice."""
        same = self._runner.doing(job.asks)
        runs = "runs" if same is self._runner.current else "waits for its turn"
        self._tell("info", f"{job.title}: this {runs} already. The status bar can cancel it.")

    @Slot(object, object)
    def _ended(self, _job: Job, _outcome: JobOutcome) -> None:
        if self._runner.current is None:
            self._display.finish()
