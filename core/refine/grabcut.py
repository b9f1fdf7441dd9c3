"""GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004): colour models of both sides and a graph cut, from a soft map."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_MIN_PIXELS = 20
"""Colour models of five Gaussians cannot be fitted to fewer pixels on either side."""


def grab_cut(
    rgb: NDArray[np.uint8],
    probability: NDArray[np.floating],
    *,
    iterations: int = 3,
    band: int | None = None,
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
        band: Pixels farther than this from the mask's border never change sides: with the colours alone, an object
            spreads over whatever background is coloured like it. None lets all pixels change.
        sure: Where given, pixels whose probability is at least this far from 0.5 never change sides either.
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
    if band is not None:
        inner, outer = _band(mask, band)
        if not inner.any() or outer.all():  # too thin: nothing of one side would be certain
            return mask
        state[inner] = cv2.GC_FGD
        state[~outer] = cv2.GC_BGD
    if sure is not None:
        state[probability >= 0.5 + sure] = cv2.GC_FGD
        state[probability <= 0.5 - sure] = cv2.GC_BGD
    cv2.setRNGSeed(seed)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    cv2.grabCut(bgr, state, (0, 0, 0, 0), background, foreground, iterations, cv2.GC_INIT_WITH_MASK)
    cut: NDArray[np.bool_] = (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)
    return cut if cut.any() else mask


def _band(mask: NDArray[np.bool_], radius: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The mask shrunk and grown by `radius` pixels; the image's own border is no border of the mask."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    bits = mask.astype(np.uint8)
    return np.asarray(cv2.erode(bits, kernel)) > 0, np.asarray(cv2.dilate(bits, kernel)) > 0
