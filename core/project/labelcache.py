"""Unpacked label maps of the images looked at last, bounded by bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

from core.project.changes import Diff
from core.project.model import BACKGROUND, Labels
from core.project.tiles import TILE, TileDamagedError, unpack_into

__all__ = ["LabelCache"]


class LabelCache:
    """Least recently used label maps go first. Maps that changed are brought up to date when they are asked for.

    Args:
        limit: Bytes to keep at most; one map is always kept, however large.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._maps: OrderedDict[int, Labels] = OrderedDict()
        self._stale: dict[int, dict[int, bytes | None]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(labels.nbytes for labels in self._maps.values())

    def get(self, image: int) -> Labels | None:
        """The labels of an image, if they are here and up to date."""
        if image in self._stale:
            self._patch(image, self._stale.pop(image))
        labels = self._maps.get(image)
        if labels is not None:
            self._maps.move_to_end(image)
        return labels

    def put(self, image: int, labels: Labels) -> None:
        """Keep the labels of an image."""
        self._maps[image] = labels
        self._maps.move_to_end(image)
        self._stale.pop(image, None)
        while len(self._maps) > 1 and self.nbytes > self._limit:
            self._drop(next(iter(self._maps)))

    def update(self, diff: Diff) -> None:
        """Follow a change of rows."""
        for (table, key), (before, after) in diff.items():
            image = cast("int", key[0])
            if image not in self._maps:
                continue
            if table == "label_tiles":
                blob = None if after is None else cast("bytes", after[0])
                self._stale.setdefault(image, {})[cast("int", key[1])] = blob
            elif table == "label_maps" and (before is None or after is None or before[:2] != after[:2]):
                self._drop(image)

    def _drop(self, image: int) -> None:
        self._maps.pop(image, None)
        self._stale.pop(image, None)

    def _patch(self, image: int, tiles: Mapping[int, bytes | None]) -> None:
        labels = self._maps[image].copy()
        columns = -(-labels.shape[1] // TILE)
        try:
            unpack_into(labels, ((number, blob) for number, blob in tiles.items() if blob is not None))
        except TileDamagedError:
            self._drop(image)  # deeper labels than it has room for, or damage: the next reader sees which
            return
        for number, blob in tiles.items():
            if blob is None:
                top, left = (number // columns) * TILE, (number % columns) * TILE
                labels[top : top + TILE, left : left + TILE] = BACKGROUND
        labels.flags.writeable = False
        self._maps[image] = labels
