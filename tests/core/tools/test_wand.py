"""The feature wand: minimax levels, tolerances, seeds, edges."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from counterpart.core.tools.edges import EdgeGuide, working_frame
from counterpart.core.tools.wand import LEVELS, Wand, WandParams, bottleneck_levels
from tests.core.synthetic import PATCH, feature_map, palette, picture, two_part_scene

SHAPE = (7, 8)
tolerances = st.floats(0, 1)


def full(region, hw):
    return region.within((0, 0, *hw))


@given(
    hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 5)),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 7)), min_size=1, max_size=3),
)
def test_a_level_is_the_highest_threshold_at_which_a_pixel_hangs_together_with_a_seed(values, seeds):
    got = bottleneck_levels(values, np.array(seeds))
    start = np.zeros(SHAPE, bool)
    start[tuple(np.array(seeds).T)] = True
    values = np.where(start, 255, values)
    expected = np.zeros(SHAPE, int)
    for level in (1, 2, 3, 4, 5, 255):
        pieces, _ = ndimage.label(values >= level)
        reached = np.isin(pieces, pieces[start]) & (pieces > 0)
        expected[reached] = level
    np.testing.assert_array_equal(got, expected)


def test_without_seeds_nothing_is_reached():
    assert not bottleneck_levels(np.full(SHAPE, 9, np.uint8), np.zeros((0, 2), int)).any()


def scene(rows=14, cols=16, factor=1, **more):
    """Features and photograph of a disc of two halves, and the segment of every pixel."""
    segments = two_part_scene(rows, cols, **more)
    colours = palette(4)
    features = feature_map(segments, colours, noise=0.02)
    rgb = np.repeat(np.repeat(picture(segments), factor, 0), factor, 1)
    if factor > 1:
        geometry = dataclasses.replace(features.geometry, image_hw=rgb.shape[:2])
        features = dataclasses.replace(features, geometry=geometry)
    return features, rgb, np.kron(segments, np.ones((PATCH * factor, PATCH * factor), int))


@cache
def prepared(working_size):
    features, rgb, _ = scene()
    return rgb, Wand(rgb, features, params=WandParams(working_size=working_size))


@pytest.mark.parametrize("working_size", [512, 64])
def test_a_click_selects_the_segment_that_it_is_in(working_size):
    features, rgb, segments = scene()
    wand = Wand(rgb, features, params=WandParams(working_size=working_size))
    for xy, segment in (((40, 56), 2), ((80, 56), 3), ((5, 5), 0)):
        region = wand.select(xy).region(0.5, fine=True)
        got, truth = full(region, rgb.shape[:2]), segments == segment
        assert (got & truth).sum() / (got | truth).sum() > 0.97
        assert region.tight().bbox == region.bbox


def test_the_photograph_gives_edges_that_the_token_grid_cannot():
    """The object ends in the middle of a token's cell; its descriptors cannot know."""
    rows, cols = 12, 12
    segments = np.zeros((rows, cols), int)
    segments[3:9, 3:9] = 2
    features = feature_map(segments, palette(4), noise=0.0)
    rgb = np.full((rows * PATCH, cols * PATCH, 3), (40, 90, 40), np.uint8)
    truth = np.zeros(rgb.shape[:2], bool)
    truth[27:69, 27:69] = True  # three pixels inside of the tokens' cells
    rgb[truth] = (220, 60, 60)
    guided = full(Wand(rgb, features).select((48, 48)).region(0.5), truth.shape)
    assert (guided != truth).sum() < 60
    on_tokens = np.kron(segments == 2, np.ones((PATCH, PATCH), bool))
    assert (on_tokens != truth).sum() > 500


@given(tolerances, tolerances, st.floats(-5, 130), st.floats(-5, 120), st.sampled_from([512, 50]))
def test_a_larger_tolerance_selects_at_least_as_much_and_always_the_place_clicked(a, b, x, y, working_size):
    rgb, wand = prepared(working_size)
    selection = wand.select((x, y))
    smaller, larger = sorted((a, b))
    inner, outer = selection.region(smaller), selection.region(larger)
    assert not full(inner, rgb.shape[:2])[~full(outer, rgb.shape[:2])].any()
    assert (selection.preview(smaller) <= selection.preview(larger)).all()
    column, row = np.clip(np.floor([x + 0.5, y + 0.5]).astype(int), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1])
    for fine in (False, True):
        assert full(selection.region(smaller, fine=fine), rgb.shape[:2])[row, column]
    at = np.clip([x, y], 0, [rgb.shape[1] - 1, rgb.shape[0] - 1])
    row_work, column_work = selection.frame.nearest_token(at)
    assert selection.preview(smaller)[row_work, column_work]
    assert selection.similarity(larger) <= selection.similarity(smaller)


def test_at_full_tolerance_everything_is_selected():
    features, rgb, _ = scene()
    assert Wand(rgb, features).select((40, 56)).region(1.0).mask.all()
    assert Wand(rgb, features).select((40, 56)).region(1.0).bbox == (0, 0, *rgb.shape[:2])


@given(tolerances)
def test_a_selection_hangs_together(tolerance):
    selection = prepared(512)[1].select((40, 56))
    assert ndimage.label(selection.preview(tolerance))[1] == 1


def test_seeds_add_to_each_other():
    features, rgb, segments = scene()
    wand = Wand(rgb, features)
    both = full(wand.select([(40, 56), (80, 56)]).region(0.5), segments.shape)
    truth = segments >= 2
    assert (both & truth).sum() / (both | truth).sum() > 0.97


