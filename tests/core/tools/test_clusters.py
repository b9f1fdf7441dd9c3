"""Regions of an image that a brush adopts whole."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from counterpart.core.images.reading import resize_rgb
from counterpart.core.tools.clusters import (
    ClusterParams,
    Clusters,
    SnappedBrush,
    _boxes,
    _components,
    _means,
    _nearest_centres,
    _pieces,
    _spread,
    _whole,
    find_clusters,
)
from counterpart.core.tools.edges import working_frame
from tests.core.synthetic import PATCH, feature_map, given_map, palette, picture, two_part_scene

PARAMS = ClusterParams(count=40)


@cache
def scene(factor=1, working_size=512):
    segments = two_part_scene()
    rgb = np.repeat(np.repeat(picture(segments), factor, 0), factor, 1)
    features = feature_map(segments, palette(4), noise=0.02)
    features = dataclasses.replace(features, geometry=dataclasses.replace(features.geometry, image_hw=rgb.shape[:2]))
    clusters = find_clusters(rgb, features, params=dataclasses.replace(PARAMS, working_size=working_size))
    return clusters, rgb, np.kron(segments, np.ones((PATCH * factor,) * 2, int)), features


def whole(clusters):
    height, width = clusters.frame.image_hw
    yy, xx = np.mgrid[:height, :width]
    return clusters.at(np.stack([xx, yy], -1))


@pytest.mark.parametrize(("factor", "working_size"), [(1, 512), (3, 100), (4, 200)])
def test_regions_share_no_pixel_and_leave_none_out(factor, working_size):
    clusters, rgb, _, _ = scene(factor, working_size)
    count = np.zeros(rgb.shape[:2], int)
    for index in range(len(clusters)):
        region = clusters.region(index)
        count[region.slices] += region.mask
    np.testing.assert_array_equal(count, 1)


@pytest.mark.parametrize(("factor", "working_size"), [(1, 512), (3, 100)])
def test_a_region_is_the_same_however_it_is_asked_for(factor, working_size):
    clusters, rgb, _, _ = scene(factor, working_size)
    labels = whole(clusters)
    height, width = rgb.shape[:2]
    for index in (0, 7, len(clusters) - 1):
        np.testing.assert_array_equal(clusters.region(index).within((0, 0, height, width)), labels == index)
    assert clusters.at((-50, 1e6)) == labels[-1, 0]


def test_each_region_is_one_piece_and_there_are_about_as_many_as_asked_for():
    clusters, _, _, _ = scene()
    assert 30 <= len(clusters) <= 55
    assert clusters.sizes.sum() == clusters.labels.size
    for index in range(len(clusters)):
        assert ndimage.label(clusters.labels == index)[1] == 1


@pytest.mark.parametrize(("factor", "working_size"), [(1, 512), (4, 128)])
def test_regions_keep_to_the_edges_of_the_object(factor, working_size):
    clusters, _, segments, _ = scene(factor, working_size)
    labels = whole(clusters)
    counts = np.zeros((len(clusters), 4))
    np.add.at(counts, (labels, segments), 1)
    assert counts.max(axis=1).sum() / counts.sum() > 0.985


def test_descriptors_divide_what_colour_cannot():
    segments = np.zeros((12, 16), int)
    segments[:, 9:] = 2
    features = feature_map(segments, palette(4), noise=0.0)
    rgb = np.full((12 * PATCH, 16 * PATCH, 3), 120, np.uint8)
    truth = np.kron(segments, np.ones((PATCH, PATCH), int))

    def purity(clusters):
        counts = np.zeros((len(clusters), 3))
        np.add.at(counts, (whole(clusters), truth), 1)
        return counts.max(axis=1).sum() / counts.sum()

    params = ClusterParams(count=12)
    assert purity(find_clusters(rgb, features, params=params)) > 0.97
    assert purity(find_clusters(rgb, params=params)) < 0.95


def test_the_same_image_gives_the_same_regions():
    _, rgb, _, features = scene()
    first, second = (find_clusters(rgb, features, params=PARAMS) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize("hw", [(1, 1), (1, 60), (5, 3), (40, 2)])
def test_the_smallest_images_have_regions_too(hw):
    clusters = find_clusters(np.zeros((*hw, 3), np.uint8), params=ClusterParams(count=4))
    assert sum(clusters.region(index).area for index in range(len(clusters))) == hw[0] * hw[1]


def test_refuses_features_of_another_image():
    _, rgb, _, features = scene()
    with pytest.raises(ValueError, match="features of an image"):
        find_clusters(rgb[1:], features)


# Brush


def test_a_brush_adopts_the_region_under_it_once():
    clusters, rgb, _, _ = scene()
    brush = SnappedBrush(clusters)
    first = brush.move_to((40, 56))
    np.testing.assert_array_equal(first.within((0, 0, *rgb.shape[:2])), whole(clusters) == clusters.at((40, 56)))
    assert brush.move_to((40, 56)).is_empty
    brush.lift()
    assert brush.move_to((40, 56)).area == first.area


@given(st.lists(st.tuples(st.floats(-20, 150), st.floats(-20, 130)), min_size=1, max_size=5), st.sampled_from([0, 9]))
def test_a_stroke_adopts_whole_regions_and_all_under_its_path_at_any_speed(path, radius):
    clusters, rgb, _, _ = scene()
    hw = rgb.shape[:2]
    brush = SnappedBrush(clusters, radius)
    painted = np.zeros(hw, int)
    for xy in path:
        painted += brush.move_to(xy).within((0, 0, *hw))
    assert painted.max() <= 1
    labels = whole(clusters)
    share = np.bincount(labels.ravel(), weights=painted.ravel()) / np.bincount(labels.ravel())
    assert set(np.unique(share)) <= {0.0, 1.0}
    for (x0, y0), (x1, y1) in zip(path, path[1:] or path, strict=False):
        for t in np.linspace(0, 1, 30):
            x, y = np.floor([x0 + t * (x1 - x0) + 0.5, y0 + t * (y1 - y0) + 0.5]).astype(int)
            if 0 <= x < hw[1] and 0 <= y < hw[0]:
                near = painted[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                assert near.any()


def test_a_wide_brush_adopts_what_it_has_covered_by_half_and_no_more():
    clusters, _, _, _ = scene()
    brush = SnappedBrush(clusters, radius=30)
    brush.move_to((64, 56))
    covered = np.hypot(*(np.mgrid[:112, :128] - np.array([56, 64])[:, None, None])) <= 30
    labels = whole(clusters)
    share = np.bincount(labels.ravel(), weights=covered.ravel()) / np.bincount(labels.ravel())
    under = int(clusters.at((64, 56)))
    adopted = {index for index in range(len(clusters)) if brush._adopted[index]}
    assert adopted == set(np.flatnonzero(share >= 0.5).tolist()) | {under}


def test_outside_the_image_nothing_is_adopted():
    clusters, _, _, _ = scene()
    assert SnappedBrush(clusters, radius=3).move_to((-40, 20)).is_empty


# By hand


def by_hand(labels, rgb, small=None):
    labels, rgb = np.array(labels, np.int32), np.array(rgb, np.uint8)
    frame = working_frame(rgb.shape[:2], max(labels.shape))
    assert frame.grid_hw == labels.shape
    return Clusters(labels, frame, rgb, resize_rgb(rgb, labels.shape) if small is None else np.array(small, np.uint8))


def voted(clusters, xy, colour, small):
    """The region with the most votes of the four working pixels around an image point, one vote at a time."""
    row, column = clusters.frame.image_to_grid(np.array(xy, float))
    height, width = clusters.labels.shape
    votes = dict.fromkeys(range(len(clusters)), 0.0)
    for r in (int(np.floor(row)), int(np.floor(row)) + 1):
        for c in (int(np.floor(column)), int(np.floor(column)) + 1):
            near = max(1 - abs(row - r), 0) * max(1 - abs(column - c), 0)
            at = min(max(r, 0), height - 1), min(max(c, 0), width - 1)
            difference = np.array(small[at], float) - colour
            like = np.exp(-0.5 * (difference @ difference) / 20**2)
            votes[int(clusters.labels[at])] += (near + 1e-3) * (like + 1e-3)
    return votes


@pytest.mark.parametrize("seed", range(6))
def test_a_pixel_joins_the_region_that_nearness_and_colour_vote_for(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (6, 6))  # two of four corners often share a region
    rgb, small = (rng.integers(90, 130, (hw, hw, 3)).astype(np.uint8) for hw in (17, 6))
    clusters = by_hand(labels, rgb, small)
    yy, xx = np.mgrid[2:15, 2:15]
    chosen = clusters.at(np.stack([xx, yy], -1))
    for y, x, index in zip(yy.ravel(), xx.ravel(), chosen.ravel(), strict=True):
        votes = voted(clusters, (x, y), rgb[y, x].astype(float), small)
        assert votes[int(index)] >= max(votes.values()) * (1 - 1e-5)


def test_beyond_the_outermost_working_pixels_their_region_goes_on():
    rgb = np.full((8, 12, 3), 100, np.uint8)
    clusters = by_hand([[0, 0, 1], [2, 2, 1]], rgb)
    labels = whole(clusters)
    np.testing.assert_array_equal(labels, np.kron([[0, 0, 1], [2, 2, 1]], np.ones((4, 4), int)))
    assert clusters.sizes.tolist() == [2, 2, 2]
    for index, box in enumerate([(0, 0, 4, 8), (0, 8, 8, 12), (4, 0, 8, 8)]):
        region = clusters.region(index)
        assert (region.bbox, region.mask.all()) == (box, True)
        assert clusters.region(index) is region
        with pytest.raises(ValueError, match="read-only"):
            region.mask[0, 0] = False


def test_points_are_rounded_to_pixels():
    clusters = by_hand([[0, 1]], np.full((1, 2, 3), 9))
    points = [(0.49, 0.2), (0.5, -0.2), (-9, 7), (1.5, 0)]
    assert [int(clusters.at(point)) for point in points] == [0, 1, 0, 1]
    assert clusters.at(np.zeros((0, 2))).shape == (0,)
    assert clusters.at(np.array(points)).tolist() == [0, 1, 0, 1]


def test_the_boxes_of_labels():
    labels = np.array([[0, 0, 2], [1, 0, 2], [1, 1, 0]], np.int32)
    assert _boxes(labels, 3).tolist() == [[0, 0, 3, 3], [1, 0, 3, 2], [0, 2, 2, 3]]


def test_strays_and_pieces_too_small_join_a_neighbour():
    labels = np.array(
        [
            [7, 7, 7, 4, 4, 4],
            [7, 7, 4, 4, 4, 4],
            [7, 7, 7, 4, 7, 4],
            [7, 9, 7, 4, 4, 4],
            [9, 9, 7, 4, 4, 4],
        ],
        np.int32,
    )
    whole_labels = _whole(labels, 3)  # the stray 7 goes, the 9 of three pixels stays
    expected = labels.copy()
    expected[2, 4] = 4
    assert len(np.unique(whole_labels)) == 3
    for label in (4, 7, 9):
        assert len(np.unique(whole_labels[expected == label])) == 1
    whole_labels = _whole(labels, 4)  # too small; each of its pixels lies beside a 7
    expected[expected == 9] = 7
    np.testing.assert_array_equal(whole_labels == whole_labels[0, 0], expected == 7)
    assert sorted(np.unique(whole_labels)) == [0, 1]
    assert not _whole(np.zeros((2, 2), np.int32), 99).any()


def test_pieces_hang_together_by_sides_and_not_by_corners():
    labels = np.array([[1, 1, 2], [2, 1, 2], [2, 2, 1]], np.int32)
    pieces = _pieces(labels)
    assert pieces[0, 0] == pieces[0, 1] == pieces[1, 1]
    assert pieces[1, 0] == pieces[2, 0] == pieces[2, 1]
    assert pieces[0, 2] == pieces[1, 2]
    assert len(np.unique(pieces)) == 4


def test_labels_spread_by_one_pixel_up_down_and_sideways():
    labels = np.full((5, 5), -1, np.int32)
    labels[2, 2] = 6
    _spread(labels)
    expected = np.full((5, 5), -1)
    expected[2, 1:4] = expected[1:4, 2] = 6
    np.testing.assert_array_equal(labels, expected)


def test_means_of_labels_and_of_none():
    flat = np.array([[1, 2, 6, 8], [0, 0, 1, 3]], np.float32)
    np.testing.assert_array_equal(
        _means(flat, np.array([0, 0, 2, 0]), 3), np.array([[11 / 3, np.inf, 6], [1, np.inf, 1]], np.float32)
    )


def test_each_pixel_takes_the_nearest_of_the_nine_centres_around_its_cell():
    rng = np.random.default_rng(3)
    rows, columns, side = 4, 5, 3
    cells = rng.normal(size=(2, rows, side, columns, side)).astype(np.float32)
    centres = rng.normal(size=(2, rows, columns)).astype(np.float32)
    centres[:, 1, 2] = np.inf  # an empty one
    got = _nearest_centres(cells, centres, np.arange(20, dtype=np.int32).reshape(rows, columns))
    for y in range(rows * side):
        for x in range(columns * side):
            near = [
                (float(((cells[:, y // side, y % side, x // side, x % side] - centres[:, r, c]) ** 2).sum()), r * 5 + c)
                for r in range(max(y // side - 1, 0), min(y // side + 2, rows))
                for c in range(max(x // side - 1, 0), min(x // side + 2, columns))
            ]
            assert got[y, x] == min(near)[1]


def test_the_components_are_the_principal_ones_of_unit_descriptors():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 7, 5)) * [9, 5, 1, 0.1, 0.1] + [2, 0, 0, 0, 8]
    features = given_map(values)
    unit = features.flat().astype(float)
    left, singular, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    scores = (left * singular)[:, :2]
    got = np.stack([component.ravel() for component in _components(features, None, 2)], axis=1)
    # The same plane, in axes of its own: distances are what counts.
    np.testing.assert_allclose(got @ got.T, scores @ scores.T, atol=2e-3)
    assert len(_components(features, None, 9)) == 5
    assert len(_components(given_map(values[:1, :3]), None, 9)) == 3


@pytest.mark.parametrize(("hw", "count", "side"), [((80, 120), 96, 10), ((80, 120), 90, 10), ((20, 20), 900, 2)])
def test_an_even_picture_is_divided_into_squares(hw, count, side):
    """As many as asked for would have a side of sqrt(h w / count), here taken to the nearest even number."""
    labels = find_clusters(np.full((*hw, 3), 128, np.uint8), params=ClusterParams(count=count)).labels
    expected = np.arange(hw[0] // side * (hw[1] // side)).reshape(hw[0] // side, -1)
    agree = np.zeros((labels.max() + 1, expected.size))
    np.add.at(agree, (labels, np.kron(expected, np.ones((side, side), int))), 1)
    assert len(agree) == expected.size
    assert agree.max(axis=1).sum() == labels.size


def test_a_region_is_as_wide_as_fifteen_levels_of_lightness_or_three_tenths_of_a_descriptor():
    rgb = np.full((40, 40, 3), 128, np.uint8)
    rgb[:, 13:] = 160  # twelve levels of lightness: less than the distance to the next centre but one
    even = find_clusters(np.full((40, 40, 3), 128, np.uint8), params=ClusterParams(count=16)).labels
    edge = find_clusters(rgb, params=ClusterParams(count=16)).labels
    indifferent = find_clusters(rgb, params=ClusterParams(count=16, colour_scale=1e6)).labels
    np.testing.assert_array_equal(indifferent, even)
    crossing = [len(np.unique((rgb[..., 0] == 160)[edge == index])) > 1 for index in range(edge.max() + 1)]
    assert not any(crossing)
    segments = np.zeros((5, 5), int)
    segments[:, 2:] = 1
    features = feature_map(segments, 0.3 * palette(2) + palette(3)[2], noise=0)
    plain = np.full((40, 40, 3), 128, np.uint8)
    params = ClusterParams(count=16, descriptor_scale=1e6)
    np.testing.assert_array_equal(find_clusters(plain, features, params=params).labels, even)


# The snapped brush by hand


def tiles(factor=4):
    """Six regions of four by four working pixels, in an image `factor` times as large."""
    labels = np.kron([[0, 1, 2], [3, 4, 5]], np.ones((4, 4), int))
    return by_hand(labels, np.full((8 * factor, 12 * factor, 3), 100, np.uint8))


def adopted(region, clusters, factor=4):
    inside = region.within((0, 0, *clusters.frame.image_hw))
    return [index for index in range(6) if inside[clusters.region(index).slices].all()], inside.sum()


def test_a_path_adopts_every_region_that_it_crosses():
    clusters, size = tiles(), 16 * 16
    brush = SnappedBrush(clusters)
    assert adopted(brush.move_to((5, 5)), clusters) == ([0], size)
    assert adopted(brush.move_to((40, 12)), clusters) == ([1, 2], 2 * size)
    assert adopted(brush.move_to((40, 31)), clusters) == ([5], size)
    assert brush.move_to((36, 4)).is_empty
    brush.lift()
    assert adopted(brush.move_to((5, 20)), clusters) == ([3], size)  # no line from where the last stroke ended


def test_the_path_ends_half_a_pixel_beyond_the_outermost_centres():
    clusters = tiles()
    for xy, expected in (((-0.5, 3), [0]), ((-0.51, 3), []), ((47.49, 31.49), [5]), ((47.5, 3), []), ((3, 31.5), [])):
        assert adopted(SnappedBrush(clusters).move_to(xy), clusters)[0] == expected


def test_a_tip_adopts_a_region_once_it_has_covered_half_of_it_in_all():
    clusters = tiles()
    brush = SnappedBrush(clusters, radius=8)  # two working pixels
    assert adopted(brush.move_to((8, 2)), clusters)[0] == [0]
    # Along the border between the upper regions and the lower ones the tip covers half of each, two rows.
    brush = SnappedBrush(clusters, radius=8, coverage=0.4)
    brush.move_to((-30, 17.5))
    assert adopted(brush.move_to((80, 17.5)), clusters)[0] == [0, 1, 2, 3, 4, 5]
    brush = SnappedBrush(clusters, radius=8, coverage=0.6)
    brush.move_to((-30, 17.5))
    assert adopted(brush.move_to((80, 17.5)), clusters)[0] == [3, 4, 5]  # those under the path itself
    assert brush.move_to((-30, 17.5)).is_empty  # what is covered twice counts once
    assert adopted(brush.move_to((-30, 6)), clusters)[0] == []
    assert 0 in adopted(brush.move_to((20, 9)), clusters)[0]
