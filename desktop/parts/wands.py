"""Wands for images: prepared beside the window, asked for regions, kept for the last few images."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.jobs import JobContext
from counterpart.core.tools.region import Region
from counterpart.core.tools.wand import Wand, WandSelection
from counterpart.desktop.canvas.photo import Photo
from counterpart.desktop.jobs.image_features import KEPT, ImageFeatures
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner

_SELECT = "wand"
XY = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class WandRequest:
    """One question to the wand: which region belongs to some seeds at a tolerance (None: the wand suggests one)."""

    image: int
    content: str
    seeds: tuple[XY, ...]
    tolerance: float | None
    near: float
    final: bool


@dataclass(frozen=True, slots=True, eq=False)
class WandAnswer:
    """What the wand found.

    Attributes:
        request: The question.
        region: The pixels.
        tolerance: At which they were found.
    """

    request: WandRequest
    region: Region
    tolerance: float


class Wands(QObject):
    """Prepares wands and asks them, on the threads beside the window.

    Args:
        features: Of images; colour decides where there are none.
        runner: Runs the wands.

    Signals:
        answered: An `WandAnswer`.
        failed: A `WandRequest` that will have no answer.
        says: A line for the status bar.
    """

    answered = Signal(object)
    failed = Signal(object)
    says = Signal(str)

    def __init__(self, features: ImageFeatures, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._features, self._runner = features, runner
        self._wands: OrderedDict[str, Wand] = OrderedDict()
        self._selection: tuple[str, tuple[XY, ...], WandSelection] | None = None
        self._wanted = 0
        features.arrived.connect(self._on_features)
        features.failed.connect(self._on_failed)
        features.cleared.connect(self._forget)

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
        found = self._features.get(image)
        if found is not None:
            self._wands.pop(found.image_sha256, None)
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
        request = WandRequest(image, photo.sha256, seeds, tolerance, near, final)
        features = self._features.get(image)
        if features is not None and features.image_sha256 != photo.sha256:
            features = None  # of what has been put in its place
        wand = self._wands.get(photo.sha256)
        old = self._selection
        known = old[2] if old is not None and old[:2] == (photo.sha256, seeds) else None

        def select(_engine: Any, _ctx: JobContext) -> tuple[Wand, WandSelection, WandAnswer]:
            tool = wand if wand is not None else Wand(photo.rgb, features)
            selection = known if known is not None else tool.select(seeds)
            wanted = selection.suggested(near) if tolerance is None else tolerance
            return tool, selection, WandAnswer(request, selection.region(wanted, fine=final), wanted)

        self._runner.ask(_SELECT, Job("Wand", select), partial(self._on_answer, request))

    def _on_answer(self, request: WandRequest, outcome: JobOutcome) -> None:
        if outcome.failure is not None:
            self.says.emit(outcome.failure.text)
            self.failed.emit(request)
            return
        wand, selection, answer = outcome.result
        self._wands[request.content] = wand
        self._wands.move_to_end(request.content)
        while len(self._wands) > KEPT:
            self._wands.popitem(last=False)
        self._selection = (request.content, request.seeds, selection)
        self.answered.emit(answer)
