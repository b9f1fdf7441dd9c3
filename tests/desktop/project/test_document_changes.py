"""Changes of the document that is open as signals, and its history through the session."""

import numpy as np
import pytest

from counterpart.core.project.commands import AddPart, EditPart, NoteSettings, Paint, ReplaceMasks
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.settings import Settings


@pytest.fixture
def session(qtbot, image_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    made = Session(Settings(tmp_path / "settings.ini"))
    made.open_folder(image_folder)
    qtbot.waitUntil(lambda: made.document is not None)
    yield made
    made.shutdown()


def labels(value=1, hw=(90, 120)):
    values = np.zeros(hw, np.uint8)
    values[10:50, 20:60] = value
    return values


def stroke(image, part, at):
    return Paint(image, part, (at, at, at + 8, at + 8), np.ones((8, 8), bool), hw=(90, 120))


def test_a_command_is_one_step_that_can_be_undone_and_redone(session):
    assert session.do(AddPart("wing"))
    assert [part.name for part in session.document.parts] == ["wing"]
    assert (session.history.can_undo, session.history.can_redo, session.history.undo_text) == (
        True,
        False,
        "Add part wing",
    )
    session.undo()
    assert session.document.parts == ()
    assert (session.history.can_undo, session.history.can_redo, session.history.redo_text) == (
        False,
        True,
        "Add part wing",
    )
    session.redo()
    assert [part.name for part in session.document.parts] == ["wing"]


def test_a_command_that_changes_nothing_or_is_no_step_leaves_no_trace_in_the_history(session):
    session.do(AddPart("wing"))
    part = session.document.parts[0]
    assert not session.do(EditPart(part.id, name="wing"))
    session.do(NoteSettings({"image": 3}))
    session.undo()
    assert not session.history.can_undo


def test_a_refused_command_leaves_no_step(session):
    session.do(AddPart("wing"))
    told = []
    session.trouble.connect(lambda kind, text: told.append(kind))
    assert not session.do(AddPart("wing"))
    assert told == ["warning"]
    session.undo()
    assert not session.history.can_undo


def test_a_new_step_drops_what_was_undone(session):
    session.do(AddPart("wing"))
    session.do(AddPart("beak"))
    session.undo()
    session.do(AddPart("tail"))
    assert not session.history.can_redo
    assert [part.name for part in session.document.parts] == ["wing", "tail"]


def test_changes_arrive_as_signals(session, qtbot):
    image = session.document.image_ids[0]
    seen = []
    session.changes.parts.connect(lambda: seen.append("parts"))
    session.changes.mask.connect(lambda image, box: seen.append(("mask", image)))
    session.changes.states.connect(lambda images: seen.append(("state", tuple(images))))
    session.changes.saved.connect(lambda change: seen.append(("saved", change.saved)))
    session.do(ReplaceMasks({image: labels()}, labels={0: 0, 1: "body"}))
    assert "parts" in seen
    assert ("mask", image) in seen
    assert ("state", (image,)) in seen
    assert ("saved", True) in seen


def test_closing_ends_listening(session):
    seen = []
    session.changes.parts.connect(lambda: seen.append(1))
    document = session.document
    session.changes.follow(None)
    document.apply(AddPart("late"))
    assert seen == []


def test_undo_goes_across_images_and_survives_saving(qtbot, session, tmp_path):
    document = session.document
    first, second = document.image_ids[:2]
    session.do(AddPart("wing"))
    part = document.parts[0].id
    for image in (first, second):
        session.do(Paint(image, part, (0, 0, 3, 3), np.ones((3, 3), np.bool_), (90, 120)))
    document.save_as(tmp_path / "kept.counterpart")
    assert session.history.can_undo
    session.undo()
    session.undo()
    assert not document.part_states(first)
    assert not document.part_states(second)
    session.redo()
    assert document.part_states(first)[part][1] == 9
    session.undo()
    session.undo()
    assert document.parts == ()
    assert not session.history.can_undo


def test_what_can_be_undone_is_told(session):
    told = []
    session.changes.history.connect(lambda: told.append((session.history.can_undo, session.history.can_redo)))
    session.do(AddPart("wing"))
    session.undo()
    session.redo()
    assert told == [(True, False), (False, True), (True, False)]


def test_one_object_follows_the_documents_that_are_opened_after_each_other(session, qtbot, tmp_path):
    seen = []
    session.changes.parts.connect(lambda: seen.append(len(session.document.parts)))
    session.do(AddPart("wing"))
    assert session.save_as(tmp_path / "kept.counterpart")
    old = session.document
    session.close()
    assert session.document is None
    assert session.history is None
    assert session.open_project(tmp_path / "kept.counterpart")
    session.do(AddPart("beak"))
    assert old is not session.document
    assert seen == [1, 2]
