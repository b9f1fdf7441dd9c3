"""The embedded backbone through the whole extractor, where its weights are installed."""

import numpy as np
from PIL import Image

from counterpart.core.backbone.extractor import extract, extract_arrays
from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.images.finding import find_images
from tests.core.backbone_tiny import photo


def test_the_embedded_model_plans_without_loading_and_extracts(focus_model, tmp_path):
    plan = plan_encoder(focus_model, "cpu", "float32")
    Image.fromarray(photo(60, 90)).save(tmp_path / "a.png")
    spec = plan.spec([Tap(9, "token")], 14, 112)
    cache = FeatureCache(tmp_path / "cache")
    first = dict(extract(find_images([tmp_path]), spec, lambda: load_encoder(plan), cache=cache))[0]
    assert first.grid_hw == (5, 8)
    again = dict(extract(find_images([tmp_path]), spec, None, cache=cache))[0]
    np.testing.assert_array_equal(again.maps[0], first.maps[0])
    np.testing.assert_array_equal(again.attention, first.attention)


def test_bfloat16_finds_the_same_correspondences_as_float32(focus_model):
    """What `auto` chooses where the processor has it: the matches it changes were ties."""
    image = np.ascontiguousarray(photo(150, 200).repeat(2, 0).repeat(2, 1))
    images = [image, np.ascontiguousarray(image[30:270, 40:380])]
    maps = []
    for precision in ("float32", "bfloat16"):
        encoder = load_encoder(plan_encoder(focus_model, "cpu", precision))
        spec = encoder.spec([Tap(9, "token"), Tap(11, "normtoken")], 14, 224, storage="float32")
        maps.append(extract_arrays(images, spec, encoder))
    for tap in maps[0][0].spec.taps:
        (exact_a, exact_b), (fast_a, fast_b) = ([m.flat(tap) for m in pair] for pair in maps)
        assert (exact_a * fast_a).sum(-1).min() > 0.998
        similarity = exact_a @ exact_b.T
        chosen = similarity[np.arange(len(exact_a)), (fast_a @ fast_b.T).argmax(axis=1)]
        assert (similarity.max(axis=1) - chosen).max() < 0.01
