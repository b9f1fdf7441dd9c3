"""Use case: one part of labelled images divided into pieces that look different, the same pieces in every image.

Works on labels however they were made: found, learnt, drawn or imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError, UsageError
from counterpart.core.features.clustering import assign, kmeans
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import Size
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine, plain
from counterpart.core.pipeline.parts.masks import MaskRun
from counterpart.core.project.palette import Colour, colour_at
from counterpart.core.wording import counted

_INSIDE = 0.5
"""Share of a token's cell that the part must hold for the token to count as of it."""
_SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class SplitJob:
    """How to divide.

    Attributes:
        tap: Descriptors that are clustered.
        size: Input size.
        stride: Distance of patches, input pixels.
        pieces: How many there shall be.
        seed: Of the clustering.
    """

    tap: Tap
    size: Size
    stride: int
    pieces: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pieces < 2:
            raise UsageError(f"{self.pieces} pieces were asked for", hint="Use 2 or more")

    @classmethod
    def for_engine(cls, engine: Engine, pieces: int = 2) -> SplitJob:
        """The model's own settings."""
        defaults = engine.defaults
        return cls(defaults.parts_tap, defaults.segment_size, defaults.segment_stride, pieces)


def split_labels(
    engine: Engine,
    refs: Sequence[ImageRef],
    read: Mapping[int, Callable[[], NDArray[np.integer]]],
    part: int,
    job: SplitJob,
    ctx: JobContext,
) -> dict[int, NDArray[np.uint8]]:
    """Divide a part in all images by clustering the descriptors that lie under it.

    Args:
        engine: The model.
        refs: The images.
        read: Gives the (H, W) label map of an image, by position among `refs`; images without it are left alone.
        part: The label to divide.
        job: How.
        ctx: Progress and cancellation; what cannot be used is recorded in its failures.

    Returns:
        By position, for images that have the part, (H, W) uint8: 0 elsewhere, 1 for the largest piece, which goes on
        as the part, then 2, 3, … for the others.

    Raises:
        UsageError: No image has the part, or too little of it to divide.
        ImageError: None of the images can be used.
        JobCancelledError: Cancelled.
    """
    chosen = [index for index in read if 0 <= index < len(refs)]
    if not chosen:
        raise UsageError("no image has labels to divide", hint="Label or find parts first")
    features, labels = _read(engine, [refs[index] for index in chosen], [read[index] for index in chosen], job, ctx)
    pieces = _divide(features, labels, part, job, ctx)
    return {chosen[features.indices[place]]: piece for place, piece in pieces.items()}


def split_run(
    engine: Engine,
    refs: Sequence[ImageRef],
    read: Sequence[Callable[[], NDArray[np.integer]]],
    part: int,
    job: SplitJob,
    ctx: JobContext,
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, Colour] | None = None,
) -> MaskRun:
    """The labels of a set with one part divided, to be written; the new pieces get the first free labels.

    Every image has labels: `read` has as many entries as `refs`. See `split_labels` for the rest and for the errors.
    """
    if not refs:
        raise UsageError("no image has labels to divide", hint="Label or find parts first")
    features, labels = _read(engine, refs, read, job, ctx)
    pieces = _divide(features, labels, part, job, ctx)
    usable = features.subset(list(labels))
    maps, found = list(labels.values()), [pieces.get(place) for place in labels]
    values = sorted({int(value) for each in maps for value in np.unique(each)} - {0})
    count = max(int(each.max()) for each in pieces.values())
    new = [max(values) + step for step in range(1, count)]
    titles = {value: (names or {}).get(value, f"part {value}") for value in values}
    titles |= {value: f"{titles[part]} {step}" for step, value in enumerate(new, start=2)}
    tints = {value: (colours or {}).get(value, colour_at(order)) for order, value in enumerate(titles)}
    kind: type[np.unsignedinteger[Any]] = np.uint8 if max(titles) < 256 else np.uint16

    def pixels(index: int, _rgb: NDArray[np.uint8], ctx: JobContext) -> NDArray[np.unsignedinteger]:
        ctx.check()
        out = maps[index].astype(kind)
        piece = found[index]
        for step, value in enumerate(new if piece is not None else (), start=2):
            out[piece == step] = value
        return out

    return MaskRun(
        kind="split",
        features=usable,
        names=titles,
        colours=tints,
        doubts=(0.0,) * len(usable),
        outliers=(False,) * len(usable),
        params=plain(job),
        note=f"divided {titles[part]} into {count} in {counted(len(pieces), 'image')}",
        about={"part": part, "new": new},
        pixels=pixels,
        grid=lambda index: usable[index].geometry.pool_labels(maps[index], 256).argmax(axis=-1).astype(np.uint8),
    )


