"""The tools of the canvas, how they are chosen, and what the active one lets be set."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSizePolicy, QWidget

from counterpart.core.tools.combine import MODES
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.tools import PickTool, ProbeTool, SelectTool, Tool
from counterpart.desktop.parts.brush_tool import MAX_RADIUS, BrushTool, TipTool
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.parts.parts_panel import PartsPanel
from counterpart.desktop.parts.shape_tools import FillTool, LassoTool, ModedTool, PolygonTool, RectangleTool
from counterpart.desktop.parts.snap_tool import SnapDesk, SnapTool
from counterpart.desktop.parts.wand_tool import WandDesk, WandTool
from counterpart.desktop.shell.actions import Actions
from counterpart.desktop.widgets.controls import NumberField, Segments, muted
from counterpart.desktop.widgets.theme import GRID

__all__ = ["ToolOptions", "Toolbox"]

_HINTS = {
    "select": "",
    "similarity": "Point at a place to see what looks like it; click to pin it",
    "pick": "Click a part to make it the active one",
    "brush": "Ctrl erases, Shift draws a straight line",
    "snap": "Paints whole regions. Ctrl erases them",
    "rectangle": "Drag a rectangle",
    "lasso": "Drag around a region",
    "polygon": "Click corners, Enter closes",
    "wand": "Click, then drag right for more or left for less. Shift adds a place",
    "fill": "Click a region to give it to the active part",
    "keypoint": "Click places the keypoint named, right-click places it hidden. Drag moves one, N skips one",
}
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
        self._tool, self._note = "", ""
        self.size_label = muted("Size")
        self.size_field = NumberField(1, 2 * MAX_RADIUS, 1, 0, " px")
        self.tolerance_label = muted("Tolerance")
        self.tolerance_field = NumberField(0, 100, 1, 0, " %")
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
        self.show_for("select")

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

    def show_for(self, tool: str) -> None:
        """Show what a tool needs."""
        self._tool = tool
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
        hint = _HINTS.get(self._tool, "")
        if self._tool == "snap" and self._note:
            hint = f"{self._note}{' ' if self._note.endswith('…') else '. '}{hint}"
        self.hint.setToolTip(hint)
        shown = self.hint.fontMetrics().elidedText(hint, Qt.TextElideMode.ElideRight, self.hint.width())
        self.hint.setText(shown if self.hint.width() >= _WORDS_PX else "")  # one word and dots help nobody

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._fit()


class Toolbox(QObject):
    """Owns the tools and gives the canvas the one that is chosen.

    Signals:
        changed: Name of the tool that is active now.
    """

    changed = Signal(str)

    def __init__(
        self,
        canvas: Canvas,
        editor: LabelEditor,
        actions: Actions,
        options: ToolOptions,
        wands: WandDesk,
        snaps: SnapDesk,
        parts: PartsPanel,
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._editor, self._actions, self._options = canvas, editor, actions, options
        self.select = SelectTool(canvas)
        self.probe = ProbeTool(canvas)
        self.pick = PickTool(canvas)
        self.brush = BrushTool(canvas, editor)
        self.eraser = BrushTool(canvas, editor, eraser=True)
        self.snap = SnapTool(canvas, editor, snaps)
        self._tips: tuple[TipTool, ...] = (self.brush, self.eraser, self.snap)
        self.polygon = PolygonTool(canvas, editor)
        self.wand = WandTool(canvas, editor, wands)
        shapes = (RectangleTool(canvas, editor), LassoTool(canvas, editor), FillTool(canvas, editor))
        self._moded: tuple[ModedTool, ...] = (*shapes, self.polygon, self.wand)
        self.all: dict[str, Tool] = {}
        for tool in (self.select, self.probe, self.pick, *self._tips, *self._moded):
            self.add(tool)
        actions["larger"].triggered.connect(lambda: self._resize(larger=True))
        actions["smaller"].triggered.connect(lambda: self._resize(larger=False))
        parts.add_tool(actions["preserve"])
        actions["preserve"].toggled.connect(options.preserve.setChecked)
        options.preserve.toggled.connect(actions["preserve"].setChecked)
        options.size_changed.connect(self._size_typed)
        options.preserve_changed.connect(self._preserve)
        options.tolerance_changed.connect(self.wand.set_tolerance)
        options.mode_changed.connect(self._mode_chosen)
        canvas.modifiers_changed.connect(self._modifiers)
        self.wand.tolerance_changed.connect(options.show_tolerance)
        options.show_tolerance(self.wand.tolerance)
        options.size_field.set_value(2 * self.brush.radius)
        for tip in self._tips:
            tip.radius_changed.connect(self._radius_changed)
        canvas.set_tool(self.select)

    def add(self, tool: Tool) -> None:
        """Take in a tool that somebody else has made."""
        self.all[tool.id] = tool
        self._actions[f"tool_{tool.id}"].toggled.connect(lambda on: self._take(tool) if on else None)

    @property
    def active(self) -> str:
        """Name of the active tool."""
        return self._canvas.tool.id if self._canvas.tool is not None else ""

    def is_chosen(self, name: str) -> bool:
        """Whether a tool's button is on; a view may have lent the canvas another tool meanwhile."""
        return self._actions[f"tool_{name}"].isChecked()

    def choose(self, name: str) -> None:
        """Take a tool."""
        self._actions[f"tool_{name}"].setChecked(True)

    def _take(self, tool: Tool) -> None:
        self._canvas.set_tool(tool)
        self._options.show_for(tool.id)
        if isinstance(tool, ModedTool):
            self._options.mode.set_index(MODES.index(tool.mode))
        self.changed.emit(tool.id)

    def _resize(self, *, larger: bool) -> None:
        tool = self._canvas.tool
        (tool if isinstance(tool, TipTool) else self.brush).resize(larger)

    @Slot(float)
    def _size_typed(self, diameter: float) -> None:
        for tip in self._tips:
            tip.set_radius(diameter / 2)

    @Slot(float)
    def _radius_changed(self, radius: float) -> None:
        self._options.size_field.set_value(2 * radius)
        for tip in self._tips:
            tip.set_radius(radius)

    @Slot(int)
    def _mode_chosen(self, index: int) -> None:
        for tool in self._moded:
            tool.mode = MODES[index]

    @Slot(object)
    def _modifiers(self, held: Qt.KeyboardModifier) -> None:
        """Show what a shape would do with the keys that are held."""
        tool = self._canvas.tool
        if isinstance(tool, ModedTool):
            self._options.mode.set_index(MODES.index(tool.mode_for(held)))

    @Slot(bool)
    def _preserve(self, on: bool) -> None:
        self._editor.preserve = on

    def key_wanted(self, key: Qt.Key) -> bool:
        """Enter and Backspace belong to a gesture that has begun; whether it took the key."""
        tool = self._canvas.tool
        if tool is None:
            return False
        return tool.back() if key == Qt.Key.Key_Backspace else tool.accept()
