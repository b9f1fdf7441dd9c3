"""A project's tables are those that this program makes, and nothing else: looked at before anything of them is read.

A file from elsewhere may hold triggers that drop what is written, views that never end in place of tables, or
constraints that take hours. SQLite would run all of it for an innocent statement.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final

from counterpart.core.errors import ProjectError, harmless
from counterpart.core.project import schema

_MOST: Final = 200
"""Tables and indices; a project has a tenth of it."""
_FOREIGN: Final = re.compile(
    r"\b(view|trigger|virtual|select|check|generated|as|collate|conflict|cascade|set|unique|strict)\b"
)
"""Words that no statement of ours has: they have SQLite compute, refuse or change something on its own."""
_OURS: Final = re.compile(r"create (table|index) ")


def check_tables(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse a file that holds anything but the tables of its version.

    Raises:
        ProjectError: It holds a view, a trigger, a virtual table, a constraint or a table of another program.
        sqlite3.DatabaseError: A table or a column is missing: the list of tables is damaged.
    """
    refuse_foreign(connection, path)
    current = int(connection.execute("PRAGMA user_version").fetchone()[0]) == schema.SCHEMA_VERSION
    statements = {_plain(statement) for statement in schema.creation_script()}
    once = set(re.findall(r"\w+", " ".join(schema.MIGRATIONS.values())))
    for kind, name, sql in _listed(connection):
        if kind == "table":
            known = name in schema.TABLES or name in once
        else:
            known = sql is None or not current or _plain(sql) in statements
        if not (known or name.startswith("sqlite_")) or (sql is not None and not _OURS.match(_plain(sql))):
            raise _foreign(kind, name, path)
    if current:  # the columns of earlier versions are brought up to date first
        for table in schema.TABLES.values():
            _check_columns(connection, table)


def tables_version(connection: sqlite3.Connection) -> int:
    """A number that changes with every change of the tables, whoever makes it."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def refuse_foreign(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse what no version of a project ever held, also in a file that is damaged.

    Raises:
        ProjectError: There is such a thing.
        sqlite3.Error: The list of tables cannot be read.
    """
    for number, (kind, name, sql) in enumerate(_listed(connection)):
        word = _FOREIGN.search(_plain(sql or ""))
        if word is not None or kind in ("view", "trigger") or number >= _MOST:
            raise _foreign(f"{kind} with {word[1]}" if word and word[1] != kind else kind, name, path)


def _listed(connection: sqlite3.Connection) -> list[tuple[str, str, str | None]]:
    found = connection.execute(f"SELECT type, name, sql FROM sqlite_master LIMIT {_MOST + 1}").fetchall()
    return [(str(kind), str(name), None if sql is None else str(sql)) for kind, name, sql in found]


def _plain(sql: str) -> str:
    return " ".join(sql.lower().split())


def _check_columns(connection: sqlite3.Connection, table: schema.Table) -> None:
    found = connection.execute(f"PRAGMA table_xinfo({table.name})").fetchall()
    columns = {str(name): (str(kind), hidden) for _, name, kind, _, _, _, hidden in found}
    keys = [str(row[1]) for row in sorted(found, key=lambda row: row[5]) if row[5]]
    if columns != {name: (kind, 0) for name, kind in table.declared().items()} or keys != list(table.key):
        error = sqlite3.DatabaseError(f"no such columns in the table {table.name}")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _foreign(what: str, name: str, path: Path | None) -> ProjectError:
    return ProjectError(
        f"the file holds what no project has, the {what} {harmless(name)!r}",
        path=path,
        hint="It was not changed. Restore a backup, or remove what another program has put there",
    )
