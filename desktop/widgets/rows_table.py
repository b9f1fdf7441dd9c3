"""A small table for a person to walk through: rows of text, each with a key, one of them chosen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from counterpart.desktop.widgets.icons import swatch
from counterpart.desktop.widgets.table_model import Index, TableModel, dress
from counterpart.desktop.widgets.theme import colours


@dataclass(frozen=True, slots=True)
class Cell:
    """One field.

    Attributes:
        text: What is read.
        share: The number in [0, 1] that the text says, where it says one.
        doubtful: Whether it is drawn in the colour of doubt.
        colour: A swatch before it.
    """

    text: str
    share: float | None = None
    doubtful: bool = False
    colour: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line.

    Attributes:
        key: What it is about.
        cells: Its fields.
        tip: Shown where the pointer rests.
    """

    key: Hashable
    cells: tuple[Cell, ...]
    tip: str = ""


class RowsModel(TableModel):
    """Rows as they are given."""

    def __init__(self, headers: Sequence[str], right: Sequence[int] = (), parent: QObject | None = None) -> None:
        super().__init__(headers, right=right, parent=parent)
        self.rows: tuple[Row, ...] = ()

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def row_total(self) -> int:
        return len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        cell = row.cells[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tip or cell.text
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == Qt.ItemDataRole.ForegroundRole and cell.doubtful:
            return QColor(colours().warning)
        if role == Qt.ItemDataRole.DecorationRole and cell.colour is not None:
            return swatch(cell.colour)
        return None


class RowsTable(QTableView):
    """Shows a `RowsModel`.

    Signals:
        chosen: Key of the row that was clicked or walked to.
    """

    chosen = Signal(object)

    def __init__(self, name: str, model: RowsModel, stretch: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = model
        dress(self, name, model, 28)
        self.setWordWrap(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(stretch, QHeaderView.ResizeMode.Stretch)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows; the chosen one stays chosen where it is still there, and nobody is told."""
        keep = self.current_key
        self.selectionModel().blockSignals(True)
        self._rows.set_rows(rows)
        place = next((index for index, row in enumerate(rows) if row.key == keep), -1)
        if place >= 0:
            self.selectRow(place)
        self.selectionModel().blockSignals(False)

    @property
    def current_key(self) -> Hashable | None:
        """Key of the chosen row."""
        index = self.currentIndex()
        return self._rows.rows[index.row()].key if index.isValid() and index.row() < len(self._rows.rows) else None

    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.chosen.emit(self._rows.rows[now.row()].key)
