"""Exporting from the window writes files and reports what became of it."""

import json

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from counterpart.core.formats import FORMATS, ExportReport
from counterpart.core.project.commands import AcceptPredictions, ReplaceMatches, SetReviewState
from counterpart.core.project.points import MatchSet
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


def look_at(window, count):
    images = window.bench.document.image_ids[:count]
    window.bench.session.do(AcceptPredictions(list(images)))


def written(target):
    return [entry["file_name"] for entry in json.loads(target.read_text())["images"]]


def test_predictions_are_counted_and_left_out_where_something_was_looked_at(qtbot, labelled, tmp_path):
    look_at(labelled, 2)
    dialog = open_dialog(labelled)
    choose(dialog, "coco", tmp_path / "coco.json")
    assert dialog.about_predictions.text() == "3 of 5 images are predictions: nobody has looked at them."
    texts = [dialog.predictions.itemText(index) for index in range(dialog.predictions.count())]
    assert texts == ["Leave out: reviewed and edited images only (2)", "Export them too (5 images)"]
    export(qtbot, dialog)
    assert written(tmp_path / "coco.json") == ["img1.png", "img2.png"]
    dialog.predictions.setCurrentIndex(1)
    export(qtbot, dialog)
    assert len(written(tmp_path / "coco.json")) == 5
    dialog.reject()


def test_all_are_exported_where_nobody_looked_at_any_and_that_is_said(qtbot, labelled, tmp_path):
    dialog = open_dialog(labelled)
    choose(dialog, "coco", tmp_path / "coco.json")
    assert dialog.predictions.isHidden()
    assert dialog.about_predictions.text().startswith(
        "All 5 images are predictions: nobody has looked at them. None was"
    )
    export(qtbot, dialog)
    assert len(written(tmp_path / "coco.json")) == 5
    dialog.reject()


def test_the_question_follows_the_images_that_are_chosen(labelled):
    look_at(labelled, 1)
    labelled.bench.session.do(SetReviewState([labelled.bench.document.image_ids[0]], "reviewed"))
    dialog = open_dialog(labelled)
    assert not dialog.predictions.isHidden()
    dialog.scope.setCurrentIndex(dialog.scope.findData("reviewed"))
    assert dialog.predictions.isHidden()
    assert dialog.about_predictions.isHidden()
    assert dialog.options().states == ("reviewed",)
    dialog.scope.setCurrentIndex(dialog.scope.findData("all"))
    assert dialog.options().states == ("edited", "reviewed")
    dialog.reject()


def test_matches_have_no_states_and_are_never_left_out(qtbot, labelled):
    look_at(labelled, 1)
    a, b = labelled.bench.document.image_ids[:2]
    labelled.bench.session.do(ReplaceMatches([MatchSet.make(a, b, [[1, 2]], [[3, 4]], [0.5])]))
    dialog = open_dialog(labelled)
    dialog.format.setCurrentIndex(dialog.format.findData("matches"))
    assert dialog.predictions.isHidden()
    assert dialog.options().states is None
    dialog.reject()


def test_enter_exports_and_then_closes(qtbot, labelled, tmp_path):
    dialog = open_dialog(labelled)
    choose(dialog, "coco", tmp_path / "coco.json")
    dialog.target.setFocus()
    qtbot.keyClick(dialog.target, Qt.Key.Key_Return)
    qtbot.waitUntil(dialog.notice.isVisible, timeout=10_000)
    assert (tmp_path / "coco.json").is_file()
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)


def test_an_old_report_goes_as_soon_as_something_else_is_asked_for(qtbot, labelled, tmp_path):
    look_at(labelled, 1)
    dialog = open_dialog(labelled)
    target = tmp_path / "out"
    changes = (
        lambda: dialog.format.setCurrentIndex(dialog.format.findData("voc")),
        lambda: dialog.target.setText(f"{target}-more"),
        dialog.copies.toggle,
        lambda: dialog.scope.setCurrentIndex(1 - dialog.scope.currentIndex()),
        lambda: dialog.predictions.setCurrentIndex(1 - dialog.predictions.currentIndex()),
    )
    for number, change in enumerate(changes):
        dialog.scope.setCurrentIndex(dialog.scope.findData("all"))
        choose(dialog, "labelme" if number == 0 else "voc", target)
        export(qtbot, dialog)
        assert dialog.leave.text() == "Close"
        change()
        assert dialog.notice.isHidden()
        assert dialog.report.isHidden()
        assert dialog.copy_report.isHidden()
        assert dialog.leave.text() == "Cancel"
        assert dialog.go.isDefault()
    dialog.reject()


def test_the_report_groups_by_reason_and_is_copied_whole(qtbot, labelled, tmp_path):
    dialog = open_dialog(labelled)
    report = ExportReport("coco", tmp_path / "coco.json", 3, 9)
    report.skipped = [(f"img{number}.png", "the labels are damaged") for number in range(30)] + [("x.png", "no file")]
    report.notes = ["Pixel centres are at integers."]
    dialog._written(report)
    shown = dialog.report.toPlainText()
    assert "30" in shown
    assert shown.count("the labels are damaged") == 1
    assert "img0.png, img1.png, img2.png …" in shown
    qtbot.mouseClick(dialog.copy_report, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("Wrote 9 annotations of 3 images to ")
    assert "30 the labels are damaged: img0.png, img1.png" in copied
    assert "img29.png" in copied
    assert "1 no file: x.png" in copied
    assert copied.endswith("Good to know\nPixel centres are at integers.")
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
