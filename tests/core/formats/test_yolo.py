"""YOLO's numbers, by its description (docs.ultralytics.com/datasets): shares of width and height from the corner."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.formats.source import Source
from counterpart.core.project.model import PartLabel
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.project.tiles import pack_labels
from tests.core import format_tools

HW = (40, 50)
SOURCE = format_tools.source_of({"a.jpg": HW, "b.png": HW})


def read(tmp_path, kind, settings, lines):
    """(dataset, report) of a folder with one label file, for a.jpg."""
    folder = tmp_path / "yolo"
    (folder / "labels").mkdir(parents=True)
    (folder / "labels" / "a.txt").write_text("".join(f"{line}\n" for line in lines))
    if settings is not None:
        (folder / "data.yaml").write_text(yaml.safe_dump(settings))
    return format_tools.read(kind, folder, SOURCE)


def rectangle(number, left, top, right, bottom):
    """A line of a segmentation file, from pixel edges."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return f"{number} " + " ".join(f"{x / HW[1]} {y / HW[0]}" for x, y in corners)


def filled(**rectangles):
    labels = np.zeros(HW, np.uint16)
    for value, (left, top, right, bottom) in rectangles.items():
        labels[top:bottom, left:right] = int(value[1:])
    return labels


# Outlines


def test_outlines_are_filled_to_the_pixel_and_the_later_of_two_is_taken(tmp_path):
    lines = [rectangle(0, 5, 5, 15, 15), rectangle(1, 12, 11, 20, 20)]
    dataset, report = read(tmp_path, "yolo-seg", {"names": ["wing", "body"]}, lines)
    expected = filled(p1=(5, 5, 15, 15), p2=(12, 11, 20, 20))
    np.testing.assert_array_equal(dataset.images[0].labels.unpack(), expected)
    # Three columns and four rows are in both.
    assert report.lost == [("a.jpg", "12 pixels where outlines overlap: the later one was taken")]
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "wing"), (2, "body")]


def test_every_overlap_of_an_image_counts(tmp_path):
    lines = [rectangle(0, 0, 0, 10, 1), rectangle(1, 8, 0, 12, 1), rectangle(2, 11, 0, 14, 1)]
    _, report = read(tmp_path, "yolo-seg", {"names": ["a", "b", "c"]}, lines)
    assert report.lost == [("a.jpg", "3 pixels where outlines overlap: the later one was taken")]


def test_pieces_of_one_class_may_overlap_and_nothing_is_lost(tmp_path):
    lines = [rectangle(0, 5, 5, 15, 15), rectangle(0, 12, 11, 20, 20), rectangle(1, 20, 5, 25, 15)]
    dataset, report = read(tmp_path, "yolo-seg", {"names": ["wing", "body"]}, lines)
    assert report.lost == []
    labels = dataset.images[0].labels.unpack()
    assert ((labels == 1).sum(), (labels == 2).sum()) == (100 + 8 * 9 - 12, 50)


@pytest.mark.parametrize("hair", [0, 1e-6, -1e-6])
def test_corners_that_rounding_moved_off_the_pixel_grid_are_put_back(tmp_path, hair):
    """A centre on an outline belongs to what is right of it: the triangle has its diagonal, 10 + 9 + ... + 1 pixels."""
    corners = [(0, 0), (10, 0), (10, 10)]
    line = "0 " + " ".join(f"{x / HW[1] + hair} {y / HW[0]}" for x, y in corners)
    dataset, _ = read(tmp_path, "yolo-seg", {"names": ["wing"]}, [line])
    np.testing.assert_array_equal(dataset.images[0].labels.unpack()[:10, :10], np.triu(np.ones((10, 10))))
    assert dataset.images[0].labels.areas == {1: 55}


def test_corners_between_pixels_stay_where_they_are(tmp_path):
    corners = [(0.001, 0), (10.001, 0), (10.001, 10)]
    line = "0 " + " ".join(f"{x / HW[1]} {y / HW[0]}" for x, y in corners)
    dataset, _ = read(tmp_path, "yolo-seg", {"names": ["wing"]}, [line])
    assert dataset.images[0].labels.areas == {1: 45}


