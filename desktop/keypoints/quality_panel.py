"""The panel of self-evaluation: how often transfer is right on one's own images, keypoint by keypoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from counterpart.desktop.jobs.run_button import RunButton
from counterpart.desktop.keypoints.queue_model import Bar
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.labels import line, muted
from counterpart.desktop.widgets.table_model import Index, TableModel, dress
from counterpart.desktop.widgets.theme import GRID, colours

if TYPE_CHECKING:
    from counterpart.core.evaluate.keypoint_quality import KeypointQuality

NAME, RIGHT, SAID, COUNT = range(4)
_HEADERS = ("Keypoint", "Right", "Said", "Points")
_TIPS = (
    "Ordered as in the skeleton",
    "Share of the points that transfer places within 0.1 of the object's size (PCK@0.1)",
    "How sure transfer said it was, on average",
    "Confirmed points that were left out and predicted",
)


class QualityModel(TableModel):
    """One row per keypoint."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_HEADERS, _TIPS, (SAID, COUNT), parent)
        self._quality: KeypointQuality | None = None

    def set_quality(self, quality: KeypointQuality | None) -> None:
        """Show the outcome of a self-evaluation."""
        self.beginResetModel()
        self._quality = quality
        self.endResetModel()

    @property
    def quality(self) -> KeypointQuality | None:
        """What is shown."""
        return self._quality

    def row_total(self) -> int:
        return 0 if self._quality is None else len(self._quality.names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        quality, row, column = self._quality, index.row(), index.column()
        assert quality is not None
        right, said = float(quality.pck[row]), float(quality.score[row])
        if role == Qt.ItemDataRole.DisplayRole:
            words = "–" if np.isnan(said) else f"{said:.0%}"
            return {NAME: quality.names[row], SAID: words, COUNT: f"{quality.count[row]:,}"}.get(column)
        if role == Qt.ItemDataRole.UserRole and column == RIGHT:
            return None if np.isnan(right) else right
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if role == Qt.ItemDataRole.ForegroundRole and column in (SAID, COUNT):
            return QColor(colours().muted)
        if role == Qt.ItemDataRole.ToolTipRole and not np.isnan(right):
            tight, copied = float(quality.pck_tight[row]), float(quality.baseline[row])
            return (
                f"<b>{quality.names[row]}</b><br>within 0.1 of the size: {right:.0%}<br>within 0.05: {tight:.0%}"
                f"<br>copied from the other boxes: {copied:.0%}"
            )
        return None


class QualityPanel(QWidget):
    """Shows a self-evaluation and asks for one.

    Signals:
        measure_wanted: The button was pressed.
    """

    measure_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = QualityModel(self)
        self.table = QTableView()
        dress(self.table, "Share of right points by keypoint", self.model, 26)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setItemDelegateForColumn(RIGHT, Bar(_tone, self.table))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(RIGHT, QHeaderView.ResizeMode.Stretch)
        for column, width in ((SAID, 52), (COUNT, 58)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.table.setColumnWidth(column, width)
        self.empty = EmptyState(
            "keypoint", "How good is transfer here?", "Each confirmed image is predicted from the others and compared."
        )
        self.summary = muted(wrap=True, small=True)
        self.why = muted(wrap=True, small=True)
        self.button = RunButton("Measure")
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 8, 12, 10)
        foot.setSpacing(GRID)
        foot.addWidget(self.why, 1)
        foot.addWidget(self.button)
        words = QVBoxLayout()
        words.setContentsMargins(12, 4, 12, 8)
        words.addWidget(self.summary)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(body, 1)
        box.addLayout(words)
        box.addWidget(line())
        box.addLayout(foot)
        self.button.clicked.connect(self.measure_wanted)
        self.show_quality(None)

    def show_quality(self, quality: KeypointQuality | None) -> None:
        """Show an outcome, None for none yet."""
        self.model.set_quality(quality)
        self._stack.setCurrentIndex(1 if quality is None else 0)
        if quality is None:
            self.summary.setText("")
            return
        text = f"{quality.overall:.0%} of {int(quality.count.sum()):,} points right on {quality.instances} instances"
        if not np.isnan(quality.overall_baseline):
            text += f"; {quality.overall_baseline:.0%} by copying places."
        if not np.isnan(quality.auroc):
            text += f" What it says is off by {quality.calibration_error:.0%} on average."
        self.summary.setText(text)

    def show_ready(self, text: str, why_not: str) -> None:
        """What there is to measure on; why it cannot be measured, where it cannot."""
        self.why.setText(text)
        self.button.setEnabled(not why_not)
        self.button.setToolTip(why_not or "Predict every confirmed image from the others and compare")


def _tone(share: float) -> str:
    return "good" if share >= 0.75 else "accent" if share >= 0.5 else "warning"
