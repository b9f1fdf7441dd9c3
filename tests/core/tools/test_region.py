"""Boxes and masks within them: half open, clipped, and the same pixels however they are put."""

import numpy as np
import pytest

from counterpart.core.tools.region import Region, clip_box, grow_box, part_bbox, unite_boxes


def block(top, left, bottom, right):
    return Region((top, left, bottom, right), np.ones((bottom - top, right - left), bool))


@pytest.mark.parametrize(
    ("box", "limits", "expected"),
    [
        ((2, 3, 8, 9), (0, 0, 20, 20), (2, 3, 8, 9)),
        ((-2, -3, 8, 9), (0, 0, 5, 6), (0, 0, 5, 6)),
        ((2, 3, 8, 9), (4, 5, 6, 7), (4, 5, 6, 7)),
        ((2, 3, 4, 5), (10, 10, 20, 20), (10, 10, 10, 10)),  # nothing in common: empty
        ((12, 3, 14, 5), (0, 0, 10, 10), (12, 3, 12, 5)),
    ],
)
def test_the_part_of_a_box_within_another(box, limits, expected):
    assert clip_box(box, limits) == expected


def test_a_margin_ends_at_the_image():
    assert grow_box((5, 6, 8, 9), 2, (20, 30)) == (3, 4, 10, 11)
    assert grow_box((1, 0, 19, 29), 2, (20, 30)) == (0, 0, 20, 30)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1, 2, 3, 4), (2, 0, 9, 3), (1, 0, 9, 4)),
        ((1, 2, 3, 4), None, (1, 2, 3, 4)),
        (None, None, (0, 0, 0, 0)),
        ((1, 2, 3, 4), (0, 0, 0, 9), (1, 2, 3, 4)),  # without rows
        ((1, 2, 3, 4), (0, 9, 9, 9), (1, 2, 3, 4)),  # without columns
    ],
)
def test_empty_boxes_do_not_count_in_a_union(a, b, expected):
    assert unite_boxes(a, b) == expected
    assert unite_boxes(b, a) == expected


def test_a_mask_is_put_into_the_smallest_box():
    mask = np.zeros((6, 7), bool)
    mask[2, 3] = mask[4, 1] = True
    found = Region.of(mask, 10, 20)
    assert found.bbox == (12, 21, 15, 24)
    assert found.mask.tolist() == [[False, False, True], [False] * 3, [True, False, False]]
    assert found.area == 2
    assert Region((10, 20, 16, 27), mask).tight().bbox == (12, 21, 15, 24)
    assert Region.of(np.zeros((3, 3), bool), 5, 5).bbox == (0, 0, 0, 0)
    assert Region.nothing().is_empty
    assert not found.is_empty


def test_a_region_seen_through_another_box():
    region = Region.of(np.eye(3, dtype=bool), 2, 4)  # (2, 4), (3, 5), (4, 6)
    assert np.argwhere(region.within((0, 0, 8, 8))).tolist() == [[2, 4], [3, 5], [4, 6]]
    assert np.argwhere(region.within((3, 3, 5, 6))).tolist() == [[0, 2]]
    assert region.within((3, 3, 5, 6)).shape == (2, 3)
    assert not region.within((5, 0, 9, 9)).any()
    assert region.within((4, 4, 4, 9)).shape == (0, 5)
    assert region.within((6, 6, 4, 4)).shape == (0, 0)
    labels = np.zeros((8, 8), int)
    labels[region.slices][region.mask] = 1
    assert np.argwhere(labels).tolist() == [[2, 4], [3, 5], [4, 6]]


def test_a_union_holds_the_pixels_of_both():
    a, b = block(0, 0, 2, 3), block(1, 2, 4, 4)
    both = a.united(b)
    assert both.bbox == (0, 0, 4, 4)
    assert both.mask.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert a.united(Region.nothing()).bbox == a.bbox


def test_the_box_of_a_part():
    labels = np.zeros((5, 6), np.uint8)
    labels[1:3, 2:5] = 7
    assert part_bbox(labels, 7) == (1, 2, 3, 5)
    assert part_bbox(labels, 8) is None
