"""The guided filter (He, Sun, Tang: Guided Image Filtering, ECCV 2010) with a colour guide, by box filters.

In its fast form: the local linear model is fitted at the size of `values` and applied at the size of the guide, so a
small map gets the edges of a large photograph.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def guided_filter(
    rgb: NDArray[np.uint8], values: NDArray[np.floating], radius: int, eps: float = 1e-4
) -> NDArray[np.float32]:
    """Smooth `values` so that their edges follow those of `rgb`.

    Args:
        rgb: (H, W, 3) uint8 guide.
        values: (h, w) or (h, w, C) real, at the guide's size or smaller.
        radius: Of the box windows, in pixels of `values`.
        eps: Regularisation, in squared units of a guide scaled to 0..1; larger smooths more.

    Returns:
        float32 (H, W) or (H, W, C) at the guide's size.
    """
    hw = values.shape[:2]
    same = rgb.shape[:2] == hw
    fit = rgb if same else np.asarray(cv2.resize(rgb, (hw[1], hw[0]), interpolation=cv2.INTER_AREA))
    guide = _unit(fit)
    mean = _box(guide, radius)
    # Inverse of the 3 x 3 covariance of the guide's colours in every window.
    pairs = _box(guide[..., :, None] * guide[..., None, :], radius) - mean[..., :, None] * mean[..., None, :]
    inverse = np.linalg.inv(pairs + np.float32(eps) * np.eye(3, dtype=np.float32))
    large = guide if same else _unit(rgb)
    channels = values[..., None] if values.ndim == 2 else values
    out = np.empty((*rgb.shape[:2], channels.shape[2]), dtype=np.float32)
    for index in range(channels.shape[2]):
        slope, offset = _model(guide, mean, inverse, channels[..., index].astype(np.float32), radius)
        if not same:
            slope, offset = _enlarge(slope, rgb.shape[:2]), _enlarge(offset, rgb.shape[:2])
        out[..., index] = np.einsum("hwc,hwc->hw", slope, large) + offset
    return out[..., 0] if values.ndim == 2 else out


def _model(
    guide: NDArray[np.float32],
    mean: NDArray[np.float32],
    inverse: NDArray[np.float32],
    values: NDArray[np.float32],
    radius: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope (h, w, 3) and offset (h, w) of the averaged local linear models of one channel."""
    level = _box(values, radius)
    covariance = _box(guide * values[..., None], radius) - mean * level[..., None]
    slope = np.einsum("hwij,hwj->hwi", inverse, covariance)
    offset = level - np.einsum("hwi,hwi->hw", slope, mean)
    return _box(slope, radius), _box(offset, radius)


def _box(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean over square windows, cut off at the border."""
    flat = np.ascontiguousarray(values.reshape(*values.shape[:2], -1))
    side = 2 * radius + 1
    out = np.empty_like(flat)
    for first in range(0, flat.shape[2], 4):  # OpenCV filters up to four channels at once
        part = cv2.boxFilter(
            flat[..., first : first + 4], -1, (side, side), normalize=True, borderType=cv2.BORDER_REFLECT
        )
        out[..., first : first + 4] = part.reshape(*flat.shape[:2], -1)
    return out.reshape(values.shape)


def _enlarge(values: NDArray[np.float32], hw: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, (hw[1], hw[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _unit(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = rgb.astype(np.float32) / np.float32(255)
    return scaled
