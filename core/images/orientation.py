"""How a photograph is turned: the Exif orientation of its file, and what it does to places and masks."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Pixel = TypeVar("_Pixel", bound=np.generic)

UPRIGHT = 1
"""The orientation of a picture that is stored as it is seen."""
SIDEWAYS = frozenset({5, 6, 7, 8})
"""Orientations that exchange width and height."""


def known_orientation(declared: object) -> int:
    """What a file declares, where it is one of the eight; 1 else."""
    return int(declared) if isinstance(declared, int) and 1 <= declared <= 8 else UPRIGHT


def turn_points(xy: ArrayLike, stored_hw: tuple[int, int], orientation: int) -> NDArray[np.float64]:
    """(..., 2) xy in a stored picture -> in the upright one. Corner convention: (0, 0) is the picture's corner.

    Args:
        xy: Places in the picture as it is stored.
        stored_hw: Its height and width as stored, in the unit of `xy`.
        orientation: As Exif numbers them, 1 to 8.
    """
    points = np.asarray(xy, np.float64)
    x, y = points[..., 0], points[..., 1]
    height, width = stored_hw
    left, up = width - x, height - y
    seen = {1: (x, y), 2: (left, y), 3: (left, up), 4: (x, up), 5: (y, x), 6: (up, x), 7: (up, left), 8: (y, left)}
    return np.stack(seen[orientation], axis=-1)


def turn_pixels(stored: NDArray[_Pixel], orientation: int) -> NDArray[_Pixel]:
    """A stored (height, width, ...) array as it is seen upright."""
    if orientation in SIDEWAYS:
        stored = np.swapaxes(stored, 0, 1)
    flip_rows = orientation in {3, 4, 7, 8}
    flip_columns = orientation in {2, 3, 6, 7}
    return stored[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
