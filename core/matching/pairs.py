"""Corresponding points of two images: best buddies, and a well spread choice of k of them.

Source: Amir et al., *Deep ViT Features as Dense Visual Descriptors*, section 5.3. Two tokens are best
buddies when each is the other's nearest neighbour; pairs with an end on the background are dropped; of the rest, k
diverse ones are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.binning import log_bin_at
from counterpart.core.features.clustering import kmeans
from counterpart.core.features.saliency import background_saliency, cls_saliency
from counterpart.core.features.similarity import similarity_blocks, token_similarities
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.jobs import JobContext

if TYPE_CHECKING:
    from counterpart.core.backbone.registry import ModelDefaults

Selection = Literal["kmeans", "farthest"]
"""How k diverse pairs are chosen: the paper's k-means with the most salient pair of each cluster, or
farthest points."""
_CYCLE_TEMPERATURE = 0.02


@dataclass(frozen=True, slots=True)
class MatchParams:
    """What a search for corresponding points depends on; the defaults are the paper's.

    Attributes:
        pairs: Number of pairs wanted (k). Fewer come back, with a warning, where fewer are found.
        tap: Descriptors compared; None takes the first that the features have.
        hierarchy: Levels of log-binning; 0 compares plain descriptors.
        saliency_threshold: Both ends must be more salient than this.
        selection: See `Selection`.
        seed: Of the k-means.
    """

    pairs: int = 10
    tap: Tap | None = None
    hierarchy: int = 2
    saliency_threshold: float = 0.05
    selection: Selection = "kmeans"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pairs < 1:
            raise UsageError(f"{self.pairs} pairs cannot be found", hint="Ask for at least one")
        if self.hierarchy < 0:
            raise UsageError(f"a log-binning hierarchy of {self.hierarchy} levels", hint="Use 0 (none) to 3")

    @classmethod
    def paper(cls, pairs: int = 10, seed: int = 0) -> MatchParams:
        """The paper's parameters: log-binned keys of block 9, saliency above 0.05, k-means."""
        return cls(pairs=pairs, tap=Tap(9, "key"), seed=seed)

    @classmethod
    def for_model(cls, defaults: ModelDefaults, pairs: int = 10, seed: int = 0) -> MatchParams:
        """What serves a model best: the paper's way where keys are matched, farthest points elsewhere."""
        by_paper = defaults.match_tap.facet == "key"
        return cls(
            pairs=pairs,
            tap=defaults.match_tap,
            hierarchy=2 if by_paper else 1,
            saliency_threshold=defaults.match_saliency_threshold,
            selection="kmeans" if by_paper else "farthest",
            seed=seed,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Nearest neighbours both ways between the tokens of images a and b; ties go to the lower index.

    Attributes:
        ab: (tokens of a,) int64 nearest token of b.
        ba: (tokens of b,) int64 nearest token of a.
        score_ab: (tokens of a,) float32 cosine similarity to it.
        score_ba: (tokens of b,) float32.
    """

    ab: NDArray[np.int64]
    ba: NDArray[np.int64]
    score_ab: NDArray[np.float32]
    score_ba: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class BestBuddies:
    """Mutual nearest neighbours, in the order of the tokens of a.

    Attributes:
        a: (N,) int64 token of image a, row-major.
        b: (N,) int64 token of image b.
        score: (N,) float32 cosine similarity.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.a)

    def take(self, index: NDArray[np.generic]) -> BestBuddies:
        """The pairs at the given indices or where the mask is true."""
        return BestBuddies(self.a[index], self.b[index], self.score[index])


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Corresponding points of two images.

    Attributes:
        xy_a: (N, 2) float64 pixels of image a.
        xy_b: (N, 2) float64 pixels of image b.
        score: (N,) float32 cosine similarity.
        cycle_error: (N,) float32: a point looks for itself in its own image by way of its partner's
            similarities; this is the root-mean-square distance, in pixels of image a, between it and where it
            is found. The hard cycle of best buddies always closes; this one grows when other places of a are
            nearly as similar to the partner.
    """

    xy_a: NDArray[np.float64]
    xy_b: NDArray[np.float64]
    score: NDArray[np.float32]
    cycle_error: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.score)


def nearest_neighbours(
    a: NDArray[np.floating], b: NDArray[np.floating], hierarchy: int = 2, ctx: JobContext | None = None
) -> Neighbours:
    """Nearest neighbours both ways by cosine similarity, in bounded memory.

    Args:
        a: (rows, columns, D) descriptors, not normalised.
        b: Likewise; the grids may differ.
        hierarchy: Levels of log-binning; 0 for none.
        ctx: Progress and cancellation.
    """
    count_a, count_b = a.shape[0] * a.shape[1], b.shape[0] * b.shape[1]
    ab, ba = np.zeros(count_a, np.int64), np.zeros(count_b, np.int64)
    score_ab = np.full(count_a, -np.inf, np.float32)
    score_ba = np.full(count_b, -np.inf, np.float32)
    if count_a == 0 or count_b == 0:
        return Neighbours(ab[:0], ba[:0], score_ab[:0], score_ba[:0])
    for first, block in similarity_blocks(a, b, hierarchy):
        rows = slice(first, first + block.shape[0])
        index = block.argmax(dim=1)
        ab[rows] = index.numpy()
        score_ab[rows] = block.gather(1, index[:, None])[:, 0].numpy()
        best = block.argmax(dim=0)
        score = block.gather(0, best[None])[0].numpy()
        better = score > score_ba  # strictly: ties stay with the earlier block
        ba[better] = best.numpy()[better] + first
        score_ba[better] = score[better]
        if ctx is not None:
            ctx.step(rows.stop, count_a, "Comparing tokens")
    return Neighbours(ab, ba, score_ab, score_ba)


def best_buddies(
    neighbours: Neighbours,
    foreground_a: NDArray[np.bool_] | None = None,
    foreground_b: NDArray[np.bool_] | None = None,
) -> BestBuddies:
    """Mutual nearest neighbours with both ends on the foreground.

    Args:
        neighbours: From `nearest_neighbours`.
        foreground_a: Any shape with one value per token of a; None counts all.
        foreground_b: Likewise for b.
    """
    count = len(neighbours.ab)
    if count == 0:  # where one of the images has no token, neither has neighbours
        return BestBuddies(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    tokens = np.arange(count)
    keep = neighbours.ba[neighbours.ab] == tokens
    if foreground_a is not None:
        keep &= np.ravel(foreground_a)
    if foreground_b is not None:
        # The partner's foreground, looked up at the partner: not at the token of b that has the same index.
        keep &= np.ravel(foreground_b)[neighbours.ab]
    return BestBuddies(tokens[keep], neighbours.ab[keep], neighbours.score_ab[keep])


def match_pair(
    a: FeatureMap,
    b: FeatureMap,
    saliency_a: NDArray[np.floating] | None,
    saliency_b: NDArray[np.floating] | None,
    params: MatchParams,
    ctx: JobContext,
) -> Matches:
    """Find k corresponding points of two images.

    Args:
        a: Features of the first image.
        b: Features of the second image, of the same spec.
        saliency_a: (rows, columns) in [0, 1], or None to match everywhere.
        saliency_b: Likewise.
        params: See `MatchParams`.
        ctx: Progress, cancellation, warnings.

    Returns:
        At most `params.pairs` matches, best score first.
    """
    desc_a, desc_b = a.descriptors(params.tap), b.descriptors(params.tap)
    neighbours = nearest_neighbours(desc_a, desc_b, params.hierarchy, ctx)
    threshold = params.saliency_threshold
    buddies = best_buddies(
        neighbours,
        None if saliency_a is None else saliency_a > threshold,
        None if saliency_b is None else saliency_b > threshold,
    )
    if len(buddies) < params.pairs:
        ctx.warn(f"only {len(buddies)} of {params.pairs} pairs found")
    if len(buddies) == 0:
        empty = np.zeros((0, 2))
        return Matches(empty, empty, np.zeros(0, np.float32), np.zeros(0, np.float32))
    ctx.check()
    salience = np.ones(len(buddies), np.float32)
    if saliency_a is not None and saliency_b is not None:
        salience = ((saliency_a.ravel()[buddies.a] + saliency_b.ravel()[buddies.b]) / 2).astype(np.float32)
    buddies = buddies.take(select_pairs(a, b, buddies, salience, params, ctx))
    buddies = buddies.take(np.argsort(-buddies.score, kind="stable"))
    ctx.check()
    rc_a, rc_b = _rc(buddies.a, a.grid_hw), _rc(buddies.b, b.grid_hw)
    xy_a, xy_b = a.geometry.grid_to_image(rc_a), b.geometry.grid_to_image(rc_b)
    back = token_similarities(desc_b, rc_b, desc_a, params.hierarchy)
    return Matches(xy_a, xy_b, buddies.score, soft_cycle(back, a.geometry.token_centres(), xy_a))


def match_saliency(feature_map: FeatureMap, defaults: ModelDefaults) -> NDArray[np.float32]:
    """The saliency that pairs are thresholded by: class attention, whatever masks are seeded with.

    Attention is sparse, which is bad for masks and good here: what it leaves is on the object. Background-seeded
    saliency serves only encoders without attention.

    Returns:
        float32 (rows, columns) in [0, 1].
    """
    if feature_map.attention is None:
        return background_saliency(feature_map, defaults.saliency_tap)
    return cls_saliency(feature_map, defaults.saliency_heads)


def select_pairs(
    a: FeatureMap,
    b: FeatureMap,
    buddies: BestBuddies,
    salience: NDArray[np.floating],
    params: MatchParams,
    ctx: JobContext | None = None,
) -> NDArray[np.int64]:
    """Indices of at most `params.pairs` diverse pairs, ascending.

    Args:
        a: Features of the first image.
        b: Features of the second image.
        buddies: The N pairs to choose from.
        salience: (N,) mean saliency of both ends.
        params: `pairs`, `selection`, `tap`, `hierarchy` and `seed` count.
        ctx: Cancellation.
    """
    if len(buddies) <= params.pairs:
        return np.arange(len(buddies))
    if params.selection == "farthest":
        places = [
            image.geometry.grid_to_image(_rc(tokens, image.grid_hw)) / max(image.geometry.image_hw)
            for image, tokens in ((a, buddies.a), (b, buddies.b))
        ]
        # Squared: distance draws the choice to the rim of the object, and this much keeps it from falling off.
        return _farthest(np.concatenate(places, axis=1), buddies.score * salience**2, params.pairs)
    ends = [
        log_bin_at(image.descriptors(params.tap), _rc(tokens, image.grid_hw), params.hierarchy).reshape(len(tokens), -1)
        for image, tokens in ((a, buddies.a), (b, buddies.b))
    ]
    labels = kmeans(np.concatenate(ends, axis=1), params.pairs, seed=params.seed, ctx=ctx).labels
    clusters = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.array([members[np.argmax(salience[members])] for members in clusters], dtype=np.int64))


def _rc(tokens: NDArray[np.int64], grid_hw: tuple[int, int]) -> NDArray[np.int64]:
    """(N,) row-major tokens -> (N, 2) rows and columns."""
    return np.stack(np.divmod(tokens, grid_hw[1]), axis=-1)


def _farthest(places: NDArray[np.float64], quality: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Start at the best pair, then keep adding the one with the greatest (distance from those chosen * quality).

    The factor keeps the far corners of the background, which are far from everything, from being chosen first.

    Returns:
        Ascending indices; fewer than `count` when all other pairs lie where a chosen one does.
    """
    quality = np.maximum(quality, 0)
    chosen = [int(np.argmax(quality))]
    distance = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < count:
        gain = distance * quality
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        chosen.append(best)
        distance = np.minimum(distance, np.linalg.norm(places - places[best], axis=1))
    return np.sort(np.array(chosen, dtype=np.int64))


def soft_cycle(back: NDArray[np.float32], centres: NDArray[np.float64], xy: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N, rows, columns) similarities of the partners to image a -> (N,) rms distance from `xy`, pixels."""
    logits = back.reshape(len(back), -1).astype(np.float64) / _CYCLE_TEMPERATURE
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    square = ((centres.reshape(1, -1, 2) - xy[:, None]) ** 2).sum(axis=-1)
    rms: NDArray[np.float32] = np.sqrt((weights * square).sum(axis=1)).astype(np.float32)
    return rms
