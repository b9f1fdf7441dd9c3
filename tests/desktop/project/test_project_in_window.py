"""The project as a person sees it: moved images, a second window, a full disk, a damaged file."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from counterpart.core.project.commands import Paint
from counterpart.core.project.document import Document
from counterpart.desktop.images import viewer
from counterpart.desktop.images.image_words import MISSING
from counterpart.desktop.images.locate_dialog import LocateDialog
from counterpart.desktop.project.session import LOOKING_ONLY
from counterpart.desktop.widgets.trouble_dialog import TroubleDialog


@pytest.fixture
def labelled(qtbot, opened):
    with qtbot.waitSignal(opened.bench.jobs.ended, timeout=10_000):
        opened.finding.runs.run()
    return opened


def stroke(window, at=5):
    """A person's stroke on the image that is shown."""
    document = window.bench.session.document
    image = window.images.panel.current
    part = document.parts[0].id
    return window.bench.session.do(Paint(image, part, (at, at, at + 4, at + 4), np.ones((4, 4), np.bool_)))


def button(widget, text):
    return next(each for each in widget.buttons if each.text() == text)


def test_what_the_last_project_was_still_reading_never_shows_up_in_the_next_one(qtbot, opened, tmp_path, monkeypatch):
    folder = tmp_path / "others"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (50, 40), (200, 0, 0)).save(folder / name)
    reading, go_on = threading.Event(), threading.Event()
    real = viewer.read_image

    def slow(path, **options):
        if path.parent != folder:
            reading.set()
            go_on.wait(5)
        return real(path, **options)

    monkeypatch.setattr(viewer, "read_image", slow)
    third = opened.bench.session.document.image_ids[2]
    opened.images.panel.select(third)
    assert reading.wait(5)
    opened.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: opened.bench.session.title == "others")
    go_on.set()
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[0].photo is not None)
    opened.images.panel.select(third)
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[0].image_key == third)
    assert opened.bench.canvas.panes[0].photo.hw == (40, 50)
    assert opened.bench.session.document.image(third).width == 50


# Moved images -------------------------------------------------------------------------------------------------------


def learnt(qtbot, window):
    """Wait until the content of every image has been noted."""
    qtbot.waitUntil(lambda: all(record.sha256 for record in window.bench.session.document.images()), timeout=10_000)


def test_the_content_of_images_is_noted_while_nothing_else_is_done(qtbot, opened):
    learnt(qtbot, opened)
    assert {record.hw for record in opened.bench.session.document.images()} == {(90, 120), (100, 80)}
    assert not opened.bench.actions["undo"].isEnabled()


def test_moved_images_are_marked_and_found_again_by_their_content(qtbot, labelled, image_folder, tmp_path, make_window):
    learnt(qtbot, labelled)
    project = tmp_path / "work.counterpart"
    labelled.bench.session.save_as(project)
    labelled.close()
    moved = tmp_path / "elsewhere" / "deep"
    moved.mkdir(parents=True)
    for number, file in enumerate(sorted(image_folder.iterdir())):
        file.rename(moved / f"renamed {number}.png")

    window = make_window()
    assert window.bench.session.open_project(project)
    qtbot.waitUntil(lambda: len(window.images.missing.missing) == 5)
    assert "5 images are not where the project says" in window.bench.layout.banner.text
    assert window.bench.actions["relink"].isEnabled()
    assert window.images.panel.model.problem(window.images.panel.current) == MISSING
    qtbot.waitUntil(lambda: window.images.panel.state.findData("missing") >= 0)
    card = window.images.missing.cards[0]
    qtbot.waitUntil(card.isVisible)
    assert "img1.png" in card.where.text()

    qtbot.mouseClick(card.locate, Qt.MouseButton.LeftButton)
    dialog = next(each for each in window.findChildren(LocateDialog) if each.isVisible())
    dialog.folder.setFocus()
    qtbot.keyClicks(dialog.folder, str(tmp_path / "elsewhere"))
    qtbot.keyClick(dialog.folder, Qt.Key.Key_Return)
    qtbot.waitUntil(dialog.go.isEnabled, timeout=10_000)
    assert dialog.go.text() == "Relink 5"
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert "None is missing any more" in dialog.notice.text
    dialog.reject()

    assert not window.images.missing.missing
    assert window.bench.layout.banner.isHidden()
    assert card.isHidden()
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    assert next(record.name for record in window.bench.session.document.images()) == "img1.png"
    window.bench.session.undo()
    qtbot.waitUntil(lambda: len(window.images.missing.missing) == 5)


