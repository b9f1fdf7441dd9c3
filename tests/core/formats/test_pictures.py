"""Label maps as pictures and arrays: VOC, DAVIS, indexed PNG, NumPy."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.formats.pictures import encode_label_png, palette_of, read_label_picture, voc_palette
from counterpart.core.project.model import PartLabel
from counterpart.core.project.points import KeypointSet
from counterpart.core.project.tiles import pack_labels
from tests.core import format_tools

HW = (6, 8)
SOURCE = format_tools.source_of({"a.jpg": HW, "b.jpg": HW})
PARTS = (PartLabel(1, "wing", (10, 20, 30), 0), PartLabel(3, "tail", (40, 50, 60), 1))


def labels_of(*values, dtype=np.uint8):
    labels = np.zeros(HW, dtype)
    labels[2, : len(values)] = values
    return labels


def annotated(*images):
    return Dataset(
        parts=PARTS, images=[AnnotatedImage(name, HW, labels=pack_labels(labels)) for name, labels in images]
    )


def save(path, labels, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).convert(mode or {1: "L", 2: "I;16"}[labels.dtype.itemsize]).save(path)


def test_the_palette_is_that_of_pascal_voc():
    """From the devkit: aeroplane, bicycle, bird, boat, ..., tvmonitor, void."""
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        3: (128, 128, 0),
        4: (0, 0, 128),
        8: (64, 0, 0),
        15: (192, 128, 128),
    }
    known |= {16: (0, 64, 0), 20: (0, 64, 128), 255: (224, 224, 192)}
    assert {index: voc_palette(index) for index in known} == known


def test_a_picture_has_the_parts_colours_and_greys_for_the_rest():
    data = encode_label_png(labels_of(1, 2, 3, 255), palette_of(PARTS))
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == "P"
        palette = np.array(picture.getpalette()).reshape(-1, 3)
        np.testing.assert_array_equal(np.asarray(picture), labels_of(1, 2, 3, 255))
    assert palette[[0, 1, 2, 3, 255]].tolist() == [[0, 0, 0], [10, 20, 30], [2, 2, 2], [40, 50, 60], [255] * 3]


@pytest.mark.parametrize(("highest", "kind"), [(255, np.uint8), (256, np.uint16), (65_535, np.uint16)])
def test_labels_above_a_byte_take_two(tmp_path, highest, kind):
    data = encode_label_png(labels_of(1, highest, dtype=np.uint16), {})
    found = read_label_picture(data, tmp_path)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, labels_of(1, highest, dtype=np.uint16))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_black_and_white_grey_and_indexed_pictures_are_labels(tmp_path, mode):
    buffer = io.BytesIO()
    Image.fromarray(labels_of(0, 255)).convert(mode).save(buffer, "PNG")
    found = read_label_picture(buffer.getvalue(), tmp_path)
    assert found.shape == HW
    assert found.dtype == np.uint8
    assert (found > 0).sum() == 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pictures_in_colour_are_none(tmp_path, mode):
    buffer = io.BytesIO()
    Image.new(mode, (3, 2), (1, 2, 1)).save(buffer, "PNG")
    with pytest.raises(FormatError, match="in colour"):
        read_label_picture(buffer.getvalue(), tmp_path)
    buffer = io.BytesIO()
    Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10)).convert(mode).save(buffer, "PNG")
    with pytest.raises(FormatError, match="in colour"):  # a grey photograph
        read_label_picture(buffer.getvalue(), tmp_path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P"])
def test_grey_values_may_be_stored_in_other_ways(tmp_path, mode):
    buffer = io.BytesIO()
    labels = labels_of(1, 7)
    Image.fromarray(labels).convert(mode).save(buffer, "PNG")
    np.testing.assert_array_equal(read_label_picture(buffer.getvalue(), tmp_path), labels)


# VOC


def test_voc_is_written_with_its_palette_list_and_names(tmp_path):
    big = AnnotatedImage("big.jpg", HW, labels=pack_labels(labels_of(255)))
    most = AnnotatedImage("most.jpg", HW, labels=pack_labels(labels_of(254)))
    dataset = annotated(("f/a.jpg", labels_of(1, 3, 3)))
    dataset = Dataset(parts=PARTS, images=[*dataset.images, big, most, AnnotatedImage("none.jpg", HW)])
    report = format_tools.write("voc", dataset, tmp_path / "out")
    assert (tmp_path / "out/labelmap.txt").read_text().splitlines() == [
        "# label:color_rgb:parts:actions",
        "background:0,0,0::",
        "wing:10,20,30::",
        "unused-2:2,2,2::",
        "tail:40,50,60::",
    ]
    assert (tmp_path / "out/ImageSets/Segmentation/default.txt").read_text() == "f__a\nmost\n"
    with Image.open(tmp_path / "out/SegmentationClass/f__a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), labels_of(1, 3, 3))
    assert (report.images, report.annotations) == (2, 3)
    assert report.skipped == [("big.jpg", "it has a part with an id above 254"), ("none.jpg", "it has no labels")]


def test_voc_is_read_with_its_names_and_void_becomes_background(tmp_path):
    save(tmp_path / "SegmentationClass/a.png", labels_of(1, 3, 255, 255))
    save(tmp_path / "SegmentationClass/b.png", labels_of(2))
    (tmp_path / "labelmap.txt").write_text(
        "# x\nbackground:0,0,0::\nwing:10,20,30::\n\nunused-2:2,2,2::\n :300,50,60::\n"
    )
    dataset, report = format_tools.read("voc", tmp_path, SOURCE)
    assert [(p.id, p.name, tuple(p.colour), p.order) for p in dataset.parts] == [
        (1, "wing", (10, 20, 30), 0), (3, "class 3", (44, 50, 60), 2)
    ]  # fmt: skip
    assert [one.labels.areas for one in dataset.images] == [{1: 1, 3: 1}]
    assert report.lost == [("a.png", "2 unlabelled pixels became background")]
    assert report.skipped == [("b.png", "it has the value 2, which labelmap.txt does not name")]


@pytest.mark.parametrize(("highest", "names"), [(20, ["aeroplane", "tvmonitor"]), (21, ["class 1", "class 21"])])
def test_voc_without_names_has_its_own_classes_while_they_last(tmp_path, highest, names):
    save(tmp_path / "SegmentationClass/a.png", labels_of(1, highest, 255))
    dataset, _ = format_tools.read("voc", tmp_path / "SegmentationClass", SOURCE)
    assert [part.name for part in dataset.parts] == names
    assert [(part.id, part.order) for part in dataset.parts] == [(1, 0), (highest, highest - 1)]
    assert tuple(dataset.parts[0].colour) == (128, 0, 0)


COLOURS = {"background": (0, 0, 0), "cat": (48, 112, 32), "dog": (176, 112, 32)}


@pytest.mark.parametrize("order", [("background", "cat", "dog"), ("cat", "background", "dog"), ("dog", "cat")])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "shuffled"])
def test_voc_in_colour_is_read_by_its_colours_in_any_order(tmp_path, order, mode):
    """As CVAT and Datumaro write it."""
    truth = np.array([["background", "cat", "dog"], ["dog", "dog", "background"]])
    rgb = np.array([[COLOURS[name] for name in row] for row in truth], np.uint8)
    picture = Image.fromarray(rgb)
    if mode == "shuffled":
        names = ["dog", "cat", "background"]
        picture = Image.fromarray(np.array([[names.index(name) for name in row] for row in truth], np.uint8), "P")
        picture.putpalette([value for name in names for value in COLOURS[name]])
    elif mode == "P":
        picture = picture.quantize(3)
    else:
        picture = picture.convert(mode)
    (tmp_path / "SegmentationClass").mkdir()
    picture.save(tmp_path / "SegmentationClass" / "a.png")
    lines = [f"{name}:{','.join(map(str, COLOURS[name]))}::" for name in order]
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + "\n".join(lines))
    dataset, report = format_tools.read("voc", tmp_path, format_tools.source_of({"a.jpg": (2, 3)}))
    names = {0: "background", **dataset.part_names()}
    found = np.vectorize(names.get)(dataset.images[0].labels.unpack())
    np.testing.assert_array_equal(found, truth)
    assert [part.name for part in dataset.parts] == [name for name in order if name != "background"]
    assert report.skipped == report.lost == []


def test_voc_in_colour_has_a_seam_and_names_a_colour_that_it_does_not_know(tmp_path):
    (tmp_path / "SegmentationClass" / "sub").mkdir(parents=True)
    rgb = np.array([[(48, 112, 32), (224, 224, 192)]], np.uint8)
    Image.fromarray(rgb).save(tmp_path / "SegmentationClass" / "sub" / "a.png")
    Image.fromarray(rgb + np.uint8(1)).save(tmp_path / "SegmentationClass" / "b.png")
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\ncat:48,112,32::\n")
    (tmp_path / "SegmentationObject").mkdir()
    source = format_tools.source_of({"sub/a.jpg": (1, 2), "b.jpg": (1, 2)})
    dataset, report = format_tools.read("voc", tmp_path, source)
    assert [(image.name, image.labels.areas) for image in dataset.images] == [("sub/a.jpg", {1: 1})]
    assert report.skipped == [("b.png", "it has the colour (49, 113, 33), which labelmap.txt does not name")]
    assert ("sub/a.png", "1 unlabelled pixels became background") in report.lost
    assert report.lost[0] == ("SegmentationObject", "which pixels of a class are one object")


def test_voc_with_bounding_boxes_alone_is_refused(tmp_path):
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text("<annotation><object/></annotation>")
    for place in (tmp_path, tmp_path / "Annotations" / "a.xml"):
        with pytest.raises(FormatError, match="bounding boxes"):
            format_tools.read("voc", place, SOURCE)


@pytest.mark.parametrize("line", ["wing", "wing:1,2::", "wing:1,2,3,4::", "wing:a,b,c::"])
def test_voc_with_a_damaged_list_is_refused(tmp_path, line):
    save(tmp_path / "SegmentationClass/a.png", labels_of(1))
    (tmp_path / "labelmap.txt").write_text(f"background:0,0,0::\n{line}\n")
    with pytest.raises(FormatError, match="entry 2: expected name:r,g,b::"):
        format_tools.read("voc", tmp_path, SOURCE)


# DAVIS


def test_davis_numbers_the_frames_of_each_folder(tmp_path):
    big = AnnotatedImage("bear/3.jpg", HW, labels=pack_labels(labels_of(255)))
    images = annotated(("bear/1.jpg", labels_of(1)), ("top.jpg", labels_of(3)), ("bear/2.jpg", labels_of(1, 3))).images
    points = (KeypointSet.make([[1, 1]]),)
    images = [*images, big, AnnotatedImage("bear/4.jpg", HW, labels=images[0].labels, keypoints=points)]
    report = format_tools.write("davis", Dataset(parts=PARTS, images=images), tmp_path / "out")
    files = sorted(file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.png"))
    assert files == [
        f"Annotations/480p/{name}.png" for name in ("bear/00000", "bear/00001", "bear/00003", "sequence/00000")
    ]
    assert (tmp_path / "out/ImageSets/2017/val.txt").read_text() == "bear\nsequence\n"
    assert (
        json.loads((tmp_path / "out/labels.json").read_text())["images"]["Annotations/480p/bear/00001.png"]
        == "bear/2.jpg"
    )
    assert (report.images, report.annotations) == (4, 5)
    assert report.skipped == [("bear/3.jpg", "it has a part with an id above 254")]
    assert report.lost == [("bear/4.jpg", "keypoints")]


def test_davis_copies_images_as_jpegs_and_counts_what_became_one(tmp_path):
    rng = np.random.default_rng(0)
    images = []
    for name in ("bear/1.jpg", "bear/2.png", "bear/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*HW, 3)).astype(np.uint8)).save(tmp_path / name)
        images.append(AnnotatedImage(name, HW, file=tmp_path / name, labels=pack_labels(labels_of(1))))
    images.append(AnnotatedImage("bear/gone.png", HW, file=tmp_path / "gone.png", labels=pack_labels(labels_of(1))))
    dataset = Dataset(parts=PARTS, images=images)
    report = format_tools.write("davis", dataset, tmp_path / "out", copy_images=True)
    copies = tmp_path / "out/JPEGImages/480p/bear"
    assert sorted(file.name for file in copies.iterdir()) == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert (copies / "00000.jpg").read_bytes() == (tmp_path / "bear/1.jpg").read_bytes()
    assert "2 images were converted to JPEG, which DAVIS expects" in report.notes
    assert report.lost == [("bear/gone.png", "the image itself: its file could not be read")]


def test_davis_of_2017_has_objects_by_number_and_void(tmp_path):
    save(tmp_path / "Annotations/480p/bear/00000.png", labels_of(1, 2, 255))
    dataset, report = format_tools.read("davis", tmp_path, SOURCE)
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "object 1"), (2, "object 2")]
    assert dataset.images[0].name == "bear/00000"
    assert dataset.images[0].labels.areas == {1: 1, 2: 1}
    assert report.lost == [("bear/00000.png", "1 unlabelled pixels became background")]


@pytest.mark.parametrize("value", [1, 255])
def test_davis_of_2016_has_one_object(tmp_path, value):
    save(tmp_path / "Annotations/480p/bear/00000.png", labels_of(value, value))
    dataset, report = format_tools.read("davis", tmp_path / "Annotations", SOURCE)
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "object")]
    assert dataset.images[0].labels.areas == {1: 2}
    assert report.lost == []


# Indexed PNG


def test_indexed_pictures_without_a_legend_are_parts_by_number(tmp_path):
    save(tmp_path / "a.png", labels_of(2, 7, 255))
    dataset, _ = format_tools.read("indexed-png", tmp_path, SOURCE)
    assert [(part.id, part.name, part.order) for part in dataset.parts] == [
        (2, "part 2", 0), (7, "part 7", 1), (255, "part 255", 2)
    ]  # fmt: skip
    assert dataset.images[0].labels.areas == {2: 1, 7: 1, 255: 1}


def test_pictures_of_black_and_white_are_masks_of_an_object(tmp_path):
    save(tmp_path / "a.png", labels_of(255, 255))
    save(tmp_path / "b.png", labels_of())
    dataset, _ = format_tools.read("indexed-png", tmp_path, SOURCE)
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "object")]
    assert [image.labels.areas for image in dataset.images] == [{1: 2}, {}]


def test_indexed_pictures_with_a_legend_are_named_by_it(tmp_path):
    format_tools.write(
        "indexed-png", annotated(("f/a.jpg", labels_of(1, 3)), ("b.jpg", labels_of(1))), tmp_path / "out"
    )
    save(tmp_path / "out/c.png", labels_of(2))
    dataset, report = format_tools.read("indexed-png", tmp_path / "out", SOURCE)
    assert [(p.id, p.name, tuple(p.colour), p.order) for p in dataset.parts] == [
        (p.id, p.name, tuple(p.colour), p.order) for p in PARTS
    ]
    assert sorted(image.name for image in dataset.images) == ["b.jpg", "f/a.jpg"]
    assert report.skipped == [("c.png", "it has the value 2, which the legend does not name")]


# NumPy


def test_arrays_are_those_that_numpy_loads(tmp_path):
    report = format_tools.write("npz", annotated(("f/a.jpg", labels_of(1, 3))), tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        np.testing.assert_array_equal(arrays["f/a.jpg"], labels_of(1, 3))
        parts = json.loads(str(arrays["__parts__"]))
    assert parts == [{"id": 1, "name": "wing", "colour": "#0a141e"}, {"id": 3, "name": "tail", "colour": "#28323c"}]
    assert (report.images, report.annotations) == (1, 2)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, ">u2", bool])
def test_plain_arrays_of_labels_are_read_in_any_layout(tmp_path, dtype, order):
    labels = (np.arange(48).reshape(HW) % 2 * (1 if dtype is bool else 5)).astype(dtype)
    np.savez(tmp_path / "in.npz", a=np.asarray(labels, order=order))
    dataset, _ = format_tools.read("npz", tmp_path / "in.npz", SOURCE)
    np.testing.assert_array_equal(dataset.images[0].labels.unpack(), labels)
    value = int(labels.max())
    assert [(part.id, part.name, part.order) for part in dataset.parts] == [(value, f"part {value}", 0)]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 3, 4), np.uint8), "is no label map"),
        (np.zeros((2, 3), np.float32), "is no label map"),
        (np.full((2, 3), -1), "labels are 0 to 65535"),
        (np.full((2, 3), 65_536), "labels are 0 to 65535"),
    ],
)
def test_arrays_that_are_no_labels_are_named(tmp_path, array, words):
    np.savez(tmp_path / "in.npz", a=array, b=np.full((2, 3), 65_535))
    dataset, report = format_tools.read("npz", tmp_path / "in.npz", SOURCE)
    assert [image.name for image in dataset.images] == ["b.jpg"]
    ((name, reason),) = report.skipped
    assert name == "a"
    assert words in reason


# Pictures among photographs, and the lists of other programs


def test_pictures_called_after_their_photographs_are_found_and_photographs_are_not_read_as_labels(tmp_path):
    names = ("a_mask.png", "b-mask.png", "c_seg.png", "sub/d_labels.png", "e.png")
    for name in names:
        save(tmp_path / name, np.full((4, 5), 1, np.uint8))
    save(tmp_path / "a.png", np.arange(20, dtype=np.uint8).reshape(4, 5))
    photographs = dict.fromkeys(("a.png", "b.jpg", "c.jpg", "sub/d.jpg", "e.jpg"), (4, 5))
    dataset, report = format_tools.read("indexed-png", tmp_path, format_tools.source_of(photographs))
    assert sorted(image.name for image in dataset.images) == sorted(photographs)
    assert [part.name for part in dataset.parts] == ["part 1"]
    assert report.skipped == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labelmap.txt", "background:0,0,0::\ncat:9,9,9::\ndog:255,0,0::\n"),
        ("label_colors.txt", "0 0 0\tbackground\n9 9 9\tcat\n255 0 0\tdog\n"),
        ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\ncat,9,9,9\ndog,255,0,0\n"),
        ("obj_class_to_machine_color.json", '{"cat": [9, 9, 9], "dog": [255, 0, 0]}'),
        (
            "dataset_meta.json",
            (
                '{"label_map": {"0": "background", "1": "cat", "2": "dog"},'
                ' "segmentation_colors": [[0, 0, 0], [9, 9, 9], [255, 0, 0]]}'
            ),
        ),
    ],
)
def test_pictures_in_colour_are_read_by_the_list_beside_them(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    rgb = np.array([[(0, 0, 0), (9, 9, 9)], [(255, 0, 0), (255, 0, 0)]], np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    dataset, report = format_tools.read("indexed-png", tmp_path, format_tools.source_of({"a.jpg": (2, 2)}))
    names = dataset.part_names()
    assert {names[part]: count for part, count in dataset.images[0].labels.areas.items()} == {"cat": 1, "dog": 2}
    assert report.skipped == report.lost == []


@pytest.mark.parametrize("name", ["label_colors.txt", "class_dict.csv", "_classes.csv"])
def test_a_list_without_names_is_refused(tmp_path, name):
    (tmp_path / name).write_text("nothing")
    save(tmp_path / "a.png", labels_of(1))
    with pytest.raises(FormatError, match="it names no class"):
        format_tools.read("indexed-png", tmp_path, SOURCE)
