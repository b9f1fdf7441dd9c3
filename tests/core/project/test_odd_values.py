"""Values that nobody wrote: each is named, the rest is shown, and nothing that is there is written over."""

import sqlite3

import numpy as np
import pytest

from counterpart.core.errors import OutputError, ProjectError
from counterpart.core.formats import ExportOptions, export_project
from counterpart.core.jobs import silent
from counterpart.core.project.commands import AddImages, AddInstance, AddPart, NewImage, Paint, ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet
from tests.core.project_tools import HW, box_mask, filled


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "p.counterpart"
    with filled(Document.new(path), tmp_path) as document:
        for image in (1, 2):
            document.apply(ReplaceMasks({image: np.ones(HW, np.uint8)}))
            document.apply(AddInstance(image, KeypointSet.make(np.ones((3, 2)), box=(1, 2, 3, 4))))
    return path


def changed(path, statement, *values):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("statement", "value", "named"),
    [
        ("UPDATE skeletons SET definition = ?", DEEP, "skeletons 1"),
        ("UPDATE skeletons SET definition = replace(definition, '\"nose\"', ?)", "1", "skeletons 1"),
        ("UPDATE skeletons SET definition = replace(definition, '[0,1]', ?)", "[0,1e999]", "skeletons 1"),
        ("INSERT INTO settings VALUES ('k', ?)", DEEP, "settings k"),
        ("INSERT INTO settings VALUES (?, '[')", "\x1b[2J", "settings ?[2J"),
        ("UPDATE images SET path = ? WHERE id = 1", "a\0b.jpg", "images 1"),
        ("UPDATE images SET width = ? WHERE id = 1", 2**62, "images 1"),
        ("UPDATE images SET height = ? WHERE id = 1", -1, "images 1"),
        ("UPDATE images SET id = ? WHERE id = 3", -3, "images -3"),
        ("UPDATE roots SET absolute = ?", "/a\0b", "roots 1"),
        ("UPDATE parts SET id = ? WHERE id = 3", 70_000, "parts 70000"),
        ("UPDATE parts SET colour = ? WHERE id = 1", "x" * 10_000, "parts 1"),
    ],
)
def test_a_row_that_makes_no_sense_is_named_and_the_rest_is_there_to_look_at(project, statement, value, named):
    changed(project, statement, value)
    before = project.read_bytes()
    with Document.open(project) as document:
        assert document.read_only
        assert [problem.split(" cannot be read")[0] for problem in document.problems] == [named]
        assert len(document.problems[0]) < 300
        assert document.problems[0].isprintable()
        assert document.label_map(2).areas() == {1: HW[0] * HW[1]}
        with pytest.raises(OutputError, match="read-only"):
            document.apply(AddPart("new"))
    assert project.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "value", "words"),
    [
        ("UPDATE label_maps SET height = ? WHERE image = 1", 2**62, "labels are damaged"),
        ("UPDATE label_maps SET width = ? WHERE image = 1", 0, "labels are damaged"),
        ("UPDATE label_maps SET height = ? WHERE image = 1", 100_000, "labels are damaged"),
        ("UPDATE label_tiles SET tile = ? WHERE image = 1 AND tile = 0", 2**40, "labels are damaged"),
        ("UPDATE label_tiles SET data = ? WHERE image = 1 AND tile = 0", bytes(1_000_000), "labels are damaged"),
        ("UPDATE keypoints SET skeleton = ? WHERE image = 1", 9, "no skeleton"),
        ("UPDATE keypoints SET box = ? WHERE image = 1", DEEP, "box of an instance"),
        ("UPDATE keypoints SET data = ? WHERE image = 1", b"\xff" * 50, "points are damaged"),
    ],
)
def test_annotations_that_make_no_sense_cost_their_image_alone(project, tmp_path, statement, value, words):
    changed(project, statement, value)
    with Document.open(project) as document:
        read = document.packed_labels if "labels" in words else document.keypoints
        with pytest.raises(ProjectError, match=words) as caught:
            read(1)
        assert "img1.jpg" in str(caught.value)
        if value == 2**62:
            with pytest.raises(ProjectError, match="damaged"):
                document.apply(Paint(1, 2, (0, 0, 9, 9), box_mask(9, 9)))
        name = "coco" if "labels" in words else "coco-keypoints"
        report = export_project(document, name, tmp_path / "out.json", ExportOptions(), silent())
        assert "img1.jpg" in [name for name, _ in report.skipped]
        assert document.apply(Paint(2, 2, (0, 0, 9, 9), box_mask(9, 9)))
        assert document.saved.saved


@pytest.mark.parametrize("value", [2**52, 2**63 - 1])
def test_a_counter_that_cannot_be_right_keeps_the_file_from_being_written(project, value):
    changed(project, "UPDATE counters SET value = ? WHERE name = 'image'", value)
    with Document.open(project) as document:
        assert document.problems == (f"the count of images cannot be right ({value})",)
        with pytest.raises(OutputError, match="read-only"):
            document.apply(AddImages([NewImage(project.parent / "new.jpg", "new.jpg")]))


@pytest.mark.parametrize("value", [0, -5, 1])
def test_an_identifier_that_is_in_use_is_not_given_again_whatever_the_counters_say(project, value):
    changed(project, "UPDATE counters SET value = ?", value)
    with Document.open(project) as document:
        document.apply(AddImages([NewImage(project.parent / "new.jpg", "new.jpg")]))
        document.apply(AddPart("new"))
        document.apply(AddInstance(1, KeypointSet.make(np.ones((3, 2)), skeleton=1)))
        assert [record.name for record in document.images()] == ["img1.jpg", "img2.jpg", "img3.jpg", "new.jpg"]
        assert [part.id for part in document.parts] == [1, 2, 3, 4]
        assert len(document.keypoints(1)) == 2
        assert len(document.keypoints(2)) == 1
