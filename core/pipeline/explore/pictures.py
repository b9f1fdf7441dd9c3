"""Encoding pictures for files: plain PNG from an array, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.files import write_bytes

__all__ = ["encode_png", "write_png"]


def encode_png(pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> bytes:
    """(height, width) uint8 or bool, or (height, width, 3) uint8, as the bytes of a PNG; bool becomes 0 and 255."""
    values = np.where(pixels, 255, 0).astype(np.uint8) if pixels.dtype == np.bool_ else pixels
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(buffer, "PNG")
    return buffer.getvalue()


def write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    """Write a PNG atomically, see `encode_png`.

    Raises:
        OutputError: The file cannot be written.
    """
    write_bytes(path, encode_png(pixels))
