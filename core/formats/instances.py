"""What formats of keypoints share: which skeleton, which box, which points."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.formats.base import AnnotatedImage, Dataset, ExportOptions, box_from_corner, box_to_corner
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.source import Source
from counterpart.core.images.orientation import UPRIGHT
from counterpart.core.project.points import Box, KeypointSet, Skeleton


def chosen_skeleton(dataset: Dataset, options: ExportOptions, out_format: str) -> Skeleton:
    """The skeleton to export, for formats that hold one.

    Raises:
        UsageError: There is none.
    """
    for skeleton in dataset.skeletons:
        if options.skeleton is None or skeleton.id == options.skeleton:
            return skeleton
    raise UsageError(f"there is no skeleton to export as {out_format}", hint="Annotate or import keypoints first")


def instances_of(image: AnnotatedImage, skeleton: Skeleton) -> list[KeypointSet]:
    """The instances of a skeleton on an image that have any point."""
    return [points for points in image.keypoints if points.skeleton == skeleton.id and points.present.any()]


def corner_box(points: KeypointSet, hw: tuple[int, int] = (0, 0)) -> Box:
    """Box of an instance with (0, 0) at the image's corner: its own, or that around its points, within the image."""
    if points.box is not None:
        return box_to_corner(points.box)
    xy = points.xy[points.present] + 0.5
    if not len(xy):
        return 0.0, 0.0, 0.0, 0.0
    low, high = xy.min(axis=0) - 0.5, xy.max(axis=0) + 0.5
    if min(hw) > 0:
        low, high = np.maximum(low, 0), np.minimum(high, [hw[1], hw[0]])
        high = np.maximum(high, low)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def on_photograph(points: KeypointSet, placed: Placed) -> KeypointSet:
    """An instance in the frame of a file -> on the upright photograph; both with pixel centres at integers."""
    if placed.declared == placed.hw and placed.turn == UPRIGHT:
        return points
    box = None
    if points.box is not None:
        x, y, width, height = box_to_corner(points.box)
        corners = placed.points([(x, y), (x + width, y + height)])
        low, high = corners.min(axis=0), corners.max(axis=0)
        box = box_from_corner((*low.tolist(), *(high - low).tolist()))
    return dataclasses.replace(points, xy=placed.points(points.xy + 0.5) - 0.5, box=box)


def skeleton_for(names: Sequence[str], source: Source, name: str, error: FormatError | None = None) -> Skeleton:
    """A skeleton for keypoint names found in a file: the project's that has them all, or a new one.

    Args:
        names: Names in the file, in its order; ones that occur twice raise `error`.
        source: The project.
        name: Name for a new one.
        error: What to raise when the names make no skeleton.
    """
    wanted = list(dict.fromkeys(names))
    for skeleton in source.skeletons:
        if set(wanted) <= set(skeleton.names) and (name in ("object", skeleton.name)):
            return skeleton
    try:
        return Skeleton(tuple(names), name=name, id=1)
    except UsageError:
        if error is None:
            raise
        raise error from None


def in_one_order(groups: Sequence[Sequence[str]]) -> list[str]:
    """One order of keypoints for instances that have some of them each: that of the fullest, the first of these.

    What it lacks comes after the name that precedes it where it occurs.
    """
    order: list[str] = []
    for names in sorted(groups, key=len, reverse=True):
        place = 0
        for name in names:
            if name not in order:
                order.insert(place, name)
            place = order.index(name) + 1
    return order
