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
    """Least recently used label maps go first.

    Args:
        limit: Bytes to keep at most; one map is always kept, however large.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._maps: OrderedDict[int, Labels] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(labels.nbytes for labels in self._maps.values())

    def get(self, image: int) -> Labels | None:
        """The labels of an image, if they are here."""
        labels = self._maps.get(image)
        if labels is not None:
            self._maps.move_to_end(image)
        return labels

    def put(self, image: int, labels: Labels) -> None:
        """Keep the labels of an image."""
        self._maps[image] = labels
        self._maps.move_to_end(image)
        while len(self._maps) > 1 and self.nbytes > self._limit:
            self._maps.popitem(last=False)

    def update(self, diff: Diff, fresh: Mapping[int, Labels]) -> None:
        """Follow a change: take whole maps that were made anyway, bring the others here up to their new tiles."""
        tiles: dict[int, dict[int, bytes | None]] = {}
        for (table, key), (before, after) in diff.items():
            image = cast("int", key[0])
            if table == "label_tiles":
                tiles.setdefault(image, {})[cast("int", key[1])] = None if after is None else cast("bytes", after[0])
            elif table == "label_maps" and (before is None or after is None or before[:2] != after[:2]):
                self._maps.pop(image, None)
        for image, changed in tiles.items():
            if image in fresh:
                self.put(image, fresh[image])
            elif image in self._maps:
                self._patch(image, changed)

    def _patch(self, image: int, tiles: Mapping[int, bytes | None]) -> None:
        labels = self._maps[image].copy()
        columns = -(-labels.shape[1] // TILE)
        try:
            unpack_into(labels, ((number, blob) for number, blob in tiles.items() if blob is not None))
        except TileDamagedError:
            del self._maps[image]  # deeper labels than it has room for, or damage: the next reader sees which
            return
        for number, blob in tiles.items():
            if blob is None:
                top, left = (number // columns) * TILE, (number % columns) * TILE
                labels[top : top + TILE, left : left + TILE] = BACKGROUND
        labels.flags.writeable = False
        self._maps[image] = labels
