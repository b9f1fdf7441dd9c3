"""Feature-snapped painting: small regions that agree in descriptors, colour and place, adopted whole by the brush.

Regions are made as SLIC makes superpixels (Achanta et al., PAMI 2012), in a joint space of principal components of the
descriptors, Lab colour and position. Each pixel is compared with the nine centres that started nearest to it, as
whole-array operations over cells; stray pieces go to a neighbour. All of that happens once per image at a working size.
The pixels of a full-size image choose among the regions of the working pixels around them, by nearness and colour, when
a region is first touched: the outline follows the photograph, and an image of any size costs what is painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import resize_rgb
from counterpart.core.project.model import Box4
from counterpart.core.tools.edges import working_frame
from counterpart.core.tools.region import Region, grow_box, unite_boxes
from counterpart.core.tools.strokes import StrokeRasteriser

_COLOUR_SPREAD = 20.0
"""Difference in colour, levels of 0..255, beyond which a working pixel hardly votes for a pixel near it."""
_LEAST = np.float32(1e-3)
"""What nearness and likeness count at least, so that neither alone decides where the other says nothing."""
_FULL_ROUNDS = 2
"""Last rounds of assigning that look at every pixel."""
_POWER_STEPS = 6
"""Rounds of subspace iteration; the components only span a space to compare in, so they need not be exact."""


@dataclass(frozen=True, slots=True)
class ClusterParams:
    """Settings of the regions.

    Attributes:
        count: Regions in an image, roughly.
        working_size: Longest side of the working size, pixels.
        dimensions: Principal components of the descriptors that are looked at.
        descriptor_scale: Distance of descriptors (unit length) that counts as much as a region's width.
        colour_scale: Distance in Lab that counts as much as a region's width.
        iterations: Rounds of assigning pixels and moving centres.
    """

    count: int = 300
    working_size: int = 512
    dimensions: int = 5
    descriptor_scale: float = 0.3
    colour_scale: float = 15.0
    iterations: int = 5


class Clusters:
    """The regions of one image.

    Attributes:
        labels: (h, w) int32 at the working size, region of each working pixel in [0, count); each is 4-connected.
        frame: Where the working pixels lie.
        sizes: (count,) working pixels of each region.
    """

    def __init__(
        self, labels: NDArray[np.int32], frame: GridGeometry, rgb: NDArray[np.uint8], small: NDArray[np.uint8]
    ) -> None:
        self.labels = labels
        self.frame = frame
        self.sizes: NDArray[np.int64] = np.bincount(labels.reshape(-1))
        self._rgb, self._small = rgb, small.astype(np.float32)
        self._boxes = _boxes(labels, len(self.sizes))
        self._known: dict[int, Region] = {}

    def __len__(self) -> int:
        return len(self.sizes)

    def at(self, xy: ArrayLike) -> NDArray[np.int32]:
        """Region of image points: (N, 2) or (2,) xy, rounded to pixels and kept on the image -> (N,) or () int32."""
        points = np.asarray(xy, np.float64)
        height, width = self.frame.image_hw
        pixels = np.clip(np.floor(points.reshape(-1, 2) + 0.5), 0, [width - 1, height - 1]).astype(np.int64)
        colours = self._rgb[pixels[:, 1], pixels[:, 0]]
        rc = self.frame.image_to_grid(pixels)
        return self._choose(rc[:, 0], rc[:, 1], colours).reshape(points.shape[:-1])

    def region(self, index: int) -> Region:
        """The pixels of a region; worked out when first asked for. The regions of an image share no pixel."""
        known = self._known.get(index)
        if known is None:
            top, left, bottom, right = self._boxes[index]
            (x0, y0), (x1, y1) = self.frame.grid_to_image(np.array([[top - 1, left - 1], [bottom, right]]))
            near = (math.floor(y0), math.floor(x0), math.ceil(y1) + 1, math.ceil(x1) + 1)
            window = grow_box(near, 0, self.frame.image_hw)
            rows, columns, around = self._around(window)
            own = [corner == index for corner in around]
            sure, possible = own[0] & own[1] & own[2] & own[3], own[0] | own[1] | own[2] | own[3]
            sure[possible & ~sure] = self._chosen(window, rows, columns, possible & ~sure) == index
            known = Region.of(sure, window[0], window[1])
            known.mask.flags.writeable = False
            self._known[index] = known
        return known

    def _around(self, window: Box4) -> tuple[NDArray[np.float64], NDArray[np.float64], list[NDArray[np.int32]]]:
        """Working rows and columns of a window's pixels, and the regions of the four working pixels around each."""
        top, left, bottom, right = window
        rows = self.frame.image_to_grid(np.stack([np.zeros(bottom - top), np.arange(top, bottom)], axis=1))[:, 0]
        columns = self.frame.image_to_grid(np.stack([np.arange(left, right), np.zeros(right - left)], axis=1))[:, 1]
        (r0, c0), _, _, (r1, c1) = self._corners(rows, columns)
        upper, lower = self.labels[r0], self.labels[r1]
        return rows, columns, [np.take(each, at, axis=1) for each in (upper, lower) for at in (c0, c1)]

    def _chosen(
        self, window: Box4, rows: NDArray[np.float64], columns: NDArray[np.float64], where: NDArray[np.bool_]
    ) -> NDArray[np.int32]:
        y, x = np.nonzero(where)
        return self._choose(rows[y], columns[x], self._rgb[window[0] + y, window[1] + x])

    def _corners(
        self, rows: NDArray[np.float64], columns: NDArray[np.float64]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The four working pixels around places, as (row, column) indices."""
        (r0, r1), (c0, c1) = (
            (np.clip(np.floor(at), 0, size - 1).astype(np.int64), np.clip(np.ceil(at), 0, size - 1).astype(np.int64))
            for at, size in zip((rows, columns), self.labels.shape, strict=True)
        )
        return [(r0, c0), (r0, c1), (r1, c0), (r1, c1)]

    def _choose(
        self, rows: NDArray[np.float64], columns: NDArray[np.float64], colours: NDArray[np.uint8]
    ) -> NDArray[np.int32]:
        """Region of (N,) places with (N, 3) colours: that with the most votes of the four working pixels around.

        A vote weighs as in joint bilateral upsampling: nearness times likeness in colour.
        """
        corners = self._corners(rows, columns)
        down = np.clip(rows - corners[0][0], 0, 1).astype(np.float32)
        along = np.clip(columns - corners[0][1], 0, 1).astype(np.float32)
        nearness = ((1 - down) * (1 - along), (1 - down) * along, down * (1 - along), down * along)
        labels = [self.labels[corner] for corner in corners]
        own = colours.astype(np.float32)
        votes = []
        for near, corner in zip(nearness, corners, strict=True):
            difference = self._small[corner]
            difference -= own
            likeness = np.exp(np.einsum("nc,nc->n", difference, difference) * np.float32(-0.5 / _COLOUR_SPREAD**2))
            votes.append((near + _LEAST) * (likeness + _LEAST))
        totals = np.stack(votes)
        for i, j in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
            same = labels[i] == labels[j]
            totals[i] += votes[j] * same
            totals[j] += votes[i] * same
        best = np.argmax(totals, axis=0)
        return np.asarray(np.choose(best, labels), np.int32)


def find_clusters(
    rgb: NDArray[np.uint8],
    feature_map: FeatureMap | None = None,
    tap: Tap | None = None,
    params: ClusterParams | None = None,
) -> Clusters:
    """Divide an image into small regions.

    Args:
        rgb: (H, W, 3) uint8.
        feature_map: Descriptors of the image; colour and place alone decide where there are none.
        tap: Which descriptors; the first by default.
        params: Settings.
    """
    params = params or ClusterParams()
    if feature_map is not None and feature_map.geometry.image_hw != rgb.shape[:2]:
        raise ValueError(f"features of an image of {feature_map.geometry.image_hw}, not {rgb.shape[:2]}")
    frame = working_frame((rgb.shape[0], rgb.shape[1]), params.working_size)
    small = resize_rgb(rgb, frame.grid_hw)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)
    channels = [lab[..., index] / np.float32(params.colour_scale) for index in range(3)]
    if feature_map is not None:
        for component in _components(feature_map, tap, params.dimensions):
            soft = feature_map.geometry.upsample(component, None, frame.grid_hw)
            channels.append(soft / np.float32(params.descriptor_scale))
    height, width = frame.grid_hw
    side = 2 * max(round(math.sqrt(height * width / max(params.count, 1)) / 2), 1)
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    space = np.stack([*channels, yy / np.float32(side), xx / np.float32(side)])
    labels = _whole(_slic(space, side, params.iterations), (side // 2) ** 2 + 1)
    return Clusters(labels, frame, rgb, small)


def _components(feature_map: FeatureMap, tap: Tap | None, count: int) -> list[NDArray[np.float32]]:
    """The first principal components of the normalised descriptors, each (rows, columns), in their own units.

    By subspace iteration from a fixed start: a few of them cost far less than all.
    """
    flat = feature_map.flat(tap)
    centred = flat - flat.mean(axis=0)
    count = min(count, *centred.shape)
    axes = np.random.default_rng(0).normal(size=(centred.shape[1], count)).astype(np.float32)
    for _ in range(_POWER_STEPS):
        axes = np.linalg.qr(centred.T @ (centred @ axes))[0]
    scores = centred @ axes
    return [np.asarray(scores[:, index], np.float32).reshape(feature_map.grid_hw) for index in range(count)]


def _slic(space: NDArray[np.float32], side: int, iterations: int) -> NDArray[np.int32]:
    """(h, w) label of the nearest centre, for (C, h, w) values; centres start in cells of `side` pixels, an even one.

    Early rounds look at every second pixel of every second row: they only bring the centres near.
    """
    channels, height, width = space.shape
    rows, columns = -(-height // side), -(-width // side)
    padded = np.pad(space, ((0, 0), (0, rows * side - height), (0, columns * side - width)), mode="edge")
    real = np.zeros((rows * side, columns * side), np.bool_)
    real[:height, :width] = True
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    labels = np.repeat(np.repeat(index, side, 0), side, 1)
    for number in range(iterations):
        step = 2 if number < iterations - _FULL_ROUNDS else 1
        values, used = padded[:, ::step, ::step], real[::step, ::step]
        if labels.shape != used.shape:
            # From the coarse rounds' labels to all pixels, or the other way at the start.
            labels = labels[::step, ::step] if step == 2 else np.repeat(np.repeat(labels, 2, 0), 2, 1)
        centres = _means(values[:, used], labels[used], index.size).reshape(channels, rows, columns)
        cells = np.ascontiguousarray(values).reshape(channels, rows, side // step, columns, side // step)
        labels = _nearest_centres(cells, centres, index)
    return labels[real].reshape(height, width)


def _means(flat: NDArray[np.float32], labels: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """(C, count) mean of (C, N) values by label; an empty one lies infinitely far away."""
    sizes = np.bincount(labels, minlength=count)
    sums = np.stack([np.bincount(labels, weights=channel, minlength=count) for channel in flat])
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf).astype(np.float32)


def _nearest_centres(
    cells: NDArray[np.float32], centres: NDArray[np.float32], index: NDArray[np.int32]
) -> NDArray[np.int32]:
    """(rows * side, columns * side) index of the nearest of the centres of each cell and its eight neighbours."""
    _, rows, side, columns, _ = cells.shape
    around = np.pad(centres, ((0, 0), (1, 1), (1, 1)), constant_values=np.inf)
    names = np.pad(index, 1, constant_values=-1)
    best = np.full((rows, side, columns, side), np.inf, np.float32)
    labels = np.empty(best.shape, np.int32)
    distance, difference = np.empty_like(best), np.empty_like(best)
    for down in (1, 0, 2):
        for along in (1, 0, 2):
            place = np.s_[down : down + rows, along : along + columns]
            distance[:] = 0
            for values, centre in zip(cells, around[:, place[0], place[1]], strict=True):
                np.subtract(values, centre[:, None, :, None], out=difference)
                np.multiply(difference, difference, out=difference)
                distance += difference
            closer = distance < best
            np.copyto(best, distance, where=closer)
            np.copyto(labels, names[place][:, None, :, None], where=closer)
    return labels.reshape(rows * side, columns * side)


def _whole(labels: NDArray[np.int32], smallest: int) -> NDArray[np.int32]:
    """Labels of which each is one 4-connected piece of at least `smallest` pixels where possible, numbered from 0."""
    pieces = _pieces(labels)
    sizes = np.bincount(pieces.reshape(-1))
    owner = np.zeros(len(sizes), np.int64)
    owner[pieces.reshape(-1)] = labels.reshape(-1)
    largest = np.zeros(int(labels.max()) + 1, np.int64)
    np.maximum.at(largest, owner, sizes)
    keep = (sizes == largest[owner]) & (sizes >= min(smallest, int(sizes.max())))
    out = np.where(keep[pieces], pieces, -1).astype(np.int32)
    while (out < 0).any():
        _spread(out)
    return np.unique(out, return_inverse=True)[1].reshape(out.shape).astype(np.int32)


def _pieces(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number of the 4-connected piece of equal labels that each pixel belongs to."""
    number = np.arange(labels.size, dtype=np.int32).reshape(labels.shape)
    across, down = labels[:, 1:] == labels[:, :-1], labels[1:] == labels[:-1]
    a = np.concatenate([number[:, 1:][across], number[1:][down]])
    b = np.concatenate([number[:, :-1][across], number[:-1][down]])
    from scipy.sparse import coo_array  # slow to import, and the window imports this module when it starts
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), np.bool_), (a, b)), shape=(labels.size, labels.size))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32).reshape(labels.shape)


