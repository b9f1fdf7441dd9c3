"""Exporting: which format, which images, where to; and afterwards what was written, skipped and lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
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

from counterpart.core.formats import FORMATS, ExportOptions, ExportReport, Format, export_project
from counterpart.core.jobs import JobContext
from counterpart.core.project.document import Document
from counterpart.core.project.model import ImageState
from counterpart.core.project.work import predictions_among
from counterpart.core.wording import plural
from counterpart.desktop.jobs.job import Failure, Job, JobOutcome
from counterpart.desktop.jobs.job_dialog import JobDialog
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.widgets.choose_path import path_dialog
from counterpart.desktop.widgets.form import field_row, form_grid
from counterpart.desktop.widgets.labels import field_label, muted
from counterpart.desktop.widgets.report_text import by_reason, counts_table, counts_text, paragraphs, titled
from counterpart.desktop.widgets.theme import GRID

_POLYGONS = ("coco", "labelme", "cvat")
_COPIES = ("labelme", "yolo-seg", "yolo-pose", "voc", "davis", "spair", "deeplabcut", "cvat")


def export_job(
    project: Path, name: str, out: Path, options: ExportOptions
) -> Callable[[Any, JobContext], ExportReport]:
    """A job that exports a project file; it opens the file for itself, to read."""

    def run(_engine: Any, ctx: JobContext) -> ExportReport:
        with Document.open(project, read_only=True) as document:
            return export_project(document, name, out, options, ctx)

    return run


class ExportDialog(JobDialog):
    """Asks, exports beside the window, reports.

    Args:
        document: The open project.
        folder: Where to begin.
        current: The image that is shown, 0 for none.
        listed: The images shown in the list.
        runner: Runs the export.
        preferred: Format to begin with, if it can hold what there is.

    Signals:
        exported: Format that something was written in.
    """

    exported = Signal(str)

    def __init__(
        self,
        document: Document,
        folder: Path,
        current: int,
        listed: Sequence[int],
        runner: JobRunner,
        parent: QWidget | None = None,
        *,
        preferred: str = "",
    ) -> None:
        super().__init__("Export", runner, parent)
        self._document, self._current, self._listed = document, current, tuple(listed)
        self._typed = self._asked = False
        self._folder = folder
        self.format = QComboBox()
        for name, entry in FORMATS.items():
            if entry.write is not None and self._has_anything(entry):
                self.format.addItem(entry.title, name)
        self.format.setCurrentIndex(max(self.format.findData(preferred), 0))
        self.note = muted(wrap=True, small=True)
        self.scope = QComboBox()
        self._fill_scopes()
        self.predictions = QComboBox()
        self.about_predictions = muted(wrap=True, small=True)
        self.target = QLineEdit()
        self.target.setAccessibleName("Write to")
        self.browse = QPushButton("Browse…")
        self.polygons = QCheckBox("Outlines instead of exact masks")
        self.copies = QCheckBox("Copy the images too")
        self.report = QTextBrowser()
        self.report.setAccessibleName("Report")
        self.report.hide()
        self._report_text = ""
        self._layout()
        self._connect()
        self._format_chosen()

    def _layout(self) -> None:
        self._questions = QWidget()
        form = self._form = form_grid(self._questions)
        form.addRow(field_label("Format"), self.format)
        form.addRow("", self.note)
        form.addRow(field_label("Images"), self.scope)
        form.addRow(field_label("Predictions"), self.predictions)
        form.addRow("", self.about_predictions)
        form.addRow(field_label("Write to"), field_row(self.target, self.browse))
        form.addRow("", self.polygons)
        form.addRow("", self.copies)
        self.buttons = QDialogButtonBox()
        self.go = self.buttons.addButton("Export", QDialogButtonBox.ButtonRole.ApplyRole)
        self.go.setObjectName("primary")
        self.show_folder = self.buttons.addButton("Show in folder", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_report = self.buttons.addButton("Copy report", QDialogButtonBox.ButtonRole.ActionRole)
        self.leave = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        box = self._box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addWidget(self._questions)
        box.addWidget(self.progress)
        box.addWidget(self.notice)
        box.addWidget(self.report, 1)
        box.addWidget(self.buttons)
        self.setMinimumWidth(580)
        for button in (self.browse, self.show_folder, self.copy_report, self.leave):
            button.setAutoDefault(False)
        self._forget_report()

    def _connect(self) -> None:
        self.format.currentIndexChanged.connect(self._format_chosen)
        self.browse.clicked.connect(self._browse)
        self.target.textEdited.connect(self._target_typed)
        self.scope.currentIndexChanged.connect(self._ask_predictions)
        for told in (
            self.format.currentIndexChanged,
            self.scope.currentIndexChanged,
            self.predictions.currentIndexChanged,
            self.target.textChanged,
            self.polygons.toggled,
            self.copies.toggled,
        ):
            told.connect(self._forget_report)
        self.copy_report.clicked.connect(self._copy)
        self.go.clicked.connect(self.export)
        self.show_folder.clicked.connect(self._show_folder)
        self.buttons.rejected.connect(self.reject)

    def _has_anything(self, entry: Format) -> bool:
        """Whether the project has something that a format holds."""
        document = self._document
        have = {
            "masks": bool(document.parts),
            "keypoints": bool(document.skeletons),
            "matches": bool(document.match_pairs()),
        }
        return any(have[kind] for kind in entry.holds)

    def _fill_scopes(self) -> None:
        document = self._document
        counts = document.state_counts()
        self.scope.addItem(f"All ({len(document):,})", "all")
        self.scope.addItem(f"Reviewed ({counts.get('reviewed', 0):,})", "reviewed")
        if len(self._listed) != len(document):
            self.scope.addItem(f"Shown in the list ({len(self._listed):,})", "listed")
        if self._current:
            self.scope.addItem(f"The current one ({document.image(self._current).name})", "current")

    # What is chosen -----------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Format | None:
        """The format that is chosen, None when the project has nothing to export."""
        name = self.format.currentData()
        return FORMATS[name] if name else None

    @property
    def _images(self) -> tuple[int, ...] | None:
        """The images of the scope that is chosen, None for all."""
        return {"current": (self._current,), "listed": self._listed}.get(self.scope.currentData())

    @Slot()
    def _ask_predictions(self) -> None:
        """Offer to leave predictions out, where there are any and the format holds what they are about."""
        document, entry, images = self._document, self.chosen, self._images
        records = document.images() if images is None else map(document.image, images)
        reviewed = self.scope.currentData() == "reviewed"
        among = predictions_among(record for record in records if not reviewed or record.state == "reviewed")
        asked = entry is not None and "matches" not in entry.holds and bool(among.predicted)
        self.predictions.blockSignals(True)
        self.predictions.clear()
        if among.looked_at:
            self.predictions.addItem(f"Leave out: reviewed and edited images only ({among.looked_at:,})", False)
        self.predictions.addItem(f"Export them too ({among.total:,} {plural(among.total, 'image')})", True)
        self.predictions.blockSignals(False)
        none = "" if among.looked_at else " None was edited or reviewed yet, so they are exported."
        self.about_predictions.setText(f"{among.words()}: nobody has looked at {_them(among.predicted)}.{none}")
        self._form.setRowVisible(self.predictions, asked and bool(among.looked_at))
        self._form.setRowVisible(self.about_predictions, asked)
        self._asked = asked

    def options(self) -> ExportOptions:
        """What to export."""
        states: tuple[ImageState, ...] | None = ("reviewed",) if self.scope.currentData() == "reviewed" else None
        if self._asked and not self.predictions.currentData():
            states = ("edited", "reviewed")
        return ExportOptions(
            self._images,
            states,
            polygons=self.polygons.isChecked() and self.polygons.isVisibleTo(self),
            copy_images=self.copies.isChecked() and self.copies.isVisibleTo(self),
        )

    @Slot()
    def _format_chosen(self) -> None:
        entry = self.chosen
        self.go.setEnabled(entry is not None)
        self._ask_predictions()
        if entry is None:
            self.note.setText("There is nothing to export yet: run Parts or find matches first.")
            return
        self.note.setText(entry.note)
        self.polygons.setVisible(entry.name in _POLYGONS)
        self.copies.setVisible(entry.name in _COPIES)
        if not self._typed:
            self.target.setText(str(self._suggested(entry)))

    def _suggested(self, entry: Format) -> Path:
        base = self._folder if self._folder.is_dir() else Path.home()
        plain = f"counterpart-{entry.name}"
        target = base.parent / f"{base.name}-{plain}{entry.suffix}"
        number = 2
        while target.exists():
            target = base.parent / f"{base.name}-{plain}-{number}{entry.suffix}"
            number += 1
        return target

    @Slot()
    def _target_typed(self) -> None:
        self._typed = True

    @Slot()
    def _browse(self) -> None:
        entry = self.chosen
        if entry is None:
            return
        dialog = path_dialog(self, "Write to", str(Path(self.target.text()).parent))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite, entry.is_folder)
        if entry.suffix:
            dialog.setDefaultSuffix(entry.suffix.lstrip("."))
            dialog.setNameFilter(f"{entry.title} (*{entry.suffix})")
        dialog.selectFile(Path(self.target.text()).name)
        dialog.fileSelected.connect(self._target_chosen)
        dialog.open()

    @Slot(str)
    def _target_chosen(self, path: str) -> None:
        self._typed = True
        self.target.setText(path)

    # Exporting ----------------------------------------------------------------------------------------------------

    @Slot()
    def export(self) -> None:
        """Export what is chosen."""
        entry, text = self.chosen, self.target.text().strip()
        if entry is None or not text or self.working:
            return
        self._forget_report()
        if self._document.path is None:
            self.notice.show_text("warning", "Save the project first (Ctrl+S): it is only in memory.")
            return
        target = Path(text).expanduser()
        self._enable(False)
        job = export_job(self._document.path, entry.name, target, self.options())
        self.start(Job(f"Exporting {entry.title}", job))

    def job_ended(self, _job: Job, outcome: JobOutcome) -> None:
        self._enable(True)
        if outcome.failure is not None:
            self._failed(outcome.failure)
        elif isinstance(outcome.result, ExportReport):
            self._written(outcome.result)

    def _failed(self, failure: Failure) -> None:
        self.notice.show_text("error", failure.text)

    def _written(self, report: ExportReport) -> None:
        self.exported.emit(report.format)
        noun = plural(report.annotations, "annotation")
        images = plural(report.images, "image")
        problem = bool(report.skipped or report.lost)
        text = f"Wrote {report.annotations:,} {noun} of {report.images:,} {images} to {report.path}."
        self.notice.show_text("warning" if problem else "info", text)
        page, told = "", text
        for title, pairs in (("Left out", report.skipped), ("Cannot be held by this format", report.lost)):
            counts = by_reason(pairs)
            if counts:
                page += titled(title, counts_table(counts))
                told += f"\n\n{title}\n{counts_text(counts)}"
        if report.notes:
            page += titled("Good to know", paragraphs(report.notes))
            told += "\n\nGood to know\n" + "\n".join(report.notes)
        self.report.setHtml(page)
        self.report.setVisible(bool(page))
        self._report_text = told
        self.show_folder.show()
        self.copy_report.show()
        self.leave.setText("Close")
        self._box.activate()
        self.resize(self.width(), max(self.height(), self.sizeHint().height() + GRID))
        self.leave.setDefault(True)
        self.leave.setFocus()

    def _enable(self, enabled: bool) -> None:
        """What is asked cannot be answered otherwise while it is being done."""
        self._questions.setEnabled(enabled)
        self.go.setEnabled(enabled)

    @Slot()
    def _forget_report(self) -> None:
        """Something else is asked for than what was reported on: Enter exports again."""
        self._report_text = ""
        for widget in (self.notice, self.report, self.show_folder, self.copy_report):
            widget.hide()
        self.leave.setText("Cancel")
        self.go.setDefault(True)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report_text)

    @Slot()
    def _show_folder(self) -> None:
        path = Path(self.target.text())
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))


def _them(number: int) -> str:
    return plural(number, "it", "them")
