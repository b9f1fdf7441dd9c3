"""Flood fill: the contiguous region of one label under the pointer."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

from counterpart.core.project.model import Box4, Labels
from counterpart.core.tools.region import Region, clip_box


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
    alike = (inside == inside[seed]).view(np.uint8)
    filled = np.zeros((alike.shape[0] + 2, alike.shape[1] + 2), np.uint8)
    flags = (8 if diagonal else 4) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
    _, _, _, (x, y, width, height) = cv2.floodFill(alike, filled, (seed[1], seed[0]), 0, 0, 0, flags)
    mask = filled[1 + y : 1 + y + height, 1 + x : 1 + x + width].astype(np.bool_)
    return Region((box[0] + y, box[1] + x, box[0] + y + height, box[1] + x + width), mask)


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
