"""What is looked at of one image: the whole, a window of it, either of them mirrored; and where their tokens lie.

A view's features know the pixels they were computed from. `View` composes that with the window's place and the flip,
so that everything outside speaks of original-image pixels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.project.points import Box

_BOX_MARGIN = 0.15
"""Margin around a box, as a share of its longer side: a box that hugs the object cuts off what is around a paw."""
_POINTS_MARGIN = 0.25
"""Margin around visible keypoints, which lie inside the object."""
_MIN_SHARE = 0.15
"""A window is at least this share of the image's longer side: nearer, there is nothing but blur to see."""


@dataclass(frozen=True, slots=True)
class ViewKey:
    """Which view of an image.

    Attributes:
        window: (left, top, right, bottom) pixels, half open, or None for the whole image.
        mirrored: Whether it is flipped left to right.
    """

    window: tuple[int, int, int, int] | None = None
    mirrored: bool = False

    def digest(self, image_sha256: str) -> str:
        """What features of this view are cached under; those of the plain image under its own digest."""
        if self.window is None and not self.mirrored:
            return image_sha256
        return hashlib.sha256(f"{image_sha256} window={self.window} mirrored={self.mirrored}".encode()).hexdigest()

    def cut(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The view's pixels: (height, width, 3) of an image -> (height, width, 3) of the window."""
        if self.window is not None:
            left, top, right, bottom = self.window
            rgb = rgb[top:bottom, left:right]
        return np.ascontiguousarray(rgb[:, ::-1]) if self.mirrored else rgb


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Features of a view.

    Attributes:
        key: Which view.
        features: Of the view's pixels, as they were fed: flipped for a mirrored view.
    """

    key: ViewKey
    features: FeatureMap

    def to_grid(self, xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) image xy -> (..., 2) real-valued token (row, column) in the view's grid."""
        local = np.array(xy, dtype=np.float64)
        if self.key.window is not None:
            local -= self.key.window[:2]
        if self.key.mirrored:
            local[..., 0] = self.features.geometry.image_hw[1] - 1 - local[..., 0]
        return self.features.geometry.image_to_grid(local)

    def to_image(self, rc: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) real-valued token (row, column) -> (..., 2) image xy."""
        xy = self.features.geometry.grid_to_image(rc)
        if self.key.mirrored:
            xy[..., 0] = self.features.geometry.image_hw[1] - 1 - xy[..., 0]
        if self.key.window is not None:
            xy += self.key.window[:2]
        return xy

    def tokens(self, tap: Tap | None) -> NDArray[np.float32]:
        """(rows, columns, D) float32 descriptors of unit length."""
        return l2_normalise(self.features.descriptors(tap))


def box_window(box: Box, image_hw: tuple[int, int], margin: float = _BOX_MARGIN) -> tuple[int, int, int, int] | None:
    """The window to look at for a box, widened by a margin and clipped to the image.

    Returns:
        (left, top, right, bottom), half open, or None (look at the whole image) when the box lies outside the image or
        the window would be all of it.
    """
    height, width = image_hw
    x, y, w, h = box
    grow = margin * max(w, h)
    short = (_MIN_SHARE * max(image_hw) - max(w, h) - 2 * grow) / 2
    grow += max(short, 0)
    left, top = max(int(np.floor(x + 0.5 - grow)), 0), max(int(np.floor(y + 0.5 - grow)), 0)
    right, bottom = min(int(np.ceil(x + 0.5 + w + grow)), width), min(int(np.ceil(y + 0.5 + h + grow)), height)
    outside = x + w <= -0.5 or y + h <= -0.5 or x >= width - 0.5 or y >= height - 0.5
    if outside or right - left < 2 or bottom - top < 2 or (left, top, right, bottom) == (0, 0, width, height):
        return None
    return left, top, right, bottom


def template_window(
    xy: NDArray[np.float64], visible: NDArray[np.bool_], box: Box | None, image_hw: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """The window that shows a template's instance: its box, or what its points span when there are enough of them."""
    if box is not None:
        return box_window(box, image_hw)
    points = xy[visible]
    if len(points) < 3:
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    return box_window((low[0] - 0.5, low[1] - 0.5, *(high - low + 1)), image_hw, _POINTS_MARGIN)


def mirrored_copy(key: ViewKey) -> ViewKey:
    """The same window, flipped."""
    return ViewKey(key.window, not key.mirrored)
