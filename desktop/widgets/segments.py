"""A choice of few, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget


class Segments(QWidget):
    """Buttons of which exactly one is on."""

    chosen = Signal(int)

    def __init__(self, texts: Sequence[str], tips: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self._row, self._group = box, QButtonGroup(self)
        for index, text in enumerate(texts):
            self.add(text, tips[index] if index < len(tips) else "")
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(self.chosen)

    def add(self, text: str, tip: str = "") -> None:
        """One more button on the right."""
        index = len(self._group.buttons())
        button = QToolButton()
        button.setText(text)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setObjectName("segmentLeft" if index == 0 else "segmentRight")
        self._group.addButton(button, index)
        self._row.addWidget(button, 1)

    @property
    def index(self) -> int:
        """Which one is on."""
        return self._group.checkedId()

    def set_index(self, index: int) -> None:
        """Turn one on without telling anybody."""
        self._group.button(index).setChecked(True)