def test_lines_that_are_no_outlines_are_named(tmp_path):
    lines = ["", rectangle(0, 5, 5, 15, 15), "0 0.5 0.5 0.2 0.2"]
    dataset, report = read(tmp_path, "yolo-seg", {"names": ["wing"]}, lines)
    assert report.skipped == [("a.txt", "1 line is a box, not an outline")]
    assert dataset.images[0].labels.areas == {1: 100}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.1 0.1 0.2 0.1 0.2", "1 line is a box, not an outline"),  # with a confidence
        ("0 0.1 0.1 0.2", "line 1: expected a class and pairs of x and y, found 4 numbers"),
        ("0.5 0.1 0.1 0.2 0.1 0.2 0.3", "line 1: there is no class 0.5"),
        ("0 10 5 90 5 50 25", "its places are no shares of the image, nor do they fit the photograph's 50 x 40 pixels"),
        ("0 0.1", "line 1: expected a class and pairs of x and y, found 2 numbers"),
    ],
)
def test_outlines_need_three_pairs(tmp_path, line, words):
    dataset, report = read(tmp_path, "yolo-seg", {"names": ["wing"]}, [line])
    assert dataset.images == []
    assert report.skipped == [("a.txt", words)]


def test_a_bad_line_costs_no_other(tmp_path):
    lines = [rectangle(0, 5, 5, 15, 15), "0 0.1 x 0.2 0.2 0.3 0.3", rectangle(0, 20, 20, 30, 30), "0 0.1"]
    dataset, report = read(tmp_path, "yolo-seg", {"names": ["wing"]}, lines)
    assert dataset.images[0].labels.areas == {1: 200}
    assert [what.partition(":")[0] for _, what in report.skipped] == ["line 2[2]", "line 4"]


def test_pixels_are_recognised_where_they_fit_the_photograph(tmp_path):
    dataset, report = read(tmp_path, "yolo-seg", {"names": ["wing"]}, ["0 10 5 50 5 50 25 10 25"])
    assert dataset.images[0].labels.areas == {1: 800}
    assert report.notes == [("a.jpg", "its places are in pixels, not in shares of the image; taken so")]


def test_predictions_have_a_confidence_behind_their_outline_and_lie_in_its_order(tmp_path):
    lines = [rectangle(0, 0, 0, 10, 10) + " 0.9", rectangle(1, 5, 0, 15, 10) + " 0.3"]
    dataset, _ = read(tmp_path, "yolo-seg", {"names": ["wing", "leg"]}, lines)
    assert dataset.images[0].labels.areas == {1: 100, 2: 50}
    assert dataset.images[0].state == "predicted"


LABEL = rectangle(1, 10, 10, 20, 20) + "\n"
LAYOUTS = {
    "roboflow": ("train/labels/a.txt", "train/images/a.jpg", "data.yaml"),
    "roboflow, hashes": ("valid/labels/a_jpg.rf.0a1b.txt", "valid/images/a_jpg.rf.0a1b.jpg", "data.yaml"),
    "ultralytics": ("labels/train/a.txt", "images/train/a.jpg", "coco8-seg.yaml"),
    "ultralytics, nested": ("labels/train/x/a.txt", "images/train/x/a.jpg", "dataset.yaml"),
    "labels inside": ("set/labels/val/a.txt", "set/images/val/a.jpg", "data.yml"),
    "beside": ("a.txt", "a.jpg", "classes.txt"),
    "darknet": ("obj_train_data/a.txt", "obj_train_data/a.jpg", "obj.names"),
    "yolo label tools": ("labels/a.txt", "images/a.jpg", "labels/classes.txt"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("at", ["", "labels"])
def test_layouts_of_the_tools(tmp_path, layout, at):
    label, image, names = LAYOUTS[layout]
    for place in (label, image, names):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / label).write_text(LABEL)
    Image.new("RGB", HW[::-1]).save(tmp_path / image)
    listed = (
        "wing\nleg\n"
        if names.endswith(("txt", "names"))
        else "path: ../x\ntrain: ../train/images\nnames: [wing, leg]\n"
    )
    (tmp_path / names).write_text(listed)
    for prose in ("README.roboflow.txt", "README.dataset.txt", "train.txt"):
        (tmp_path / prose).write_text("wings > 2024-01-01 4:02pm\n./images/train/a.jpg\n")
    opened = tmp_path
    if at and (tmp_path / label).parent.name == "labels":
        opened = (tmp_path / label).parent
    dataset, report = format_tools.read("yolo-seg", opened, Source(path=opened))
    assert [found.file.name for found in dataset.images] == [Path(image).name]
    assert dataset.images[0].labels.areas == {2: 100}
    assert {part.id: part.name for part in dataset.parts}[2] == "leg"
    assert report.skipped == []


def test_equal_names_in_two_splits_are_two_images(tmp_path):
    for split, number in (("train", 0), ("valid", 1)):
        (tmp_path / split / "labels").mkdir(parents=True)
        (tmp_path / split / "images").mkdir()
        (tmp_path / split / "labels/a.txt").write_text(rectangle(number, 0, 0, 5, 5))
        Image.new("RGB", HW[::-1], (number, 0, 0)).save(tmp_path / split / "images/a.png")
    dataset, _ = format_tools.read("yolo-seg", tmp_path, Source(path=tmp_path))
    assert [(found.file.parent.parent.name, found.labels.areas) for found in dataset.images] == [
        ("train", {1: 25}), ("valid", {2: 25})
    ]  # fmt: skip


@pytest.mark.parametrize("lines", [[], ["0 0.5 0.5 0.2 0.2"]])
def test_boxes_and_empty_files_bring_nothing(tmp_path, lines):
    dataset, _ = read(tmp_path, "yolo-seg", {"names": ["wing"]}, lines)
    assert dataset.images == []


def test_a_triangle_is_enough_of_an_outline(tmp_path):
    dataset, _ = read(tmp_path, "yolo-seg", {"names": ["wing"]}, ["0 0 0 0.4 0 0 0.5"])
    assert dataset.images[0].labels.areas[1] == pytest.approx(200, abs=10)


def test_classes_beyond_the_list_of_names_are_numbered_and_unused_ones_left_out(tmp_path):
    lines = [rectangle(3, 0, 0, 5, 5)]
    dataset, _ = read(tmp_path, "yolo-seg", {"names": {0: "wing", 2: "tail"}}, lines)
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "wing"), (3, "tail"), (4, "class 3")]
    assert dataset.images[0].labels.areas == {4: 25}


