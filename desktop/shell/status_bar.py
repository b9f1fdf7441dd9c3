"""The status bar: saved time, place in the set, share reviewed, the running job, the device, the cache."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStatusBar, QToolButton, QVBoxLayout, QWidget

from counterpart.core.jobs import Progress, format_duration
from counterpart.core.project.changes import SavedChanged
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.labels import Elided
from counterpart.desktop.widgets.theme import GRID, colours


def format_bytes(count: int) -> str:
    """Bytes as a person reads them: `640 MB`, `1.2 GB`."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.1f} GB"
    if count >= 1_000_000:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e3:.0f} kB"


class JobStatus(QWidget):
    """The running job: what, how far, how long, and a button that stops it."""

    cancel = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = Elided()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(140)
        self.button: QToolButton = icon_button("cancel", "Cancel the job (Ctrl+.)", quiet=True)
        self.button.setIconSize(QSize(16, 16))
        self.button.clicked.connect(self.cancel)
        middle = QVBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self.bar)
        middle.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, 0, GRID, 0)
        row.setSpacing(GRID)
        row.addWidget(self.text)
        row.addLayout(middle)
        row.addWidget(self.button)
        self._title = ""
        self.hide()

    def start(self, title: str) -> None:
        """A job begins."""
        self._title = title
        self.text.setText(f"{title} …")
        self.bar.setRange(0, 0)
        self.button.setEnabled(True)
        self.show()

    def progress(self, progress: Progress, waiting: int) -> None:
        """How far it is."""
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(progress.fraction * 1000))
        words = [f"{self._title} {progress.fraction:.0%}"]
        if progress.eta_s is not None and progress.elapsed_s > 1:
            words.append(f"{format_duration(progress.eta_s)} left")
        if waiting:
            words.append(f"{waiting} waiting")
        self.text.setText(" · ".join(words))
        self.text.setToolTip(progress.text or self.text.text())

    def stopping(self) -> None:
        """Cancellation was asked for."""
        self.text.setText(f"{self._title}: stopping …")
        self.button.setEnabled(False)

    def finish(self) -> None:
        """No job runs."""
        self.hide()


class StatusBar(QStatusBar):
    """What a person wants to know at a glance."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.place = Elided()
        self.job = JobStatus()
        self.saved = QLabel()
        self.count = QLabel()
        self.reviewed = QLabel()
        self.device = QLabel()
        self.cache = QLabel()
        self.zoom = QLabel()
        self.addWidget(self.place, 1)
        for widget in (self.job, self.zoom, self.count, self.reviewed, self.saved, self.device, self.cache):
            self.addPermanentWidget(widget)
        self.setMinimumHeight(30)
        self.clear_project()

    def clear_project(self) -> None:
        """Nothing is open."""
        for label in (self.place, self.saved, self.count, self.reviewed, self.zoom):
            label.clear()

    def show_place(self, text: str) -> None:
        """What lies under the pointer."""
        self.place.setText(text)

    def show_count(self, number: int, total: int) -> None:
        """Which image of how many."""
        self.count.setText(f"Image {number:,} of {total:,}" if number else f"{total:,} images")

    def show_reviewed(self, done: int, total: int) -> None:
        """Share of images that need no more work."""
        self.reviewed.setText(f"{done / total:.0%} reviewed" if total else "")
        self.reviewed.setToolTip(f"{done:,} of {total:,} images are reviewed or skipped")

    def show_saved(self, change: SavedChanged, file: str, *, kept: bool, read_only: bool = False) -> None:
        """Whether everything is in the file, and since when."""
        if read_only:
            self.saved.setText("Looking only")
            self.saved.setToolTip(f"Nothing can be changed in\n{file}")
            return
        if change.error is not None or not change.saved:
            self.saved.setText(f"<span style='color:{colours().danger}'>Not saved</span>")
            self.saved.setToolTip(str(change.error) if change.error else "There are changes that are not saved")
            return
        if not kept:
            self.saved.setText("In memory only")
            self.saved.setToolTip("Save the project to keep it (Ctrl+S)")
            return
        when = change.when[11:16]
        self.saved.setText(f"Saved {when}" if when else "Saved")
        self.saved.setToolTip(f"Every change is saved at once, in\n{file}")

    def show_zoom(self, percent: float) -> None:
        """Magnification."""
        self.zoom.setText(f"{percent:.0f} %")

    def show_zoom_text(self, text: str) -> None:
        """Magnification, in words."""
        self.zoom.setText(text)

    def show_device(self, text: str, why: str) -> None:
        """Where models compute, and why there."""
        self.device.setText(text)
        self.device.setToolTip(why)

    def show_cache(self, memory: int, disk: int) -> None:
        """What cached features hold."""
        self.cache.setText(f"Cache {format_bytes(memory + disk)}" if memory + disk else "")
        self.cache.setToolTip(f"Features kept: {format_bytes(memory)} in memory, {format_bytes(disk)} on disk")
