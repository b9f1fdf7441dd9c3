"""Whether the two points of a mirror pair stand on each other's side, told from where the other points are.

Left and right limbs look alike, and an animal turns either way, so that neither what is seen nor a place settles it.
But some products of a pair's difference, left minus right, with what else is marked are the same whichever way the
animal faces or is tilted, and change sign when the pair alone is exchanged:

- with another pair's difference, their inner product: left eye to right eye runs as left ear to right ear does;
- with a vector along the middle (nose to tail, or between the midpoints of pairs), the cross product: on which side of
  the body left lies as it is seen;
- with another pair, by how much joining left to right and right to left is longer than left to left and right to right:
  a knee is nearer the paw of its own leg.

A mirror image with left and right renamed turns the sign of a cross product twice, and leaves lengths and inner
products alone. A ridge regression through the origin learns the usual signs from other instances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHRINKAGE = 3.0
"""Of the regression, in units of the mean square of an instance's products."""
_LEAST = 3
"""Other instances that show a pair, without which nothing is said of it."""
_MOST_PAIRS, _MOST_MIDDLE = 32, 16
"""Other pairs, and points of the middle, that a pair is compared with: of landmarks by the hundred, evenly chosen."""


def side_agreement(
    xy: NDArray[np.float64],
    visible: NDArray[np.bool_],
    others: NDArray[np.float64],
    others_visible: NDArray[np.bool_],
    mirror_order: NDArray[np.int64],
) -> NDArray[np.float64]:
    """How far each point's side agrees with the other points of its instance, as they do in other instances.

    Args:
        xy: (K, 2) of the instance, about anything, in units of its size.
        visible: (K,) which points there are.
        others: (N, K, 2) the same of other instances.
        others_visible: (N, K).
        mirror_order: (K,) each keypoint's twin, itself where it has none.

    Returns:
        (K,), the same for both of a pair: about 1 where it stands as in the other instances, about -1 where the two
        were exchanged, 0 where nothing can be said.
    """
    left = np.flatnonzero(mirror_order > np.arange(len(mirror_order)))
    pairs = np.stack([left, mirror_order[left]], axis=1)
    out = np.zeros(len(mirror_order))
    if not len(pairs):
        return out
    known = [_products(*each, pairs, mirror_order) for each in zip(others, others_visible, strict=True)]
    own = _products(xy, visible, pairs, mirror_order)
    for index, pair in enumerate(pairs):
        shown = [products for products in known if products.shown[index]]
        if own.shown[index] and len(shown) >= _LEAST:
            out[pair] = _agreement([block[index] for block in own.blocks], shown, index)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Products:
    """Products of every pair of one instance, by kind: (pairs, products) each, 0 where a point is missing."""

    blocks: tuple[NDArray[np.float64], ...]
    shown: NDArray[np.bool_]


def _products(
    xy: NDArray[np.float64], visible: NDArray[np.bool_], pairs: NDArray[np.int64], mirror_order: NDArray[np.int64]
) -> _Products:
    a, b = pairs.T
    both = visible[a] & visible[b]
    apart = xy[a] - xy[b]
    some = _spread_out(len(pairs), _MOST_PAIRS)
    usable = both[:, None] & both[some] & (np.arange(len(pairs))[:, None] != some)
    inner = np.where(usable, apart @ apart[some].T, 0)

    def joined(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(xy[one][:, None] - xy[other[some]], axis=-1))

    longer = np.where(usable, joined(a, b) + joined(b, a) - joined(a, a) - joined(b, b), 0)
    single = np.flatnonzero(mirror_order == np.arange(len(mirror_order)))
    middle = np.concatenate([xy[single], (xy[a] + xy[b]) / 2])
    there = np.concatenate([visible[single], both])
    few = _spread_out(len(middle), _MOST_MIDDLE)
    start, end = few[np.array(np.triu_indices(len(few), 1))]
    along = middle[start] - middle[end]
    turn = apart[:, :1] * along[:, 1] - apart[:, 1:] * along[:, 0]
    cross = np.where(both[:, None] & there[start] & there[end], turn, 0)
    return _Products((inner, cross, longer), usable.any(axis=1) | (cross != 0).any(axis=1))


def _agreement(own: list[NDArray[np.float64]], shown: list[_Products], index: int) -> float:
    """The regression's value for one pair; 1 is what it was taught for all other instances."""
    known, asked = [], []
    for kind, values in enumerate(own):
        block = np.stack([products.blocks[kind][index] for products in shown])
        # All products of a kind together weigh as much as those of another kind.
        unit = max(float(np.linalg.norm(block)) / np.sqrt(len(block)), 1e-9)
        known.append(block / unit)
        asked.append(values / unit)
    design = np.concatenate(known, axis=1)
    gram = design @ design.T
    ridge = _SHRINKAGE * max(float(np.trace(gram)) / len(gram), 1e-12)
    share = np.linalg.solve(gram + ridge * np.eye(len(gram)), np.ones(len(gram)))
    return float(share @ design @ np.concatenate(asked))


def _spread_out(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of the first `count` numbers, evenly chosen."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
