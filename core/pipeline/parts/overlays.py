"""Label maps drawn over photographs, for looking at results without the window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.palette import Colour


def label_borders(labels: NDArray[np.integer], width: int = 1) -> NDArray[np.bool_]:
    """(height, width) bool: pixels of a label within `width` pixels of another label or of background."""
    borders = np.zeros(labels.shape, dtype=np.bool_)
    for axis in (0, 1):
        for step in range(1, width + 1):
            ahead = np.roll(labels, -step, axis)
            differs = labels != ahead
            edge = [slice(None)] * 2
            edge[axis] = slice(labels.shape[axis] - step, None)
            differs[tuple(edge)] = False  # what was rolled in from the other end of the image
            borders |= differs | np.roll(differs, step, axis)
    return np.asarray(borders & (labels > 0))


def overlay(
    rgb: NDArray[np.uint8],
    labels: NDArray[np.integer],
    colours: Mapping[int, Colour],
    opacity: float = 0.5,
) -> NDArray[np.uint8]:
    """Parts as colours over the photograph, each with a border of its full colour; the rest a little darker.

    Args:
        rgb: (height, width, 3) uint8.
        labels: (height, width) part ids, 0 is background.
        colours: Colour of each part id that occurs.
        opacity: Of the fill, 0 to 1.

    Returns:
        (height, width, 3) uint8.
    """
    present = np.unique(labels)
    table = np.zeros((int(present.max(initial=0)) + 1, 3), dtype=np.float32)
    for part in present[present > 0]:
        table[part] = colours[int(part)]
    fill = table[labels]
    inside = (labels > 0)[..., None]
    picture = np.where(inside, rgb * (1 - opacity) + fill * opacity, rgb * 0.72)
    width = max(round(max(labels.shape) / 500), 1)
    borders = label_borders(labels, width)
    picture[borders] = fill[borders]
    return picture.round().astype(np.uint8)
