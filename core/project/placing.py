"""Making a project file and taking possession of it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from counterpart.core import temporaries
from counterpart.core.errors import OutputError, ProjectError
from counterpart.core.files import NO_PERMISSION, keep_permissions, output_errors
from counterpart.core.project.lock import ProjectLock
from counterpart.core.project.sqlite import build, disk_refuses, is_damage, settle


def resolved(path: str | Path) -> Path:
    """The file itself where a path leads through links.

    Raises:
        ProjectError: No file can have such a name, or the links lead in a circle.
    """
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        shown = str(path).replace("\0", "?")
        raise ProjectError(f"no file can be there ({error})", path=shown, hint="Choose another name") from error


def place(target: Path, fill: Callable[[sqlite3.Connection], None] | None = None) -> None:
    """Build a database beside `target` and rename it into place when it is whole."""
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        number, temporary = temporaries.make_file(target.parent)
        os.close(number)
    try:
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            build(connection)
            if fill is not None:
                fill(connection)
        with output_errors(target):
            keep_permissions(temporary, target)
            settle(target)
            temporary.replace(target)
    finally:
        temporaries.discard(temporary)


def lock_target(target: Path, *, overwrite: bool) -> ProjectLock:
    """The lock of a file that is about to be made.

    Raises:
        OutputError: It exists already, is open elsewhere, or its folder is read-only.
    """
    lock = ProjectLock(target)
    with output_errors(target):
        if target.is_dir() or (target.exists() and not (overwrite and target.is_file())):
            raise OutputError("there is a file or folder of that name", path=target, hint="Choose another name")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not lock.acquire():
            raise OutputError(
                f"that project is open ({lock.holder()})", path=target, hint="Close it or choose another name"
            )
    return lock


def why_not_writable(target: Path, lock: ProjectLock) -> str:
    """Take the lock; why the project can only be looked at, or an empty string when it can be written."""
    if not os.access(target, os.W_OK):
        return "there is no permission to write the file"
    try:
        if not lock.acquire():
            return f"it is open in another window ({lock.holder()})"
    except OutputError as error:
        return f"{error.path} has the name of its lock and is something else: move it away"
    except OSError as error:
        if error.errno in NO_PERMISSION:
            return "there is no permission to write in its folder"
        return f"its lock cannot be made beside it ({error.strerror})"
    return ""


def open_error(error: Exception, path: Path) -> ProjectError:
    """What an error while opening means for a person."""
    if is_damage(error):
        return ProjectError(
            "the project is damaged and cannot be opened", path=path, hint="It was not changed; restore a backup"
        )
    full = isinstance(error, sqlite3.Error) and disk_refuses(error)
    hint = "Its disk may be full or gone: free some space" if full else "Close other programs that use it"
    return ProjectError(f"the project cannot be opened ({error})", path=path, hint=hint)


def identity(path: Path | None) -> tuple[int, int] | None:
    """What tells a file from another that took its name."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
