"""The timeline in the real window: frames as a sequence, moving through them, and tracking what was drawn."""

import dataclasses
import json
import threading

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from counterpart.core.project.commands import AddPart, AddSkeleton, SetReviewState
from counterpart.core.project.points import Origin, Skeleton
from counterpart.core.project.sequence import SEQUENCE, FrameState
from tests.desktop.fakes import FakeBackend, FakeEngine

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
HW = (90, 120)
COUNT = 12


def centre_of(index):
    """Where the blob's centre is on a frame, xy."""
    return 30 + 5 * index, 45


def frame(index, hw=HW):
    """A bright blob that goes to the right, on dark noise that stays."""
    rng = np.random.default_rng(7)
    rgb = rng.integers(20, 60, (*hw, 3)).astype(np.uint8)
    yy, xx = np.mgrid[: hw[0], : hw[1]]
    x, y = centre_of(index)
    rgb[np.hypot(xx - x, yy - y) < 16] = (230, 180, 90)
    return rgb


@pytest.fixture
def frames_folder(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(COUNT):
        Image.fromarray(frame(index)).save(folder / f"{index:05d}.png")
    return folder


def open_frames(qtbot, window, folder):
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    window.bench.actions["sequence"].trigger()
    return window


@pytest.fixture
def sequence(qtbot, window, frames_folder):
    """The window on twelve frames of one video."""
    return open_frames(qtbot, window, frames_folder)


def ids(window):
    return window.bench.session.document.image_ids


def go(qtbot, window, index):
    window.video.timeline.go(index)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == ids(window)[index])


def click_frame(window, index):
    track = window.video.timeline.panel.track
    QTest.mouseClick(track, LEFT, NONE, QPoint(round(track.x_of(index)), 20))


def paint_blob(qtbot, window, index):
    """Draw around the blob of a frame with the rectangle tool, as a person would."""
    go(qtbot, window, index)
    if not window.bench.session.document.parts:
        window.bench.session.do(AddPart("blob"))
    window.parts.commands.choose(window.bench.session.document.parts[0].id)
    window.bench.toolbox.choose("rectangle")
    x, y = centre_of(index)
    view = window.bench.canvas.panes[0].view
    begin, end = (QPoint(*map(round, view.to_widget(at))) for at in ((x - 13, y - 13), (x + 13, y + 13)))
    QTest.mousePress(window.bench.canvas, LEFT, NONE, begin)
    QTest.mouseMove(window.bench.canvas, (begin + end) / 2)
    QTest.mouseMove(window.bench.canvas, end)
    QTest.mouseRelease(window.bench.canvas, LEFT, NONE, end)


def track_frames(qtbot, window, action="track_all"):
    window.bench.actions[action].trigger()
    assert window.bench.jobs.busy
    qtbot.waitUntil(lambda: not window.bench.jobs.busy, timeout=30_000)


def states(window):
    return [FrameState(int(state)) for state in window.video.timeline.panel.track.states]


def labels(window, index):
    found = window.bench.session.document.label_map(ids(window)[index])
    return None if found is None else found.labels


def overlap(window, index):
    """How well the blob of a frame is covered, Jaccard."""
    yy, xx = np.mgrid[: HW[0], : HW[1]]
    x, y = centre_of(index)
    truth = np.hypot(xx - x, yy - y) < 16
    found = labels(window, index) > 0
    return (truth & found).sum() / (truth | found).sum()


# Being a sequence --------------------------------------------------


