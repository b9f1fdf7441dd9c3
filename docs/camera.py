"""A short video without a camera: a view that goes over a photograph, and over its label map, and comes nearer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VIEW = (480, 270)
"""Width and height of the frames."""


def camera_path(photo_wh: tuple[int, int], count: int) -> Iterator[tuple[float, float, float, float]]:
    """(left, top, right, bottom) in the photograph's pixels for each of some frames: across, then nearer."""
    width, height = photo_wh
    for number in range(count):
        part = number / max(count - 1, 1)
        ease = part * part * (3 - 2 * part)
        across = width * (0.98 - 0.22 * ease)
        down = across * VIEW[1] / VIEW[0]
        left = (width - across) * (0.15 + 0.5 * ease)
        top = (height - down) * (0.55 + 0.25 * np.sin(2.2 * ease))
        yield left, top, left + across, top + down


def seen(picture: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """What the view shows of a photograph (H, W, 3), smoothly, or of a label map (H, W), exactly."""
    how = Image.Resampling.BICUBIC if picture.ndim == 3 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize(VIEW, how, box=box))
