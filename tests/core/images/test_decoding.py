"""Whatever a decoder raises, whatever a file is: an image, or one error that names the file."""

from __future__ import annotations

import io
import os
import socket
import struct
import sys
import threading
import warnings
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile

from counterpart.core.errors import ImageError, JobCancelledError
from counterpart.core.images import decoding, reading
from counterpart.core.images.decoding import MAX_PIXELS
from counterpart.core.images.decoding import decoding as guarded
from counterpart.core.images.kinds import IMAGE_SUFFIXES, PILLOW_FORMATS, USUAL_FORMATS
from counterpart.core.images.reading import image_size, read_image, read_thumbnail
from tests.soak.images import every_exception

READERS = {"whole": read_image, "thumbnail": lambda path: read_thumbnail(path, 8), "size": image_size}


def picture(path: Path, **options: object) -> Path:
    """A small picture in colours."""
    y, x = np.mgrid[:24, :36]
    Image.fromarray(np.stack([x * 7, y * 9, (x + y) * 3], axis=-1).astype(np.uint8)).save(path, **options)
    return path


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("error", every_exception(), ids=lambda error: type(error).__name__)
def test_what_a_decoder_raises_is_an_error_of_the_one_image(tmp_path, monkeypatch, error, reader):
    def fail(*_args: object, **_named: object) -> None:
        raise error

    jpeg, tiff = picture(tmp_path / "a.jpg"), tmp_path / "a.tif"
    tifffile.imwrite(tiff, np.arange(600, dtype=np.uint16).reshape(20, 30))
    # Every door to pixels and headers: Pillow's, tifffile's, imagecodecs', OpenCV's.
    monkeypatch.setattr(Image, "open", fail)
    monkeypatch.setattr(tifffile, "TiffFile", fail)
    for path in (jpeg, tiff):
        with pytest.raises(ImageError) as caught:
            reader(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
        assert caught.value.hint


@pytest.mark.parametrize("error", [IndexError("x"), RuntimeError("x"), MemoryError(), struct.error("x")], ids=repr)
def test_what_is_raised_while_pixels_are_decoded_is_too(tmp_path, monkeypatch, error):
    def fail(*_args: object, **_named: object) -> None:
        raise error

    path = picture(tmp_path / "a.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    monkeypatch.setattr(imagecodecs, "png_decode", fail)
    for read in (read_image, READERS["thumbnail"]):
        with pytest.raises(ImageError, match="memory" if isinstance(error, MemoryError) else "damaged"):
            read(path)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, JobCancelledError])
def test_what_ends_the_program_or_the_job_passes(tmp_path, kind):
    with pytest.raises(kind), guarded(tmp_path / "a.jpg"):
        raise kind


def test_the_settings_of_the_process_are_as_before(tmp_path):
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    path = picture(tmp_path / "a.jpg")
    threads = [threading.Thread(target=read_image, args=[path]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before


def test_formats_that_run_programs_are_never_opened(tmp_path):
    Image.init()
    assert not set(PILLOW_FORMATS) & {"EPS", "WMF", "IPTC"}
    assert set(PILLOW_FORMATS) <= set(Image.OPEN)
    assert set(USUAL_FORMATS) <= set(PILLOW_FORMATS)
    path = tmp_path / "drawing.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{ } loop\n")
    for read in READERS.values():
        with pytest.raises(ImageError, match="PostScript"):
            read(path)


def test_every_suffix_that_is_looked_for_is_read():
    """By Pillow's own list of names, but for those of libraries that it knows nothing of."""
    Image.init()
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in PILLOW_FORMATS}
    assert IMAGE_SUFFIXES - {".heic", ".heif", ".hif", ".mpo"} <= known


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files in folders")
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_pipes_sockets_and_devices_are_no_images(tmp_path, monkeypatch, reader):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    os.mkfifo("pipe.jpg")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door.jpg")
        for name, kind in {"pipe.jpg": "pipe", "door.jpg": "socket", os.devnull: "device"}.items():
            with pytest.raises(ImageError, match=f"this is a {kind}"):
                reader(Path(name))


