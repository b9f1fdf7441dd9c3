"""The one place where image files are opened and decoded, and the one limit on what decoding may take.

Decoders raise what they like, from `IndexError` to their own: inside `decoding` all of it becomes an `ImageError` that
names the file, so that one image never ends a batch. Which reader reads what: docs/decisions/images.md.
"""

from __future__ import annotations

import contextlib
import functools
import io
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from counterpart.core.errors import CounterpartError, ImageError
from counterpart.core.folders import special
from counterpart.core.images.kinds import PILLOW_FORMATS, USUAL_FORMATS, drawing, is_heif
from counterpart.core.images.orientation import SIDEWAYS, known_orientation

MAX_BYTES = 1_200_000_000
"""Largest decoded image, bytes: its pixels times channels times bytes a sample, and at least the three of 8-bit RGB."""
MAX_PIXELS = MAX_BYTES // 3
"""Largest image of up to three bytes a pixel, pixels."""
_IN_MEMORY = 256_000_000
"""Files up to this many bytes are read at once, larger ones as they are decoded."""
_PYTHON_BYTES = {"FITS": 16}
"""Bytes a pixel, where Pillow decodes into a Python list."""
_SEVERAL_SIZES = frozenset({"ICO", "ICNS", "CUR"})
"""Formats whose header lists pictures of which the decoded one may have yet another size."""
ORIENTATION = 0x0112


class TooLargeError(ImageError):
    """An image would decode to more than `MAX_BYTES`: no other reader is asked."""


@contextlib.contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Whatever a decoder raises in here becomes an `ImageError` that names the file; its warnings are not shown.

    Raises:
        ImageError: Something was raised. What is meant for a person and what ends the program passes as it is.
    """
    with _QUIET:
        try:
            yield
        except CounterpartError:
            raise
        except Image.DecompressionBombError:
            raise _too_large(path, f"more than {MAX_PIXELS // 1_000_000} megapixels") from None
        except UnidentifiedImageError:
            raise _unknown(path) from None
        except MemoryError:
            raise ImageError(
                "there was not enough memory to decode the image", path=path, hint="Save a smaller copy"
            ) from None
        except Exception as error:  # noqa: BLE001 (decoders of every kind: a batch goes on)
            said = " ".join(str(error).split())[:200]
            if not said or not isinstance(error, (OSError, ValueError, SyntaxError)):
                said = f"{type(error).__name__}: {said}".rstrip(": ")
            raise ImageError(
                f"the image is damaged ({said})", path=path, hint="Copy it again from its source, or remove it"
            ) from None


class _Quiet:
    """While anything is decoded, in whatever thread, Pillow's own limit is ours and warnings are not shown.

    Both are settings of the whole process: the first one in sets them, the last one out puts them back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._restore = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._restore.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
                Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses what is above twice this
                self._restore.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._restore.close()


_QUIET = _Quiet()


