"""LabelMe's numbers: shapes on a canvas whose (0, 0) is the image's corner, painted in their order."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.project.model import PartLabel
from counterpart.core.project.points import KeypointSet, Skeleton
from counterpart.core.project.tiles import pack_labels
from tests.core import format_tools

HW = (20, 30)
SOURCE = format_tools.source_of({"a.jpg": HW, "sub/b.jpg": HW})


def shape(label, points, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def read(tmp_path, *shapes, name="a.json", source=SOURCE, **fields):
    """(image, dataset, report) of a file with these shapes; the image is None where it was left out."""
    record = {"shapes": list(shapes), "imagePath": "a.jpg", "imageHeight": HW[0], "imageWidth": HW[1], **fields}
    (tmp_path / name).write_text(json.dumps({key: value for key, value in record.items() if value is not ...}))
    dataset, report = format_tools.read("labelme", tmp_path / name, source)
    return (dataset.images[0] if dataset.images else None), dataset, report


def block(top, left, bottom, right, value=1):
    labels = np.zeros(HW, np.uint16)
    labels[top:bottom, left:right] = value
    return labels


def png(mask):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(mask, bool)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


# Areas


@pytest.mark.parametrize("points", [[[3, 2], [9, 6]], [[9, 6], [3, 2]], [[3, 6], [9, 2]]])
def test_a_rectangle_runs_from_corner_to_corner(tmp_path, points):
    image, dataset, _ = read(tmp_path, shape("wing", points, "rectangle"))
    np.testing.assert_array_equal(image.labels.unpack(), block(2, 3, 6, 9))
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "wing")]


def test_a_polygon_is_the_kind_of_shape_where_none_is_said(tmp_path):
    one = shape("wing", [[3, 2], [9, 2], [9, 6], [3, 6]])
    del one["shape_type"]
    image, *_ = read(tmp_path, shape("body", [[0, 0], [1, 0], [1, 1]], group_id=None), {**one, "shape_type": None})
    np.testing.assert_array_equal(image.labels.unpack() == 2, block(2, 3, 6, 9) > 0)


def test_a_circle_is_given_by_its_middle_and_a_point_of_its_rim(tmp_path):
    image, *_ = read(tmp_path, shape("eye", [[10.5, 8.5], [13.5, 8.5]], "circle"))
    expected = [[(x - 10) ** 2 + (y - 8) ** 2 <= 9 for x in range(30)] for y in range(20)]
    np.testing.assert_array_equal(image.labels.unpack(), expected)
    image, *_ = read(tmp_path, shape("eye", [[10, 8], [13, 12]], "circle"))  # 3, 4, 5
    expected = [[(x + 0.5 - 10) ** 2 + (y + 0.5 - 8) ** 2 <= 25 for x in range(30)] for y in range(20)]
    np.testing.assert_array_equal(image.labels.unpack(), expected)


def test_a_mask_is_pasted_at_its_box(tmp_path):
    mask = np.array([[1, 0, 1], [0, 1, 1]])
    image, *_ = read(tmp_path, shape("wing", [[4.2, 6.9], [6.0, 8.0]], "mask", mask=png(mask)))
    expected = np.zeros(HW)
    expected[7:9, 4:7] = mask
    np.testing.assert_array_equal(image.labels.unpack(), expected)


@pytest.mark.parametrize(
    ("corner", "inside"),
    [((0, 0), True), ((27, 18), True), ((28, 18), False), ((27, 19), False), ((-1, 0), False), ((0, -1), False)],
)
def test_a_mask_lies_within_the_image(tmp_path, corner, inside):
    x, y = corner
    image, _, report = read(tmp_path, shape("wing", [[x, y], [x + 2, y + 1]], "mask", mask=png(np.ones((2, 3)))))
    if inside:
        np.testing.assert_array_equal(image.labels.unpack(), block(y, x, y + 2, x + 3))
    else:
        assert image is None
        assert report.skipped == [("a.jpg", "shapes[0]: the mask reaches outside the image")]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["mask", "rectangle", "circle"])
def test_shapes_of_two_points_have_two(tmp_path, kind, count):
    image, _, report = read(tmp_path, shape("wing", [[3, 2], [9, 6], [5, 5]][:count], kind, mask=png([[1]])))
    assert image is None
    assert report.skipped == [("a.jpg", f"shapes[0]: a {kind} has 2 points, found {count}")]


def test_later_shapes_cover_earlier_ones_and_every_covered_pixel_counts(tmp_path):
    shapes = [
        shape("wing", [[0, 0], [10, 10]], "rectangle"),
        shape("body", [[8, 0], [12, 5]], "rectangle"),  # 10 pixels of wing
        shape("body", [[11, 0], [13, 5]], "rectangle"),  # only its own
        shape("wing", [[12, 0], [20, 2]], "rectangle"),  # 2 of body
        shape("tail", [[25, 0], [26, 1]], "rectangle"),
    ]
    image, _, report = read(tmp_path, *shapes)
    expected = block(0, 0, 10, 10) + block(25 - 25, 25, 1, 26, 3)
    expected[0:5, 8:13] = 2
    expected[0:2, 12:20] = 1
    np.testing.assert_array_equal(image.labels.unpack(), expected)
    assert report.lost == [("a.jpg", "12 pixels where shapes overlap: the later one was taken")]


def test_one_pixel_of_overlap_is_said_and_none_is_not(tmp_path):
    first = shape("wing", [[0, 0], [10, 10]], "rectangle")
    *_, report = read(tmp_path, first, shape("body", [[9, 9], [12, 12]], "rectangle"))
    assert report.lost == [("a.jpg", "1 pixels where shapes overlap: the later one was taken")]
    *_, report = read(tmp_path, first, shape("body", [[10, 0], [12, 12]], "rectangle"))
    assert report.lost == []


def test_shapes_that_are_no_areas_are_named_and_an_image_without_any_has_no_mask(tmp_path):
    image, _, report = read(tmp_path, shape("axis", [[0, 0], [1, 1]], "line"))
    assert image.labels is None
    assert report.lost == [("a.jpg", "shapes[0]: a shape of type line")]


# Sizes and names


def test_a_size_that_is_missing_is_that_of_the_image(tmp_path):
    image, *_ = read(tmp_path, shape("wing", [[0, 0], [1, 1]], "rectangle"), imageHeight=...)
    assert image.hw == HW
    image, *_ = read(tmp_path, shape("wing", [[0, 0], [1, 1]], "rectangle"), imageWidth=None)
    assert image.hw == HW
    image, *_ = read(tmp_path, shape("wing", [[0, 0], [1, 1]], "rectangle"), imageHeight=0, imageWidth=9)
    assert image.hw == HW


def test_an_image_of_another_size_than_the_photograph_is_left_out(tmp_path):
    image, *_ = read(tmp_path, shape("wing", [[0, 0], [1, 1]], "rectangle"), imageHeight=7, imageWidth=9)
    assert image.placed.problem == f"the file says that it is 9 x 7 pixels, the photograph is {HW[1]} x {HW[0]}"
    assert image.labels is None


def test_an_image_that_no_memory_holds_is_left_out(tmp_path):
    image, _, report = read(tmp_path, imageHeight=20_001, imageWidth=20_000)
    assert image is None
    assert report.skipped == [("a.json", "an image of 20000 x 20001 pixels is too large")]


def test_an_image_is_called_after_its_json_where_the_project_has_one_such(tmp_path):
    one = shape("wing", [[0, 0], [1, 1]], "rectangle")
    assert read(tmp_path, one, imagePath="../elsewhere.jpg")[0].name == "a.jpg"
    for given in ("../elsewhere.jpg", ...):
        lost = read(tmp_path, one, name="c.json", imagePath=given)[0]
        assert lost.placed.problem == "there is no such image in the project, nor a file of that name"
        assert lost.name == ("c" if given is ... else given)


def test_in_a_folder_names_are_relative_to_it_and_other_files_lie_about_in_peace(tmp_path):
    (tmp_path / "sub").mkdir()
    read(tmp_path, shape("wing", [[0, 0], [1, 1]], "rectangle"), name="sub/b.json")
    read(tmp_path, shape("body", [[0, 0], [2, 1]], "rectangle"), shape("wing", [[3, 0], [4, 1]], "rectangle"))
    (tmp_path / "notes.json").write_text('{"version": 1}')
    (tmp_path / "broken.json").write_text('{"shapes": [{"label": ""}]}')
    dataset, report = format_tools.read("labelme", tmp_path, SOURCE)
    assert [image.name for image in dataset.images] == ["a.jpg", "sub/b.jpg"]
    assert [(part.id, part.name) for part in dataset.parts] == [(1, "body"), (2, "wing")]
    assert dataset.images[0].labels.areas == {1: 2, 2: 1}
    assert dataset.images[1].labels.areas == {2: 1}
    assert [name for name, _ in report.skipped] == ["broken.json"]


def test_a_file_given_by_itself_has_to_be_one_of_labelme(tmp_path):
    (tmp_path / "notes.json").write_text('{"version": 1}')
    with pytest.raises(FormatError, match="'shapes' is missing"):
        format_tools.read("labelme", tmp_path / "notes.json", SOURCE)
    with pytest.raises(FormatError, match="no LabelMe files"):
        format_tools.read("labelme", tmp_path, SOURCE)


# Points


def test_points_of_a_group_are_an_instance_with_its_box(tmp_path):
    image, dataset, _ = read(
        tmp_path,
        shape("nose", [[4.5, 6.5]], "point", group_id=3),
        shape("tail", [[10, 12.25]], "point", group_id=3, flags={"occluded": True}),
        shape("bird", [[12, 2], [2, 14]], "rectangle", group_id=3),
        shape("nose", [[20.5, 6.5]], "point", group_id=4, flags={"occluded": False}),
        shape("wing", [[0, 0], [2, 2]], "rectangle", group_id=9),
    )
    first, second = image.keypoints
    assert dataset.skeletons[0].names == ("nose", "tail")
    assert dataset.skeletons[0].name == "bird"
    np.testing.assert_allclose(first.xy, [[4, 6], [9.5, 11.75]])
    assert first.visibility.tolist() == [2, 1]
    assert first.box == pytest.approx((1.5, 1.5, 10, 12))
    np.testing.assert_allclose(second.xy, [[20, 6], [np.nan, np.nan]])
    assert second.visibility.tolist() == [2, 0]
    assert second.box is None
    assert image.labels.areas == {1: 4}
    assert [part.name for part in dataset.parts] == ["wing"]


def test_points_that_nobody_grouped_begin_another_instance_with_the_second_of_a_name(tmp_path):
    points = [("nose", 1.5), ("tail", 2.5), ("nose", 3.5), ("nose", 5.5), ("tail", 4.5)]
    image, *_ = read(tmp_path, *(shape(name, [[x, 1]], "point") for name, x in points))
    columns = [np.nan_to_num(points.xy[:, 0], nan=-9).tolist() for points in image.keypoints]
    assert columns == [[1, 2], [3, 4], [5, -9]]


def test_a_point_is_one(tmp_path):
    image, _, report = read(tmp_path, shape("nose", [[1, 1], [2, 2]], "point"))
    assert image is None
    assert report.skipped == [("a.jpg", "shapes[0]: a point has 1 point, found 2")]


# Writing

PARTS = (PartLabel(1, "wing", (255, 0, 0), 0), PartLabel(3, "body", (0, 255, 0), 1))
BIRD = Skeleton(("nose", "ear", "tail"), (), (), (), "bird", 1)


def written(tmp_path, image, **options):
    dataset = Dataset(parts=PARTS, skeletons=(BIRD,), images=[image, AnnotatedImage("b.jpg", HW)])
    report = format_tools.write("labelme", dataset, tmp_path / "out", **options)
    file = tmp_path / "out" / "a.json"
    return (json.loads(file.read_text()) if file.exists() else None), report


def test_masks_are_written_as_pictures_of_their_boxes(tmp_path):
    labels = block(7, 4, 9, 7) + block(0, 29, 20, 30, 3)
    labels[7, 5] = 0
    data, report = written(tmp_path, AnnotatedImage("a.jpg", HW, labels=pack_labels(labels)))
    assert (data["imageHeight"], data["imageWidth"], data["imagePath"]) == (20, 30, "a.jpg")
    wing, body = data["shapes"]
    assert (wing["label"], wing["shape_type"], wing["points"]) == ("wing", "mask", [[4, 7], [6, 8]])
    assert (body["label"], body["points"]) == ("body", [[29, 0], [29, 19]])
    with Image.open(io.BytesIO(base64.b64decode(wing["mask"]))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), [[1, 0, 1], [1, 1, 1]])
    assert (report.images, report.annotations) == (1, 2)
    assert report.skipped == [("b.jpg", "it has no annotations")]
    assert report.notes == report.lost == []


def test_outlines_are_written_along_pixel_edges(tmp_path):
    image = AnnotatedImage("a.jpg", HW, labels=pack_labels(block(7, 4, 9, 7)))
    data, report = written(tmp_path, image, polygons=True)
    (one,) = data["shapes"]
    assert one["shape_type"] == "polygon"
    assert {tuple(point) for point in one["points"]} == {(4, 7), (7, 7), (7, 9), (4, 9)}
    assert len(report.notes) == 1


def test_instances_are_written_as_points_with_a_number_each(tmp_path):
    first = KeypointSet.make([[4, 6], [9.5, 11.75], [np.nan, np.nan]], [2, 1, 0], box=(1.5, 1.5, 10, 12), skeleton=1)
    second = KeypointSet.make([[4, 6], [1, 1], [2, 2]], score=[1, 1, 0.5], skeleton=1)
    data, report = written(tmp_path, AnnotatedImage("a.jpg", HW, keypoints=(first, second)))
    found = [(s["label"], s["shape_type"], s["points"], s["group_id"], s["flags"]) for s in data["shapes"]]
    assert found == [
        ("bird", "rectangle", [[2, 2], [12, 14]], 1, {}),
        ("nose", "point", [[4.5, 6.5]], 1, {}),
        ("ear", "point", [[10, 12.25]], 1, {"occluded": True}),
        ("nose", "point", [[4.5, 6.5]], 2, {}),
        ("ear", "point", [[1.5, 1.5]], 2, {}),
        ("tail", "point", [[2.5, 2.5]], 2, {}),
    ]
    assert report.lost == [("a.jpg", "scores of transferred points")]
    _, report = written(tmp_path / "sure", AnnotatedImage("a.jpg", HW, keypoints=(first,)))
    assert report.lost == []


def test_an_image_of_unknown_size_is_not_written(tmp_path):
    points = KeypointSet.make([[4, 6], [1, 1], [2, 2]], skeleton=1)
    data, report = written(tmp_path, AnnotatedImage("a.jpg", (0, 0), keypoints=(points,)))
    assert data is None
    assert ("a.jpg", "its size is not known") in report.skipped


def test_the_image_is_named_as_it_is_found_from_the_json(tmp_path):
    labels = pack_labels(block(7, 4, 9, 7))
    photo = tmp_path / "photos" / "a.jpg"
    data, _ = written(tmp_path, AnnotatedImage("a.jpg", HW, file=photo, labels=labels))
    assert data["imagePath"] == "../photos/a.jpg"