def test_without_settings_all_classes_are_numbered(tmp_path):
    dataset, _ = read(tmp_path, "yolo-seg", None, [rectangle(1, 0, 0, 5, 5)])
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "class 0"), (2, "class 1")]


def test_a_class_of_a_deleted_part_is_not_known(tmp_path):
    settings = {"names": {0: "wing", 2: "tail"}}
    dataset, report = read(tmp_path, "yolo-seg", settings, [rectangle(1, 0, 0, 5, 5)])
    assert dataset.images == []
    assert report.skipped == [("a.txt", "line 1: there is no class 1")]


def test_outlines_are_written_as_shares_under_stable_class_numbers(tmp_path):
    """Part 2 was deleted: its class stays empty, and the others keep their numbers."""
    parts = (PartLabel(1, "wing", "#ff0000", 0), PartLabel(3, "tail", "#00ff00", 1))
    labels = filled(p1=(5, 10, 20, 30), p3=(30, 0, 50, 4))
    images = [AnnotatedImage("a.jpg", HW, labels=pack_labels(labels)), AnnotatedImage("b.png", HW)]
    report = format_tools.write("yolo-seg", Dataset(parts=parts, images=images), tmp_path / "out")
    written = {}
    for line in (tmp_path / "out" / "labels" / "a.txt").read_text().splitlines():
        number, *values = line.split()
        written[int(number)] = {(x, y) for x, y in np.array(values, np.float64).reshape(-1, 2).round(9).tolist()}
    assert written == {
        0: {(0.1, 0.25), (0.4, 0.25), (0.4, 0.75), (0.1, 0.75)},
        2: {(0.6, 0.0), (1.0, 0.0), (1.0, 0.1), (0.6, 0.1)},
    }
    data = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert (data["nc"], data["names"]) == (3, {0: "wing", 1: "unused-2", 2: "tail"})
    assert (report.images, report.annotations) == (1, 2)
    assert report.skipped == [("b.png", "it has no labels")]
    assert report.lost == []
    with_points = AnnotatedImage("a.jpg", HW, labels=pack_labels(labels), keypoints=(KeypointSet.make([[1, 2]]),))
    report = format_tools.write("yolo-seg", Dataset(parts=parts, images=[with_points]), tmp_path / "points")
    assert report.lost == [("a.jpg", "keypoints (export them as yolo-pose)")]


def test_the_highest_class_is_looked_for_in_every_line_of_every_file(tmp_path):
    lines = [rectangle(1, 0, 0, 5, 5), rectangle(3, 5, 0, 10, 5), rectangle(0, 10, 0, 15, 5)]
    dataset, _ = read(tmp_path, "yolo-seg", None, lines)
    assert [part.name for part in dataset.parts] == ["class 0", "class 1", "class 2", "class 3"]
    assert dataset.images[0].labels.areas == {2: 25, 4: 25, 1: 25}


