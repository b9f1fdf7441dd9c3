"""Asks what looks like the place under the pointer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal

from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.tool import Pointer, Tool


class SimilarityTool(Tool):
    """Asks what looks like the place under the pointer; a click keeps the place."""

    id = "similarity"
    cursor = Qt.CursorShape.CrossCursor
    speaks = True
    hint = "Point at a place to see what looks like it; click to pin it"

    probed = Signal(int, float, float, bool)
    left = Signal()

    def begin(self, event: Pointer) -> Begun:
        if event.button != Qt.MouseButton.LeftButton or not event.inside:
            return Begun.NOTHING
        self.probed.emit(event.pane, *event.xy, True)
        return Begun.CLICK

    def hover(self, event: Pointer) -> None:
        if event.inside:
            self.probed.emit(event.pane, *event.xy, False)
        else:
            self.left.emit()

    def leave(self) -> None:
        self.left.emit()
