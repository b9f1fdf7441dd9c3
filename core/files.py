"""Writing files so that nobody ever sees half of one.

A file is written beside its target under another name, flushed to the disk and renamed into place. A folder
is filled beside its target and moved into place when it is complete. Whatever goes wrong (no permission, a
full disk, something in the way) is an `OutputError` that says which file and what to do, and leaves the
target as it was.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from counterpart.core.errors import OutputError

MANIFEST = ".counterpart-export.json"
"""Lists the files that an export wrote into a folder: the next export replaces those, and no others."""

_unfinished: set[Path] = set()
"""Temporary files and folders being written right now, by any thread."""

_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IN_THE_WAY = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY}


def output_error(error: OSError, path: str | Path) -> OutputError:
    """What an operating system's error while writing means for a person."""
    code = error.errno
    if code in _NO_PERMISSION:
        return OutputError(
            "there is no permission to write here",
            path=path,
            hint="Choose another folder or change its permissions",
        )
    if code in _NO_SPACE:
        return OutputError("the disk is full", path=path, hint="Free some space, or choose another disk")
    if code in _IN_THE_WAY:
        return OutputError(
            "a file or folder of that name is in the way",
            path=path,
            hint="Move it away or choose another name",
        )
    if code == errno.ENAMETOOLONG:
        return OutputError("the name is too long for this disk", path=path, hint="Choose a shorter name")
    return OutputError(f"it could not be written ({error.strerror or error})", path=path, hint="Try another folder")


