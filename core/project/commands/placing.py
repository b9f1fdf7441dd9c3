"""Commands on single keypoints that take them away or exchange them; `points` places and confirms them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.project.commands.base import Command
from counterpart.core.project.edit import Edit
from counterpart.core.project.masks import mark_edited
from counterpart.core.project.points import KeypointSet, Origin
from counterpart.core.project.rows import keypoint_row, keypoint_set
from counterpart.core.wording import plural


def _read(edit: Edit, instance: int, indices: Sequence[int]) -> tuple[int, KeypointSet]:
    row = edit.get("keypoints", (instance,))
    if row is None:
        raise UsageError(f"there is no instance {instance}", hint="It may have been removed")
    image, points = keypoint_set((instance,), row)
    for index in indices:
        if not 0 <= index < len(points):
            raise UsageError(f"the skeleton has no keypoint {index}")
    return image, points


def _write(edit: Edit, image: int, points: KeypointSet) -> None:
    edit.put("keypoints", (points.instance,), keypoint_row(image, points))
    mark_edited(edit, image)


@dataclass(eq=False)
class ClearKeypoints(Command):
    """Take points away as if they had never been placed: absent, without a place.

    Attributes:
        instance: The instance.
        indices: Which keypoints of the skeleton.
    """

    instance: int
    indices: Sequence[int]

    @property
    def text(self) -> str:
        return plural(len(self.indices), "Remove keypoint")

    def do(self, edit: Edit) -> None:
        image, points = _read(edit, self.instance, self.indices)
        chosen = list(self.indices)
        xy, visibility = points.xy.copy(), points.visibility.copy()
        score, origin = points.score.copy(), points.origin.copy()
        xy[chosen], visibility[chosen], score[chosen], origin[chosen] = np.nan, 0, 1.0, Origin.USER
        _write(edit, image, dataclasses.replace(points, xy=xy, visibility=visibility, score=score, origin=origin))
        self.outcome.changed.append(image)


@dataclass(eq=False)
class SwapKeypoints(Command):
    """Exchange pairs of points of an instance, as where left and right were taken for each other.

    A person has decided that they are right now: transferred points become confirmed ones.

    Attributes:
        instance: The instance.
        pairs: Pairs of keypoints of the skeleton.
    """

    instance: int
    pairs: Sequence[tuple[int, int]]

    @property
    def text(self) -> str:
        return "Swap left and right"

    def do(self, edit: Edit) -> None:
        flat = [index for pair in self.pairs for index in pair]
        if len(set(flat)) != len(flat):
            raise UsageError("a keypoint cannot change places with two others")
        image, points = _read(edit, self.instance, flat)
        order = np.arange(len(points))
        for first, second in self.pairs:
            order[[first, second]] = second, first
        moved = order != np.arange(len(points))
        swapped = points.reordered(order.tolist())
        origin = np.where(moved & (swapped.origin == Origin.TRANSFERRED), Origin.CONFIRMED, swapped.origin)
        # What was doubtful was drawn as hidden; once a person has decided, it is simply there.
        doubtful = moved & (swapped.origin == Origin.TRANSFERRED) & (swapped.visibility == 1)
        visibility = np.where(doubtful, 2, swapped.visibility)
        _write(edit, image, dataclasses.replace(swapped, origin=origin, visibility=visibility))
        self.outcome.changed.append(image)
