"""Walking other people's folders: links in circles end, and what is no file is told apart without being opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

Oddity = Literal["hidden file", "hidden folder", "pipe", "socket", "device", "broken link", "unreadable folder"]
"""What a walk passes over and tells of."""


def walk_files(
    folder: str | Path,
    odd: Callable[[Path, Oddity], object] | None = None,
    *,
    check: Callable[[], object] | None = None,
    follow: bool = True,
) -> Iterator[Path]:
    """All regular files below a folder, the folder's own before those of its folders, each in the order of names.

    Links are followed, but each real folder is visited once, and no folder that contains the one in which the link to
    it lies: whatever links there are, this ends. Hidden files and folders are passed over. Nothing is opened.

    Args:
        folder: Where to begin.
        odd: Told what is passed over, and what it is.
        check: Called before each folder; what it raises ends the walk.
        follow: Whether links to folders are followed.
    """
    tell = odd or (lambda _path, _what: None)
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder)]
    while waiting:  # no recursion: no folder is too deep
        place = waiting.pop()
        if check is not None:
            check()
        try:
            found = os.stat(place)  # noqa: PTH116  # pathlib would cost seconds for a large set
            if (found.st_dev, found.st_ino) in seen or (seen and leads_up(place)):
                continue
            seen.add((found.st_dev, found.st_ino))
            with os.scandir(place) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            tell(Path(place), "unreadable folder")
            continue
        folders = []
        for entry in inside:
            what = _kind(entry)
            if entry.name.startswith("."):
                tell(Path(entry.path), "hidden folder" if what == "folder" else "hidden file")
            elif what == "file":
                yield Path(entry.path)
            elif what != "folder":
                tell(Path(entry.path), what)
            elif follow or not entry.is_symlink():
                folders.append(entry.path)
        waiting += reversed(folders)


def files_below(folder: str | Path, pattern: str) -> Iterator[Path]:
    """Regular files below a folder whose names match a pattern, in the order of `walk_files`; links lead nowhere."""
    return (file for file in walk_files(folder, follow=False) if fnmatch(file.name, pattern))


def leads_up(folder: str | Path) -> bool:
    """Whether a folder, a link perhaps, contains the folder in which it lies."""
    real = os.path.realpath(folder)
    inside = os.path.realpath(os.path.dirname(os.fspath(folder)))  # noqa: PTH120
    return inside == real or inside.startswith(real.rstrip(os.sep) + os.sep)


def stamp(path: str | Path) -> tuple[int, ...] | None:
    """What changes when a file is replaced or written to: length, times, and which file it is; None for no file.

    A copy may keep length and time of what it replaces; then it is still another file, or its status changed since.
    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


def special(mode: int) -> Literal["pipe", "socket", "device"] | None:
    """What a file is, by its mode, that is neither a regular file nor a folder; None for those."""
    if stat.S_ISFIFO(mode):
        return "pipe"
    if stat.S_ISSOCK(mode):
        return "socket"
    return "device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else None


def _kind(entry: os.DirEntry[str]) -> Literal["file", "folder", "pipe", "socket", "device", "broken link"]:
    try:
        if entry.is_dir():
            return "folder"
        return "file" if entry.is_file() else special(entry.stat().st_mode) or "broken link"
    except OSError:  # a link to nothing, or to itself
        return "broken link"
