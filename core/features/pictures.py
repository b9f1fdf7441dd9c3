"""Maps of the token grid as pictures: one value through a colour scale, at image pixels, over the photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import GridGeometry

# Anchors of the one-value colour scale, from dark violet over teal to yellow: equal steps of lightness, hues
# that people with the common colour deficiencies tell apart. Own choice, in sRGB.
_ANCHORS = (
    (62, 8, 84), (66, 52, 129), (52, 92, 143), (40, 127, 143), (36, 160, 132), (86, 194, 98), (168, 219, 56),
    (248, 232, 52),
)  # fmt: skip


def colour_scale(steps: int = 256) -> NDArray[np.uint8]:
    """The colour scale for one value: (steps, 3) uint8 sRGB, dark to light."""
    at = np.linspace(0, len(_ANCHORS) - 1, steps)
    anchors = np.array(_ANCHORS, dtype=np.float64)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def colour_values(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Real values in [0, 1] of any shape through the colour scale: (..., 3) uint8; others are clipped."""
    finite = np.nan_to_num(np.asarray(values, dtype=np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return colour_scale()[(np.clip(finite, 0, 1) * 255).round().astype(np.uint8)]


def stretch(values: NDArray[np.floating], low: float = 0.0, high: float = 100.0) -> NDArray[np.float32]:
    """Stretch between two percentiles to [0, 1]; a constant map becomes 0."""
    values = np.asarray(values, dtype=np.float32)
    if not values.size:
        return values.copy()
    bottom, top = np.percentile(values, [low, high])
    if not top > bottom:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - bottom) / (top - bottom), 0, 1), dtype=np.float32)


def grid_picture(
    grid: NDArray[np.generic],
    geometry: GridGeometry,
    *,
    smooth: bool = True,
    out_hw: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """A token map at image pixels.

    Args:
        grid: (rows, columns) values in [0, 1], shown through the colour scale, or (rows, columns, 3) uint8
            colours.
        geometry: Where the tokens lie.
        smooth: Between tokens, blend; otherwise every pixel takes the nearest token.
        out_hw: Size of the picture, the image's by default; only for smooth pictures.

    Returns:
        (height, width, 3) uint8.
    """
    if not smooth:
        whole = geometry.upsample_nearest(grid)
        return whole.astype(np.uint8) if grid.ndim == 3 else colour_values(whole.astype(np.float32))
    values = geometry.upsample(grid.astype(np.float32), out_hw=out_hw)
    return values.round().astype(np.uint8) if grid.ndim == 3 else colour_values(values)


def heat_overlay(
    rgb: NDArray[np.uint8],
    grid: NDArray[np.floating],
    geometry: GridGeometry,
    strength: float = 0.65,
) -> NDArray[np.uint8]:
    """A map of one value, in [0, 1], laid over the photograph: (height, width, 3) uint8.

    The photograph goes grey beneath, so that its own colours are not read as values.
    """
    grey = rgb @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    heat = grid_picture(grid, geometry, out_hw=(rgb.shape[0], rgb.shape[1])).astype(np.float32)
    return ((1 - strength) * grey[..., None] + strength * heat).round().astype(np.uint8)


def attention_pictures(
    feature_map: FeatureMap, *, smooth: bool = True, out_hw: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """What each head of the saliency layer attends to from the class token, each stretched to its own range.

    Returns:
        (heads, height, width, 3) uint8.

    Raises:
        UsageError: The features carry no attention (a convolutional network, or it was not asked for).
    """
    if feature_map.attention is None:
        raise UsageError(
            f"{feature_map.spec.model} gives no attention here",
            hint="Choose a vision transformer, and extract with saliency",
        )
    heads = [stretch(head, 0.0, 99.5) for head in feature_map.attention]
    return np.stack([grid_picture(head, feature_map.geometry, smooth=smooth, out_hw=out_hw) for head in heads])
