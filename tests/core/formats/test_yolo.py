"""YOLO's numbers, by its description (docs.ultralytics.com/datasets): shares of width and height from the corner."""

import numpy as np
import pytest
import yaml

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.project.model import PartLabel
from counterpart.core.project.points import KeypointSet, Skeleton
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
    assert report.skipped == [("a.jpg", "line 3 is a box, not an outline")]
    assert dataset.images[0].labels.areas == {1: 100}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.1 0.1 0.2 0.1 0.2", "line 1: expected a class and pairs of x and y, found 6 numbers"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.3 0.4", "line 1: expected a class and pairs of x and y, found 8 numbers"),
        ("0 0.1", "line 1: expected a class and pairs of x and y, found 2 numbers"),
    ],
)
def test_outlines_need_three_pairs(tmp_path, line, words):
    dataset, report = read(tmp_path, "yolo-seg", {"names": ["wing"]}, [line])
    assert dataset.images == []
    assert report.skipped == [("a.txt", words)]


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
        ("0 " + "0.5 " * 17, "line 1: expected 17 numbers, found 18"),
        (pose(*[(0.5, 0.5, 3)] * 4), "line 1: a visibility is not 0, 1 or 2"),
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
