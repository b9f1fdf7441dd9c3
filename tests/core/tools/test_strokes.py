"""Brush strokes against brute force over every pixel."""

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterpart.core.tools.region import Region
from counterpart.core.tools.strokes import StrokeRasteriser, segment_region

HW = (23, 31)
SHAPES = ("round", "square")
coordinate = st.floats(-12, 42, allow_nan=False).map(lambda v: round(v, 3))
points = st.tuples(coordinate, coordinate)
radii = st.floats(0.5, 14).map(lambda v: round(v, 3))


def distances(start, end, shape, hw=HW):
    """Distance of every pixel centre to the segment, by its own formula: dense samples for the square's metric."""
    yy, xx = np.mgrid[: hw[0], : hw[1]].astype(float)
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    if shape == "round":
        square = dx * dx + dy * dy
        t = np.clip(((xx - x0) * dx + (yy - y0) * dy) / square, 0, 1) if square > 0 else np.zeros_like(xx)
        return np.hypot(xx - x0 - t * dx, yy - y0 - t * dy)
    # The larger of two linear functions' magnitudes is least at an end, at a zero of either, or where they are equal.
    candidates = [np.zeros_like(xx), np.ones_like(xx)]
    for up, down in (
        ((xx - x0), dx),
        ((yy - y0), dy),
        ((xx - x0) - (yy - y0), dx - dy),
        ((xx - x0) + (yy - y0), dx + dy),
    ):
        if down:
            candidates.append(np.clip(up / down, 0, 1))
    return np.min([np.maximum(abs(xx - x0 - t * dx), abs(yy - y0 - t * dy)) for t in candidates], axis=0)


def full(region, hw=HW):
    return region.within((0, 0, *hw))


def ends(start, end, hw=HW):
    out = np.zeros(hw, bool)
    for x, y in (start, end):
        column, row = math.floor(x + 0.5), math.floor(y + 0.5)
        if 0 <= row < hw[0] and 0 <= column < hw[1]:
            out[row, column] = True
    return out


@pytest.mark.parametrize("shape", SHAPES)
@given(points, points, radii)
@example((3.0, 4.0), (3.0, 4.0), 2.0)
@example((5.0, 5.0), (20.0, 5.0), 3.0)
@example((5.0, 5.0), (5.0, 20.0), 3.0)
@example((-9.0, -9.0), (40.0, 35.0), 4.0)
@example((2.5, 2.5), (2.5, 2.5), 0.5)
def test_a_segment_covers_the_pixels_within_the_radius(shape, start, end, radius):
    got = full(segment_region(start, end, radius, shape, HW))
    distance = distances(start, end, shape)
    sure = abs(distance - radius) > 1e-6
    expected = (distance <= radius) | ends(start, end)
    np.testing.assert_array_equal(got[sure], expected[sure])


@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_at_exactly_the_radius_are_inside(shape):
    got = full(segment_region((10, 10), (10, 10), 3, shape, HW))
    assert got[10, 7]
    assert got[13, 10]
    assert not got[10, 6]
    assert got[13, 13] == (shape == "square")


@pytest.mark.parametrize("shape", SHAPES)
@given(points, points, radii)
def test_a_box_hugs_its_pixels_and_lies_in_the_image(shape, start, end, radius):
    region = segment_region(start, end, radius, shape, HW)
    assert region.mask.shape == (region.bbox[2] - region.bbox[0], region.bbox[3] - region.bbox[1])
    assert region.tight().bbox == region.bbox
    assert region.bbox[0] >= 0
    assert region.bbox[1] >= 0
    assert region.bbox[2] <= HW[0]
    assert region.bbox[3] <= HW[1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smooth", [False, True])
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 22)), min_size=1, max_size=6), st.floats(0, 3))
def test_a_stroke_has_no_gaps_however_far_apart_the_events_are(shape, smooth, path, radius):
    tip = StrokeRasteriser(radius, shape, HW, smooth=smooth)
    covered = full(tip.follow(path)) | full(tip.finish())
    count, _ = cv2.connectedComponents(covered.astype(np.uint8), connectivity=8)
    assert count == 2
    for x, y in (path[0], path[-1]):
        assert covered[math.floor(y + 0.5), math.floor(x + 0.5)]


