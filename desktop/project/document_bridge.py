"""Between a document and the window: changes become Qt signals, commands become steps of Qt's undo stack.

The document itself knows no Qt and has one kind of listener. Nothing else in the window subscribes to it, and
nothing else applies commands.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from counterpart.core.project.changes import (
    Change,
    ImagesChanged,
    KeypointsChanged,
    LabelsChanged,
    MaskChanged,
    MatchesChanged,
    SavedChanged,
    SettingsChanged,
    SkeletonsChanged,
    StateChanged,
)
from counterpart.core.project.commands import Command
from counterpart.core.project.document import Document

__all__ = ["HISTORY_BYTES", "DocumentBridge"]

HISTORY_BYTES = 512 * 1024 * 1024
"""Bytes of undone and undoable changes kept; the oldest steps are given up beyond it."""


class _Step(QUndoCommand):
    """A command on Qt's stack. It was applied before it was pushed, so the first redo does nothing."""

    def __init__(self, document: Document, command: Command) -> None:
        super().__init__(command.text)
        self._document = document
        self._fresh = True
        self.command: Command | None = command

    @property
    def cost(self) -> int:
        """Bytes held."""
        return self.command.cost if self.command is not None else 0

    def redo(self) -> None:
        if self._fresh:
            self._fresh = False
        elif self.command is not None:
            self._document.apply(self.command)

    def undo(self) -> None:
        if self.command is not None:
            self._document.revert(self.command)


class DocumentBridge(QObject):
    """Owns the undo stack of one document and repeats its changes as signals.

    Args:
        document: The open project.
        parent: Owner.
        history_bytes: See `HISTORY_BYTES`.
    """

    images_changed = Signal(object)
    parts_changed = Signal()
    mask_changed = Signal(int, object)
    states_changed = Signal(object)
    skeletons_changed = Signal()
    keypoints_changed = Signal(object)
    matches_changed = Signal(object)
    settings_changed = Signal(object)
    saved_changed = Signal(object)
    history_changed = Signal()

    def __init__(self, document: Document, parent: QObject | None = None, history_bytes: int = HISTORY_BYTES) -> None:
        super().__init__(parent)
        self.document = document
        self._history_bytes = history_bytes
        self._stack = QUndoStack(self)
        self._steps: list[_Step] = []
        self._floor = 0
        self._cost = 0
        self._stack.indexChanged.connect(self.history_changed)
        self._unsubscribe = document.subscribe(self._on_change)

    def close(self) -> None:
        """Stop listening. The document is the caller's to close."""
        self._unsubscribe()
        self._stack.indexChanged.disconnect(self.history_changed)
        self._stack.clear()
        self._steps.clear()
        self._cost = 0

    # Commands -----------------------------------------------------------------------------------------------

    def push(self, command: Command) -> bool:
        """Do a command and remember it.

        Returns:
            Whether it changed anything.

        Raises:
            CounterpartError: It cannot be done; nothing changed.
        """
        if not self.document.apply(command):
            return False
        if command.undoable:
            step = _Step(self.document, command)
            undone = self._steps[self._stack.index() :]
            self._cost += step.cost - sum(each.cost for each in undone)
            del self._steps[self._stack.index() :]
            self._steps.append(step)
            self._stack.push(step)
            self._shed()
        return True

    @property
    def last(self) -> Command | None:
        """The command that undo would take back."""
        return self._steps[self._stack.index() - 1].command if self.can_undo else None

    def push_instead(self, command: Command, old: Command | None) -> bool:
        """Do a command in place of an older one if that is the last step: a slider is one step, however often it moved.

        Raises:
            CounterpartError: It cannot be done. The older command is undone then.
        """
        if old is not None and self.last is old:
            self._stack.undo()
        return self.push(command)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._stack.index() > self._floor

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self._stack.canRedo()

    @property
    def undo_text(self) -> str:
        """What would be taken back."""
        return self._stack.undoText() if self.can_undo else ""

    @property
    def redo_text(self) -> str:
        """What would be done again."""
        return self._stack.redoText()

    def undo(self) -> None:
        """Take back the last step."""
        if self.can_undo and not self.document.read_only:  # a refusal inside of Qt's stack would leave it a step off
            self._stack.undo()

    def redo(self) -> None:
        """Do again what was taken back last."""
        if not self.document.read_only:
            self._stack.redo()

    @property
    def history_cost(self) -> int:
        """Bytes held by the history."""
        return self._cost

    def _shed(self) -> None:
        """Give up the oldest steps beyond the bound. Qt's stack keeps them as empty shells below the floor."""
        self._floor = min(self._floor, len(self._steps))
        while self._cost > self._history_bytes and self._floor < len(self._steps) - 1:
            step = self._steps[self._floor]
            self._cost -= step.cost
            step.command = None
            self._floor += 1

    # Changes ------------------------------------------------------------------------------------------------

    def _on_change(self, change: Change) -> None:
        match change:
            case ImagesChanged():
                self.images_changed.emit(change)
            case LabelsChanged():
                self.parts_changed.emit()
            case MaskChanged(image_id=image, bbox=box):
                self.mask_changed.emit(image, box)
            case StateChanged(image_ids=images):
                self.states_changed.emit(images)
            case SkeletonsChanged():
                self.skeletons_changed.emit()
            case KeypointsChanged(image_ids=images):
                self.keypoints_changed.emit(images)
            case MatchesChanged(pairs=pairs):
                self.matches_changed.emit(pairs)
            case SettingsChanged(keys=keys):
                self.settings_changed.emit(keys)
            case SavedChanged():
                self.saved_changed.emit(change)
