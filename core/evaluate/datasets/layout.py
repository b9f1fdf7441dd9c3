"""What the readers share: saying what a folder holds instead of what was expected, and reading lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from natsort import natsorted

from counterpart.core.errors import ProtocolError, UsageError


def found_in(folder: Path, count: int = 6) -> str:
    """The first names in a folder, for a message."""
    if not folder.exists():
        return "nothing: there is no such folder"
    if not folder.is_dir():
        return "a file"
    names = natsorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())
    if not names:
        return "nothing: the folder is empty"
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def not_the_data_set(name: str, root: Path, expected: str) -> ProtocolError:
    """The error for a root that is not the data set."""
    return ProtocolError(
        f"this is not {name}: expected {expected}; found {found_in(root)}",
        path=root,
        hint="Give the folder that holds these with --root",
    )


def read_lines(path: Path, what: str) -> list[str]:
    """Lines of a list that are not empty.

    Raises:
        ProtocolError: Missing, or not text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{what} cannot be read ({error})", path=path, hint="Copy it again") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def choose(names: Sequence[str], wanted: Sequence[str], what: str) -> list[str]:
    """The names that were asked for, all of them when none was.

    Raises:
        UsageError: One that is not there.
    """
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UsageError(f"there is no {what} '{unknown[0]}'", hint=f"There are {', '.join(names)}")
    return [name for name in names if not wanted or name in wanted]
