"""Finding the images that files, folders and patterns stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from counterpart.core.errors import UsageError
from counterpart.core.images.reading import IMAGE_SUFFIXES, ImageRef


def find_images(inputs: Sequence[str | Path], leave_out: Path | None = None) -> list[ImageRef]:
    """Expand files, folders (recursive) and glob patterns into images in natural order, each once.

    Hidden files and folders are left out. An image's name is its path relative to the folder it was found
    under, or its file name when it was given by itself; where two would be equal, the folders' own names are
    put in front.

    Args:
        inputs: Files, folders and patterns.
        leave_out: A folder of results. What lies in it is no image to work on, where a folder above it was given.

    Raises:
        UsageError: An input does not exist, or nothing was found.
    """
    from natsort import natsort_keygen, ns

    results = None if leave_out is None else Path(os.path.realpath(leave_out))
    found: list[tuple[Path, Path]] = []
    for item in inputs:
        images = _expand(item)
        if results is not None and not Path(os.path.realpath(item)).is_relative_to(results):
            images = [pair for pair in images if not Path(os.path.realpath(pair[1])).is_relative_to(results)]
        found.extend(images)
    unique: dict[Path, tuple[Path, Path]] = {}
    for root, path in found:
        unique.setdefault(Path(os.path.realpath(path)), (root, path))
    if not unique:
        where = ", ".join(str(item) for item in inputs) or "nothing"
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise UsageError(f"no images found in {where}", hint=f"Images end in {suffixes}")
    refs = _named(list(unique.values()))
    natural = natsort_keygen(alg=ns.IGNORECASE)
    return sorted(refs, key=lambda ref: natural(ref.name))


def _expand(item: str | Path) -> list[tuple[Path, Path]]:
    """(root, path) of the images that one command-line input stands for."""
    path = Path(item)
    if path.is_dir():
        return [(path, child) for child in _walk(path)]
    if path.is_file():
        return [(path.parent, path)]
    text = str(item)
    if any(char in text for char in "*?["):
        matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 (absolute patterns)
        fixed = Path(text.split("*", maxsplit=1)[0].split("?", maxsplit=1)[0].split("[", maxsplit=1)[0])
        root = fixed if fixed.is_dir() else fixed.parent
        files: list[tuple[Path, Path]] = []
        for match in matches:
            if match.is_dir():
                files.extend((root, child) for child in _walk(match))
            elif match.suffix.lower() in IMAGE_SUFFIXES:
                files.append((root, match))
        return files
    raise UsageError("no such file or folder", path=path, hint="Check the path")


def _walk(folder: Path) -> Iterable[Path]:
    for base, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(base) / name


def _named(pairs: list[tuple[Path, Path]]) -> list[ImageRef]:
    names = [_relative(path, root) for root, path in pairs]
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    taken: set[str] = set()
    refs = []
    for (root, path), name in zip(pairs, names, strict=True):
        unique = name if counts[name] == 1 else f"{root.resolve().name}/{name}"
        number = 2
        while unique in taken:
            unique = f"{root.resolve().name}-{number}/{name}"
            number += 1
        taken.add(unique)
        refs.append(ImageRef(path, unique))
    return refs


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.name
