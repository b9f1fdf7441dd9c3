"""The room of videos, built alone: a folder becomes a sequence, is gone through, and is one no more."""

import numpy as np
import pytest
from PIL import Image

from counterpart.desktop.video.room import VideoRoom
from tests.desktop.benches import show_bench
from tests.desktop.conftest import picture


@pytest.fixture
def room(qtbot, bench, tmp_path):
    """The room on six frames of one size, which nothing says yet are a video."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(picture(number, (60, 80))).save(folder / f"{number:03d}.png")
    made = VideoRoom(bench)
    show_bench(bench)
    bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    return made


def test_images_become_a_video_and_are_one_no_more_by_one_step_each(bench, room):
    assert not room.timeline.images
    assert not bench.actions["next_frame"].isEnabled()
    bench.actions["sequence"].trigger()
    assert room.timeline.images == tuple(bench.document.image_ids)
    assert room.timeline.panel.isVisible()
    assert bench.actions["sequence"].isChecked()
    assert bench.actions["next_frame"].isEnabled()
    bench.session.undo()
    assert not room.timeline.panel.isVisible()
    assert not bench.actions["sequence"].isChecked()


def test_frames_are_gone_through_and_the_ends_are_kept_to(qtbot, bench, room):
    bench.actions["sequence"].trigger()
    bench.actions["next_frame"].trigger()
    assert room.timeline.frame == 1
    room.timeline.go(5)
    bench.actions["next_frame"].trigger()
    assert room.timeline.frame == 5
    bench.actions["next_annotated"].trigger()
    assert "No more annotated frames" in bench.status.place.text()
    np.testing.assert_array_equal(room.timeline.panel.track.states, np.zeros(6))


def test_without_a_project_tracking_says_that_there_is_no_video_and_not_that_it_is_for_looking_only(bench, room):
    bench.session.close()
    bench.actions.refresh()
    for name in ("track_all", "track_here", "track_forward", "track_backward"):
        assert not bench.actions[name].isEnabled()
        assert "The images are not frames of one video" in bench.actions[name].toolTip()


def test_tracking_without_an_annotated_frame_says_what_is_missing(bench, room):
    bench.actions["sequence"].trigger()
    bench.actions["track_all"].trigger()
    assert not room.tracker.busy
    assert "frame" in bench.layout.notice.text
    assert bench.layout.notice.isVisible()
