"""TIFFs beyond 8 bits and three bands: equal to the samples that were written, turned as their header says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from counterpart.core.images.reading import image_size, read_image, read_thumbnail
from tests.core.images.turned import stored_as

HW = (21, 34)


def samples(kind: str, bands: int = 1, most: float | None = None) -> np.ndarray:
    """Values over the whole range of a type, (height, width[, bands])."""
    dtype = np.dtype(kind)
    y, x = np.mgrid[: HW[0], : HW[1]]
    share = np.stack([(x * 7 + y * 13 + band * 31) % 101 / 100 for band in range(bands)], axis=-1)
    low, high = (0.0, 1.0) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    values = (low + share * ((high if most is None else most) - low)).astype(dtype)
    return values if bands > 1 else values[..., 0]


def stretched(values: np.ndarray) -> np.ndarray:
    """What is shown of samples, by the formula in the documentation."""
    low, high = np.percentile(values.astype(np.float64), [0.1, 99.9])
    shown = np.clip((values.astype(np.float64) - low) * 255 / (high - low), 0, 255).round()
    return shown if values.ndim == 3 else np.repeat(shown[..., None], 3, axis=-1)


def check(path: Path, values: np.ndarray, note: str = "") -> None:
    """A file shows values, stretched, and keeps them."""
    image = read_image(path, samples=True)
    assert image_size(path) == image.hw == values.shape[:2]
    assert np.abs(image.rgb.astype(int) - stretched(values)).max() <= 1
    assert image.samples is not None
    kept = image.samples.offset + image.samples.step * image.samples.codes
    assert np.abs(kept - values.astype(np.float64)).max() <= image.samples.step
    assert image.note == note
    assert max(read_thumbnail(path, 16).shape[:2]) == 16


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "lzma", "packbits"])
@pytest.mark.parametrize("kind", ["uint16", "int8", "int16", "float32"])
def test_compressions_and_kinds_of_samples(tmp_path, kind, compression):
    tifffile.imwrite(tmp_path / "a.tif", samples(kind), compression=compression)
    check(tmp_path / "a.tif", samples(kind))


@pytest.mark.parametrize("kind", ["float16", "float64", "uint32", "int32"])
def test_other_widths(tmp_path, kind):
    tifffile.imwrite(tmp_path / "a.tif", samples(kind), bigtiff=True, byteorder=">")
    check(tmp_path / "a.tif", samples(kind))


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_packed_bits(tmp_path, bits):
    values = samples("uint16", 3, 2**bits - 1)
    tifffile.imwrite(tmp_path / "a.tif", values, bitspersample=bits, photometric="rgb")
    check(tmp_path / "a.tif", values)


@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize(("kind", "predictor"), [("uint16", True), ("float32", True), ("uint16", False)])
def test_bands_beside_and_behind_each_other(tmp_path, layout, tile, kind, predictor):
    values = samples(kind, 3)
    stored = values if layout == "contig" else np.moveaxis(values, -1, 0)
    options = {"planarconfig": layout, "tile": tile, "predictor": predictor, "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
    check(tmp_path / "a.tif", values)


@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("bands", [5, 31])
def test_of_many_bands_the_first_three_are_shown_and_said(tmp_path, layout, bands):
    values = samples("uint16", bands)
    stored = values if layout == "contig" else np.moveaxis(values, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=layout)
    check(tmp_path / "a.tif", values[..., :3], f"the first three of its {bands} bands are shown")


def test_of_many_8_bit_bands_too_and_unstretched(tmp_path):
    values = samples("uint8", 5) // 2
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", planarconfig="contig")
    image = read_image(tmp_path / "a.tif", samples=True)
    assert np.array_equal(image.rgb, values[..., :3])
    assert (image.note, image.samples) == ("the first three of its 5 bands are shown", None)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_orientation(tmp_path, kind, orientation):
    upright = samples(kind, 3)
    stored = stored_as(upright, orientation)
    path = tmp_path / "a.tif"
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(path, np.ascontiguousarray(stored), photometric="rgb", extratags=[tag])
    assert image_size(path) == HW
    if kind == "uint16":
        check(path, upright)
    else:
        assert np.array_equal(read_image(path).rgb, upright)


@pytest.mark.parametrize(("kind", "bits", "most"), [("uint16", 16, 65535), ("uint16", 12, 4095), ("uint8", 8, 255)])
def test_where_white_is_zero_the_negative_is_turned(tmp_path, kind, bits, most):
    values = samples(kind, 1, most)
    tifffile.imwrite(tmp_path / "a.tif", most - values, photometric="miniswhite", bitspersample=bits)
    if kind == "uint16":
        check(tmp_path / "a.tif", values)
    else:
        assert np.array_equal(read_image(tmp_path / "a.tif").rgb[..., 1], values)


@pytest.mark.parametrize(
    ("kind", "missing"), [("float32", -3.4028234663852886e38), ("int16", -9999), ("float32", "nan")]
)
def test_what_was_not_measured_is_black_and_out_of_the_range(tmp_path, kind, missing):
    values = np.linspace(1200, 1400, 40 * 50).reshape(40, 50).astype(kind)
    stored = values.copy()
    stored[:10] = missing
    tifffile.imwrite(tmp_path / "a.tif", stored, extratags=[(42113, "s", 0, str(missing), True)])
    image = read_image(tmp_path / "a.tif", samples=True)
    assert not image.rgb[:10].any()
    assert image.rgb[10, 0, 0] < 3
    assert image.rgb[-1, -1, 0] > 252
    assert image.samples is not None
    assert 1240 < image.samples.low < image.samples.high <= 1400
    assert image.samples.value(25, 20)[0] == pytest.approx(float(values[20, 25]), abs=1)


def test_ink_of_16_bits(tmp_path):
    ink = samples("uint16", 4)
    tifffile.imwrite(tmp_path / "a.tif", ink, photometric="separated")
    light = 65535 - ink.astype(np.float64)
    check(tmp_path / "a.tif", np.floor(light[..., :3] * light[..., 3:] / 65535))


@pytest.mark.parametrize(("kind", "premultiplied"), [("unassalpha", False), ("assocalpha", True)])
def test_what_is_transparent_is_white(tmp_path, kind, premultiplied):
    colours, opacity = samples("uint16", 3), np.full((*HW, 1), 65535, np.uint16)
    opacity[:4], opacity[4:8] = 0, 32768
    stored = (colours * (opacity / 65535)).astype(np.uint16) if premultiplied else colours
    tifffile.imwrite(
        tmp_path / "a.tif", np.concatenate([stored, opacity], axis=-1), photometric="rgb", extrasamples=[kind]
    )
    rgb = read_image(tmp_path / "a.tif").rgb.astype(int)
    assert (rgb[:4] == 255).all()
    assert np.abs(rgb[8:] - stretched(colours)[8:]).max() <= 2
    assert np.abs(rgb[4:8] - (stretched(colours)[4:8] + 255) / 2).max() <= 2


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_few_bits_fill_the_range(tmp_path, bits):
    values = samples("uint8", 3, 2**bits - 1)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", bitspersample=bits)
    assert np.array_equal(read_image(tmp_path / "a.tif").rgb, np.rint(values * (255 / (2**bits - 1))))


def test_a_palette_of_16_bits(tmp_path):
    indices, colours = samples("uint16"), np.random.default_rng(0).integers(0, 65536, (3, 65536), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours)
    assert np.array_equal(read_image(tmp_path / "a.tif").rgb, (colours >> 8).T[indices])


def test_of_pages_and_planes_the_first(tmp_path):
    values = np.stack([samples("uint16"), samples("uint16") // 2, samples("uint16") // 3])
    tifffile.imwrite(tmp_path / "pages.tif", values, photometric="minisblack")
    check(tmp_path / "pages.tif", values[0])
    volume = np.concatenate([values] * 6)[:16]
    tifffile.imwrite(tmp_path / "depth.tif", volume, photometric="minisblack", volumetric=True, tile=(16, 16, 16))
    check(tmp_path / "depth.tif", values[0])
