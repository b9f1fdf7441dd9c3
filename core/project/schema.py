"""The tables of a project file, and how files of earlier versions become files of this one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SqlValue = None | int | float | str | bytes
Key = tuple[int | str, ...]
"""Values of a table's key columns."""
Row = tuple[SqlValue, ...]
"""Values of its other columns."""

APPLICATION_ID: Final = 0x43505254  # "CPRT"
"""Stored in the file's header: tells a project from any other SQLite file."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the program sees it: a mapping from key columns to the other columns.

    Attributes:
        name: In the file.
        key: Primary key columns.
        columns: The other columns, in the order of a row.
        definition: Column definitions and constraints as SQL.
        options: What follows the closing parenthesis.
        indices: Columns with an index of their own.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    definition: str
    options: str = ""
    indices: tuple[str, ...] = ()

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Key columns, then the others."""
        return self.key + self.columns

    def kinds(self) -> tuple[tuple[type, ...], ...]:
        """Types that the values of `all_columns` may have. SQLite itself stores any value in any column."""
        found = [_declared(self.definition, column) for column in self.all_columns]
        return tuple((_TYPES[kind],) if always else (_TYPES[kind], type(None)) for kind, always in found)

    def declared(self) -> dict[str, str]:
        """The declared type of each column, as SQLite tells it."""
        return {column: _declared(self.definition, column)[0] for column in self.all_columns}


_TYPES: Final[dict[str, type]] = {"INTEGER": int, "TEXT": str, "BLOB": bytes, "REAL": float}


def _declared(definition: str, column: str) -> tuple[str, bool]:
    """The type of a column, and whether it always has a value."""
    found = re.search(rf"\b{column} (INTEGER|TEXT|BLOB|REAL)( NOT NULL| PRIMARY KEY)?", definition)
    if found is None:
        raise ValueError(f"{column} has no type")
    return found[1], bool(found[2])


# References are checked at the end of a transaction: a command's rows may be written in any order.
_IMAGE = "INTEGER NOT NULL REFERENCES images(id) DEFERRABLE INITIALLY DEFERRED"

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        Table(
            "settings",
            ("key",),
            ("value",),
            "key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL",
            "WITHOUT ROWID",
        ),
        Table(
            "counters",
            ("name",),
            ("value",),
            "name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL",
            "WITHOUT ROWID",
        ),
        Table(
            "roots",
            ("id",),
            ("relative", "absolute"),
            "id INTEGER PRIMARY KEY, relative TEXT NOT NULL, absolute TEXT NOT NULL",
        ),
        Table(
            "images",
            ("id",),
            ("name", "path", "root", "size_bytes", "sha256", "width", "height", "state", "doubt"),
            "id INTEGER PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL,"
            " root INTEGER NOT NULL REFERENCES roots(id) DEFERRABLE INITIALLY DEFERRED,"
            " size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,"
            " width INTEGER NOT NULL, height INTEGER NOT NULL, state TEXT NOT NULL, doubt REAL",
        ),
        Table(
            "parts",
            ("id",),
            ("name", "colour", "position", "locked", "visible"),
            "id INTEGER PRIMARY KEY, name TEXT NOT NULL, colour TEXT NOT NULL, position INTEGER NOT NULL,"
            " locked INTEGER NOT NULL, visible INTEGER NOT NULL",
        ),
        Table(
            "provenance",
            ("id",),
            ("job", "params", "model", "weights", "created"),
            "id INTEGER PRIMARY KEY, job TEXT NOT NULL, params TEXT NOT NULL, model TEXT NOT NULL,"
            " weights TEXT NOT NULL, created TEXT NOT NULL",
        ),
        Table(
            "label_maps",
            ("image",),
            ("height", "width", "provenance"),
            "image INTEGER PRIMARY KEY REFERENCES images(id) DEFERRABLE INITIALLY DEFERRED,"
            " height INTEGER NOT NULL, width INTEGER NOT NULL, provenance INTEGER NOT NULL",
        ),
        Table(
            "label_parts",
            ("image", "part"),
            ("state", "pixels"),
            f"image {_IMAGE}, part INTEGER NOT NULL REFERENCES parts(id) DEFERRABLE INITIALLY DEFERRED,"
            " state TEXT NOT NULL, pixels INTEGER NOT NULL, PRIMARY KEY (image, part)",
            "WITHOUT ROWID",
            ("part",),
        ),
        Table(
            "label_tiles",
            ("image", "tile"),
            ("data",),
            f"image {_IMAGE}, tile INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (image, tile)",
        ),
        Table(
            "touched_tiles",
            ("image", "tile"),
            ("data",),
            f"image {_IMAGE}, tile INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (image, tile)",
        ),
        Table(
            "skeletons",
            ("id",),
            ("definition",),
            "id INTEGER PRIMARY KEY, definition TEXT NOT NULL",
        ),
        Table(
            "keypoints",
            ("id",),
            ("image", "skeleton", "data", "box", "template", "provenance"),
            f"id INTEGER PRIMARY KEY, image {_IMAGE},"
            " skeleton INTEGER NOT NULL REFERENCES skeletons(id) DEFERRABLE INITIALLY DEFERRED,"
            " data BLOB NOT NULL, box TEXT NOT NULL, template INTEGER NOT NULL, provenance INTEGER NOT NULL",
            "",
            ("image", "skeleton"),
        ),
        Table(
            "matches",
            ("image_a", "image_b"),
            ("data", "provenance"),
            f"image_a {_IMAGE}, image_b {_IMAGE}, data BLOB NOT NULL, provenance INTEGER NOT NULL,"
            " PRIMARY KEY (image_a, image_b)",
            "",
            ("image_b",),
        ),
    )
}

MIGRATIONS: dict[int, str] = {}
"""SQL that takes a file from version n to n + 1, by n. An entry is never edited once released: a new version
adds one, and `TABLES` changes with it."""

SCHEMA_VERSION: int = 1
"""Kept in SQLite's `user_version`."""


def creation_script() -> list[str]:
    """The statements that make the tables of an empty project."""
    statements = []
    for table in TABLES.values():
        statements.append(f"CREATE TABLE {table.name} ({table.definition}) {table.options}".strip())
        statements.extend(
            f"CREATE INDEX {table.name}_by_{column} ON {table.name} ({column})" for column in table.indices
        )
    return statements
