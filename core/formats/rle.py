"""Masks as run lengths: COCO's (columns first, plain or as a string) and CVAT's (rows first, within a box).

Own code rather than pycocotools': that trusts the counts it is given, and a file may come from anywhere. Tests hold the
two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.formats.polygons import Patch

MAX_PIXELS = 400_000_000


def _runs(flat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of runs, the first of them of zeros (maybe none)."""
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([edges, [flat.size]])
    lengths = np.diff(np.concatenate([[0], ends]))
    if flat.size and flat[0]:
        lengths = np.concatenate([[0], lengths])
    return lengths if flat.size else np.zeros(0, np.int64)


def _fill(counts: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """Inverse of `_runs`.

    Raises:
        ValueError: The counts are negative or do not add up.
    """
    _check(counts, size)
    return np.repeat(np.arange(counts.size) % 2 == 1, counts)


def _check(counts: NDArray[np.int64], size: int) -> None:
    """Raise ValueError if runs are negative or do not add up to the size of the mask."""
    if counts.size and int(counts.min()) < 0:
        raise ValueError("a run has a negative length")
    if counts.size and int(counts.max()) > size:  # a sum of such runs may overflow, and end up at the right size
        raise ValueError(f"a run of {int(counts.max())} is longer than the mask of {size} pixels")
    total = int(counts.sum())
    if total != size:
        raise ValueError(f"the runs cover {total} pixels, the mask has {size}")


def mask_to_counts(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """COCO's uncompressed counts of a (height, width) mask: column by column, starting with zeros."""
    return _runs(np.asarray(mask, np.bool_).T.reshape(-1))


def counts_to_mask(counts: Sequence[int] | NDArray[np.int64], hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(height, width) mask of COCO's uncompressed counts.

    Raises:
        ValueError: The counts do not fit the size.
    """
    return counts_to_patch(counts, hw).on(hw)


def counts_to_patch(counts: Sequence[int] | NDArray[np.int64], hw: tuple[int, int]) -> Patch:
    """The mask of COCO's uncompressed counts within its own box.

    Raises:
        ValueError: The counts do not fit the size.
    """
    height, width = hw
    if height < 0 or width < 0 or height * width > MAX_PIXELS:
        raise ValueError(f"a mask of {width} x {height} pixels is not possible")
    try:
        values = np.asarray(counts, dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("the runs are not whole numbers") from None
    if values.ndim != 1:
        raise ValueError("the runs are not a list of numbers")
    _check(values, height * width)
    ink = np.flatnonzero(values[1::2]) * 2 + 1
    if not ink.size:
        return Patch(0, 0, np.zeros((0, 0), np.bool_))
    ends = np.cumsum(values)
    begin, end = int(ends[ink[0]] - values[ink[0]]), int(ends[ink[-1]])
    left, right = begin // height, (end - 1) // height + 1
    runs = np.concatenate([[begin - left * height], values[ink[0] : ink[-1] + 1], [right * height - end]])
    columns = np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(right - left, height)
    rows = np.flatnonzero(columns.any(axis=0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    return Patch(top, left, np.ascontiguousarray(columns[:, top:bottom].T))


def encode_counts(counts: NDArray[np.int64]) -> str:
    """COCO's string of counts: 5 bits a character; from the fourth on, the difference to the count before last."""
    values = counts.astype(np.int64).copy()
    values[3:] -= counts[1:-2]
    groups = []
    rest, alive = values, np.ones(len(values), np.bool_)
    for _ in range(13):
        bits = rest & 0x1F
        rest = rest >> 5
        # Done when what is left is only the sign, and the sign bit says the same.
        more = ~(((rest == 0) & (bits & 0x10 == 0)) | ((rest == -1) & (bits & 0x10 != 0)))
        groups.append(np.where(alive, bits + np.where(more, 0x20, 0) + 48, 0))
        alive = alive & more
        if not alive.any():
            break
    characters = np.stack(groups, axis=1).reshape(-1)
    return bytes(characters[characters > 0].astype(np.uint8)).decode("ascii")


def decode_counts(text: str | bytes) -> NDArray[np.int64]:
    """Inverse of `encode_counts`.

    Raises:
        ValueError: The string is damaged.
    """
    raw = text.encode("ascii", "replace") if isinstance(text, str) else bytes(text)
    codes = np.frombuffer(raw, np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        return np.zeros(0, np.int64)
    if int(codes.min()) < 0 or int(codes.max()) > 63 or codes[-1] & 0x20:
        raise ValueError("the compressed runs are damaged")
    last = (codes & 0x20) == 0
    group = np.concatenate([[0], np.cumsum(last)[:-1]])
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    place = np.arange(codes.size) - starts[group]
    if int(place.max()) > 11:
        raise ValueError("the compressed runs are damaged")
    values = np.zeros(int(group[-1]) + 1, np.int64)
    np.add.at(values, group, (codes & 0x1F) << (5 * place))
    negative = (codes[last] & 0x10) != 0
    values[negative] -= np.int64(1) << (5 * (place[last][negative] + 1))
    out = values.copy()
    out[1::2] = np.cumsum(values[1::2])
    out[2::2] = np.cumsum(values[2::2])
    return out


def mask_to_rows(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """CVAT's counts of a (height, width) mask: row by row, starting with zeros."""
    return _runs(np.asarray(mask, np.bool_).reshape(-1))


def rows_to_mask(counts: Sequence[int] | NDArray[np.int64], hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(height, width) mask of CVAT's counts.

    Raises:
        ValueError: The counts do not fit the size.
    """
    height, width = hw
    if height < 0 or width < 0 or height * width > MAX_PIXELS:
        raise ValueError(f"a mask of {width} x {height} pixels is not possible")
    return _fill(np.asarray(counts, dtype=np.int64), height * width).reshape(hw)
