"""`counterpart cosegment`, `parts`, `transfer` and `demo` on the sample photographs, with the embedded backbone."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from counterpart.core.cli import main
from counterpart.core.parts.codebook import Codebook
from counterpart.core.project.document import Document
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


def test_cosegment_writes_a_mask_of_each_image_and_names_the_bad_one(photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes((photos / "cow.jpg").read_bytes()[:5000])
    code, report = run(capsys, "cosegment", photos, "--out", tmp_path / "out", *SMALL)
    assert code == 1
    assert [item["file"].rsplit("/", 1)[-1] for item in report["failed"]] == ["broken.jpg"]
    for name in ("cow", "sheep", "sub/horse", "sub/pig"):
        with Image.open(photos / f"{name}.jpg") as photo, Image.open(tmp_path / "out" / f"{name}.png") as mask:
            assert mask.size == photo.size
            values = np.asarray(mask)
        assert set(np.unique(values)) == {0, 255}
        assert values[values.shape[0] // 2, values.shape[1] // 2] == 255  # every animal stands in the middle
        assert values[0, 0] == 0
    on_disk = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [item["image"] for item in on_disk["images"]] == [item["image"] for item in report["images"]]
    assert [item["file"] for item in on_disk["images"]] == ["cow.png", "sheep.png", "sub/horse.png", "sub/pig.png"]
    assert on_disk["failed"][0]["file"] == "../photos/broken.jpg"
    assert str(tmp_path) not in (tmp_path / "out" / "report.json").read_text(), "it holds when the folder is moved"


def test_parts_find_the_same_parts_again_by_their_codebook(photos, tmp_path, capsys):
    code, report = run(capsys, "parts", photos, "--parts", "3", "--out", tmp_path / "out", *SMALL)
    assert code == 0, report
    book = Codebook.load(tmp_path / "out" / "codebook.safetensors")
    assert len(book.parts) == 3
    with Image.open(tmp_path / "out" / "cow.png") as picture:
        assert picture.mode == "P"
        found = np.asarray(picture)
    assert set(np.unique(found)) <= {0, 1, 2, 3}
    assert len(np.unique(found)) >= 3
    code, report = run(
        capsys,
        "parts",
        photos / "cow.jpg",
        "--codebook",
        tmp_path / "out" / "codebook.safetensors",
        "--out",
        tmp_path / "two",
    )
    assert code == 0, report
    with Image.open(tmp_path / "two" / "cow.png") as picture:
        again = np.asarray(picture)
    both = (found > 0) & (again > 0)
    assert both.sum() > 0.8 * (found > 0).sum()
    assert (found == again)[both].mean() > 0.95


def test_equal_stems_keep_both_results(photos, tmp_path, capsys):
    with Image.open(photos / "sheep.jpg") as image:
        image.save(photos / "cow.png")
    code, _ = run(capsys, "cosegment", photos, "--out", tmp_path / "out", *SMALL)
    assert code == 0
    assert (tmp_path / "out" / "cow.jpg.png").is_file()
    assert (tmp_path / "out" / "cow.png.png").is_file()


def test_transfer_writes_coco_that_pycocotools_reads(tmp_path, capsys):
    samples = resource_path("samples")
    out = tmp_path / "all.json"
    code, report = run(
        capsys, "transfer", samples / "keypoints.json", samples / "sheep.jpg", samples / "horse.jpg", "--out", out
    )
    assert code == 0, report
    assert report["targets"] == 1  # the horse is a template: its points stay
    coco = COCO(str(out))
    given = json.loads((samples / "keypoints.json").read_text())
    horse_id = next(image["id"] for image in given["images"] if image["file_name"] == "horse.jpg")
    theirs = next(item for item in given["annotations"] if item["image_id"] == horse_id)
    for annotation in coco.dataset["annotations"]:
        name = coco.imgs[annotation["image_id"]]["file_name"]
        assert len(annotation["keypoint_scores"]) * 3 == len(annotation["keypoints"])
        assert all(0 <= score <= 1 for score in annotation["keypoint_scores"])
        points = np.array(annotation["keypoints"], dtype=float).reshape(-1, 3)
        if name.endswith("horse.jpg"):
            expected = np.array(theirs["keypoints"], dtype=float).reshape(-1, 3)
            assert np.allclose(points[expected[:, 2] > 0, :2], expected[expected[:, 2] > 0, :2], atol=0.01)
        else:
            names = coco.loadCats(annotation["category_id"])[0]["keypoints"]
            nose = points[names.index("nose")]
            assert np.hypot(nose[0] - 460, nose[1] - 175) < 60  # the sheep's nose, read off the photograph


def test_the_demonstration_leaves_overlays_and_a_project(tmp_path, capsys):
    code, report = run(capsys, "demo", "--no-window", "--out", tmp_path / "demo", "--parts", "3")
    assert code == 0, report
    assert len(list((tmp_path / "demo" / "overlays").glob("*.jpg"))) == 7
    with Document.open(report["project"]) as document:
        assert len(document) == 7
        assert [part.name for part in document.parts] == ["part 1", "part 2", "part 3"]
        assert len(document.labelled_images()) == 7
    code, _ = run(capsys, "demo", "--no-window", "--out", tmp_path / "demo", "--parts", "3")
    assert code == 0  # again, into the same folder
