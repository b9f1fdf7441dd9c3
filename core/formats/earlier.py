"""What earlier imports brought, so that the same file changes nothing and a corrected one replaces its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from counterpart.core.project.commands import SetSettings
from counterpart.core.project.edit import Edit
from counterpart.core.project.points import KeypointSet

_KEY = "imported"
_NEAR = 0.2
"""Two sets of points are the same individual, corrected, while they lie on average within this share of its size."""


@dataclass(slots=True)
class Earlier:
    """Fingerprints of what imports put into the project. What still has one was not touched by a person since."""

    marks: set[str]
    before: frozenset[str]

    @classmethod
    def read(cls, edit: Edit) -> Earlier:
        """What the project knows of its imports."""
        marks = {str(mark) for mark in cast("list[object]", edit.setting(_KEY) or [])}
        return cls(marks, frozenset(marks))

    def write(self, edit: Edit) -> None:
        """Keep it with the project, as part of the import's own step."""
        if self.marks != self.before:
            SetSettings({_KEY: sorted(self.marks)}).do(edit)

    def is_untouched(self, edit: Edit, image: int) -> bool:
        """Whether an image's labels are those that an import put there, and nobody has reviewed or set it aside."""
        return edit.image(image).state not in ("reviewed", "skipped") and _labels_mark(edit, image) in self.marks

    def note_labels(self, edit: Edit, image: int) -> None:
        """The labels that an image has now came from a file."""
        self.marks.add(_labels_mark(edit, image))

    def has_instance(self, image: int, points: KeypointSet) -> bool:
        """Whether an instance with these very points came from a file before; two of one file may be alike."""
        return _points_mark(image, points) in self.before

    def note_instance(self, image: int, points: KeypointSet) -> None:
        """An instance came from a file."""
        self.marks.add(_points_mark(image, points))


def pair_instances(
    given: Sequence[KeypointSet], there: Sequence[KeypointSet]
) -> list[tuple[KeypointSet, KeypointSet | None]]:
    """Each instance of a file with the one of the project that it is, nearest pairs first; None for a new one."""
    costs = sorted(
        (cost, a, b)
        for a, new in enumerate(given)
        for b, old in enumerate(there)
        for cost in [_distance(new, old)]
        if cost <= _NEAR
    )
    partner: dict[int, int] = {}
    for _, a, b in costs:
        if a not in partner and b not in partner.values():
            partner[a] = b
    return [(new, there[partner[a]] if a in partner else None) for a, new in enumerate(given)]


def _distance(a: KeypointSet, b: KeypointSet) -> float:
    """Mean distance of the points that both have, as a share of the larger one's extent; infinite for none."""
    both = a.present & b.present if a.skeleton == b.skeleton else np.zeros(0, np.bool_)
    if not both.any():
        return float("inf")
    size = max(float(np.linalg.norm(np.ptp(one.xy[one.present], axis=0))) for one in (a, b))
    apart = float(np.linalg.norm(a.xy[both] - b.xy[both], axis=1).mean())
    return apart / max(size, 10.0)  # of a single point: two pixels


def _labels_mark(edit: Edit, image: int) -> str:
    labels = edit.labels(image)
    data = b"" if labels is None else labels.astype("<u2").tobytes() + repr(labels.shape).encode()
    return _mark("labels", image, data)


def _points_mark(image: int, points: KeypointSet) -> str:
    places = np.where(points.present[:, None], points.xy, 0).round(3) + 0.0  # no minus zero
    return _mark("points", image, places.astype("<f8").tobytes() + points.visibility.tobytes())


def _mark(kind: str, image: int, data: bytes) -> str:
    return hashlib.blake2b(f"{kind} {image} ".encode() + data, digest_size=8).hexdigest()
