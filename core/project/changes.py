"""What a document tells its listeners: typed, frozen, always after the fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from counterpart.core.errors import CounterpartError
from counterpart.core.project.schema import Key, Row
from counterpart.core.project.tiles import tiles_bbox

Diff = dict[tuple[str, Key], tuple[Row | None, Row | None]]
"""Rows before and after, by table and key; None where there is no row."""


@dataclass(frozen=True, slots=True)
class ImagesChanged:
    """Images came, went, or their files are known better (place, size, hash, doubt)."""

    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    updated: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelsChanged:
    """The list of parts: one came, went, or has another name, colour, place or lock."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MaskChanged:
    """Labels of one image.

    Attributes:
        image_id: The image.
        bbox: (top, left, bottom, right) pixels, half open, outside of which nothing changed.
    """

    image_id: int
    bbox: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Review states of images, or whose their parts are."""

    image_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SkeletonsChanged:
    """Skeletons came, went or changed."""

    skeletons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeypointsChanged:
    """Instances or points of images."""

    image_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MatchesChanged:
    """Match sets, by (smaller, larger) image id."""

    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Settings of the project."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavedChanged:
    """How the file stands to what is on the screen.

    Attributes:
        saved: Everything is in the file. Always true for a document without a file: nothing promises more there.
        when: Local time of the last success, ISO 8601 to the second, empty before the first.
        error: Why something could not be saved, None when all is well.
    """

    saved: bool
    when: str
    error: CounterpartError | None = None


Change = (
    ImagesChanged
    | LabelsChanged
    | MaskChanged
    | StateChanged
    | SkeletonsChanged
    | KeypointsChanged
    | MatchesChanged
    | SettingsChanged
    | SavedChanged
)

_LABEL_TABLES = ("label_maps", "label_parts", "label_tiles", "touched_tiles")
_STATE_COLUMN = 7
"""Place of `state` in a row of images."""


def changes_of(
    diff: Diff, sizes: Mapping[int, tuple[int, int]], boxes: Mapping[int, tuple[int, int, int, int]]
) -> list[Change]:
    """What rows that changed mean to a listener.

    Args:
        diff: The rows.
        sizes: (height, width) of the label maps whose rows are in the diff.
        boxes: Where known, the exact box within which an image's labels changed.
    """
    keys: dict[str, list[Key]] = {}
    for table, key in diff:
        keys.setdefault(table, []).append(key)
    changes: list[Change] = []
    changes += _image_changes(diff, keys.get("images", []))
    if keys.get("parts"):
        changes.append(LabelsChanged(tuple(cast("int", key[0]) for key in keys["parts"])))
    changes += _mask_changes(diff, keys, sizes, boxes)
    states = {cast("int", key[0]) for key in keys.get("label_parts", ()) if _state_differs(diff["label_parts", key])}
    states |= {cast("int", key[0]) for key in keys.get("images", ()) if _review_differs(diff["images", key])}
    if states:
        changes.append(StateChanged(tuple(sorted(states))))
    if keys.get("skeletons"):
        changes.append(SkeletonsChanged(tuple(cast("int", key[0]) for key in keys["skeletons"])))
    pointed = {
        cast("int", row[0]) for key in keys.get("keypoints", ()) for row in diff["keypoints", key] if row is not None
    }
    if pointed:
        changes.append(KeypointsChanged(tuple(sorted(pointed))))
    if keys.get("matches"):
        changes.append(MatchesChanged(tuple(sorted(cast("list[tuple[int, int]]", keys["matches"])))))
    if keys.get("settings"):
        changes.append(SettingsChanged(tuple(str(key[0]) for key in keys["settings"])))
    return changes


def images_of(diff: Diff) -> frozenset[int]:
    """The images that rows belong to which changed; none for what concerns the whole project, as the name of a part."""
    found: set[int] = set()
    for (table, key), rows in diff.items():
        if table == "images" or table in _LABEL_TABLES:
            found.add(cast("int", key[0]))
        elif table == "keypoints":
            found.update(cast("int", row[0]) for row in rows if row is not None)
        elif table == "matches":
            found.update(cast("tuple[int, int]", key))
    return frozenset(found)


def _image_changes(diff: Diff, keys: list[Key]) -> list[Change]:
    added, removed, updated = [], [], []
    for key in keys:
        before, after = diff["images", key]
        image = cast("int", key[0])
        if before is None:
            added.append(image)
        elif after is None:
            removed.append(image)
        elif before[:_STATE_COLUMN] != after[:_STATE_COLUMN] or before[-1] != after[-1]:
            updated.append(image)
    return [ImagesChanged(tuple(added), tuple(removed), tuple(updated))] if added or removed or updated else []


def _mask_changes(
    diff: Diff,
    keys: dict[str, list[Key]],
    sizes: Mapping[int, tuple[int, int]],
    boxes: Mapping[int, tuple[int, int, int, int]],
) -> list[Change]:
    tiles: dict[int, list[int]] = {}
    for image, tile in cast("list[tuple[int, int]]", keys.get("label_tiles", [])):
        tiles.setdefault(image, []).append(tile)
    changes: list[Change] = []
    for image, numbers in tiles.items():
        before, after = diff.get(("label_maps", (image,)), (None, None))
        resized = before is not None and after is not None and before[:2] != after[:2]
        whole = (0, 0, *sizes[image])
        changes.append(MaskChanged(image, whole if resized else boxes.get(image) or tiles_bbox(sizes[image], numbers)))
    return changes


def _state_differs(rows: tuple[Row | None, Row | None]) -> bool:
    before, after = rows
    return (before and before[0]) != (after and after[0])


def _review_differs(rows: tuple[Row | None, Row | None]) -> bool:
    before, after = rows
    return before is not None and after is not None and before[_STATE_COLUMN] != after[_STATE_COLUMN]
