"""ResNet-50 against timm's own, at every stride."""

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F  # noqa: N812

from counterpart.core.backbone.device import Placement
from counterpart.core.backbone.plan import EncoderPlan
from counterpart.core.backbone.registry import model_info
from counterpart.core.backbone.resnet import ResNetEncoder
from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from tests.core.backbone_tiny import photo

STAGES = [Tap(index, "token") for index in range(4)]


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    module = timm.create_model("resnet50", pretrained=False, num_classes=0)
    for name, value in module.state_dict().items():
        if "bn" in name or "downsample.1" in name:  # statistics that matter
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif name.endswith(("running_mean", "bias")):
                value.normal_(0, 0.1)
            elif name.endswith("weight"):
                value.uniform_(0.5, 1.0)
    return {name: value.numpy() for name, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def encoder(state):
    return ResNetEncoder(EncoderPlan(model_info("resnet50"), "w", Placement("cpu", "float32", "test")), state)


def _timm_stages(state, image, stride):
    info = model_info("resnet50")
    module = timm.create_model("resnet50", pretrained=False, num_classes=0, output_stride=max(stride, 8)).eval()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    if stride == 4:  # timm stops at 8: the last stride by hand, and dilations doubled after it
        for index, (first, rest) in enumerate(((1, 2), (2, 4), (4, 8)), start=2):
            for number, block in enumerate(getattr(module, f"layer{index}")):
                block.conv2.stride = (1, 1)
                block.conv2.dilation = block.conv2.padding = ((first if number == 0 else rest),) * 2
                if block.downsample is not None:
                    block.downsample[0].stride = (1, 1)
    pixels = torch.from_numpy(((image / 255.0 - info.mean) / info.std).astype(np.float32)).permute(2, 0, 1)[None]
    pad = 16 if stride == 32 else 0
    x = F.pad(pixels, (pad, 0, pad, 0))
    outputs = []
    with torch.no_grad():
        x = module.maxpool(module.act1(module.bn1(module.conv1(x))))
        for index in range(1, 5):
            x = getattr(module, f"layer{index}")(x)
            outputs.append(x[0].permute(1, 2, 0).numpy())
    return outputs, [image.shape[0] + pad, image.shape[1] + pad]


@pytest.mark.parametrize("stride", [32, 16, 8, 4])
def test_stage_outputs_equal_timm_at_the_places_the_geometry_names(state, encoder, stride):
    image = photo(96, 128)
    raw = encoder.encode([image], encoder.spec(STAGES, stride, None, storage="float32"))[0]
    outputs, padded = _timm_stages(state, image, stride)
    rows, cols = (96 - 32) // stride + 1, (128 - 32) // stride + 1
    for index, whole in enumerate(outputs):
        own = padded[0] // whole.shape[0]  # stride of this stage's output
        # A convolution's cell j lies at pixel j * own of its (padded) input; ours at 16 + i * stride of the image.
        offset = 16 + padded[0] - 96
        at_rows = [(offset + i * stride) // own for i in range(rows)]
        at_cols = [(offset + i * stride) // own for i in range(cols)]
        assert raw.maps[index].shape[:2] == (rows, cols)
        expected = whole[at_rows][:, at_cols]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(raw.maps[index] / scale, expected / scale, atol=1e-4)
        np.testing.assert_allclose(raw.cls[index], raw.maps[index].mean(axis=(0, 1)), rtol=1e-3, atol=1e-4)
    assert raw.attention is None


def test_a_resnet_stops_after_the_last_stage_asked_for(state):
    broken = {k: v * np.nan if k.startswith("layer3") and v.dtype.kind == "f" else v for k, v in state.items()}
    encoder = ResNetEncoder(EncoderPlan(model_info("resnet50"), "w", Placement("cpu", "float32", "t")), broken)
    raw = encoder.encode([photo(64, 64)], encoder.spec([Tap(1, "token")], 8, None))[0]
    assert np.isfinite(raw.maps[0]).all()


def test_a_resnet_has_no_keys_no_attention_and_no_finer_stride_than_four(encoder):
    with pytest.raises(UsageError, match="has no keys"):
        encoder.spec([Tap(3, "key")], 8, 224)
    with pytest.raises(UsageError, match="finer"):
        encoder.spec([Tap(3, "token")], 2, 224)
    assert encoder.spec([Tap(3, "token")], 8, 224).saliency_layer is None
