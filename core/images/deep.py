"""Images that Pillow cuts to 8 bits or cannot read, by imagecodecs and OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from counterpart.core.images.decoding import check_size
from counterpart.core.images.headers import (
    Header,
    bitmap_header,
    jpeg2000_header,
    jpeg_header,
    netpbm_header,
    png_header,
    radiance_header,
)
from counterpart.core.images.stretching import Deep

_HEAD = 1 << 20
_PLAIN_JPEG = 8


def decode_colours(source: BinaryIO, path: Path) -> Deep | None:
    """Decode what has colours of more than 8 bits: PNG, PPM, JPEG 2000; call within `decoding`.

    Returns:
        None: it has not, and Pillow reads it whole.

    Raises:
        ImageError: It is too large.
    """
    return _decode(source, path, _DEEP, lambda header: header.bits > 8 and header.channels > 1)


def decode_otherwise(source: BinaryIO, path: Path) -> Deep | None:
    """Decode what Pillow failed at and another library reads: its checks of the end of a file are kept, if it has any.

    Returns:
        None: it is of no kind that another library reads.

    Raises:
        ImageError: It is too large.
    """
    return _decode(source, path, _OTHERWISE, lambda _header: True)


def _decode(
    source: BinaryIO, path: Path, readers: tuple[_Reader, ...], wanted: Callable[[Header], bool]
) -> Deep | None:
    source.seek(0)
    head = source.read(_HEAD)
    for header_of, read in readers:
        header = header_of(head)
        if header is not None and wanted(header):
            check_size(*header.hw, header.pixel_bytes, path)
            source.seek(0)
            return _deep(read(source.read()), header)
    return None


def _deep(values: NDArray[np.generic], header: Header) -> Deep:
    """What a decoder gave, (height, width[, channels]), with grey and colours apart from opacity."""
    most = float((1 << header.bits) - 1)
    alpha = None
    if values.ndim == 3 and values.shape[-1] in {2, 4}:
        alpha = np.rint(values[..., -1].astype(np.float32) * (255 / most)).clip(0, 255).astype(np.uint8)
    if values.ndim == 3:
        values = values[..., :3] if values.shape[-1] > 2 else values[..., 0]
    return Deep(values, None, alpha, most if values.dtype == np.uint8 else None)


def _png(data: bytes) -> NDArray[np.generic]:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(data))


def _jpeg2000(data: bytes) -> NDArray[np.generic]:
    import imagecodecs

    return np.asarray(imagecodecs.jpeg2k_decode(data))


def _jpeg(data: bytes) -> NDArray[np.generic]:
    import imagecodecs

    return np.asarray(imagecodecs.jpeg_decode(data))


def _by_opencv(data: bytes) -> NDArray[np.generic]:
    import cv2

    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # else it prints why it does not
    try:
        decoded: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(before)
    if decoded is None:
        raise ValueError("OpenCV does not read it either")
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(decoded.shape[-1] if decoded.ndim == 3 else 1)
    return np.asarray(decoded if order is None else decoded[..., order])


def _odd_jpeg(data: bytes) -> Header | None:
    """Of a JPEG of more than 8 bits; None: it is none, and where Pillow fails at it, it is damaged."""
    header = jpeg_header(data)
    return None if header is None or header.bits == _PLAIN_JPEG else header


_Reader = tuple[Callable[[bytes], Header | None], Callable[[bytes], NDArray[np.generic]]]
_DEEP: tuple[_Reader, ...] = (
    (png_header, _png),
    (netpbm_header, _by_opencv),
    (jpeg2000_header, _jpeg2000),
)
_OTHERWISE: tuple[_Reader, ...] = (
    (png_header, _png),
    (jpeg2000_header, _jpeg2000),
    (_odd_jpeg, _jpeg),
    (bitmap_header, _by_opencv),
    (netpbm_header, _by_opencv),
    (radiance_header, _by_opencv),
)
