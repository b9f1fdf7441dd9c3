"""`counterpart match`, as a person runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main
from counterpart.core.resources import resource_path

pytestmark = pytest.mark.usefixtures("focus_model")


def run(capsys, *args):
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_an_image_matches_itself_at_the_same_points(tmp_path, capsys):
    cow = resource_path("samples", "cow.jpg")
    code, report = run(
        capsys, "match", cow, cow, "--pairs", "8", "--out", tmp_path / "m.json", "--size", "224", "--stride", "14"
    )
    assert code == 0
    assert report["pairs"] == json.loads((tmp_path / "m.json").read_text())["pairs"]
    assert len(report["pairs"]) == 8
    for pair in report["pairs"]:
        assert pair["xy_a"] == pair["xy_b"]
        assert pair["score"] == pytest.approx(1, abs=1e-3)


def test_a_mirrored_image_matches_at_mirrored_points(tmp_path, capsys):
    cow = resource_path("samples", "cow.jpg")
    with Image.open(cow) as image:
        width = image.width
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored.png")
    code, report = run(
        capsys, "match", cow, tmp_path / "mirrored.png", "--pairs", "10", "--out", tmp_path / "m.json", "--size", "224"
    )
    assert code == 0
    errors = [
        np.hypot(pair["xy_a"][0] + pair["xy_b"][0] - (width - 1), pair["xy_a"][1] - pair["xy_b"][1])
        for pair in report["pairs"]
    ]
    assert np.median(errors) < 0.05 * width  # animals are not symmetric, so a few pairs differ


def test_an_image_that_cannot_be_read_is_named(tmp_path, capsys):
    (tmp_path / "bad.jpg").write_text("text")
    code, report = run(
        capsys, "match", resource_path("samples", "cow.jpg"), tmp_path / "bad.jpg", "--out", tmp_path / "m.json"
    )
    assert code == 1
    assert report["error"]["file"].endswith("bad.jpg")
    assert not (tmp_path / "m.json").exists()


def test_the_mate_of_a_place_in_the_same_image_is_that_place(tmp_path, capsys):
    cow = resource_path("samples", "cow.jpg")
    code, report = run(capsys, "match", cow, cow, "--at", "112,344", "300,300", "--out", tmp_path / "m.json")
    assert code == 0
    assert [pair["xy_a"] for pair in report["pairs"]] == [[112, 344], [300, 300]]
    for pair in report["pairs"]:
        assert np.hypot(*np.subtract(pair["xy_a"], pair["xy_b"])) < 12
    code, report = run(capsys, "match", cow, cow, "--at", "5000,3", "--out", tmp_path / "n.json")
    assert code == 2
    assert "outside" in str(report["error"])
