"""Outlines of masks and masks of outlines, exact in both directions.

Outlines run along pixel *edges*, in the corner convention ((0, 0) is the image's upper left corner): the mask of the
single pixel in row 2, column 5 is the square (5, 2) (6, 2) (6, 3) (5, 3). Filling an outline takes the pixels whose
centre lies inside, so that every mask comes back bit by bit. Pixels that touch only at a corner belong to different
pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.project.model import mask_bbox

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


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A mask within its own box: a small shape on a large photograph costs what the shape costs.

    Attributes:
        top: Row of the box's first pixels in the image.
        left: Their column.
        pixels: (height, width) bool of the box.
    """

    top: int
    left: int
    pixels: NDArray[np.bool_]

    @property
    def place(self) -> tuple[slice, slice]:
        """Where the box lies in the image."""
        height, width = self.pixels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def on(self, hw: tuple[int, int]) -> NDArray[np.bool_]:
        """(height, width) mask of the whole image."""
        mask = np.zeros(hw, np.bool_)
        mask[self.place] = self.pixels
        return mask


def outlines(mask: NDArray[np.bool_]) -> list[Outline]:
    """The pieces of a (height, width) mask, from top to bottom."""
    box = mask_bbox(mask)
    if box is None:
        return []
    top, left, bottom, right = box
    rings, areas, pieces = _rings(np.pad(mask[top:bottom, left:right], 1), np.array([left, top]))
    holes: dict[int, list[int]] = {}
    for number, piece in enumerate(pieces):
        holes.setdefault(piece, [])
        if number != piece:
            holes[piece].append(number)
    return [
        Outline(rings[piece], tuple(rings[hole] for hole in inner), int(areas[[piece, *inner]].sum()))
        for piece, inner in holes.items()
    ]


