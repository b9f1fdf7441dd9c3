"""What the tables of the Learn panel say, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from counterpart.core.project.document import Document
from counterpart.desktop.learn.learn_jobs import Learned
from counterpart.desktop.widgets.rows_table import Cell, Row

if TYPE_CHECKING:
    from counterpart.core.propagate import Finding

_GRAVE = 0.6
_POOR = 0.5
_KIND_WORDS = {
    "other part": "Looks like another part",
    "disagrees": "Disagrees with the others",
    "missing": "Missing part",
    "speck": "Specks",
    "hole": "Holes",
}


def change_row(document: Document, image: int, learned: Learned) -> Row:
    """What an update would make of an image."""
    change = learned.changes[image]
    odd = image in learned.unlike
    tip = "It seems to show something else: check it first" if odd else ""
    return Row(
        image,
        (
            Cell(document.image(image).name),
            Cell(f"{100 * change.share:.0f} %", change.share),
            Cell("odd" if odd else f"{100 * change.doubt:.0f} %", change.doubt, odd or change.doubt > 0.5),
        ),
        tip,
    )


def quality_rows(document: Document, iou: Mapping[int, float]) -> list[Row]:
    """Expected agreement of each part, the worst first."""
    names = {0: "background", **{part.id: part.name for part in document.parts}}
    tints = {part.id: part.colour for part in document.parts}
    return [
        Row(
            part,
            (
                Cell(names.get(part, f"part {part}"), colour=tints.get(part)),
                Cell(f"{100 * iou[part]:.0f} %", iou[part], iou[part] < _POOR),
            ),
            "Intersection over union with what you would draw, estimated",
        )
        for part in sorted(iou, key=lambda part: iou[part])
    ]


def finding_rows(document: Document, findings: Sequence[tuple[int, Finding]]) -> list[Row]:
    """What deserves a look; a row's key is its number."""
    return [
        Row(
            number,
            (
                Cell(document.name_of(image)),
                Cell(_KIND_WORDS.get(finding.kind, finding.kind)),
                Cell(f"{100 * finding.severity:.0f} %", finding.severity, finding.severity > _GRAVE),
            ),
            finding.text,
        )
        for number, (image, finding) in enumerate(findings)
    ]
