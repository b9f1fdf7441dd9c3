"""Saliency by class attention, against the border, and both."""

import dataclasses

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.features.saliency import SaliencyParams, background_saliency, cls_saliency, saliency_map
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