def _rings(grid: NDArray[np.bool_], offset: NDArray[np.int64]) -> tuple[list[Ring], NDArray[np.float64], list[int]]:
    """Rings around the pixels of a mask, with the inside to the right, by the row of their topmost edges.

    Args:
        grid: (height, width) mask, padded by one pixel.
        offset: xy in the image of the mask's corner.

    Returns:
        The rings; their areas, negative for holes; and for each the ring that is the outer one of the same piece.
    """
    runs = _Runs.of(grid)
    sequence: list[int] = []
    firsts: list[int] = []
    after, seen = runs.next().tolist(), bytearray(len(runs.heading))
    for first in range(len(after)):
        if seen[first]:
            continue
        firsts.append(len(sequence))
        at = first
        while not seen[at]:
            seen[at] = 1
            sequence.append(at)
            at = after[at]
    a, b = runs.start[sequence], runs.end[sequence]
    areas = np.add.reduceat(a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1], firsts) / 2
    ring_of = np.empty(len(sequence), np.int64)
    ring_of[sequence] = np.repeat(np.arange(len(firsts)), np.diff([*firsts, len(sequence)]))
    pieces = list(range(len(firsts)))
    leftmost = np.minimum.reduceat(a[:, 0], firsts)
    # The edge next on the left of a hole's leftmost one is of the same piece, and of a ring that reaches further left.
    for hole in sorted(np.flatnonzero(areas < 0).tolist(), key=leftmost.__getitem__):
        begin = firsts[hole]
        end = firsts[hole + 1] if hole + 1 < len(firsts) else len(sequence)
        inner = slice(begin, end)
        upright = np.flatnonzero((a[inner, 0] == leftmost[hole]) & (b[inner, 0] == leftmost[hole]))[0] + begin
        beside = runs.left_of(int(leftmost[hole]), int(min(a[upright, 1], b[upright, 1])))
        pieces[hole] = pieces[int(ring_of[beside])]
    return np.split((a + offset).astype(np.float64), firsts[1:]), areas, pieces


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """The outline of a padded mask in straight runs, in the frame of the mask without padding.

    First those along rows, from top to bottom and from left to right, then those along columns.

    Attributes:
        start: (N, 2) xy.
        end: (N, 2) xy.
        heading: (N,) directions: 0 right, 1 down, 2 left, 3 up, so that the next one is a turn to the right on the
            screen.
        edges: Sorted numbers, row * (width + 1) + x, of the upright edges of single pixels.
        owners: The run that each of these is part of.
        width: Columns of corners in a row.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    heading: NDArray[np.int64]
    edges: NDArray[np.int64]
    owners: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, grid: NDArray[np.bool_]) -> _Runs:
        """The runs of a mask that is padded by one pixel."""
        height, width = grid.shape
        # Right where the pixel below is inside and that above is not, left the other way round.
        flat = np.flatnonzero(grid[1:] != grid[:-1])
        row, col = np.divmod(flat, width)
        begins, ends, onward = _straight(row, col, grid[1:].reshape(-1)[flat])
        level = np.stack([col[begins] - 1, row[begins]], axis=1), np.stack([col[ends], row[ends]], axis=1)
        # Up where the pixel to the right is inside, down where that to the left is.
        edges = np.flatnonzero(grid[:, 1:] != grid[:, :-1])
        row, col = np.divmod(edges, width - 1)
        order = np.argsort(col * height + row)
        row, col = row[order], col[order]
        begins, ends, upward = _straight(col, row, grid[row, col + 1])
        steep = np.stack([col[begins], row[begins] - 1], axis=1), np.stack([col[ends], row[ends]], axis=1)
        owners = np.empty(len(order), np.int64)
        owners[order] = np.cumsum(begins) - 1 + len(onward)
        return cls(
            np.concatenate([np.where(onward[:, None], *level), np.where(upward[:, None], *steep[::-1])]),
            np.concatenate([np.where(onward[:, None], *level[::-1]), np.where(upward[:, None], *steep)]),
            np.concatenate([np.where(onward, 0, 2), np.where(upward, 3, 1)]),
            edges,
            owners,
            width - 1,
        )

    def next(self) -> NDArray[np.int64]:
        """The run that each leads to. Where two pieces of the outline meet, turning right keeps to the same pixel."""
        leaving = (self.start[:, 1] * self.width + self.start[:, 0]) * 4 + self.heading
        order = np.argsort(leaving)
        ordered = leaving[order]
        arriving = (self.end[:, 1] * self.width + self.end[:, 0]) * 4
        right = arriving + (self.heading + 1) % 4
        found = np.minimum(np.searchsorted(ordered, right), len(ordered) - 1)
        left = np.searchsorted(ordered, arriving + (self.heading + 3) % 4)
        return np.asarray(order[np.where(ordered[found] == right, found, np.minimum(left, len(ordered) - 1))])

    def left_of(self, x: int, row: int) -> int:
        """The run that is met next in a row of pixels on the left of an upright edge."""
        return int(self.owners[np.searchsorted(self.edges, (row + 1) * self.width + x) - 1])


def _straight(
    line: NDArray[np.int64], place: NDArray[np.int64], behind: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Where runs begin and end among sorted edges, and which side of each run is inside.

    Args:
        line: Row or column of the edges.
        place: Where on it they are.
        behind: Whether the pixel behind an edge is inside; a run ends where that changes.
    """
    begins = np.ones(len(line), np.bool_)
    begins[1:] = (line[1:] != line[:-1]) | (place[1:] != place[:-1] + 1) | (behind[1:] != behind[:-1])
    return begins, np.append(begins[1:], True)[: len(line)], behind[begins]


