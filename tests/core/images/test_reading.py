"""One loader for every photograph: orientation, depth, colour models, damage, names."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from counterpart.core.errors import ImageError
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import image_size, read_image, read_thumbnail, resize_rgb
from tests.core.images.turned import stored_as


def gradient(height: int = 24, width: int = 36) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 7 % 256, y * 9 % 256, (x + y) * 3 % 256], axis=-1).astype(np.uint8)


def test_hash_is_of_the_files_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(gradient()).save(path)
    image = read_image(path)
    assert image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(image.rgb, gradient())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((16, 32, 3), dtype=np.uint8)
    upright[:8, :16] = 255  # bright top left corner, as a person sees it
    stored = stored_as(upright, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert np.array_equal(read_image(path).rgb, upright)
    assert image_size(path) == (16, 32)
    jpeg = tmp_path / "turned.jpg"
    Image.fromarray(np.ascontiguousarray(stored)).save(jpeg, exif=exif, quality=95)
    thumbnail = read_thumbnail(jpeg, 16)
    assert thumbnail.shape[:2] == (8, 16)
    assert thumbnail[1, 2].mean() > 200 > 60 > thumbnail[6, 13].mean()


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "LA", "1", "RGB"])
def test_colour_models_become_rgb(tmp_path: Path, mode: str) -> None:
    suffix = ".tif" if mode == "CMYK" else ".png"
    path = tmp_path / f"x{suffix}"
    Image.fromarray(gradient()).convert(mode).save(path)
    rgb = read_image(path).rgb
    assert rgb.dtype == np.uint8
    assert rgb.shape == (24, 36, 3)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    red = Image.new("RGB", (20, 10), (220, 20, 30))
    red.convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "c.jpg").rgb.reshape(-1, 3).mean(0) - [220, 20, 30]).max() < 12


def test_transparent_pixels_look_white(tmp_path: Path) -> None:
    rgba = np.zeros((4, 4, 4), dtype=np.uint8)
    rgba[:2] = [10, 20, 30, 255]
    Image.fromarray(rgba).save(tmp_path / "t.png")
    rgb = read_image(tmp_path / "t.png").rgb
    assert rgb[0, 0].tolist() == [10, 20, 30]
    assert rgb[3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_grey_is_stretched_not_clipped(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(1000, 5000, 24 * 36).reshape(24, 36).astype(np.uint16)
    path = tmp_path / f"deep{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, ramp)
    else:
        Image.fromarray(ramp).save(path)
    image = read_image(path)
    assert image.rgb[0, 0, 0] < 5
    assert image.rgb[-1, -1, 0] > 250
    assert abs(int(image.rgb[12, 0, 0]) - 127) < 4


def test_sixteen_bit_rgb_tiff_and_float_tiff(tmp_path: Path) -> None:
    deep = gradient().astype(np.uint16) * 256
    tifffile.imwrite(tmp_path / "c.tif", deep, photometric="rgb")
    rgb = read_image(tmp_path / "c.tif").rgb.astype(int)
    assert rgb.max() == 255
    stretched = np.clip(deep * (255 / np.percentile(deep, 99.9)), 0, 255)
    assert np.abs(rgb - stretched).max() <= 1  # one stretch for all channels: colours keep their hue
    tifffile.imwrite(tmp_path / "f.tif", np.array([[0.0, 1.0], [np.nan, 0.5]], dtype=np.float32))
    assert read_image(tmp_path / "f.tif").rgb[..., 0].tolist() == [[0, 255], [0, 127]]


def test_a_constant_deep_image_does_not_divide_by_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "flat.tif", np.full((8, 8), 700, dtype=np.uint16))
    assert np.unique(read_image(tmp_path / "flat.tif").rgb).size == 1


@pytest.mark.parametrize("hw", [(1, 1), (20_000, 3), (3, 20_000)])
def test_extreme_shapes_load(tmp_path: Path, hw: tuple[int, int]) -> None:
    Image.new("RGB", (hw[1], hw[0])).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png").hw == hw
    assert max(read_thumbnail(tmp_path / "x.png", 64).shape[:2]) <= 64


def test_non_ascii_paths(tmp_path: Path) -> None:
    folder = tmp_path / "ünï 图"
    folder.mkdir()
    Image.fromarray(gradient()).save(folder / "käse 猫.png")
    refs = find_images([folder])
    assert [ref.name for ref in refs] == ["käse 猫.png"]
    assert read_image(refs[0].path).hw == (24, 36)


def jpeg_bytes() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "empty"),
        (b"hello, I am a text file\n" * 40, "not an image"),
        (jpeg_bytes()[:9000], "damaged"),
        (b"II*\0" + b"\x07" * 64, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "damaged|not an image"),
    ],
)
def test_damaged_files_name_the_file_the_cause_and_what_to_do(tmp_path: Path, content: bytes, cause: str):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=cause) as caught:
        read_image(path)
    assert caught.value.path == path
    assert caught.value.hint


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_image(tmp_path / "no.jpg")
    with pytest.raises(ImageError, match="folder"):
        read_image(tmp_path)


def test_resize_maps_edges_to_edges() -> None:
    wide = np.zeros((8, 16, 3), dtype=np.uint8)
    wide[:, 8:] = 255
    small = resize_rgb(wide, (4, 8))
    assert small[:, :3].max() < 20
    assert small[:, 5:].min() > 235


# 32 x 24 pixels: red on the left, blue on the right, green across the lower third.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAb9tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAA"
    "AAAERAAAIAAQAAAAAB4wABAAAAAAAAAKYAAgAAAAACiQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVp"
    "bmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/mlwcnAAAADeaXBjbwAAAHdodmNDAQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEAF0"
    "ABDAH//wQIAAADAJ44AAADAAAeugJAYQABACpCAQEECAAAAwCeOAAAAwAAHpAEECCy3VXTXNwENBgQAAADAZAAAAMAEIBiAAEACEQBwXMYMBiQ"
    "AAAAE2NvbHJuY2x4AAEADQAGgAAAABRpc3BlAAAAAAAAAEAAAABAAAAAKGNsYXAAAAAgAAAAAQAAABgAAAAB////4AAAAAL////YAAAAAgAAAB"
    "BwaXhpAAAAAAMICAgAAAAYaXBtYQAAAAAAAAABAAEFgQIDBYQAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAANJtZGF0AAAAoigBrwnIc9rD"
    "QDkjV3//z2sf/yhnofvFbit/991L7+A33/+qxP5Tr/T74uYv/2XR3+RE9/6Vbr8CO4/LNuCLX0lz/FGWTfEmPEL6iJdX2HDDefO/d+Rw+2/ogR"
    "WwSj1/v/A9wrD619lRhyc2rz8NKGj8L1FTGqGzh2DVzMZ/s7heH1vvXmr0Ib3UwEd+yVZKV18gmSCxoPG0XyKaiV6C88ItgAAAAAZFeGlmAABN"
    "TQAqAAAACAABARIAAwAAAAEABgAAAAAAAA=="
)


def test_heif_is_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.HEIC"
    path.write_bytes(HEIC)
    assert image_size(path) == (24, 32)
    rgb = read_image(path).rgb.astype(int)
    assert rgb.shape == (24, 32, 3)
    for (row, column), colour in {(4, 4): (200, 40, 40), (4, 28): (40, 40, 200), (20, 16): (40, 200, 40)}.items():
        assert np.abs(rgb[row, column] - colour).max() < 25
    assert read_thumbnail(path, 16).shape == (12, 16, 3)
