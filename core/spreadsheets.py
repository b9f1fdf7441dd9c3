"""Tables that people open in spreadsheets: a name that begins as a formula does is never run there."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TextIO

_RUNS = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(cell: object) -> object:
    """A cell as it is written: a text that a spreadsheet would run has an apostrophe in front; numbers stay."""
    if not isinstance(cell, str) or not _RUNS.match(cell) or _is_number(cell):
        return cell
    return f"'{cell}"


def unguarded(cell: str) -> str:
    """The text of a cell that `guarded` wrote."""
    return cell[1:] if _GUARDED.match(cell) else cell


class TableWriter:
    """Writes lines of a CSV table, guarded.

    Args:
        file: Where to.
        lineterminator: What ends a line.
    """

    def __init__(self, file: TextIO, lineterminator: str = "\n") -> None:
        self._writer = csv.writer(file, lineterminator=lineterminator)

    def writerow(self, cells: Iterable[object]) -> None:
        """Write a line."""
        self._writer.writerow([guarded(cell) for cell in cells])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