def _spread(labels: NDArray[np.int32]) -> None:
    """Give pixels of label -1 beside others the label of a neighbour, in place."""
    before = labels.copy()
    for to, source in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        free = (labels[to] < 0) & (before[source] >= 0)
        labels[to][free] = before[source][free]


def _boxes(labels: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """(count, 4) top, left, bottom, right of each label."""
    width = labels.shape[1]
    flat = labels.reshape(-1)
    rows, columns = np.divmod(np.arange(labels.size), width)
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(count))
    low = [np.minimum.reduceat(values[order], starts) for values in (rows, columns)]
    high = [np.maximum.reduceat(values[order], starts) + 1 for values in (rows, columns)]
    return np.stack([*low, *high], axis=1)


class SnappedBrush:
    """A brush that adopts whole regions: those under its path, and those that its tip has covered by half.

    Args:
        clusters: The regions of the image.
        radius: Of the tip, image pixels; 0 adopts what the path itself crosses.
        coverage: Share of a region that the tip must have covered to adopt it.
    """

    def __init__(self, clusters: Clusters, radius: float = 0.0, coverage: float = 0.5) -> None:
        self._clusters, self._radius, self._coverage = clusters, radius, coverage
        self._last: NDArray[np.float64] | None = None
        self._begin()

    def _begin(self) -> None:
        pitch = float(self._clusters.frame.token_pitch_xy.mean())
        hw = self._clusters.frame.grid_hw
        self._tip = StrokeRasteriser(self._radius / pitch, "round", hw) if self._radius > 0 else None
        self._adopted = np.zeros(len(self._clusters), np.bool_)
        self._covered = np.zeros(len(self._clusters), np.int64)
        self._seen = np.zeros(hw if self._tip else (0, 0), np.bool_)

    def move_to(self, xy: ArrayLike) -> Region:
        """Carry the brush to an image position.

        Returns:
            The pixels of the regions that are newly adopted; nothing while it stays in those it has.
        """
        here = np.asarray(xy, np.float64)
        start = here if self._last is None else self._last
        self._last = here
        steps = max(math.ceil(float(np.abs(here - start).max())), 1)
        path = start + (here - start) * (np.arange(steps + 1) / steps)[:, None]
        height, width = self._clusters.frame.image_hw
        on = ((path >= -0.5) & (path < [width - 0.5, height - 0.5])).all(axis=1)
        new = set(np.unique(self._clusters.at(path[on])).tolist()) | self._covered_by(here)
        return self._adopt(sorted(index for index in new if not self._adopted[index]))

    def lift(self) -> None:
        """End the stroke: the next position begins a new one, which may adopt the same regions again."""
        self._last = None
        self._begin()

    def _covered_by(self, here: NDArray[np.float64]) -> set[int]:
        if self._tip is None:
            return set()
        swept = self._tip.move_to(self._clusters.frame.image_to_grid(here)[::-1])
        if swept.is_empty:
            return set()
        fresh = swept.mask & ~self._seen[swept.slices]
        self._seen[swept.slices] |= swept.mask
        counts = np.bincount(self._clusters.labels[swept.slices][fresh], minlength=len(self._clusters))
        self._covered += counts
        full = (counts > 0) & (self._covered >= self._coverage * self._clusters.sizes)
        return set(np.flatnonzero(full).tolist())

    def _adopt(self, indices: list[int]) -> Region:
        regions = [self._clusters.region(index) for index in indices]
        self._adopted[indices] = True
        box: Box4 = (0, 0, 0, 0)
        for region in regions:
            box = unite_boxes(box, region.bbox)
        out = np.zeros((box[2] - box[0], box[3] - box[1]), np.bool_)
        for region in regions:
            top, left, bottom, right = region.bbox
            out[top - box[0] : bottom - box[0], left - box[1] : right - box[1]] |= region.mask
        return Region(box, out) if regions else Region.nothing()