@pytest.mark.parametrize("kind", ["yolo-seg", "yolo-pose"])
def test_labels_of_images_that_are_nowhere_are_named(tmp_path, kind):
    folder = tmp_path / "yolo"
    (folder / "labels").mkdir(parents=True)
    (folder / "labels" / "strange.txt").write_text(rectangle(0, 0, 0, 5, 5))
    (folder / "data.yaml").write_text(yaml.safe_dump(POSE))
    dataset, report = format_tools.read(kind, folder, SOURCE)
    assert dataset.images == []
    assert report.skipped == [("strange.txt", "there is no such image in the project, nor a file of that name")]


def test_what_a_file_of_poses_cannot_hold_is_said(tmp_path):
    bird, fish = Skeleton(("a",), name="bird", id=1), Skeleton(("a",), name="fish", id=2)
    own, other = KeypointSet.make([[1, 2]], skeleton=1), KeypointSet.make([[3, 4]], skeleton=2)
    images = [
        AnnotatedImage("a.jpg", HW, keypoints=(own, other)),
        AnnotatedImage("b.png", HW, keypoints=(own,), labels=pack_labels(filled(p1=(0, 0, 1, 1)))),
        AnnotatedImage("c.png", HW, keypoints=(other,)),
        AnnotatedImage("d.png", (0, 50), keypoints=(own,)),
    ]
    report = format_tools.write("yolo-pose", Dataset(skeletons=(bird, fish), images=images), tmp_path / "out")
    assert report.lost == [
        ("a.jpg", "instances that are not of the skeleton bird"),
        ("b.png", "masks (export them as yolo-seg)"),
    ]
    assert report.skipped == [("c.png", "it has no keypoints"), ("d.png", "its size is not known")]
    assert (report.images, report.annotations) == (2, 2)


# Pose

POSE = {"names": ["bird"], "kpt_shape": [4, 3]}


def pose(*points, box="0.5 0.5 0.2 0.4"):
    return f"0 {box} " + " ".join(" ".join(str(value) for value in point) for point in points)


def test_points_and_boxes_are_placed_where_the_shares_say(tmp_path):
    line = pose((0.01, 0.0125, 2), (0.5, 0.5, 1), (0, 0, 0), (1, 1, 2))
    dataset, _ = read(tmp_path, "yolo-pose", POSE, [line])
    (points,) = dataset.images[0].keypoints
    # Half a pixel is the centre of the first: 0.01 of 50, 0.0125 of 40.
    np.testing.assert_allclose(points.xy, [[0, 0], [24.5, 19.5], [np.nan, np.nan], [49.5, 39.5]], atol=1e-12)
    assert points.visibility.tolist() == [2, 1, 0, 2]
    # Centre (25, 20), 10 wide and 16 high.
    assert points.box == pytest.approx((19.5, 11.5, 10, 16))


def test_points_without_visibility_are_there_unless_both_shares_are_zero(tmp_path):
    line = pose((0, 0.5), (0.5, 0), (0, 0), (0.2, 0.3))
    dataset, _ = read(tmp_path, "yolo-pose", {"names": ["bird"], "kpt_shape": [4, 2]}, [line])
    assert dataset.images[0].keypoints[0].visibility.tolist() == [2, 2, 0, 2]


@pytest.mark.parametrize(("box", "there"), [("0.5 0.5 0.2 0.4", True), ("0.5 0.5 0 0.4", False), ("0 0 0 0", False)])
def test_a_box_of_no_size_is_none(tmp_path, box, there):
    line = pose(*[(0.2, 0.2, 2)] * 4, box=box)
    dataset, _ = read(tmp_path, "yolo-pose", POSE, [line])
    assert (dataset.images[0].keypoints[0].box is not None) == there


@pytest.mark.parametrize(
    ("order", "pairs"),
    [
        ([0, 2, 1, 3], ((1, 2),)),
        ([3, 2, 1, 0], ((0, 3), (1, 2))),
        ([0, 1, 2, 3], ()),
        ([1, 2, 0, 3], ()),  # round in a ring: those are no pairs
        ([1, 1, 2, 3], ()),  # one way only
        ([9, 1, 2, 3], ()),  # beyond the last
        ([4, 1, 2, 3], ()),
    ],
)
def test_the_flip_order_gives_the_mirror_pairs(tmp_path, order, pairs):
    line = pose(*[(0.2, 0.2, 2)] * 4)
    dataset, _ = read(tmp_path, "yolo-pose", {**POSE, "flip_idx": order}, [line])
    assert dataset.skeletons[0].mirror_pairs == pairs
    assert dataset.skeletons[0].names == ("0", "1", "2", "3")


