"""Random commands of every kind: undoing all gives the start, redoing all the end, bit by bit, reopened in between.

A listener of the document fails every few changes all the while.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from counterpart.core.project import commands
from counterpart.core.project.changes import Change
from counterpart.core.project.commands import Command
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from tests.core.project_tools import everything, filled, play

NO_STEPS = {commands.NoteFacts, commands.NoteSettings}
"""What is merely learnt is not undone."""


class FaultyListenerError(Exception):
    """What the faulty listener raises."""


class Watched(History):
    """A history that remembers which kinds of commands were done, and goes on when the faulty listener fails."""

    def __init__(self, document: Document, kinds: set[type[Command]]) -> None:
        super().__init__(document, limit=2**40)
        self._kinds = kinds
        self._told = 0
        document.subscribe(self._fail_now_and_then)

    def push(self, command: Command) -> bool:
        done = self._despite_failures(lambda: super(Watched, self).push(command))
        if done:
            self._kinds.add(type(command))
            self._kinds.update(type(part) for part in getattr(command, "commands", ()))
        return done

    def undo(self) -> bool:
        return self._despite_failures(super().undo)

    def redo(self) -> bool:
        return self._despite_failures(super().redo)

    def _despite_failures(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except FaultyListenerError:
            return True

    def _fail_now_and_then(self, _: Change) -> None:
        self._told += 1
        if self._told % 7 == 0:
            raise FaultyListenerError


def all_kinds() -> set[type[Command]]:
    """Every command of the project that is a step of the history."""
    found = {getattr(commands, name) for name in commands.__all__}
    kinds = {kind for kind in found if isinstance(kind, type) and issubclass(kind, Command)}
    return kinds - NO_STEPS - {Command}


def back_and_forth(document: Document, history: History, start: dict) -> int:
    """Undo everything and do it again; the number of steps.

    Raises:
        AssertionError: The start or the end is not what it was.
    """
    end, steps = everything(document), 0
    while history.undo():
        steps += 1
    assert everything(document) == start, "undoing all does not give the start"
    while history.redo():
        pass
    assert everything(document) == end, "redoing all does not give the end"
    return steps


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Half of the commands, saved under another name on the way; reopened; the other half; reopened again."""
    kinds: set[type[Command]] = set()
    document = filled(Document.new(folder / "a.counterpart"), folder)
    start = everything(document)
    history: History = Watched(document, kinds)
    play(document, seed, count // 4, folder, history=history)
    document.save_as(folder / "b.counterpart")
    play(document, seed + 1, count // 4, folder, history=history)
    steps = back_and_forth(document, history, start)
    held, middle = history.cost, everything(document)
    document.close()
    document = Document.open(folder / "b.counterpart")
    assert everything(document) == middle, "reopening changes something"
    history = Watched(document, kinds)
    play(document, seed + 2, count - count // 4 * 2, folder, history=history)
    steps += back_and_forth(document, history, middle)
    held, end = max(held, history.cost), everything(document)
    document.close()
    with Document.open(folder / "b.counterpart") as document:
        assert everything(document) == end
        assert document._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert document._store._connection.execute("PRAGMA foreign_key_check").fetchone() is None
        images = len(document)
    return {
        "commands": count,
        "steps_undone_and_redone": steps,
        "kinds": len(kinds),
        "kinds_left_out": sorted(kind.__name__ for kind in all_kinds() - kinds),
        "images": images,
        "history_mb": round(held / 1e6, 1),
    }
