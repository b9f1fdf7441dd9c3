"""Part co-segmentation: the parts of the object that a set shares, the same part under the same label in every image.

Paper, section 5.1: descriptors of the foreground, which `core.cosegment` finds, are clustered again into k parts. With
three stages, a clustering in between removes foreground that is not common to the images. Everything works on features
that are there already; another k never touches the model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clustering import Clustering, assign, count_labels, elbow, kmeans, merge_clusters
from core.codebook import Codebook, align_parts
from core.errors import UsageError
from core.features import FeatureMap, Tap, l2_normalise
from core.foreground import ForegroundModel, sigmoid
from core.imaging import resize_rgb
from core.jobs import JobContext
from core.project.palette import Colour, next_colour
from core.refine import CrfParams, Refinement, RefineParams, dense_crf, grid_outline, working_hw

if TYPE_CHECKING:
    from core.backbone.registry import ModelDefaults

__all__ = ["Grouping", "PartsImage", "PartsParams", "PartsResult", "apply_codebook", "discover_parts", "part_pixels"]

Grouping = Literal["merged", "kmeans"]
_SAMPLE = 20_000
_MERGED_SAMPLE = 12_000
_FINE, _FINE_PER_PART = 20, 2
"""Clusters that parts are merged from: at least so many, and so many per part."""
_SURE = 0.75
_FINE_RESTARTS = 1
_LEAST_SHARE = 0.01
"""Of the foreground; what is smaller is no part of its own while others can be joined."""
_BACKGROUND_SAMPLE = 6_000
_BACKGROUND_CLUSTERS = 8
_RESTARTS = 4
_TEMPERATURE = 0.05
_PAPER_TEMPERATURE = 0.5
"""The paper's unary energy is the squared distance of unit vectors: 2 - 2 × cosine."""
_LEAST = 1e-4
"""Smallest probability that an energy is taken of."""


