"""The parts of a project as a Qt table: colour, name, share of the current image, visibility and lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor

from counterpart.core.project.model import PartLabel
from counterpart.core.project.names import tidy_name
from counterpart.desktop.widgets.icons import swatch
from counterpart.desktop.widgets.table_model import Index, TableModel
from counterpart.desktop.widgets.theme import colours

VISIBLE, COLOUR, NAME, SHARE, LOCK = range(5)
_HEADERS = ("", "", "Part", "Share", "")
_TIPS = (
    "Show or hide the part on all images",
    "Change the colour",
    "Double-click to rename",
    "Share of this image",
    "Lock the part: nothing paints over it",
)


class PartsModel(TableModel):
    """Parts in order, with what the current image has of them."""

    renamed = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_HEADERS, right=(SHARE,), parent=parent)
        self._parts: list[PartLabel] = []
        self._shares: dict[int, float] = {}
        self._predicted: set[int] = set()

    def set_parts(self, parts: Sequence[PartLabel]) -> None:
        """Show these parts. Where they only look different, rows stay, and so does a name that is being typed."""
        if parts and [part.id for part in parts] == [part.id for part in self._parts]:
            self._parts = list(parts)
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._parts) - 1, len(_HEADERS) - 1))
            return
        self.beginResetModel()
        self._parts = list(parts)
        self.endResetModel()

    def set_image(self, shares: Mapping[int, float], predicted: set[int]) -> None:
        """What the current image has: share of its pixels by part, and the parts that nobody has touched there."""
        if dict(shares) == self._shares and predicted == self._predicted:
            return
        self._shares, self._predicted = dict(shares), set(predicted)
        if self._parts:
            self.dataChanged.emit(self.index(0, NAME), self.index(len(self._parts) - 1, SHARE))

    @property
    def parts(self) -> Sequence[PartLabel]:
        """The parts in order."""
        return self._parts

    def part(self, row: int) -> PartLabel | None:
        """The part in a row."""
        return self._parts[row] if 0 <= row < len(self._parts) else None

    def row_of(self, part: int) -> int:
        """Row of a part, -1 when there is none."""
        return next((row for row, each in enumerate(self._parts) if each.id == part), -1)

    def row_total(self) -> int:
        return len(self._parts)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        part = self._parts[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(part, column)
        if role == Qt.ItemDataRole.EditRole and column == NAME:
            return part.name
        if role == Qt.ItemDataRole.DecorationRole and column == COLOUR:
            return swatch(part.colour)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == SHARE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(colours().text if part.visible else colours().faint)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(part, column, index.row())
        if role == Qt.ItemDataRole.UserRole:
            return part
        return None

    def _text(self, part: PartLabel, column: int) -> str | None:
        if column == NAME:
            return part.name
        if column == SHARE:
            share = self._shares.get(part.id)
            if not share:
                return "–"
            return f"{share * 100:.1f} %" if share >= 0.001 else "< 0.1 %"
        return None

    def _tip(self, part: PartLabel, column: int, row: int) -> str:
        if column != NAME:
            return _TIPS[column]
        key = f" (key {row + 1})" if row < 9 else ""
        here = "predicted here, not touched yet" if part.id in self._predicted else ""
        return "\n".join(filter(None, (f"{part.name}{key}", here, _TIPS[NAME])))

    def flags(self, index: Index) -> Qt.ItemFlag:
        base = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return base | Qt.ItemFlag.ItemIsEditable if index.column() == NAME else base

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        part = self._parts[index.row()]
        if role != Qt.ItemDataRole.EditRole or not tidy_name(str(value)) or tidy_name(str(value)) == part.name:
            return False
        self.renamed.emit(part.id, str(value))
        return True
