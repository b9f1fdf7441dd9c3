"""Selections laid into label maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpart.core.tools.combine import MODES, combine, new_value

SHAPE = (6, 7)
labels_st = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 4))
mask_st = hnp.arrays(np.bool_, SHAPE)
locked_st = st.frozensets(st.integers(0, 4))


def expected_pixel(old, selected, part, mode, locked, preserve):
    """The rules, one pixel at a time."""
    if old in locked - {0} or part in locked - {0}:
        return old
    if mode == "add":
        blocked = preserve and part != 0 and old != 0
        return part if selected and not blocked else old
    if part == 0 or old != part:
        return old
    return 0 if selected == (mode == "subtract") else old


@given(labels_st, mask_st, st.integers(0, 5), st.sampled_from(MODES), locked_st, st.booleans())
def test_every_pixel_follows_the_rules(labels, mask, part, mode, locked, preserve):
    before = labels.copy()
    new, changed = combine(labels, mask, part, mode, locked, preserve)
    rule = np.vectorize(lambda old, selected: expected_pixel(int(old), bool(selected), part, mode, locked, preserve))
    np.testing.assert_array_equal(new, rule(labels, mask))
    np.testing.assert_array_equal(changed, new != before)
    np.testing.assert_array_equal(labels, before)
    assert (new[changed] == new_value(part, mode)).all()


@given(labels_st, mask_st, st.integers(0, 5), st.sampled_from(MODES), locked_st, st.booleans())
def test_locked_parts_are_never_touched(labels, mask, part, mode, locked, preserve):
    _, changed = combine(labels, mask, part, mode, locked, preserve)
    assert not np.isin(labels[changed], sorted(locked - {0})).any()


@given(labels_st, mask_st, st.integers(0, 5), st.sampled_from(MODES), locked_st, st.booleans())
def test_doing_it_again_changes_nothing_and_copies_nothing(labels, mask, part, mode, locked, preserve):
    once, _ = combine(labels, mask, part, mode, locked, preserve)
    twice, changed = combine(once, mask, part, mode, locked, preserve)
    assert twice is once
    assert not changed.any()


def test_a_part_above_255_makes_room_for_itself():
    new, changed = combine(np.ones((2, 2), np.uint8), np.array([[True, False], [False, False]]), 300)
    assert new.dtype == np.uint16
    assert new.tolist() == [[300, 1], [1, 1]]
    assert changed.sum() == 1


def test_refuses_a_mask_of_another_size():
    with pytest.raises(ValueError, match="does not fit"):
        combine(np.zeros((2, 2), np.uint8), np.zeros((3, 2), bool), 1)
