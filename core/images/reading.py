"""Reading photographs: one loader, from bytes, for every part of the program.

From bytes, so that any path works on any platform and the hash costs no second read. What comes out is
always 8-bit RGB in the orientation that a person sees (EXIF applied); annotations refer to those pixels.
Never `cv2.imread` or `QImageReader`: they disagree about rotation, 16-bit data and non-ASCII paths.
Which file is read by which library, and how much of it: docs/decisions/images.md.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.errors import ImageError
from counterpart.core.images.arrays import rows_at_a_time
from counterpart.core.images.brightness import Samples
from counterpart.core.images.decoding import (
    ORIENTATION,
    TooLargeError,
    declared_orientation,
    decoding,
    open_source,
    opened,
    upright_hw,
)
from counterpart.core.images.deep import decode_colours, decode_otherwise
from counterpart.core.images.kinds import is_tiff
from counterpart.core.images.orientation import UPRIGHT, known_orientation, turn_pixels
from counterpart.core.images.stretching import Deep
from counterpart.core.images.tiff import decode_tiff, read_tiff_header

_COARSE = 16
"""A thumbnail this many times smaller is made in two steps."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image of a set, by name.

    Attributes:
        path: Where the file is.
        name: Its POSIX path relative to the folder that was given; unique within a set; outputs mirror it.
        hw: The upright (height, width) that it was known with, where somebody's labels depend on that.
    """

    path: Path
    name: str
    hw: tuple[int, int] | None = field(default=None, compare=False)

    def check_size(self, hw: tuple[int, int]) -> None:
        """Refuse another picture than the one that was known.

        Raises:
            ImageError: The (height, width) that the file has now is another.
        """
        if self.hw is not None and hw != self.hw:
            raise ImageError(
                f"it is another picture now ({hw[1]} × {hw[0]}, was {self.hw[1]} × {self.hw[0]})",
                path=self.path,
                hint="Show it in the window to decide about its labels, or put the old file back",
            )


@dataclass(frozen=True, slots=True)
class ImageData:
    """A decoded image.

    Attributes:
        rgb: (height, width, 3) uint8; more than 8 bits are stretched to 8.
        sha256: Hex digest of the file's bytes.
        samples: What was stretched, where it was asked for and there is more than 8 bits of it.
        note: What of the file is not shown, in words; empty where all of it is.
    """

    rgb: NDArray[np.uint8]
    sha256: str
    samples: Samples | None = None
    note: str = ""

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def read_image(path: str | Path, *, samples: bool = False) -> ImageData:
    """Read and decode an image file; with `samples`, what has more than 8 bits comes beside, for viewing.

    Raises:
        ImageError: Missing, unreadable, not an image, damaged or too large.
    """
    path = Path(path)
    with open_source(path) as source, decoding(path):
        digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
        found = _decode(source, path)
        if not isinstance(found, Deep):
            return ImageData(found, digest)
        low, high = found.range()
        rgb = found.rgb(low, high)
        kept = Samples.of(found.values, low, high, found.measured) if samples and found.white is None else None
        return ImageData(rgb, digest, kept, found.note)


def read_thumbnail(path: str | Path, longest: int) -> NDArray[np.uint8]:
    """A small upright copy, (height, width, 3) uint8 with its longest side at most `longest` pixels.

    JPEGs are decoded at reduced size, several times faster than `read_image`.

    Raises:
        ImageError: As for `read_image`.
    """
    path = Path(path)
    with open_source(path) as source, decoding(path):
        if source.read(3) != b"\xff\xd8\xff":
            found = _decode(source, path)
            return _small(found if not isinstance(found, Deep) else found.rgb(*found.range()), longest)
        try:
            with opened(source, path) as image:
                image.draft("RGB", (longest, longest))
                image.load()
                orientation = known_orientation(image.getexif().get(ORIENTATION))
                image.thumbnail((longest, longest), Image.Resampling.BOX, reducing_gap=2.0)
                return np.ascontiguousarray(turn_pixels(_pillow_rgb(image), orientation))
        except ImageError:
            return _small(read_image(path).rgb, longest)  # what only another library reads; or it says why not


def image_size(path: str | Path) -> tuple[int, int]:
    """Upright (height, width) in pixels, read from the header alone.

    Raises:
        ImageError: As for `read_image`, as far as the header shows it.
    """
    path = Path(path)
    hw: tuple[int, int] | None = None
    with contextlib.suppress(ImageError), open_source(path, whole=False) as source, decoding(path):
        if is_tiff(source.read(4)):
            return read_tiff_header(source, path).hw
        with opened(source, path) as image:
            hw = upright_hw(image, source)
    return read_image(path).hw if hw is None else hw  # what the header does not tell, the reader does, or says why not


def orientation_of(path: Path) -> int:
    """The orientation (1 to 8) that an image file declares; 1 where it declares none or cannot be read."""
    with contextlib.suppress(ImageError), open_source(path, whole=False) as source, decoding(path):
        if is_tiff(source.read(4)):
            return read_tiff_header(source, path).orientation
        with opened(source, path) as image:
            return declared_orientation(image, source)
    return UPRIGHT


def resize_rgb(rgb: NDArray[np.uint8], hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize with an antialiasing filter (Lanczos) to (height, width); edges map to edges."""
    if rgb.shape[:2] == tuple(hw):
        return rgb
    image = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(image.resize((hw[1], hw[0]), Image.Resampling.LANCZOS))


