import dataclasses

import numpy as np
import pytest

from counterpart.core.errors import JobCancelledError
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.transfer import TransferParams
from counterpart.core.transfer.bank import TemplateBank
from counterpart.core.transfer.checking import check_points
from counterpart.core.transfer.placing import expected_places
from tests.core.transfer_scenes import CELL, SKELETON, TAP, TWIN, template

PARAMS = TransferParams(tap=TAP)
PLACES = [(6, 5), (9, 8), (4, 7), (8, 3), (10, 6), (5, 9)]


def confirmed(**changes):
    """Six instances that agree, with points of the third one changed: keypoint name to image xy."""
    instances = [template(nose=nose, seed=s, noise=0.4) for s, nose in enumerate(PLACES)]
    xy = instances[2].xy.copy()
    for name, place in changes.items():
        xy[SKELETON.names.index(name)] = place
    instances[2] = dataclasses.replace(instances[2], xy=xy)
    return instances


def test_points_where_they_belong_are_not_suspected():
    found = check_points(confirmed(), SKELETON, PARAMS, silent())
    assert np.median(found.doubt) < 0.1
    assert not found.swapped.any()
    assert len(found.queue()) == 6 * len(SKELETON)


def test_a_slipped_point_heads_the_queue_with_its_place_suggested():
    right = confirmed()[2].xy[3]
    instances = confirmed(left_paw=right + np.array([6, -5]) * CELL)
    found = check_points(instances, SKELETON, PARAMS, silent())
    assert found.queue()[0] == (2, 3)
    assert np.linalg.norm(found.suggestion[2, 3] - right) < CELL


def test_twins_that_were_exchanged_head_the_queue_and_are_called_swapped():
    xy = confirmed()[2].xy
    instances = confirmed(left_hoof=xy[6], right_hoof=xy[5], left_eye=xy[2], right_eye=xy[1])
    found = check_points(instances, SKELETON, PARAMS, silent())
    assert set(found.queue()[:4]) == {(2, 1), (2, 2), (2, 5), (2, 6)}
    np.testing.assert_array_equal(np.argwhere(found.swapped), [(2, 1), (2, 2), (2, 5), (2, 6)])
    assert set(found.entries()[:2]) == {((2, 1), (2, 2)), ((2, 5), (2, 6))}
    assert found.doubt[2, 1] == pytest.approx(found.doubt[2, 2], rel=0.05)


def test_twins_that_look_alike_are_told_apart_by_where_the_rest_is():
    instances = [template(nose=nose, seed=s, noise=0.4, alike=1.0) for s, nose in enumerate(PLACES)]
    xy = instances[2].xy.copy()
    xy[[5, 6]] = xy[[6, 5]]
    instances[2] = dataclasses.replace(instances[2], xy=xy)
    found = check_points(instances, SKELETON, PARAMS, silent())
    assert found.entries()[0] == ((2, 5), (2, 6))
    np.testing.assert_array_equal(np.argwhere(found.swapped), [(2, 5), (2, 6)])


def test_points_that_are_not_there_are_not_checked():
    instances = confirmed()
    visible = instances[1].visible.copy()
    visible[[0, 4]] = False
    instances[1] = dataclasses.replace(instances[1], visible=visible)
    found = check_points(instances, SKELETON, PARAMS, silent())
    assert np.isnan(found.suggestion[1, [0, 4]]).all()
    assert found.doubt[1, [0, 4]].max() == 0
    assert (1, 0) not in found.queue()


def test_too_few_instances_say_nothing():
    assert check_points([], SKELETON, PARAMS, silent()).queue() == []
    assert check_points(confirmed()[:1], SKELETON, PARAMS, silent()).queue() == []


def test_the_other_points_predict_a_place_despite_one_that_is_wrong():
    instances = confirmed(tail=(10.0, 140.0))
    bank = TemplateBank([item for i, item in enumerate(instances) if i != 2], TWIN, PARAMS)
    places = expected_places(instances[2].xy, instances[2].visible, bank, 12 * CELL)
    for k in (1, 3, 7):
        best = places.weight[:, k].argmax()
        truth = confirmed()[2].xy[k]
        assert np.linalg.norm(places.xy[best, k] - truth) < 1.5 * CELL


def test_cancelling_stops_the_check():
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        check_points(confirmed(), SKELETON, PARAMS, JobContext(token=token))
