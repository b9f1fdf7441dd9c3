"""The project file: rows by key, written in whole transactions.

Rows that could not be written (a full disk, a folder that became read-only) stay in memory, are read from
there, and go into the file with the next transaction that succeeds. Nothing here knows what the rows mean;
that is `core.project.rows`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

from counterpart.core.errors import OutputError, ProjectError
from counterpart.core.project.lock import ProjectLock
from counterpart.core.project.overlay import Overlay
from counterpart.core.project.placing import identity, lock_target, open_error, place, resolved, why_not_writable
from counterpart.core.project.rowsql import describe, drop_orphans, readable, sound, upsert, write_rows
from counterpart.core.project.schema import TABLES, Key, Row, SqlValue, Table
from counterpart.core.project.sqlite import (
    READ_FAILURES,
    RUINED,
    build,
    check_header,
    clear_leftovers,
    connect,
    disk_refuses,
    fold,
    is_damage,
    migrate,
    read_errors,
    save_error,
)
from counterpart.core.project.tablecheck import check_tables, tables_version
from counterpart.core.temporaries import sweep

Rows = Mapping[tuple[str, Key], Row | None]
"""New rows by table and key; None deletes."""

CHECK_BYTES = 64 * 1024 * 1024
"""Files up to this size are looked through for damage when they are opened; that takes well under a second."""


class Reader(Protocol):
    """Whatever rows can be read from: the store, or a change in the making."""

    def get(self, table: str, key: Key) -> Row | None:
        """A row, or None where there is none."""

    def find(self, table: str, column: str, value: int | str) -> dict[Key, Row]:
        """The rows with a value in a key or indexed column."""


class Store:
    """An open project file, or one in memory that has no file yet. Made by `create` and `open`; use from one thread.

    Attributes:
        path: The file, None in memory.
        read_only: Whether rows can be written at all.
        why_read_only: The reason, for a person; empty when it can be written.
        problems: What of a damaged file could not be read, in words.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path | None, lock: ProjectLock | None, why_read_only: str = ""
    ) -> None:
        self.path = path
        self.why_read_only = why_read_only
        self.problems: list[str] = []
        self._connection = connection
        self._lock = lock
        self._pending = {name: Overlay(table) for name, table in TABLES.items()}
        self._identity = identity(path)
        self._tables = tables_version(connection)

    def check_writable(self) -> None:
        """Refuse, with what to do, where rows cannot be written.

        Raises:
            OutputError: The project is read-only.
        """
        if self.read_only:
            raise OutputError(
                f"the project is read-only: {self.why_read_only}",
                path=self.path,
                hint="Save it under another name to work on it",
            )

    @property
    def read_only(self) -> bool:
        """Whether rows can be written at all."""
        return bool(self.why_read_only)

    # Opening and closing

    @classmethod
    def create(cls, path: str | Path | None, *, overwrite: bool = False) -> Store:
        """Make an empty project, in a new file or, for None, in memory.

        Raises:
            OutputError: The file exists already, is open elsewhere, or cannot be made.
        """
        if path is None:
            connection = connect(None, read_only=False)
            build(connection)
            return cls(connection, None, None)
        target = resolved(path)
        lock = lock_target(target, overwrite=overwrite)
        try:
            place(target)
            return cls(connect(target, read_only=False), target, lock)
        except sqlite3.Error as error:
            lock.release()
            raise save_error(error, target) from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = False) -> Store:
        """Open a project. Where it cannot be written it opens read-only and says why.

        Raises:
            ProjectError: Not there, not a project, of a later version, or damaged past reading.
        """
        target = resolved(path)
        check_header(target)
        lock = ProjectLock(target)
        why = "it was opened to be looked at" if read_only else why_not_writable(target, lock)
        try:
            try:
                return cls._opened(target, lock, why)
            except READ_FAILURES as error:
                if is_damage(error):
                    return cls._opened(target, lock, "the file is damaged", damaged=True)
                if why or not (isinstance(error, sqlite3.Error) and disk_refuses(error)):
                    raise
                lock.release()
                return cls._opened(target, lock, "its disk is full, or takes nothing that is written")
        except BaseException as error:
            lock.release()
            if isinstance(error, READ_FAILURES):
                raise open_error(error, target) from error
            raise

    @classmethod
    def _opened(cls, target: Path, lock: ProjectLock, why: str, *, damaged: bool = False) -> Store:
        if not why:
            clear_leftovers(target)
        connection = connect(target, read_only=bool(why), damaged=damaged)
        try:
            if not why:
                migrate(connection, target)
            elif not damaged:
                connection.execute("SELECT count(*) FROM settings").fetchone()
            store = cls(connection, target, lock if lock.held else None, why)
            store.check()
            if damaged:
                store._refuse_ruins()
            if not why:
                sweep(target.parent)
                store.fold()
        except BaseException:
            connection.close()
            raise
        return store

    def _refuse_ruins(self) -> None:
        """Raise a `sqlite3.DatabaseError` for a damaged file that has nothing left to show."""
        if not any(next(readable(self._connection, TABLES[name], []), None) for name in ("images", "parts")):
            raise sqlite3.DatabaseError(RUINED)

    def close(self) -> None:
        """Close the file and let others write it. Rows that could not be saved are lost; check `unsaved` first."""
        self.fold()
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def give_up_writing(self, why: str) -> None:
        """Turn read-only: the file is damaged, and what is left of it must not be written over."""
        self.why_read_only = why

    def check(self, limit: int = CHECK_BYTES) -> None:
        """Look for damage in the structure of a file of up to `limit` bytes, and turn read-only if there is any.

        Larger files are not looked through: damage there shows when it is read.
        """
        if self.path is None or self.path.stat().st_size > limit:
            return
        try:
            found = str(self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        except READ_FAILURES as error:
            if not is_damage(error):
                raise
            found = str(error)
        if found != "ok":
            self.problems.append(f"the file's structure is damaged ({' '.join(found.split())})")
            self.give_up_writing("the file is damaged")

    # Reading

    def get(self, table: str, key: Key) -> Row | None:
        """A row, or None where there is none.

        Raises:
            ProjectError: The file is damaged there.
        """
        pending = self._pending[table]
        if key in pending:
            return pending[key]
        spec = TABLES[table]
        where = " AND ".join(f"{column} = ?" for column in spec.key)
        with self._reading(describe(table, key)):
            found = self._connection.execute(f"SELECT {', '.join(spec.all_columns)} FROM {table} WHERE {where}", key)
            row = next(sound(spec, found), None)
        return None if row is None else row[len(spec.key) :]

    def find(self, table: str, column: str, value: int | str) -> dict[Key, Row]:
        """The rows with a value in a key or indexed column, by key.

        Raises:
            ProjectError: The file is damaged there.
        """
        spec = TABLES[table]
        with self._reading(describe(table, (value,))):
            found = self._connection.execute(
                f"SELECT {', '.join(spec.all_columns)} FROM {table} WHERE {column} = ?", (value,)
            )
            rows = _by_key(spec, sound(spec, found))
        return self._pending[table].over(rows, column, value)

    def all(self, table: str) -> dict[Key, Row]:
        """Every row of a table that is small or wanted whole, by key.

        Raises:
            ProjectError: The file is damaged there.
        """
        spec = TABLES[table]
        with self._reading(describe(table, ())):
            found = self._connection.execute(f"SELECT {', '.join(spec.all_columns)} FROM {table}")
            rows = _by_key(spec, sound(spec, found))
        for key, row in self._pending[table].items():
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        return rows

    def last_id(self, table: str) -> int:
        """The largest identifier in a table whose key is one; 0 for none.

        Raises:
            ProjectError: The file is damaged there.
        """
        with self._reading(describe(table, ())):
            found = self._connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
        return found if isinstance(found, int) else 0

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turn SQLite's errors into a `ProjectError`; a file that proves damaged is not written to any more.

        Its structure is broken somewhere: what is written next might land on pages that could still be read.
        """
        try:
            with read_errors(self.path, what):
                yield
        except ProjectError as error:
            if isinstance(error.__cause__, READ_FAILURES) and is_damage(error.__cause__):
                self.problems.append(f"{what} could not be read")
                self.give_up_writing("the file is damaged")
            raise

    def salvage(self, table: str) -> dict[Key, Row]:
        """Every row of a table that can still be read, for a damaged file; what cannot be goes into `problems`."""
        spec = TABLES[table]
        rows = _by_key(spec, readable(self._connection, spec, self.problems))
        rows.update({key: row for key, row in self._pending[table].items() if row is not None})
        return rows

    # Writing

    @property
    def unsaved(self) -> bool:
        """Whether there are rows in memory that are not in the file."""
        return self.path is not None and any(len(pending) for pending in self._pending.values())

    def put(self, rows: Rows) -> None:
        """Take new rows. They are read back from now on; `save` writes them."""
        for (table, key), row in rows.items():
            self._pending[table][key] = row

    def save(self) -> None:
        """Write everything taken since the last success, in one transaction.

        After it returns, a killed process or a power cut loses none of it.

        Raises:
            OutputError, ProjectError: It could not be written. The file is as it was, the rows stay here.
        """
        if not any(len(pending) for pending in self._pending.values()):
            return
        self.check_writable()
        if self._identity != identity(self.path):
            raise OutputError(
                "the project file was moved, replaced or deleted by another program",
                path=self.path,
                hint="Save under another name; your work is kept until then",
            )
        try:
            write_rows(self._connection, self._pending, self._check_tables)
        except sqlite3.Error as error:
            raise save_error(error, self.path) from error
        for pending in self._pending.values():
            pending.clear()

    def _check_tables(self) -> None:
        """Look at the tables again where another program has changed them since: a trigger may drop what is written."""
        now = tables_version(self._connection)
        if now != self._tables:
            check_tables(self._connection, self.path)
            self._tables = now

    def fold(self) -> bool:
        """Put what SQLite keeps in a log beside the file into it: a copy of the file alone has everything then.

        Returns:
            Whether that is so now: not while another process reads the log, or on a full disk.
        """
        if self.path is None or self.read_only:
            return True
        try:
            return fold(self._connection)
        except sqlite3.Error:  # nothing is lost: the log stays, and saving says what is wrong with the disk
            return False

    def save_as(self, path: str | Path, rows: Rows | None = None, *, overwrite: bool = False) -> None:
        """Write everything into a new file and go on with that one. A damaged file gives what can be read of it.

        Args:
            path: The new file.
            rows: What is to be otherwise there.
            overwrite: Replace a file that is there.

        Raises:
            OutputError: The file exists already, is open elsewhere, or cannot be made. This store is as it
                was.
        """
        target = resolved(path)
        again = self.path is not None and target == self.path
        if again and self._identity == identity(self.path):
            self.save()
            return
        if again and self._lock is not None:  # our own file is gone from under us, the lock is still ours
            self._lock.release()
        lock = lock_target(target, overwrite=overwrite)
        try:
            place(target, lambda connection: self._copy_into(connection, rows or {}))
            connection = connect(target, read_only=False)
        except sqlite3.Error as error:
            lock.release()
            raise save_error(error, target) from error
        except BaseException:
            lock.release()
            raise
        self.close()
        self.path, self._connection, self._lock, self._identity = target, connection, lock, identity(target)
        self._tables = tables_version(connection)
        self.why_read_only = ""
        for pending in self._pending.values():
            pending.clear()

    def _copy_into(self, target: sqlite3.Connection, rows: Rows) -> None:
        target.execute("PRAGMA foreign_keys = OFF")
        target.execute("BEGIN")
        for spec in TABLES.values():
            target.executemany(upsert(spec), readable(self._connection, spec, self.problems))
        target.execute("COMMIT")
        write_rows(target, self._pending)
        others = {name: Overlay(table) for name, table in TABLES.items()}
        for (table, key), row in rows.items():
            others[table][key] = row
        write_rows(target, others)
        drop_orphans(target)


def _by_key(spec: Table, found: Iterable[tuple[SqlValue, ...]]) -> dict[Key, Row]:
    width = len(spec.key)
    return {cast("Key", row[:width]): row[width:] for row in found}
