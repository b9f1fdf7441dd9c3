"""The numbers that images and categories had in the COCO file that they came from: they leave with the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from counterpart.core.project.commands import SetSettings
from counterpart.core.project.edit import Edit

_KEY = "coco_ids"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers in a file by those in the project; the project's own where there is no other.

    Attributes:
        images: Of images.
        parts: Of categories that are parts.
        skeletons: Of categories that are skeletons.
    """

    images: Mapping[int, int] = field(default_factory=dict)
    parts: Mapping[int, int] = field(default_factory=dict)
    skeletons: Mapping[int, int] = field(default_factory=dict)

    def image(self, number: int) -> int:
        """The number of an image."""
        return self.images.get(number, number)

    def part(self, number: int) -> int:
        """The number of a part's category."""
        return self.parts.get(number, number)

    def skeleton(self, number: int) -> int:
        """The number of a skeleton's category."""
        return self.skeletons.get(number, number)

    @classmethod
    def of(
        cls, settings: Mapping[str, object], images: Iterable[int], parts: Iterable[int], skeletons: Iterable[int]
    ) -> Numbers:
        """What a project keeps, completed: who came from no file gets a number that no other has."""
        kept = settings.get(_KEY)
        kinds = kept if isinstance(kept, dict) else {}
        return cls(
            _completed(kinds.get("images"), images),
            _completed(kinds.get("parts"), parts),
            _completed(kinds.get("skeletons"), skeletons),
        )

    def note(self, edit: Edit) -> None:
        """Keep these with the project, as part of the step that a command takes. Those that are known stay."""
        before = cast("dict[str, dict[str, int]]", edit.setting(_KEY) or {})
        new = {"images": self.images, "parts": self.parts, "skeletons": self.skeletons}
        after = {kind: _with(before.get(kind, {}), numbers) for kind, numbers in new.items()}
        if any(after.values()) and after != before:
            SetSettings({_KEY: after}).do(edit)


def _with(known: Mapping[str, int], new: Mapping[int, int]) -> dict[str, int]:
    """Known numbers and new ones, none twice: of two files that count from 1, the first is kept."""
    found, taken = dict(known), set(known.values())
    for own, number in new.items():
        if own != number and str(own) not in found and number not in taken:
            found[str(own)] = number
            taken.add(number)
    return found


def _completed(kept: object, own: Iterable[int]) -> dict[int, int]:
    known = {int(key): value for key, value in kept.items() if isinstance(value, int)} if isinstance(kept, dict) else {}
    listed = list(own)
    found = {number: known[number] for number in listed if number in known}
    taken = set(found.values())
    free = max([*taken, *listed], default=0) + 1
    for number in listed:
        if number not in found:
            if number in taken:
                found[number], free = free, free + 1
            else:
                found[number] = number
            taken.add(found[number])
    return found
