"""Brush and eraser: pointer positions to the pixels that a stroke newly covers.

A pixel belongs to a stroke when its centre (an integer) is at most `radius` away from the path, in Euclidean distance
for a round tip and in the larger of both axes for a square one. Between two positions the path is straight, so the tip
covers a convex shape: one run per row, found in closed form. That is why a move costs the rows it touches and the
pixels of its own box, however large the image is. Two exceptions keep a fine tip visible: the pixels that the ends of a
segment lie in always belong to it, and a radius below half a pixel counts as half a pixel, which leaves no gap on any
slope.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.project.model import Box4
from counterpart.core.tools.region import Region, clip_box

TipShape = Literal["round", "square"]

_EPS = 1e-9
"""Slack that keeps pixels at exactly the radius inside whatever the rounding."""
_FLATNESS = 0.25
"""How far a smoothed path may stray from its curve, pixels."""

XY = tuple[float, float]


class StrokeRasteriser:
    """The moving tip of a brush or an eraser.

    Args:
        radius: Of the tip, image pixels.
        shape: Outline of the tip; a square one has sides of twice the radius.
        hw: (height, width) of the image.
        smooth: Bend the path through the pointer's positions, instead of straight lines between them. The curve reaches
            half way to the newest position; `finish` draws the rest.
    """

    def __init__(self, radius: float, shape: TipShape, hw: tuple[int, int], *, smooth: bool = False) -> None:
        if not (math.isfinite(radius) and radius >= 0):
            raise ValueError(f"a radius of {radius}")
        self.radius = radius
        self.shape: TipShape = shape
        self.hw = hw
        self.smooth = smooth
        self._last: XY | None = None
        self._middle: XY | None = None

    @property
    def position(self) -> XY | None:
        """Where the tip is, None before the stroke begins."""
        return self._last

    def move_to(self, xy: ArrayLike) -> Region:
        """Carry the tip to an image position, or set it down where the stroke begins.

        Args:
            xy: (2,) image pixels; may lie outside the image.

        Returns:
            The pixels covered since the last position, in a box that hugs them and is clipped to the image. Pixels that
            an earlier part of the stroke covered may be among them.
        """
        here = _point(xy)
        if self._last is None:
            self._last = here
            return self._segment(here, here)
        before, self._last = self._last, here
        if not self.smooth:
            return self._segment(before, here)
        start = before if self._middle is None else self._middle
        self._middle = ((before[0] + here[0]) / 2, (before[1] + here[1]) / 2)
        return self._curve(start, before, self._middle)

    def follow(self, path: Iterable[ArrayLike]) -> Region:
        """Carry the tip through several positions, such as the events that came in one frame."""
        covered = Region.nothing()
        for xy in path:
            covered = covered.united(self.move_to(xy))
        return covered

    def line_to(self, xy: ArrayLike) -> Region:
        """Carry the tip straight to a position, whatever `smooth` says (a click with Shift held)."""
        rest = self.finish()
        begin = self._last
        self._last = _point(xy)
        return rest.united(self._segment(begin or self._last, self._last))

    def finish(self) -> Region:
        """End a smoothed stroke: the pixels between the curve and the last position; nothing for straight ones."""
        middle, self._middle = self._middle, None
        if middle is None or self._last is None:
            return Region.nothing()
        return self._segment(middle, self._last)

    def lift(self) -> None:
        """Take the tip off: the next position begins a new stroke."""
        self._last = self._middle = None

    def _segment(self, start: XY, end: XY) -> Region:
        return segment_region(start, end, self.radius, self.shape, self.hw)

    def _curve(self, start: XY, control: XY, end: XY) -> Region:
        """A quadratic Bézier curve, in pieces short enough to be straight."""
        bend = math.hypot(start[0] - 2 * control[0] + end[0], start[1] - 2 * control[1] + end[1])
        pieces = min(max(math.ceil(math.sqrt(bend / (4 * _FLATNESS))), 1), 64)
        covered = Region.nothing()
        last = start
        for step in range(1, pieces + 1):
            t = step / pieces
            here = (
                (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * control[0] + t**2 * end[0],
                (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * control[1] + t**2 * end[1],
            )
            covered = covered.united(self._segment(last, here))
            last = here
        return covered


def segment_region(start: ArrayLike, end: ArrayLike, radius: float, shape: TipShape, hw: tuple[int, int]) -> Region:
    """Pixels within `radius` of a straight segment.

    Args:
        start: (2,) xy, image pixels.
        end: (2,) xy, image pixels.
        radius: Image pixels.
        shape: Which distance; see the module.
        hw: (height, width) of the image.

    Returns:
        Clipped to the image.
    """
    (x0, y0), (x1, y1) = _point(start), _point(end)
    reach = max(radius, 0.5)
    box: Box4 = (
        math.ceil(min(y0, y1) - reach - 1),
        math.ceil(min(x0, x1) - reach - 1),
        math.floor(max(y0, y1) + reach + 1) + 1,
        math.floor(max(x0, x1) + reach + 1) + 1,
    )
    top, left, bottom, right = clip_box(box, (0, 0, *hw))
    if top >= bottom or left >= right:
        return Region.nothing()
    rows = np.arange(top, bottom, dtype=np.float64)
    spans = _round_spans if shape == "round" else _square_spans
    low, high = spans(rows, (x0, y0), (x1, y1), reach)
    for x, y in ((x0, y0), (x1, y1)):
        row = math.floor(y + 0.5) - top
        if 0 <= row < len(rows):
            low[row] = min(low[row], math.floor(x + 0.5))
            high[row] = max(high[row], math.floor(x + 0.5))
    return _filled(low, high, top, left, right)


def _filled(low: NDArray[np.float64], high: NDArray[np.float64], top: int, left: int, right: int) -> Region:
    """Runs of real-valued ends, one per row, as a region of whole pixels."""
    first = np.ceil(np.clip(low, left - 1, right + 1) - _EPS).astype(np.int32)
    last = np.floor(np.clip(high, left - 1, right + 1) + _EPS).astype(np.int32)
    used = np.flatnonzero((first <= last) & (last >= left) & (first < right))
    if used.size == 0:
        return Region.nothing()
    begin, end = int(used[0]), int(used[-1]) + 1
    first, last = first[begin:end, None], last[begin:end, None]
    x0, x1 = max(int(first[used - begin].min()), left), min(int(last[used - begin].max()) + 1, right)
    columns = np.arange(x0, x1, dtype=np.int32)
    mask = columns >= first
    mask &= columns <= last
    return Region((top + begin, x0, top + end, x1), mask)


def _round_spans(
    rows: NDArray[np.float64], start: XY, end: XY, radius: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Run of each row in the hull of two discs: the discs, and the two lines that touch both."""
    low, high = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    for x, y in (start, end):
        across = radius**2 - (rows - y) ** 2
        half = np.sqrt(np.maximum(across, 0))
        _widen(low, high, across >= -_EPS * radius, x - half, x + half)
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    if length > 0:
        nx, ny = -dy / length * radius, dx / length * radius
        for sign in (1, -1):
            shift = (sign * nx, sign * ny)
            _side(rows, low, high, (start[0] + shift[0], start[1] + shift[1]), (dx, dy))
    return low, high


