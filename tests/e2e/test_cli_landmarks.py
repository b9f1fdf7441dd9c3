"""`counterpart landmarks fit` and `predict` on photographs of faces, with the embedded backbone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from counterpart.core.cli import main
from counterpart.core.landmarks import LandmarkPredictor

pytestmark = pytest.mark.usefixtures("focus_model")
SMALL = ("--size", "224", "--stride", "14")
LABELLED, NEW = 10, 4


def run(capsys, *args):
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def faces(shared_data):
    """Names and (N, L, 2) true places of faces that show every landmark, and the landmarks' names."""
    data = json.loads((shared_data / "celebamask-dev" / "derived_landmarks.json").read_text())
    whole = [entry for entry in data["images"] if all(entry["landmarks"])]
    # In a few of these photographs left and right are named the other way round.
    eyes = data["landmark_names"].index("l_eye_centre"), data["landmark_names"].index("r_eye_centre")
    whole = [e for e in whole if e["landmarks"][eyes[0]][0] > e["landmarks"][eyes[1]][0]][: LABELLED + NEW]
    places = np.array([entry["landmarks"] for entry in whole], float)
    return shared_data / "celebamask-dev" / "images", [e["file"] for e in whole], places, data["landmark_names"], eyes


def write_coco(path, names, places, landmarks):
    data = {
        "images": [{"id": i, "file_name": name, "width": 512, "height": 512} for i, name in enumerate(names)],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "keypoints": np.concatenate([xy, np.full((len(xy), 1), 2)], axis=1).ravel().tolist(),
            }
            for i, xy in enumerate(places)
        ],
        "categories": [{"id": 1, "name": "face", "keypoints": landmarks, "skeleton": [[1, 4]]}],
    }
    path.write_text(json.dumps(data))
    return path


def test_landmarks_of_a_few_faces_are_found_in_new_ones(faces, tmp_path, capsys):
    folder, names, places, landmarks, eyes = faces
    coco = write_coco(tmp_path / "some.json", names[:LABELLED], places[:LABELLED], landmarks)
    given = [folder / name for name in names[:LABELLED]]
    model = tmp_path / "faces.safetensors"
    code, report = run(
        capsys, "landmarks", "fit", *given, coco, "--root", folder, "--parts", "4", "--out", model, *SMALL
    )
    assert code == 0, report
    assert report["labelled"] == LABELLED
    assert set(report["leave_one_out"]) == set(landmarks)
    assert max(report["leave_one_out"].values()) < 0.2
    assert LandmarkPredictor.load(model).skeleton.edges == ((0, 3),)

    new = [folder / name for name in names[LABELLED:]]
    out = tmp_path / "new.json"
    code, report = run(capsys, "landmarks", "predict", *new, "--landmarks-model", model, "--root", folder, "--out", out)
    assert code == 0, report
    assert report["images"] == NEW
    found = COCO(str(out))
    by_name = {image["file_name"]: image["id"] for image in found.dataset["images"]}
    errors = []
    for name, truth in zip(names[LABELLED:], places[LABELLED:], strict=True):
        (annotation,) = found.loadAnns(found.getAnnIds(by_name[name]))
        points = np.array(annotation["keypoints"], float).reshape(-1, 3)
        assert (points[:, 2] > 0).all()
        assert all(0 < score <= 1 for score in annotation["keypoint_scores"])
        errors.append(np.linalg.norm(points[:, :2] - truth, axis=1) / np.linalg.norm(truth[eyes[0]] - truth[eyes[1]]))
    assert np.mean(errors) < 0.1


def test_a_file_that_is_no_landmark_model_is_refused_before_the_backbone_is_loaded(faces, tmp_path, capsys):
    folder, names, *_ = faces
    model = tmp_path / "other.safetensors"
    model.write_bytes(b"no tensors here")
    code, report = run(
        capsys, "landmarks", "predict", folder / names[0], "--landmarks-model", model, "--out", tmp_path / "o.json"
    )
    assert code == 1
    assert report["error"]["file"] == str(model)
    assert "landmarks fit" in report["error"]["hint"]


def test_two_annotated_images_are_too_few(faces, tmp_path, capsys):
    folder, names, places, landmarks, _ = faces
    coco = write_coco(tmp_path / "two.json", names[:2], places[:2], landmarks)
    given = [folder / name for name in names[:LABELLED]]
    code, report = run(
        capsys, "landmarks", "fit", *given, coco, "--root", folder, "--parts", "4", "--out", tmp_path / "m", *SMALL
    )
    assert code == 2
    assert "at least 3" in report["error"]["hint"]
    assert not (tmp_path / "m").exists()


def test_the_error_is_measured_by_the_eyes_and_beside_the_trivial_baseline(faces, tmp_path, capsys):
    folder, names, places, landmarks, _ = faces
    coco = write_coco(tmp_path / "all.json", names, places, landmarks)
    code, report = run(
        capsys,
        *("evaluate", "landmarks", coco, "--root", folder, "--parts", "4", "--labelled", LABELLED, "--draws", "2"),
        *("--normalise", "l_eye_centre,r_eye_centre"),
        *SMALL,
    )
    assert code == 0, report
    assert report["normalised_by"] == ["l_eye_centre", "r_eye_centre"]
    assert report["images"] == LABELLED + NEW
    assert 0 < report["mean"] < 12
    assert report["mean"] == pytest.approx(np.mean(list(report["landmarks"].values())), abs=0.01)
    code, boxed = run(
        capsys,
        *("evaluate", "landmarks", coco, "--root", folder, "--parts", "4", "--labelled", LABELLED, "--draws", "2"),
        *("--normalise", "box"),
        *SMALL,
    )
    assert code == 0
    assert boxed["normalised_by"] == "box"
    assert boxed["mean"] < report["mean"]  # the box of all landmarks is larger than the distance of the eyes


def test_what_errors_are_measured_by_must_be_landmarks(faces, tmp_path, capsys):
    folder, names, places, landmarks, _ = faces
    coco = write_coco(tmp_path / "all.json", names, places, landmarks)
    code, report = run(capsys, "evaluate", "landmarks", coco, "--root", folder, "--normalise", "nose,tail")
    assert code == 2
    assert "nose_bottom" in report["error"]["hint"]
