"""Colours of more than 8 bits outside TIFF, and what Pillow does not read."""

from __future__ import annotations

import struct

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import ImageError
from counterpart.core.images.reading import image_size, read_image, read_thumbnail


def twelve_bits(bands: int = 3) -> np.ndarray:
    """Values up to 4095 in 16 bits, (height, width, bands)."""
    y, x = np.mgrid[:24, :36]
    return np.stack([(x * 97 + y * 31 + band * 500) % 4096 for band in range(bands)], axis=-1).astype(np.uint16)


@pytest.mark.parametrize("name", ["a.png", "a.jp2", "a.j2k", "a.ppm", "a.pam"])
def test_colours_of_16_bits_come_whole(tmp_path, name):
    values, path = twelve_bits(), tmp_path / name
    if name.endswith("png"):
        path.write_bytes(imagecodecs.png_encode(values))
    elif name.endswith(("jp2", "j2k")):
        path.write_bytes(imagecodecs.jpeg2k_encode(values, codecformat=name[-3:], level=0))
    else:
        data = cv2.imencode(path.suffix, values[..., ::-1])[1].tobytes()
        path.write_bytes(data.replace(b"ENDHDR", b"TUPLTYPE RGB\nENDHDR"))
    image = read_image(path, samples=True)
    assert image.samples is not None
    assert np.array_equal(image.samples.codes, values)
    assert image_size(path) == image.hw == (24, 36)
    assert image.rgb.max() == 255
    assert read_thumbnail(path, 12).shape == (8, 12, 3)


@pytest.mark.parametrize("bands", [2, 4])
def test_opacity_of_16_bits_is_laid_on_white(tmp_path, bands):
    values = twelve_bits(bands)
    values[..., -1] = 65535
    values[:5, :, -1] = 0
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values))
    image = read_image(tmp_path / "a.png", samples=True)
    assert (image.rgb[:5] == 255).all()
    assert image.samples is not None
    assert np.array_equal(image.samples.codes, values[..., 0] if bands == 2 else values[..., :3])


def test_orientation_of_a_deep_png(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    Image.new("RGB", (2, 2)).save(path, exif=exif)
    data = path.read_bytes()
    place = data.index(b"eXIf") - 4
    chunk = data[place : place + 12 + int.from_bytes(data[place : place + 4], "big")]
    deep = imagecodecs.png_encode(twelve_bits())
    path.write_bytes(deep[:33] + chunk + deep[33:])
    image = read_image(path, samples=True)
    assert image_size(path) == image.hw == (36, 24)
    assert image.samples is not None
    assert np.array_equal(image.samples.codes, np.rot90(twelve_bits(), -1))


def test_a_jpeg_of_12_bits_is_read(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(imagecodecs.jpeg_encode(twelve_bits(1)[..., 0], bitspersample=12, level=100))
    image = read_image(path, samples=True)
    assert image_size(path) == image.hw == (24, 36)
    assert image.samples is not None
    assert np.abs(image.samples.codes.astype(int) - twelve_bits(1)[..., 0]).mean() < 40


def test_radiance_pictures_and_colour_pfm_are_read(tmp_path):
    values = twelve_bits().astype(np.float32) / 4095
    for suffix in (".hdr", ".pfm"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(cv2.imencode(suffix, values[..., ::-1])[1].tobytes())
        image = read_image(path, samples=True)
        assert image_size(path) == image.hw == (24, 36)
        assert image.samples is not None
        kept = image.samples.offset + image.samples.step * image.samples.codes
        assert np.abs(kept - values).max() < 0.01


def test_a_bitmap_of_odd_fields_is_read(tmp_path):
    """Ten bits of red, eleven of green and blue: Pillow knows no such layout."""
    head = struct.pack("<IiiHHIIiiII", 56, 8, 4, 1, 32, 3, 128, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0x3FF << 22, 0x7FF << 11, 0x7FF, 0)
    pixels = np.full(32, (0x3FF << 22) | (0x400 << 11), "<u4").tobytes()
    body = head + masks + pixels
    (tmp_path / "a.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 70) + body)
    rgb = read_image(tmp_path / "a.bmp").rgb
    assert rgb.shape == (4, 8, 3)
    assert rgb[0, 0, 0] == 255
    assert rgb[0, 0, 2] == 0


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_half_a_deep_picture_is_damaged(tmp_path, cut):
    data = imagecodecs.png_encode(np.random.default_rng(0).integers(0, 65536, (40, 40, 3), dtype=np.uint16))
    (tmp_path / "a.png").write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "a.png")
