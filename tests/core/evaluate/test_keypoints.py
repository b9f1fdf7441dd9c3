"""Metrics of keypoint transfer on values known by hand, and the harness on images whose answer is known."""

import functools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.errors import FormatError, ImageError, ProtocolError, UsageError
from counterpart.core.evaluate.keypoints import (
    Annotated,
    auroc,
    box_copy,
    calibration_error,
    draw_templates,
    evaluate_group,
    pck,
    read_groups,
    reliability,
)
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import silent
from counterpart.core.transfer import TransferParams
from counterpart.core.transfer.encode import encode_views
from tests.core.backbone_tiny import install_tiny, photo

NAMES = ["left_a", "right_a", "nose", "tail"]
POINTS = [(20.0, 20.0), (44.0, 20.0), (30.0, 44.0), (60.0, 40.0)]


# ---------------------------------------------------------------------------------------------- metrics
def test_pck_counts_the_border_as_right():
    errors = np.array([0.05, 0.1, 0.1001, np.inf])
    assert pck(errors, 0.1) == 0.5
    assert pck(errors, 0.05) == 0.25
    assert np.isnan(pck(np.zeros(0)))


def test_auroc_of_a_perfect_a_useless_and_a_reversed_score():
    right = np.array([True, True, False, False])
    assert auroc(np.array([0.9, 0.8, 0.2, 0.1]), right) == 1.0
    assert auroc(np.array([0.5, 0.5, 0.5, 0.5]), right) == 0.5
    assert auroc(np.array([0.1, 0.2, 0.8, 0.9]), right) == 0.0
    assert np.isnan(auroc(np.ones(3), np.ones(3, bool)))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_the_share_of_pairs_in_the_right_order(items):
    score, right = np.array([s for s, _ in items]), np.array([r for _, r in items])
    if right.all() or not right.any():
        return
    difference = score[right][:, None] - score[~right][None]
    np.testing.assert_allclose(auroc(score, right), ((difference > 0) + 0.5 * (difference == 0)).mean())


def test_calibration_error_weighs_bins_by_their_points():
    score = np.array([0.95, 0.95, 0.95, 0.95, 0.15])
    right = np.array([True, True, True, False, False])
    np.testing.assert_allclose(calibration_error(score, right), (4 * 0.2 + 1 * 0.15) / 5)
    assert [count for *_, count in reliability(score, right)] == [1, 4]
    assert calibration_error(np.ones(4), np.ones(4, bool)) == 0.0  # a score of 1 belongs to the last bin


# ---------------------------------------------------------------------------------------------- protocol
@given(st.integers(2, 12), st.integers(1, 12), st.integers(0, 5))
def test_draws_leave_the_target_out_and_nest(count, templates, seed):
    drawn, more = draw_templates(count, templates, seed), draw_templates(count, templates + 1, seed)
    assert drawn == draw_templates(count, templates, seed)
    for target, chosen in enumerate(drawn):
        assert target not in chosen
        assert len(set(chosen)) == len(chosen) == min(templates, count - 1)
        assert more[target][: len(chosen)] == chosen


def instance(xy, box, visible=(True,) * 4):
    return Annotated(ImageRef(None, "x"), (100, 100), np.array(xy, float), np.array(visible), box)


def test_the_baseline_puts_points_at_the_same_place_of_the_box():
    source = instance(POINTS, (10, 10, 40, 20))
    aim = instance(POINTS, (110, 210, 80, 40))
    np.testing.assert_allclose(box_copy([source], aim), (np.array(POINTS) - 10) * 2 + [110, 210])
    hidden = instance(POINTS, (10, 10, 40, 20), (True, True, True, False))
    assert np.isnan(box_copy([hidden], aim)[3]).all()
    np.testing.assert_allclose(box_copy([hidden, source], aim), box_copy([source], aim))


