"""Finding images that were moved: by their content, below a folder, beside the window; then one step of undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.jobs import JobContext, Progress, format_duration
from counterpart.core.project.model import ImageRecord
from counterpart.core.project.relink import Relinked, find_moved
from counterpart.core.wording import plural
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_dialog import JobDialog
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.widgets.choose_path import folder_dialog
from counterpart.desktop.widgets.labels import field_label, muted
from counterpart.desktop.widgets.report_text import Count, counts_table, section
from counterpart.desktop.widgets.theme import GRID


def relink_job(records: Sequence[ImageRecord], folder: Path) -> Callable[[Any, JobContext], Relinked]:
    """A job that looks for images below a folder."""

    def run(_engine: Any, ctx: JobContext) -> Relinked:
        return find_moved(records, folder, ctx)

    return run


class LocateDialog(JobDialog):
    """Asks for a folder, looks, says what was found, and relinks.

    Args:
        records: The images that are missing.
        start: Folder to begin with.
        runner: Looks.
        relink: Takes new files by image; returns whether anything changed.
    """

    def __init__(
        self,
        records: Sequence[ImageRecord],
        start: Path,
        runner: JobRunner,
        relink: Callable[[dict[int, Path]], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Locate missing images", runner, parent)
        self._records, self._start, self._relink = tuple(records), start, relink
        self._found = Relinked()
        count = len(self._records)
        noun = plural(count, "image is", "images are")
        self.words = muted(
            f"{count:,} {noun} not where the project says. Choose a folder: images are found in it by their content, "
            "whatever they are called now. Their masks and points stay with them.",
            wrap=True,
        )
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("A folder, with all its subfolders")
        self.folder.setAccessibleName("Look in")
        self.browse = QPushButton("Browse…")
        self.find_button = QPushButton("Find")
        self.find_button.setEnabled(False)
        self.how_far = muted(small=True)
        self.guesses = QCheckBox()
        self.guesses.setAccessibleName("Take also those found by name")
        self.guesses.hide()
        self.report = QTextBrowser()
        self.report.setAccessibleName("What was found")
        self.report.setMinimumHeight(170)
        self._layout()
        self._connect()
        self.report.setHtml(section("Missing", [record.name for record in self._records]))

    def _layout(self) -> None:
        where = QHBoxLayout()
        where.setSpacing(GRID)
        where.addWidget(field_label("Look in"))
        where.addWidget(self.folder, 1)
        where.addWidget(self.browse)
        where.addWidget(self.find_button)
        self.buttons = QDialogButtonBox()
        self.go = self.buttons.addButton("Relink", QDialogButtonBox.ButtonRole.ApplyRole)
        self.go.setObjectName("primary")
        self.go.setEnabled(False)
        self.leave = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        for widget in (self.progress, self.how_far):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
            widget.hide()
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(GRID)
        box.addWidget(self.words)
        box.addLayout(where)
        box.addWidget(self.progress)
        box.addWidget(self.how_far)
        box.addWidget(self.notice)
        box.addWidget(self.report, 1)
        box.addWidget(self.guesses)
        box.addSpacing(GRID)
        box.addWidget(self.buttons)
        self.setMinimumWidth(600)

    def _connect(self) -> None:
        self.folder.textChanged.connect(self._folder_typed)
        self.folder.returnPressed.connect(self.look)
        self.browse.clicked.connect(self._browse)
        self.find_button.clicked.connect(self.look)
        self.guesses.toggled.connect(self._count_go)
        self.go.clicked.connect(self.relink)
        self.buttons.rejected.connect(self.reject)

    # Looking ------------------------------------------------------------------------------------------------------

    @Slot()
    def _browse(self) -> None:
        dialog = folder_dialog(self, "Look in", self.folder.text() or str(self._start))
        dialog.fileSelected.connect(self._chosen)
        dialog.open()

    @Slot(str)
    def _chosen(self, path: str) -> None:
        self.folder.setText(path)
        self.look()

    @Slot(str)
    def _folder_typed(self, text: str) -> None:
        self.find_button.setEnabled(bool(text.strip()))

    @Slot()
    def look(self) -> None:
        """Look in the folder that is chosen."""
        text = self.folder.text().strip()
        if not text:
            return
        self.stop()
        self.notice.hide()
        self.go.setEnabled(False)
        self.guesses.hide()
        self.how_far.setText("Listing the folder …")
        self.how_far.show()
        folder = Path(text).expanduser()
        self.start(Job("Looking for images", relink_job(self._records, folder), "relink"))

    def job_over(self) -> None:
        super().job_over()
        self.how_far.hide()

    def job_progressed(self, job: Job, progress: Progress) -> None:
        super().job_progressed(job, progress)
        left = f" · {format_duration(progress.eta_s)} left" if progress.eta_s is not None else ""
        self.how_far.setText(progress.text + left)

    def job_ended(self, _job: Job, outcome: JobOutcome) -> None:
        if outcome.failure is not None:
            self.notice.show_text("error", outcome.failure.text)
        elif isinstance(outcome.result, Relinked):
            self._show_found(outcome.result)

    def _show_found(self, found: Relinked) -> None:
        self._found = found
        names = {record.id: record.name for record in self._records}
        rows = [
            Count(len(found.places), "found by their content", [names[each] for each in found.places], "good"),
            Count(len(found.guesses), "found by their name only", [names[each] for each in found.guesses], "warning"),
            Count(len(found.missing), "not found", (), "danger"),
        ]
        page = counts_table(rows)
        if found.missing:
            page += section("Not found", [names[each] for each in found.missing])
        self.report.setHtml(page)
        count = len(found.guesses)
        self.guesses.setVisible(bool(count))
        self.guesses.setText(f"Take also the {count:,} found by name: their content was never noted")
        self.guesses.setChecked(bool(count) and not found.places)
        if not found.places and not count:
            self.notice.show_text("warning", "None of them is in this folder. Try another, or the one above it.")
        self._count_go()

    @Slot()
    def _count_go(self) -> None:
        count = len(self._wanted())
        self.go.setEnabled(bool(count))
        self.go.setText(f"Relink {count:,}" if count else "Relink")

    def _wanted(self) -> dict[int, Path]:
        taken = dict(self._found.places)
        if self.guesses.isChecked():
            taken |= self._found.guesses
        return taken

    # Relinking ----------------------------------------------------------------------------------------------------

    @Slot()
    def relink(self) -> None:
        """Take the places that were found."""
        wanted = self._wanted()
        if not wanted or not self._relink(wanted):
            return
        self._records = tuple(record for record in self._records if record.id not in wanted)
        self._found = Relinked()
        self.guesses.hide()
        self.guesses.setChecked(False)
        self._count_go()
        noun = plural(len(wanted), "image")
        left = len(self._records)
        rest = f" {left:,} still missing." if left else " None is missing any more."
        self.notice.show_text("warning" if left else "info", f"Relinked {len(wanted):,} {noun}.{rest}")
        page = counts_table([Count(len(wanted), "relinked", (), "good")])
        if left:
            page += section("Missing", [record.name for record in self._records])
        self.report.setHtml(page)
        self.leave.setText("Close")
        self.leave.setFocus()
