"""A label map that shapes of a file are painted on, one over the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.formats.placed import Placed
from counterpart.core.formats.polygons import Patch, fill_patch
from counterpart.core.images.orientation import UPRIGHT
from counterpart.core.project.model import Labels
from counterpart.core.project.tiles import PackedLabels, pack_labels


class Canvas:
    """The labels of one photograph while its shapes are painted, each within its own box.

    Shapes come in the frame of the file, in the corner convention, and land on the upright photograph.

    Args:
        placed: The photograph; its size is known.

    Attributes:
        covered: Pixels of one part that a later shape of another took.
    """

    def __init__(self, placed: Placed) -> None:
        self.covered = 0
        self._placed = placed
        self._labels: Labels = np.zeros(placed.hw, np.uint16)
        self._painted = False

    def ring(self, xy: ArrayLike, part: int) -> None:
        """Paint the inside of a closed line of (N, 2) xy."""
        self.patch(fill_patch([self._placed.points(xy)], self._placed.hw), part)

    def patch(self, patch: Patch, part: int, *, under: bool = False) -> None:
        """Paint a mask on the photograph; with `under`, what is there already stays, as single objects in a crowd."""
        there = self._labels[patch.place]
        pixels = patch.pixels
        if there.any():
            if under:
                pixels = pixels & (there == 0)
            self.covered += int(np.count_nonzero(pixels & (there != 0) & (there != part)))
        there[pixels] = part
        self._painted = True

    def ellipse(self, centre: Sequence[float], radii: Sequence[float], part: int, degrees: float = 0) -> None:
        """Paint the pixels whose centres lie in an ellipse, its rim included; turned clockwise as it is seen."""
        height, width = self._placed.declared
        reach = max(radii) + 1
        left, right = (int(np.clip(centre[0] + side * reach, 0, width)) for side in (-1, 1))
        top, bottom = (int(np.clip(centre[1] + side * reach, 0, height)) for side in (-1, 1))
        yy, xx = np.mgrid[top:bottom, left:right] + 0.5
        angle = np.deg2rad(degrees)
        dx, dy = xx - centre[0], yy - centre[1]
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        if min(radii) > 0:
            inside = (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1 + 1e-12
            self.pixels(np.asarray(inside), top, left, part)
        else:
            self._painted = True

    def pixels(self, mask: NDArray[np.bool_], top: int, left: int, part: int) -> None:
        """Paint a mask whose upper left pixel is that of row `top` and column `left`; it lies within the picture."""
        hw = self._placed.declared
        patch = Patch(top, left, mask)
        upright = hw == self._placed.hw and self._placed.turn == UPRIGHT
        self.patch(patch if upright else Patch(0, 0, self._placed.mask(patch.on(hw))), part)

    def packed(self) -> PackedLabels | None:
        """What was painted; None where nothing was."""
        return pack_labels(self._labels) if self._painted else None
