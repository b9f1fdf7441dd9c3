"""Log-binned descriptors: each token together with ever coarser means of its surroundings.

Source: Amir et al., *Deep ViT Features as Dense Visual Descriptors*, section 3 and supplement. Level k of
the hierarchy takes the mean over 3^k x 3^k tokens (tokens beyond the border not counted) at offsets -3^k, 0 and +3^k in
both directions, rows first, the centre at level 0 only; places beyond the border take the nearest one inside. Two
levels give 9 + 8 = 17 bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Bin:
    """One of the neighbours that make up a log-binned descriptor.

    Attributes:
        level: Level of the hierarchy; the mean is over 3^level x 3^level tokens.
        rows: Offset in tokens, downwards.
        cols: Offset in tokens, to the right.
    """

    level: int
    rows: int
    cols: int


def bins(hierarchy: int) -> tuple[Bin, ...]:
    """The bins of a hierarchy in the order of concatenation; none (0 levels) is the plain descriptor."""
    if hierarchy < 0:
        raise ValueError(f"a hierarchy of {hierarchy} levels")
    if hierarchy == 0:
        return (Bin(0, 0, 0),)
    found = []
    for level in range(hierarchy):
        step = 3**level
        found += [
            Bin(level, rows, cols)
            for rows in (-step, 0, step)
            for cols in (-step, 0, step)
            if level == 0 or (rows, cols) != (0, 0)
        ]
    return tuple(found)


def pooled(descriptors: NDArray[np.floating], level: int) -> NDArray[np.float32]:
    """Mean over the 3^level x 3^level tokens around each token, counting only those inside the grid.

    Args:
        descriptors: (rows, columns, D).
        level: 0 returns the values themselves.

    Returns:
        float32 (rows, columns, D).
    """
    values = np.asarray(descriptors, dtype=np.float32)
    if level == 0:
        return values
    return _box_mean(_box_mean(values, 3**level // 2, axis=0), 3**level // 2, axis=1)


def log_bin(descriptors: NDArray[np.floating], hierarchy: int = 2) -> NDArray[np.float32]:
    """Concatenate the bins of every token.

    A (60, 60, 384) map becomes 94 MB; to compare images, `core.features.similarity` gets the same numbers without
    building it.

    Args:
        descriptors: (rows, columns, D), not normalised, any real dtype.
        hierarchy: Levels; see the module.

    Returns:
        float32 (rows, columns, len(bins(hierarchy)) * D); column = bin * D + d.
    """
    rows, cols, dim = np.shape(descriptors)
    where = np.stack(np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij"), axis=-1).reshape(-1, 2)
    return log_bin_at(descriptors, where, hierarchy).reshape(rows, cols, -1 if rows * cols else dim)


def log_bin_at(descriptors: NDArray[np.floating], rc: NDArray[np.integer], hierarchy: int = 2) -> NDArray[np.float32]:
    """Log-binned descriptors of some tokens.

    Args:
        descriptors: (rows, columns, D), not normalised.
        rc: (N, 2) tokens.
        hierarchy: Levels; see the module.

    Returns:
        float32 (N, bins, D).
    """
    levels = [pooled(descriptors, level) for level in range(max(hierarchy, 1))]
    limit = np.array(levels[0].shape[:2]) - 1
    layout = bins(hierarchy)
    out = np.empty((len(rc), len(layout), levels[0].shape[2]), np.float32)
    for index, item in enumerate(layout):
        at = np.clip(rc + np.array([item.rows, item.cols]), 0, limit)
        out[:, index] = levels[item.level][at[:, 0], at[:, 1]]
    return out


def log_bin_norms(descriptors: NDArray[np.floating], hierarchy: int = 2) -> NDArray[np.float32]:
    """Euclidean norms of all log-binned descriptors, (rows, columns) float32, without building them."""
    rows, cols = np.shape(descriptors)[:2]
    squares = [
        np.einsum("rcd,rcd->rc", values, values, dtype=np.float64)
        for values in (pooled(descriptors, level) for level in range(max(hierarchy, 1)))
    ]
    total = np.zeros((rows, cols))
    for item in bins(hierarchy):
        r = np.clip(np.arange(rows) + item.rows, 0, rows - 1)
        c = np.clip(np.arange(cols) + item.cols, 0, cols - 1)
        total += squares[item.level][np.ix_(r, c)]
    return np.sqrt(total).astype(np.float32)


def _box_mean(values: NDArray[np.float32], radius: int, axis: int) -> NDArray[np.float32]:
    """Mean over `2 * radius + 1` neighbours along one axis, counting only those inside."""
    length = values.shape[axis]
    shape = [1] * values.ndim
    shape[axis] = length
    total = np.zeros(values.shape, np.float32)
    count = np.zeros(length, np.float32)
    # Shifted sums, not a cumulative one: those lose digits, and the radius is small.
    for shift in range(-radius, radius + 1):
        lo, hi = max(-shift, 0), min(length - shift, length)
        if lo >= hi:
            continue
        into = [slice(None)] * values.ndim
        source = [slice(None)] * values.ndim
        into[axis], source[axis] = slice(lo, hi), slice(lo + shift, hi + shift)
        total[tuple(into)] += values[tuple(source)]
        count[lo:hi] += 1
    total /= count.reshape(shape)
    return total
