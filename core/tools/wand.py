"""The feature wand: a click selects the connected region that looks like the place clicked, to a tolerance.

A region grows from its seed over everything that is at least as similar as a threshold. So each pixel has one number,
the best threshold at which it is still reached: over all paths to it, the largest of the least similarities along them
(the bottleneck, or minimax, path). A click works that number out for every pixel of a working size; from then on a
tolerance is a comparison, and dragging it costs nothing. Similarities come from dense descriptors, joined to the
photograph's edges by a guided filter, or from colour where there are no descriptors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.features.similarity import SimilarityField
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import GridGeometry
from counterpart.core.project.model import Box4
from counterpart.core.tools.edges import EdgeGuide, LocalModels
from counterpart.core.tools.region import Region, grow_box

LEVELS = 255
"""Steps of the tolerance."""
_STEP = 8
"""Levels over which a region must hardly change to count as stable."""
_GROWTH = 0.35
"""Natural logarithm of the growth in area that tells two stable regions apart."""
_SHARES = (0.0005, 0.8)
"""Smallest and largest share of the image that a stable region may have."""
_TILE = 256
_BAND = 1.5
"""Half width of the strip along a region's border that is decided anew at full size, working pixels."""


@dataclass(frozen=True, slots=True)
class WandParams:
    """Settings of the wand.

    Attributes:
        working_size: Longest side of the working size, pixels. Time of a click grows with its square.
        radius: Of the guided filter, working pixels.
        eps: Its regularisation; larger blurs weak edges.
        colour: Share of colour beside descriptors, in [0, 1]. A little finds the borders of parts better.
    """

    working_size: int = 512
    radius: int = 6
    eps: float = 1e-3
    colour: float = 0.3


