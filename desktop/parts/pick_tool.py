"""Takes the part under the pointer as the active one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal

from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.tool import Pointer, Tool


class PickTool(Tool):
    """Takes the part under the pointer as the active one."""

    id = "pick"
    cursor = Qt.CursorShape.CrossCursor
    hint = "Click a part to make it the active one"

    picked = Signal(int)

    def begin(self, event: Pointer) -> Begun:
        if event.button != Qt.MouseButton.LeftButton or not event.inside:
            return Begun.NOTHING
        self.picked.emit(self.canvas.label_at(event.pane, event.xy))
        return Begun.CLICK
