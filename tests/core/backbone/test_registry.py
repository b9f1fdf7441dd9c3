"""The models as data, and choosing where and how to compute."""

import json
import subprocess
import sys

import pytest
import torch

from counterpart.core.backbone.convert import build_module
from counterpart.core.backbone.device import place
from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.backbone.registry import DEFAULT_MODEL, built_in_models, list_models, model_info
from counterpart.core.errors import CheckpointError, UsageError
from counterpart.core.features.taps import Tap
from tests.core.backbone_tiny import install_tiny

BUILT_IN = {info.name: info for info in built_in_models()}


def test_the_paper_s_models_and_dinov2_are_known():
    assert {
        "dino_vits8", "dino_vits16", "dino_vitb8", "dino_vitb16", "vit_small_patch16_224", "resnet50",
        "dino_resnet50", "dinov2_vits14", "dinov2_vitb14", "dinov2_vits14_reg", "dinov2_vitb14_reg", DEFAULT_MODEL,
    } == BUILT_IN.keys()  # fmt: skip


@pytest.mark.parametrize("info", BUILT_IN.values(), ids=list(BUILT_IN))
def test_what_the_registry_says_of_a_model_is_what_timm_builds(info):
    module = build_module(info)
    if info.arch == "resnet":
        assert module.num_features == info.width
        return
    assert module.embed_dim == info.width
    assert len(module.blocks) == info.depth
    assert module.blocks[0].attn.num_heads == info.heads
    assert module.patch_embed.patch_size == (info.patch, info.patch)
    assert module.num_prefix_tokens == 1 + info.num_registers


@pytest.mark.parametrize("info", BUILT_IN.values(), ids=list(BUILT_IN))
def test_defaults_of_every_model_can_be_asked_of_it(info):
    defaults = info.defaults
    taps = (
        defaults.match_tap, defaults.transfer_tap, defaults.cosegment_tap, defaults.parts_tap, defaults.saliency_tap
    )  # fmt: skip
    assert all(0 <= tap.layer < info.depth for tap in taps)
    assert info.patch % defaults.segment_stride == 0
    assert info.patch % defaults.points_stride == 0
    if info.arch == "resnet":
        assert {tap.facet for tap in taps} == {"token"}
        assert defaults.saliency_layer is None
        assert defaults.saliency_method == "background"
    else:
        assert all(0 <= head < info.heads for head in defaults.saliency_heads or ())
    assert info.licence
    assert info.sources


def test_the_paper_s_settings_belong_to_the_paper_s_models():
    paper = BUILT_IN["dino_vits8"].defaults
    assert (paper.match_tap, paper.cosegment_tap) == (Tap(9, "key"), Tap(11, "key"))
    assert (paper.saliency_heads, paper.saliency_threshold) == ((0, 2, 4, 5), 0.065)
    assert BUILT_IN["dino_vitb8"].defaults.saliency_heads is None
    supervised = BUILT_IN["vit_small_patch16_224"]
    assert (supervised.defaults.cosegment_tap, supervised.defaults.saliency_threshold) == (Tap(9, "key"), 0.01)
    assert supervised.mean == supervised.std == (0.5, 0.5, 0.5)
    assert BUILT_IN["dinov2_vits14"].defaults.match_tap == Tap(11, "token")


def test_the_embedded_model_is_named_for_what_it_is():
    info = BUILT_IN[DEFAULT_MODEL]
    assert "trained further" in info.note
    assert info.sha256 == "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526"


def test_an_unknown_model_is_answered_with_near_names(monkeypatch, tmp_path):
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match="dino_vits8"):
        model_info("dino_vit8")


def test_imported_models_are_listed_and_a_damaged_one_is_named(monkeypatch, tmp_path):
    install_tiny(monkeypatch, tmp_path)
    assert [info.name for info in list_models() if info.user] == ["tiny"]
    sidecar = tmp_path / "tiny.json"
    data = json.loads(sidecar.read_text())
    del data["model"]["architecture"]["width"]
    sidecar.write_text(json.dumps(data))
    assert [info.name for info in list_models() if info.user] == []
    with pytest.raises(CheckpointError, match="description of this model is damaged"):
        model_info("tiny")


def test_an_imported_model_s_defaults_fit_its_depth_and_patch(monkeypatch, tmp_path):
    install_tiny(monkeypatch, tmp_path)
    defaults = model_info("tiny").defaults
    assert (defaults.match_tap, defaults.saliency_layer) == (Tap(3, "key"), 3)
    assert defaults.segment_stride == 4


def test_asking_for_models_or_planning_loads_neither_timm_nor_onnx():
    code = (
        "import sys; from counterpart.core.backbone.plan import plan_encoder;"
        "from counterpart.core.backbone.registry import list_models;"
        "from counterpart.core.backbone.weights import is_installed; [is_installed(m.name) for m in list_models()];"
        "print(*[name for name in ('torch', 'timm', 'onnx', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# Device and precision ---------------------------------------------------------------------------------------------


def test_auto_says_why(monkeypatch):
    placement = place()
    assert placement.device == ("cuda" if torch.cuda.is_available() else placement.device)
    assert placement.precision in placement.why
    assert ";" in placement.why


@pytest.mark.parametrize(
    ("flags", "precision"),
    [({"amx_bf16": True}, "bfloat16"), ({"avx512_bf16": True}, "bfloat16"), ({"avx2": True}, "float32")],
)
def test_on_a_processor_auto_is_bfloat16_only_where_it_is_native(monkeypatch, flags, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    assert place("cpu").precision == precision


def test_a_narrow_model_is_computed_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    placement = place("cpu", width=48)
    assert placement.precision == "float32"
    assert "width 48" in placement.why
    assert place("cpu", width=384).precision == "bfloat16"


def test_a_processor_whose_bfloat16_products_are_wrong_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr("counterpart.core.backbone.device._bfloat16_products_agree", lambda: False)
    placement = place("cpu")
    assert placement.precision == "float32"
    assert "wrong" in placement.why


@pytest.mark.parametrize(("capability", "precision"), [((8, 0), "bfloat16"), ((7, 5), "float16"), ((6, 1), "float32")])
def test_on_a_gpu_auto_follows_what_it_computes_natively(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    placement = place()
    assert (placement.device, placement.precision) == ("cuda", precision)


@pytest.mark.parametrize(
    ("device", "precision"), [("tpu", "auto"), ("cpu", "int8"), ("cpu", "float16"), ("cuda:99", "auto")]
)
def test_a_device_or_precision_that_is_not_there_is_refused(device, precision):
    with pytest.raises(UsageError):
        place(device, precision)


def test_a_plan_reads_no_weights(monkeypatch, tmp_path):
    name = install_tiny(monkeypatch, tmp_path)
    weights = tmp_path / f"{name}.safetensors"
    weights.write_bytes(bytes(weights.stat().st_size))
    plan = plan_encoder(name, "cpu", "float32")
    assert plan.spec([Tap(0, "key")], 4, 64).weights == plan.weights_sha256
    with pytest.raises(CheckpointError, match="damaged"):
        load_encoder(plan)


def test_weights_replaced_after_planning_are_not_taken_for_the_old_ones(monkeypatch, tmp_path):
    name = install_tiny(monkeypatch, tmp_path)
    plan = plan_encoder(name, "cpu", "float32")
    install_tiny(monkeypatch, tmp_path, seed=5)
    with pytest.raises(UsageError, match="replaced"):
        load_encoder(plan)
