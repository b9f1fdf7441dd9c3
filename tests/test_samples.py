"""The sample pictures: every one is licensed and small; the keypoints that come with them are valid COCO."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

SAMPLES = Path(__file__).resolve().parent.parent / "resources" / "samples"
PICTURES = sorted(path for path in SAMPLES.iterdir() if path.suffix in {".jpg", ".jpeg", ".png"})
LICENCES = ("Public domain", "CC0 1.0", "CC BY-SA 4.0")
LICENCE_TEXTS = {"CC0 1.0": "CC0-1.0.txt", "CC BY-SA 4.0": "CC-BY-SA-4.0.txt"}


def _licence_rows() -> dict[str, list[str]]:
    rows = {}
    for line in (SAMPLES / "LICENSES.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[\w.-]+\.(?:jpe?g|png)", cells[0]):
            assert cells[0] not in rows, f"{cells[0]} has two rows"
            rows[cells[0]] = cells
    return rows


@pytest.fixture(scope="module")
def coco() -> COCO:
    return COCO(str(SAMPLES / "keypoints.json"))


def _points(annotation: dict[str, Any]) -> np.ndarray:
    return np.asarray(annotation["keypoints"], dtype=np.float64).reshape(-1, 3)


def test_there_are_enough_pictures_to_co_segment():
    assert len(PICTURES) >= 4


def test_every_picture_has_a_licence_row_and_every_row_its_picture():
    assert sorted(_licence_rows()) == [path.name for path in PICTURES]


@pytest.mark.parametrize("row", _licence_rows().values(), ids=_licence_rows())
def test_a_licence_row_names_author_free_licence_origin_and_changes(row):
    _, shows, author, licence, original, source, changes = row
    assert all((shows, author, changes))
    name = next((name for name in LICENCES if name in licence), None)
    assert name is not None, f"not a known free licence: {licence}"
    assert "https://" in original
    assert ".rcc: " in source
    if name in LICENCE_TEXTS:
        assert "https://creativecommons.org/" in licence
        assert (SAMPLES / LICENCE_TEXTS[name]).stat().st_size > 5000


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_an_opaque_colour_jpeg_of_moderate_size(picture):
    with Image.open(picture) as image:
        image.load()
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert 400 <= max(image.size) <= 800


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_licence_row_states_the_size_that_the_picture_has(picture):
    with Image.open(picture) as image:
        size = f"{image.width} × {image.height}"
    assert size in _licence_rows()[picture.name][-1]


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 1_500_000


def test_keypoints_load_with_one_instance_for_each_of_their_pictures(coco):
    assert len(coco.getImgIds()) >= 2
    assert sorted(annotation["image_id"] for annotation in coco.anns.values()) == sorted(coco.getImgIds())


def test_keypoint_pictures_exist_with_the_stated_size(coco):
    for image in coco.imgs.values():
        with Image.open(SAMPLES / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])


def test_keypoints_match_their_category_and_lie_inside_picture_and_box(coco):
    for annotation in coco.anns.values():
        names = coco.cats[annotation["category_id"]]["keypoints"]
        image = coco.imgs[annotation["image_id"]]
        points = _points(annotation)
        assert len(points) == len(names)
        assert set(points[:, 2]) <= {0.0, 1.0, 2.0}
        assert annotation["num_keypoints"] == np.count_nonzero(points[:, 2])
        x, y, width, height = annotation["bbox"]
        assert x >= 0
        assert y >= 0
        assert x + width <= image["width"]
        assert y + height <= image["height"]
        marked = points[points[:, 2] > 0, :2]
        assert np.all(marked >= (x, y))
        assert np.all(marked <= (x + width, y + height))


def test_skeleton_joins_distinct_keypoints_and_leaves_none_alone(coco):
    for category in coco.cats.values():
        count = len(category["keypoints"])
        assert len(set(category["keypoints"])) == count
        assert all(first != second for first, second in category["skeleton"])
        # COCO counts a skeleton's ends from one.
        assert {end for edge in category["skeleton"] for end in edge} == set(range(1, count + 1))


def test_keypoint_names_come_in_left_and_right_pairs(coco):
    for category in coco.cats.values():
        names = set(category["keypoints"])
        swapped = {
            re.sub("^left_|^right_", lambda m: {"left_": "right_", "right_": "left_"}[m[0]], name) for name in names
        }
        assert swapped == names


def test_keypoint_file_holds_no_absolute_path():
    content = json.loads((SAMPLES / "keypoints.json").read_text(encoding="utf-8"))
    assert all(Path(image["file_name"]).name == image["file_name"] for image in content["images"])
