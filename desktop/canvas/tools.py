"""What the pointer does on the canvas: one small object per tool.

A tool gets pointer events in image coordinates and answers with Qt signals; it never changes the document
itself, so that each gesture becomes exactly one command elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QPainter

if TYPE_CHECKING:
    from counterpart.desktop.canvas.canvas import Canvas

__all__ = ["PickTool", "Pointer", "ProbeTool", "SelectTool", "Tool"]


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer event on the canvas.

    Attributes:
        pane: Index of the pane it happened in.
        xy: Image coordinates, not clamped to the image.
        inside: Whether that is on the image.
        position: Widget position.
        button: Button that was pressed or released.
        buttons: Buttons that are down.
        modifiers: Keys that are down.
    """

    pane: int
    xy: tuple[float, float]
    inside: bool
    position: QPointF
    button: Qt.MouseButton
    buttons: Qt.MouseButton
    modifiers: Qt.KeyboardModifier


class Tool(QObject):
    """Base of all tools: does nothing."""

    id = ""
    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.canvas = canvas

    def press(self, event: Pointer) -> None:
        """The left or right button went down."""

    def move(self, event: Pointer) -> None:
        """The pointer moved, with or without buttons."""

    def release(self, event: Pointer) -> None:
        """The button went up."""

    def double_click(self, event: Pointer) -> None:
        """Two clicks in short succession."""

    def leave(self) -> None:
        """The pointer left the canvas."""

    def cancel(self) -> None:
        """Escape, another tool, another image: forget what was begun."""

    def accept(self) -> bool:
        """Enter: finish what was begun; whether there was anything."""
        return False

    def back(self) -> bool:
        """Backspace: take the last step of what was begun back; whether there was one."""
        return False

    def paint(self, painter: QPainter) -> None:
        """Draw over everything, in widget coordinates."""


class SelectTool(Tool):
    """Points at things: hovers and selects correspondence lines, and drags an end of one.

    Signals:
        line_hovered, line_clicked, line_double_clicked: Index of a line, -1 for none.
        end_dragged: Line, end (0 left, 1 right), image x, y, and whether the drag is over.
        clicked: Pane and image xy of a press that met no line.
        part_double_clicked: Pane and the part under the pointer, 0 for none.
    """

    id = "select"

    line_hovered = Signal(int)
    line_clicked = Signal(int)
    line_double_clicked = Signal(int)
    end_dragged = Signal(int, int, float, float, bool)
    clicked = Signal(int, float, float)
    part_double_clicked = Signal(int, int)

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._drag: tuple[int, int] | None = None
        self._moved = False
        self._start = QPointF()

    def press(self, event: Pointer) -> None:
        if event.button != Qt.MouseButton.LeftButton:
            return
        hit = self.canvas.line_at(event.position)
        self.line_clicked.emit(-1 if hit is None else hit.index)
        if hit is not None and hit.end is not None:
            self._drag, self._moved, self._start = (hit.index, hit.end), False, event.position
        elif hit is None and event.inside:
            self.clicked.emit(event.pane, *event.xy)

    def move(self, event: Pointer) -> None:
        if self._drag is not None:
            far = (event.position - self._start).manhattanLength() > 3
            if (far or self._moved) and event.pane == self._drag[1]:
                self._moved = True
                self.end_dragged.emit(*self._drag, *event.xy, False)
            return
        hit = self.canvas.line_at(event.position)
        self.canvas.setCursor(Qt.CursorShape.PointingHandCursor if hit else self.cursor)
        self.line_hovered.emit(-1 if hit is None else hit.index)

    def release(self, event: Pointer) -> None:
        if self._drag is not None and self._moved:
            xy = self.canvas.clamped(self._drag[1], event.position)
            self.end_dragged.emit(*self._drag, *xy, True)
        self._drag = None

    def double_click(self, event: Pointer) -> None:
        hit = self.canvas.line_at(event.position)
        if hit is not None:
            self.line_double_clicked.emit(hit.index)
        elif event.inside:
            self.part_double_clicked.emit(event.pane, self.canvas.label_at(event.pane, event.xy))

    def leave(self) -> None:
        self.line_hovered.emit(-1)

    def cancel(self) -> None:
        self._drag = None


class ProbeTool(Tool):
    """Asks what looks like the place under the pointer; a click keeps the place."""

    id = "similarity"
    cursor = Qt.CursorShape.CrossCursor

    probed = Signal(int, float, float, bool)
    left = Signal()

    def press(self, event: Pointer) -> None:
        if event.button == Qt.MouseButton.LeftButton and event.inside:
            self.probed.emit(event.pane, *event.xy, True)

    def move(self, event: Pointer) -> None:
        if event.inside:
            self.probed.emit(event.pane, *event.xy, False)
        else:
            self.left.emit()

    def leave(self) -> None:
        self.left.emit()


class PickTool(Tool):
    """Takes the part under the pointer as the active one."""

    id = "pick"
    cursor = Qt.CursorShape.CrossCursor

    picked = Signal(int)

    def press(self, event: Pointer) -> None:
        if event.button == Qt.MouseButton.LeftButton and event.inside:
            self.picked.emit(self.canvas.label_at(event.pane, event.xy))
