"""Masks of a file painted into one label map, each within its own box; what one covers of another is counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from counterpart.core.formats.polygons import Patch
from counterpart.core.project.tiles import PackedLabels, pack_labels


class Painting:
    """The label map of an image while masks are painted into it, one after another.

    Args:
        hw: Height and width of the photograph.

    Attributes:
        labels: (height, width) uint16 parts so far.
        covered: Pixels of one part that a mask of another was painted over.
        drawn: Whether any mask was painted, even an empty one.
    """

    def __init__(self, hw: tuple[int, int]) -> None:
        self.labels: NDArray[np.uint16] = np.zeros(hw, np.uint16)
        self.covered = 0
        self.drawn = False

    def paint(self, patch: Patch, part: int, *, under: bool = False) -> None:
        """Give the pixels of a mask to a part.

        Args:
            patch: The mask.
            part: The part.
            under: Whether what is there already stays, as single objects do within a crowd.
        """
        there = self.labels[patch.place]
        pixels = patch.pixels
        if there.any():
            if under:
                pixels = pixels & (there == 0)
            self.covered += int(np.count_nonzero(pixels & (there != 0) & (there != part)))
        there[pixels] = part
        self.drawn = True

    def packed(self) -> PackedLabels | None:
        """The labels; None where no mask was painted."""
        return pack_labels(self.labels) if self.drawn else None
