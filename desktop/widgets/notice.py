"""A message inside the window that stays until it is dealt with."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.icons import ICON_PX, pixmap
from counterpart.desktop.widgets.theme import GRID, colours


class Notice(QFrame):
    """A message inside the window that stays until it is dealt with."""

    closed = Signal()
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.timeout.connect(self.hide)
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton()
        self._close = icon_button("reject", "Dismiss", quiet=True)
        self._close.clicked.connect(self._dismissed)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(GRID)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(self.button)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_text(self, kind: str, text: str, button: str = "") -> None:
        """Show a message of kind `info`, `warning` or `error`, with a button where there is something to do."""
        theme = colours()
        colour = {"info": theme.accent, "warning": theme.warning}.get(kind, theme.danger)
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        name = "info" if kind == "info" else "warning"
        self._icon.setPixmap(pixmap(name, ICON_PX, colour, self.devicePixelRatioF()))
        self._text.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self._leaving.stop()
        self.show()
        self._row.activate()
        self.resized.emit()

    def height_for(self, width: int) -> int:
        """How high the message is at a width."""
        return self._row.totalHeightForWidth(width)

    def leave_after(self, milliseconds: int) -> None:
        """Go away by itself: for what need not be dealt with."""
        self._leaving.start(milliseconds)

    def hideEvent(self, event: QHideEvent) -> None:
        self._leaving.stop()
        super().hideEvent(event)

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text.text()

    def _dismissed(self) -> None:
        self.hide()
        self.closed.emit()
