"""A small curve: how good the predictions became as images were reviewed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from counterpart.desktop.widgets.theme import colours, small_font

_LEFT, _BOTTOM, _TOP, _RIGHT = 34, 20, 8, 8


class Curve(QWidget):
    """Points joined by lines; the vertical axis goes from 0 to 100 %."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._points: tuple[tuple[int, float], ...] = ()

    def sizeHint(self) -> QSize:
        return QSize(280, 120)

    def set_points(self, points: Sequence[tuple[int, float]]) -> None:
        """Show (number of images reviewed, share in [0, 1]) points, in order."""
        self._points = tuple(points)
        self.update()

    @property
    def points(self) -> tuple[tuple[int, float], ...]:
        """What is shown."""
        return self._points

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small_font(self.font()))
        area = QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)
        theme = colours()
        painter.setPen(QPen(QColor(theme.border), 1))
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setPen(QColor(theme.muted))
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            box = QRectF(0, y - 8, _LEFT - 6, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{100 * share:.0f}")
        if not self._points:
            return
        first, last = self._points[0][0], self._points[-1][0]
        span = max(last - first, 1)
        line = [
            QPointF(area.left() + (count - first) / span * area.width(), area.bottom() - share * area.height())
            for count, share in self._points
        ]
        below = QRectF(area.left(), area.bottom() + 2, area.width(), _BOTTOM)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{first} reviewed")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, str(last))
        painter.setPen(QPen(QColor(theme.accent), 2))
        painter.drawPolyline(QPolygonF(line))
        painter.setBrush(QColor(theme.accent))
        painter.setPen(Qt.PenStyle.NoPen)
        for point in line:
            painter.drawEllipse(point, 3, 3)
