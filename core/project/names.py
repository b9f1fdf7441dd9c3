"""Names that a person gives: written down one way, and no two of a list that look alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from counterpart.core.errors import UsageError

_JOINERS = "\u200c\u200d"
"""Shape the letters beside them in Persian, Hindi and others: they stay within a name, and count for nothing."""

_BLANK_LETTERS = dict.fromkeys((0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)))
"""Characters that leave no ink though Unicode does not count them as format characters."""

_TWINS = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеѕіјорсухһԁԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο" + "‐‑‒–—―−" + "‘’ʼ´`",
    "ABESIJKMHOPCTXYaesijopcyxhdqw" + "ABEZHIKMNOPTYXo" + "-------" + "'''''",
)
"""Letters and marks of other scripts that are drawn like one of the Latin keyboard (after Unicode's confusables)."""


def tidy_name(text: str) -> str:
    """A name as it is written down: one normal form (NFC), single spaces within, none around, nothing invisible.

    Empty where nothing is left; `checked_name` refuses that.
    """
    spaced = " ".join(text.split())
    kept = "".join(each for each in spaced if each in _JOINERS or unicodedata.category(each) not in ("Cc", "Cf", "Cs"))
    return " ".join(unicodedata.normalize("NFC", kept).split()).strip(_JOINERS + " ")


def same_name(first: str, second: str) -> bool:
    """Whether two names are one, however their spaces and accents are coded."""
    return first == second or tidy_name(first) == tidy_name(second)


def _inked(text: str) -> str:
    """What can be seen of a name, in compatible letters (NFKC)."""
    plain = unicodedata.normalize("NFKC", tidy_name(text)).translate(_BLANK_LETTERS)
    return " ".join("".join(each for each in plain if unicodedata.category(each) != "Cf").split())


def _looks(text: str) -> frozenset[str]:
    """Two names look alike where one of these is the same: letters without case, or as they are drawn."""
    inked = _inked(text)
    folded = unicodedata.normalize("NFKC", inked.casefold())
    return frozenset((folded, inked.translate(_TWINS).casefold()))


def lookalike(name: str, taken: Iterable[str]) -> str | None:
    """The first of the taken names that a person could not tell from a name, None where there is none."""
    mine = _looks(name)
    return next((other for other in taken if not mine.isdisjoint(_looks(other))), None)


def checked_name(name: str, taken: Iterable[str], noun: str) -> str:
    """A name that a person gave, as it is written down.

    Args:
        name: What was typed.
        taken: The names that it must differ from.
        noun: What it names: `part`, `keypoint`, `skeleton`.

    Raises:
        UsageError: Nothing can be seen of it, or it is taken, or looks like one that is.
    """
    tidy = tidy_name(name)
    if not _inked(tidy):
        raise UsageError(f"a {noun} needs a name", hint="Give it one that says what it is")
    others = list(taken)
    if tidy in others:
        raise UsageError(f"there is a {noun} named {tidy} already", hint="Names must differ")
    other = lookalike(tidy, others)
    if other is not None:
        raise UsageError(f"{tidy} looks like the {noun} {other}", hint="Names must differ in more than case or spacing")
    return tidy


def free_name(stem: str, taken: Iterable[str], first: int = 1) -> str:
    """The first of `stem N`, counted from a number, that is not taken and looks like none that is."""
    looks = {each for other in taken for each in _looks(other)}
    number = first
    while not looks.isdisjoint(_looks(f"{stem} {number}")):
        number += 1
    return f"{stem} {number}"
