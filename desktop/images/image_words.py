"""What is said of an image: its state, what is wrong with it, all of it in a few lines."""

from __future__ import annotations

from counterpart.core.project.model import ImageRecord

STATE_NAMES: dict[str, str] = {
    "todo": "To do",
    "predicted": "Predicted",
    "edited": "Edited",
    "reviewed": "Reviewed",
    "skipped": "Skipped",
}
"""Review states as a person reads them."""

MISSING = "File does not exist"
"""What is said of an image whose file is not where the project says."""


def reason(text: str, path: str) -> str:
    """What is wrong with an image, without the path of its file, which is known where this is shown."""
    name = path.rpartition("/")[2]
    before, found, rest = text.partition(f"{name}: ") if name else ("", "", "")
    rest = rest if found and (not before or before[-1] in "/\\") else text
    return rest[:1].upper() + rest[1:]


def describe(record: ImageRecord, problem: str) -> str:
    """An image in a few lines."""
    lines = [record.name]
    if record.width:
        lines.append(f"{record.width} × {record.height} pixels")
    lines.append(STATE_NAMES[record.state])
    if record.doubt is not None:
        lines.append(f"Doubt {record.doubt:.0%}")
    if problem:
        lines.append(problem)
    return "\n".join(lines)
