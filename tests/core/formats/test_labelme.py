"""LabelMe's numbers: shapes on a canvas whose (0, 0) is the image's corner, painted in their order."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats import import_into, preview_import
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.jobs import silent
from counterpart.core.project.document import Document
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
        assert image.labels is None
        assert report.lost == [("a.jpg", "shapes[0]: the mask reaches outside the image")]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["mask", "rectangle", "circle"])
def test_a_shape_with_too_few_or_too_many_points_is_named_and_costs_no_other(tmp_path, kind, count):
    bad = shape("wing", [[3, 2], [9, 6], [5, 5]][:count], kind, mask=png([[1]]))
    image, dataset, report = read(tmp_path, bad, shape("body", [[3, 2], [9, 6]], "rectangle"))
    np.testing.assert_array_equal(image.labels.unpack(), block(2, 3, 6, 9))
    assert [part.name for part in dataset.parts] == ["body"]
    assert report.lost == [("a.jpg", f"shapes[0]: a {kind} has 2 points, found {count}")]
    assert report.skipped == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"label": "", "points": [[1, 1]]}, "shapes[0].label: expected a text"),
        ({"points": [[1, 1]]}, "shapes[0]: the field 'label' is missing"),
        ({"label": "a"}, "shapes[0]: the field 'points' is missing"),
        ({"label": "a", "points": [[1, 1]], "shape_type": "polygon"}, "shapes[0]: a polygon has at least 3 points"),
        ({"label": "a", "points": [[1, None], [2, 2], [3, 1]]}, "shapes[0].points[0][1]: expected a number"),
        ("nothing", "shapes[0]: expected an object"),
        (shape("a", [[1, 1], [2, 2]], "mask", mask="AAAA"), "shapes[0].mask: this is not an image"),
        (shape("a", [[1, 1], [2, 2]], "mask"), "shapes[0]: the field 'mask' is missing"),
    ],
)
def test_a_bad_shape_is_named_and_costs_no_other(tmp_path, bad, words):
    image, _, report = read(tmp_path, bad, shape("nose", [[2, 2]], "point"), shape("w", [[3, 2], [9, 6]], "rectangle"))
    assert sum(image.labels.areas.values()) == 24
    assert len(image.keypoints) == 1
    ((name, what),) = report.lost
    assert name == "a.jpg"
    assert what.startswith(words)


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
    assert report.lost == [("a.json", "1 shapes of type line")]


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
    (tmp_path / "broken.json").write_text('{"shapes": [{"label": ""')
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


def test_a_name_that_no_disk_can_hold_costs_its_own_record(tmp_path):
    image, *_ = read(tmp_path, shape("wing", [[0, 0], [1, 1]], "rectangle"), imagePath="x" * 300)
    assert image.name == "a.jpg"
    image, *_ = read(tmp_path, shape("wing", [[0, 0], [1, 1]], "rectangle"), name="c.json", imagePath="x\0.jpg")
    assert image.placed.problem


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
    assert image.keypoints == ()
    assert report.lost == [("a.jpg", "shapes[0]: a point has 1 point, found 2")]


def test_two_kinds_of_animal_are_two_skeletons_and_the_box_of_a_group_names_the_kind(tmp_path):
    def animal(group, kind, *names):
        points = [shape(name, [[group + 1, at + 1]], "point", group_id=group) for at, name in enumerate(names)]
        return [*points, shape(kind, [[0, 0], [9, 9]], "rectangle", group_id=group)] if kind else points

    shapes = animal(1, "fly", "tail") + animal(2, "bee", "head", "sting", "tail") + animal(3, "fly", "head", "wing")
    shapes += animal(4, "", "sting") + animal(5, "", "head") + animal(6, "fly", "head", "tail", "wing")
    image, dataset, _ = read(tmp_path, *shapes)
    names = {one.id: (one.name, one.names) for one in dataset.skeletons}
    assert list(names.values()) == [
        ("fly", ("head", "tail", "wing")),  # as the fullest has them
        ("bee", ("head", "sting", "tail")),
        ("object", ("head",)),  # may be of either
    ]
    assert [names[one.skeleton][0] for one in image.keypoints] == ["fly", "bee", "fly", "bee", "object", "fly"]
    assert image.keypoints[2].visibility.tolist() == [2, 0, 2]


def test_a_point_that_a_program_marks_as_hidden_is_occluded(tmp_path):
    marks = ({"flags": {"Occluded": True}}, {"flags": {"hidden": True}}, {"difficult": True}, {"difficult": False}, {})
    shapes = [shape(f"p{at}", [[1, 1]], "point", group_id=1, **mark) for at, mark in enumerate(marks)]
    assert read(tmp_path, *shapes)[0].keypoints[0].visibility.tolist() == [1, 1, 1, 2, 2]


def test_what_cannot_be_kept_is_said_once_for_each_kind(tmp_path):
    box = [[0, 0], [2, 2]]
    shapes = [
        shape("a", box, "rectangle", flags={"torn": True, "old": False}, group_id=4),
        shape("a", box, "rectangle", flags={"torn": True}, description="x", attributes={"a": 1}, difficult=True),
        shape("b", [[0, 0], [1, 1], [2, 2]], "linestrip", flags={}, attributes={}, kie_linking=[], description=""),
        shape("p", [[1, 1]], "point", flags={"occluded": True}, group_id=4),
    ]
    *_, report = read(tmp_path, *shapes, flags={"bad": True})
    assert [what for _, what in report.lost] == [
        "1 images with flags of their own",
        "1 shapes marked as difficult",
        "1 shapes of type linestrip",
        "1 shapes with a description",
        "1 shapes with attributes or links",
        "2 shapes with flags",
    ]


@pytest.mark.parametrize("kind", ["rectangle", "rotation", "quadrilateral", "oriented_rectangle"])
def test_a_shape_of_four_corners_is_what_lies_between_them(tmp_path, kind):
    image, *_ = read(tmp_path, shape("w", [[3, 2], [9, 2], [9, 6], [3, 6]], kind, direction=0.5))
    np.testing.assert_array_equal(image.labels.unpack(), block(2, 3, 6, 9))


def test_a_file_without_shape_types_has_polygons_and_single_points(tmp_path):
    old = [
        {"label": "w", "points": [[3, 2], [9, 2], [9, 6], [3, 6]], "line_color": None, "fill_color": None},
        {"label": "nose", "points": [[4, 4]]},
    ]
    image, *_ = read(tmp_path, *old, imageHeight=..., imageWidth=..., lineColor=[0, 255, 0, 128])
    np.testing.assert_array_equal(image.labels.unpack(), block(2, 3, 6, 9))
    np.testing.assert_allclose(image.keypoints[0].xy, [[3.5, 3.5]])


# Photographs that only the file itself has


def carrying(folder, hw=(10, 20), kind="PNG", **fields):
    buffer = io.BytesIO()
    Image.fromarray(np.full((*hw, 3), 90, np.uint8)).save(buffer, kind)
    box = shape("w", [[2, 2], [8, 6]], "rectangle")
    data = {"shapes": [box], "imagePath": "gone.png", "imageData": base64.b64encode(buffer.getvalue()).decode()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x.json").write_text(json.dumps({**data, **fields}))
    return buffer.getvalue()


def test_an_embedded_picture_becomes_a_file_beside_the_project(tmp_path):
    data = carrying(tmp_path / "ann", kind="JPEG")
    with Document.new(tmp_path / "p" / "flies.counterpart") as document:
        _, preview = preview_import(document, tmp_path / "ann", "labelme", silent())
        assert len(preview.report.added_images) == 1
        assert not (tmp_path / "p" / "flies pictures").exists()
        import_into(document, tmp_path / "ann", "labelme", silent())
        (record,) = document.images()
        assert document.image_path(record.id) == tmp_path / "p" / "flies pictures" / "x.jpg"
        assert document.image_path(record.id).read_bytes() == data
        assert record.hw == (10, 20)
        assert document.packed_labels(record.id).areas == {1: 24}
        revision = document.revision
        import_into(document, tmp_path / "ann", "labelme", silent())
        assert (document.revision, len(list(document.images()))) == (revision, 1)


def test_no_file_is_overwritten_by_an_embedded_picture(tmp_path):
    carrying(tmp_path / "ann" / "a"), carrying(tmp_path / "ann" / "b", hw=(11, 20))
    (tmp_path / "flies pictures" / "a").mkdir(parents=True)
    (tmp_path / "flies pictures" / "a" / "x.png").write_text("mine")
    with Document.new(tmp_path / "flies.counterpart") as document:
        import_into(document, tmp_path / "ann", "labelme", silent())
        files = [document.image_path(record.id).name for record in document.images()]
    assert sorted(files) == ["x 2.png", "x.png"]
    assert (tmp_path / "flies pictures" / "a" / "x.png").read_text() == "mine"


def test_an_embedded_picture_that_is_damaged_costs_its_own_record(tmp_path):
    carrying(tmp_path / "a")
    carrying(tmp_path / "b", imageData="AAAA")
    dataset, report = format_tools.read("labelme", tmp_path, format_tools.source_of({}))
    assert [image.name for image in dataset.images] == ["a/x"]
    assert [name for name, _ in report.skipped] == ["b/x.json"]


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


def test_an_export_comes_back_in_every_respect(tmp_path):
    """Order and colours of parts, lines and absent points of skeletons, kinds, boxes without points."""
    dog = Skeleton(("nose", "ear", "tail"), ((0, 2), (0, 1)), name="dog", id=1)
    cat = Skeleton(("nose", "tail"), (), name="cat", id=2)
    nan = [np.nan, np.nan]
    instances = (
        KeypointSet.make([nan, [3, 4], [5, 6]], [0, 1, 2], skeleton=1),
        KeypointSet.make([[7, 7], [8, 8]], box=(1.5, 1.5, 10, 12), skeleton=2),
        KeypointSet.make([nan, nan], [0, 0], box=(2.5, 1.5, 3, 3), skeleton=2),
        KeypointSet.make([[7, 2], nan, nan], [2, 0, 0], skeleton=1),
    )
    parts = (PartLabel(1, "wing", (255, 0, 0), 0), PartLabel(3, "cat", (0, 255, 0), 1))
    labels = pack_labels(block(0, 0, 2, 2, 3) + block(5, 5, 7, 7))
    dataset = Dataset(parts, (dog, cat), [AnnotatedImage("a.jpg", HW, labels=labels, keypoints=instances)])
    format_tools.write("labelme", dataset, tmp_path / "out")
    back, report = format_tools.read("labelme", tmp_path / "out", SOURCE)
    assert report.lost == report.skipped == []
    assert [(part.name, tuple(part.colour)) for part in back.parts] == [("wing", (255, 0, 0)), ("cat", (0, 255, 0))]
    assert [(one.name, one.names, one.edges) for one in back.skeletons] == [
        ("dog", dog.names, dog.edges),
        ("cat", cat.names, ()),
    ]
    assert len(back.images[0].keypoints) == 4
    for a, b in zip(instances, back.images[0].keypoints, strict=True):
        assert (a.skeleton, a.box, a.visibility.tolist()) == (b.skeleton, b.box, b.visibility.tolist())
        np.testing.assert_allclose(a.xy, b.xy)
