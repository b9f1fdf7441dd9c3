"""The small regions that the snapped brush adopts: found beside the window, kept for the last few images."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.jobs import JobContext
from counterpart.core.tools.clusters import ClusterParams, Clusters, find_clusters
from counterpart.desktop.canvas.photo import Photo
from counterpart.desktop.jobs.image_features import KEPT, ImageFeatures
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner

GRAINS = (900, 300, 120)
"""Regions in an image: fine, medium, coarse."""
_SLOT = "regions"
_AHEAD_MS = 10


class SnapRegions(QObject):
    """Finds the regions of images beside the window.

    Args:
        features: Of images; colour alone decides where there are none.
        runner: Finds the regions.

    Signals:
        found: Image whose regions are there, or better than before.
        says: A line for the status bar.
    """

    found = Signal(int)
    says = Signal(str)

    def __init__(self, features: ImageFeatures, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._features, self._runner = features, runner
        self._kept: OrderedDict[int, tuple[Clusters, bool]] = OrderedDict()
        self._photos: dict[int, Photo] = {}
        self._count = GRAINS[1]
        self._asked: tuple[int, bool, int] | None = None
        self._ahead = QTimer(self)
        self._ahead.setInterval(_AHEAD_MS)
        self._ahead.timeout.connect(self._work_ahead)
        self._rest: tuple[Clusters, Iterator[int]] | None = None
        features.arrived.connect(self._on_features)
        features.failed.connect(self._on_failed)
        features.cleared.connect(self.clear)

    @Slot()
    def clear(self) -> None:
        """Forget all regions."""
        self._kept.clear()
        self._asked = self._rest = None

    def get(self, image: int) -> Clusters | None:
        """The regions of an image, None while there are none."""
        kept = self._kept.get(image)
        return kept[0] if kept is not None else None

    @property
    def working_ahead(self) -> bool:
        """Whether regions are still being worked out between events."""
        return self._rest is not None

    def set_grain(self, index: int) -> None:
        """Choose how fine regions are, an index into `GRAINS`; those of the image in work are found anew."""
        if GRAINS[index] != self._count:
            self._count = GRAINS[index]
            self._kept.clear()
            for image in tuple(self._photos):
                self._ask(image)

    def prepare(self, image: int, photo: Photo) -> None:
        """Find the regions of an image before somebody paints."""
        if not image:
            return
        self._photos = {image: photo}
        self._features.prepare(image)
        kept = self._kept.get(image)
        if kept is None or (not kept[1] and self._features.get(image) is not None):
            self._ask(image)
        else:
            self._say(image)

    def _ask(self, image: int) -> None:
        photo, features, count = self._photos[image], self._features.get(image), self._count
        wanted = (image, features is not None, count)
        if wanted == self._asked:  # asking again would begin anew
            return
        self._asked = wanted

        def find(_engine: Any, _ctx: JobContext) -> Clusters:
            return find_clusters(photo.rgb, features, params=ClusterParams(count=count))

        if self.get(image) is None:
            self.says.emit("Finding regions …")
        self._runner.ask(_SLOT, Job("Regions", find), partial(self._answered, wanted))

    def _say(self, image: int) -> None:
        kept = self._kept.get(image)
        if image not in self._photos or kept is None:
            return
        if kept[1]:
            self.says.emit("By features and colour")
        elif self._features.choice is None:
            self.says.emit("By colour alone, as no model is installed")
        elif self._features.problem(image):
            self.says.emit(f"By colour alone: {self._features.problem(image)}")
        else:
            self.says.emit("By colour, until the features are there …")

    @Slot(int)
    def _on_features(self, image: int) -> None:
        if image in self._photos:
            self._ask(image)

    @Slot(int, str)
    def _on_failed(self, image: int, _text: str) -> None:
        self._say(image)

    def _answered(self, asked: tuple[int, bool, int], outcome: JobOutcome) -> None:
        if asked != self._asked:
            return
        self._asked = None
        if outcome.failure is not None:
            self.says.emit(outcome.failure.text)
            return
        image, by_features, _count = asked
        self._kept[image] = (outcome.result, by_features)
        self._kept.move_to_end(image)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._say(image)
        self._rest = (outcome.result, iter(range(len(outcome.result))))
        self._ahead.start()
        self.found.emit(image)

    @Slot()
    def _work_ahead(self) -> None:
        """Work out the pixels of some more regions between events, so that a fast stroke finds them ready."""
        end = time.monotonic() + _AHEAD_MS / 2000
        while self._rest is not None and time.monotonic() < end:
            index = next(self._rest[1], None)
            if index is None:
                self._rest = None
            else:
                self._rest[0].region(index)
        if self._rest is None:
            self._ahead.stop()
