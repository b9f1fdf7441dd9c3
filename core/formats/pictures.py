"""Label maps as pictures: indexed PNG with a palette, the form that most programs read."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.errors import FormatError, ImageError
from counterpart.core.images.decoding import ORIENTATION, opened
from counterpart.core.images.orientation import SIDEWAYS, known_orientation
from counterpart.core.project.model import MAX_PART_ID, Labels, PartLabel
from counterpart.core.project.palette import Colour

_MOST_GREYS = 64
"""Values of a grey picture that is stored in colour; one of more is a photograph."""


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


@dataclass(frozen=True, slots=True, eq=False)
class LabelPicture:
    """A picture of labels as it is stored.

    Attributes:
        values: (height, width) values of an indexed or grey picture; of one in colour, rows of `palette`.
        palette: (N, 3) colours; None for a grey picture.
        in_colour: Whether its pixels are colours, so that the values mean nothing.
    """

    values: Labels
    palette: NDArray[np.uint8] | None = None
    in_colour: bool = False

    def colour(self, value: int) -> Colour:
        """The colour of a value."""
        if self.palette is None or value >= len(self.palette):
            return value & 255, value & 255, value & 255
        red, green, blue = self.palette[value].tolist()
        return red, green, blue

    def said(self, value: int) -> str:
        """A value, for a message."""
        return f"the colour {self.colour(value)}" if self.in_colour else f"the value {value}"


def read_label_picture(data: bytes, path: Path) -> Labels:
    """(height, width) values of an indexed, grey or black-and-white picture, as they are in the file.

    One in colour counts as grey where its few values are equal in all channels. Transparency is passed over.

    Raises:
        FormatError: Not a picture, damaged, too large, or in colour.
    """
    picture = read_coloured(data, path)
    if not picture.in_colour:
        return picture.values
    if picture.palette is None or len(picture.palette) > _MOST_GREYS or np.ptp(picture.palette, axis=1).any():
        raise FormatError(
            "this is a picture in colour, not one of labels", path=path, hint="Export it as indexed or grey PNG"
        )
    return picture.palette[:, 0][picture.values]


def read_coloured(data: bytes, path: Path) -> LabelPicture:
    """A picture of labels whose pixels are values or colours.

    Raises:
        FormatError: Not a picture, damaged, or too large; or a photograph, of more colours than there are labels.
    """
    palette = None
    try:
        with opened(io.BytesIO(data), path) as image:
            if image.mode == "P":
                palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
            in_colour = image.mode in ("RGB", "RGBA", "RGBX", "PA", "CMYK", "YCbCr")
            used = image.convert("RGB") if in_colour else image.getchannel(0) if image.mode == "LA" else image
            values: NDArray[np.integer] = np.asarray(used)
    except ImageError as error:
        raise FormatError(error.what, path=path, hint="Export it again as PNG") from None
    if in_colour:
        packed = values.astype(np.uint32) @ np.array([65_536, 256, 1], np.uint32)
        found, where = np.unique(packed, return_inverse=True)
        if len(found) > MAX_PART_ID:
            raise FormatError("this is a photograph, not a picture of labels", path=path, hint="Choose the masks")
        palette = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8)
        return LabelPicture(where.reshape(packed.shape).astype(np.uint16), palette, in_colour=True)
    if values.ndim != 2 or (values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65_535):
        raise FormatError("the picture's values are no labels", path=path, hint="Labels are 0 to 65535")
    kind = np.uint8 if not values.size or int(values.max()) < 256 else np.uint16
    return LabelPicture(values.astype(kind), palette)


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
