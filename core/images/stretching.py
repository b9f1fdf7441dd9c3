"""From samples of any depth to what is shown: 8-bit RGB, by blocks of rows, so that large images need no copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.images.arrays import rows_at_a_time
from counterpart.core.images.orientation import turn_pixels

_EXACT = 1 << 26
"""Up to this many samples the range is that of all of them; above, of evenly spread ones."""
_SHARES = (0.1, 99.9)
"""Percentiles of the samples that become black and white."""


@dataclass(frozen=True, slots=True, eq=False)
class Deep:
    """The samples of an image as they are in the file, upright.

    Attributes:
        values: (height, width) grey or (height, width, 3) colours of any real type; may be a view.
        missing: Sample that means "nothing was measured here", if the file names one.
        alpha: (height, width) uint8 opacity, or None.
        white: Where samples have a fixed meaning, the one that is white, 0 being black; None: they are stretched.
        note: What of the file is not shown, in words; empty where all of it is.
    """

    values: NDArray[np.generic]
    missing: float | None = None
    alpha: NDArray[np.uint8] | None = None
    white: float | None = None
    note: str = ""

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.values.shape[0], self.values.shape[1]

    def turned(self, orientation: int) -> Deep:
        """It, turned as an Exif orientation says."""
        alpha = None if self.alpha is None else turn_pixels(self.alpha, orientation)
        return Deep(turn_pixels(self.values, orientation), self.missing, alpha, self.white, self.note)

    def measured(self, values: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Which of some of its values are numbers that were measured."""
        finite: NDArray[np.bool_] = np.isfinite(values)
        return finite if self.missing is None else finite & np.not_equal(values, self.missing)

    def range(self) -> tuple[float, float]:
        """The samples that are shown black and white."""
        if self.white is not None:
            return 0.0, self.white
        step = -(-self.values.size // _EXACT)
        values, alpha = self.values[::step], None if self.alpha is None else self.alpha[::step]
        if alpha is not None and alpha.any():
            values = values[alpha > 0]  # transparent pixels often hide arbitrary values
        numbers = values[self.measured(values)].astype(_working(values.dtype))
        if not numbers.size:
            return 0.0, 1.0
        low, high = (float(each) for each in np.percentile(numbers, _SHARES))
        if high <= low:
            low, high = float(numbers.min()), float(max(numbers.max(), numbers.min() + 1))
        return low, high

    def rgb(self, low: float, high: float) -> NDArray[np.uint8]:
        """(height, width, 3) uint8: samples from `low` to `high` from black to white; black where none was measured.

        What is transparent is laid on white.
        """
        out = np.empty((*self.hw, 3), np.uint8)
        for rows in rows_at_a_time(*self.hw):
            block = self.values[rows]
            known = self.measured(block)
            values = (block if known.all() else np.where(known, block, low)).astype(_working(block.dtype))
            scaled = np.clip((values - np.float64(low)) * (255.0 / (high - low)), 0, 255).round().astype(np.uint8)
            out[rows] = scaled if scaled.ndim == 3 else scaled[..., None]
            if self.alpha is not None:
                share = self.alpha[rows][..., None].astype(np.float32) / 255
                out[rows] = np.rint(out[rows] * share + 255 * (1 - share))
        return out


def _working(dtype: np.dtype[np.generic]) -> np.dtype[np.floating]:
    return np.dtype(np.float64) if dtype.kind == "f" and dtype.itemsize > 4 else np.dtype(np.float32)
