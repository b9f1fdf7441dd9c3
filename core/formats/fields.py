"""Reading what a file says, field by field: every mistake names the file, the place in it, and what was expected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterpart.core.errors import FormatError

MAX_BYTES = 2_000_000_000
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file and where it stands.

    Attributes:
        value: As it was read.
        path: The file.
        where: Place within it, `annotations[3].bbox`.
    """

    value: Any
    path: Path
    where: str = ""

    def error(self, what: str, hint: str = "Correct the file, or export it again from its program") -> FormatError:
        """An error about this place."""
        return FormatError(f"{self.where}: {what}" if self.where else what, path=self.path, hint=hint)

    def __getitem__(self, name: str) -> Node:
        """A field that must be there."""
        found = self.get(name)
        if found is None:
            raise self.error(f"the field '{name}' is missing")
        return found

    def get(self, name: str) -> Node | None:
        """A field that may be left out or null."""
        if not isinstance(self.value, dict):
            raise self.error(f"expected an object with the field '{name}', found {_kind(self.value)}")
        if self.value.get(name) is None:
            return None
        return Node(self.value[name], self.path, f"{self.where}.{name}" if self.where else name)

    def __iter__(self) -> Iterator[Node]:
        """The items of a list."""
        if not isinstance(self.value, list):
            raise self.error(f"expected a list, found {_kind(self.value)}")
        for index, item in enumerate(self.value):
            yield Node(item, self.path, f"{self.where}[{index}]")

    def items(self) -> Iterator[tuple[str, Node]]:
        """The fields of an object."""
        if not isinstance(self.value, dict):
            raise self.error(f"expected an object, found {_kind(self.value)}")
        for name, item in self.value.items():
            yield str(name), Node(item, self.path, f"{self.where}.{name}" if self.where else str(name))

    def text(self) -> str:
        """A string, not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error(f"expected a text, found {_kind(self.value)}")
        return self.value

    def integer(self, low: int = -(2**53), high: int = 2**53) -> int:
        """A whole number in a range."""
        number = self.number()
        if not float(number).is_integer() or not low <= number <= high:
            raise self.error(f"expected a whole number from {low} to {high}, found {self.value!r}")
        return int(number)

    def number(self) -> float:
        """A finite number of a sensible size; one that is written as a text counts."""
        value = self.value
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self.error(f"expected a number, found {self.value!r}") from None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(f"expected a number, found {_kind(self.value)}")
        if not -_LARGEST <= value <= _LARGEST:
            raise self.error(f"expected a finite number, found {str(self.value)[:40]}")
        return value

    def numbers(self, count: int | None = None) -> list[float]:
        """A list of finite numbers, of a certain length where one is given."""
        found = [item.number() for item in self]
        if count is not None and len(found) != count:
            raise self.error(f"expected {count} numbers, found {len(found)}")
        return found

    def size(self) -> int:
        """A length in pixels that an image can have."""
        return self.integer(0, 1_000_000)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), f"the number {value!r}" if isinstance(value, (int, float)) else repr(value)[:40])


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        FormatError: It cannot be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError("the file is larger than 2 GB", path=path, hint="Split it")
        return path.read_bytes()
    except FileNotFoundError:
        raise FormatError("there is no such file", path=path, hint="Check the path") from None
    except IsADirectoryError:
        raise FormatError("this is a folder, expected a file", path=path, hint="Choose the file in it") from None
    except OSError as error:
        raise FormatError(
            f"the file cannot be read ({error.strerror})", path=path, hint="Check its permissions"
        ) from None


def read_text(path: Path, *, older: bool = False) -> str:
    """The text of a UTF-8 file.

    Args:
        path: The file.
        older: Take bytes that are no UTF-8 for Latin letters of Windows (cp1252), as tables of older programs are.

    Raises:
        FormatError: It cannot be read or is not text.
    """
    data = read_bytes(path)
    try:
        if older and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if older and b"\0" not in data:
            return data.decode("cp1252", "replace")
        raise FormatError(
            f"the file is not text in UTF-8 (byte {error.start})", path=path, hint="Save it again as UTF-8"
        ) from None


def is_given(cell: str) -> bool:
    """Whether a cell of a table has a value."""
    return cell.strip().lower() not in ("", "nan", "na", "n/a", "null", "none")


def read_json(path: Path) -> Node:
    """The value of a JSON file.

    Raises:
        FormatError: It cannot be read or is not JSON; line and column are named.
    """
    text = read_text(path)
    try:
        return Node(json.loads(text), path)
    except json.JSONDecodeError as error:
        raise FormatError(
            f"line {error.lineno}, column {error.colno}: this is not valid JSON ({error.msg})",
            path=path,
            hint="Was the file cut off? Export it again from its program",
        ) from None
    except (RecursionError, ValueError) as error:
        raise FormatError(f"this is not valid JSON ({error})", path=path, hint="Export it again") from None
