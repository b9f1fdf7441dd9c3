"""Words over a photograph: light on a dark rounded ground, readable whatever lies beneath."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter


def chip_size(painter: QPainter, text: str) -> tuple[float, float]:
    """Width and height of `paint_chip` in the painter's font."""
    metrics = QFontMetricsF(painter.font())
    return metrics.horizontalAdvance(text) + 16, metrics.height() + 8


def paint_chip(painter: QPainter, text: str, left: float, top: float, *, above: bool = False) -> None:
    """Light text on a dark rounded ground, readable over any photograph; below a place or above it."""
    width, height = chip_size(painter, text)
    box = QRectF(left, top - height if above else top, width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 160))
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(QColor("#f2f3f5"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
