"""The feature wand: a click grows a region along what looks alike, a drag makes it larger or smaller.

Preparing an image takes its features and a guide along its edges, once; after that a click is quick. All of it happens
beside the window, the latest request winning, so that the preview follows the pointer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPen

from counterpart.core.jobs import JobContext
from counterpart.core.tools.combine import Mode
from counterpart.core.tools.region import Region
from counterpart.core.tools.wand import Wand, WandSelection
from counterpart.desktop.canvas.photo import Photo
from counterpart.desktop.canvas.tools import Pointer
from counterpart.desktop.jobs.image_features import KEPT, ImageFeatures
from counterpart.desktop.jobs.job_runner import Job, JobRunner, Outcome
from counterpart.desktop.parts.brush_tool import Paints
from counterpart.desktop.parts.shape_tools import ModedTool

if TYPE_CHECKING:
    from counterpart.desktop.canvas.canvas import Canvas

__all__ = ["WandDesk", "WandTool"]

_SELECT = "wand"
_DRAG_PX = 320.0
XY = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """One question to the wand: which region belongs to some seeds at a tolerance (None: the wand suggests one)."""

    image: int
    seeds: tuple[XY, ...]
    tolerance: float | None
    near: float
    final: bool


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the wand found.

    Attributes:
        request: The question.
        region: The pixels.
        tolerance: At which they were found.
    """

    request: _Request
    region: Region
    tolerance: float


