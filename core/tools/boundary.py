"""Smart boundary: move the outline of one part to the edges of the photograph, within a band around where it is.

What lies deeper inside than the band is sure to belong, what lies farther outside is sure not to; between them a method
decides. The default asks, around each place, how the colours that are surely inside differ from those that are surely
outside, and trusts the answer as far as colour tells the two apart there; where it does not, the outline stays. A part
thinner than the band keeps a core of its own, so that it cannot vanish.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from counterpart.core.images.reading import resize_rgb
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import BACKGROUND, Box4, Labels
from counterpart.core.refine import dense_crf, grab_cut
from counterpart.core.tools.draft import LabelEdit
from counterpart.core.tools.edges import EdgeGuide, invert_symmetric, multiply_symmetric, working_frame
from counterpart.core.tools.morphology import replace_part
from counterpart.core.tools.region import Region, grow_box, part_bbox

BoundaryMethod = Literal["local", "grabcut", "guided", "crf"]
"""Colours on either side near each place; colours of the whole and a graph cut; a guided filter; a conditional random
field, which needs torch."""

_SURE = 0.45
"""Distance from an even chance at which a pixel is not in question."""
_REACH = 1.3
"""Half side of the windows that local colours are compared in, half widths of the band."""
_DOUBTFUL = 0.05
"""Weight of a pixel whose side is in question, beside 1 for one that is sure."""
_FOUND = 0.3
"""The same once a first round has decided it."""
_NOISE = 1e-3
"""Variance added to colours (in 0..1), so that noise alone tells no sides apart."""
_CORE = 0.6
"""Share of a thin piece's greatest depth from which on it is sure to belong."""
_NARROWEST = 2.0
"""Half width of the band at the working size, pixels; large parts are reduced no further than this."""


@dataclass(frozen=True, slots=True)
class BoundaryParams:
    """Settings of the smart boundary.

    Attributes:
        method: See `BoundaryMethod`.
        band: How far the outline may move, image pixels.
        working_size: Longest side at which a part is worked on, pixels; larger ones are reduced.
        seed: Of GrabCut's colour models.
    """

    method: BoundaryMethod = "local"
    band: float = 6.0
    working_size: int = 900
    seed: int = 0


def refine_boundary(
    rgb: NDArray[np.uint8],
    labels: Labels,
    part_id: int,
    params: BoundaryParams | None = None,
    locked: Iterable[int] = frozenset(),
    *,
    preserve: bool = False,
    within: Box4 | None = None,
    ctx: JobContext | None = None,
) -> LabelEdit | None:
    """Move the outline of a part to edges near it. The same input gives the same result.

    Args:
        rgb: (H, W, 3) uint8.
        labels: (H, W) part ids; left as they are.
        part_id: The part.
        params: Settings.
        locked: Parts that neither gain nor lose a pixel.
        preserve: Whether the part takes background alone, not pixels of other parts.
        within: (top, left, bottom, right): change pixels of this box alone.
        ctx: Cancellation, for the method that takes long.

    Returns:
        The edit, or None where nothing changes. Pixels that the part gives up go to what they lie nearest to.

    Raises:
        ValueError: The sizes differ.
    """
    params = params or BoundaryParams()
    if rgb.shape[:2] != labels.shape:
        raise ValueError(f"labels of {labels.shape} do not fit an image of {rgb.shape[:2]}")
    bbox = part_bbox(labels, part_id)
    if bbox is None or part_id == BACKGROUND:
        return None
    side = max(bbox[2] - bbox[0], bbox[3] - bbox[1])
    margin = math.ceil(params.band) + max(16, round(0.15 * side))  # what lies around shows what is not the part
    box = grow_box(bbox, margin, (labels.shape[0], labels.shape[1]))
    place = np.s_[box[0] : box[2], box[1] : box[3]]
    own = labels[place] == part_id
    chance = _chance(own, params.band)
    decided = _decide(np.ascontiguousarray(rgb[place]), chance, params, ctx)
    wanted = np.where(np.abs(chance - 0.5) < _SURE, decided, own)
    wanted = _without_strays(wanted, own)
    return replace_part(
        labels, part_id, Region(box, wanted), locked, preserve=preserve, closes_gaps=True, within=within
    )


