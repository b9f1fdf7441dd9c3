"""Importing: which file, in which format; what would happen, before it happens; and afterwards what did."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.errors import CounterpartError
from counterpart.core.formats import (
    FORMATS,
    ImportAnnotations,
    ImportPreview,
    ImportReport,
    guess_format,
    preview_import,
    rehearse_import,
)
from counterpart.core.jobs import JobContext
from counterpart.core.project.commands import Command
from counterpart.core.project.document import Document
from counterpart.core.wording import plural
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_dialog import JobDialog
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.widgets.choose_path import path_dialog
from counterpart.desktop.widgets.form import field_row, form_grid
from counterpart.desktop.widgets.labels import field_label, muted
from counterpart.desktop.widgets.report_text import Count, counts_table, section
from counterpart.desktop.widgets.theme import GRID

_LOOKING_MS = 350
Planned = tuple[ImportAnnotations, ImportPreview]


def preview_job(
    project: Path, source: Path, name: str, root: Path | None, *, overwrite: bool, read: ImportAnnotations | None
) -> Callable[[Any, JobContext], Planned]:
    """A job that reads a file and says what it would change; it opens the project for itself, to look at.

    Args:
        project: The project file.
        source: File or folder with annotations.
        name: Its format.
        root: Folder that image names are relative to.
        overwrite: Whether a person's work may be replaced.
        read: What was read from this file before, where only `overwrite` is another.
    """

    def run(_engine: Any, ctx: JobContext) -> Planned:
        with Document.open(project, read_only=True) as document:
            if read is None:
                return preview_import(document, source, name, ctx, root=root, overwrite=overwrite)
            again = ImportAnnotations(read.dataset, copy.deepcopy(read.report), overwrite, read.names)
            return again, rehearse_import(document, again)

    return run


class ImportDialog(JobDialog):
    """Asks, says what would happen, takes over in one step, reports.

    Args:
        document: The open project.
        folder: Where to begin.
        runner: Reads the file.
        push: Does the command; may raise a `CounterpartError`.
    """

    def __init__(
        self,
        document: Document,
        folder: Path,
        runner: JobRunner,
        push: Callable[[Command], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Import", runner, parent)
        self._document, self._folder, self._push = document, folder, push
        self._planned: ImportAnnotations | None = None
        self._planned_from: tuple[Path, str, Path | None] | None = None
        self._chose_format = False
        self.source = QLineEdit()
        self.source.setPlaceholderText("A file or a folder with annotations")
        self.source.setAccessibleName("Read from")
        self.file = QPushButton("File…")
        self.folder = QPushButton("Folder…")
        self.format = QComboBox()
        self.format.setAccessibleName("Format")
        for name, entry in FORMATS.items():
            if entry.read is not None:
                self.format.addItem(entry.title, name)
        self.format.setCurrentIndex(-1)
        self.format.setPlaceholderText("Recognised from the file")
        self.note = muted(wrap=True, small=True)
        self.root = QLineEdit()
        self.root.setPlaceholderText("As the file says, or beside it")
        self.root.setAccessibleName("Images are in")
        self.root_browse = QPushButton("Folder…")
        self.overwrite = QCheckBox("Replace also what was drawn or reviewed here")
        self.report = QTextBrowser()
        self.report.setAccessibleName("What would happen")
        self.report.setMinimumHeight(190)
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(_LOOKING_MS)
        self._layout()
        self._connect()
        self._say_how_to_begin()

    def _layout(self) -> None:
        form = form_grid()
        form.addRow(field_label("Read from"), field_row(self.source, self.file, self.folder))
        form.addRow(field_label("Format"), self.format)
        form.addRow("", self.note)
        form.addRow(field_label("Images are in"), field_row(self.root, self.root_browse))
        form.addRow("", self.overwrite)
        self.buttons = QDialogButtonBox()
        self.go = self.buttons.addButton("Import", QDialogButtonBox.ButtonRole.ApplyRole)
        self.go.setObjectName("primary")
        self.go.setEnabled(False)
        self.leave = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addLayout(form)
        box.addWidget(self.progress)
        box.addWidget(self.notice)
        box.addWidget(self.report, 1)
        box.addWidget(self.buttons)
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # nothing jumps when reading begins
        self.progress.setSizePolicy(policy)
        self.setMinimumWidth(620)

    def _connect(self) -> None:
        self.source.textChanged.connect(self._source_changed)
        self.root.textChanged.connect(self._look_soon)
        self.format.activated.connect(self._format_chosen)
        self.overwrite.toggled.connect(self._look)
        self.file.clicked.connect(lambda: self._browse(self.source, folders=False))
        self.folder.clicked.connect(lambda: self._browse(self.source, folders=True))
        self.root_browse.clicked.connect(lambda: self._browse(self.root, folders=True))
        self.go.clicked.connect(self.take_over)
        self.buttons.rejected.connect(self.reject)
        self._looking.timeout.connect(self._look)

    def _say_how_to_begin(self) -> None:
        self.report.setHtml(
            "<p>Choose a file or a folder. You see here what would change before anything does.</p>"
            "<p>What was drawn or reviewed here stays, unless you say otherwise. An import is one step of undo.</p>"
        )

    # What is chosen -----------------------------------------------------------------------------------------------

    def _browse(self, field: QLineEdit, *, folders: bool) -> None:
        start = Path(field.text()).parent if field.text() else self._folder
        dialog = path_dialog(self, "Folder" if folders else "Import", str(start))
        dialog.setFileMode(QFileDialog.FileMode.Directory if folders else QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(field.setText)
        dialog.open()

    @Slot()
    def _source_changed(self) -> None:
        self._chose_format = False
        self._look_soon()

    @Slot()
    def _format_chosen(self) -> None:
        self._chose_format = True
        self._look()

    @Slot()
    def _look_soon(self) -> None:
        self.go.setEnabled(False)
        self._looking.start()

    @property
    def _where(self) -> Path | None:
        text = self.source.text().strip()
        return Path(text).expanduser() if text else None

    @Slot()
    def _look(self) -> None:
        """Read what is chosen and say what would happen."""
        self._looking.stop()
        self.stop()
        self.go.setEnabled(False)
        self.notice.hide()
        self.report.show()
        source = self._where
        if source is None:
            self._say_how_to_begin()
            return
        if not self._recognise(source):
            return
        if self._document.path is None:
            self.notice.show_text("warning", "Save the project first (Ctrl+S): it is only in memory.")
            return
        name, root_text = str(self.format.currentData()), self.root.text().strip()
        root = Path(root_text).expanduser() if root_text else None
        same = self._planned_from == (source, name, root)
        read = self._planned if same else None
        self._planned_from = (source, name, root)
        self._planned = None
        job = preview_job(self._document.path, source, name, root, overwrite=self.overwrite.isChecked(), read=read)
        self.start(Job(f"Reading {source.name}", job, "import"))

    def _recognise(self, source: Path) -> bool:
        """Choose the format that the file looks like; whether there is one now."""
        if not source.exists():
            self.report.clear()
            self.notice.show_text("warning", f"There is no file or folder {source}.")
            return False
        if not self._chose_format:
            guess = guess_format(source)
            self.format.setCurrentIndex(self.format.findData(guess) if guess else -1)
        entry = FORMATS.get(self.format.currentData() or "")
        self.note.setText(entry.note if entry is not None else "")
        if entry is None:
            self.report.clear()
            self.notice.show_text("warning", "The format is not recognised. Choose it from the list.")
        return entry is not None

    # Looking ------------------------------------------------------------------------------------------------------

    def job_ended(self, _job: Job, outcome: JobOutcome) -> None:
        if outcome.failure is not None:
            self.report.clear()
            self.notice.show_text("error", outcome.failure.text)
        elif outcome.result is not None:
            self._planned, preview = outcome.result
            self._show_preview(preview)

    def _show_preview(self, preview: ImportPreview) -> None:
        report = preview.report
        self.go.setEnabled(not preview.empty)
        rows = [
            Count(
                len(preview.matched),
                plural(len(preview.matched), "image of the project is", "images of the project are") + " in the file",
            ),
            Count(len(report.added_images), "new, to be added", report.added_images, "good"),
            Count(len(preview.filled), "get their first masks", preview.filled, "good"),
            Count(
                len(preview.predictions_replaced), "have predictions that are replaced", preview.predictions_replaced
            ),
            Count(len(preview.work_kept), "have your own work, which stays", preview.work_kept, "warning"),
            Count(len(preview.work_replaced), "have your own work, which is REPLACED", preview.work_replaced, "danger"),
            Count(len(preview.unchanged), "have these masks already", preview.unchanged),
            Count(
                len(report.added_parts),
                plural(len(report.added_parts), "new part"),
                report.added_parts,
                "good",
            ),
            Count(len(report.added_skeletons), "new skeletons", report.added_skeletons, "good"),
        ]
        page = counts_table(rows) + _problems(report)
        self.report.setHtml(page)
        if not preview.found:
            self.notice.show_text("warning", "There are no annotations in it.")
        elif not preview.matched and not report.added_images:
            self.notice.show_text(
                "warning",
                "None of its images is in this project. Say where the images are, or add them first (Ctrl+I).",
            )
        elif preview.empty:
            self.notice.show_text("info", "Everything in it is in the project already, or would touch your own work.")

    # Taking over --------------------------------------------------------------------------------------------------

    @Slot()
    def take_over(self) -> None:
        """Do what the preview says."""
        command = self._planned
        if command is None:
            return
        self.go.setEnabled(False)
        try:
            self._push(command)
        except CounterpartError as error:
            self.notice.show_text("error", str(error))
            return
        self._planned = self._planned_from = None
        self._taken(command.report)

    def _taken(self, report: ImportReport) -> None:
        noun = plural(report.annotations, "annotation")
        images = plural(report.images, "image")
        text = f"Took over {report.annotations:,} {noun} of {report.images:,} {images}. Undo (Ctrl+Z) takes it back."
        self.notice.show_text("warning" if report.skipped or report.lost else "info", text)
        rows = [
            Count(len(report.added_images), "images added", report.added_images),
            Count(len(report.added_parts), "parts added", report.added_parts),
            Count(len(report.added_skeletons), "skeletons added", report.added_skeletons),
        ]
        page = counts_table(rows) + _problems(report)
        self.report.setHtml(page)
        self.report.setVisible(bool(page))
        self.leave.setText("Close")
        self.leave.setFocus()

    def done(self, result: int) -> None:
        """Close; what is being read is forgotten."""
        self._looking.stop()
        super().done(result)


def _problems(report: ImportReport) -> str:
    parts = (("Left out", report.skipped), ("Cannot be taken over", report.lost), ("Taken otherwise", report.notes))
    return "".join(section(title, [f"{name}: {why}" for name, why in found]) for title, found in parts if found)