class WandDesk(QObject):
    """Prepares wands and asks them, on the threads beside the window.

    Args:
        features: Of images; colour decides where there are none.
        light: Runs the wands.

    Signals:
        answered: An `Answer`.
        says: A line for the status bar.
    """

    answered = Signal(object)
    says = Signal(str)

    def __init__(self, features: ImageFeatures, light: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._features, self._light = features, light
        self._wands: OrderedDict[int, Wand] = OrderedDict()
        self._selection: tuple[int, tuple[XY, ...], WandSelection] | None = None
        self._wanted = 0
        features.arrived.connect(self._on_features)
        features.failed.connect(self._on_failed)
        features.cleared.connect(self._forget)
        light.answered.connect(self._on_answer)

    def prepare(self, image: int) -> None:
        """Have the features of an image computed before somebody clicks."""
        self._wanted = image
        if self._features.prepare(image):
            self.says.emit("Preparing the wand …")

    @Slot()
    def _forget(self) -> None:
        self._wands.clear()
        self._selection = None

    @Slot(int)
    def _on_features(self, image: int) -> None:
        self._wands.pop(image, None)
        self._selection = None
        if image == self._wanted:
            self.says.emit("")

    @Slot(int, str)
    def _on_failed(self, image: int, text: str) -> None:
        if image == self._wanted:
            self.says.emit(f"The wand goes by colour: {text}")

    def ask(
        self, image: int, photo: Photo, seeds: tuple[XY, ...], tolerance: float | None, near: float, *, final: bool
    ) -> None:
        """Ask for a region; `answered` brings it."""
        request = _Request(image, seeds, tolerance, near, final)
        features = self._features.get(image)
        wand = self._wands.get(image)
        old = self._selection
        known = old[2] if old is not None and old[:2] == (image, seeds) else None

        def select(_engine: Any, _ctx: JobContext) -> tuple[Wand, WandSelection, Answer]:
            tool = wand if wand is not None else Wand(photo.rgb, features)
            selection = known if known is not None else tool.select(seeds)
            wanted = selection.suggested(near) if tolerance is None else tolerance
            return tool, selection, Answer(request, selection.region(wanted, fine=final), wanted)

        self._light.ask(_SELECT, Job("Wand", select, tag=request))

    @Slot(str, object, object)
    def _on_answer(self, slot: str, job: Job, outcome: Outcome) -> None:
        if slot != _SELECT or outcome.cancelled:
            return
        if outcome.failure is not None:
            self.says.emit(outcome.failure.text)
            return
        wand, selection, answer = outcome.result
        request: _Request = job.tag
        self._wands[request.image] = wand
        self._wands.move_to_end(request.image)
        while len(self._wands) > KEPT:
            self._wands.popitem(last=False)
        self._selection = (request.image, request.seeds, selection)
        self.answered.emit(answer)


class WandTool(ModedTool):
    """Click: the region around grows along what looks alike. Drag right or left: larger or smaller.

    Shift adds a place to the last selection; Ctrl takes the region away from the part, Alt keeps only what lies in it.

    Signals:
        tolerance_changed: In [0, 1].
    """

    id = "wand"
    shift_adds = False
    cursor = Qt.CursorShape.CrossCursor
    tolerance_changed = Signal(float)

    def __init__(self, canvas: Canvas, editor: Paints, desk: WandDesk) -> None:
        super().__init__(canvas, editor)
        self._desk = desk
        self._tolerance = 0.3
        self._mode: Mode = "add"
        self._seeds: tuple[XY, ...] = ()
        self._last: tuple[object, tuple[XY, ...]] | None = None
        self._from: QPointF | None = None
        self._base: float | None = None
        self._now: float | None = None
        self._open = False
        desk.answered.connect(self._answered)

    @property
    def tolerance(self) -> float:
        """How unlike a pixel may be, in [0, 1]; the wand snaps near it on a click."""
        return self._tolerance

    def set_tolerance(self, tolerance: float) -> None:
        """Change where the wand snaps."""
        self._tolerance = min(max(tolerance, 0.0), 1.0)

    def press(self, event: Pointer) -> None:
        if event.button != Qt.MouseButton.LeftButton or not event.inside or not self._editor.begin(event.pane):
            return
        key = self.canvas.panes[event.pane].image_key
        more = bool(event.modifiers & Qt.KeyboardModifier.ShiftModifier)
        known = self._last[1] if more and self._last is not None and self._last[0] == key else ()
        self._seeds = (*known, event.xy)
        self._last = (key, self._seeds)
        self._mode = self.mode_for(event.modifiers)
        self._pane, self._from, self._open = event.pane, event.position, True
        self._base = self._now = None
        self._ask(None, final=False)

    def move(self, event: Pointer) -> None:
        if self._from is None or self._base is None:
            return
        self._now = min(max(self._base + (event.position.x() - self._from.x()) / _DRAG_PX, 0.0), 1.0)
        self._ask(self._now, final=False)

    def release(self, event: Pointer) -> None:
        if self._from is None or event.button != Qt.MouseButton.LeftButton:
            return
        self._from = None
        self._ask(self._now, final=True)

    def cancel(self) -> None:
        self._from = None
        if self._open:
            self._open = False
            self._editor.abort(self._pane)

    def _ask(self, tolerance: float | None, *, final: bool) -> None:
        pane = self.canvas.panes[self._pane]
        if pane.photo is not None and isinstance(pane.image_key, int):
            self._desk.ask(pane.image_key, pane.photo, self._seeds, tolerance, self._tolerance, final=final)

    @Slot(object)
    def _answered(self, answer: Answer) -> None:
        request = answer.request
        if not self._open or request.image != self.canvas.panes[self._pane].image_key or request.seeds != self._seeds:
            return
        if self._base is None:
            self._base = answer.tolerance
        self._editor.preview(self._pane, answer.region, self._mode)
        if request.final:
            self._open = False
            self._tolerance = answer.tolerance
            self.tolerance_changed.emit(answer.tolerance)
            verbs = {"add": "Wand", "subtract": "Cut with wand from", "intersect": "Keep with wand of"}
            self._editor.commit(self._pane, self._editor.title(verbs[self._mode]))
        self.canvas.update()

    def paint(self, painter: QPainter) -> None:
        if not self._open:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 190), 1.5))
        painter.setBrush(QColor("#ffffff"))
        for seed in self._seeds:
            painter.drawEllipse(QPointF(*self.canvas.panes[self._pane].view.to_widget(seed)), 3.5, 3.5)
