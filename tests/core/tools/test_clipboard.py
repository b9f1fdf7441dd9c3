"""Copied parts: where they come to lie in another image, to the pixel."""

import numpy as np
import pytest

from counterpart.core.tools.clipboard import copy_part, paste_part


@pytest.fixture
def clip():
    """Part 3: an L of rows 2 to 4 and columns 4 to 5, in an image of 10 by 20."""
    labels = np.zeros((10, 20), np.uint8)
    labels[2:5, 4] = labels[4, 4:6] = 3
    return copy_part(labels, 3)


def pixels(region):
    return (np.argwhere(region.mask) + region.bbox[:2]).tolist()


L = [[2, 4], [3, 4], [4, 4], [4, 5]]


def test_what_is_copied_is_the_part_in_its_box(clip):
    assert (clip.part_id, clip.region.bbox, clip.frame) == (3, (2, 4, 5, 6), (0, 0, 10, 20))
    assert pixels(clip.region) == L
    assert not clip.region.mask.flags.writeable
    assert copy_part(np.zeros((4, 4), np.uint8), 0) is None
    assert copy_part(np.zeros((4, 4), np.uint8), 1) is None
    with pytest.raises(ValueError, match="an empty frame"):
        copy_part(np.ones((4, 4), np.uint8), 1, (2, 0, 2, 4))
    with pytest.raises(ValueError, match="an empty frame"):
        paste_part(clip, (10, 20), frame=(0, 3, 4, 3))


def test_without_fitting_it_keeps_size_and_place(clip):
    assert pixels(paste_part(clip, (10, 20))) == L
    assert pixels(paste_part(clip, (50, 60))) == L
    moved = paste_part(clip, (50, 60), frame=(7, 9.4, 20, 30))  # offsets go to whole pixels
    assert pixels(moved) == [[row + 7, column + 9] for row, column in L]
    assert pixels(paste_part(clip, (4, 20))) == L[:2]  # cut off
    assert pixels(paste_part(clip, (10, 4))) == []


def test_fitted_it_grows_with_the_frame(clip):
    doubled = [[2 * row + i, 2 * column + j] for row, column in L for i in (0, 1) for j in (0, 1)]
    assert pixels(paste_part(clip, (20, 40), fit=True)) == sorted(doubled)


def test_one_scale_for_both_axes_centres_meeting(clip):
    # 10 by 20 into 20 by 20: both scales are 1, five rows are left above.
    assert pixels(paste_part(clip, (20, 20), fit=True)) == [[row + 5, column] for row, column in L]
    tall = paste_part(clip, (20, 20), fit=True, keep_aspect=False)
    assert pixels(tall) == sorted([2 * row + i, column] for row, column in L for i in (0, 1))


def test_reduced_a_pixel_is_set_where_half_of_it_is():
    labels = np.zeros((8, 8), np.uint8)
    labels[0:4, 2:6] = 1
    half = paste_part(copy_part(labels, 1), (4, 4), fit=True)
    assert pixels(half) == [[row, column] for row in (0, 1) for column in (1, 2)]


@pytest.mark.parametrize(
    ("at", "shift"), [((5, 3), (0, 1)), ((4.4, 3), (0, 0)), ((3.9, 3), (0, -1)), ((15, 8), (5, 11))]
)
def test_its_middle_is_put_where_one_points(clip, at, shift):
    # The box of rows 2 to 4 and columns 4 to 5 has its middle at row 3 and column 4.5; halves go right.
    moved = paste_part(clip, (20, 30), at=at)
    assert pixels(moved) == [[row + shift[0], column + shift[1]] for row, column in L]
