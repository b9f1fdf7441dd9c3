"""SQLite as the project uses it: connections with the right settings, errors in words, a check before opening."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from counterpart.core.errors import CounterpartError, OutputError, ProjectError
from counterpart.core.project import schema
from counterpart.core.project.tablecheck import check_tables, refuse_foreign

_MAGIC: Final = b"SQLite format 3\0"
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG}
RUINED: Final = "nothing of it can be read"
_DAMAGED_SCHEMA = (RUINED, "no such table", "no such column", "malformed database schema", "Could not decode to UTF-8")
"""Beginnings of messages: the statements are our own, so it is the file that has other tables or no text in them."""
_NO_PERMISSION = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
_SIDECARS: Final = ("-wal", "-shm", "-journal")
_LONGEST: Final = 128 * 1024 * 1024
"""Bytes of a value; far beyond what a project holds in one place."""
_WAIT_MS: Final = 5000
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def connect(path: Path | None, *, read_only: bool, damaged: bool = False) -> sqlite3.Connection:
    """Open a database that exists, or one in memory for None, with the settings that hold everywhere.

    Writing flushes every transaction to the disk before it counts as saved, so that a power cut loses none.

    Args:
        path: The file.
        read_only: Never write to it.
        damaged: Read what can be read of a file that is cut off or whose list of tables is broken; read-only.

    Raises:
        ProjectError: It holds what no project has.
        sqlite3.Error: It cannot be opened.
    """
    if path is None:
        return _connected(None, ":memory:", read_only=read_only)
    place = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    try:
        return _connected(path, place, read_only=read_only, damaged=damaged)
    except sqlite3.Error as error:
        kept_out = _primary(error) in _NO_PERMISSION or disk_refuses(error)
        if not (read_only and kept_out) or _has_log(path):
            raise
        # SQLite cannot make its own files beside it, in a write-protected folder or on a full disk: it reads without.
        return _connected(path, f"{place}&immutable=1", read_only=True, damaged=damaged)


def _has_log(path: Path) -> bool:
    log = _sidecar(path, "-wal")
    return log.exists() and log.stat().st_size > 0


def _connected(path: Path | None, place: str, *, read_only: bool, damaged: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(place, uri=path is not None, isolation_level=None, timeout=_WAIT_MS / 1000)
    try:
        _distrust(connection, damaged=damaged)
        if damaged:
            connection.execute("PRAGMA writable_schema = ON")  # SQLite's way to go on past such damage
            refuse_foreign(connection, path)
        elif path is not None:
            check_tables(connection, path)
        if path is not None and not read_only:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -32768")
    except BaseException:
        connection.close()
        raise
    return connection


def _distrust(connection: sqlite3.Connection, *, damaged: bool) -> None:
    """Have SQLite take the file for one that anybody may have made."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if sys.version_info >= (3, 12) and not damaged:  # it forbids what reading past damage needs
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE)


def build(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty project."""
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("BEGIN")
    for statement in schema.creation_script():
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
    connection.execute("COMMIT")


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file of an earlier version to this one, in one transaction.

    Raises:
        ProjectError: The file is of a later version, there is no way from its version to this one, or a statement
            failed; the file is as it was.
        sqlite3.Error: It is damaged.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    refuse_version(version, path)
    if version == schema.SCHEMA_VERSION:
        return
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, schema.SCHEMA_VERSION):
            for statement in schema.MIGRATIONS[step].split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException as error:
        connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise ProjectError(
                f"the project of format {version} could not be brought up to date ({error})",
                path=path,
                hint="It was not changed; free some space and try again, or restore a backup",
            ) from error
        raise
    connection.execute("PRAGMA foreign_keys = ON")


def check_header(path: Path) -> None:
    """Refuse what is not a project before SQLite touches it: that takes an empty file for an empty database.

    Raises:
        ProjectError: No such file, not a project, damaged at its start, or made by a later version.
    """
    try:
        _refuse_special(path)
        with path.open("rb") as handle:
            header = handle.read(100)
    except FileNotFoundError:
        raise ProjectError("there is no such project", path=path, hint="Check the path") from None
    except IsADirectoryError:
        raise ProjectError("this is a folder, not a project", path=path, hint="Choose a .counterpart file") from None
    except OSError as error:
        raise ProjectError(
            f"the project cannot be read ({error.strerror})", path=path, hint="Check its name and its permissions"
        ) from None
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise ProjectError(
            "this is not a project, or its beginning is damaged", path=path, hint="Restore it from a backup"
        )
    version, application = struct.unpack_from(">I", header, 60)[0], struct.unpack_from(">I", header, 68)[0]
    if application != schema.APPLICATION_ID:
        raise ProjectError("this is a database of another program", path=path, hint="Choose a .counterpart file")
    refuse_version(version, path)


def _refuse_special(path: Path) -> None:
    """Refuse devices and pipes, which never end or wait for ever, and links under the names that SQLite writes to."""
    if not path.is_file() and path.exists() and not path.is_dir():
        raise ProjectError("this is a device or a pipe, not a project", path=path, hint="Choose a .counterpart file")
    for beside in (_sidecar(path, suffix) for suffix in _SIDECARS):
        if os.path.lexists(beside) and not stat.S_ISREG(beside.lstat().st_mode):
            raise ProjectError(
                "this has the name of what SQLite keeps beside a project, and is something else",
                path=beside,
                hint="Move it away",
            )


def refuse_version(version: int, path: Path) -> None:
    """Raise a `ProjectError` for a schema version that this program cannot read or migrate."""
    if version > schema.SCHEMA_VERSION:
        raise ProjectError(
            f"the project was made by a later version of the program (format {version}, this one reads"
            f" {schema.SCHEMA_VERSION})",
            path=path,
            hint="Update the program; the file was not changed",
        )
    if any(step not in schema.MIGRATIONS for step in range(version, schema.SCHEMA_VERSION)):
        raise ProjectError(f"the project's format {version} is unknown", path=path, hint="Restore it from a backup")


READ_FAILURES: Final = (sqlite3.Error, OverflowError, UnicodeDecodeError)
"""What reading raises. The last even where SQLite quotes broken text in a message of its own."""


def is_damage(error: Exception) -> bool:
    """Whether an error means that the file's contents are broken."""
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, READ_FAILURES)
    return _primary(error) in _DAMAGE or str(error).startswith(_DAMAGED_SCHEMA)


