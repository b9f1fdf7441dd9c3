"""The table of correspondences between the two images shown: how sure each is, and what a person thinks of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.project.points import MatchSet, MatchState
from counterpart.desktop.matches.matches_model import COLOUR, COSINE, CYCLE, NUMBER, STATE, MatchesModel
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.labels import muted
from counterpart.desktop.widgets.number_field import NumberField
from counterpart.desktop.widgets.segments import Segments
from counterpart.desktop.widgets.table_model import dress
from counterpart.desktop.widgets.theme import GRID


class _Table(QTableView):
    hovered = Signal(int)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        self.hovered.emit(index.row() if index.isValid() else -1)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(-1)
        super().leaveEvent(event)


class MatchesPanel(QWidget):
    """Correspondences of the pair shown. It asks for changes; the document makes them.

    Signals:
        count_changed: Number of pairs wanted.
        colour_by_changed: `position` or `confidence`.
        hovered, selected: Match under the pointer, match chosen; -1 for none.
        set_state: Matches and the state wanted.
        lock: Matches, and whether to lock them.
        delete: Matches to remove.
    """

    count_changed = Signal(int)
    colour_by_changed = Signal(str)
    hovered = Signal(int)
    selected = Signal(int)
    set_state = Signal(list, int)
    lock = Signal(list, bool)
    delete = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = MatchesModel(self)
        self.table = self._make_table()
        self.count = NumberField(1, 100, 1)
        self.count.setAccessibleName("Number of matches")
        self.count.set_value(10)
        self.colour_by = Segments(
            ("Position", "Confidence"),
            ("Colour lines by where they begin", "Colour lines by how sure they are"),
        )
        self.empty = EmptyState("pair", "No matches yet", "")
        self.accept_button = icon_button("check", "Accept (Enter)", quiet=True)
        self.reject_button = icon_button("reject", "Reject (Esc)", quiet=True)
        self.lock_button = icon_button("lock", "Lock (L)", quiet=True)
        self.delete_button = icon_button("trash", "Delete", quiet=True)
        self.summary = muted(small=True)
        self._layout()
        self._connect()
        self.set_matches(None, (), (1, 1))

    def _make_table(self) -> _Table:
        table = _Table()
        dress(table, "Matches", self.model, 28)
        table.setIconSize(QSize(14, 14))
        table.setMouseTracking(True)
        table.setSortingEnabled(True)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(26)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.DescendingOrder)
        header.setSectionResizeMode(COLOUR, QHeaderView.ResizeMode.Fixed)
        table.setColumnWidth(COLOUR, 28)
        for column in (NUMBER, COSINE, CYCLE):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(STATE, QHeaderView.ResizeMode.Stretch)
        return table

    def _layout(self) -> None:
        knobs = QGridLayout()
        knobs.setContentsMargins(12, 12, 12, 8)
        knobs.setHorizontalSpacing(12)
        knobs.setVerticalSpacing(GRID)
        knobs.addWidget(muted("Pairs"), 0, 0)
        knobs.addWidget(self.count, 0, 1)
        knobs.addWidget(muted("Colour"), 1, 0)
        knobs.addWidget(self.colour_by, 1, 1)
        knobs.setColumnStretch(1, 1)
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        tools = QHBoxLayout()
        tools.setContentsMargins(10, 4, 12, 8)
        tools.setSpacing(4)
        for button in (self.accept_button, self.reject_button, self.lock_button, self.delete_button):
            tools.addWidget(button)
        tools.addStretch(1)
        tools.addWidget(self.summary)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(knobs)
        box.addWidget(body, 1)
        box.addLayout(tools)

    def _connect(self) -> None:
        self.count.changed.connect(self._on_count)
        self.colour_by.chosen.connect(self._on_colour)
        self.table.hovered.connect(self._on_hovered)
        self.table.selectionModel().selectionChanged.connect(self._on_selection)
        self.accept_button.clicked.connect(self._accept)
        self.reject_button.clicked.connect(self._reject)
        self.lock_button.clicked.connect(self._lock)
        self.delete_button.clicked.connect(self._delete)

    # Content ------------------------------------------------------------------------------------------------

    def set_matches(self, matches: MatchSet | None, colour_list: Sequence[QColor], image_hw: tuple[int, int]) -> None:
        """Show matches (None: these images were not matched yet); what was selected stays selected by number."""
        keep = self.chosen
        self.table.selectionModel().blockSignals(True)
        self.model.set_matches(matches, colour_list, image_hw)
        self.table.selectionModel().blockSignals(False)
        count = 0 if matches is None else len(matches)
        self._stack.setCurrentIndex(0 if count else 1)
        if matches is not None:
            accepted = int((matches.state == MatchState.ACCEPTED).sum())
            self.summary.setText(f"{count} · {accepted} accepted")
        else:
            self.summary.setText("")
        for index in keep:
            self.choose(index, add=True)
        self._update_buttons()

    def say_empty(self, title: str, text: str) -> None:
        """Why there are no matches."""
        self.empty.say(title, text)

    @property
    def chosen(self) -> list[int]:
        """The selected matches."""
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        return [number for row in sorted(rows) if (number := self.model.index_of(row)) >= 0]

    def choose(self, index: int, *, add: bool = False) -> None:
        """Select a match (-1: none) and bring it into sight."""
        row = self.model.row_of(index)
        if row < 0:
            if not add:
                self.table.clearSelection()
            return
        flag = QItemSelectionModel.SelectionFlag.Select if add else QItemSelectionModel.SelectionFlag.ClearAndSelect
        place = self.model.index(row, NUMBER)
        self.table.selectionModel().setCurrentIndex(place, flag | QItemSelectionModel.SelectionFlag.Rows)
        self.table.scrollTo(place)

    # What is asked for --------------------------------------------------------------------------------------

    @Slot(float)
    def _on_count(self, value: float) -> None:
        self.count_changed.emit(round(value))

    @Slot(int)
    def _on_colour(self, index: int) -> None:
        self.colour_by_changed.emit(("position", "confidence")[index])

    @Slot(int)
    def _on_hovered(self, row: int) -> None:
        self.hovered.emit(self.model.index_of(row))

    @Slot()
    def _on_selection(self) -> None:
        chosen = self.chosen
        self.selected.emit(chosen[0] if chosen else -1)
        self._update_buttons()

    @Slot()
    def _accept(self) -> None:
        self.set_state.emit(self.chosen, int(MatchState.ACCEPTED))

    @Slot()
    def _reject(self) -> None:
        self.set_state.emit(self.chosen, int(MatchState.REJECTED))

    @Slot()
    def _lock(self) -> None:
        matches = self.model.matches
        if matches is not None and self.chosen:
            self.lock.emit(self.chosen, not bool(matches.locked[self.chosen].all()))

    @Slot()
    def _delete(self) -> None:
        self.delete.emit(self.chosen)

    def _update_buttons(self) -> None:
        some = bool(self.chosen)
        for button, tip in (
            (self.accept_button, "Accept (Enter)"),
            (self.reject_button, "Reject (Esc)"),
            (self.lock_button, "Lock or unlock (L)"),
            (self.delete_button, "Delete"),
        ):
            button.setEnabled(some)
            button.setToolTip(tip if some else f"{tip}: select a match first")
