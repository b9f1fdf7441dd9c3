"""Sequences in DAVIS's layout: what the benchmark's readers find, and what comes back."""

import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.evaluate.video import davis_sequences
from counterpart.core.formats import ExportOptions, export_project, guess_format, import_into
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.commands import AddPart, ReplaceMasks
from counterpart.core.project.document import Document

HW = (30, 40)


@pytest.fixture
def clip(tmp_path):
    """A project of four frames in each of two folders, JPEG and PNG; the last frame has no labels."""
    folder = tmp_path / "clips"
    for name, suffix in (("bear", ".jpg"), ("deer", ".png")):
        (folder / name).mkdir(parents=True)
        for index in range(4):
            Image.fromarray(np.full((*HW, 3), 10 * index, np.uint8)).save(folder / name / f"shot{index}{suffix}")
    document = Document.untitled()
    document.add_images(find_images([folder]))
    document.apply(AddPart("head"))
    document.apply(AddPart("body"))
    masks = {}
    for index, record in enumerate(document.images()):
        if record.name != "deer/shot3.png":
            labels = np.zeros(HW, np.uint8)
            labels[5:20, index : index + 10], labels[20:28, index : index + 20] = 1, 2
            masks[record.id] = labels
    document.apply(ReplaceMasks(masks))
    return document, folder


def export(document, out, **options):
    return export_project(document, "davis", out, ExportOptions(**options), silent())


def test_the_benchmarks_own_layout_is_written(clip, tmp_path):
    document, _ = clip
    report = export(document, tmp_path / "davis", copy_images=True)
    assert report.images == 7
    assert ("deer/shot3.png", "it has no labels") in report.skipped
    sequences = davis_sequences(tmp_path / "davis", "val", 2017)
    assert [(each.name, len(each.frames), sum(mask is not None for mask in each.masks)) for each in sequences] == [
        ("bear", 4, 4),
        ("deer", 4, 3),
    ]
    with Image.open(sequences[1].masks[2]) as picture:
        assert picture.mode == "P"
        assert set(np.unique(np.asarray(picture))) == {0, 1, 2}
        assert tuple(picture.getpalette()[3:6]) == document.part(1).colour
    with Image.open(sequences[1].frames[2]) as frame:
        assert (frame.format, frame.size) == ("JPEG", HW[::-1])
    original = document.image_path(document.find_image("bear/shot1.jpg").id)
    assert sequences[0].frames[1].read_bytes() == original.read_bytes()
    assert any("4 images were converted to JPEG" in note for note in report.notes)


def test_frames_without_folders_are_one_sequence(clip, tmp_path):
    _, folder = clip
    document = Document.untitled()
    document.add_images(find_images([folder / "bear"]))
    document.apply(AddPart("head"))
    document.apply(ReplaceMasks({document.image_ids[0]: np.ones(HW, np.uint8)}))
    export(document, tmp_path / "davis")
    assert (tmp_path / "davis/Annotations/480p/sequence/00000.png").is_file()
    assert (tmp_path / "davis/ImageSets/2017/val.txt").read_text() == "sequence\n"


def test_a_set_of_others_is_read_by_the_names_of_its_frames(tmp_path):
    root = tmp_path / "DAVIS"
    for part, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".png")):
        (root / part / "480p" / "bear").mkdir(parents=True)
        for index in range(3):
            rgb = np.zeros((*HW, 3), np.uint8)
            labels = np.zeros(HW, np.uint8)
            labels[:10], labels[10:12], labels[15:20] = 1, 255, 3
            made = Image.fromarray(rgb if suffix == ".jpg" else labels)
            made.save(root / part / "480p" / "bear" / f"{index:05d}{suffix}")
    assert guess_format(root) == "davis"
    document = Document.untitled()
    document.add_images(find_images([root / "JPEGImages" / "480p" / "bear"]))
    report = import_into(document, root, "davis", silent())
    assert report.images == 3
    assert not report.added_images
    assert [part.name for part in document.parts] == ["object 1", "object 3"]
    assert document.label_map(document.image_ids[0]).areas() == {1: 400, 2: 200}
    assert "80 unlabelled pixels became background" in report.lost[0][1]


def test_a_black_and_white_set_is_one_object(tmp_path):
    root = tmp_path / "DAVIS"
    (root / "Annotations" / "480p" / "bear").mkdir(parents=True)
    (root / "JPEGImages" / "480p" / "bear").mkdir(parents=True)
    mask = np.zeros(HW, np.uint8)
    mask[:5] = 255
    Image.fromarray(mask).save(root / "Annotations/480p/bear/00000.png")
    Image.fromarray(np.zeros((*HW, 3), np.uint8)).save(root / "JPEGImages/480p/bear/00000.jpg")
    document = Document.untitled()
    report = import_into(document, root, "davis", silent())
    assert report.added_images
    assert [part.name for part in document.parts] == ["object"]
    assert document.label_map(document.image_ids[0]).areas() == {1: 200}


def test_what_is_missing_or_damaged_is_named(clip, tmp_path):
    document, _ = clip
    export(document, tmp_path / "davis")
    (tmp_path / "davis/Annotations/480p/bear/00001.png").write_bytes(b"no picture")
    legend = json.loads((tmp_path / "davis/labels.json").read_text())
    legend["parts"].pop()
    report = import_into(document, tmp_path / "davis", "davis", silent())
    assert ("bear/00001.png", "this is not an image that can be read") in report.skipped
    (tmp_path / "davis/labels.json").write_text(json.dumps(legend))
    with pytest.raises(FormatError, match=r"nothing in it could be taken over: .*labels\.json does not name"):
        import_into(document, tmp_path / "davis", "davis", silent())
    with pytest.raises(FormatError, match="no masks in Annotations"):
        import_into(document, tmp_path, "davis", silent())
