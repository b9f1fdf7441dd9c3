"""Features of the images on the canvas, for tools that go by them: asked for once, kept for the last few images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QObject, Signal

from counterpart.core.features.values import FeatureMap
from counterpart.core.images.reading import ImageRef
from counterpart.desktop.jobs.backend import FeaturesRequest, ModelChoice, features_job
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner

KEPT = 3
"""Images that tools keep what they prepared for."""
_SLOT = "tool features"


class ImageFeatures(QObject):
    """Has the features of single images computed on the engine's thread.

    Args:
        runner: Has the engine.
        refs_of: Image references by id.
        content_of: Hash of the photograph that is an image now. Features are kept by it: the same number is another
            image in another project, and a file may be replaced.

    Signals:
        arrived: Image whose features are there now.
        failed: Image, and why it has none.
        cleared: Another model or project: what was made of features is void.
    """

    arrived = Signal(int)
    failed = Signal(int, str)
    cleared = Signal()

    def __init__(
        self,
        runner: JobRunner,
        refs_of: Callable[[list[int]], Mapping[int, ImageRef]],
        content_of: Callable[[int], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner, self._refs_of, self._content_of = runner, refs_of, content_of
        self._choice: ModelChoice | None = None
        self._kept: OrderedDict[str, FeatureMap] = OrderedDict()
        self._problems: dict[str, str] = {}
        self._asked: tuple[int, str] = (0, "")

    @property
    def choice(self) -> ModelChoice | None:
        """The model whose features decide; None where none is installed."""
        return self._choice

    def set_choice(self, choice: ModelChoice | None) -> None:
        """Choose the model."""
        if choice != self._choice:
            self._choice = choice
            self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._problems.clear()
        self._asked = (0, "")
        self.cleared.emit()

    def get(self, image: int) -> FeatureMap | None:
        """The features of an image, None while there are none."""
        return self._kept.get(self._content_of(image))

    def waiting(self, image: int) -> bool:
        """Whether the features of an image are being computed."""
        return self._asked == (image, self._content_of(image))

    def problem(self, image: int) -> str:
        """Why an image has no features, empty where nothing went wrong."""
        return self._problems.get(self._content_of(image), "")

    def prepare(self, image: int) -> bool:
        """Have the features of an image computed; whether that was begun now."""
        content = self._content_of(image)
        if not content or self._choice is None or self._asked == (image, content):
            return False
        if content in self._kept or content in self._problems:
            return False
        refs = self._refs_of([image])
        if not refs:
            return False
        self._asked = asked = (image, content)
        request = FeaturesRequest.for_points(self._choice, refs)
        self._runner.ask(_SLOT, Job("Features", features_job(request)), partial(self._answered, self._choice, asked))
        return True

    def _answered(self, choice: ModelChoice, asked: tuple[int, str], outcome: JobOutcome) -> None:
        if choice != self._choice:
            return
        if self._asked == asked:
            self._asked = (0, "")
        image, content = asked
        found = outcome.result.get(image) if outcome.failure is None else None
        if found is None:
            text = outcome.failure.text if outcome.failure is not None else "the image has no features"
            self._problems[content] = text
            self.failed.emit(image, text)
            return
        self._kept[found.image_sha256] = found  # what was read, whatever was asked for
        self._kept.move_to_end(found.image_sha256)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        if self._content_of(image) == found.image_sha256:
            self.arrived.emit(image)
