"""The tools of the canvas, and how one of them is chosen."""

from __future__ import annotations

import dataclasses
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.select_tool import SelectTool
from counterpart.desktop.canvas.tool import Dropped, Tool
from counterpart.desktop.shell.actions import Action, Actions
from counterpart.desktop.shell.messages import Messages


class Toolbox(QObject):
    """Holds the tools that rooms add and gives the canvas the one that is chosen.

    Signals:
        changed: Name of the tool that is active now.

    Attributes:
        select: The tool that is there from the start.
    """

    changed = Signal(str)

    def __init__(self, canvas: Canvas, actions: Actions, messages: Messages) -> None:
        super().__init__(canvas)
        self._messages = messages
        actions.gates += [canvas.hands.ask, *(each.scrub.ask for each in canvas.minimaps)]
        canvas.hands.changed.connect(actions.refresh)
        canvas.hands.dropped.connect(self._tell_dropped)
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

    @Slot(object)
    def _tell_dropped(self, dropped: Dropped) -> None:
        """Say what an interruption has cost, and offer it again."""
        if dropped.bring_back is not None:
            self._messages.offer(dropped.text, dropped.button, dropped.bring_back)
        else:
            self._messages.tell("info", dropped.text)
