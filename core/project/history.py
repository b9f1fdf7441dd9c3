"""Undo and redo over a document, bounded by bytes. Lives in memory and survives saving."""

from __future__ import annotations

from collections import deque

from counterpart.core.project.commands.base import Command
from counterpart.core.project.document import Document

__all__ = ["History"]

DEFAULT_LIMIT = 512 * 1024 * 1024


class History:
    """The commands that were done to a document, newest last.

    Args:
        document: What they are done to.
        limit: Bytes that the commands may hold together; past it the oldest are forgotten. The newest always stays.
    """

    def __init__(self, document: Document, limit: int = DEFAULT_LIMIT) -> None:
        self._document = document
        self._limit = limit
        self._done: deque[Command] = deque()
        self._undone: list[Command] = []
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes that the commands hold."""
        return self._nbytes

    @property
    def undo_text(self) -> str:
        """What `undo` would take back, empty for nothing."""
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        """What `redo` would do again, empty for nothing."""
        return self._undone[-1].text if self._undone else ""

    def push(self, command: Command) -> bool:
        """Do a command and remember it; False when it changed nothing. What was undone before is forgotten.

        Raises:
            CounterpartError: It cannot be done. Nothing changed.
        """
        if not self._document.apply(command):
            return False
        if command.record is not None:
            self._nbytes += command.cost - sum(undone.cost for undone in self._undone)
            self._undone.clear()
            self._done.append(command)
            while self._nbytes > self._limit and len(self._done) > 1:
                self._nbytes -= self._done.popleft().cost
        return True

    def undo(self) -> bool:
        """Take the last command back; False when there is none.

        Raises:
            CounterpartError: The document is read-only.
        """
        if not self._done:
            return False
        self._document.revert(self._done[-1])
        self._undone.append(self._done.pop())
        return True

    def redo(self) -> bool:
        """Do the last command that was undone again; False when there is none.

        Raises:
            CounterpartError: The document is read-only.
        """
        if not self._undone:
            return False
        self._document.apply(self._undone[-1])
        self._done.append(self._undone.pop())
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self._nbytes = 0
