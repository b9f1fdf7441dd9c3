"""The paper's baselines, with random weights under their names: every command takes them, with their own thresholds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from counterpart.core.backbone.convert import build_module
from counterpart.core.backbone.registry import model_info
from counterpart.core.backbone.weights import store_weights
from counterpart.core.cli import build_parser, main
from counterpart.core.cli.masks import cosegment_job
from counterpart.core.features.taps import Tap
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.matches.matching import MatchJob
from tests.core.backbone_tiny import photo

VITS = ("dino_vits8", "dino_vits16", "dino_vitb8", "dino_vitb16", "vit_small_patch16_224")
BASELINES = (*VITS, "resnet50", "dino_resnet50")


def run(capsys, *args):
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(photo(64, 80, seed=index)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Installs random weights of a model."""
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COUNTERPART_CACHE", str(tmp_path / "cache"))

    def install(name):
        noise = (0.05 * np.random.default_rng(0).standard_normal(65_537)).astype(np.float32)
        state = {}
        for key, value in build_module(model_info(name)).state_dict().items():
            if key.endswith("num_batches_tracked"):
                state[key] = np.zeros((), np.int64)
            elif key.endswith("running_var") or (("norm" in key or "bn" in key) and key.endswith("weight")):
                state[key] = np.ones(tuple(value.shape), np.float32)
            else:
                state[key] = np.resize(noise, tuple(value.shape))
        store_weights(name, state, "a test")
        return name

    return install


def job_of(*options):
    args = build_parser().parse_args(["cosegment", "x", "--out", "y", *options])
    return cosegment_job(args, Engine(args.model)).params


@pytest.mark.parametrize(
    ("name", "tap", "paper", "baseline"),
    [
        ("dino_vits8", "11:key", 0.065, 0.04),
        ("dino_vits16", "11:key", 0.065, 0.04),
        ("dino_vitb8", "11:key", 0.065, 0.04),
        ("dino_vitb16", "11:key", 0.065, 0.04),
        ("vit_small_patch16_224", "9:key", 0.01, 0.01),
    ],
)
def test_each_model_is_segmented_with_its_published_threshold(name, tap, paper, baseline):
    for method, threshold in (("paper", paper), ("baseline", baseline)):
        params = job_of("--model", name, "--method", method)
        assert (params.method, params.threshold, params.tap) == (method, threshold, Tap.parse(tap))
        assert params.saliency == "cls"
        assert params.heads == ((0, 2, 4, 5) if name == "dino_vits8" else None)
    assert job_of("--model", name).threshold == paper
    changed = job_of("--model", name, "--method", "baseline", "--threshold", "0.2", "--layer", "5", "--facet", "value")
    assert (changed.threshold, changed.tap) == (0.2, Tap(5, "value"))


@pytest.mark.parametrize("name", ["resnet50", "dino_resnet50"])
def test_a_resnet_is_read_after_its_last_stage_and_seeded_by_the_border(name):
    for method in ("default", "paper", "baseline"):
        params = job_of("--model", name, "--method", method)
        assert (params.tap, params.saliency, params.threshold) == (Tap(3, "token"), "background", 0.4)
    assert MatchJob.paper(Engine(name)).params.tap == Tap(3, "token")


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_extracts_and_segments(name, weights, images, tmp_path, capsys):
    weights(name)
    common = ("--model", name, "--size", "64", "--stride", "8")
    code, report = run(capsys, "extract", images / "0.png", "--out", tmp_path / "features", *common)
    assert code == 0, report
    with safe_open(tmp_path / "features" / "0.safetensors", "np") as file:
        values = file.get_tensor("descriptors")
    assert values.shape[2] == model_info(name).width
    assert np.isfinite(values).all()
    assert values.std() > 0
    if name in {"dino_vitb8", "dino_vitb16", "dino_resnet50"}:  # slow, and alike from here on
        return
    code, report = run(capsys, "cosegment", images, "--out", tmp_path / "masks", "--method", "baseline", *common)
    assert code == 0, report
    assert len(report["images"]) == 3
    written = json.loads((tmp_path / "masks" / "report.json").read_text())
    assert written["model"] == name
    assert written["params"]["params"]["threshold"] == model_info(name).defaults.baseline_threshold


@pytest.mark.parametrize("name", ["vit_small_patch16_224", "dino_resnet50"])
def test_every_command_takes_a_baseline(name, weights, images, tmp_path, capsys):
    weights(name)
    common = ("--model", name, "--size", "64", "--stride", "8")
    coco = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 80, "height": 64} for i in range(3)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "keypoints": [20 + i, 20, 2, 50, 30 + i, 2]} for i in range(3)
        ],
        "categories": [{"id": 1, "name": "thing", "keypoints": ["a", "b"]}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    Image.fromarray(np.pad(np.full((20, 20), 255, np.uint8), ((10, 34), (10, 50)))).save(tmp_path / "mask.png")
    commands = [
        ("match", images / "0.png", images / "1.png", "--out", tmp_path / "m.json", "--method", "paper"),
        ("parts", images, "--parts", "2", "--method", "paper", "--no-crf", "--out", tmp_path / "parts"),
        ("transfer", tmp_path / "coco.json", images, "--root", images, "--out", tmp_path / "t.json"),
        ("track", images, "--mask", tmp_path / "mask.png", "--out", tmp_path / "track"),
        ("explore", "pca", images, "--out", tmp_path / "pca"),
        ("landmarks", "fit", images, tmp_path / "coco.json", "--root", images, "--parts", "2", "--out", tmp_path / "l"),
        ("evaluate", "landmarks", tmp_path / "coco.json", "--root", images, "--parts", "2", "--labelled", "2"),
    ]
    if name == "dino_resnet50":  # slow, and alike beyond these
        commands = [commands[0], commands[3], commands[-1]]
    for command in commands[:-1]:
        code, report = run(capsys, *command, *common)
        assert code == 0, (command, report)
    code, report = run(capsys, *commands[-1], *common)
    assert code == 2, "two labelled images are too few for a landmark, whatever the model"
