"""Below the image list: how far the work on the whole set is, and what can be done with the selected images."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from counterpart.desktop.images.image_rows import state_colour
from counterpart.desktop.images.image_words import STATE_NAMES
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.labels import muted
from counterpart.desktop.widgets.theme import colours

_GUESSED = 0.4
"""How strongly predicted images show."""
_ORDER = ("reviewed", "edited", "predicted", "todo", "skipped")


class StateBar(QWidget):
    """Shares of a set by review state, in the states' colours."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: dict[str, int] = {}
        self.setFixedHeight(6)
        self.setAccessibleName("Progress of the set")

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Show how many images are in each state."""
        self._counts = {state: counts.get(state, 0) for state in _ORDER}
        lines = [f"{STATE_NAMES[state]}: {count:,}" for state, count in self._counts.items() if count]
        self.setToolTip("\n".join(lines))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        theme = colours()
        area = QRectF(self.rect())
        painter.setBrush(QColor(theme.border))
        painter.drawRoundedRect(area, 3, 3)
        total = sum(self._counts.values())
        left = area.left()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for state, count in self._counts.items():
            if not count or state in ("todo", "skipped"):
                continue
            width = area.width() * count / total
            part = QRectF(left, area.top(), max(width, 1.0), area.height())
            tone = QColor(state_colour(state, theme))
            if state == "predicted":  # a program's guess is not work that is done
                tone.setAlphaF(_GUESSED)
            painter.fillRect(part, tone)
            left += width


class ImagesFoot(QWidget):
    """Progress while one image is chosen; the selection's actions while several are.

    Signals:
        statistics_wanted: The view of what there is of each part.
        state_wanted: The state that the selected images should have.
        remove_wanted: The selected images are to go.
    """

    statistics_wanted = Signal()
    state_wanted = Signal(str)
    remove_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = StateBar()
        self.progress = muted(small=True)
        self.statistics = icon_button("parts", "Statistics of every part over the set", quiet=True)
        self.selected = muted(small=True)
        self.reviewed = icon_button("reviewed", "Mark the selected images as reviewed", quiet=True)
        self.skip = icon_button("next-unreviewed", "Skip the selected images", quiet=True)
        self.remove = icon_button("trash", "Remove the selected images from the project (Delete)", quiet=True)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._row(self.progress, self.statistics))
        self._stack.addWidget(self._row(self.selected, self.reviewed, self.skip, self.remove))
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 8, 8, 6)
        box.setSpacing(4)
        box.addWidget(self.bar)
        box.addLayout(self._stack)
        self.statistics.clicked.connect(self.statistics_wanted)
        for button, state in ((self.reviewed, "reviewed"), (self.skip, "skipped")):
            button.clicked.connect(lambda _checked=False, state=state: self.state_wanted.emit(state))
        self.remove.clicked.connect(self.remove_wanted)

    def _row(self, *widgets: QWidget) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(widgets[0], 1)
        for widget in widgets[1:]:
            row.addWidget(widget)
        return page

    def set_counts(self, counts: Mapping[str, int], total: int) -> None:
        """How many images are in each state."""
        self.bar.set_counts(counts)
        done = counts.get("reviewed", 0) + counts.get("skipped", 0)
        self.progress.setText(f"{done:,} of {total:,} done" if total else "")
        self.setVisible(bool(total))

    @Slot(int)
    def set_selected(self, count: int) -> None:
        """How many images are selected."""
        self._stack.setCurrentIndex(1 if count > 1 else 0)
        self.selected.setText(f"{count:,} selected")
