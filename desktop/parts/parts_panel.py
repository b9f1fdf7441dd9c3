"""The legend of parts: colour, name, share of the image, visibility and lock; rename, recolour, merge, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QSlider,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.project.model import PartLabel
from counterpart.core.wording import counted
from counterpart.desktop.parts.parts_model import COLOUR, LOCK, NAME, SHARE, VISIBLE, PartsModel
from counterpart.desktop.parts.parts_rows import PartsTable, PartToggle
from counterpart.desktop.widgets.buttons import action_button, icon_button
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.labels import muted
from counterpart.desktop.widgets.table_model import dress
from counterpart.desktop.widgets.theme import GRID


class PartsPanel(QWidget):
    """The legend. It asks for changes; the document makes them.

    Signals:
        active_changed: Part that was chosen, 0 for none.
        emphasised: Part under the pointer, 0 for none.
        rename, recolour, show_part, lock_part: Part and its new value.
        add, merge, delete: New part wanted; parts to merge into the first; parts to delete.
        reorder: All parts in their new order.
        wanted: What else is asked for by the menu, and the parts that it is for: `accept`, `accept_listed`, `only`,
            `show_all`, `lock_others`, `unlock_all`, `list` or `split`.
        opacity_changed: Opacity of overlays in [0, 1].
    """

    active_changed = Signal(int)
    emphasised = Signal(int)
    rename = Signal(int, str)
    recolour = Signal(int, QColor)
    show_part = Signal(int, bool)
    lock_part = Signal(int, bool)
    add = Signal()
    merge = Signal(list)
    delete = Signal(list)
    reorder = Signal(list)
    wanted = Signal(str, list)
    opacity_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._editable = True
        self.model = PartsModel(self)
        self.table = self._make_table()
        self.empty = EmptyState("parts", "No parts yet", "Press Find parts, or + for a part of your own.")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName("Opacity")
        self._percent = QLabel()
        self._percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._percent.setMinimumWidth(44)
        self.add_button = icon_button("plus", "Add a part", quiet=True)
        self.merge_button = icon_button("merge", "Merge the selected parts on all images", quiet=True)
        self.delete_button = icon_button("trash", "Delete the selected parts on all images", quiet=True)
        self.accept_button = icon_button("reviewed", "Accept the predictions of this image", quiet=True)
        self.summary = muted(small=True)
        self._layout()
        self._connect()
        self._update_buttons()

    def _make_table(self) -> PartsTable:
        table = PartsTable()
        dress(table, "Parts", self.model, 30)
        table.setMouseTracking(True)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        header = table.horizontalHeader()
        header.setMinimumSectionSize(26)
        for column, width in ((VISIBLE, 32), (COLOUR, 28), (LOCK, 32)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            table.setColumnWidth(column, width)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(SHARE, QHeaderView.ResizeMode.ResizeToContents)
        self._eye = PartToggle("eye", "eye-off", "visible", table)
        self._lock = PartToggle("lock", "unlock", "locked", table)
        table.setItemDelegateForColumn(VISIBLE, self._eye)
        table.setItemDelegateForColumn(LOCK, self._lock)
        return table

    def _layout(self) -> None:
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        row = QHBoxLayout()
        row.setContentsMargins(12, 8, 12, 0)
        row.setSpacing(GRID)
        row.addWidget(muted("Opacity"))
        row.addWidget(self.opacity, 1)
        row.addWidget(self._percent)
        tools = QHBoxLayout()
        tools.setContentsMargins(10, 4, 12, 8)
        tools.setSpacing(4)
        for button in (self.add_button, self.merge_button, self.delete_button, self.accept_button):
            tools.addWidget(button)
        self._tools = tools
        tools.addStretch(1)
        tools.addWidget(self.summary)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 0)
        box.setSpacing(0)
        box.addWidget(body, 1)
        box.addLayout(row)
        box.addLayout(tools)
        self._stack.setCurrentIndex(1)

    def _connect(self) -> None:
        self.model.renamed.connect(self.rename)
        self._eye.clicked.connect(self._toggle_visible)
        self._lock.clicked.connect(self._toggle_locked)
        self.table.clicked.connect(self._on_clicked)
        self.table.hovered.connect(self._on_hovered)
        self.table.selectionModel().selectionChanged.connect(self._on_selection)
        self.opacity.valueChanged.connect(self._on_opacity)
        self.add_button.clicked.connect(self.add)
        self.merge_button.clicked.connect(self._merge)
        self.delete_button.clicked.connect(self._delete)
        self.accept_button.clicked.connect(lambda: self.wanted.emit("accept", []))
        self.table.moved.connect(self._moved)
        self.table.delete_pressed.connect(self._delete)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)

    def add_tool(self, action: QAction) -> None:
        """Put a button for an action beside those for parts."""
        button = action_button(action)
        button.setObjectName("quiet")
        button.setIconSize(QSize(16, 16))
        self._tools.insertWidget(3, button)

    # Content ------------------------------------------------------------------------------------------------

    def set_parts(self, parts: Sequence[PartLabel]) -> None:
        """Show these parts; the active one stays active."""
        keep = self.active
        self.model.set_parts(parts)
        self._stack.setCurrentIndex(0 if parts else 1)
        self.set_active(keep)
        self._update_buttons()

    def set_opacity(self, opacity: float) -> None:
        """Set the slider without telling anybody."""
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(opacity * 100))
        self.opacity.blockSignals(False)
        self._percent.setText(f"{self.opacity.value()} %")

    @property
    def active(self) -> int:
        """The part that is chosen, 0 for none."""
        part = self.model.part(self.table.currentIndex().row())
        return part.id if part else 0

    def set_active(self, part: int) -> None:
        """Choose a part."""
        row = self.model.row_of(part)
        if row < 0:
            self.table.clearSelection()
            self.table.setCurrentIndex(QModelIndex())
            return
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.table.selectionModel().setCurrentIndex(self.model.index(row, NAME), flags)

    def name_part(self, part: int) -> None:
        """Choose a part and let its name be typed."""
        self.set_active(part)
        self.table.edit_name(self.model.row_of(part))

    def choose_row(self, row: int) -> None:
        """Choose the part in a row, if there is one."""
        part = self.model.part(row)
        if part is not None:
            self.set_active(part.id)

    @property
    def selected(self) -> list[int]:
        """The selected parts; the active one first."""
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        parts = [part.id for row in rows if (part := self.model.part(row)) is not None]
        return sorted(parts, key=lambda part: part != self.active)

    # What is asked for --------------------------------------------------------------------------------------

    @Slot(int)
    def _toggle_visible(self, row: int) -> None:
        part = self.model.part(row)
        if part is not None:
            self.show_part.emit(part.id, not part.visible)

    @Slot(int)
    def _toggle_locked(self, row: int) -> None:
        part = self.model.part(row)
        if part is not None:
            self.lock_part.emit(part.id, not part.locked)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        part = self.model.part(index.row())
        if part is None or index.column() != COLOUR:
            return
        dialog = QColorDialog(QColor(*part.colour), self)
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setWindowTitle(f"Colour of {part.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda colour, part=part.id: self.recolour.emit(part, colour))
        dialog.open()

    @Slot(int)
    def _on_hovered(self, row: int) -> None:
        part = self.model.part(row)
        self.emphasised.emit(part.id if part else 0)

    @Slot()
    def _on_selection(self) -> None:
        self.active_changed.emit(self.active)
        self._update_buttons()

    @Slot(int)
    def _on_opacity(self, value: int) -> None:
        self._percent.setText(f"{value} %")
        self.opacity_changed.emit(value / 100)

    @Slot()
    def _merge(self) -> None:
        self.merge.emit(self.selected)

    @Slot()
    def _delete(self) -> None:
        self.delete.emit(self.selected)

    @Slot(int, int)
    def _moved(self, row: int, before: int) -> None:
        """A row was dragged: the parts in their new order."""
        order = [part.id for part in self.model.parts]
        moved = order.pop(row)
        order.insert(before - (before > row), moved)
        self.reorder.emit(order)

    @Slot(QPoint)
    def _menu(self, at: QPoint) -> None:
        if self.table.indexAt(at).isValid():
            self.menu().popup(self.table.viewport().mapToGlobal(at))

    def menu(self) -> QMenu:
        """What can be done with the selected parts."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        parts = self.selected
        one, all_parts = len(parts) == 1, self.model.parts

        def add(text: str, do: Callable[[], object], enabled: bool = True) -> None:
            action = menu.addAction(text)
            action.setEnabled(enabled)
            action.triggered.connect(lambda _checked=False: do())

        current = self.table.currentIndex()
        add("Rename", lambda: self.table.edit_name(current.row()), one)
        add("Change colour…", lambda: self._on_clicked(self.model.index(current.row(), COLOUR)), one)
        menu.addSeparator()
        add("Show only these" if not one else "Show only this", lambda: self.wanted.emit("only", parts), bool(parts))
        add("Show all", lambda: self.wanted.emit("show_all", []), any(not part.visible for part in all_parts))
        add("Lock the others", lambda: self.wanted.emit("lock_others", parts), len(all_parts) > len(parts))
        add("Unlock all", lambda: self.wanted.emit("unlock_all", []), any(part.locked for part in all_parts))
        menu.addSeparator()
        add("Accept predictions on this image", lambda: self.wanted.emit("accept", parts), bool(parts))
        add("Accept predictions on all listed images", lambda: self.wanted.emit("accept_listed", parts), bool(parts))
        add("List the images that have it", lambda: self.wanted.emit("list", parts), one)
        menu.addSeparator()
        add("Split on all images", lambda: self.wanted.emit("split", parts), one)
        add("Merge on all images", self._merge, len(parts) >= 2)
        add("Delete on all images", self._delete, bool(parts))
        return menu

    def set_editable(self, editable: bool) -> None:
        """Whether parts can be changed, or only looked at."""
        self._editable = editable
        self._update_buttons()

    def _update_buttons(self) -> None:
        chosen, total = len(self.selected) if self._editable else 0, self.model.rowCount()
        self.add_button.setEnabled(self._editable)
        self.merge_button.setEnabled(chosen >= 2)
        self.merge_button.setToolTip(
            "Merge the selected parts on all images"
            if chosen >= 2
            else "Select two or more parts (Ctrl+click) to merge them"
        )
        self.delete_button.setEnabled(chosen >= 1)
        self.delete_button.setToolTip(
            "Delete the selected parts on all images" if chosen else "Select the parts to delete"
        )
        self.accept_button.setEnabled(bool(total) and self._editable)
        self.summary.setText(counted(total, "part") if chosen < 2 else f"{chosen} of {total} selected")
