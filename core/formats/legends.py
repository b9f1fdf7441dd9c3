"""What the values and colours of label pictures mean, by the lists that programs put beside them.

VOC's `labelmap.txt` (CVAT, Datumaro: in any order), Datumaro's `dataset_meta.json`, Supervisely's
`obj_class_to_machine_color.json`, CamVid's `label_colors.txt`, `class_dict.csv`, and Roboflow's `_classes.csv`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterpart.core.errors import FormatError
from counterpart.core.formats.fields import Node, read_json, read_text
from counterpart.core.formats.pictures import LabelPicture, voc_palette
from counterpart.core.project.model import Labels, PartLabel
from counterpart.core.project.palette import Colour

VOID = 255
"""Value of VOC's unlabelled seam."""
_VOID_COLOUR = (224, 224, 192)
_BACKGROUNDS = ("background", "_background_", "__background__", "bg", "unlabeled", "unlabelled")
_BLACK = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Legend:
    """Names and colours in the order of the values.

    Attributes:
        names: Of the entries; empty for a value that nothing is called by.
        colours: One for each.
        name: What the list is called, for messages.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    name: str = "labelmap.txt"

    @property
    def background(self) -> int | None:
        """The entry that is no part: the one called so, else a black one that comes first; None where there is none."""
        called = [at for at, name in enumerate(self.names) if name.casefold() in _BACKGROUNDS]
        return called[0] if called else None

    def parts(self) -> tuple[PartLabel, ...]:
        """A part for each entry that is one; its id is the entry's value, or the next where 0 is an entry as well."""
        shift = self._shift
        return tuple(
            PartLabel(at + shift, name, colour, at + shift - 1)
            for at, (name, colour) in enumerate(zip(self.names, self.colours, strict=True))
            if name and at != self.background
        )

    @property
    def _shift(self) -> int:
        return 0 if self.background == 0 else 1

    def read(self, picture: LabelPicture, path: Path) -> tuple[Labels, int]:
        """Part ids of a picture, and how many of its pixels are void, which becomes background.

        An indexed picture is read by its colours where they are the legend's in another order, else by its values.

        Raises:
            FormatError: A value or colour that the legend does not name.
        """
        used = np.unique(picture.values)
        table = np.zeros(int(picture.values.max(initial=0)) + 1, np.uint16)
        void = np.zeros(len(table), np.bool_)
        entries = self._entries(picture, [int(value) for value in used])
        for value, entry in entries.items():
            if entry is None:
                void[value] = True
            elif entry < 0:
                said = picture.said(value)
                raise FormatError(f"it has {said}, which {self.name} does not name", path=path, hint="Add it there")
            elif entry < len(self.names) and entry != self.background and self.names[entry]:
                table[value] = entry + self._shift
        return table[picture.values], int(void[picture.values].sum())

    def _entries(self, picture: LabelPicture, used: Sequence[int]) -> dict[int, int | None]:
        """The entry of each value of a picture: None for void, -1 for none."""
        by_colour: dict[Colour, int] = {}
        for at, colour in enumerate(self.colours):
            if self.names[at]:
                by_colour.setdefault(colour, at)
        colours = {value: picture.colour(value) for value in used}
        nothing = len(self.names)  # black that the legend does not list is background

        def coloured(value: int) -> int | None:
            colour = colours[value]
            if colour in by_colour:
                return by_colour[colour]
            if colour == _VOID_COLOUR or (value == VOID and not picture.in_colour):
                return None
            return nothing if colour == _BLACK and self.background is None else -1

        def valued(value: int) -> int | None:
            entry = value - shift
            if 0 <= entry < len(self.names) and (self.names[entry] or entry == self.background):
                return entry
            return nothing if entry < 0 else None if value == VOID else -1

        # Without an entry for it, 0 is background where the values reach one beyond the list, or the palette says so.
        shift = 0
        if self.background is None and used:
            seen = [value for value in used if value != VOID]
            black = picture.palette is not None and all(
                colours[value] == self.colours[value - 1] for value in seen if 0 < value <= len(self.names)
            )
            shift = 1 if max(seen, default=0) == len(self.names) or black else 0
        if picture.in_colour:
            return {value: coloured(value) for value in used}
        values = {value: valued(value) for value in used}
        if picture.palette is None:
            grey = {value: coloured(value) for value in used}
            return grey if -1 in values.values() and -1 not in grey.values() else values
        same = all(
            entry is None or entry < 0 or entry >= nothing or self.colours[entry] == colours[value]
            for value, entry in values.items()
        )
        palette = {value: coloured(value) for value in used}
        return values if (same and -1 not in values.values()) or -1 in palette.values() else palette