@pytest.mark.parametrize("shape", SHAPES)
@given(st.lists(points, min_size=1, max_size=5), radii)
def test_a_stroke_is_the_union_of_its_segments(shape, path, radius):
    tip = StrokeRasteriser(radius, shape, HW)
    covered = np.zeros(HW, bool)
    for xy in path:
        covered |= full(tip.move_to(xy))
    expected = full(segment_region(path[0], path[0], radius, shape, HW))
    for before, here in itertools.pairwise(path):
        expected |= full(segment_region(before, here, radius, shape, HW))
    np.testing.assert_array_equal(covered, expected)


@given(points, points, radii)
def test_a_segment_is_the_same_both_ways(start, end, radius):
    forth = full(segment_region(start, end, radius, "round", HW))
    back = full(segment_region(end, start, radius, "round", HW))
    sure = abs(distances(start, end, "round") - radius) > 1e-6
    np.testing.assert_array_equal(forth[sure], back[sure])


def test_a_smoothed_stroke_rounds_a_corner_that_straight_lines_leave():
    path = [(2, 2), (28, 2), (28, 20)]
    curved = StrokeRasteriser(0.5, "round", HW, smooth=True)
    covered = full(curved.follow(path)) | full(curved.finish())
    assert not covered[2, 28]
    assert covered[20, 28]
    assert full(StrokeRasteriser(0.5, "round", HW).follow(path))[2, 28]


def test_lifting_the_tip_begins_a_new_stroke():
    tip = StrokeRasteriser(1, "round", HW)
    tip.move_to((3, 3))
    tip.lift()
    assert tip.position is None
    assert full(tip.move_to((20, 15))).sum() == 5  # a dab, no line from the stroke before


def test_a_straight_line_ignores_smoothing():
    tip = StrokeRasteriser(0.5, "round", HW, smooth=True)
    tip.move_to((2, 2))
    np.testing.assert_array_equal(full(tip.line_to((12, 2)))[2, 2:13], True)


def test_outside_the_image_there_is_nothing():
    assert segment_region((-50, -50), (-40, -45), 5, "round", HW).is_empty
    assert Region.nothing().bbox == (0, 0, 0, 0)


def test_a_tip_reaches_in_from_outside_the_image():
    region = segment_region((-3, 11), (-3, 11), 4.5, "round", HW)
    assert region.bbox[1] == 0
    assert region.mask[:, 0].any()


@pytest.mark.parametrize("radius", [-1, math.nan, math.inf])
def test_refuses_a_radius_that_is_none(radius):
    with pytest.raises(ValueError, match="radius"):
        StrokeRasteriser(radius, "round", HW)


def test_a_move_never_makes_more_than_its_own_box_on_a_large_image():
    tip = StrokeRasteriser(20, "round", (100_000, 100_000))
    tip.move_to((50_000, 50_000))
    region = tip.move_to((50_030, 50_010))
    assert region.mask.shape == (51, 71)


@pytest.mark.parametrize("corner", [(60, 5), (30, 58), (6, 30), (59, 59)])
def test_a_smoothed_stroke_is_a_curve_through_the_middles_of_its_positions(corner):
    """From the first position to the last middle: a quadratic Bézier curve about each position between."""
    hw, radius = (64, 66), 3.0
    path = np.array([(5, 5), corner, (58, 50)], float)
    tip = StrokeRasteriser(radius, "round", hw, smooth=True)
    covered = full(tip.follow(path), hw)
    middle = (path[1] + path[2]) / 2
    first = (path[0] + path[1]) / 2
    t = np.linspace(0, 1, 4001)[:, None]
    curve = (1 - t) ** 2 * first + 2 * t * (1 - t) * path[1] + t**2 * middle
    line = path[0] + t * (first - path[0])
    yy, xx = np.mgrid[: hw[0], : hw[1]]
    near = np.stack([np.hypot(xx - x, yy - y) for x, y in np.concatenate([curve, line])[::4]]).min(axis=0)
    assert covered[near < radius - 0.2].all()
    assert not covered[near > radius + 0.2].any()
    rest = full(tip.finish(), hw)
    end = np.stack([np.hypot(xx - x, yy - y) for x, y in middle + t[::4] * (path[2] - middle)]).min(axis=0)
    np.testing.assert_array_equal(rest[np.abs(end - radius) > 0.1], (end < radius)[np.abs(end - radius) > 0.1])
    assert tip.finish().is_empty