def _chance(own: NDArray[np.bool_], band: float) -> NDArray[np.float32]:
    """Chance of each pixel to belong, from its depth alone: linear across the band, even at the outline."""
    band = max(band, 0.5)
    inside = _depth(own)
    count, found = cv2.connectedComponents(own.view(np.uint8), connectivity=8)
    pieces = np.asarray(found, np.int64)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, pieces.reshape(-1), inside.reshape(-1))
    limit = np.minimum(np.maximum(_CORE * deepest[pieces], 1.0), band + 0.5)
    outside = _depth(~own)
    # Depths count from pixel centres: the first pixel on either side lies half a pixel from the outline.
    signed = np.where(own, (inside - 0.5) / (limit - 0.5 + 1e-6), -(outside - 0.5) / band)
    return np.asarray(0.5 + (_SURE + 1e-3) * np.clip(signed, -1, 1), np.float32)


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of each set pixel to the nearest that is not, 0 for those; far where all are set."""
    if mask.all():
        return np.full(mask.shape, float(sum(mask.shape)), np.float32)
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance, np.float32)


def _decide(
    rgb: NDArray[np.uint8], chance: NDArray[np.float32], params: BoundaryParams, ctx: JobContext | None
) -> NDArray[np.bool_]:
    hw = (rgb.shape[0], rgb.shape[1])
    scale = min(max(params.working_size / max(hw), _NARROWEST / max(params.band, 0.5)), 1.0)
    longest = max(round(scale * max(hw)), 1)
    frame = working_frame(hw, longest)
    soft, small = chance, rgb
    if frame.grid_hw != hw:
        soft = np.asarray(cv2.resize(chance, frame.grid_hw[::-1], interpolation=cv2.INTER_AREA), np.float32)
        small = resize_rgb(rgb, frame.grid_hw)
    if params.method == "guided":
        return _along_edges(rgb, soft > 0.5, longest, max(round(params.band * scale), 2))
    if params.method == "local":
        cut = _local_colours(small, soft, max(round(_REACH * params.band * scale), 2))
    elif params.method == "grabcut":
        cut = grab_cut(small, soft, sure=_SURE, seed=params.seed)
    else:
        clipped = np.clip(soft, 0.5 - _SURE, 0.5 + _SURE)
        energy = -np.log(np.stack([1 - clipped, clipped], axis=-1))
        cut = dense_crf(energy, small, ctx=ctx)[..., 1] > 0.5
    return cut if frame.grid_hw == hw else _along_edges(rgb, cut, longest, 2)


def _along_edges(rgb: NDArray[np.uint8], mask: NDArray[np.bool_], longest: int, radius: int) -> NDArray[np.bool_]:
    """A mask of the working size brought to the edges of the photograph at its own size, by a guided filter."""
    guide = EdgeGuide(rgb, longest, radius, 1e-4)
    values = guide.fit(mask.astype(np.float32)).at_pixels(rgb, (0, 0, rgb.shape[0], rgb.shape[1]))
    inside: NDArray[np.bool_] = values > 0.5
    return inside


def _local_colours(rgb: NDArray[np.uint8], chance: NDArray[np.float32], radius: int) -> NDArray[np.bool_]:
    """Sides by local colours: a first round from what is sure, a second with what the first found as well."""
    colours = cv2.bilateralFilter(rgb, 5, 20, 2).astype(np.float32) / np.float32(255)
    sure = np.abs(chance - 0.5) >= _SURE
    inside = _discriminated(colours, chance, np.where(sure, 1, _DOUBTFUL), radius)
    found = np.where(sure, chance, chance / 2 + np.where(inside, 0.45, 0.05))
    return _discriminated(colours, found.astype(np.float32), np.where(sure, 1, _FOUND), radius)


def _discriminated(
    colours: NDArray[np.float32], chance: NDArray[np.float32], trust: NDArray[np.floating], radius: int
) -> NDArray[np.bool_]:
    """Sides by a linear discriminant of colour in a window around each pixel.

    The regression of side (0 or 1) on colour over the window, in which pixels count as far as they are trusted, gives a
    direction in colour; its coefficient of determination R² says how far colour tells the sides apart. The means of the
    two sides along that direction lie R² apart, about the window's mean: halfway between them is the border. The chance
    by depth fills in for what colour leaves open.
    """
    side = np.where(trust >= 1, chance > 0.5, chance).astype(np.float32)
    weight = trust.astype(np.float32)
    total = _window_mean(weight, radius)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        if values.ndim == 2:
            return _window_mean(values * weight, radius) / total
        return _window_mean(values * weight[..., None], radius) / total[..., None]

    centre, level = mean(colours), mean(side)
    moments = []
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        moment = mean(colours[..., i] * colours[..., j]) - centre[..., i] * centre[..., j]
        moments.append(moment + np.float32(_NOISE if i == j else 0))
    covariance = mean(colours * side[..., None]) - centre * level[..., None]
    slope = multiply_symmetric(invert_symmetric(moments), covariance)
    spread = mean(side * side) - level * level
    told = np.clip(np.einsum("hwc,hwc->hw", slope, covariance) / np.maximum(spread, 1e-6), 0, 1)
    # Along the direction, the sides' means now lie half of R² above and below zero.
    value = np.einsum("hwc,hwc->hw", slope, colours - centre) - told * (0.5 - level)
    vote = np.clip(value / np.maximum(told, 1e-3), -1, 1)
    score = told * vote + (1 - told) * (chance - 0.5)
    inside: NDArray[np.bool_] = cv2.GaussianBlur(score.astype(np.float32), (0, 0), 1.0) > 0
    return inside


def _window_mean(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    side = (2 * radius + 1, 2 * radius + 1)
    out = cv2.boxFilter(np.ascontiguousarray(values), -1, side, borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32).reshape(values.shape)


def _without_strays(wanted: NDArray[np.bool_], own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without pieces that lie apart from the part as it was, and without new holes."""
    out = wanted & _touched_pieces(wanted, own, 8)
    return ~(~out & _touched_pieces(~out, ~own, 4)) if not own.all() else out


def _touched_pieces(mask: NDArray[np.bool_], by: NDArray[np.bool_], connectivity: int) -> NDArray[np.bool_]:
    """Connected pieces of a mask that share a pixel with another."""
    count, pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=connectivity)
    keep = np.zeros(count, np.bool_)
    keep[pieces[by & mask]] = True
    keep[0] = False
    touched: NDArray[np.bool_] = keep[pieces]
    return touched
