"""Parity with an independent implementation of DINO and the paper's extractor, through the way a person would go."""

import dataclasses

import numpy as np
import pytest
import torch

from counterpart.core.backbone.checkpoints import import_checkpoint
from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.features.taps import Tap

HEADS = 6
FACETS = ("key", "query", "value", "token")
TAPS = [Tap(layer, facet) for layer in (9, 11) for facet in FACETS]
RELATIVE = 1e-4
CASES = [(image, stride) for image in (0, 1) for stride in (4, 8)]


@pytest.fixture(scope="module")
def encoder(golden, tmp_path_factory):
    """The golden weights, imported as an official-layout checkpoint and loaded."""
    folder = tmp_path_factory.mktemp("golden")
    state = {name[6:]: torch.from_numpy(golden[name]) for name in golden if name.startswith("state/")}
    torch.save(state, folder / "dino_tiny_p8.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERPART_MODELS", str(folder / "models"))
        info = import_checkpoint(folder / "dino_tiny_p8.pth", heads=HEADS)
        width = golden["state/norm.weight"].size
        assert (info.name, info.patch, info.width, info.depth, info.heads) == ("dino_tiny_p8", 8, width, 12, HEADS)
        return load_encoder(plan_encoder("dino_tiny_p8", "cpu", "float32"))


@pytest.fixture(scope="module")
def features(golden, encoder):
    """Both images in one call per stride, everything in one pass."""
    images = [golden["image0/rgb"], golden["image1/rgb"]]
    out = {}
    for stride in (4, 8):
        spec = encoder.spec(TAPS, stride, None, storage="float32")
        for index, raw in enumerate(encoder.encode(images, spec)):
            out[index, stride] = raw
    return out


def _close(got, expected):
    error = np.abs(got - expected).max() / np.abs(expected).max()
    assert error <= RELATIVE, f"differs by {error:.1e} of the largest value"


@pytest.mark.parametrize(("image", "stride"), CASES)
def test_the_grid_is_the_golden_one(golden, features, image, stride):
    assert features[image, stride].maps[0].shape[:2] == tuple(golden[f"image{image}/stride{stride}/grid"])


@pytest.mark.parametrize(("image", "stride"), CASES)
@pytest.mark.parametrize("tap", TAPS, ids=str)
def test_descriptors_and_class_descriptors_are_the_golden_ones(golden, features, image, stride, tap):
    raw = features[image, stride]
    index = TAPS.index(tap)
    expected = golden[f"image{image}/stride{stride}/layer{tap.layer}/{tap.facet}_with_cls"]
    _close(np.concatenate([raw.cls[index][None], raw.maps[index].reshape(-1, raw.cls[index].size)]), expected)


@pytest.mark.parametrize(("image", "stride"), CASES)
def test_class_attention_of_every_head_is_the_golden_one(golden, features, image, stride):
    expected = golden[f"image{image}/stride{stride}/cls_attention_heads"]
    _close(features[image, stride].attention.reshape(HEADS, -1), expected)


@pytest.mark.parametrize(("image", "stride"), CASES)
def test_saliency_of_the_papers_heads_is_the_golden_one(golden, features, image, stride):
    mean = features[image, stride].attention[[0, 2, 4, 5]].mean(axis=0).reshape(-1)
    saliency = (mean - mean.min()) / (mean.max() - mean.min())
    np.testing.assert_allclose(
        saliency, golden[f"image{image}/stride{stride}/saliency_heads0245"], rtol=RELATIVE, atol=RELATIVE
    )


@pytest.mark.parametrize(("image", "stride"), CASES)
def test_keys_alone_and_the_other_precisions_agree(golden, encoder, features, image, stride):
    """What stops inside block 9 equals what went through; storing half precision costs no more than its rounding."""
    spec = encoder.plan.spec([Tap(9, "key")], stride, None, saliency=False)
    raw = encoder.encode([golden[f"image{image}/rgb"]], spec)[0]
    expected = features[image, stride].maps[TAPS.index(Tap(9, "key"))]
    assert raw.maps[0].dtype == np.float16
    assert np.abs(raw.maps[0] - expected).max() <= 1e-3 * np.abs(expected).max()


def test_the_other_way_to_resample_positions_is_another_model(golden, encoder, features):
    """timm's antialiasing moves the numbers well beyond rounding: the mode has to be a part of the spec."""
    spec = dataclasses.replace(encoder.spec(TAPS, 4, None, storage="float32"), position_mode="antialias")
    raw = encoder.encode([golden["image0/rgb"]], spec)[0]
    expected = features[0, 4].maps[TAPS.index(Tap(9, "key"))]
    assert np.abs(raw.maps[TAPS.index(Tap(9, "key"))] - expected).max() > 0.01 * np.abs(expected).max()
