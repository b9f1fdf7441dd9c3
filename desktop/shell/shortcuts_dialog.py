"""The F1 sheet: every shortcut and gesture, to search and to change."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from counterpart.desktop.shell.actions import GESTURES, Actions, plain
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.widgets.labels import field_label, muted
from counterpart.desktop.widgets.notice import Notice
from counterpart.desktop.widgets.theme import GRID, colours, strong_font

_ROW_PX = 26
_ID = Qt.ItemDataRole.UserRole
_RESERVED = {*"123456789", "Space"}


class ShortcutsDialog(QDialog):
    """Lists what there is by section; the shortcut of the chosen row is changed below.

    Args:
        actions: What the shortcuts belong to.
        settings: Keeps those that were changed.
    """

    def __init__(self, actions: Actions, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions, self._settings = actions, settings
        self._rows: dict[str, QTreeWidgetItem] = {}
        self._sections: list[tuple[QTreeWidgetItem, list[QTreeWidgetItem]]] = []
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: what it does, or its keys")
        self.search.setAccessibleName("Search shortcuts")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search", colours().muted), QLineEdit.ActionPosition.LeadingPosition)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Shortcuts")
        self.edit = QKeySequenceEdit()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName("New shortcut")
        self.set_button = QPushButton("Set")
        self.clear_button = QPushButton("None")
        self.reset_button = QPushButton("Reset")
        self.notice = Notice()
        self.what = muted()
        self._layout()
        self._fill()
        self._connect()
        self._chosen()

    def _layout(self) -> None:
        tree = self.tree
        tree.setColumnCount(2)
        tree.setHeaderHidden(True)
        tree.setRootIsDecorated(False)
        tree.setIndentation(12)
        tree.setUniformRowHeights(True)
        tree.setItemsExpandable(False)
        header = tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        tree.setColumnWidth(1, 190)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(field_label("Shortcut"))
        row.addWidget(self.edit, 1)
        for button in (self.set_button, self.clear_button, self.reset_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        self.reset_all = buttons.addButton("Reset all", QDialogButtonBox.ButtonRole.ResetRole)
        self.reset_all.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(GRID)
        box.addWidget(self.search)
        box.addWidget(tree, 1)
        box.addWidget(self.what)
        box.addLayout(row)
        box.addWidget(self.notice)
        box.addSpacing(GRID)
        box.addWidget(buttons)
        self.resize(600, 720)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.tree.currentItemChanged.connect(self._chosen)
        self.tree.itemActivated.connect(self._to_edit)
        self.edit.keySequenceChanged.connect(self._typed)
        self.set_button.clicked.connect(lambda: self._set(self.edit.keySequence().toString()))
        self.clear_button.clicked.connect(lambda: self._set(""))
        self.reset_button.clicked.connect(self._reset)
        self.reset_all.clicked.connect(self._reset_all)
        self.notice.button.clicked.connect(self._take_over)

    # The list -----------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        for record in self._actions.records:
            row = self._add(record.section, plain(record.text), "")
            row.setData(0, _ID, record.id)
            row.setToolTip(0, record.help)
            self._rows[record.id] = row
        for section, keys, text in GESTURES:
            self._add(section, text, keys).setToolTip(0, "This cannot be changed")
        self.tree.expandAll()
        self._show_keys()

    def _add(self, section: str, text: str, keys: str) -> QTreeWidgetItem:
        """Add a row below its section, which is made if need be."""
        found = next(((heading, rows) for heading, rows in self._sections if heading.text(0) == section), None)
        if found is None:
            heading = QTreeWidgetItem(self.tree, [section])
            heading.setFont(0, strong_font(self.font()))
            heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
            found = (heading, [])
            self._sections.append(found)
        row = QTreeWidgetItem(found[0], [text, keys])
        for each in (found[0], row):
            each.setSizeHint(0, QSize(0, _ROW_PX))
        found[1].append(row)
        return row

    def _show_keys(self) -> None:
        changed = self._settings.shortcuts()
        for name, row in self._rows.items():
            row.setText(1, ", ".join(self._actions.keys(name)))
            row.setForeground(1, self.palette().link() if name in changed else self.palette().windowText())
        self.reset_all.setEnabled(bool(changed))

    @Slot(str)
    def _filter(self, text: str) -> None:
        wanted = text.strip().casefold()
        for section, rows in self._sections:
            whole = wanted in section.text(0).casefold()
            for row in rows:
                words = f"{row.text(0)} {row.text(1)} {row.toolTip(0)}".casefold()
                row.setHidden(not whole and wanted not in words)
            section.setHidden(all(row.isHidden() for row in rows))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        down = event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Down
        if watched is self.search and down:
            self.tree.setFocus()
            first = next((row for row in self._rows.values() if not row.isHidden()), None)
            if first is not None:
                self.tree.setCurrentItem(first)
            return True
        return super().eventFilter(watched, event)

    # Changing -----------------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        item = self.tree.currentItem()
        return str(item.data(0, _ID) or "") if item is not None else ""

    def choose(self, name: str) -> None:
        """Choose the row of an action."""
        self.tree.setCurrentItem(self._rows[name])
        self.tree.scrollToItem(self._rows[name], QTreeWidget.ScrollHint.PositionAtCenter)

    @Slot()
    def _chosen(self) -> None:
        name = self._name
        self.notice.hide()
        keys = self._actions.keys(name) if name else ()
        self.edit.blockSignals(True)
        self.edit.setKeySequence(QKeySequence(keys[0]) if keys else QKeySequence())
        self.edit.blockSignals(False)
        for widget in (self.edit, self.clear_button):
            widget.setEnabled(bool(name))
        self.set_button.setEnabled(False)
        self.clear_button.setEnabled(bool(keys))
        self.reset_button.setEnabled(name in self._settings.shortcuts())
        self.what.setText(self._rows[name].text(0) if name else "Choose a row to change its shortcut")

    @Slot()
    def _to_edit(self) -> None:
        self.edit.setFocus()

    @Slot()
    def _typed(self) -> None:
        """Keys were pressed: say whom they belong to."""
        self.notice.hide()
        key = self.edit.keySequence().toString()
        owner = self._actions.owner(key) if key else ""
        if key in _RESERVED:
            self.set_button.setEnabled(False)
            self.notice.show_text("warning", f"{key} is taken by a gesture and cannot be a shortcut.")
        elif owner and owner != self._name:
            self.set_button.setEnabled(False)
            text = f"{key} belongs to “{self._rows[owner].text(0)}”."
            self.notice.show_text("warning", text, "Take it over")
        else:
            self.set_button.setEnabled(bool(key) and not owner)

    @Slot()
    def _take_over(self) -> None:
        key = self.edit.keySequence().toString()
        owner = self._actions.owner(key)
        name = self._name
        if not owner or not name:
            return
        left = [each for each in self._actions.keys(owner) if QKeySequence(each) != QKeySequence(key)]
        self._keep(owner, left[0] if left else "")
        self._keep(name, key)
        self._show_keys()
        self._chosen()

    def _set(self, key: str) -> None:
        if self._name:
            self._keep(self._name, key)
            self._show_keys()
            self._chosen()

    def _keep(self, name: str, key: str) -> None:
        self._actions.set_keys(name, (key,) if key else ())
        self._settings.set_shortcut(name, key)

    @Slot()
    def _reset(self) -> None:
        name = self._name
        taken = [owner for key in self._actions.defaults(name) if (owner := self._actions.owner(key)) not in ("", name)]
        if taken:
            self.notice.show_text(
                "warning", f"Its key belongs to “{self._rows[taken[0]].text(0)}” now. Reset that first."
            )
            return
        self._actions.set_keys(name, None)
        self._settings.set_shortcut(name, None)
        self._show_keys()
        self._chosen()

    @Slot()
    def _reset_all(self) -> None:
        for name in list(self._settings.shortcuts()):
            self._settings.set_shortcut(name, None)
            if name in self._rows:
                self._actions.set_keys(name, None)
        self._show_keys()
        self._chosen()
