"""Reading photographs: one loader, from bytes, for every part of the program.

From bytes, so that any path works on any platform and the hash costs no second read. What comes out is
always 8-bit RGB in the orientation that a person sees (EXIF applied); annotations refer to those pixels.
Never `cv2.imread` or `QImageReader`: they disagree about rotation, 16-bit data and non-ASCII paths.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from counterpart.core.errors import ImageError
from counterpart.core.images.brightness import Samples

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".heic", ".avif", ".ppm", ".pgm"}
)
MAX_PIXELS = 400_000_000
"""Largest image read, pixels. Above it a header is more likely forged or the file a map than a photograph."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image of a set, by name.

    Attributes:
        path: Where the file is.
        name: Its POSIX path relative to the folder that was given; unique within a set; outputs mirror it.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class ImageData:
    """A decoded image.

    Attributes:
        rgb: (height, width, 3) uint8; more than 8 bits are stretched to 8.
        sha256: Hex digest of the file's bytes.
        samples: What was stretched, where it was asked for and there is more than 8 bits of it.
    """

    rgb: NDArray[np.uint8]
    sha256: str
    samples: Samples | None = None

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def read_image(path: str | Path, *, samples: bool = False) -> ImageData:
    """Read and decode an image file; with `samples`, what has more than 8 bits comes beside, for viewing.

    Raises:
        ImageError: Missing, unreadable, not an image, damaged or too large.
    """
    return decode_image(_read_bytes(Path(path)), Path(path), samples=samples)


def decode_image(data: bytes, path: str | Path, *, samples: bool = False) -> ImageData:
    """Decode the bytes of an image file; `path` only serves messages and the choice of the TIFF reader.

    Raises:
        ImageError: Not an image, damaged or too large.
    """
    path = Path(path)
    if not data:
        raise ImageError("the file is empty", path=path, hint="Copy it again from its source")
    digest = hashlib.sha256(data).hexdigest()
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        deep = _decode_tiff(data, path)
        if deep is not None:
            return _stretched(deep, digest, samples)
    with _open(data, path) as image:
        many_bits = image.mode.startswith(("I", "F"))
        image.load()
        upright = ImageOps.exif_transpose(image)
        if samples and many_bits:
            return _stretched(np.asarray(upright), digest, samples)
        return ImageData(_pil_to_rgb(upright), digest)


def read_thumbnail(path: str | Path, longest: int) -> NDArray[np.uint8]:
    """A small upright copy, (height, width, 3) uint8 with its longest side at most `longest` pixels.

    JPEGs are decoded at reduced size, several times faster than `read_image`.

    Raises:
        ImageError: As for `read_image`.
    """
    path = Path(path)
    data = _read_bytes(path)
    if data[:3] != b"\xff\xd8\xff":
        rgb = decode_image(data, path).rgb
        height, width = rgb.shape[:2]
        scale = min(longest / max(height, width), 1.0)
        return resize_rgb(rgb, (max(round(height * scale), 1), max(round(width * scale), 1)))
    with _open(data, path) as image:
        image.draft("RGB", (longest, longest))
        image.load()
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((longest, longest), Image.Resampling.BOX, reducing_gap=2.0)
        return _pil_to_rgb(upright)


def image_size(path: str | Path) -> tuple[int, int]:
    """Upright (height, width) in pixels, read from the header alone.

    Raises:
        ImageError: As for `read_image`, as far as the header shows it.
    """
    path = Path(path)
    try:
        with path.open("rb") as handle, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(handle) as image:
                width, height = image.size
                turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return read_image(path).hw  # what Pillow cannot size, the full reader may, or it says why not
    return (width, height) if turned else (height, width)


