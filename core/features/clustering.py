"""Spherical k-means and the elbow rule. The only importer of faiss.

Descriptors are compared by cosine: samples are brought to unit length and so are centroids. Training is split into
single iterations of faiss, because faiss cannot be interrupted: between them a job can be cancelled.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.features.values import l2_normalise
from counterpart.core.jobs import JobContext, silent

_SEED_CANDIDATES = 3
"""Candidates tried per centroid by greedy k-means++."""
_TOLERANCE = 1e-3
"""Training stops once an iteration improves the mean squared distance by less than this share."""


@lru_cache(maxsize=1)
def _faiss() -> Any:
    # torch and faiss both bring an OpenMP runtime; with faiss loaded first the process can hang or crash later.
    importlib.import_module("torch")
    import faiss

    return faiss


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Outcome of k-means.

    Attributes:
        centroids: (k, D) float32, unit length.
        labels: (N,) int64 cluster of each training sample, in [0, k).
        distance: Mean squared Euclidean distance of the unit-length samples to their centroids: 2 - 2 × cosine.
    """

    centroids: NDArray[np.float32]
    labels: NDArray[np.int64]
    distance: float

    @property
    def k(self) -> int:
        """Number of clusters found; can be below the number asked for."""
        return len(self.centroids)


def assign(
    samples: NDArray[np.floating], centroids: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Nearest centroid of every sample by cosine.

    Args:
        samples: (N, D), normalised or not.
        centroids: (k, D) of unit length, at least one.

    Returns:
        (N,) int64 index of the centroid, and (N,) float32 cosine to it.
    """
    if len(samples) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    return _nearest(l2_normalise(samples), np.asarray(centroids, dtype=np.float32))


def _nearest(
    unit: NDArray[np.float32], centroids: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    cosine = unit @ centroids.T
    labels = np.asarray(cosine.argmax(axis=1), dtype=np.int64)
    return labels, cosine[np.arange(len(labels)), labels]


def count_labels(labels: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """(k,) samples in each of the k clusters; clusters without any count 0."""
    return np.bincount(labels, minlength=k)[:k].astype(np.int64)


def kmeans(
    samples: NDArray[np.floating],
    k: int,
    *,
    seed: int = 0,
    iterations: int = 25,
    ctx: JobContext | None = None,
) -> Clustering:
    """Cluster by cosine into at most k groups. Same samples, k and seed, same result.

    Args:
        samples: (N, D), at least one; normalised here.
        k: Clusters wanted. With fewer than k distinct samples there are as many clusters as distinct samples.
        seed: Of the k-means++ start.
        iterations: At most; training stops early once it no longer improves.
        ctx: Cancellation, checked between iterations.

    Raises:
        ValueError: No samples, or k below 1.
        JobCancelledError: Cancelled.
    """
    if len(samples) == 0 or k < 1:
        raise ValueError(f"k-means needs samples and clusters, got {len(samples)} and {k}")
    unit = np.ascontiguousarray(l2_normalise(samples))
    return _train(unit, k, seed, iterations, ctx or silent())


def elbow(
    samples: NDArray[np.floating],
    *,
    ratio: float = 0.975,
    max_k: int = 15,
    seed: int = 0,
    ctx: JobContext | None = None,
) -> Clustering:
    """Cluster with k = 1, 2, … until another cluster no longer pays, and return the last that did.

    k grows while the mean squared distance falls below `ratio` times that of k - 1 (paper, supplement 1.1). The
    result is the clustering *before* the one that failed to improve.

    Args:
        samples: (N, D), at least one.
        ratio: Elbow coefficient in (0, 1].
        max_k: Largest k tried.
        seed: Of every k-means.
        ctx: Progress and cancellation.

    Raises:
        ValueError: No samples, or max_k below 1.
        JobCancelledError: Cancelled.
    """
    ctx = ctx or silent()
    if len(samples) == 0 or max_k < 1:
        raise ValueError(f"the elbow rule needs samples and clusters, got {len(samples)} and {max_k}")
    unit = np.ascontiguousarray(l2_normalise(samples))
    best = _train(unit, 1, seed, 1, ctx)
    for k in range(2, max_k + 1):
        ctx.step(k - 1, max_k, f"Clustering into {k} groups")
        found = _train(unit, k, seed, 25, ctx)
        if found.k < k or found.distance >= ratio * best.distance:
            break
        best = found
    return best


def merge_clusters(
    samples: NDArray[np.float32], clusters: Clustering, k: int, *, least: float = 0.0
) -> NDArray[np.int64]:
    """Join the clusters of a fine clustering until k are left: average linkage (UPGMA) over their samples' cosines.

    K-means cuts a large, even group in two before it sets a small, different one apart; joining what is alike does
    not.

    Args:
        samples: (N, D) of unit length, the ones that were clustered.
        clusters: Their clustering.
        k: Groups wanted, at least one.
        least: Groups with less than this share of the samples are joined to others first.

    Returns:
        (clusters.k,) int64 group of each cluster, in [0, k); by the first cluster that each holds.
    """
    counts = count_labels(clusters.labels, clusters.k).astype(np.float64)
    sums = np.zeros((clusters.k, samples.shape[1]))
    for cluster in range(clusters.k):
        sums[cluster] = samples[clusters.labels == cluster].sum(axis=0, dtype=np.float64)
    groups = [[cluster] for cluster in range(clusters.k)]
    while len(groups) > k:
        means = sums / counts[:, None]
        alike = means @ means.T  # the mean cosine of all pairs of their samples
        small = counts < least * counts.sum()
        if small.any():
            alike[~small] = -np.inf
        np.fill_diagonal(alike, -np.inf)
        first, second = sorted(int(place) for place in np.unravel_index(alike.argmax(), alike.shape))
        groups[first] += groups.pop(second)
        sums[first], counts[first] = sums[first] + sums[second], counts[first] + counts[second]
        sums, counts = np.delete(sums, second, axis=0), np.delete(counts, second)
    out = np.zeros(clusters.k, np.int64)
    for group, members in enumerate(groups):
        out[members] = group
    return out


def _train(unit: NDArray[np.float32], k: int, seed: int, iterations: int, ctx: JobContext) -> Clustering:
    centroids = _start(unit, k, np.random.default_rng(seed))
    best, best_distance = centroids, np.inf
    for _ in range(iterations):
        ctx.check()
        moved, distance = _iterate(unit, centroids, seed)
        if distance >= best_distance:  # splitting an empty cluster may make things worse
            break
        gain, best, best_distance = best_distance - distance, centroids, distance
        centroids = moved
        if gain < _TOLERANCE * distance:
            break
    return _better(unit, centroids, best)


def _better(unit: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32]) -> Clustering:
    """The better of two sets of centroids, without those that no sample is nearest to."""
    found = []
    for centroids in (first, second):
        labels, cosine = _nearest(unit, centroids)
        found.append(Clustering(centroids, labels, float(max(2.0 - 2.0 * cosine.mean(dtype=np.float64), 0.0))))
    best = min(found, key=lambda each: each.distance)
    used = count_labels(best.labels, best.k) > 0
    if used.all():
        return best
    renumber = np.cumsum(used) - 1
    return Clustering(best.centroids[used], renumber[best.labels], best.distance)


def _iterate(unit: NDArray[np.float32], centroids: NDArray[np.float32], seed: int) -> tuple[NDArray[np.float32], float]:
    """One iteration of faiss, which also splits a large cluster wherever one has run empty.

    Returns:
        The moved centroids, and the mean squared distance to those before.
    """
    if len(centroids) == 1:
        cosine = unit @ centroids[0]
        return l2_normalise(unit.mean(axis=0, keepdims=True)), float(2.0 - 2.0 * cosine.mean(dtype=np.float64))
    if len(unit) <= len(centroids):
        return centroids, 0.0
    trainer = _faiss().Kmeans(
        unit.shape[1],
        len(centroids),
        niter=1,
        spherical=True,
        seed=seed + 1,
        min_points_per_centroid=1,
        max_points_per_centroid=len(unit),
    )
    trainer.train(unit, init_centroids=centroids)
    # faiss sums the cosines for spherical k-means.
    return l2_normalise(trainer.centroids), float(2.0 - 2.0 * trainer.obj[-1] / len(unit))


def _start(unit: NDArray[np.float32], k: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Greedy k-means++: each new centroid is the best of a few samples drawn by their distance to those chosen."""
    chosen = [int(rng.integers(len(unit)))]
    nearest = np.maximum(1.0 - unit @ unit[chosen[0]], 0.0)
    while len(chosen) < k:
        weights = np.where(nearest > 1e-6, nearest, 0.0).astype(np.float64)
        if weights.sum() <= 0:  # no further distinct sample
            break
        drawn = rng.choice(len(unit), size=_SEED_CANDIDATES, p=weights / weights.sum())
        reach = np.minimum(nearest, np.maximum(1.0 - unit[drawn] @ unit.T, 0.0))
        best = int(reach.sum(axis=1).argmin())
        chosen.append(int(drawn[best]))
        nearest = reach[best]
    return unit[chosen].copy()
