"""Odd images and folders: each is shown as it is meant, or marked with its reason; the rest goes on."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.desktop.conftest import picture


def jpeg(rgb, **options):
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.fixture
def odd_folder(tmp_path):
    folder = tmp_path / "ünï 图" / "deeper"
    folder.mkdir(parents=True)
    root = folder.parent
    rotated = Image.Exif()
    rotated[0x0112] = 6
    (root / "01 rotated.jpg").write_bytes(jpeg(picture(1, (60, 100)), exif=rotated))
    tifffile.imwrite(root / "02 deep.tif", (picture(2)[..., 0].astype(np.uint16) * 200))
    Image.fromarray(picture(3)).convert("CMYK").save(root / "03 cmyk.jpg")
    Image.new("RGBA", (50, 40), (255, 0, 0, 128)).save(root / "04 alpha.png")
    Image.fromarray(picture(5)).convert("P").save(root / "05 palette.png")
    Image.new("L", (1, 1), 200).save(root / "06 single.png")
    Image.new("L", (20_000, 300), 90).save(root / "07 strip.png")
    Image.fromarray(picture(8)).save(root / "08 same.png")
    Image.fromarray(picture(9)).save(root / "08 same.bmp")
    Image.fromarray(picture(10)).save(folder / "08 same.png")
    (root / "20 text.jpg").write_text("no image")
    (root / "21 cut.jpg").write_bytes(jpeg(picture(11))[:900])
    (root / "22 empty.png").write_bytes(b"")
    (root / "notes.txt").write_text("not even a picture by name")
    return root


@pytest.fixture
def odd(qtbot, window, odd_folder):
    window.bench.session.open_folder(odd_folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    return window


def show(qtbot, window, name):
    record = window.bench.session.document.find_image(name)
    window.images.panel.select(record.id)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == record.id, timeout=10_000)
    return record


def test_every_image_of_the_folder_is_listed_once_and_nothing_else(odd):
    names = [record.name for record in odd.bench.session.document.images()]
    assert len(names) == len(set(names)) == 13
    assert "deeper/08 same.png" in names
    assert "notes.txt" not in names


def test_a_rotated_photograph_is_upright(qtbot, odd):
    show(qtbot, odd, "01 rotated.jpg")
    assert odd.bench.canvas.panes[0].photo.hw == (100, 60)
    assert odd.bench.session.document.find_image("01 rotated.jpg").hw == (100, 60)


@pytest.mark.parametrize(
    ("name", "hw"),
    [
        ("02 deep.tif", (90, 120)),
        ("03 cmyk.jpg", (90, 120)),
        ("04 alpha.png", (40, 50)),
        ("05 palette.png", (90, 120)),
        ("06 single.png", (1, 1)),
        ("07 strip.png", (300, 20_000)),
        ("08 same.bmp", (90, 120)),
    ],
)
def test_other_kinds_of_images_are_shown(qtbot, odd, name, hw):
    show(qtbot, odd, name)
    assert odd.bench.canvas.panes[0].photo.hw == hw
    assert not odd.images.panel.model.problem(odd.images.panel.current)


@pytest.mark.parametrize(
    ("name", "words"), [("20 text.jpg", "not an image"), ("21 cut.jpg", "damaged"), ("22 empty.png", "empty")]
)
def test_a_file_that_cannot_be_read_says_why_on_the_canvas_and_in_the_list(qtbot, odd, name, words):
    record = show(qtbot, odd, name)
    assert words in odd.bench.canvas.panes[0].message
    assert name in odd.bench.canvas.panes[0].message
    assert words in odd.images.panel.model.problem(record.id)
    assert odd.bench.canvas.panes[0].photo is None


def test_a_run_does_what_can_be_done_and_names_the_rest(qtbot, odd):
    with qtbot.waitSignal(odd.bench.jobs.ended, timeout=20_000):
        odd.finding.runs.run()
    assert len(odd.bench.session.document.labelled_images()) == 10
    assert odd.images.panel.model.counts()["unreadable"] == 3
    assert "3 of 13 images could not be used" in odd.bench.layout.notice.text


def test_an_image_that_goes_away_is_marked_and_comes_back(qtbot, odd, odd_folder):
    path = odd_folder / "08 same.png"
    data = path.read_bytes()
    path.unlink()
    record = show(qtbot, odd, "08 same.png")
    assert "does not exist" in odd.images.panel.model.problem(record.id)
    path.write_bytes(data)
    odd.images.panel.select(odd.bench.session.document.find_image("01 rotated.jpg").id)
    show(qtbot, odd, "08 same.png")
    qtbot.waitUntil(lambda: not odd.images.panel.model.problem(record.id))


def test_the_same_folder_opens_with_what_was_done_and_with_new_images(qtbot, odd, odd_folder, make_window):
    with qtbot.waitSignal(odd.bench.jobs.ended, timeout=20_000):
        odd.finding.runs.run()
    odd.close()
    Image.fromarray(picture(30)).save(odd_folder / "30 new.png")
    again = make_window()
    again.bench.session.open_folder(odd_folder)
    qtbot.waitUntil(lambda: again.images.panel.model.total == 14)
    assert len(again.bench.session.document.labelled_images()) == 10


def test_a_second_window_on_the_folder_may_only_look(qtbot, odd, odd_folder, make_window):
    second = make_window()
    second.bench.session.open_folder(odd_folder)
    qtbot.waitUntil(lambda: second.bench.session.document is not None)
    assert second.bench.session.document.read_only
    assert "looking only" in second.bench.layout.banner.text
    assert not second.finding.panel.button.isEnabled()
    assert not second.bench.actions["undo"].isEnabled()


def test_a_damaged_project_is_reported_and_never_replaced(qtbot, window, tmp_path):
    file = tmp_path / "mine.counterpart"
    file.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    before = file.read_bytes()
    assert not window.bench.session.open_project(file)
    assert str(file) in window.bench.layout.notice.text
    assert window.bench.session.document is None
    assert file.read_bytes() == before
