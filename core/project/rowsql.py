"""Statements over the project's tables: write rows, read what a damaged file still gives."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from counterpart.core.project.overlay import Overlay
from counterpart.core.project.schema import TABLES, SqlValue, Table
from counterpart.core.project.sqlite import READ_FAILURES, is_damage


def write_rows(
    connection: sqlite3.Connection, pending: Mapping[str, Overlay], check: Callable[[], None] | None = None
) -> None:
    """Write rows in one transaction: all or none. What `check` raises inside of it ends it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if check is not None:
            check()
        for name, rows in pending.items():
            spec = TABLES[name]
            where = " AND ".join(f"{column} = ?" for column in spec.key)
            gone = [key for key, row in rows.items() if row is None]
            if gone:
                connection.executemany(f"DELETE FROM {name} WHERE {where}", gone)
            new = [(*key, *row) for key, row in rows.items() if row is not None]
            if new:
                connection.executemany(upsert(spec), new)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def upsert(spec: Table) -> str:
    # Not INSERT OR REPLACE: that deletes the row first, and with it what refers to it.
    columns = spec.all_columns
    update = ", ".join(f"{column} = excluded.{column}" for column in spec.columns)
    return (
        f"INSERT INTO {spec.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        f" ON CONFLICT ({', '.join(spec.key)}) DO UPDATE SET {update}"
    )


def sound(spec: Table, rows: Iterable[tuple[SqlValue, ...]]) -> Iterator[tuple[SqlValue, ...]]:
    """Rows with their keys, passed on while their values are of the types that were written.

    Raises:
        sqlite3.DatabaseError: One is not: a damaged page can make SQLite take other bytes for a row.
    """
    signatures = _signatures(spec.name)
    for row in rows:
        if tuple(map(type, row)) not in signatures:
            error = sqlite3.DatabaseError(f"a row of {spec.name} has values of the wrong type")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        yield row


@functools.cache
def _signatures(table: str) -> frozenset[tuple[type, ...]]:
    return frozenset(itertools.product(*TABLES[table].kinds()))


def drop_orphans(connection: sqlite3.Connection) -> None:
    """Remove rows that refer to something that a damaged file has lost."""
    for name, spec in TABLES.items():
        for reference in connection.execute(f"PRAGMA foreign_key_list({name})").fetchall():
            parent, column, parent_column = reference[2], reference[3], reference[4]
            connection.execute(f"DELETE FROM {spec.name} WHERE {column} NOT IN (SELECT {parent_column} FROM {parent})")


def readable(connection: sqlite3.Connection, spec: Table, problems: list[str]) -> Iterator[tuple[SqlValue, ...]]:
    """Rows with their keys, in key order, going on past what cannot be read and noting it in `problems`."""
    usual, connection.text_factory = connection.text_factory, _lenient_text
    try:
        yield from _readable(connection, spec, problems)
    finally:
        connection.text_factory = usual


def _lenient_text(data: bytes) -> str | bytes:
    """Text that is none stays bytes, which costs its row; SQLite's own decoding would cost all rows that follow."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _readable(connection: sqlite3.Connection, spec: Table, problems: list[str]) -> Iterator[tuple[SqlValue, ...]]:
    columns, keys = ", ".join(spec.all_columns), ", ".join(spec.key)
    signatures = _signatures(spec.name)
    after: tuple[SqlValue, ...] | None = None
    while True:
        sql = f"SELECT {columns} FROM {spec.name}"
        if after is not None:
            sql += f" WHERE ({keys}) > ({_marks(spec.key)})"
        try:
            for row in connection.execute(f"{sql} ORDER BY {keys}", after or ()):
                if tuple(map(type, row)) in signatures:
                    yield row
                else:
                    _note(problems, f"{describe(spec.name, row[: len(spec.key)])} could not be read")
                after = row[: len(spec.key)]
        except READ_FAILURES as error:
            if not is_damage(error):
                raise
            _note(problems, f"{describe(spec.name, after or ())} and what follows could not be read")
            after = _past_damage(connection, spec, after)
            if after is None:
                return
        else:
            return


def _note(problems: list[str], problem: str) -> None:
    if problem not in problems:
        problems.append(problem)


def _past_damage(
    connection: sqlite3.Connection, spec: Table, after: tuple[SqlValue, ...] | None
) -> tuple[SqlValue, ...] | None:
    """A key beyond the damaged rows that follow `after`, where reading may go on; None to give the table up."""
    start = after[0] if after else 0
    if not isinstance(start, int):
        return None
    keys = ", ".join(spec.key)
    sql = f"SELECT {', '.join(spec.all_columns)} FROM {spec.name} WHERE ({keys}) > ({_marks(spec.key)})"
    for step in (1 << power for power in range(24)):
        probe = (start + step, *([-1] * (len(spec.key) - 1)))
        with contextlib.suppress(*READ_FAILURES):
            row = connection.execute(f"{sql} ORDER BY {keys} LIMIT 1", probe).fetchone()
            return None if row is None else probe
    return None


def _marks(columns: tuple[str, ...]) -> str:
    return ", ".join("?" * len(columns))


_NOUNS: Final = {
    "images": "the list of images",
    "parts": "the list of parts",
    "label_maps": "the labels",
    "label_parts": "the labels",
    "label_tiles": "the labels",
    "touched_tiles": "the record of what was painted",
    "keypoints": "the keypoints",
    "matches": "the matches",
}


def describe(table: str, key: tuple[object, ...]) -> str:
    """A table, and the row in it, in words."""
    noun = _NOUNS.get(table, f"the table of {table}")
    return f"{noun} ({', '.join(str(part) for part in key)})" if key else noun
