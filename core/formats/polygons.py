"""Outlines of masks and masks of outlines, exact in both directions.

Outlines run along pixel *edges*, in the corner convention ((0, 0) is the image's upper left corner): the mask of the
single pixel in row 2, column 5 is the square (5, 2) (6, 2) (6, 3) (5, 3). Filling an outline takes the pixels whose
centre lies inside, so that every mask comes back bit by bit. Pixels that touch only at a corner belong to different
pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ring = NDArray[np.float64]
"""(N, 2) xy corners of a closed line, the last joined to the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One connected piece of a mask.

    Attributes:
        outer: Its outer ring, clockwise on the screen.
        holes: Rings of its holes, anticlockwise.
        area: Its pixels.
    """

    outer: Ring
    holes: tuple[Ring, ...]
    area: int


def outlines(mask: NDArray[np.bool_]) -> list[Outline]:
    """The pieces of a (height, width) mask, from top to bottom."""
    from scipy import ndimage  # slow to import, and the window comes by here when it starts

    pieces, count = ndimage.label(mask)
    found = []
    for number, place in enumerate(ndimage.find_objects(pieces), start=1):
        if number > count:
            break
        rows, cols = place
        piece = pieces[place] == number
        offset = np.array([cols.start, rows.start], np.float64)
        rings = [ring + offset for ring in _rings(piece)]
        outer = [ring for ring in rings if ring_area(ring) > 0]
        holes = [ring for ring in rings if ring_area(ring) < 0]
        found.append(Outline(outer[0], tuple(holes), int(piece.sum())))
    return found


def ring_area(ring: ArrayLike) -> float:
    """Signed area in pixels: positive for a ring that runs clockwise on the screen."""
    xy = np.asarray(ring, np.float64)
    x, y = xy[:, 0], xy[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _rings(piece: NDArray[np.bool_]) -> list[Ring]:
    """Rings around the pixels of a mask, with the inside to the right."""
    padded = np.pad(piece, 1)
    after = _steps(padded)
    rings = []
    while after:
        start = next(iter(after))
        corner, ring = start, []
        heading: tuple[int, int] | None = None
        while True:
            options = after[corner]
            if len(options) == 1 or heading is None:
                end = options.pop()
            else:
                # Two pieces of the outline meet at this corner: turn right, around the same pixel.
                right = (-heading[1], heading[0])
                end = next(o for o in options if (np.sign(o[0] - corner[0]), np.sign(o[1] - corner[1])) == right)
                options.remove(end)
            if not options:
                del after[corner]
            ring.append(corner)
            heading = (int(np.sign(end[0] - corner[0])), int(np.sign(end[1] - corner[1])))
            corner = end
            if corner == start:
                break
        rings.append(np.array(ring, np.float64))
    return rings


def _steps(padded: NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Straight pieces of the outline of a mask that is padded by one pixel: from each corner, where it leads.

    Corners are xy in the frame of the mask without padding.
    """
    after: dict[tuple[int, int], list[tuple[int, int]]] = {}
    grid = padded.astype(np.int8)
    # Along rows of corners: +1 where the pixel below is inside and that above is not (run to the right), -1 the other
    # way.
    for line, start, end, sign in _straight(grid[1:] - grid[:-1]):
        a, b = (start - 1, line), (end - 1, line)
        after.setdefault(a if sign > 0 else b, []).append(b if sign > 0 else a)
    # Along columns of corners: +1 where the pixel to the right is inside (run up), -1 the other way (run down).
    for line, start, end, sign in _straight((grid[:, 1:] - grid[:, :-1]).T):
        a, b = (line, start - 1), (line, end - 1)
        after.setdefault(b if sign > 0 else a, []).append(a if sign > 0 else b)
    return after


def _straight(edges: NDArray[np.int8]) -> Iterator[tuple[int, int, int, int]]:
    """(line, start, end, sign) of the runs of equal non-zero values along the rows of an array."""
    flat = np.zeros((edges.shape[0], edges.shape[1] + 1), np.int8)
    flat[:, :-1] = edges
    values = flat.reshape(-1)
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    ends = np.append(starts[1:], values.size)
    inside = values[starts] != 0
    width = flat.shape[1]
    lines, firsts = np.divmod(starts[inside], width)
    lasts = firsts + (ends[inside] - starts[inside])
    yield from zip(
        lines.tolist(), firsts.tolist(), lasts.tolist(), values[starts[inside]].astype(int).tolist(), strict=True
    )


def keyhole(outline: Outline) -> Ring:
    """One ring for a piece with holes: each hole is joined to the rest by a seam of no width, run both ways.

    For formats that know no holes. Filling it gives the same mask.
    """
    ring = outline.outer
    for hole in sorted(outline.holes, key=lambda h: float(h[:, 0].min())):
        apart = np.abs(ring[:, None] - hole[None]).sum(axis=-1) if len(ring) * len(hole) < 4_000_000 else None
        if apart is None:
            i, j = int(np.abs(ring - hole[0]).sum(axis=1).argmin()), 0
        else:
            i, j = (int(v) for v in np.unravel_index(int(apart.argmin()), apart.shape))
        around = np.concatenate([hole[j:], hole[: j + 1]])
        ring = np.concatenate([ring[: i + 1], around, ring[i:]])
    return ring


def fill_rings(rings: Sequence[ArrayLike], hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(height, width) mask of the pixels whose centre is inside an odd number of rings.

    A centre exactly on a line belongs to the side below or to the right, so that polygons that share a line share no
    pixel.

    Args:
        rings: (N, 2) xy each, in the corner convention; may reach outside the image.
        hw: Height and width in pixels.
    """
    height, width = hw
    toggles = np.zeros((height, width + 1), np.bool_)
    for ring in rings:
        xy = np.asarray(ring, np.float64).reshape(-1, 2)
        if len(xy) < 3 or not np.isfinite(xy).all():
            continue
        _toggle(toggles, xy, np.roll(xy, -1, axis=0))
    return np.logical_xor.accumulate(toggles[:, :width], axis=1) if width else toggles[:, :0]


def _toggle(toggles: NDArray[np.bool_], start: Ring, end: Ring) -> None:
    """Flip, in every row that an edge crosses, the pixel from which on the edge is to the left."""
    height, width = toggles.shape[0], toggles.shape[1] - 1
    top, bottom = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(top - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(bottom - 0.5), 0, height).astype(np.int64)  # half open: a shared corner counts once
    lengths = last - first
    edge = np.repeat(np.arange(len(start)), lengths)
    if edge.size == 0:
        return
    rows = np.arange(edge.size) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[edge]
    slope = (end[edge, 0] - start[edge, 0]) / (end[edge, 1] - start[edge, 1])
    x = start[edge, 0] + (rows + 0.5 - start[edge, 1]) * slope
    cols = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    np.logical_xor.at(toggles, (rows, cols), True)
