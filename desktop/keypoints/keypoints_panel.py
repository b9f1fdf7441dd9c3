"""The panel of keypoints: the instances of the image shown, their points, and what can be transferred from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.desktop.jobs.run_button import RunButton
from counterpart.desktop.keypoints.keypoints_model import COLOUR, NAME, SCORE, STATE, KeypointsModel
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.labels import line, muted
from counterpart.desktop.widgets.table_model import dress
from counterpart.desktop.widgets.theme import GRID


class KeypointsPanel(QWidget):
    """Lists instances and points. It asks for changes; the document makes them.

    Signals:
        skeleton_chosen: Skeleton that new instances get.
        skeletons_wanted: The skeletons are to be edited.
        chosen: Instance and keypoint of the row that was clicked; -1 for the instance itself.
        new_wanted: A new instance is to begin.
        template_wanted: Instance, and whether it serves as a template.
        confirm_wanted, delete_wanted: Instance.
        clear_wanted: Instance and keypoint to take away.
        transfer_wanted: Transfer is to run.
    """

    skeleton_chosen = Signal(int)
    skeletons_wanted = Signal()
    chosen = Signal(int, int)
    new_wanted = Signal()
    template_wanted = Signal(int, bool)
    confirm_wanted = Signal(int)
    delete_wanted = Signal(int)
    clear_wanted = Signal(int, int)
    transfer_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = KeypointsModel(self)
        self.table = self._make_table()
        self.skeleton = QComboBox()
        self.skeleton.setAccessibleName("Skeleton")
        self.skeleton.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.edit_button = icon_button("settings", "Edit skeletons: names, order, edges, sides", quiet=True)
        self.none = EmptyState(
            "keypoint", "No skeleton yet", "A skeleton says which points to place and what they are called."
        )
        self.none_button = QPushButton("Choose a skeleton…")
        self.none.add(self.none_button)
        self.empty = EmptyState("keypoint", "No points on this image", "Take the tool Keypoint (K) and click.")
        self.new_button = icon_button("plus", "New instance (Shift+N)", quiet=True)
        self.template_button = icon_button("pin", "Template", checkable=True, quiet=True)
        self.confirm_button = icon_button("check", "Confirm", quiet=True)
        self.delete_button = icon_button("trash", "Delete", quiet=True)
        self.summary = muted(small=True)
        self.sources = muted(wrap=True, small=True)
        self.gain = muted(wrap=True, small=True)
        self.gain.hide()
        self.again = QCheckBox("Again after each confirmation")
        self.again.setToolTip("Each image that is confirmed helps at once with those that are not")
        self.transfer_button = RunButton("Transfer")
        self._active, self._chosen_index = 0, -1
        self._layout()
        self._connect()
        self.set_skeletons((), 0)
        self.show_instances((), {}, 0, -1)

    def _make_table(self) -> QTableView:
        table = QTableView()
        dress(table, "Keypoints", self.model, 26)
        table.setIconSize(QSize(14, 14))
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(26)
        header.setSectionResizeMode(COLOUR, QHeaderView.ResizeMode.Fixed)
        table.setColumnWidth(COLOUR, 28)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(STATE, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(SCORE, QHeaderView.ResizeMode.Fixed)
        table.setColumnWidth(SCORE, 56)
        return table

    def _layout(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(12, 10, 10, 8)
        top.setSpacing(GRID)
        top.addWidget(muted("Skeleton"))
        top.addWidget(self.skeleton, 1)
        top.addWidget(self.edit_button)
        self._top = QWidget()
        self._top.setLayout(top)
        body = QWidget()
        self._stack = QStackedLayout(body)
        for page in (self.table, self.empty, self.none):
            self._stack.addWidget(page)
        tools = QHBoxLayout()
        tools.setContentsMargins(10, 4, 12, 4)
        tools.setSpacing(4)
        for button in (self.new_button, self.template_button, self.confirm_button, self.delete_button):
            tools.addWidget(button)
        tools.addStretch(1)
        tools.addWidget(self.summary)
        run = QHBoxLayout()
        run.setSpacing(GRID)
        run.addWidget(self.again, 1)
        run.addWidget(self.transfer_button)
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 8, 12, 10)
        foot.setSpacing(6)
        foot.addWidget(self.sources)
        foot.addWidget(self.gain)
        foot.addLayout(run)
        self._foot = QWidget()
        self._foot.setLayout(foot)
        self._tools = QWidget()
        self._tools.setLayout(tools)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._top)
        box.addWidget(body, 1)
        box.addWidget(self._tools)
        self._line = line()
        box.addWidget(self._line)
        box.addWidget(self._foot)

    def _connect(self) -> None:
        self.skeleton.currentIndexChanged.connect(self._on_skeleton)
        self.edit_button.clicked.connect(self.skeletons_wanted)
        self.none_button.clicked.connect(self.skeletons_wanted)
        self.table.clicked.connect(self._on_clicked)
        self.new_button.clicked.connect(self.new_wanted)
        self.template_button.clicked.connect(self._on_template)
        self.confirm_button.clicked.connect(self._on_confirm)
        self.delete_button.clicked.connect(self._on_delete)
        self.transfer_button.clicked.connect(self.transfer_wanted)

    # Content ------------------------------------------------------------------------------------------------

    def set_skeletons(self, skeletons: Sequence[Skeleton], current: int) -> None:
        """List the project's skeletons, one of them as that of new instances."""
        self.skeleton.blockSignals(True)
        self.skeleton.clear()
        for each in skeletons:
            self.skeleton.addItem(f"{each.name.replace('_', ' ')} ({len(each)})", each.id)
        self.skeleton.setCurrentIndex(max(self.skeleton.findData(current), 0))
        self.skeleton.blockSignals(False)
        some = bool(skeletons)
        for widget in (self._top, self._tools, self._line, self._foot):
            widget.setVisible(some)
        if not some:
            self._stack.setCurrentWidget(self.none)

    def show_instances(
        self,
        instances: Sequence[KeypointSet],
        skeletons: Mapping[int, Skeleton],
        active: int,
        following: int,
        selected: int = -1,
    ) -> None:
        """Show the instances of an image.

        Args:
            instances: All of them.
            skeletons: By id.
            active: The one whose points are listed.
            following: Its keypoint that a click places next, -1 for none.
            selected: Its keypoint that is chosen, -1 for none.
        """
        self._active, self._chosen_index = active, selected
        self.model.show(instances, skeletons, active, following)
        if self.skeleton.count():
            self._stack.setCurrentWidget(self.table if instances else self.empty)
        row = self.model.row_of(active, selected if selected >= 0 else following)
        selection = self.table.selectionModel()
        if selected >= 0 and row >= 0:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            selection.setCurrentIndex(self.model.index(row, NAME), flags)
        else:
            selection.clearSelection()
        if row >= 0:
            self.table.scrollTo(self.model.index(row, NAME))
        self._update(self.model.points(active))

    def _update(self, points: KeypointSet | None) -> None:
        some = points is not None
        self.template_button.setChecked(points is not None and points.template)
        words = "No longer a template" if points is not None and points.template else "Use as a template for transfer"
        guessed = 0 if points is None else int(((points.origin == Origin.TRANSFERRED) & points.present).sum())
        for button, can, tip, why in (
            (self.template_button, some, words, "there is no instance"),
            (self.confirm_button, guessed > 0, "Confirm the predicted points of this instance", "none is predicted"),
            (self.delete_button, some, "Delete the instance, or the chosen point (Del)", "there is no instance"),
        ):
            button.setEnabled(can)
            button.setToolTip(tip if can else f"{tip}: {why}")
        if points is None:
            self.summary.setText("")
            return
        doubtful = int(((points.origin == Origin.TRANSFERRED) & (points.visibility == 1)).sum())
        text = f"{int(points.present.sum())} of {len(points)} placed"
        self.summary.setText(text + (f" · {doubtful} doubtful" if doubtful else ""))

    def say_empty(self, title: str, text: str) -> None:
        """Why there is no instance, and what to do."""
        self.empty.say(title, text)

    def show_sources(self, text: str, why_not: str) -> None:
        """What transfer would work from; why it cannot, where it cannot."""
        self.sources.setText(text)
        self.transfer_button.setEnabled(not why_not)
        self.transfer_button.setToolTip(why_not or "Place these points in the images that have none (Run panel: more)")

    def show_gain(self, text: str) -> None:
        """What the last transfer gained."""
        self.gain.setText(text)
        self.gain.setVisible(bool(text))

    # What is asked for --------------------------------------------------------------------------------------

    @Slot(int)
    def _on_skeleton(self, _place: int) -> None:
        self.skeleton_chosen.emit(int(self.skeleton.currentData() or 0))

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        row = self.model.row(index.row())
        if row is not None:
            self.chosen.emit(row.instance, row.index)

    @Slot(bool)
    def _on_template(self, on: bool) -> None:
        if self._active:
            self.template_wanted.emit(self._active, on)

    @Slot()
    def _on_confirm(self) -> None:
        self.confirm_wanted.emit(self._active)

    @Slot()
    def _on_delete(self) -> None:
        if self._active and self._chosen_index >= 0:
            self.clear_wanted.emit(self._active, self._chosen_index)
        elif self._active:
            self.delete_wanted.emit(self._active)
