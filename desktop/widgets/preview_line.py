"""Says that what is laid over the images is a preview, and how to keep it or be rid of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from counterpart.desktop.widgets.labels import muted
from counterpart.desktop.widgets.theme import GRID


class PreviewLine(QWidget):
    """A line above a button; hidden while there is nothing to say.

    Signals:
        dropped: The preview is not wanted.
    """

    dropped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = muted(wrap=True, small=True)
        self.drop = QPushButton("Discard")
        self.drop.setToolTip("Go back to what is in the project")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.words, 1)
        row.addWidget(self.drop, 0, Qt.AlignmentFlag.AlignTop)
        self.drop.clicked.connect(self.dropped)
        self.hide()

    def say(self, text: str, *, droppable: bool = True) -> None:
        """Say something, or nothing."""
        self.words.setText(text)
        self.drop.setVisible(droppable)
        self.setVisible(bool(text))