@contextlib.contextmanager
def read_errors(path: Path | None, what: str) -> Iterator[None]:
    """Turn SQLite's errors while reading `what` into a `ProjectError`."""
    try:
        yield
    except READ_FAILURES as error:
        if not is_damage(error):
            raise ProjectError(
                f"{what} could not be read ({error})", path=path, hint="Open the project again"
            ) from error
        raise ProjectError(
            f"{what} cannot be read: this part of the project file is damaged",
            path=path,
            hint="The file is left as it is; restore a backup, or save what can be read under another name",
        ) from error


def disk_refuses(error: sqlite3.Error) -> bool:
    """Whether an error means that the disk took or gave nothing."""
    return _primary(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def save_error(error: sqlite3.Error, path: Path | None) -> CounterpartError:
    """What an error while saving means for a person."""
    code = _primary(error)
    if code == sqlite3.SQLITE_FULL:
        return OutputError("the disk is full", path=path, hint="Free some space; your work is kept and saved then")
    if code == sqlite3.SQLITE_IOERR:
        return OutputError(
            "the disk did not take what was written",
            path=path,
            hint="It may be full, limited or gone; your work is kept and saved when it can be",
        )
    if code in _NO_PERMISSION:
        return OutputError(
            "there is no permission to write the project",
            path=path,
            hint="Change its permissions or save it under another name; your work is kept until then",
        )
    if code in _BUSY:
        return OutputError(
            "another program holds the project", path=path, hint="Close it; your work is kept until then"
        )
    if code in _DAMAGE:
        return ProjectError(
            "the project file is damaged and cannot take more work",
            path=path,
            hint="Save under another name: what can be read and your unsaved work go there",
        )
    return OutputError(f"the project could not be saved ({error})", path=path, hint="Save it under another name")


def fold(connection: sqlite3.Connection) -> bool:
    """Write the log into the file and empty it; False where a reader is in the way, who is not waited for.

    Raises:
        sqlite3.Error: It could not be written.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")


def settle(path: Path) -> None:
    """Fold what SQLite keeps beside a file into it, before the file is replaced by another.

    Leftovers of the old file would otherwise lie beside the new one and be taken for its own.
    """
    log = _sidecar(path, "-wal")
    if path.exists() and log.exists() and not log.is_symlink():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _remove_sidecars(path)


def clear_leftovers(path: Path) -> None:
    """Remove the empty log of a colleague who looked at the project: the holder of the lock may be unable to write it.

    SQLite leaves one beside a project that the reader cannot write, and it belongs to that reader.
    """
    beside = [each for each in (_sidecar(path, suffix) for suffix in _SIDECARS[:2]) if each.exists()]
    if not _has_log(path) and not all(os.access(each, os.W_OK) for each in beside):
        with contextlib.suppress(OSError):
            _remove_sidecars(path)


def remove_project(path: Path) -> None:
    """Remove a project that is closed, with what SQLite left beside it; as far as that is allowed."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        _remove_sidecars(path)


def _remove_sidecars(path: Path) -> None:
    for suffix in _SIDECARS:
        _sidecar(path, suffix).unlink(missing_ok=True)


def _sidecar(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code; a generic error where Python raised without one."""
    code = getattr(error, "sqlite_errorcode", None)
    return sqlite3.SQLITE_ERROR if code is None else int(code) & 0xFF
