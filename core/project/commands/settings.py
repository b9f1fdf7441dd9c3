"""Commands on the project's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from counterpart.core.project.commands.base import Command
from counterpart.core.project.edit import Edit
from counterpart.core.project.schema import Row


def setting_row(value: object) -> Row:
    """A setting as it is stored."""
    return (json.dumps(value, ensure_ascii=False, sort_keys=True),)


@dataclass(eq=False)
class SetSettings(Command):
    """Set values that belong to the project, such as a job's parameters.

    Attributes:
        values: Anything that JSON can hold, by key; None removes.
    """

    values: Mapping[str, object]

    @property
    def text(self) -> str:
        return "Change settings"

    def do(self, edit: Edit) -> None:
        for key, value in self.values.items():
            edit.put("settings", (key,), None if value is None else setting_row(value))


@dataclass(eq=False)
class NoteSettings(SetSettings):
    """Settings that are no step of the history: which image is shown, how far it is zoomed."""

    @property
    def undoable(self) -> bool:
        return False
