"""The window as a person meets it, with the real model, on the photographs that come with the program."""

import json

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt

from counterpart.core.resources import resource_path

MINUTES = 60_000


@pytest.fixture
def window(qtbot, tmp_path, monkeypatch, focus_model):
    from counterpart.desktop.shell.settings import Settings
    from counterpart.desktop.widgets.theme import apply_theme
    from counterpart.desktop.window.main_window import MainWindow

    apply_theme(qtbot_app(), "dark")
    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    made = MainWindow(Settings(tmp_path / "window.ini"))
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def qtbot_app():
    from PySide6.QtWidgets import QApplication

    return QApplication.instance()


def test_three_clicks_lead_from_nothing_to_parts_and_one_more_to_matches(qtbot, window, tmp_path):
    click = Qt.MouseButton.LeftButton
    qtbot.mouseClick(window.start.samples, click)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None, timeout=10_000)
    names = [record.name for record in window.bench.session.document.images()]
    assert names == sorted(path.name for path in resource_path("samples").glob("*.jpg"))
    # A small input keeps the test short; the result need not be pretty, but it must be there.
    form = window.finding.panel._form(True)
    form.control("object.size").set_value(224)
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=5 * MINUTES):
        qtbot.mouseClick(window.finding.panel.button, click)
    document = window.bench.session.document
    assert 2 <= len(document.parts) <= 4
    assert len(document.labelled_images()) == len(names)
    for image in document.image_ids:
        found = document.label_map(image)
        assert found.hw == document.image(image).hw
        share = (found.labels > 0).mean()
        assert 0.02 < share < 0.9, document.image(image).name
    qtbot.waitUntil(lambda: window.bench.status.device.text().startswith(("CPU", "CUDA", "MPS")), timeout=10_000)

    window.bench.actions["view_pair"].trigger()
    qtbot.waitUntil(lambda: window.matches.editor.matches is not None, timeout=2 * MINUTES)
    assert 1 <= len(window.matches.editor.matches) <= 10
    assert window.matches.editor.matches.score.max() > 0.3

    window.bench.toolbox.choose("similarity")
    labels = window.bench.canvas.panes[0].labels
    rows, cols = np.nonzero(labels)
    at = window.bench.canvas.panes[0].view.to_widget((cols[len(cols) // 2], rows[len(rows) // 2]))
    qtbot.mouseMove(window.bench.canvas, QPoint(round(at[0]), round(at[1])))
    qtbot.waitUntil(lambda: window.bench.canvas.panes[1].heat is not None, timeout=MINUTES)
    heat = window.bench.canvas.panes[1].heat
    assert heat.values.shape == heat.geometry.grid_hw

    from counterpart.desktop.project.export_dialog import ExportDialog

    for name, target in (("coco", "coco.json"), ("indexed-png", "masks"), ("matches", "matches.json")):
        window.bench.actions["export"].trigger()
        dialog = next(each for each in window.findChildren(ExportDialog) if each.isVisible())
        dialog.format.setCurrentIndex(dialog.format.findData(name))
        dialog.target.setText(str(tmp_path / target))
        qtbot.mouseClick(dialog.go, click)
        qtbot.waitUntil(dialog.notice.isVisible, timeout=MINUTES)
        assert "Wrote" in dialog.notice.text
        dialog.reject()
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert len(coco["images"]) == len(names)
    with Image.open(tmp_path / "masks" / "cow.png") as mask:
        cow = document.find_image("cow.jpg")
        assert np.array_equal(np.asarray(mask), document.label_map(cow.id).labels)
    assert json.loads((tmp_path / "matches.json").read_text())


def test_another_number_of_parts_is_found_from_cached_features_and_keeps_names(qtbot, window):
    window.bench.session.open_samples()
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None, timeout=10_000)
    window.finding.panel._form(True).control("object.size").set_value(224)
    control = window.finding.panel._form(False).control("params.k")
    control.box.setValue(3)
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=5 * MINUTES):
        window.finding.runs.run()
    from counterpart.core.project.commands import EditPart

    document = window.bench.session.document
    first = document.parts[0]
    window.bench.session.do(EditPart(first.id, name="torso"))
    control.box.setValue(2)
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=5 * MINUTES):
        window.finding.runs.run()
    assert 1 <= len([part for part in document.parts if document.images_with_part(part.id)]) <= 3
    assert any(part.id == first.id and part.name == "torso" for part in document.parts)
    window.bench.session.undo()
    assert len(document.parts) == 3