def test_images_that_are_nowhere_below_the_folder_stay_missing_and_are_named(qtbot, opened, image_folder, tmp_path):
    learnt(qtbot, opened)
    (image_folder / "img3.png").unlink()
    shutil.move(image_folder / "img2.png", tmp_path / "img2.png")
    opened.images.missing.look()
    qtbot.waitUntil(lambda: len(opened.images.missing.missing) == 2)
    qtbot.mouseClick(button(opened.bench.layout.banner, "Locate…"), Qt.MouseButton.LeftButton)
    dialog = next(each for each in opened.findChildren(LocateDialog) if each.isVisible())
    dialog.folder.setText(str(tmp_path))
    qtbot.mouseClick(dialog.find_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.go.isEnabled, timeout=10_000)
    assert "img3.png" in dialog.report.toPlainText()
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert "1 still missing" in dialog.notice.text
    dialog.reject()
    assert "1 image is not where" in opened.bench.layout.banner.text
    qtbot.mouseClick(button(opened.bench.layout.banner, "Dismiss"), Qt.MouseButton.LeftButton)
    assert opened.bench.layout.banner.isHidden()


# Looking only -------------------------------------------------------------------------------------------------------

_HOLD = """
import sys
from counterpart.core.project.document import Document
with Document.open(sys.argv[1]) as document:
    print("held", document.read_only, flush=True)
    sys.stdin.readline()
"""


@contextlib.contextmanager
def another_process_holds(project):
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(project)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held False\n"
        yield
    finally:
        holder.communicate("\n", timeout=20)


def test_a_project_open_in_another_process_is_for_looking_and_can_be_taken_when_free(qtbot, labelled, tmp_path):
    project = tmp_path / "work.counterpart"
    labelled.bench.session.save_as(project)
    labelled.bench.session.close()
    with another_process_holds(project):
        assert labelled.bench.session.open_project(project)
        assert "Open for looking only: it is open in another window" in labelled.bench.layout.banner.text
        assert not labelled.bench.actions["tool_brush"].isEnabled()
        assert "looking only" in labelled.bench.actions["tool_brush"].toolTip()
        assert not labelled.bench.actions["sequence"].isEnabled()
        assert labelled.bench.actions["save_codebook"].isEnabled()
        assert not labelled.parts.panel.add_button.isEnabled()
        assert not labelled.parts.panel.accept_button.isEnabled()
        labelled.images.set_state([labelled.images.panel.current], "reviewed")
        assert labelled.bench.layout.notice.text == LOOKING_ONLY
        assert not stroke(labelled)
        qtbot.mouseClick(button(labelled.bench.layout.banner, "Try again"), Qt.MouseButton.LeftButton)
        assert labelled.bench.session.document.read_only
        assert "only be looked at" in labelled.bench.layout.notice.text
    qtbot.mouseClick(button(labelled.bench.layout.banner, "Try again"), Qt.MouseButton.LeftButton)
    assert not labelled.bench.session.document.read_only
    assert labelled.bench.layout.banner.isHidden()
    qtbot.waitUntil(lambda: labelled.images.panel.current > 0)
    assert stroke(labelled)
    assert labelled.bench.actions["tool_brush"].isEnabled()


