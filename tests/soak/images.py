"""Image files are damaged at random, and decoders raise whatever there is: an image, or one error that names it."""

from __future__ import annotations

import builtins
import io
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from counterpart.core.errors import ImageError
from counterpart.core.images.kinds import PILLOW_FORMATS
from counterpart.core.images.reading import image_size, read_image, read_thumbnail

KINDS = ("one bit", "one bit at the start", "bytes", "cut off", "zeros")
_HW = (40, 56)


def every_exception() -> list[Exception]:
    """One of every kind of exception that Python has, and of those that decoders bring."""
    arguments = {
        UnicodeDecodeError: ("utf-8", b"\xff", 0, 1, "bad"),
        UnicodeEncodeError: ("utf-8", "x", 0, 1, "bad"),
        UnicodeTranslateError: ("x", 0, 1, "bad"),
        ExceptionGroup: ("several", [ValueError("one")]),
    }
    kinds = [kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    kinds += [zlib.error, struct.error, tifffile.TiffFileError, imagecodecs.PngError, cv2.error]
    kinds += [Image.DecompressionBombError]
    return [kind(*arguments.get(kind, ("why\nso",))) for kind in dict.fromkeys(kinds)]


def samples() -> dict[str, bytes]:
    """Small images of every format that can be written, by name."""
    y, x = np.mgrid[: _HW[0], : _HW[1]]
    colours = np.stack([x * 4, y * 6, (x + y) * 2], axis=-1).astype(np.uint8)
    deep = colours.astype(np.uint16) * 250
    found = dict(_by_pillow(Image.fromarray(colours)))
    for compression in (None, "lzw", "zlib", "zstd", "packbits", "jpeg", "jpeg2000", "webp", "png", "jpegxl", "lerc"):
        for name, values in {
            "8": colours,
            "16": deep,
            "grey": deep[..., 0],
            "float": (deep / 65535).astype("f4"),
        }.items():
            if values.dtype == np.uint8 or compression in {None, "lzw", "zlib", "zstd", "packbits"}:
                buffer = io.BytesIO()
                tile = (16, 16) if name in {"8", "16"} else None
                meaning = "rgb" if values.ndim == 3 else "minisblack"
                tifffile.imwrite(buffer, values, compression=compression, tile=tile, photometric=meaning)
                found[f"{name} {compression}.tif"] = buffer.getvalue()
    found["deep.png"] = imagecodecs.png_encode(deep)
    found["deep.jp2"] = imagecodecs.jpeg2k_encode(deep, codecformat="jp2", level=0)
    for suffix, values in {".hdr": (deep / 65535).astype(np.float32), ".ppm": deep, ".avif": colours}.items():
        found[f"cv{suffix}"] = cv2.imencode(suffix, values)[1].tobytes()
    return found


def _by_pillow(colours: Image.Image) -> Iterator[tuple[str, bytes]]:
    Image.init()
    for kind in PILLOW_FORMATS:
        for mode in ("RGB", "L", "P", "1", "RGBA"):
            buffer = io.BytesIO()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # of formats that Pillow will drop
                    colours.convert(mode).save(buffer, kind)
            except (OSError, ValueError, KeyError, TypeError):
                continue  # not a mode of that format, or it is only read
            yield f"{mode} {kind}.{kind.lower()}", buffer.getvalue()


def damaged(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """A kind of damage, and what it makes of a file."""
    kind, out = str(rng.choice(KINDS)), bytearray(data)
    if kind.startswith("one bit"):
        place = int(rng.integers(0, min(len(out), 300) if kind.endswith("start") else len(out)))
        out[place] ^= 1 << int(rng.integers(0, 8))
    elif kind == "bytes":
        for place in rng.integers(0, len(out), int(rng.integers(1, 20))):
            out[place] = int(rng.integers(0, 256))
    elif kind == "cut off":
        del out[int(rng.integers(1, len(out))) :]
    else:
        start = int(rng.integers(0, len(out)))
        length = int(rng.integers(1, 50))
        out[start : start + length] = bytes(len(out[start : start + length]))
    return kind, bytes(out)


def look(path: Path) -> str:
    """Read a file in every way.

    Raises:
        AssertionError: The ways contradict each other, or an error does not say which file and what to do.
    """
    errors: list[ImageError] = []
    sizes = []
    for read in (
        image_size,
        lambda place: read_image(place, samples=True).hw,
        lambda place: read_thumbnail(place, 8).shape,
    ):
        try:
            sizes.append(read(path)[:2])
        except ImageError as error:
            assert error.path == path
            assert error.hint
            assert "\n" not in str(error)
            errors.append(error)
    if errors:
        return f"refused: {errors[-1].what.split('(')[0].strip()}"
    assert sizes[0] == sizes[1], f"the header says {sizes[0]}, the decoder {sizes[1]}"
    return "read"


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Damage images `count` times, and have decoders raise every kind of exception."""
    rng, files = np.random.default_rng(seed), samples()
    names = sorted(files)
    results: Counter[str] = Counter()
    for number in range(count):
        name = names[number % len(names)]
        kind, data = damaged(files[name], rng)
        path = folder / f"a{Path(name).suffix}"
        path.write_bytes(data)
        try:
            results[f"{kind}: {look(path)}"] += 1
        except Exception as error:
            raise AssertionError(f"{name}, {kind}, after {number} files: {error!r}; it is {path}") from error
    whole = {name: folder / f"whole{Path(name).suffix}" for name in names}
    for name, path in whole.items():
        path.write_bytes(files[name])
        assert look(path) == "read", name
    raised = every_exception()
    for error in raised:
        for door in ("PIL.Image.open", "tifffile.TiffFile"):
            with patch(door, side_effect=error):
                for path in list(whole.values())[::20]:
                    look(path)
    return {"formats": len(files), "damaged": count, "exceptions": len(raised), **dict(sorted(results.items()))}
