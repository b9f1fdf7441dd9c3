"""Regions of an image that a brush adopts whole."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from counterpart.core.tools.clusters import ClusterParams, SnappedBrush, find_clusters
from tests.core.synthetic import PATCH, feature_map, palette, picture, two_part_scene

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
