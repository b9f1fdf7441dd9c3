"""Placing, moving and judging keypoints with the pointer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from counterpart.core.project.points import Origin
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.tool import Dropped, Pointer, Tool
from counterpart.desktop.keypoints.instance_drawing import Drawn, PointHit, draw_instance, hit_point, paint_pill
from counterpart.desktop.keypoints.transform_frame import CURSORS, VERBS, Frame, transformed
from counterpart.desktop.widgets.theme import colours, small_font

_FAR = 3
_CHANGED = Dropped("The points were changed meanwhile, so they were left where they are.")


@dataclass(frozen=True, slots=True)
class Next:
    """The keypoint that a click places.

    Attributes:
        name: Its name.
        colour: Its colour.
        new: Whether a new instance begins with it.
    """

    name: str
    colour: QColor
    new: bool = False


class KeypointLayer:
    """What of keypoints is drawn over the panes, whatever the tool.

    Attributes:
        hovered: Pane and point under the pointer.
        selected: Pane and point that is chosen.
        preview: Pane, instance and the places (K, 2) that a drag has given it so far.
        editing: Whether the keypoint tool is active: the active instance then has its box.
        focus: The pane that was worked in last.
        hint: Instance, keypoint and a place (image xy) where it would fit better, while it is looked at.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._drawn: list[list[Drawn]] = [[], []]
        self.hovered: tuple[int, PointHit] | None = None
        self.selected: tuple[int, PointHit] | None = None
        self.preview: tuple[int, int, NDArray[np.float64]] | None = None
        self.editing = False
        self.focus = 0
        self.hint: tuple[int, int, tuple[float, float]] | None = None

    def set_drawn(self, pane: int, drawn: Sequence[Drawn]) -> None:
        """Show these instances on a pane."""
        self._drawn[pane] = list(drawn)
        self._canvas.update()

    def drawn(self, pane: int) -> list[Drawn]:
        """The instances of a pane, one of them perhaps as a drag has left it."""
        found = self._drawn[pane]
        if self.preview is None or self.preview[0] != pane:
            return found
        _, instance, xy = self.preview
        return [_moved(each, xy) if each.points.instance == instance else each for each in found]

    def active(self, pane: int) -> Drawn | None:
        """The instance of a pane that gestures go to."""
        return next((each for each in self.drawn(pane) if each.active), None)

    def instance(self, pane: int, instance: int) -> Drawn | None:
        """An instance of a pane."""
        return next((each for each in self.drawn(pane) if each.points.instance == instance), None)

    def frame(self, pane: int) -> Frame | None:
        """The box of the active instance."""
        active = self.active(pane) if self.editing and pane == self.focus else None
        return None if active is None else Frame.around(active, self._canvas.panes[pane].view)

    def hit(self, pane: int, position: QPointF) -> PointHit | None:
        """The point under a widget position."""
        return hit_point(self.drawn(pane), self._canvas.panes[pane].view, position)

    def paint(self, painter: QPainter) -> None:
        """Draw everything, in widget positions. Where there are match lines, points are left to the keypoint tool."""
        if not self.editing and self._canvas.count == 2 and self._canvas.lines is not None:
            return
        for index, pane in enumerate(self._canvas.shown()):
            if pane.photo is None or pane.heat is not None:
                continue
            painter.save()
            painter.setClipRect(pane.view.area)
            frame = self.frame(index)
            if frame is not None:
                frame.paint(painter)
            for each in sorted(self.drawn(index), key=lambda item: item.active):
                hovered = self._index_of(self.hovered, index, each)
                selected = self._index_of(self.selected, index, each)
                draw_instance(painter, each, pane.view, hovered=hovered, selected=selected)
                if each.points.template:
                    self._badge(painter, each, index)
            self._hint(painter, index)
            self._name(painter, index)
            painter.restore()

    @staticmethod
    def _index_of(hit: tuple[int, PointHit] | None, pane: int, each: Drawn) -> int:
        return hit[1].index if hit is not None and hit[0] == pane and hit[1].instance == each.points.instance else -1

    def _badge(self, painter: QPainter, each: Drawn, pane: int) -> None:
        view = self._canvas.panes[pane].view
        placed = each.points.xy[each.points.present]
        if len(placed):
            low = view.to_widget(placed.min(axis=0))
            paint_pill(painter, QPointF(low[0] - 36, low[1] - 24), "Template", self._font(), view.area)

    def _hint(self, painter: QPainter, pane: int) -> None:
        """From a point that looks odd to where it would fit better."""
        if self.hint is None:
            return
        instance, index, xy = self.hint
        each = self.instance(pane, instance)
        if each is None or index >= len(each.points) or not each.shown[index]:
            return
        view = self._canvas.panes[pane].view
        start, goal = (QPointF(*view.to_widget(place)) for place in (each.points.xy[index], xy))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 150), 4), QPen(QColor(colours().accent), 2, Qt.PenStyle.DashLine)):
            painter.setPen(pen)
            painter.drawLine(start, goal)
            painter.drawEllipse(goal, 8, 8)

    def _name(self, painter: QPainter, pane: int) -> None:
        if self.hovered is None or self.hovered[0] != pane:
            return
        hit = self.hovered[1]
        each = self.instance(pane, hit.instance)
        if each is None or hit.index >= len(each.points) or not each.shown[hit.index]:
            return
        view = self._canvas.panes[pane].view
        words = each.skeleton.names[hit.index]
        score = float(each.points.score[hit.index])
        if each.points.origin[hit.index] == Origin.TRANSFERRED:
            words += f" · {score:.0%} sure"
        at = QPointF(*view.to_widget(each.points.xy[hit.index]))
        paint_pill(painter, at, words, self._font(), view.area, dot=each.colours[hit.index])

    def _font(self) -> QFont:
        return small_font(self._canvas.font())


