"""Copying the mask of a part from one image and pasting it into another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.project.model import BACKGROUND, Labels
from counterpart.core.tools.region import Region, clip_box, part_bbox

Rectangle = tuple[float, float, float, float]
"""(top, left, bottom, right) of a rectangle in an image, pixel edges: a whole image is (0, 0, height, width)."""


@dataclass(frozen=True, slots=True, eq=False)
class PartClip:
    """A part's mask and where it was.

    Attributes:
        part_id: The part it was copied from.
        region: Its pixels, in the image it was copied from.
        frame: What its place is relative to there: the whole image, or the box of an object.
    """

    part_id: int
    region: Region
    frame: Rectangle


def copy_part(labels: Labels, part_id: int, frame: Rectangle | None = None) -> PartClip | None:
    """Copy a part.

    Args:
        labels: (H, W) part ids.
        part_id: The part.
        frame: What its place is relative to; the whole image by default.

    Returns:
        A copy that does not change with the labels, or None where the part has no pixel.

    Raises:
        ValueError: The frame is empty.
    """
    bbox = None if part_id == BACKGROUND else part_bbox(labels, part_id)
    if bbox is None:
        return None
    whole = _checked(frame or (0, 0, labels.shape[0], labels.shape[1]))
    mask = labels[bbox[0] : bbox[2], bbox[1] : bbox[3]] == part_id
    mask.flags.writeable = False
    return PartClip(part_id, Region(bbox, mask), whole)


def paste_part(
    clip: PartClip,
    hw: tuple[int, int],
    *,
    frame: Rectangle | None = None,
    fit: bool = False,
    keep_aspect: bool = True,
    at: ArrayLike | None = None,
) -> Region:
    """Where a copied part comes to lie in an image.

    Without `fit` the mask keeps its size in pixels, and its offset from the frame's upper left corner. With it, offset
    and size scale with the frame.

    Args:
        clip: What was copied.
        hw: (height, width) of the image to paste into.
        frame: What the place is relative to here; the whole image by default.
        fit: Whether to scale.
        keep_aspect: Whether to scale both axes alike, by the smaller ratio, the frames' centres meeting; otherwise each
            by its own.
        at: (2,) xy where the middle of the mask's box shall be, in place of the frame.

    Returns:
        Clipped to the image, in the smallest box; nothing where it lies outside altogether.

    Raises:
        ValueError: The frame is empty.
    """
    here = _checked(frame or (0, 0, hw[0], hw[1]))
    there = clip.frame
    scale = (1.0, 1.0)
    if fit:
        scale = ((here[2] - here[0]) / (there[2] - there[0]), (here[3] - here[1]) / (there[3] - there[1]))
        if keep_aspect:
            scale = (min(scale), min(scale))
    top, left, bottom, right = clip.region.bbox
    if at is not None:
        x, y = (float(value) + 0.5 for value in np.asarray(at, np.float64))  # from centres to edges
        origin = (y - scale[0] * (top + bottom) / 2, x - scale[1] * (left + right) / 2)
    elif fit and keep_aspect:
        origin = (
            (here[0] + here[2]) / 2 - scale[0] * (there[0] + there[2]) / 2,
            (here[1] + here[3]) / 2 - scale[1] * (there[1] + there[3]) / 2,
        )
    else:
        origin = (here[0] - scale[0] * there[0], here[1] - scale[1] * there[1])
    if not fit:
        origin = (_whole(origin[0]), _whole(origin[1]))
    return _resampled(clip.region, scale, (float(origin[0]), float(origin[1])), hw)


def _resampled(region: Region, scale: tuple[float, float], origin: tuple[float, float], hw: tuple[int, int]) -> Region:
    """The region with edges e moved to `origin + scale * e`; a pixel is set where half of what falls on it is."""
    top, left, bottom, right = region.bbox
    low = (origin[0] + scale[0] * top, origin[1] + scale[1] * left)
    high = (origin[0] + scale[0] * bottom, origin[1] + scale[1] * right)
    box = clip_box(
        (math.floor(low[0]), math.floor(low[1]), math.ceil(high[0]), math.ceil(high[1])), (0, 0, hw[0], hw[1])
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        return Region.nothing()
    mask, factor = region.mask.astype(np.float32), list(scale)
    start = [float(top), float(left)]
    for axis in (0, 1):  # average first what several pixels of the source share
        if scale[axis] < 1:
            size = max(round(mask.shape[axis] * scale[axis]), 1)
            ratio = size / mask.shape[axis]
            shape = (mask.shape[1], size) if axis == 0 else (size, mask.shape[0])
            mask = np.asarray(cv2.resize(mask, shape, interpolation=cv2.INTER_AREA), np.float32)
            factor[axis], start[axis] = scale[axis] / ratio, start[axis] * ratio
    rows = (np.arange(box[0], box[2]) + 0.5 - origin[0]) / factor[0] - start[0] - 0.5
    columns = (np.arange(box[1], box[3]) + 0.5 - origin[1]) / factor[1] - start[1] - 0.5
    soft = _between(_between(mask, rows, 0), columns, 1)
    return Region.of(soft >= 0.5, box[0], box[1])


def _between(values: NDArray[np.float32], at: NDArray[np.floating], axis: int) -> NDArray[np.float32]:
    """Linear interpolation along an axis, zero outside."""
    pad = [(1, 1) if a == axis else (0, 0) for a in (0, 1)]
    padded = np.pad(values, pad)
    at = np.clip(at + 1, 0, padded.shape[axis] - 1)
    low = np.minimum(np.floor(at).astype(np.int64), padded.shape[axis] - 2)
    part = (at - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
    before, after = np.take(padded, low, axis=axis), np.take(padded, low + 1, axis=axis)
    return np.asarray(before + (after - before) * part, np.float32)


def _whole(value: float) -> float:
    return float(math.floor(value + 0.5))


def _checked(frame: Rectangle) -> Rectangle:
    if not (frame[0] < frame[2] and frame[1] < frame[3]):
        raise ValueError(f"an empty frame {frame}")
    return frame
