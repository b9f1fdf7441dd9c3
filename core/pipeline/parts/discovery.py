"""Use case: the parts of the object that images share, found anew or by a saved codebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.registry import ModelDefaults
from counterpart.core.cosegment.cosegmentation import CosegmentResult, cosegment
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.parts import PartsImage, PartsParams, PartsResult, apply_codebook, discover_parts, part_pixels
from counterpart.core.parts.codebook import Codebook
from counterpart.core.pipeline.engine import Engine, plain
from counterpart.core.pipeline.parts.masks import CosegmentJob, MaskRun, doubt_of, odd_ones
from counterpart.core.wording import counted

_CROP = 0.95
"""Side of a random crop, as a share of the image's (paper, supplement 1.1)."""


@dataclass(frozen=True, slots=True)
class PartsJob:
    """How to find parts.

    Attributes:
        object: How the shared object is found first; also gives size and stride.
        params: See `PartsParams`.
        augment: Augmented copies per image, flips and crops, that take part in clustering. For small sets (paper: 40).
    """

    object: CosegmentJob
    params: PartsParams
    augment: int = 0

    @classmethod
    def for_model(cls, defaults: ModelDefaults, k: int = 4, method: str = "default") -> PartsJob:
        """A model's own settings; with the object found as in the paper, its parts are too."""
        make = PartsParams.paper_for if method == "paper" else PartsParams.for_model
        return cls(CosegmentJob.for_model(defaults, method), make(defaults, k))

    def taps(self, engine: Engine) -> list[Tap]:
        """Every place that the job reads descriptors at."""
        return list(dict.fromkeys([*self.object.taps(engine), self.params.tap or engine.defaults.parts_tap]))


@dataclass(frozen=True, slots=True, eq=False)
class PartsRun:
    """Parts of a set.

    Attributes:
        masks: From which label maps are made; see `MaskRun`.
        codebook: To find the same parts in other images; None where nothing was found.
        result: Soft results.
        object: The co-segmentation before it; None where a codebook was applied.
    """

    masks: MaskRun
    codebook: Codebook | None
    result: PartsResult
    object: CosegmentResult | None = None


def find_parts(
    engine: Engine,
    refs: Sequence[ImageRef],
    job: PartsJob,
    ctx: JobContext,
    previous: Codebook | None = None,
) -> PartsRun:
    """Find the parts of the object that the images share.

    Images that cannot be used are recorded in `ctx.failures` and left out of the run.

    Args:
        engine: The model.
        refs: The images.
        job: How.
        ctx: Progress and cancellation.
        previous: Parts found before, whose places, names and colours are kept where they are found again.

    Raises:
        UsageError: No images, or a request the model cannot answer.
        ImageError: None of the images can be used.
        JobCancelledError: Cancelled.
    """
    taps = job.taps(engine)
    share = 0.8 / (1 + job.augment)
    features = engine.features(refs, taps, job.object.size, job.object.stride, ctx.stage(0.0, share))
    extra = _augmented(engine, features, job, taps, ctx.stage(share, 0.8))
    found = cosegment(features, job.object.params, ctx.stage(0.8, 0.9), extra=extra)
    foreground = [image.score for image in found.images]
    result = discover_parts(
        features, foreground, job.params, ctx.stage(0.9, 1.0), extra=extra, judge=found.model, previous=previous
    )
    outliers = tuple(image.outlier for image in found.images)
    masks = _masks(features, result, job.params, outliers, plain(job))
    return PartsRun(masks, result.codebook, result, found)


def find_known_parts(
    engine: Engine, refs: Sequence[ImageRef], codebook: Codebook, ctx: JobContext, *, crf: bool = False
) -> PartsRun:
    """Find the parts of a codebook in images, each image for itself.

    Raises:
        UsageError: The codebook was made with another model.
        ImageError: None of the images can be used.
        JobCancelledError: Cancelled.
    """
    spec = codebook.spec
    features = engine.features(refs, codebook.taps, spec.size, spec.stride, ctx.stage(0.0, 0.9))
    result = apply_codebook(features, codebook, ctx.stage(0.9, 1.0))
    params = PartsParams(k=len(codebook.parts), crf=crf, tap=codebook.tap)
    about: dict[str, object] = {"codebook": codebook.params, "parts": plain(params)}
    masks = _masks(features, result, params, (False,) * len(features), about)
    return PartsRun(masks, codebook, result)


def _masks(
    features: FeatureSet,
    result: PartsResult,
    params: PartsParams,
    outliers: tuple[bool, ...],
    about: dict[str, object],
) -> MaskRun:
    names = {} if result.codebook is None else dict(enumerate(result.codebook.names, start=1))
    colours = {} if result.codebook is None else dict(enumerate(result.codebook.colours, start=1))

    def pixels(index: int, rgb: NDArray[np.uint8], ctx: JobContext) -> NDArray[np.uint8]:
        if outliers[index]:
            return np.zeros(rgb.shape[:2], np.uint8)
        return part_pixels(result.images[index], features[index], rgb, params, ctx)

    empty = sum(not image.labels.any() for image in result.images)
    note = (
        f"found {counted(len(names), 'part')} in {len(result.images) - empty} of {counted(len(result.images), 'image')}"
    )
    note += odd_ones(features, outliers)
    return MaskRun(
        kind="parts",
        features=features,
        names=names,
        colours=colours,
        doubts=tuple(1.0 if odd else _doubt(image) for image, odd in zip(result.images, outliers, strict=True)),
        outliers=outliers,
        params=about,
        note=note,
        about={"parts": len(names)},
        pixels=pixels,
        grid=lambda index: result.images[index].labels,
    )


def _doubt(image: PartsImage) -> float:
    """How uncertain an image's parts are, in [0, 1]: the outline's doubt, or how close second best parts come."""
    outline = doubt_of(image.foreground)
    if image.likeness.shape[-1] < 2:
        return outline
    inside = image.foreground > 0.5
    if not inside.any():
        return 1.0
    second = np.sort(image.likeness[inside], axis=-1)[:, -2]
    return max(outline, float((second > 0.5).mean()))


def _augmented(
    engine: Engine, features: FeatureSet, job: PartsJob, taps: list[Tap], ctx: JobContext
) -> list[FeatureMap]:
    """Features of flipped and cropped copies, made in memory from a seed. Copies of one image are encoded together."""
    copies: list[FeatureMap] = []
    if not job.augment:
        return copies
    rng = np.random.default_rng(job.params.seed)
    for index, ref in enumerate(features.refs):
        part = ctx.stage(index / len(features), (index + 1) / len(features))
        part.step(0, 1, f"Augmented copies of {ref.name}")
        rgb = read_image(ref.path).rgb
        images = [_copy(rgb, rng) for _ in range(job.augment)]
        copies += engine.arrays(images, taps, job.object.size, job.object.stride, part)
    return copies


def _copy(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random crop of 95 % of each side, flipped every other time."""
    height, width = rgb.shape[:2]
    crop_h, crop_w = max(round(height * _CROP), 1), max(round(width * _CROP), 1)
    top, left = int(rng.integers(height - crop_h + 1)), int(rng.integers(width - crop_w + 1))
    crop = rgb[top : top + crop_h, left : left + crop_w]
    return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)