def _moved(each: Drawn, xy: NDArray[np.float64]) -> Drawn:
    return dataclasses.replace(each, points=dataclasses.replace(each.points, xy=xy))


class KeypointTool(Tool):
    """Clicks place the next keypoint, drags move one, a right click cycles how far it is seen.

    Args:
        layer: What is drawn and hit.
        wanted: Gives the keypoint that a click on a pane would place, None for none.

    Signals:
        placed: Pane, image x, y, and whether the point is hidden.
        moved: Pane, instance, keypoint, image x, y: the end of a drag.
        cycled: Pane, instance, keypoint: a right click.
        chosen: Pane, instance, keypoint that was pressed.
        reshaped: Pane, instance, (K, 2) places, and what was done, in words.
    """

    id = "keypoint"
    hint = "Click places the keypoint named, right-click places it hidden. Drag moves one, N skips one"
    cursor = Qt.CursorShape.CrossCursor

    placed = Signal(int, float, float, bool)
    moved = Signal(int, int, int, float, float)
    cycled = Signal(int, int, int)
    chosen = Signal(int, int, int)
    reshaped = Signal(int, int, object, str)

    def __init__(self, canvas: Canvas, layer: KeypointLayer, wanted: Callable[[int], Next | None]) -> None:
        super().__init__(canvas)
        self.layer, self._wanted = layer, wanted
        self._drag: tuple[int, PointHit] | None = None
        self._shape: tuple[int, str, Drawn, tuple[float, float]] | None = None
        self._start = QPointF()
        self._moved = False
        self._pointer: tuple[int, QPointF] | None = None

    def begin(self, event: Pointer) -> Begun:
        hit = self.layer.hit(event.pane, event.position)
        if event.button == Qt.MouseButton.RightButton:
            if hit is not None:
                self.cycled.emit(event.pane, hit.instance, hit.index)
            elif event.inside:
                self.placed.emit(event.pane, *event.xy, True)
            return Begun.CLICK
        if event.button != Qt.MouseButton.LeftButton:
            return Begun.NOTHING
        self._start, self._moved = event.position, False
        frame, active = self.layer.frame(event.pane), self.layer.active(event.pane)
        handle = "" if frame is None else frame.hit(event.position)
        if hit is not None:
            self._drag = (event.pane, hit)
            self.chosen.emit(event.pane, hit.instance, hit.index)
            return Begun.DRAG
        if handle and active is not None:
            self._shape = (event.pane, handle, active, event.xy)
            return Begun.DRAG
        if event.inside:
            self.placed.emit(event.pane, *event.xy, False)
        return Begun.CLICK

    def hover(self, event: Pointer) -> None:
        self._pointer = (event.pane, event.position) if event.inside else None
        hit = self.layer.hit(event.pane, event.position)
        self.layer.hovered = None if hit is None else (event.pane, hit)
        frame = self.layer.frame(event.pane)
        handle = frame.hit(event.position) if frame is not None and hit is None else ""
        shape = Qt.CursorShape.PointingHandCursor if hit else CURSORS.get(handle, self.cursor)
        self.canvas.setCursor(shape)
        self.canvas.update()

    def extend(self, event: Pointer) -> None:
        self._pointer = (event.pane, event.position) if event.inside else None
        if self._moved or (event.position - self._start).manhattanLength() > _FAR:
            self._moved = True
            self._preview(event)

    def _preview(self, event: Pointer) -> None:
        if self._drag is not None:
            pane, hit = self._drag
            each = self.layer.instance(pane, hit.instance)
            if each is None or hit.index >= len(each.points):
                return
            xy = each.points.xy.copy()
            xy[hit.index] = self.canvas.clamped(pane, event.position)
            self.layer.hovered = (pane, hit)
            self.layer.preview = (pane, hit.instance, xy)
        elif self._shape is not None:
            pane, _, active, _ = self._shape
            self.layer.preview = (pane, active.points.instance, self._reshaped(event))
        self.canvas.update()

    def _reshaped(self, event: Pointer) -> NDArray[np.float64]:
        assert self._shape is not None
        pane, handle, active, start = self._shape
        free = bool(event.modifiers & Qt.KeyboardModifier.ShiftModifier)
        now = self.canvas.panes[pane].view.to_image(event.position)
        return transformed(active.points.xy, active.points.present, handle, start, now, free=free)

    def finish(self, event: Pointer) -> bool:
        drag, shape, moved = self._drag, self._shape, self._moved
        places = self._reshaped(event) if shape is not None and moved else None
        self._forget()
        if moved and drag is not None:
            pane, hit = drag
            each = self.layer.instance(pane, hit.instance)
            if each is None or hit.index >= len(each.points):
                self.dropped.emit(_CHANGED)
            else:
                self.moved.emit(pane, hit.instance, hit.index, *self.canvas.clamped(pane, event.position))
        elif shape is not None and places is not None:
            pane, handle, active, _ = shape
            each = self.layer.instance(pane, active.points.instance)
            if each is None or not np.array_equal(each.points.xy, active.points.xy, equal_nan=True):
                self.dropped.emit(_CHANGED)
            else:
                self.reshaped.emit(pane, active.points.instance, places, VERBS.get(handle, "Scale instance"))
        return False

    def leave(self) -> None:
        self._pointer = None
        self.layer.hovered = None
        self.canvas.update()

    def give_up(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._drag = self._shape = self.layer.preview = None
        self._moved = False
        self.canvas.update()

    def paint(self, painter: QPainter) -> None:
        """Beside the pointer, the name of the keypoint that a click places."""
        if self._pointer is None or self.layer.hovered is not None or self._drag or self._shape:
            return
        pane, at = self._pointer
        frame = self.layer.frame(pane)
        wanted = self._wanted(pane)
        if wanted is None or (frame is not None and frame.hit(at)):
            return
        words = f"{wanted.name} (new instance)" if wanted.new else wanted.name
        area = self.canvas.panes[pane].view.area
        paint_pill(painter, QPointF(at.x() + 4, at.y() + 18), words, small_font(self.canvas.font()), area,
                   dot=wanted.colour)  # fmt: skip
