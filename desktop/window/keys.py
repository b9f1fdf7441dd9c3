"""Keys that no shortcut can express: numbers choose a part, a held key peeks, an editor keeps its own keys."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QWidget

_EDITOR_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class WindowKeys(QObject):
    """Listens to the keys of the whole application, on behalf of a window.

    Args:
        window: The window.
        peek_over: Called when the key that shows and hides the overlay is released.
        choose_part: Called with the row of the part whose number was pressed.
    """

    def __init__(self, window: QWidget, peek_over: Callable[[], object], choose_part: Callable[[int], object]) -> None:
        super().__init__(window)
        self._window, self._peek_over, self._choose_part = window, peek_over, choose_part
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    def stop(self) -> None:
        """The window is going."""
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent) and not event.isAutoRepeat():
            if event.key() == Qt.Key.Key_H:
                self._peek_over()
        elif kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            # Return in a search box or a rename must not mark the image as reviewed.
            plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
            if plain and event.key() in _EDITOR_KEYS and _typing():
                event.accept()
                return True
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and watched is QApplication.focusWidget():
            number = event.key() - Qt.Key.Key_1
            if 0 <= number < 9 and not event.modifiers() and self._listening() and not _typing():
                self._choose_part(number)
                return True
        return super().eventFilter(watched, event)

    def _listening(self) -> bool:
        """Whether keys are meant for the window, not for a dialog before it."""
        return self._window.isActiveWindow() and QApplication.activeModalWidget() is None


def _typing() -> bool:
    focus = QApplication.focusWidget()
    if isinstance(focus, QAbstractItemView):
        return focus.state() == QAbstractItemView.State.EditingState
    return isinstance(focus, QLineEdit | QAbstractSpinBox | QPlainTextEdit)
