"""`counterpart propagate` on the sample photographs: a few label pictures in, all label maps out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main
from counterpart.core.files import write_json
from counterpart.core.resources import resource_path

pytestmark = pytest.mark.usefixtures("focus_model")
SMALL = ("--size", "224", "--stride", "14")


def run(capsys, *args):
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("cow.jpg", "sheep.jpg"):
        shutil.copy(resource_path("samples", name), folder)
    for name in ("horse.jpg", "pig.jpg"):
        shutil.copy(resource_path("samples", name), folder / "sub")
    return folder


@pytest.fixture
def labels(photos, tmp_path, capsys):
    """The object of two of the images as part 2, its lower half as part 9, with a legend."""
    code, _ = run(capsys, "cosegment", photos, "--out", tmp_path / "masks", *SMALL)
    assert code == 0
    folder = tmp_path / "labels"
    (folder / "sub").mkdir(parents=True)
    for name in ("cow", "sub/horse"):
        with Image.open(tmp_path / "masks" / f"{name}.png") as mask:
            inside = np.asarray(mask) > 0
        rows = np.flatnonzero(inside.any(axis=1))
        values = np.where(inside, 2, 0).astype(np.uint8)
        lower = values[int(rows.mean()) :]
        lower[lower == 2] = 9
        Image.fromarray(values).save(folder / f"{name}.png")
    parts = [{"id": 2, "name": "top", "colour": "#ff0000"}, {"id": 9, "name": "legs"}]
    write_json(folder / "labels.json", {"background": 0, "parts": parts})
    return folder


def test_labels_of_two_images_reach_the_others(photos, labels, tmp_path, capsys):
    out = tmp_path / "out"
    code, report = run(capsys, "propagate", photos, "--labels", labels, "--out", out, "--overlays", *SMALL)
    assert code == 0, report
    assert report["labels"] == {"2": "top", "9": "legs"}
    assert sorted(report["labelled"]) == ["cow.jpg", "sub/horse.jpg"]
    assert sorted(report["next"]) == ["sheep.jpg", "sub/pig.jpg"]
    assert report["estimate"]["from_images"] == 2
    assert not report["estimate"]["trusted"]
    for name in ("cow", "sub/horse"):
        with Image.open(labels / f"{name}.png") as given, Image.open(out / f"{name}.png") as kept:
            np.testing.assert_array_equal(np.asarray(given), np.asarray(kept))
    for name in ("sheep", "sub/pig"):
        with Image.open(photos / f"{name}.jpg") as photo, Image.open(out / f"{name}.png") as picture:
            assert picture.size == photo.size
            values = np.asarray(picture)
        with Image.open(tmp_path / "masks" / f"{name}.png") as mask:
            inside = np.asarray(mask) > 0
        assert set(np.unique(values)) == {0, 2, 9}
        both = (inside & (values > 0)).sum() / (inside | (values > 0)).sum()
        assert both > 0.7
        rows = np.arange(len(values))[:, None]
        assert (rows * (values == 2)).sum() / (values == 2).sum() < (rows * (values == 9)).sum() / (values == 9).sum()
    assert len(list((out / "overlays").rglob("*.jpg"))) == 4
    on_disk = json.loads((out / "report.json").read_text())
    assert on_disk["kind"] == "propagate"
    assert [one["image"] for one in on_disk["images"]] == [one["image"] for one in report["images"]]


def test_unusable_labels_are_named_and_their_image_is_predicted(photos, labels, tmp_path, capsys):
    Image.fromarray(np.ones((5, 7), np.uint8)).save(labels / "sheep.png")
    Image.fromarray(np.ones((5, 7), np.uint8)).save(labels / "nobody.png")
    (labels / "sub" / "pig.png").write_bytes(b"not a picture")
    code, report = run(capsys, "propagate", photos, "--labels", labels, "--out", tmp_path / "out", *SMALL)
    assert code == 1
    said = {one["file"].rsplit("/", 1)[-1]: one["error"] for one in report["failed"]}
    assert set(said) == {"sheep.jpg", "nobody.png", "pig.png"}
    assert "7 x 5 pixels" in said["sheep.jpg"]
    assert "none of the images" in said["nobody.png"]
    assert len(report["images"]) == 4


def test_no_labels_at_all_is_a_clear_word(photos, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    code, report = run(capsys, "propagate", photos, "--labels", empty, "--out", tmp_path / "out", *SMALL)
    assert code == 1
    assert "no label pictures" in report["error"]["error"]
    Image.fromarray(np.zeros((480, 640), np.uint8)).save(empty / "other.png")
    code, report = run(capsys, "propagate", photos, "--labels", empty, "--out", tmp_path / "out", *SMALL)
    assert code == 2
    assert "no image is labelled" in report["error"]["error"]


def test_parts_are_measured_against_label_pictures(photos, labels, capsys):
    code, report = run(capsys, "evaluate", "parts", photos, "--truth", labels, "--predicted", labels)
    assert code == 0
    assert report["images"] == 2
    assert report["mean_iou"] == 1.0
    assert report["iou"] == {"background": 1.0, "top": 1.0, "legs": 1.0}
    assert report["nmi"] == pytest.approx(1.0)
    few = ("--labelled", "1", "--draws", "2")
    code, report = run(capsys, "evaluate", "parts", photos, "--truth", labels, *few, *SMALL)
    assert code == 0
    assert 0.5 < report["mean_iou"] < 1
    assert len(report["draws"]) == 2
    code, report = run(capsys, "evaluate", "parts", photos, "--truth", labels, "--labelled", "2", *SMALL)
    assert code == 1
    assert "leaves none to test" in report["error"]["error"]


def test_a_part_is_split_alike_in_all_labelled_images(photos, labels, tmp_path, capsys):
    out = tmp_path / "split"
    code, report = run(capsys, "split", photos, "--labels", labels, "--part", "top", "--out", out, *SMALL)
    assert code == 0, report
    assert report["labels"] == {"2": "top", "9": "legs", "10": "top 2"}
    assert {each["image"] for each in report["images"]} == {"cow.jpg", "sub/horse.jpg"}
    seen = set()
    for name in ("cow", "sub/horse"):
        with Image.open(labels / f"{name}.png") as given, Image.open(out / f"{name}.png") as divided:
            before, after = np.asarray(given), np.asarray(divided)
        np.testing.assert_array_equal(before == 2, np.isin(after, (2, 10)))
        np.testing.assert_array_equal(before == 9, after == 9)
        seen |= set(np.unique(after).tolist())
    assert seen == {0, 2, 9, 10}


def test_labels_that_do_not_fit_are_named_and_the_others_are_split(photos, labels, tmp_path, capsys):
    Image.fromarray(np.full((10, 10), 2, np.uint8)).save(labels / "sheep.png")
    out = tmp_path / "split"
    code, report = run(capsys, "split", photos, "--labels", labels, "--part", "top", "--out", out, *SMALL)
    assert code == 1
    assert "sheep.jpg" in report["failed"][0]["error"]
    assert {each["image"] for each in report["images"]} == {"cow.jpg", "sub/horse.jpg"}


def test_splitting_a_part_that_is_not_there_says_which_there_are(photos, labels, tmp_path, capsys):
    code, report = run(capsys, "split", photos, "--labels", labels, "--part", "wing", "--out", tmp_path / "o", *SMALL)
    assert code == 2
    assert "top, legs" in json.dumps(report)
