"""Finding parts: the foreground's descriptors in groups that mean the same in every image."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.cosegment.foreground import ForegroundModel
from counterpart.core.errors import UsageError
from counterpart.core.features.clustering import Clustering, assign, count_labels, elbow, kmeans, merge_clusters
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.jobs import JobContext
from counterpart.core.parts.applying import as_probability, parts_of
from counterpart.core.parts.codebook import Codebook, align_parts
from counterpart.core.parts.model import PartsImage, PartsParams, PartsResult
from counterpart.core.project.palette import Colour, next_colour

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
        self.inside = [as_probability(values) for values in foreground]
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
            images.append(parts_of(self.features[index], codebook, inside))
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