def test_a_place_against_keeps_what_looks_like_it_out_at_every_tolerance():
    features, rgb, segments = scene()
    wand = Wand(rgb, features)
    everything = wand.select((40, 56)).region(1.0)
    assert full(everything, segments.shape)[56, 80]
    for fine in (False, True):
        kept = full(wand.select((40, 56), against=(80, 56)).region(1.0, fine=fine), segments.shape)
        assert kept[segments == 2].mean() > 0.97
        assert kept[segments == 3].mean() < 0.03


def test_without_features_colour_decides():
    _, rgb, segments = scene()
    wand = Wand(rgb)
    got = full(wand.select((40, 56)).region(0.2), segments.shape)
    truth = segments == 2
    assert (got & truth).sum() / (got | truth).sum() > 0.99


def test_two_regions_of_one_look_are_not_joined_across_something_else():
    segments = np.zeros((12, 20), int)
    segments[4:8, 3:7] = 2
    segments[4:8, 13:17] = 2
    features, rgb = feature_map(segments, palette(4), noise=0.0), picture(segments)
    got = full(Wand(rgb, features).select((40, 48)).region(0.4), rgb.shape[:2])
    assert got[48, 40]
    assert not got[:, 90:].any()


def test_the_border_at_full_size_is_decided_by_the_photograph_and_only_the_border():
    features, rgb, segments = scene(factor=4)
    rng = np.random.default_rng(0)
    rgb = np.clip(rgb.astype(int) + rng.integers(-8, 9, rgb.shape), 0, 255).astype(np.uint8)
    selection = Wand(rgb, features, params=WandParams(working_size=64, radius=3)).select((160, 224))
    coarse, fine = (full(selection.region(0.4, fine=f), segments.shape) for f in (False, True))
    truth = segments == 2
    assert (fine != truth).sum() < (coarse != truth).sum() / 2
    pitch = 512 / 64
    border = ndimage.binary_dilation(coarse, iterations=1) & ndimage.binary_dilation(~coarse, iterations=1)
    far = ndimage.distance_transform_cdt(~border, "chessboard") > 1.5 * pitch + 2
    np.testing.assert_array_equal(fine[far], coarse[far])


def test_steps_are_places_where_the_region_rests():
    features, rgb, segments = scene()
    selection = Wand(rgb, features).select((40, 56))
    steps = selection.steps()
    assert steps == sorted(steps)
    best = min(abs(selection.region(step).area - (segments == 2).sum()) for step in steps)
    assert best < 0.03 * (segments == 2).sum()
    assert selection.suggested(0.9) == min(steps, key=lambda step: abs(step - 0.9))


@pytest.mark.parametrize("hw", [(1, 1), (1, 40), (5, 3), (33, 2)])
def test_works_on_the_smallest_images(hw):
    rgb = np.zeros((*hw, 3), np.uint8)
    selection = Wand(rgb, params=WandParams(working_size=16)).select((0, 0))
    assert selection.region(0.3, fine=True).mask.all()
    assert selection.region(0.3).bbox == (0, 0, *hw)
    assert 0 <= selection.suggested() <= 1


def test_refuses_features_of_another_image_and_no_seed():
    features, rgb, _ = scene()
    with pytest.raises(ValueError, match="features of an image"):
        Wand(rgb[:-1], features)
    with pytest.raises(ValueError, match="needs a seed"):
        Wand(rgb, features).select([])


def test_a_level_of_every_tolerance():
    features, rgb, _ = scene()
    selection = Wand(rgb, features).select((40, 56))
    assert (selection.level(0), selection.level(1), selection.level(-3), selection.level(7)) == (LEVELS, 1, LEVELS, 1)
    assert selection.similarity(0) == pytest.approx(1)


# Edges


def test_a_guide_keeps_what_is_constant_and_sharpens_at_edges():
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[:, 40:] = 255
    guide = EdgeGuide(rgb)
    np.testing.assert_allclose(guide.apply(guide.fit(np.full((60, 80), 0.7))), 0.7, atol=1e-4)
    ramp = np.broadcast_to(np.clip((np.arange(80) - 32) / 16, 0, 1), (60, 80))
    sharp = guide.apply(guide.fit(ramp))
    assert (sharp[:, 41] - sharp[:, 38]).min() > 2 * (ramp[:, 41] - ramp[:, 38]).max()


def test_a_guide_at_the_image_size_gives_the_same_values_in_any_window():
    rng = np.random.default_rng(2)
    rgb = rng.integers(0, 256, (50, 70, 3)).astype(np.uint8)
    guide = EdgeGuide(rgb, longest=512)
    models = guide.fit(rng.random((50, 70)))
    whole = guide.apply(models)
    np.testing.assert_allclose(models.at_pixels(rgb, (10, 20, 30, 65)), whole[10:30, 20:65], atol=1e-4)


def test_the_guide_agrees_with_the_plain_guided_filter_inside():
    from counterpart.core.refine import guided_filter

    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (60, 70, 3)).astype(np.uint8)
    values = rng.random((60, 70)).astype(np.float32)
    guide = EdgeGuide(rgb, radius=4, eps=1e-3)
    np.testing.assert_allclose(guide.apply(guide.fit(values)), guided_filter(rgb, values, 4, 1e-3), atol=2e-3)


@pytest.mark.parametrize("hw", [(3000, 4000), (100, 80), (1, 5000)])
def test_the_working_frame_maps_pixels_as_resizing_does(hw):
    frame = working_frame(hw, 500)
    assert max(frame.grid_hw) <= 500
    corner = frame.grid_to_image((-0.5, -0.5))
    np.testing.assert_allclose(corner, [-0.5, -0.5])
    opposite = frame.grid_to_image(np.array(frame.grid_hw) - 0.5)
    np.testing.assert_allclose(opposite, [hw[1] - 0.5, hw[0] - 0.5])
