"""A strip above the images that says how the project stands while that is not as it should be, and what can be done.

Unlike a message, which comes and goes, it stays as long as what it says is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from counterpart.desktop.widgets.icons import ICON_PX, pixmap
from counterpart.desktop.widgets.theme import GRID, colours

BannerButton = tuple[str, Callable[[], object]]
"""What a button says and what it does."""


class Banner(QFrame):
    """Shows one thing at a time."""

    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.setAccessibleName("State of the project")
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._kind = ""
        self.buttons: list[QPushButton] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 6, 12, 6)
        self._row.setSpacing(GRID)
        self._row.addWidget(self._icon)
        self._row.addWidget(self._text, 1)
        self.hide()

    def show_state(self, kind: str, text: str, buttons: Sequence[BannerButton] = ()) -> None:
        """Say something of kind `info`, `warning` or `error`; nothing changes where it is said already."""
        if (kind, text, [title for title, _ in buttons]) == (self._kind, self.text, self._titles) and self.isVisible():
            return
        self._kind = kind
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self._text.setText(text)
        for old in self.buttons:
            self._row.removeWidget(old)
            old.deleteLater()
        self.buttons = []
        for title, do in buttons:
            button = QPushButton(title)
            button.clicked.connect(lambda _checked=False, do=do: do())
            self._row.addWidget(button)
            self.buttons.append(button)
        self.retint()
        self.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.resized.emit()

    def retint(self) -> None:
        """Follow a change of theme."""
        theme = colours()
        colour = {"info": theme.accent, "warning": theme.warning}.get(self._kind, theme.danger)
        name = "info" if self._kind == "info" else "warning"
        self._icon.setPixmap(pixmap(name, ICON_PX, colour, self.devicePixelRatioF()))

    @property
    def _titles(self) -> list[str]:
        return [button.text() for button in self.buttons]

    @property
    def text(self) -> str:
        """What is said."""
        return self._text.text()
