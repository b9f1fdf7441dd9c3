"""Use case: landmarks learnt from a few annotated images by way of the parts that all images share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ProtocolError, UsageError
from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.landmarks import LandmarkParams, LandmarkPredictor, PartMaps, fit_landmarks, predict_landmarks
from counterpart.core.landmarks.model import Landmarks
from counterpart.core.landmarks.predictor import part_map
from counterpart.core.parts.codebook import Codebook
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.keypoints.transfer import Transferred, TransferRun
from counterpart.core.pipeline.parts.discovery import PartsJob, PartsRun, find_known_parts, find_parts
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer import KeypointPrediction

_TOLERANCE = 0.1
"""A landmark within this share of the longer side of what all landmarks span counts as right, as in PCK@0.1."""
_DOUBTFUL_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class LandmarkJob:
    """How landmarks are learnt.

    Attributes:
        parts: How parts are found.
        params: How landmarks follow from them.
        descriptors: Look at descriptors around a landmark's usual place, beside the parts.
    """

    parts: PartsJob
    params: LandmarkParams
    descriptors: bool = True

    @classmethod
    def for_engine(cls, engine: Engine, k: int = 8, *, paper: bool = False) -> LandmarkJob:
        """The model's own settings, or the paper's linear map from centroids."""
        params = LandmarkParams.paper() if paper else LandmarkParams()
        job = PartsJob.for_model(engine.defaults, k)
        # Landmarks are anchored to centroids: parts of like size serve them better than parts a person would name.
        parts = dataclasses.replace(job, params=dataclasses.replace(job.params, grouping="kmeans"))
        return cls(parts, params, descriptors=not paper)


@dataclass(frozen=True, slots=True, eq=False)
class FittedLandmarks:
    """What learning gave.

    Attributes:
        predictor: Finds landmarks in new images.
        labelled: Number of annotated images it was learnt from.
        errors: (L,) leave-one-out error of each landmark, as a share of what all landmarks span (the longer side); NaN
            where a landmark was not learnt.
    """

    predictor: LandmarkPredictor
    labelled: int
    errors: NDArray[np.float64]


def one_per_image(items: Sequence[Annotated], ctx: JobContext) -> list[Annotated]:
    """One annotated instance for each image: the largest, with a warning, where there are several."""
    best: dict[Path, Annotated] = {}
    for item in items:
        key = item.ref.path.resolve()
        if key in best:
            ctx.warn(f"{item.ref.name} has several annotated instances; the largest counts")
            if item.size <= best[key].size:
                continue
        best[key] = item
    return list(best.values())


def learn_landmarks(
    engine: Engine,
    refs: Sequence[ImageRef],
    annotated: Sequence[Annotated],
    skeleton: Skeleton,
    job: LandmarkJob,
    ctx: JobContext,
) -> FittedLandmarks:
    """Find the parts that the images share, and how landmarks follow from them (paper, supplement 2).

    Images that cannot be used are recorded in `ctx.failures` and left out.

    Args:
        engine: The model.
        refs: The images that share an object; the annotated ones are added where they are missing.
        annotated: One instance for each annotated image, in the skeleton's order.
        skeleton: Names of the landmarks.
        job: How.
        ctx: Progress and cancellation.

    Raises:
        UsageError: Fewer than three annotated images can be used, or no landmark is annotated in three.
        ProtocolError: The images share no parts.
        JobCancelledError: Cancelled.
    """
    items = one_per_image(annotated, ctx)
    _check_count(items)
    known = {ref.path.resolve() for ref in refs}
    every = [*refs, *(item.ref for item in items if item.ref.path.resolve() not in known)]
    run = find_parts(engine, every, job.parts, ctx.stage(0.0, 0.9))
    if run.codebook is None:
        raise ProtocolError(
            "no object was found that the images share, so there are no parts to learn landmarks from",
            hint="Use images of one kind of object, or a lower --threshold",
        )
    return learn_from_codebook(engine, run.codebook, items, skeleton, job, ctx.stage(0.9, 1.0))


def learn_from_codebook(
    engine: Engine,
    codebook: Codebook,
    annotated: Sequence[Annotated],
    skeleton: Skeleton,
    job: LandmarkJob,
    ctx: JobContext,
) -> FittedLandmarks:
    """The same where the parts are known already: they are found in the annotated images as in any new one.

    Raises:
        UsageError: Fewer than three annotated images can be used, or no landmark is annotated in three.
        JobCancelledError: Cancelled.
    """
    _check_count(annotated)
    run = find_known_parts(engine, [item.ref for item in annotated], codebook, ctx.stage(0.0, 0.8))
    maps = list(all_part_maps(run, codebook, descriptors=job.descriptors))
    xy = np.stack([places_of(annotated[index]) for index in run.masks.features.indices])
    model = fit_landmarks(maps, xy, job.params, ctx.stage(0.8, 1.0), skeleton.names)
    predictor = LandmarkPredictor(model, codebook, skeleton)
    return FittedLandmarks(predictor, len(maps), _relative_errors(predictor, maps, xy))


def find_landmarks(
    engine: Engine, refs: Sequence[ImageRef], predictor: LandmarkPredictor, ctx: JobContext
) -> TransferRun:
    """Landmarks of images, each for itself, with the chance of each being right.

    Images that cannot be used are recorded in `ctx.failures` and left out.

    Raises:
        UsageError: The landmarks were learnt with another model.
        ImageError: None of the images can be used.
        JobCancelledError: Cancelled.
    """
    run = find_known_parts(engine, refs, predictor.codebook, ctx)
    features = run.masks.features
    maps = all_part_maps(run, predictor.codebook, descriptors=predictor.model.basis is not None)
    found = []
    for ref, index, image in zip(features.refs, features.indices, maps, strict=True):
        ctx.check()
        prediction = as_keypoints(predict_landmarks(predictor.model, image))
        found.append(Transferred(ref, index, image.geometry.image_hw, None, prediction))
    return TransferRun(predictor.skeleton, tuple(found))


def as_keypoints(landmarks: Landmarks) -> KeypointPrediction:
    """Landmarks as keypoints with a chance of being right.

    Errors are taken to be Gaussian with the spread that leaving out each annotated image showed; right is within a
    tenth of the longer side of what the landmarks span.
    """
    known = np.isfinite(landmarks.xy[:, 0])
    span = _span(landmarks.xy)
    squared = np.where(known, landmarks.spread, 1.0) ** 2
    chance = np.where(known, 1 - np.exp(-((_TOLERANCE * span) ** 2) / np.maximum(squared, 1e-12)), 0.0)
    visibility = np.where(known, np.where(chance < _DOUBTFUL_BELOW, 1, 2), 0).astype(np.uint8)
    count = len(known)
    return KeypointPrediction(
        landmarks.xy, visibility, chance.astype(np.float32), np.zeros(count, np.float32), np.zeros((count, 0))
    )


def _check_count(items: Sequence[Annotated]) -> None:
    if len(items) < 3:
        raise UsageError(f"{len(items)} annotated images are too few", hint="Annotate at least 3")


def all_part_maps(run: PartsRun, codebook: Codebook, *, descriptors: bool) -> Iterator[PartMaps]:
    """What landmarks are regressed from, for each image of a run."""
    for feature_map, image in zip(run.masks.features, run.result.images, strict=True):
        yield part_map(feature_map, image, codebook, descriptors=descriptors)


def places_of(item: Annotated) -> NDArray[np.float64]:
    """(L, 2) image xy of an instance, NaN where a landmark is not annotated."""
    return np.where(item.visible[:, None], item.xy, np.nan)


def _span(xy: NDArray[np.float64]) -> float:
    """Longer side of the box around points, NaN ones left out; at least one pixel."""
    known = xy[np.isfinite(xy[:, 0])]
    return max(float((known.max(axis=0) - known.min(axis=0)).max()), 1.0) if len(known) else 1.0


def _relative_errors(
    predictor: LandmarkPredictor, maps: Sequence[PartMaps], xy: NDArray[np.float64]
) -> NDArray[np.float64]:
    spreads = [
        predict_landmarks(predictor.model, image).spread / _span(points) for image, points in zip(maps, xy, strict=True)
    ]
    return np.asarray(np.median(np.stack(spreads), axis=0))
