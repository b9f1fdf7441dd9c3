"""A table of figures: a row for each category, the mean, and what was published, as text, Markdown or plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

TableFormat = Literal["text", "markdown", "json"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        name: What it is about.
        values: One for each of the table's columns; None where there is no figure.
    """

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of one run.

    Attributes:
        title: Data set, model and settings.
        columns: Names of the figures.
        categories: Per category, sequence or set.
        result: Their mean.
        published: Rows of the literature to compare with.
        notes: What a reader must know to compare.
        digits: Behind the decimal point.
    """

    title: str
    columns: tuple[str, ...]
    categories: tuple[Row, ...]
    result: Row
    published: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    digits: int = 1

    def render(self, kind: TableFormat) -> str:
        """The table as text, Markdown or JSON."""
        if kind == "json":
            import json

            return json.dumps(self.as_dict(), ensure_ascii=False, indent=1)
        return self.markdown() if kind == "markdown" else self.text()

    def text(self) -> str:
        """Columns lined up, for a terminal."""
        rows = [*self.categories, self.result, *self.published]
        cells = [[row.name, *map(self._cell, row.values)] for row in rows]
        heads = ["", *self.columns]
        widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
        lines = [self.title, self._line(heads, widths)]
        for index, line in enumerate(cells):
            if index in {len(self.categories), len(self.categories) + 1}:
                lines.append("-" * (sum(widths) + 2 * (len(widths) - 1)))
            lines.append(self._line(line, widths))
        return "\n".join([*lines, *self.notes])

    @staticmethod
    def _line(cells: list[str], widths: list[int]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()

    def markdown(self) -> str:
        """A pipe table; the mean is bold."""
        lines = [f"| | {' | '.join(self.columns)} |", f"|---|{'---|' * len(self.columns)}"]
        for row in [*self.categories, self.result, *self.published]:
            mark = "**" if row is self.result else ""
            cells = [f"{mark}{text}{mark}" if text.strip("–") else text for text in map(self._cell, row.values)]
            lines.append(f"| {mark}{row.name}{mark} | {' | '.join(cells)} |")
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"{self.title}\n", *lines, *notes])

    def as_dict(self) -> dict[str, object]:
        """Plain values: rows as objects by column."""

        def plain(row: Row) -> dict[str, float | None]:
            return {
                column: None if value is None or not math.isfinite(value) else round(value, 4)
                for column, value in zip(self.columns, row.values, strict=True)
            }

        return {
            "title": self.title,
            "columns": list(self.columns),
            "categories": {row.name: plain(row) for row in self.categories},
            "result": plain(self.result),
            "published": {row.name: plain(row) for row in self.published},
            "notes": list(self.notes),
        }

    def _cell(self, value: float | None) -> str:
        return "–" if value is None or not math.isfinite(value) else f"{value:.{self.digits}f}"
