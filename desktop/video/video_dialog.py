"""Opening a video: which frames, where to, and then their extraction with progress."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.jobs import JobContext, Progress, format_duration
from counterpart.core.pipeline.video.frames import (
    Extracted,
    FrameChoice,
    VideoFacts,
    extract_frames,
    read_frames_note,
    video_facts,
)
from counterpart.core.wording import plural
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_dialog import JobDialog
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.widgets.choose_path import folder_dialog
from counterpart.desktop.widgets.form import form_grid
from counterpart.desktop.widgets.labels import field_label, heading, muted
from counterpart.desktop.widgets.theme import GRID

_MANY = 3000
"""Frames beyond which the dialog proposes to take only every n-th."""
_PNG_TIMES = 4.5
"""How much larger than JPEG exact frames are, roughly."""


def _extract_job(video: Path, out: Path, choice: FrameChoice) -> Callable[[Any, JobContext], Extracted]:
    def run(_engine: Any, ctx: JobContext) -> Extracted:
        return extract_frames(video, out, choice, ctx)

    return run


class VideoDialog(JobDialog):
    """Asks which frames of a video are wanted, and writes them as images beside the window.

    Args:
        video: The file.
        runner: Reads and extracts.

    Signals:
        ready: The folder of frames, and what there is to warn about.
    """

    ready = Signal(object, str)

    def __init__(self, video: Path, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__("Open video", runner, parent)
        self._video = video
        self._facts: VideoFacts | None = None
        self._warnings: list[str] = []
        self.about = muted("Reading …", wrap=True)
        self.first, self.last, self.every = QSpinBox(), QSpinBox(), QSpinBox()
        self.first_time, self.last_time = muted(small=True), muted(small=True)
        self.exact = QCheckBox("Exact copies (PNG, several times larger)")
        self.target = QLineEdit(str(_free_folder(video)))
        self.target.setAccessibleName("Write to")
        self.browse = QPushButton("Browse…")
        self.summary = muted(wrap=True, small=True)
        self._layout()
        self._connect()
        self._set_ready(False)
        self.start(Job(f"Reading {video.name}", lambda _engine, ctx: video_facts(video, ctx), "video facts"))

    def _layout(self) -> None:
        title = heading(self._video.name)
        form = form_grid()
        for label, box, time in (("From", self.first, self.first_time), ("To", self.last, self.last_time)):
            box.setPrefix("frame ")
            box.setAlignment(Qt.AlignmentFlag.AlignRight)
            box.setAccessibleName(f"{label} frame")
            form.addRow(field_label(label), _row(box, time))
        self.every.setRange(1, 1000)
        self.every.setPrefix("every ")
        self.every.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.every.setSpecialValueText("every frame")
        self.every.setAccessibleName("Take every n-th frame")
        self.every.setToolTip("Slow movement needs fewer frames: every second or third halves or thirds the work")
        form.addRow(field_label("Take"), _row(self.every, muted()))
        form.addRow(field_label("Write to"), _row(self.target, self.browse, stretch=False))
        form.addRow("", self.exact)
        form.addRow("", self.summary)
        self.buttons = QDialogButtonBox()
        self.go = self.buttons.addButton("Extract frames", QDialogButtonBox.ButtonRole.ApplyRole)
        self.go.setObjectName("primary")
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        whole.setSpacing(2 * GRID)
        head = QVBoxLayout()
        head.setSpacing(4)
        head.addWidget(title)
        head.addWidget(self.about)
        whole.addLayout(head)
        whole.addLayout(form)
        whole.addWidget(self.progress)
        whole.addWidget(self.notice)
        whole.addWidget(self.buttons)
        self.setMinimumWidth(560)

    def _connect(self) -> None:
        self.first.valueChanged.connect(self._chosen)
        self.last.valueChanged.connect(self._chosen)
        self.every.valueChanged.connect(self._chosen)
        self.exact.toggled.connect(self._chosen)
        self.target.textChanged.connect(self._chosen)
        self.browse.clicked.connect(self._browse)
        self.go.clicked.connect(self.extract)
        self.notice.button.clicked.connect(self._open_there)
        self.buttons.rejected.connect(self.reject)

    # What is chosen -----------------------------------------------------------------------------------------------

    @property
    def choice(self) -> FrameChoice:
        """The frames that are wanted. People count them from 1."""
        return FrameChoice(self.first.value() - 1, self.last.value(), self.every.value(), self.exact.isChecked())

    @Slot()
    def _chosen(self) -> None:
        facts = self._facts
        if facts is None:
            return
        self.last.setMinimum(self.first.value())
        for box, time in ((self.first, self.first_time), (self.last, self.last_time)):
            time.setText(_clock(box.value() - 1, facts.fps))
        count = len(self.choice.indices(facts.count))
        size = count * facts.frame_bytes * (_PNG_TIMES if self.exact.isChecked() else 1) / 1e6
        amount = f"{size / 1000:.1f} GB" if size >= 1000 else f"{max(round(size), 1)} MB"
        self.summary.setText(
            f"{count:,} {plural(count, 'image')}, about {amount}. The video stays as it is; the project "
            "refers to the images in this folder."
        )
        self.go.setEnabled(bool(self.target.text().strip()) and not self.working)

    @Slot()
    def _browse(self) -> None:
        dialog = folder_dialog(self, "Folder for the frames", str(Path(self.target.text()).parent))
        dialog.fileSelected.connect(lambda path: self.target.setText(str(Path(path) / _folder_name(self._video))))
        dialog.open()

    # Reading and extracting ---------------------------------------------------------------------------------------

    def _set_ready(self, ready: bool) -> None:
        for control in (self.first, self.last, self.every, self.exact, self.target, self.browse, self.go):
            control.setEnabled(ready)

    @Slot()
    def extract(self) -> None:
        """Write the frames."""
        if self._facts is None or self.working:
            return
        self.notice.hide()
        self._set_ready(False)
        out = Path(self.target.text().strip()).expanduser()
        self.start(Job(f"Frames of {self._video.name}", _extract_job(self._video, out, self.choice), "frames"))

    def job_progressed(self, job: Job, progress: Progress) -> None:
        if job.kind == "frames":
            super().job_progressed(job, progress)
            left = f" · {format_duration(progress.eta_s)} left" if progress.eta_s is not None else ""
            self.summary.setText(f"{progress.done:,} of {progress.total:,} frames{left}")

    def job_ended(self, job: Job, outcome: JobOutcome) -> None:
        self._set_ready(self._facts is not None)
        if outcome.failure is not None:
            if job.kind == "video facts":
                self.about.setText("This video cannot be opened.")
            self.notice.show_text("error", outcome.failure.text)
            self._chosen()
        elif isinstance(outcome.result, VideoFacts):
            self._know(outcome.result, outcome.warnings)
        elif isinstance(outcome.result, Extracted):
            self.ready.emit(outcome.result.folder, " ".join(dict.fromkeys((*self._warnings, *outcome.warnings))))
            self.accept()

    def _know(self, facts: VideoFacts, warnings: tuple[str, ...]) -> None:
        self._facts = facts
        self._warnings = list(warnings)
        height, width = facts.hw
        rate = f"{facts.fps:.3g} frames a second · {_clock(facts.count, facts.fps)}" if facts.fps else "no times"
        self.about.setText(f"{facts.count:,} frames · {width} × {height} pixels · {rate}")
        for box in (self.first, self.last):
            box.setRange(1, facts.count)
        self.last.setValue(facts.count)
        self.every.setMaximum(max(facts.count, 1))
        self.every.setValue(max(math.ceil(facts.count / _MANY), 1))
        self._set_ready(True)
        self._chosen()
        self.go.setFocus()
        if warnings:
            self.notice.show_text("warning", " ".join(warnings))
        elif self._there() is not None:
            self.notice.show_text("info", "Frames of this video were extracted before.", "Open them")

    def _there(self) -> Path | None:
        """Where frames of this video are already."""
        folder = self._video.with_name(_folder_name(self._video))
        note = read_frames_note(folder)
        return folder if note is not None and note.video == self._video.name else None

    @Slot()
    def _open_there(self) -> None:
        folder = self._there()
        if folder is not None:
            self.ready.emit(folder, "")
            self.accept()


def _row(left: QWidget, right: QWidget, *, stretch: bool = True) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(left, 0 if stretch else 1)
    row.addWidget(right)
    if stretch:
        left.setMinimumWidth(150)
        row.addStretch(1)
    return row


def _folder_name(video: Path) -> str:
    return f"{video.stem}-frames"


def _free_folder(video: Path) -> Path:
    """A folder beside the video that is not there yet."""
    folder, number = video.with_name(_folder_name(video)), 2
    while folder.exists():
        folder = video.with_name(f"{_folder_name(video)}-{number}")
        number += 1
    return folder


def _clock(frame: int, fps: float) -> str:
    """The time of a frame as `1:02.48`; empty where the video tells none."""
    if fps <= 0:
        return ""
    minutes, seconds = divmod(frame / fps, 60)
    return f"{int(minutes)}:{seconds:05.2f}"
