"""The points to look at first as a Qt table, the most doubtful on top."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from PySide6.QtCore import QObject, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from counterpart.core.pipeline.keypoints.doubt import Doubt, Reason
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.widgets.table_model import Index, TableModel
from counterpart.desktop.widgets.theme import colours

POINT, IMAGE, DOUBT, REASON = range(4)
_HEADERS = ("Keypoint", "Image", "Doubt", "Why")
_TIPS = (
    "The point, of its instance",
    "The image that it is on",
    "How likely it is wrong",
    "What speaks against it",
)

_LEAST_TRACK = 24
_SHORT = {Reason.SWAP: "Swapped?", Reason.ODD: "Odd"}
"""Where the column is too narrow for the whole reason, which the tooltip has."""


class QueueModel(TableModel):
    """Rows of doubt. Names are looked up when they are shown.

    Args:
        image_name: Gives the name of an image.
        point_name: Gives the name of a keypoint.
    """

    def __init__(
        self,
        image_name: Callable[[int], str],
        point_name: Callable[[int], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(_HEADERS, _TIPS, parent=parent)
        self._image_name, self._point_name = image_name, point_name
        self._rows: list[Doubt] = []

    def set_rows(self, rows: Sequence[Doubt]) -> None:
        """Show these points."""
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    @property
    def rows(self) -> Sequence[Doubt]:
        """The points shown."""
        return self._rows

    def row(self, number: int) -> Doubt | None:
        """The point of a row."""
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def row_of(self, key: tuple[int, int]) -> int:
        """Row of a point, -1 when it is not listed."""
        return next((number for number, row in enumerate(self._rows) if row.key == key), -1)

    # Qt -----------------------------------------------------------------------------------------------------

    def row_total(self) -> int:
        return len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self._rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole and column != DOUBT:
            return {POINT: self._points(row), IMAGE: PurePosixPath(self._image_name(row.image)).stem,
                    REASON: _SHORT.get(row.reason, row.reason.value)}[column]  # fmt: skip
        if role == Qt.ItemDataRole.UserRole and column == DOUBT:
            return row.doubt
        if role == Qt.ItemDataRole.ToolTipRole:
            whose = "confirmed" if row.confirmed else "predicted"
            words = f"{self._points(row)} on {self._image_name(row.image)}, {whose}"
            return f"{words}<br>{row.reason.value} · doubt {row.doubt:.0%}"
        if role == Qt.ItemDataRole.DecorationRole and column == REASON and row.reason == Reason.SWAP:
            return icon("swap", colours().warning)
        if role == Qt.ItemDataRole.ForegroundRole and column in (REASON, IMAGE):
            return QColor(colours().muted)
        return None

    def _points(self, row: Doubt) -> str:
        """Its point, or the two of a confirmed pair, which stand in one row."""
        both = row.pairs[0] if row.confirmed and row.pairs else (row.index,)
        return " ↔ ".join(self._point_name(index) for index in both)


class Bar(QStyledItemDelegate):
    """A share in [0, 1] as a bar with its percentage, where there is room for one, else as a coloured percentage.

    Args:
        tone: Names a colour of the theme for a share.
    """

    def __init__(self, tone: Callable[[float], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tone = tone

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        share = index.data(Qt.ItemDataRole.UserRole)
        theme = colours()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, option.palette.highlight().color())
        if share is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        words = f"{share:.0%}"
        room = painter.fontMetrics().horizontalAdvance("100%") + 6
        box = QRectF(option.rect).adjusted(6, 0, -6, 0)
        track = QRectF(box.left(), box.center().y() - 3, box.width() - room, 6)
        tone = QColor(getattr(theme, self._tone(share)))
        if track.width() >= _LEAST_TRACK:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.border))
            painter.drawRoundedRect(track, 3, 3)
            painter.setBrush(tone)
            filled = QRectF(track)
            filled.setWidth(max(track.width() * min(max(share, 0.0), 1.0), 6))
            painter.drawRoundedRect(filled, 3, 3)
            tone = QColor(theme.text)
        painter.setPen(tone)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        painter.restore()
