"""Use case: one part of labelled images divided into pieces that look different, the same pieces in every image.

Works on labels however they were made: found, learnt, drawn or imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clustering import assign, kmeans
from core.errors import CounterpartError, UsageError
from core.features import FeatureMap, Tap
from core.geometry import Size
from core.imaging import ImageRef
from core.jobs import JobContext
from core.pipeline.engine import Engine
from core.pipeline.masks import MaskRun, plain
from core.project.palette import Colour, colour_at
from core.wording import counted

__all__ = ["SplitJob", "split_labels", "split_run"]

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
    features = engine.features(
        [refs[index] for index in chosen], [job.tap], job.size, job.stride, ctx.stage(0.0, 0.6), saliency=False
    )
    masks: dict[int, NDArray[np.bool_]] = {}
    gathering = ctx.stage(0.6, 0.8)
    for place in range(len(features)):
        index = chosen[features.indices[place]]
        gathering.step(place, len(features), f"Reading {features.refs[place].name}")
        try:
            labels = read[index]()
        except CounterpartError as error:
            ctx.fail(error)
            continue
        if labels.shape != features[place].geometry.image_hw:
            ctx.fail(UsageError(f"the labels of {features.refs[place].name} have another size than the image"))
            continue
        mask = labels == part
        if mask.any():
            masks[place] = mask
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
        out[chosen[features.indices[place]]] = _pieces(features[place], mask, centroids, job.tap)
    return out


def split_run(
    engine: Engine,
    refs: Sequence[ImageRef],
    read: Mapping[int, Callable[[], NDArray[np.integer]]],
    part: int,
    job: SplitJob,
    ctx: JobContext,
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, Colour] | None = None,
) -> MaskRun:
    """The labels of a set with one part divided, to be written; the new pieces get the first free labels.

    Every image must have labels. See `split_labels` for the arguments and errors.
    """
    pieces = split_labels(engine, refs, read, part, job, ctx.stage(0.0, 0.9))
    features = engine.features(refs, [job.tap], job.size, job.stride, ctx.stage(0.9, 1.0), saliency=False)
    labels = [read[place]() for place in features.indices]
    values = sorted({int(value) for each in labels for value in np.unique(each)} - {0})
    count = max(int(each.max()) for each in pieces.values())
    new = [max(values) + step for step in range(1, count)]
    titles = {value: (names or {}).get(value, f"part {value}") for value in values}
    titles |= {value: f"{titles[part]} {step}" for step, value in enumerate(new, start=2)}
    tints = {value: (colours or {}).get(value, colour_at(order)) for order, value in enumerate(titles)}

    def pixels(place: int, _rgb: NDArray[np.uint8], ctx: JobContext) -> NDArray[np.uint8]:
        ctx.check()
        out = np.asarray(labels[place]).astype(np.uint16)
        found = pieces.get(features.indices[place])
        for step, value in enumerate(new, start=2):
            if found is not None:
                out[found == step] = value
        return out if max(titles) > 255 else out.astype(np.uint8)  # type: ignore[return-value]

    return MaskRun(
        kind="split",
        features=features,
        names=titles,
        colours=tints,
        doubts=(0.0,) * len(features),
        outliers=(False,) * len(features),
        params=plain(job),
        note=f"divided {titles[part]} into {count} in {counted(len(pieces), 'image')}",
        about={"part": part, "new": new},
        pixels=pixels,
        grid=lambda place: features[place].geometry.pool_labels(labels[place], 256).argmax(axis=-1).astype(np.uint8),
    )


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
