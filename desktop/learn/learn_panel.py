"""The Learn panel: correct a few images, and the rest follows; how good it is; what deserves a look."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from counterpart.desktop.widgets.curve import Curve
from counterpart.desktop.widgets.empty_state import EmptyState
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.widgets.labels import heading, line, muted
from counterpart.desktop.widgets.preview_line import PreviewLine
from counterpart.desktop.widgets.rows_table import Row, RowsModel, RowsTable
from counterpart.desktop.widgets.segments import Segments
from counterpart.desktop.widgets.theme import GRID, colours

_HELP = (
    "From the images that you corrected or reviewed, the parts of all others. What you touched stays as it is",
    "What the predictions for images that you have not reviewed are probably worth, judged from those that you have",
    "Places that are probably wrong, the most serious first",
)
_EMPTY = (
    "Nothing learned yet",
    "Find parts, correct one image or mark it as reviewed, then press Update the rest.",
)


class LearnPanel(QWidget):
    """Shows what learning from corrections gives. It asks; others do.

    Signals:
        update_wanted: Predict the rest, as a preview.
        keep_wanted: Put what is previewed into the project.
        drop_wanted: Take the preview away.
        auto_changed, keep_at_once_changed: The two boxes.
        before_wanted: Whether the images show how they are now, instead of the preview.
        image_wanted: Show an image.
        quality_wanted, check_wanted: Compute these.
        finding_wanted: Show a finding, by its number.
        page_changed: 0 update, 1 quality, 2 check.
    """

    update_wanted = Signal()
    keep_wanted = Signal()
    drop_wanted = Signal()
    auto_changed = Signal(bool)
    keep_at_once_changed = Signal(bool)
    before_wanted = Signal(bool)
    image_wanted = Signal(int)
    quality_wanted = Signal()
    check_wanted = Signal()
    finding_wanted = Signal(int)
    page_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.pages = Segments(("Update", "Quality", "Check"), _HELP)
        self.help = muted(wrap=True, small=True)
        self.stack = QStackedWidget()
        self.note = muted(wrap=True, small=True)
        self.preview = PreviewLine()
        self.button = QPushButton()
        self.button.setObjectName("primary")
        self.button.setIcon(icon("run", colours().on_accent))
        self._previewed, self._next = False, 0
        self._ready, self._why = False, ""
        self.stack.addWidget(self._make_update())
        self.stack.addWidget(self._make_quality())
        self.stack.addWidget(self._make_check())
        self._layout()
        self.pages.chosen.connect(self._show_page)
        self.button.clicked.connect(self._pressed)
        self.preview.dropped.connect(self.drop_wanted)
        self._show_page(0)

    def _make_update(self) -> QWidget:
        self.auto = QCheckBox("Update after each correction")
        self.auto.setToolTip("Predicts the rest again a moment after you changed or reviewed an image, as a preview")
        self.at_once = QCheckBox("Keep updates without asking")
        self.at_once.setToolTip("Puts each update into the project at once, as one step that can be undone")
        self.next = QPushButton("Label next")
        self.next.setToolTip("The image whose labelling would teach most: doubtful, and unlike what is labelled")
        self.side = Segments(("After", "Before"), ("What the update would make", "What is in the project now"))
        self.changes = RowsModel(("Image", "Changes", "Doubt"), right=(1, 2))
        self.change_table = RowsTable("Images that would change", self.changes, 0)
        self.empty = EmptyState("parts", *_EMPTY)
        self._changed = QStackedWidget()
        self._changed.addWidget(self.empty)
        self._changed.addWidget(self.change_table)
        self.side.hide()
        self.next.hide()
        self.auto.toggled.connect(self.auto_changed)
        self.at_once.toggled.connect(self.keep_at_once_changed)
        self.side.chosen.connect(lambda index: self.before_wanted.emit(index == 1))
        self.change_table.chosen.connect(self.image_wanted.emit)
        self.next.clicked.connect(lambda: self.image_wanted.emit(self._next))
        return _page((self.auto, self.at_once, self.side, self._changed, self.next), self._changed)

    def _make_quality(self) -> QWidget:
        self.quality = RowsModel(("Part", "Agreement"), right=(1,))
        self.quality_table = RowsTable("Quality of each part", self.quality, 0)
        self.curve = Curve("Estimated quality over the images reviewed")
        self.quality_note = muted(wrap=True, small=True)
        return _page((self.quality_note, self.quality_table, self.curve), self.quality_table)

    def _make_check(self) -> QWidget:
        self.findings = RowsModel(("Image", "What", "Severity"), right=(2,))
        self.finding_table = RowsTable("What deserves a look", self.findings, 1)
        self.finding_table.chosen.connect(self.finding_wanted.emit)
        self.check_note = muted(wrap=True, small=True)
        return _page((self.check_note, self.finding_table), self.finding_table)

    def _layout(self) -> None:
        body = QVBoxLayout()
        body.setContentsMargins(12, 12, 12, 8)
        body.setSpacing(12)
        body.addWidget(heading("Learn"))
        body.addWidget(self.pages)
        body.addWidget(self.help)
        body.addWidget(self.stack, 1)
        body.addWidget(self.note)
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 8, 12, 12)
        foot.setSpacing(GRID)
        foot.addWidget(self.preview)
        foot.addWidget(self.button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(body, 1)
        whole.addWidget(line())
        whole.addLayout(foot)

    # What is shown ------------------------------------------------------------------------------------------

    @property
    def page(self) -> int:
        """0 update, 1 quality, 2 check."""
        return self.pages.index

    def choose_page(self, page: int) -> None:
        """Turn to a page."""
        self.pages.set_index(page)
        self._show_page(page)

    def set_ready(self, ready: bool, why: str = "") -> None:
        """Whether there is something to learn from, or what to do first."""
        self._ready, self._why = ready, why
        self._update_button()

    def say_empty(self, title: str = _EMPTY[0], text: str = _EMPTY[1]) -> None:
        """What to say where no image is listed."""
        self.empty.say(title, text)

    def show_changes(self, rows: Sequence[Row], next_image: int | None, next_name: str, *, previewed: bool) -> None:
        """Images that an update would change, and which one to label next: 0 for none, None for the one known."""
        self._previewed = previewed
        self.change_table.set_rows(rows)
        self._changed.setCurrentIndex(1 if rows else 0)
        self.side.setVisible(previewed)
        if not previewed:
            self.side.set_index(0)
        if next_image is not None:
            self._next = next_image
            self.next.setVisible(bool(next_image))
            self.next.setText(f"Label next: {next_name}")
        self._update_button()

    def show_quality(self, rows: Sequence[Row], note: str, history: Sequence[tuple[int, float]]) -> None:
        """Quality by part, in words, and over the number of images reviewed."""
        self.quality_table.set_rows(rows)
        self.quality_note.setText(note)
        self.curve.set_points(history)
        self.curve.setVisible(len(history) > 1)

    def show_findings(self, rows: Sequence[Row], note: str) -> None:
        """What deserves a look."""
        self.finding_table.set_rows(rows)
        self.check_note.setText(note)

    def retint(self) -> None:
        """Follow a change of theme."""
        self.button.setIcon(icon("run", colours().on_accent))
        self.curve.update()

    @Slot(int)
    def _show_page(self, page: int) -> None:
        self.stack.setCurrentIndex(page)
        self.help.setText(_HELP[page])
        self._update_button()
        self.page_changed.emit(page)

    def _update_button(self) -> None:
        self.preview.setVisible(self.page == 0 and bool(self.preview.words.text()))
        texts = ("Keep this update" if self._previewed else "Update the rest", "Estimate quality", "Check all images")
        self.button.setText(texts[self.page])
        self.button.setEnabled(self._ready)
        self.button.setToolTip(self._why)

    @Slot()
    def _pressed(self) -> None:
        if self.page == 1:
            self.quality_wanted.emit()
        elif self.page == 2:
            self.check_wanted.emit()
        elif self._previewed:
            self.keep_wanted.emit()
        else:
            self.update_wanted.emit()


def _page(widgets: Sequence[QWidget], tall: QWidget) -> QWidget:
    """Widgets below each other; the tall one takes the room that is left."""
    page = QWidget()
    box = QVBoxLayout(page)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(GRID)
    for widget in widgets:
        box.addWidget(widget, 1 if widget is tall else 0)
    return page
