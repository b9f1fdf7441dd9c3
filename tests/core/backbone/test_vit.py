"""The transformer encoder against timm's own modules, and what it must not do."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from counterpart.core.backbone.convert import build_module
from counterpart.core.backbone.vit import resample_positions
from counterpart.core.errors import CounterpartError, JobCancelledError, UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.jobs import CancelToken, JobContext
from tests.core.backbone_tiny import TINY, photo, tiny_encoder, tiny_info, tiny_state

SHAPES = {
    "dino": TINY,
    "dinov2": dataclasses.replace(TINY, layer_scale=True, grid=5),
    "registers": dataclasses.replace(TINY, layer_scale=True, registers=4, class_position=False),
    "no bias": dataclasses.replace(TINY, qkv_bias=False),
}
EVERY_FACET = ("key", "query", "value", "token", "normtoken")


def _timm(shape, state, image_hw):
    """timm's module with the same weights, made for one input size."""
    module = build_module(tiny_info(shape)).to_empty(device="cpu")
    module.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    module.set_input_size(img_size=image_hw)  # resamples the position embedding, with antialiasing
    return module.eval()


def _timm_outputs(shape, state, image):
    info = tiny_info(shape)
    module = _timm(shape, state, image.shape[:2])
    pixels = (image / 255.0 - np.array(info.mean)) / np.array(info.std)
    x = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    outputs, qkv, inputs = [], [], []
    with torch.no_grad():
        x = module._pos_embed(module.patch_embed(x))
        for block in module.blocks:
            inputs.append(x)
            qkv.append(block.attn.qkv(block.norm1(x)))
            x = block(x)
            outputs.append(x)
        normed = [module.norm(output) for output in outputs]
    return outputs, qkv, normed


def _with_class(raw, index):
    descriptors = raw.maps[index]
    return np.concatenate([raw.cls[index][None], descriptors.reshape(-1, descriptors.shape[-1])])


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("hw", [(32, 32), (40, 64)])
def test_every_facet_of_every_block_equals_timm(kind, hw):
    shape = SHAPES[kind]
    state, image = tiny_state(shape), photo(*hw)
    outputs, qkv, normed = _timm_outputs(shape, state, image)
    encoder = tiny_encoder(shape, state)
    taps = [Tap(layer, facet) for layer in range(shape.depth) for facet in EVERY_FACET]
    raw = encoder.encode([image], encoder.plan.spec(taps, 8, None, storage="float32", position_mode="antialias"))[0]
    patches = [0, *range(1 + shape.registers, outputs[0].shape[1])]  # registers are no part of the map
    width = shape.width
    for index, tap in enumerate(taps):
        start = {"query": 0, "key": width, "value": 2 * width}.get(tap.facet, 0)
        wanted = {"token": outputs, "normtoken": normed}.get(tap.facet, qkv)[tap.layer]
        expected = wanted[0, patches, start : start + width].numpy()
        np.testing.assert_allclose(_with_class(raw, index), expected, rtol=1e-4, atol=2e-5, err_msg=str(tap))


