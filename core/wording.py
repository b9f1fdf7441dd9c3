"""Numbers and nouns in sentences, for reports and the window alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHOWN = 3
_PLACE = re.compile(r"^((?:[a-z_]*\[\d+\]|line \d+)[^: ]*): ")


def plural(number: int, one: str, many: str = "") -> str:
    """The form of a noun or phrase that goes with a number: `one` or `many`; without `many`, `one` with an s.

    The number is shown by the caller, who knows whether thousands are set apart.
    """
    return one if number == 1 else many or f"{one}s"


def counted(number: int, noun: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number} {plural(number, noun)}"


def is_text(text: str) -> bool:
    """Whether a text can be written down: it has no NUL, and nothing that stands for bytes in an unknown encoding."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def by_reason(entries: Iterable[tuple[str, str]]) -> list[str]:
    """What is said of many things, a line for each reason: `17 times (a.jpg, b.jpg, c.jpg, …): it has no labels`.

    Reasons that differ in their numbers alone are one, and so are those of several places in a file.

    Args:
        entries: (what it is said of, reason) each.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, reason in entries:
        groups.setdefault(re.sub(r"\d+", "N", _PLACE.sub("", reason)), []).append((name, reason))
    lines = []
    for pattern, found in groups.items():
        if len(found) == 1:
            lines.append(f"{found[0][0]}: {found[0][1]}")
            continue
        plain = {_PLACE.sub("", reason) for _, reason in found}
        names = list(dict.fromkeys(name for name, _ in found))
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        lines.append(f"{len(found)} times ({shown}): {plain.pop() if len(plain) == 1 else pattern}")
    return lines