def test_the_timeline_is_there_only_for_frames_of_one_video(qtbot, window, frames_folder):
    window.bench.session.open_folder(frames_folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    assert not window.video.timeline.panel.isVisible()
    assert not window.bench.actions["play"].isEnabled()
    assert "not frames of one video" in window.bench.actions["track_all"].toolTip()
    window.bench.actions["sequence"].trigger()
    assert window.video.timeline.panel.isVisible()
    assert window.video.timeline.panel.track.count == COUNT
    assert window.video.timeline.panel.place.text().startswith("1 / 12 · 0:00.00")
    window.bench.actions["undo"].trigger()
    assert not window.video.timeline.panel.isVisible()
    assert not window.bench.actions["sequence"].isChecked()


def test_a_project_remembers_that_it_is_a_sequence_and_its_rate(qtbot, sequence, frames_folder):
    sequence.video.timeline.panel.fps.setValue(10)
    go(qtbot, sequence, 5)
    assert sequence.video.timeline.panel.place.text() == "6 / 12 · 0:00.50"
    sequence.bench.session.close()
    assert not sequence.video.timeline.panel.isVisible()
    sequence.bench.session.open_folder(frames_folder)
    qtbot.waitUntil(sequence.video.timeline.panel.isVisible)
    assert sequence.video.timeline.panel.fps.value() == 10
    assert sequence.bench.session.document.settings[SEQUENCE]["fps"] == 10


def test_numbered_frames_that_are_much_alike_are_recognised_and_the_timeline_offered(qtbot, window, tmp_path):
    folder = tmp_path / "walk"
    folder.mkdir()
    for index in range(24):
        Image.fromarray(frame(index % 12 / 4)).save(folder / f"walk_{index:03d}.png")
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: "frames of one video" in window.bench.layout.notice.text)
    qtbot.mouseClick(window.bench.layout.notice.button, LEFT)
    assert window.video.timeline.panel.isVisible()
    assert not window.bench.layout.notice.isVisible()


def test_each_folder_is_a_video_of_its_own(qtbot, window, tmp_path):
    folder = tmp_path / "clips"
    for name, count in (("a", 4), ("b", 6)):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(frame(index)).save(folder / name / f"{index}.png")
    open_frames(qtbot, window, folder)
    track = window.video.timeline.panel.track
    assert track.count == 4
    window.images.panel.select(ids(window)[6])
    assert track.count == 6
    assert window.video.timeline.frame == track.current == 2
    click_frame(window, 0)
    assert window.images.panel.current == ids(window)[4]
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == ids(window)[4])
    window.bench.session.do(AddPart("blob"))
    window.parts.commands.choose(1)
    window.bench.toolbox.choose("rectangle")
    view = window.bench.canvas.panes[0].view
    begin, end = (QPoint(*map(round, view.to_widget(at))) for at in ((17, 32), (43, 58)))
    QTest.mousePress(window.bench.canvas, LEFT, NONE, begin)
    QTest.mouseMove(window.bench.canvas, end)
    QTest.mouseRelease(window.bench.canvas, LEFT, NONE, end)
    track_frames(qtbot, window)
    assert "Tracked to 5 frames" in window.bench.layout.notice.text
    assert set(window.bench.session.document.labelled_images()) == set(ids(window)[4:])


def test_a_suggestion_that_was_dismissed_is_not_made_again(qtbot, window, tmp_path):
    folder = tmp_path / "walk"
    folder.mkdir()
    for index in range(20):
        Image.fromarray(frame(0)).save(folder / f"{index}.png")
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: "frames of one video" in window.bench.layout.notice.text)
    qtbot.mouseClick(window.bench.layout.notice._close, LEFT)
    window.bench.session.close()
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: window.bench.session.document is not None and not window.bench.side_jobs.busy)
    assert not window.bench.layout.notice.isVisible()
    assert not window.video.timeline.panel.isVisible()


def test_images_of_different_sizes_are_warned_about(qtbot, opened):
    for image in ids(opened)[:2]:
        opened.images.panel.select(image)
        qtbot.waitUntil(lambda image=image: opened.bench.session.document.image(image).width > 0)
    opened.bench.actions["sequence"].trigger()
    assert "differ in size" in opened.bench.layout.notice.text


# Moving --------------------------------------------------


def test_clicking_and_dragging_on_the_timeline_shows_that_frame(qtbot, sequence):
    click_frame(sequence, 7)
    qtbot.waitUntil(lambda: sequence.bench.canvas.panes[0].image_key == ids(sequence)[7])
    assert sequence.images.panel.current == ids(sequence)[7]
    track = sequence.video.timeline.panel.track
    QTest.mousePress(track, LEFT, NONE, QPoint(round(track.x_of(7)), 20))
    QTest.mouseMove(track, QPoint(round(track.x_of(3)), 20))
    QTest.mouseMove(track, QPoint(-50, 20))
    QTest.mouseRelease(track, LEFT, NONE, QPoint(-50, 20))
    qtbot.waitUntil(lambda: sequence.bench.canvas.panes[0].image_key == ids(sequence)[0])


