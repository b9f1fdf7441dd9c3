"""From parts on the token grid to label maps in pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from counterpart.core.features.values import FeatureMap
from counterpart.core.images.reading import resize_rgb
from counterpart.core.jobs import JobContext
from counterpart.core.parts.model import PartsImage, PartsParams
from counterpart.core.refine import CrfParams, dense_crf, grid_outline, working_hw

_LEAST = 1e-4
"""Smallest probability that an energy is taken of."""


def part_pixels(
    image: PartsImage,
    feature_map: FeatureMap,
    rgb: NDArray[np.uint8],
    params: PartsParams,
    ctx: JobContext | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """The label map of one image in its own pixels: scores are upsampled before they are compared.

    Args:
        image: From `discover_parts` or `apply_codebook`.
        feature_map: Of the same image; only its geometry is used.
        rgb: (H, W, 3) uint8, the image itself.
        params: Smoothing and outline.
        ctx: Cancellation.
        mask: (H, W) bool, the outline where it is known already.

    Returns:
        (H, W) uint8: 0 background, then the parts from 1.
    """
    geometry, hw = feature_map.geometry, rgb.shape[:2]
    if image.likeness.shape[-1] == 0:
        return np.zeros(hw, np.uint8)
    work_hw = working_hw(hw, params.working_size)
    if params.together and mask is None:
        likeness = geometry.upsample(image.scores, out_hw=work_hw if params.crf else hw)
        return _argmax_at(_smoothed(likeness, rgb, params, ctx), hw).astype(np.uint8)
    if mask is None:
        mask = grid_outline(image.foreground, geometry, rgb, params.refine_params, ctx)
    if not mask.any():
        return np.zeros(hw, np.uint8)
    likeness = geometry.upsample(image.likeness, out_hw=work_hw if params.crf else hw)
    winner = _argmax_at(_smoothed(likeness, rgb, params, ctx), hw)
    return np.where(mask, winner + 1, 0).astype(np.uint8)


def _smoothed(
    likeness: NDArray[np.float32], rgb: NDArray[np.uint8], params: PartsParams, ctx: JobContext | None
) -> NDArray[np.float32]:
    """(h, w, C) likeness after the CRF at its own size, or as it is."""
    if not params.crf or likeness.shape[-1] < 2:
        return likeness
    small = resize_rgb(rgb, likeness.shape[:2])
    return dense_crf(-np.log(np.maximum(likeness, _LEAST)), small, CrfParams(), ctx)


def _argmax_at(likeness: NDArray[np.float32], hw: tuple[int, int]) -> NDArray[np.int64]:
    """Index of the largest channel at another size; one enlarged channel is held at a time."""
    if likeness.shape[:2] == tuple(hw):
        return np.asarray(likeness.argmax(axis=-1), dtype=np.int64)
    best = np.full(hw, -1.0, np.float32)
    winner = np.zeros(hw, np.int64)
    for index in range(likeness.shape[-1]):
        channel = np.ascontiguousarray(likeness[..., index])
        large = np.asarray(cv2.resize(channel, hw[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)
        better = large > best
        best[better], winner[better] = large[better], index
    return winner