def resize_rgb(rgb: NDArray[np.uint8], hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize with an antialiasing filter (Lanczos) to (height, width); edges map to edges."""
    if rgb.shape[:2] == tuple(hw):
        return rgb
    image = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(image.resize((hw[1], hw[0]), Image.Resampling.LANCZOS))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError("the file does not exist", path=path, hint="Check the path or relink the image") from None
    except IsADirectoryError:
        raise ImageError("this is a folder, not an image", path=path) from None
    except OSError as error:
        raise ImageError(
            f"the file cannot be read ({error.strerror})", path=path, hint="Check its permissions"
        ) from None


def _open(data: bytes, path: Path) -> _Opened:
    return _Opened(data, path)


@functools.cache
def _learn_heif() -> None:
    """Teach Pillow to read HEIF, where the extra is installed."""
    with contextlib.suppress(ImportError):
        import pi_heif

        pi_heif.register_heif_opener()


class _Opened:
    """Pillow's image in a context that turns every way of failing into an `ImageError` with the file."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._data, self._path = data, path
        self._image: Image.Image | None = None

    def __enter__(self) -> Image.Image:
        if self._path.suffix.lower() == ".heic":
            _learn_heif()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                self._image = Image.open(io.BytesIO(self._data))
        except Image.DecompressionBombError:
            raise self._too_large() from None
        except UnidentifiedImageError:
            hint = "Remove it, or save it again as JPEG or PNG"
            if self._path.suffix.lower() == ".heic":
                hint = "Install the extra: pip install 'counterpart[heif]'"
            raise ImageError("this is not an image that can be read", path=self._path, hint=hint) from None
        except (OSError, ValueError, SyntaxError) as error:
            raise self._damaged(error) from None
        if self._image.width * self._image.height > MAX_PIXELS:
            raise self._too_large()
        return self._image

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._image is not None:
            self._image.close()
        if isinstance(error, (OSError, ValueError, SyntaxError, EOFError)):
            raise self._damaged(error) from None

    def _damaged(self, error: BaseException) -> ImageError:
        return ImageError(
            f"the image is damaged ({error})",
            path=self._path,
            hint="Copy it again from its source, or remove it",
        )

    def _too_large(self) -> ImageError:
        return ImageError(
            f"the image has more than {MAX_PIXELS // 1_000_000} megapixels",
            path=self._path,
            hint="Cut it into tiles or save a smaller copy",
        )


def _decode_tiff(data: bytes, path: Path) -> NDArray[np.generic] | None:
    """First page of a TIFF with more than 8 bits a sample, (height, width[, channels]); None: not for us."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            page = tiff.pages.first
            if page.dtype is None or page.dtype.itemsize == 1:
                return None
            if page.imagewidth * page.imagelength > MAX_PIXELS:
                raise ImageError(f"the image has more than {MAX_PIXELS // 1_000_000} megapixels", path=path)
            samples = page.asarray()
            if page.planarconfig == 2 and samples.ndim == 3:
                samples = np.moveaxis(samples, 0, -1)
    except (tifffile.TiffFileError, ValueError, OSError, IndexError, KeyError, RuntimeError) as error:
        raise ImageError(
            f"the TIFF is damaged or of an unknown kind ({error})",
            path=path,
            hint="Save it again as TIFF or PNG",
        ) from None
    while samples.ndim > 3 or (samples.ndim == 3 and samples.shape[-1] > 16):
        samples = samples[0]  # a stack: its first plane
    return samples


def _pil_to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        return _to_rgb8(np.asarray(image))
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        # Transparent pixels often hide arbitrary colours; what a person sees is a picture on white.
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return np.array(image.convert("RGB"))


def _stretched(deep: NDArray[np.generic], digest: str, samples: bool) -> ImageData:
    """An image of more than 8 bits: stretched, and with its samples where they are wanted."""
    rgb, low, high = _stretch(deep)
    kept = Samples.of(_colour_channels(deep), low, high) if samples else None
    return ImageData(rgb, digest, kept)


def _colour_channels(samples: NDArray[np.generic]) -> NDArray[np.generic]:
    """The first three channels, or the only one that matters."""
    if samples.ndim == 3:
        return samples[..., :3] if samples.shape[-1] >= 3 else samples[..., 0]
    return samples


def _to_rgb8(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    return _stretch(samples)[0]


def _stretch(samples: NDArray[np.generic]) -> tuple[NDArray[np.uint8], float, float]:
    """Stretch samples of more than 8 bits to RGB: the 0.1st to 99.9th percentile of all channels together.

    Returns:
        (height, width, 3) uint8, and the samples that became 0 and 255.
    """
    values = _colour_channels(samples).astype(np.float32)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0)
    low, high = np.percentile(values[finite], [0.1, 99.9]) if finite.any() else (0.0, 1.0)
    if high <= low:
        low, high = float(values.min()), float(max(values.max(), values.min() + 1))
    scaled = np.clip((values - low) * (255.0 / (high - low)), 0, 255).round().astype(np.uint8)
    rgb = np.repeat(scaled[..., None], 3, axis=-1) if scaled.ndim == 2 else np.ascontiguousarray(scaled)
    return rgb, float(low), float(high)
