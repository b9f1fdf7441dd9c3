"""The table of a skeleton's keypoints: colour, name, the keypoint of the other side, and what each is connected to."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from counterpart.core.project.points import Skeleton
from counterpart.desktop.keypoints.instance_drawing import point_colours
from counterpart.desktop.widgets.icons import swatch
from counterpart.desktop.widgets.table_model import NEXT_NAME
from counterpart.desktop.widgets.theme import colours

COLOUR, NAME, TWIN, JOINED = range(4)


class SkeletonTable(QTableWidget):
    """One row per keypoint; only names can be typed into."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setAccessibleName("Keypoints")
        self.setHorizontalHeaderLabels(["", "Keypoint", "Other side", "Connected to"])
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(26)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(COLOUR, QHeaderView.ResizeMode.Fixed)
        self.setColumnWidth(COLOUR, 30)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(TWIN, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(JOINED, QHeaderView.ResizeMode.Stretch)

    @property
    def rows(self) -> list[int]:
        """The chosen keypoints, in order."""
        return sorted({index.row() for index in self.selectionModel().selectedRows()})

    def choose(self, rows: list[int]) -> None:
        """Choose these keypoints."""
        self.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in rows:
            if row < self.rowCount():
                self.selectionModel().select(self.model().index(row, NAME), flags)

    def edit_name(self, row: int) -> None:
        """Let the name of a keypoint be typed."""
        item = self.item(row, NAME)
        if item is not None:
            self.setCurrentItem(item)
            self.editItem(item)

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """A name was taken or left; Tab goes on to the next one, Shift and Tab to the one before."""
        step = NEXT_NAME.get(hint, 0)
        super().closeEditor(editor, QAbstractItemDelegate.EndEditHint.NoHint if step else hint)
        if step:
            self.edit_name(self.currentRow() + step)

    def fill(self, skeleton: Skeleton) -> None:
        """Show a skeleton; what was chosen stays chosen."""
        keep = self.rows
        self.setRowCount(len(skeleton))
        for row, (name, colour) in enumerate(zip(skeleton.names, point_colours(skeleton), strict=True)):
            dot = QTableWidgetItem(swatch((colour.red(), colour.green(), colour.blue()), 14), "")
            dot.setToolTip("Click to change the colour")
            dot.setFlags(dot.flags() & ~Qt.ItemFlag.ItemIsEditable)
            twin, joined = _fixed(_twin(skeleton, row)), _fixed(_joined(skeleton, row))
            for column, cell in enumerate((dot, QTableWidgetItem(name), twin, joined)):
                self.setItem(row, column, cell)
        self.choose(keep)


def _fixed(text: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
    item.setForeground(QColor(colours().muted))
    item.setToolTip(text)
    return item


def _twin(skeleton: Skeleton, row: int) -> str:
    for left, right in skeleton.mirror_pairs:
        if row in (left, right):
            return skeleton.names[right if row == left else left]
    return ""


def _joined(skeleton: Skeleton, row: int) -> str:
    ends = [b if a == row else a for a, b in skeleton.edges if row in (a, b)]
    return ", ".join(skeleton.names[end] for end in sorted(ends))