@pytest.mark.parametrize("pairs", [((1, 2),), ((0, 3), (1, 2)), ()])
def test_the_flip_order_that_is_written_flips_the_names(tmp_path, pairs):
    """Ultralytics takes `keypoints[:, flip_idx]` of a flipped image: at a left one's place comes the right one."""
    names = ("nose", "left ear", "right ear", "tail")
    skeleton = Skeleton(names, (), (), pairs, "bird", 1)
    points = KeypointSet.make([[1, 2], [3, 4], [5, 6], [7, 8]], skeleton=1)
    dataset = Dataset(skeletons=(skeleton,), images=[AnnotatedImage("a.jpg", HW, keypoints=(points,))])
    format_tools.write("yolo-pose", dataset, tmp_path / "out")
    order = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())["flip_idx"]
    expected = list(names)
    for a, b in pairs:
        expected[a], expected[b] = names[b], names[a]
    assert [names[index] for index in order] == expected
    back, _ = format_tools.read("yolo-pose", tmp_path / "out", SOURCE)
    assert set(back.skeletons[0].mirror_pairs) == set(pairs)
    assert back.skeletons[0].names == names


def test_names_of_keypoints_come_with_their_class(tmp_path):
    settings = {
        "names": ["bird", "fish"],
        "kpt_shape": [4, 3],
        "kpt_names": {0: ["beak", "tail", "left wing", "right wing"], 1: ["mouth", "fin", "gill", "eye"]},
    }
    line = "1" + pose(*[(0.2, 0.2, 2)] * 4)[1:]
    dataset, _ = read(tmp_path, "yolo-pose", settings, [line])
    assert [skeleton.names[0] for skeleton in dataset.skeletons] == ["beak", "mouth"]
    assert dataset.images[0].keypoints[0].skeleton == dataset.skeletons[1].id == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 " + "0.5 " * 16, "line 1: there is no such class"),
        ("-1 " + "0.5 " * 16, "line 1: there is no such class"),
        ("0.5 " + "0.5 " * 16, "line 1: there is no such class"),
        ("0 " + "0.5 " * 15, "line 1: expected 17 numbers, found 16"),
        ("0 " + "0.5 " * 18, "line 1: expected 17 numbers, found 19"),
        ("0 0.5 0.5 0.2 0.2", "1 line is a box, not a pose"),
    ],
)
def test_lines_that_are_no_pose_are_named(tmp_path, line, words):
    dataset, report = read(tmp_path, "yolo-pose", POSE, [line])
    assert dataset.images == []
    assert report.skipped == [("a.txt", words)]


@pytest.mark.parametrize("shape", [[0, 3], [4, 4], [4, 1], [2.5, 3], [4, 2.5], [10_001, 2]])
def test_a_shape_of_keypoints_that_cannot_be_is_refused(tmp_path, shape):
    with pytest.raises(FormatError, match="number of keypoints, 2 or 3"):
        read(tmp_path, "yolo-pose", {"names": ["bird"], "kpt_shape": shape}, [pose()])


def test_visibilities_of_other_kinds_are_visible_above_0_and_a_confidence_makes_a_prediction(tmp_path):
    line = pose((0.5, 0.5, 0.7), (0.5, 0.5, 0), (0.5, 0.5, 3), (0.5, 0.5, 1)) + " 0.25"
    dataset, report = read(tmp_path, "yolo-pose", POSE, [line, "0 x"])
    (found,) = dataset.images[0].keypoints
    assert found.visibility.tolist() == [2, 0, 2, 1]
    assert (found.score == 0.25).all()
    assert (found.origin == Origin.TRANSFERRED).all()
    assert "above 0 is taken as visible" in report.notes[0][1]
    assert len(report.skipped) == 1


@pytest.mark.parametrize("flip", [[0, 1, 2], [0, 1, 3, 9], [0, 0, 0, 0], "abc", [0, 1, None, 2]])
def test_a_flip_order_that_is_none_is_left_out(tmp_path, flip):
    dataset, report = read(tmp_path, "yolo-pose", POSE | {"flip_idx": flip}, [pose(*[(0.5, 0.5, 2)] * 4)])
    assert dataset.skeletons[0].mirror_pairs == ()
    assert len(dataset.images) == 1
    assert [name for name, _ in report.lost] == ["data.yaml"]


def test_the_settings_work_from_where_they_lie(tmp_path):
    """Ultralytics takes a relative `path` from its own folder of data sets; without one, from the file's."""
    parts = (PartLabel(1, "wing", "#ff0000", 0),)
    images = [AnnotatedImage("a.jpg", HW, labels=pack_labels(filled(p1=(5, 10, 20, 30))))]
    format_tools.write("yolo-seg", Dataset(parts=parts, images=images), tmp_path / "out")
    data = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert data == {"train": "images", "val": "images", "nc": 1, "names": {0: "wing"}}
