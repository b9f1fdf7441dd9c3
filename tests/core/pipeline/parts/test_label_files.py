"""Label pictures of some images in a folder."""

import numpy as np
from PIL import Image

from counterpart.core.files import write_json
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import silent
from counterpart.core.pipeline.parts.label_files import read_label_folder


def folder_of(tmp_path, **pictures):
    refs = []
    for name, values in pictures.items():
        Image.fromarray(np.array([values], np.uint8)).save(tmp_path / f"{name}.png")
        refs.append(ImageRef(tmp_path / f"{name}.jpg", f"{name}.jpg"))
    return refs


def values_of(found, name):
    return found.given[name].read().ravel().tolist()


def test_black_and_white_masks_are_one_part(tmp_path):
    refs = folder_of(tmp_path, a=[0, 255], b=[255, 255], c=[0, 0])
    found = read_label_folder(tmp_path, refs, silent())
    assert [values_of(found, f"{name}.jpg") for name in "abc"] == [[0, 1], [1, 1], [0, 0]]


def test_an_ignored_or_named_255_stays_what_it_is(tmp_path):
    refs = folder_of(tmp_path, a=[0, 255])
    assert values_of(read_label_folder(tmp_path, refs, silent(), ignore=255), "a.jpg") == [0, 255]
    write_json(tmp_path / "labels.json", {"background": 0, "parts": [{"id": 255, "name": "sky", "colour": "#0000ff"}]})
    found = read_label_folder(tmp_path, refs, silent())
    assert values_of(found, "a.jpg") == [0, 255]
    assert found.names == {255: "sky"}
    assert found.colours == {255: (0, 0, 255)}


def test_255_beside_other_labels_is_no_mask(tmp_path):
    refs = folder_of(tmp_path, a=[0, 255], b=[0, 3])
    found = read_label_folder(tmp_path, refs, silent())
    assert values_of(found, "a.jpg") == [0, 255]


def test_the_legend_says_whose_a_picture_is(tmp_path):
    folder_of(tmp_path, odd=[0, 2])
    images = {"odd.png": "deep/cat.jpg"}
    write_json(tmp_path / "labels.json", {"background": 0, "parts": [{"id": 2, "name": "head"}], "images": images})
    found = read_label_folder(tmp_path, [ImageRef(tmp_path / "cat.jpg", "deep/cat.jpg")], silent())
    assert values_of(found, "deep/cat.jpg") == [0, 2]
