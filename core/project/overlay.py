"""Rows that are newer than those beneath them: a change in the making, or what the file could not take yet."""

from __future__ import annotations

from collections.abc import Iterator

from counterpart.core.project.schema import Key, Row, Table


class Overlay:
    """New rows of one table by key; None deletes. Finding those of one image takes no look at the others.

    Args:
        table: The table.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows: dict[Key, Row | None] = {}
        self._by_first: dict[int | str, dict[Key, None]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def __getitem__(self, key: Key) -> Row | None:
        return self._rows[key]

    def __setitem__(self, key: Key, row: Row | None) -> None:
        if key not in self._rows:
            self._by_first.setdefault(key[0], {})[key] = None
        self._rows[key] = row

    def get(self, key: Key) -> Row | None:
        """The row, None where it is deleted or not here."""
        return self._rows.get(key)

    def items(self) -> Iterator[tuple[Key, Row | None]]:
        """Keys and rows."""
        return iter(self._rows.items())

    def has_first(self, value: int | str) -> bool:
        """Whether any key begins with a value."""
        return value in self._by_first

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._by_first.clear()

    def over(self, rows: dict[Key, Row], column: str, value: int | str) -> dict[Key, Row]:
        """Rows that have a value in a column, brought up to date. Changes and returns `rows`."""
        if not self._rows:
            return rows
        place = self._table.all_columns.index(column)
        keys = self._by_first.get(value, {}) if place == 0 else self._rows
        for key in keys:
            row = self._rows[key]
            if row is not None and (*key, *row)[place] == value:
                rows[key] = row
            else:
                rows.pop(key, None)
        return rows