# ---------------------------------------------------------------------------------------------- files
def coco(folder, count, *, missing=()):
    """A set of copies of one photograph, each moved by whole patches, with the points moved along."""
    images, annotations = [], []
    world = photo(120, 140, seed=3)
    for number in range(count):
        dx, dy = 8 * (number % 3), 8 * (number // 3)
        if number not in missing:
            Image.fromarray(np.ascontiguousarray(world[dy : dy + 72, dx : dx + 96])).save(folder / f"{number}.png")
        images.append({"id": number + 1, "file_name": f"{number}.png", "width": 96, "height": 72})
        flat = [value for x, y in POINTS for value in (x + 16 - dx, y + 16 - dy, 2)]
        box = [30 - dx, 30 - dy, 50, 34]
        annotations.append({"id": number + 1, "image_id": number + 1, "category_id": 1, "keypoints": flat, "bbox": box})
    category = {"id": 1, "name": "thing", "keypoints": NAMES, "skeleton": []}
    file = folder / "coco.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return file


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        name = install_tiny(patch, tmp_path_factory.mktemp("models"))
        yield load_encoder(plan_encoder(name, "cpu", "float32"))


def encoding(encoder, ctx):
    spec = encoder.spec([Tap(0, "token")], 4, None, False)
    return functools.partial(encode_views, spec=spec, encoder=lambda: encoder, cache=FeatureCache(None), ctx=ctx)


def test_groups_are_read_with_sizes_boxes_and_files(tmp_path):
    (group,) = read_groups(coco(tmp_path, 3), None, silent())
    assert group.skeleton.names == tuple(NAMES)
    assert [item.ref.path.name for item in group.instances] == ["0.png", "1.png", "2.png"]
    assert group.instances[0].image_hw == (72, 96)
    assert group.instances[1].size == 50
    np.testing.assert_allclose(group.instances[1].xy[0], [28, 36])


def test_a_missing_image_is_named_and_the_others_are_read(tmp_path):
    ctx = silent()
    (group,) = read_groups(coco(tmp_path, 4, missing={2}), None, ctx)
    assert len(group.instances) == 3
    assert [str(error.path) for error in ctx.failures] == ["2.png"]
    assert "--root" in ctx.failures[0].hint


def test_one_instance_is_not_enough(tmp_path):
    with pytest.raises(ProtocolError, match="two instances"):
        read_groups(coco(tmp_path, 1), None, silent())


def test_a_file_that_is_not_coco_is_an_error(tmp_path):
    file = tmp_path / "x.json"
    file.write_text("[]")
    with pytest.raises(FormatError):
        read_groups(file, None, silent())


@pytest.mark.parametrize("boxes", [False, True])
def test_points_of_moved_copies_are_found(encoder, tmp_path, boxes):
    (group,) = read_groups(coco(tmp_path, 4), None, silent())
    params = TransferParams(tap=Tap(0, "token"))
    ctx = silent()
    found = evaluate_group(group, 2, 1, params, encoding(encoder, ctx), ctx, boxes=boxes)
    assert len(found.error) == 4 * len(NAMES)
    assert pck(found.error, 0.1) > (0.9 if boxes else 0.25)  # random features hardly bear another scale
    report = found.report(group.skeleton.names)
    assert report["points"] == 16
    assert set(report["per_keypoint"]) == set(NAMES)
    assert (found.twin_error <= found.error).all()


def test_an_unusable_image_stops_the_evaluation_by_name(encoder, tmp_path):
    (group,) = read_groups(coco(tmp_path, 3), None, silent())
    (tmp_path / "1.png").write_bytes(b"")
    ctx = silent()
    with pytest.raises(ImageError, match=r"1\.png"):
        evaluate_group(group, 1, 1, TransferParams(), encoding(encoder, ctx), ctx)


def test_no_templates_are_refused(encoder, tmp_path):
    (group,) = read_groups(coco(tmp_path, 2), None, silent())
    with pytest.raises(UsageError, match="0 templates"):
        evaluate_group(group, 0, 1, TransferParams(), encoding(encoder, silent()), silent())
