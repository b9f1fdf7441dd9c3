"""What there is of each part over the whole set: images, area, and how much of it a person has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QRect,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.errors import CounterpartError
from counterpart.core.jobs import JobContext
from counterpart.core.project.document import Document
from counterpart.core.project.statistics import PartStatistics, SetStatistics, set_statistics, write_statistics
from counterpart.core.wording import plural
from counterpart.desktop.images.image_rows import state_colour
from counterpart.desktop.images.image_words import STATE_NAMES
from counterpart.desktop.images.images_foot import StateBar
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.widgets.choose_path import path_dialog
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.icons import swatch
from counterpart.desktop.widgets.labels import muted
from counterpart.desktop.widgets.notice import Notice
from counterpart.desktop.widgets.table_model import Index, TableModel
from counterpart.desktop.widgets.theme import GRID, colours

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("Part", ""),
    ("Images", "Images that have the part"),
    ("Of all", "Share of all images of the set"),
    ("Area", "Share of the pixels of all parts"),
    ("Mean", "Mean share of the image, over the images that have the part"),
    ("Smallest", "Smallest share of an image"),
    ("Largest", "Largest share of an image"),
    ("Whose", "Predicted, edited and reviewed"),
)
_NAME, _IMAGES, _OF_ALL, _AREA, _MEAN, _SMALLEST, _LARGEST, _WHOSE = range(len(_COLUMNS))
_SORT = Qt.ItemDataRole.UserRole
_PART = Qt.ItemDataRole.UserRole + 1


class _Model(TableModel):
    """Parts as rows."""

    def __init__(self, found: SetStatistics) -> None:
        headers, tips = zip(*_COLUMNS, strict=True)
        super().__init__(headers, tips, set(range(len(_COLUMNS))) - {_NAME, _WHOSE})
        self._rows, self._total = found.parts, found.images

    def row_total(self) -> int:
        return len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self._rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(row, column, self._total)
        if role == Qt.ItemDataRole.DecorationRole and column == _NAME:
            return swatch(row.part.colour)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole and column == _WHOSE:
            return f"{row.predicted:,} predicted, {row.edited:,} edited, {row.reviewed:,} reviewed"
        if role == _SORT:
            return _sort_key(row, column)
        if role == _PART:
            return row
        return None


def _text(row: PartStatistics, column: int, total: int) -> str:
    values = {
        _NAME: row.part.name,
        _IMAGES: f"{row.images:,}",
        _OF_ALL: f"{row.images / total:.0%}" if total else "",
        _AREA: _percent(row.share),
        _MEAN: _percent(row.mean_area),
        _SMALLEST: _percent(row.smallest),
        _LARGEST: _percent(row.largest),
    }
    return values.get(column, "") if row.images or column in (_NAME, _IMAGES) else "–" if column != _WHOSE else ""


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or not share else "< 0.1%"


def _sort_key(row: PartStatistics, column: int) -> Any:
    done = (row.edited + row.reviewed) / row.images if row.images else -1.0
    keys = (row.part.order, row.images, row.images, row.share, row.mean_area, row.smallest, row.largest, done)
    return keys[column]


class _WhoseDelegate(QStyledItemDelegate):
    """Paints how many images of a part are reviewed, edited and predicted, as a bar in the states' colours."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: PartStatistics = index.data(_PART)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, option.palette.highlight().color())
        if not row.images:
            return
        theme = colours()
        area = QRect(option.rect.left() + 8, option.rect.center().y() - 3, option.rect.width() - 20, 7)
        left = area.left()
        for state, count in (("reviewed", row.reviewed), ("edited", row.edited), ("predicted", row.predicted)):
            width = round(area.width() * count / row.images)
            painter.fillRect(QRect(left, area.top(), width, area.height()), QColor(state_colour(state, theme)))
            left += width


