"""Carries gestures out on the canvas: asks the tool what `gesture` says, and moves the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent

from counterpart.desktop.canvas.gesture import Begun, Do, Phase, Press, State, Step, Use
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Dropped, Pointer, Tool
from counterpart.desktop.shell.actions import During

LOSING = {QEvent.Type.WindowDeactivate, QEvent.Type.WindowBlocked, QEvent.Type.UngrabMouse, QEvent.Type.Hide}
"""After these, the release of a button that is down may never come."""
_LOST = Dropped("What was clicked while the last click was still being worked out is dropped.")


@dataclass(frozen=True, slots=True)
class _Later:
    """A pointer event that was held back."""

    step: Callable[[State], Step]
    pointer: Pointer


class Hands(QObject):
    """The one owner of what is begun on a canvas.

    Args:
        canvas: Where.

    Signals:
        changed: Steps were begun, taken, taken back or ended: what commands mean is another now.
        dropped: A `Dropped`: an interruption has cost something.
        cursor_wanted: The view is dragged, or no longer.

    Attributes:
        space: Whether the key is down with which the left button moves the view.
    """

    changed = Signal()
    dropped = Signal(object)
    cursor_wanted = Signal()

    def __init__(self, canvas: Stage) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._tool: Tool | None = None
        self._state = State()
        self._last: Pointer | None = None
        self._pan: tuple[int, QPointF] | None = None
        self._later: list[_Later] = []
        self.space = False

    # What is begun --------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What is begun."""
        return self._state

    @property
    def panning(self) -> bool:
        """Whether the view is being dragged."""
        return self._state.held is not None and self._state.held.use is Use.PAN

    @property
    def dragging(self) -> bool:
        """Whether a button is down for the tool."""
        return self._state.phase is Phase.DRAGGING

    @property
    def open(self) -> bool:
        """Whether steps are begun that commands may close or take back."""
        return self._state.phase is Phase.OPEN

    @property
    def part(self) -> int:
        """The part that is being painted, 0 for none."""
        return self._tool.part if self._tool is not None and self._state.phase is not Phase.IDLE else 0

    @property
    def can_restore(self) -> bool:
        """Whether a step was taken back that can be taken again."""
        return self.open and self._tool is not None and self._tool.can_restore

    @property
    def tool(self) -> Tool | None:
        """What the pointer does."""
        return self._tool

    def set_tool(self, tool: Tool | None) -> None:
        """Choose what the pointer does; what the other one has begun ends."""
        if self._tool is not None:
            self.leave()
            self._tool.leave()
            self._tool.settled.disconnect(self._settled)
            self._tool.dropped.disconnect(self.dropped)
        self._tool = tool
        if tool is not None:
            tool.settled.connect(self._settled)
            tool.dropped.connect(self.dropped)
            self.resume()

    def resume(self) -> None:
        """Go on with what the tool has put aside for an image that is shown."""
        for pane in range(self._canvas.count):
            if self._tool is not None and self._state.phase is Phase.IDLE and self._tool.resume(pane):
                self._take(self._state.resumed(pane))
                self.changed.emit()

    # Events ---------------------------------------------------------------------------------------------------------

    def press(self, event: QMouseEvent, *, double: bool = False) -> None:
        """A button went down; `double` says that Qt tells it as the second of two quick ones."""
        index = self._canvas.pane_at(event.position())
        if index is None:
            return
        button = event.button()
        pans = button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self.space)
        if not pans and (self._tool is None or self._canvas.panes[index].leaving):
            return
        double = double and self._tool is not None and self._tool.tells_double and button == Qt.MouseButton.LeftButton
        press = press_of(event, pane=index, pans=pans, double=double)
        pointer = self._pointer(event, index)
        self._feed(lambda state: state.missed(press), pointer)
        self._feed(lambda state: state.press(press), pointer)

    def place(self, event: QMouseEvent) -> Pointer | None:
        """The pointer as the gesture sees it: in its own pane; None where that is no image."""
        tied = self.open or self.dragging or self.panning
        index = self._state.pane if tied else self._canvas.pane_at(event.position())
        return None if index is None else self._pointer(event, index)

    def move(self, event: QMouseEvent) -> None:
        """The pointer moved."""
        pointer = self.place(event)
        if pointer is None:
            if self._state.held is None:
                return
            pointer = self._pointer(event, self._state.pane)
        down, source = down_in(event), source_of(event)
        self._feed(lambda state: state.move(down, source), pointer)

    def release(self, event: QMouseEvent) -> None:
        """A button went up."""
        button, source = event.button().value, source_of(event)
        self._feed(lambda state: state.release(button, source), self._pointer(event, self._state.pane))

    def lose(self) -> None:
        """Focus, window or pointer went elsewhere."""
        if self._state.held is not None:
            self._feed(State.lose, self._last)

    def leave(self, pane: int | None = None) -> None:
        """The image of a pane goes, or what else the gesture is about."""
        self._feed(lambda state: state.leave(pane), self._last)

    def ask(self, during: During) -> bool:
        """Whether a command is to be done, after what it means for the gesture has been."""
        step = self._state.ask(during)
        self._take(step, self._last)
        return step.runs

    def _settled(self) -> None:
        self._take(self._state.settled())
        later, self._later = self._later, []
        for each in later:
            self._feed(each.step, each.pointer)

    def _pointer(self, event: QMouseEvent, pane: int) -> Pointer:
        position = event.position()
        shown = self._canvas.panes[pane]
        inside = shown.photo is not None and shown.view.pixel_at(position) is not None
        xy = shown.view.to_image(position)
        return Pointer(pane, xy, inside, position, event.button(), event.buttons(), event.modifiers())

    # Carrying out ---------------------------------------------------------------------------------------------------

    def _feed(self, event: Callable[[State], Step], pointer: Pointer | None) -> None:
        """Let an event act, or hold it back."""
        step = event(self._state)
        if Do.LATER in step.do and pointer is not None:
            self._later.append(_Later(event, pointer))
        self._take(step, pointer)

    def _take(self, step: Step, pointer: Pointer | None = None) -> None:
        was_open = self.open
        self._state = step.state
        for do in step.do:
            self._do(do, pointer)
        if (was_open or self.open) and not set(step.do) <= {Do.EXTEND, Do.PAN}:
            self.changed.emit()

    def _do(self, do: Do, pointer: Pointer | None) -> None:
        """Do one thing."""
        if do in (Do.PAN_BEGIN, Do.PAN, Do.PAN_END):
            self._move_view(do, pointer)
            return
        tool, last = self._tool, self._last if self._last is not None else pointer
        if tool is None:
            return
        if do in (Do.BEGIN, Do.EXTEND, Do.ADD, Do.FINISH):
            self._last = pointer
        if do in (Do.INTERRUPT, Do.GIVE_UP):
            self._forget_later(tell=do is Do.INTERRUPT)
        if do is Do.CLOSE:
            self._take(self._state.went(on=not tool.close()))
        elif do is Do.TAKE_BACK:
            self._take(self._state.went(on=tool.take_back()))
        elif do is Do.RESTORE:
            tool.restore()
        elif do is Do.GIVE_UP:
            tool.give_up()
        elif do is Do.INTERRUPT and last is not None:
            tool.interrupt(last)
        elif do is Do.FINISH_WHERE_IT_WAS and last is not None:
            self._take(self._state.let_go(settles=tool.finish(last)))
        elif pointer is not None:
            self._point(tool, do, pointer)

    def _point(self, tool: Tool, do: Do, pointer: Pointer) -> None:
        """Tell the tool of the pointer, and take up what it answers."""
        if do is Do.HOVER:
            tool.hover(pointer)
        elif do is Do.EXTEND:
            tool.extend(pointer)
        elif do is Do.FINISH:
            self._take(self._state.let_go(settles=tool.finish(pointer)))
        elif do is Do.ADD:
            self._take(self._state.went(on=tool.add(pointer)))
        elif do is Do.DOUBLE:
            on = tool.double_click(pointer)
            self._take(self._state.went(on=on) if self.open else self._state.began(Begun.CLICK))
        elif do is Do.BEGIN:
            self._take(self._state.began(tool.begin(pointer)))

    def _move_view(self, do: Do, pointer: Pointer | None) -> None:
        if do is Do.PAN_BEGIN and pointer is not None:
            self._pan = (pointer.pane, pointer.position)
            self.cursor_wanted.emit()
        elif do is Do.PAN_END:
            self._pan = None
            self.cursor_wanted.emit()
        elif self._pan is not None and pointer is not None:
            pane, at = self._pan
            self._pan = (pane, pointer.position)
            self._canvas.pan(pane, pointer.position.x() - at.x(), pointer.position.y() - at.y())

    def _forget_later(self, *, tell: bool) -> None:
        begun = any(each.pointer.button != Qt.MouseButton.NoButton for each in self._later)
        self._later = []
        if begun and tell:
            self.dropped.emit(_LOST)


def source_of(event: QMouseEvent) -> int:
    """The kind of device that an event comes from: a touch that the system tells as a mouse too comes from two."""
    return int(event.source().value)


def down_in(event: QMouseEvent) -> frozenset[int]:
    """The buttons that are down."""
    return frozenset(button.value for button in Qt.MouseButton if button.value and event.buttons() & button)


def press_of(event: QMouseEvent, *, pane: int = 0, pans: bool = False, double: bool = False) -> Press:
    """A press as a value."""
    at = (event.position().x(), event.position().y())
    return Press(event.button().value, pane, source_of(event), event.timestamp(), at, pans, double)
