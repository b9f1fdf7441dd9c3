"""Frames of a video as images in a folder."""

import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main
from counterpart.core.errors import CounterpartError, ImageError, JobCancelledError, OutputError, UsageError
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.pipeline.video.frames import (
    FrameChoice,
    extract_frames,
    looks_like_video,
    read_frames_note,
    video_facts,
)
from tests.core.video_files import blob_x, moving_blob, write_blob_video


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".jpg", ".png"))


def test_every_frame_becomes_an_image_that_shows_it(tmp_path):
    video = write_blob_video(tmp_path / "clip.mp4")
    facts = video_facts(video, silent())
    assert (facts.count, facts.hw, round(facts.fps)) == (12, (96, 128), 10)
    done = extract_frames(video, tmp_path / "out", FrameChoice(), silent())
    assert names(done.folder) == [f"{index:05d}.jpg" for index in range(12)]
    for index in (0, 5, 11):
        assert blob_x(read_image(done.folder / f"{index:05d}.jpg").rgb) == pytest.approx(30 + 5 * index, abs=0.6)


def test_a_part_of_the_video_keeps_the_frames_own_numbers_and_times(tmp_path):
    video = write_blob_video(tmp_path / "clip.mp4")
    done = extract_frames(video, tmp_path / "out", FrameChoice(3, 10, 3, exact=True), silent())
    assert names(done.folder) == ["00003.png", "00006.png", "00009.png"]
    note = read_frames_note(done.folder)
    assert note == done.note
    assert note.video == "clip.mp4"
    assert note.fps == pytest.approx(10 / 3, rel=0.01)
    assert list(note.times.values()) == pytest.approx([0.3, 0.6, 0.9], abs=0.06)


def test_times_of_a_variable_frame_rate_are_kept(tmp_path):
    times = [0, 40, 80, 300, 310, 900]
    done = extract_frames(write_blob_video(tmp_path / "clip.mkv", 6, times), tmp_path / "out", FrameChoice(), silent())
    assert list(done.note.times.values()) == pytest.approx([time / 1000 for time in times], abs=0.005)


def test_cancelling_leaves_nothing_behind(tmp_path):
    video = write_blob_video(tmp_path / "clip.mp4")
    token = CancelToken()
    ctx = JobContext(lambda progress: token.cancel() if progress.done == 4 else None, token, min_interval_s=0)
    with pytest.raises(JobCancelledError):
        extract_frames(video, tmp_path / "out", FrameChoice(), ctx)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_what_cannot_be_is_said_with_its_file(tmp_path):
    video = write_blob_video(tmp_path / "clip.mp4")
    with pytest.raises(UsageError, match="12 frames; none was chosen"):
        extract_frames(video, tmp_path / "out", FrameChoice(50), silent())
    with pytest.raises(UsageError, match="chooses no frame"):
        FrameChoice(5, 5)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(ImageError, match=r"broken\.mp4.*not a video"):
        extract_frames(broken, tmp_path / "out", FrameChoice(), silent())
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="taken"):
        extract_frames(video, tmp_path / "taken", FrameChoice(), silent())


def test_a_video_whose_end_is_missing_gives_what_is_there_with_a_warning(tmp_path):
    video = write_blob_video(tmp_path / "clip.avi", 12)
    data = video.read_bytes()
    video.write_bytes(data[: len(data) * 6 // 10])
    ctx = silent()
    try:
        done = extract_frames(video, tmp_path / "out", FrameChoice(), ctx)
    except CounterpartError as error:
        pytest.fail(f"it should have given the first frames: {error}")
    assert 0 < done.count < 12
    assert len(names(done.folder)) == done.count


@pytest.mark.parametrize("text", ["", "[]", '{"layout": "frames-9"}', '{"layout": "frames-1", "times": 3}'])
def test_a_note_that_makes_no_sense_is_no_note(tmp_path, text):
    (tmp_path / "frames.json").write_text(text)
    assert read_frames_note(tmp_path) is None


def test_the_command_writes_frames_and_reports_them(tmp_path, capsys):
    video = write_blob_video(tmp_path / "clip.mp4")
    assert main(["frames", str(video), "--out", str(tmp_path / "out"), "--every", "4", "--json", "--quiet"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == 3
    assert names(tmp_path / "out") == ["00000.jpg", "00004.jpg", "00008.jpg"]
    assert main(["frames", str(video), "--out", str(tmp_path / "out"), "--start", "99", "--quiet"]) == 2


def numbered(folder, count=24, pattern="{:04d}.png", picture=moving_blob):
    folder.mkdir(exist_ok=True)
    refs = []
    for index in range(count):
        name = pattern.format(index)
        Image.fromarray(picture(index % 12)).save(folder / name)
        refs.append(ImageRef(folder / name, name))
    return refs


def test_frames_are_told_from_photographs(tmp_path):
    def unlike(index):
        return np.random.default_rng(index).integers(0, 255, (12, 16, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)

    frames = numbered(tmp_path / "frames")
    assert looks_like_video(frames, silent())
    assert not looks_like_video(frames[:19], silent())
    assert not looks_like_video([*frames[:10], *frames[12:], *frames[:3]], silent())
    assert not looks_like_video(numbered(tmp_path / "photos", picture=unlike), silent())
    assert not looks_like_video(numbered(tmp_path / "named", pattern="shot {0} of {0}.png"), silent())
    frames[12].path.write_bytes(b"no image")
    assert not looks_like_video(frames, silent())
