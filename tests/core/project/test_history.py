"""The one history: steps, its bound in bytes, who is told, and that it agrees with the document whatever fails."""

import numpy as np
import pytest

from counterpart.core.errors import OutputError, UsageError
from counterpart.core.project.commands import AddPart, EditPart, NoteSettings, Paint
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from tests.core.project_tools import everything, filled


@pytest.fixture
def document():
    with Document.untitled() as made:
        yield made


@pytest.fixture
def history(document):
    return History(document)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class FaultyError(Exception):
    pass


def failing(*_):
    raise FaultyError


def names(document):
    return [part.name for part in document.parts]


def stroke(rng):
    return Paint(1, int(rng.integers(1, 4)), (0, 0, 256, 256), rng.random((256, 256)) > 0.5)


def state(history):
    return history.can_undo, history.can_redo, history.undo_text, history.redo_text


def test_a_command_is_one_step_that_can_be_undone_and_redone(document, history):
    command = AddPart("wing")
    assert state(history) == (False, False, "", "")
    assert history.push(command)
    assert state(history) == (True, False, "Add part wing", "")
    assert history.last is command
    assert history.undo()
    assert names(document) == []
    assert state(history) == (False, True, "", "Add part wing")
    assert history.last is None
    assert history.redo()
    assert names(document) == ["wing"]
    assert history.last is command
    assert not history.redo()


def test_what_changes_nothing_is_refused_or_is_no_step_leaves_no_trace(document, history):
    history.push(AddPart("wing"))
    history.push(AddPart("beak"))
    history.undo()
    part, cost = document.parts[0].id, history.cost
    assert not history.push(EditPart(part, name="wing"))
    with pytest.raises(UsageError, match="wing already"):
        history.push(AddPart("wing"))
    assert history.push(NoteSettings({"image": 3}))
    assert history.cost == cost
    assert state(history) == (True, True, "Add part wing", "Add part beak")


def test_a_new_step_drops_what_was_undone_and_what_it_held(document, history):
    history.push(AddPart("wing"))
    held = history.cost
    history.push(AddPart("beak"))
    history.undo()
    assert history.cost == 2 * held, "what can be redone is still held"
    history.push(AddPart("tail"))
    assert not history.can_redo
    assert history.cost == 2 * held
    assert names(document) == ["wing", "tail"]


def test_a_step_instead_of_the_last_one_takes_its_place(document, history):
    first, second, third = AddPart("a"), AddPart("b"), AddPart("c")
    history.push_instead(first, None)
    history.push_instead(second, first)
    assert (names(document), history.last) == (["b"], second)
    history.push_instead(third, first)
    assert names(document) == ["b", "c"], "only the last step is replaced"
    history.undo(), history.undo()
    assert not history.can_undo


def test_a_step_instead_of_the_last_one_that_is_refused_leaves_the_last_one_undone(document, history):
    history.push(AddPart("a"))
    old = AddPart("b")
    history.push(old)
    with pytest.raises(UsageError, match="a already"):
        history.push_instead(AddPart("a"), old)
    assert names(document) == ["a"]
    assert state(history) == (True, True, "Add part a", "Add part b")


def test_the_oldest_steps_are_forgotten_when_the_history_holds_too_much(document):
    one = History(document)
    one.push(AddPart("p00"))
    history = History(document, limit=int(one.cost * 3.5))
    for at in range(1, 20):
        history.push(AddPart(f"p{at:02}"))
    assert history.cost == 3 * one.cost
    assert sum(iter(history.undo, False)) == 3
    assert names(document) == [f"p{at:02}" for at in range(17)]
    assert sum(iter(history.redo, False)) == 3
    assert names(document) == [f"p{at:02}" for at in range(20)]


def test_the_newest_step_stays_however_much_it_holds(document, tmp_path, rng):
    filled(document, tmp_path)
    history = History(document, limit=3000)
    for _ in range(3):
        history.push(stroke(rng))
    assert history.cost > 3000
    assert history.undo()
    assert not history.undo()
    assert history.redo()


