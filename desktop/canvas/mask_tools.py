"""Tools that paint parts: brush, eraser, rectangle, lasso, polygon, fill. Shapes come from `core.tools`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from core.project.model import Labels
from core.tools.combine import Mode
from core.tools.fill import flood_labels
from core.tools.region import Region
from core.tools.shapes import lasso_region, polygon_region, rectangle_region
from core.tools.strokes import StrokeRasteriser
from desktop.canvas.tools import Pointer, Tool

if TYPE_CHECKING:
    from desktop.canvas.canvas import Canvas

__all__ = ["MAX_RADIUS", "BrushTool", "FillTool", "LassoTool", "PolygonTool", "RectangleTool"]

XY = tuple[float, float]
MAX_RADIUS = 400.0
_SIZE_STEP = 1.2
_CLOSE_PX = 9.0


class Paints(Protocol):
    """Where gestures go; `desktop.editing.Editor`."""

    def hw(self, pane: int) -> tuple[int, int] | None: ...
    def begin(self, pane: int, *, erase: bool = False) -> bool: ...
    def stroke(self, pane: int, region: Region, *, erase: bool = False) -> None: ...
    def preview(self, pane: int, region: Region, mode: Mode = "add") -> None: ...
    def commit(self, pane: int, title: str) -> bool: ...
    def abort(self, pane: int) -> None: ...
    def title(self, verb: str) -> str: ...


class BrushTool(Tool):
    """Paints the active part, or erases: with Ctrl held, or always when it is the eraser. Shift+click draws a line.

    Signals:
        radius_changed: Radius in image pixels.
    """

    cursor = Qt.CursorShape.CrossCursor
    radius_changed = Signal(float)

    def __init__(self, canvas: Canvas, editor: Paints, *, eraser: bool = False) -> None:
        super().__init__(canvas)
        self.id = "eraser" if eraser else "brush"
        self._editor, self._eraser = editor, eraser
        self._radius = 12.0
        self._tip: StrokeRasteriser | None = None
        self._pane = 0
        self._erasing = eraser
        self._end: tuple[object, XY] | None = None
        self._at: QPointF | None = None

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

    def press(self, event: Pointer) -> None:
        if event.button != Qt.MouseButton.LeftButton or self._tip is not None:
            return
        hw = self._editor.hw(event.pane)
        self._erasing = self._eraser or bool(event.modifiers & Qt.KeyboardModifier.ControlModifier)
        if hw is None or not self._editor.begin(event.pane, erase=self._erasing):
            return
        self._pane = event.pane
        self._tip = StrokeRasteriser(self._radius, "round", hw, smooth=True)
        key = self.canvas.panes[event.pane].image_key
        if event.modifiers & Qt.KeyboardModifier.ShiftModifier and self._end is not None and self._end[0] == key:
            self._paint(self._tip.move_to(self._end[1]))
            self._paint(self._tip.line_to(event.xy))
        else:
            self._paint(self._tip.move_to(event.xy))

    def move(self, event: Pointer) -> None:
        self._follow(event.position)
        if self._tip is not None:
            self._paint(self._tip.move_to(event.xy))

    def release(self, event: Pointer) -> None:
        if self._tip is None or event.button != Qt.MouseButton.LeftButton:
            return
        self._paint(self._tip.finish())
        position = self._tip.position
        self._tip = None
        if position is not None:
            self._end = (self.canvas.panes[self._pane].image_key, position)
        self._editor.commit(self._pane, "Erase" if self._erasing else self._editor.title("Paint"))

    def leave(self) -> None:
        self._follow(None)

    def cancel(self) -> None:
        if self._tip is not None:
            self._tip = None
            self._editor.abort(self._pane)

    def _paint(self, region: Region) -> None:
        if not region.is_empty:
            self._editor.stroke(self._pane, region, erase=self._erasing)

    # The ring -----------------------------------------------------------------------------------------------------

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
            if self._eraser:
                pen.setDashPattern([3, 3])
            painter.setPen(pen)
            painter.drawEllipse(ring[0], ring[1], ring[1])


class _ShapeTool(Tool):
    """A tool that encloses a region; Ctrl takes it away, Alt keeps only what is inside."""

    cursor = Qt.CursorShape.CrossCursor
    verb = "Paint"

    def __init__(self, canvas: Canvas, editor: Paints) -> None:
        super().__init__(canvas)
        self._editor = editor
        self._pane = 0
        self._points: list[XY] = []
        self._mode: Mode = "add"

    def _begin(self, event: Pointer) -> bool:
        if not self._editor.begin(event.pane):
            return False
        self._pane, self._points = event.pane, [event.xy]
        control = event.modifiers & Qt.KeyboardModifier.ControlModifier
        alt = event.modifiers & Qt.KeyboardModifier.AltModifier
        self._mode = "subtract" if control else "intersect" if alt else "add"
        return True

    def _finish(self, region: Region) -> None:
        self._points = []
        self._editor.preview(self._pane, region, self._mode)
        verbs = {"add": "Paint", "subtract": "Cut from", "intersect": "Keep part of"}
        self._editor.commit(self._pane, self._editor.title(verbs[self._mode]))
        self.canvas.update()

    def cancel(self) -> None:
        if self._points:
            self._points = []
            self.canvas.update()

    def _widget_points(self) -> list[QPointF]:
        view = self.canvas.panes[self._pane].view
        return [QPointF(*view.to_widget(point)) for point in self._points]

    def _draw(self, painter: QPainter, path: QPolygonF, *, closed: bool) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(255, 255, 255, 28) if closed else Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 170), 3.0), (QColor(255, 255, 255, 240), 1.4)):
            painter.setPen(QPen(colour, width))
            if closed:
                painter.drawPolygon(path)
            else:
                painter.drawPolyline(path)


class RectangleTool(_ShapeTool):
    """Drag from corner to corner."""

    id = "rectangle"

    def press(self, event: Pointer) -> None:
        if event.button == Qt.MouseButton.LeftButton and self._begin(event):
            self._points = [event.xy, event.xy]

    def move(self, event: Pointer) -> None:
        if len(self._points) == 2:
            self._points[1] = event.xy
            self.canvas.update()

    def release(self, event: Pointer) -> None:
        hw = self._editor.hw(self._pane)
        if len(self._points) == 2 and hw is not None:
            self._finish(rectangle_region(self._points[0], event.xy, hw))

    def paint(self, painter: QPainter) -> None:
        if len(self._points) == 2:
            a, b = self._widget_points()
            self._draw(painter, QPolygonF(QRectF(a, b).normalized()), closed=True)


class LassoTool(_ShapeTool):
    """Drag around a region."""

    id = "lasso"

    def press(self, event: Pointer) -> None:
        if event.button == Qt.MouseButton.LeftButton:
            self._begin(event)

    def move(self, event: Pointer) -> None:
        if self._points:
            self._points.append(event.xy)
            self.canvas.update()

    def release(self, _event: Pointer) -> None:
        hw = self._editor.hw(self._pane)
        if self._points and hw is not None:
            self._finish(lasso_region(self._points, hw))

    def paint(self, painter: QPainter) -> None:
        if len(self._points) > 1:
            self._draw(painter, QPolygonF(self._widget_points()), closed=True)


class PolygonTool(_ShapeTool):
    """Click corners; a click on the first one, a double-click or Enter closes it, Backspace takes one back."""

    id = "polygon"

    def __init__(self, canvas: Canvas, editor: Paints) -> None:
        super().__init__(canvas, editor)
        self._at: XY | None = None

    def press(self, event: Pointer) -> None:
        if event.button != Qt.MouseButton.LeftButton:
            return
        if not self._points:
            self._begin(event)
        elif event.pane == self._pane:
            first = self._widget_points()[0]
            if len(self._points) >= 3 and (event.position - first).manhattanLength() <= _CLOSE_PX:
                self.accept()
            else:
                self._points.append(event.xy)
        self.canvas.update()

    def move(self, event: Pointer) -> None:
        if self._points:
            self._at = event.xy
            self.canvas.update()

    def double_click(self, _event: Pointer) -> None:
        self.accept()

    def accept(self) -> bool:
        """Close the polygon; whether there was one."""
        hw = self._editor.hw(self._pane)
        if len(self._points) < 3 or hw is None:
            return False
        self._finish(polygon_region([self._points], hw))
        return True

    def back(self) -> bool:
        """Take the last corner back; whether there was one."""
        if not self._points:
            return False
        self._points.pop()
        self.canvas.update()
        return True

    def paint(self, painter: QPainter) -> None:
        if not self._points:
            return
        corners = self._widget_points()
        view = self.canvas.panes[self._pane].view
        path = [*corners, QPointF(*view.to_widget(self._at))] if self._at is not None else corners
        self._draw(painter, QPolygonF(path), closed=len(path) > 2)
        painter.setPen(QPen(QColor(0, 0, 0, 170), 1))
        for index, corner in enumerate(corners):
            painter.setBrush(QColor("#ffffff"))
            size = 4.5 if index == 0 else 3.0
            painter.drawEllipse(corner, size, size)


class FillTool(Tool):
    """Gives the connected region under the pointer, of one part or of background, to the active part."""

    id = "fill"
    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, canvas: Canvas, editor: Paints) -> None:
        super().__init__(canvas)
        self._editor = editor

    def press(self, event: Pointer) -> None:
        if event.button != Qt.MouseButton.LeftButton or not event.inside:
            return
        erase = bool(event.modifiers & Qt.KeyboardModifier.ControlModifier)
        if not self._editor.begin(event.pane, erase=erase):
            return
        labels: Labels | None = self.canvas.panes[event.pane].labels  # type: ignore[assignment]
        if labels is None:
            return
        self._editor.stroke(event.pane, flood_labels(labels, event.xy), erase=erase)
        self._editor.commit(event.pane, "Erase region" if erase else self._editor.title("Fill"))
