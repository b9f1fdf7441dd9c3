"""Copies of photographs beside annotations: images alone, and upright as the annotations are."""

import io

import numpy as np
import pytest
from PIL import Image

from counterpart.core.formats.base import AnnotatedImage, ExportReport
from counterpart.core.formats.copying import photograph


def turned(path, orientation):
    """A photograph of 20 x 10 stored pixels, its left half red."""
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[:, :10] = 255, 0, 0
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, quality=95)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_turned_photograph_is_copied_upright_and_it_is_said(tmp_path, suffix):
    file, report = turned(tmp_path / f"a{suffix}", 6), ExportReport("voc", tmp_path)
    data = photograph(AnnotatedImage("a", (20, 10), file=file), report)
    with Image.open(io.BytesIO(data)) as image, Image.open(file) as stored:
        assert (image.size, image.getexif().get(0x0112, 1), image.format) == ((10, 20), 1, stored.format)
        red = np.asarray(image.convert("RGB"))[..., 0] > 128
    assert red[:9].all()  # turned clockwise, the left is up
    assert not red[11:].any()
    assert report.notes == ["Photographs that cameras stored turned were copied upright, as their annotations are"]


def test_an_upright_photograph_is_copied_byte_by_byte(tmp_path):
    file, report = turned(tmp_path / "a.jpg", 1), ExportReport("voc", tmp_path)
    assert photograph(AnnotatedImage("a", (10, 20), file=file), report) == file.read_bytes()
    assert report.notes == []


@pytest.mark.parametrize("name", ["id_rsa", "a.jpg"])
def test_what_is_no_image_is_never_copied(tmp_path, name):
    (tmp_path / name).write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    report = ExportReport("voc", tmp_path)
    assert photograph(AnnotatedImage("a", (10, 20), file=tmp_path / name), report) is None
    assert photograph(AnnotatedImage("b", (10, 20)), report) is None
    assert [each for each, _ in report.lost] == ["a", "b"]
