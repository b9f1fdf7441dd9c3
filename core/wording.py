"""Numbers and nouns in sentences, for reports and the window alike."""

from __future__ import annotations


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
