"""The panel that says which keypoints to look at first, over the whole project."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.pipeline.keypoints.doubt import Doubt, Reason
from counterpart.desktop.jobs.run_button import RunButton
from counterpart.desktop.keypoints.queue_model import DOUBT, IMAGE, POINT, REASON, Bar, QueueModel
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.labels import line, muted
from counterpart.desktop.widgets.table_model import dress
from counterpart.desktop.widgets.theme import GRID


class QueuePanel(QWidget):
    """Lists doubtful points. It asks for changes; the document makes them.

    Signals:
        looked_at: The `Doubt` whose row became the current one.
        accept_wanted, move_wanted, swap_wanted, remove_wanted: The `Doubt` to confirm, to move to where it fits
            better, whose pairs are to change places, to take away.
        check_wanted: The confirmed points are to be checked.
    """

    looked_at = Signal(object)
    accept_wanted = Signal(object)
    move_wanted = Signal(object)
    swap_wanted = Signal(object)
    remove_wanted = Signal(object)
    check_wanted = Signal()

    def __init__(self, model: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = model
        self._all: list[Doubt] = []
        self._place = 0
        self._quiet = False
        self.which = QComboBox()
        self.which.setAccessibleName("Which points")
        for words, tip in (
            ("All", "All points that deserve a look"),
            ("Predicted", "Points that nobody has confirmed yet"),
            ("Confirmed", "Confirmed points that look odd"),
        ):
            self.which.addItem(words)
            self.which.setItemData(self.which.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.table = self._make_table()
        self.empty = EmptyState("check", "Nothing to check", "")
        self.accept_button = icon_button("check", "Right: accept and go on (Enter)", quiet=True)
        self.move_button = icon_button("pin", "Move to where it fits better", quiet=True)
        self.swap_button = icon_button("swap", "Swap left and right", quiet=True)
        self.remove_button = icon_button("trash", "Take the point away", quiet=True)
        self.summary = muted(small=True)
        self.checked = muted("Confirmed points have not been checked.", wrap=True, small=True)
        self.check_button = RunButton("Check confirmed points")
        self._layout()
        self._connect()
        self.set_rows(())

    def _make_table(self) -> QTableView:
        table = QTableView()
        dress(table, "Points to check first", self.model, 28)
        table.setIconSize(QSize(14, 14))
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.setItemDelegateForColumn(DOUBT, Bar(lambda share: "warning" if share > 0.5 else "accent", table))
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(40)
        for column, width in ((POINT, 116), (IMAGE, 60), (DOUBT, 50), (REASON, 60)):
            table.setColumnWidth(column, width)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header.setTextElideMode(Qt.TextElideMode.ElideNone)
        header.setSectionResizeMode(REASON, QHeaderView.ResizeMode.Stretch)
        return table

    def _layout(self) -> None:
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        tools = QHBoxLayout()
        tools.setContentsMargins(10, 4, 12, 4)
        tools.setSpacing(4)
        for button in (self.accept_button, self.move_button, self.swap_button, self.remove_button):
            tools.addWidget(button)
        tools.addStretch(1)
        tools.addWidget(self.summary)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 8, 12, 10)
        foot.setSpacing(GRID)
        foot.addWidget(self.checked, 1)
        foot.addWidget(self.check_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(body, 1)
        box.addLayout(tools)
        box.addWidget(line())
        box.addLayout(foot)

    def _connect(self) -> None:
        self.which.currentIndexChanged.connect(self._filter)
        self.table.selectionModel().currentRowChanged.connect(self._on_current)
        self.table.clicked.connect(self._on_clicked)
        self.accept_button.clicked.connect(self.accept)
        self.move_button.clicked.connect(self._move)
        self.swap_button.clicked.connect(self._swap)
        self.remove_button.clicked.connect(self._remove)
        self.check_button.clicked.connect(self.check_wanted)

    # Content ------------------------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[Doubt]) -> None:
        """Show these points. The current one stays so while it is listed; else the place in the list is kept."""
        self._all = list(rows)
        self._filter()

    @Slot()
    def _filter(self) -> None:
        wanted = {1: False, 2: True}.get(self.which.currentIndex())
        rows = [row for row in self._all if wanted is None or row.confirmed == wanted]
        keep = self.current
        self._quiet = True
        self.model.set_rows(rows)
        place = self.model.row_of(keep.key) if keep is not None else -1
        if place >= 0:
            self.table.setCurrentIndex(self.model.index(place, POINT))
        self._quiet = False
        self._stack.setCurrentIndex(0 if rows else 1)
        guessed = sum(not row.confirmed for row in self._all)
        odd = len(self._all) - guessed
        self.summary.setText(f"{guessed:,} predicted · {odd:,} odd" if self._all else "")
        self._update()

    def say_empty(self, title: str, text: str) -> None:
        """Why there is nothing to check."""
        self.empty.say(title, text)

    def show_checked(self, text: str, why_not: str) -> None:
        """When confirmed points were checked last; why they cannot be, where they cannot."""
        self.checked.setText(text)
        self.check_button.setEnabled(not why_not)
        self.check_button.setToolTip(why_not or "Compare every confirmed point with those of the other images")

    @property
    def current(self) -> Doubt | None:
        """The point that is looked at."""
        return self.model.row(self.table.currentIndex().row())

    def go_on(self) -> bool:
        """Look at the point that is now where the last one was; whether there is one."""
        if not self.model.rows:
            return False
        row = min(self._place, len(self.model.rows) - 1)
        self.table.setCurrentIndex(QModelIndex())
        self.table.setCurrentIndex(self.model.index(row, POINT))
        self.table.scrollTo(self.model.index(row, POINT))
        return True

    # What is asked for --------------------------------------------------------------------------------------

    @Slot()
    def accept(self) -> bool:
        """Enter: accept the current point, or go on where it was dealt with already; whether there was anything."""
        row = self.current
        if row is None:
            return self.go_on()
        self.accept_wanted.emit(row)
        return True

    @Slot()
    def _move(self) -> None:
        if self.current is not None:
            self.move_wanted.emit(self.current)

    @Slot()
    def _swap(self) -> None:
        if self.current is not None:
            self.swap_wanted.emit(self.current)

    @Slot()
    def _remove(self) -> None:
        if self.current is not None:
            self.remove_wanted.emit(self.current)

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        self._update()
        row = self.model.row(now.row())
        if row is not None and not self._quiet:
            self._place = now.row()
            self.looked_at.emit(row)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        row = self.model.row(index.row())
        if row is not None:  # also when it is the current one: the person may have moved the image
            self._place = index.row()
            self.looked_at.emit(row)

    def _update(self) -> None:
        row = self.current
        for button, can, tip, why in (
            (self.accept_button, row is not None, "Right: accept and go on (Enter)", "choose a point"),
            (
                self.move_button,
                row is not None and row.suggestion is not None,
                "Move to where it fits better",
                "only for confirmed points that a check found odd",
            ),
            (
                self.swap_button,
                row is not None and row.reason == Reason.SWAP,
                "Swap left and right",
                "only where left and right seem swapped",
            ),
            (self.remove_button, row is not None, "Take the point away", "choose a point"),
        ):
            button.setEnabled(can)
            button.setToolTip(tip if can else f"{tip}: {why}")
