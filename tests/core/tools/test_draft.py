"""Drafts of label maps: what is shown while a gesture lasts, and what it comes to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpart.core.project.commands import Paint, SetLabels
from counterpart.core.tools.combine import MODES, combine
from counterpart.core.tools.draft import LabelDraft, LabelEdit
from counterpart.core.tools.region import Region
from counterpart.core.tools.strokes import StrokeRasteriser

SHAPE = (6, 7)
labels_st = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 4))
mask_st = hnp.arrays(np.bool_, SHAPE)
locked_st = st.frozensets(st.integers(0, 4))


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


def box_of(mask):
    """(top, left, bottom, right) of the set pixels, None where there are none."""
    rows, columns = np.nonzero(mask)
    return (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) if len(rows) else None


@st.composite
def regions(draw):
    top, left = draw(st.integers(0, 4)), draw(st.integers(0, 5))
    bottom, right = draw(st.integers(top + 1, 6)), draw(st.integers(left + 1, 7))
    return Region((top, left, bottom, right), draw(hnp.arrays(np.bool_, (bottom - top, right - left))))


parts = st.sampled_from([0, 1, 2, 300])
gestures = st.one_of(
    st.tuples(
        st.sampled_from(["apply", "preview"]), regions(), st.sampled_from([0, 1, 2, 300]), st.sampled_from(MODES)
    ),
    st.tuples(st.just("revert")),
    st.tuples(st.just("edit"), regions(), parts),
    st.tuples(st.just("rebase"), st.one_of(st.none(), regions()), st.booleans()),
)


@given(labels_st, st.lists(gestures, max_size=7))
def test_a_draft_behaves_as_two_whole_label_maps_would(labels, steps):
    """One map as the document has it, one as it is shown; each answer is the box of what is to be redrawn."""
    draft = LabelDraft(labels, SHAPE)
    base = labels.astype(np.uint16)
    shown = base.copy()
    for kind, *step in steps:
        before = shown
        if kind in ("apply", "preview"):
            region, part, mode = step
            start = base if kind == "preview" else shown
            shown, changed = combine(start, region.within((0, 0, *SHAPE)), part, mode)
            answer = getattr(draft, kind)(region, part, mode)
            if kind == "apply":
                assert answer == box_of(changed)
        elif kind == "revert":
            answer, shown = draft.revert(), base
        elif kind == "edit":
            region, part = step
            shown = np.where(region.within((0, 0, *SHAPE)), part, shown).astype(np.uint16)
            answer = draft.edit(LabelEdit(region.bbox, np.full(region.mask.shape, part, np.uint16), region.mask))
            assert answer == (region.bbox if region.mask.any() else None)
        else:
            where, told = step
            base = base if where is None else np.where(where.within((0, 0, *SHAPE)), 3, base).astype(np.uint16)
            answer = draft.rebase(base, where.bbox if told and where is not None else None)
            shown = base
            if not told or where is None:
                assert answer == (0, 0, *SHAPE)
        redrawn = np.zeros(SHAPE, bool)
        if answer is not None:
            redrawn[answer[0] : answer[2], answer[1] : answer[3]] = True
        assert redrawn[shown != before].all()
        np.testing.assert_array_equal(draft.labels, shown)
        result, differs = draft.result(), shown != base
        assert (None if result is None else result.bbox) == box_of(differs)
        if result is not None:
            top, left, bottom, right = result.bbox
            np.testing.assert_array_equal(result.mask, differs[top:bottom, left:right])
            np.testing.assert_array_equal(result.labels[result.mask], shown[differs])


def test_what_was_shown_and_what_is_shown_are_both_redrawn():
    draft = LabelDraft(scene(), (20, 30))
    assert draft.revert() is None
    assert draft.preview(region(5, 5, 8, 8), 1) is None
    draft.apply(region(0, 0, 2, 3), 1)
    draft.apply(region(12, 20, 14, 25), 2)
    assert draft.revert() == (0, 0, 14, 25)
    assert draft.revert() is None
    draft.edit(LabelEdit((3, 4, 6, 9), np.ones((3, 5), np.uint8), np.ones((3, 5), bool)))
    assert draft.preview(region(10, 1, 11, 2), 1) == (3, 1, 11, 9)
    assert draft.edit(LabelEdit((3, 4, 6, 9), np.ones((3, 5), np.uint8), np.zeros((3, 5), bool))) is None


def test_a_new_map_is_taken_over_where_it_says_and_where_the_draft_was():
    draft = LabelDraft(scene(), (20, 30))
    draft.apply(region(0, 0, 2, 3), 2)
    after = scene().copy()
    after[15:17, 20:22] = 1
    assert draft.rebase(after, (15, 20, 17, 22)) == (0, 0, 17, 22)
    again = after.copy()
    again[18, 2] = 1
    assert draft.rebase(again, (18, -5, 40, 3)) == (18, 0, 20, 3)
    np.testing.assert_array_equal(draft.labels, again)
    wide = again.astype(np.uint16)
    wide[0, 0] = 999
    draft.rebase(wide, (0, 0, 1, 1))
    assert draft.labels[0, 0] == 999


def test_labels_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"labels of \(20, 30\) for an image of \(30, 20\)"):
        LabelDraft(scene(), (30, 20))
    draft = LabelDraft(None, (20, 30))
    with pytest.raises(ValueError, match=r"labels of \(3, 3\) for an image of \(20, 30\)"):
        draft.rebase(np.zeros((3, 3), np.uint8))
    assert not draft.labels.any()
    assert draft.labels.dtype == np.uint8


@pytest.mark.parametrize("row", [1, 63, 64, 129])
def test_one_other_label_anywhere_makes_a_command_of_several_labels(row):
    labels, mask = np.full((130, 3), 5, np.uint8), np.zeros((130, 3), bool)
    mask[1:, 1:] = True
    labels[:, 0] = 9  # not among the pixels that change
    edit = LabelEdit((2, 4, 132, 7), labels, mask)
    command = edit.command(8, "Grow", (200, 10))
    assert isinstance(command, Paint)
    assert (command.image_id, command.part_id, command.bbox, command.text) == (8, 5, (2, 4, 132, 7), "Grow")
    labels[row, 2] = 6
    command = edit.command(8, "Grow", (200, 10))
    assert isinstance(command, SetLabels)
    assert (command.image_id, command.bbox, command.text) == (8, (2, 4, 132, 7), "Grow")
    assert isinstance(LabelEdit((0, 0, 130, 3), labels, np.zeros((130, 3), bool)).command(1, "x"), SetLabels)


@pytest.mark.parametrize("where", [(12, 0, 14, 3), (0, 20, 3, 22), (15, 27, 20, 30)])
def test_boxes_far_from_the_corner_are_taken_back_and_taken_over_as_well(where):
    draft = LabelDraft(scene(), (20, 30))
    assert draft.apply(region(*where), 7) == where
    assert draft.result().bbox == where
    assert draft.revert() == where
    np.testing.assert_array_equal(draft.labels, scene())
    after = scene().copy()
    after[where[0] : where[2], where[1] : where[3]] = 7
    assert draft.rebase(after, where) == where
    np.testing.assert_array_equal(draft.labels, after)


def test_a_new_map_is_there_for_whatever_comes_next():
    after = scene().copy()
    after[12:16, 3:9] = 5
    edit = LabelEdit((0, 0, 1, 1), np.array([[6]], np.uint8), np.ones((1, 1), bool))

    def taken_over():
        draft = LabelDraft(scene(), (20, 30))
        draft.apply(region(18, 18, 20, 20), 4)
        draft.rebase(after, (12, 3, 16, 9))
        return draft

    assert taken_over().apply(region(12, 3, 16, 9), 5) is None  # it is that part already
    assert taken_over().apply(region(0, 0, 20, 30), 5, "intersect") is None
    assert taken_over().result() is None
    assert taken_over().revert() is None
    draft = taken_over()
    draft.edit(edit)
    assert draft.result().bbox == (0, 0, 1, 1)
    draft = taken_over()
    draft.apply(region(0, 0, 1, 1), 6)
    draft.rebase(scene(), (12, 3, 16, 9))
    np.testing.assert_array_equal(draft.labels, scene())


def test_what_a_gesture_came_to_cannot_be_written_into():
    draft = LabelDraft(scene(), (20, 30))
    draft.apply(region(0, 0, 2, 2), 3)
    with pytest.raises(ValueError, match="read-only"):
        draft.result().labels[0, 0] = 1
    draft.apply(region(0, 0, 2, 4), 3)
    assert draft.result().bbox == (0, 0, 2, 4)
