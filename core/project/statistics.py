"""What a project has of each part, over all its images; from the counts that are kept beside the masks, so quick."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterpart.core.files import write_text
from counterpart.core.project.model import IMAGE_STATES, PartLabel
from counterpart.core.project.view import ProjectView
from counterpart.core.spreadsheets import TableWriter


@dataclass(frozen=True, slots=True)
class PartStatistics:
    """A part over all images.

    Attributes:
        part: The part.
        images: Images that have it.
        predicted: Of these, those on which it is a program's proposal.
        edited: Those on which a person drew or changed it.
        reviewed: Those on which a person confirmed it.
        pixels: Pixels together.
        share: Its share of the pixels of all parts, in [0, 1].
        mean_area: Mean share of the image, over the images that have it, in [0, 1].
        smallest: Smallest share of an image.
        largest: Largest share of an image.
    """

    part: PartLabel
    images: int = 0
    predicted: int = 0
    edited: int = 0
    reviewed: int = 0
    pixels: int = 0
    share: float = 0.0
    mean_area: float = 0.0
    smallest: float = 0.0
    largest: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for tables and reports."""
        return {
            "part": self.part.name,
            "id": self.part.id,
            "images": self.images,
            "predicted": self.predicted,
            "edited": self.edited,
            "reviewed": self.reviewed,
            "pixels": self.pixels,
            "share_of_parts": round(self.share, 6),
            "mean_share_of_image": round(self.mean_area, 6),
            "smallest_share_of_image": round(self.smallest, 6),
            "largest_share_of_image": round(self.largest, 6),
        }


@dataclass(frozen=True, slots=True)
class SetStatistics:
    """A project in numbers.

    Attributes:
        images: How many there are.
        labelled: How many have a part.
        states: How many are in each review state.
        parts: The parts in their order.
    """

    images: int
    labelled: int
    states: dict[str, int]
    parts: tuple[PartStatistics, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a JSON report."""
        return {
            "images": self.images,
            "labelled": self.labelled,
            "states": dict(self.states),
            "parts": [part.as_dict() for part in self.parts],
        }


def set_statistics(project: ProjectView) -> SetStatistics:
    """Count what a project has.

    Raises:
        ProjectError: The file is damaged where the counts are.
    """
    areas: dict[int, list[float]] = {part.id: [] for part in project.parts}
    pixels: Counter[int] = Counter()
    states: Counter[tuple[int, str]] = Counter()
    labelled = set()
    sizes = {record.id: record.width * record.height for record in project.images()}
    for (image, part), (state, count) in project.all_part_states().items():
        if count <= 0 or part not in areas:
            continue
        labelled.add(image)
        pixels[part] += count
        states[part, state] += 1
        areas[part].append(count / sizes[image] if sizes.get(image) else 0.0)
    everything = sum(pixels.values()) or 1
    counts = project.state_counts()
    return SetStatistics(
        len(project),
        len(labelled),
        {state: counts.get(state, 0) for state in IMAGE_STATES},
        tuple(_of_part(part, areas[part.id], pixels[part.id], states, everything) for part in project.parts),
    )


def _of_part(
    part: PartLabel, areas: list[float], pixels: int, states: Counter[tuple[int, str]], everything: int
) -> PartStatistics:
    if not areas:
        return PartStatistics(part)
    return PartStatistics(
        part,
        len(areas),
        states[part.id, "predicted"],
        states[part.id, "edited"],
        states[part.id, "reviewed"],
        pixels,
        pixels / everything,
        sum(areas) / len(areas),
        min(areas),
        max(areas),
    )


def write_statistics(path: str | Path, parts: Iterable[PartStatistics]) -> None:
    """Write a table of parts as CSV.

    Raises:
        OutputError: It cannot be written; what was there before is as it was.
    """
    rows = [part.as_dict() for part in parts]
    text = io.StringIO()
    table = TableWriter(text, "\r\n")
    table.writerow(rows[0] if rows else PartStatistics(PartLabel(1, "-", (0, 0, 0))).as_dict())
    for row in rows:
        table.writerow(row.values())
    write_text(path, text.getvalue())
