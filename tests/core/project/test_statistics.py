"""A project in numbers: what there is of each part, over all images."""

import csv

import numpy as np
import pytest
from PIL import Image

from counterpart.core.images.finding import find_images
from counterpart.core.project.commands import AcceptPredictions, AddPart, Paint, ReplaceMasks, SetReviewState
from counterpart.core.project.document import Document
from counterpart.core.project.statistics import set_statistics, write_statistics


@pytest.fixture
def project(tmp_path):
    for name in ("a", "b", "c", "d"):
        Image.new("RGB", (20, 10)).save(tmp_path / f"{name}.png")
    document = Document.untitled()
    document.add_images(find_images([tmp_path]))
    for name in ("head", "tail", "unused"):
        document.apply(AddPart(name))
    small, large = np.zeros((10, 20), np.uint8), np.zeros((10, 20), np.uint8)
    small[:2, :10] = 1  # 20 of 200 pixels
    large[:] = 1
    large[:5] = 2
    a, b, c, _ = document.image_ids
    document.apply(ReplaceMasks({a: small, b: large, c: small}))
    return document


def test_every_part_is_counted_by_images_area_and_whose_it_is(project):
    a, b, c, _ = project.image_ids
    project.apply(SetReviewState([a], "reviewed"))
    project.apply(Paint(c, 1, (5, 0, 6, 20), np.ones((1, 20), np.bool_)))
    found = set_statistics(project)
    assert (found.images, found.labelled) == (4, 3)
    assert found.states == {"todo": 1, "predicted": 1, "edited": 1, "reviewed": 1, "skipped": 0}
    head, tail, unused = found.parts
    assert (head.images, head.predicted, head.edited, head.reviewed) == (3, 1, 1, 1)
    assert head.pixels == 20 + 100 + 40
    assert (head.smallest, head.largest) == (0.1, 0.5)
    assert head.mean_area == pytest.approx((0.1 + 0.5 + 0.2) / 3)
    assert (tail.images, tail.predicted) == (1, 1)
    assert head.share + tail.share == pytest.approx(1)
    assert (unused.images, unused.pixels, unused.share) == (0, 0, 0)
    project.apply(AcceptPredictions([b]))
    assert set_statistics(project).parts[1].reviewed == 1


def test_a_project_without_anything_has_statistics_too():
    found = set_statistics(Document.untitled())
    assert (found.images, found.labelled, found.parts) == (0, 0, ())


def test_the_table_is_written_with_one_line_for_each_part(project, tmp_path):
    write_statistics(tmp_path / "parts.csv", set_statistics(project).parts)
    with (tmp_path / "parts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows] == ["head", "tail", "unused"]
    assert [int(row["images"]) for row in rows] == [3, 1, 0]
    assert float(rows[0]["largest_share_of_image"]) == 0.5
    write_statistics(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_text().startswith("part,id,images")