def test_keys_step_through_frames_and_the_cursor_follows_the_list(qtbot, sequence):
    QTest.keyClick(sequence, Qt.Key.Key_Period)
    QTest.keyClick(sequence, Qt.Key.Key_Period)
    assert sequence.video.timeline.frame == sequence.video.timeline.panel.track.current == 2
    QTest.keyClick(sequence, Qt.Key.Key_Comma)
    assert sequence.video.timeline.frame == 1
    track = sequence.video.timeline.panel.track
    track.setFocus()
    QTest.keyClick(track, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert sequence.video.timeline.frame == 11
    QTest.keyClick(track, Qt.Key.Key_Left)
    assert sequence.video.timeline.frame == 10
    QTest.keyClick(track, Qt.Key.Key_Home)
    assert sequence.video.timeline.frame == 0
    sequence.images.panel.select(ids(sequence)[4])
    assert track.current == 4


def test_a_frame_that_the_lists_filter_hides_can_be_gone_to(qtbot, sequence):
    sequence.images.panel.search.setText("00003")
    qtbot.waitUntil(lambda: sequence.images.panel.model.rowCount() == 1)
    click_frame(sequence, 9)
    assert sequence.images.panel.current == ids(sequence)[9]


def test_playing_goes_through_the_frames_and_stops_at_the_last(qtbot, sequence):
    sequence.video.timeline.panel.fps.setValue(120)
    seen = []
    sequence.bench.viewer.shown.connect(lambda _pane, image: seen.append(image))
    QTest.keyClick(sequence, Qt.Key.Key_J)
    assert sequence.video.timeline.player.playing
    qtbot.waitUntil(lambda: not sequence.video.timeline.player.playing, timeout=10_000)
    assert seen[-1] == ids(sequence)[-1]
    assert seen == sorted(seen, key=ids(sequence).index)
    QTest.keyClick(sequence, Qt.Key.Key_J)  # from the end it begins again
    assert sequence.video.timeline.frame < COUNT - 1
    click_frame(sequence, 6)
    assert not sequence.video.timeline.player.playing


# Tracking -----------------------------------------------------


def test_what_was_drawn_on_one_frame_reaches_all_others_as_one_step(qtbot, sequence):
    paint_blob(qtbot, sequence, 5)
    drawn = labels(sequence, 5).copy()
    assert states(sequence)[5] is FrameState.ANNOTATED
    track_frames(qtbot, sequence)
    assert "Tracked to 11 frames" in sequence.bench.layout.notice.text
    assert states(sequence)[5] is FrameState.ANNOTATED
    assert {states(sequence)[index] for index in range(COUNT) if index != 5} <= {
        FrameState.TRACKED,
        FrameState.DOUBTFUL,
    }
    assert min(overlap(sequence, index) for index in (3, 4, 6, 7)) > 0.55
    assert np.array_equal(labels(sequence, 5), drawn)
    document = sequence.bench.session.document
    assert document.provenance(document.label_map(ids(sequence)[0]).provenance).job == "track"
    assert document.image(ids(sequence)[0]).doubt is not None
    sequence.bench.actions["undo"].trigger()
    assert states(sequence).count(FrameState.NONE) == COUNT - 1
    sequence.bench.actions["redo"].trigger()
    assert states(sequence).count(FrameState.NONE) == 0


def test_a_correction_is_tracked_from_where_it_was_made_to_its_neighbours_only(qtbot, sequence):
    paint_blob(qtbot, sequence, 0)
    paint_blob(qtbot, sequence, 8)
    track_frames(qtbot, sequence)
    before = {index: labels(sequence, index).copy() for index in range(COUNT)}
    paint_blob(qtbot, sequence, 4)
    for _ in range(3):
        sequence.bench.actions["grow"].trigger()
    track_frames(qtbot, sequence, "track_here")
    assert sequence.bench.session.history.undo_text == "Track from frame 5"
    changed = {index for index in range(COUNT) if not np.array_equal(before[index], labels(sequence, index))}
    assert changed <= {1, 2, 3, 4, 5, 6, 7}
    assert changed - {4}
    assert np.array_equal(labels(sequence, 8), before[8])


def test_how_fine_the_model_looks_is_chosen_in_the_menu_and_kept(qtbot, sequence, frames_folder):
    fine = sequence.video.timeline.panel._details[672]
    assert sequence.video.timeline.panel._details[None].isChecked()
    fine.trigger()
    paint_blob(qtbot, sequence, 5)
    track_frames(qtbot, sequence)
    document = sequence.bench.session.document
    provenance = document.provenance(document.label_map(ids(sequence)[0]).provenance)
    assert json.loads(provenance.params)["size"] == 672
    sequence.bench.session.close()
    sequence.bench.session.open_folder(frames_folder)
    qtbot.waitUntil(sequence.video.timeline.panel.isVisible)
    assert fine.isChecked()


def test_forward_from_here_leaves_earlier_frames_alone(qtbot, sequence):
    paint_blob(qtbot, sequence, 6)
    track_frames(qtbot, sequence, "track_forward")
    assert states(sequence)[:6] == [FrameState.NONE] * 6
    assert FrameState.NONE not in states(sequence)[6:]
    track_frames(qtbot, sequence, "track_backward")
    assert FrameState.NONE not in states(sequence)


def test_reviewed_and_drawn_frames_are_never_overwritten(qtbot, sequence):
    paint_blob(qtbot, sequence, 2)
    track_frames(qtbot, sequence)
    kept = labels(sequence, 9).copy()
    sequence.bench.session.do(SetReviewState([ids(sequence)[9]], "reviewed"))
    assert states(sequence)[9] is FrameState.ANNOTATED
    paint_blob(qtbot, sequence, 4)
    track_frames(qtbot, sequence)
    assert np.array_equal(labels(sequence, 9), kept)


def test_nothing_to_start_from_is_said_with_what_to_do(qtbot, sequence):
    sequence.bench.actions["track_all"].trigger()
    assert not sequence.bench.jobs.busy
    assert "no frame is annotated yet" in sequence.bench.layout.notice.text
    paint_blob(qtbot, sequence, 1)
    go(qtbot, sequence, 6)
    sequence.bench.actions["track_here"].trigger()
    assert "nothing on this frame that you drew" in sequence.bench.layout.notice.text


class SlowEngine(FakeEngine):
    """Holds the third frame until it is told to go on."""

    gate = None

    def features(self, refs, *args, **kwargs):
        if refs[0].name.startswith("00003"):
            ctx = args[3]
            while not self.gate.wait(0.01):
                ctx.check()
        return super().features(refs, *args, **kwargs)


class SlowBackend(FakeBackend):
    def engine(self, choice):
        return self.engines.setdefault(choice.name, SlowEngine(choice.name))


@pytest.fixture
def slow(qtbot, make_window, frames_folder, monkeypatch):
    """A window whose model waits before frame 3."""
    monkeypatch.setattr(SlowEngine, "gate", threading.Event())
    yield open_frames(qtbot, make_window(make_backend=SlowBackend), frames_folder)
    SlowEngine.gate.set()


def test_cancelling_keeps_what_is_finished(qtbot, slow):
    paint_blob(qtbot, slow, 0)
    slow.bench.actions["track_all"].trigger()
    track = slow.video.timeline.panel.track
    qtbot.waitUntil(lambda: track._running[:3].sum() == 2, timeout=30_000)
    assert not slow.bench.actions["track_all"].isEnabled()
    QTest.keyClick(slow, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not slow.bench.jobs.busy)
    assert "Cancelled; what was finished is kept: 2 frames" in slow.bench.layout.notice.text
    assert states(slow)[3:] == [FrameState.NONE] * (COUNT - 3)
    assert FrameState.NONE not in states(slow)[:3]
    assert slow.bench.actions["track_all"].isEnabled()
    assert track._span is None


def test_closing_the_project_meanwhile_cancels_and_keeps_what_was_drawn(qtbot, slow, frames_folder):
    paint_blob(qtbot, slow, 0)
    drawn = labels(slow, 0).copy()
    slow.bench.actions["track_all"].trigger()
    qtbot.waitUntil(lambda: slow.video.timeline.panel.track._running[:3].sum() == 2, timeout=30_000)
    slow.bench.session.close()
    slow.show_session()
    qtbot.waitUntil(lambda: not slow.bench.jobs.busy)
    assert not slow.video.timeline.panel.isVisible()
    slow.bench.session.open_folder(frames_folder)
    qtbot.waitUntil(slow.video.timeline.panel.isVisible)
    assert np.array_equal(labels(slow, 0), drawn)
    assert states(slow)[1:] == [FrameState.NONE] * (COUNT - 1)
    assert slow.bench.actions["track_all"].isEnabled()


def test_a_frame_drawn_on_meanwhile_is_left_and_named(qtbot, slow):
    paint_blob(qtbot, slow, 0)
    slow.bench.actions["track_all"].trigger()
    qtbot.waitUntil(lambda: slow.video.timeline.panel.track._running[:3].sum() == 2, timeout=30_000)
    paint_blob(qtbot, slow, 6)
    drawn = labels(slow, 6).copy()
    SlowEngine.gate.set()
    qtbot.waitUntil(lambda: not slow.bench.jobs.busy, timeout=30_000)
    assert np.array_equal(labels(slow, 6), drawn)
    assert "Left as they are: 00006.png" in slow.bench.layout.notice.text


def test_a_frame_that_cannot_be_read_costs_only_itself(qtbot, sequence, frames_folder):
    paint_blob(qtbot, sequence, 0)
    (frames_folder / "00005.png").write_bytes(b"not an image")
    Image.fromarray(frame(7, (60, 80))).save(frames_folder / "00007.png")
    track_frames(qtbot, sequence)
    assert "2 could not be used" in sequence.bench.layout.notice.text
    assert [index for index, state in enumerate(states(sequence)) if state is FrameState.NONE] == [5, 7]


def test_doubtful_frames_can_be_jumped_to(qtbot, sequence):
    paint_blob(qtbot, sequence, 0)
    track_frames(qtbot, sequence)
    document = sequence.bench.session.document
    facts = [dataclasses.replace(document.image(ids(sequence)[index]), doubt=0.1) for index in range(1, COUNT)]
    facts[3] = dataclasses.replace(facts[3], doubt=0.6)
    facts[8] = dataclasses.replace(facts[8], doubt=0.4)
    document.note_facts(facts)
    assert states(sequence).count(FrameState.DOUBTFUL) == 2
    go(qtbot, sequence, 0)
    control = Qt.KeyboardModifier.ControlModifier
    QTest.keyClick(sequence, Qt.Key.Key_Right, control)
    assert sequence.video.timeline.frame == 4
    QTest.keyClick(sequence, Qt.Key.Key_Right, control)
    assert sequence.video.timeline.frame == 9
    QTest.keyClick(sequence, Qt.Key.Key_Right, control)
    assert "No more doubtful frames" in sequence.bench.status.place.text()
    QTest.keyClick(sequence, Qt.Key.Key_Left, control)
    assert sequence.video.timeline.frame == 4


def test_keypoints_travel_with_the_frames_and_placed_ones_stay(qtbot, sequence):
    sequence.bench.session.do(AddSkeleton(Skeleton(("left", "right"), name="blob")))
    go(qtbot, sequence, 5)
    sequence.bench.toolbox.choose("keypoint")
    view = sequence.bench.canvas.panes[0].view
    x, y = centre_of(5)
    for place in ((x - 8, y), (x + 8, y)):
        QTest.mouseClick(sequence.bench.canvas, LEFT, NONE, QPoint(*map(round, view.to_widget(place))))
    document = sequence.bench.session.document
    assert document.keypoints(ids(sequence)[5])[0].present.all()
    track_frames(qtbot, sequence)
    for index in (4, 6, 7):
        (points,) = document.keypoints(ids(sequence)[index])
        assert (points.origin == Origin.TRANSFERRED).all()
        assert points.xy.mean(axis=0) == pytest.approx(centre_of(index), abs=9)
    assert document.image(ids(sequence)[0]).state == "predicted"
    track_frames(qtbot, sequence)  # again: the instances that are there are moved, none is added
    assert len(document.keypoints(ids(sequence)[6])) == 1
    sequence.bench.actions["undo"].trigger()
    sequence.bench.actions["undo"].trigger()
    assert not document.keypoints(ids(sequence)[6])
