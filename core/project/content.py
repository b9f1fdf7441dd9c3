"""What of a project is kept in memory: images, parts, skeletons, settings. Follows the rows; never ahead of them."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, cast

from counterpart.core.errors import ProjectError, harmless
from counterpart.core.project.changes import Diff
from counterpart.core.project.model import ImageRecord, ImageState, PartLabel
from counterpart.core.project.points import Skeleton
from counterpart.core.project.rows import READ_ERRORS, image_record, natural_key, part_label, read_json, skeleton_value
from counterpart.core.project.schema import Key, Row
from counterpart.core.project.store import Store

_K = TypeVar("_K")
_V = TypeVar("_V")


_MOST_COUNTED: Final = 1 << 52
_NUMBERED: Final = {
    "root": "roots",
    "image": "images",
    "part": "parts",
    "skeleton": "skeletons",
    "instance": "keypoints",
    "provenance": "provenance",
}
"""Tables by the kind of their identifiers. One that is in use is never given again, whatever the counters say."""


class Content:
    """Values by id, read once when a project is opened and then kept up to date.

    Attributes:
        images: Records of the images.
        parts: The parts.
        skeletons: The skeletons.
        settings: Settings by key.
        roots: Where the folders of images are now.
        counters: Last identifiers given, by kind.
        state_counts: How many images are in each review state.
        problems: Rows that make no sense, in words.
    """

    def __init__(self, project_folder: Path | None) -> None:
        self.images: dict[int, ImageRecord] = {}
        self.parts: dict[int, PartLabel] = {}
        self.skeletons: dict[int, Skeleton] = {}
        self.settings: dict[str, object] = {}
        self.roots: dict[int, Path] = {}
        self.counters: dict[str, int] = {}
        self.state_counts: Counter[ImageState] = Counter()
        self.problems: list[str] = []
        self._folder = project_folder
        self._order: tuple[int, ...] | None = None
        self._takers: dict[str, Callable[[Key, Row | None], None]] = {
            "settings": self._take_setting,
            "counters": self._take_counter,
            "roots": self._take_root,
            "images": self._take_image,
            "parts": self._take_part,
            "skeletons": self._take_skeleton,
        }

    @property
    def order(self) -> tuple[int, ...]:
        """Identifiers of all images, in natural order of their names."""
        if self._order is None:
            keys = {number: natural_key(record.name) for number, record in self.images.items()}
            self._order = tuple(sorted(keys, key=lambda number: (keys[number], number)))
        return self._order

    def load(self, store: Store) -> None:
        """Read everything. From a damaged file, what can be read; the store then refuses to be written."""
        for table, take in self._takers.items():
            try:
                rows = store.all(table)
            except ProjectError:
                rows = store.salvage(table)
                store.give_up_writing("the file is damaged")
            for key, row in rows.items():
                try:
                    take(key, row)
                except (*READ_ERRORS, OSError) as error:  # a folder's name may be no name at all
                    self.problems.append(f"{table} {harmless(key[0])} cannot be read ({harmless(error, 200)})")
                    store.give_up_writing("the file is damaged")
        for kind, table in _NUMBERED.items():
            with contextlib.suppress(ProjectError):  # what was read shows the damage; nothing is added to it
                self.counters[kind] = max(self.counters.get(kind, 0), store.last_id(table))
            if self.counters.get(kind, 0) >= _MOST_COUNTED:
                self.problems.append(f"the count of {table} cannot be right ({self.counters[kind]})")
                store.give_up_writing("the file is damaged")
        self.problems += store.problems

    def take(self, diff: Diff) -> None:
        """Follow a change of rows."""
        for (table, key), (_, after) in diff.items():
            if table in self._takers:
                self._takers[table](key, after)

    def _take_image(self, key: Key, row: Row | None) -> None:
        number = cast("int", key[0])
        new = None if row is None else image_record(key, row)
        old = self.images.get(number)
        if old is not None:
            self.state_counts[old.state] -= 1
        if new is not None:
            self.state_counts[new.state] += 1
        if old is None or new is None or old.name != new.name:
            self._order = None
        _set(self.images, number, new)

    def _take_part(self, key: Key, row: Row | None) -> None:
        _set(self.parts, cast("int", key[0]), None if row is None else part_label(key, row))

    def _take_skeleton(self, key: Key, row: Row | None) -> None:
        _set(self.skeletons, cast("int", key[0]), None if row is None else skeleton_value(key, row))

    def _take_setting(self, key: Key, row: Row | None) -> None:
        _set(self.settings, str(key[0]), None if row is None else read_json(row[0]))

    def _take_counter(self, key: Key, row: Row | None) -> None:
        if row is not None:
            self.counters[str(key[0])] = int(cast("int", row[0]))

    def _take_root(self, key: Key, row: Row | None) -> None:
        if row is not None and "\0" in str(row[0]) + str(row[1]):
            raise ValueError("no folder can have its name")
        _set(self.roots, cast("int", key[0]), None if row is None else self._folder_of(str(row[0]), Path(str(row[1]))))

    def _folder_of(self, relative: str, absolute: Path) -> Path:
        """Where a folder of images is: project and images may have moved together, or the project alone."""
        if not relative or self._folder is None:
            return absolute
        beside = Path(os.path.normpath(self._folder / relative))
        return absolute if absolute.is_dir() and not beside.is_dir() else beside


def _set(values: dict[_K, _V], key: _K, value: _V | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
