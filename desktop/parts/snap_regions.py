"""The small regions that the snapped brush adopts: found beside the window, kept for the last few images."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.features.values import FeatureMap
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
        found: Hash of the photograph whose regions are there, or better than before.
        says: A line for the status bar.
    """

    found = Signal(str)
    says = Signal(str)

    def __init__(self, features: ImageFeatures, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._features, self._runner = features, runner
        self._kept: OrderedDict[str, tuple[Clusters, bool]] = OrderedDict()
        self._prepared: tuple[int, Photo] | None = None
        self._count = GRAINS[1]
        self._asked: tuple[str, bool, int] | None = None
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
        self._asked = self._rest = self._prepared = None

    def get(self, photo: Photo | None) -> Clusters | None:
        """The regions of a photograph, None while there are none."""
        kept = None if photo is None else self._kept.get(photo.sha256)
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
            self._ask()

    def prepare(self, image: int, photo: Photo) -> None:
        """Find the regions of an image before somebody paints."""
        if not image:
            return
        self._prepared = (image, photo)
        self._features.prepare(image)
        kept = self._kept.get(photo.sha256)
        if kept is None or (not kept[1] and self._features_of(image, photo) is not None):
            self._ask()
        else:
            self._say()

    def _features_of(self, image: int, photo: Photo) -> FeatureMap | None:
        """The features of a photograph: not those of what has been put in its place."""
        found = self._features.get(image)
        return found if found is not None and found.image_sha256 == photo.sha256 else None

    def _ask(self) -> None:
        if self._prepared is None:
            return
        image, photo = self._prepared
        features, count = self._features_of(image, photo), self._count
        wanted = (photo.sha256, features is not None, count)
        if wanted == self._asked:  # asking again would begin anew
            return
        self._asked = wanted

        def find(_engine: Any, _ctx: JobContext) -> Clusters:
            return find_clusters(photo.rgb, features, params=ClusterParams(count=count))

        if self.get(photo) is None:
            self.says.emit("Finding regions …")
        self._runner.ask(_SLOT, Job("Regions", find), partial(self._answered, wanted))

    def _say(self) -> None:
        if self._prepared is None:
            return
        image, photo = self._prepared
        kept = self._kept.get(photo.sha256)
        if kept is None:
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
        if self._prepared is not None and self._prepared[0] == image:
            self._ask()

    @Slot(int, str)
    def _on_failed(self, image: int, _text: str) -> None:
        if self._prepared is not None and self._prepared[0] == image:
            self._say()

    def _answered(self, asked: tuple[str, bool, int], outcome: JobOutcome) -> None:
        if asked != self._asked:
            return
        self._asked = None
        if outcome.failure is not None:
            self.says.emit(outcome.failure.text)
            return
        content, by_features, _count = asked
        self._kept[content] = (outcome.result, by_features)
        self._kept.move_to_end(content)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._say()
        self._rest = (outcome.result, iter(range(len(outcome.result))))
        self._ahead.start()
        self.found.emit(content)

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
