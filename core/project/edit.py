"""A change in the making: rows as a command wants them, on top of rows as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType
from typing import cast

from counterpart.core.errors import UsageError, printable
from counterpart.core.project.changes import Diff
from counterpart.core.project.model import Box4, ImageRecord, Labels, PartLabel
from counterpart.core.project.overlay import Overlay
from counterpart.core.project.points import Skeleton
from counterpart.core.project.rows import image_row, part_label, part_row, read_labels, skeleton_row, skeleton_value
from counterpart.core.project.schema import TABLES, Key, Row
from counterpart.core.project.store import Reader
from counterpart.core.wording import is_text

_ROW_BYTES, _VALUE_BYTES = 64, 40
_INTEGERS = 1 << 63
"""SQLite's whole numbers are smaller, either way."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What a command did, enough to undo and redo it exactly.

    Attributes:
        diff: Rows before and after.
        boxes: Exact boxes of changed labels by image, where a command knew them.
        before: The document's state that the command was applied to.
        after: The state that it led to.
        cost: Bytes held, roughly.
    """

    diff: Diff
    boxes: Mapping[int, Box4]
    before: int
    after: int
    cost: int

    @classmethod
    def of(cls, diff: Diff, boxes: Mapping[int, Box4], before: int, after: int) -> Record:
        """A record of rows that changed, with its size counted."""
        cost = sum(_size(row) for rows in diff.values() for row in rows)
        return cls(diff, dict(boxes), before, after, cost)


def _size(row: Row | None) -> int:
    if row is None:
        return 16
    size = _ROW_BYTES + _VALUE_BYTES * len(row)
    for value in row:  # a hundred thousand rows are one gesture: no generator
        if isinstance(value, (bytes, str)):
            size += len(value)
    return size


@dataclass(slots=True, eq=False)
class Edit:
    """Collects the rows of one command. Reading gives what the command has written so far.

    Attributes:
        store: The rows as they are.
        images: Records as they are, by id.
        parts: Parts as they are, by id.
        skeletons: Skeletons as they are, by id.
        counters: Last identifiers given, by kind; they only ever rise, also when the command is undone.
        revisions: Revision at which a kind of data of an image, or a skeleton, last changed, by (kind, id).
        label_source: Reads the labels of an image as they are, from memory where they are at hand.
        root_folders: Where the folders of images are now, by id.
        project_folder: Folder of the project file; None while there is no file.
        boxes: See `Record.boxes`.
    """

    store: Reader
    images: Mapping[int, ImageRecord]
    parts: Mapping[int, PartLabel]
    skeletons: Mapping[int, Skeleton]
    counters: dict[str, int]
    revisions: Mapping[tuple[str, int], int]
    label_source: Callable[[int], Labels | None]
    root_folders: Mapping[int, Path]
    project_folder: Path | None
    boxes: dict[int, Box4] = field(default_factory=dict)
    _parts_now: dict[int, PartLabel] | None = None
    _before: dict[str, dict[Key, Row | None]] = field(default_factory=lambda: {name: {} for name in TABLES})
    _after: dict[str, Overlay] = field(default_factory=lambda: {name: Overlay(table) for name, table in TABLES.items()})

    # Rows

    def get(self, table: str, key: Key) -> Row | None:
        """A row, or None where there is none."""
        after = self._after[table]
        return after[key] if key in after else self.store.get(table, key)

    def setting(self, key: str) -> object:
        """The value of a setting as the command has left it so far; None where there is none."""
        row = self.get("settings", (key,))
        return None if row is None else json.loads(str(row[0]))

    def find(self, table: str, column: str, value: int | str) -> dict[Key, Row]:
        """The rows with a value in a key or indexed column, by key."""
        return self._after[table].over(self.store.find(table, column, value), column, value)

    def put(self, table: str, key: Key, row: Row | None, was: Row | EllipsisType | None = ...) -> None:
        """Write a row, or delete it with None. `was` is what it was, where the caller knows, which saves looking.

        Raises:
            UsageError: It cannot be stored. Found here, it costs this command and not the ones after it, whose rows
                would wait behind it for ever.
        """
        check_storable(key)
        if row is not None:
            check_storable(row)
        if key not in self._after[table]:
            self._before[table][key] = self._current(table, key) if isinstance(was, EllipsisType) else was
        self._after[table][key] = row
        if table == "parts":
            self._parts_now = None

    def _current(self, table: str, key: Key) -> Row | None:
        if table == "images" and key[0] in self.images:
            return image_row(self.images[cast("int", key[0])])
        return self.store.get(table, key)

    def diff(self) -> Diff:
        """The rows that are not what they were."""
        return {
            (table, key): (self._before[table][key], row)
            for table, rows in self._after.items()
            for key, row in rows.items()
            if self._before[table][key] != row
        }

    def new_id(self, kind: str) -> int:
        """An identifier that was never given before."""
        self.counters[kind] = self.counters.get(kind, 0) + 1
        return self.counters[kind]

    def claim_id(self, kind: str, number: int) -> None:
        """Note an identifier that came from outside, so that it is not given again."""
        self.counters[kind] = max(self.counters.get(kind, 0), number)

    def changed_since(self, kind: str, image: int, revision: int | None) -> bool:
        """Whether `labels`, `keypoints` or `matches` of an image, or a `skeleton`, changed since (None: never)."""
        return revision is not None and self.revisions.get((kind, image), 0) > revision

    # Values

    def image(self, image: int) -> ImageRecord:
        """An image as the command has left it so far.

        Raises:
            KeyError: There is no such image.
        """
        row = self._after["images"].get((image,))
        return ImageRecord(image, *row) if row is not None else self.images[image]  # type: ignore[arg-type]

    def has_image(self, image: int) -> bool:
        """Whether an image is in the project as the command has left it so far."""
        after = self._after["images"]
        return after[image,] is not None if (image,) in after else image in self.images

    def put_image(self, record: ImageRecord) -> None:
        """Write an image."""
        self.put("images", (record.id,), image_row(record), *(() if record.id in self.images else (None,)))

    def all_parts(self) -> dict[int, PartLabel]:
        """Parts as the command has left them so far, by id, in their order."""
        if self._parts_now is None:
            parts = dict(self.parts)
            for key, row in self._after["parts"].items():
                if row is None:
                    parts.pop(cast("int", key[0]), None)
                else:
                    parts[cast("int", key[0])] = part_label(key, row)
            self._parts_now = dict(sorted(parts.items(), key=lambda item: (item[1].order, item[0])))
        return self._parts_now

    def all_skeletons(self) -> dict[int, Skeleton]:
        """Skeletons as the command has left them so far, by id."""
        skeletons = dict(self.skeletons)
        for key, row in self._after["skeletons"].items():
            if row is None:
                skeletons.pop(cast("int", key[0]), None)
            else:
                skeletons[cast("int", key[0])] = skeleton_value(key, row)
        return skeletons

    def labels(self, image: int) -> Labels | None:
        """(height, width) labels of an image as the command has left them so far, read-only; None for none.

        Raises:
            ProjectError: They are damaged.
        """
        if not self._after["label_tiles"].has_first(image):
            return self.label_source(image)
        found = read_labels(self, image)
        return None if found is None else found[0]

    def put_part(self, part: PartLabel) -> None:
        """Write a part."""
        self.put("parts", (part.id,), part_row(part))

    def put_skeleton(self, skeleton: Skeleton) -> None:
        """Write a skeleton."""
        self.put("skeletons", (skeleton.id,), skeleton_row(skeleton))


def check_storable(values: Key | Row) -> None:
    """Refuse what SQLite cannot take.

    Raises:
        UsageError: A text with bytes in an unknown encoding or a NUL, or a number that is too large.
        TypeError: A value of a type that no row has.
    """
    for value in values:
        if isinstance(value, str):
            if not is_text(value):
                name = printable(value).replace("\0", "\\0")
                raise UsageError(f"'{name[:200]}' cannot be stored: it is not text", hint="Give it another name")
        elif isinstance(value, int):
            if not -_INTEGERS <= value < _INTEGERS:
                raise UsageError(f"{value} is too large a number to be stored", hint="Give a smaller one")
        elif value is not None and not isinstance(value, (float, bytes)):
            raise TypeError(f"{type(value).__name__} in a row")


def merged_row(current: Row | None, source: Row | None, target: Row | None) -> Row | None:
    """The current row with the step from `source` to `target` taken.

    Columns that the step leaves alone keep their current value: facts about a file that were learnt after a command are
    not forgotten when the command is undone.
    """
    if current is None or source is None or target is None:
        return target
    return tuple(
        new if new != old or type(new) is not type(old) else now
        for now, old, new in zip(current, source, target, strict=True)
    )
