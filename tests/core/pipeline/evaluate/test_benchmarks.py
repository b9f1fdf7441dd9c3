"""Tables, kept results, and the readers of official layouts."""

import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import ImageError, JobCancelledError, ProtocolError, UsageError
from counterpart.core.evaluate.datasets import find_layout, list_spair, read_celeba, read_spair_pair
from counterpart.core.evaluate.video import davis_sequences
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.pipeline.evaluate.benchmarks.items import ItemStore, run_items
from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan, mean_of
from counterpart.core.pipeline.evaluate.benchmarks.published import PUBLISHED
from counterpart.core.pipeline.evaluate.benchmarks.table import Row, Table

# Tables --------------------------------------------------

TABLE = Table(
    "Cats: a model",
    ("J", "P"),
    (Row("lion", (50.25, None)), Row("tiger", (70.0, 90.0))),
    Row("mean", (60.125, 90.0)),
    (Row("paper", (61.0, 91.5)),),
    ("Two cats.",),
)


def test_a_table_lines_up_its_columns_and_parts_the_mean_from_rows_and_literature():
    lines = TABLE.text().splitlines()
    assert lines[0] == "Cats: a model"
    assert lines[2].split() == ["lion", "50.2", "–"]
    assert {len(line) for line in lines[2:4]} == {len(lines[2])}
    assert [set(lines[4]), lines[5].split()[0], set(lines[6]), lines[7].split()[0]] == [{"-"}, "mean", {"-"}, "paper"]
    assert lines[-1] == "Two cats."


def test_a_table_as_markdown_has_one_width_and_a_bold_mean():
    rows = [line for line in TABLE.markdown().splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}
    assert "| **mean** | **60.1** | **90.0** |" in rows
    assert "| lion | 50.2 | – |" in rows


def test_a_table_as_json_has_no_nan():
    odd = Table("t", ("a",), (Row("x", (float("nan"),)),), Row("mean", (None,)))
    assert json.loads(odd.render("json"))["categories"] == {"x": {"a": None}}
    assert "–" in odd.text()


def test_published_rows_fit_their_columns():
    widths = {"davis-2017": 3, "davis-2016": 3, "celeba": 2, "spair": 1}
    for name, rows in PUBLISHED.items():
        assert all(len(row.values) == widths.get(name, 2) for row in rows), name
    assert PUBLISHED["pascal-voc"][0].values == (60.7, 88.2)
    assert PUBLISHED["internet300"][1].values == (73.8, 92.6)


def test_means_leave_out_what_is_missing():
    assert mean_of([(1.0, None), (3.0, None), (None, None)]) == (2.0, None)


# Kept results --------------------------------------------------


def measure(store, items, ctx=None, log=None):
    def work(item, part):
        if log is not None:
            log.append(item)
        if item == "bad":
            raise ImageError("it is damaged", path=item)
        return {"length": len(item)}

    return run_items(items, str, work, store, ctx or silent())


def test_results_are_kept_and_only_what_is_missing_is_measured(tmp_path):
    measure(ItemStore(tmp_path, {"a": 1}, silent()), ["one", "three"])
    log = []
    store = ItemStore(tmp_path, {"a": 1}, silent())
    assert store.resumed == 2
    assert measure(store, ["one", "two", "three"], log=log) == {
        "one": {"length": 3},
        "two": {"length": 3},
        "three": {"length": 5},
    }
    assert log == ["two"]


def test_other_parameters_start_anew_with_a_warning(tmp_path):
    measure(ItemStore(tmp_path, {"a": 1}, silent()), ["one"])
    ctx = silent()
    assert "one" not in ItemStore(tmp_path, {"a": 2}, ctx)
    assert "parameters have changed" in ctx.warnings[0]


@pytest.mark.parametrize("content", ["", "no json\n", '{"version": 1}\n', '[1]\n{"item": "one"}\n'])
def test_a_damaged_state_is_measured_anew_and_said_so(tmp_path, content):
    (tmp_path / "state.jsonl").write_text(content)
    ctx = silent()
    store = ItemStore(tmp_path, {"a": 1}, ctx)
    assert store.resumed == 0
    assert "damaged" in ctx.warnings[0]
    measure(store, ["one"])
    assert ItemStore(tmp_path, {"a": 1}, silent()).resumed == 1


def test_a_failed_item_is_named_and_tried_again_next_time(tmp_path):
    ctx, log = silent(), []
    assert list(measure(ItemStore(tmp_path, {}, silent()), ["one", "bad", "two"], ctx)) == ["one", "two"]
    assert [str(error.path) for error in ctx.failures] == ["bad"]
    measure(ItemStore(tmp_path, {}, silent()), ["one", "bad", "two"], log=log)
    assert log == ["bad"]
    with pytest.raises(ProtocolError, match="nothing could be measured"):
        measure(ItemStore(None, {}, silent()), ["bad"])


def test_images_that_were_named_one_by_one_are_not_named_again_as_a_whole():
    ctx = silent()

    def work(item, part):
        if item == "odd":
            part.fail(ImageError("it is damaged", path="1.jpg"))
            raise ImageError("none of the images can be used")
        return {}

    run_items(["even", "odd"], str, work, ItemStore(None, {}, ctx), ctx)
    assert [error.what for error in ctx.failures] == ["it is damaged"]


def test_what_was_measured_before_a_cancel_is_kept(tmp_path):
    token = CancelToken()
    ctx = JobContext(None, token)

    def work(item, part):
        if item == 2:
            token.cancel()
        part.check()
        return {"value": item}

    with pytest.raises(JobCancelledError):
        run_items([0, 1, 2, 3], str, work, ItemStore(tmp_path, {}, silent()), ctx)
    kept = ItemStore(tmp_path, {}, silent())
    assert [str(item) in kept for item in range(4)] == [True, True, False, False]


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(UsageError, match="measures nothing"):
        Plan(limit=0)


# Layouts --------------------------------------------------


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
