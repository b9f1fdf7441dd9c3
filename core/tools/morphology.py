"""Operations on the shape of one part: fill holes, keep the largest piece, remove specks, grow, shrink, smooth.

Each operation is a frozen dataclass of its settings. `change_part` applies one to a part of a label map within the
part's box and says what becomes of the pixels that the part gains and loses. Pixels outside the image do not exist: a
part that runs over the image's edge is not worn away there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.model import BACKGROUND, Box4, Labels
from counterpart.core.refine.regions import fill_holes, keep_largest, remove_specks
from counterpart.core.tools.draft import LabelEdit
from counterpart.core.tools.region import Region, clip_box, grow_box, part_bbox


class PartOperation(Protocol):
    """What can be done to the mask of a part."""

    @property
    def margin(self) -> int:
        """Pixels around the part's box that the operation may need."""

    @property
    def closes_gaps(self) -> bool:
        """Whether pixels that the part loses go to what they lie nearest to, rather than to the background."""

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(h, w) bool mask of the part, in its box with the margin -> the mask that it is to have."""


@dataclass(frozen=True, slots=True)
class FillHoles:
    """Fill holes: background that the part encloses.

    Attributes:
        max_area: Holes of more pixels stay; None fills all.
    """

    max_area: int | None = None
    margin = 0
    closes_gaps = False

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return fill_holes(mask, self.max_area)


@dataclass(frozen=True, slots=True)
class KeepLargest:
    """Keep the largest connected piece."""

    margin = 0
    closes_gaps = True

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return keep_largest(mask)


@dataclass(frozen=True, slots=True)
class RemoveSpecks:
    """Remove small connected pieces.

    Attributes:
        min_area: Pieces of fewer pixels go.
    """

    min_area: int = 64
    margin = 0
    closes_gaps = True

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return remove_specks(mask, self.min_area)


@dataclass(frozen=True, slots=True)
class Grow:
    """Take in all pixels near the part.

    Attributes:
        radius: Euclidean distance, pixels.
    """

    radius: float = 2.0
    closes_gaps = False

    @property
    def margin(self) -> int:
        return math.ceil(self.radius) + 1

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return _near(mask, self.radius)


@dataclass(frozen=True, slots=True)
class Shrink:
    """Give up all pixels near the part's border.

    Attributes:
        radius: Euclidean distance to the nearest pixel of something else, pixels.
    """

    radius: float = 2.0
    margin = 1
    closes_gaps = False

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return ~_near(~mask, self.radius)


@dataclass(frozen=True, slots=True)
class Smooth:
    """Straighten the outline: half of a Gaussian blur of the mask.

    Attributes:
        radius: Standard deviation of the blur, pixels. Details smaller than this vanish.
    """

    radius: float = 3.0
    closes_gaps = True

    @property
    def margin(self) -> int:
        return math.ceil(4 * self.radius) + 1

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        smooth: NDArray[np.bool_] = _blurred(mask.astype(np.float32), self.radius) >= 0.5
        return smooth


def change_part(
    labels: Labels,
    part_id: int,
    operation: PartOperation,
    locked: Iterable[int] = frozenset(),
    *,
    preserve: bool = True,
    within: Box4 | None = None,
) -> LabelEdit | None:
    """Apply an operation to one part.

    Args:
        labels: (H, W) part ids; left as they are.
        part_id: The part.
        operation: What to do.
        locked: Parts that neither gain nor lose a pixel.
        preserve: Whether the part leaves other parts alone where it grows.
        within: (top, left, bottom, right): change pixels of this box alone. The operation still sees the whole part.

    Returns:
        The edit, or None where nothing changes.
    """
    bbox = part_bbox(labels, part_id)
    if bbox is None or part_id == BACKGROUND:
        return None
    box = grow_box(bbox, operation.margin, (labels.shape[0], labels.shape[1]))
    old = labels[box[0] : box[2], box[1] : box[3]]
    wanted = operation.apply(old == part_id)
    return replace_part(
        labels,
        part_id,
        Region(box, wanted),
        locked,
        preserve=preserve,
        closes_gaps=operation.closes_gaps,
        within=within,
    )


def replace_part(
    labels: Labels,
    part_id: int,
    wanted: Region,
    locked: Iterable[int] = frozenset(),
    *,
    preserve: bool = True,
    closes_gaps: bool = False,
    within: Box4 | None = None,
) -> LabelEdit | None:
    """Give a part the mask that it is to have in a box.

    Args:
        labels: (H, W) part ids; left as they are.
        part_id: The part.
        wanted: Its pixels in the box of the region; the part is left alone outside that box.
        locked: Parts that neither gain nor lose a pixel.
        preserve: Whether pixels of other parts stay theirs.
        closes_gaps: Whether pixels that the part loses go to the label that is nearest to them in the box, rather than
            to the background.
        within: Change pixels of this box alone.

    Returns:
        The edit in the smallest box, or None where nothing changes.
    """
    shut = sorted({int(part) for part in locked} - {BACKGROUND})
    if part_id in shut:
        return None
    old = labels[wanted.slices]
    own = old == part_id
    gained = wanted.mask & ~own
    gained &= old == BACKGROUND if preserve else ~np.isin(old, shut)
    lost = own & ~wanted.mask
    if within is not None:
        allowed = _inside(wanted.bbox, within)
        gained &= allowed
        lost &= allowed
    changed = gained | lost
    if not changed.any():
        return None
    new = old.copy()
    new[lost] = _nearest(old, own, shut)[lost] if closes_gaps and not own.all() else BACKGROUND
    new[gained] = part_id
    tight = Region.of(changed, wanted.bbox[0], wanted.bbox[1])
    top, left = tight.bbox[0] - wanted.bbox[0], tight.bbox[1] - wanted.bbox[1]
    height, width = tight.mask.shape
    return LabelEdit(tight.bbox, new[top : top + height, left : left + width], tight.mask.copy())


def _inside(bbox: Box4, within: Box4) -> NDArray[np.bool_]:
    top, left, bottom, right = clip_box(within, bbox)
    out = np.zeros((bbox[2] - bbox[0], bbox[3] - bbox[1]), np.bool_)
    out[top - bbox[0] : bottom - bbox[0], left - bbox[1] : right - bbox[1]] = True
    return out


def _nearest(labels: Labels, own: NDArray[np.bool_], locked: list[int]) -> Labels:
    """The label of the nearest pixel that is not the part's; background where that one is locked."""
    _, index = cv2.distanceTransformWithLabels(
        own.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    others = ~own
    table = np.zeros(int(index.max()) + 1, labels.dtype)
    table[index[others]] = np.where(np.isin(labels[others], locked), BACKGROUND, labels[others])
    nearest: Labels = table[index]
    return nearest


def _near(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Pixels at most `radius` from a set pixel, by exact Euclidean distance."""
    if not mask.any():
        return mask.copy()
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: NDArray[np.bool_] = distance <= radius + 1e-4
    return near


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur, border pixels repeated outwards; a wide one as three box filters, whose cost does not grow."""
    if sigma <= 0:
        return values
    if sigma <= 4:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    side = 2 * round(math.sqrt(4 * sigma**2 + 1) / 2 - 0.5) + 1  # three boxes have the variance (side² - 1) / 4
    out = values
    for _ in range(3):
        out = np.asarray(cv2.boxFilter(out, -1, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)
    return out