def _read(
    engine: Engine,
    refs: Sequence[ImageRef],
    read: Sequence[Callable[[], NDArray[np.integer]]],
    job: SplitJob,
    ctx: JobContext,
) -> tuple[FeatureSet, dict[int, NDArray[np.integer]]]:
    """Features, and the label map of each by its place among them; what cannot be read is recorded and left out."""
    features = engine.features(refs, [job.tap], job.size, job.stride, ctx.stage(0.0, 0.6), saliency=False)
    labels: dict[int, NDArray[np.integer]] = {}
    gathering = ctx.stage(0.6, 0.8)
    for place, (index, ref) in enumerate(zip(features.indices, features.refs, strict=True)):
        gathering.step(place, len(features), f"Reading {ref.name}")
        try:
            found = read[index]()
        except CounterpartError as error:
            ctx.fail(error)
            continue
        if found.shape != features[place].geometry.image_hw:
            ctx.fail(UsageError(f"the labels of {ref.name} have another size than the image"))
            continue
        labels[place] = found
    return features, labels


def _divide(
    features: FeatureSet, labels: Mapping[int, NDArray[np.integer]], part: int, job: SplitJob, ctx: JobContext
) -> dict[int, NDArray[np.uint8]]:
    """The pieces of a part, by place among the features, in the images that have it."""
    masks = {place: mask for place, each in labels.items() if (mask := each == part).any()}
    per_image = max(_SAMPLE // max(len(masks), 1), 1)
    samples = [_under(features[place], mask, job.tap)[:per_image] for place, mask in masks.items()]
    tokens = np.concatenate(samples) if samples else np.zeros((0, 1), np.float32)
    if len(tokens) < 2 * job.pieces:
        raise UsageError("there is too little of this part to divide", hint="Choose a larger part, or more images")
    clusters = kmeans(tokens, job.pieces, seed=job.seed, ctx=ctx.stage(0.8, 0.85))
    order = np.argsort(-np.bincount(clusters.labels, minlength=clusters.k), kind="stable")
    centroids = clusters.centroids[order]
    out: dict[int, NDArray[np.uint8]] = {}
    drawing = ctx.stage(0.85, 1.0)
    for done, (place, mask) in enumerate(masks.items()):
        drawing.step(done, len(masks), f"Dividing in {features.refs[place].name}")
        out[place] = _pieces(features[place], mask, centroids, job.tap)
    return out


def _under(feature_map: FeatureMap, mask: NDArray[np.bool_], tap: Tap) -> NDArray[np.float32]:
    """Unit descriptors under a mask, evenly over it; that of the fullest cell where the mask fills none by half."""
    share = feature_map.geometry.pool(mask).ravel()
    rows = np.flatnonzero(share >= min(_INSIDE, float(share.max())))
    rng = np.random.default_rng(0)
    return np.asarray(feature_map.flat(tap)[rng.permutation(rows)])


def _pieces(
    feature_map: FeatureMap, mask: NDArray[np.bool_], centroids: NDArray[np.float32], tap: Tap
) -> NDArray[np.uint8]:
    """Which piece each pixel of a mask belongs to: cosines are enlarged before they are compared."""
    unit = feature_map.flat(tap)
    nearest, _ = assign(unit, centroids)
    out = np.zeros(mask.shape, np.uint8)
    if len(np.unique(nearest)) == 1:
        out[mask] = nearest[0] + 1
        return out
    cosine = (unit @ centroids.T).reshape(*feature_map.grid_hw, len(centroids))
    rows, cols = np.nonzero(mask)
    top, left, bottom, right = int(rows.min()), int(cols.min()), int(rows.max()) + 1, int(cols.max()) + 1
    best = np.full((bottom - top, right - left), -2.0, np.float32)
    piece = np.zeros(best.shape, np.uint8)
    for index in range(len(centroids)):  # one enlarged map is held at a time
        enlarged = feature_map.geometry.upsample(cosine[..., index], window=(top, left, bottom, right))
        better = enlarged > best
        best[better], piece[better] = enlarged[better], index + 1
    out[top:bottom, left:right] = np.where(mask[top:bottom, left:right], piece, 0)
    return out
