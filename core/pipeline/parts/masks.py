"""Use cases that make masks: the object that images share, and its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.registry import ModelDefaults
from counterpart.core.cosegment.cosegmentation import CosegmentResult, cosegment, mask_pixels
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.taps import Tap
from counterpart.core.geometry import Size
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine, plain
from counterpart.core.project.commands import ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.core.project.palette import Colour, colour_at
from counterpart.core.project.tiles import pack_labels
from counterpart.core.wording import counted

Pixels = Callable[[int, NDArray[np.uint8], JobContext], NDArray[np.unsignedinteger]]
Grid = Callable[[int], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class CosegmentJob:
    """How to find the shared object.

    Attributes:
        params: See `CosegmentParams`.
        size: Input size.
        stride: Distance of patches, input pixels.
    """

    params: CosegmentParams
    size: Size
    stride: int

    @classmethod
    def for_model(cls, defaults: ModelDefaults, method: str = "default") -> CosegmentJob:
        """A model's own settings, or those of a method; see `CosegmentParams.for_method`."""
        params = CosegmentParams.for_method(defaults, method)
        return cls(params, defaults.segment_size, defaults.segment_stride)

    def taps(self, engine: Engine) -> list[Tap]:
        """Every place that the job reads descriptors at."""
        wanted = (self.params.tap or engine.defaults.cosegment_tap, self.params.saliency_tap)
        return [tap for tap in dict.fromkeys(wanted) if tap is not None]


@dataclass(frozen=True, slots=True, eq=False)
class MaskRun:
    """Soft results for a set, from which label maps of single images are made when they are wanted.

    Attributes:
        kind: `cosegment` or `parts`.
        features: Features of the images that could be used; `features.refs` and `features.indices` say which.
        names: What each label means, by its value from 1 on.
        colours: Colour of each label.
        doubts: One value in [0, 1] per image: how uncertain its result is.
        outliers: One flag per image: it seems to show something else and has an empty mask.
        params: Everything that determined the result, as plain values for the provenance.
        note: One sentence on what was found.
        about: Further plain values for a report.
    """

    kind: str
    features: FeatureSet
    names: dict[int, str]
    colours: dict[int, Colour]
    doubts: tuple[float, ...]
    outliers: tuple[bool, ...]
    params: dict[str, Any]
    note: str
    about: dict[str, Any]
    pixels: Pixels
    grid: Grid

    def __len__(self) -> int:
        return len(self.features)

    def token_labels(self, index: int) -> NDArray[np.uint8]:
        """(rows, columns) uint8: the labels of one image on its token grid, at no cost; 0 is background."""
        if self.outliers[index]:
            return np.zeros(self.features[index].grid_hw, np.uint8)
        return self.grid(index)

    def labels(self, index: int, ctx: JobContext, rgb: NDArray[np.uint8] | None = None) -> NDArray[np.unsignedinteger]:
        """The label map of one image: (height, width) uint8, or uint16 where labels need it; 0 is background.

        Args:
            index: Position in `features`.
            ctx: Cancellation.
            rgb: The image, read from its file when left out.

        Raises:
            ImageError: The file went away.
        """
        return self.pixels(index, read_image(self.features.refs[index].path).rgb if rgb is None else rgb, ctx)


def find_object(engine: Engine, refs: Sequence[ImageRef], job: CosegmentJob, ctx: JobContext) -> MaskRun:
    """Find the object that the images share.

    Images that cannot be used are recorded in `ctx.failures` and left out of the run.

    Raises:
        UsageError: No images, or a request the model cannot answer.
        ImageError: None of the images can be used.
        JobCancelledError: Cancelled.
    """
    features = engine.features(refs, job.taps(engine), job.size, job.stride, ctx.stage(0.0, 0.8))
    found = cosegment(features, job.params, ctx.stage(0.8, 1.0))
    return object_run(features, found, job)


def object_run(features: FeatureSet, found: CosegmentResult, job: CosegmentJob) -> MaskRun:
    """The result of a co-segmentation as label maps with the one label `object`."""

    def pixels(index: int, rgb: NDArray[np.uint8], ctx: JobContext) -> NDArray[np.uint8]:
        mask = mask_pixels(found.images[index], features[index], rgb, job.params, ctx)
        return np.asarray(mask, dtype=np.uint8)

    outliers = tuple(image.outlier for image in found.images)
    empty = sum(not image.mask.any() for image in found.images)
    note = f"found the shared object in {len(found.images) - empty} of {counted(len(found.images), 'image')}"
    note += odd_ones(features, outliers)
    return MaskRun(
        kind="cosegment",
        features=features,
        names={1: "object"},
        colours={1: colour_at(0)},
        doubts=tuple(1.0 if image.outlier else doubt_of(image.score) for image in found.images),
        outliers=outliers,
        params=plain(job),
        note=note,
        about={"clusters": found.k, "foreground_clusters": found.foreground_clusters},
        pixels=pixels,
        grid=lambda index: found.images[index].mask.astype(np.uint8),
    )


def odd_ones(features: FeatureSet, outliers: Sequence[bool]) -> str:
    """Which images seem to show something else, in words to go on with; empty for none."""
    names = [ref.name for ref, odd in zip(features.refs, outliers, strict=True) if odd]
    if not names:
        return ""
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"; {listed} {'seems' if len(names) == 1 else 'seem'} to show something else"


def doubt_of(score: NDArray[np.floating]) -> float:
    """How uncertain a map of foreground probabilities is, in [0, 1].

    The share of the object's size that hangs on tokens between 0.25 and 0.75: 0 when every token is decided, 1 when as
    many are undecided as belong to the object, or when no object was found.
    """
    undecided = float(((score > 0.25) & (score < 0.75)).sum())
    inside = float((score > 0.5).sum())
    return 1.0 if inside == 0 else min(undecided / inside, 1.0)


def take_over(document: Document, run: MaskRun, engine: Engine, ctx: JobContext) -> None:
    """Put the masks of a run into a project, as one step that can be undone; images that it lacks are added.

    What a person drew or confirmed there stays.

    Args:
        document: An open project that can be written.
        run: The masks.
        engine: What found them.
        ctx: Progress and cancellation.
    """
    ids = {record.name: record.id for record in document.images()}
    missing = [ref for ref in run.features.refs if ref.name not in ids]
    if missing:
        ids.update(zip((ref.name for ref in missing), document.add_images(missing), strict=True))
    results, doubts = {}, {}
    for index, ref in enumerate(run.features.refs):
        ctx.step(index, len(run), f"Keeping {ref.name}")
        results[ids[ref.name]] = pack_labels(run.labels(index, ctx))
        doubts[ids[ref.name]] = run.doubts[index]
    provenance = engine.provenance(run.kind, run.params)
    document.apply(ReplaceMasks(results, {0: 0, **run.names}, provenance=provenance, doubts=doubts, title="Find parts"))
