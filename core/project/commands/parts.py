"""Commands on parts, over all images at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from core.errors import UsageError
from core.project.commands.base import Command
from core.project.edit import Edit
from core.project.masks import exchange_labels
from core.project.model import BACKGROUND, Colour, PartLabel
from core.project.palette import next_colour

__all__ = ["AddPart", "DeleteParts", "EditPart", "MergeParts", "ReorderParts"]


def _known(edit: Edit, part: int) -> PartLabel:
    found = edit.all_parts().get(part)
    if found is None:
        raise UsageError(f"there is no part {part}", hint="It may have been deleted")
    return found


def _refuse_taken(edit: Edit, name: str, but: int = 0) -> None:
    for part in edit.all_parts().values():
        if part.id != but and part.name == name:
            raise UsageError(f"there is a part named {name} already", hint="Names must differ")


@dataclass(eq=False)
class AddPart(Command):
    """Add a part at the end of the list; `outcome.created` has its id.

    Attributes:
        name: Not taken yet.
        colour: The palette's next free colour when left out.
    """

    name: str
    colour: Colour | None = None

    @property
    def text(self) -> str:
        return f"Add part {self.name}"

    def do(self, edit: Edit) -> None:
        _refuse_taken(edit, self.name)
        parts = edit.all_parts()
        colour = self.colour or next_colour({part.colour for part in parts.values()})
        order = max((part.order for part in parts.values()), default=-1) + 1
        number = edit.new_id("part")
        edit.put_part(PartLabel(number, self.name, colour, order))
        self.outcome.created.append(number)


@dataclass(eq=False)
class EditPart(Command):
    """Change what a part is called, looks like, or whether it is locked or shown. What is left out stays."""

    part_id: int
    name: str | None = None
    colour: Colour | None = None
    locked: bool | None = None
    visible: bool | None = None

    @property
    def text(self) -> str:
        if self.name is not None:
            return f"Rename part to {self.name}"
        if self.colour is not None:
            return "Recolour part"
        if self.locked is not None:
            return "Lock part" if self.locked else "Unlock part"
        return "Show part" if self.visible else "Hide part"

    def do(self, edit: Edit) -> None:
        part = _known(edit, self.part_id)
        if self.name is not None:
            _refuse_taken(edit, self.name, but=part.id)
        fields = ("name", "colour", "locked", "visible")
        given = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        edit.put_part(dataclasses.replace(part, **given))


@dataclass(eq=False)
class ReorderParts(Command):
    """Put the parts in a new order; those not named follow in their old one.

    Attributes:
        part_ids: First to last.
    """

    part_ids: Sequence[int]

    @property
    def text(self) -> str:
        return "Reorder parts"

    def do(self, edit: Edit) -> None:
        parts = edit.all_parts()
        named = [_known(edit, part).id for part in dict.fromkeys(self.part_ids)]
        rest = [part for part in parts if part not in named]
        for order, part in enumerate([*named, *rest]):
            edit.put_part(dataclasses.replace(parts[part], order=order))


@dataclass(eq=False)
class MergeParts(Command):
    """Turn parts into another one on every image, and drop them.

    Attributes:
        sources: Parts to merge.
        target: The part that they become.
    """

    sources: Sequence[int]
    target: int

    @property
    def text(self) -> str:
        return "Merge parts"

    def do(self, edit: Edit) -> None:
        _known(edit, self.target)
        sources = [part for part in dict.fromkeys(self.sources) if part != self.target]
        self.outcome.changed += _replace_everywhere(edit, sources, self.target)


@dataclass(eq=False)
class DeleteParts(Command):
    """Drop parts; on every image their pixels become background."""

    part_ids: Sequence[int]

    @property
    def text(self) -> str:
        return "Delete part" if len(self.part_ids) == 1 else "Delete parts"

    def do(self, edit: Edit) -> None:
        self.outcome.changed += _replace_everywhere(edit, list(dict.fromkeys(self.part_ids)), BACKGROUND)


def _replace_everywhere(edit: Edit, sources: Sequence[int], target: int) -> list[int]:
    """Exchange parts for another on every image that has them, drop them, and give the images."""
    for part in sources:
        if _known(edit, part).locked:
            raise UsageError(f"the part {_known(edit, part).name} is locked", hint="Unlock it first")
    images = sorted({cast("int", key[0]) for part in sources for key in edit.find("label_parts", "part", part)})
    for image in images:
        exchange_labels(edit, image, dict.fromkeys(sources, target))
    for part in sources:
        edit.put("parts", (part,), None)
    return images
