"""What is known of points besides where they are: which may have changed sides, which a person found right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from counterpart.core.pipeline.keypoints.doubt import stands_at
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet

if TYPE_CHECKING:
    from counterpart.core.pipeline.keypoints.project_keypoints import PointTransfer

_SWAPS, _SETTLED = "suspected_swaps", "settled_points"
_Place = tuple[int, float, float]
"""A keypoint and its xy, image pixels."""


class PointNotes(QObject):
    """Keeps notes on points with the project, beside its history: they are there again when it is opened again.

    A point stays settled while it, and whatever else the person looked at with it, is where it was then.

    Signals:
        changed: The instances (a set) of whose points something was noted.
    """

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document: Document | None = None
        self._swaps: dict[int, list[tuple[int, int]]] = {}
        self._settled: dict[int, dict[int, list[_Place]]] = {}

    def reset(self, document: Document | None) -> None:
        """Read the notes of another project; those that make no sense are left out."""
        self._document = document
        settings: Mapping[str, object] = document.settings if document is not None else {}
        self._swaps = {
            instance: [(int(a), int(b)) for a, b in _rows(pairs, 2)]
            for instance, pairs in _numbered(settings.get(_SWAPS))
        }
        self._settled = {
            instance: {
                index: [(int(k), float(x), float(y)) for k, x, y in places]
                for index, kept in _numbered(points)
                if (places := _rows(kept, 3))
            }
            for instance, points in _numbered(settings.get(_SETTLED))
        }

    # Suspected swaps ----------------------------------------------------------------------------------------------

    @property
    def swaps(self) -> Mapping[int, Sequence[tuple[int, int]]]:
        """By instance, the pairs of keypoints that may have changed sides."""
        return MappingProxyType(self._swaps)

    def suspect(self, swaps: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        """These pairs of points, by instance, may have changed sides, and no others of these instances."""
        self._swaps.update({instance: list(pairs) for instance, pairs in swaps.items()})
        self._note(set(swaps), _SWAPS, {str(instance): pairs for instance, pairs in self._swaps.items() if pairs})

    def take_swaps(self, found: PointTransfer, skeleton: int) -> None:
        """What a transfer suspects of the points that it gave, which are in the project now."""
        if self._document is None:
            return
        swaps: dict[int, Sequence[tuple[int, int]]] = {}
        for image, results in found.results.items():
            there = [each.instance for each in self._document.keypoints(image) if each.skeleton == skeleton]
            for points, pairs in zip(results, found.swaps[image], strict=True):
                number = points.instance if points.instance in there else there[-1] if there else 0
                if number:  # a new instance is the last of its image
                    swaps[number] = pairs
        self.suspect(swaps)

    # Settled points -----------------------------------------------------------------------------------------------

    def settle(self, points: KeypointSet, index: int, others: Iterable[int] = ()) -> None:
        """A person looked at a point, and at others that were suspected with it, and found it right."""
        kept = {
            known: places
            for known, places in self._settled.get(points.instance, {}).items()
            if _all_stand(points, places)
        }
        kept[index] = [(each, *_rounded(points, each)) for each in sorted({index, *others})]
        self._settled[points.instance] = kept
        self._note(
            {points.instance},
            _SETTLED,
            {
                str(instance): {str(known): places for known, places in notes.items()}
                for instance, notes in self._settled.items()
            },
        )

    def settled(self, found: Iterable[KeypointSet]) -> set[tuple[int, int]]:
        """(instance, keypoint) of the points that a person found right where they are."""
        return {
            (points.instance, index)
            for points in found
            for index, places in self._settled.get(points.instance, {}).items()
            if _all_stand(points, places)
        }

    def _note(self, instances: set[int], key: str, value: Mapping[str, object]) -> None:
        if self._document is not None:
            self._document.note_settings({key: value})
        self.changed.emit(instances)


def _rounded(points: KeypointSet, index: int) -> tuple[float, float]:
    x, y = points.xy[index].tolist()
    return round(x, 3), round(y, 3)


def _all_stand(points: KeypointSet, places: Iterable[_Place]) -> bool:
    return all(stands_at(points, index, (x, y)) for index, x, y in places)


def _numbered(kept: object) -> list[tuple[int, object]]:
    """What was kept by number."""
    items = kept.items() if isinstance(kept, dict) else ()
    return [(int(key), value) for key, value in items if str(key).isdecimal()]


def _rows(kept: object, width: int) -> list[list[float]]:
    """Rows of so many numbers; none where something else was kept."""
    rows = kept if isinstance(kept, list) else []
    fits = all(
        isinstance(row, list) and len(row) == width and all(type(value) in (int, float) for value in row)
        for row in rows
    )
    return rows if fits else []
