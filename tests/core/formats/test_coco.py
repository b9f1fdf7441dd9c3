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
        ({"size": [20, 30], "counts": [599]}, "the runs cover 599 pixels, the mask has 600"),
        ([], "annotations[0] has no mask"),
        (None, "annotations[0] has no mask"),
    ],
)
def test_annotations_without_a_usable_mask_are_named(tmp_path, segmentation, words):
    dataset, report = read(tmp_path, [area(4, segmentation)], KINDS)
    assert len(dataset.images) == 1
    ((name, reason),) = report.skipped
    assert name == "a.jpg"
    assert words in reason


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


@pytest.mark.parametrize("kind", ["coco", "coco-keypoints"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_id": 8}, "there is no image with the id 8"),
        ({"category_id": 8}, "there is no category with the id 8"),
    ],
)
def test_annotations_of_what_is_not_there_are_refused(tmp_path, kind, change, words):
    categories = [{"id": 4, "name": "wing", "keypoints": ["a"]}]
    with pytest.raises(FormatError, match=words):
        read(tmp_path, [{**area(4, [rectangle(0, 0, 1, 1)]), **change}], categories, kind=kind)


@pytest.mark.parametrize("kind", ["coco", "coco-keypoints"])
def test_numbers_that_occur_twice_are_refused(tmp_path, kind):
    categories = [{"id": 4, "name": "wing", "keypoints": ["a"]}]
    with pytest.raises(FormatError, match="the image id 7 occurs twice"):
        read(tmp_path, [], categories, [IMAGE, IMAGE], kind)
    with pytest.raises(FormatError, match="the category id 4 occurs twice"):
        read(tmp_path, [], categories * 2, kind=kind)


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
    ("annotation", "categories", "words"),
    [
        (instance([4, 6, 2]), [BIRD], "expected 9 numbers, found 3"),
        (instance([4, 6, 3, 1, 1, 2, 1, 1, 2]), [BIRD], "a visibility is not 0, 1 or 2"),
        (instance([]), [{"id": 4, "name": "bird"}], "no category has keypoints"),
        (instance([]), [{**BIRD, "skeleton": [[1, 2, 3]]}], "expected two numbers of keypoints, found 3"),
        (instance([]), [{**BIRD, "skeleton": [[0, 1]]}], "points outside"),
        (instance([]), [{**BIRD, "mirror_pairs": [[1, 3]]}], "points outside"),
    ],
)
def test_keypoints_that_cannot_be_are_refused(tmp_path, annotation, categories, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, [annotation], categories, kind="coco-keypoints")


def test_annotations_without_keypoints_are_named(tmp_path):
    plain = {"id": 2, "image_id": 7, "category_id": 5}
    kinds = [BIRD, {"id": 5, "name": "stone"}]
    dataset, report = read(
        tmp_path, [plain, instance(None), {**instance([1, 1, 2]), "category_id": 5}], kinds, kind="coco-keypoints"
    )
    assert dataset.images == []
    assert [reason for _, reason in report.skipped] == [f"annotations[{n}] has no keypoints" for n in range(3)]


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
