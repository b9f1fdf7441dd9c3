"""Files and folders that are there only while something is written, and the removal of those that killed runs left.

They lie beside what they are to become, so that a rename puts them in place, under hidden names that say which computer
and process they belong to: `.counterpart-COMPUTER-PROCESS-RANDOM.tmp`. They are made with the person's umask, as what
becomes of them is to be read by whoever may read the folder. Whoever writes in a folder, or opens a project in it,
removes what processes that are gone left there.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import platform
import re
import shutil
import stat
import sys
import time
import zlib
from pathlib import Path
from typing import Final

NEW: Final = "content"
OLD: Final = "old"
NAME: Final = "name"
"""Within a temporary folder: what is to become a folder; what stood in its place; the place's name, in UTF-8."""

_OURS: Final = re.compile(r"\.counterpart-([0-9a-f]{8})-([0-9]{1,9})-[0-9a-f]{12}\.tmp(?:-journal|-wal|-shm)?")
_SECONDS_OF_OTHERS: Final = 7 * 86_400
"""After a week what another computer left on a shared disk counts as abandoned; its processes are not seen here."""

_SECONDS_BETWEEN: Final = 60.0
"""A folder is listed at most so often for the sake of single files: a batch writes thousands into one."""

_unfinished: set[Path] = set()
_swept: dict[Path, float] = {}


def make_file(folder: Path) -> tuple[int, Path]:
    """Make an empty file with the person's umask; its open descriptor (binary, to read and write) and its path.

    Raises:
        OSError: It cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    if time.monotonic() - _swept.get(folder, -_SECONDS_BETWEEN) >= _SECONDS_BETWEEN:
        sweep(folder)
    path = _free_path(folder)
    number = os.open(path, flags, 0o666)
    _unfinished.add(path)
    return number, path


def make_folder(folder: Path) -> Path:
    """Make an empty folder with the person's umask.

    Raises:
        OSError: It cannot be made.
    """
    sweep(folder)
    path = _free_path(folder)
    path.mkdir()
    _unfinished.add(path)
    return path


def discard(path: Path) -> None:
    """Remove what `make_file` or `make_folder` made, unless it has been moved into place."""
    with contextlib.suppress(OSError):
        _remove(path)
    _unfinished.discard(path)


def discard_unfinished() -> None:
    """Remove what is being written right now, for a process that is about to end without unwinding."""
    for path in list(_unfinished):
        discard(path)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder."""
    _swept[folder] = time.monotonic()
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for path in [folder / entry.name for entry in entries if _OURS.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                if _abandoned(path):
                    _put_back(path)
                    _remove(path)


def _free_path(folder: Path) -> Path:
    return folder / f".counterpart-{_computer()}-{os.getpid()}-{os.urandom(6).hex()}.tmp"


@functools.cache
def _computer() -> str:
    """Tells computers apart, and containers of one computer, whose processes are not seen from one another."""
    where = platform.node()
    with contextlib.suppress(OSError):
        where += f" {Path('/proc/self/ns/pid').stat().st_ino}"
    return f"{zlib.crc32(where.encode('utf-8', 'surrogateescape')):08x}"


def _abandoned(path: Path) -> bool:
    found = _OURS.fullmatch(path.name)
    if found is None:
        return False
    if found[1] == _computer():
        return not _lives(int(found[2]))
    return path.lstat().st_mtime < time.time() - _SECONDS_OF_OTHERS


def _remove(path: Path) -> None:
    """Remove a file, a link itself, or a folder with what is in it."""
    if stat.S_ISDIR(path.lstat().st_mode):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _put_back(path: Path) -> None:
    """Finish what a process was killed at: the old folder had been moved aside, the new one was not yet in place."""
    try:
        name = (path / NAME).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    target = path.parent / name
    if Path(name).name != name or os.path.lexists(target):
        return
    for whole in (path / NEW, path / OLD):
        if whole.is_dir():
            whole.rename(target)
            return


if sys.platform == "win32":

    def _lives(process: int) -> bool:
        system = ctypes.windll.kernel32
        handle = system.OpenProcess(0x1000, False, process)  # only to ask about it
        if not handle:
            return bool(system.GetLastError() == 5)  # it is there and not ours
        code = ctypes.c_ulong()
        known = system.GetExitCodeProcess(handle, ctypes.byref(code))
        system.CloseHandle(handle)
        return not known or code.value == 259  # still active

else:

    def _lives(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
