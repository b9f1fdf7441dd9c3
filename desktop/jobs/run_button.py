"""A button that starts a job, and shows while what it would start is being done already."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QPushButton, QWidget

from counterpart.desktop.jobs.job_runner import JobRunner


class RunButton(QPushButton):
    """Cannot be pressed while the job that it would start runs or waits; its words say so then.

    Text, tooltip and whether it is enabled are set as of any button, and hold while nothing of the kind runs.
    """

    def __init__(self, words: str = "", parent: QWidget | None = None) -> None:
        super().__init__(words, parent)
        self._words, self._tip, self._enabled = words, "", True
        self._jobs: JobRunner | None = None
        self._asks: Callable[[], Hashable] = lambda: None

    def follow(self, jobs: JobRunner, asks: Callable[[], Hashable]) -> None:
        """Watch what runs; `asks` gives what the button would ask for now, as in `Job.asks`."""
        self._jobs, self._asks = jobs, asks
        jobs.changed.connect(self.look)

    def setText(self, text: str) -> None:
        self._words = text
        self.look()

    def setToolTip(self, text: str) -> None:
        self._tip = text
        self.look()

    def setEnabled(self, enabled: bool) -> None:
        self._enabled = enabled
        self.look()

    @Slot()
    def look(self) -> None:
        """Something that is asked for changed, or what runs."""
        jobs = self._jobs
        running = jobs is not None and jobs.busy and jobs.doing(self._asks()) is not None
        super().setText(f"{self._words} …" if running else self._words)
        super().setToolTip("This runs already; the status bar can cancel it" if running else self._tip)
        super().setEnabled(self._enabled and not running)