@dataclass(frozen=True, slots=True)
class PartsParams:
    """How parts are found.

    Attributes:
        k: Number of parts.
        grouping: `kmeans` clusters descriptors into k parts (paper); `merged` makes a finer clustering and joins what
            is most alike until k are left, which cuts fewer large parts in two.
        stages: 2, or 3 to remove foreground first that is not common to the images.
        elbow: Of the clustering in between, with three stages.
        max_k: Most clusters tried there.
        common: Share of the images in which such a cluster must occur to stay.
        present: Share of an image's foreground that a cluster must hold to occur there.
        together: Decide background and parts at once, by the nearest centroid (paper), instead of parts inside of the
            object's outline.
        crf: Smooth parts along the photograph's edges.
        refine: How the outline of all parts together follows them.
        working_size: Longest side at which that is done, pixels.
        seed: Of everything random.
        tap: Descriptors clustered; the first of the features for None.
    """

    k: int = 4
    stages: Literal[2, 3] = 2
    elbow: float = 0.94
    max_k: int = 15
    common: float = 0.75
    present: float = 0.02
    together: bool = False
    crf: bool = True
    refine: Refinement = "guided"
    working_size: int = 500
    seed: int = 0
    tap: Tap | None = None
    grouping: Grouping = "merged"

    def __post_init__(self) -> None:
        if not 1 <= self.k <= 255:
            raise UsageError(f"{self.k} parts were asked for", hint="Use between 1 and 255")
        for name in ("elbow", "common", "present"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="It is a share between 0 and 1")

    @classmethod
    def paper(cls, k: int = 4, stages: Literal[2, 3] = 2) -> PartsParams:
        """The paper's parameters (supplement 1.1): keys of block 11, CRF."""
        return cls(k=k, stages=stages, together=True, refine="none", tap=Tap(11, "key"), grouping="kmeans")

    @classmethod
    def paper_for(cls, defaults: ModelDefaults, k: int = 4) -> PartsParams:
        """The paper's, at the layer that was published for a model."""
        return dataclasses.replace(cls.paper(k), tap=defaults.paper_tap)

    @classmethod
    def for_model(cls, defaults: ModelDefaults, k: int = 4) -> PartsParams:
        """What serves a model best, from the registry."""
        # The CRF costs seconds per image and swallows small parts; the paper's models keep it.
        paper = defaults.cosegment_method == "paper"
        return cls(k=k, tap=defaults.parts_tap, crf=paper, grouping="kmeans" if paper else "merged")

    @property
    def refine_params(self) -> RefineParams:
        """How the outline follows edges."""
        return RefineParams(self.refine, self.working_size, seed=self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class PartsImage:
    """Parts of one image.

    Attributes:
        foreground: (rows, columns) float32 probability of any part; above 0.5 is foreground.
        likeness: (rows, columns, k) float32 in (0, 1]: how like each part a token is; the likest part has 1.
    """

    foreground: NDArray[np.float32]
    likeness: NDArray[np.float32]

    @property
    def scores(self) -> NDArray[np.float32]:
        """(rows, columns, k + 1) float32: background, then the parts; the largest decides."""
        inside = self.foreground[..., None] * self.likeness
        return np.concatenate([1 - self.foreground[..., None], inside], axis=-1)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(rows, columns) uint8: 0 background, then the parts from 1."""
        if self.likeness.shape[-1] == 0:
            return np.zeros(self.foreground.shape, np.uint8)
        inside = self.foreground > 0.5
        return np.where(inside, self.likeness.argmax(axis=-1) + 1, 0).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class PartsResult:
    """Parts of a set.

    Attributes:
        images: One entry per feature map, in their order.
        codebook: The parts; None where there was no foreground at all.
        warnings: What a person should know about this result.
    """

    images: tuple[PartsImage, ...]
    codebook: Codebook | None
    warnings: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Number of parts found; can be below the number asked for."""
        return 0 if self.codebook is None else len(self.codebook.parts)


def discover_parts(
    features: Sequence[FeatureMap],
    foreground: Sequence[NDArray[np.generic]],
    params: PartsParams,
    ctx: JobContext,
    *,
    extra: Sequence[FeatureMap] = (),
    judge: ForegroundModel | None = None,
    previous: Codebook | None = None,
) -> PartsResult:
    """Divide the foreground of a set into parts.

    Args:
        features: One map per image; read one at a time.
        foreground: For each image the (rows, columns) probability of foreground, or a bool mask.
        params: Number of parts and settings.
        ctx: Progress, cancellation, warnings.
        extra: Maps of augmented copies: they take part in clustering, but neither vote nor are returned. Needs `judge`.
        judge: Tells foreground in the extra maps, and in new images later on; kept in the codebook.
        previous: Parts found before: the new ones keep the places, names and colours of those that they resemble.

    Returns:
        A result with one entry per image, in order. Without any foreground all entries are empty and a warning says so;
        with fewer foreground samples than parts there are fewer parts.

    Raises:
        UsageError: No images, or extra maps without anything to judge them by.
        JobCancelledError: Cancelled.
    """
    if len(features) == 0:
        raise UsageError("there are no images to find parts in", hint="Add at least one image")
    if len(extra) and judge is None:
        raise ValueError("augmented copies need a foreground model")
    return _Discovery(features, foreground, params, ctx, extra, judge, previous).run()


def apply_codebook(
    features: Sequence[FeatureMap],
    codebook: Codebook,
    ctx: JobContext,
    foreground: Sequence[NDArray[np.generic]] | None = None,
) -> PartsResult:
    """Find known parts in new images.

    Args:
        features: Made with the codebook's model; `codebook.taps` are needed.
        codebook: The parts.
        ctx: Progress and cancellation.
        foreground: Per image (rows, columns) probability or mask; by default the codebook decides.

    Raises:
        UsageError: The features were made with another model or lack a tap.
        JobCancelledError: Cancelled.
    """
    images = []
    for index in range(len(features)):
        ctx.step(index, len(features), "Finding known parts")
        feature_map = features[index]
        codebook.check(feature_map.spec)
        inside = None if foreground is None else _as_probability(foreground[index])
        images.append(_parts_of(feature_map, codebook, inside))
    ctx.step(len(features), len(features), "Found known parts")
    return PartsResult(tuple(images), codebook)


def part_pixels(
    image: PartsImage,
    feature_map: FeatureMap,
    rgb: NDArray[np.uint8],
    params: PartsParams,
    ctx: JobContext | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """The label map of one image in its own pixels: scores are upsampled before they are compared.

    Args:
        image: From `discover_parts` or `apply_codebook`.
        feature_map: Of the same image; only its geometry is used.
        rgb: (H, W, 3) uint8, the image itself.
        params: Smoothing and outline.
        ctx: Cancellation.
        mask: (H, W) bool, the outline where it is known already.

    Returns:
        (H, W) uint8: 0 background, then the parts from 1.
    """
    geometry, hw = feature_map.geometry, rgb.shape[:2]
    if image.likeness.shape[-1] == 0:
        return np.zeros(hw, np.uint8)
    work_hw = working_hw(hw, params.working_size)
    if params.together and mask is None:
        likeness = geometry.upsample(image.scores, out_hw=work_hw if params.crf else hw)
        return _argmax_at(_smoothed(likeness, rgb, params, ctx), hw).astype(np.uint8)
    if mask is None:
        mask = grid_outline(image.foreground, geometry, rgb, params.refine_params, ctx)
    if not mask.any():
        return np.zeros(hw, np.uint8)
    likeness = geometry.upsample(image.likeness, out_hw=work_hw if params.crf else hw)
    winner = _argmax_at(_smoothed(likeness, rgb, params, ctx), hw)
    return np.where(mask, winner + 1, 0).astype(np.uint8)


def _smoothed(
    likeness: NDArray[np.float32], rgb: NDArray[np.uint8], params: PartsParams, ctx: JobContext | None
) -> NDArray[np.float32]:
    """(h, w, C) likeness after the CRF at its own size, or as it is."""
    if not params.crf or likeness.shape[-1] < 2:
        return likeness
    small = resize_rgb(rgb, likeness.shape[:2])
    return dense_crf(-np.log(np.maximum(likeness, _LEAST)), small, CrfParams(), ctx)


def _argmax_at(likeness: NDArray[np.float32], hw: tuple[int, int]) -> NDArray[np.int64]:
    """Index of the largest channel at another size; one enlarged channel is held at a time."""
    if likeness.shape[:2] == tuple(hw):
        return np.asarray(likeness.argmax(axis=-1), dtype=np.int64)
    best = np.full(hw, -1.0, np.float32)
    winner = np.zeros(hw, np.int64)
    for index in range(likeness.shape[-1]):
        channel = np.ascontiguousarray(likeness[..., index])
        large = np.asarray(cv2.resize(channel, hw[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)
        better = large > best
        best[better], winner[better] = large[better], index
    return winner


def _as_probability(values: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.asarray(values).astype(np.float32)


def _parts_of(feature_map: FeatureMap, codebook: Codebook, inside: NDArray[np.float32] | None) -> PartsImage:
    """Parts of one image, by the foreground given or by the codebook's own judgement."""
    unit = feature_map.flat(codebook.tap)
    cosine = codebook.similarity(unit)
    best = cosine.max(axis=1)
    likeness = np.exp((cosine - best[:, None]) / np.float32(codebook.temperature))
    together = bool(codebook.params.get("together", False))
    if inside is None and codebook.foreground is not None and not together:
        inside = codebook.foreground.probability(feature_map)
    if (inside is None or together) and len(codebook.background):
        margin = best - (unit @ codebook.background.T).max(axis=1)
        inside = sigmoid(margin / np.float32(codebook.temperature)).reshape(feature_map.grid_hw)
    if inside is None:
        inside = np.ones(feature_map.grid_hw, np.float32)
    shape = (*feature_map.grid_hw, len(codebook.parts))
    return PartsImage(inside.astype(np.float32), likeness.reshape(shape).astype(np.float32))


class _Discovery:
    """One run: samples, clusterings, and the codebook they give."""

    def __init__(
        self,
        features: Sequence[FeatureMap],
        foreground: Sequence[NDArray[np.generic]],
        params: PartsParams,
        ctx: JobContext,
        extra: Sequence[FeatureMap],
        judge: ForegroundModel | None,
        previous: Codebook | None,
    ) -> None:
        self.features, self.extra, self.params, self.ctx = features, extra, params, ctx
        self.judge, self.previous = judge, previous
        self.inside = [_as_probability(values) for values in foreground]
        self.warnings: list[str] = []
        self.prototypes: NDArray[np.float32] | None = None
        self.owner: NDArray[np.int64] | None = None

    def run(self) -> PartsResult:
        samples = self._samples(self.ctx.stage(0.0, 0.3))
        if len(samples) == 0:
            self._warn("No foreground was found, so there are no parts")
            return PartsResult(self._nothing(), None, tuple(self.warnings))
        if self.params.stages == 3:
            samples = self._keep_common(samples, self.ctx.stage(0.3, 0.5))
        clusters = self._cluster(samples, self.ctx.stage(0.5, 0.7))
        codebook = self._codebook(clusters)
        images = self._score(codebook, self.ctx.stage(0.7, 1.0))
        return PartsResult(images, codebook, tuple(self.warnings))

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        self.ctx.warn(text)

    def _nothing(self) -> tuple[PartsImage, ...]:
        return tuple(
            PartsImage(np.zeros_like(inside), np.zeros((*inside.shape, 0), np.float32)) for inside in self.inside
        )

    def _samples(self, ctx: JobContext) -> NDArray[np.float32]:
        """Unit descriptors of foreground, of the images and of the extra maps; an even sample of bounded size."""
        total, rng = len(self.features) + len(self.extra), np.random.default_rng(self.params.seed)
        per_image = max(_SAMPLE // total, 1)
        foreground, background = [], []
        for index in range(total):
            ctx.step(index, total, "Reading the object's descriptors")
            own = index < len(self.features)
            feature_map = self.features[index] if own else self.extra[index - len(self.features)]
            inside = self.inside[index] if own else self._judged(feature_map)
            values = feature_map.flat(self.params.tap, normalised=False)
            chosen = inside.ravel() > 0.5
            sure = inside.ravel() > self._least_sure
            foreground.append(_drawn(values, np.flatnonzero(sure if sure.any() else chosen), per_image, rng))
            if own:
                background.append(_drawn(values, np.flatnonzero(~chosen), per_image // 2, rng))
        self.background = np.concatenate(background)[:: max(sum(map(len, background)) // _BACKGROUND_SAMPLE, 1)]
        return np.concatenate(foreground)

    @property
    def _least_sure(self) -> float:
        """Foreground probability of what is clustered: merging would take the object's rim for a part."""
        return _SURE if self.params.grouping == "merged" else 0.5

    def _judged(self, feature_map: FeatureMap) -> NDArray[np.float32]:
        assert self.judge is not None
        return self.judge.probability(feature_map)

    def _keep_common(self, samples: NDArray[np.float32], ctx: JobContext) -> NDArray[np.float32]:
        """Third stage: drop foreground whose cluster occurs in too few images (supplement 1.1)."""
        params = self.params
        clusters = elbow(samples, ratio=params.elbow, max_k=params.max_k, seed=params.seed, ctx=ctx)
        occurs, voters = np.zeros(clusters.k, np.int64), 0
        labels: list[NDArray[np.int64]] = []
        for index, inside in enumerate(self.inside):
            ctx.check()
            found, _ = assign(self.features[index].flat(params.tap), clusters.centroids)
            labels.append(found)
            counts = count_labels(found[inside.ravel() > 0.5], clusters.k)
            if counts.any():
                voters += 1
                occurs += counts > params.present * counts.sum()
        kept = occurs >= params.common * voters
        if not kept.any():
            self._warn("No part of the foreground is common to enough images: all of it was kept")
            return samples
        for index, inside in enumerate(self.inside):
            self.inside[index] = np.where(kept[labels[index]].reshape(inside.shape), inside, np.float32(0))
        return samples[kept[clusters.labels]]

    def _cluster(self, samples: NDArray[np.float32], ctx: JobContext) -> Clustering:
        """The parts as clusters; where they were merged, `prototypes` and `owner` are what they consist of."""
        ctx.step(0, _RESTARTS, "Dividing the object into parts")
        found = self._merged(samples, ctx) if self.params.grouping == "merged" else None
        if found is None:
            found = self._divided(samples, ctx)
        if found.k < self.params.k:
            self._warn(f"{found.k} parts were found, not {self.params.k}: there is too little foreground to tell apart")
        return found

    def _divided(self, samples: NDArray[np.float32], ctx: JobContext) -> Clustering:
        best: Clustering | None = None
        for attempt in range(_RESTARTS):
            ctx.step(attempt, _RESTARTS, "Dividing the object into parts")
            found = kmeans(samples, self.params.k, seed=self.params.seed + attempt, ctx=ctx)
            if best is None or (found.k, -found.distance) > (best.k, -best.distance):
                best = found
        assert best is not None
        return best

    def _merged(self, samples: NDArray[np.float32], ctx: JobContext) -> Clustering | None:
        """Parts as groups of the clusters of a finer clustering; None where there are no more of those than parts."""
        if len(samples) > _MERGED_SAMPLE:
            samples = samples[np.linspace(0, len(samples) - 1, _MERGED_SAMPLE).astype(np.int64)]
        k = self.params.k
        count, seed = max(_FINE, _FINE_PER_PART * k), self.params.seed
        tried = [kmeans(samples, count, seed=seed + attempt, ctx=ctx) for attempt in range(_FINE_RESTARTS)]
        fine = min(tried, key=lambda each: (-each.k, each.distance))
        if fine.k <= k:
            return None
        self.prototypes, self.owner = fine.centroids, merge_clusters(samples, fine, k, least=_LEAST_SHARE)
        labels = self.owner[fine.labels]
        centroids = l2_normalise(np.stack([samples[labels == part].mean(axis=0) for part in range(k)]))
        distance = 2.0 - 2.0 * float((samples * centroids[labels]).sum(axis=1).mean())
        return Clustering(centroids, labels, distance)

    def _codebook(self, clusters: Clustering) -> Codebook:
        # Largest part first: the labels then do not depend on the order in which k-means came upon the clusters.
        order = np.argsort(-count_labels(clusters.labels, clusters.k), kind="stable").tolist()
        parts = clusters.centroids[order]
        names, colours = Codebook.default_names(len(parts)), Codebook.default_colours(len(parts))
        spec = self.features[0].spec
        if self.previous is not None and self.previous.parts.shape[1] == parts.shape[1]:
            again, names, colours = _like(self.previous, parts)
            order, parts = [order[place] for place in again], parts[again]
        background = np.zeros((0, parts.shape[1]), np.float32)
        if len(self.background):
            background = kmeans(self.background, _BACKGROUND_CLUSTERS, seed=self.params.seed, ctx=self.ctx).centroids
        params: dict[str, Any] = dataclasses.asdict(self.params)
        params["tap"] = None if self.params.tap is None else str(self.params.tap)
        tap = self.params.tap or spec.taps[0]
        temperature = _PAPER_TEMPERATURE if self.params.together else _TEMPERATURE
        book = Codebook(parts, background, tap, spec, names, colours, temperature, self.judge, params)
        if self.owner is None:
            return book
        return dataclasses.replace(book, prototypes=self.prototypes, owner=np.argsort(order)[self.owner])

    def _score(self, codebook: Codebook, ctx: JobContext) -> tuple[PartsImage, ...]:
        total, images = len(self.features), []
        for index, inside in enumerate(self.inside):
            ctx.step(index, total, "Labelling parts")
            images.append(_parts_of(self.features[index], codebook, inside))
        ctx.step(total, total, "Labelled parts")
        return tuple(images)


def _drawn(
    values: NDArray[np.float32], rows: NDArray[np.int64], most: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, size=most, replace=False))
    return l2_normalise(values[rows])


def _like(previous: Codebook, parts: NDArray[np.float32]) -> tuple[list[int], tuple[str, ...], tuple[Colour, ...]]:
    """Order, names and colours for parts that continue earlier ones."""
    pairs = align_parts(parts, previous.parts)
    names = [previous.names[old] for _, old in pairs if old is not None]
    colours = [previous.colours[old] for _, old in pairs if old is not None]
    fresh = (name for name in Codebook.default_names(2 * len(parts) + len(names)) if name not in names)
    while len(names) < len(parts):
        names.append(next(fresh))
        colours.append(next_colour(set(colours)))
    return [new for new, _ in pairs], tuple(names), tuple(colours)
