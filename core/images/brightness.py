"""How a photograph is brightened for viewing: never what is saved, measured or given to models.

A `Look` is relative to the range that an image is shown with by itself: 0 to 255, or for images of more than 8 bits the
range that `core.images.reading` stretches to 8 bits. Such images keep their samples beside, so that a look opens
their real range and not 256 steps of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.images.arrays import rows_at_a_time

MAX_GAMMA = 4.0
"""Gamma lies between the inverse of this and this."""
_OCTAVES = 10.0
"""Full contrast narrows the range by this power of two, the least widens it."""
_CODES = 65536
_SHARES = (0.5, 99.5)
"""Percentiles of what is seen that become black and white."""


@dataclass(frozen=True, slots=True)
class Look:
    """Brightness, contrast and gamma.

    Attributes:
        brightness: In [-1, 1]; 1 moves the shown range down by its own width.
        contrast: In [-1, 1]; 1 narrows the shown range to a 1024th, -1 widens it as much.
        gamma: Above 1 brightens what is dark.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        limits = ((-1.0, 1.0), (-1.0, 1.0), (1 / MAX_GAMMA, MAX_GAMMA))
        for name, (low, high) in zip(("brightness", "contrast", "gamma"), limits, strict=True):
            object.__setattr__(self, name, min(max(float(getattr(self, name)), low), high))

    @property
    def neutral(self) -> bool:
        """Whether nothing changes."""
        return self == Look()

    def window(self, low: float, high: float) -> tuple[float, float]:
        """Values shown black and white, of an image that is shown from `low` to `high` by itself."""
        span = high - low
        middle, half = (low + high) / 2 - self.brightness * span, span * 2 ** (-_OCTAVES * self.contrast) / 2
        return middle - half, middle + half

    def table(self, low: float, high: float, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """What is shown, 0 to 255, for each of some values."""
        black, white = self.window(low, high)
        share = np.clip((values - black) / max(white - black, 1e-12), 0, 1)
        return np.asarray(np.rint(share ** (1 / self.gamma) * 255), np.uint8)

    def table8(self) -> NDArray[np.uint8]:
        """(256,) what is shown for each level of an 8-bit image."""
        return self.table(0, 255, np.arange(256, dtype=np.float64))

    def text(self) -> str:
        """In words, empty where nothing changes: `brightness +20 %, gamma 1.4`."""
        words = [
            f"{name} {value:+.0%}".replace("%", " %")
            for name, value in (("brightness", self.brightness), ("contrast", self.contrast))
            if round(100 * value)
        ]
        return ", ".join([*words, *([f"gamma {self.gamma:.2g}"] if round(self.gamma, 2) != 1 else [])])


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The samples of an image of more than 8 bits.

    Attributes:
        codes: (height, width) or (height, width, 3) uint16.
        low, high: Sample values shown black and white by themselves.
        offset, step: A sample is `offset + step * code`; 0 and 1 for 16-bit images.
    """

    codes: NDArray[np.uint16]
    low: float
    high: float
    offset: float = 0.0
    step: float = 1.0

    @classmethod
    def of(
        cls,
        values: NDArray[np.generic],
        low: float,
        high: float,
        measured: Callable[[NDArray[np.generic]], NDArray[np.bool_]] = np.isfinite,
    ) -> Samples:
        """Keep samples of any type; other than 16 bits are spread over the codes.

        Args:
            values: The samples, as `codes` is shaped.
            low: The one shown black.
            high: The one shown white.
            measured: Tells which of some samples are numbers that were measured; the others become least.
        """
        if values.dtype == np.uint16:
            return cls(np.ascontiguousarray(values, np.uint16), low, high)
        blocks = list(rows_at_a_time(values.shape[0], values.shape[1]))
        least, most = math.inf, -math.inf
        for rows in blocks:
            known = values[rows][measured(values[rows])]
            if known.size:
                least, most = min(least, float(known.min())), max(most, float(known.max()))
        least, most = (least, most) if least <= most else (0.0, 1.0)
        whole = np.issubdtype(values.dtype, np.integer) and most - least < _CODES
        step = 1.0 if whole else max(most - least, 1e-12) / (_CODES - 1)
        codes = np.empty(values.shape, np.uint16)
        for rows in blocks:
            numbers = values[rows].astype(np.float64)
            codes[rows] = np.rint((np.where(measured(values[rows]), numbers, least) - least) / step)
        return cls(codes, low, high, least, step)

    def value(self, x: int, y: int) -> tuple[float, ...]:
        """The samples of a pixel, one for each channel."""
        return tuple(self.offset + self.step * float(code) for code in np.atleast_1d(self.codes[y, x]))

    def table(self, look: Look) -> NDArray[np.uint8]:
        """(65536,) what is shown for each code."""
        return look.table(self.low, self.high, self.offset + self.step * np.arange(_CODES, dtype=np.float64))


def seen_range(values: NDArray[np.unsignedinteger]) -> tuple[float, float]:
    """The range that almost all of some values lie in."""
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(each) for each in np.percentile(values, _SHARES))
    return low, high if high > low else low + 1


def look_for(black: float, white: float, low: float, high: float, gamma: float = 1.0) -> Look:
    """The look that shows values from `black` to `white`, as nearly as it can."""
    span = max(high - low, 1e-12)
    contrast = -math.log2(max(white - black, 1e-12) / span) / _OCTAVES
    return Look(((low + high) - (black + white)) / 2 / span, contrast, gamma)
