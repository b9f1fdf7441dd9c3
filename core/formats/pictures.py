"""Label maps as pictures: indexed PNG with a palette, the form that most programs read."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.errors import FormatError, ImageError
from counterpart.core.images.decoding import ORIENTATION, opened
from counterpart.core.images.orientation import SIDEWAYS, known_orientation
from counterpart.core.project.model import Labels, PartLabel
from counterpart.core.project.palette import Colour


def palette_of(parts: Iterable[PartLabel]) -> dict[int, Colour]:
    """Colours by label; background black."""
    return {0: (0, 0, 0), **{part.id: part.colour for part in parts}}


def voc_palette(index: int) -> Colour:
    """The colour that PASCAL VOC gives to a class: the bits of the index, spread over the channels."""
    red = green = blue = 0
    for shift in range(7, -1, -1):
        red |= (index & 1) << shift
        green |= (index >> 1 & 1) << shift
        blue |= (index >> 2 & 1) << shift
        index >>= 3
    return red, green, blue


def encode_label_png(labels: Labels, colours: dict[int, Colour]) -> bytes:
    """PNG file of a (height, width) label map: 8 bits with a palette, or 16 bits grey where a label is above 255.

    Labels without a colour get a grey.
    """
    buffer = io.BytesIO()
    if labels.size and int(labels.max()) > 255:
        Image.fromarray(labels.astype(np.uint16)).save(buffer, "PNG")
        return buffer.getvalue()
    pixels = np.ascontiguousarray(labels, dtype=np.uint8)
    image = Image.frombytes("P", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    table = bytearray()
    for label in range(256):
        table += bytes(colours.get(label, (label, label, label)))
    image.putpalette(bytes(table))
    image.save(buffer, "PNG", bits=8)
    return buffer.getvalue()


def read_label_picture(data: bytes, path: Path) -> Labels:
    """(height, width) values of an indexed, grey or black-and-white picture, as they are in the file.

    Raises:
        FormatError: Not a picture, damaged, too large, or in colour.
    """
    try:
        with opened(io.BytesIO(data), path) as image:
            if image.mode not in ("P", "L", "1") and not image.mode.startswith("I"):
                raise FormatError(
                    f"this is a picture in colour ({image.mode}), not one of labels",
                    path=path,
                    hint="Export it as indexed or grey PNG",
                )
            values: NDArray[np.integer] = np.asarray(image)
    except ImageError as error:
        raise FormatError(error.what, path=path, hint="Export it again as PNG") from None
    if values.ndim != 2 or (values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65_535):
        raise FormatError("the picture's values are no labels", path=path, hint="Labels are 0 to 65535")
    out: Labels = values.astype(np.uint8 if not values.size or int(values.max()) < 256 else np.uint16)
    return out


def picture_size(data: bytes, path: Path) -> tuple[int, int]:
    """Upright (height, width) of an encoded photograph that a file carries in itself.

    Raises:
        FormatError: It is no picture, or damaged.
    """
    try:
        with opened(io.BytesIO(data), path) as image:
            sideways = known_orientation(image.getexif().get(ORIENTATION)) in SIDEWAYS
            return (image.width, image.height) if sideways else (image.height, image.width)
    except ImageError as error:
        raise FormatError(f"the picture in it: {error.what}", path=path, hint="Export it again") from None


def picture_suffix(data: bytes, path: Path) -> str:
    """The suffix for an encoded photograph.

    Raises:
        ImageError: It cannot be read.
    """
    with opened(io.BytesIO(data), path) as image:
        return {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}.get(str(image.format), f".{str(image.format).lower()}")
