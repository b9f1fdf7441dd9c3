"""Parts over the whole set: each thing a person does in the legend is one step, on all images."""

import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.desktop.parts.parts_model import NAME


@pytest.fixture
def labelled(qtbot, opened):
    with qtbot.waitSignal(opened.bench.jobs.ended, timeout=10_000):
        opened.finding.runs.run()
    opened.parts.commands._add()
    return opened


def names(window):
    return [part.name for part in window.bench.session.document.parts]


def middle(window, row):
    table = window.parts.panel.table
    return table.visualRect(window.parts.panel.model.index(row, NAME)).center()


def choose(menu, text):
    action = next(each for each in menu.actions() if each.text() == text)
    assert action.isEnabled(), text
    action.trigger()


def steps(window):
    return len(window.bench.session.history._done)


def test_a_part_is_dragged_to_another_place_in_one_step(qtbot, labelled):
    assert names(labelled) == ["part 1", "part 2", "part 3"]
    before = steps(labelled)
    viewport = labelled.parts.panel.table.viewport()
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=middle(labelled, 2))
    for row in (1, 0):
        qtbot.mouseMove(viewport, middle(labelled, row) - QPoint(0, 8))
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=middle(labelled, 0) - QPoint(0, 8))
    assert names(labelled) == ["part 3", "part 1", "part 2"]
    assert steps(labelled) == before + 1
    labelled.bench.session.undo()
    assert names(labelled) == ["part 1", "part 2", "part 3"]


def test_a_drag_that_is_broken_off_or_ends_where_it_began_changes_nothing(qtbot, labelled):
    before = steps(labelled)
    viewport = labelled.parts.panel.table.viewport()
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=middle(labelled, 0))
    qtbot.mouseMove(viewport, middle(labelled, 2))
    qtbot.keyClick(labelled.parts.panel.table, Qt.Key.Key_Escape)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=middle(labelled, 2))
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=middle(labelled, 1))
    qtbot.mouseMove(viewport, middle(labelled, 2))
    qtbot.mouseMove(viewport, middle(labelled, 1))
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=middle(labelled, 1))
    assert steps(labelled) == before


def test_keys_move_and_delete_the_chosen_part(qtbot, labelled):
    table = labelled.parts.panel.table
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=middle(labelled, 0))
    qtbot.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert names(labelled) == ["part 2", "part 1", "part 3"]
    qtbot.keyClick(table, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(table, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert names(labelled) == ["part 1", "part 2", "part 3"]
    document = labelled.bench.session.document
    first = document.parts[0].id
    assert document.images_with_part(first)
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert names(labelled) == ["part 2", "part 3"]
    assert document.images_with_part(first) == []
    labelled.bench.session.undo()
    assert len(document.images_with_part(first)) == 5


def test_the_menu_shows_only_locks_others_and_puts_all_back(qtbot, labelled):
    document = labelled.bench.session.document
    qtbot.mouseClick(labelled.parts.panel.table.viewport(), Qt.MouseButton.LeftButton, pos=middle(labelled, 1))
    before = steps(labelled)
    choose(labelled.parts.panel.menu(), "Show only this")
    assert [part.visible for part in document.parts] == [False, True, False]
    choose(labelled.parts.panel.menu(), "Show all")
    choose(labelled.parts.panel.menu(), "Lock the others")
    assert [part.locked for part in document.parts] == [True, False, True]
    choose(labelled.parts.panel.menu(), "Unlock all")
    assert not any(part.locked for part in document.parts)
    assert steps(labelled) == before + 4
    choose(labelled.parts.panel.menu(), "List the images that have it")
    assert labelled.images.panel._filtered.text() == "with part 2"


def predicted(window):
    document = window.bench.session.document
    states = [document.part_states(image) for image in document.image_ids]
    return [sum(state == "predicted" for state, _ in each.values()) for each in states]


def test_predictions_are_accepted_on_this_image_or_on_all_that_are_listed(qtbot, labelled):
    assert predicted(labelled) == [2, 2, 2, 2, 2]
    qtbot.keyClick(labelled.bench.canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert predicted(labelled) == [0, 2, 2, 2, 2]
    assert labelled.bench.status.place.text() == "Accepted predictions on 1 image"
    labelled.images.panel.search.setText("img1")  # img1, img10
    qtbot.waitUntil(lambda: labelled.images.panel.model.rowCount() == 2)
    before = steps(labelled)
    labelled.bench.actions["accept_listed"].trigger()
    assert predicted(labelled) == [0, 2, 2, 0, 2]
    assert steps(labelled) == before + 1
    labelled.images.panel.search.clear()
    qtbot.waitUntil(lambda: labelled.images.panel.model.rowCount() == 5)
    labelled.parts.panel.set_active(labelled.bench.session.document.parts[0].id)
    choose(labelled.parts.panel.menu(), "Accept predictions on all listed images")
    assert predicted(labelled) == [0, 1, 1, 0, 1]
    labelled.bench.session.undo()
    labelled.bench.session.undo()
    assert predicted(labelled) == [0, 2, 2, 2, 2]


def test_a_run_replaces_predictions_and_leaves_what_was_accepted(qtbot, labelled, jobs):
    document = labelled.bench.session.document
    first, second = document.image_ids[:2]
    labelled.bench.actions["accept_predictions"].trigger()
    kept, replaced = document.label_map(first).labels.copy(), document.label_map(second).labels.copy()
    labelled.finding.panel._form(False).control("parts").set_value(1)
    with qtbot.waitSignal(labelled.bench.jobs.ended, timeout=10_000):
        labelled.finding.runs.run()
    assert (document.label_map(first).labels == kept).all()
    assert (document.label_map(second).labels != replaced).any()