class StatisticsDialog(QDialog):
    """Counts beside the window, and shows a table that can be sorted and saved.

    Args:
        document: The open project.
        folder: Where to begin when saving.
        runner: Counts.

    Signals:
        part_chosen: Part whose images should be listed.
    """

    part_chosen = Signal(int)

    def __init__(self, document: Document, folder: Path, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Statistics")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._folder, self._runner = folder, runner
        self.found: SetStatistics | None = None
        self.words = muted()
        self.bar = StateBar()
        self.notice = Notice()
        self.table = QTableView()
        self.table.setAccessibleName("Statistics of parts")
        self.empty = EmptyState("parts", "Counting …", "")
        self._job: Job | None = None
        self._layout()
        self.table.activated.connect(self._chosen)
        if document.path is None:
            self._show(set_statistics(document))
        else:
            job = Job("Counting parts", _count_job(document.path))
            self._job = runner.submit(job, failed=lambda _failure: None, ended=self._ended)

    def _layout(self) -> None:
        table = self.table
        table.setShowGrid(False)
        table.setSortingEnabled(True)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(30)
        table.setToolTip("Double-click a part to list the images that have it")
        table.horizontalHeader().setHighlightSections(False)
        table.setItemDelegateForColumn(_WHOSE, _WhoseDelegate(table))
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(table)
        self._stack.addWidget(self.empty)
        self._stack.setCurrentIndex(1)
        self.buttons = QDialogButtonBox()
        self.save = self.buttons.addButton("Save as CSV…", QDialogButtonBox.ButtonRole.ActionRole)
        self.save.setEnabled(False)
        self.save.clicked.connect(self._ask_file)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Close)
        self.buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(GRID)
        box.addWidget(self.words)
        box.addWidget(self.bar)
        box.addSpacing(GRID)
        box.addWidget(self.notice)
        box.addWidget(body, 1)
        box.addWidget(muted("Double-click a part to list the images that have it.", small=True))
        box.addSpacing(GRID)
        box.addWidget(self.buttons)
        self.resize(900, 460)

    def _ended(self, outcome: JobOutcome) -> None:
        self._job = None
        if outcome.failure is not None:
            self.empty.say("That did not work", outcome.failure.text)
        elif isinstance(outcome.result, SetStatistics):
            self._show(outcome.result)

    def _show(self, found: SetStatistics) -> None:
        self.found = found
        states = ", ".join(f"{count:,} {STATE_NAMES[state].lower()}" for state, count in found.states.items() if count)
        noun = plural(found.images, "image")
        self.words.setText(f"{found.images:,} {noun}: {states}. {found.labelled:,} have parts.")
        self.bar.set_counts(found.states)
        self.save.setEnabled(bool(found.parts))
        if not found.parts:
            self.empty.say("No parts yet", "Run Parts, or add one in the legend.")
            return
        proxy = QSortFilterProxyModel(self)
        self._model = _Model(found)
        proxy.setSourceModel(self._model)
        proxy.setSortRole(_SORT)
        self.table.setModel(proxy)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_WHOSE, QHeaderView.ResizeMode.Fixed)
        self.table.setColumnWidth(_WHOSE, 160)
        self.table.sortByColumn(_NAME, Qt.SortOrder.AscendingOrder)
        self._stack.setCurrentIndex(0)

    @Slot(QModelIndex)
    def _chosen(self, index: QModelIndex) -> None:
        row: PartStatistics = index.data(_PART)
        self.part_chosen.emit(row.part.id)
        self.accept()

    # Saving -------------------------------------------------------------------------------------------------------

    @Slot()
    def _ask_file(self) -> None:
        dialog = path_dialog(self, "Save statistics", str(self._folder))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("Tables (*.csv)")
        dialog.setDefaultSuffix("csv")
        dialog.selectFile("statistics.csv")
        dialog.fileSelected.connect(self.write)
        dialog.open()

    @Slot(str)
    def write(self, path: str) -> None:
        """Write the table, in the order in which it is shown."""
        try:
            write_statistics(path, self._shown())
        except CounterpartError as error:
            self.notice.show_text("error", str(error))
        else:
            self.notice.show_text("info", f"Wrote {path}.")

    def _shown(self) -> Sequence[PartStatistics]:
        model = self.table.model()
        return [model.index(row, 0).data(_PART) for row in range(model.rowCount())]

    def done(self, result: int) -> None:
        """Close; counting ends."""
        if self._job is not None:
            self._runner.cancel(self._job)
        super().done(result)


def _count_job(project: Path) -> Callable[[Any, JobContext], SetStatistics]:
    def run(_engine: Any, _ctx: JobContext) -> SetStatistics:
        with Document.open(project, read_only=True) as document:
            return set_statistics(document)

    return run
