"""The match of a place: where in another image is what lies here, and how far the way back leads astray."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.features.similarity import token_similarities
from counterpart.core.features.values import FeatureMap
from counterpart.core.matching.pairs import Matches, MatchParams, soft_cycle


def match_places(a: FeatureMap, b: FeatureMap, xy: ArrayLike, params: MatchParams) -> Matches:
    """Find for places of a the places of b that are most like them.

    A place between tokens is compared through the tokens around it, and the best token of b is refined by a parabola
    through its neighbours, so that the match follows the pointer smoothly. Unlike `match_pair`, this answers for every
    place asked; the cycle error tells whether the answer is worth anything.

    Args:
        a: Features of the image that is asked about.
        b: Features of the other image, of the same spec.
        xy: (N, 2) image pixels of a.
        params: `tap` and `hierarchy` count.

    Returns:
        N matches in the order asked. The score is the cosine similarity at the best token, the cycle error as in
        `Matches`, in pixels of a.
    """
    places = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    if not len(places):
        return Matches(places, places, np.zeros(0, np.float32), np.zeros(0, np.float32))
    desc_a, desc_b = a.descriptors(params.tap), b.descriptors(params.tap)
    found = np.zeros((len(places), 2))
    score = np.zeros(len(places), np.float32)
    best = np.zeros((len(places), 2), np.int64)
    for number, place in enumerate(places):
        rc, weight = _around(a.geometry.image_to_grid(place), a.grid_hw)
        similar = np.tensordot(weight, token_similarities(desc_a, rc, desc_b, params.hierarchy), axes=1)
        best[number] = np.unravel_index(int(similar.argmax()), similar.shape)
        score[number] = similar[tuple(best[number])]
        found[number] = b.geometry.grid_to_image(_refined(similar, best[number]))
    back = token_similarities(desc_b, best, desc_a, params.hierarchy)
    return Matches(places, found, score, soft_cycle(back, a.geometry.token_centres(), places))


def _around(rc: NDArray[np.float64], grid_hw: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The four tokens around a place, and their bilinear weights."""
    limit = np.array(grid_hw) - 1
    at = np.clip(rc, 0, limit)
    low = np.floor(at).astype(np.int64)
    share = at - low
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    weight = np.prod(np.where(corners == 1, share, 1 - share), axis=1)
    return np.minimum(low + corners, limit), weight.astype(np.float32)


def _refined(values: NDArray[np.floating], rc: NDArray[np.int64]) -> NDArray[np.float64]:
    """The top of a parabola through a token and its neighbours, along rows and along columns; half a token at most."""
    top = rc.astype(np.float64)
    for axis in (0, 1):
        if not 0 < rc[axis] < values.shape[axis] - 1:
            continue
        step = np.eye(2, dtype=np.int64)[axis]
        before, here, after = (float(values[tuple(rc + k * step)]) for k in (-1, 0, 1))
        bend = before - 2 * here + after
        if bend < 0:
            top[axis] += float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
    return top
