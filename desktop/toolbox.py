"""The tools of the canvas, how they are chosen, and what the active one lets be set."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSizePolicy, QWidget

from desktop.actions import Actions
from desktop.canvas.canvas import Canvas
from desktop.canvas.mask_tools import MAX_RADIUS, BrushTool, FillTool, LassoTool, PolygonTool, RectangleTool
from desktop.canvas.tools import PickTool, ProbeTool, SelectTool, Tool
from desktop.editing import Editor
from desktop.theme import GRID
from desktop.wanding import WandDesk, WandTool
from desktop.widgets import NumberField, muted

__all__ = ["ToolOptions", "Toolbox"]

_HINTS = {
    "select": "",
    "similarity": "Point at a place to see what looks like it; click to pin it",
    "pick": "Click a part to make it the active one",
    "rectangle": "Drag a rectangle. Ctrl takes it away, Alt keeps only what is inside",
    "lasso": "Drag around a region. Ctrl takes it away, Alt keeps only what is inside",
    "polygon": "Click corners, Enter closes. Ctrl on the first one takes away, Alt keeps only what is inside",
    "wand": "Click, then drag right for more or left for less. Shift adds a place, Ctrl takes away",
    "keypoint": "Click places the keypoint named, right-click places it hidden. Drag moves one, N skips one",
    "fill": "Click a region to give it to the active part. Ctrl erases it",
}


class ToolOptions(QWidget):
    """What the active tool needs, and nothing else.

    Signals:
        size_changed: Diameter of the brush in image pixels.
        preserve_changed: Whether other parts are painted over or kept.
        tolerance_changed: Of the wand, in [0, 1].
    """

    size_changed = Signal(float)
    preserve_changed = Signal(bool)
    tolerance_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.size_label = muted("Size")
        self.size_field = NumberField(1, 2 * MAX_RADIUS, 1, 0, " px")
        self.size_field.setFixedWidth(240)
        self.tolerance_label = muted("Tolerance")
        self.tolerance_field = NumberField(0, 100, 1, 0, " %")
        self.tolerance_field.setFixedWidth(220)
        self.preserve = QCheckBox("Keep other parts")
        self.preserve.setToolTip("Paint on background only, never over another part")
        self.hint = muted(small=True)
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, 0, GRID, 0)
        row.setSpacing(GRID)
        row.addWidget(self.size_label)
        row.addWidget(self.size_field)
        row.addWidget(self.tolerance_label)
        row.addWidget(self.tolerance_field)
        row.addSpacing(GRID)
        row.addWidget(self.preserve)
        row.addSpacing(GRID)
        row.addWidget(self.hint, 1)
        self.size_field.changed.connect(self.size_changed)
        self.tolerance_field.changed.connect(self._tolerance)
        self.preserve.toggled.connect(self.preserve_changed)
        self.show_for("select")

    @Slot(float)
    def _tolerance(self, percent: float) -> None:
        self.tolerance_changed.emit(percent / 100)

    @Slot(float)
    def show_tolerance(self, tolerance: float) -> None:
        """Show the wand's tolerance without telling anybody."""
        self.tolerance_field.set_value(100 * tolerance)

    def show_for(self, tool: str) -> None:
        """Show what a tool needs."""
        sized = tool in ("brush", "eraser")
        self.size_label.setVisible(sized)
        self.size_field.setVisible(sized)
        self.tolerance_label.setVisible(tool == "wand")
        self.tolerance_field.setVisible(tool == "wand")
        self.preserve.setVisible(tool in ("brush", "rectangle", "lasso", "polygon", "fill", "wand"))
        hint = "Ctrl erases, Shift draws a straight line" if tool == "brush" else _HINTS.get(tool, "")
        self.hint.setText(hint)
        self.hint.setToolTip(hint)


class Toolbox(QObject):
    """Owns the tools and gives the canvas the one that is chosen.

    Signals:
        changed: Name of the tool that is active now.
    """

    changed = Signal(str)

    def __init__(self, canvas: Canvas, editor: Editor, actions: Actions, options: ToolOptions, wands: WandDesk) -> None:
        super().__init__(canvas)
        self._canvas, self._editor, self._actions, self._options = canvas, editor, actions, options
        self.select = SelectTool(canvas)
        self.probe = ProbeTool(canvas)
        self.pick = PickTool(canvas)
        self.brush = BrushTool(canvas, editor)
        self.eraser = BrushTool(canvas, editor, eraser=True)
        self.polygon = PolygonTool(canvas, editor)
        self.wand = WandTool(canvas, editor, wands)
        shapes = (RectangleTool(canvas, editor), LassoTool(canvas, editor), FillTool(canvas, editor))
        self.all: dict[str, Tool] = {
            tool.id: tool
            for tool in (self.select, self.probe, self.pick, self.brush, self.eraser, self.polygon, self.wand, *shapes)
        }
        for name, tool in self.all.items():
            action = actions[f"tool_{name}"]
            action.toggled.connect(lambda on, tool=tool: self._take(tool) if on else None)
        actions["larger"].triggered.connect(lambda: self._resize(larger=True))
        actions["smaller"].triggered.connect(lambda: self._resize(larger=False))
        options.size_changed.connect(self._size_typed)
        options.preserve_changed.connect(self._preserve)
        options.tolerance_changed.connect(self.wand.set_tolerance)
        self.wand.tolerance_changed.connect(options.show_tolerance)
        options.show_tolerance(self.wand.tolerance)
        options.size_field.set_value(2 * self.brush.radius)
        for brush in (self.brush, self.eraser):
            brush.radius_changed.connect(self._radius_changed)
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
        self.changed.emit(tool.id)

    def _resize(self, *, larger: bool) -> None:
        tool = self._canvas.tool
        (tool if isinstance(tool, BrushTool) else self.brush).resize(larger)

    @Slot(float)
    def _size_typed(self, diameter: float) -> None:
        for brush in (self.brush, self.eraser):
            brush.set_radius(diameter / 2)

    @Slot(float)
    def _radius_changed(self, radius: float) -> None:
        self._options.size_field.set_value(2 * radius)
        for brush in (self.brush, self.eraser):
            brush.set_radius(radius)

    @Slot(bool)
    def _preserve(self, on: bool) -> None:
        self._editor.preserve = on

    def key_wanted(self, key: Qt.Key) -> bool:
        """Enter and Backspace belong to a gesture that has begun; whether it took the key."""
        tool = self._canvas.tool
        if tool is None:
            return False
        return tool.back() if key == Qt.Key.Key_Backspace else tool.accept()
