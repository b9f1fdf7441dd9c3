"""What the active tool lets be set, on the bar above the canvas."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSizePolicy, QWidget

from counterpart.desktop.canvas.tool import Tool
from counterpart.desktop.parts.brush_tool import MAX_RADIUS
from counterpart.desktop.widgets.labels import muted
from counterpart.desktop.widgets.number_field import NumberField
from counterpart.desktop.widgets.segments import Segments
from counterpart.desktop.widgets.theme import GRID

_FIELD_PX, _BOX_PX, _LEAST_PX, _WORDS_PX = 180, 88, 160, 120
_SIZED = ("brush", "snap", "eraser")
_MODED = ("rectangle", "lasso", "polygon", "fill", "wand")


class ToolOptions(QWidget):
    """What the active tool needs, and nothing else.

    Signals:
        size_changed: Diameter of the brush in image pixels.
        preserve_changed: Whether other parts are painted over or kept.
        tolerance_changed: Of the wand, in [0, 1].
        mode_changed: What shapes do, an index into `core.tools.combine.MODES`.
        grain_changed: How fine regions are, an index: fine, medium, coarse.
    """

    size_changed = Signal(float)
    preserve_changed = Signal(bool)
    tolerance_changed = Signal(float)
    mode_changed = Signal(int)
    grain_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tool, self._words, self._note = "", "", ""
        self.size_label = muted("Size")
        self.size_field = NumberField(1, 2 * MAX_RADIUS, 1, 0, " px")
        self.size_field.setAccessibleName("Size of the brush")
        self.tolerance_label = muted("Tolerance")
        self.tolerance_field = NumberField(0, 100, 1, 0, " %")
        self.tolerance_field.setAccessibleName("Tolerance")
        self.mode = Segments(
            ("Add", "Subtract", "Intersect"),
            (
                "Add to the active part (Shift)",
                "Take away from the active part (Ctrl)",
                "Keep of the active part only what lies inside (Alt, or Ctrl and Shift)",
            ),
        )
        self.grain_label = muted("Regions")
        self.grain = Segments(("Fine", "Medium", "Coarse"), ("Small regions", "Medium regions", "Large regions"))
        self.grain.set_index(1)
        self.preserve = QCheckBox("Keep other parts")
        self.preserve.setToolTip("Paint on background only, never over another part (Shift+P)")
        self.hint = muted(small=True)
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for segments in (self.mode, self.grain):
            segments.setMinimumWidth(segments.sizeHint().width())
        self._row = row = QHBoxLayout(self)
        row.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        row.setContentsMargins(GRID, 0, GRID, 0)
        row.setSpacing(GRID)
        for widget in (
            self.mode,
            self.size_label,
            self.size_field,
            self.grain_label,
            self.grain,
            self.tolerance_label,
            self.tolerance_field,
            self.preserve,
        ):
            row.addWidget(widget)
        row.addSpacing(GRID)
        row.addWidget(self.hint, 1)
        self.size_field.changed.connect(self.size_changed)
        self.tolerance_field.changed.connect(self._tolerance)
        self.preserve.toggled.connect(self.preserve_changed)
        self.mode.chosen.connect(self.mode_changed)
        self.grain.chosen.connect(self.grain_changed)
        self._fit()

    def add(self, widget: QWidget) -> None:
        """Take in what a tool needs beyond these; whoever adds it shows and hides it."""
        layout = self.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.insertWidget(layout.count() - 2, widget)

    @Slot(float)
    def _tolerance(self, percent: float) -> None:
        self.tolerance_changed.emit(percent / 100)

    @Slot(float)
    def show_tolerance(self, tolerance: float) -> None:
        """Show the wand's tolerance without telling anybody."""
        self.tolerance_field.set_value(100 * tolerance)

    @Slot(str)
    def note(self, text: str) -> None:
        """Say what the snapped brush goes by, beside its hint."""
        self._note = text
        self._hint()

    def show_for(self, tool: Tool) -> None:
        """Show what a tool needs."""
        self._tool, self._words = tool.id, tool.hint
        self._fit()

    def _fit(self) -> None:
        """Show as much as there is room for. First goes what the legend and the menus have too, words last."""
        tool = self._tool
        for tight in range(4):
            labels, sliders, preserve = tight < 3, tight < 2, tight < 1
            self.size_label.setVisible(tool in _SIZED and labels)
            self.size_field.setVisible(tool in _SIZED)
            self.mode.setVisible(tool in _MODED)
            self.grain_label.setVisible(tool == "snap" and labels)
            self.grain.setVisible(tool == "snap")
            self.tolerance_label.setVisible(tool == "wand" and labels)
            self.tolerance_field.setVisible(tool == "wand")
            self.preserve.setVisible(tool in ("brush", "snap", *_MODED) and preserve)
            for field in (self.size_field, self.tolerance_field):
                field.slider.setVisible(sliders)
                field.setFixedWidth(_FIELD_PX if sliders else _BOX_PX)
            self._row.activate()
            if self._row.minimumSize().width() <= self.width():
                break
        QTimer.singleShot(0, self._hint)  # once the row has given the hint its room

    def sizeHint(self) -> QSize:
        # The bar gives it what the buttons leave, rather than hide buttons for it.
        return QSize(_LEAST_PX, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @Slot()
    def _hint(self) -> None:
        hint = self._words
        if self._tool == "snap" and self._note:
            hint = f"{self._note}{' ' if self._note.endswith('…') else '. '}{hint}"
        self.hint.setToolTip(hint)
        shown = self.hint.fontMetrics().elidedText(hint, Qt.TextElideMode.ElideRight, self.hint.width())
        self.hint.setText(shown if self.hint.width() >= _WORDS_PX else "")  # one word and dots help nobody

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._fit()
