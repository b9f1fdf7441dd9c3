"""Unpacked label maps of the images looked at last, bounded by bytes."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from counterpart.core.project.changes import Diff
from counterpart.core.project.model import BACKGROUND, Labels
from counterpart.core.project.tiles import TILE, TileDamagedError, unpack_into

Tiles = dict[int, bytes | None]
"""Blobs by tile number; None for background alone."""


@dataclass(slots=True)
class _Former:
    """The labels of an image as they were one change ago, and the tiles in which they differ from those of now.

    Attributes:
        image: The image.
        labels: The labels as they were.
        tiles: What those tiles held then.
    """

    image: int
    labels: Labels
    tiles: Tiles


class LabelCache:
    """Least recently used label maps go first. Maps that changed are brought up to date when they are asked for.

    Whoever was given a map keeps it as it was, so a change makes another. Of the image that changed last the former map
    is kept, and becomes the new one if nobody holds it any more: a change then costs its tiles instead of a copy of the
    whole, and taking it back next to nothing.

    Args:
        limit: Bytes to keep at most; one map is always kept, however large.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._maps: OrderedDict[int, Labels] = OrderedDict()
        self._stale: dict[int, Tiles] = {}
        self._was: dict[int, Tiles] = {}
        self._former: _Former | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        former = self._former.labels.nbytes if self._former is not None else 0
        return former + sum(labels.nbytes for labels in self._maps.values())

    def get(self, image: int) -> Labels | None:
        """The labels of an image, if they are here and up to date."""
        if image in self._stale:
            self._patch(image, self._stale.pop(image), self._was.pop(image))
        labels = self._maps.get(image)
        if labels is not None:
            self._maps.move_to_end(image)
        return labels

    def put(self, image: int, labels: Labels) -> None:
        """Keep the labels of an image."""
        self._drop(image)
        self._maps[image] = labels
        if self._former is not None and self.nbytes > self._limit:
            self._former = None
        while len(self._maps) > 1 and self.nbytes > self._limit:
            self._drop(next(iter(self._maps)))

    def update(self, diff: Diff) -> None:
        """Follow a change of rows."""
        for (table, key), (before, after) in diff.items():
            image = cast("int", key[0])
            if image not in self._maps:
                continue
            if table == "label_tiles":
                tile = cast("int", key[1])
                self._stale.setdefault(image, {})[tile] = None if after is None else cast("bytes", after[0])
                self._was.setdefault(image, {}).setdefault(tile, None if before is None else cast("bytes", before[0]))
            elif table == "label_maps" and (before is None or after is None or before[:2] != after[:2]):
                self._drop(image)

    def _drop(self, image: int) -> None:
        self._maps.pop(image, None)
        self._stale.pop(image, None)
        self._was.pop(image, None)
        if self._former is not None and self._former.image == image:
            self._former = None

    def _patch(self, image: int, tiles: Tiles, was: Tiles) -> None:
        old = self._maps[image]
        labels, there = self._taken_back(image, old, tiles)
        missing = {number: blob for number, blob in tiles.items() if number not in there or there[number] != blob}
        try:
            _write(labels, missing)
        except TileDamagedError:
            self._drop(image)  # deeper labels than it has room for, or damage: the next reader sees which
            return
        labels.flags.writeable = False
        self._maps[image] = labels
        self._former = _Former(image, old, was)
        if self.nbytes > self._limit:
            self._former = None

    def _taken_back(self, image: int, old: Labels, tiles: Tiles) -> tuple[Labels, Tiles]:
        """An array to write tiles into, the same as `old` in all others; and what it holds in those, where known."""
        former, self._former = self._former, None
        if former is None or former.image != image or former.labels.dtype != old.dtype:
            return old.copy(), {}
        labels, held = former.labels, former.tiles
        del former
        fresh = labels[:0].copy()
        # Whoever was given the map, or any view of it, counts as a reference more than an array of our own has.
        if sys.getrefcount(labels) > sys.getrefcount(fresh):
            return old.copy(), {}
        labels.flags.writeable = True
        for number in held.keys() - tiles.keys():
            place = _place(number, labels.shape[1])
            labels[place] = old[place]
        return labels, held


def _place(number: int, width: int) -> tuple[slice, slice]:
    """Where a tile lies in its image."""
    top, left = (TILE * index for index in divmod(number, -(-width // TILE)))
    return slice(top, top + TILE), slice(left, left + TILE)


def _write(labels: Labels, tiles: Mapping[int, bytes | None]) -> None:
    unpack_into(labels, ((number, blob) for number, blob in tiles.items() if blob is not None))
    for number, blob in tiles.items():
        if blob is None:
            labels[_place(number, labels.shape[1])] = BACKGROUND
