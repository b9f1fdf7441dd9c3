"""The tools that draw masks: made, chosen, and set by the bar above the canvas."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Slot

from counterpart.core.tools.combine import MODES
from counterpart.desktop.parts.brush_tool import BrushTool, TipTool
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.parts.pick_tool import PickTool
from counterpart.desktop.parts.shape_tools import FillTool, LassoTool, ModedTool, PolygonTool, RectangleTool
from counterpart.desktop.parts.snap_regions import SnapRegions
from counterpart.desktop.parts.snap_tool import SnapTool
from counterpart.desktop.parts.tool_options import ToolOptions
from counterpart.desktop.parts.wand_tool import WandTool
from counterpart.desktop.parts.wands import Wands
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.workbench import Workbench


class MaskTools(QObject):
    """Owns brushes, shapes, fill and wand, and keeps them in step with what is set for them.

    Attributes:
        pick, brush, eraser, snap, polygon, wand: Tools that others look at.
    """

    def __init__(
        self, bench: Workbench, editor: LabelEditor, options: ToolOptions, wands: Wands, regions: SnapRegions
    ) -> None:
        super().__init__(bench.window)
        self._bench, self._editor, self._options = bench, editor, options
        self._wands, self._regions = wands, regions
        self._make_tools()
        bench.actions.add(self._actions())
        self._connect()

    def _make_tools(self) -> None:
        canvas, editor = self._bench.canvas, self._editor
        self.pick = PickTool(canvas)
        self.brush = BrushTool(canvas, editor)
        self.eraser = BrushTool(canvas, editor, eraser=True)
        self.snap = SnapTool(canvas, editor, self._regions)
        self.polygon = PolygonTool(canvas, editor)
        self.wand = WandTool(canvas, editor, self._wands)
        self._tips: tuple[TipTool, ...] = (self.brush, self.eraser, self.snap)
        shapes = (RectangleTool(canvas, editor), LassoTool(canvas, editor), FillTool(canvas, editor))
        self._moded: tuple[ModedTool, ...] = (*shapes, self.polygon, self.wand)
        tools = {tool.id: tool for tool in (self.pick, *self._tips, *self._moded)}
        for record in self._tool_actions():
            self._bench.toolbox.add(tools[record.id.removeprefix("tool_")], record)

    def _tool_actions(self) -> list[Action]:
        needs = self._bench.needs
        # fmt: off
        return [
            Action("tool_pick", "&Pick part", "Tools", keys=("I",), icon="pick",
                   help="Make the part under the pointer the active one", needs=(needs.project,), place=30, tools=30),
            Action("tool_brush", "&Brush", "Tools", keys=("B",), icon="brush",
                   help="Paint the active part; Ctrl erases", needs=needs.change, place=110, tools=110),
            Action("tool_snap", "S&napped brush", "Tools", keys=("Shift+B",), icon="snap",
                   help="Paint whole regions that look alike; Ctrl erases them", needs=needs.change, place=120,
                   tools=120),
            Action("tool_eraser", "&Eraser", "Tools", keys=("E",), icon="eraser",
                   help="Erase parts that are not locked", needs=needs.change, place=130, tools=130),
            Action("tool_rectangle", "&Rectangle", "Tools", keys=("R",), icon="rectangle", help="Paint a rectangle",
                   needs=needs.change, place=140, tools=140),
            Action("tool_lasso", "&Lasso", "Tools", keys=("Q",), icon="lasso",
                   help="Paint what a freehand line goes around", needs=needs.change, place=150, tools=150),
            Action("tool_polygon", "Pol&ygon", "Tools", keys=("P",), icon="polygon",
                   help="Paint what clicked corners enclose", needs=needs.change, place=160, tools=160),
            Action("tool_fill", "&Fill", "Tools", keys=("G",), icon="fill",
                   help="Give a connected region to the active part", needs=needs.change, place=170, tools=170),
            Action("tool_wand", "Feature &wand", "Tools", keys=("W",), icon="wand",
                   help="Grow a region along what looks alike", needs=needs.change, place=180, tools=180),
        ]
        # fmt: on

    def _actions(self) -> list[Action]:
        needs = self._bench.needs
        some = (needs.project,)
        # fmt: off
        return [
            Action("preserve", "Keep &other parts", "Tools", keys=("Shift+P",), icon="keep",
                   help="Paint on background only, never over another part", switch=self._options.preserve.setChecked,
                   needs=some, place=310, checkable=True),
            Action("larger", "Lar&ger brush", "Tools", keys=("]",), do=lambda: self._resize(larger=True),
                   during="passes", needs=some, place=320, repeat=True),
            Action("smaller", "S&maller brush", "Tools", keys=("[",), do=lambda: self._resize(larger=False),
                   during="passes", needs=some, place=330, repeat=True),
        ]
        # fmt: on

    def _connect(self) -> None:
        options, preserve = self._options, self._bench.actions["preserve"]
        options.grain_changed.connect(self._regions.set_grain)
        options.preserve.toggled.connect(preserve.setChecked)
        options.size_changed.connect(self._size_typed)
        options.preserve_changed.connect(self._preserve)
        options.tolerance_changed.connect(self.wand.set_tolerance)
        options.mode_changed.connect(self._mode_chosen)
        self._bench.canvas.modifiers_changed.connect(self._modifiers)
        self._bench.toolbox.changed.connect(self._tool_changed)
        self.wand.tolerance_changed.connect(options.show_tolerance)
        options.show_tolerance(self.wand.tolerance)
        options.size_field.set_value(2 * self.brush.radius)
        for tip in self._tips:
            tip.radius_changed.connect(self._radius_changed)
        options.show_for(self._bench.toolbox.select)

    @Slot(str)
    def _tool_changed(self, name: str) -> None:
        tool = self._bench.toolbox.all[name]
        self._options.show_for(tool)
        if isinstance(tool, ModedTool):
            self._options.mode.set_index(MODES.index(tool.mode))

    def forget(self) -> None:
        """Another project: what was put aside belongs to this one."""
        self.polygon.forget()

    def _resize(self, *, larger: bool) -> None:
        tool = self._bench.canvas.tool
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
        tool = self._bench.canvas.tool
        if isinstance(tool, ModedTool):
            self._options.mode.set_index(MODES.index(tool.mode_for(held)))

    @Slot(bool)
    def _preserve(self, on: bool) -> None:
        self._editor.preserve = on
