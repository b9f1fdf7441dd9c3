"""Colours for numbers: a perceptually even map for heat, and a wheel for positions."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtGui import QColor


@cache
def heat_table() -> NDArray[np.uint8]:
    """(256, 3) uint8, dark violet over red to light yellow; even in lightness, safe for the colour-blind."""
    import pyqtgraph as pg  # takes a while: not at the start

    table: NDArray[np.uint8] = pg.colormap.get("inferno").getLookupTable(0.0, 1.0, 256, alpha=False)
    return table[:, :3].astype(np.uint8)


@cache
def _heat_table_argb(opacity: float) -> NDArray[np.uint32]:
    colours = heat_table().astype(np.float64)
    alpha = np.full(256, opacity)
    values = np.rint(colours * alpha[:, None]).astype(np.uint32)
    whole = np.rint(alpha * 255).astype(np.uint32)
    out: NDArray[np.uint32] = whole << 24 | values[:, 0] << 16 | values[:, 1] << 8 | values[:, 2]
    return out


def heat_argb(values: NDArray[np.floating], low: float, high: float, opacity: float = 0.72) -> NDArray[np.uint32]:
    """(H, W) numbers -> (H, W) premultiplied 0xAARRGGBB; `low` is darkest, `high` lightest."""
    span = max(high - low, 1e-6)
    index = np.clip((values - low) * (255.0 / span), 0, 255).astype(np.uint8)
    out: NDArray[np.uint32] = _heat_table_argb(round(opacity, 3))[index]
    return out


def position_colours(xy: ArrayLike, image_hw: tuple[int, int]) -> list[QColor]:
    """A colour per point by where it lies: the hue goes round the image's centre, the middle is pale.

    Args:
        xy: (N, 2) image pixels.
        image_hw: Height and width of that image.
    """
    points = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    if len(points) == 0:
        return []
    centre = points.mean(axis=0)
    offset = (points - centre) / max(max(image_hw) / 2, 1)
    angle = np.mod(np.degrees(np.arctan2(offset[:, 1], offset[:, 0])) + 360, 360)
    radius = np.hypot(offset[:, 0], offset[:, 1])
    reach = max(float(radius.max()), 1e-6)
    return [QColor.fromHsvF(a / 360, 0.45 + 0.5 * min(r / reach, 1.0), 1.0) for a, r in zip(angle, radius, strict=True)]


def confidence_colour(share: float) -> QColor:
    """Orange for doubtful over yellow to blue-green for sure; `share` in [0, 1]."""
    stops = ((0.0, (240, 120, 50)), (0.5, (240, 220, 90)), (1.0, (60, 190, 170)))
    share = min(max(share, 0.0), 1.0)
    for (a, low), (b, high) in itertools.pairwise(stops):
        if share <= b:
            t = (share - a) / (b - a)
            return QColor(*(round(x + (y - x) * t) for x, y in zip(low, high, strict=True)))
    return QColor(*stops[-1][1])
