"""What the pointer does on the canvas: events in image coordinates, and the base of all tools.

A tool gets pointer events in image coordinates and answers with Qt signals; it never changes the document
itself, so that each gesture becomes exactly one command elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QPointF, Qt
from PySide6.QtGui import QPainter

from counterpart.desktop.canvas.stage import Stage


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
    """Base of all tools: does nothing.

    Attributes:
        id: Name in the program.
        cursor: Shown over the canvas.
        hint: What to do with it, in a line; empty where that is plain.
        speaks: Whether it says in the status bar what it finds, in place of what lies under the pointer.
    """

    id = ""
    cursor = Qt.CursorShape.ArrowCursor
    hint = ""
    speaks = False

    def __init__(self, canvas: Stage) -> None:
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
