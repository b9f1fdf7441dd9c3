"""Label maps as small lossless blobs: tiles of 256 x 256 pixels, each stored as runs.

Tiles make the cost of saving a stroke independent of the image's size; runs make a tile of a part mask a few
hundred bytes and let labels be exchanged without unpacking pixels. A tile of background alone is not stored
at all. Every blob carries a checksum, so that damage is noticed where it is and not drawn.

Layout of a blob, little endian: kind (1 byte: 1 runs, 2 pixels), bytes per label (1), height (2), width (2), CRC-32 of
the uncompressed payload (4), then the payload through zlib: for runs, the four byte planes of the lengths and the
values; for pixels (where runs would be longer), the values themselves.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.model import BACKGROUND, Labels

TILE = 256
"""Side of a tile, pixels."""

_HEADER = struct.Struct("<BBHHI")
_RUNS, _PIXELS = 1, 2
_LEVEL = 6


class TileDamagedError(ValueError):
    """A blob is not what was once written."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedLabels:
    """A label map as blobs: what a job hands over for many images, small and quick to store.

    Attributes:
        hw: Height and width in pixels.
        tiles: Blob by tile number (row-major); tiles of background alone are left out.
        areas: Pixels of every part that occurs, without the background.
    """

    hw: tuple[int, int]
    tiles: Mapping[int, bytes]
    areas: Mapping[int, int]

    def check(self) -> None:
        """Raise `TileDamagedError` if a blob is not what was once written, or not for this place."""
        boxes = dict(tile_boxes(self.hw)) if self.tiles else {}
        for number, blob in self.tiles.items():
            top, left, bottom, right = boxes.get(number, (0, 0, 0, 0))
            if _open(blob)[1] != (bottom - top, right - left):
                raise TileDamagedError(f"tile {number} does not fit an image of {self.hw}")

    def unpack(self) -> Labels:
        """(height, width) uint8 or uint16 labels, a new array."""
        wide = max(self.areas, default=0) > 255
        out: Labels = np.zeros(self.hw, np.uint16 if wide else np.uint8)
        unpack_into(out, self.tiles.items())
        return out


def pack_labels(labels: NDArray[np.integer] | NDArray[np.bool_]) -> PackedLabels:
    """Pack a (height, width) label map. Safe on any thread."""
    values = _unsigned(labels)
    counts = np.zeros(int(values.max(initial=0)) + 1, np.int64)
    tiles: dict[int, bytes] = {}
    for number, (top, left, bottom, right) in tile_boxes((values.shape[0], values.shape[1])):
        tile = values[top:bottom, left:right]
        if tile.any():
            tiles[number] = encode_tile(tile)
            # Tile by tile, for counting takes eight bytes for each pixel.
            counts += np.bincount(tile.reshape(-1), minlength=len(counts))
    areas = {int(part): int(counts[part]) for part in np.flatnonzero(counts) if part != BACKGROUND}
    return PackedLabels((values.shape[0], values.shape[1]), tiles, areas)


