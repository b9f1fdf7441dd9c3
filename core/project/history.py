"""Undo and redo over a document, bounded by bytes. Lives in memory and survives saving."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from counterpart.core.project.commands.base import Command
from counterpart.core.project.document import Document
from counterpart.core.project.listeners import Listeners

HISTORY_BYTES = 512 * 1024 * 1024
"""Bytes of done and undone changes that are kept unless told otherwise."""


class History:
    """The commands that were done to a document, newest last.

    A command counts as done or undone exactly if the document changed. Whoever listens to the document hears of the
    change before the history has moved on, and may fail: the failure is raised once the history is right.

    Args:
        document: What they are done to.
        limit: Bytes that the commands may hold together; past it the oldest are forgotten. The newest always stays.
    """

    def __init__(self, document: Document, limit: int = HISTORY_BYTES) -> None:
        self._document = document
        self._limit = limit
        self._done: deque[Command] = deque()
        self._undone: list[Command] = []
        self._cost = 0
        self._listeners = Listeners[[]]()

    @property
    def cost(self) -> int:
        """Bytes that the commands hold."""
        return self._cost

    @property
    def last(self) -> Command | None:
        """The command that `undo` would take back."""
        return self._done[-1] if self._done else None

    @property
    def next(self) -> Command | None:
        """The command that `redo` would do again."""
        return self._undone[-1] if self._undone else None

    @property
    def can_undo(self) -> bool:
        """Whether there is a command to take back, and the document takes changes."""
        return bool(self._done) and not self._document.read_only

    @property
    def can_redo(self) -> bool:
        """Whether there is a command to do again, and the document takes changes."""
        return bool(self._undone) and not self._document.read_only

    @property
    def undo_text(self) -> str:
        """What `undo` would take back, empty for nothing."""
        return self.last.text if self.last is not None else ""

    @property
    def redo_text(self) -> str:
        """What `redo` would do again, empty for nothing."""
        return self.next.text if self.next is not None else ""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called whenever a step came, went, or was undone or redone; the returned one ends that."""
        return self._listeners.add(callback)

    def push(self, command: Command) -> bool:
        """Do a command and remember it; False when it changed nothing. What was undone before is forgotten.

        Raises:
            CounterpartError: It cannot be done, or the document is read-only. Nothing changed.
        """
        with self._once_changed(lambda: self._remember(command)):
            return self._document.apply(command)

    def push_instead(self, command: Command, old: Command | None) -> bool:
        """Do a command in place of an older one if that is the last: a slider is one step, however often it moved.

        Raises:
            CounterpartError: It cannot be done. The older command is undone then.
        """
        if old is not None and self.last is old:
            self.undo()
        return self.push(command)

    def undo(self) -> bool:
        """Take the last command back; False when there is none.

        Raises:
            CounterpartError: The document is read-only.
        """
        if not self._done:
            return False
        with self._once_changed(lambda: self._undone.append(self._done.pop())):
            self._document.revert(self._done[-1])
        return True

    def redo(self) -> bool:
        """Do the last command that was undone again; False when there is none.

        Raises:
            CounterpartError: The document is read-only.
        """
        if not self._undone:
            return False
        with self._once_changed(lambda: self._done.append(self._undone.pop())):
            self._document.apply(self._undone[-1])
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self._cost = 0
        self._tell()

    def _remember(self, command: Command) -> None:
        self._cost += command.cost - sum(undone.cost for undone in self._undone)
        self._undone.clear()
        self._done.append(command)
        while self._cost > self._limit and len(self._done) > 1:
            self._cost -= self._done.popleft().cost

    @contextmanager
    def _once_changed(self, move: Callable[[], None]) -> Iterator[None]:
        """Move on if the block changed the document, also when a listener failed on hearing of it."""
        before = self._document.revision
        try:
            yield
        finally:
            if self._document.revision != before:
                move()
                self._tell()

    def _tell(self) -> None:
        for error in self._listeners.tell():
            raise error
