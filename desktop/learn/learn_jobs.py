"""What the Learn panel computes on the worker thread: what labelled images teach, and what follows for all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, UsageError
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.project.tiles import PackedLabels, pack_labels
from counterpart.desktop.find.mask_jobs import MaskResult
from counterpart.desktop.jobs.backend import Backend, ModelChoice

if TYPE_CHECKING:
    from counterpart.core.pipeline.parts.propagation import GivenLabels, Propagation
    from counterpart.core.propagate import Finding, QualityEstimate


@dataclass(frozen=True, slots=True, eq=False)
class LearnRequest:
    """What there is to learn from, and for whom.

    Attributes:
        choice: The model.
        refs: All images, by id.
        given: Labels that a person made or confirmed, with a version each, by image id.
        wanted: The images to predict, those on screen first.
        present: Labels that these have now, None for none, as far as they are to be compared.
        names: What labels mean.
    """

    choice: ModelChoice
    refs: Mapping[int, ImageRef]
    given: Mapping[int, tuple[PackedLabels, object]]
    wanted: tuple[int, ...]
    present: Mapping[int, PackedLabels | None]
    names: Mapping[int, str]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What an update would make of one image.

    Attributes:
        labels: (rows, columns) part of each cell.
        geometry: Where the cells lie.
        share: Share of the object's cells that would change, in [0, 1].
        doubt: Of the image, in [0, 1].
    """

    labels: NDArray[np.uint16]
    geometry: GridGeometry
    share: float
    doubt: float


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What follows from the labelled images.

    Attributes:
        request: What was asked.
        changes: By image id, for the images wanted.
        next: Images whose labelling would teach most, best first.
        unlike: Images that seem to show something else.
        taught: Number of images learnt from.
        warnings: What a person should know.
    """

    request: LearnRequest
    changes: dict[int, Change]
    next: tuple[int, ...]
    unlike: frozenset[int]
    taught: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What deserves a look, gravest first: image id and finding."""

    findings: tuple[tuple[int, Finding], ...]


@dataclass
class LearnMemory:
    """What is kept between corrections. Touched on the worker thread only."""

    _key: object = None
    _kept: Propagation | None = None
    _places: dict[int, int] = field(default_factory=dict)

    def open(self, backend: Backend, request: LearnRequest, ctx: JobContext) -> tuple[Propagation, dict[int, int]]:
        """The state for a request's images, and the position of each among its features."""
        from counterpart.core.pipeline.parts.propagation import Propagation, PropagationJob

        key = (request.choice, tuple(request.refs.items()))
        if self._kept is None or self._key != key:
            engine = backend.engine(request.choice)
            self._kept = Propagation.open(
                engine, list(request.refs.values()), PropagationJob.for_engine(engine), ctx.stage(0.0, 0.7)
            )
            ids = list(request.refs)
            self._places = {ids[place]: index for index, place in enumerate(self._kept.features.indices)}
            self._key = key
        return self._kept, self._places

    def forget(self) -> None:
        """Let go of everything."""
        self._key, self._kept, self._places = None, None, {}


def _given(request: LearnRequest, places: Mapping[int, int]) -> dict[int, GivenLabels]:
    from counterpart.core.pipeline.parts.propagation import GivenLabels

    return {
        places[image]: GivenLabels(packed.unpack, version)
        for image, (packed, version) in request.given.items()
        if image in places
    }


def learn_job(memory: LearnMemory, request: LearnRequest) -> Callable[[Backend, JobContext], Learned]:
    """A job that predicts images on the token grid: a preview, seconds for a hundred images."""

    def run(backend: Backend, ctx: JobContext) -> Learned:
        state, places = memory.open(backend, request, ctx)
        ids = {place: image for image, place in places.items()}
        lessons = state.learn(_given(request, places), ctx.stage(0.7, 0.8))
        wanted = [places[image] for image in request.wanted if image in places and places[image] not in lessons]
        update = state.update(lessons, ctx.stage(0.8, 0.95), only=wanted, quick=True)
        changes = {}
        for one in update.predicted:
            image = ids[one.index]
            share = _changed(one.labels, one.geometry, request.present.get(image))
            changes[image] = Change(one.labels, one.geometry, share, update.doubts[one.index])
        order = state.next_images(lessons, update) if update.predicted else []
        return Learned(
            request,
            changes,
            tuple(ids[index] for index in order),
            frozenset(ids[index] for index in update.unlike),
            len(lessons),
            update.warnings,
        )

    return run


