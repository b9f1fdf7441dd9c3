"""Marks a region to look at, without changing anything."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.tool import Pointer, Tool

_CLICK_PX = 4


class RegionTool(Tool):
    """Drag a rectangle around what is to be looked at; a click is a rectangle of a few screen pixels.

    Signals:
        marked: Pane, and left, top, right, bottom in image coordinates.
    """

    id = "region"
    cursor = Qt.CursorShape.CrossCursor

    marked = Signal(int, float, float, float, float)

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._pane = 0
        self._corners: tuple[QPointF, QPointF] | None = None

    def begin(self, event: Pointer) -> Begun:
        if event.button != Qt.MouseButton.LeftButton or not event.inside:
            return Begun.NOTHING
        self._pane, self._corners = event.pane, (event.position, event.position)
        return Begun.DRAG

    def extend(self, event: Pointer) -> None:
        if self._corners is not None:
            self._corners = (self._corners[0], event.position)
            self.canvas.update()

    def finish(self, event: Pointer) -> bool:
        if self._corners is None:
            return False
        box = QRectF(self._corners[0], event.position).normalized()
        self._corners = None
        self.canvas.update()
        if box.width() < _CLICK_PX and box.height() < _CLICK_PX:
            box.adjust(-_CLICK_PX, -_CLICK_PX, _CLICK_PX, _CLICK_PX)
        view = self.canvas.panes[self._pane].view
        left, top = view.to_image(box.topLeft())
        right, bottom = view.to_image(box.bottomRight())
        self.marked.emit(self._pane, left, top, right, bottom)
        return False

    def interrupt(self, _event: Pointer) -> None:
        self.give_up()  # it changes nothing and is drawn again at once

    def give_up(self) -> None:
        if self._corners is not None:
            self._corners = None
            self.canvas.update()

    def paint(self, painter: QPainter) -> None:
        if self._corners is None:
            return
        painter.setBrush(QColor(255, 255, 255, 28))
        for colour, width in ((QColor(0, 0, 0, 170), 3.0), (QColor(255, 255, 255, 240), 1.4)):
            painter.setPen(QPen(colour, width))
            painter.drawRect(QRectF(*self._corners).normalized())