def open_source(path: Path, *, whole: bool = True) -> BinaryIO:
    """A file's bytes to read from: those of a small file at once, so that a network disk is asked once.

    Args:
        path: The file.
        whole: Whether all of it will be read; else it is read as it is needed, as for a header.

    Raises:
        ImageError: There is no such file, it is empty, cannot be read, or is a folder, pipe, socket or device.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("this is a folder, not an image", path=path)
        if what := special(status.st_mode):  # reading a pipe waits for ever
            raise ImageError(f"this is a {what}, not an image", path=path, hint="Give image files")
        if not status.st_size:
            raise ImageError("the file is empty", path=path, hint="Copy it again from its source")
        at_once = whole and status.st_size <= _IN_MEMORY
        return io.BytesIO(path.read_bytes()) if at_once else path.open("rb")
    except FileNotFoundError:
        raise ImageError("the file does not exist", path=path, hint="Check the path or relink the image") from None
    except OSError as error:
        why, hint = error.strerror or error, "Check its permissions"
        raise ImageError(f"the file cannot be read ({why})", path=path, hint=hint) from None
    except ValueError as error:  # a NUL in the path
        raise ImageError(f"the file cannot be opened ({error})", path=path, hint="Check the path") from None


@contextlib.contextmanager
def opened(source: BinaryIO, path: Path) -> Iterator[Image.Image]:
    """Pillow's image of a file, not yet decoded, of the formats that are read and within the limit.

    Args:
        source: The file's bytes.
        path: For messages.

    Raises:
        ImageError: Not an image, or too large; and whatever is raised while it is open, as `decoding` says it.
    """
    with decoding(path):
        start = _start(source)
        if kind := drawing(start):
            raise ImageError(f"this is {kind}, not a photograph", path=path, hint="Save it as JPEG, PNG or TIFF")
        with _identified(source, heif=is_heif(start) and _learn_heif()) as image:
            check_size(image.height, image.width, _pixel_bytes(image), path)
            yield image


def check_size(height: int, width: int, pixel_bytes: int, path: Path) -> None:
    """Refuse what would decode to more than `MAX_BYTES`.

    Raises:
        TooLargeError: It would.
        ImageError: There is not a single pixel.
    """
    if height < 1 or width < 1:
        raise ImageError("the image has no pixels", path=path, hint="Copy it again from its source, or remove it")
    if height * width * max(pixel_bytes, 3) > MAX_BYTES:
        raise _too_large(path, f"{height * width / 1e6:,.0f} megapixels of {max(pixel_bytes, 3)} bytes")


def upright_hw(image: Image.Image, source: BinaryIO) -> tuple[int, int] | None:
    """(height, width) of an image that is open and not decoded, as it will be; None where only decoding tells."""
    if image.format in _SEVERAL_SIZES or (image.format == "PNG" and _says_more_later(source)):
        return None
    width, height = image.size
    turned = image.format != "TIFF" and declared_orientation(image, source) in SIDEWAYS  # Pillow turns TIFFs itself
    return (width, height) if turned else (height, width)


def declared_orientation(image: Image.Image, source: BinaryIO) -> int:
    """The Exif orientation of an image that is open; nothing is decoded for it that need not be."""
    # Pillow's way for PNG decodes the file, to look behind its pixels.
    early = image.format == "PNG" and not _says_more_later(source)
    exif = Image.Image.getexif(image) if early else image.getexif()
    return known_orientation(exif.get(ORIENTATION))


def _identified(source: BinaryIO, *, heif: bool) -> Image.Image:
    try:
        return Image.open(source, formats=("HEIF",) if heif else USUAL_FORMATS)  # noqa: TID251 (the one place)
    except UnidentifiedImageError:
        return Image.open(source, formats=_other_formats())  # noqa: TID251


@functools.cache
def _other_formats() -> tuple[str, ...]:
    """Those of the list that this Pillow has: it drops some with time, and fails at names that it does not know."""
    Image.init()
    return tuple(name for name in PILLOW_FORMATS if name in Image.OPEN)


def _start(source: BinaryIO) -> bytes:
    source.seek(0)
    start = source.read(32)
    source.seek(0)
    return start


def _pixel_bytes(image: Image.Image) -> int:
    if image.format in _PYTHON_BYTES:
        return _PYTHON_BYTES[image.format]
    if image.mode.startswith(("I", "F")):
        return 2 if image.mode.startswith("I;") else 4
    return len(image.getbands())


def _says_more_later(source: BinaryIO) -> bool:
    """Whether a PNG has EXIF or text behind its pixels; looks at the chunks' names alone."""
    place, pixels, more = source.tell(), False, False
    source.seek(8)
    while not more and len(head := source.read(8)) == 8 and head[4:] != b"IEND":
        pixels |= head[4:] == b"IDAT"
        more = pixels and head[4:] in {b"eXIf", b"iTXt", b"tEXt", b"zTXt"}
        source.seek(int.from_bytes(head[:4], "big") + 4, io.SEEK_CUR)
    source.seek(place)  # where Pillow goes on
    return more


@functools.cache
def _learn_heif() -> bool:
    """Teach Pillow to read HEIF, where the extra is installed."""
    try:
        import pi_heif
    except ImportError:
        return False
    pi_heif.register_heif_opener()
    return True


def _unknown(path: Path) -> ImageError:
    heif = path.suffix.lower() in {".heic", ".heif", ".hif"} and not _learn_heif()
    hint = (
        "Install the extra: pip install 'counterpart[heif]'" if heif else "Remove it, or save it again as JPEG or PNG"
    )
    return ImageError("this is not an image that can be read", path=path, hint=hint)


def _too_large(path: Path, size: str) -> TooLargeError:
    return TooLargeError(
        f"the image is too large: {size}; what decodes to more than {MAX_BYTES / 1e9:.1f} GB is not read",
        path=path,
        hint="Cut it into tiles or save a smaller copy",
    )