def test_listeners_of_the_history_find_it_moved_on(document, history):
    seen = []
    ends = history.subscribe(lambda: seen.append((history.undo_text, history.redo_text)))
    history.push(AddPart("wing"))
    history.push(NoteSettings({"image": 3}))
    assert not history.push(EditPart(document.parts[0].id, name="wing"))
    history.undo()
    history.redo()
    history.clear()
    assert seen == [("Add part wing", ""), ("", "Add part wing"), ("Add part wing", ""), ("", "")]
    ends()
    history.push(AddPart("beak"))
    assert len(seen) == 4


@pytest.mark.parametrize("whose", ["document", "history"])
def test_a_step_counts_if_the_document_changed_though_a_listener_failed(document, history, whose):
    told = []
    ends = {"document": document, "history": history}[whose].subscribe(failing)
    history.subscribe(lambda: told.append(history.undo_text))
    with pytest.raises(FaultyError):
        history.push(AddPart("wing"))
    assert (names(document), state(history)) == (["wing"], (True, False, "Add part wing", ""))
    with pytest.raises(FaultyError):
        history.undo()
    assert (names(document), state(history)) == ([], (False, True, "", "Add part wing"))
    with pytest.raises(FaultyError):
        history.redo()
    assert (names(document), state(history)) == (["wing"], (True, False, "Add part wing", ""))
    assert told == ["Add part wing", "", "Add part wing"]
    ends()
    assert history.undo()
    assert names(document) == []


def test_a_listener_that_fails_keeps_nobody_from_hearing_that_the_change_is_saved(tmp_path):
    with Document.new(tmp_path / "a.counterpart") as document:
        told = []
        document.subscribe(failing)
        document.subscribe(told.append)
        with pytest.raises(FaultyError):
            document.apply(AddPart("wing"))
        assert told[-1] == document.saved
        assert len(told) > 1


def test_a_push_from_within_a_change_is_refused_and_leaves_the_outer_step_alone(document, history):
    ends = document.subscribe(lambda _: history.push(AddPart("late")))
    with pytest.raises(RuntimeError, match="came while a change was being told"):
        history.push(AddPart("wing"))
    ends()
    assert (names(document), state(history)) == (["wing"], (True, False, "Add part wing", ""))


def test_a_document_that_became_read_only_refuses_every_step_and_the_history_stays(document, history):
    history.push(AddPart("wing"))
    history.push(AddPart("beak"))
    history.undo()
    document._store.why_read_only = "it is damaged"
    for step in (history.undo, history.redo, lambda: history.push(AddPart("tail"))):
        with pytest.raises(OutputError, match="it is damaged"):
            step()
    assert (history.can_undo, history.can_redo) == (False, False)
    document._store.why_read_only = ""
    assert state(history) == (True, True, "Add part wing", "Add part beak")
    assert history.redo()
    assert names(document) == ["wing", "beak"]


def test_a_step_out_of_turn_is_refused_and_moves_nothing(document, history):
    history.push(AddPart("wing"))
    document.apply(AddPart("beside the history"))
    with pytest.raises(RuntimeError, match="in the order"):
        history.undo()
    assert history.undo_text == "Add part wing"


def test_the_history_outlives_saving_under_another_name(document, history, tmp_path):
    history.push(AddPart("wing"))
    document.save_as(tmp_path / "kept.counterpart")
    assert history.undo()
    assert history.redo()
    document.close()
    with Document.open(tmp_path / "kept.counterpart") as again:
        assert names(again) == ["wing"]


def test_painting_is_taken_back_bit_by_bit(document, history, tmp_path, rng):
    filled(document, tmp_path)
    start = everything(document)
    for _ in range(4):
        history.push(stroke(rng))
    while history.undo():
        pass
    assert everything(document) == start
