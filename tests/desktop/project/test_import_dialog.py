"""Importing in the window: recognised, previewed, taken over in one step, and nothing of a person's is lost."""

import json

import numpy as np
import pytest
from PySide6.QtCore import Qt

from counterpart.core.formats import ExportOptions, export_project
from counterpart.core.jobs import silent
from counterpart.core.project.commands import Paint
from counterpart.desktop.project.import_dialog import ImportDialog


@pytest.fixture
def masks(qtbot, opened, tmp_path):
    """A COCO file with two parts on each image; the project has none of them any more."""
    with qtbot.waitSignal(opened.bench.jobs.ended, timeout=10_000):
        opened.finding.runs.run()
    target = tmp_path / "masks.json"
    export_project(opened.bench.session.document, "coco", target, ExportOptions(), silent())
    opened.bench.session.undo()
    assert opened.bench.session.document.parts == ()
    return target


def open_dialog(window):
    window.bench.actions["import"].trigger()
    return next(dialog for dialog in window.findChildren(ImportDialog) if dialog.isVisible())


def read(qtbot, dialog, path):
    dialog.source.setFocus()
    dialog.source.selectAll()
    qtbot.keyClicks(dialog.source, str(path))
    looked_at(qtbot, dialog)


def looked_at(qtbot, dialog):
    qtbot.waitUntil(
        lambda: not dialog._looking.isActive() and dialog._job is None and not dialog.progress.isVisible(),
        timeout=10_000,
    )


def test_a_file_is_recognised_previewed_and_taken_over_in_one_step(qtbot, opened, masks):
    window = opened
    dialog = open_dialog(window)
    assert not dialog.go.isEnabled()
    read(qtbot, dialog, masks)
    assert dialog.format.currentData() == "coco"
    words = dialog.report.toPlainText()
    assert "5\nimages of the project are in the file" in words
    assert "get their first masks" in words
    assert window.bench.session.document.parts == ()
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert "Took over 10 annotations of 5 images" in dialog.notice.text
    assert [part.name for part in window.bench.session.document.parts] == ["part 1", "part 2"]
    assert window.images.panel.model.counts()["edited"] == 5
    dialog.reject()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.bench.session.document.parts == ()


def test_what_a_person_drew_stays_unless_it_is_to_be_replaced(qtbot, opened, masks):
    document = opened.bench.session.document
    first, second = document.image_ids[:2]
    opened.parts.commands._add()
    part = document.parts[0].id
    mask = np.ones((90, 120), np.bool_)
    opened.bench.session.do(Paint(first, part, (0, 0, 90, 120), mask, (90, 120)))
    opened.bench.settings.change(ask_empty_review=False)
    opened.images.set_state([second], "reviewed")
    dialog = open_dialog(opened)
    read(qtbot, dialog, masks)
    assert "2\nhave your own work, which stays" in dialog.report.toPlainText()
    dialog.overwrite.setFocus()
    qtbot.keyClick(dialog.overwrite, Qt.Key.Key_Space)
    looked_at(qtbot, dialog)
    assert "have your own work, which is REPLACED" in dialog.report.toPlainText()
    qtbot.keyClick(dialog.overwrite, Qt.Key.Key_Space)
    looked_at(qtbot, dialog)
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert (document.label_map(first).labels == part).all()
    assert document.label_map(second) is None
    assert document.image(second).state == "reviewed"
    dialog.reject()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("broken.json", '{"images": [', "not valid JSON"),
        ("strange.bin", "?", "not recognised"),
        ("empty.json", json.dumps({"images": [], "annotations": [], "categories": []}), "no annotations"),
        ("none.json", None, "no file or folder"),
    ],
)
def test_what_cannot_be_imported_says_why_and_offers_nothing(qtbot, opened, tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    dialog = open_dialog(opened)
    read(qtbot, dialog, tmp_path / name)
    if name == "broken.json":
        dialog.format.setCurrentIndex(dialog.format.findData("coco"))
        dialog.format.activated.emit(dialog.format.currentIndex())
        looked_at(qtbot, dialog)
    assert words in dialog.notice.text
    assert not dialog.go.isEnabled()
    assert opened.bench.session.document.parts == ()
    dialog.reject()


def test_images_of_other_sets_are_found_where_one_says_they_are(qtbot, window, masks, image_folder, tmp_path):
    window.bench.session.close()
    other = tmp_path / "other"
    other.mkdir()
    (image_folder / "img10.png").rename(other / "img10.png")
    (tmp_path / "set").mkdir()
    moved = tmp_path / "set/moved.json"
    moved.write_text(masks.read_text())
    window.bench.session.open_folder(other)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    dialog = open_dialog(window)
    read(qtbot, dialog, moved)
    assert "1\nimage of the project is in the file" in dialog.report.toPlainText()
    assert "Left out (4)" in dialog.report.toPlainText()
    dialog.root.setText(str(image_folder))
    looked_at(qtbot, dialog)
    assert "4\nnew, to be added" in dialog.report.toPlainText()
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert len(window.bench.session.document) == 5
    dialog.reject()
