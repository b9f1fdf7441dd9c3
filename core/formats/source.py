"""Which photograph a name in a file means: the one place where all formats ask."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path, PurePosixPath

from counterpart.core.errors import ImageError
from counterpart.core.folders import walk_files
from counterpart.core.formats.path_ends import PathEnds, one_word, parts_of, stem_of, telling, words_of
from counterpart.core.formats.placed import Placed, fit
from counterpart.core.formats.readings import readings_of
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.images.orientation import UPRIGHT
from counterpart.core.images.reading import image_size, orientation_of
from counterpart.core.project.model import ImageRecord, PartLabel
from counterpart.core.project.points import Skeleton

NOT_FOUND = "there is no such image in the project, nor a file of that name"
MOST_FILES = 100_000
"""Files looked at below a folder when a name was not found where the file says; beyond, the folder has to be named."""

_ANNOTATION_FOLDERS = frozenset(
    ("annotations", "annotation", "labels", "label", "json", "jsons", "xml", "segmentationclass", "masks", "mask", "gt")
) | {"masks_machine", "masks_human"}
"""Folders of annotations alone: the images lie beside such a folder, not in it."""
_FLATTENED = 4
"""As many parts of a path, its file name included, are looked for in one word."""
_SEVERAL = "several images are called so"


class Source:
    """A project as a reader of annotations sees it, and the folders that a person named.

    Args:
        records: The project's images.
        files: Where they are, by id.
        parts: The project's parts.
        skeletons: Its skeletons.
        path: The file or folder that is read.
        root: Folder that image names in the file are relative to, where a person named one.
        refused: Why nothing can be taken over for some of the project's images, by id.
    """

    def __init__(
        self,
        records: Iterable[ImageRecord] = (),
        files: Mapping[int, Path] | None = None,
        *,
        parts: Sequence[PartLabel] = (),
        skeletons: Sequence[Skeleton] = (),
        path: Path | None = None,
        root: Path | None = None,
        refused: Mapping[int, str] | None = None,
    ) -> None:
        self.parts = tuple(parts)
        self.skeletons = tuple(skeletons)
        self.root = root
        self._refused = dict(refused or {})
        self._records = {record.id: record for record in records}
        self.names = {number: record.name for number, record in self._records.items()}
        self._files = dict(files or {})
        self._base = None if path is None else path if path.is_dir() else path.parent
        self._named = _named_folders(self._base, root)
        self._inside = [Path(os.path.realpath(folder)) for folder in self._named]
        self._in_project = PathEnds()
        self._words: dict[str, set[int | Path]] = {}
        for number, record in self._records.items():
            file = self._files.get(number)
            self._in_project.add(number, parts_of(record.name), () if file is None else parts_of(file.as_posix()))
            for word in words_of(record.name):
                self._words.setdefault(word, set()).add(number)
        self._reals: dict[Path, str] = {}
        self._labels: set[str] = set()
        self._numbers: dict[str, int] | None = None
        self._on_disk: PathEnds | None = None
        self._disk_words: dict[str, set[int | Path]] = {}
        self._listings: dict[Path, dict[str, list[Path]]] = {}

    def place(
        self,
        name: str,
        *,
        beside: Path | None = None,
        folders: Sequence[Path] = (),
        declared: tuple[int, int] | None = None,
        extent: tuple[float, float] | None = None,
        bare: bool = False,
        carried: tuple[int, int] | None = None,
    ) -> Placed:
        """The photograph that a record is about, and how the record lies on it.

        Never raises: what is wrong stands in the result's `problem`.

        Args:
            name: As the file has it: a path, an address, a bare name.
            beside: Folder of the record itself, where that is not the folder of the whole annotation.
            folders: Where the format keeps its images.
            declared: (height, width) that the record gives for the image or its mask has; None where it gives none.
            extent: Largest x and y of the record's places; see `placed.fit`.
            bare: Whether the name has no suffix, as that of a label file or of a mask has none of the image's.
            carried: Upright (height, width) of the picture that the annotation itself carries: it is the photograph
                where there is no other.
        """
        number, file, sure, problem = self._find(name, (self.root, beside, *folders, *self._named), bare=bare)
        given = declared if declared is not None and min(declared) > 0 else None
        if problem and carried is not None and not problem.startswith(_SEVERAL):
            given, turn, note, problem = fit(given or carried, carried, UPRIGHT, extent)
            return Placed(name, name, hw=carried, declared=given, turn=turn, problem=problem, note=note)
        if problem:
            return Placed(name, name, hw=given or (0, 0), declared=given or (0, 0), problem=problem)
        called = name
        if number:
            called = self._records[number].name
        elif bare and file is not None and not name.endswith(file.suffix):
            called = name + file.suffix
        hw, problem = self._hw(number, file)
        problem = self._refused.get(number, problem)
        if given is None or problem or min(hw) <= 0:
            size = given or hw
            return Placed(name, called, number, file, size, size, sure=sure, problem=problem)
        turn = UPRIGHT if given == hw or file is None else orientation_of(file)
        given, turn, note, problem = fit(given, hw, turn, extent)
        return Placed(name, called, number, file, hw, given, turn, sure, problem, note)

    def sequences(self, folders: Sequence[Path], title: str) -> Iterator[list[str]]:
        """The images that may be the frames of a film, in their natural order: names for `place`.

        The project's first, those in a folder that is called like the film before all of them; then the files of the
        folders that a person named or that are given.

        Args:
            folders: Where the format keeps its images.
            title: The film's name without suffix; may be empty.
        """
        from natsort import natsorted  # slow to import, and only films ask

        names = [record.name for record in self._records.values()]
        inner: dict[str, list[str]] = {}
        for name in names:
            inner.setdefault(name.rpartition("/")[0], []).append(name)
        titled = [inside for folder, inside in inner.items() if title and folder.rpartition("/")[2] == title]
        yield from (natsorted(inside) for inside in (*titled, names, *inner.values()) if inside)
        places = [folder for folder in (self.root, *folders, *self._named) if folder is not None]
        for folder in dict.fromkeys((*(place / title for place in places if title), *places)):
            files = [file for found in self._listing(folder).values() for file in found]
            usable = [file for file in files if self._is_photograph(file) and self._may_be_read(file)]
            if usable:
                yield natsorted(str(file.absolute()) for file in usable)

    def file_of(self, name: str) -> tuple[Path | None, str]:
        """A file that is no image, such as a film, by its name; and why it is not found or not to be read."""
        outside: list[Path] = []
        readings = [reading for reading, _ in readings_of(name)]
        for reading in (*readings, *(PurePosixPath(reading).name for reading in readings)):
            found = self._at(reading, (self.root, *self._named), outside, bare=False)
            if found:
                return found[0], ""
        if outside:
            return None, _outside(outside[0])
        return None, "there is no such file"

    def pass_over(self, files: Iterable[Path]) -> None:
        """Say which files are pictures of labels: they are no photographs, whatever they are called."""
        self._labels.update(self._real(file) for file in files)

    # Finding

    def _find(self, name: str, bases: Sequence[Path | None], *, bare: bool) -> tuple[int, Path | None, bool, str]:
        """Image id, file, whether the whole name agreed, and what is wrong."""
        readings = list(readings_of(name))
        if not readings:
            return 0, None, False, "the record names no image"
        outside: list[Path] = []
        for reading, _ in readings:
            files = self._at(reading, bases, outside, bare=bare)
            if len(files) > 1:
                return 0, None, False, _several(file.name for file in files)
            if files:
                return self._known(files[0], reading), files[0], True, ""
        for reading, foreign in readings:
            found, sure = self._by_end(reading, foreign=foreign, bare=bare)
            if len(found) > 1:
                return 0, None, False, _several(self._shown(one) for one in found)
            if found:
                if isinstance(found[0], int):
                    return found[0], self._files.get(found[0]), sure, ""
                return self._known(found[0], reading), found[0], sure, ""
        if outside:
            return 0, None, False, _outside(outside[0])
        return 0, None, False, NOT_FOUND

    def _at(self, reading: str, bases: Sequence[Path | None], outside: list[Path], *, bare: bool) -> list[Path]:
        """The files at the very place that is written, below the first base that has any."""
        absolute = Path(reading).is_absolute()
        for base in [Path()] if absolute else dict.fromkeys(base for base in bases if base is not None):
            place = base / reading
            try:
                files = [place] if place.is_file() else []
                if bare and (not files or place.suffix.lower() not in IMAGE_SUFFIXES):
                    files = self._listing(place.parent).get(place.name, [])
            except (OSError, ValueError):  # a name too long, or with a NUL
                continue
            files = [file for file in files if self._is_photograph(file)]
            inside = [file for file in files if self._may_be_read(file)]
            outside += [file for file in files if file not in inside]
            if len(inside) > 1:  # a.jpg and a.png: the project may have one of them only
                inside = [file for file in inside if self._number_of(file)] or inside
            if inside:
                return inside
        return []

    def _listing(self, folder: Path) -> dict[str, list[Path]]:
        """The image files in a folder by their names without suffix."""
        found = self._listings.get(folder)
        if found is None:
            found = self._listings[folder] = {}
            for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
                if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file():
                    found.setdefault(entry.stem, []).append(entry)
        return found

    def _real(self, file: Path) -> str:
        """A path without links; each is followed once."""
        found = self._reals.get(file)
        if found is None:
            found = self._reals[file] = os.path.realpath(file)
        return found

    def _is_photograph(self, file: Path) -> bool:
        """Whether a file is not known as a picture of labels."""
        return self._real(file) not in self._labels

    def _is_inside(self, file: Path) -> bool:
        """Whether a file lies in a folder that a person named, links followed."""
        real = Path(self._real(file))
        return any(real.is_relative_to(folder) for folder in self._inside)

    def _may_be_read(self, file: Path) -> bool:
        """Whether a file lies in a folder that a person named, or is one of the project's."""
        return self._is_inside(file) or bool(self._number_of(file))

    def _number_of(self, file: Path) -> int:
        """The project's image that a file is; 0 for none."""
        if self._numbers is None:
            self._numbers = {self._real(path): number for number, path in self._files.items()}
        return self._numbers.get(self._real(file), 0)

    def _known(self, file: Path, reading: str) -> int:
        """The project's image that a found file is, or is a copy of; 0 where it is another photograph."""
        number = self._number_of(file)
        if number:
            return number
        lasts = (parts_of(reading)[-1], parts_of(file.name)[-1])
        named = {number for last in lasts for number in self._in_project.named(last, bare=True)}
        named |= self._words.get(one_word(stem_of(file.name)), set())  # a copy of a/b.jpg may be called a__b.jpg
        alike = [
            number
            for number in named
            if isinstance(number, int) and self._may_be_copied(reading, number) and self._is_copy(file, number)
        ]
        return alike[0] if len(alike) == 1 else 0

    def _may_be_copied(self, reading: str, number: int) -> bool:
        """Whether an image can lie in the named folders once more. Frames of two films may be equal to the last bit."""
        own = self._files.get(number)
        if own is not None and self._is_inside(own):
            return False
        return self._in_project.may_be(parts_of(reading), number)

    def _is_copy(self, file: Path, number: int) -> bool:
        """Whether a file has the content of an image; where that one is missing, by what is known of it."""
        record, own = self._records[number], self._files.get(number)
        try:
            size = file.stat().st_size
            if own is not None and own.is_file():
                return own.stat().st_size == size and _sha256(own) == _sha256(file)
            return record.sha256 == _sha256(file) if record.sha256 else record.size_bytes in (-1, size)
        except OSError:
            return False

    def _by_end(self, reading: str, *, foreign: bool, bare: bool) -> tuple[list[int | Path], bool]:
        """The images whose paths end as the name does, the longest common end counting, and whether all of it agrees.

        Args:
            reading: The name.
            foreign: Whether it is a whole path on another machine, whose upper folders say nothing here.
            bare: Whether it has no suffix.
        """
        parts = parts_of(reading)
        inside = len(telling(parts))
        found, length = self._in_project.longest(parts, bare=bare)
        if len(found) == 1 and length == inside:
            return found, True
        on_disk, there = self._disk().longest(parts, bare=bare)
        if there > length:
            found, length = on_disk, there
        elif there == length:
            found = [*found, *on_disk]
        # A folder that says otherwise: v2/1.png is not v1/1.png, unless a person named the folder to look in.
        if length == inside or length > 1 or (length == 1 and (foreign or self.root is not None)):
            return found, length == inside
        for flat in (self._words, self._disk_words):
            words = flat.get(one_word(reading)) or flat.get(one_word(stem_of(reading))) or set()
            if len(words) == 1:
                return list(words), True
        return [], False

    def _disk(self) -> PathEnds:
        """The image files below the named folders that are not the project's already."""
        if self._on_disk is None:
            self._on_disk = PathEnds()
            walks = chain.from_iterable(walk_files(folder, follow=False) for folder in self._named)
            for file in dict.fromkeys(islice(walks, MOST_FILES)):
                if file.suffix.lower() not in IMAGE_SUFFIXES or self._number_of(file):
                    continue
                if self._is_photograph(file) and self._may_be_read(file):
                    self._on_disk.add(file, parts_of(file.as_posix()))
                    for depth in range(1, _FLATTENED + 1):
                        for word in words_of("/".join(file.parts[-depth:])):
                            self._disk_words.setdefault(word, set()).add(file)
        return self._on_disk

    def _shown(self, found: int | Path) -> str:
        return self._records[found].name if isinstance(found, int) else found.name

    def _hw(self, number: int, file: Path | None) -> tuple[tuple[int, int], str]:
        """Upright (height, width) of the photograph, (0, 0) where nothing tells, and what is wrong with it."""
        record = self._records.get(number)
        if record is not None and min(record.hw) > 0:
            return record.hw, ""
        if file is None:
            return (0, 0), ""
        try:
            return image_size(file), ""
        except ImageError as error:
            return (0, 0), "" if number else error.what


def _named_folders(base: Path | None, root: Path | None) -> list[Path]:
    """The folders that a person named by naming a file: its own, and the one above a folder of annotations."""
    found = [] if root is None else [root]
    if base is not None:
        found.append(base)
        above = Path(os.path.abspath(base))  # noqa: PTH100  # links stay
        if above.name.casefold() in _ANNOTATION_FOLDERS:
            found.append(above.parent)
    return found


def _several(names: Iterable[str]) -> str:
    shown = sorted(set(names))
    return f"{_SEVERAL}: {', '.join(shown[:3])}"


def _outside(file: Path) -> str:
    return f"{file} lies outside the folders that were named; name its folder as the root"


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
