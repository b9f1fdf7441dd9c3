"""The room of parts, built alone: its list, its tools, and what they do to a project."""

import numpy as np
import pytest

from counterpart.core.project.commands import AddPart, ReplaceMasks
from counterpart.desktop.parts.room import PartsRoom
from tests.desktop.benches import show_bench


@pytest.fixture
def room(qtbot, bench, image_folder):
    """The room on a project of five images, one of them with a part."""
    made = PartsRoom(bench)
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    labels = np.zeros((90, 120), np.uint8)
    labels[20:40, 30:60] = 1
    bench.session.do(ReplaceMasks({bench.images.current: labels}, labels={0: 0, 1: "wing"}))
    made.commands.choose(bench.document.parts[0].id)
    return made


def area(bench):
    part = bench.document.parts[0].id
    return bench.document.part_states(bench.images.current)[part][1]


def test_the_list_follows_the_project_and_is_empty_when_it_is_closed(bench, room):
    assert [part.name for part in bench.document.parts] == ["wing"]
    assert room.panel.model.rowCount() == 1
    bench.session.do(AddPart("beak"))
    assert room.panel.model.rowCount() == 2
    bench.session.close()
    assert room.panel.model.rowCount() == 0


def test_its_actions_change_the_active_part_in_one_step_each(bench, room):
    before = area(bench)
    bench.actions["grow"].trigger()
    assert area(bench) > before
    bench.session.undo()
    assert area(bench) == before
    bench.actions["shrink"].trigger()
    assert 0 < area(bench) < before


def test_its_tools_are_chosen_by_their_actions_and_bring_what_they_let_be_set(bench, room):
    bench.actions["tool_brush"].trigger()
    assert bench.toolbox.active == "brush"
    assert room.options.size_field.isVisibleTo(room.options)
    bench.actions["larger"].trigger()
    assert room.options.size_field.value == pytest.approx(2 * room.tools.brush.radius, abs=1)
    bench.actions["tool_polygon"].trigger()
    assert not room.options.size_field.isVisibleTo(room.options)
    bench.actions["preserve"].trigger()
    assert room.editor.preserve


def test_without_a_project_nothing_can_be_painted(qtbot, bench):
    PartsRoom(bench)
    show_bench(bench)
    assert not bench.actions["tool_brush"].isEnabled()
    assert "Open a folder" in bench.actions["tool_brush"].toolTip()
