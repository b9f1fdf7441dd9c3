"""Points at correspondence lines and at parts; drags an end of a line."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, Signal

from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Pointer, Tool

_FAR = 3


class SelectTool(Tool):
    """Points at things: hovers and selects correspondence lines, and drags an end of one.

    Signals:
        line_hovered, line_clicked, line_double_clicked: Index of a line, -1 for none.
        end_dragged: Line, end (0 left, 1 right), image x, y, and whether the drag is over.
        end_left: A drag of an end was given up.
        clicked: Pane and image xy of a press that met no line.
        part_double_clicked: Pane and the part under the pointer, 0 for none.
    """

    id = "select"
    tells_double = True

    line_hovered = Signal(int)
    line_clicked = Signal(int)
    line_double_clicked = Signal(int)
    end_dragged = Signal(int, int, float, float, bool)
    end_left = Signal()
    clicked = Signal(int, float, float)
    part_double_clicked = Signal(int, int)

    def __init__(self, canvas: Stage) -> None:
        super().__init__(canvas)
        self._drag: tuple[int, int] | None = None
        self._moved = False
        self._start = QPointF()

    def begin(self, event: Pointer) -> Begun:
        if event.button != Qt.MouseButton.LeftButton:
            return Begun.NOTHING
        hit = self.canvas.line_at(event.position)
        self.line_clicked.emit(-1 if hit is None else hit.index)
        if hit is not None and hit.end is not None:
            self._drag, self._moved, self._start = (hit.index, hit.end), False, event.position
            return Begun.DRAG
        if hit is None and event.inside:
            self.clicked.emit(event.pane, *event.xy)
        return Begun.CLICK

    def hover(self, event: Pointer) -> None:
        hit = self.canvas.line_at(event.position)
        self.canvas.setCursor(Qt.CursorShape.PointingHandCursor if hit else self.cursor)
        self.line_hovered.emit(-1 if hit is None else hit.index)

    def extend(self, event: Pointer) -> None:
        far = (event.position - self._start).manhattanLength() > _FAR
        if self._drag is not None and (far or self._moved):
            self._moved = True
            self._move_end(event, final=False)

    def finish(self, event: Pointer) -> bool:
        if self._drag is not None and self._moved:
            self._move_end(event, final=True)
        self._drag = None
        return False

    def _move_end(self, event: Pointer, *, final: bool) -> None:
        assert self._drag is not None
        self.end_dragged.emit(*self._drag, *self.canvas.clamped(self._drag[1], event.position), final)

    def double_click(self, event: Pointer) -> bool:
        hit = self.canvas.line_at(event.position)
        if hit is not None:
            self.line_double_clicked.emit(hit.index)
        elif event.inside:
            self.part_double_clicked.emit(event.pane, self.canvas.label_at(event.pane, event.xy))
        return False

    def leave(self) -> None:
        self.line_hovered.emit(-1)

    def give_up(self) -> None:
        if self._drag is not None:
            self._drag = None
            self.end_left.emit()
