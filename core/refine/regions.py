"""Connected regions of a mask: keep the largest, remove specks, fill holes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def keep_largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 8-connected region of an (H, W) mask; an empty mask stays empty.

    Of several that are equally large, the one that begins first, row by row: the order that regions are found in
    depends on where the mask was cut out.
    """
    count, labels, areas = _regions(mask)
    if count == 0:
        return mask.copy()
    largest = 1 + np.flatnonzero(areas == areas.max())
    chosen = largest[0]
    if len(largest) > 1:
        flat = labels.ravel()
        chosen = flat[np.flatnonzero(np.isin(flat, largest))[0]]
    kept: NDArray[np.bool_] = labels == int(chosen)
    return kept


def remove_specks(mask: NDArray[np.bool_], min_pixels: int) -> NDArray[np.bool_]:
    """An (H, W) mask without its 8-connected regions of fewer than `min_pixels` pixels."""
    count, labels, areas = _regions(mask)
    if count == 0:
        return mask.copy()
    keep = np.concatenate([[False], areas >= min_pixels])
    kept: NDArray[np.bool_] = keep[labels]
    return kept


def fill_holes(mask: NDArray[np.bool_], max_pixels: int | None = None) -> NDArray[np.bool_]:
    """An (H, W) mask with its holes filled.

    A hole is a 4-connected region of background that does not touch the image's border.

    Args:
        mask: (H, W) bool.
        max_pixels: Holes larger than this stay; None fills all.
    """
    count, labels, areas = _regions(~mask, connectivity=4)
    if count == 0:
        return mask.copy()
    hole = np.ones(count + 1, dtype=bool)
    hole[0] = False
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        hole[side] = False
    if max_pixels is not None:
        hole[1:] &= areas <= max_pixels
    filled: NDArray[np.bool_] = mask | hole[labels]
    return filled


def _regions(mask: NDArray[np.bool_], connectivity: int = 8) -> tuple[int, NDArray[np.int32], NDArray[np.int64]]:
    """Number of regions, (H, W) labels from 1 (0 is outside), and pixels of each region."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask, dtype=np.uint8), connectivity=connectivity
    )
    return count - 1, np.asarray(labels, dtype=np.int32), np.asarray(stats[1:, cv2.CC_STAT_AREA], dtype=np.int64)
