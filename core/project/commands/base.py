"""What every command is: it writes rows; undoing and redoing are the document's, from the rows themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from counterpart.core.project.changes import images_of
from counterpart.core.project.edit import Edit, Record


@dataclass(slots=True)
class Outcome:
    """What came of a command, for the person and for the caller.

    Attributes:
        changed: Images that it changed.
        created: Identifiers that it gave, in the order of its inputs.
        skipped: Images that it left alone, with the reason in words.
    """

    changed: list[int] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)


@dataclass(eq=False)
class Command(ABC):
    """A change to a document. `Document.apply` does and redoes it, `Document.revert` undoes it.

    Attributes:
        record: The rows it changed; None until it was applied and changed something.
        outcome: What came of it.
    """

    record: Record | None = field(default=None, init=False, repr=False)
    outcome: Outcome = field(default_factory=Outcome, init=False, repr=False)

    @property
    @abstractmethod
    def text(self) -> str:
        """What it does, for the menu: `Paint wing`."""

    @abstractmethod
    def do(self, edit: Edit) -> None:
        """Write the rows. Called once; redoing replays them. An error raised here leaves the document as it was.

        Raises:
            CounterpartError: It cannot be done.
        """

    def release(self) -> None:  # noqa: B027  # most commands hold nothing worth releasing
        """Let go of inputs that are not needed once the rows are recorded."""

    @property
    def on_images(self) -> frozenset[int]:
        """The images that its step changes; none before it is done, and for what concerns the whole project."""
        return frozenset() if self.record is None else images_of(self.record.diff)

    @property
    def undoable(self) -> bool:
        """Whether it is a step of the history. What is merely learnt about files is not."""
        return True

    @property
    def cost(self) -> int:
        """Bytes that the history holds for it."""
        return 256 if self.record is None else 256 + self.record.cost


@dataclass(eq=False)
class Compound(Command):
    """Several commands as one step."""

    title: str
    commands: Sequence[Command]

    @property
    def text(self) -> str:
        return self.title

    def do(self, edit: Edit) -> None:
        for command in self.commands:
            command.do(edit)
            self.outcome.changed += command.outcome.changed
            self.outcome.created += command.outcome.created
            self.outcome.skipped += command.outcome.skipped

    def release(self) -> None:
        for command in self.commands:
            command.release()
