"""What an import changes in a project, and what it leaves alone."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats import ExportOptions, export_project, import_into
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.commands import (
    AddPart,
    MoveKeypoint,
    NoteFacts,
    Paint,
    RemoveInstances,
    ReplaceMasks,
    SetReviewState,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History

HW = (20, 30)
SQUARE, WIDE = [2, 2, 8, 2, 8, 8, 2, 8], [2, 2, 12, 2, 12, 8, 2, 8]
POINTS, CORRECTED = [10, 5, 2, 20, 15, 1], [11, 5, 2, 20, 15, 2]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for seed, name in enumerate(("a.png", "b.png")):
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*HW, 3)).astype(np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def document(photos):
    with Document.untitled() as opened:
        opened.add_images(find_images([photos]))
        yield opened


def coco(folder, *annotations, name="x.json", images=("a.png", "b.png")):
    """A COCO file whose annotations are (image, ring or None)."""
    data = {
        "images": [{"id": n, "file_name": image, "width": HW[1], "height": HW[0]} for n, image in enumerate(images)],
        "categories": [{"id": 1, "name": "wing", "keypoints": ["nose", "tail"]}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": 1, **more} for n, (image, more) in enumerate(annotations)
        ],
    }
    (folder / name).write_text(json.dumps(data))
    return folder / name


def ring(values):
    return {"segmentation": [values]}


def points(values):
    return {"keypoints": values}


def areas(document):
    return {
        document.image(number).name: dict(document.packed_labels(number).areas)
        for number in document.image_ids
        if document.packed_labels(number) is not None
    }


def places(document):
    return [one.xy.tolist() for number in document.image_ids for one in document.keypoints(number)]


def test_the_same_file_twice_changes_nothing(document, tmp_path):
    masks = coco(tmp_path, (0, ring(SQUARE)), (1, ring(WIDE)))
    kept = coco(
        tmp_path, (0, points(POINTS)), (0, points([v + 5 for v in POINTS[:2]] + [2] + POINTS[3:])), name="k.json"
    )
    for path, kind in ((masks, "coco"), (kept, "coco-keypoints")):
        first = import_into(document, path, kind, silent())
        assert first.annotations == 2
        before, now, revision = areas(document), places(document), document.revision
        again = import_into(document, path, kind, silent())
        assert (again.annotations, again.images, again.skipped) == (0, 0, [])
        assert (areas(document), places(document), document.revision) == (before, now, revision)


@pytest.mark.parametrize("kind", ["coco", "indexed-png", "voc", "labelme", "yolo-seg", "cvat", "npz"])
def test_an_unchanged_export_changes_nothing_not_even_whose_masks_they_are(document, tmp_path, kind):
    document.apply(AddPart("wing"))
    labels = np.zeros(HW, np.uint8)
    labels[2:8, 2:8] = 1
    document.apply(ReplaceMasks({1: labels, 2: labels}))
    out = tmp_path / ("x.json" if kind == "coco" else "x.xml" if kind == "cvat" else "x.npz" if kind == "npz" else "x")
    export_project(document, kind, out, ExportOptions(), silent())
    revision = document.revision
    report = import_into(document, out, kind, silent())
    assert (report.annotations, report.images, document.revision) == (0, 0, revision)
    assert {record.state for record in document.images()} == {"predicted"}


def test_a_corrected_file_replaces_what_came_from_it(document, tmp_path):
    import_into(document, coco(tmp_path, (0, ring(SQUARE)), (1, ring(SQUARE))), "coco", silent())
    import_into(document, coco(tmp_path, (0, points(POINTS))), "coco-keypoints", silent())
    report = import_into(document, coco(tmp_path, (0, ring(WIDE)), (1, ring(SQUARE))), "coco", silent())
    assert (report.images, report.skipped) == (1, [])
    assert areas(document) == {"a.png": {1: 60}, "b.png": {1: 36}}
    report = import_into(document, coco(tmp_path, (0, points(CORRECTED))), "coco-keypoints", silent())
    assert (report.annotations, report.skipped) == (1, [])
    assert places(document) == [[[11, 5], [20, 15]]]
    assert document.keypoints(1)[0].visibility.tolist() == [2, 2]


def test_what_a_person_did_since_stays_unless_it_is_to_be_replaced(document, tmp_path):
    masks, kept = coco(tmp_path, (0, ring(SQUARE))), coco(tmp_path, (0, points(POINTS)), name="k.json")
    import_into(document, masks, "coco", silent())
    import_into(document, kept, "coco-keypoints", silent())
    document.apply(Paint(1, 1, (15, 15, 17, 17), np.ones((2, 2), np.bool_)))
    instance = document.keypoints(1)[0].instance
    document.apply(MoveKeypoint(instance, 0, (13.0, 5.0)))

    assert import_into(document, kept, "coco-keypoints", silent()).annotations == 0
    assert places(document) == [[[13, 5], [20, 15]]], "the same file says nothing new"
    corrected = coco(tmp_path, (0, points(CORRECTED)), name="k.json")
    report = import_into(document, corrected, "coco-keypoints", silent())
    assert report.skipped == [("a.png", "an instance that a person placed stays as it is")]
    assert places(document) == [[[13, 5], [20, 15]]]
    import_into(document, coco(tmp_path, (0, ring(WIDE))), "coco", silent())
    assert document.label_map(1).labels[15, 15] == 1

    import_into(document, corrected, "coco-keypoints", silent(), overwrite=True)
    assert places(document) == [[[11, 5], [20, 15]]]


def test_a_removed_instance_does_not_come_back_by_itself(document, tmp_path):
    path = coco(tmp_path, (0, points(POINTS)))
    import_into(document, path, "coco-keypoints", silent())
    document.apply(RemoveInstances([document.keypoints(1)[0].instance]))
    assert import_into(document, path, "coco-keypoints", silent()).annotations == 0
    assert places(document) == []
    assert import_into(document, path, "coco-keypoints", silent(), overwrite=True).annotations == 1


def test_undo_takes_the_memory_of_an_import_back_too(document, tmp_path):
    history = History(document)
    from counterpart.core.formats import plan_import

    path = coco(tmp_path, (0, points(POINTS)))
    history.push(plan_import(document, path, "coco-keypoints", silent()))
    history.undo()
    assert places(document) == []
    assert import_into(document, path, "coco-keypoints", silent()).annotations == 1


def test_a_reviewed_image_keeps_its_labels(document, tmp_path):
    import_into(document, coco(tmp_path, (0, ring(SQUARE))), "coco", silent())
    document.apply(SetReviewState([1], "reviewed"))
    report = import_into(document, coco(tmp_path, (0, ring(WIDE))), "coco", silent())
    assert report.skipped == [("a.png", "it is marked reviewed")]
    assert areas(document) == {"a.png": {1: 36}}


def test_what_brings_nothing_changes_nothing(document, tmp_path):
    document.apply(AddPart("wing"))
    labels = np.ones(HW, np.uint8)
    document.apply(ReplaceMasks({1: labels}))
    revision = document.revision
    boxes = coco(tmp_path, (0, {"bbox": [1, 1, 5, 5], "segmentation": []}), (1, {"bbox": [1, 1, 5, 5]}))
    with pytest.raises(FormatError, match="nothing in it could be taken over"):
        import_into(document, boxes, "coco", silent())
    (tmp_path / "yolo/labels").mkdir(parents=True)
    for name, text in (("a", ""), ("b", "0 0.5 0.5 0.2 0.2\n")):
        (tmp_path / f"yolo/labels/{name}.txt").write_text(text)
    (tmp_path / "yolo/data.yaml").write_text("names: [wing]\n")
    with pytest.raises(FormatError):
        import_into(document, tmp_path / "yolo", "yolo-seg", silent())
    (tmp_path / "png").mkdir()
    Image.fromarray(np.zeros(HW, np.uint8)).save(tmp_path / "png/a.png")
    with pytest.raises(FormatError, match="there is nothing in it"):
        import_into(document, tmp_path / "png", "indexed-png", silent())
    assert document.revision == revision
    assert document.image(1).state == "predicted"


def test_two_records_of_one_image_are_joined(document, tmp_path):
    path = coco(tmp_path, (0, ring(SQUARE)), (1, ring([20, 2, 28, 2, 28, 8, 20, 8])), images=("a.png", "./a.png"))
    report = import_into(document, path, "coco", silent())
    assert areas(document) == {"a.png": {1: 36 + 48}}
    assert (report.images, report.skipped) == (1, [])


def test_two_names_that_fit_one_image_only_loosely_are_both_left_out(document, tmp_path):
    names = ("/data/one/a.png", "/data/two/a.png")
    with pytest.raises(FormatError, match=r"several names fit one image: /data/one/a\.png, /data/two/a\.png"):
        import_into(document, coco(tmp_path, (0, ring(SQUARE)), (1, ring(WIDE)), images=names), "coco", silent())
    assert import_into(document, coco(tmp_path, (0, ring(SQUARE)), images=names), "coco", silent()).images == 1


def test_new_images_of_one_name_are_told_apart_by_their_folders(photos, tmp_path):
    (tmp_path / "set/one").mkdir(parents=True)
    (tmp_path / "set/two").mkdir()
    for folder, source in (("one", "a.png"), ("two", "b.png")):
        (tmp_path / "set" / folder / "1.png").write_bytes((photos / source).read_bytes())
        shape = {"label": "wing", "points": [[2, 2], [8, 2], [8, 8]], "shape_type": "polygon"}
        record = {"shapes": [shape], "imagePath": "1.png", "imageHeight": HW[0], "imageWidth": HW[1]}
        (tmp_path / "set" / folder / "1.json").write_text(json.dumps(record))
    with Document.untitled() as empty:
        report = import_into(empty, tmp_path / "set", "labelme", silent())
        assert report.added_images == ["one/1.png", "two/1.png"]
        assert all(record.hw == HW for record in empty.images())


def test_nothing_is_taken_over_for_a_photograph_that_was_replaced(document, photos, tmp_path):
    import_into(document, coco(tmp_path, (0, ring(SQUARE))), "coco", silent())
    Image.fromarray(np.zeros((30, 45, 3), np.uint8)).save(photos / "a.png")
    fact = dataclasses.replace(document.image(1), height=30, width=45, size_bytes=(photos / "a.png").stat().st_size)
    document.apply(NoteFacts([fact]))
    with pytest.raises(FormatError, match=r"a\.png is another picture now \(45 × 30, was 30 × 20\)"):
        import_into(document, coco(tmp_path, (0, ring(WIDE))), "coco", silent())
    assert areas(document) == {"a.png": {1: 36}}


def test_the_photographs_size_is_taken_whatever_the_file_says(document, tmp_path):
    data = json.loads(coco(tmp_path, (0, ring(SQUARE)), (1, ring(SQUARE))).read_text())
    data["images"][0].update(width=HW[1] // 2, height=HW[0] // 2)
    data["images"][1].update(width=HW[1] + 9)
    (tmp_path / "x.json").write_text(json.dumps(data))
    report = import_into(document, tmp_path / "x.json", "coco", silent())
    assert [record.hw for record in document.images()] == [HW, (0, 0)], "not known is better than wrong"
    assert areas(document) == {"a.png": {1: 144}}
    assert "scaled to the photograph's 30 x 20" in dict(report.notes)["a.png"]
    assert "the photograph is 30 x 20" in dict(report.skipped)["b.png"]
    assert dataclasses.asdict(document.image(2))["state"] == "todo"


def test_images_and_categories_leave_with_the_numbers_that_they_came_with(document, tmp_path):
    data = json.loads(coco(tmp_path, (0, ring(SQUARE) | points(POINTS)), (1, ring(SQUARE))).read_text())
    data["images"][0]["id"], data["images"][1]["id"] = 900, 1
    data["annotations"][0].update(image_id=900, category_id=17)
    data["annotations"][1].update(category_id=17)
    data["categories"][0]["id"] = 17
    (tmp_path / "x.json").write_text(json.dumps(data))
    import_into(document, tmp_path / "x.json", "coco", silent())
    document.apply(AddPart("tail"))
    Image.fromarray(np.zeros((*HW, 3), np.uint8)).save(tmp_path / "photos/c.png")
    document.add_images(find_images([tmp_path / "photos"]))
    document.apply(ReplaceMasks({3: np.full(HW, 2, np.uint8)}))
    for kind, count in (("coco", 3), ("coco-keypoints", 1)):
        export_project(document, kind, tmp_path / "out.json", ExportOptions(), silent())
        out = json.loads((tmp_path / "out.json").read_text())
        numbers = {image["file_name"]: image["id"] for image in out["images"]}
        assert (numbers["a.png"], len(set(numbers.values())), len(numbers)) == (900, count, count)
        assert {one["name"]: one["id"] for one in out["categories"]}["wing"] == 17
        assert {one["image_id"] for one in out["annotations"]} == set(numbers.values())
        assert out["annotations"][0]["category_id"] == 17
    revision = document.revision
    import_into(document, tmp_path / "x.json", "coco", silent())
    assert document.revision == revision


def test_an_image_of_roboflow_is_the_projects_own(document, tmp_path):
    path = coco(tmp_path, (0, ring(SQUARE)), images=("a_png.rf.0123456789abcdef.jpg",))
    assert import_into(document, path, "coco", silent()).skipped == []
    assert areas(document) == {"a.png": {1: 36}}
