"""Writing files so that nobody ever sees half of one.

A file is written beside its target under another name, flushed to the disk and renamed into place. A folder
is filled beside its target and moved into place when it is complete. Whatever goes wrong (no permission, a
full disk, something in the way) is an `OutputError` that says which file and what to do, and leaves the
target as it was. Nothing is written or removed through a link: a link that has the name of a file to be written is
itself replaced, and a link inside of a folder ends an export before anything is moved.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import json
import os
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from counterpart.core import temporaries
from counterpart.core.errors import OutputError
from counterpart.core.wording import is_text

MANIFEST = ".counterpart-export.json"
"""Lists the files that an export wrote into a folder: the next export replaces those, and no others."""

_MANIFEST_BYTES = 64 * 1024 * 1024

NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
"""Codes of errors that mean that the person may not write there."""
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IN_THE_WAY = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY}


def output_error(error: OSError, path: str | Path) -> OutputError:
    """What an operating system's error while writing means for a person."""
    code = error.errno
    if code in NO_PERMISSION:
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
        path: The target; an existing file is replaced, its group and permissions kept. A new file has the usual ones.
        mode: `"wb"` or `"w"`.
        encoding: Of text.

    Raises:
        OutputError: No permission, no space, something in the way. The target is as it was before.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        with output_errors(target):
            _check_place(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            number, temporary = temporaries.make_file(target.parent)
            text = "b" not in mode
            handle = os.fdopen(
                number, mode, encoding=(encoding or "utf-8") if text else None, newline="\n" if text else None
            )
        with _errors_of_writing(target, temporary), handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        with output_errors(target):
            keep_permissions(temporary, target)
            temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        if temporary is not None:
            temporaries.discard(temporary)


def _check_place(target: Path) -> None:
    """Raise an `OSError` or `OutputError` where no file may be put: at a folder, a device or pipe, or a link to one."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    special = target.is_symlink() and os.fspath(target.readlink()).startswith(("/dev/", "/proc/"))
    if special or (target.exists() and not target.is_file()):
        raise OutputError("this is a device or a pipe, not a file", path=target, hint="Choose another name")


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
    """Write a value as JSON atomically; NaN is refused, as other programs cannot read it.

    Text is written as it is. Where it cannot be, as the path of a folder whose name is in an unknown encoding, all that
    is not ASCII is written as escapes.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    if not is_text(text):
        text = json.dumps(value, allow_nan=False, indent=indent, separators=separators)
    write_text(path, text + "\n")


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
            temporary = temporaries.make_folder(target.parent)
            filling = temporary / temporaries.NEW
            filling.mkdir()
        with _errors_of_writing(target, temporary):
            yield filling
        with output_errors(target):
            files = _relative_files(filling)
            for name in files:
                _sync_file(filling / name)
            _write_manifest(filling / MANIFEST, files)
            _move_in(filling, target, files)
            _sync_folder(target.parent)
    finally:
        if temporary is not None:
            temporaries.discard(temporary)


def _write_manifest(path: Path, files: list[str]) -> None:
    path.write_text(json.dumps({"files": files}, ensure_ascii=False), encoding="utf-8")
    _sync_file(path)


def _move_in(source: Path, target: Path, files: list[str]) -> None:
    """Put a complete folder in its place: at once where there is nothing else, file by file where there is."""
    if target.is_dir() and not target.is_symlink() and not any(target.iterdir()):
        target.rmdir()
    if not os.path.lexists(target):
        source.replace(target)
        return
    owned = _owned_files(target)
    if _holds_only(target, owned) and _exchange(source, target):
        return
    for name in [*files, MANIFEST]:
        place = target / name
        obstacle = _obstacle(place, target)
        if obstacle is not None or (os.path.lexists(place) and name not in owned):
            raise OutputError(
                "this was not written by an export and would be overwritten",
                path=obstacle or place,
                hint="Choose an empty folder or move it away",
            )
    # A process that is killed from here on leaves files of both exports: the next one knows all of them as its own.
    _write_manifest(source.parent / MANIFEST, sorted({*owned, *files} - {MANIFEST}))
    (source.parent / MANIFEST).replace(target / MANIFEST)
    for name in files:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(place)
    written = {_folded(name): target / name for name in files}
    for name in owned - {*files, MANIFEST}:
        place, same = target / name, written.get(_folded(name))
        if same is not None and place.exists() and same.samefile(place):
            continue  # to this disk the old name and the new one are the same
        place.unlink(missing_ok=True)
        _remove_empty_folders(place, target)
    (source / MANIFEST).replace(target / MANIFEST)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _obstacle(place: Path, root: Path) -> Path | None:
    """The first link, or whatever else is no folder, on the way from a folder to a place in it; None for a free way."""
    for above in list(place.relative_to(root).parents)[-2::-1]:
        with contextlib.suppress(FileNotFoundError):
            found = (root / above).lstat()
            junction = getattr(found, "st_reparse_tag", 0) == 0xA0000003  # a folder of Windows that lies elsewhere
            if junction or not stat.S_ISDIR(found.st_mode):
                return root / above
    return None


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
        keep_permissions(new, old)
        exchange = _exchange_names()
        if exchange is not None and exchange(os.fsencode(new.absolute()), os.fsencode(old.absolute())) == 0:
            return True
        aside = new.with_name(temporaries.OLD)
        new.with_name(temporaries.NAME).write_text(old.name, encoding="utf-8")
        old.rename(aside)
        try:
            new.rename(old)
        except OSError:
            aside.rename(old)
            raise
        return True
    return False


@functools.cache
def _exchange_names() -> Callable[[bytes, bytes], int] | None:
    """The system's call that exchanges two names in one step and gives 0; None where there is none."""
    name = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform, "")
    try:
        call: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):  # an old or another C library
        return None
    if name == "renameat2":
        return lambda a, b: call(-100, a, -100, b, 2)  # -100: paths from the root, 2: exchange
    return lambda a, b: call(a, b, 2)


def _owned_files(folder: Path) -> set[str]:
    """Files that an earlier export wrote, from its manifest, and the manifest; none where there is no manifest.

    A manifest comes from a folder that anybody may have edited: what it names is believed only of ordinary files that
    are reached without a link.
    """
    path = folder / MANIFEST
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return set()
        text = path.read_text(encoding="utf-8") if found.st_size <= _MANIFEST_BYTES else ""
        names = [str(name) for name in json.loads(text)["files"]]
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        names = []
    return {MANIFEST, *(name for name in names if _is_plain_file(name, folder))}


def _is_plain_file(name: str, folder: Path) -> bool:
    path = Path(name)
    if path.is_absolute() or path.drive or ".." in path.parts or path.as_posix() != name or not path.name:
        return False
    try:
        return _obstacle(folder / name, folder) is None and stat.S_ISREG((folder / name).lstat().st_mode)
    except (OSError, ValueError):
        return False


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


def keep_permissions(new: Path, old: Path) -> None:
    """Give a new file or folder the group and permissions of the one that it replaces, if there is one."""
    with contextlib.suppress(OSError):  # nothing to replace, or a file system without permissions
        found = old.lstat()
        if stat.S_ISLNK(found.st_mode):
            return
        if sys.platform != "win32" and found.st_gid != new.lstat().st_gid:
            with contextlib.suppress(OSError):  # a group that the person is not in
                os.chown(new, -1, found.st_gid)
        new.chmod(stat.S_IMODE(found.st_mode) & (0o2777 if stat.S_ISDIR(found.st_mode) else 0o777))


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
