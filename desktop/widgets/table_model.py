"""What the tables of the panels share: headings, tips and sides of columns, and how such a table looks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QTableView

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
NEXT_NAME = {
    QAbstractItemDelegate.EndEditHint.EditNextItem: 1,
    QAbstractItemDelegate.EndEditHint.EditPreviousItem: -1,
}
"""How many rows Tab, or Shift and Tab, lead on from a name that is typed: to the next name, not to the next column."""


class TableModel(QAbstractTableModel):
    """A table without branches. Subclasses say how many rows there are, and what is in them.

    Args:
        headers: Headings of the columns.
        tips: What they mean, where the pointer rests; empty for none.
        right: Columns of numbers, which stand on the right.
        parent: Owner.
    """

    def __init__(
        self,
        headers: Sequence[str],
        tips: Sequence[str] = (),
        right: Collection[int] = (),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._headers, self._tips, self._right = tuple(headers), tuple(tips), frozenset(right)

    def row_total(self) -> int:
        """Number of rows."""
        raise NotImplementedError

    def alignment(self, column: int) -> Qt.AlignmentFlag:
        """Where the words of a column stand."""
        side = Qt.AlignmentFlag.AlignRight if column in self._right else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else self.row_total()

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        if role == Qt.ItemDataRole.ToolTipRole and self._tips:
            return self._tips[section] or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(section)
        return None


def dress(table: QTableView, name: str, model: QAbstractTableModel, row_px: int) -> None:
    """Make a table one of the panels': whole rows are chosen, nothing is typed, no lines, no numbers of rows.

    Args:
        table: The table.
        name: For those who hear it.
        model: Its rows.
        row_px: Height of a row.
    """
    table.setAccessibleName(name)
    table.setModel(model)
    table.setShowGrid(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(row_px)
    table.horizontalHeader().setHighlightSections(False)
