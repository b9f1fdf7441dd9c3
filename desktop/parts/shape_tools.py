"""Tools that enclose regions: rectangle, lasso, polygon, fill. Shapes come from `core.tools`.

Each adds its region to the active part, takes it away, or keeps of the part only what lies in it: as the tool bar says,
or as the key that is held says.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from counterpart.core.project.model import Labels
from counterpart.core.tools.combine import Mode
from counterpart.core.tools.fill import flood_labels
from counterpart.core.tools.region import Region
from counterpart.core.tools.shapes import lasso_region, polygon_region, rectangle_region
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Pointer, Tool
from counterpart.desktop.parts.brush_tool import XY
from counterpart.desktop.parts.label_editor import LabelEditor

_CLOSE_PX = 9.0
_SIGNS: dict[Mode, str] = {"add": "", "subtract": "\N{MINUS SIGN}", "intersect": "\N{INTERSECTION}"}


class ModedTool(Tool):
    """A tool whose region is added to the part, subtracted from it, or intersected with it.

    Attributes:
        mode: What it does while no key is held.
        shift_adds: Whether Shift is one of those keys.
    """

    cursor = Qt.CursorShape.CrossCursor
    shift_adds = True

    def __init__(self, canvas: Stage, editor: LabelEditor) -> None:
        super().__init__(canvas)
        self._editor = editor
        self._pane = 0
        self.mode: Mode = "add"

    def mode_for(self, modifiers: Qt.KeyboardModifier) -> Mode:
        """What it does with these keys held: Ctrl subtracts, Alt or Ctrl and Shift intersect, Shift adds."""
        shift = self.shift_adds and bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        if modifiers & Qt.KeyboardModifier.AltModifier or (control and shift):
            return "intersect"
        return "subtract" if control else "add" if shift else self.mode


class _ShapeTool(ModedTool):
    """A tool that draws an outline."""

    def __init__(self, canvas: Stage, editor: LabelEditor) -> None:
        super().__init__(canvas, editor)
        self._points: list[XY] = []
        self._mode: Mode = "add"

    def _begin(self, event: Pointer) -> bool:
        if not self._editor.begin(event.pane):
            return False
        self._pane, self._points = event.pane, [event.xy]
        self._mode = self.mode_for(event.modifiers)
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
        if _SIGNS[self._mode] and not path.isEmpty():
            _paint_sign(painter, path.last(), _SIGNS[self._mode])


class RectangleTool(_ShapeTool):
    """Drag from corner to corner."""

    id = "rectangle"
    hint = "Drag a rectangle"

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
    hint = "Drag around a region"

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
    hint = "Click corners, Enter closes"

    def __init__(self, canvas: Stage, editor: LabelEditor) -> None:
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


class FillTool(ModedTool):
    """Gives the connected region under the pointer, of one part or of background, to the active part.

    Subtracting erases that region, whichever part it is; intersecting keeps of the active part only that region.
    """

    id = "fill"
    hint = "Click a region to give it to the active part"

    def press(self, event: Pointer) -> None:
        if event.button != Qt.MouseButton.LeftButton or not event.inside:
            return
        mode = self.mode_for(event.modifiers)
        erase = mode == "subtract"
        if not self._editor.begin(event.pane, erase=erase):
            return
        labels: Labels | None = self.canvas.panes[event.pane].labels  # type: ignore[assignment]
        if labels is None:
            return
        region = flood_labels(labels, event.xy)
        if mode == "intersect":
            self._editor.preview(event.pane, region, mode)
            self._editor.commit(event.pane, self._editor.title("Keep piece of"))
        else:
            self._editor.stroke(event.pane, region, erase=erase)
            self._editor.commit(event.pane, "Erase region" if erase else self._editor.title("Fill"))


def _paint_sign(painter: QPainter, at: QPointF, sign: str) -> None:
    """A small round badge that says what a shape does."""
    centre = QPointF(at.x() + 13, at.y() - 13)
    painter.setPen(QPen(QColor(0, 0, 0, 190), 1))
    painter.setBrush(QColor(255, 255, 255, 240))
    painter.drawEllipse(centre, 8.0, 8.0)
    painter.setPen(QColor(20, 20, 20))
    painter.drawText(QRectF(centre.x() - 8, centre.y() - 8.5, 16, 16), Qt.AlignmentFlag.AlignCenter, sign)
