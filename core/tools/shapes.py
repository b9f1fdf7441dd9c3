"""Polygons, rectangles and lassos to pixels.

A pixel belongs to a shape when its centre does; pixel centres are integers, so a corner at (2, 3) lies in the middle of
pixel (2, 3), and one at (1.5, 2.5) at that pixel's upper left corner. A centre exactly on an outline belongs to the
shape that lies to its right, or, on a level line, below it: shapes that share a side share no pixel and leave none out.
Formats that count from pixel corners (a pixel covers [x, x + 1)) differ by half a pixel: subtract 0.5 on reading them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.tools.region import Region, clip_box

FillRule = Literal["evenodd", "nonzero"]
"""What lies inside: where a ray from outside crosses an odd number of sides, or what the sides wind around."""


def polygon_region(
    rings: Sequence[ArrayLike], hw: tuple[int, int], rule: FillRule = "evenodd", min_area: float = 0.0
) -> Region:
    """Pixels of a polygon with holes.

    Args:
        rings: (N, 2) xy of each ring, image pixels, closed or not; under `evenodd` rings within rings are holes,
            whichever way they turn. Rings of fewer than three points enclose nothing.
        hw: (height, width) of the image.
        rule: See `FillRule`.
        min_area: Rings that enclose fewer square pixels than this are left out.

    Returns:
        Clipped to the image, in the smallest box.

    Raises:
        ValueError: A ring is not (N, 2), or has a coordinate that is not a number.
    """
    kept = [ring for ring in map(_ring, rings) if len(ring) >= 3 and abs(_area(ring)) >= min_area]
    if not kept:
        return Region.nothing()
    start = np.concatenate(kept)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in kept])
    low, high = np.clip(np.ceil([start.min(axis=0), start.max(axis=0)]), -1, max(hw) + 1).astype(np.int64)
    # Half open: a row belongs to a side that begins on it, and not to one that ends there.
    top, left, bottom, right = clip_box((int(low[1]), int(low[0]), int(high[1]), int(high[0])), (0, 0, *hw))
    if top >= bottom or left >= right:
        return Region.nothing()
    rows, columns, signs = _crossings(start, end, top, left, bottom, right)
    # Along a row, each crossing turns what follows in or out; a row ends as it began, so one running sum does for all.
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    turns = np.arange(1, len(order) + 1) % 2 if rule == "evenodd" else np.cumsum(signs[order])
    runs = np.flatnonzero((turns[:-1] != 0) & (columns[1:] > columns[:-1]))
    if runs.size == 0:
        return Region.nothing()
    rows, first, last = rows[runs], columns[runs], columns[runs + 1]
    x0, y0, x1, y1 = int(first.min()), int(rows[0]), int(last.max()), int(rows[-1]) + 1
    mask = np.zeros((y1 - y0, x1 - x0), np.bool_)
    for row, begin, stop in zip((rows - y0).tolist(), (first - x0).tolist(), (last - x0).tolist(), strict=True):
        mask[row, begin:stop] = True
    return Region((top + y0, left + x0, top + y1, left + x1), mask)


def lasso_region(path: ArrayLike, hw: tuple[int, int]) -> Region:
    """Pixels that a freehand line goes around; where it crosses itself, everything it winds around counts.

    Args:
        path: (N, 2) xy of the pointer's positions, image pixels; the end is joined to the beginning.
        hw: (height, width) of the image.
    """
    return polygon_region([path], hw, "nonzero")


def rectangle_region(corner: ArrayLike, opposite: ArrayLike, hw: tuple[int, int]) -> Region:
    """Pixels of an upright rectangle between two opposite corners, (2,) xy in any order."""
    a, b = np.asarray(corner, np.float64), np.asarray(opposite, np.float64)
    limit = max(hw) + 1
    x0, y0 = (int(v) for v in np.clip(np.ceil(np.minimum(a, b)), -1, limit))
    x1, y1 = (int(v) for v in np.clip(np.ceil(np.maximum(a, b)), -1, limit))
    box = clip_box((y0, x0, y1, x1), (0, 0, *hw))
    if box[0] >= box[2] or box[1] >= box[3]:
        return Region.nothing()
    return Region(box, np.ones((box[2] - box[0], box[3] - box[1]), np.bool_))


def _ring(points: ArrayLike) -> NDArray[np.float64]:
    ring = np.asarray(points, dtype=np.float64)
    if ring.ndim != 2 or ring.shape[1] != 2:
        if ring.size == 0:
            return np.zeros((0, 2))
        raise ValueError(f"a ring of shape {ring.shape}, not (N, 2)")
    if not np.isfinite(ring).all():
        raise ValueError("a corner that is not a number")
    return ring


def _area(ring: NDArray[np.float64]) -> float:
    x, y = (ring - ring[0]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _crossings(
    start: NDArray[np.float64], end: NDArray[np.float64], top: int, left: int, bottom: int, right: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where sides cross pixel rows: row and column within the box, and the way each turns (down 1, up -1).

    The column is the first pixel whose centre is not left of the crossing, in 0..width: what lies left of the box turns
    at its first column, what lies right of it at the one after its last.
    """
    down = end[:, 1] > start[:, 1]
    upper, lower = np.where(down[:, None], start, end), np.where(down[:, None], end, start)
    first = np.clip(np.ceil(upper[:, 1]), top, bottom).astype(np.int64)
    last = np.clip(np.ceil(lower[:, 1]), top, bottom).astype(np.int64)
    counts = last - first
    side = np.repeat(np.arange(len(start)), counts)
    offset = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = first[side] + offset
    height = lower[:, 1] - upper[:, 1]
    slope = (lower[:, 0] - upper[:, 0]) / np.where(height > 0, height, 1)
    x = upper[side, 0] + (rows - upper[side, 1]) * slope[side]
    columns = np.ceil(np.clip(x, left, right)).astype(np.int64) - left
    return rows - top, columns, np.where(down, 1, -1)[side]
