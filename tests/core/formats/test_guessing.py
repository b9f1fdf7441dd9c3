"""What a file or folder is taken for, and what is said of one that is nothing yet."""

import numpy as np
import pytest
from PIL import Image

from counterpart.core.formats import guess_format, why_unknown


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".png":
            Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)
        elif path.suffix == ".xml":
            root = "annotations" if path.name == "annotations.xml" else "annotation"
            path.write_text(f"<?xml version='1.0'?><{root}><object></object></{root}>")
        else:
            path.write_text("x")
    return folder


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["annotations.xml", "images/a.png"], "cvat"),
        (["SegmentationClass/a.png"], "voc"),
        (["Annotations/a.xml", "JPEGImages/a.png"], "voc"),
        (["Annotations/bear/00000.png"], "davis"),
        (["a.PNG"], "indexed-png"),
        (["one/SegmentationClass/a.png", "two/SegmentationClass/a.png"], None),
        (["task/annotations.xml", "task/images/a.png"], None),
        (["train/Annotations/v/0.png", "train/JPEGImages/v/0.jpg"], None),
        (["note.txt"], None),
    ],
)
def test_a_folder_is_known_by_its_layout(tmp_path, names, found):
    assert guess_format(make(tmp_path, *names)) == found


def test_what_is_nothing_yet_is_told_what_to_do_with(tmp_path):
    make(tmp_path / "sets", "one/SegmentationClass/a.png", "two/annotations.xml", "notes/x.txt")
    assert why_unknown(tmp_path / "sets") == "Choose one of the data sets in it: one, two"
    make(tmp_path / "coco", "train/a.png", "valid/b.png")
    for split in ("train", "valid"):
        (tmp_path / "coco" / split / "_annotations.coco.json").write_text('{"images": [], "annotations": []}')
    assert guess_format(tmp_path / "coco") is None  # its pictures are photographs
    files = "train/_annotations.coco.json, valid/_annotations.coco.json"
    assert why_unknown(tmp_path / "coco") == f"Choose one of the files in it: {files}"
    make(tmp_path, "export.zip", "x.bin")
    assert why_unknown(tmp_path / "export.zip") == "This is an archive: unpack it first, and choose the folder"
    assert why_unknown(tmp_path / "x.bin") == "Name it with --format"
