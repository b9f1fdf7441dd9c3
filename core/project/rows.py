"""Rows of the project file as values, and values as rows."""

from __future__ import annotations

import json
import re
import struct
import zlib
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ProjectError, UsageError
from counterpart.core.project.model import (
    BACKGROUND,
    IMAGE_STATES,
    PART_STATES,
    ImageRecord,
    PartLabel,
    PartState,
    Provenance,
)
from counterpart.core.project.palette import colour_hex, parse_colour
from counterpart.core.project.points import Box, KeypointSet, MatchSet, Skeleton
from counterpart.core.project.schema import Key, Row
from counterpart.core.project.store import Reader
from counterpart.core.project.tiles import TileDamagedError, decode_counted, unpack_into

_DIGITS: Final = re.compile("[0-9]+")
_ARRAYS: Final = struct.Struct("<II")
_LEFT: Final = "They are left as they are; restore a backup"
_MOST_PIXELS: Final = 1 << 29
"""Above what a photograph that can be opened has."""
_MOST_IDS: Final = 1 << 53


def natural_key(name: str) -> str:
    """Sorts `img2` before `img10`, whatever the case."""
    folded = name.casefold()
    return _DIGITS.sub(lambda found: f"{len(found[0].lstrip('0')):03d}{found[0].lstrip('0')}", folded)


