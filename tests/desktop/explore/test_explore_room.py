"""The room of exploring, beside the parts: views over images, and what looks like the place under the pointer."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from counterpart.core.project.commands import AddPart
from counterpart.desktop.canvas.grid_paint import GridPaint
from counterpart.desktop.canvas.pane import Heat
from counterpart.desktop.explore.room import ExploreRoom
from counterpart.desktop.parts.room import PartsRoom
from tests.desktop.benches import show_bench

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def parts(bench):
    return PartsRoom(bench)


@pytest.fixture
def room(qtbot, bench, parts, image_folder):
    """The room over a folder of five images, the first one shown."""
    made = ExploreRoom(bench, parts)
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    yield made
    made.stop()


def middle(bench) -> QPoint:
    return bench.canvas.panes[0].view.image_rect().center().toPoint()


def pin(qtbot, bench, room):
    bench.toolbox.choose("similarity")
    QTest.mouseClick(bench.canvas, LEFT, NONE, middle(bench))
    qtbot.waitUntil(lambda: bench.maps.seen == "similarity" and bool(bench.images.model._heats))


def test_a_view_is_computed_when_asked_for_and_seen_beside_its_panel_alone(qtbot, bench, room, parts):
    bench.layout.show_tab(room.panel)
    assert bench.maps.seen is None
    qtbot.mouseClick(room.panel.button, LEFT)
    qtbot.waitUntil(lambda: bench.maps.seen == "explore", timeout=20_000)
    assert isinstance(bench.canvas.panes[0].heat, GridPaint)
    bench.layout.show_tab(parts.panel)
    assert bench.maps.seen is None
    bench.layout.show_tab(room.panel)
    assert bench.maps.seen == "explore"


def test_the_pointer_shows_what_is_alike_and_leaving_takes_it_away(qtbot, bench, room):
    bench.toolbox.choose("similarity")
    QTest.mouseMove(bench.canvas, middle(bench))
    qtbot.waitUntil(lambda: isinstance(bench.canvas.panes[0].heat, Heat), timeout=20_000)
    assert not bench.images.model._heats, "thumbnails wait until the place is pinned"
    room.tool.leave()
    assert bench.canvas.panes[0].heat is None


def test_a_pinned_place_is_looked_for_in_the_list_and_let_go(qtbot, bench, room):
    pin(qtbot, bench, room)
    assert room.probe.pinned
    assert set(bench.images.model._heats) == set(bench.document.image_ids)
    room.probe.unpin()
    assert not room.probe.pinned
    assert bench.maps.seen is None


def test_what_is_alike_becomes_a_selection_of_the_active_part(qtbot, bench, room, parts):
    bench.session.do(AddPart("wing"))
    parts.commands.choose(bench.document.parts[0].id)
    pin(qtbot, bench, room)
    room.select._options.preview.setChecked(True)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].heat is None)
    room.select._options.preview.setChecked(False)
    assert isinstance(bench.canvas.panes[0].heat, Heat)
    room.select.select()
    image = bench.viewer.image(0)
    assert bench.document.label_map(image).areas()[bench.document.parts[0].id] > 0
    assert not room.probe.pinned


def test_without_a_model_the_tool_says_what_it_needs(bench, room):
    bench.models.choose("dino_vits8")
    bench.toolbox.choose("similarity")
    assert bench.layout.notice.text == "Similarity needs a model. Install one in the Run panel."


def test_closing_the_project_lets_everything_go(qtbot, bench, room):
    pin(qtbot, bench, room)
    bench.session.close()
    assert not room.probe.pinned
    assert bench.maps.seen is None
    assert not room.panel.button.isEnabled()