def _decode(source: BinaryIO, path: Path) -> NDArray[np.uint8] | Deep:
    """An image by the library that gives all of it; where that fails, by another that reads it.

    Raises:
        ImageError: None does: what the first said.
    """
    source.seek(0)
    if is_tiff(source.read(4)):
        return _decode_tiff(source, path)
    return _first_of(
        (
            lambda: _decode_colours(source, path),
            lambda: _decode_by_pillow(source, path),
            lambda: decode_otherwise(source, path),
        ),
        path,
    )


def _decode_tiff(source: BinaryIO, path: Path) -> NDArray[np.uint8] | Deep:
    by_pillow, by_tifffile = (lambda: _decode_by_pillow(source, path)), (lambda: decode_tiff(source, path))
    plain = False
    try:
        with decoding(path):
            plain = read_tiff_header(source, path).plain
    except TooLargeError:
        raise
    except ImageError:
        pass  # each reader has its own idea of a header
    return _first_of((by_pillow, by_tifffile) if plain else (by_tifffile, by_pillow), path)


def _first_of(
    readers: tuple[Callable[[], NDArray[np.uint8] | Deep | None], ...], path: Path
) -> NDArray[np.uint8] | Deep:
    first: ImageError | None = None
    for read in readers:
        try:
            with decoding(path):
                found = read()
            if found is not None:
                return found
        except TooLargeError:
            raise
        except ImageError as error:
            first = first or error
    raise first or ImageError("this is not an image that can be read", path=path)


def _decode_colours(source: BinaryIO, path: Path) -> Deep | None:
    deep = decode_colours(source, path)
    if deep is None:
        return None
    with opened(source, path) as image:
        return deep.turned(declared_orientation(image, source))


def _decode_by_pillow(source: BinaryIO, path: Path) -> NDArray[np.uint8] | Deep:
    with opened(source, path) as image:
        image.load()
        orientation = known_orientation(image.getexif().get(ORIENTATION))
        if image.mode.startswith(("I", "F")):
            return Deep(turn_pixels(np.asarray(image), orientation))
        rgb = _pillow_rgb(image)
    return np.ascontiguousarray(turn_pixels(rgb, orientation))


def _pillow_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """8-bit RGB of a loaded image, by blocks of rows: Pillow's conversions and its way to numpy take a copy each."""
    if image.mode.startswith(("I", "F")):
        deep = Deep(np.asarray(image))
        return deep.rgb(*deep.range())
    out = np.empty((image.height, image.width, 3), np.uint8)
    for rows in rows_at_a_time(*out.shape[:2]):
        whole = rows == slice(0, image.height)
        out[rows] = np.asarray(_on_white(image if whole else image.crop((0, rows.start, image.width, rows.stop))))
    return out


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        # Transparent pixels often hide arbitrary colours; what a person sees is a picture on white.
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    return image if image.mode == "RGB" else image.convert("RGB")


def _small(rgb: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Shrink to a longest side, a very large one first by areas: that needs no second copy of it."""
    height, width = rgb.shape[:2]
    scale = min(longest / max(height, width), 1.0)
    if scale < 1 / _COARSE:
        import cv2

        size = (max(round(width * scale * 4), 1), max(round(height * scale * 4), 1))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return resize_rgb(rgb, (max(round(height * scale), 1), max(round(width * scale), 1)))
