"""Paths compared by their ends, whatever folders, case, accents and marks were between them on another machine."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from counterpart.core.images.kinds import IMAGE_SUFFIXES

_GENERIC = frozenset(
    [
        *("images", "imgs", "img", "image", "jpegimages", "data", "frames", "photos", "upload", "files", "local-files"),
        *("labeled-data", "annotations", "labels", "train", "val", "valid", "test", "default"),
        *("obj_train_data", "obj_valid_data", "obj_test_data"),
        *("masks", "masks_machine", "masks_human", "segmentationclass"),
    ]
)
"""Folders that say what is in them, not which: names that differ by such a folder may be the same name."""
DRIVE = re.compile(r"^[a-zA-Z]:(?=/)")
"""The drive of a Windows path."""

Parts = tuple[str, ...]
"""A path taken apart, compared without regard to case and to the way accents are written; without a drive."""


class PathEnds:
    """Images by the ends of their paths."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[int | Path]] = {}
        self._by_stem: dict[str, list[int | Path]] = {}
        self._paths: dict[int | Path, tuple[Parts, ...]] = {}

    def add(self, image: int | Path, *paths: Parts) -> None:
        """Take an image in under its paths; empty ones are passed over."""
        self._paths[image] = tuple(path for path in paths if path)
        for last in {path[-1] for path in self._paths[image]}:
            self._by_name.setdefault(last, []).append(image)
            self._by_stem.setdefault(stem_of(last), []).append(image)

    def named(self, last: str, *, bare: bool) -> list[int | Path]:
        """Images whose file name is the given one; else, or for a bare name, those that agree but for the suffix."""
        exact = self._by_name.get(last, [])
        if exact:
            return exact
        return self._by_stem.get(last, []) or ([] if bare else self._by_stem.get(stem_of(last), []))

    def may_be(self, parts: Parts, image: int | Path) -> bool:
        """Whether no folder that tells says that a name is another image's."""
        told = max(_agreement(parts, path)[0] for path in self._paths[image])
        whole = min(len(telling(path)) for path in self._paths[image])
        return told >= min(len(telling(parts)), whole)

    def longest(self, parts: Parts, *, bare: bool) -> tuple[list[int | Path], int]:
        """The images whose path has the longest end in common with a name, and its length.

        Folders that say nothing decide only between images that are equal otherwise. A path that is used up, as a
        project's name of an image is, agrees with what the name has in front of it.
        """
        best: list[int | Path] = []
        longest = (0, 0, False)
        for image in self.named(parts[-1], bare=bare):
            length = max(_agreement(parts, path) for path in self._paths[image])
            if length > longest:
                best, longest = [], length
            if length == longest:
                best.append(image)
        return best, longest[0]


def words_of(name: str) -> set[str]:
    """A name in one word, with its suffix and without."""
    return {one_word(name), one_word(stem_of(name))}


def parts_of(path: str) -> Parts:
    """A path taken apart; `("",)` where nothing is in it."""
    clean = DRIVE.sub("", unicodedata.normalize("NFC", path.replace("\\", "/"))).casefold()
    return tuple(part for part in clean.split("/") if part not in ("", ".", "..")) or ("",)


def telling(parts: Parts) -> Parts:
    """A path without the folders that say nothing of which image it is."""
    return (*(part for part in parts[:-1] if part not in _GENERIC), parts[-1])


def _agreement(a: Parts, b: Parts) -> tuple[int, int, bool]:
    """How far paths with the same file name agree: in the folders that tell, in all, and whether both are used up."""
    telling_a, telling_b = telling(a), telling(b)
    told = 1 + _common_end(telling_a[:-1], telling_b[:-1])
    return told, 1 + _common_end(a[:-1], b[:-1]), told == len(telling_a) == len(telling_b)


def _common_end(a: Parts, b: Parts) -> int:
    count = 0
    while count < min(len(a), len(b)) and a[-1 - count] == b[-1 - count]:
        count += 1
    return count


def stem_of(name: str) -> str:
    """A name without the suffix of an image or of a label file."""
    bare, dot, suffix = name.rpartition(".")
    known = f".{suffix}".lower() in IMAGE_SUFFIXES or suffix.lower() in ("json", "txt", "xml")
    return bare if dot and bare and known else name


def one_word(name: str) -> str:
    """A name whatever the marks between its words: formats have their own ways to write a path in one word."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", name).removeprefix("./").casefold())
