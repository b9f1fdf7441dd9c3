"""Says why there is nothing here, and what to do next."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from counterpart.desktop.widgets.icons import pixmap
from counterpart.desktop.widgets.labels import heading, muted
from counterpart.desktop.widgets.theme import GRID, colours


class EmptyState(QWidget):
    """Says why there is nothing here, and what to do next."""

    def __init__(self, drawing: str, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawing = drawing
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = heading(title)
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title.setWordWrap(True)
        self.text = muted(text, wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(2 * GRID, 3 * GRID, 2 * GRID, 3 * GRID)
        self._box.setSpacing(GRID)
        self._box.addStretch(1)
        self._box.addWidget(self._picture)
        self._box.addWidget(self.title)
        self._box.addWidget(self.text)
        self._box.addSpacing(GRID)
        self._box.addStretch(1)
        self.retint()

    def retint(self) -> None:
        """Draw the picture anew after a change of theme."""
        self._picture.setPixmap(pixmap(self._drawing, 40, colours().faint, self.devicePixelRatioF()))

    def add(self, widget: QWidget) -> None:
        """Put a button under the text."""
        self._box.insertWidget(self._box.count() - 1, widget, 0, Qt.AlignmentFlag.AlignHCenter)

    def say(self, title: str, text: str) -> None:
        """Change the words."""
        self.title.setText(title)
        self.text.setText(text)
        self.text.setVisible(bool(text))