@pytest.mark.parametrize("kind", SHAPES)
def test_class_attention_equals_the_row_of_the_full_matrix(kind):
    shape = SHAPES[kind]
    state, image = tiny_state(shape), photo(40, 64)
    _, qkv, _ = _timm_outputs(shape, state, image)
    query, key, _ = qkv[2].reshape(1, -1, 3, shape.heads, shape.width // shape.heads).permute(2, 0, 3, 1, 4)
    full = (query @ key.transpose(-2, -1) * (shape.width // shape.heads) ** -0.5).softmax(-1)
    expected = full[0, :, 0, 1 + shape.registers :].reshape(shape.heads, 5, 8).numpy()
    encoder = tiny_encoder(shape, state)
    for taps in ([Tap(2, "key")], [Tap(3, "token")], [Tap(0, "value")]):
        spec = encoder.plan.spec(taps, 8, None, saliency=2, position_mode="antialias")
        np.testing.assert_allclose(encoder.encode([image], spec)[0].attention, expected, rtol=1e-4, atol=1e-6)


def test_saliency_works_for_a_batch_as_for_one_image():
    encoder = tiny_encoder()
    images = [photo(40, 64, seed) for seed in range(5)]
    spec = encoder.spec([Tap(3, "key"), Tap(1, "token")], 4, None, storage="float32")
    together = encoder.encode(images, spec)
    for image, raw in zip(images, together, strict=True):
        alone = encoder.encode([image], spec)[0]
        np.testing.assert_allclose(raw.attention, alone.attention, rtol=1e-4, atol=1e-7)
        for index in range(2):
            np.testing.assert_allclose(_with_class(raw, index), _with_class(alone, index), rtol=1e-4, atol=1e-5)


def test_images_of_different_sizes_come_back_in_order():
    encoder = tiny_encoder()
    sizes = [(32, 32), (40, 64), (32, 32), (64, 40), (40, 64)]
    spec = encoder.spec([Tap(3, "key")], 8, None, storage="float32")
    images = [photo(*hw, seed=i) for i, hw in enumerate(sizes)]
    for image, raw in zip(images, encoder.encode(images, spec), strict=True):
        np.testing.assert_allclose(raw.maps[0], encoder.encode([image], spec)[0].maps[0], rtol=1e-4, atol=1e-5)


def test_height_and_width_are_never_swapped():
    """In a tall image whose only content is in the lower left corner, that corner's token is the one that changes."""
    state = _local_state()
    encoder = tiny_encoder(TINY, state)
    for stride in (8, 4, 2):
        empty, marked = np.zeros((64, 24, 3), np.uint8), np.zeros((64, 24, 3), np.uint8)
        marked[56:, :8] = 200
        spec = encoder.spec([Tap(3, "token")], stride, None, storage="float32")
        changes = [raw.maps[0] for raw in encoder.encode([empty, marked], spec)]
        strength = np.abs(changes[1] - changes[0]).sum(-1)
        rows, cols = (64 - 8) // stride + 1, (24 - 8) // stride + 1
        assert strength.shape == (rows, cols)
        assert strength[rows - 1, 0] > 0
        assert (strength[: rows - 8 // stride] == 0).all()
        assert (strength[:, 8 // stride :] == 0).all()


@pytest.mark.parametrize("grid_hw", [(4, 4), (5, 9), (9, 5), (1, 1), (15, 15), (3, 20)])
def test_reference_positions_are_those_of_the_published_code(grid_hw):
    native = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 4, 4, 6)).astype(np.float32))
    rows, cols = grid_hw
    ours = resample_positions(native, grid_hw, "reference")
    if grid_hw == (4, 4):
        assert torch.equal(ours, native)
        return
    # The published code scales by (w + 0.1) / sqrt(N), where its "w" is the first image axis.
    w0, h0, side = rows + 0.1, cols + 0.1, 16**0.5
    theirs = F.interpolate(native.permute(0, 3, 1, 2), scale_factor=(w0 / side, h0 / side), mode="bicubic")
    assert ours.shape == (1, rows, cols, 6)
    np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


def test_unequal_grids_resample_each_axis_by_itself():
    ramp = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 4, 1)
    down_rows = resample_positions(ramp, (12, 5), "reference")[0, :, :, 0]
    assert (down_rows.diff(dim=0)[1:-1] > 0).all()
    assert torch.allclose(down_rows, down_rows[:, :1].expand_as(down_rows), atol=1e-5)


def test_a_second_stride_gets_its_own_features():
    encoder = tiny_encoder()
    image = photo(40, 64)
    coarse, fine = (encoder.spec([Tap(2, "key")], stride, None, storage="float32") for stride in (8, 4))
    first = encoder.encode([image], coarse)[0]
    between = encoder.encode([image], fine)[0]
    again = encoder.encode([image], coarse)[0]
    np.testing.assert_array_equal(first.maps[0], again.maps[0])
    assert between.maps[0].shape[:2] == (9, 15)
    other = tiny_encoder()
    np.testing.assert_array_equal(other.encode([image], fine)[0].maps[0], between.maps[0])


def test_a_pass_that_breaks_leaves_nothing_behind():
    encoder = tiny_encoder()
    image = photo(40, 64)
    spec = encoder.spec([Tap(3, "token")], 4, None, storage="float32")
    before = encoder.encode([image], spec)[0].maps[0]
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        encoder.encode([image], spec, JobContext(token=token))
    np.testing.assert_array_equal(encoder.encode([image], spec)[0].maps[0], before)


def test_weights_given_to_an_encoder_are_never_changed():
    state = tiny_state(SHAPES["dinov2"])
    copy = {name: value.copy() for name, value in state.items()}
    encoder = tiny_encoder(SHAPES["dinov2"], state)
    encoder.encode([photo(40, 64)], encoder.spec([Tap(3, "normtoken")], 4, None))
    for name, value in state.items():
        np.testing.assert_array_equal(value, copy[name], err_msg=name)


def test_results_are_not_overwritten_by_later_blocks_or_passes():
    encoder = tiny_encoder()
    spec = encoder.spec([Tap(0, "token"), Tap(3, "token")], 8, None, storage="float32")
    both = encoder.encode([photo(32, 32)], spec)[0]
    alone = encoder.encode([photo(32, 32)], encoder.spec([Tap(0, "token")], 8, None, storage="float32"))[0]
    encoder.encode([photo(32, 32, seed=9)], spec)
    np.testing.assert_array_equal(both.maps[0], alone.maps[0])
    np.testing.assert_array_equal(both.cls[0], alone.cls[0])


@pytest.mark.parametrize(
    ("tap", "saliency", "unused"),
    [
        (Tap(1, "token"), 0, ["blocks.2.", "blocks.3.", "norm."]),
        (Tap(2, "key"), 2, ["blocks.2.attn.proj", "blocks.2.mlp", "blocks.2.norm2", "blocks.3."]),
        (Tap(0, "value"), 1, ["blocks.1.attn.proj", "blocks.1.mlp", "blocks.2."]),
    ],
)
def test_the_pass_stops_inside_the_last_block_that_is_needed(tap, saliency, unused):
    state = tiny_state()
    for name in state:
        if name.startswith(tuple(unused)):
            state[name] = np.full_like(state[name], np.nan)
    encoder = tiny_encoder(TINY, state)
    raw = encoder.encode([photo(32, 32)], encoder.plan.spec([tap], 4, None, saliency=saliency))[0]
    assert np.isfinite(raw.maps[0]).all()
    assert np.isfinite(raw.attention).all()


class _LargestTensor(TorchDispatchMode):
    """Remembers how many elements the largest tensor had that any operation returned."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for item in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(item, torch.Tensor):
                self.elements = max(self.elements, item.numel())
        return out


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_attention_matrix_is_never_built(precision):
    encoder = tiny_encoder(precision=precision)
    spec = encoder.spec([Tap(3, "key"), Tap(3, "token")], 2, None)
    with _LargestTensor() as largest:
        raw = encoder.encode([photo(128, 128)], spec)[0]
    tokens = raw.maps[0].shape[0] * raw.maps[0].shape[1] + 1
    assert tokens == 61 * 61 + 1
    assert largest.elements < tokens * tokens / 10


def _local_state():
    """A state in which no token sees another and none knows its place."""
    state = tiny_state()
    for name in state:
        if ".attn.proj." in name or name == "pos_embed":
            state[name] = np.zeros_like(state[name])
    return state


@pytest.mark.parametrize(("stride", "rows", "cols"), [(8, 2, 1), (4, 3, 5), (2, 1, 7), (1, 5, 0)])
def test_with_a_local_encoder_shifting_by_strides_shifts_the_map(stride, rows, cols):
    encoder = tiny_encoder(TINY, _local_state())
    scene = photo(96, 96, seed=4)
    dy, dx = rows * stride, cols * stride
    spec = encoder.spec([Tap(3, "token"), Tap(2, "key")], stride, None, storage="float32")
    here, there = encoder.encode([scene[:48, :56], scene[dy : dy + 48, dx : dx + 56]], spec)
    for a, b in zip(here.maps, there.maps, strict=True):
        height, width = a.shape[:2]
        np.testing.assert_allclose(b[: height - rows, : width - cols], a[rows:, cols:], rtol=1e-4, atol=1e-5)


def test_pixels_past_the_last_full_patch_are_not_seen():
    encoder = tiny_encoder()
    image = photo(47, 61)
    spec = encoder.spec([Tap(3, "token")], 4, None, storage="float32")
    cut = np.ascontiguousarray(image[:44, :60])
    a, b = encoder.encode([image], spec)[0], encoder.encode([cut], spec)[0]
    assert a.maps[0].shape[:2] == (10, 14)
    np.testing.assert_array_equal(a.maps[0], b.maps[0])


def test_bfloat16_agrees_with_float32_in_direction():
    image, shape = photo(64, 96), SHAPES["dinov2"]
    maps = []
    for precision in ("float32", "bfloat16"):
        encoder = tiny_encoder(shape, precision=precision)
        spec = encoder.spec([Tap(3, "token"), Tap(3, "key")], 4, None, storage="float32")
        maps.append([m.reshape(-1, m.shape[-1]) for m in encoder.encode([image], spec)[0].maps])
    for exact, fast in zip(*maps, strict=True):
        cosine = (exact * fast).sum(-1) / np.linalg.norm(exact, axis=-1) / np.linalg.norm(fast, axis=-1)
        assert cosine.min() > 0.998


def test_values_beyond_float16_saturate_instead_of_becoming_infinite():
    state = tiny_state()
    state["blocks.1.attn.qkv.weight"] *= 1e6
    encoder = tiny_encoder(TINY, state)
    raw = encoder.encode([photo(32, 32)], encoder.plan.spec([Tap(1, "key")], 8, None, saliency=False))[0]
    assert raw.maps[0].dtype == np.float16
    assert np.isfinite(raw.maps[0]).all()
    assert raw.attention is None


def test_an_image_of_one_colour_gives_finite_features():
    encoder = tiny_encoder()
    raw = encoder.encode([np.full((40, 40, 3), 255, np.uint8)], encoder.spec([Tap(3, "token")], 4, None))[0]
    assert np.isfinite(raw.maps[0]).all()
    assert np.isfinite(raw.attention).all()
    assert (raw.attention >= 0).all()


@pytest.mark.parametrize(
    ("taps", "stride", "message"),
    [
        ([Tap(4, "key")], 4, "no layer 4"),
        ([], 4, "no descriptors"),
        ([Tap(0, "key")], 3, "does not divide"),
        ([Tap(0, "key")], 0, "does not divide"),
    ],
)
def test_a_request_that_the_model_cannot_answer_is_refused(taps, stride, message):
    with pytest.raises(UsageError, match=message):
        tiny_encoder().spec(taps, stride, 64)


def test_a_spec_of_another_model_is_refused():
    encoder = tiny_encoder()
    spec = dataclasses.replace(encoder.spec([Tap(0, "key")], 8, None), weights="others")
    with pytest.raises(UsageError):
        encoder.encode([photo(32, 32)], spec)


def test_repeated_taps_are_read_once():
    spec = tiny_encoder().spec([Tap(1, "key"), Tap(0, "key"), Tap(1, "key")], 8, None)
    assert spec.taps == (Tap(1, "key"), Tap(0, "key"))


def test_a_batch_that_does_not_fit_is_encoded_one_by_one_and_then_given_up_with_advice(monkeypatch):
    encoder = tiny_encoder()
    forward = encoder._forward
    spec = encoder.spec([Tap(0, "key")], 8, None)

    def scarce(pixels, spec, ctx):
        if len(pixels) * pixels.shape[2] > 40:
            raise torch.OutOfMemoryError
        return forward(pixels, spec, ctx)

    monkeypatch.setattr(encoder, "_forward", scarce)
    assert len(encoder.encode([photo(32, 32, seed) for seed in range(3)], spec)) == 3
    with pytest.raises(CounterpartError, match="memory of cpu does not hold"):
        encoder.encode([photo(48, 48)], spec)
