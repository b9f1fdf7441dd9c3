"""Points that do not fit: nothing shifts to another keypoint, and what is wrong is named with its record."""

import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import CounterpartError, FormatError, UsageError
from counterpart.core.formats import ExportOptions, export_project, import_into
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.pipeline.keypoints.transfer_files import read_boxes, read_templates
from counterpart.core.project.commands import (
    AddInstance,
    AddSkeleton,
    ChangeSkeleton,
    PredictKeypoints,
    RemoveInstances,
    RemoveSkeleton,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.points import KeypointSet, Origin, Skeleton

NAMES = ("nose", "left ear", "right ear")
PLACES = {"nose": [10, 11], "left ear": [20, 21], "right ear": [30, 31]}
BY_NAME = ("coco-keypoints", "labelme", "yolo-pose", "cvat", "deeplabcut", "csv", "spair", "sleap")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(folder / name)
    return folder


def opened(photos):
    document = Document.untitled()
    document.add_images(find_images([photos]))
    return document


@pytest.fixture
def document(photos):
    """Two images; an instance on the first."""
    document = opened(photos)
    document.apply(AddSkeleton(Skeleton(NAMES, ((0, 1),), (), ((1, 2),), "bird")))
    document.apply(AddInstance(1, KeypointSet.make([PLACES[name] for name in NAMES], box=(5, 5, 30, 30))))
    return document


def places(document, image=1):
    """Where the points of an image's first instance are, by the name of their keypoint."""
    points = document.keypoints(image)[0]
    names = document.skeleton(points.skeleton).names
    return {name: xy.tolist() for name, xy, seen in zip(names, points.xy, points.present, strict=True) if seen}


def changed(names, ids):
    return ChangeSkeleton(Skeleton(names, name="bird", id=1, point_ids=ids))


# A skeleton that changes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (("right ear", "nose", "left ear"), (3, 1, 2)),
        (("beak", "left ear", "right ear"), (1, 2, 3)),
        (("left ear", "right ear"), (2, 3)),
        (("tail", "right ear", "beak"), (4, 3, 1)),
        (("left ear", "nose", "right ear"), (1, 2, 3)),  # two names change places: the points keep theirs
    ],
)
def test_points_follow_their_keypoint_when_the_skeleton_changes_and_when_that_is_undone(document, names, ids):
    history = History(document)
    before = places(document)
    history.push(changed(names, ids))
    old = dict(zip((1, 2, 3), NAMES, strict=True))
    expected = {name: PLACES[old[number]] for name, number in zip(names, ids, strict=True) if number in old}
    assert places(document) == expected
    history.undo()
    assert places(document) == before


@pytest.mark.parametrize("format_name", BY_NAME)
def test_a_file_written_before_the_keypoints_were_reordered_is_read_by_their_names(document, tmp_path, format_name):
    suffix = {"coco-keypoints": ".json", "cvat": ".xml", "deeplabcut": ".csv", "csv": ".csv", "sleap": ".slp"}
    path = tmp_path / f"out{suffix.get(format_name, '')}"
    document.apply(AddInstance(2, KeypointSet.make([PLACES[name] for name in NAMES])))  # spair needs a pair
    export_project(document, format_name, path, ExportOptions(), silent())
    document.apply(changed(("right ear", "tail", "nose", "left ear"), (3, 4, 1, 2)))
    document.apply(RemoveInstances([1, 2]))
    import_into(document, path, format_name, silent())
    assert {name: np.round(xy, 3).tolist() for name, xy in places(document).items()} == PLACES
    assert len(document.skeletons) == 1


def transferred():
    return KeypointSet.make([[1, 1], [2, 2], [3, 3]], origin=Origin.TRANSFERRED, score=[0.9, 0.8, 0.7])


