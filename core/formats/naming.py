"""Names of files that are written for images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath


def safe_name(name: str) -> str:
    """A POSIX path that stays below the folder it is joined to."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("..", "/", ".")]
    return "/".join(part.replace(":", "_") for part in parts) or "image"


def output_names(names: Iterable[str], suffix: str) -> dict[str, str]:
    """A file for each image: its name with another suffix, or with the suffix appended where two would be equal."""
    listed = list(names)
    plain = {name: str(PurePosixPath(safe_name(name)).with_suffix(suffix)) for name in listed}
    counts = Counter(text.casefold() for text in plain.values())
    return {name: text if counts[text.casefold()] == 1 else safe_name(name) + suffix for name, text in plain.items()}


def flat_names(names: Iterable[str], forbidden: str = "") -> dict[str, str]:
    """A stem without folders for each image: `a/b.jpg` is `a__b`; the suffix stays in it where two would be equal.

    Characters in `forbidden` become underscores.
    """
    listed = list(names)

    def flat(text: str) -> str:
        return "".join("_" if char in forbidden else char for char in text.replace("/", "__"))

    stems = {name: flat(str(PurePosixPath(safe_name(name)).with_suffix(""))) for name in listed}
    counts = Counter(stem.casefold() for stem in stems.values())
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name, stem in stems.items():
        text = stem if counts[stem.casefold()] == 1 else flat(safe_name(name)).replace(".", "_")
        number = 2
        while text.casefold() in taken:
            text = f"{stem}_{number}"
            number += 1
        taken.add(text.casefold())
        result[name] = text
    return result
