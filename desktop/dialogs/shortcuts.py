"""The F1 sheet: every shortcut and gesture on one page."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.actions import Actions, shortcut_rows
from desktop.theme import GRID, colours
from desktop.widgets import heading

__all__ = ["ShortcutsDialog"]


class ShortcutsDialog(QDialog):
    """Shows the shortcuts by section, in columns."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        sections: dict[str, list[tuple[str, str]]] = {}
        for section, keys, text in shortcut_rows(actions):
            sections.setdefault(section, []).append((keys, text))
        columns = QHBoxLayout()
        columns.setSpacing(5 * GRID)
        for names in _balanced(sections):
            column = QVBoxLayout()
            column.setSpacing(3 * GRID)
            for name in names:
                column.addLayout(_section(name, sections[name]))
            column.addStretch(1)
            columns.addLayout(column)
        page = QWidget()
        page.setLayout(columns)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(page)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addWidget(area)
        box.addWidget(close)
        hint = page.sizeHint()
        self.resize(hint.width() + 8 * GRID, min(hint.height() + 12 * GRID, 760))


def _balanced(sections: dict[str, list[tuple[str, str]]]) -> list[list[str]]:
    """Section names in three columns of about equal length, in order."""
    total = sum(len(rows) + 2 for rows in sections.values())
    columns: list[list[str]] = [[]]
    filled = 0
    for name, rows in sections.items():
        if filled > total * len(columns) / 3 - 2 and len(columns) < 3:
            columns.append([])
        columns[-1].append(name)
        filled += len(rows) + 2
    return columns


def _section(name: str, rows: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * GRID)
    grid.setVerticalSpacing(GRID)
    grid.addWidget(heading(name), 0, 0, 1, 2)
    for row, (keys, text) in enumerate(rows, start=1):
        grid.addWidget(QLabel(text), row, 0)
        grid.addWidget(_keys(keys), row, 1, Qt.AlignmentFlag.AlignRight)
    grid.setColumnStretch(0, 1)
    return grid


def _keys(keys: str) -> QLabel:
    theme = colours()
    caps = [
        f"<span style='background:{theme.raised};'>&nbsp;{html.escape(key)}&nbsp;</span>" for key in keys.split(", ")
    ]
    label = QLabel("&nbsp; ".join(caps))
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setProperty("role", "muted")
    return label