def test_a_transfer_that_began_before_the_keypoints_were_reordered_is_not_taken_over(document):
    revision = document.revision
    document.apply(changed(("right ear", "nose", "left ear"), (3, 1, 2)))
    command = PredictKeypoints({2: [transferred()]}, revision)
    assert not document.apply(command)
    assert command.outcome.skipped == [(2, "its skeleton was changed while the job was running")]
    assert document.keypoints(2) == ()
    document.apply(PredictKeypoints({2: [transferred()]}, document.revision))
    assert places(document, 2) == {"right ear": [1, 1], "nose": [2, 2], "left ear": [3, 3]}


def test_a_transfer_outlives_a_keypoints_new_name(document):
    revision = document.revision
    document.apply(changed(("beak", "left ear", "right ear"), (1, 2, 3)))
    document.apply(PredictKeypoints({2: [transferred()]}, revision))
    assert places(document, 2)["beak"] == [1, 1]


def test_a_transfer_whose_skeleton_was_removed_is_not_taken_over(document):
    revision = document.revision
    document.apply(RemoveSkeleton(1))
    command = PredictKeypoints({2: [transferred()]}, revision)
    assert not document.apply(command)
    assert "skeleton" in command.outcome.skipped[0][1]


def test_a_skeleton_with_a_name_twice_is_refused(document):
    with pytest.raises(UsageError, match="'nose' occurs twice"):
        document.apply(AddSkeleton(Skeleton(("nose", "ear", "nose"), name="fish")))
    assert len(document.skeletons) == 1


# Files that contradict themselves -----------------------------------------------------------------------------------


def coco(tmp_path, **more):
    """A good file of one annotation, with whatever is to be wrong in it."""
    data = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 50, "height": 40}],
        "categories": [{"id": 1, "name": "bird", "keypoints": list(NAMES)}],
        "annotations": [annotation()],
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data | more))
    return path


def annotation(**more):
    return {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0],
        "num_keypoints": 2,
    } | more


BIRD = {"id": 1, "name": "bird", "keypoints": list(NAMES)}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"annotations": [annotation(), annotation(image_id=7)]}, "annotations[1]: there is no image with the id 7"),
        (
            {"annotations": [annotation(category_id=9), annotation()]},
            "annotations[0]: there is no category with the id 9",
        ),
        ({"annotations": [annotation(keypoints=[1, 2, 2, 3, 4, 1])]}, "3 keypoints need 9 numbers, found 6"),
        ({"annotations": [annotation(keypoints=[1, 2, 3, 3, 4, 1, 0, 0, 0])]}, "visibilities that are not 0, 1 or 2"),
        ({"annotations": [annotation(keypoints=[1, 2, 2, 3, 4, 1, None, 5, 2])]}, "1 of the values of its keypoints"),
        ({"annotations": [annotation(bbox=[1, 2, 3])]}, "annotations[0].bbox: expected 4 numbers, found 3"),
        ({"annotations": [annotation(bbox=[1, None, 3, 4])]}, "annotations[0].bbox[1]: expected a number"),
        ({"annotations": [annotation(num_keypoints="x")]}, "annotations[0]: num_keypoints is x, but 2 are labelled"),
        ({"annotations": [annotation(keypoint_scores=[1, 1])]}, "annotations[0].keypoint_scores: expected 3 numbers"),
        ({"annotations": [3, annotation()]}, "annotations[0]: this is no annotation"),
        ({"categories": [BIRD, BIRD | {"name": "x"}]}, "categories[1]: the category id 1 occurs twice"),
        ({"categories": [BIRD | {"skeleton": [[1, 9]]}]}, "categories[0]: the line [1, 9] is left out"),
        ({"categories": [BIRD | {"skeleton": [[1.5, 2]]}]}, "categories[0].skeleton[0][0]: expected a whole"),
        ({"categories": [BIRD | {"skeleton": [[1]]}]}, "categories[0].skeleton[0]: expected two numbers"),
        ({"categories": [BIRD | {"mirror_pairs": [[1, 3]]}]}, "categories[0]: the mirror pair [1, 3] is left out"),
        ({"categories": [BIRD, {"name": "x"}]}, "categories[1]: a category needs an id"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2}]}, "images[1]: the image has no file_name"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}, {"file_name": "b.png"}]}, "images[1]: an image needs an id"),
        (
            {"images": [{"id": "1", "file_name": "a.jpg"}, *([{"id": 2, "file_name": n} for n in ("b.png", "c.png")])]},
            "the image id 2 occurs twice, for different images",
        ),
    ],
)
def test_a_bad_piece_of_a_coco_file_is_named_and_costs_nothing_else(photos, tmp_path, more, words):
    document = opened(photos)
    report = import_into(document, coco(tmp_path, **more), "coco-keypoints", silent())
    assert any(words in what for _, what in (*report.skipped, *report.lost, *report.notes))
    assert places(document) == {"nose": [1, 2], "left ear": [3, 4]}
    assert len(document.keypoints(1)) == 1


