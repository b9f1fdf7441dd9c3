"""Which instance gestures go to, and which of its keypoints a click places next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpart.core.project.points import KeypointSet, Skeleton


class PlacingOrder:
    """Remembers, image by image, where a person is in placing points. Knows neither the document nor a widget."""

    def __init__(self) -> None:
        self._active: dict[int, int] = {}
        self._asked: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._skipped: set[tuple[int, int]] = set()

    def active(self, image: int, instances: Sequence[KeypointSet]) -> KeypointSet | None:
        """The instance of an image that gestures go to; None where the next click begins one."""
        wanted = self._active.get(image)
        if wanted == 0 or not instances:
            return None
        return next((each for each in instances if each.instance == wanted), instances[0])

    def following(self, image: int, points: KeypointSet | None, skeleton: Skeleton | None) -> int:
        """The keypoint that a click places next, -1 for none: the one asked for, else the next one without a place."""
        asked = self._asked.get(image, -1)
        if points is None:
            return -1 if skeleton is None else min(max(asked, 0), len(skeleton) - 1)
        placed = np.asarray(np.isfinite(points.xy).all(axis=1))
        if 0 <= asked < len(points) and not placed[asked]:
            return asked
        begin = self._last.get(points.instance, -1) + 1
        for step in range(len(points)):
            index = (begin + step) % len(points)
            if not placed[index] and (points.instance, index) not in self._skipped:
                return index
        return -1

    def last(self, instance: int) -> int:
        """The keypoint of an instance that was placed last, -1 for none."""
        return self._last.get(instance, -1)

    def choose(self, image: int, instance: int) -> None:
        """Make an instance the one that gestures go to."""
        self._active[image] = instance

    def begin(self, image: int) -> None:
        """The next click begins another instance."""
        self._active[image] = 0
        self._asked.pop(image, None)

    def forget(self, image: int) -> None:
        """The active instance is gone: the first of the image is active."""
        self._active.pop(image, None)

    def ask(self, image: int, index: int, points: KeypointSet | None = None) -> None:
        """Place this keypoint next."""
        self._asked[image] = index
        if points is not None:
            self._skipped.discard((points.instance, index))

    def place(self, image: int, instance: int, index: int) -> None:
        """A keypoint was placed: go on after it."""
        self._asked.pop(image, None)
        self._active[image], self._last[instance] = instance, index

    def take_back(self, image: int, instance: int, index: int) -> None:
        """A keypoint was taken away again: it is the next one."""
        self._last[instance] = index - 1
        self._asked[image] = index

    def skip(self, image: int, points: KeypointSet | None, skeleton: Skeleton | None) -> None:
        """Leave out the keypoint that a click would place."""
        index = self.following(image, points, skeleton)
        if points is None and skeleton is not None:
            self._asked[image] = (index + 1) % len(skeleton)
        elif points is not None and index >= 0:
            self._skipped.add((points.instance, index))
            self._last[points.instance] = index
            self._asked.pop(image, None)
