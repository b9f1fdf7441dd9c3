"""Run lengths and outlines give masks back bit by bit, and agree with the tools that people use."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from counterpart.core.formats.polygons import keyhole, outlines
from counterpart.core.formats.rle import (
    counts_to_mask,
    decode_counts,
    encode_counts,
    mask_to_counts,
    mask_to_rows,
    rows_to_mask,
)
from tests.core.format_tools import fill_rings, ring_area

# pycocotools 2.0 uses a form of numpy's array protocol that numpy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=17))


def blobs(hw, seed):
    """Ragged pieces with holes."""
    rng = np.random.default_rng(seed)
    noise = rng.random((hw[0] // 8 + 2, hw[1] // 8 + 2))
    return np.kron(noise, np.ones((8, 8)))[: hw[0], : hw[1]] + 0.25 * rng.random(hw) > 0.65


@given(masks)
def test_runs_give_the_mask_back(mask):
    counts = mask_to_counts(mask)
    assert np.array_equal(counts_to_mask(counts, mask.shape), mask)
    assert np.array_equal(decode_counts(encode_counts(counts)), counts)
    assert np.array_equal(rows_to_mask(mask_to_rows(mask), mask.shape), mask)


@given(masks)
def test_compressed_runs_are_those_of_pycocotools(mask):
    theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encode_counts(mask_to_counts(mask)).encode() == theirs["counts"]
    assert np.array_equal(
        coco_mask.decode(theirs).astype(bool), counts_to_mask(decode_counts(theirs["counts"]), mask.shape)
    )


def test_runs_of_a_large_mask_are_those_of_pycocotools():
    mask = blobs((900, 1300), 0)
    theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encode_counts(mask_to_counts(mask)).encode() == theirs["counts"]


@given(st.binary(max_size=40))
def test_damaged_runs_are_an_error_not_a_crash(data):
    try:
        counts = decode_counts(data)
        mask = counts_to_mask(counts, (9, 11))
    except ValueError:
        return
    assert mask.shape == (9, 11)


@pytest.mark.parametrize("counts", [[5], [-1, 100], [99, -1, 1], [10**12], ["a"], [[1, 2]], [2**70]])
def test_runs_that_do_not_fit_are_refused(counts):
    with pytest.raises(ValueError, match=r"run|mask"):
        counts_to_mask(counts, (10, 10))


@given(masks)
def test_outlines_give_the_mask_back(mask):
    found = outlines(mask)
    assert sum(outline.area for outline in found) == mask.sum()
    rings = [ring for outline in found for ring in (outline.outer, *outline.holes)]
    assert np.array_equal(fill_rings(rings, mask.shape), mask)


@given(masks)
def test_seams_keep_holes_open(mask):
    filled = np.zeros(mask.shape, np.bool_)
    for outline in outlines(mask):
        piece = fill_rings([keyhole(outline)], mask.shape)
        assert piece.sum() == outline.area
        filled |= piece
    assert np.array_equal(filled, mask)


def test_outlines_run_along_edges_clockwise_around_the_inside():
    mask = np.zeros((6, 8), np.bool_)
    mask[2, 5] = True
    (outline,) = outlines(mask)
    assert {tuple(corner) for corner in outline.outer.tolist()} == {(5, 2), (6, 2), (6, 3), (5, 3)}
    assert ring_area(outline.outer) == 1


def test_pieces_that_touch_at_a_corner_are_two_and_a_hole_is_one():
    mask = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1]], np.bool_)
    assert [outline.area for outline in outlines(mask)] == [1, 4]
    ring = np.ones((5, 5), np.bool_)
    ring[1:3, 1:3] = False
    ring[3, 3] = False  # touches the other hole at a corner
    (outline,) = outlines(ring)
    assert sorted(ring_area(hole) for hole in outline.holes) in ([-4, -1], [-5])
    assert ring_area(outline.outer) == 25


@pytest.mark.parametrize("seed", range(3))
def test_outlines_of_ragged_pieces_are_read_alike_by_pycocotools(seed):
    mask = blobs((120, 160), seed)
    rings = [keyhole(outline).reshape(-1).tolist() for outline in outlines(mask)]
    theirs = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, *mask.shape))).astype(bool)
    assert np.array_equal(theirs, mask)


@given(
    hnp.arrays(np.float64, (7, 2), elements=st.floats(-20, 40, allow_nan=False)),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_filling_agrees_with_the_even_odd_rule_at_every_centre(ring, height, width):
    filled = fill_rings([ring], (height, width))
    for row in range(height):
        for col in range(width):
            x, y = col + 0.5, row + 0.5
            inside = False
            for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                if (y0 <= y) != (y1 <= y):
                    inside ^= x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) <= x
            assert filled[row, col] == inside


def test_degenerate_rings_fill_nothing():
    assert not fill_rings([[(1, 1), (5, 5)], [(np.nan, 1), (2, 2), (3, 1)], []], (8, 8)).any()
