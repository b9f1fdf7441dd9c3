"""A selection of pixels as a bounding box and a mask within it: what every tool returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.model import Box4, mask_bbox


class Region(NamedTuple):
    """Some pixels of an image.

    Attributes:
        bbox: (top, left, bottom, right) image pixels, half open, within the image; all zero where nothing is selected.
        mask: Bool array of the box's size.
    """

    bbox: Box4
    mask: NDArray[np.bool_]

    @classmethod
    def nothing(cls) -> Region:
        """No pixel at all."""
        return cls((0, 0, 0, 0), np.zeros((0, 0), np.bool_))

    @classmethod
    def of(cls, mask: NDArray[np.bool_], top: int = 0, left: int = 0) -> Region:
        """The set pixels of a mask whose corner lies at (`top`, `left`), in the smallest box."""
        box = mask_bbox(mask)
        if box is None:
            return cls.nothing()
        inner = mask[box[0] : box[2], box[1] : box[3]]
        return cls((top + box[0], left + box[1], top + box[2], left + box[3]), inner)

    @property
    def is_empty(self) -> bool:
        """Whether no pixel is selected."""
        return not self.mask.any()

    @property
    def area(self) -> int:
        """Number of selected pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array of the image's size."""
        top, left, bottom, right = self.bbox
        return np.s_[top:bottom, left:right]

    def within(self, box: Box4) -> NDArray[np.bool_]:
        """The selection as a mask of another box; what lies outside that box is left out."""
        out = np.zeros((max(box[2] - box[0], 0), max(box[3] - box[1], 0)), np.bool_)
        top, left, bottom, right = clip_box(self.bbox, box)
        if top < bottom and left < right:
            own = self.mask[top - self.bbox[0] : bottom - self.bbox[0], left - self.bbox[1] : right - self.bbox[1]]
            out[top - box[0] : bottom - box[0], left - box[1] : right - box[1]] = own
        return out

    def tight(self) -> Region:
        """The same pixels in the smallest box."""
        return Region.of(self.mask, self.bbox[0], self.bbox[1])

    def united(self, other: Region) -> Region:
        """Pixels of either."""
        box = unite_boxes(self.bbox, other.bbox)
        return Region(box, self.within(box) | other.within(box))


def clip_box(box: Box4, limits: Box4) -> Box4:
    """The part of a box that lies in another; top equals bottom or left equals right where there is none."""
    top, left = max(box[0], limits[0]), max(box[1], limits[1])
    return top, left, max(min(box[2], limits[2]), top), max(min(box[3], limits[3]), left)


def grow_box(box: Box4, margin: int, hw: tuple[int, int]) -> Box4:
    """A box with a margin on all sides, as far as the image of (height, width) `hw` reaches."""
    grown = (box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin)
    return clip_box(grown, (0, 0, hw[0], hw[1]))


def unite_boxes(a: Box4 | None, b: Box4 | None) -> Box4:
    """The smallest box around two; an empty one does not count."""
    boxes = [box for box in (a, b) if box is not None and box[0] < box[2] and box[1] < box[3]]
    if not boxes:
        return (0, 0, 0, 0)
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    return min(tops), min(lefts), max(bottoms), max(rights)


def part_bbox(labels: NDArray[np.integer], part_id: int) -> Box4 | None:
    """The smallest box around a part in an (H, W) label map, None where it has no pixel. Looks at the whole map."""
    return mask_bbox(labels == part_id)
