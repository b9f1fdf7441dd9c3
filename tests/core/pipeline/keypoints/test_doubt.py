"""The queue of doubtful points: its order, its reasons, and what drops out of it."""

import numpy as np
import pytest

from counterpart.core.pipeline.keypoints.doubt import Reason, doubt_queue
from counterpart.core.pipeline.keypoints.project_keypoints import CheckedPoint
from counterpart.core.project.points import KeypointSet, Origin

PLACES = np.array([(10, 10), (20, 10), (30, 10), (40, 10)], float)


def guess(instance, score, visibility=2):
    return KeypointSet.make(
        PLACES, np.broadcast_to(visibility, 4), score, Origin.TRANSFERRED, skeleton=1, instance=instance
    )


def own(instance):
    return KeypointSet.make(PLACES, skeleton=1, instance=instance)


def check(instance, index, doubt, *, swapped=False, twin=-1, xy=None):
    place = tuple(PLACES[index]) if xy is None else xy
    return CheckedPoint(1, instance, index, place, doubt, (50.0, 50.0), swapped, twin)


def checks(*found):
    return {(each.instance, each.index): each for each in found}


def test_predictions_come_by_falling_doubt_over_all_images():
    rows = doubt_queue(
        {1: [guess(5, [0.9, 0.2, 0.6, 0.8], [2, 1, 2, 2])], 2: [guess(6, [0.3, 0.95, 0.5, 0.7])]}, {}, {}
    )
    assert [row.key for row in rows[:3]] == [(5, 1), (6, 0), (6, 2)]
    assert [row.doubt for row in rows] == sorted((row.doubt for row in rows), reverse=True)
    assert rows[0].reason is Reason.UNSURE
    assert rows[1].reason is Reason.PREDICTED
    assert len(rows) == 8


def test_suspected_swaps_come_early_with_their_pairs():
    rows = doubt_queue({1: [guess(5, [0.9, 0.9, 0.9, 0.4])]}, {5: [(0, 1)]}, {})
    assert {row.index for row in rows[:2]} == {0, 1}
    assert rows[0].reason is Reason.SWAP
    assert rows[0].pairs == ((0, 1),)


def test_a_swap_is_no_longer_suspected_once_one_of_the_two_is_confirmed():
    points = KeypointSet.make(PLACES, None, [0.9] * 4, [1, 2, 1, 1], skeleton=1, instance=5)
    rows = doubt_queue({1: [points]}, {5: [(0, 1)]}, {})
    assert all(row.reason is Reason.PREDICTED for row in rows)
    assert {row.index for row in rows} == {0, 2, 3}


def test_confirmed_points_are_listed_only_where_a_check_found_them_odd():
    found = checks(
        check(5, 0, 6.0),
        check(5, 1, 0.3),
        check(5, 2, 1.6, swapped=True, twin=3),
        check(5, 3, 0.4, swapped=True, twin=2),
    )
    rows = doubt_queue({1: [own(5)]}, {}, found)
    assert [row.index for row in rows] == [0, 2]
    assert rows[0].reason is Reason.ODD
    assert rows[0].confirmed
    assert rows[0].suggestion == (50.0, 50.0)
    assert rows[1].pairs == ((2, 3),)


def test_a_pair_that_was_found_right_does_not_come_back_with_its_other_point():
    found = checks(check(5, 2, 4.0, swapped=True, twin=3), check(5, 3, 4.0, swapped=True, twin=2))
    assert [row.key for row in doubt_queue({1: [own(5)]}, {}, found)] == [(5, 2)]
    assert doubt_queue({1: [own(5)]}, {}, found, {(5, 2)}) == []


def test_what_was_found_odd_drops_out_when_it_is_moved_or_found_right():
    found = checks(check(5, 0, 6.0, xy=(0.0, 0.0)), check(5, 1, 6.0), check(5, 2, 6.0))
    rows = doubt_queue({1: [own(5)]}, {}, found, {(5, 2)})
    assert [row.index for row in rows] == [1]


@pytest.mark.parametrize("pairs", [[(0, 9)], [(7, 8)]])
def test_pairs_of_keypoints_that_are_gone_are_ignored(pairs):
    rows = doubt_queue({1: [guess(5, [0.5] * 4)]}, {5: pairs}, {})
    assert all(row.reason is not Reason.SWAP for row in rows)
