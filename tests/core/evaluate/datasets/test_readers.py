"""Data sets in their official layouts: what is read, and what is told where one is not as it should be."""

import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import ProtocolError, UsageError
from counterpart.core.evaluate.datasets import find_layout, list_spair, read_celeba, read_spair_pair
from counterpart.core.evaluate.video import davis_sequences
from counterpart.core.jobs import silent


def picture(path, size=(40, 30), value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).convert("RGB").save(path)


def celeba(root, images, landmarks, rows=6, separator=" "):
    for number in range(rows):
        picture(root / images / f"{number:06d}.jpg")
    lines = [
        separator.join([f"{n:06d}.jpg", *["10", "12", "20", "12", "15", "16", "11", "20", "19", "20"]])
        for n in range(rows)
    ]
    (root / landmarks).parent.mkdir(parents=True, exist_ok=True)
    (root / landmarks).write_text("\n".join(["6", "lefteye_x lefteye_y", *lines]))


def test_aligned_celeba_is_read_by_its_partition_and_from_tables_with_commas(tmp_path):
    celeba(tmp_path, "img_align_celeba/img_align_celeba", "list_landmarks_align_celeba.csv", separator=",")
    (tmp_path / "Eval").mkdir()
    (tmp_path / "Eval" / "list_eval_partition.txt").write_text(
        "\n".join(f"{n:06d}.jpg {mark}" for n, mark in enumerate("000122"))
    )
    faces = read_celeba(tmp_path, silent())
    assert faces.aligned
    assert faces.split == "CelebA's partition"
    assert [face.name for face in faces.train] == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert [face.name for face in faces.test] == ["000004.jpg", "000005.jpg"]
    np.testing.assert_array_equal(faces.test[0].xy[2], [15, 16])


def test_a_landmark_list_without_rows_and_a_damaged_face_are_named(tmp_path):
    celeba(tmp_path, "Img/img_celeba", "Anno/list_landmarks_celeba.txt")
    for name, chosen in (("training", range(3)), ("testing", range(3, 6))):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{n:06d}.jpg" for n in chosen))
    (tmp_path / "Img" / "img_celeba" / "000004.jpg").write_bytes(b"no picture")
    ctx = silent()
    faces = read_celeba(tmp_path, ctx, limit=2)
    assert [face.name for face in faces.train] == ["000000.jpg", "000001.jpg"]
    assert [face.name for face in faces.test] == ["000003.jpg", "000005.jpg"]
    assert [error.path.name for error in ctx.failures] == ["000004.jpg"]
    assert "list_bbox_celeba" in ctx.warnings[0]
    (tmp_path / "Anno" / "list_landmarks_celeba.txt").write_text("6\nnothing here\n")
    with pytest.raises(ProtocolError, match="no rows of a name and 10 numbers"):
        read_celeba(tmp_path, silent())


def spair(root, line="000001-a-b:cat", written="000001-a-b:cat", **changes):
    for name in "ab":
        picture(root / "JPEGImages" / "cat" / f"{name}.jpg")
    pair = {
        "src_imname": "a.jpg", "trg_imname": "b.jpg", "src_bndbox": [1, 2, 21, 12], "trg_bndbox": [0, 0, 10, 20],
        "src_kps": [[3, 4]], "trg_kps": [[5, 6]], "kps_ids": ["7"], **changes,
    }  # fmt: skip
    for folder in ("PairAnnotation/test", "Layout/large"):
        (root / folder).mkdir(parents=True)
    (root / "PairAnnotation" / "test" / f"{written}.json").write_text(json.dumps(pair))
    (root / "Layout" / "large" / "test.txt").write_text(line + "\n")
    return root


@pytest.mark.parametrize("written", ["000001-a-b:cat", "000001-a-b_cat"])
def test_a_pair_is_read_whatever_became_of_the_colon_in_its_name(tmp_path, written):
    root = spair(tmp_path, written=written)
    assert list_spair(root) == [("000001-a-b:cat", "cat")]
    pair = read_spair_pair(root, "000001-a-b:cat")
    assert (pair.ids, pair.source_box, pair.target_box) == (("7",), (1, 2, 20, 10), (0, 0, 10, 20))
    np.testing.assert_array_equal(pair.target_xy, [[5, 6]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trg_kps": [[5, 6], [7, 8]]}, "1 and 2 points for 1 keypoints"),
        ({"src_bndbox": "none"}, "src_bndbox"),
        ({"trg_imname": "c.jpg"}, "image of a pair is missing"),
    ],
)
def test_a_pair_that_is_not_what_it_should_be_is_named(tmp_path, changes, message):
    with pytest.raises(ProtocolError, match=message):
        read_spair_pair(spair(tmp_path, **changes), "000001-a-b:cat")


def test_an_empty_list_of_pairs_says_what_was_expected(tmp_path):
    with pytest.raises(ProtocolError, match="no pairs"):
        list_spair(spair(tmp_path, line="nothing"))


def test_sets_lie_as_deep_as_data_sets_go_and_masks_may_be_named_gt(tmp_path):
    for name in ("Airplane100", "Car100"):
        picture(tmp_path / "Data" / name / "0001.jpg")
        picture(tmp_path / "Data" / name / "GroundTruth" / "0001_GT.bmp", value=255)
    layout = find_layout(tmp_path / "Data", silent())
    assert layout.dataset == "internet300"
    assert [one.name for one in layout.sets] == ["Airplane100", "Car100"]
    assert [one.name for one in find_layout(tmp_path, silent()).sets] == ["Data/Airplane100", "Data/Car100"]
    with pytest.raises(UsageError, match="no set 'Boat100'"):
        find_layout(tmp_path / "Data", silent(), ["Boat100"])


def test_a_sequence_without_its_first_mask_is_a_failure_of_its_own(tmp_path):
    for name in ("bear", "cat"):
        for index in range(3):
            picture(tmp_path / "JPEGImages" / "480p" / name / f"{index:05d}.jpg")
            picture(tmp_path / "Annotations" / "480p" / name / f"{index:05d}.png")
    (tmp_path / "Annotations" / "480p" / "bear" / "00000.png").unlink()
    ctx = silent()
    assert [one.name for one in davis_sequences(tmp_path, ctx=ctx)] == ["cat"]
    assert "first frame of 'bear' has no mask" in ctx.failures[0].what