class Wand:
    """Makes selections in one image. Prepare one per image, on a worker; a click is then quick.

    Args:
        rgb: (H, W, 3) uint8.
        feature_map: Descriptors of the image; colour is used where there are none.
        tap: Which descriptors; the first by default.
        params: Settings.
    """

    def __init__(
        self,
        rgb: NDArray[np.uint8],
        feature_map: FeatureMap | None = None,
        tap: Tap | None = None,
        params: WandParams | None = None,
    ) -> None:
        params = params or WandParams()
        if feature_map is not None and feature_map.geometry.image_hw != rgb.shape[:2]:
            raise ValueError(f"features of an image of {feature_map.geometry.image_hw}, not {rgb.shape[:2]}")
        self._guide = EdgeGuide(rgb, params.working_size, params.radius, params.eps)
        self._features = feature_map
        self._field = None if feature_map is None else SimilarityField([feature_map], tap)
        self._colour = 1.0 if feature_map is None else params.colour
        self._lab = _lab(_calm(self._guide.small))

    def select(self, seeds: ArrayLike, against: ArrayLike = ()) -> WandSelection:
        """The selection that grows from some places.

        Args:
            seeds: (2,) or (N, 2) xy of places that belong to it, image pixels; kept on the image.
            against: (2,) or (M, 2) xy of places that do not. A pixel that looks more like one of them than like any
                seed is left out at every tolerance.

        Raises:
            ValueError: There is no seed.
        """
        inside, outside = self._places(seeds), self._places(against)
        if len(inside) == 0:
            raise ValueError("a selection needs a seed")
        likeness = self._similarity(inside)
        floor = float(self._similarity(inside[:1]).values.min()) if len(inside) > 1 else float(likeness.values.min())
        rival = self._similarity(outside) if len(outside) else None
        return WandSelection(self._guide, likeness, rival, floor, inside)

    def _places(self, xy: ArrayLike) -> NDArray[np.float64]:
        places = np.asarray(xy, np.float64).reshape(-1, 2)
        height, width = self._guide.frame.image_hw
        return np.clip(places, 0, [width - 1, height - 1])

    def _similarity(self, places: NDArray[np.float64]) -> _Map:
        colours = np.stack([self._colour_at(row, column) for row, column in self._guide.frame.nearest_token(places)])
        values = self._colour * _colour_likeness(self._lab, colours)
        models = None
        if self._field is not None and self._features is not None:
            grids = [self._field.at(0, place)[0] for place in places]
            soft = self._features.geometry.upsample(np.maximum.reduce(grids), None, self._guide.hw)
            models = self._guide.fit(soft)
            values += (1 - self._colour) * self._guide.apply(models)
        return _Map(values, models, colours, self._colour)

    def _colour_at(self, row: int, column: int) -> NDArray[np.float32]:
        around = self._lab[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        return np.asarray(np.median(around.reshape(-1, 3), axis=0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """Similarities at the working size, and what gives them at full size: local models, and the seeds' colours."""

    values: NDArray[np.float32]
    models: LocalModels | None
    colours: NDArray[np.float32]
    weight: float

    def at_pixels(self, rgb: NDArray[np.uint8], window: Box4) -> NDArray[np.float32]:
        top, left, bottom, right = grow_box(window, 1, (rgb.shape[0], rgb.shape[1]))
        inner = np.s_[window[0] - top : window[2] - top, window[1] - left : window[3] - left]
        calm = _calm(rgb[top:bottom, left:right])[inner]
        values = self.weight * _colour_likeness(_lab(calm), self.colours)
        if self.models is not None:
            values += (1 - self.weight) * self.models.at_pixels(rgb, window)
        return values


class WandSelection:
    """What a wand has selected, for every tolerance at once.

    A tolerance is in [0, 1]: 0 selects the seeds alone, 1 everything that hangs together with them. In between it is
    linear in similarity, from 1 down to the least in the image to the first seed.
    """

    def __init__(
        self, guide: EdgeGuide, likeness: _Map, rival: _Map | None, floor: float, seeds: NDArray[np.float64]
    ) -> None:
        self._guide, self._likeness, self._rival = guide, likeness, rival
        self._seeds = np.floor(seeds + 0.5).astype(np.int64)
        self._floor = min(floor, 1 - 1e-6)
        steps = np.rint((likeness.values - self._floor) / (1 - self._floor) * (LEVELS - 1)) + 1
        quantised = np.clip(steps, 1, LEVELS).astype(np.uint8)
        if rival is not None:
            quantised[rival.values > likeness.values] = 0
        self._levels = bottleneck_levels(quantised, guide.frame.nearest_token(seeds))
        self._full: NDArray[np.uint8] | None = None
        rows, columns = (self._levels.max(axis=axis) for axis in (1, 0))
        self._row_best, self._column_best = rows, columns

    @property
    def levels(self) -> NDArray[np.uint8]:
        """(h, w) at the working size: the highest level, 1..255, at which a pixel is selected; 0 for never."""
        return self._levels

    @property
    def frame(self) -> GridGeometry:
        """Where the working pixels lie in the image."""
        return self._guide.frame

    def level(self, tolerance: float) -> int:
        """The level that a tolerance stands for: pixels of at least this level are selected."""
        return LEVELS - round(min(max(tolerance, 0.0), 1.0) * (LEVELS - 1))

    def similarity(self, tolerance: float) -> float:
        """The least similarity that a tolerance lets in."""
        return self._floor + (self.level(tolerance) - 1) / (LEVELS - 1) * (1 - self._floor)

    def steps(self, count: int = 6) -> list[float]:
        """Rising tolerances at which the region changes least: its border lies on edges there.

        A small part is often one of them, the object it belongs to another; they are good places to snap to.
        """
        counts = np.bincount(self._levels.reshape(-1), minlength=LEVELS + 1)
        area = np.maximum(np.cumsum(counts[::-1])[::-1], 1).astype(np.float64)  # area[l]: pixels of level l or more
        inner = np.arange(1 + _STEP, LEVELS + 1 - _STEP)
        share = area[inner] / self._levels.size
        change = np.log(area[inner - _STEP] / area[inner + _STEP])
        chosen: list[int] = []
        for index in np.argsort(change, kind="stable"):
            level = int(inner[index])
            if not _SHARES[0] <= share[index] <= _SHARES[1]:
                continue
            apart = all(abs(level - other) >= 2 * _STEP for other in chosen)
            if apart and all(abs(math.log(area[level] / area[other])) > _GROWTH for other in chosen):
                chosen.append(level)
            if len(chosen) == count:
                break
        return [(LEVELS - level) / (LEVELS - 1) for level in sorted(chosen, reverse=True)]

    def suggested(self, near: float = 0.3) -> float:
        """The one of `steps` nearest to a tolerance, such as the one used last; that tolerance where there are none."""
        return min(self.steps(), key=lambda step: abs(step - near), default=near)

    def preview(self, tolerance: float) -> NDArray[np.bool_]:
        """(h, w) bool mask at the working size, for drawing while the tolerance is dragged over a very large image."""
        return self._levels >= self.level(tolerance)

    def region(self, tolerance: float, *, fine: bool = False) -> Region:
        """The selection in image pixels, in the smallest box that holds it.

        Args:
            tolerance: In [0, 1]. A larger one selects at least as much, as long as `fine` is not asked for.
            fine: Decide the pixels along the border anew, from the photograph at full size. Takes longer: for when
                the pointer is let go.
        """
        level = self.level(tolerance)
        box = self._box(level)
        if self._full is None:
            height, width = self.frame.image_hw
            self._full = np.asarray(cv2.resize(self._levels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
            self._full[self._seeds[:, 1], self._seeds[:, 0]] = LEVELS
        mask = self._full[box[0] : box[2], box[1] : box[3]] >= level
        if fine and self.frame.image_hw != self.frame.grid_hw:
            mask = self._refined(mask, box, self.similarity(tolerance))
        return Region.of(mask, box[0], box[1])

    def _box(self, level: int) -> Box4:
        """Image pixels that may reach a level: those of working pixels that do, and up to their neighbours."""
        rows, columns = np.flatnonzero(self._row_best >= level), np.flatnonzero(self._column_best >= level)
        corners = np.array([[rows[0], columns[0]], [rows[-1], columns[-1]]])
        (x0, y0), (x1, y1) = self.frame.grid_to_image(corners)
        reach = math.ceil(float(self.frame.token_pitch_xy.max())) + 1
        near = (math.floor(y0), math.floor(x0), math.ceil(y1) + 1, math.ceil(x1) + 1)
        return grow_box(near, reach, self.frame.image_hw)

    def _refined(self, mask: NDArray[np.bool_], box: Box4, threshold: float) -> NDArray[np.bool_]:
        """The mask with the strip along its border decided by similarity at full size."""
        width = math.ceil(_BAND * float(self.frame.token_pitch_xy.max()))
        kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
        bits = mask.view(np.uint8)
        band = cv2.dilate(bits, kernel) != cv2.erode(bits, kernel)
        out = mask.copy()
        for top in range(0, mask.shape[0], _TILE):
            for left in range(0, mask.shape[1], _TILE):
                place = np.s_[top : top + _TILE, left : left + _TILE]
                strip = band[place]
                if not strip.any():
                    continue
                window = (
                    box[0] + top,
                    box[1] + left,
                    box[0] + top + strip.shape[0],
                    box[1] + left + strip.shape[1],
                )
                out[place] = np.where(strip, self._belongs(window, threshold), mask[place])
        core = mask & ~band
        seeds = (self._seeds[:, 1] - box[0], self._seeds[:, 0] - box[1])
        out[seeds] = core[seeds] = True
        return _joined(out, core)

    def _belongs(self, window: Box4, threshold: float) -> NDArray[np.bool_]:
        likeness = self._likeness.at_pixels(self._guide.rgb, window)
        similar: NDArray[np.bool_] = likeness >= threshold
        if self._rival is not None:
            similar &= self._rival.at_pixels(self._guide.rgb, window) <= likeness
        return similar


def bottleneck_levels(values: NDArray[np.uint8], seeds: NDArray[np.integer]) -> NDArray[np.uint8]:
    """For every pixel, the highest level at which it hangs together (4-connected) with a seed.

    The level of a path is the least value on it; seeds themselves count as 255. A pixel's level is that of its best
    path: {level >= t} is the union of the connected regions of {value >= t} around the seeds, for each t.

    Args:
        values: (h, w) uint8; 0 is never entered.
        seeds: (N, 2) row and column.

    Returns:
        (h, w) uint8; 255 at seeds, 0 where there is no path.
    """
    height, width = values.shape
    out = np.zeros((height, width), np.uint8)
    if len(seeds) == 0:
        return out
    values = values.copy()
    values[seeds[:, 0], seeds[:, 1]] = LEVELS
    filled = np.zeros((height + 2, width + 2), np.uint8)
    inner = filled[1:-1, 1:-1]
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    present = np.flatnonzero(np.bincount(values.reshape(-1), minlength=LEVELS + 1)[1:]) + 1
    for level in present[::-1].tolist():
        above = cv2.threshold(values, level - 1, 1, cv2.THRESH_BINARY)[1]
        filled[:] = 0
        for row, column in seeds:
            if not inner[row, column]:
                cv2.floodFill(above, filled, (int(column), int(row)), 0, 0, 0, flags)
        np.maximum(out, inner * np.uint8(level), out=out)
    return out


def _joined(mask: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pieces of a refined mask that reach into a core."""
    _, pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    keep = np.zeros(int(pieces.max()) + 1, np.bool_)
    keep[pieces[core]] = True
    keep[0] = False
    joined: NDArray[np.bool_] = keep[pieces]
    return joined


def _calm(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours without the grain of single pixels."""
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(rgb), 3), np.uint8)


def _lab(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    """CIE L*a*b* of (h, w, 3) uint8."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)


def _colour_likeness(lab: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 minus the distance to the nearest of some colours, 100 of which make 0: like a cosine, at most 1."""
    nearest = np.full(lab.shape[:2], np.inf, np.float32)
    for colour in colours:
        difference = lab - colour
        np.minimum(nearest, np.einsum("hwc,hwc->hw", difference, difference), out=nearest)
    return np.asarray(1 - np.sqrt(nearest) / 100, np.float32)
