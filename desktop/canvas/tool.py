"""What the pointer does on the canvas: events in image coordinates, and the base of all tools.

A tool gets pointer events in image coordinates and answers with Qt signals; it never changes the document
itself, so that each gesture becomes exactly one command elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QPainter

from counterpart.desktop.canvas.gesture import Begun
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


@dataclass(frozen=True, slots=True)
class Dropped:
    """What an interruption has cost.

    Attributes:
        text: What was dropped or put aside, in a sentence.
        button: What brings it back, in a word; empty where nothing does.
        bring_back: Does that.
    """

    text: str
    button: str = ""
    bring_back: Callable[[], object] | None = None


class Tool(QObject):
    """Base of all tools: does nothing.

    A tool never hears of buttons that are not its gesture's own, of lost releases or of commands: `gesture` has the
    rules, and each gesture ends in exactly one of `finish`, `close`, `interrupt` and `give_up`.

    Attributes:
        id: Name in the program.
        cursor: Shown over the canvas.
        hint: What to do with it, in a line; empty where that is plain.
        speaks: Whether it says in the status bar what it finds, in place of what lies under the pointer.
        tells_double: Whether the second of two quick presses is something else than another press.

    Signals:
        settled: The outcome of a drag that `finish` left open is there.
        dropped: A `Dropped`: something of what was begun is lost or put aside.
    """

    id = ""
    cursor = Qt.CursorShape.ArrowCursor
    hint = ""
    speaks = False
    tells_double = False

    settled = Signal()
    dropped = Signal(object)

    def __init__(self, canvas: Stage) -> None:
        super().__init__(canvas)
        self.canvas = canvas

    @property
    def part(self) -> int:
        """The part that its gesture paints, 0 for none."""
        return 0

    # Without a gesture ----------------------------------------------------------------------------------------------

    def hover(self, event: Pointer) -> None:
        """The pointer moved, and nothing is begun."""

    def leave(self) -> None:
        """The pointer left the canvas."""

    # A gesture ------------------------------------------------------------------------------------------------------

    def begin(self, _event: Pointer) -> Begun:
        """The left or the right button went down; what that has begun."""
        return Begun.NOTHING

    def extend(self, event: Pointer) -> None:
        """The pointer moved in a gesture."""

    def add(self, _event: Pointer) -> bool:
        """Another press in a gesture of steps; whether it goes on."""
        return False

    def double_click(self, _event: Pointer) -> bool:
        """The second of two quick presses, for tools that tell it apart; whether steps that were begun go on."""
        return False

    def finish(self, _event: Pointer) -> bool:
        """The button of a drag went up, or was last seen down here; whether the outcome is still to come."""
        return False

    def close(self) -> bool:
        """Enter: finish steps; whether they could be."""
        return False

    def interrupt(self, event: Pointer) -> None:
        """Something else comes: keep what is finished, say what is dropped. The pointer was last seen here."""
        self.finish(event)

    def give_up(self) -> None:
        """Escape: everything is as it was before."""

    def take_back(self) -> bool:
        """Take the last step back; whether there are others before it."""
        return False

    def restore(self) -> None:
        """Take the last step again that was taken back."""

    @property
    def can_restore(self) -> bool:
        """Whether a step was taken back that can be taken again."""
        return False

    def resume(self, _pane: int) -> bool:
        """The tool is taken, or an image shown: whether steps that were put aside for it go on."""
        return False

    def paint(self, painter: QPainter) -> None:
        """Draw over everything, in widget coordinates."""
