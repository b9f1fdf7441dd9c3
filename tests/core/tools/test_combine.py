"""Selections laid into label maps, and drafts of label maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpart.core.project.commands import Paint, SetLabels
from counterpart.core.tools.combine import MODES, combine, new_value
from counterpart.core.tools.draft import LabelDraft, LabelEdit
from counterpart.core.tools.region import Region
from counterpart.core.tools.strokes import StrokeRasteriser

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


def region(top, left, bottom, right):
    return Region((top, left, bottom, right), np.ones((bottom - top, right - left), bool))


def scene():
    labels = np.zeros((20, 30), np.uint8)
    labels[4:10, 4:14] = 1
    labels[4:10, 14:24] = 2
    labels.flags.writeable = False
    return labels


def test_a_draft_shows_changes_and_leaves_the_document_alone():
    labels = scene()
    draft = LabelDraft(labels, labels.shape)
    assert draft.apply(region(2, 10, 8, 18), 2) == (2, 10, 8, 18)
    assert draft.labels[3, 12] == 2
    assert labels[3, 12] == 0
    with pytest.raises(ValueError, match="read-only"):
        draft.labels[0, 0] = 1


def test_a_draft_says_nothing_changed_when_nothing_did():
    draft = LabelDraft(scene(), (20, 30))
    assert draft.apply(region(5, 5, 8, 8), 1) is None
    assert draft.apply(Region.nothing(), 1) is None
    assert draft.apply(region(0, 0, 20, 30), 1, locked={1}) is None
    assert draft.result() is None
    assert draft.revert() is None


def test_the_result_of_a_stroke_is_one_paint_command_of_what_changed():
    draft = LabelDraft(scene(), (20, 30))
    tip = StrokeRasteriser(2, "round", (20, 30))
    for xy in ((2, 12), (12, 12), (28, 3)):
        draft.apply(tip.move_to(xy), 1)
    shown = draft.labels.copy()
    command = draft.result().command(7, "Brush")
    assert isinstance(command, Paint)
    assert (command.image_id, command.part_id, command.text) == (7, 1, "Brush")
    top, left, bottom, right = command.bbox
    labels = scene().copy()
    assert (labels[top:bottom, left:right][command.mask] != 1).all()
    labels[top:bottom, left:right][command.mask] = 1
    np.testing.assert_array_equal(labels, shown)


def test_a_result_of_several_labels_is_one_set_command():
    draft = LabelDraft(scene(), (20, 30))
    draft.apply(region(0, 0, 3, 3), 1)
    draft.apply(region(0, 5, 3, 8), 2)
    command = draft.result().command(1, "Paste")
    assert isinstance(command, SetLabels)
    assert command.bbox == (0, 0, 3, 8)
    assert command.mask.sum() == 18


def test_a_preview_replaces_the_one_before():
    draft = LabelDraft(scene(), (20, 30))
    draft.preview(region(0, 0, 12, 12), 2)
    assert draft.preview(region(14, 20, 18, 25), 2) == (0, 0, 18, 25)
    expected = scene().copy()
    expected[14:18, 20:25] = 2
    np.testing.assert_array_equal(draft.labels, expected)
    assert draft.preview(Region.nothing(), 2) == (14, 20, 18, 25)
    np.testing.assert_array_equal(draft.labels, scene())


def test_intersecting_removes_what_lies_outside_the_selection_wherever_it_is():
    draft = LabelDraft(scene(), (20, 30))
    assert draft.apply(region(0, 0, 6, 8), 1, "intersect") == (4, 4, 10, 14)
    np.testing.assert_array_equal(
        np.argwhere(draft.labels == 1), np.argwhere(np.pad(np.ones((2, 4), bool), ((4, 14), (4, 22))))
    )
    assert (draft.labels == 2).sum() == 60


def test_a_draft_widens_for_large_part_ids():
    draft = LabelDraft(scene(), (20, 30))
    draft.apply(region(0, 0, 2, 2), 700)
    assert draft.labels[0, 0] == 700
    assert draft.result().command(1, "x").part_id == 700
    draft.revert()
    np.testing.assert_array_equal(draft.labels, scene())


def test_taking_over_the_new_map_costs_only_the_box():
    draft = LabelDraft(scene(), (20, 30))
    draft.apply(region(0, 0, 3, 3), 1)
    after = scene().copy()
    after[0:3, 0:3] = 1
    after[15, 20] = 2  # something else that the command did
    assert draft.rebase(after, (15, 20, 16, 21)) == (0, 0, 16, 21)
    np.testing.assert_array_equal(draft.labels, after)
    assert draft.result() is None
    assert draft.rebase(None) == (0, 0, 20, 30)
    assert not draft.labels.any()


def test_an_edit_can_be_shown_and_taken_back():
    draft = LabelDraft(None, (8, 8))
    mask = np.array([[True, False], [True, True]])
    draft.edit(LabelEdit((2, 2, 4, 4), np.array([[1, 9], [300, 3]], np.uint16), mask))
    assert draft.labels[2:4, 2:4].tolist() == [[1, 0], [300, 3]]
    draft.revert()
    assert not draft.labels.any()


@given(
    labels_st,
    st.lists(st.tuples(mask_st, st.integers(0, 5), st.sampled_from(MODES), locked_st, st.booleans()), max_size=4),
)
def test_the_result_leads_from_the_document_to_what_is_shown(labels, steps):
    draft = LabelDraft(labels, SHAPE)
    for mask, part, mode, locked, preserve in steps:
        draft.apply(Region((0, 0, *SHAPE), mask), part, mode, locked, preserve)
    shown, again = draft.labels.copy(), labels.astype(np.uint16)
    result = draft.result()
    if result is not None:
        top, left, bottom, right = result.bbox
        again[top:bottom, left:right][result.mask] = result.labels[result.mask]
    np.testing.assert_array_equal(again, shown)
    draft.revert()
    np.testing.assert_array_equal(draft.labels, labels)


def test_erasing_clears_other_parts_whether_they_are_to_be_kept_or_not():
    # What is kept is kept from being painted over; an eraser that took nothing away would be none.
    draft = LabelDraft(scene(), (20, 30))
    tip = StrokeRasteriser(2, "square", draft.hw)
    assert draft.apply(tip.move_to((14, 6)), 0, "add", locked={2}, preserve=True) == (4, 12, 9, 14)
    expected = scene().copy()
    expected[4:9, 12:14] = 0  # of part 1; part 2 is locked
    np.testing.assert_array_equal(draft.labels, expected)
