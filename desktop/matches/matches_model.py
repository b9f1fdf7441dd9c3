"""The correspondences of two images as a Qt table, the most doubtful first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor, QFont

from counterpart.core.project.points import MatchSet, MatchState
from counterpart.desktop.widgets.icons import icon, swatch
from counterpart.desktop.widgets.table_model import Index, TableModel
from counterpart.desktop.widgets.theme import colours

COLOUR, NUMBER, COSINE, CYCLE, STATE = range(5)
_HEADERS = ("", "#", "Cosine", "Cycle", "State")
_TIPS = (
    "Colour of its line",
    "Number of the match",
    "Cosine similarity of the two places",
    "Pixels between a place and where it comes back to from its counterpart",
    "What you think of it",
)
_STATES = {MatchState.PROPOSED: "Proposed", MatchState.ACCEPTED: "Accepted", MatchState.REJECTED: "Rejected"}
_CYCLE_SCALE = 0.08
_FAIR_SCORES = (0.3, 0.7)
_DOUBTFUL = 0.75


def doubt_of(matches: MatchSet, image_hw: tuple[int, int]) -> NDArray[np.float64]:
    """(N,) how doubtful each match is, in [0, 1]: unlike, or not coming back to where it began."""
    score = np.nan_to_num(matches.score.astype(np.float64), nan=1.0)
    cycle = np.nan_to_num(matches.cycle_error.astype(np.float64), nan=0.0)
    reach = _CYCLE_SCALE * float(np.hypot(*image_hw)) or 1.0
    low, high = _FAIR_SCORES
    return 1.0 - np.clip((score - low) / (high - low), 0.0, 1.0) * np.exp(-cycle / reach)


class MatchesModel(TableModel):
    """Matches as rows, the most doubtful first; what is decided comes last."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_HEADERS, _TIPS, (NUMBER, COSINE, CYCLE), parent)
        self._matches: MatchSet | None = None
        self._colours: Sequence[QColor] = ()
        self._doubt: NDArray[np.float64] = np.empty(0)
        self._order: NDArray[np.intp] = np.empty(0, np.intp)
        self._by, self._descending = -1, True
        self._hovered = -1

    def set_matches(self, matches: MatchSet | None, colour_list: Sequence[QColor], image_hw: tuple[int, int]) -> None:
        """Show these matches; `image_hw` is the size of the first image."""
        self.beginResetModel()
        self._matches, self._colours = matches, colour_list
        self._doubt = np.empty(0) if matches is None else doubt_of(matches, image_hw)
        self._sort()
        self.endResetModel()

    @property
    def matches(self) -> MatchSet | None:
        """The matches shown."""
        return self._matches

    def set_hovered(self, index: int) -> None:
        """Mark the row of the match under the pointer, -1 for none."""
        before, self._hovered = self._hovered, index
        for row in (self.row_of(before), self.row_of(index)):
            if row >= 0:
                self.dataChanged.emit(self.index(row, COLOUR), self.index(row, STATE))

    def index_of(self, row: int) -> int:
        """Index of the match in a row, -1 outside."""
        return int(self._order[row]) if 0 <= row < len(self._order) else -1

    def row_of(self, index: int) -> int:
        """Row of a match, -1 when there is none."""
        found = np.flatnonzero(self._order == index)
        return int(found[0]) if found.size else -1

    def _sort(self) -> None:
        matches = self._matches
        if matches is None:
            self._order = np.empty(0, np.intp)
            return
        if self._by < 0 or self._by == COLOUR:
            decided = (matches.state != MatchState.PROPOSED).astype(float) + (matches.state == MatchState.REJECTED)
            self._order = np.lexsort((-self._doubt, decided))
            return
        keys: dict[int, NDArray[np.generic]] = {
            NUMBER: np.arange(len(matches)),
            COSINE: np.nan_to_num(matches.score, nan=2.0),
            CYCLE: np.nan_to_num(matches.cycle_error, nan=-1.0),
            STATE: matches.state,
        }
        order = np.argsort(keys[self._by], kind="stable")
        self._order = order[::-1] if self._descending else order

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        numbers = [self.index_of(index.row()) for index in before]
        self._by, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._sort()
        after = [self.index(self.row_of(n), index.column()) for n, index in zip(numbers, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    # Qt -----------------------------------------------------------------------------------------------------

    def row_total(self) -> int:
        return len(self._order)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        matches = self._matches
        if matches is None:
            return None
        number, column = int(self._order[index.row()]), index.column()
        state = MatchState(int(matches.state[number]))
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(number, column, state)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if role == Qt.ItemDataRole.DecorationRole:
            if column == COLOUR and number < len(self._colours):
                colour = self._colours[number]
                return swatch((colour.red(), colour.green(), colour.blue()), 12)
            if column == STATE and matches.locked[number]:
                return icon("lock", colours().warning)
        if role == Qt.ItemDataRole.BackgroundRole and number == self._hovered:
            return QColor(colours().hover)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(self._tone(number, state))
        if role == Qt.ItemDataRole.FontRole and state == MatchState.REJECTED:
            font = QFont()
            font.setStrikeOut(True)
            return font
        return None

    def _text(self, number: int, column: int, state: MatchState) -> str | None:
        matches = self._matches
        assert matches is not None
        if column == NUMBER:
            return str(number + 1)
        if column == COSINE:
            return "–" if np.isnan(matches.score[number]) else f"{matches.score[number]:.2f}"
        if column == CYCLE:
            cycle = matches.cycle_error[number]
            return "–" if np.isnan(cycle) else f"{cycle:.0f} px"
        return _STATES[state] if column == STATE else None

    def _tone(self, number: int, state: MatchState) -> str:
        theme = colours()
        if state == MatchState.REJECTED:
            return theme.faint
        if state == MatchState.PROPOSED and self._doubt[number] > _DOUBTFUL:
            return theme.warning
        return theme.text
