"""Commands on parts, over all images at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.project.commands.base import Command
from counterpart.core.project.edit import Edit
from counterpart.core.project.masks import exchange_labels, label_size, write_packed
from counterpart.core.project.model import BACKGROUND, PartLabel
from counterpart.core.project.names import checked_name, free_name, tidy_name
from counterpart.core.project.palette import Colour, next_colour
from counterpart.core.project.rows import read_part_states
from counterpart.core.project.tiles import PackedLabels, pack_labels
from counterpart.core.wording import plural


def _known(edit: Edit, part: int) -> PartLabel:
    found = edit.all_parts().get(part)
    if found is None:
        raise UsageError(f"there is no part {part}", hint="It may have been deleted")
    return found


def _checked(edit: Edit, name: str, but: int = 0) -> str:
    """A part's new name as it is written down; refused where it looks like that of another part."""
    return checked_name(name, (part.name for part in edit.all_parts().values() if part.id != but), "part")


@dataclass(eq=False)
class AddPart(Command):
    """Add a part at the end of the list; `outcome.created` has its id.

    Attributes:
        name: Not taken yet, and like none that is; see `core.project.names`.
        colour: The palette's next free colour when left out.
    """

    name: str
    colour: Colour | None = None

    @property
    def text(self) -> str:
        return f"Add part {tidy_name(self.name)}"

    def do(self, edit: Edit) -> None:
        name = _checked(edit, self.name)
        parts = edit.all_parts()
        colour = self.colour or next_colour({part.colour for part in parts.values()})
        order = max((part.order for part in parts.values()), default=-1) + 1
        number = edit.new_id("part")
        edit.put_part(PartLabel(number, name, colour, order))
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
            return f"Rename part to {tidy_name(self.name)}"
        if self.colour is not None:
            return "Recolour part"
        if self.locked is not None:
            return "Lock part" if self.locked else "Unlock part"
        return "Show part" if self.visible else "Hide part"

    def do(self, edit: Edit) -> None:
        part = _known(edit, self.part_id)
        fields = ("colour", "locked", "visible")
        given = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        if self.name is not None:
            given["name"] = _checked(edit, self.name, but=part.id)
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
class SplitPart(Command):
    """Divide a part on every image: some of its pixels stay, the others become new parts (`outcome.created`).

    Whose the pixels are stays as it is.

    Attributes:
        part: The part.
        pieces: By image, packed: 1 where the part stays, 2, 3, … where it becomes the first, second, … new part.
        revision: The document's revision that the pieces were made from; images that changed since are left as they
            are and named in `outcome.skipped`. None to take any.
    """

    part: int
    pieces: Mapping[int, PackedLabels]
    revision: int | None = None

    @property
    def text(self) -> str:
        return "Split part"

    def do(self, edit: Edit) -> None:
        part = _known(edit, self.part)
        if part.locked:
            raise UsageError(f"the part {part.name} is locked", hint="Unlock it first")
        values = sorted({value for packed in self.pieces.values() for value in packed.areas if value > 1})
        if not values:
            raise UsageError(f"the part {part.name} could not be divided", hint="All of it looks alike")
        table = {value: self._new_part(edit, part) for value in values}
        for image, packed in self.pieces.items():
            reason = self._refusal(edit, image, packed)
            if reason:
                self.outcome.skipped.append((image, reason))
                continue
            self._divide(edit, image, packed, table)
            self.outcome.changed.append(image)

    def release(self) -> None:
        self.pieces = {}

    def _new_part(self, edit: Edit, part: PartLabel) -> int:
        parts = edit.all_parts().values()
        name = free_name(part.name, (each.name for each in parts), 2)
        new = edit.new_id("part")
        order = max(each.order for each in parts) + 1
        colour = next_colour({each.colour for each in parts})
        edit.put_part(PartLabel(new, name, colour, order))
        self.outcome.created.append(new)
        return new

    def _refusal(self, edit: Edit, image: int, packed: PackedLabels) -> str:
        if not edit.has_image(image):
            return "it is no longer in the project"
        if edit.changed_since("labels", image, self.revision):
            return "it was changed while the job was running"
        hw = label_size(edit, image)
        return "" if hw == packed.hw else "its labels have another size"

    def _divide(self, edit: Edit, image: int, packed: PackedLabels, table: Mapping[int, int]) -> None:
        labels, row = edit.labels(image), edit.get("label_maps", (image,))
        if labels is None or row is None:
            return
        before = read_part_states(edit, image)
        wide = max(*table.values(), int(labels.max(initial=0))) > 255
        after = labels.astype(np.uint16 if wide else labels.dtype)
        piece = packed.unpack()
        for value, new in table.items():
            after[(labels == self.part) & (piece == value)] = new
        states = {part: state for part, (state, _) in before.items()}
        states |= dict.fromkeys(table.values(), states.get(self.part, "predicted"))
        empty = [part for part, (_, pixels) in before.items() if not pixels]
        write_packed(edit, image, pack_labels(after), states, cast("int", row[2]), keep_empty=empty)


@dataclass(eq=False)
class DeleteParts(Command):
    """Drop parts; on every image their pixels become background."""

    part_ids: Sequence[int]

    @property
    def text(self) -> str:
        return plural(len(self.part_ids), "Delete part")

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
