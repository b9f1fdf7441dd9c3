"""t-SNE of a set's descriptors by openTSNE (extra `explore`), with the paper's settings (figure 3).

Affinities come from cosine distances between descriptors, as in the paper's supplement: perplexity 300 for
DINO, 500 with exaggeration 2 for the supervised ViT, every tenth descriptor of each image. Every point
remembers its image and its token, so that a scatter and the photographs can light each other up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError, UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.jobs import JobContext

_FEWEST = 8
"""Fewer points have no neighbourhoods to keep."""
_FEW = 2_000
"""With fewer points the tree of Barnes and Hut is quicker than interpolation on a grid."""


@dataclass(frozen=True, slots=True)
class TsneParams:
    """Settings of the embedding; the defaults are the paper's for DINO.

    Attributes:
        perplexity: Effective number of neighbours of a point. Lowered, with a warning, for few points.
        exaggeration: Factor on the attraction after the early phase; 1 is plain t-SNE.
        every: Take each n-th descriptor of an image, in row-major order.
        limit: Most points of all; above it descriptors are taken more sparsely, with a warning.
        early_iterations: Iterations with early exaggeration.
        iterations: Iterations after that.
        seed: Makes the start reproducible.
    """

    perplexity: float = 300.0
    exaggeration: float = 1.0
    every: int = 10
    limit: int = 20_000
    early_iterations: int = 250
    iterations: int = 500
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TsneResult:
    """An embedding, a struct of arrays over its N points.

    Attributes:
        xy: (N, 2) float32 place in the scatter (not in any image).
        image: (N,) int32 index of the image in the set.
        rc: (N, 2) int32 token row and column.
        perplexity: The one used.
        divergence: Kullback-Leibler divergence at the end.
    """

    xy: NDArray[np.float32]
    image: NDArray[np.int32]
    rc: NDArray[np.int32]
    perplexity: float
    divergence: float

    def tokens(self, selected: NDArray[np.bool_], image: int, grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """(rows, columns) bool: the tokens of an image whose points are selected ((N,) bool)."""
        grid = np.zeros(grid_hw, dtype=np.bool_)
        rows, cols = self.rc[selected & (self.image == image)].T
        grid[rows, cols] = True
        return grid

    def points(self, image: int, region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N,) bool: the points whose token lies in a (rows, columns) region of an image."""
        return np.asarray((self.image == image) & _at(region, self.rc))


