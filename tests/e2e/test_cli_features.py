"""`counterpart models`, `extract` and `explore`, run as a person runs them, on a tiny real checkpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file

from counterpart.core.cli import main
from tests.golden.make import FILE, WIDTH, pictures


@pytest.fixture
def tiny(tiny_checkpoint, tmp_path, monkeypatch):
    """A small official checkpoint beside an empty models folder."""
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COUNTERPART_CACHE", str(tmp_path / "cache"))
    return tiny_checkpoint


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index, rgb in enumerate(pictures()):
        Image.fromarray(rgb).save(folder / f"image{index}.png")
    return folder


def call(capsys, *args: str | Path) -> tuple[int, dict]:
    """Run a command with --json in this process."""
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    out = capsys.readouterr().out
    return code, json.loads(out)


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("stride", [4, 8])
def test_import_and_extract_reproduce_independent_numbers(tiny, images, tmp_path, capsys, stride):
    golden = np.load(FILE)
    code, report = call(capsys, "models", "import", tiny, "--name", "tiny", "--heads", "6")
    assert code == 0
    assert (report["patch"], report["width"], report["depth"], report["heads"]) == (8, WIDTH, 12, 6)

    common = ["--model", "tiny", "--size", "none", "--stride", str(stride), "--device", "cpu", "--precision", "float32"]
    code, report = call(
        capsys, "extract", images, "--out", tmp_path / "plain", *common, "--layer", "9", "--facet", "key",
        "--tap", "11:token", "--heads-saliency", "0,2,4,5",
    )  # fmt: skip
    assert code == 0
    assert len(report["images"]) == 2
    code, _ = call(
        capsys, "extract", images, "--out", tmp_path / "binned", *common, "--layer", "9", "--facet", "key", "--bin", "2"
    )
    assert code == 0
    for name in (path.stem for path in images.iterdir()):
        expected = {
            key: golden[f"{name}/stride{stride}/{key}"] for key in ("layer9/key_with_cls", "layer9/key_logbin_h2")
        }
        ours = load_file(tmp_path / "plain" / f"{name}.safetensors")
        rows, cols, width = ours["descriptors"].shape
        assert [rows, cols] == golden[f"{name}/stride{stride}/grid"].tolist()
        assert ours["descriptors"].dtype == np.float32
        key = expected["layer9/key_with_cls"]
        assert relative_error(ours["descriptors"].reshape(-1, width), key[1:]) < 1e-4
        assert relative_error(ours["cls"], key[0]) < 1e-4
        token = golden[f"{name}/stride{stride}/layer11/token_with_cls"]
        assert relative_error(ours["descriptors.11.token"].reshape(-1, width), token[1:]) < 1e-4
        saliency = golden[f"{name}/stride{stride}/saliency_heads0245"]
        assert np.abs(ours["saliency"].ravel() - saliency.ravel()).max() < 1e-4
        binned = load_file(tmp_path / "binned" / f"{name}.safetensors")["descriptors"]
        assert relative_error(binned.reshape(rows * cols, -1), expected["layer9/key_logbin_h2"]) < 1e-4


def test_metadata_says_how_the_features_were_made(tiny, images, tmp_path, capsys):
    call(capsys, "models", "import", tiny, "--name", "tiny", "--heads", "6")
    call(capsys, "extract", images, "--out", tmp_path / "out", "--model", "tiny", "--size", "64", "--dtype", "float16")
    file = next((tmp_path / "out").glob("*.safetensors"))
    with safe_open(file, framework="np") as handle:
        metadata = handle.metadata()
        assert handle.get_tensor("descriptors").dtype == np.float16
    assert json.loads(metadata["spec"])["model"] == "tiny"
    assert json.loads(metadata["geometry"])["patch"] == 8


def test_one_bad_image_is_named_and_the_others_are_done(tiny, images, tmp_path, capsys):
    call(capsys, "models", "import", tiny, "--name", "tiny", "--heads", "6")
    (images / "bad.jpg").write_text("not an image")
    code, report = call(capsys, "extract", images, "--out", tmp_path / "out", "--model", "tiny", "--size", "64")
    assert code == 1
    assert [Path(item["file"]).name for item in report["failed"]] == ["bad.jpg"]
    assert len(report["images"]) == 2
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "needle"),
    [
        (["--stride", "3"], "1, 2, 4, 8"),
        (["--layer", "12"], "no layer 12"),
        (["--heads-saliency", "0,9"], "no head 9"),
        (["--bin", "9"], "--bin 9"),
    ],
)
def test_impossible_requests_are_usage_errors_that_name_the_choices(tiny, images, tmp_path, capsys, options, needle):
    call(capsys, "models", "import", tiny, "--name", "tiny", "--heads", "6")
    code, report = call(capsys, "extract", images, "--out", tmp_path / "out", "--model", "tiny", *options)
    assert code == 2
    assert needle in report["error"]["error"] + report["error"]["hint"]
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_a_missing_model_names_the_file_the_folder_and_the_command(tiny, images, tmp_path, capsys):
    code, report = call(capsys, "extract", images, "--out", tmp_path / "out", "--model", "dino_vits8")
    assert code == 2
    assert "dino_vits8.safetensors" in report["error"]["error"]
    assert str(tmp_path / "models") in report["error"]["error"] + report["error"]["file"]
    assert "counterpart models" in report["error"]["hint"]


def test_models_list_marks_what_is_installed(tiny, capsys):
    call(capsys, "models", "import", tiny, "--name", "tiny", "--heads", "6")
    code, report = call(capsys, "models", "list")
    assert code == 0
    installed = {item["name"] for item in report["models"] if item["installed"]}
    assert installed == {"tiny"}
    assert {"dino_vits8", "dino_vits16", "dino_vitb8", "dino_vitb16", "dinov2_vits14_focus"} <= {
        item["name"] for item in report["models"]
    }


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path / "models"))
    trap = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (trap,))

    torch.save({"cls_token": Trap()}, tmp_path / "evil.pth")
    code, report = call(capsys, "models", "import", tmp_path / "evil.pth")
    assert code == 1
    assert "evil.pth" in report["error"]["file"]
    assert not trap.exists()
    assert not list((tmp_path / "models").glob("*.safetensors"))


@pytest.mark.parametrize("kind", ["pca", "clusters", "saliency"])
def test_explore_writes_a_picture_of_each_image_at_its_size(tiny, images, tmp_path, capsys, kind):
    call(capsys, "models", "import", tiny, "--name", "tiny", "--heads", "6")
    code, report = call(
        capsys, "explore", kind, images, "--out", tmp_path / "out", "--model", "tiny", "--size", "96", "--stride", "8"
    )
    assert code == 0, report
    for path in images.iterdir():
        with Image.open(path) as original, Image.open(tmp_path / "out" / path.name) as picture:
            assert picture.size == original.size


def test_explore_similarity_peaks_at_the_point_asked_for(tiny, images, tmp_path, capsys):
    call(capsys, "models", "import", tiny, "--name", "tiny", "--heads", "6")
    query = min(images.iterdir())
    code, report = call(
        capsys, "explore", "similarity", images, "--query", query, "--at", "35.5,43.5", "--out", tmp_path / "out",
        "--model", "tiny", "--size", "none", "--stride", "8",
    )  # fmt: skip
    assert code == 0, report
    best = {item["image"]: item for item in report["best"]}
    assert best[query.name]["xy"] == [35.5, 43.5]
    assert best[query.name]["score"] == pytest.approx(1.0, abs=1e-3)


def test_help_starts_without_torch():
    code = (
        "import sys; from counterpart.core.cli import build_parser;"
        "build_parser().format_help(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_word_is_explained(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["no-such-thing"])
    assert ended.value.code == 2
    assert "neither a command nor a project or folder" in capsys.readouterr().err
