"""Use case: the parts that a person labelled in some images, predicted in all others; and what deserves a look.

A `Propagation` is kept between corrections: what a labelled image teaches is worked out once per version of its labels,
so that an update after a correction costs a fit and one pass over cached features. Used from one thread at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.geometry import GridGeometry, Size
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.propagate import (
    Finding,
    HeldOut,
    Lesson,
    PartModel,
    PartScores,
    PropagateParams,
    QualityEstimate,
    check_labels,
    check_reviewed,
    doubt_map,
    estimate_quality,
    expected_table,
    familiarity,
    fit,
    hold_out,
    image_doubt,
    lesson,
    next_to_label,
    pixels,
    predict,
    sorted_findings,
    unlike_the_rest,
    usual_parts,
    widen,
)

ReadLabels = Callable[[], NDArray[np.integer]]


@dataclass(frozen=True, slots=True)
class PropagationJob:
    """How to propagate.

    Attributes:
        params: See `PropagateParams`.
        size: Input size.
        stride: Distance of patches, input pixels.
    """

    params: PropagateParams
    size: Size
    stride: int

    @classmethod
    def for_engine(cls, engine: Engine) -> PropagationJob:
        """The model's own settings."""
        defaults = engine.defaults
        return cls(PropagateParams.for_model(defaults), defaults.segment_size, defaults.segment_stride)


