"""Names of files that are written for images, and which image a name in a file means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from counterpart.core.errors import ImageError
from counterpart.core.images.reading import IMAGE_SUFFIXES, image_size
from counterpart.core.project.model import ImageRecord, PartLabel
from counterpart.core.project.points import Skeleton


def safe_name(name: str) -> str:
    """A POSIX path that stays below the folder it is joined to."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("..", "/", ".")]
    return "/".join(part.replace(":", "_") for part in parts) or "image"


def output_names(names: Iterable[str], suffix: str) -> dict[str, str]:
    """A file for each image: its name with another suffix, or with the suffix appended where two would be equal."""
    listed = list(names)
    plain = {name: str(PurePosixPath(safe_name(name)).with_suffix(suffix)) for name in listed}
    counts = Counter(text.casefold() for text in plain.values())
    return {name: text if counts[text.casefold()] == 1 else safe_name(name) + suffix for name, text in plain.items()}


def flat_names(names: Iterable[str], forbidden: str = "") -> dict[str, str]:
    """A stem without folders for each image: `a/b.jpg` is `a__b`; the suffix stays in it where two would be equal.

    Characters in `forbidden` become underscores.
    """
    listed = list(names)

    def flat(text: str) -> str:
        return "".join("_" if char in forbidden else char for char in text.replace("/", "__"))

    stems = {name: flat(str(PurePosixPath(safe_name(name)).with_suffix(""))) for name in listed}
    counts = Counter(stem.casefold() for stem in stems.values())
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name, stem in stems.items():
        text = stem if counts[stem.casefold()] == 1 else flat(safe_name(name)).replace(".", "_")
        number = 2
        while text.casefold() in taken:
            text = f"{stem}_{number}"
            number += 1
        taken.add(text.casefold())
        result[name] = text
    return result


def _keys(name: str) -> list[str]:
    """What a name may be found by, most telling first: whole, bare of its suffix, flattened, alone, alone and bare."""
    clean = name.replace("\\", "/").removeprefix("./").casefold()
    path = PurePosixPath(clean)
    bare = str(path.with_suffix("")) if path.suffix in IMAGE_SUFFIXES or path.suffix == ".json" else clean
    return [
        f"0{clean}",
        f"1{bare}",
        f"2{_flat(clean)}",
        f"2{_flat(bare)}",
        f"3{path.name}",
        f"4{PurePosixPath(bare).name}",
    ]


def _flat(name: str) -> str:
    """A name whatever the marks between its words: formats have their own ways to write a path in one word."""
    return re.sub(r"[\W_]+", "_", name)


def _same_end(a: str, b: str) -> bool:
    """Whether names agree as far as the shorter one goes: `images/x.jpg` and `x.jpg`, not `a/x.jpg` and `b/x.jpg`."""
    folders_a, folders_b = (PurePosixPath(text.replace("\\", "/").casefold()).parts[:-1] for text in (a, b))
    shared = min(len(folders_a), len(folders_b))
    return folders_a[len(folders_a) - shared :] == folders_b[len(folders_b) - shared :]


@dataclass(slots=True)
class ImageIndex:
    """Finds the image of a project that a name in a file means."""

    _by_key: dict[str, set[int]] = field(default_factory=dict)
    _records: dict[int, ImageRecord] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[ImageRecord]) -> ImageIndex:
        """An index over images."""
        index = cls()
        for record in records:
            index._records[record.id] = record
            for key in _keys(record.name):
                index._by_key.setdefault(key, set()).add(record.id)
        return index

    def find(self, name: str) -> ImageRecord | None:
        """The image, by its whole name, or by less of it where that is unmistakable; None for none or several."""
        for key in _keys(name):
            found = [self._records[number] for number in self._by_key.get(key, ())]
            if len(found) == 1 and (key[0] in "012" or _same_end(name, found[0].name)):
                return found[0]
        return None


@dataclass(frozen=True, slots=True)
class Source:
    """What a reader may know of the project it reads for.

    Attributes:
        images: Its images.
        parts: Its parts.
        skeletons: Its skeletons.
        root: Folder that image names in the file are relative to; the file's own when None.
        files: Where the project's images are, by id.
    """

    images: ImageIndex = field(default_factory=ImageIndex)
    parts: tuple[PartLabel, ...] = ()
    skeletons: tuple[Skeleton, ...] = ()
    root: Path | None = None
    files: Mapping[int, Path] = field(default_factory=dict)

    def file(self, name: str, *folders: Path) -> Path | None:
        """The image file of a name: absolute, below the root or one of the folders, or the project's."""
        candidates = [Path(name)] if Path(name).is_absolute() else []
        candidates += [folder / name for folder in (*([self.root] if self.root else []), *folders)]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        record = self.images.find(name)
        return None if record is None else self.files.get(record.id)

    def hw(self, name: str, *folders: Path) -> tuple[int, int] | None:
        """(height, width) of the image of a name, from the project or the file; None when neither tells."""
        record = self.images.find(name)
        if record is not None and min(record.hw) > 0:
            return record.hw
        file = self.file(name, *folders)
        if file is None or not file.is_file():
            return None
        try:
            return image_size(file)
        except ImageError:
            return None
