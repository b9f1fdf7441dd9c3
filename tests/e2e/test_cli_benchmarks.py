"""`counterpart evaluate davis|celeba|spair|cosegmentation` on small sets laid out as the official ones are."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main

pytestmark = pytest.mark.usefixtures("focus_model")
SMALL = ("--size", "224", "--stride", "14")


@pytest.fixture(autouse=True)
def _one_cache(tmp_path_factory, monkeypatch):
    """Features of these photographs are computed once for all tests."""
    monkeypatch.setenv("COUNTERPART_CACHE", str(tmp_path_factory.getbasetemp() / "benchmark-features"))


def run(capsys, *args):
    code = main(["evaluate", *(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


# DAVIS --------------------------------------------------


@pytest.fixture
def davis(shared_data, tmp_path):
    """Two sequences of five frames, halved; one has a second object painted into its masks."""
    root = tmp_path / "DAVIS"
    for name in ("blackswan", "libby"):
        for index, source in enumerate((0, 3, 6, 9, 12)):
            for kind, folder, suffix in (("JPEGImages", "JPEGImages", "jpg"), ("Annotations", "Annotations", "png")):
                target = root / kind / "480p" / name / f"{index:05d}.{suffix}"
                target.parent.mkdir(parents=True, exist_ok=True)
                with Image.open(shared_data / "davis-dev" / folder / name / f"{source:05d}.{suffix}") as image:
                    if kind == "JPEGImages":
                        image.resize((428, 240)).save(target, quality=95)
                        continue
                    mask = np.asarray(image.convert("L").resize((428, 240), Image.Resampling.NEAREST)) > 127
                values = mask.astype(np.uint8)
                if name == "blackswan":
                    cols = np.flatnonzero(mask.any(axis=0))
                    values[:, (cols[0] + cols[-1]) // 2 :] *= 2
                image = Image.fromarray(values)
                image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
                image.save(target)
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("blackswan\nlibby\n")
    return root


def test_davis_gives_a_row_for_each_sequence_beside_the_published_ones(davis, tmp_path, capsys):
    code, report = run(capsys, "davis", "--root", davis, "--split", "val", "--out", tmp_path / "out", *SMALL)
    assert code == 0, report
    table = report["table"]
    assert set(table["categories"]) == {"blackswan", "libby"}
    assert table["published"]["paper, dino_vits8, stride 4"]["J&F"] == 72.2
    result = table["result"]
    assert 50 < result["J"] <= 100
    assert result["J&F"] == pytest.approx((result["J"] + result["F"]) / 2, abs=1e-3)
    # Two objects in one sequence, one in the other: the mean is over objects.
    j = {name: row["J"] for name, row in table["categories"].items()}
    assert result["J"] == pytest.approx((2 * j["blackswan"] + j["libby"]) / 3, abs=1e-3)
    assert "DAVIS-2017" in table["title"]
    assert json.loads((tmp_path / "out" / "table.json").read_text())["result"] == result
    assert "| **mean over objects** |" in (tmp_path / "out" / "table.md").read_text()


def test_davis_2016_has_one_object_whatever_the_label(davis, capsys):
    code, report = run(capsys, "davis", "--root", davis, "--year", "2016", "--category", "blackswan", *SMALL)
    assert code == 0
    assert "DAVIS-2016" in report["table"]["title"]
    assert list(report["table"]["categories"]) == ["blackswan"]


def test_a_rerun_measures_only_what_is_missing_and_other_parameters_start_anew(davis, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    broken = davis / "JPEGImages" / "480p" / "libby" / "00002.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:300])
    code, first = run(capsys, "davis", "--root", davis, "--out", out, *SMALL)
    assert code == 1
    assert [item["file"] for item in first["failed"]] == [str(broken)]
    assert list(first["table"]["categories"]) == ["blackswan"]
    assert any("does not compare" in note for note in first["table"]["notes"])

    broken.write_bytes(whole)
    with (out / "state.jsonl").open("a") as file:
        file.write('{"item": "libby", "resu')  # killed while writing
    measured = []
    from counterpart.core.pipeline.evaluate.benchmarks import davis as runner

    original = runner._measure
    monkeypatch.setattr(runner, "_measure", lambda *a, **k: measured.append(a[1].name) or original(*a, **k))
    code, second = run(capsys, "davis", "--root", davis, "--out", out, *SMALL)
    assert code == 0
    assert measured == ["libby"]
    assert second["table"]["categories"]["blackswan"] == first["table"]["categories"]["blackswan"]

    code, third = run(capsys, "davis", "--root", davis, "--out", out, "--limit", "1", *SMALL, "--layer", "9")
    assert code == 0
    assert measured == ["libby", "blackswan"]
    assert any("parameters have changed" in text for text in third["warnings"])


def test_a_mask_that_is_missing_or_of_another_size_is_named_and_the_other_sequences_are_done(davis, capsys):
    missing = davis / "Annotations" / "480p" / "libby" / "00002.png"
    missing.unlink()
    code, report = run(capsys, "davis", "--root", davis, *SMALL)
    assert code == 1
    assert "frame 2 of 'libby' has no mask" in report["failed"][0]["error"]
    assert list(report["table"]["categories"]) == ["blackswan"]
    Image.new("L", (20, 10), 1).save(davis / "Annotations" / "480p" / "blackswan" / "00000.png")
    code, report = run(capsys, "davis", "--root", davis, *SMALL)
    assert code == 1
    assert "20 x 10" in report["failed"][0]["error"]
    assert "nothing could be measured" in report["error"]["error"]


# Label maps on disk --------------------------------------------------


def test_label_maps_on_disk_are_scored_as_davis_does(davis, tmp_path, capsys):
    truth, found = davis / "Annotations" / "480p", tmp_path / "found"
    shutil.copytree(truth, found)
    code, report = run(capsys, "video", found, truth)
    assert code == 0
    assert report["table"]["result"] == {"J&F": 100, "J": 100, "F": 100, "J recall": 100, "J decay": 0}
    with Image.open(truth / "libby" / "00002.png") as image:
        half = np.asarray(image).copy()
    rows = np.flatnonzero(half.any(axis=1))
    half[: (rows[0] + rows[-1]) // 2] = 0
    Image.fromarray(half).save(found / "libby" / "00002.png")
    code, report = run(capsys, "video", found / "libby", truth / "libby")
    scored = report["table"]["categories"]["libby"]
    with Image.open(truth / "libby" / "00002.png") as image:
        whole = np.asarray(image) > 0
    assert scored["J"] == pytest.approx((200 + 100 * (half > 0).sum() / whole.sum()) / 3, abs=1e-3)


def test_a_sequence_or_frame_that_was_not_predicted_is_named(davis, tmp_path, capsys):
    truth, found = davis / "Annotations" / "480p", tmp_path / "found"
    shutil.copytree(truth / "libby", found / "libby")
    code, report = run(capsys, "video", found, truth)
    assert code == 1
    assert "'blackswan' was not predicted" in report["failed"][0]["error"]
    assert list(report["table"]["categories"]) == ["libby"]
    (found / "libby" / "00003.png").unlink()
    code, report = run(capsys, "video", found / "libby", truth / "libby")
    assert code == 1
    assert report["failed"][0]["file"].endswith("00003.png")
    code, report = run(capsys, "video", tmp_path / "found", tmp_path / "found" / "nothing")
    assert code == 1
    assert "no such folder" in report["error"]["error"]


# SPair-71k --------------------------------------------------


@pytest.fixture
def spair(shared_data, tmp_path):
    """Three pairs of dogs and one of cats."""
    root = tmp_path / "SPair-71k"
    data = json.loads((shared_data / "animalpose-voc-dev" / "keypoints.json").read_text())
    by_class = defaultdict(list)
    for entry in data["images"]:
        by_class[entry["cls"]].append(entry)
    lines = []
    for category, count in (("dog", 3), ("cat", 1)):
        items = by_class[category]
        for number in range(count):
            a, b = items[number], items[number + 1]
            stems = [entry["file"].removesuffix(".jpg") for entry in (a, b)]
            line = f"{len(lines):06d}-{stems[0]}-{stems[1]}:{category}"
            shared = [k for k in range(20) if a["keypoints"][k][2] and b["keypoints"][k][2]]
            pair = {
                "src_imname": a["file"],
                "trg_imname": b["file"],
                "src_bndbox": a["bbox_xyxy_as_in_source"],
                "trg_bndbox": b["bbox_xyxy_as_in_source"],
                "src_kps": [a["keypoints"][k][:2] for k in shared],
                "trg_kps": [b["keypoints"][k][:2] for k in shared],
                "kps_ids": [str(k) for k in shared],
                "category": category,
            }
            place = root / "PairAnnotation" / "test" / f"{line}.json"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(pair))
            lines.append(line)
            (root / "JPEGImages" / category).mkdir(parents=True, exist_ok=True)
            for entry in (a, b):
                shutil.copy(
                    shared_data / "animalpose-voc-dev" / "images" / entry["file"], root / "JPEGImages" / category
                )
    (root / "Layout" / "large").mkdir(parents=True)
    (root / "Layout" / "large" / "test.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("way", [(), ("--paper", "--bin", "1", "--facet", "token")])
def test_spair_gives_pck_by_category(spair, capsys, way):
    code, report = run(capsys, "spair", "--root", spair, *SMALL, *way)
    assert code == 0, report
    table = report["table"]
    assert set(table["categories"]) == {"cat", "dog"}
    assert table["categories"]["dog"]["paper"] == 65.0
    assert table["published"]["CATs (supervised)"]["paper"] == 61.0
    assert 0 <= table["result"]["PCK@0.05"] <= table["result"]["PCK@0.1"] <= 100
    assert table["result"]["PCK@0.1"] > 0
    assert "4 pairs" in table["notes"][0]


def test_a_damaged_pair_and_a_missing_image_are_named_and_the_others_are_measured(spair, capsys):
    first, second = sorted((spair / "PairAnnotation" / "test").glob("*dog.json"))[:2]
    first.write_text('{"src_kps": [[1, 2]')
    second.unlink()
    code, report = run(capsys, "spair", "--root", spair, "--category", "dog", *SMALL)
    assert code == 1
    assert [item["file"] for item in report["failed"]] == [str(first), str(second)]
    assert "1 pair." in report["table"]["notes"][0]
    code, report = run(capsys, "spair", "--root", spair, "--category", "zebra", *SMALL)
    assert code == 2
    assert "cat, dog" in report["error"]["hint"]


# CelebA --------------------------------------------------


@pytest.fixture
def celeba(shared_data, tmp_path):
    """Fourteen faces as photographs in the wild, one of them small in its box list."""
    root = tmp_path / "CelebA"
    (root / "Img" / "img_celeba").mkdir(parents=True)
    (root / "Anno").mkdir()
    (root / "MAFL").mkdir()
    data = json.loads((shared_data / "celebamask-dev" / "derived_landmarks.json").read_text())
    names = data["landmark_names"]
    order = [
        names.index(name)
        for name in (
            "r_eye_centre",
            "l_eye_centre",
            "nose_centroid",
            "mouth_image_left_corner",
            "mouth_image_right_corner",
        )
    ]
    rows, boxes, files = [], [], []
    for entry in data["images"]:
        xy = [entry["landmarks"][index] for index in order]
        if any(place is None for place in xy) or xy[0][0] > xy[1][0] or len(files) == 15:
            continue
        name = f"{len(files) + 1:06d}.jpg"
        shutil.copy(shared_data / "celebamask-dev" / "images" / entry["file"], root / "Img" / "img_celeba" / name)
        rows.append(f"{name} " + " ".join(f"{round(v)}" for place in xy for v in place))
        boxes.append(f"{name} 50 50 {40 if len(files) == 14 else 400} 400")
        files.append(name)
    heads = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    (root / "Anno" / "list_landmarks_celeba.txt").write_text("\n".join([str(len(rows)), heads, *rows]) + "\n")
    (root / "Anno" / "list_bbox_celeba.txt").write_text("\n".join([str(len(boxes)), "image_id x_1 y_1 w h", *boxes]))
    (root / "MAFL" / "training.txt").write_text("\n".join(files[:10]))
    (root / "MAFL" / "testing.txt").write_text("\n".join([*files[10:], "999999.jpg"]))
    return root


def test_celeba_learns_on_one_list_and_measures_on_the_other(celeba, tmp_path, capsys):
    args = ("celeba", "--root", celeba, "--parts", "3,4", "--out", tmp_path / "out", *SMALL)
    code, report = run(capsys, *args)
    assert code == 1, report
    assert "999999.jpg" in report["failed"][0]["error"]
    table = report["table"]
    assert table["columns"] == ["k = 3", "k = 4"]
    assert set(table["categories"]) == {"lefteye", "righteye", "nose", "leftmouth", "rightmouth"}
    assert 0 < table["result"]["k = 4"] < 25
    assert table["published"]["paper, dino_vits8"] == {"k = 3": None, "k = 4": 11.36}
    assert "10 labelled faces, 4 measured" in table["notes"][0]
    assert "photograph: 1." in table["notes"][1]
    before = (tmp_path / "out" / "state.jsonl").read_text()
    code, again = run(capsys, *args)
    assert again["table"] == table
    assert (tmp_path / "out" / "state.jsonl").read_text() == before


def test_celeba_without_landmarks_says_what_was_expected_and_found(celeba, capsys):
    (celeba / "Anno" / "list_landmarks_celeba.txt").unlink()
    code, report = run(capsys, "celeba", "--root", celeba, *SMALL)
    assert code == 1
    assert "expected img_celeba/" in report["error"]["error"]
    assert "found Anno/, Img/, MAFL/" in report["error"]["error"]


# Co-segmentation --------------------------------------------------


@pytest.fixture
def msrc(shared_data, tmp_path):
    """Two sets in folders of their own, masks below them."""
    root = tmp_path / "ObjectDiscovery" / "MSRC"
    source = shared_data / "msrc-coseg-dev"
    for name in ("cow", "sheep"):
        (root / name / "GroundTruth").mkdir(parents=True)
        for path in sorted((source / "images" / name).iterdir())[:4]:
            shutil.copy(path, root / name)
            shutil.copy(source / "masks" / name / f"{path.stem}.png", root / name / "GroundTruth")
    return root


def test_sets_in_folders_with_their_masks_below_are_measured(msrc, tmp_path, capsys):
    code, report = run(capsys, "cosegmentation", "--root", msrc, *SMALL)
    assert code == 0, report
    table = report["table"]
    assert set(table["categories"]) == {"cow", "sheep"}
    assert table["result"]["J"] > 50
    assert table["published"]["paper, dino_vits8, stride 4"]["J"] == 86.7  # the folder is called MSRC
    assert report["mean"]["j"] == pytest.approx(table["result"]["J"] / 100, abs=1e-4)
    assert len(report["sets"]["cow"]["images"]) == 4
    code, report = run(capsys, "cosegmentation", msrc, "--dataset", "pascal-co", "--category", "cow", *SMALL)
    assert code == 0
    assert report["table"]["published"]["paper, dino_vits8, stride 8"]["J"] == 71.5


def test_images_and_masks_without_folders_are_one_set(msrc, tmp_path, capsys):
    (msrc / "cow" / "GroundTruth").rename(tmp_path / "masks")
    (msrc / "cow").rename(tmp_path / "images")
    code, report = run(capsys, "cosegmentation", "--root", tmp_path, "--limit", "2", *SMALL)
    assert code == 0, report
    assert list(report["sets"]) == [tmp_path.name]
    assert len(report["sets"][tmp_path.name]["images"]) == 2


def test_an_image_without_a_mask_and_a_damaged_one_are_named(msrc, capsys):
    masks = sorted((msrc / "cow" / "GroundTruth").iterdir())
    masks[0].unlink()
    damaged = sorted((msrc / "sheep").glob("*.png"))[1]
    damaged.write_bytes(damaged.read_bytes()[:200])
    code, report = run(capsys, "cosegmentation", "--root", msrc, *SMALL)
    assert code == 1
    assert [item["file"].rsplit("/", 1)[-1] for item in report["failed"]] == [masks[0].name, damaged.name]
    assert len(report["sets"]["cow"]["images"]) == 3
    assert "sheep" not in report["sets"]


def test_pascal_voc_gives_a_set_for_each_class(shared_data, tmp_path, capsys):
    root, source = tmp_path / "VOC2012", shared_data / "animalpose-voc-dev"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    stems = []
    for category in ("horse", "sheep"):
        entries = json.loads((source / "keypoints.json").read_text())["images"]
        for entry in [e for e in entries if e["cls"] == category][:3]:
            stems.append(entry["file"].removesuffix(".jpg"))
            shutil.copy(source / "images" / entry["file"], root / "JPEGImages")
            shutil.copy(source / entry["mask"], root / "SegmentationClass")
    (root / "ImageSets" / "Segmentation" / "trainval.txt").write_text("\n".join([*stems, "2099_000001"]))
    code, report = run(capsys, "cosegmentation", "--root", root, "--category", "horse", "--category", "sheep", *SMALL)
    assert code == 1
    assert report["failed"][0]["file"].endswith("2099_000001.jpg")
    assert set(report["sets"]) == {"horse", "sheep"}
    assert report["dataset"] == "pascal-voc"
    assert report["mean"]["j"] > 0.4


@pytest.mark.parametrize("kind", ["davis", "spair", "celeba", "cosegmentation"])
def test_a_folder_that_is_not_the_data_set_says_what_was_expected_and_found(tmp_path, capsys, kind):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "notes.txt").write_text("nothing")
    code, report = run(capsys, kind, "--root", tmp_path, *SMALL)
    assert code == 1
    message = f"{report['error']['error']} {report['error']['hint']}"
    assert {"davis": "JPEGImages", "spair": "PairAnnotation", "celeba": "img_celeba"}.get(
        kind, "GroundTruth"
    ) in message
    assert "holiday/" in message


def test_tables_are_printed_as_text_markdown_and_json(msrc, tmp_path, capsys):
    args = ["evaluate", "cosegmentation", "--root", str(msrc), "--out", str(tmp_path / "out"), "--quiet", *SMALL]
    printed = {}
    for kind in ("text", "markdown", "json"):
        assert main([*args, "--format", kind]) == 0
        printed[kind] = capsys.readouterr().out
    assert "mean over sets" in printed["text"]
    assert "| **mean over sets** |" in printed["markdown"]
    assert "| paper, dino_vits8, stride 4 | 86.7 | 96.5 | – | – |" in printed["markdown"]
    assert json.loads(printed["json"])["published"]["paper, dino_vits8, stride 4"]["P"] == 96.5
