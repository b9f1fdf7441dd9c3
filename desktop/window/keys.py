"""Keys and the wheel, in one place: what a control keeps for itself, what goes on to shortcuts, on any layout."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDial,
    QSlider,
    QTabBar,
    QWidget,
)

from counterpart.desktop.shell.actions import Actions
from counterpart.desktop.window.key_owners import ENTER, Owner, keeps, owner_of
from counterpart.desktop.window.key_places import Stroke, combinations, digit

_TURNED = (QAbstractSpinBox, QComboBox, QSlider, QDial, QTabBar)
"""Controls that a wheel turns on, where Qt lets it."""
_GIVE_BACK = (Owner.BUTTON, Owner.CHOICE, Owner.TABS)
"""Controls with which everything is done once they were clicked: the keyboard is the canvas's again."""

_BY_KEY = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


class WindowKeys(QObject):
    """Listens to the keys and the wheel of the whole application, on behalf of a window.

    Args:
        window: The window.
        canvas: Gets the keyboard when nothing else needs it.
        actions: What keys are looked for in that Qt does not find by what they type.
        peek_over: Called when the key that shows and hides the overlay is released.
        choose_part: Called with the row of the part whose number was pressed.
    """

    def __init__(
        self,
        window: QWidget,
        canvas: QWidget,
        actions: Actions,
        peek_over: Callable[[], object],
        choose_part: Callable[[int], object],
    ) -> None:
        super().__init__(window)
        self._window, self._canvas, self._actions = window, canvas, actions
        self._peek_over, self._choose_part = peek_over, choose_part
        self._clicked: QObject | None = None
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)
        self._handlers: dict[QEvent.Type, Callable[[QObject, QEvent], bool]] = {
            QEvent.Type.KeyRelease: self._released,
            QEvent.Type.ShortcutOverride: self._asked,
            QEvent.Type.KeyPress: self._pressed,
            QEvent.Type.Wheel: self._wheeled,
            QEvent.Type.FocusIn: self._focused,
            QEvent.Type.MouseButtonRelease: self._mouse_released,
        }

    def stop(self) -> None:
        """The window is going."""
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        handler = self._handlers.get(event.type())
        return handler is not None and handler(watched, event)

    # Keys ---------------------------------------------------------------------------------------------------------

    def _released(self, _watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and not event.isAutoRepeat() and "h" in _signs(event):
            self._peek_over()
        return False

    def _asked(self, watched: QObject, event: QEvent) -> bool:
        """Before shortcuts are looked for: whether a control keeps the key. What it does not keep it shall not take."""
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget) or not self._listening():
            return False
        owner = owner_of(watched)
        stroke = _stroke(event)
        kept = keeps(owner, stroke)
        event.setAccepted(kept)
        # A number field would take every letter, and do nothing with it.
        return kept or (owner is Owner.NUMBER and stroke.plain)

    def _pressed(self, watched: QObject, event: QEvent) -> bool:
        """A key that no shortcut has taken, on its way to the widget that has the keyboard."""
        focus = QApplication.focusWidget()
        if not isinstance(event, QKeyEvent) or watched is not focus or not self._listening():
            return False
        owner, stroke = owner_of(focus), _stroke(event)
        if keeps(owner, stroke):
            return self._kept(focus, owner, event)
        if stroke.key == Qt.Key.Key_Space and owner is not Owner.OTHER and not event.modifiers():
            self._give_back()  # where Space means nothing it is held to move the image
            QApplication.sendEvent(self._canvas, event)
            return True
        number = digit(stroke)
        if number:
            self._choose_part(number - 1)
            return True
        return self._meant(event, stroke)

    def _kept(self, focus: QWidget | None, owner: Owner, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if owner is Owner.BUTTON and key in ENTER and isinstance(focus, QAbstractButton):
            focus.click()
            return True
        if owner is Owner.NUMBER and (key in ENTER or key == Qt.Key.Key_Escape):
            QTimer.singleShot(0, self, self._give_back)  # the number is taken first
        return False

    def _meant(self, event: QKeyEvent, stroke: Stroke) -> bool:
        """Look for the key's place among the shortcuts, where its sign is none."""
        for combination in combinations(stroke):
            wanted = QKeySequence(combination)
            action = next((each for each in self._actions if wanted in each.shortcuts()), None)
            if action is not None:
                if action.isEnabled() and (action.autoRepeat() or not event.isAutoRepeat()):
                    action.trigger()
                return True
        return False

    def _listening(self) -> bool:
        """Whether keys are meant for the window, not for a dialog or a menu before it."""
        return self._window.isActiveWindow() and not _before()

    # Who has the keyboard -----------------------------------------------------------------------------------------

    def _focused(self, watched: QObject, event: QEvent) -> bool:
        """Remember whether a control was clicked: one that was reached by Tab keeps the keyboard."""
        if isinstance(event, QFocusEvent) and isinstance(watched, QWidget) and watched.window() is self._window:
            if event.reason() == Qt.FocusReason.MouseFocusReason:
                self._clicked = watched
            elif event.reason() in _BY_KEY:
                self._clicked = None
            elif watched is self._clicked:  # what it opened is closed
                self._soon(watched)
        return False

    def _mouse_released(self, watched: QObject, event: QEvent) -> bool:
        clicked = watched is self._clicked and watched is QApplication.focusWidget()
        if isinstance(event, QMouseEvent) and clicked and not isinstance(watched, QComboBox):  # its list is open now
            self._soon(watched)
        return False

    def _soon(self, control: QObject) -> None:
        if isinstance(control, QWidget) and owner_of(control) in _GIVE_BACK:
            QTimer.singleShot(0, self, self._give_back_if_idle)

    def _give_back_if_idle(self) -> None:
        """After a click was dealt with, unless that opened something or put the keyboard elsewhere."""
        if not _before() and self._window.focusWidget() is self._clicked:
            self._give_back()

    def _give_back(self) -> None:
        self._clicked = None
        if self._canvas.isVisible():
            self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    # The wheel ----------------------------------------------------------------------------------------------------

    def _wheeled(self, watched: QObject, event: QEvent) -> bool:
        """The wheel turns no control that has not the keyboard: what it lies in is scrolled instead."""
        control = _turned(watched)
        if control is None or (control.hasFocus() and not isinstance(control, QTabBar)):
            return False
        area = _area_of(control)
        if area is not None:
            QApplication.sendEvent(area.verticalScrollBar(), event)
        event.accept()  # unasked it would go on to what lies above the area
        return True


def _before() -> bool:
    """Whether a dialog or a menu stands before the window."""
    return QApplication.activeModalWidget() is not None or QApplication.activePopupWidget() is not None


def _stroke(event: QKeyEvent) -> Stroke:
    return Stroke.of(event, QGuiApplication.platformName())


def _signs(event: QKeyEvent) -> tuple[str, str]:
    """What a key types, and what a US keyboard has in its place."""
    stroke = _stroke(event)
    return stroke.sign, stroke.place


def _turned(watched: QObject) -> QWidget | None:
    """The control that a wheel over a widget would turn: itself, or what it is the field of."""
    if not isinstance(watched, QWidget):
        return None
    if isinstance(watched, _TURNED):
        return watched
    parent = watched.parentWidget()
    return parent if isinstance(parent, QAbstractSpinBox | QComboBox) and not watched.isWindow() else None


def _area_of(widget: QWidget) -> QAbstractScrollArea | None:
    """What a widget is scrolled in."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QAbstractScrollArea):
        above = None if above.isWindow() else above.parentWidget()
    return above