def _changed(labels: NDArray[np.integer], geometry: GridGeometry, present: PackedLabels | None) -> float:
    """Share of the cells inside of the object, before or after, that would be another part."""
    after = labels.astype(np.int64)
    before = np.zeros_like(after)
    if present is not None:
        x, y = np.moveaxis(np.rint(geometry.token_centres()).astype(np.int64), -1, 0)
        height, width = present.hw
        before = present.unpack()[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].astype(np.int64)
    either = (before != 0) | (after != 0)
    return float((before != after)[either].mean()) if either.any() else 0.0


def quality_job(memory: LearnMemory, request: LearnRequest) -> Callable[[Backend, JobContext], QualityEstimate | None]:
    """A job that says what the predictions are probably worth; None while too little is labelled."""

    def run(backend: Backend, ctx: JobContext) -> QualityEstimate | None:
        state, places = memory.open(backend, request, ctx)
        lessons = state.learn(_given(request, places), ctx.stage(0.7, 0.8))
        if len(lessons) < 2:
            return None
        wanted = [places[image] for image in request.wanted if image in places and places[image] not in lessons]
        update = state.update(lessons, ctx.stage(0.8, 0.9), only=wanted, quick=True)
        return state.quality(state.held_out(lessons, ctx.stage(0.9, 1.0)), update)

    return run


def apply_job(memory: LearnMemory, request: LearnRequest) -> Callable[[Backend, JobContext], MaskResult]:
    """A job that predicts the wanted images in their pixels."""

    def run(backend: Backend, ctx: JobContext) -> MaskResult:
        state, places = memory.open(backend, request, ctx)
        lessons = state.learn(_given(request, places), ctx.stage(0.7, 0.72))
        wanted = [
            (image, places[image]) for image in request.wanted if image in places and places[image] not in lessons
        ]
        if not wanted:
            raise UsageError("every image is edited or reviewed already", hint="There is nothing left to predict")
        update = state.update(lessons, ctx.stage(0.72, 0.75), only=[place for _, place in wanted])
        masks: dict[int, PackedLabels] = {}
        doubts: dict[int, float] = {}
        failed: dict[int, str] = {}
        pixels = ctx.stage(0.75, 1.0)
        for done, (image, place) in enumerate(wanted):
            ref = request.refs[image]
            pixels.step(done, len(wanted), f"Parts of {ref.name}")
            try:
                rgb = read_image(ref.path).rgb
            except ImageError as error:
                failed[image] = str(error)
                continue
            masks[image] = pack_labels(state.labels(update.model, place, rgb))
            doubts[image] = update.doubts[place]
        provenance = backend.engine(request.choice).provenance("propagate", state.job)
        for text in update.warnings:
            ctx.warn(text)
        note = f"Learned {len(update.model.values) - 1} parts from {len(lessons)} images, updated {len(masks)}."
        labels: dict[int, int | str] = {0: 0, **{part: part for part in request.names}}
        return MaskResult(masks, labels, provenance, doubts, failed, note)

    return run


def check_job(
    memory: LearnMemory, request: LearnRequest, labels: Mapping[int, PackedLabels]
) -> Callable[[Backend, JobContext], Checked]:
    """A job that lists what deserves a look in the labels as they are."""

    def run(backend: Backend, ctx: JobContext) -> Checked:
        state, places = memory.open(backend, request, ctx)
        lessons = state.learn(_given(request, places), ctx.stage(0.7, 0.75))
        present = {places[image]: packed.unpack for image, packed in labels.items() if image in places}
        ids = {ref.name: image for image, ref in request.refs.items()}
        found = state.check(lessons, present, request.names, ctx.stage(0.75, 1.0))
        return Checked(tuple((ids[one.image], one) for one in found))

    return run
