"""Polygons, rectangles and lassos against the crossing rule in exact arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.tools.shapes import lasso_region, polygon_region, rectangle_region
from tests.core.format_tools import fill_rings

HW = (17, 19)
# Quarters of a pixel: centres and sides meet often, which is where rules differ.
quarter = st.integers(-16, 96).map(lambda n: n / 4)
corner = st.tuples(quarter, quarter)
ring = st.lists(corner, min_size=3, max_size=8)


def full(region, hw=HW):
    return region.within((0, 0, *hw))


def sides(rings):
    """Sides as (x0, y0, x1, y1), in whole quarters of a pixel."""
    for points in rings:
        for start, end in zip(points, points[1:] + points[:1], strict=True):
            yield [round(4 * value) for value in (*start, *end)]


def beyond(side):
    """For each pixel, twice the area between a side and the pixel's centre, exactly: positive to the right of it."""
    x0, y0, x1, y1 = side
    y, x = 4 * np.mgrid[: HW[0], : HW[1]]
    return ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) * np.sign(y1 - y0)


def brute(rings, rule):
    """Which pixels have their centre inside: by the sides that a ray from it to the left crosses, exactly."""
    y = 4 * np.arange(HW[0])[:, None]
    crossings, turns = np.zeros(HW, int), np.zeros(HW, int)
    for side in sides(rings):
        crossed = ((side[1] <= y) != (side[3] <= y)) & (beyond(side) >= 0)
        crossings += crossed
        turns += crossed * (1 if side[3] > side[1] else -1)
    return crossings % 2 == 1 if rule == "evenodd" else turns != 0


def on_a_slanted_side(rings):
    """Pixels whose centre lies exactly on a side that is not upright; rounding may put them on either side."""
    y = 4 * np.arange(HW[0])[:, None]
    out = np.zeros(HW, bool)
    for x0, y0, x1, y1 in sides(rings):
        if y0 != y1 and x0 != x1:
            out |= (min(y0, y1) <= y) & (y <= max(y0, y1)) & (beyond((x0, y0, x1, y1)) == 0)
    return out


@pytest.mark.parametrize("rule", ["evenodd", "nonzero"])
@given(st.lists(ring, min_size=1, max_size=3))
def test_a_polygon_has_the_pixels_whose_centres_it_has(rule, rings):
    got, expected = full(polygon_region(rings, HW, rule)), brute(rings, rule)
    sure = ~on_a_slanted_side(rings)
    np.testing.assert_array_equal(got[sure], expected[sure])


@given(st.integers(3, 9), st.integers(0, 1000))
def test_polygons_that_share_sides_share_no_pixel_and_leave_none_out(count, seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    centre, rim = np.array([9.0, 8.0]), np.stack([9 + 7 * np.cos(angles), 8 + 7 * np.sin(angles)], axis=1)
    whole = full(polygon_region([rim], HW)).astype(int)
    slices = [full(polygon_region([[centre, rim[i], rim[(i + 1) % count]]], HW)).astype(int) for i in range(count)]
    # The rim may leave the centre outside, where a slice counts against the others: the rule is then that of parity.
    np.testing.assert_array_equal(sum(slices) % 2, whole)


@given(corner, corner)
def test_a_rectangle_is_the_polygon_of_its_corners(a, b):
    (x0, y0), (x1, y1) = a, b
    polygon = full(polygon_region([[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]], HW))
    np.testing.assert_array_equal(full(rectangle_region(a, b, HW)), polygon)


def test_a_square_from_pixel_corner_to_pixel_corner_has_those_pixels():
    region = polygon_region([[(1.5, 2.5), (4.5, 2.5), (4.5, 6.5), (1.5, 6.5)]], HW)
    assert region.bbox == (3, 2, 7, 5)
    assert region.mask.all()


def test_a_side_through_centres_gives_them_to_the_right_and_below():
    region = rectangle_region((2, 3), (5, 6), HW)
    assert region.bbox == (3, 2, 6, 5)


def test_holes_are_left_out_whichever_way_they_turn():
    outer = [(0.5, 0.5), (12.5, 0.5), (12.5, 12.5), (0.5, 12.5)]
    hole = [(3.5, 3.5), (8.5, 3.5), (8.5, 8.5), (3.5, 8.5)]
    for inner in (hole, hole[::-1]):
        region = polygon_region([outer, inner], HW)
        assert region.area == 144 - 25
        assert not full(region)[5, 5]


def test_a_lasso_that_crosses_itself_keeps_what_it_winds_around():
    loop = [(2, 2), (14, 2), (14, 12), (2, 12)]
    twice = loop + [(x + 1, y + 1) for x, y in loop]
    assert full(lasso_region(twice, HW))[7, 8]
    assert not full(polygon_region([twice], HW))[7, 8]


def test_a_polygon_over_the_edge_is_clipped():
    region = polygon_region([[(-50, -50), (200, -50), (200, 200), (-50, 200)]], HW)
    assert region.bbox == (0, 0, *HW)
    assert region.mask.all()


@pytest.mark.parametrize(
    "rings", [[], [[]], [[(1, 1)]], [[(1, 1), (9, 9)]], [[(4, 4)] * 5], [[(90, 90), (99, 90), (95, 99)]]]
)
def test_what_encloses_nothing_is_nothing(rings):
    assert polygon_region(rings, HW).is_empty


def test_rings_below_the_area_asked_for_are_left_out():
    small = [(1, 1), (3, 1), (3, 3), (1, 3)]
    large = [(6, 6), (14, 6), (14, 14), (6, 14)]
    assert polygon_region([small, large], HW, min_area=10).bbox == (6, 6, 14, 14)


def test_refuses_corners_that_are_no_numbers():
    with pytest.raises(ValueError, match="not a number"):
        polygon_region([[(0, 0), (float("nan"), 3), (4, 4)]], HW)
    with pytest.raises(ValueError, match="not \\(N, 2\\)"):
        polygon_region([[(0, 0, 0), (1, 2, 3), (4, 4, 4)]], HW)


@given(st.lists(ring, min_size=1, max_size=3))
def test_shapes_follow_the_rule_by_which_annotation_files_are_read(rings):
    """Files count from pixel corners, half a pixel up and to the left of the centres that tools count from."""
    in_corners = [np.asarray(points) + 0.5 for points in rings]
    sure = ~on_a_slanted_side(rings)
    np.testing.assert_array_equal(full(polygon_region(rings, HW))[sure], fill_rings(in_corners, HW)[sure])
