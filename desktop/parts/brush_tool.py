"""Tools with a tip: brush and eraser. Strokes come from `core.tools.strokes`."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from counterpart.core.tools.region import Region
from counterpart.core.tools.strokes import StrokeRasteriser
from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Pointer, Tool
from counterpart.desktop.parts.label_editor import LabelEditor

XY = tuple[float, float]
MAX_RADIUS = 400.0
_SIZE_STEP = 1.2


class TipTool(Tool):
    """A tool with a round tip of some size, which a ring shows.

    Signals:
        radius_changed: Radius in image pixels.
    """

    cursor = Qt.CursorShape.CrossCursor
    dashed = False
    radius_changed = Signal(float)

    def __init__(self, canvas: Stage, editor: LabelEditor) -> None:
        super().__init__(canvas)
        self._editor = editor
        self._radius = 12.0
        self._pane = 0
        self._at: QPointF | None = None

    @property
    def part(self) -> int:
        return self._editor.part(self._pane)

    @property
    def radius(self) -> float:
        """Radius of the tip, image pixels."""
        return self._radius

    def set_radius(self, radius: float) -> None:
        """Change the radius."""
        radius = min(max(radius, 0.5), MAX_RADIUS)
        if radius != self._radius:
            self._radius = radius
            self._redraw_ring(self._at)
            self.radius_changed.emit(radius)

    def resize(self, larger: bool) -> None:
        """A step larger or smaller."""
        step = max(self._radius * (_SIZE_STEP - 1), 0.5)
        self.set_radius(self._radius + (step if larger else -step))

    def hover(self, event: Pointer) -> None:
        self._follow(event.position)

    def leave(self) -> None:
        self._follow(None)

    def _follow(self, position: QPointF | None) -> None:
        self._redraw_ring(self._at)
        self._at = position
        self._redraw_ring(position)

    def _ring(self, at: QPointF) -> tuple[QPointF, float] | None:
        index = self.canvas.pane_at(at)
        return (at, self._radius * self.canvas.panes[index].view.scale) if index is not None else None

    def _redraw_ring(self, at: QPointF | None) -> None:
        ring = self._ring(at) if at is not None else None
        if ring is not None and at is not None:
            reach = ring[1] * _SIZE_STEP + 4  # as it is and as it was before a change of size
            self.canvas.update(QRectF(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach).toAlignedRect())

    def paint(self, painter: QPainter) -> None:
        ring = self._ring(self._at) if self._at is not None else None
        if ring is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 160), 3.0), (QColor(255, 255, 255, 230), 1.2)):
            pen = QPen(colour, width)
            if self.dashed:
                pen.setDashPattern([3, 3])
            painter.setPen(pen)
            painter.drawEllipse(ring[0], ring[1], ring[1])


class BrushTool(TipTool):
    """Paints the active part, or erases: with Ctrl held, or always when it is the eraser. Shift+click draws a line."""

    def __init__(self, canvas: Stage, editor: LabelEditor, *, eraser: bool = False) -> None:
        super().__init__(canvas, editor)
        self.id = "eraser" if eraser else "brush"
        self.hint = "" if eraser else "Ctrl erases, Shift draws a straight line"
        self.dashed = self._eraser = self._erasing = eraser
        self._tip: StrokeRasteriser | None = None
        self._end: tuple[object, XY] | None = None

    def begin(self, event: Pointer) -> Begun:
        if event.button != Qt.MouseButton.LeftButton:
            return Begun.NOTHING
        hw = self._editor.hw(event.pane)
        self._erasing = self._eraser or bool(event.modifiers & Qt.KeyboardModifier.ControlModifier)
        if hw is None or not self._editor.begin(event.pane, erase=self._erasing):
            return Begun.NOTHING
        self._pane = event.pane
        self._tip = StrokeRasteriser(self._radius, "round", hw, smooth=True)
        key = self.canvas.panes[event.pane].image_key
        if event.modifiers & Qt.KeyboardModifier.ShiftModifier and self._end is not None and self._end[0] == key:
            self._paint(self._tip.move_to(self._end[1]))
            self._paint(self._tip.line_to(event.xy))
        else:
            self._paint(self._tip.move_to(event.xy))
        return Begun.DRAG

    def extend(self, event: Pointer) -> None:
        self._follow(event.position)
        if self._tip is not None:
            self._paint(self._tip.move_to(event.xy))

    def finish(self, _event: Pointer) -> bool:
        if self._tip is None:
            return False
        self._paint(self._tip.finish())
        position = self._tip.position
        self._tip = None
        if position is not None:
            self._end = (self.canvas.panes[self._pane].image_key, position)
        self._editor.commit(self._pane, "Erase" if self._erasing else self._editor.title("Paint", self._pane))
        return False

    def give_up(self) -> None:
        self._tip = None
        self._editor.abort(self._pane)

    def _paint(self, region: Region) -> None:
        if not region.is_empty:
            self._editor.stroke(self._pane, region)