def read_json(text: object) -> Any:
    """What a JSON text of the file says; a ValueError also where it is nested without end."""
    try:
        return json.loads(str(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


# Images, parts, provenance


def image_record(key: Key, row: Row) -> ImageRecord:
    """Raises ValueError when the row is not one that was written."""
    record = ImageRecord(key[0], *row)  # type: ignore[arg-type]
    if record.state not in IMAGE_STATES or type(record.name) is not str:
        raise ValueError(f"image {key[0]} has the state {record.state!r:.40}")
    if not (0 < record.id < _MOST_IDS and min(record.hw) >= 0 and max(record.hw) <= _MOST_PIXELS):
        raise ValueError(f"image {record.id} of {record.width} x {record.height} pixels")
    if "\0" in record.name + record.path:
        raise ValueError("no file can have its name")
    return record


def image_row(record: ImageRecord) -> Row:
    return (
        record.name,
        record.path,
        record.root,
        record.size_bytes,
        record.sha256,
        record.width,
        record.height,
        record.state,
        record.doubt,
    )


def part_label(key: Key, row: Row) -> PartLabel:
    name, colour, position, locked, visible = cast("tuple[str, str, int, int, int]", row)
    return PartLabel(int(key[0]), name, parse_colour(colour), position, bool(locked), bool(visible))


def part_row(part: PartLabel) -> Row:
    return part.name, colour_hex(part.colour), part.order, int(part.locked), int(part.visible)


def provenance_value(key: Key, row: Row) -> Provenance:
    job, params, model, weights, when = cast("tuple[str, str, str, str, str]", row)
    return Provenance(job, params, model, weights, when, int(key[0]))


def provenance_row(value: Provenance) -> Row:
    return value.job, value.params, value.model, value.weights, value.when


# Skeletons


def skeleton_value(key: Key, row: Row) -> Skeleton:
    """Raises ValueError, KeyError, TypeError or UsageError when the row is not one that was written."""
    data: dict[str, Any] = read_json(row[0])
    if not all(isinstance(text, str) for text in [*data["names"], *data["colours"]]):
        raise TypeError("its names and colours are no texts")
    return Skeleton(
        tuple(data["names"]),
        tuple((int(a), int(b)) for a, b in data["edges"]),
        tuple(parse_colour(text) for text in data["colours"]),
        tuple((int(a), int(b)) for a, b in data["mirror_pairs"]),
        str(data["name"]),
        int(key[0]),
        tuple(int(point) for point in data["point_ids"]),
    )


def skeleton_row(skeleton: Skeleton) -> Row:
    data = {
        "name": skeleton.name,
        "names": skeleton.names,
        "edges": skeleton.edges,
        "colours": [colour_hex(colour) for colour in skeleton.colours],
        "mirror_pairs": skeleton.mirror_pairs,
        "point_ids": skeleton.point_ids,
    }
    return (json.dumps(data, ensure_ascii=False, separators=(",", ":")),)


# Points


def _pack_arrays(*arrays: NDArray[Any]) -> bytes:
    """Arrays of equal length, one after the other, little endian, behind their length and a checksum."""
    payload = b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    return _ARRAYS.pack(len(arrays[0]), zlib.crc32(payload)) + payload


def _unpack_arrays(blob: object, *kinds: tuple[str, int]) -> list[NDArray[Any]]:
    """Inverse of `_pack_arrays`: (count, width) arrays, or (count,) for width 0.

    Raises:
        ProjectError: The bytes are not those that were written.
    """
    damaged = ProjectError("the points are damaged", hint=_LEFT)
    if not isinstance(blob, bytes) or len(blob) < _ARRAYS.size:
        raise damaged
    count, crc = _ARRAYS.unpack_from(blob)
    payload = blob[_ARRAYS.size :]
    sizes = [np.dtype(kind).itemsize * max(width, 1) * count for kind, width in kinds]
    if sum(sizes) != len(payload) or zlib.crc32(payload) != crc:
        raise damaged
    arrays, start = [], 0
    for (kind, width), size in zip(kinds, sizes, strict=True):
        array: NDArray[Any] = np.frombuffer(payload[start : start + size], np.dtype(kind))
        array = array.reshape(count, width) if width else array
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        native.flags.writeable = False
        arrays.append(native)
        start += size
    return arrays


def keypoint_row(image: int, points: KeypointSet) -> Row:
    data = _pack_arrays(points.xy, points.visibility, points.score, points.origin)
    box = "" if points.box is None else json.dumps(points.box)
    return image, points.skeleton, data, box, int(points.template), points.provenance


def keypoint_set(key: Key, row: Row) -> tuple[int, KeypointSet]:
    """The image and the points.

    Raises:
        ProjectError: The bytes are not those that were written.
    """
    image, skeleton, data, box, template, provenance = row
    xy, visibility, score, origin = _unpack_arrays(data, ("<f8", 2), ("<u1", 0), ("<f4", 0), ("<u1", 0))
    frame = _box(str(box)) if box else None
    points = KeypointSet(
        xy,
        visibility,
        score,
        origin,
        frame,
        cast("int", skeleton),
        cast("int", key[0]),
        bool(template),
        cast("int", provenance),
    )
    return cast("int", image), points


def _box(text: str) -> Box:
    try:
        x, y, width, height = (float(value) for value in read_json(text))
    except (ValueError, TypeError):
        raise ProjectError("the box of an instance is damaged", hint=_LEFT) from None
    return x, y, width, height


def match_row(matches: MatchSet) -> Row:
    """Row of a set whose `image_a` is the smaller id, as it is stored."""
    data = _pack_arrays(
        matches.xy_a,
        matches.xy_b,
        matches.score,
        matches.cycle_error,
        matches.state,
        matches.locked.astype(np.uint8),
    )
    return data, matches.provenance


def match_set(key: Key, row: Row) -> MatchSet:
    """Raises ProjectError when the bytes are not those that were written."""
    data, provenance = row
    kinds = (("<f8", 2), ("<f8", 2), ("<f4", 0), ("<f4", 0), ("<u1", 0), ("<u1", 0))
    xy_a, xy_b, score, cycle_error, state, locked = _unpack_arrays(data, *kinds)
    return MatchSet(
        cast("int", key[0]),
        cast("int", key[1]),
        xy_a,
        xy_b,
        score,
        cycle_error,
        state,
        locked.astype(np.bool_),
        cast("int", provenance),
    )


# Reading what belongs to an image


def read_part_states(reader: Reader, image: int) -> dict[int, tuple[PartState, int]]:
    """Whose each part of an image is, and how many pixels it has."""
    rows = reader.find("label_parts", "image", image)
    if any(row[0] not in PART_STATES for row in rows.values()):
        raise ProjectError("the list of its parts is damaged", hint=_LEFT)
    return {cast("int", key[1]): cast("tuple[PartState, int]", row) for key, row in sorted(rows.items())}


def map_size(header: Row) -> tuple[int, int]:
    """(height, width) of a row of `label_maps`.

    Raises:
        ProjectError: They are not those of an image.
    """
    height, width = cast("tuple[int, int]", header[:2])
    if not (0 <= height <= _MOST_PIXELS and 0 <= width <= _MOST_PIXELS and height * width <= _MOST_PIXELS):
        raise ProjectError(f"the labels are damaged ({width} x {height} pixels)", hint=_LEFT)
    return height, width


def damaged_labels(error: TileDamagedError) -> ProjectError:
    """What a damaged tile means for a person."""
    return ProjectError(
        f"the labels are damaged ({error})", hint="They are left as they are; restore a backup or clear the image"
    )


def _unpack_tiles(reader: Reader, table: str, image: int, out: NDArray[np.unsignedinteger]) -> None:
    rows = reader.find(table, "image", image)
    try:
        unpack_into(out, ((cast("int", key[1]), cast("bytes", row[0])) for key, row in rows.items()))
    except TileDamagedError as error:
        raise damaged_labels(error) from None


def tile_labels(row: Row | None, box: tuple[int, int, int, int], number: int) -> NDArray[np.unsignedinteger]:
    """The (height, width) labels of a tile's row, a new uint8 or uint16 array; background where there is no row.

    Args:
        row: Of `label_tiles` or `touched_tiles`.
        box: (top, left, bottom, right) of the tile.
        number: Of the tile, for the error.

    Raises:
        ProjectError: They are damaged.
    """
    return counted_tile(row, box, number)[0]


def counted_tile(
    row: Row | None, box: tuple[int, int, int, int], number: int
) -> tuple[NDArray[np.unsignedinteger], dict[int, int]]:
    """What `tile_labels` gives, and the pixels of every label.

    Raises:
        ProjectError: They are damaged.
    """
    shape = (box[2] - box[0], box[3] - box[1])
    if row is None:
        return np.zeros(shape, np.uint8), {BACKGROUND: shape[0] * shape[1]}
    try:
        tile, counts = decode_counted(cast("bytes", row[0]))
    except TileDamagedError as error:
        raise damaged_labels(error) from None
    if tile.shape != shape:
        raise damaged_labels(TileDamagedError(f"tile {number} of {tile.shape}"))
    return (tile if tile.flags.writeable else tile.copy()), counts


def read_labels(reader: Reader, image: int) -> tuple[NDArray[np.unsignedinteger], int] | None:
    """The (height, width) labels of an image and the provenance of its predictions; None where it has no labels.

    Raises:
        ProjectError: They are damaged.
    """
    header = reader.get("label_maps", (image,))
    if header is None:
        return None
    height, width = map_size(header)
    provenance = cast("int", header[2])
    wide = any(part > 255 for part in read_part_states(reader, image))
    labels: NDArray[np.unsignedinteger] = np.zeros((height, width), np.uint16 if wide else np.uint8)
    _unpack_tiles(reader, "label_tiles", image, labels)
    labels.flags.writeable = False
    return labels, provenance


def read_touched(reader: Reader, image: int) -> NDArray[np.bool_] | None:
    """(height, width) bool, true where a person painted; None where nobody did.

    Raises:
        ProjectError: The record is damaged.
    """
    header = reader.get("label_maps", (image,))
    if header is None or not reader.find("touched_tiles", "image", image):
        return None
    touched: NDArray[np.unsignedinteger] = np.zeros(map_size(header), np.uint8)
    _unpack_tiles(reader, "touched_tiles", image, touched)
    return touched.astype(np.bool_)


def read_keypoints(reader: Reader, image: int) -> tuple[KeypointSet, ...]:
    """The instances of an image in the order they were made.

    Raises:
        ProjectError: They are damaged.
    """
    rows = reader.find("keypoints", "image", image)
    return tuple(keypoint_set(key, row)[1] for key, row in sorted(rows.items()))


def read_match_sets(reader: Reader, image: int) -> tuple[MatchSet, ...]:
    """Every match set that an image takes part in, as stored.

    Raises:
        ProjectError: They are damaged.
    """
    rows = {**reader.find("matches", "image_a", image), **reader.find("matches", "image_b", image)}
    return tuple(match_set(key, row) for key, row in sorted(rows.items()))


READ_ERRORS: Final = (ValueError, KeyError, TypeError, OverflowError, UsageError, ProjectError)
"""What the functions that make values of rows raise for a row that nobody can have written."""