@dataclass(frozen=True, slots=True)
class GivenLabels:
    """Labels of one image that a person made or confirmed.

    Attributes:
        read: Gives the (H, W) label map; called only when it has to be learnt anew.
        version: Equal for equal labels: a hash, a revision, a time of change.
    """

    read: ReadLabels
    version: object


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """One image's prediction on the token grid.

    Attributes:
        index: Position among the features.
        labels: (rows, columns) uint16 label of each cell; `geometry` says where the cells lie.
        geometry: Of the cells.
        doubt: Of the whole image, in [0, 1].
        doubts: (rows, columns) float16 of each cell.
        familiarity: How like anything labelled it is.
    """

    index: int
    labels: NDArray[np.uint16]
    geometry: GridGeometry
    doubt: float
    doubts: NDArray[np.float16]
    familiarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What an update after a correction found.

    Attributes:
        model: Gives label maps of single images in pixels: `Propagation.labels`.
        predicted: One entry per image that was asked for, in order.
        unlike: Positions of images that seem to show something else: their labels are not to be relied on.
        table: Sum of the predictions' expected tables, for `Propagation.quality`.
        warnings: What a person should know.
    """

    model: PartModel
    predicted: tuple[Predicted, ...]
    unlike: frozenset[int]
    table: NDArray[np.float64]
    warnings: tuple[str, ...] = ()

    @property
    def doubts(self) -> dict[int, float]:
        """Doubt of each image by position; 1 where it seems to show something else."""
        return {one.index: 1.0 if one.index in self.unlike else one.doubt for one in self.predicted}


@dataclass
class Propagation:
    """The state that is kept between corrections.

    Attributes:
        engine: The model; encodes mirror images of what is labelled.
        features: Of all images, made by `open`.
        job: How.
    """

    engine: Engine
    features: FeatureSet
    job: PropagationJob
    _lessons: dict[int, tuple[object, Lesson]] = field(default_factory=dict, repr=False)
    _mirrored: dict[str, FeatureMap] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, engine: Engine, refs: Sequence[ImageRef], job: PropagationJob, ctx: JobContext) -> Propagation:
        """Features of the images, encoded where the cache lacks them. Those that fail are left out and recorded.

        Raises:
            UsageError: No images.
            ImageError: None can be used.
            JobCancelledError: Cancelled.
        """
        taps = job.params.taps or (engine.defaults.parts_tap,)
        job = dataclasses.replace(job, params=dataclasses.replace(job.params, taps=taps))
        features = engine.features(refs, taps, job.size, job.stride, ctx, saliency=False)
        return cls(engine, features, job)

    # Learning -------------------------------------------------------------------------------------------------------

    def learn(
        self, given: Mapping[int, GivenLabels], ctx: JobContext, *, ignore: int | None = None
    ) -> dict[int, Lesson]:
        """What the labelled images teach; only those whose version changed are read again.

        Args:
            given: Labels by position among the features. Images no longer in it are forgotten.
            ctx: Progress and cancellation; labels that cannot be used are recorded in its failures.
            ignore: Label that means "not known".
        """
        self._lessons = {index: kept for index, kept in self._lessons.items() if index in given}
        total = len(given)
        for done, (index, labels) in enumerate(given.items()):
            ctx.step(done, total, f"Learning from {self.features.refs[index].name}")
            kept = self._lessons.get(index)
            if kept is not None and kept[0] == labels.version:
                continue
            try:
                found = lesson(
                    self.features[index],
                    labels.read(),
                    self.job.params,
                    mirrored=self._mirror(index, ctx),
                    ignore=ignore,
                )
            except CounterpartError as error:
                self._lessons.pop(index, None)
                ctx.fail(_about(error, self.features.refs[index]))
                continue
            self._lessons[index] = (labels.version, found)
        return {index: one for index, (_, one) in sorted(self._lessons.items())}

    def _mirror(self, index: int, ctx: JobContext) -> FeatureMap | None:
        """Features of the mirror image, encoded once while this object lives."""
        if not self.job.params.mirror:
            return None
        digest = self.features.digests[index]
        if digest not in self._mirrored:
            rgb = np.ascontiguousarray(read_image(self.features.refs[index].path).rgb[:, ::-1])
            spec = self.features.spec
            found = self.engine.arrays([rgb], spec.taps, spec.size, spec.stride, ctx.stage(0.0, 0.0), saliency=False)
            self._mirrored[digest] = found[0]
            while len(self._mirrored) > self.job.params.images:
                self._mirrored.pop(next(iter(self._mirrored)))
        return self._mirrored[digest]

    # Predicting -----------------------------------------------------------------------------------------------------

    def update(
        self,
        lessons: Mapping[int, Lesson],
        ctx: JobContext,
        *,
        only: Sequence[int] | None = None,
        quick: bool = False,
        deliver: Callable[[Predicted], None] | None = None,
    ) -> Update:
        """Predict every image that is not labelled, on the token grid.

        Args:
            lessons: From `learn`.
            ctx: Progress and cancellation.
            only: Positions to predict, in this order (what is on screen first); all that teach nothing by default.
            quick: Several times as fast, a little coarser: for a preview.
            deliver: Called with each image's result as soon as it is there.

        Raises:
            UsageError: Nothing is labelled, or no part is.
            JobCancelledError: Cancelled.
        """
        model = self.model(lessons, ctx.stage(0.0, 0.2), quick=quick)
        wanted = [i for i in range(len(self.features)) if i not in lessons] if only is None else list(only)
        table = np.zeros((len(model.values), len(model.values)))
        predicting = ctx.stage(0.2, 1.0)
        out = []
        for done, index in enumerate(wanted):
            predicting.step(done, len(wanted), f"Predicting {self.features.refs[index].name}")
            scores = predict(model, self.features[index])
            table += expected_table(scores)
            doubts = doubt_map(scores).astype(np.float16)
            one = Predicted(index, scores.labels, scores.geometry, image_doubt(scores), doubts, familiarity(scores))
            out.append(one)
            if deliver is not None:
                deliver(one)
        ctx.step(len(wanted), len(wanted), "Predicted the parts")
        flags = unlike_the_rest([one.familiarity for one in out])
        unlike = frozenset(one.index for one, flag in zip(out, flags, strict=True) if flag)
        return Update(model, tuple(out), unlike, table, tuple(self._warnings(lessons, unlike)))

    def _warnings(self, lessons: Mapping[int, Lesson], unlike: frozenset[int]) -> Iterator[str]:
        if not any(0 in _substantial(one) for one in lessons.values()):
            yield "No background is labelled: everything will be taken for a part"
        if unlike:
            names = ", ".join(self.features.refs[index].name for index in sorted(unlike)[:5])
            more = f" and {len(unlike) - 5} more" if len(unlike) > 5 else ""
            yield f"{names}{more} look unlike everything labelled: check their parts first"

    def model(self, lessons: Mapping[int, Lesson], ctx: JobContext, *, quick: bool = False) -> PartModel:
        """What the labelled images teach, and the sure predictions for an even choice of the others.

        Raises:
            UsageError: Nothing is labelled, or no part is.
            JobCancelledError: Cancelled.
        """
        params = self.job.params.quick() if quick else self.job.params
        model = fit(list(lessons.values()), params)
        others = [index for index in range(len(self.features)) if index not in lessons]
        if not params.unlabelled or not others:
            return model
        places = np.linspace(0, len(others) - 1, min(params.unlabelled, len(others))).round().astype(int)
        chosen = [others[place] for place in places]
        return widen(model, self._read(chosen, ctx), max(params.memory // len(chosen), 1))

    def _read(self, chosen: Sequence[int], ctx: JobContext) -> Iterator[FeatureMap]:
        for done, index in enumerate(chosen):
            ctx.step(done, len(chosen), "Learning from images without labels")
            yield self.features[index]

    def scores(self, model: PartModel, index: int) -> PartScores:
        """Soft prediction of one image."""
        return predict(model, self.features[index])

    def labels(self, model: PartModel, index: int, rgb: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
        """The predicted label map of one image in its own pixels, (H, W)."""
        return pixels(predict(model, self.features[index]), rgb, model.params)

    # Judging --------------------------------------------------------------------------------------------------------

    def held_out(self, lessons: Mapping[int, Lesson], ctx: JobContext) -> list[HeldOut]:
        """Every labelled image predicted from the others; empty for fewer than two."""
        return hold_out(list(lessons.values()), self.job.params, ctx) if len(lessons) > 1 else []

    def quality(self, held_out: Sequence[HeldOut], update: Update) -> QualityEstimate | None:
        """What the predictions are probably worth; None without anything to judge them by."""
        if not held_out or not update.predicted:
            return None
        return estimate_quality(held_out, update.table, update.model.values)

    def next_images(self, lessons: Mapping[int, Lesson], update: Update, count: int = 10) -> list[int]:
        """Positions of the images whose labelling would teach most, best first; unlike images come last."""
        doubts = update.doubts
        positions = [index for index in doubts if index not in update.unlike]
        if not positions:
            return sorted(update.unlike)[:count]
        tap = self.job.params.taps[-1]
        descriptors = np.stack([l2_normalise(self.features[index].class_descriptor(tap)) for index in positions])
        width = descriptors.shape[1]
        known = [one.image_descriptor for one in lessons.values()]
        labelled = np.stack(known) if known else np.zeros((0, width), np.float32)
        order = next_to_label([doubts[index] for index in positions], descriptors, labelled, count)
        return [positions[index] for index in order]

    def check(
        self,
        lessons: Mapping[int, Lesson],
        labels: Mapping[int, ReadLabels],
        names: Mapping[int, str],
        ctx: JobContext,
        held_out: Sequence[HeldOut] | None = None,
    ) -> list[Finding]:
        """Everything in the images' present labels that deserves a look, gravest first.

        Args:
            lessons: From `learn`: what the labels are compared with. A labelled image is compared with the others.
            labels: The present label map of each image to check, by position.
            names: What labels mean.
            ctx: Progress and cancellation; maps that cannot be read are recorded in its failures.
            held_out: From `held_out`, where it has been computed already.
        """
        teaching = list(lessons)
        found: list[Finding] = []
        model = fit(list(lessons.values()), self.job.params) if any(one.parts for one in lessons.values()) else None
        usual = usual_parts([one.parts for one in lessons.values()])
        for done, (index, read) in enumerate(labels.items()):
            name = self.features.refs[index].name
            ctx.step(done, len(labels), f"Checking {name}")
            try:
                present = read()
            except CounterpartError as error:
                ctx.fail(_about(error, self.features.refs[index]))
                continue
            scores = self._from_others(lessons, index, model)
            found += check_labels(name, present, names, scores=scores, usual=usual)
        if held_out is None:
            held_out = self.held_out(lessons, ctx.stage(1.0, 1.0))
        hw = [self.features[index].geometry.image_hw for index in teaching]
        found += check_reviewed([self.features.refs[index].name for index in teaching], held_out, names, hw)
        return sorted_findings(found)

    def _from_others(self, lessons: Mapping[int, Lesson], index: int, model: PartModel | None) -> PartScores | None:
        """A prediction of an image that its own labels had no part in."""
        if index not in lessons:
            return None if model is None else predict(model, self.features[index])
        rest = [one for other, one in lessons.items() if other != index]
        return predict(fit(rest, self.job.params), self.features[index]) if any(one.parts for one in rest) else None


def _substantial(one: Lesson) -> set[int]:
    """Labels that some token of a labelled image shows purely."""
    mean = one.shares.mean(axis=1, dtype=np.float32)
    return {value for value, most in zip(one.values, mean.max(axis=0, initial=0.0), strict=True) if most > 0.9}


def _about(error: CounterpartError, ref: ImageRef) -> CounterpartError:
    """The same error, naming the image it belongs to."""
    return error if error.path is not None else type(error)(error.what, path=ref.path, hint=error.hint)
