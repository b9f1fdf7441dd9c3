"""Asks what looks like the place under the pointer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal

from counterpart.desktop.canvas.tool import Pointer, Tool


class SimilarityTool(Tool):
    """Asks what looks like the place under the pointer; a click keeps the place."""

    id = "similarity"
    cursor = Qt.CursorShape.CrossCursor
    speaks = True
    hint = "Point at a place to see what looks like it; click to pin it"

    probed = Signal(int, float, float, bool)
    left = Signal()

    def press(self, event: Pointer) -> None:
        if event.button == Qt.MouseButton.LeftButton and event.inside:
            self.probed.emit(event.pane, *event.xy, True)

    def move(self, event: Pointer) -> None:
        if event.inside:
            self.probed.emit(event.pane, *event.xy, False)
        else:
            self.left.emit()

    def leave(self) -> None:
        self.left.emit()