@pytest.mark.parametrize(
    ("names", "given"),
    [
        ([], ("1", "2", "3")),
        (None, ("1", "2", "3")),
        (["a", "", "a"], ("a", "2", "a 2")),
        (["a", None, 7], ("a", "2", "7")),
        (["a"], ("a", "2", "3")),
    ],
)
def test_keypoints_without_names_of_their_own_are_called_by_their_numbers(photos, tmp_path, names, given):
    document = opened(photos)
    report = import_into(document, coco(tmp_path, categories=[BIRD | {"keypoints": names}]), "coco-keypoints", silent())
    assert document.skeletons[0].names == given
    assert document.keypoints(1)[0].visibility.tolist() == [2, 1, 0]
    assert bool(report.notes) == (names != ["a"])


def test_lines_that_count_from_0_are_taken_so(photos, tmp_path):
    document = opened(photos)
    report = import_into(
        document, coco(tmp_path, categories=[BIRD | {"skeleton": [[0, 1], [1, 2]]}]), "coco-keypoints", silent()
    )
    assert document.skeletons[0].edges == ((0, 1), (1, 2))
    assert "count the keypoints from 0" in report.notes[0][1]
    other = BIRD | {"name": "fish", "skeleton": [[0, 1], [1, 3]]}  # cannot be: 3 of 0 to 2
    import_into(document, coco(tmp_path, categories=[other]), "coco-keypoints", silent())
    assert document.skeletons[1].edges == ((0, 2),)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"num_keypoints": 3}, "annotations[0]: num_keypoints is 3, but 2 are labelled"),
        ({"bbox": [60, 5, 10, 10]}, "annotations[0]: its bbox lies outside the image"),
        ({"bbox": [10, 5, 0, 10]}, "annotations[0]: its bbox has no area"),
    ],
)
def test_what_contradicts_itself_but_loses_nothing_is_read_and_reported(photos, tmp_path, more, words):
    document = opened(photos)
    report = import_into(document, coco(tmp_path, annotations=[annotation(**more)]), "coco-keypoints", silent())
    assert ("a.jpg", words) in report.lost
    assert places(document) == {"nose": [1, 2], "left ear": [3, 4]}


