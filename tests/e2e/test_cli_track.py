"""`counterpart track` on frames of a square that moves over noise, with the tiny checkpoint."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main
from counterpart.core.errors import JobCancelledError
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.pipeline.engine import Engine, open_cache
from counterpart.core.pipeline.video.track_job import TrackJob
from counterpart.core.pipeline.video.track_masks import read_masks, track_to_files
from tests.core.images.test_video import HW, write_video

SIDE = 64
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tiny(tiny_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COUNTERPART_CACHE", str(tmp_path / "cache"))
    assert main(["models", "import", str(tiny_checkpoint), "--name", "tiny", "--heads", "6", "--quiet"]) == 0
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


@pytest.fixture
def long_video(video, tmp_path):
    """60 frames: the six, to and fro."""
    folder, first, _ = video
    long = tmp_path / "long"
    long.mkdir()
    order = [0, 1, 2, 3, 4, 5, 4, 3, 2, 1]
    for index in range(60):
        shutil.copy(folder / f"{order[index % 10]:05d}.png", long / f"{index:05d}.png")
    return long, first


def label_maps(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def killed_run(frames, first, out, tiny, after):
    """Start tracking in a process of its own, and kill it when some label maps are written."""
    args = ["track", frames, "--mask", first, "--out", out, "--quiet", *tiny]
    process = subprocess.Popen([sys.executable, "-m", "counterpart", *map(str, args)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while len(list(out.glob("*.png"))) < after and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        assert process.poll() is None, "it was faster than the kill"
    finally:
        process.kill()
        process.wait()


def cancelled_run(frames, first, out, after):
    """The same, stopped in this process when so many frames are done."""
    engine = Engine("tiny", cache=open_cache("none"))
    job = dataclasses.replace(TrackJob.for_engine(engine), size=None, stride=4)
    token = CancelToken()

    def report(progress):
        if len(list(out.glob("*.png"))) >= after:
            token.cancel()

    with pytest.raises(JobCancelledError):
        track_to_files(engine, frames, read_masks([str(first)]), job, out, JobContext(report, token, min_interval_s=0))


def test_a_killed_run_goes_on_where_it_stopped_and_ends_as_if_it_had_not(tiny, long_video, tmp_path, capsys):
    frames, first = long_video
    out, whole = tmp_path / "out", tmp_path / "whole"
    killed_run(frames, first, out, tiny, after=13)
    code, report = run(capsys, "track", frames, "--mask", first, "--out", out, *tiny)
    assert code == 0, report
    assert 12 <= report["resumed"] < 60
    assert [item["frame"] for item in report["frames"]] == list(range(60))
    code, straight = run(capsys, "track", frames, "--mask", first, "--out", whole, *tiny)
    assert straight["resumed"] == 0
    assert label_maps(out) == label_maps(whole)
    assert [f["confidence"] for f in report["frames"]] == [f["confidence"] for f in straight["frames"]]
    assert not list(out.glob(".counterpart*")), "nothing is left of the journal"

    # A label map that was changed meanwhile, and everything after it, is made again.
    cancelled_run(frames, first, tmp_path / "again", after=13)
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "again" / "00004.png")
    code, report = run(capsys, "track", frames, "--mask", first, "--out", tmp_path / "again", *tiny)
    assert report["resumed"] == 4
    assert label_maps(tmp_path / "again") == label_maps(whole)


def test_another_mask_starts_over_and_says_so(tiny, long_video, tmp_path, capsys):
    frames, first = long_video
    out = tmp_path / "out"
    cancelled_run(frames, first, out, after=3)
    Image.fromarray(np.pad(np.full((8, 8), 255, np.uint8), (4, SIDE - 12))).save(tmp_path / "other.png")
    for path in sorted(frames.glob("*.png"))[12:]:
        path.unlink()
    code, report = run(capsys, "track", frames, "--mask", tmp_path / "other.png", "--out", out, *tiny)
    assert code == 0
    assert report["resumed"] == 0
    assert any("starts over" in text for text in report["warnings"])


def test_a_mask_of_the_picture_as_it_was_before_it_was_turned_is_explained(tiny, tmp_path, capsys):
    folder = tmp_path / "tall"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (48, SIDE), (90, 80, 70)).save(folder / f"{index:05d}.png")
    Image.new("L", (SIDE, 48), 255).save(tmp_path / "wide.png")
    code, report = run(capsys, "track", folder, "--mask", tmp_path / "wide.png", "--out", tmp_path / "out", *tiny)
    assert code == 2
    assert "64 x 48 pixels, the video is 48 x 64" in report["error"]["error"]
    assert "rotation mark" in report["error"]["hint"]
    assert not list((tmp_path / "out").iterdir())


def test_an_unreadable_frame_stays_reported_when_the_run_goes_on(tiny, long_video, tmp_path, capsys):
    frames, first = long_video
    (frames / "00007.png").write_bytes(b"not a picture")
    out = tmp_path / "out"
    cancelled_run(frames, first, out, after=13)
    code, report = run(capsys, "track", frames, "--mask", first, "--out", out, *tiny)
    assert code == 1
    assert report["resumed"] > 7
    assert [Path(item["file"]).name for item in report["failed"]] == ["00007.png"]
    assert len(report["frames"]) == 59


def test_a_video_that_ends_early_is_tracked_as_far_as_it_goes_and_says_so(tiny, tmp_path, capsys):
    data = write_video(tmp_path / "whole.mp4", 20, options={"movflags": "faststart"}).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 6 // 10])
    mask = np.zeros(HW, np.uint8)
    mask[: HW[0] // 3, : HW[1] // 3] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    code, report = run(
        capsys, "track", tmp_path / "cut.mp4", "--mask", tmp_path / "mask.png", "--out", tmp_path / "out", *tiny
    )
    assert code == 0, report
    assert any("ends early" in text and "of 20" in text for text in report["warnings"])
    assert 3 < len(report["frames"]) < 20
    with Image.open(tmp_path / "out" / "00003.png") as picture:
        assert (np.asarray(picture) == 1).sum() == pytest.approx((mask > 0).sum(), rel=0.3)


# Keypoints --------------------------------------------------


def write_points(path, named, skeleton=("corner", "middle")):
    coco = {
        "images": [{"id": i, "file_name": name, "width": SIDE, "height": SIDE} for i, name in enumerate(named)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 3, "keypoints": [v for x, y in xy for v in (x, y, 2)]}
            for i, xy in enumerate(named.values())
        ],
        "categories": [{"id": 3, "name": "square", "keypoints": list(skeleton), "skeleton": [[1, 2]]}],
    }
    path.write_text(json.dumps(coco))
    return path


def test_keypoints_follow_their_object_into_a_coco_file(tiny, video, tmp_path, capsys):
    frames, _, _ = video
    coco = write_points(tmp_path / "points.json", {"00000.png": [(10, 26), (16, 32)]})
    code, report = run(capsys, "track", frames, "--keypoints", coco, "--out", tmp_path / "out", *tiny)
    assert code == 0, report
    assert report["frames"] == 6
    data = json.loads((tmp_path / "out" / "keypoints.json").read_text())
    assert [image["file_name"] for image in data["images"]] == [f"{index:05d}.png" for index in range(6)]
    assert data["categories"][0]["skeleton"] == [[1, 2]]
    for index, annotation in enumerate(data["annotations"]):
        points = np.array(annotation["keypoints"], float).reshape(-1, 3)
        assert (points[:, 2] > 0).all()
        assert np.abs(points[:, :2] - [[10 + 4 * index, 26], [16 + 4 * index, 32]]).max() < 4.5
        assert annotation["confirmed"] == (index == 0)
    assert data["annotations"][0]["keypoints"] == [10, 26, 2, 16, 32, 2]


def test_keypoints_of_no_frame_are_refused_with_a_name_that_would_do(tiny, video, tmp_path, capsys):
    frames, _, _ = video
    coco = write_points(tmp_path / "points.json", {"holiday.png": [(10, 26), (16, 32)]})
    code, report = run(capsys, "track", frames, "--keypoints", coco, "--out", tmp_path / "out", *tiny)
    assert code == 2
    assert "00000.png" in report["error"]["error"]


# Cancelled and resumed --------------------------------------------------


@pytest.mark.parametrize("after", [3, 7, 10])
def test_a_cancelled_run_between_two_masks_ends_as_if_it_had_not_been(tiny, video, tmp_path, after):
    frames, _, masks = video
    engine = Engine("tiny", cache=open_cache("none"))
    job = dataclasses.replace(TrackJob.for_engine(engine), size=None, stride=4)
    given = {0: masks[0].astype(np.uint8), 4: masks[4].astype(np.uint8)}
    whole = track_to_files(engine, frames, given, job, tmp_path / "whole", silent())
    token, steps = CancelToken(), []

    def report(progress):
        steps.append(progress)
        if len(steps) == after:
            token.cancel()

    out = tmp_path / "out"
    with pytest.raises(JobCancelledError):
        track_to_files(engine, frames, given, job, out, JobContext(report, token, min_interval_s=0))
    done = len(label_maps(out))
    again = track_to_files(engine, frames, given, job, out, silent())
    assert again.resumed == done
    assert label_maps(out) == label_maps(tmp_path / "whole")
    assert [item.confidence for item in again.frames] == [item.confidence for item in whole.frames]
