"""From a pinned similarity to a selection: what is alike enough, as pixels of the active part."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QWidget

from counterpart.core.tools.region import Region
from counterpart.desktop.canvas.pane import Heat
from counterpart.desktop.images.map_layers import MapLayers
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.widgets.labels import muted
from counterpart.desktop.widgets.number_field import NumberField
from counterpart.desktop.widgets.theme import GRID

_SHOW_MS = 30


class SelectOptions(QWidget):
    """How alike is alike enough, and the button that selects it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.threshold = NumberField(0, 100, 1, 0, " %")
        self.threshold.setAccessibleName("How alike")
        self.threshold.setFixedWidth(200)
        self.threshold.set_value(60)
        self.preview = QCheckBox("Preview")
        self.preview.setToolTip("Show what would be selected instead of the map")
        self.button = QPushButton("Select")
        self.button.setToolTip("Give what is at least as alike as this to the active part")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(muted("At least"))
        row.addWidget(self.threshold)
        row.addWidget(self.preview)
        row.addWidget(self.button)
        self.hide()


class SimilaritySelect(QObject):
    """Previews and makes selections of the similarity maps that the canvas shows.

    Args:
        layers: What the maps are laid with; they step back while a selection is previewed.
        editor: Paints the selection.
        options: What the person sets.

    Signals:
        selected: The selection was made: the pinned place has served.
    """

    selected = Signal()

    def __init__(
        self, layers: MapLayers, editor: LabelEditor, options: SelectOptions, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers, self._editor, self._options = layers, editor, options
        self._heats: dict[int, Heat] = {}
        self._shown: set[int] = set()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SHOW_MS)
        self._soon.timeout.connect(self._show)
        options.threshold.changed.connect(self._changed)
        options.preview.toggled.connect(self._toggled)
        options.button.clicked.connect(self.select)

    def stop(self) -> None:
        """The window is going."""
        self._soon.stop()

    @Slot(object)
    def set_heats(self, heats: dict[int, Heat]) -> None:
        """Maps over the panes of a pinned place, none when it was let go."""
        self._drop()
        self._heats = dict(heats)
        self._options.setVisible(bool(heats))
        if not heats:
            self._options.preview.setChecked(False)
        elif self._options.preview.isChecked():
            self._soon.start()

    def region(self, pane: int) -> Region:
        """What is alike enough in a pane."""
        heat = self._heats[pane]
        level = heat.low + (heat.high - heat.low) * self._options.threshold.value / 100
        return Region.of(heat.geometry.upsample(heat.values) >= level)

    @Slot(float)
    def _changed(self, _value: float) -> None:
        if self._heats:
            self._options.preview.setChecked(True)
            self._soon.start()

    @Slot(bool)
    def _toggled(self, on: bool) -> None:
        if on:
            self._soon.start()
        else:
            self._drop()

    @Slot()
    def _show(self) -> None:
        """Show the selection in the part's colour; the map steps back meanwhile."""
        for pane in self._heats:
            if not self._editor.begin(pane):
                self._options.preview.setChecked(False)
                return
            self._shown.add(pane)
            self._layers.uncover(self._shown)
            self._editor.preview(pane, self.region(pane))

    def _drop(self) -> None:
        self._soon.stop()
        for pane in self._shown:
            self._editor.abort(pane)
        self._forget()

    def _forget(self) -> None:
        self._shown.clear()
        self._layers.uncover(())

    @Slot()
    def select(self) -> None:
        """Give what is alike enough to the active part, one step for each image that shows a map."""
        self._soon.stop()
        for pane in self._heats:
            if not self._editor.begin(pane):
                return
            self._editor.preview(pane, self.region(pane))
            self._editor.commit(pane, self._editor.title("Select alike as"))
        self._forget()
        self.selected.emit()