def test_a_point_given_twice_is_taken_once_and_said(photos, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image,instance,keypoint,x,y\na.jpg,1,nose,1,2\na.jpg,1,ear,3,4\na.jpg,1,nose,5,6\n")
    report = import_into(opened(photos), path, "csv", silent())
    assert report.skipped == [("line 4", "line 4: nose of this instance stands in line 2 already")]
    assert report.annotations == 1


def test_a_column_given_twice_is_refused(photos, tmp_path):
    path = tmp_path / "CollectedData_x.csv"
    path.write_text("scorer,x,x,x,x\nbodyparts,nose,nose,nose,nose\ncoords,x,y,x,y\na.jpg,1,2,3,4\n")
    with pytest.raises(FormatError, match="the x of nose occurs twice"):
        import_into(opened(photos), path, "deeplabcut", silent())


def test_a_heading_given_twice_is_refused(photos, tmp_path):
    path = tmp_path / "CollectedData_x.csv"
    path.write_text("scorer,x,x\nbodyparts,nose,nose\nbodyparts,ear,ear\ncoords,x,y\na.jpg,1,2\n")
    with pytest.raises(FormatError, match="line 3: the heading bodyparts stands there again"):
        import_into(opened(photos), path, "deeplabcut", silent())


def test_files_of_spair_that_list_the_keypoints_in_another_order_are_read_by_name(photos, tmp_path):
    def write(name, names, extra=()):
        data = {
            "filename": name,
            "category": "bird",
            "image_width": 50,
            "image_height": 40,
            "kps": {str(place): PLACES[key] for place, key in enumerate(names)},
            "kps_names": [*names, *extra],
        }
        target = tmp_path / "spair" / "ImageAnnotation" / "bird" / f"{name}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(data))

    write("a.jpg", NAMES)
    write("b.png", NAMES[::-1])
    write("c.png", NAMES, ["tail"])
    document = opened(photos)
    report = import_into(document, tmp_path / "spair", "spair", silent())
    assert places(document, 1) == places(document, 2) == PLACES
    assert ("c.png.json", "its keypoints are not those of the other images of bird") in report.skipped


def test_landmarks_without_names_say_in_which_order_they_were_taken(document, tmp_path):
    path = tmp_path / "x.tps"
    export_project(document, "tps", path, ExportOptions(), silent())
    report = import_into(document, path, "tps", silent())
    assert report.lost == [("x.tps", "which landmark is which: taken in the order of bird")]


# Templates and boxes of the command line ----------------------------------------------------------------------------


def test_templates_of_several_classes_ask_which(photos, tmp_path):
    other = {"id": 2, "name": "fish", "keypoints": ["fin"]}
    fish = {"id": 2, "image_id": 1, "category_id": 2, "keypoints": [5, 6, 2]}
    path = coco(tmp_path, categories=[BIRD, other], annotations=[annotation(), fish])
    with pytest.raises(UsageError, match="several categories") as caught:
        read_templates(path, photos, silent())
    assert "bird, fish" in caught.value.hint
    skeleton, items = read_templates(path, photos, silent(), "fish")
    assert skeleton.names == ("fin",)
    assert [item.xy.tolist() for item in items] == [[[5, 6]]]
    with pytest.raises(UsageError, match="no category 'cat'"):
        read_templates(path, photos, silent(), "cat")


def test_templates_without_any_keypoint_are_refused(photos, tmp_path):
    path = coco(tmp_path, annotations=[annotation(keypoints=[0] * 9, num_keypoints=0)])
    with pytest.raises(CounterpartError, match="no instance has keypoints"):
        read_templates(path, photos, silent())


def test_a_keypoint_that_only_some_templates_show_is_known_from_those(photos, tmp_path):
    second = annotation(keypoints=[0, 0, 0, 0, 0, 0, 7, 8, 2], num_keypoints=1)
    _, items = read_templates(coco(tmp_path, annotations=[annotation(), second]), photos, silent())
    assert [item.visible.tolist() for item in items] == [[True, True, False], [False, False, True]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"annotations": [annotation(bbox=[1, 1, 5, 5]), annotation(bbox=[1, 1, 5, 5], image_id=3)]},
            r"annotations\[1\]",
        ),
        ({"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.png"}]}, r"images\[1\].*twice"),
        ({"annotations": [annotation(bbox=[1, 1, "x", 5])]}, r"annotations\[0\].bbox\[2\]"),
    ],
)
def test_boxes_that_make_no_sense_are_refused_with_the_record(photos, tmp_path, more, words):
    with pytest.raises(FormatError, match=words):
        read_boxes(coco(tmp_path, **more), photos, find_images([photos]))