def header_of_png(width: int, height: int, bits: int, kind: int) -> bytes:
    """A PNG that promises so many pixels and holds none."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "size", "bits", "kind", "within"),
    [
        ("bilevel", (20_000, 20_000), 1, 0, True),
        ("grey", (20_000, 20_000), 8, 0, True),
        ("colours", (20_000, 20_000), 8, 2, True),
        ("one row more", (20_001, 20_000), 8, 2, False),
        ("one row more of bits", (20_001, 20_000), 1, 0, False),
        ("opacity", (15_001, 20_000), 8, 6, False),
        ("deep colours", (10_000, 20_000), 16, 2, True),
        ("more deep colours", (10_001, 20_000), 16, 2, False),
    ],
)
def test_the_limit_counts_channels_and_depth_before_anything_is_decoded(tmp_path, name, size, bits, kind, within):
    path = tmp_path / f"{name}.png"
    path.write_bytes(header_of_png(*size, bits, kind))
    if within:
        assert image_size(path) == size[::-1]
    with pytest.raises(ImageError, match="damaged" if within else "too large"):
        read_image(path)


def test_what_is_within_the_limit_is_not_refused_by_pillows_own(tmp_path, monkeypatch):
    path = picture(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_image(path).hw == (24, 36)
    assert Image.MAX_IMAGE_PIXELS == 10
    assert MAX_PIXELS == 400_000_000


def test_a_tile_or_a_depth_that_needs_more_than_the_limit_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    data = np.zeros((16, 16), np.uint16)
    tifffile.imwrite(path, data, tile=(16, 16), compression="zlib")
    for tag, value in ((322, 200_000), (323, 200_000)):
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            tiff.pages.first.tags[tag].overwrite(value)
    with pytest.raises(ImageError, match="too large"):
        read_image(path)
    deep = tmp_path / "deep.tif"
    tifffile.imwrite(
        deep, np.zeros((16, 16, 16), np.uint16), volumetric=True, photometric="minisblack", tile=(16, 16, 16)
    )
    with tifffile.TiffFile(deep, mode="r+b") as tiff:
        tiff.pages.first.tags[32997].overwrite(9_000_000)
    with pytest.raises(ImageError, match="too large"):
        read_image(deep)


def test_a_piece_of_a_tiff_that_is_larger_than_the_whole_is_refused(tmp_path):
    small, path = tmp_path / "small.tif", tmp_path / "a.tif"
    tifffile.imwrite(small, np.zeros((16, 16), np.uint8), compression="jpeg")
    large = imagecodecs.jpeg_encode(np.zeros((400, 400), np.uint8))
    tifffile.imwrite(path, iter([large]), shape=(16, 16), dtype=np.uint8, compression="jpeg", rowsperstrip=16)
    assert read_image(small).hw == (16, 16)
    with pytest.raises(ImageError):
        read_image(path)


def test_large_images_are_converted_by_blocks_to_the_same_pixels(tmp_path, monkeypatch):
    paths = [picture(tmp_path / "a.png"), tmp_path / "b.png", tmp_path / "c.tif", tmp_path / "d.tif"]
    with Image.open(paths[0]) as image:
        image.quantize(20).save(paths[1], transparency=3)
    values = np.random.default_rng(0).normal(size=(24, 36, 3)).astype(np.float32)
    values[3:5] = np.nan
    tifffile.imwrite(paths[2], values, photometric="rgb")
    tifffile.imwrite(
        paths[3], (np.nan_to_num(values[..., 1:]).clip(-1, 1) * 30_000).astype(np.int16), photometric="minisblack"
    )
    whole = [read_image(path, samples=True) for path in paths]
    monkeypatch.setattr("counterpart.core.images.arrays.BLOCK", 100)
    for path, one in zip(paths, whole, strict=True):
        again = read_image(path, samples=True)
        assert np.array_equal(again.rgb, one.rgb)
        assert (one.samples is None) == (path.suffix == ".png")
        if one.samples is not None:
            assert np.array_equal(again.samples.codes, one.samples.codes)


def test_size_of_a_png_with_orientation_after_its_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(tmp_path / "a.png", exif=exif).read_bytes()
    place = data.index(b"eXIf") - 4
    chunk = data[place : place + 12 + int.from_bytes(data[place : place + 4], "big")]
    end = data.index(b"IEND") - 4
    path = tmp_path / "late.png"
    path.write_bytes(data[:place] + data[place + len(chunk) : end] + chunk + data[end:])
    assert image_size(path) == read_image(path).hw == (36, 24)


def test_the_size_of_an_ordinary_file_needs_no_decoding(tmp_path, monkeypatch):
    paths = [picture(tmp_path / f"a{suffix}") for suffix in (".png", ".jpg", ".webp", ".bmp", ".gif", ".tif")]
    tifffile.imwrite(tmp_path / "deep.tif", np.zeros((24, 36), np.uint16))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _image: pytest.fail("decoded"))
    monkeypatch.setattr(reading, "read_image", lambda _path: pytest.fail("decoded"))
    assert {image_size(path) for path in [*paths, tmp_path / "deep.tif"]} == {(24, 36)}


def test_an_empty_pool_of_formats_is_an_unknown_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(ImageError, match="not an image"), decoding.opened(io.BytesIO(path.read_bytes()), path):
        pass


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".jp2", ".tga", ".ico"])
def test_single_flipped_bits_are_an_image_or_one_error(tmp_path, suffix):
    data = picture(tmp_path / f"a{suffix}").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / f"b{suffix}"
    for place in rng.integers(0, min(len(data), 400) * 8, 40):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        for read in READERS.values():
            try:
                read(path)
            except ImageError as error:
                assert error.path == path  # noqa: PT017 (either of the two)
