"""Maps of tokens as pictures: the colour scale, stretching, overlays."""

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.features.pictures import (
    attention_pictures,
    colour_scale,
    colour_values,
    grid_picture,
    heat_overlay,
    stretch,
)
from counterpart.core.geometry import GridGeometry
from tests.core.synthetic import given_map


def test_the_colour_scale_grows_lighter_all_the_way():
    scale = colour_scale().astype(float)
    lightness = scale @ [0.2126, 0.7152, 0.0722]
    assert scale.shape == (256, 3)
    assert (np.diff(lightness) >= -0.5).all()
    assert lightness[-1] - lightness[0] > 150


def test_values_outside_the_range_and_not_numbers_take_the_ends_of_the_scale():
    colours = colour_values(np.array([-1.0, 0.0, 1.0, 2.0, np.nan, np.inf]))
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[2], colours[3])
    np.testing.assert_array_equal(colours[4], colours[0])
    np.testing.assert_array_equal(colours[5], colours[2])


def test_stretching_a_constant_map_gives_zero_not_a_division():
    assert not stretch(np.full((3, 4), 7.0)).any()
    assert stretch(np.zeros((0, 0))).shape == (0, 0)
    np.testing.assert_allclose(stretch(np.array([2.0, 3.0, 4.0])), [0, 0.5, 1])


def test_a_bright_token_lights_up_at_its_own_place_in_the_photograph():
    geometry = GridGeometry.plan((60, 100), 80, 8, 4)
    grid = np.zeros(geometry.grid_hw, np.float32)
    grid[5, 11] = 1
    for smooth in (True, False):
        picture = grid_picture(grid, geometry, smooth=smooth)
        assert picture.shape == (60, 100, 3)
        ys, xs = np.nonzero(picture.sum(axis=-1) > picture.sum(axis=-1).max() - 12)
        np.testing.assert_allclose([xs.mean(), ys.mean()], geometry.grid_to_image([5, 11]), atol=0.7)


def test_an_overlay_keeps_the_photograph_visible_in_grey():
    geometry = GridGeometry.plan((32, 48), None, 8, 8)
    rgb = np.zeros((32, 48, 3), np.uint8)
    rgb[:, :24] = (255, 0, 0)
    picture = heat_overlay(rgb, np.zeros(geometry.grid_hw, np.float32), geometry)
    left, right = picture[5, 5].astype(int), picture[5, 40].astype(int)
    assert (left > right).all()
    assert np.ptp(left - right) <= 1, "the photograph adds brightness, no hue"


def test_each_head_is_shown_over_its_own_range():
    rng = np.random.default_rng(7)
    attention = np.stack([rng.random((4, 6)), rng.random((4, 6)) * 1e-4]).astype(np.float32)
    pictures = attention_pictures(given_map(np.ones((4, 6, 3)), (50, 75), attention))
    assert pictures.shape == (2, 50, 75, 3)
    assert pictures[1].max() > 200


def test_features_without_attention_are_named():
    with pytest.raises(UsageError, match="made gives no attention"):
        attention_pictures(given_map(np.ones((4, 6, 3))))


def test_the_colour_scale_takes_equal_steps_of_lightness():
    """CIE L*: from sRGB to linear light, to luminance, to lightness."""
    srgb = colour_scale(8).astype(float) / 255
    linear = np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    np.testing.assert_allclose(np.diff(lightness), (lightness[-1] - lightness[0]) / 7, atol=2)
    assert lightness[0] < 15
    assert lightness[-1] > 90
    anchors = colour_scale(8).astype(float)
    between = colour_scale(15)[1::2]
    np.testing.assert_allclose(between, (anchors[:-1] + anchors[1:]) / 2, atol=0.5)


def test_a_value_takes_the_nearest_of_the_steps_of_the_scale():
    scale = colour_scale()
    colours = colour_values(np.array([0, 100.4, 100.6, 255]) / 255)
    np.testing.assert_array_equal(colours, scale[[0, 100, 101, 255]])
    np.testing.assert_array_equal(colour_values(np.array([-np.inf])), scale[[0]])


def test_stretching_goes_from_one_percentile_to_the_other_and_no_further():
    values = np.arange(11.0)
    np.testing.assert_allclose(stretch(values), values / 10)
    np.testing.assert_allclose(stretch(values, 20, 60), [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


def test_colours_of_tokens_are_blended_or_repeated():
    geometry = GridGeometry.plan((4, 8), None, 4, 4)
    colours = np.array([[[10, 0, 200], [50, 9, 100]]], np.uint8)
    plain = grid_picture(colours, geometry, smooth=False)
    np.testing.assert_array_equal(plain, np.repeat(np.repeat(colours, 4, 0), 4, 1))
    smooth = grid_picture(colours, geometry)
    # Token centres lie at 1.5 and 5.5; pixel 2 is an eighth of the way.
    np.testing.assert_array_equal(smooth[0, [0, 2, 7]], [[10, 0, 200], [15, 1, 188], [50, 9, 100]])
    values = colours[..., 0] / np.float32(255)
    np.testing.assert_array_equal(grid_picture(values, geometry)[0, [0, 7]], colour_scale()[[10, 50]])
    assert grid_picture(values, geometry, out_hw=(2, 6)).shape == (2, 6, 3)
    np.testing.assert_array_equal(
        grid_picture(values, geometry, smooth=False)[:, [0, 3, 4]], np.tile(colour_scale()[[10, 10, 50]], (4, 1, 1))
    )


def test_an_overlay_is_two_thirds_colour_and_one_third_grey():
    geometry = GridGeometry.plan((8, 8), None, 8, 8)
    rgb = np.full((8, 8, 3), (100, 200, 50), np.uint8)
    grey = 0.299 * 100 + 0.587 * 200 + 0.114 * 50
    dark = colour_scale()[0].astype(float)
    np.testing.assert_allclose(heat_overlay(rgb, np.zeros((1, 1)), geometry)[3, 3], 0.35 * grey + 0.65 * dark, atol=0.5)
    strong = heat_overlay(rgb, np.zeros((1, 1)), geometry, strength=1.0)
    np.testing.assert_array_equal(strong[3, 3], dark)


def test_the_brightest_half_percent_of_a_head_is_cut_off():
    attention = np.zeros((1, 1, 401), np.float32)
    attention[0, 0] = np.arange(401)
    pictures = attention_pictures(given_map(np.ones((1, 401, 2)), (1, 401), attention), smooth=False)
    expected = colour_values(np.clip(np.arange(401) / 398, 0, 1))  # 398 is the 99.5th percentile
    np.testing.assert_array_equal(pictures[0, 0], expected)
    assert attention_pictures(given_map(np.ones((1, 401, 2)), (8, 99), attention), out_hw=(3, 5)).shape == (1, 3, 5, 3)
