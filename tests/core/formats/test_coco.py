"""COCO's numbers, by its description (cocodataset.org/#format-data) and what pycocotools makes of them."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.project.model import PartLabel
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.project.tiles import pack_labels
from tests.core import format_tools

# pycocotools 2.0 uses a form of numpy's array protocol that numpy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HW = (20, 30)
SOURCE = format_tools.source_of({"a.jpg": HW})
IMAGE = {"id": 7, "file_name": "a.jpg", "height": 20, "width": 30}


def read(tmp_path, annotations, categories, images=(IMAGE,), kind="coco"):
    data = {"images": list(images), "annotations": annotations, "categories": categories}
    (tmp_path / "a.json").write_text(json.dumps(data))
    return format_tools.read(kind, tmp_path / "a.json", SOURCE)


def rectangle(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def area(category, segmentation, image=7):
    return {"id": 1, "image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0}


def block(top, left, bottom, right, value=1):
    labels = np.zeros(HW, np.uint16)
    labels[top:bottom, left:right] = value
    return labels


KINDS = [{"id": 4, "name": "wing"}, {"id": 9, "name": "body"}, {"id": 11, "name": "wing"}]

# Masks


def test_polygons_follow_pixel_edges_and_the_rings_of_one_are_joined(tmp_path):
    rings = [rectangle(3, 2, 9, 6), rectangle(8, 2, 12, 6), rectangle(20, 10, 21, 11)]
    dataset, report = read(tmp_path, [area(4, rings)], KINDS)
    expected = block(2, 3, 6, 12) + block(10, 20, 11, 21)
    np.testing.assert_array_equal(dataset.images[0].labels.unpack(), expected)
    theirs = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, *HW)))
    np.testing.assert_array_equal(expected, theirs)
    assert report.lost == []


def test_runs_go_column_by_column_and_may_be_compressed(tmp_path):
    mask = np.zeros(HW, np.uint8)
    mask[2:6, 3:9], mask[19, 29] = 1, 1
    packed = coco_mask.encode(np.asfortranarray(mask))
    plain = {"size": [20, 30], "counts": [62, 4, 16, 4, 16, 4, 16, 4, 16, 4, 16, 4, 433, 1]}
    for segmentation in (plain, {"size": [20, 30], "counts": packed["counts"].decode()}):
        dataset, _ = read(tmp_path, [area(4, segmentation)], KINDS)
        np.testing.assert_array_equal(dataset.images[0].labels.unpack(), mask)


def test_categories_of_one_name_are_one_part_and_the_later_mask_wins(tmp_path):
    annotations = [
        area(4, [rectangle(0, 0, 10, 10)]),
        area(9, [rectangle(8, 0, 12, 5)]),
        area(11, [rectangle(9, 9, 11, 11)]),
    ]
    dataset, report = read(tmp_path, annotations, KINDS)
    assert [(part.id, part.name, part.order) for part in dataset.parts] == [(1, "wing", 0), (2, "body", 1)]
    expected = block(0, 0, 10, 10)
    expected[0:5, 8:12] = 2
    expected[9:11, 9:11] = 1
    np.testing.assert_array_equal(dataset.images[0].labels.unpack(), expected)
    assert report.lost == [("a.jpg", "10 pixels where masks overlap: the later one was taken")]
    _, report = read(tmp_path, [*annotations[:2], area(4, [rectangle(11, 4, 13, 5)])], KINDS)
    assert report.lost == [("a.jpg", "11 pixels where masks overlap: the later one was taken")]
    _, report = read(tmp_path, [annotations[0], area(9, [rectangle(9, 9, 12, 12)])], KINDS)
    assert report.lost == [("a.jpg", "1 pixels where masks overlap: the later one was taken")]


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([[1, 1, 5, 1]], "a polygon needs x and y of three points or more, found 4 numbers"),
        ([[1, 1, 5, 1, 5, 5, 1]], "a polygon needs x and y of three points or more, found 7 numbers"),
        ({"size": [30, 20], "counts": [600]}, "the mask is 20 x 30 pixels, the image 30 x 20"),
        ({"size": [20, 30], "counts": [601]}, "a run of 601 is longer than the mask of 600 pixels"),
        ({"size": [20, 30], "counts": [1, -1]}, "a run has a negative length"),
        ({"size": [20, 30], "counts": {"a": 1}}, "the runs are not a list of numbers"),
        ({"size": [20, 30]}, "the field 'counts' is missing"),
        ("abc", "annotations[0].segmentation: this is no outline and no run lengths"),
        ([1, 2, "x", 4, 5, 6], "annotations[0].segmentation[2]: expected a number, found 'x'"),
        ([[1, 1, float("nan"), 1, 5, 5]], "expected a finite number"),
        ([None], "expected a number, found nothing"),
    ],
)
def test_a_mask_that_is_none_is_named_and_costs_nothing_else(tmp_path, segmentation, words):
    good = [rectangle(0, 0, 2, 3)]
    dataset, report = read(tmp_path, [area(4, segmentation), area(4, good)], KINDS)
    assert dataset.images[0].labels.areas == {1: 6}
    ((name, reason),) = report.skipped
    assert name == "a.jpg"
    assert words in reason
    if isinstance(segmentation, list) and isinstance(segmentation[0], list):  # one ring of several
        dataset, _ = read(tmp_path, [area(4, [*segmentation, *good])], KINDS)
        assert dataset.images[0].labels.areas == {1: 6}


@pytest.mark.parametrize("segmentation", [[], None, {}])
def test_boxes_alone_bring_nothing_and_are_counted(tmp_path, segmentation):
    dataset, report = read(tmp_path, [area(4, segmentation)] * 3, KINDS)
    assert (dataset.images, dataset.parts) == ([], ())
    assert report.skipped == [("a.json", "3 annotations are boxes alone, with neither a mask nor keypoints")]


@pytest.mark.parametrize(
    "segmentation",
    [
        [3, 2, 9, 2, 9, 6, 3, 6],
        [[[3, 2], [9, 2], [9, 6], [3, 6]]],
        [["3", 2, 9, "2", 9, 6, 3, 6]],
        {"size": [20, 30], "counts": [62, 4, 16, 4, 16, 4, 16, 4, 16, 4, 16, 4]},  # ends early
        {"size": [20, 30], "counts": [62, 4, 16, 4, 16, 4, 16, 4, 16, 4, 16, 4, 400]},
        {"size": [20, 30], "counts": "R7"},
        {"size": [20, 30], "counts": "b'R7'"},
        {"size": [20, 30], "counts": "bytes"},
    ],
)
def test_masks_as_programs_write_them(tmp_path, segmentation):
    mask = block(2, 3, 6, 9)
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], str):
        packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
        forms = {"R7": packed.decode(), "b'R7'": str(packed), "bytes": list(packed)}
        segmentation = segmentation | {"counts": forms[segmentation["counts"]]}
    dataset, report = read(tmp_path, [area(4, segmentation)], KINDS)
    np.testing.assert_array_equal(dataset.images[0].labels.unpack(), mask)
    assert report.skipped == []


def test_a_crowd_is_never_painted_over_single_objects(tmp_path):
    crowd = area(9, {"size": [20, 30], "counts": [0, 600]}) | {"iscrowd": 1}
    dataset, report = read(tmp_path, [area(4, [rectangle(0, 0, 10, 10)]), crowd], KINDS)
    assert dataset.images[0].labels.areas == {1: 100, 2: 500}
    assert (report.lost, report.notes) == ([], [("a.jpg", "crowds are painted under single objects")])


def test_masks_with_a_lower_score_lie_under_those_with_a_higher_one_and_are_predictions(tmp_path):
    sure, unsure = area(4, [rectangle(0, 0, 4, 4)]) | {"score": 0.9}, area(9, [rectangle(2, 0, 6, 4)]) | {"score": 0.2}
    for annotations in ([sure, unsure], [unsure, sure]):
        dataset, report = read(tmp_path, annotations, KINDS)
        assert dataset.images[0].labels.areas == {1: 16, 2: 8}
        assert dataset.images[0].state == "predicted"
        assert report.lost == [("a.jpg", "8 pixels where masks overlap: that of the higher score was taken")]
    dataset, _ = read(tmp_path, [sure, area(9, [rectangle(2, 0, 6, 4)])], KINDS)
    assert dataset.images[0].state == "todo"


def test_masks_and_keypoints_of_one_file_are_read_together(tmp_path):
    both = area(4, [rectangle(0, 0, 4, 4)]) | {"keypoints": [1, 2, 2]}
    for kind in ("coco", "coco-keypoints"):
        dataset, report = read(tmp_path, [both], [{**KINDS[0], "keypoints": ["tip"]}, *KINDS[1:]], kind=kind)
        assert dataset.images[0].labels.areas == {1: 16}
        assert dataset.images[0].keypoints[0].xy.tolist() == [[1, 2]]
        assert ([part.name for part in dataset.parts], [each.names for each in dataset.skeletons]) == (
            ["wing"],  # and none for what nothing uses
            [("tip",)],
        )
        assert (report.skipped, report.lost, report.notes) == ([], [], [])


def test_a_file_without_categories_calls_them_by_their_numbers(tmp_path):
    (tmp_path / "a.json").write_text(
        json.dumps({"images": [IMAGE], "annotations": [area(5, [rectangle(0, 0, 1, 1)]) | {"keypoints": [1, 2, 2]}]})
    )
    dataset, report = format_tools.read("coco", tmp_path / "a.json", SOURCE)
    assert [part.name for part in dataset.parts] == ["category 5"]
    assert [(each.name, each.names) for each in dataset.skeletons] == [("category 5", ("1",))]
    assert report.notes[0] == ("a.json", "what its annotations are of has no name in it; called category 5")


# Results


def results(tmp_path, records, sibling=None, source=SOURCE):
    (tmp_path / "results.json").write_text(json.dumps(records))
    if sibling is not None:
        (tmp_path / "instances.json").write_text(json.dumps(sibling))
    return format_tools.read("coco", tmp_path / "results.json", source)


FOUND = {"image_id": 7, "category_id": 9, "segmentation": [rectangle(0, 0, 4, 4)], "score": 0.5}


def test_results_take_images_and_categories_from_the_file_beside_them(tmp_path):
    dataset, report = results(tmp_path, [FOUND], {"images": [IMAGE], "categories": KINDS, "annotations": []})
    assert (dataset.images[0].name, dataset.parts[0].name) == ("a.jpg", "body")
    assert dataset.images[0].state == "predicted"
    assert report.notes == [("results.json", "its images and categories are those of instances.json")]


def test_results_whose_images_may_be_those_of_two_files_are_refused(tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"images": [{"id": 7, "file_name": "b.jpg"}], "categories": []}))
    with pytest.raises(FormatError, match=r"several files: instances\.json, other\.json"):
        results(tmp_path, [FOUND], {"images": [IMAGE], "categories": KINDS, "annotations": []})


@pytest.mark.parametrize(
    ("record", "names", "found"),
    [
        ({"image_id": "a"}, ["a.jpg"], "a.jpg"),  # as Ultralytics has it
        ({"image_id": 139}, ["x/000000000139.jpg", "b.jpg"], "x/000000000139.jpg"),
        ({"image_id": 139, "file_name": "b.jpg"}, ["000000000139.jpg", "b.jpg"], "b.jpg"),
        ({"image_id": 2}, ["a.jpg", "b.jpg"], "b.jpg"),  # the project's own ids, as its exports have them
    ],
)
def test_results_without_such_a_file_name_their_images_themselves(tmp_path, record, names, found):
    dataset, _ = results(tmp_path, [FOUND | record], source=format_tools.source_of(dict.fromkeys(names, HW)))
    assert dataset.images[0].name == found


def test_results_of_keypoints_say_how_sure_they_are(tmp_path):
    points = {"image_id": 7, "category_id": 4, "keypoints": [1, 2, 0.75, 3, 4, 0.25, 5, 6, 0], "score": 0.5}
    dataset, _ = results(tmp_path, [points], {"images": [IMAGE], "categories": [BIRD], "annotations": []})
    (found,) = dataset.images[0].keypoints
    assert (found.visibility.tolist(), found.score.tolist()) == ([2, 2, 0], [0.75, 0.25, 0])
    assert (found.origin == Origin.TRANSFERRED).all()
    points["keypoints"] = [1, 2, 1, 3, 4, 1, 5, 6, 1]
    dataset, _ = results(tmp_path, [points], {"images": [IMAGE], "categories": [BIRD], "annotations": []})
    assert dataset.images[0].keypoints[0].score.tolist() == [0.5] * 3


def test_a_file_of_segment_anything_is_of_one_image(tmp_path):
    annotation = {"id": 5, "segmentation": {"size": [20, 30], "counts": [0, 20, 580]}, "predicted_iou": 0.9}
    data = {"image": {"image_id": 3, "file_name": "a.jpg", "width": 30, "height": 20}, "annotations": [annotation]}
    (tmp_path / "sa_3.json").write_text(json.dumps(data))
    dataset, _ = format_tools.read("coco", tmp_path / "sa_3.json", SOURCE)
    assert (dataset.images[0].labels.areas, dataset.parts[0].name) == ({1: 20}, "object")
    (tmp_path / "a.json").write_text(json.dumps([annotation]))  # of the mask generator
    dataset, _ = format_tools.read("coco", tmp_path / "a.json", SOURCE)
    assert (dataset.images[0].name, dataset.images[0].labels.areas) == ("a.jpg", {1: 20})


def test_a_triangle_is_enough_of_a_polygon(tmp_path):
    dataset, _ = read(tmp_path, [area(4, [[0, 0, 8, 0, 8, 8]])], KINDS)
    assert dataset.images[0].labels.areas == {1: 36}  # on the diagonal, centres belong to the right


def test_a_size_that_is_missing_or_none_is_that_of_the_image(tmp_path):
    for change in ({"height": None}, {"width": None}, {"height": 0}, {"width": 0}):
        dataset, _ = read(tmp_path, [area(4, [rectangle(0, 0, 1, 1)])], KINDS, [{**IMAGE, **change}])
        assert dataset.images[0].hw == HW
    dataset, report = read(
        tmp_path,
        [area(4, [rectangle(0, 0, 1, 1)])],
        KINDS,
        [{"id": 7, "file_name": "strange.jpg", "height": 0, "width": 4}],
    )
    assert dataset.images[0].placed.problem == "there is no such image in the project, nor a file of that name"
    assert report.skipped == []


def test_images_without_annotations_are_passed_over(tmp_path):
    images = [{**IMAGE, "id": 3, "file_name": "b.jpg"}, IMAGE]
    dataset, _ = read(tmp_path, [area(4, [rectangle(0, 0, 1, 1)])], KINDS, images)
    assert [image.name for image in dataset.images] == ["a.jpg"]


@pytest.mark.parametrize("polygons", [False, True])
def test_masks_are_written_with_their_area_and_box(tmp_path, polygons):
    parts = (PartLabel(2, "wing", (10, 20, 30), 0), PartLabel(5, "body", (1, 2, 3), 1))
    labels = block(7, 4, 9, 8, 2) + block(0, 29, 20, 30, 5)
    labels[7, 4] = 0
    images = [AnnotatedImage("b.jpg", HW), AnnotatedImage("a.jpg", HW, id=7, labels=pack_labels(labels))]
    report = format_tools.write("coco", Dataset(parts=parts, images=images), tmp_path / "out.json", polygons=polygons)
    data = json.loads((tmp_path / "out.json").read_text())
    wing, body = data["annotations"]
    assert (wing["id"], wing["image_id"], wing["category_id"], wing["area"], wing["bbox"]) == (1, 7, 2, 7, [4, 7, 4, 2])
    assert (body["id"], body["image_id"], body["category_id"], body["area"], body["bbox"]) == (
        2,
        7,
        5,
        20,
        [29, 0, 1, 20],
    )
    assert data["images"] == [IMAGE]
    assert [(each["id"], each["name"], each["color"]) for each in data["categories"]] == [
        (2, "wing", [10, 20, 30]), (5, "body", [1, 2, 3])
    ]  # fmt: skip
    if polygons:
        (ring,) = wing["segmentation"]
        corners = {tuple(corner) for corner in np.array(ring).reshape(-1, 2).tolist()}
        assert corners == {(5, 7), (8, 7), (8, 9), (4, 9), (4, 8), (5, 8)}
    else:
        assert wing["segmentation"]["size"] == [20, 30]
        np.testing.assert_array_equal(coco_mask.decode(wing["segmentation"]), labels == 2)
    assert (report.images, report.annotations) == (1, 2)
    assert report.skipped == [("b.jpg", "it has no labels")]


# Keypoints

BIRD = {
    "id": 4,
    "name": "bird",
    "keypoints": ["nose", "ear", "tail"],
    "skeleton": [[1, 2], [3, 1]],
    "mirror_pairs": [[1, 2]],
}


def instance(keypoints, **more):
    return {"id": 1, "image_id": 7, "category_id": 4, "keypoints": keypoints, **more}


def test_points_are_pixel_centres_and_boxes_pixel_edges(tmp_path):
    one = instance([4, 6, 2, 9.5, 11.75, 1, 3, 3, 0], bbox=[2, 3, 10, 12], num_keypoints=2)
    dataset, report = read(tmp_path, [one], [BIRD], kind="coco-keypoints")
    (points,) = dataset.images[0].keypoints
    np.testing.assert_allclose(points.xy, [[4, 6], [9.5, 11.75], [np.nan, np.nan]])
    assert points.visibility.tolist() == [2, 1, 0]
    assert points.box == pytest.approx((1.5, 2.5, 10, 12))
    assert (points.origin == Origin.USER).all()
    skeleton = dataset.skeletons[0]
    assert (skeleton.edges, skeleton.mirror_pairs) == (((0, 1), (2, 0)), ((1, 2),))  # lines from 1, pairs from 0
    assert report.lost == []


@pytest.mark.parametrize(("scores", "origin"), [([1, 1, 1], Origin.USER), ([1, 0.5, 1], Origin.TRANSFERRED)])
def test_points_with_a_score_below_one_were_predicted(tmp_path, scores, origin):
    one = instance([4, 6, 2, 9, 11, 2, 3, 3, 2], keypoint_scores=scores)
    dataset, _ = read(tmp_path, [one], [BIRD], kind="coco-keypoints")
    (points,) = dataset.images[0].keypoints
    assert points.score.tolist() == scores
    assert (points.origin == origin).all()


def test_scores_lie_between_none_and_one(tmp_path):
    one = instance([4, 6, 2, 9, 11, 2, 3, 3, 2], keypoint_scores=[-0.5, 1.5, 0.25])
    dataset, _ = read(tmp_path, [one], [BIRD], kind="coco-keypoints")
    assert dataset.images[0].keypoints[0].score.tolist() == [0, 1, 0.25]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"num_keypoints": 3}, ["num_keypoints is 3, but 2 are labelled"]),
        ({"num_keypoints": 2}, []),
        ({"bbox": [2, 3, 0, 12]}, ["its bbox has no area"]),
        ({"bbox": [2, 3, 10, 0]}, ["its bbox has no area"]),
        ({"bbox": []}, []),
        ({"bbox": [30, 3, 10, 12]}, ["its bbox lies outside the image"]),
        ({"bbox": [29.9, 3, 10, 12]}, []),
        ({"bbox": [2, 20, 10, 12]}, ["its bbox lies outside the image"]),
        ({"bbox": [2, 19.9, 10, 12]}, []),
        ({"bbox": [-10, 3, 10, 12]}, ["its bbox lies outside the image"]),
        ({"bbox": [-9.9, 3, 10, 12]}, []),
        ({"bbox": [2, -12, 10, 12]}, ["its bbox lies outside the image"]),
        ({"bbox": [2, -11.9, 10, 12]}, []),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path, more, words):
    one = instance([4, 6, 2, 9.5, 11.75, 1, 3, 3, 0], **more)
    dataset, report = read(tmp_path, [one], [BIRD], kind="coco-keypoints")
    assert report.lost == [("a.jpg", f"annotations[0]: {what}") for what in words]
    assert len(dataset.images[0].keypoints) == 1


@pytest.mark.parametrize(
    ("values", "visibility"),
    [
        ([4, 6, 3, 1, 1, -1, 1, 1, 1], [2, 0, 1]),
        ([4, 6, 0.5, 1, 1, 0, 1, 1, 0.1], [2, 0, 2]),
        ([4, 6, 2], [2, 0, 0]),
        ([4, 6, 2, 1, 1, 1, 1, 1, 1, 8, 8, 2], [2, 1, 1]),
        ([4, 6, 1, 1, 1, None, 1, "x", 2], [1, 0, 0]),
        ([[4, 6, 2], [1, 1, 1], [0, 0, 0]], [2, 1, 0]),
        ([4, 6, 2, 1], [2, 0, 0]),
    ],
)
def test_points_as_programs_write_them(tmp_path, values, visibility):
    whole = instance([4, 6, 2] * 3)
    dataset, report = read(tmp_path, [instance(values), whole], [BIRD], kind="coco-keypoints")
    first, second = dataset.images[0].keypoints
    assert first.visibility.tolist() == visibility
    assert first.xy[0].tolist() == [4, 6]
    assert second.present.all()
    assert bool(report.lost or report.notes) == (values != [[4, 6, 2], [1, 1, 1], [0, 0, 0]])


def test_places_alone_are_visible_points(tmp_path):
    skeleton = {**BIRD, "keypoints": ["a", "b"], "skeleton": [], "mirror_pairs": []}
    dataset, _ = read(tmp_path, [instance([4, 6, 7, 8])], [skeleton], kind="coco-keypoints")
    assert dataset.images[0].keypoints[0].xy.tolist() == [[4, 6], [7, 8]]


def test_points_outside_the_image_are_said_and_kept(tmp_path):
    dataset, report = read(tmp_path, [instance([-1.5, 6, 2, 31, 1, 2, 29, 19, 2])], [BIRD], kind="coco-keypoints")
    assert report.lost == [("a.jpg", "annotations[0]: 2 of its points lie outside the image")]
    assert dataset.images[0].keypoints[0].xy[0].tolist() == [-1.5, 6]


def test_instances_are_written_with_box_area_and_numbers_from_one(tmp_path):
    bird = Skeleton(("nose", "ear", "tail"), ((0, 1), (2, 0)), (), ((1, 2),), "bird", 4)
    boxed = KeypointSet.make([[4, 6], [9.5, 11.75], [np.nan, np.nan]], [2, 1, 0], box=(1.5, 2.5, 10, 12), skeleton=4)
    plain = KeypointSet.make([[0, 6], [9, 19], [3, 3]], score=[0.123456789, 1, 1], skeleton=4)
    images = [AnnotatedImage("a.jpg", HW, id=7, keypoints=(boxed, plain)), AnnotatedImage("b.jpg", HW, id=8)]
    report = format_tools.write("coco-keypoints", Dataset(skeletons=(bird,), images=images), tmp_path / "out.json")
    data = json.loads((tmp_path / "out.json").read_text())
    first, second = data["annotations"]
    assert data["images"] == [IMAGE]
    assert data["categories"][0]["skeleton"] == [[1, 2], [3, 1]]
    assert data["categories"][0]["mirror_pairs"] == [[1, 2]]
    assert (first["id"], second["id"], first["image_id"], first["category_id"]) == (1, 2, 7, 4)
    assert first["keypoints"] == [4, 6, 2, 9.5, 11.75, 1, 0, 0, 0]
    assert (first["num_keypoints"], second["num_keypoints"]) == (2, 3)
    assert (first["bbox"], first["area"]) == ([2, 3, 10, 12], 120)
    # Without a box, that around the points' pixels, within the image.
    assert (second["bbox"], second["area"]) == ([0, 3, 10, 17], 170)
    assert second["keypoint_scores"] == [0.123457, 1, 1]
    assert (report.images, report.annotations, report.skipped) == (1, 2, [("b.jpg", "it has no keypoints")])