def voc_legend(names: Sequence[str], count: int = VOID) -> Legend:
    """VOC's own colours, for pictures without a list."""
    filled = ["background", *names, *(f"class {value}" for value in range(len(names) + 1, count))][:count]
    return Legend(tuple(filled), tuple(voc_palette(value) for value in range(count)), "VOC's palette")


def find_legend(folders: Sequence[Path]) -> Legend | None:
    """The list in the first of some folders that has one.

    Raises:
        FormatError: It is damaged.
    """
    for folder in folders:
        for name, read in _READERS.items():
            if (folder / name).is_file():
                return read(folder / name)
    return None


def _label_map(path: Path) -> Legend:
    names, colours = [], []
    lines = [line for line in read_text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for value, line in enumerate(lines):
        fields = line.split(":")
        name, colour = fields[0].strip() or f"class {value}", voc_palette(value % 256)
        try:
            if fields[1].strip():
                red, green, blue = (int(number) for number in fields[1].split(","))
                colour = red & 255, green & 255, blue & 255
        except (ValueError, IndexError):
            raise FormatError(
                f"entry {value + 1}: expected name:r,g,b::, found {line[:60]!r}", path=path, hint="Correct the line"
            ) from None
        names.append("" if name.startswith("unused-") else name)
        colours.append(colour)
    if not any(names):
        raise FormatError("it names no class", path=path, hint="Expected lines as name:r,g,b::")
    return Legend(tuple(names), tuple(colours), path.name)


def _colour(values: Sequence[int]) -> Colour:
    red, green, blue = values[:3]
    return red & 255, green & 255, blue & 255


def _datumaro(path: Path) -> Legend:
    data = read_json(path)
    named = {int(key): name.text() for key, name in data["label_map"].items() if key.isdigit()}
    given = data.get("segmentation_colors")
    listed = [_colour([int(v) for v in colour.numbers(3)]) for colour in given] if given is not None else []
    count = min(max(named, default=-1) + 1, 65_536)
    colours = tuple(listed[at] if at < len(listed) else voc_palette(at % 256) for at in range(count))
    return Legend(tuple(named.get(at, "") for at in range(count)), colours, path.name)


def _supervisely(path: Path) -> Legend:
    entries = [(name, _colour([int(v) for v in colour.numbers(3)])) for name, colour in _objects(read_json(path))]
    background = [] if any(name.casefold() in _BACKGROUNDS for name, _ in entries) else [("background", _BLACK)]
    return _of_pairs([*background, *entries], path)


def _objects(data: Node) -> list[tuple[str, Node]]:
    return list(data.items())


def _camvid(path: Path) -> Legend:
    found = []
    for line in read_text(path).splitlines():
        words = line.split(maxsplit=3)
        if len(words) == 4 and all(word.isdigit() for word in words[:3]):
            found.append((words[3].strip(), _colour([int(word) for word in words[:3]])))
    return _of_pairs(found, path)


def _class_dict(path: Path) -> Legend:
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(read_text(path)))]
    found = [
        (r[0], _colour([int(v) for v in r[1:4]])) for r in rows if len(r) >= 4 and all(v.isdigit() for v in r[1:4])
    ]
    return _of_pairs(found, path)


def _roboflow(path: Path) -> Legend:
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(read_text(path)))]
    named = {int(row[0]): row[1] for row in rows if len(row) >= 2 and row[0].isdigit() and int(row[0]) < VOID}
    names = tuple(named.get(at, "") for at in range(max(named, default=-1) + 1))
    return _checked(Legend(names, tuple((at, at, at) for at in range(len(names))), path.name), path)


def _of_pairs(pairs: Sequence[tuple[str, Colour]], path: Path) -> Legend:
    return _checked(Legend(tuple(name for name, _ in pairs), tuple(colour for _, colour in pairs), path.name), path)


def _checked(legend: Legend, path: Path) -> Legend:
    if not any(legend.names):
        raise FormatError("it names no class", path=path, hint="Export it again")
    return legend


_READERS = {
    "labelmap.txt": _label_map,
    "dataset_meta.json": _datumaro,
    "obj_class_to_machine_color.json": _supervisely,
    "label_colors.txt": _camvid,
    "class_dict.csv": _class_dict,
    "_classes.csv": _roboflow,
}
