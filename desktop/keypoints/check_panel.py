"""The tab in which keypoints are checked: what to look at first, and how good transfer is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from counterpart.desktop.keypoints.quality_panel import QualityPanel
from counterpart.desktop.keypoints.queue_panel import QueuePanel
from counterpart.desktop.widgets.segments import Segments
from counterpart.desktop.widgets.theme import GRID


class CheckPanel(QWidget):
    """Two pages.

    Attributes:
        queue: Check these first.
        quality: Self-evaluation.
        page: Which of the two is shown.

    Signals:
        shown: The panel came into sight.
    """

    shown = Signal()

    def __init__(self, queue: QueuePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.queue, self.quality = queue, QualityPanel()
        self.page = Segments(
            ("Check first", "How good?"),
            ("The points that are most likely wrong", "How often transfer is right on these images"),
        )
        top = QHBoxLayout()
        top.setContentsMargins(12, 10, 12, 8)
        top.setSpacing(GRID)
        top.addWidget(self.page, 1)
        top.addWidget(queue.which)
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self.queue)
        self._stack.addWidget(self.quality)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(body, 1)
        self.page.chosen.connect(self._show)

    @Slot(int)
    def _show(self, page: int) -> None:
        self._stack.setCurrentIndex(page)
        self.queue.which.setVisible(page == 0)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.shown.emit()

    @property
    def checking(self) -> bool:
        """Whether the queue is before the person: Enter then means its current point."""
        return self.isVisible() and self._stack.currentIndex() == 0