def _square_spans(
    rows: NDArray[np.float64], start: XY, end: XY, radius: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Run of each row in the hull of two squares: the squares, and the lines between like corners."""
    low, high = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    for x, y in (start, end):
        _widen(low, high, np.abs(rows - y) <= radius + _EPS, x - radius, x + radius)
    step = (end[0] - start[0], end[1] - start[1])
    for right in (-radius, radius):
        for down in (-radius, radius):
            _side(rows, low, high, (start[0] + right, start[1] + down), step)
    return low, high


def _side(rows: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], start: XY, step: XY) -> None:
    """Widen the runs to a straight side of the shape. A level side lies in one row, whose ends the tips have."""
    if abs(step[1]) < _EPS:
        return
    along = (rows - start[1]) / step[1]
    x = start[0] + along * step[0]
    _widen(low, high, (along >= 0) & (along <= 1), x, x)


def _widen(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    where: NDArray[np.bool_],
    left: NDArray[np.float64] | float,
    right: NDArray[np.float64] | float,
) -> None:
    np.minimum(low, left, out=low, where=where)
    np.maximum(high, right, out=high, where=where)


def _point(xy: ArrayLike) -> XY:
    x, y = np.asarray(xy, dtype=np.float64)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"a position of ({x}, {y})")
    return float(x), float(y)
