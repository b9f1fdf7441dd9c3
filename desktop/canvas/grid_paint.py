"""Colours on the token grid laid over an image: views of the feature space, patches that are selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from counterpart.core.geometry import GridGeometry
from counterpart.desktop.widgets.qimage import argb_to_qimage

_VEIL = 0.62
_LABELS = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class GridPaint:
    """Colours over an image, one per token.

    Attributes:
        rgba: (rows, columns, 4) uint8, not premultiplied.
        geometry: Where the tokens lie.
        smooth: Whether colours blend between tokens.
        peak: Image xy that is marked with a ring, or None.
    """

    rgba: NDArray[np.uint8]
    geometry: GridGeometry
    smooth: bool = True
    peak: tuple[float, float] | None = None


def tinted(colours: NDArray[np.uint8], geometry: GridGeometry, opacity: float, *, smooth: bool) -> GridPaint:
    """(rows, columns, 3) uint8 colours at one opacity, in [0, 1]."""
    alpha = np.full((*colours.shape[:2], 1), round(255 * opacity), dtype=np.uint8)
    return GridPaint(np.concatenate([colours, alpha], axis=-1), geometry, smooth)


def labelled(
    grids: Mapping[int, tuple[NDArray[np.integer], GridGeometry]], tints: Mapping[int, tuple[int, int, int]]
) -> dict[int, GridPaint]:
    """Labels of images in their colours; labels without one, as those of parts that were deleted, are not drawn."""
    most = max((int(labels.max(initial=0)) for labels, _ in grids.values()), default=0)
    table = np.zeros((max(most, *tints, 0) + 1, 4), dtype=np.uint8)
    for label, tint in tints.items():
        table[label] = (*tint, round(255 * _LABELS))
    return {image: GridPaint(table[labels], geometry, smooth=False) for image, (labels, geometry) in grids.items()}


def lit(
    tokens: NDArray[np.bool_],
    geometry: GridGeometry,
    colour: tuple[int, int, int],
    peak: tuple[float, float] | None = None,
) -> GridPaint:
    """Some tokens stand out in a colour, the rest of the image lies under a dark veil."""
    rgba = np.zeros((*tokens.shape, 4), dtype=np.uint8)
    rgba[..., 3] = round(255 * _VEIL)
    rgba[tokens] = (*colour, 48)
    return GridPaint(rgba, geometry, smooth=False, peak=peak)


def grid_picture(paint: GridPaint, longest: int) -> QImage:
    """The colours as a picture of the whole image, its longest side at most `longest` pixels."""
    height, width = paint.geometry.image_hw
    shrink = min(longest / max(height, width), 1.0)
    out = (max(round(height * shrink), 1), max(round(width * shrink), 1))
    whole = paint.rgba.astype(np.float32)
    whole[..., :3] *= whole[..., 3:] / 255  # premultiplied before it is blended: no fringes
    if paint.smooth:
        pixels = paint.geometry.upsample(whole, out_hw=out)
    else:
        pixels = paint.geometry.upsample_nearest(whole, out).astype(np.float32)
    red, green, blue, alpha = np.moveaxis(np.rint(pixels).astype(np.uint32), -1, 0)
    return argb_to_qimage(alpha << 24 | red << 16 | green << 8 | blue)