def _at(region: NDArray[np.bool_], rc: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Values of a region at tokens; False outside it (tokens of an image with another grid)."""
    rows, cols = rc.T
    inside = (rows < region.shape[0]) & (cols < region.shape[1])
    return np.asarray(inside & region[np.where(inside, rows, 0), np.where(inside, cols, 0)])


def sample_descriptors(
    features: Sequence[FeatureMap],
    tap: Tap | None,
    params: TsneParams,
    ctx: JobContext,
    masks: Callable[[int], NDArray[np.bool_]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Unit descriptors (N, D), image index (N,) and token row and column (N, 2), sparsely taken from a set.

    Args:
        features: The set; may load its members when they are asked for.
        tap: Which descriptors, None for the first tap.
        params: `every` and `limit` count here.
        ctx: Progress, cancellation, and the warning when the limit thins the points.
        masks: (rows, columns) bool tokens of an image to take from; all by default.
    """
    every, told = max(1, params.every), False
    if len(features):
        expected = len(features) * features[0].geometry.tokens / every
        if masks is None and expected > params.limit:
            every, told = math.floor(every * expected / params.limit), True  # the rest is thinned evenly below
            ctx.warn(
                f"{params.limit:,} descriptors are shown, evenly taken, instead of one in {params.every} "
                f"({round(expected):,})"
            )
    values, images, places = [], [], []
    for index in range(len(features)):
        ctx.step(index, len(features), "Gathering descriptors")
        feature_map = features[index]
        tokens = np.arange(feature_map.geometry.tokens)
        if masks is not None:
            tokens = np.flatnonzero(masks(index))
        tokens = tokens[::every]
        flat = feature_map.descriptors(tap).reshape(feature_map.geometry.tokens, -1)
        values.append(l2_normalise(flat[tokens]))
        images.append(np.full(len(tokens), index, dtype=np.int32))
        places.append(np.stack(np.divmod(tokens, feature_map.grid_hw[1]), axis=-1).astype(np.int32))
    if not values:
        return np.zeros((0, 0), np.float32), np.zeros(0, np.int32), np.zeros((0, 2), np.int32)
    joined = np.concatenate(values), np.concatenate(images), np.concatenate(places)
    total = len(joined[1])
    if total <= params.limit:
        return joined
    if not told:
        ctx.warn(f"{total} points are thinned to {params.limit}")
    chosen = np.linspace(0, total - 1, params.limit).round().astype(np.intp)
    return joined[0][chosen], joined[1][chosen], joined[2][chosen]


def embed_tsne(
    features: Sequence[FeatureMap],
    tap: Tap | None,
    params: TsneParams,
    ctx: JobContext,
    masks: Callable[[int], NDArray[np.bool_]] | None = None,
    preview: Callable[[NDArray[np.float32]], None] | None = None,
) -> TsneResult:
    """Embed a set's descriptors in the plane.

    Args:
        features: The set.
        tap: Which descriptors, None for the first tap.
        params: See `TsneParams`.
        ctx: Progress and cancellation, between blocks of neighbours and every ten iterations.
        masks: (rows, columns) bool tokens of an image to take from; all by default.
        preview: Called now and then with the (N, 2) places so far, for a scatter that forms before the eyes.

    Raises:
        CounterpartError: openTSNE is not installed.
        UsageError: Fewer than eight points.
    """
    library = _load()
    values, image, rc = sample_descriptors(features, tap, params, ctx.stage(0.0, 0.1), masks)
    if len(values) < _FEWEST:
        raise UsageError(
            f"{len(values)} points are too few to arrange",
            hint="Add images, or take descriptors less sparsely",
        )
    perplexity = params.perplexity
    # openTSNE looks at three neighbours per unit of perplexity and needs that many points.
    most = (len(values) - 1) / 3
    if perplexity > most:
        perplexity = most
        ctx.warn(f"Perplexity {perplexity:.0f} instead of {params.perplexity:.0f}: there are {len(values)} points")
    ctx.stage(0.1, 0.12).step(0, 1, "Finding neighbours")
    affinities = _affinities(library, values, perplexity, ctx.stage(0.1, 0.3))
    xy, divergence = _optimise(library, values, affinities, params, ctx.stage(0.3, 1.0), preview)
    return TsneResult(xy, image, rc, float(perplexity), divergence)


def _load() -> Any:
    try:
        import openTSNE
        import openTSNE.affinity
        import openTSNE.nearest_neighbors
    except ImportError:
        raise CounterpartError(
            "t-SNE needs openTSNE, which is not installed",
            hint="Install the extra: pip install 'counterpart[explore]'",
        ) from None
    return openTSNE


def _affinities(library: Any, values: NDArray[np.float32], perplexity: float, ctx: JobContext) -> Any:
    """Exact cosine neighbours in blocks (openTSNE's own search cannot be interrupted), then affinities."""
    count = min(len(values) - 1, int(3 * perplexity))
    neighbours = np.empty((len(values), count), dtype=np.int32)
    distances = np.empty((len(values), count), dtype=np.float64)
    block = max(1, 8_000_000 // len(values))
    for start in range(0, len(values), block):
        ctx.step(start, len(values), "Finding neighbours")
        stop = min(start + block, len(values))
        away = 1 - values[start:stop] @ values.T
        away[np.arange(stop - start), np.arange(start, stop)] = np.inf  # a point is not its own neighbour
        nearest = np.argpartition(away, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(away, nearest, axis=1)
        order = np.argsort(near, axis=1, kind="stable")
        neighbours[start:stop] = np.take_along_axis(nearest, order, axis=1)
        distances[start:stop] = np.maximum(np.take_along_axis(near, order, axis=1), 0)
    ctx.step(len(values), len(values), "Finding neighbours")
    index = library.nearest_neighbors.PrecomputedNeighbors(neighbours, distances)
    return library.affinity.PerplexityBasedNN(perplexity=perplexity, knn_index=index, n_jobs=1)


def _optimise(
    library: Any,
    values: NDArray[np.float32],
    affinities: Any,
    params: TsneParams,
    ctx: JobContext,
    preview: Callable[[NDArray[np.float32]], None] | None,
) -> tuple[NDArray[np.float32], float]:
    total = params.early_iterations + params.iterations
    done = 0

    def watch(iteration: int, _error: float, embedding: Any) -> bool:
        ctx.step(done + iteration, total, "Arranging points")
        if preview is not None:
            preview(np.asarray(embedding, dtype=np.float32))
        return False

    embedding = library.TSNEEmbedding(
        _start(values, params.seed),
        affinities,
        # Measured: a ninth of the time of fft at 300 points, half at 1,000, as much at 3,000.
        negative_gradient_method="bh" if len(values) < _FEW else "fft",
        n_jobs=1,  # a second thread gains little, and loses a lot where another program is at work
        random_state=params.seed,
        callbacks=watch,
        callbacks_every_iters=10,
    )
    stages = [(params.early_iterations, 12.0), (params.iterations, params.exaggeration)]
    for iterations, exaggeration in stages:
        if iterations:
            embedding.optimize(iterations, exaggeration=max(exaggeration, 1.0), inplace=True, propagate_exception=True)
            done += iterations
    ctx.step(total, total, "Arranging points")
    return np.array(embedding, dtype=np.float32), float(embedding.kl_divergence)


def _start(values: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """The first two principal components, small, as openTSNE starts; a little noise parts equal points."""
    centred = (values - values.mean(axis=0)).astype(np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, -2:][:, ::-1]
    axes = axes * np.sign(axes[np.argmax(np.abs(axes), axis=0), np.arange(axes.shape[1])])
    xy = centred @ axes
    if xy.shape[1] < 2:
        xy = np.concatenate([xy, np.zeros((len(xy), 2 - xy.shape[1]))], axis=1)
    spread = float(xy[:, 0].std())
    scale = spread if spread > 1e-6 else 1.0  # what equal descriptors differ by is rounding
    noise = np.random.default_rng(seed).normal(0, 0.01, xy.shape)
    return np.asarray((xy / scale + noise) * 1e-4)
