"""Pictures on their way to the screen: pixels stay what they are, and what is kept of small ones is bounded."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage

from counterpart.core.project.model import ImageRecord
from counterpart.desktop.canvas.photo import build_photo
from counterpart.desktop.images import thumbnails
from counterpart.desktop.images.thumbnails import THUMB_PX, Thumbnails
from counterpart.desktop.widgets.qimage import qimage_to_rgb, rgb_to_qimage


@pytest.mark.parametrize("hw", [(1, 1), (7, 13), (64, 33)])
def test_pixels_come_back_from_an_image_of_the_screen_as_they_were(hw):
    rgb = np.random.default_rng(1).integers(0, 256, (*hw, 3)).astype(np.uint8)
    for view in (rgb, rgb[::-1], rgb[:, ::2]):
        image = rgb_to_qimage(view)
        assert image.format() == QImage.Format.Format_RGB32
        assert np.array_equal(qimage_to_rgb(image), view)
        assert image.pixelColor(0, 0).getRgb() == (*view[0, 0].tolist(), 255)


def test_the_largest_level_of_a_photograph_is_the_photograph():
    rgb = np.random.default_rng(2).integers(0, 256, (600, 900, 3)).astype(np.uint8)
    photo = build_photo(rgb)
    assert np.array_equal(qimage_to_rgb(photo.levels[0]), rgb)
    assert [(level.height(), level.width()) for level in photo.levels] == [(600, 900), (300, 450)]


def test_small_pictures_are_kept_within_a_number_of_bytes_and_made_again_when_they_are_seen(
    qtbot, tmp_path, monkeypatch
):
    records = []
    for number in range(8):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (THUMB_PX, THUMB_PX), (number * 20, 0, 0)).save(path)
        records.append(ImageRecord(number, path.name, path.name))
    each = THUMB_PX * THUMB_PX * 4
    monkeypatch.setattr(thumbnails, "THUMB_BYTES", 3 * each)
    made = Thumbnails(lambda record: tmp_path / record.path, lambda _image: None)
    for record in records:
        made.get(record)
        with qtbot.waitSignal(made.ready):
            pass
        assert made.nbytes <= 3 * each
    assert made.nbytes == 3 * each
    assert made.get(records[-1]) is not None
    assert made.get(records[0]) is None
    qtbot.waitUntil(lambda: made.get(records[0]) is not None)
    assert made.get(records[0]).toImage().pixelColor(3, 3).red() == 0
    made.clear()
    assert made.nbytes == 0
    made.close()


def test_other_labels_lie_over_the_same_small_picture_and_another_file_gives_another(qtbot, tmp_path, monkeypatch):
    reads = []
    read = thumbnails.read_thumbnail
    monkeypatch.setattr(thumbnails, "read_thumbnail", lambda path, longest: reads.append(path) or read(path, longest))
    record = ImageRecord(1, "a.png", "a.png")
    Image.new("RGB", (40, 40), (10, 0, 0)).save(tmp_path / "a.png")
    labels = {"part": 0}
    made = Thumbnails(
        lambda _record: tmp_path / "a.png",
        lambda _image: (np.full((4, 4), labels["part"]), {1: (200, 0, 0), 2: (90, 0, 0)}, 1.0),
    )

    def red():
        made.refresh(1)
        with qtbot.waitSignal(made.ready):
            made.get(record)
        return made.get(record).toImage().pixelColor(3, 3).red()

    seen = []
    for part in (0, 1, 2):
        labels["part"] = part
        seen.append(red())
    assert seen == [10, 200, 90]
    assert len(reads) == 1
    labels["part"] = 0
    Image.new("RGB", (44, 44), (77, 0, 0)).save(tmp_path / "a.png", compress_level=0)
    assert red() == 77
    assert len(reads) == 2
    made.close()
