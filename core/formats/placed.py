"""Where a record of a file belongs: which photograph, of which size, and how the record's places lie on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.images.orientation import SIDEWAYS, UPRIGHT, turn_pixels, turn_points

_Pixel = TypeVar("_Pixel", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a name in a file.

    Attributes:
        given: The name as the file has it.
        name: What the image is called: by the project where it is one of the project's, else by the file.
        image: Id of the project's image, 0 where it is not one of the project's.
        file: The photograph, None where it was not found.
        hw: Upright (height, width) of the photograph: the frame of everything that a reader hands on. (0, 0) while
            nothing tells it.
        declared: (height, width) that the file gives, or `hw` where it gives none: the frame of what stands in it.
        turn: Orientation that takes places of the file to upright ones.
        sure: Whether the name was found as it is written. Otherwise only the last part of it was the same.
        problem: Why the record has to be left out; empty where nothing is wrong.
        note: What was taken otherwise than the file says; empty for nothing.
    """

    given: str
    name: str
    image: int = 0
    file: Path | None = None
    hw: tuple[int, int] = (0, 0)
    declared: tuple[int, int] = (0, 0)
    turn: int = UPRIGHT
    sure: bool = True
    problem: str = ""
    note: str = ""

    def points(self, xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) xy of the file -> of the upright photograph; both in the corner convention."""
        turned = turn_points(xy, self.declared, self.turn)
        seen = self.declared[::-1] if self.turn in SIDEWAYS else self.declared
        if seen == self.hw or min(*seen, *self.hw) <= 0:
            return turned
        return turned * [self.hw[1] / seen[1], self.hw[0] / seen[0]]

    def mask(self, pixels: NDArray[_Pixel]) -> NDArray[_Pixel]:
        """(height, width) values of the file, of the declared size -> of the upright photograph, nearest ones."""
        turned = turn_pixels(pixels, self.turn)
        if turned.shape == self.hw or min(self.hw) <= 0:
            return np.ascontiguousarray(turned)
        rows, cols = (
            np.minimum(((np.arange(side) + 0.5) * had / side).astype(np.int64), had - 1)
            for side, had in zip(self.hw, turned.shape, strict=True)
        )
        return np.ascontiguousarray(turned[rows[:, None], cols])


def fit(
    declared: tuple[int, int], hw: tuple[int, int], orientation: int, extent: tuple[float, float] | None
) -> tuple[tuple[int, int], int, str, str]:
    """How what was drawn in a picture of a declared size lies on the photograph.

    Args:
        declared: (height, width) that the file gives.
        hw: Upright (height, width) of the photograph.
        orientation: Exif orientation of its file.
        extent: Largest x and y among the places of the record, where they may be of the upright picture although the
            size is not; None where the record's pixels themselves have the declared size.

    Returns:
        (height, width) of the frame that the places are in, orientation to turn it by, what to say, and why it does not
        fit. The last two may be empty.
    """
    shown, given = f"{hw[1]} x {hw[0]}", f"{declared[1]} x {declared[0]}"
    if declared == hw:
        return declared, UPRIGHT, "", ""
    if _same_picture(declared, hw):
        return declared, UPRIGHT, f"it is drawn on a picture of {given} pixels; scaled to the photograph's {shown}", ""
    if orientation in SIDEWAYS and _same_picture(declared, hw[::-1]):
        # Programs that show pictures upright may still write down the size as it is stored.
        if extent is not None and (extent[0] <= declared[0] + 0.5 and extent[1] <= declared[1] + 0.5):
            return (
                declared[::-1],
                UPRIGHT,
                f"its size {given} is that of the stored, unturned photograph; taken as {shown}",
                "",
            )
        return declared, orientation, f"it is drawn on the unturned photograph ({given}); turned upright ({shown})", ""
    return declared, UPRIGHT, "", f"the file says that it is {given} pixels, the photograph is {shown}"


def _same_picture(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether one size is the other scaled, rounding allowed for."""
    scale = b[1] / a[1]
    return abs(b[0] - scale * a[0]) <= max(1.0, scale)
