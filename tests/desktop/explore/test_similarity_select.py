"""A pinned similarity that becomes a selection."""

import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import AddPart

pytest.importorskip("torch")

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def pinned(qtbot, opened):
    """One image with the bright blob pinned, and a part to give it to."""
    opened.bench.session.do(AddPart("blob"))
    opened.parts.panel.set_active(1)
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_M)
    at = opened.bench.canvas.panes[0].view.to_widget((60, 45))
    spot = QPoint(round(at[0]), round(at[1]))
    qtbot.mouseMove(opened.bench.canvas, spot)
    qtbot.mouseClick(opened.bench.canvas, LEFT, pos=spot)
    options = opened.explore.select._options
    qtbot.waitUntil(options.isVisible, timeout=30_000)
    return opened


def test_a_pinned_place_is_previewed_by_threshold_and_selected_as_one_step(qtbot, pinned):
    options = pinned.explore.select._options
    image = pinned.bench.viewer.image(0)
    options.threshold.box.setValue(50)
    qtbot.waitUntil(lambda: pinned.bench.canvas.panes[0].heat is None)
    few_at_first = int((pinned.bench.canvas.panes[0].labels == 1).sum())
    assert few_at_first > 50
    assert pinned.bench.session.document.label_map(image) is None
    options.threshold.box.setValue(90)
    qtbot.waitUntil(lambda: 0 < int((pinned.bench.canvas.panes[0].labels == 1).sum()) < few_at_first)
    wanted = int((pinned.bench.canvas.panes[0].labels == 1).sum())
    qtbot.mouseClick(options.button, LEFT)
    found = pinned.bench.session.document.label_map(image)
    assert int((found.labels == 1).sum()) == wanted
    assert found.labels[45, 60] == 1
    assert pinned.bench.session.history.undo_text == "Select alike as blob"
    assert not pinned.explore.probe.pinned
    assert not options.isVisible()
    pinned.bench.session.undo()
    assert pinned.bench.session.document.label_map(image) is None


def test_letting_the_place_go_takes_the_preview_back(qtbot, pinned):
    options = pinned.explore.select._options
    options.threshold.box.setValue(55)
    qtbot.waitUntil(lambda: pinned.bench.canvas.panes[0].heat is None)
    qtbot.keyClick(pinned.bench.canvas, Qt.Key.Key_Escape)
    assert not options.isVisible()
    labels = pinned.bench.canvas.panes[0].labels
    assert labels is None or not labels.any()
    assert pinned.bench.session.document.label_map(pinned.bench.viewer.image(0)) is None


def test_without_a_part_the_selection_says_what_is_missing(qtbot, pinned):
    pinned.parts.panel.set_active(0)
    qtbot.mouseClick(pinned.explore.select._options.button, LEFT)
    assert "Choose a part" in pinned.bench.layout.notice.text
    assert pinned.explore.probe.pinned
