"""Leave-one-out over confirmed images: what counts, what is left out, and what it says."""

import dataclasses
import functools
import json

import numpy as np
import pytest

from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.evaluate.keypoint_quality import KeypointQuality, leave_one_out
from counterpart.core.evaluate.keypoints import read_groups
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer import TransferParams
from counterpart.core.transfer.encode import encode_views
from tests.core.backbone_tiny import install_tiny
from tests.core.evaluate.test_keypoints import NAMES, coco

PARAMS = TransferParams(tap=Tap(0, "token"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        name = install_tiny(patch, tmp_path_factory.mktemp("models"))
        yield load_encoder(plan_encoder(name, "cpu", "float32"))


def measure(encoder, items, skeleton, ctx=None, **how):
    spec = encoder.spec([Tap(0, "token")], 4, None, False)
    cache = FeatureCache(None)

    def encode(stage):
        return functools.partial(encode_views, spec=spec, encoder=lambda: encoder, cache=cache, ctx=stage)

    return leave_one_out(items, skeleton, PARAMS, encode, ctx or silent(), **how)


@pytest.fixture
def group(tmp_path):
    return read_groups(coco(tmp_path, 4), None, silent())[0]


def test_every_instance_is_predicted_and_every_keypoint_has_a_figure(encoder, group):
    quality = measure(encoder, group.instances, group.skeleton, boxes=True)
    assert quality.instances == 4
    assert quality.names == tuple(NAMES)
    np.testing.assert_array_equal(quality.count, 4)
    assert quality.overall > 0.9
    np.testing.assert_allclose(quality.pck.mean(), quality.overall)
    # Boxes and points moved along together: the trivial baseline is perfect here, and says so.
    assert quality.overall_baseline == 1.0
    plain = json.loads(json.dumps(quality.as_dict()))
    assert [row["name"] for row in plain["keypoints"]] == NAMES
    assert plain["points"] == 16


def test_a_keypoint_that_nobody_shows_has_no_figure_rather_than_a_zero(encoder, group):
    items = [dataclasses.replace(i, visible=np.array([True, True, True, False])) for i in group.instances]
    quality = measure(encoder, items, group.skeleton)
    np.testing.assert_array_equal(quality.count, [4, 4, 4, 0])
    assert np.isnan(quality.pck[3])
    assert np.isnan(quality.score[3])
    assert quality.as_dict()["keypoints"][3]["pck@0.1"] is None


def test_another_instance_of_the_same_image_is_no_template(encoder, group):
    first, second = group.instances[:2]
    with pytest.raises(UsageError, match="no two images"):
        measure(encoder, [first, first], group.skeleton)
    # The nose is known from the same image alone: it does not count.
    blind = dataclasses.replace(second, visible=np.array([True, True, False, True]))
    quality = measure(encoder, [first, first, blind], group.skeleton)
    np.testing.assert_array_equal(quality.count, [3, 3, 0, 3])


def test_an_unusable_image_is_left_out_and_recorded_once(encoder, group, tmp_path):
    (tmp_path / "1.png").write_bytes(b"")
    ctx = silent()
    quality = measure(encoder, group.instances, group.skeleton, ctx)
    assert quality.instances == 3
    assert [error.path.name for error in ctx.failures] == ["1.png"]


def test_nothing_to_compare_is_an_error_that_says_what_to_do(encoder, group):
    empty = [dataclasses.replace(item, visible=np.zeros(4, bool)) for item in group.instances]
    for items in ([], group.instances[:1], empty):
        with pytest.raises(UsageError, match="no two images") as caught:
            measure(encoder, items, group.skeleton)
        assert "Confirm" in caught.value.hint


def test_few_points_keep_the_built_in_calibration_and_many_make_their_own(encoder, group):
    quality = measure(encoder, group.instances, group.skeleton)
    assert quality.calibration() is None
    many = type(quality.outcomes).join([quality.outcomes] * 20)
    own = KeypointQuality.of(quality.names, many, 4).calibration()
    assert own is not None
    assert abs(own.chance(many.cues).mean() - (many.error <= 0.1).mean()) < 0.1


def test_cancelling_stops_it(encoder, group):
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        measure(encoder, group.instances, Skeleton(tuple(NAMES)), JobContext(token=token))
