"""What we write is read by the tools that people use, with their own code, as we meant it."""

import base64
import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.formats import FORMATS, ExportOptions, export_project
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.commands import AddInstance, AddPart, AddSkeleton, ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Skeleton

# pycocotools 2.0 uses a form of numpy's array protocol that numpy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HW = (60, 80)
NAMES = ("nose", "ear", "tail")


def blocks(seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (6, 8)).astype(np.uint8)
    coarse[2, 3] = 0
    labels = np.kron(coarse, np.ones((10, 10), np.uint8))
    labels[31, 44] = 1
    return labels


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    document = Document.untitled()
    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(np.zeros((*HW, 3), np.uint8)).save(folder / name)
    document.add_images(find_images([folder]))
    document.apply(AddPart("wing"))
    document.apply(AddPart("body"))
    document.apply(ReplaceMasks({1: blocks(1), 2: blocks(2)}))
    document.apply(AddSkeleton(Skeleton(NAMES, ((0, 1),), (), ((0, 1),), "bird")))
    document.apply(AddInstance(1, KeypointSet.make([[10, 11.5], [20, 21], [np.nan, np.nan]], [2, 1, 0])))
    document.apply(AddInstance(1, KeypointSet.make([[30, 31], [40, 41], [50, 51]], box=(25, 26, 30, 31))))
    document.apply(AddInstance(2, KeypointSet.make([[1, 2], [3, 4], [5, 6]])))
    return document


def exported(project, name, tmp_path, **options):
    out = tmp_path / f"export{FORMATS[name].suffix}"
    export_project(project, name, out, ExportOptions(**options), silent())
    return out


def coco_of(path):
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.mark.parametrize("polygons", [False, True])
def test_pycocotools_reads_the_masks_we_wrote(polygons, project, tmp_path):
    coco = coco_of(exported(project, "coco", tmp_path, polygons=polygons))
    assert {entry["id"]: entry["name"] for entry in coco.loadCats(coco.getCatIds())} == {1: "wing", 2: "body"}
    for number in (1, 2):
        labels = np.zeros(HW, np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=number)):
            mask = coco.annToMask(annotation).astype(bool)
            assert mask.sum() == annotation["area"]
            rows, cols = np.nonzero(mask)
            box = [cols.min(), rows.min(), np.ptp(cols) + 1, np.ptp(rows) + 1]
            assert annotation["bbox"] == box
            labels[mask] = annotation["category_id"]
        assert np.array_equal(labels, project.label_map(number).labels)


