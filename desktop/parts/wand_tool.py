"""The feature wand: a click grows a region along what looks alike, a drag makes it larger or smaller.

Preparing an image takes its features and a guide along its edges, once; after that a click is quick. All of it happens
beside the window, the latest request winning, so that the preview follows the pointer.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPen

from counterpart.core.tools.combine import Mode
from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Dropped, Pointer
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.parts.shape_tools import ModedTool
from counterpart.desktop.parts.wands import WandAnswer, WandRequest, Wands

_DRAG_PX = 320.0
XY = tuple[float, float]


class WandTool(ModedTool):
    """Click: the region around grows along what looks alike. Drag right or left: larger or smaller.

    Shift adds a place to the last selection; Ctrl takes the region away from the part, Alt keeps only what lies in it.

    Signals:
        tolerance_changed: In [0, 1].
    """

    id = "wand"
    hint = "Click, then drag right for more or left for less. Shift adds a place"
    shift_adds = False
    cursor = Qt.CursorShape.CrossCursor
    tolerance_changed = Signal(float)

    def __init__(self, canvas: Stage, editor: LabelEditor, wands: Wands) -> None:
        super().__init__(canvas, editor)
        self._wands = wands
        self._tolerance = 0.3
        self._mode: Mode = "add"
        self._seeds: tuple[XY, ...] = ()
        self._last: tuple[object, tuple[XY, ...]] | None = None
        self._from = QPointF()
        self._base: float | None = None
        self._now: float | None = None
        self._open = False
        wands.answered.connect(self._answered)
        wands.failed.connect(self._failed)

    @property
    def tolerance(self) -> float:
        """How unlike a pixel may be, in [0, 1]; the wand snaps near it on a click."""
        return self._tolerance

    def set_tolerance(self, tolerance: float) -> None:
        """Change where the wand snaps."""
        self._tolerance = min(max(tolerance, 0.0), 1.0)

    def begin(self, event: Pointer) -> Begun:
        left = event.button == Qt.MouseButton.LeftButton
        if not left or not event.inside or not self._editor.begin(event.pane):
            return Begun.NOTHING
        key = self.canvas.panes[event.pane].photo
        more = bool(event.modifiers & Qt.KeyboardModifier.ShiftModifier)
        known = self._last[1] if more and self._last is not None and self._last[0] is key else ()
        self._seeds = (*known, event.xy)
        self._last = (key, self._seeds)
        self._mode = self.mode_for(event.modifiers)
        self._pane, self._from, self._open = event.pane, event.position, True
        self._base = self._now = None
        self._ask(None, final=False)
        return Begun.DRAG

    def extend(self, event: Pointer) -> None:
        if self._base is None:
            return
        self._now = min(max(self._base + (event.position.x() - self._from.x()) / _DRAG_PX, 0.0), 1.0)
        self._ask(self._now, final=False)

    def finish(self, _event: Pointer) -> bool:
        self._ask(self._now, final=True)
        return True

    def interrupt(self, _event: Pointer) -> None:
        """The region that is seen counts; where none is seen yet, there is nothing."""
        if self._base is None:
            self.give_up()
            self.dropped.emit(Dropped("The wand's region is dropped: it was still being worked out."))
        else:
            self._commit()

    def give_up(self) -> None:
        self._open = False
        self._editor.abort(self._pane)
        self.canvas.update()

    def _commit(self) -> None:
        self._open = False
        verbs = {"add": "Wand", "subtract": "Cut with wand from", "intersect": "Keep with wand of"}
        self._editor.commit(self._pane, self._editor.title(verbs[self._mode], self._pane))
        self.canvas.update()

    def _ask(self, tolerance: float | None, *, final: bool) -> None:
        pane = self.canvas.panes[self._pane]
        if pane.photo is not None and isinstance(pane.image_key, int):
            self._wands.ask(pane.image_key, pane.photo, self._seeds, tolerance, self._tolerance, final=final)

    @Slot(object)
    def _answered(self, answer: WandAnswer) -> None:
        request = answer.request
        if not self._open or request.image != self.canvas.panes[self._pane].image_key or request.seeds != self._seeds:
            return
        if self._base is None:
            self._base = answer.tolerance
        self._editor.preview(self._pane, answer.region, self._mode)
        self.canvas.update()
        if request.final:
            self._tolerance = answer.tolerance
            self.tolerance_changed.emit(answer.tolerance)
            self._commit()
            self.settled.emit()

    @Slot(object)
    def _failed(self, request: WandRequest) -> None:
        """The wand cannot answer: nothing comes of the gesture, and what was clicked meanwhile follows."""
        if self._open and request.final and request.seeds == self._seeds:
            self.give_up()
            self.settled.emit()

    def paint(self, painter: QPainter) -> None:
        if not self._open:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 190), 1.5))
        painter.setBrush(QColor("#ffffff"))
        for seed in self._seeds:
            painter.drawEllipse(QPointF(*self.canvas.panes[self._pane].view.to_widget(seed)), 3.5, 3.5)
