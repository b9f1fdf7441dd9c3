"""The crosshair: lines through the pointer across an image, with the coordinates beside them."""

from __future__ import annotations

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from counterpart.desktop.canvas.captions import chip_size, paint_chip
from counterpart.desktop.canvas.pane import Pane
from counterpart.desktop.widgets.theme import small_font

_FREE = 10.0
"""Around the pointer the lines leave room, so that what is pointed at is seen."""


def place_text(pane: Pane, xy: tuple[float, float]) -> str:
    """Coordinates of a pixel, and its samples where the image has more than 8 bits; empty outside the image."""
    x, y = round(xy[0]), round(xy[1])
    photo = pane.photo
    if photo is None or not (0 <= x < photo.hw[1] and 0 <= y < photo.hw[0]):
        return ""
    text = f"x {x}, y {y}"
    if photo.samples is not None:
        text += " · " + " ".join(f"{value:.6g}" for value in photo.samples.value(x, y))
    return text


def paint_crosshair(painter: QPainter, pane: Pane, at: QPointF, font: QFont) -> None:
    """Draw lines across a pane through a widget position, and what lies there."""
    area = pane.view.area
    text = place_text(pane, pane.view.to_image(at))
    if not text:
        return
    painter.save()
    painter.setClipRect(area)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for pen in (QPen(QColor(0, 0, 0, 130), 3), QPen(QColor(255, 255, 255, 210), 1)):
        painter.setPen(pen)
        painter.drawLine(QPointF(area.left(), at.y()), QPointF(at.x() - _FREE, at.y()))
        painter.drawLine(QPointF(at.x() + _FREE, at.y()), QPointF(area.right(), at.y()))
        painter.drawLine(QPointF(at.x(), area.top()), QPointF(at.x(), at.y() - _FREE))
        painter.drawLine(QPointF(at.x(), at.y() + _FREE), QPointF(at.x(), area.bottom()))
    painter.setFont(small_font(font))
    size = chip_size(painter, text)
    left = at.x() + 14 if at.x() + 14 + size[0] < area.right() else at.x() - 14 - size[0]
    top = at.y() + 14 if at.y() + 14 + size[1] < area.bottom() else at.y() - 14 - size[1]
    paint_chip(painter, text, left, top)
    painter.restore()
