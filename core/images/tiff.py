"""TIFF by tifffile and imagecodecs: what has more than 8 bits, signed or floating samples, or many bands.

Everything is decided from the first page's header, before a pixel is decoded: how large it becomes, and who reads it.
"""

from __future__ import annotations

import functools
import logging
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError
from counterpart.core.images.arrays import rows_at_a_time
from counterpart.core.images.decoding import ORIENTATION, check_size
from counterpart.core.images.headers import jpeg2000_header, jpeg_hw, png_header
from counterpart.core.images.orientation import SIDEWAYS, known_orientation
from counterpart.core.images.stretching import Deep

_NODATA = 42113
"""GDAL's tag."""
_INK_SET = 332
_WHITE_IS_ZERO, _PALETTE, _SEPARATED, _LAB = 0, 3, 5, frozenset({8, 9, 10})
_ALPHA = {1: True, 2: False}
"""Extra samples that are opacity, and whether the colours are multiplied by it."""
_USUAL = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000})
"""None, fax, LZW, JPEG, Deflate, PackBits, LZMA, ZSTD."""
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class TiffHeader:
    """What the header of the first page says.

    Attributes:
        hw: Height and width, upright.
        orientation: As Exif numbers them.
        plain: Whether Pillow reads it as well: unsigned samples of at most 8 bits in at most four bands, and a usual
            compression. Of others its libtiff complains on stderr.
    """

    hw: tuple[int, int]
    orientation: int
    plain: bool


def read_tiff_header(source: BinaryIO, path: Path) -> TiffHeader:
    """Read the header of a TIFF's first page.

    Raises:
        ImageError: What it describes is too large or has no pixels.
    """
    with _open(source) as tiff:
        page = tiff.pages.first
        _check(page, path)
        orientation = known_orientation(page.tags.valueof(ORIENTATION))
        height, width = page.imagelength, page.imagewidth
        bytes_each = page.dtype is not None and page.dtype.kind in "ub" and page.dtype.itemsize == 1
        plain = bytes_each and page.samplesperpixel <= 4 and int(page.compression) in _USUAL
        hw = (width, height) if orientation in SIDEWAYS else (height, width)
        return TiffHeader(hw, orientation, plain)


def decode_tiff(source: BinaryIO, path: Path) -> Deep:
    """Decode a TIFF's first page, its first plane where it has several; call within `decoding`.

    Raises:
        ImageError: What its header or one of its pieces describes is too large.
    """
    with _open(source) as tiff:
        page = tiff.pages.first
        _check(page, path)
        if page.dtype is None:
            raise ValueError(f"samples of {page.bitspersample} bits and kind {page.sampleformat}")
        _check_pieces(page, source, path)
        stored = page.asarray(squeeze=False)[:, 0]  # planes, height, width, samples beside each other
        bands = stored[0] if stored.shape[0] == 1 else np.moveaxis(stored[..., 0], 0, -1)
        if bands.dtype.kind == "c":
            bands = np.abs(bands)
        if bands.dtype.kind == "b":
            bands = bands.view(np.uint8)
        return _coloured(bands, page).turned(known_orientation(page.tags.valueof(ORIENTATION)))


def _open(source: BinaryIO) -> Any:
    source.seek(0)
    return _tifffile().TiffFile(source)


@functools.cache
def _tifffile() -> Any:
    import tifffile

    tifffile.logger().addHandler(logging.NullHandler())  # what it finds odd is nothing to print
    return tifffile


def _check(page: Any, path: Path) -> None:
    """The whole page and one of its tiles are within the limit."""
    sample = 1 if page.dtype is None else page.dtype.itemsize
    planes, depth, height, width, samples = page.shaped
    check_size(page.imagelength, page.imagewidth, planes * depth * samples * sample, path)
    check_size(height, width, planes * depth * samples * sample, path)
    if page.is_tiled:
        check_size(page.tilelength, page.tilewidth, page.tiledepth * samples * sample, path)


def _check_pieces(page: Any, source: BinaryIO, path: Path) -> None:
    """Strips and tiles that are images of their own say their own size: not larger than the page's."""
    if page.compression not in {*_tifffile().TIFF.IMAGE_COMPRESSIONS, 6, 7}:
        return
    height, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.imagelength, page.imagewidth)
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False):
        source.seek(offset)
        hw = _piece_hw(source.read(min(size, _HEAD)))
        if hw is not None and hw[0] * hw[1] > max(height * width, page.imagelength * page.imagewidth):
            raise ImageError(
                f"a piece of the TIFF says {hw[1]} x {hw[0]} pixels, the whole {page.imagewidth} x {page.imagelength}",
                path=path,
                hint="Copy it again from its source, or remove it",
            )


