"""Exporting from the window writes files and reports what became of it."""

import json

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt

from counterpart.core.formats import FORMATS
from counterpart.desktop.project.export_dialog import ExportDialog


@pytest.fixture
def labelled(qtbot, opened):
    with qtbot.waitSignal(opened.bench.jobs.ended, timeout=10_000):
        opened.finding.runs.run()
    return opened


def open_dialog(window):
    window.bench.actions["export"].trigger()
    return next(dialog for dialog in window.findChildren(ExportDialog) if dialog.isVisible())


def choose(dialog, name, target):
    dialog.format.setCurrentIndex(dialog.format.findData(name))
    dialog.target.setText(str(target))


def export(qtbot, dialog):
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.notice.isVisible, timeout=10_000)


def test_indexed_png_holds_the_labels_that_are_on_the_canvas(qtbot, labelled, tmp_path):
    dialog = open_dialog(labelled)
    choose(dialog, "indexed-png", tmp_path / "png")
    export(qtbot, dialog)
    assert "Wrote" in dialog.notice.text
    document = labelled.bench.session.document
    for image in document.image_ids:
        name = document.image(image).name
        with Image.open(tmp_path / "png" / name) as written:
            assert np.array_equal(np.asarray(written), document.label_map(image).labels)
    dialog.reject()


def test_coco_of_the_current_image_alone(qtbot, labelled, tmp_path):
    dialog = open_dialog(labelled)
    choose(dialog, "coco", tmp_path / "coco.json")
    dialog.scope.setCurrentIndex(dialog.scope.findData("current"))
    export(qtbot, dialog)
    written = json.loads((tmp_path / "coco.json").read_text())
    assert [entry["file_name"] for entry in written["images"]] == ["img1.png"]
    assert {entry["name"] for entry in written["categories"]} == {"part 1", "part 2"}
    dialog.reject()


def test_matches_are_offered_once_there_are_some(qtbot, labelled, tmp_path):
    from counterpart.core.project.commands import ReplaceMatches
    from counterpart.core.project.points import MatchSet

    dialog = open_dialog(labelled)
    assert dialog.format.findData("matches") < 0
    dialog.reject()
    a, b = labelled.bench.session.document.image_ids[:2]
    labelled.bench.session.do(ReplaceMatches([MatchSet.make(a, b, [[1, 2]], [[3, 4]], [0.5])]))
    qtbot.wait(10)
    dialog = open_dialog(labelled)
    choose(dialog, "matches", tmp_path / "matches.json")
    export(qtbot, dialog)
    assert (tmp_path / "matches.json").is_file()
    dialog.reject()


def test_a_target_that_cannot_be_written_is_reported_and_nothing_is_left(qtbot, labelled, tmp_path):
    (tmp_path / "file").write_text("in the way")
    dialog = open_dialog(labelled)
    choose(dialog, "coco", tmp_path / "file" / "coco.json")
    export(qtbot, dialog)
    assert "Wrote" not in dialog.notice.text
    assert str(tmp_path / "file") in dialog.notice.text
    assert (tmp_path / "file").read_text() == "in the way"
    assert dialog.go.isEnabled()
    dialog.reject()


def test_a_project_with_nothing_to_export_says_so(qtbot, opened):
    dialog = open_dialog(opened)
    assert not dialog.go.isEnabled()
    assert "nothing to export" in dialog.note.text()
    dialog.reject()


def test_only_formats_that_can_hold_what_there_is_are_offered(qtbot, labelled):
    dialog = open_dialog(labelled)
    names = [dialog.format.itemData(index) for index in range(dialog.format.count())]
    assert names == [name for name, entry in FORMATS.items() if entry.write and "masks" in entry.holds]
    dialog.reject()
