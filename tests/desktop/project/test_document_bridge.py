"""Changes as signals, commands as steps of the undo stack."""

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.images.reading import find_images
from counterpart.core.project.commands import AddPart, EditPart, NoteSettings, Paint, ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.desktop.project.document_bridge import DocumentBridge


@pytest.fixture
def bridge(qtbot, image_folder):
    document = Document.untitled()
    document.add_images(find_images([image_folder]))
    made = DocumentBridge(document)
    yield made
    made.close()
    document.close()


def labels(value=1, hw=(90, 120)):
    values = np.zeros(hw, np.uint8)
    values[10:50, 20:60] = value
    return values


def stroke(image, part, at):
    return Paint(image, part, (at, at, at + 8, at + 8), np.ones((8, 8), bool), hw=(90, 120))


def test_a_command_is_one_step_that_can_be_undone_and_redone(bridge):
    assert bridge.push(AddPart("wing"))
    assert [part.name for part in bridge.document.parts] == ["wing"]
    assert (bridge.can_undo, bridge.can_redo, bridge.undo_text) == (True, False, "Add part wing")
    bridge.undo()
    assert bridge.document.parts == ()
    assert (bridge.can_undo, bridge.can_redo, bridge.redo_text) == (False, True, "Add part wing")
    bridge.redo()
    assert [part.name for part in bridge.document.parts] == ["wing"]


def test_a_command_that_changes_nothing_or_is_no_step_leaves_no_trace_in_the_history(bridge):
    bridge.push(AddPart("wing"))
    part = bridge.document.parts[0]
    assert not bridge.push(EditPart(part.id, name="wing"))
    bridge.push(NoteSettings({"image": 3}))
    bridge.undo()
    assert not bridge.can_undo


def test_a_refused_command_leaves_no_step(bridge):
    bridge.push(AddPart("wing"))
    with pytest.raises(UsageError, match="wing already"):
        bridge.push(AddPart("wing"))
    bridge.undo()
    assert not bridge.can_undo


def test_a_new_step_drops_what_was_undone(bridge):
    bridge.push(AddPart("wing"))
    bridge.push(AddPart("beak"))
    bridge.undo()
    bridge.push(AddPart("tail"))
    assert not bridge.can_redo
    assert [part.name for part in bridge.document.parts] == ["wing", "tail"]


def test_changes_arrive_as_signals(bridge, qtbot):
    image = bridge.document.image_ids[0]
    seen = []
    bridge.parts_changed.connect(lambda: seen.append("parts"))
    bridge.mask_changed.connect(lambda image, box: seen.append(("mask", image)))
    bridge.states_changed.connect(lambda images: seen.append(("state", tuple(images))))
    bridge.saved_changed.connect(lambda change: seen.append(("saved", change.saved)))
    bridge.push(ReplaceMasks({image: labels()}, labels={0: 0, 1: "body"}))
    assert "parts" in seen
    assert ("mask", image) in seen
    assert ("state", (image,)) in seen
    assert ("saved", True) in seen


def test_the_history_is_bounded_by_bytes_and_gives_up_the_oldest_steps(qtbot, image_folder):
    document = Document.untitled()
    document.add_images(find_images([image_folder]))
    bridge = DocumentBridge(document, history_bytes=6_000)
    bridge.push(AddPart("wing"))
    part = document.parts[0].id
    image = document.image_ids[0]
    for at in range(0, 60, 2):
        bridge.push(stroke(image, part, at))
    assert bridge.history_cost <= 6_000
    undone = 0
    while bridge.can_undo:
        bridge.undo()
        undone += 1
    assert 0 < undone < 31
    assert document.label_map(image) is not None
    while bridge.can_redo:
        bridge.redo()
        undone -= 1
    assert undone == 0
    bridge.close()
    document.close()


def test_closing_ends_listening(bridge):
    seen = []
    bridge.parts_changed.connect(lambda: seen.append(1))
    bridge._unsubscribe()
    bridge.document.apply(AddPart("late"))
    assert seen == []


def test_undo_goes_across_images_and_survives_saving(qtbot, bridge, tmp_path):
    document = bridge.document
    first, second = document.image_ids[:2]
    bridge.push(AddPart("wing"))
    part = document.parts[0].id
    for image in (first, second):
        bridge.push(Paint(image, part, (0, 0, 3, 3), np.ones((3, 3), np.bool_), (90, 120)))
    document.save_as(tmp_path / "kept.counterpart")
    assert bridge.can_undo
    bridge.undo()
    bridge.undo()
    assert not document.part_states(first)
    assert not document.part_states(second)
    bridge.redo()
    assert document.part_states(first)[part][1] == 9
    bridge.undo()
    bridge.undo()
    assert document.parts == ()
    assert not bridge.can_undo


def test_what_the_history_holds_is_counted_as_steps_come_go_and_are_replaced(bridge):
    document = bridge.document
    bridge.push(AddPart("wing"))
    part, image = document.parts[0].id, document.image_ids[0]
    costs = [bridge.history_cost]
    for row in range(6):
        bridge.push(Paint(image, part, (row, 0, row + 1, 9), np.ones((1, 9), np.bool_), (90, 120)))
        costs.append(bridge.history_cost)
    assert costs == sorted(set(costs))
    for _ in range(3):
        bridge.undo()
    assert bridge.history_cost == costs[-1]
    bridge.push(Paint(image, part, (50, 0, 51, 9), np.ones((1, 9), np.bool_), (90, 120)))
    assert bridge.history_cost == sum(step.cost for step in bridge._steps)
    assert len(bridge._steps) == 5