@contextlib.contextmanager
def output_errors(path: str | Path) -> Iterator[None]:
    """Turn every `OSError` raised inside into an `OutputError` about `path`."""
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "wb", *, encoding: str | None = None) -> Iterator[IO[Any]]:
    r"""Open a file for writing that appears under its name only when the block ends without an error.

    Missing folders above it are made. Text is UTF-8 with `\n` unless told otherwise.

    Args:
        path: The target; an existing file is replaced, its permissions kept.
        mode: `"wb"` or `"w"`.
        encoding: Of text.

    Raises:
        OutputError: No permission, no space, something in the way. The target is as it was before.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        with output_errors(target):
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}.", suffix=".tmp")
            temporary = Path(name)
            _unfinished.add(temporary)
            text = "b" not in mode
            handle = os.fdopen(
                number, mode, encoding=(encoding or "utf-8") if text else None, newline="\n" if text else None
            )
        with _errors_of_writing(target, temporary), handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        with output_errors(target):
            _take_over_permissions(temporary, target)
            temporary.replace(target)
        _unfinished.discard(temporary)
        temporary = None
        _sync_folder(target.parent)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
            _unfinished.discard(temporary)


@contextlib.contextmanager
def _errors_of_writing(target: Path, temporary: Path) -> Iterator[None]:
    """As `output_errors`, but an error about another file, which the block read, stays what it is."""
    try:
        yield
    except OSError as error:
        named = error.filename
        if named is None or not isinstance(named, (str, os.PathLike)) or Path(named).is_relative_to(temporary):
            raise output_error(error, target) from error
        raise


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file atomically. Raises as `atomic_write` does."""
    with atomic_write(path) as handle:
        handle.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a whole text file (UTF-8) atomically. Raises as `atomic_write` does."""
    with atomic_write(path, "w") as handle:
        handle.write(text)


def write_json(path: str | Path, value: object, *, indent: int | None = None) -> None:
    """Write a value as JSON atomically; NaN is refused, as other programs cannot read it."""
    separators = (",", ":") if indent is None else None
    write_text(
        path,
        json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators) + "\n",
    )


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` only when the block ends without an error.

    A folder that an earlier call wrote, and that holds nothing else, changes places with the new one at once: a process
    that is killed leaves the old or the new, never some of each. Into a folder with other files the new ones are moved
    one by one after all of them are complete: those that an earlier call wrote are replaced, or removed when they are
    not written again; a stranger's file is never touched, and one of the same name as a new file is an error before
    anything is moved.

    Args:
        path: The target folder; it may exist.

    Raises:
        OutputError: No permission, no space, something in the way. The target is as it was before.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        with output_errors(target):
            if target.exists() and not target.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "is a file")
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:80]}.", suffix=".tmp"))
        _unfinished.add(temporary)
        filling = temporary / "content"
        with output_errors(target):
            filling.mkdir()  # mkdtemp's own folder is private to the user; this one has the usual permissions
        with _errors_of_writing(target, temporary):
            yield filling
        with output_errors(target):
            files = _relative_files(filling)
            for name in files:
                _sync_file(filling / name)
            manifest = filling / MANIFEST
            manifest.write_text(json.dumps({"files": files}, ensure_ascii=False), encoding="utf-8")
            _move_in(filling, target, files)
            _sync_folder(target.parent)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
            _unfinished.discard(temporary)


def discard_unfinished() -> None:
    """Remove what is being written right now, for a process that is about to end without unwinding."""
    for path in list(_unfinished):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _move_in(source: Path, target: Path, files: list[str]) -> None:
    """Put a complete folder in its place: at once where there is nothing yet, file by file where there is."""
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if not target.exists():
        source.replace(target)
        return
    owned = _owned_files(target)
    if _holds_only(target, {*owned, MANIFEST}) and _exchange(source, target):
        return
    for name in files:
        place = target / name
        if place.exists() and name not in owned:
            raise OutputError(
                "this file was not written by an export and would be overwritten",
                path=place,
                hint="Choose an empty folder or move the file away",
            )
    for name in [*files, MANIFEST]:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(place)
    for name in owned - set(files):
        (target / name).unlink(missing_ok=True)
        _remove_empty_folders(target / name, target)


def _holds_only(folder: Path, files: set[str]) -> bool:
    """Whether a folder has some files, the folders they are in, and nothing else."""
    folders = {parent.as_posix() for name in files for parent in Path(name).parents}
    return all(
        child.relative_to(folder).as_posix() in (folders if child.is_dir() and not child.is_symlink() else files)
        for child in folder.rglob("*")
    )


def _exchange(new: Path, old: Path) -> bool:
    """Have two folders change places; False where the system or the disk does not let them."""
    if old.is_symlink() or old.is_mount():
        return False
    with contextlib.suppress(OSError):
        shutil.copymode(old, new)
        rename = _renameat2()
        if rename is not None and rename(-100, os.fsencode(new.absolute()), -100, os.fsencode(old.absolute()), 2) == 0:
            return True
        aside = new.with_name("old")
        old.rename(aside)
        try:
            new.rename(old)
        except OSError:
            aside.rename(old)
            raise
        return True
    return False


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    """Linux's call that exchanges two names in one step (-100: paths from the root, 2: exchange); None elsewhere."""
    if sys.platform != "linux":
        return None
    try:
        function: Callable[..., int] = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):  # an old or another C library
        return None
    return function


def _owned_files(folder: Path) -> set[str]:
    """Files that an earlier export wrote, from its manifest; none when there is no readable manifest."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        names = {str(name) for name in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    # A manifest comes from a folder that anybody may have edited: it must not reach outside of it.
    return {name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts}


def _relative_files(folder: Path) -> list[str]:
    return sorted(child.relative_to(folder).as_posix() for child in folder.rglob("*") if child.is_file())


def _remove_empty_folders(removed: Path, stop: Path) -> None:
    for folder in removed.parents:
        if folder == stop:
            return
        try:
            folder.rmdir()
        except OSError:
            return


def _take_over_permissions(temporary: Path, target: Path) -> None:
    """`mkstemp` makes private files; give them the permissions of the file replaced, or the usual ones."""
    try:
        mode = target.stat().st_mode & 0o777
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    with contextlib.suppress(OSError):  # file systems without permissions
        temporary.chmod(mode)


@functools.cache
def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_file(path: Path) -> None:
    with path.open("rb") as handle:
        # Windows flushes only what is open for writing; there the rename itself is ordered after the data.
        if os.name != "nt":
            os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename durable. Not every file system can; then it is as durable as that file system allows."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