def _piece_hw(piece: bytes) -> tuple[int, int] | None:
    if piece.startswith(b"\xff\xd8"):
        return jpeg_hw(piece)
    if png := png_header(piece):
        return png.hw
    if jpeg2000 := jpeg2000_header(piece):
        return jpeg2000.hw
    if piece.startswith(b"Lerc2 ") and len(piece) >= 22:
        height, width = struct.unpack("<ii", piece[14:22])
        return height, width
    return None


def _coloured(bands: NDArray[np.generic], page: Any) -> Deep:
    """The colours of a page, (height, width, bands), by what its header says that they mean."""
    count, kind = bands.shape[-1], int(page.photometric)
    eight_bits = bands.dtype.kind == "u" and bands.dtype.itemsize == 1
    most = _most(bands.dtype, page.bitspersample)
    white = most if eight_bits else None
    missing = None if eight_bits else _missing(page, bands.dtype)
    if kind == _PALETTE and page.colormap is not None:
        colours = (page.colormap >> 8).astype(np.uint8).T
        return Deep(colours[np.minimum(bands[..., 0], len(colours) - 1)], white=255.0)
    if kind == _SEPARATED and count >= 4 and page.tags.valueof(_INK_SET, 1) == 1:
        return Deep(_without_black(bands, most), white=white)
    extra = [int(each) for each in page.extrasamples]
    found = next(((count - len(extra) + i, _ALPHA[each]) for i, each in enumerate(extra) if each in _ALPHA), (0, False))
    alpha = _opacity(bands[..., found[0]], most) if found[0] > 0 else None
    colours = count - (alpha is not None)
    note = ""
    if kind in _LAB and count >= 3:
        values, note = bands[..., 0], "only the lightness of this LAB image is shown"
    elif colours >= 3:
        values = bands[..., :3]
        note = f"the first three of its {colours} bands are shown" if colours > 3 else ""
    else:
        values = bands[..., 0]
        note = f"the first of its {colours} bands is shown" if colours > 1 else ""
    if kind == _WHITE_IS_ZERO and bands.dtype.kind in "ui":  # of floating samples none is the most
        values = _negative(values, most)
        missing = None if missing is None else most - missing if bands.dtype.kind == "u" else -1 - missing
    if alpha is not None and found[1]:
        values = _unmultiplied(values, bands[..., found[0]], most)
    return Deep(values, missing, alpha, white, note)


def _missing(page: Any, dtype: np.dtype[np.generic]) -> float | None:
    """The sample that GDAL's tag names, as the samples' own type has it; tifffile takes 0 where digits are too many."""
    try:
        named = float(str(page.tags.valueof(_NODATA, "")).strip("\0 ").replace(",", "."))
    except ValueError:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.array(named).astype(dtype)) if dtype.kind == "f" else named


def _most(dtype: np.dtype[np.generic], bits: Any) -> float:
    """The largest sample: of an integer type all bits set, of a floating one 1."""
    if dtype.kind not in "ui":
        return 1.0
    bits = bits if isinstance(bits, int) and bits <= dtype.itemsize * 8 else dtype.itemsize * 8
    return float((1 << (bits - (dtype.kind == "i"))) - 1)


def _negative(values: NDArray[np.generic], most: float) -> NDArray[np.generic]:
    return np.asarray(np.subtract(values.dtype.type(most), values) if values.dtype.kind == "u" else np.invert(values))


def _opacity(alpha: NDArray[np.generic], most: float) -> NDArray[np.uint8]:
    out = np.empty(alpha.shape, np.uint8)
    for rows in rows_at_a_time(*alpha.shape[:2]):
        out[rows] = np.clip(np.nan_to_num(alpha[rows].astype(np.float32)) * (255 / most), 0, 255).round()
    return out


def _unmultiplied(values: NDArray[np.generic], alpha: NDArray[np.generic], most: float) -> NDArray[np.generic]:
    out = np.empty(values.shape, values.dtype)
    for rows in rows_at_a_time(*alpha.shape[:2]):
        share = np.maximum(alpha[rows].astype(np.float64) / most, 1e-9)
        share = share[..., None] if values.ndim == 3 else share
        out[rows] = np.minimum(values[rows] / share, most)
    return out


def _without_black(bands: NDArray[np.generic], most: float) -> NDArray[np.generic]:
    """RGB of cyan, magenta, yellow and black, as Pillow converts them."""
    out = np.empty((*bands.shape[:2], 3), bands.dtype)
    for rows in rows_at_a_time(*bands.shape[:2]):
        light = most - bands[rows].astype(np.float64)
        out[rows] = light[..., :3] * (light[..., 3:4] / most)
    return out
