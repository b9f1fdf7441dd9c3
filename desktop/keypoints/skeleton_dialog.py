"""Skeletons: which keypoints there are, what joins them, which are left and right of each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QColorDialog,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.errors import CounterpartError
from counterpart.core.formats.coco_keypoints import built_in_skeletons, read_coco_skeletons
from counterpart.core.project.commands import AddSkeleton, ChangeSkeleton, Command, Compound, RemoveSkeleton
from counterpart.core.project.document import Document
from counterpart.core.project.names import checked_name, free_name, lookalike, tidy_name
from counterpart.core.project.points import Skeleton
from counterpart.core.project.skeletons import (
    add_point,
    checked_names,
    move_point,
    recolour_point,
    remove_point,
    rename_point,
    set_twin,
    toggle_edge,
)
from counterpart.core.transfer.skeleton import derive_mirror_pairs
from counterpart.core.wording import counted
from counterpart.desktop.keypoints.instance_drawing import point_colours
from counterpart.desktop.keypoints.skeleton_table import COLOUR, NAME, SkeletonTable
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.choose_path import path_dialog
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.widgets.labels import heading, muted
from counterpart.desktop.widgets.notice import Notice
from counterpart.desktop.widgets.theme import GRID


class SkeletonDialog(QDialog):
    """Edits copies of the project's skeletons; Done makes one command of it all.

    Args:
        document: The open project.
        current: The skeleton to begin with, 0 for the first.

    Signals:
        done_with: The command that does it all, None for nothing to do, and the name of the skeleton chosen last.
    """

    done_with = Signal(object, str)

    def __init__(self, document: Document, current: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Skeletons")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._document = document
        self._before = {each.id: each for each in document.skeletons}
        self._drafts: list[Skeleton] = [_with_sides(each) for each in document.skeletons]
        self._taken = {each.id: set(each.point_ids) for each in document.skeletons}
        self._filling = False
        self.list = QListWidget()
        self.list.setAccessibleName("Skeletons")
        self.new_button = QToolButton()
        self.new_button.setText("Add skeleton")
        self.new_button.setIcon(icon("plus"))
        self.new_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.new_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.new_button.setMenu(self._new_menu())
        self.remove_button = icon_button("trash", "Remove the skeleton with all its points", quiet=True)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the skeleton")
        self.table = SkeletonTable()
        self.add_button = icon_button("plus", "Add a keypoint", quiet=True)
        self.up_button = icon_button("chevron-up", "Move up", quiet=True)
        self.down_button = icon_button("chevron-down", "Move down", quiet=True)
        self.join_button = QPushButton("Connect")
        self.twin_button = QPushButton("Left and right")
        self.drop_button = icon_button("trash", "Remove the keypoint", quiet=True)
        self.notice = Notice()
        self.note = muted(small=True, wrap=True)
        self.empty = EmptyState("keypoint", "No skeleton yet", "Add one of those that come along, or an empty one.")
        self._layout()
        self._connect()
        self._fill_list(next((i for i, each in enumerate(self._drafts) if each.id == current), 0))

    def _new_menu(self) -> QMenu:
        menu = QMenu(self)
        for skeleton in built_in_skeletons():
            words = f"{skeleton.name.replace('_', ' ').capitalize()} ({len(skeleton)} keypoints)"
            menu.addAction(words).triggered.connect(partial(self._add_chosen, skeleton))
        menu.addSeparator()
        menu.addAction("Empty").triggered.connect(partial(self._add_chosen, Skeleton(("point 1",), name="object")))
        menu.addAction("From a COCO file…").triggered.connect(self._ask_file)
        return menu

    def _layout(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(GRID)
        left.addWidget(heading("Skeletons"))
        left.addWidget(self.list, 1)
        below = QHBoxLayout()
        below.addWidget(self.new_button)
        below.addStretch(1)
        below.addWidget(self.remove_button)
        left.addLayout(below)
        title = QHBoxLayout()
        title.setSpacing(GRID)
        title.addWidget(muted("Name"))
        title.addWidget(self.name, 1)
        tools = QHBoxLayout()
        tools.setSpacing(4)
        for button in (self.add_button, self.up_button, self.down_button):
            tools.addWidget(button)
        tools.addSpacing(GRID)
        tools.addWidget(self.join_button)
        tools.addSpacing(4)
        tools.addWidget(self.twin_button)
        tools.addStretch(1)
        tools.addWidget(self.drop_button)
        self._right = QWidget()
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(GRID)
        right.addLayout(title)
        right.addWidget(self.table, 1)
        right.addLayout(tools)
        across = QHBoxLayout()
        across.setSpacing(3 * GRID)
        across.addLayout(left, 1)
        across.addWidget(self._right, 3)
        across.addWidget(self.empty, 3)
        buttons = QDialogButtonBox()
        self.ok = buttons.addButton("Done", QDialogButtonBox.ButtonRole.AcceptRole)
        self.ok.setObjectName("primary")
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._done)
        buttons.rejected.connect(self.reject)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        foot.addWidget(buttons)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addLayout(across, 1)
        box.addWidget(self.notice)
        box.addLayout(foot)
        self.resize(820, 600)

    def _connect(self) -> None:
        self.list.currentRowChanged.connect(self._show_current)
        self.remove_button.clicked.connect(self._remove)
        self.name.editingFinished.connect(self._rename)
        self.table.itemChanged.connect(self._point_renamed)
        self.table.itemSelectionChanged.connect(self._update_buttons)
        self.table.cellClicked.connect(self._cell_clicked)
        self.add_button.clicked.connect(self._add_point)
        self.up_button.clicked.connect(lambda: self._move(-1))
        self.down_button.clicked.connect(lambda: self._move(1))
        self.join_button.clicked.connect(self._join)
        self.twin_button.clicked.connect(self._twin)
        self.drop_button.clicked.connect(self._drop_point)

    # What is shown ------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> int:
        return self.list.currentRow()

    @property
    def draft(self) -> Skeleton | None:
        """The skeleton being edited, as it would become."""
        return self._drafts[self._place] if 0 <= self._place < len(self._drafts) else None

    def _fill_list(self, current: int) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for each in self._drafts:
            item = QListWidgetItem(f"{each.name.replace('_', ' ')} ({len(each)})")
            item.setSizeHint(QSize(0, 30))
            self.list.addItem(item)
        self.list.setCurrentRow(min(max(current, 0), len(self._drafts) - 1))
        self.list.blockSignals(False)
        self._show_current()

    @Slot()
    def _show_current(self) -> None:
        draft = self.draft
        self._right.setVisible(draft is not None)
        self.empty.setVisible(draft is None)
        self.remove_button.setEnabled(draft is not None)
        if draft is None:
            self.note.setText("")
            return
        self._filling = True
        self.name.setText(draft.name)
        self.table.fill(draft)
        self._filling = False
        count = len(self._document.images_with_keypoints(draft.id)) if draft.id in self._before else 0
        where = f"In use on {counted(count, 'image')}. " if count else ""
        self.note.setText(f"{where}Points stay with their keypoint, whatever you rename or reorder.")
        self._update_buttons()

    @Slot()
    def _update_buttons(self) -> None:
        rows, draft = self.table.rows, self.draft
        one, two = len(rows) == 1, len(rows) == 2
        self.up_button.setEnabled(one and rows[0] > 0)
        self.down_button.setEnabled(one and draft is not None and rows[0] < len(draft) - 1)
        self.drop_button.setEnabled(bool(rows))
        joined = two and draft is not None and any(set(edge) == set(rows) for edge in draft.edges)
        twins = two and draft is not None and any(set(pair) == set(rows) for pair in draft.mirror_pairs)
        self.join_button.setText("Disconnect" if joined else "Connect")
        self.twin_button.setText("Not left and right" if twins else "Left and right")
        for button, tip in (
            (self.join_button, "Draw a line between the two chosen keypoints, or none any more"),
            (self.twin_button, "The two change places in a mirror: the upper one is left"),
        ):
            button.setEnabled(two)
            button.setToolTip(tip if two else f"{tip}: choose two with Ctrl+click first")

    # Changing -----------------------------------------------------------------------------------------------------

    def _change(self, change: Callable[[Skeleton], Skeleton]) -> bool:
        draft = self.draft
        if draft is None or self._filling:
            return False
        try:
            self._drafts[self._place] = change(draft)
        except CounterpartError as error:
            self.notice.show_text("warning", str(error))
            self._show_current()
            return False
        self.notice.hide()
        item = self.list.item(self._place)
        new = self._drafts[self._place]
        item.setText(f"{new.name.replace('_', ' ')} ({len(new)})")
        self._show_current()
        return True

    def _add_chosen(self, skeleton: Skeleton, _checked: bool = False) -> None:
        self.add(skeleton)

    def add(self, skeleton: Skeleton) -> None:
        """Add a skeleton to those of the project."""
        taken = [each.name for each in self._drafts]
        name = skeleton.name if lookalike(skeleton.name, taken) is None else free_name(skeleton.name, taken, 2)
        self._drafts.append(_with_sides(dataclasses.replace(skeleton, id=0, name=name)))
        self._fill_list(len(self._drafts) - 1)

    def add_file(self, path: Path) -> None:
        """Add the skeletons of a COCO file."""
        try:
            found = read_coco_skeletons(path)
        except CounterpartError as error:
            self.notice.show_text("error", str(error))
            return
        for skeleton in found:
            self.add(skeleton)

    @Slot()
    def _ask_file(self) -> None:
        dialog = path_dialog(self, "Skeletons of a COCO file")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter("COCO (*.json);;All files (*)")
        dialog.fileSelected.connect(lambda path: self.add_file(Path(path)))
        dialog.open()

    @Slot()
    def _remove(self) -> None:
        place = self._place
        if 0 <= place < len(self._drafts):
            del self._drafts[place]
            self._fill_list(place)

    @Slot()
    def _rename(self) -> None:
        draft, text = self.draft, self.name.text()
        if draft is None or tidy_name(text) == tidy_name(draft.name):
            return
        others = [each.name for place, each in enumerate(self._drafts) if place != self._place]
        self._change(lambda each: dataclasses.replace(each, name=checked_name(text, others, "skeleton")))

    @Slot(QTableWidgetItem)
    def _point_renamed(self, item: QTableWidgetItem) -> None:
        if item.column() == NAME:
            row, text = item.row(), item.text()
            self._change(lambda draft: rename_point(draft, row, text))

    @Slot(int, int)
    def _cell_clicked(self, row: int, column: int) -> None:
        draft = self.draft
        if column != COLOUR or draft is None:
            return
        dialog = QColorDialog(point_colours(draft)[row], self)
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(f"Colour of {draft.names[row]}")
        dialog.colorSelected.connect(lambda colour: self.recolour(row, colour))
        dialog.open()

    def recolour(self, row: int, colour: QColor) -> None:
        """Give a keypoint a colour of its own."""
        chosen = (colour.red(), colour.green(), colour.blue())

        def change(draft: Skeleton) -> Skeleton:
            others = [(each.red(), each.green(), each.blue()) for each in point_colours(draft)]
            return recolour_point(draft, row, chosen, others)

        self._change(change)

    @Slot()
    def _add_point(self) -> None:
        draft = self.draft
        if draft is None:
            return
        name = free_name("point", draft.names, len(draft) + 1)
        taken = self._taken.setdefault(draft.id, set()) if draft.id else set()
        if self._change(lambda each: add_point(each, name, tuple(taken))):
            new = self._drafts[self._place]
            taken.add(new.point_ids[-1])
            self.table.choose([len(new) - 1])
            self.table.edit_name(len(new) - 1)

    def _move(self, step: int) -> None:
        rows = self.table.rows
        if len(rows) == 1 and self._change(lambda draft: move_point(draft, rows[0], rows[0] + step)):
            self.table.choose([rows[0] + step])

    @Slot()
    def _join(self) -> None:
        first, second = self.table.rows
        self._change(lambda draft: toggle_edge(draft, first, second))

    @Slot()
    def _twin(self) -> None:
        first, second = self.table.rows
        draft = self.draft
        assert draft is not None
        twins = any(set(pair) == {first, second} for pair in draft.mirror_pairs)
        self._change(lambda each: set_twin(each, first, None if twins else second))

    @Slot()
    def _drop_point(self) -> None:
        for row in reversed(self.table.rows):
            if not self._change(partial(remove_point, index=row)):
                return
        self.table.choose([])

    # Done ---------------------------------------------------------------------------------------------------------

    def command(self) -> Command | None:
        """What would be done, None for nothing."""
        kept = {each.id for each in self._drafts}
        steps: list[Command] = [RemoveSkeleton(number) for number in self._before if number not in kept]
        for each in self._drafts:
            old = self._before.get(each.id)
            if old is None:
                steps.append(AddSkeleton(each, typed=True))
            elif each not in (old, _with_sides(old)):
                steps.append(ChangeSkeleton(each))
        if not steps:
            return None
        return steps[0] if len(steps) == 1 else Compound("Change skeletons", steps)

    @Slot()
    def _done(self) -> None:
        for place, each in enumerate(self._drafts):
            others = self._drafts[:place] + self._drafts[place + 1 :]
            try:
                checked_names(each, others, self._before.get(each.id))
            except CounterpartError as error:  # names of a file that look alike can be changed here
                self.list.setCurrentRow(place)
                self.notice.show_text("warning", str(error))
                return
        draft = self.draft
        self.done_with.emit(self.command(), draft.name if draft is not None else "")
        self.accept()


def _with_sides(skeleton: Skeleton) -> Skeleton:
    """Left and right written down, where names alone said so until now."""
    return skeleton if skeleton.mirror_pairs else dataclasses.replace(
        skeleton, mirror_pairs=derive_mirror_pairs(skeleton.names)
    )  # fmt: skip