# What cannot be saved -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk():
    """No file of this process can grow: what a full disk looks like to SQLite."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_on_a_full_disk_work_stays_in_memory_is_announced_and_saved_when_it_can_be(qtbot, labelled, monkeypatch):
    window = labelled
    learnt(qtbot, window)
    project = window.bench.session.document.path
    with full_disk():
        assert stroke(window)
        assert "Not saved" in window.bench.layout.banner.text
        assert window.bench.status.saved.text().endswith("Not saved</span>")
        assert [each.text() for each in window.bench.layout.banner.buttons] == ["Try now", "Save as…"]
        assert stroke(window, at=12)
        qtbot.mouseClick(button(window.bench.layout.banner, "Try now"), Qt.MouseButton.LeftButton)
        assert not window.bench.layout.banner.isHidden()
    window.project.save_watch._retry.setInterval(20)
    qtbot.waitUntil(window.bench.layout.banner.isHidden)
    assert "saved again" in window.bench.layout.notice.text
    assert "Saved" in window.bench.status.saved.text()
    with Document.open(project, read_only=True) as written:
        labels = written.label_map(window.images.panel.current).labels
    assert (labels[5:9, 5:9] == labels[5, 5]).all()
    assert (labels[12:16, 12:16] == labels[5, 5]).all()


def test_what_cannot_be_saved_can_be_saved_elsewhere(qtbot, labelled, tmp_path):
    project = labelled.bench.session.document.path
    project.rename(tmp_path / "taken away")
    assert stroke(labelled)
    assert "moved, replaced or deleted" in labelled.bench.layout.banner.text
    assert labelled.bench.session.save_as(tmp_path / "rescued.counterpart")
    assert labelled.bench.layout.banner.isHidden()
    assert labelled.windowTitle() == "rescued – Counterpart"
    with Document.open(tmp_path / "rescued.counterpart", read_only=True) as written:
        assert written.label_map(labelled.images.panel.current).labels[5, 5] == written.parts[0].id


def test_a_damaged_project_opens_what_can_be_opened_and_names_what_cannot(qtbot, labelled, tmp_path):
    project = tmp_path / "work.counterpart"
    labelled.bench.session.save_as(project)
    labelled.bench.session.close()
    database = sqlite3.connect(project)
    database.execute("UPDATE images SET state = 7 WHERE id = 3")
    database.execute("UPDATE parts SET colour = 'no colour' WHERE id = 2")
    database.commit()
    database.close()
    before = project.read_bytes()
    assert labelled.bench.session.open_project(project)
    assert "damaged" in labelled.bench.layout.banner.text
    assert labelled.images.panel.model.total >= 4
    qtbot.mouseClick(button(labelled.bench.layout.banner, "Details…"), Qt.MouseButton.LeftButton)
    dialog = next(each for each in labelled.findChildren(TroubleDialog) if each.isVisible())
    assert "cannot be read" in dialog.details.toPlainText()
    dialog.reject()
    assert not labelled.bench.actions["tool_brush"].isEnabled()
    assert labelled.bench.session.save_as(tmp_path / "rest.counterpart")
    assert not labelled.bench.session.document.read_only
    assert project.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for the superuser")
def test_a_project_in_a_read_only_folder_is_for_looking(qtbot, labelled, tmp_path):
    folder = tmp_path / "sealed"
    folder.mkdir()
    labelled.bench.session.save_as(folder / "work.counterpart")
    labelled.bench.session.close()
    folder.chmod(0o555)
    try:
        assert labelled.bench.session.open_project(folder / "work.counterpart")
        assert "no permission" in labelled.bench.layout.banner.text
    finally:
        folder.chmod(0o755)


# Copies of the file -------------------------------------------------------------------------------------------------


def copied_alone(window, tmp_path):
    """How many rows of labels a copy of the project file alone has, without what SQLite keeps beside it."""
    path = tmp_path / "copy" / "c.counterpart"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(window.bench.session.document.path, path)
    with Document.open(path) as copy:
        return {image: copy.label_map(image).areas() for image in copy.image_ids if copy.label_map(image)}


@pytest.mark.parametrize("how", ["rest", "leaving", "saving", "export"])
def test_a_copy_of_the_open_project_s_file_has_everything_once_it_is_likely_to_be_made(qtbot, labelled, tmp_path, how):
    window, document = labelled, labelled.bench.session.document
    watch = window.project.save_watch
    assert stroke(window)
    assert watch._folding.isActive()
    assert copied_alone(window, tmp_path) != {image: document.label_map(image).areas() for image in document.image_ids}
    if how == "rest":
        watch._folding.start(1)
    elif how == "leaving":
        QGuiApplication.instance().applicationStateChanged.emit(Qt.ApplicationState.ApplicationInactive)
    elif how == "saving":
        window.bench.session.save()
    else:
        window.project.export()
    whole = {image: document.label_map(image).areas() for image in document.image_ids}
    qtbot.waitUntil(lambda: copied_alone(window, tmp_path) == whole)


def test_a_fold_that_a_reader_is_in_the_way_of_is_tried_again(qtbot, labelled, tmp_path):
    watch, path = labelled.project.save_watch, labelled.bench.session.document.path
    assert stroke(labelled)
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM parts").fetchone()
    watch._fold()
    assert watch._folding.isActive()
    reader.close()
    watch._fold()
    assert not watch._folding.isActive()
    assert path.with_name(path.name + "-wal").stat().st_size == 0
