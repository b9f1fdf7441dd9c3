"""Before an import: the format is recognised, and what would happen is said exactly and changes nothing."""

import numpy as np
import pytest
from PIL import Image

from counterpart.core.formats import (
    FORMATS,
    ExportOptions,
    export_project,
    guess_format,
    preview_import,
    rehearse_import,
)
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.commands import AddInstance, AddPart, AddSkeleton, Paint, ReplaceMasks, ReplaceMatches
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, MatchSet, Skeleton

NAMES = ("a.png", "b.png", "c.png", "d.png")
HW = (24, 30)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in NAMES:
        Image.fromarray(rng.integers(0, 255, (*HW, 3)).astype(np.uint8)).save(folder / name)
    return folder


def opened(photos):
    document = Document.untitled()
    document.add_images(find_images([photos]))
    return document


def labels(value, top=2):
    found = np.zeros(HW, np.uint8)
    found[top:12, 3:15] = value
    return found


@pytest.fixture
def source(photos):
    document = opened(photos)
    document.apply(AddPart("wing"))
    ids = document.image_ids
    document.apply(ReplaceMasks({image: labels(1) for image in ids}))
    document.apply(AddSkeleton(Skeleton(("nose", "tail"), ((0, 1),))))
    document.apply(AddInstance(ids[0], KeypointSet.make([[3, 4], [10, 11]], skeleton=1)))
    document.apply(ReplaceMatches([MatchSet.make(ids[0], ids[1], [[1, 2]], [[3, 4]], [0.5], [1.0])]))
    return document


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_was_exported_is_recognised(name, source, tmp_path):
    if FORMATS[name].extra:
        pytest.importorskip("sleap_io")
    target = tmp_path / f"out{FORMATS[name].suffix}"
    export_project(source, name, target, ExportOptions(), silent())
    assert guess_format(target) == name


@pytest.mark.parametrize(
    ("name", "content"),
    [("notes.txt", "hello"), ("empty.json", ""), ("list.json", "[1, 2]"), ("page.xml", "<html/>"), ("x.bin", "\x00")],
)
def test_what_is_nothing_of_the_kind_is_not_taken_for_anything(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    assert guess_format(tmp_path / name) is None
    assert guess_format(tmp_path / "not there.json") is None


def test_a_preview_tells_images_apart_by_what_would_happen_to_them(source, photos, tmp_path):
    target = tmp_path / "masks.npz"
    export_project(source, "npz", target, ExportOptions(), silent())
    document = opened(photos)
    document.apply(AddPart("wing"))
    a, b, c, d = document.image_ids
    document.apply(ReplaceMasks({a: labels(1), b: labels(1, top=5), c: labels(1, top=5)}))
    document.apply(Paint(c, 1, (20, 20, 22, 22), np.ones((2, 2), np.bool_)))
    before = {image: document.label_map(image).labels.copy() for image in (a, b, c)}
    revision = document.revision

    command, preview = preview_import(document, target, "npz", silent())
    assert preview.found == 4
    assert preview.matched == list(NAMES)
    assert preview.predictions_replaced == ["b.png"]
    assert preview.unchanged == ["a.png"]
    assert preview.work_kept == ["c.png"]
    assert preview.filled == ["d.png"]
    assert preview.work_replaced == []
    assert document.revision == revision
    assert document.label_map(d) is None
    assert all(np.array_equal(document.label_map(image).labels, old) for image, old in before.items())

    command.overwrite = True
    assert rehearse_import(document, command).work_replaced == ["c.png"]

    command.overwrite = False
    document.apply(command)
    assert command.report.images == preview.report.images
    assert command.report.annotations == preview.report.annotations
    assert document.label_map(c).labels[21, 21] == 1
    _, again = preview_import(document, target, "npz", silent())
    assert again.empty
    command, _ = preview_import(document, target, "npz", silent(), overwrite=True)
    assert rehearse_import(document, command).unchanged == ["a.png", "b.png", "d.png"]


def test_a_preview_names_new_images_and_those_that_are_nowhere(source, photos, tmp_path):
    target = tmp_path / "masks.json"
    export_project(source, "coco", target, ExportOptions(), silent())
    (photos / "d.png").unlink()
    document = Document.untitled()
    document.add_images(find_images([photos / "a.png"]))
    _, preview = preview_import(document, target, "coco", silent(), root=photos)
    assert preview.matched == ["a.png"]
    assert preview.report.added_images == ["b.png", "c.png"]
    assert preview.report.added_parts == ["wing"]
    assert [name for name, _ in preview.report.skipped] == ["d.png"]
    assert len(document) == 1
    assert not preview.empty
