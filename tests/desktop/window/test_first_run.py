"""As a new user would: from nothing to a result, and from a folder to a COCO file, by mouse, counted in clicks."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLineEdit, QToolBar

from counterpart.desktop.project.export_dialog import ExportDialog


class Mouse:
    """Clicks like a hand, and counts."""

    def __init__(self, qtbot):
        self.qtbot, self.clicks = qtbot, 0

    def click(self, widget):
        assert widget.isVisible()
        assert widget.isEnabled()
        self.clicks += 1
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


@pytest.fixture
def mouse(qtbot):
    return Mouse(qtbot)


def tool_button(window, name):
    bars = window.findChildren(QToolBar)
    return next(found for bar in bars if (found := bar.widgetForAction(window.bench.actions[name])) is not None)


def shown(window, kind):
    return next(each for each in window.findChildren(kind) if each.isVisible())


def test_the_sample_photographs_lead_to_a_result_in_two_clicks(qtbot, window, mouse):
    mouse.click(window.start.samples)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None, timeout=10_000)
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=20_000):
        mouse.click(window.finding.panel.button)
    assert len(window.bench.session.document.labelled_images()) == len(window.bench.session.document)
    assert mouse.clicks == 2


def test_a_folder_becomes_a_coco_file_in_six_clicks(qtbot, window, mouse, image_folder):
    mouse.click(window.start.folder)
    dialog = shown(window, QFileDialog)
    dialog.setDirectory(str(image_folder.parent))
    dialog.findChild(QLineEdit).setText(image_folder.name)  # what clicking the folder in the list does
    mouse.clicks += 1
    accept = next(
        button
        for box in dialog.findChildren(QDialogButtonBox)
        for button in box.buttons()
        if box.buttonRole(button) == QDialogButtonBox.ButtonRole.AcceptRole
    )
    mouse.click(accept)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None, timeout=10_000)

    with qtbot.waitSignal(window.bench.jobs.ended, timeout=20_000):
        mouse.click(window.finding.panel.button)

    mouse.click(tool_button(window, "export"))
    export = shown(window, ExportDialog)
    mouse.click(export.go)
    qtbot.waitUntil(export.notice.isVisible, timeout=10_000)
    assert "Wrote 10 annotations of 5 images" in export.notice.text
    written = json.loads(Path(export.target.text()).read_text(encoding="utf-8"))
    assert {entry["name"] for entry in written["categories"]} == {"part 1", "part 2"}
    assert len(written["images"]) == 5
    export.reject()
    assert mouse.clicks == 6


def test_the_format_that_was_used_last_is_offered_first(qtbot, window, mouse, image_folder, tmp_path):
    window.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None, timeout=10_000)
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=20_000):
        mouse.click(window.finding.panel.button)
    mouse.click(tool_button(window, "export"))
    export = shown(window, ExportDialog)
    assert export.format.currentData() == "coco"
    export.format.setCurrentIndex(export.format.findData("npz"))
    export.target.setText(str(tmp_path / "masks.npz"))
    mouse.click(export.go)
    qtbot.waitUntil(export.notice.isVisible, timeout=10_000)
    export.reject()
    mouse.click(tool_button(window, "export"))
    qtbot.waitUntil(lambda: any(each.isVisible() for each in window.findChildren(ExportDialog)))
    again = shown(window, ExportDialog)
    assert again.format.currentData() == "npz"
    again.reject()