def unpack_into(out: Labels, tiles: Iterable[tuple[int, bytes]]) -> None:
    """Write tiles into an array of the image's size; what is not given stays as it is.

    Raises:
        TileDamagedError: A blob is damaged or does not fit the image.
    """
    columns = max(-(-out.shape[1] // TILE), 1)
    for number, blob in tiles:
        top, left = (number // columns) * TILE, (number % columns) * TILE
        place = out[top : top + TILE, left : left + TILE]
        tile = decode_tile(blob)
        if tile.shape != place.shape or number < 0:
            raise TileDamagedError(f"tile {number} of {tile.shape} does not fit an image of {out.shape}")
        if tile.itemsize > out.itemsize:
            raise TileDamagedError(f"tile {number} has labels that belong to no part")
        place[...] = tile


def tile_boxes(
    hw: tuple[int, int], bbox: tuple[int, int, int, int] | None = None
) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Numbers and (top, left, bottom, right) boxes of an image's tiles, or of those that a box touches."""
    height, width = hw
    columns = -(-width // TILE)
    top, left, bottom, right = bbox or (0, 0, height, width)
    for row in range(top // TILE, -(-bottom // TILE)):
        for column in range(left // TILE, -(-right // TILE)):
            y, x = row * TILE, column * TILE
            yield row * columns + column, (y, x, min(y + TILE, height), min(x + TILE, width))


def tiles_bbox(hw: tuple[int, int], numbers: Iterable[int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the area that some tiles cover together; all zero for none."""
    columns = -(-hw[1] // TILE)
    places = [divmod(number, columns) for number in numbers]
    if not places:
        return 0, 0, 0, 0
    rows, cols = [row for row, _ in places], [column for _, column in places]
    return (
        min(rows) * TILE,
        min(cols) * TILE,
        min((max(rows) + 1) * TILE, hw[0]),
        min((max(cols) + 1) * TILE, hw[1]),
    )


def encode_tile(tile: NDArray[np.integer] | NDArray[np.bool_]) -> bytes:
    """Blob of a (height, width) array of labels, at most 65535 on a side."""
    return encode_counted(tile)[0]


def encode_counted(tile: NDArray[np.integer] | NDArray[np.bool_]) -> tuple[bytes, dict[int, int]]:
    """What `encode_tile` gives, and the pixels of every label, which come with it at no cost."""
    values = _unsigned(tile)
    if values.dtype == np.uint16 and values.size and int(values.max()) < 256:
        values = values.astype(np.uint8)
    flat = np.ascontiguousarray(values).reshape(-1)
    hw = (values.shape[0], values.shape[1])
    borders = np.flatnonzero(flat[1:] != flat[:-1])
    if not borders.size and flat.size:
        return uniform_tile(int(flat[0]), hw), {int(flat[0]): flat.size}
    if (len(borders) + 1) * (4 + flat.itemsize) >= flat.nbytes:
        blob = _wrap(_PIXELS, flat.itemsize, hw, flat.astype(flat.dtype.newbyteorder("<")).tobytes())
        return blob, _by_label(np.bincount(flat))
    ends = np.empty(len(borders) + 1, np.int64)  # the last pixel of every run
    ends[:-1], ends[-1] = borders, flat.size - 1
    lengths = ends.copy()
    lengths[0] += 1
    lengths[1:] -= ends[:-1]
    runs = flat[ends]
    return _encode_runs(lengths, runs, hw), _by_label(np.bincount(runs, lengths))


def decode_tile(blob: bytes) -> Labels:
    """(height, width) labels of a blob, a new array.

    Raises:
        TileDamagedError: The blob is damaged.
    """
    return decode_counted(blob)[0]


def decode_counted(blob: bytes) -> tuple[Labels, dict[int, int]]:
    """What `decode_tile` gives, and the pixels of every label.

    Raises:
        TileDamagedError: The blob is damaged.
    """
    kind, hw, lengths, values = _open(blob)
    flat = values if kind == _PIXELS else np.repeat(values, lengths)
    native: Labels = flat.reshape(hw).astype(flat.dtype.newbyteorder("="), copy=False)
    return native, _by_label(np.bincount(values) if kind == _PIXELS else np.bincount(values, lengths))


@functools.lru_cache(maxsize=1024)
def uniform_tile(label: int, hw: tuple[int, int]) -> bytes:
    """Blob of a tile that has one label alone, the same as `encode_tile` makes."""
    return _encode_runs(np.array([hw[0] * hw[1]]), np.array([label], np.uint8 if label < 256 else np.uint16), hw)


def tile_counts(blob: bytes) -> dict[int, int]:
    """Pixels of every label that occurs in a blob, from its runs.

    Raises:
        TileDamagedError: The blob is damaged.
    """
    kind, _, lengths, values = _open(blob)
    return _by_label(np.bincount(values) if kind == _PIXELS else np.bincount(values, lengths))


def _by_label(counts: NDArray[np.integer] | NDArray[np.floating]) -> dict[int, int]:
    return {label: int(count) for label, count in enumerate(counts.tolist()) if count}


def relabel_tile(blob: bytes, table: Labels) -> bytes | None:
    """The blob with every label v replaced by `table[v]`; None when only background is left.

    Raises:
        TileDamagedError: The blob is damaged or has a label that the table lacks.
    """
    kind, hw, lengths, values = _open(blob)
    if values.size and int(values.max()) >= len(table):
        raise TileDamagedError(f"label {int(values.max())} belongs to no part")
    new = table[values]
    if not new.any():
        return None
    if kind == _PIXELS:
        return encode_tile(new.reshape(hw))
    starts = np.concatenate(([0], np.flatnonzero(new[1:] != new[:-1]) + 1))
    narrow = new.astype(np.uint8) if int(new.max()) < 256 else new
    return _encode_runs(np.add.reduceat(lengths, starts), narrow[starts], hw)


def _encode_runs(lengths: NDArray[np.int64], values: Labels, hw: tuple[int, int]) -> bytes:
    planes = lengths.astype("<u4").view(np.uint8).reshape(-1, 4).T
    little = values.astype(values.dtype.newbyteorder("<"))
    return _wrap(_RUNS, values.itemsize, hw, planes.tobytes() + little.tobytes())


def _wrap(kind: int, itemsize: int, hw: tuple[int, int], payload: bytes) -> bytes:
    return _HEADER.pack(kind, itemsize, *hw, zlib.crc32(payload)) + zlib.compress(payload, _LEVEL)


def _open(blob: bytes) -> tuple[int, tuple[int, int], NDArray[np.int64], Labels]:
    """(kind, (height, width), run lengths, values), checked; for pixels the lengths are empty."""
    try:
        kind, itemsize, height, width, crc = _HEADER.unpack_from(blob)
        size = height * width
        unpacker = zlib.decompressobj()
        # The bound keeps a forged blob from filling the memory.
        payload = unpacker.decompress(blob[_HEADER.size :], max(size, 1) * (4 + itemsize) + 1)
    except (struct.error, zlib.error, TypeError) as error:
        raise TileDamagedError(str(error)) from None
    whole = unpacker.eof and zlib.crc32(payload) == crc
    if kind not in (_RUNS, _PIXELS) or itemsize not in (1, 2) or not whole:
        raise TileDamagedError("the checksum is wrong")
    dtype = "<u1" if itemsize == 1 else "<u2"
    if kind == _PIXELS:
        values = np.frombuffer(payload, dtype)
        if values.size != size:
            raise TileDamagedError(f"{values.size} pixels instead of {size}")
        return kind, (height, width), np.empty(0, np.int64), values
    count, rest = divmod(len(payload), 4 + itemsize)
    if rest:
        raise TileDamagedError("the runs are cut off")
    planes = np.frombuffer(payload, np.uint8, 4 * count).reshape(4, count)
    lengths = np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.int64)
    if int(lengths.sum()) != size:
        raise TileDamagedError(f"{int(lengths.sum())} pixels instead of {size}")
    return kind, (height, width), lengths, np.frombuffer(payload, dtype, offset=4 * count)


def _unsigned(labels: NDArray[np.integer] | NDArray[np.bool_]) -> Labels:
    """Labels as uint8 or uint16.

    Raises:
        ValueError: Not two-dimensional, or a label is outside 0..65535.
    """
    values = np.asarray(labels)
    if values.ndim != 2:
        raise ValueError(f"a label map has two dimensions, not {values.ndim}")
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype.kind not in "bui":
        raise ValueError(f"labels are integers, not {values.dtype}")
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high > 65_535:
        raise ValueError(f"labels {low}..{high} do not fit 0..65535")
    return values.astype(np.uint8 if high < 256 else np.uint16)
