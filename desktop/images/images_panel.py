"""The panel that lists the images: thumbnails with overlays, review state, search, filter, counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import cast

from PySide6.QtCore import QItemSelectionRange, QModelIndex, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.project.model import PartLabel
from counterpart.desktop.canvas.grid_paint import GridPaint
from counterpart.desktop.canvas.pane import Heat
from counterpart.desktop.images.image_filter import NOTHING, WITH, WITHOUT, FilterButton, ImageFilter
from counterpart.desktop.images.image_model import ImageModel
from counterpart.desktop.images.image_rows import ROW_PX, ImageList, RowDelegate
from counterpart.desktop.images.image_words import STATE_NAMES
from counterpart.desktop.images.images_foot import ImagesFoot
from counterpart.desktop.images.thumbnails import Thumbnails
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.widgets.labels import heading, line, muted
from counterpart.desktop.widgets.theme import GRID, colours

_COUNTING_MS = 40


class ImagesPanel(QWidget):
    """Lists the images of the project.

    Signals:
        chosen: Image that was made the current one.
        chosen_right: Image that was asked for on the right side.
        state_wanted: Images and the review state that they should have.
        remove_wanted: Images to take out of the project.
        reveal_wanted: Image whose folder should be shown.
        statistics_wanted: What there is of each part should be shown.
        counted: Numbers of images by state are up to date; at most some times a second.
    """

    chosen = Signal(int)
    chosen_right = Signal(int)
    state_wanted = Signal(object, str)
    remove_wanted = Signal(object)
    statistics_wanted = Signal()
    reveal_wanted = Signal(int)
    counted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._thumbnails = thumbnails
        self._chosen = 0
        self.model = ImageModel(thumbnails.get, self)
        self.view = ImageList()
        self.view.setObjectName("images")
        self.view.setAccessibleName("Images")
        self.view.setModel(self.model)
        self.view.setItemDelegate(RowDelegate(self.view))
        self.view.horizontalHeader().hide()
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.view.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.view.setShowGrid(False)
        self.view.setTabKeyNavigation(False)
        self.view.setMouseTracking(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search names")
        self.search.setAccessibleName("Search names")
        self.search.setClearButtonEnabled(True)
        self._glass = self.search.addAction(icon("search", colours().muted), QLineEdit.ActionPosition.LeadingPosition)
        self.state = QComboBox()
        self.state.setAccessibleName("Filter by state")
        self.state.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.filter = FilterButton()
        self.images_with_part: Callable[[int], Collection[int]] = lambda _part: ()
        self._filtered = muted(wrap=True, small=True)
        self._show_all = icon_button("reject", "Show all images", quiet=True)
        self._filter_row = QWidget()
        self.foot = ImagesFoot()
        self.count = muted()
        self.empty = EmptyState("image", "No images yet", "Open a folder, or drop images or a folder here.")
        self._layout()
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(120)
        self._typing.timeout.connect(self._filter)
        self.search.textChanged.connect(self._on_typed)
        self.state.currentIndexChanged.connect(self._filter)
        self.view.selectionModel().currentChanged.connect(self._on_current)
        self.view.scrolled.connect(self._drop_unseen)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._menu)
        self.view.control_clicked.connect(self._on_control_clicked)
        self.view.delete_pressed.connect(self._remove_selected)
        self.view.selectionModel().selectionChanged.connect(self._on_selection)
        self.model.modelReset.connect(self._on_selection)
        self.filter.changed.connect(self._filter)
        self._show_all.clicked.connect(self.filter.clear_filter)
        self.foot.statistics_wanted.connect(self.statistics_wanted)
        self.foot.state_wanted.connect(lambda state: self.state_wanted.emit(self.selected, state))
        self.foot.remove_wanted.connect(self._remove_selected)
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.setInterval(_COUNTING_MS)
        self._counting.timeout.connect(self._show_counts)
        self.model.counts_changed.connect(self._count_soon)
        thumbnails.ready.connect(self._on_thumbnail)
        thumbnails.failed.connect(self.model.set_problem)
        self._show_counts()

    def _layout(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(heading("Images"))
        top.addWidget(self.count)
        top.addStretch(1)
        top.addWidget(self.state)
        head = QVBoxLayout()
        head.setContentsMargins(12, 12, 12, 8)
        head.setSpacing(GRID)
        head.addLayout(top)
        find = QHBoxLayout()
        find.setSpacing(4)
        find.addWidget(self.search, 1)
        find.addWidget(self.filter)
        head.addLayout(find)
        row = QHBoxLayout(self._filter_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._filtered, 1)
        row.addWidget(self._show_all)
        self._filter_row.hide()
        head.addWidget(self._filter_row)
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(body, 1)
        box.addWidget(line())
        box.addWidget(self.foot)
        self.setMinimumWidth(220)

    # Current image ------------------------------------------------------------------------------------------

    @property
    def current(self) -> int:
        """The image that was chosen last, 0 for none; it stays the current one when a filter hides it."""
        return self._chosen if self.model.record(self._chosen) is not None else 0

    def select(self, image: int) -> None:
        """Select an image and bring it into sight; `chosen` tells."""
        row = self.model.row(image)
        if row < 0:
            return
        self.view.setCurrentIndex(self.model.index(row))
        self.view.scrollTo(self.model.index(row))

    def show_image(self, image: int) -> None:
        """Select an image, also one that search or filter hide."""
        if self.model.row(image) < 0:
            self.show_all()
        self.select(image)

    @Slot(object)
    def set_heats(self, heats: Mapping[int, Heat | GridPaint]) -> None:
        """Lay maps of numbers or colours over thumbnails."""
        self.model.set_heats(heats)

    def retint(self) -> None:
        """Follow a change of theme."""
        self._glass.setIcon(icon("search", colours().muted))
        self.view.viewport().update()

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self._chosen = self.model.shown[now.row()]
            self.chosen.emit(self._chosen)

    @Slot(QModelIndex)
    def _on_control_clicked(self, index: QModelIndex) -> None:
        self.chosen_right.emit(self.model.shown[index.row()])

    @Slot(QPoint)
    def _menu(self, position: QPoint) -> None:
        index = self.view.indexAt(position)
        if index.isValid():
            menu = self.menu_for(self.model.shown[index.row()])
            menu.popup(self.view.viewport().mapToGlobal(position))

    def menu_for(self, image: int) -> QMenu:
        """What can be done with an image of the list."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chosen = self.selected if image in self.selected else [image]
        several = f" {len(chosen):,} images" if len(chosen) > 1 else ""
        if len(chosen) == 1:
            menu.addAction("Show on the right").triggered.connect(lambda: self.chosen_right.emit(image))
            menu.addSeparator()
        states = {record.state for each in chosen if (record := self.model.record(each)) is not None}
        marks = (("reviewed", f"Mark{several} as reviewed"), ("todo", f"Mark{several} as to do"))
        for state, words in (*marks, ("skipped", f"Skip{several}")):
            action = menu.addAction(words)
            action.setEnabled(states != {state})
            action.triggered.connect(lambda _checked=False, state=state: self.state_wanted.emit(chosen, state))
        menu.addSeparator()
        if len(chosen) == 1:
            menu.addAction("Show in folder").triggered.connect(lambda: self.reveal_wanted.emit(image))
        remove = menu.addAction(f"Remove{several} from project")
        remove.triggered.connect(lambda: self.remove_wanted.emit(chosen))
        return menu

    @property
    def selected(self) -> list[int]:
        """The selected images, from top to bottom."""
        rows = sorted(row for part in self._ranges() for row in range(part.top(), part.bottom() + 1))
        return [self.model.shown[row] for row in rows]

    @property
    def selected_count(self) -> int:
        """How many images are selected, without listing them."""
        return sum(part.height() for part in self._ranges())

    def _ranges(self) -> list[QItemSelectionRange]:
        """What is selected, as ranges of rows: a hundred thousand rows are one of them."""
        return list(cast("Iterable[QItemSelectionRange]", self.view.selectionModel().selection()))

    @Slot()
    def _on_selection(self) -> None:
        self.foot.set_selected(self.selected_count)

    @Slot()
    def _remove_selected(self) -> None:
        if self.selected:
            self.remove_wanted.emit(self.selected)

    @Slot(int)
    def show_part(self, part: int) -> None:
        """List only the images that have a part."""
        self.filter.choose_part(WITH, part)

    def set_paired(self, paired: bool) -> None:
        """Whether Ctrl+click chooses the image on the right instead of adding to the selection."""
        self.view.paired = paired

    def set_parts(self, parts: Sequence[PartLabel]) -> None:
        """The parts that images can be filtered by."""
        self.filter.set_parts(parts)

    # Thumbnails ---------------------------------------------------------------------------------------------

    def visible_images(self) -> list[int]:
        """The images whose rows can be seen now."""
        area = self.view.viewport().rect()
        first = self.view.indexAt(area.topLeft())
        if not first.isValid():
            return []
        last = first.row() + area.height() // ROW_PX + 2
        return list(self.model.shown[first.row() : last])

    @Slot()
    def _drop_unseen(self) -> None:
        self._thumbnails.keep_only(set(self.visible_images()))

    @Slot(int)
    def _on_thumbnail(self, image: int) -> None:
        self.model.touch(image)

    # Filter -------------------------------------------------------------------------------------------------

    @Slot(str)
    def _on_typed(self, _text: str) -> None:
        self._typing.start()

    @Slot()
    def _filter(self) -> None:
        keep = self.current
        self._typing.stop()
        chosen = self.filter
        found = frozenset(self.images_with_part(chosen.part)) if chosen.kind else None
        self.model.set_filter(
            ImageFilter(
                self.search.text().strip(),
                self.state.currentData() or "",
                found if chosen.kind == WITH else None,
                found if chosen.kind in (WITHOUT, NOTHING) else None,
                chosen.doubt,
            ),
            chosen.sort,
        )
        self._filtered.setText(chosen.describe())
        self._filter_row.setVisible(bool(chosen.describe()))
        self.select(keep)

    def show_all(self) -> None:
        """Give up search and filter, at once: an image that they hide is wanted. The order stays."""
        for control in (self.search, self.state):
            control.blockSignals(True)
        self.search.clear()
        self.state.setCurrentIndex(0)
        for control in (self.search, self.state):
            control.blockSignals(False)
        self.filter.clear_filter()

    @Slot()
    def _count_soon(self) -> None:
        if not self._counting.isActive():
            self._counting.start()

    @Slot()
    def _show_counts(self) -> None:
        counts = self.model.counts()
        total, shown = self.model.total, self.model.rowCount()
        self.count.setText(f"{total:,}" if shown == total else f"{shown:,} of {total:,}")
        entries = [("All", "", total)]
        entries += [(STATE_NAMES[state], state, counts[state]) for state in STATE_NAMES]
        if counts["missing"]:
            entries.append(("Missing", "missing", counts["missing"]))
        if counts["unreadable"]:
            entries.append(("Unreadable", "unreadable", counts["unreadable"]))
        self._fill_states(entries)
        self.foot.set_counts(counts, total)
        if total and not shown:
            self.empty.say("Nothing matches", "Change the search or the filter.")
        elif not total:
            self.empty.say("No images yet", "Open a folder, or drop images or a folder here.")
        self._stack.setCurrentIndex(0 if shown else 1)
        self.counted.emit()

    def _fill_states(self, entries: list[tuple[str, str, int]]) -> None:
        keep = self.state.currentData() or ""
        self.state.blockSignals(True)
        if [self.state.itemData(i) for i in range(self.state.count())] != [value for _, value, _ in entries]:
            self.state.clear()
            for _, value, _ in entries:
                self.state.addItem("", value)
        for index, (text, value, count) in enumerate(entries):
            self.state.setItemText(index, f"{text} ({count:,})" if value else text)
        self.state.setCurrentIndex(max(self.state.findData(keep), 0))
        self.state.blockSignals(False)
