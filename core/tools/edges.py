"""Joining coarse maps to the edges of a photograph, at a working size and at the pixels of any window.

The guided filter (He, Sun, Tang, ECCV 2010; fast form 2015) in two steps, as tools need it: what depends on the
photograph alone is worked out once, so that a new map costs a few box filters; and the fitted local models can be
applied to a small window of full-size pixels, so that an image of any size gives sharp edges where someone looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import resize_rgb
from counterpart.core.project.model import Box4


def working_frame(image_hw: tuple[int, int], longest: int) -> GridGeometry:
    """The frame of an image reduced to at most `longest` pixels on its longest side; its tokens are pixels."""
    scale = min(longest / max(image_hw), 1.0)
    hw = max(round(image_hw[0] * scale), 1), max(round(image_hw[1] * scale), 1)
    return GridGeometry(image_hw, hw, 1, 1, hw)


@dataclass(frozen=True, slots=True, eq=False)
class LocalModels:
    """Linear models from colour to value, one for each working pixel.

    Attributes:
        frame: Where the working pixels lie.
        slopes: (h, w, 3) float32, value per unit of colour, colours in 0..1.
        offsets: (h, w) float32.
    """

    frame: GridGeometry
    slopes: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def at_pixels(self, rgb: NDArray[np.uint8], window: Box4) -> NDArray[np.float32]:
        """Values at the pixels of a window of the full-size photograph (H, W, 3): float32 of the box's size."""
        top, left, bottom, right = window
        colours = rgb[top:bottom, left:right].astype(np.float32) / np.float32(255)
        slopes, offsets = self.frame.upsample(self.slopes, window), self.frame.upsample(self.offsets, window)
        return np.asarray(np.einsum("hwc,hwc->hw", slopes, colours) + offsets, np.float32)


class EdgeGuide:
    """A photograph prepared to guide maps.

    Args:
        rgb: (H, W, 3) uint8.
        longest: Longest side of the working size, pixels.
        radius: Of the windows, working pixels.
        eps: Regularisation, in squared units of colours in 0..1; larger smooths more.
    """

    def __init__(self, rgb: NDArray[np.uint8], longest: int = 512, radius: int = 6, eps: float = 1e-3) -> None:
        self.rgb = rgb
        self.frame = working_frame((rgb.shape[0], rgb.shape[1]), longest)
        self._radius = radius
        small = resize_rgb(rgb, self.frame.grid_hw)
        self.small: NDArray[np.uint8] = small
        self._colours = small.astype(np.float32) / np.float32(255)
        self._mean = self._box(self._colours)
        self._inverse = self._inverse_covariance(eps)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of the working size."""
        return self.frame.grid_hw

    def fit(self, values: NDArray[np.floating]) -> LocalModels:
        """Fit local models to (h, w) values at the working size."""
        level = np.asarray(values, np.float32)
        mean = self._box(level)
        covariance = self._box(self._colours * level[..., None]) - self._mean * mean[..., None]
        slopes = multiply_symmetric(self._inverse, covariance)
        offsets = mean - np.einsum("hwc,hwc->hw", slopes, self._mean)
        return LocalModels(self.frame, self._box(slopes), self._box(offsets))

    def apply(self, models: LocalModels) -> NDArray[np.float32]:
        """(h, w) float32 values of local models at the working size."""
        return np.asarray(np.einsum("hwc,hwc->hw", models.slopes, self._colours) + models.offsets, np.float32)

    def _box(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        side = 2 * self._radius + 1
        # Only reflection works on images narrower than the window as well.
        out = cv2.boxFilter(np.ascontiguousarray(values), -1, (side, side), borderType=cv2.BORDER_REFLECT)
        return np.asarray(out, np.float32).reshape(values.shape)

    def _inverse_covariance(self, eps: float) -> list[NDArray[np.float32]]:
        """Six maps: the upper triangle of the inverse of the colours' covariance in each window, by cofactors."""
        mean = self._mean

        def moment(i: int, j: int) -> NDArray[np.float32]:
            product = self._box(self._colours[..., i] * self._colours[..., j])
            return product - mean[..., i] * mean[..., j] + np.float32(eps if i == j else 0)

        return invert_symmetric([moment(i, j) for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))])


def invert_symmetric(matrices: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Inverses of symmetric 3 x 3 matrices, one for each pixel, by cofactors.

    Args:
        matrices: Maps of the six entries of the upper triangle, row by row.

    Returns:
        Maps of the same entries of the inverses.
    """
    rr, rg, rb, gg, gb, bb = matrices
    cofactors = [
        gg * bb - gb * gb,
        gb * rb - rg * bb,
        rg * gb - gg * rb,
        rr * bb - rb * rb,
        rb * rg - rr * gb,
        rr * gg - rg * rg,
    ]
    determinant = rr * cofactors[0] + rg * cofactors[1] + rb * cofactors[2]
    return [np.asarray(each / determinant, np.float32) for each in cofactors]


def multiply_symmetric(matrices: Sequence[NDArray[np.float32]], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Products of symmetric matrices, as in `invert_symmetric`, with (h, w, 3) vectors."""
    a, b, c, d, e, f = matrices
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z], axis=-1)
