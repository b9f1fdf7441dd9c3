"""GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004): colour models of both sides and a graph cut, from a soft map."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["grab_cut"]

_MIN_PIXELS = 20
"""Colour models of five Gaussians cannot be fitted to fewer pixels on either side."""


def grab_cut(
    rgb: NDArray[np.uint8],
    probability: NDArray[np.floating],
    *,
    iterations: int = 3,
    sure: float | None = None,
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Cut the object out along colour edges.

    A mask with too few pixels on either side for colour models is returned as it is, and so is one that the cut would
    erase altogether.

    Args:
        rgb: (H, W, 3) uint8.
        probability: (H, W) of foreground; above 0.5 is the mask started from.
        iterations: Rounds of fitting colours and cutting.
        sure: Where given, pixels whose probability is at least this far from 0.5 never change sides.
        seed: Of the colour models' start.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: The sizes differ.
    """
    if probability.shape != rgb.shape[:2]:
        raise ValueError(f"a map of {probability.shape} does not fit an image of {rgb.shape[:2]}")
    mask: NDArray[np.bool_] = probability > 0.5
    if min(int(mask.sum()), int((~mask).sum())) < _MIN_PIXELS:
        return mask
    state = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    if sure is not None:
        state[probability >= 0.5 + sure] = cv2.GC_FGD
        state[probability <= 0.5 - sure] = cv2.GC_BGD
    cv2.setRNGSeed(seed)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    cv2.grabCut(bgr, state, (0, 0, 0, 0), background, foreground, iterations, cv2.GC_INIT_WITH_MASK)
    cut: NDArray[np.bool_] = (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)
    return cut if cut.any() else mask