def test_pycocotools_evaluates_our_keypoints_as_perfect_against_themselves(project, tmp_path):
    from pycocotools.cocoeval import COCOeval

    coco = coco_of(exported(project, "coco-keypoints", tmp_path))
    assert coco.loadCats([1])[0]["keypoints"] == list(NAMES)
    assert coco.loadCats([1])[0]["skeleton"] == [[1, 2]]
    (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=2))
    assert annotation["keypoints"] == [1, 2, 2, 3, 4, 2, 5, 6, 2]
    assert annotation["num_keypoints"] == 3
    results = [
        {key: a[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 1.0}
        for a in coco.loadAnns(coco.getAnnIds())
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.full(len(NAMES), 0.05)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
    matched = [entry for entry in evaluation.evalImgs if entry is not None]
    assert all((entry["dtMatches"] > 0).all() for entry in matched)


def test_numpy_reads_the_arrays_we_wrote(project, tmp_path):
    with np.load(exported(project, "npz", tmp_path), allow_pickle=False) as arrays:
        assert set(arrays.files) == {"__parts__", "a.jpg", "b.jpg"}
        assert np.array_equal(arrays["a.jpg"], project.label_map(1).labels)
        assert [part["name"] for part in json.loads(str(arrays["__parts__"]))] == ["wing", "body"]


def test_opencv_reads_the_outlines_of_yolo_as_the_masks_up_to_their_edges(project, tmp_path):
    import cv2

    out = exported(project, "yolo-seg", tmp_path)
    drawn = np.zeros(HW, np.uint8)
    for line in (out / "labels" / "a.txt").read_text().splitlines():
        number, *values = line.split()
        ring = np.array(values, np.float64).reshape(-1, 2) * [HW[1], HW[0]]
        cv2.fillPoly(drawn, [np.rint(ring - 0.5).astype(np.int32)], int(number) + 1)
    inside = cv2.erode(np.pad(project.label_map(1).labels, 1), np.ones((5, 5))) > 0
    assert (drawn[inside[1:-1, 1:-1]] > 0).all()


def test_supervision_reads_coco_yolo_and_voc_masks(project, tmp_path):
    import supervision as sv

    images = tmp_path / "photos"
    path = exported(project, "coco", tmp_path)
    data = sv.DetectionDataset.from_coco(str(images), str(path), force_masks=True)
    assert sorted(data.classes) == ["body", "wing"]
    for name, _, found in data:
        number = 1 if name.endswith("a.jpg") else 2
        labels = np.zeros(HW, np.uint8)
        for mask, kind in zip(found.mask, found.class_id, strict=True):
            labels[mask] = 1 if data.classes[kind] == "wing" else 2
        assert np.array_equal(labels, project.label_map(number).labels)
    out = exported(project, "yolo-seg", tmp_path, copy_images=True)
    data = sv.DetectionDataset.from_yolo(
        str(out / "images"), str(out / "labels"), str(out / "data.yaml"), force_masks=True
    )
    assert list(data.classes) == ["wing", "body"]
    for name, _, found in data:
        truth = project.label_map(1 if name.endswith("a.jpg") else 2).labels
        for mask, kind in zip(found.mask, found.class_id, strict=True):
            # Its own rasterising counts the outline in, which makes small pieces larger.
            assert mask.sum() < 50 or (truth[mask] == kind + 1).mean() > 0.7


def test_pandas_reads_deeplabcuts_table_as_deeplabcut_does(project, tmp_path):
    import pandas as pd

    path = exported(project, "deeplabcut", tmp_path)
    frame = pd.read_csv(path, header=[0, 1, 2, 3], index_col=[0, 1, 2])
    assert list(frame.columns.names) == ["scorer", "individuals", "bodyparts", "coords"]
    assert list(frame.index) == [("labeled-data", "images", "a.jpg"), ("labeled-data", "images", "b.jpg")]
    first = frame.xs("individual1", axis=1, level="individuals").to_numpy()
    assert first[0, :4].tolist() == [10, 11.5, 20, 21]
    assert np.isnan(first[0, 4:]).all()
    single = path.with_name("single.csv")
    export_project(project, "deeplabcut", single, ExportOptions(image_ids=(2,)), silent())
    frame = pd.read_csv(single, header=[0, 1, 2], index_col=[0, 1, 2])
    assert list(frame.columns.names) == ["scorer", "bodyparts", "coords"]
    assert frame.to_numpy().tolist() == [[1, 2, 3, 4, 5, 6]]


def test_pandas_reads_deeplabcuts_h5(project, tmp_path):
    import pandas as pd

    path = tmp_path / "CollectedData_Counterpart.h5"
    export_project(project, "deeplabcut", path, ExportOptions(image_ids=(2,)), silent())
    frame = pd.read_hdf(path)
    assert frame.columns.names == ["scorer", "bodyparts", "coords"]
    assert frame.loc[("labeled-data", "images", "b.jpg")].tolist() == [1, 2, 3, 4, 5, 6]


def test_sleap_io_reads_our_labels(project, tmp_path):
    import sleap_io as sio

    labels = sio.load_slp(str(exported(project, "sleap", tmp_path)))
    assert labels.skeletons[0].node_names == list(NAMES)
    assert len(labels) == 2
    assert labels[0].instances[1].numpy().tolist() == [[30, 31], [40, 41], [50, 51]]


def test_spair_loaders_find_their_way(project, tmp_path):
    out = exported(project, "spair", tmp_path, copy_images=True)
    lines = (out / "Layout" / "large" / "test.txt").read_text().splitlines()
    assert len(lines) == 1
    source, target = lines[0].split("-")[1], lines[0].split("-")[2].split(":")[0]
    category = lines[0].split(":")[1]
    pair = json.loads((out / "PairAnnotation" / "test" / f"{lines[0]}.json").read_text())
    assert (pair["src_imname"], pair["trg_imname"]) == (f"{source}.jpg", f"{target}.jpg")
    assert pair["src_kps"] == [[10, 11.5], [20, 21]]
    assert pair["trg_kps"] == [[1, 2], [3, 4]]
    assert pair["kps_ids"] == ["0", "1"]
    with Image.open(out / "JPEGImages" / category / pair["src_imname"]) as image:
        assert [*image.size, 3] == pair["src_imsize"]
    annotation = json.loads((out / "ImageAnnotation" / category / f"{source}.json").read_text())
    assert annotation["kps"] == {"0": [10, 11.5], "1": [20, 21], "2": None}


def test_tps_counts_from_the_lower_left_corner(project, tmp_path):
    text = exported(project, "tps", tmp_path).read_text().splitlines()
    assert text[:4] == ["LM=3", "10.500000 48.000000", "20.500000 38.500000", "-1 -1"]
    assert text[4] == "IMAGE=a.jpg"


def test_yolo_pose_says_how_points_change_places_when_flipped(project, tmp_path):
    import yaml

    out = exported(project, "yolo-pose", tmp_path)
    data = yaml.safe_load((out / "data.yaml").read_text())
    assert data["kpt_shape"] == [3, 3]
    assert data["flip_idx"] == [1, 0, 2]
    assert data["names"] == {0: "bird"}
    values = [float(word) for word in (out / "labels" / "b.txt").read_text().split()]
    assert values[:1] + values[5:8] == pytest.approx([0, 1.5 / 80, 2.5 / 60, 2])
    assert values[1:5] == pytest.approx([3.5 / 80, 4.5 / 60, 5 / 80, 5 / 60])


def test_cvat_masks_and_skeletons_have_the_attributes_that_cvat_asks_for(project, tmp_path):
    from xml.etree import ElementTree as ET

    root = ET.parse(exported(project, "cvat", tmp_path)).getroot()
    kinds = {label.findtext("name"): label.findtext("type") for label in root.iter("label")}
    assert kinds == {"wing": "mask", "body": "mask", "bird": "skeleton"} | dict.fromkeys(NAMES, "points")
    image = root.find("image")
    assert image.attrib == {"id": "0", "name": "a.jpg", "width": "80", "height": "60"}
    mask = image.find("mask")
    counts = [int(word) for word in mask.get("rle").split(",")]
    assert sum(counts) == int(mask.get("width")) * int(mask.get("height"))
    points = {point.get("label"): point for point in image.find("skeleton")}
    assert points["nose"].get("points") == "10.500000,12.000000"
    assert (points["ear"].get("occluded"), points["tail"].get("outside")) == ("1", "1")


def labelme_loads(path):
    """LabelMe's rules for a file (its loader needs PyQt5, which cannot be installed beside the window's own Qt).

    Version 6.3: the image is found from the JSON and has the size it says; a shape has a label, points of two numbers
    each, a type, flags that are true or false, a whole number or nothing as its group, and a mask that is a PNG in
    base64. `labelme_export_json` and its relatives place that mask at the box's corners, both counted in.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    with Image.open(path.parent / data["imagePath"]) as image:
        assert (data["imageHeight"], data["imageWidth"]) == image.size[::-1]
    assert data["imageData"] is None
    assert isinstance(data["version"], str)
    for shape in data["shapes"]:
        assert isinstance(shape["label"], str)
        assert shape["points"]
        assert all(len(point) == 2 and all(isinstance(xy, int | float) for xy in point) for point in shape["points"])
        assert shape["shape_type"] in ("mask", "polygon", "point", "rectangle")
        assert all(isinstance(key, str) and isinstance(flag, bool) for key, flag in shape["flags"].items())
        assert shape["group_id"] is None or isinstance(shape["group_id"], int)
        assert isinstance(shape["description"], str)
        assert (shape["mask"] is not None) == (shape["shape_type"] == "mask")
    return data["shapes"]


@pytest.mark.parametrize(("number", "name"), [(1, "a"), (2, "b")])
def test_labelmes_rules_give_the_masks_and_points_back(project, tmp_path, number, name):
    shapes = labelme_loads(exported(project, "labelme", tmp_path) / f"{name}.json")
    labels = np.zeros(HW, np.uint8)
    for shape in shapes:
        if shape["shape_type"] == "mask":
            (left, top), (right, bottom) = shape["points"]
            with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as picture:
                mask = np.asarray(picture).astype(bool)
            labels[top : bottom + 1, left : right + 1][mask] = 1 if shape["label"] == "wing" else 2
    assert np.array_equal(labels, project.label_map(number).labels)
    points = [shape for shape in shapes if shape["shape_type"] == "point"]
    assert {shape["label"] for shape in points} <= set(NAMES)
    assert len({shape["group_id"] for shape in points}) == len(project.keypoints(number))


def test_labelmes_rules_hold_for_polygons(project, tmp_path):
    shapes = labelme_loads(exported(project, "labelme", tmp_path, polygons=True) / "a.json")
    assert {shape["shape_type"] for shape in shapes} == {"polygon", "point", "rectangle"}
