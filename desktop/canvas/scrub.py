"""A drag over a small widget of its own (a map, a timeline), by the same rules as a gesture on the canvas."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from counterpart.desktop.canvas.gesture import Begun, Do, State, Step
from counterpart.desktop.canvas.hands import LOSING, down_in, press_of, source_of
from counterpart.desktop.shell.actions import During


class Scrub(QObject):
    """Follows the pointer over a widget while the left button is down.

    Args:
        widget: Where.
        follow: Called with each place, the first included.
        give_up: Called when the drag is given up: everything is to be as it was before.
    """

    def __init__(
        self, widget: QWidget, follow: Callable[[QMouseEvent], object], give_up: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__(widget)
        self._follow, self._give_up = follow, give_up
        self._state = State()
        widget.installEventFilter(self)

    def ask(self, during: During) -> bool:
        """Whether a command is to be done, after what it means for the drag has been."""
        step = self._state.ask(during)
        self._take(step)
        return step.runs

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QMouseEvent):
            self._take(self._told(event), event)
            return True
        if event.type() in LOSING or event.type() == QEvent.Type.FocusOut:
            self._take(self._state.lose())
        return False

    def _told(self, event: QMouseEvent) -> Step:
        if event.type() == QEvent.Type.MouseMove:
            return self._state.move(down_in(event), source_of(event))
        if event.type() == QEvent.Type.MouseButtonRelease:
            return self._state.release(event.button().value, source_of(event))
        if event.button() != Qt.MouseButton.LeftButton:
            return Step(self._state)
        return self._state.missed(press_of(event)).state.press(press_of(event))

    def _take(self, step: Step, event: QMouseEvent | None = None) -> None:
        self._state = step.state
        for do in step.do:
            if do is Do.BEGIN:
                self._state = self._state.began(Begun.DRAG).state
            if do in (Do.BEGIN, Do.EXTEND) and event is not None:
                self._follow(event)
            elif do is Do.GIVE_UP:
                self._give_up()