def keyhole(outline: Outline) -> Ring:
    """One ring for a piece with holes: each hole is joined to the rest by a seam of no width, run both ways.

    For formats that know no holes. Filling it gives the same mask: seams run along rows, where no program counts an
    edge, from a hole's leftmost corner to the next edge on its left.
    """
    if not outline.holes:
        return outline.outer
    holes = sorted(outline.holes, key=lambda hole: float(hole[:, 0].min()))
    rings = [outline.outer, *(np.roll(hole, -int(hole[:, 0].argmin()), axis=0) for hole in holes)]
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    place = np.concatenate([np.arange(len(ring)) for ring in rings])
    a = np.concatenate(rings)
    b = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    upright = np.flatnonzero(a[:, 0] == b[:, 0])
    x, low, high = a[upright, 0], np.minimum(a, b)[upright, 1], np.maximum(a, b)[upright, 1]
    seams: dict[int, list[tuple[int, float, Ring]]] = {}
    # What hangs on a hole lies to its right, and is joined to it before the hole itself is joined.
    for number in range(len(rings) - 1, 0, -1):
        around = _with_seams(rings[number], seams.pop(number, []))
        x0, y0 = around[0]
        met = np.flatnonzero((x < x0) & (low <= y0) & (y0 <= high))
        edge = upright[met[x[met].argmax()]]
        joint = np.array([[a[edge, 0], y0]])
        seam = np.concatenate([joint, around, around[:1], joint])
        seams.setdefault(int(owner[edge]), []).append((int(place[edge]), abs(float(y0 - a[edge, 1])), seam))
    return _with_seams(outline.outer, seams[0])


def _with_seams(ring: Ring, seams: list[tuple[int, float, Ring]]) -> Ring:
    """A ring with what hangs on it, each thing as (edge, how far along it, corners)."""
    pieces: list[Ring] = []
    begun = 0
    for edge, _, seam in sorted(seams, key=lambda each: each[:2]):
        pieces += [ring[begun : edge + 1], seam]
        begun = max(begun, edge + 1)
    pieces.append(ring[begun:])
    return np.concatenate(pieces)


def fill_patch(rings: Sequence[ArrayLike], hw: tuple[int, int]) -> Patch:
    """The pixels whose centre is inside an odd number of rings, within the box of the rings.

    A centre exactly on a line belongs to the side below or to the right, so that polygons that share a line share no
    pixel.

    Args:
        rings: (N, 2) xy each, in the corner convention; may reach outside the image.
        hw: Height and width of the image in pixels.
    """
    listed = [np.asarray(ring, np.float64).reshape(-1, 2) for ring in rings]
    usable = [xy for xy in listed if len(xy) >= 3 and np.isfinite(xy).all()]
    if not usable or min(hw) <= 0:
        return Patch(0, 0, np.zeros((0, 0), np.bool_))
    start = usable[0] if len(usable) == 1 else np.concatenate(usable)
    onward = np.arange(1, len(start) + 1)
    begun = 0
    for xy in usable:
        begun += len(xy)
        onward[begun - 1] = begun - len(xy)
    # The first column and row whose centres lie on or behind each corner; rows are half open, so that a corner that
    # two edges share counts once.
    places = np.minimum(np.maximum(np.ceil(start - 0.5), 0), hw[::-1]).astype(np.int64)
    (left, top), (right, bottom) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    width = right - left + 1
    toggles = np.zeros((bottom - top, width), np.bool_)
    rows = places[:, 1]
    until = rows[onward]
    lengths = np.abs(until - rows)
    along = start[onward] - start
    slope = np.divide(along[:, 0], along[:, 1], out=np.zeros(len(start)), where=lengths > 0)
    edge = np.repeat(np.arange(len(start)), lengths)
    row = np.arange(len(edge)) + (np.minimum(rows, until) - np.cumsum(lengths) + lengths)[edge]
    # In every row that an edge crosses, the pixel from which on the edge is to the left is flipped.
    met = start[edge, 0] + (row + 0.5 - start[edge, 1]) * slope[edge]
    col = np.minimum(np.maximum(np.ceil(met - 0.5), left), right).astype(np.int64)
    np.logical_xor.at(toggles.reshape(-1), (row - top) * width + (col - left), True)
    return Patch(top, left, np.logical_xor.accumulate(toggles[:, :-1], axis=1))
