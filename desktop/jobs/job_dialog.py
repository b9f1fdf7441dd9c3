"""A dialog that has something done on a worker thread while it is open: one job at a time, a bar, and its end."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QProgressBar, QWidget

from counterpart.core.jobs import Progress
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.widgets.notice import Notice

_STEPS = 1000


class JobDialog(QDialog):
    """Starts jobs, follows the one that counts, and cancels it when it closes. Subclasses lay out and say what ended.

    Args:
        title: Of the window.
        runner: Does the jobs.
        parent: Owner.

    Attributes:
        progress: How far the job is; hidden while there is none.
        notice: For what a person should know.
    """

    def __init__(self, title: str, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._runner = runner
        self._job: Job | None = None
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.hide()
        self.notice = Notice()

    @property
    def working(self) -> bool:
        """Whether a job runs or waits."""
        return self._job is not None

    def start(self, job: Job) -> None:
        """Have something done; the bar moves once it says how far it is."""
        self.progress.setRange(0, 0)
        self.progress.show()
        self._job = job
        self._runner.submit(
            job,
            failed=lambda _failure: None,  # the dialog says it itself, in `job_ended`
            ended=partial(self._ended, job),
            progressed=partial(self._progressed, job),
        )

    def stop(self) -> None:
        """What is being done is not wanted any more."""
        job, self._job = self._job, None
        if job is not None:
            self._runner.cancel(job)
        self.job_over()

    def job_over(self) -> None:
        """No job counts now: take away what showed it."""
        self.progress.hide()

    def job_progressed(self, _job: Job, progress: Progress) -> None:
        """The job says how far it is."""
        self.progress.setRange(0, _STEPS)
        self.progress.setValue(round(progress.fraction * _STEPS))

    def job_ended(self, job: Job, outcome: JobOutcome) -> None:
        """The job ended by itself."""

    def _progressed(self, job: Job, progress: Progress) -> None:
        if job is self._job:
            self.job_progressed(job, progress)

    def _ended(self, job: Job, outcome: JobOutcome) -> None:
        if job is self._job:
            self._job = None
            self.job_over()
            self.job_ended(job, outcome)

    def done(self, result: int) -> None:
        """Close; what is being done is cancelled."""
        self.stop()
        super().done(result)
