"""`counterpart track` on frames of a square that moves over noise, with the tiny checkpoint."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core.cli import main

SIDE = 64


@pytest.fixture
def tiny(golden, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COUNTERPART_CACHE", str(tmp_path / "cache"))
    state = {key.removeprefix("state/"): torch.from_numpy(golden[key]) for key in golden if key.startswith("state/")}
    torch.save(state, tmp_path / "tiny.pth")
    assert main(["models", "import", str(tmp_path / "tiny.pth"), "--name", "tiny", "--heads", "6", "--quiet"]) == 0
    capsys.readouterr()
    return ["--model", "tiny", "--size", "none", "--stride", "4"]


@pytest.fixture
def video(tmp_path):
    """Six frames and the mask of the first: a textured square that moves four pixels a frame."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "frames"
    folder.mkdir()
    back = rng.integers(60, 90, (SIDE, SIDE, 3), dtype=np.uint8)
    square = rng.integers(170, 255, (24, 24, 3), dtype=np.uint8)
    masks = []
    for index in range(6):
        left = 4 + 4 * index
        frame, mask = back.copy(), np.zeros((SIDE, SIDE), np.uint8)
        frame[20:44, left : left + 24] = square
        mask[20:44, left : left + 24] = 255
        Image.fromarray(frame).save(folder / f"{index:05d}.png")
        masks.append(mask > 0)
    Image.fromarray(np.where(masks[0], 255, 0).astype(np.uint8)).save(tmp_path / "first.png")
    return folder, tmp_path / "first.png", masks


def run(capsys, *args):
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_a_mask_follows_its_object_through_all_frames(tiny, video, tmp_path, capsys):
    frames, first, masks = video
    code, report = run(capsys, "track", frames, "--mask", first, "--out", tmp_path / "out", *tiny)
    assert code == 0, report
    assert [item["frame"] for item in report["frames"]] == list(range(6))
    for index, truth in enumerate(masks):
        with Image.open(tmp_path / "out" / f"{index:05d}.png") as picture:
            found = np.asarray(picture) == 1
        assert (found & truth).sum() / (found | truth).sum() > 0.8
    assert report["frames"][0]["confidence"] == 1


def test_a_mask_of_another_size_is_refused(tiny, video, tmp_path, capsys):
    frames, _, _ = video
    Image.new("L", (10, 10)).save(tmp_path / "small.png")
    code, report = run(capsys, "track", frames, "--mask", tmp_path / "small.png", "--out", tmp_path / "out", *tiny)
    assert code == 2
    assert "10" in report["error"]["error"]


def test_a_frame_that_is_not_there_is_named(tiny, video, tmp_path, capsys):
    frames, first, _ = video
    code, report = run(capsys, "track", frames, "--mask", f"17:{first}", "--out", tmp_path / "out", *tiny)
    assert code == 2
    assert "17" in report["error"]["error"]
