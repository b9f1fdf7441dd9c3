"""Flood fill, operations on the shape of a part, and copying parts between images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from counterpart.core.tools.clipboard import copy_part, paste_part
from counterpart.core.tools.fill import flood_labels
from counterpart.core.tools.morphology import (
    FillHoles,
    Grow,
    KeepLargest,
    RemoveSpecks,
    Shrink,
    Smooth,
    _blurred,
    change_part,
    replace_part,
)
from counterpart.core.tools.region import Region

SHAPE = (9, 11)
labels_st = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 2))
place_st = st.tuples(st.integers(0, 10), st.integers(0, 8))
operations = st.sampled_from(
    [FillHoles(), FillHoles(2), KeepLargest(), RemoveSpecks(4), Grow(1.5), Shrink(1.0), Smooth(1.0), Smooth(6.0)]
)


def full(region, hw=SHAPE):
    return region.within((0, 0, *hw))


def applied(labels, edit):
    out = labels.copy()
    if edit is not None:
        top, left, bottom, right = edit.bbox
        out[top:bottom, left:right][edit.mask] = edit.labels[edit.mask]
    return out


# Fill


@given(labels_st, place_st, st.booleans())
def test_a_fill_takes_the_connected_region_of_a_label(labels, xy, diagonal):
    labels.flags.writeable = False
    structure = np.ones((3, 3)) if diagonal else None
    pieces, _ = ndimage.label(labels == labels[xy[1], xy[0]], structure)
    region = flood_labels(labels, xy, diagonal=diagonal)
    np.testing.assert_array_equal(full(region), pieces == pieces[xy[1], xy[0]])
    assert region.tight().bbox == region.bbox


def test_a_fill_stays_in_its_window():
    labels = np.zeros((40, 50), np.uint16)
    assert flood_labels(labels, (10, 10), window=(5, 6, 20, 30)).bbox == (5, 6, 20, 30)
    assert flood_labels(labels, (40, 10), window=(5, 6, 20, 30)).is_empty
    assert flood_labels(labels, (10, 10), window=(5, 6, 20, 99)).bbox == (5, 6, 20, 50)


@pytest.mark.parametrize("xy", [(-1, 3), (3, 9), (11, 0), (float("nan"), 0)])
def test_a_fill_from_outside_the_image_is_nothing(xy):
    assert flood_labels(np.zeros(SHAPE, np.uint8), xy).is_empty


# Shape of a part


def brute_near(mask, radius):
    yy, xx = np.mgrid[: mask.shape[0], : mask.shape[1]]
    out = np.zeros(mask.shape, bool)
    for y, x in np.argwhere(mask):
        out |= (yy - y) ** 2 + (xx - x) ** 2 <= radius**2 + 1e-6
    return out


@given(hnp.arrays(np.bool_, SHAPE), st.sampled_from([0, 1, 1.5, 2, 2.3, 3]))
def test_growing_takes_everything_within_the_radius_and_shrinking_mirrors_it(mask, radius):
    np.testing.assert_array_equal(Grow(radius).apply(mask), brute_near(mask, radius))
    np.testing.assert_array_equal(Shrink(radius).apply(mask), ~brute_near(~mask, radius))


@given(labels_st, operations, st.booleans(), st.frozensets(st.integers(0, 2)))
def test_an_operation_on_the_box_is_the_operation_on_the_image(labels, operation, preserve, locked):
    """And locked parts are never touched, preserved ones keep their pixels, others never change among themselves."""
    edit = change_part(labels, 1, operation, locked, preserve=preserve)
    out = applied(labels, edit)
    if 1 in locked:
        assert edit is None
        return
    wanted = operation.apply(labels == 1)
    blocked = np.isin(labels, [2] if preserve else sorted(locked - {0}))
    np.testing.assert_array_equal(out == 1, np.where(labels == 1, wanted, wanted & ~blocked))
    if 2 in locked:
        np.testing.assert_array_equal(out == 2, labels == 2)
    changed = out != labels
    assert ((labels == 1) | (out == 1))[changed].all()
    if edit is not None:
        assert edit.mask.sum() == changed.sum()


def test_a_speck_inside_another_part_becomes_that_part():
    labels = np.zeros((20, 20), np.uint8)
    labels[2:14, 2:14] = 2
    labels[6:8, 6:8] = 1
    labels[15:19, 15:19] = 1
    out = applied(labels, change_part(labels, 1, RemoveSpecks(10)))
    assert (out[2:14, 2:14] == 2).all()
    assert (out[15:19, 15:19] == 1).all()


def test_a_speck_inside_a_locked_part_becomes_background():
    labels = np.full((12, 12), 2, np.uint8)
    labels[5:7, 5:7] = 1
    out = applied(labels, change_part(labels, 1, RemoveSpecks(10), locked={2}))
    assert (out[5:7, 5:7] == 0).all()


def test_filling_holes_leaves_parts_in_them_alone_unless_asked():
    labels = np.zeros((15, 15), np.uint8)
    labels[2:13, 2:13] = 1
    labels[4:10, 4:10] = 0
    labels[6:8, 6:8] = 2
    kept = applied(labels, change_part(labels, 1, FillHoles()))
    assert (kept == 2).sum() == 4
    assert (kept[2:13, 2:13] != 0).all()
    taken = applied(labels, change_part(labels, 1, FillHoles(), preserve=False))
    assert (taken[2:13, 2:13] == 1).all()
    assert change_part(labels, 1, FillHoles(max_area=35)) is None


@pytest.mark.parametrize("radius", [2.0, 6.0])
def test_smoothing_removes_a_spike_and_keeps_the_body(radius):
    labels = np.zeros((80, 80), np.uint8)
    labels[20:60, 20:60] = 1
    labels[40, 60:75] = 1
    out = applied(labels, change_part(labels, 1, Smooth(radius)))
    assert not (out[40, 64:] == 1).any()
    assert (out[28:52, 28:52] == 1).all()


def test_smoothing_gives_no_gap_between_parts_that_touch():
    rng = np.random.default_rng(0)
    labels = np.full((60, 60), 2, np.uint8)
    for row in range(60):
        labels[row, : 30 + rng.integers(-4, 5)] = 1
    out = applied(labels, change_part(labels, 1, Smooth(3), preserve=False))
    assert (out > 0).all()
    assert not np.array_equal(out, labels)


def test_a_part_is_not_worn_away_at_the_edge_of_the_image():
    labels = np.ones((10, 10), np.uint8)
    labels[:, 6:] = 0
    out = applied(labels, change_part(labels, 1, Shrink(2)))
    assert (out[:, :4] == 1).all()
    assert not out[:, 4:].any()


def test_what_is_shrunk_away_becomes_background_beside_other_parts_too():
    labels = np.array([[2, 2, 1, 1, 1, 1, 1, 3]] * 5, np.uint8)
    out = applied(labels, change_part(labels, 1, Shrink(1)))
    assert out.tolist() == [[2, 2, 0, 1, 1, 1, 0, 3]] * 5


def test_changes_stay_in_the_window_asked_for():
    labels = np.zeros((30, 30), np.uint8)
    labels[10:20, 10:20] = 1
    edit = change_part(labels, 1, Grow(3), within=(0, 0, 30, 12))
    assert edit.bbox[3] <= 12
    assert edit.mask.any()


def test_a_part_without_pixels_and_the_background_are_left_alone():
    labels = np.zeros((5, 5), np.uint8)
    assert change_part(labels, 1, Grow(1)) is None
    assert change_part(labels, 0, Grow(1)) is None
    labels[2, 2] = 1
    assert replace_part(labels, 1, Region((2, 2, 3, 3), np.ones((1, 1), bool))) is None


def smoothed(values, sigma):
    """A Gaussian; a wide one as three boxes of the odd side that comes nearest to its variance."""
    if sigma <= 4:
        return ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=5) if sigma else values
    side = min(range(1, 99, 2), key=lambda side: abs(3 * (side**2 - 1) / 12 - sigma**2))
    for _ in range(3):
        values = ndimage.uniform_filter(values, side, mode="nearest")
    return values


@pytest.mark.parametrize("sigma", [0.0, 1.5, 4.0, 4.1, 6.9, 12.3])
def test_the_outline_is_smoothed_by_a_gaussian_whose_border_pixels_go_on(sigma):
    values = (np.random.default_rng(0).random((50, 70)) < 0.5).astype(np.float32)
    values[:20, :30] = 1
    values[30:, 40:] = 0
    np.testing.assert_allclose(_blurred(values, sigma), smoothed(values, sigma), atol=2e-3 if 0 < sigma <= 4 else 1e-5)


def test_what_a_part_gives_up_goes_to_what_lies_nearest():
    labels = np.array([[2, 2, 1, 1, 1, 1, 3, 3]] * 3, np.uint8)
    wanted = Region((0, 0, 3, 8), np.zeros((3, 8), bool))
    out = applied(labels, replace_part(labels, 1, wanted, closes_gaps=True))
    assert out.tolist() == [[2, 2, 2, 2, 3, 3, 3, 3]] * 3
    out = applied(labels, replace_part(labels, 1, wanted, {3}, closes_gaps=True))
    assert out.tolist() == [[2, 2, 2, 2, 0, 0, 3, 3]] * 3
    out = applied(labels, replace_part(labels, 1, wanted))
    assert out.tolist() == [[2, 2, 0, 0, 0, 0, 3, 3]] * 3
    alone = np.ones((2, 2), np.uint8)
    out = applied(alone, replace_part(alone, 1, Region((0, 0, 2, 2), np.zeros((2, 2), bool)), closes_gaps=True))
    assert not out.any()


def test_an_edit_has_the_box_of_what_changes_and_leaves_the_rest_of_it_out():
    labels = np.zeros((12, 14), np.uint16)
    labels[4:7, 5:9] = 7
    wanted = np.zeros((6, 8), bool)
    wanted[1:5, 1:6] = True  # rows 4 to 7 and columns 5 to 9 of the image
    wanted[2, 3] = False
    edit = replace_part(labels, 7, Region((3, 4, 9, 12), wanted))
    assert edit.bbox == (4, 5, 8, 10)
    expected = np.zeros((4, 5), bool)
    expected[:, 4] = expected[3] = expected[1, 2] = True
    np.testing.assert_array_equal(edit.mask, expected)
    new = np.full((4, 5), 7)
    new[1, 2] = 0
    np.testing.assert_array_equal(edit.labels[expected], new[expected])
    inside = replace_part(labels, 7, Region((3, 4, 9, 12), wanted), within=(5, 0, 8, 8))
    assert inside.bbox == (5, 5, 8, 8)
    assert inside.mask.tolist() == [[False, False, True], [False] * 3, [True] * 3]
    assert replace_part(labels, 7, Region((3, 4, 9, 12), wanted), within=(9, 0, 12, 14)) is None
    assert replace_part(labels, 7, Region((3, 4, 9, 12), wanted), locked={7}) is None
    assert replace_part(labels, 7, Region((3, 4, 9, 12), wanted), locked={0}) is not None


@pytest.mark.parametrize("operation", [Grow(2.5), Grow(2.0), Smooth(1.3), Smooth(7.0)])
def test_no_operation_needs_more_around_a_part_than_it_says(operation):
    mask = np.zeros((90, 90), bool)
    mask[40:50, 38:52] = mask[42, 52:56] = True
    tight = np.s_[40 - operation.margin : 50 + operation.margin, 38 - operation.margin : 56 + operation.margin]
    got = operation.apply(mask)
    np.testing.assert_array_equal(operation.apply(mask[tight]), got[tight])
    assert got.sum() == got[tight].sum()


def test_operations_start_from_settings_that_fit_a_photograph_of_usual_size():
    line = np.zeros((30, 60), bool)
    line[10, 10:50] = True
    assert Grow().apply(line)[:, 30].sum() == 5
    assert Shrink().apply(np.pad(np.ones((9, 9), bool), 1)).sum() == 25
    for area, stays in ((63, False), (64, True)):
        speck = np.zeros((20, 20), bool)
        speck.flat[:area] = True
        assert RemoveSpecks().apply(speck).any() == stays
    for width, stays in ((4, False), (5, True)):  # half of a normal distribution lies within 0.6745 deviations of 3
        bar = np.zeros((80, 80), bool)
        bar[:, 30 : 30 + width] = True
        assert (width > 2 * 0.6745 * 3) == stays
        assert Smooth().apply(bar).any() == stays


# Clipboard


def blob(hw=(40, 60), part=3):
    labels = np.zeros(hw, np.uint8)
    labels[10:20, 12:30] = part
    labels[14:17, 18:22] = 0
    return labels


def test_a_part_comes_back_where_it_was():
    labels = blob()
    clip = copy_part(labels, 3)
    labels[:] = 0
    assert clip.region.bbox == (10, 12, 20, 30)
    np.testing.assert_array_equal(full(paste_part(clip, (40, 60)), (40, 60)), blob() == 3)


@pytest.mark.parametrize("factor", [2, 3])
def test_fitting_scales_place_and_size_with_the_image(factor):
    region = paste_part(copy_part(blob(), 3), (40 * factor, 60 * factor), fit=True)
    # Linear interpolation rounds corners by up to half a pixel of the source.
    expected = np.kron(blob() == 3, np.ones((factor, factor), bool))
    wrong = full(region, expected.shape) != expected
    assert region.bbox == tuple(factor * v for v in (10, 12, 20, 30))
    assert wrong.sum() <= 8 * factor**2


def test_fitting_into_half_the_size_takes_the_majority_of_what_falls_on_a_pixel():
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20, 12:30] = 1
    assert paste_part(copy_part(labels, 1), (20, 30), fit=True).bbox == (5, 6, 10, 15)


def test_keeping_the_aspect_scales_by_the_smaller_ratio_about_the_middle():
    clip = copy_part(blob(), 3)
    region = paste_part(clip, (80, 60), fit=True)
    assert region.bbox == (30, 12, 40, 30)
    assert paste_part(clip, (80, 60), fit=True, keep_aspect=False).bbox == (20, 12, 40, 30)


def test_a_place_is_relative_to_the_boxes_of_the_objects():
    clip = copy_part(blob(), 3, frame=(10, 12, 30, 52))
    assert paste_part(clip, (100, 100), frame=(50, 40, 70, 80)).bbox == (50, 40, 60, 58)
    assert paste_part(clip, (200, 200), frame=(50, 40, 90, 120), fit=True).bbox == (50, 40, 70, 76)


def test_a_part_can_be_pasted_under_the_pointer():
    region = paste_part(copy_part(blob(), 3), (200, 200), at=(100, 80))
    assert region.bbox in {(75, 91, 85, 109), (76, 92, 86, 110), (76, 91, 86, 109), (75, 92, 85, 110)}


def test_what_lies_outside_is_clipped_away():
    clip = copy_part(blob(), 3)
    assert paste_part(clip, (15, 20)).bbox == (10, 12, 15, 20)
    assert paste_part(clip, (9, 9)).is_empty


@given(
    hnp.arrays(np.uint8, (12, 14), elements=st.integers(0, 1)), st.integers(1, 40), st.integers(1, 40), st.booleans()
)
def test_any_part_fits_into_any_image(labels, height, width, keep_aspect):
    clip = copy_part(labels, 1)
    if clip is None:
        assert not labels.any()
        return
    region = paste_part(clip, (height, width), fit=True, keep_aspect=keep_aspect)
    assert region.bbox[2] <= height
    assert region.bbox[3] <= width
    assert region.mask.shape == (region.bbox[2] - region.bbox[0], region.bbox[3] - region.bbox[1])


def test_nothing_to_copy():
    assert copy_part(blob(), 1) is None
    assert copy_part(blob(), 0) is None
    with pytest.raises(ValueError, match="empty frame"):
        copy_part(blob(), 3, frame=(5, 5, 5, 9))
