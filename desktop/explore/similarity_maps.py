"""Similarity under the pointer: what in the images shown looks like this place?

Features come from the engine, once per image; they are asked for in an interactive slot, so that a long job
delays them by one of its steps at most. The maps themselves are one small product of features that are at
hand; they are made on a thread beside it, the latest request winning, so that the map follows the pointer
whatever else is going on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from counterpart.core.features.similarity import SimilarityField
from counterpart.core.features.values import FeatureMap
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.desktop.canvas.colourmap import heat_table
from counterpart.desktop.canvas.pane import Heat
from counterpart.desktop.jobs.backend import FeaturesRequest, ModelChoice, features_job
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner

_KEPT = 64
_FEATURES, _MAPS = "similarity features", "similarity maps"


@dataclass(frozen=True, slots=True)
class _Probe:
    image: int
    xy: tuple[float, float]


class SimilarityMaps(QObject):
    """Answers probes with maps over images.

    Args:
        jobs: Has the engine.
        side_jobs: Runs the products; its engine is not used.
        refs_of: Image references by id.
        parent: Owner.

    Signals:
        answered: Probe's image, its xy, and a `Heat` by image.
        waiting: Whether features are being computed for the first time.
        failed: Why there is no map, in words.
    """

    answered = Signal(int, object, object)
    waiting = Signal(bool)
    failed = Signal(str)

    def __init__(
        self,
        jobs: JobRunner,
        side_jobs: JobRunner,
        refs_of: Callable[[list[int]], Mapping[int, ImageRef]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs, self._side_jobs, self._refs_of = jobs, side_jobs, refs_of
        self._choice = ModelChoice()
        self._features: OrderedDict[int, FeatureMap] = OrderedDict()
        self._failed: set[int] = set()
        self._pending: frozenset[int] = frozenset()
        self._wanted: tuple[_Probe, tuple[int, ...]] | None = None
        self._epoch = 0
        self._field: tuple[tuple[int, ...], SimilarityField] | None = None

    def set_choice(self, choice: ModelChoice) -> None:
        """Another model: what was computed before counts no more."""
        if choice != self._choice:
            self._choice = choice
            self.clear()

    def clear(self) -> None:
        """Forget everything: another project or model."""
        self._features.clear()
        self._failed.clear()
        self._pending = frozenset()
        self._wanted = None
        self._field = None
        self._epoch += 1

    def forget(self, images: Iterable[int]) -> None:
        """The files of some images are others now."""
        for image in images:
            self._features.pop(image, None)
            self._failed.discard(image)
        self._pending = frozenset()
        self._field = None
        self._epoch += 1
        self._advance()

    def probe(self, image: int, xy: tuple[float, float], targets: list[int]) -> None:
        """Ask what in some images looks like a place of one of them."""
        images = tuple(dict.fromkeys(each for each in (image, *targets) if each))
        self._wanted = (_Probe(image, xy), images)
        self._advance()

    def stop(self) -> None:
        """Nobody is asking any more."""
        self._wanted = None

    def _advance(self) -> None:
        if self._wanted is None:
            return
        probe, images = self._wanted
        missing = [image for image in images if image not in self._features and image not in self._failed]
        if missing:
            self._fetch(missing)
        have = tuple(image for image in images if image in self._features)
        if probe.image in have:
            self._ask_maps(probe, have)

    def _fetch(self, missing: list[int]) -> None:
        if self._pending.issuperset(missing):
            return
        refs = self._refs_of(missing)
        if not refs:
            return
        request = FeaturesRequest.for_points(self._choice, refs)
        self._pending = frozenset(missing)
        self.waiting.emit(True)
        answered = partial(self._have_features, self._epoch, missing)
        self._jobs.ask(_FEATURES, Job("Similarity", features_job(request)), answered)

    def _have_features(self, epoch: int, missing: list[int], outcome: JobOutcome) -> None:
        if epoch != self._epoch:  # of another model, project or file
            return
        self._pending = frozenset()
        self.waiting.emit(False)
        if outcome.failure is not None:
            self._failed.update(missing)
            self.failed.emit(outcome.failure.text)
            return
        self._failed.update(set(missing) - set(outcome.result))
        self._features.update(outcome.result)
        while len(self._features) > _KEPT:
            self._features.popitem(last=False)
        self._advance()

    def _ask_maps(self, probe: _Probe, images: tuple[int, ...]) -> None:
        for image in images:
            self._features.move_to_end(image)
        features = [self._features[image] for image in images]
        ready = self._field if self._field is not None and self._field[0] == images else None

        def maps(_engine: Any, _ctx: JobContext) -> tuple[SimilarityField, list[NDArray[np.float32]]]:
            heat_table()  # made here the first time, so that the window need not wait for it
            field = ready[1] if ready is not None else SimilarityField(features)
            return field, field.at(images.index(probe.image), probe.xy)

        self._side_jobs.ask(
            _MAPS, Job("Similarity", maps), partial(self._have_maps, self._epoch, probe, images, features)
        )

    def _have_maps(
        self, epoch: int, probe: _Probe, images: tuple[int, ...], features: list[FeatureMap], outcome: JobOutcome
    ) -> None:
        if epoch != self._epoch:
            return
        if outcome.failure is not None:
            self.failed.emit(outcome.failure.text)
            return
        field, maps = outcome.result
        if all(self._features.get(image) is each for image, each in zip(images, features, strict=True)):
            self._field = (images, field)
        if self._wanted is None:
            return
        self.answered.emit(probe.image, probe.xy, _heats(images, maps, features))


def _heats(images: tuple[int, ...], maps: list[NDArray[np.float32]], features: list[FeatureMap]) -> dict[int, Heat]:
    """Maps on one scale: from what is usual to the best that is found anywhere, but never less than a fair likeness."""
    usual = float(np.mean([np.percentile(each, 20) for each in maps]))
    best = max(float(each.max()) for each in maps[1:] or maps)
    high = max(best, usual + 0.15)
    heats = {}
    for image, values, feature_map in zip(images, maps, features, strict=True):
        row, col = np.unravel_index(int(values.argmax()), values.shape)
        x, y = feature_map.geometry.grid_to_image((row, col))
        heats[image] = Heat(values, feature_map.geometry, usual, high, (float(x), float(y)), f"best {values.max():.2f}")
    return heats
