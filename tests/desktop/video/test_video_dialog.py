"""Opening a video in the real window: the dialog, the extraction, and the sequence that comes of it."""

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from counterpart.core.project.sequence import sequence_of
from counterpart.desktop.video.video_dialog import VideoDialog
from tests.core.video_files import blob_x, write_blob_video

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def video(tmp_path):
    return write_blob_video(tmp_path / "walk.mp4")


def drop(window, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(200, 200), copy, data, LEFT, none))
    QApplication.sendEvent(window, QDropEvent(QPointF(200, 200), copy, data, LEFT, none))


def dialog_of(qtbot, window):
    dialog = next(each for each in window.findChildren(VideoDialog) if each.isVisible())
    qtbot.waitUntil(lambda: dialog._job is None)
    return dialog


def test_a_dropped_video_becomes_a_sequence_with_a_timeline(qtbot, window, video):
    drop(window, video)
    dialog = dialog_of(qtbot, window)
    assert "12 frames · 128 × 96 pixels · 10 frames a second" in dialog.about.text()
    assert "12 images" in dialog.summary.text()
    qtbot.mouseClick(dialog.go, LEFT)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    assert window.video.timeline.panel.isVisible()
    assert window.video.timeline.panel.track.count == 12
    assert sequence_of(window.bench.session.document.settings).video == "walk.mp4"
    assert window.video.timeline.panel.fps.value() == pytest.approx(10, abs=0.5)
    assert blob_x(window.bench.canvas.panes[0].photo.rgb) == pytest.approx(30, abs=0.6)
    window.video.timeline.go(6)
    assert "7 / 12 · 0:00.6" in window.video.timeline.panel.place.text()
    assert window.bench.session.folder.name == "walk-frames"


def test_a_part_of_the_frames_can_be_chosen(qtbot, window, video):
    window.bench.session.open_any([video])
    dialog = dialog_of(qtbot, window)
    dialog.first.setValue(5)
    dialog.every.setValue(3)
    assert dialog.last.minimum() == 5
    assert "3 images" in dialog.summary.text()
    assert dialog.first_time.text() == "0:00.40"
    dialog.exact.click()
    qtbot.mouseClick(dialog.go, LEFT)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    document = window.bench.session.document
    assert [record.name for record in document.images()] == ["00004.png", "00007.png", "00010.png"]


def test_frames_that_are_there_already_are_offered(qtbot, window, video):
    window.bench.session.open_any([video])
    first = dialog_of(qtbot, window)
    qtbot.mouseClick(first.go, LEFT)
    qtbot.waitUntil(lambda: window.bench.session.document is not None)
    window.bench.session.close()
    window.show_session()
    window.bench.session.open_any([video])
    dialog = dialog_of(qtbot, window)
    assert dialog.target.text().endswith("walk-frames-2")
    assert "extracted before" in dialog.notice.text
    qtbot.mouseClick(dialog.notice.button, LEFT)
    qtbot.waitUntil(lambda: window.bench.session.document is not None)
    assert window.bench.session.folder.name == "walk-frames"


def test_a_file_that_is_no_video_is_named_and_nothing_can_be_extracted(qtbot, window, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    window.bench.session.open_any([broken])
    dialog = dialog_of(qtbot, window)
    assert "broken.mp4" in dialog.notice.text
    assert not dialog.go.isEnabled()
    qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel), LEFT)
    assert window.bench.session.document is None


def test_a_folder_that_cannot_be_written_is_named_and_another_can_be_chosen(qtbot, window, video, tmp_path):
    (tmp_path / "taken").write_text("a file")
    window.bench.session.open_any([video])
    dialog = dialog_of(qtbot, window)
    dialog.target.setText(str(tmp_path / "taken"))
    qtbot.mouseClick(dialog.go, LEFT)
    qtbot.waitUntil(lambda: dialog._job is None)
    assert "taken" in dialog.notice.text
    assert dialog.go.isEnabled()
    dialog.reject()


def test_frames_taken_off_being_a_sequence_stay_so_when_opened_again(qtbot, window, video):
    window.bench.session.open_any([video])
    qtbot.mouseClick(dialog_of(qtbot, window).go, LEFT)
    qtbot.waitUntil(window.video.timeline.panel.isVisible)
    folder = window.bench.session.folder
    window.bench.actions["sequence"].trigger()
    assert not window.video.timeline.panel.isVisible()
    window.bench.session.close()
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    assert not window.video.timeline.panel.isVisible()
    window.bench.actions["sequence"].trigger()
    assert sequence_of(window.bench.session.document.settings).video == "walk.mp4"


def test_opening_what_is_open_already_leaves_it_open_for_work(qtbot, window, video):
    window.bench.session.open_any([video])
    qtbot.mouseClick(dialog_of(qtbot, window).go, LEFT)
    qtbot.waitUntil(window.video.timeline.panel.isVisible)
    document, folder = window.bench.session.document, window.bench.session.folder
    seen = []
    window.bench.session.busy.connect(seen.append)
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: seen[-1:] == [""])
    assert window.bench.session.document is document
    assert window.bench.session.open_project(document.path)
    assert window.bench.session.document is document
    assert not document.read_only


def test_what_is_wrong_with_a_video_is_still_said_once_its_frames_are_open(qtbot, opened, tmp_path):
    cut = write_blob_video(tmp_path / "cut.avi")
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) * 6 // 10])
    before = opened.bench.session.document
    opened.bench.session.open_any([cut])
    qtbot.mouseClick(dialog_of(qtbot, opened).go, LEFT)
    qtbot.waitUntil(lambda: opened.bench.session.document is not before)
    assert "cut.avi" in opened.bench.layout.notice.text
    assert 0 < opened.video.timeline.panel.track.count < 12
