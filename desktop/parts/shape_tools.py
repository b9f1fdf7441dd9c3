"""Tools that enclose regions: rectangle, lasso, polygon, fill. Shapes come from `core.tools`.

Each adds its region to the active part, takes it away, or keeps of the part only what lies in it: as the tool bar says,
or as the key that is held says.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from counterpart.core.project.model import Labels
from counterpart.core.tools.combine import Mode
from counterpart.core.tools.fill import flood_labels
from counterpart.core.tools.region import Region
from counterpart.core.tools.shapes import lasso_region, polygon_region, rectangle_region
from counterpart.core.wording import counted
from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Dropped, Pointer, Tool
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

    @property
    def part(self) -> int:
        return self._editor.part(self._pane)

    def mode_for(self, modifiers: Qt.KeyboardModifier) -> Mode:
        """What it does with these keys held: Ctrl subtracts, Alt or Ctrl and Shift intersect, Shift adds."""
        shift = self.shift_adds and bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        if modifiers & Qt.KeyboardModifier.AltModifier or (control and shift):
            return "intersect"
        return "subtract" if control else "add" if shift else self.mode


class _ShapeTool(ModedTool):
    """A tool that draws an outline. Nothing is painted before that is closed."""

    def __init__(self, canvas: Stage, editor: LabelEditor) -> None:
        super().__init__(canvas, editor)
        self._points: list[XY] = []
        self._mode: Mode = "add"
        self._part = 0

    @property
    def part(self) -> int:
        return self._part

    def begin(self, event: Pointer) -> Begun:
        if event.button != Qt.MouseButton.LeftButton or not self._editor.begin(event.pane):
            return Begun.NOTHING
        self._part = self._editor.part(event.pane)
        self._editor.abort(event.pane)  # it goes on when the outline is closed
        self._pane, self._points = event.pane, [event.xy]
        self._mode = self.mode_for(event.modifiers)
        self.canvas.update()
        return Begun.DRAG

    def _region(self, hw: tuple[int, int]) -> Region:
        """What the outline encloses."""
        raise NotImplementedError

    def finish(self, _event: Pointer) -> bool:
        self._close()
        return False

    def _close(self) -> bool:
        """Paint what is enclosed as one step; whether that is allowed."""
        hw = self._editor.hw(self._pane)
        if hw is None or not self._editor.begin(self._pane, part=self._part):
            return False
        region = self._region(hw)
        self._points = []
        self._editor.preview(self._pane, region, self._mode)
        verbs = {"add": "Paint", "subtract": "Cut from", "intersect": "Keep part of"}
        self._editor.commit(self._pane, self._editor.title(verbs[self._mode], self._pane))
        self.canvas.update()
        return True

    def interrupt(self, _event: Pointer) -> None:
        """An outline that nobody has closed is no region yet: it is put aside, and closed if that is wanted."""
        image, pane, points, mode, part = (
            self._editor.image(self._pane),
            self._pane,
            self._points,
            self._mode,
            self._part,
        )
        self.give_up()

        def bring_back() -> None:
            if self._editor.image(pane) != image:
                self.dropped.emit(Dropped(f"The {self.id} was drawn on another image. Show that first."))
                return
            self._pane, self._points, self._mode, self._part = pane, points, mode, part
            if not self._close():
                self.give_up()

        if len(points) > 1:
            self.dropped.emit(Dropped(f"The {self.id} was interrupted and left out.", "Paint it", bring_back))

    def give_up(self) -> None:
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

    def extend(self, event: Pointer) -> None:
        self._points[1:] = [event.xy]
        self.canvas.update()

    def finish(self, event: Pointer) -> bool:
        self._points[1:] = [event.xy]
        return super().finish(event)

    def _region(self, hw: tuple[int, int]) -> Region:
        return rectangle_region(self._points[0], self._points[-1], hw)

    def paint(self, painter: QPainter) -> None:
        if len(self._points) == 2:
            a, b = self._widget_points()
            self._draw(painter, QPolygonF(QRectF(a, b).normalized()), closed=True)


class LassoTool(_ShapeTool):
    """Drag around a region."""

    id = "lasso"
    hint = "Drag around a region"

    def extend(self, event: Pointer) -> None:
        self._points.append(event.xy)
        self.canvas.update()

    def _region(self, hw: tuple[int, int]) -> Region:
        return lasso_region(self._points, hw)

    def paint(self, painter: QPainter) -> None:
        if len(self._points) > 1:
            self._draw(painter, QPolygonF(self._widget_points()), closed=True)


@dataclass(frozen=True, slots=True)
class _Aside:
    """Corners that wait for their image to be shown, or for the tool to be taken, again."""

    points: tuple[XY, ...]
    mode: Mode
    part: int


class PolygonTool(_ShapeTool):
    """Click corners; a click on the first one, a double-click or Enter closes it.

    Undo and Backspace take a corner back. Corners that are left unclosed wait for their image to be shown again.
    """

    id = "polygon"
    hint = "Click corners, Enter closes"
    tells_double = True

    def __init__(self, canvas: Stage, editor: LabelEditor) -> None:
        super().__init__(canvas, editor)
        self._at: XY | None = None
        self._taken: list[XY] = []
        self._aside: dict[int, _Aside] = {}

    def begin(self, event: Pointer) -> Begun:
        begun = super().begin(event)
        self._at, self._taken = None, []
        return Begun.STEPS if begun is Begun.DRAG else begun

    def add(self, event: Pointer) -> bool:
        if event.button != Qt.MouseButton.LeftButton:
            return True
        first = self._widget_points()[0]
        if len(self._points) >= 3 and (event.position - first).manhattanLength() <= _CLOSE_PX:
            return not self.close()
        if event.xy != self._points[-1]:
            self._points.append(event.xy)
            self._taken = []
        self.canvas.update()
        return True

    def extend(self, event: Pointer) -> None:
        self._at = event.xy
        self.canvas.update()

    def double_click(self, _event: Pointer) -> bool:
        return bool(self._points) and not self.close()

    def close(self) -> bool:
        """Close the polygon; whether it could be."""
        return len(self._points) >= 3 and self._close()

    def _region(self, hw: tuple[int, int]) -> Region:
        return polygon_region([self._points], hw)

    def take_back(self) -> bool:
        """Take the last corner back; whether there are others."""
        self._taken.append(self._points.pop())
        self.canvas.update()
        return bool(self._points)

    def restore(self) -> None:
        if self._taken:
            self._points.append(self._taken.pop())
            self.canvas.update()

    @property
    def can_restore(self) -> bool:
        return bool(self._taken)

    def interrupt(self, _event: Pointer) -> None:
        """Put the corners aside: they come back with their image."""
        key = self.canvas.panes[self._pane].image_key
        if isinstance(key, int) and key and self._points:
            self._aside[key] = _Aside(tuple(self._points), self._mode, self._part)
            words = counted(len(self._points), "corner")
            self.dropped.emit(Dropped(f"The polygon of {words} waits: it comes back with its image and this tool."))
        self.give_up()

    def resume(self, pane: int) -> bool:
        image = self._editor.image(pane)
        aside = self._aside.get(image)
        if aside is None or not self._editor.knows(aside.part):
            return False
        del self._aside[image]
        self._pane, self._points, self._at, self._taken = pane, list(aside.points), None, []
        self._mode, self._part = aside.mode, aside.part
        self.canvas.update()
        return True

    def forget(self) -> None:
        """Another project: its images are others."""
        self._aside.clear()

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

    def begin(self, event: Pointer) -> Begun:
        if event.button != Qt.MouseButton.LeftButton or not event.inside:
            return Begun.NOTHING
        mode = self.mode_for(event.modifiers)
        erase = mode == "subtract"
        if not self._editor.begin(event.pane, erase=erase):
            return Begun.NOTHING
        labels: Labels | None = self.canvas.panes[event.pane].labels  # type: ignore[assignment]
        assert labels is not None
        region = flood_labels(labels, event.xy)
        if mode == "intersect":
            self._editor.preview(event.pane, region, mode)
            self._editor.commit(event.pane, self._editor.title("Keep piece of", event.pane))
        else:
            self._editor.stroke(event.pane, region)
            self._editor.commit(event.pane, "Erase region" if erase else self._editor.title("Fill", event.pane))
        return Begun.CLICK


def _paint_sign(painter: QPainter, at: QPointF, sign: str) -> None:
    """A small round badge that says what a shape does."""
    centre = QPointF(at.x() + 13, at.y() - 13)
    painter.setPen(QPen(QColor(0, 0, 0, 190), 1))
    painter.setBrush(QColor(255, 255, 255, 240))
    painter.drawEllipse(centre, 8.0, 8.0)
    painter.setPen(QColor(20, 20, 20))
    painter.drawText(QRectF(centre.x() - 8, centre.y() - 8.5, 16, 16), Qt.AlignmentFlag.AlignCenter, sign)
