"""Flood fill: the contiguous region under the pointer, by its label or by its colour."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.project.model import Labels
from counterpart.core.tools.region import Box4, Region, clip_box

__all__ = ["flood_colour", "flood_labels"]


def flood_labels(labels: Labels, xy: ArrayLike, *, diagonal: bool = False, window: Box4 | None = None) -> Region:
    """The pixels around a place that have its label and hang together.

    Args:
        labels: (H, W) part ids.
        xy: (2,) image pixels; outside the window there is nothing to fill.
        diagonal: Whether pixels that touch at a corner hang together.
        window: (top, left, bottom, right) to stay in; the whole image by default.
    """
    box, seed = _place(labels.shape[:2], xy, window)
    if seed is None:
        return Region.nothing()
    inside = labels[box[0] : box[2], box[1] : box[3]]
    return _flood((inside == inside[seed]).view(np.uint8), seed, 0, diagonal, box)


def flood_colour(
    rgb: NDArray[np.uint8],
    xy: ArrayLike,
    tolerance: float,
    *,
    diagonal: bool = False,
    connected: bool = True,
    window: Box4 | None = None,
) -> Region:
    """The pixels around a place whose colour is close to its own.

    Args:
        rgb: (H, W, 3) uint8.
        xy: (2,) image pixels.
        tolerance: Largest difference in any of the three channels, in levels of 0..255.
        diagonal: Whether pixels that touch at a corner hang together.
        connected: Whether pixels must hang together with the place; otherwise every pixel of the window counts.
        window: (top, left, bottom, right) to stay in; the whole image by default.
    """
    box, seed = _place(rgb.shape[:2], xy, window)
    if seed is None:
        return Region.nothing()
    inside = rgb[box[0] : box[2], box[1] : box[3]]
    reach = max(math.floor(tolerance), 0)
    if connected:
        # The fill takes its start's colour as the reference; it wants pixels it may write to, though it does not.
        return _flood(inside.copy(), seed, reach, diagonal, box)
    colour = inside[seed].astype(int)
    low, high = (tuple(np.clip(colour + step, 0, 255).tolist()) for step in (-reach, reach))
    near = cv2.inRange(np.ascontiguousarray(inside), low, high).astype(np.bool_)
    return Region.of(near, box[0], box[1])


def _place(hw: tuple[int, int], xy: ArrayLike, window: Box4 | None) -> tuple[Box4, tuple[int, int] | None]:
    """The box to work in, and the row and column of the place within it, None where it is outside."""
    box = clip_box(window or (0, 0, *hw), (0, 0, *hw))
    x, y = np.asarray(xy, np.float64)
    if not (math.isfinite(x) and math.isfinite(y)):
        return box, None
    row, column = math.floor(y + 0.5), math.floor(x + 0.5)
    if not (box[0] <= row < box[2] and box[1] <= column < box[3]):
        return box, None
    return box, (row - box[0], column - box[1])


def _flood(values: NDArray[np.uint8], seed: tuple[int, int], reach: int, diagonal: bool, box: Box4) -> Region:
    filled = np.zeros((values.shape[0] + 2, values.shape[1] + 2), np.uint8)
    flags = (8 if diagonal else 4) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
    span = (reach,) * 3
    _, _, _, (x, y, width, height) = cv2.floodFill(values, filled, (seed[1], seed[0]), 0, span, span, flags)
    mask = filled[1 + y : 1 + y + height, 1 + x : 1 + x + width].astype(np.bool_)
    return Region((box[0] + y, box[1] + x, box[0] + y + height, box[1] + x + width), mask)
