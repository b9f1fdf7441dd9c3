"""Saliency by class attention, against the border, and both."""

import dataclasses

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.features.saliency import (
    SaliencyParams,
    background_saliency,
    border_tokens,
    cls_saliency,
    saliency_map,
    scale_to_unit,
)
from counterpart.core.features.values import FeatureMap
from tests.core.synthetic import TAP, disc, feature_map, palette, two_part_scene


@pytest.fixture
def scene():
    return feature_map(two_part_scene(), palette(4), salient=(2, 3))


def test_class_attention_is_scaled_to_the_unit_range(scene):
    saliency = cls_saliency(scene)
    assert saliency.dtype == np.float32
    assert (saliency.min(), saliency.max()) == (0, 1)
    np.testing.assert_array_equal(saliency > 0.5, disc())


def test_fault_flat_attention_divided_zero_by_zero():
    flat = feature_map(two_part_scene(), palette(4), salient=())
    np.testing.assert_array_equal(cls_saliency(flat), 0)


def test_heads_are_chosen_and_checked(scene):
    attention = np.stack([scene.attention[0], scene.attention[0].max() - scene.attention[0]])
    two_heads = dataclasses.replace(scene, attention=attention)
    np.testing.assert_array_equal(cls_saliency(two_heads, (0,)) > 0.5, disc())
    np.testing.assert_array_equal(cls_saliency(two_heads, (1,)) > 0.5, ~disc())
    for heads in ((2,), (-1,), ()):
        with pytest.raises(UsageError, match="no attention head"):
            cls_saliency(two_heads, heads)


def test_what_is_unlike_the_border_is_salient(scene):
    saliency = background_saliency(scene, TAP)
    assert saliency[disc()].min() > 0.5
    assert saliency[~disc()].max() < 0.4


def test_uniform_image_has_no_salient_token():
    uniform = feature_map(np.zeros((6, 7), int), palette(1), noise=0)
    np.testing.assert_array_equal(background_saliency(uniform, TAP), 0)
    np.testing.assert_array_equal(saliency_map(uniform, SaliencyParams("mean")), 0)


def test_mean_is_the_mean_of_both(scene):
    both = saliency_map(scene, SaliencyParams("mean", tap=TAP))
    np.testing.assert_allclose(both, (background_saliency(scene, TAP) + cls_saliency(scene)) / 2, rtol=1e-6)


@pytest.mark.parametrize("method", ["cls", "mean", "background"])
def test_encoders_without_class_attention_use_the_border(method):
    scene = feature_map(two_part_scene(), palette(4), attention=False)
    saliency = saliency_map(scene, SaliencyParams(method, tap=TAP))
    np.testing.assert_array_equal(saliency, background_saliency(scene, TAP))


def test_class_attention_that_is_not_there_is_said():
    with pytest.raises(UsageError, match="no class attention"):
        cls_saliency(feature_map(two_part_scene(), palette(4), attention=False))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (3, 1)])
def test_grids_that_are_all_border(shape):
    tiny: FeatureMap = feature_map(np.zeros(shape, int), palette(1))
    saliency = background_saliency(tiny, TAP)
    assert saliency.shape == shape
    assert np.isfinite(saliency).all()


def test_the_border_is_one_token_wide():
    assert border_tokens((3, 4)).tolist() == [[True] * 4, [True, False, False, True], [True] * 4]


@pytest.mark.parametrize(
    ("values", "low", "high", "relative", "expected"),
    [
        ([0, 1, 2, 3, 4], 1, 3, False, [0, 0, 0.5, 1, 1]),
        ([1, 2], 2, 1, False, [0, 0]),
        ([0, 1e-6], 0, 1e-6, False, [0, 0]),  # flat
        ([0, 3e-6], 0, 3e-6, False, [0, 1]),
        ([0, 1e-9], 0, 1e-9, True, [0, 1]),  # small, and not flat for its size
        ([-1, -1 + 5e-7], -1, -1 + 5e-7, True, [0, 0]),
        ([-1, 1], -1, 1, True, [0, 1]),
    ],
)
def test_scaling_to_the_unit_range(values, low, high, relative, expected):
    np.testing.assert_allclose(scale_to_unit(np.array(values, float), low, high, relative=relative), expected)


def test_saliency_is_the_mean_likeness_to_the_nearest_seeds():
    # Likeness to the first and third, the seeds: 1, 0.8, 0, 0.6 and 0, 0.6, 1, -0.8.
    scene = feature_map(np.array([[0, 1, 2, 3]]), np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, -0.8]]), noise=0)
    seeds = np.array([[True, False, True, False]])
    one = background_saliency(scene, TAP, 1, seeds)  # likeness 1, 0.8, 1, 0.6 to the nearest
    unlike = -np.array([1, 0.8, 1, 0.6])
    low, high = np.percentile(unlike, [2, 98])
    np.testing.assert_allclose(one[0], np.clip((unlike - low) / (high - low), 0, 1), atol=1e-6)
    two = background_saliency(scene, TAP, 2, seeds)  # means 0.5, 0.7, 0.5, -0.1 of both
    unlike = -np.array([0.5, 0.7, 0.5, -0.1])
    low, high = np.percentile(unlike, [2, 98])
    np.testing.assert_allclose(two[0], np.clip((unlike - low) / (high - low), 0, 1), atol=1e-6)
    np.testing.assert_array_equal(background_saliency(scene, TAP, 99, seeds), two)
    np.testing.assert_array_equal(background_saliency(scene, TAP, 0, seeds), one)
