"""The tools of the canvas, and how one of them is chosen."""

from __future__ import annotations

import dataclasses
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal

from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.select_tool import SelectTool
from counterpart.desktop.canvas.tool import Tool
from counterpart.desktop.shell.actions import Action, Actions


class Toolbox(QObject):
    """Holds the tools that rooms add and gives the canvas the one that is chosen.

    Signals:
        changed: Name of the tool that is active now.

    Attributes:
        select: The tool that is there from the start.
    """

    changed = Signal(str)

    def __init__(self, canvas: Canvas, actions: Actions) -> None:
        super().__init__(canvas)
        self._canvas, self._actions = canvas, actions
        self.select = SelectTool(canvas)
        self.all: dict[str, Tool] = {}
        canvas.set_tool(self.select)

    def add(self, tool: Tool, record: Action) -> None:
        """Take in a tool with the action that chooses it."""
        self.all[tool.id] = tool
        switch = partial(self._switched, tool)
        self._actions.add([dataclasses.replace(record, switch=switch, checkable=True, group="tool")])

    def _switched(self, tool: Tool, on: bool) -> None:
        if on:
            self._canvas.set_tool(tool)
            self.changed.emit(tool.id)

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

    def key_wanted(self, key: Qt.Key) -> bool:
        """Enter and Backspace belong to a gesture that has begun; whether it took the key."""
        tool = self._canvas.tool
        if tool is None:
            return False
        return tool.back() if key == Qt.Key.Key_Backspace else tool.accept()
