"""Which keypoints of a project a person should look at first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from counterpart.core.project.points import KeypointSet, Origin

if TYPE_CHECKING:
    from counterpart.core.pipeline.keypoints.project_keypoints import CheckedPoint

MAX_ROWS = 2000
"""Points that are listed at most, the most doubtful ones."""
_SWAP_DOUBT = 0.75
LEAST_ODD = 2.0
"""A check's doubt from which a confirmed point is listed: a mistake is six times as likely as it usually is."""
_LEAST_SWAP = 1.5
"""The same for a pair that would fit better exchanged, which is listed once: both are mended at once."""


class Reason(Enum):
    """Why a point is doubtful."""

    SWAP = "Left and right swapped?"
    UNSURE = "Not sure"
    PREDICTED = "Predicted"
    ODD = "Unlike the others"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A point to look at.

    Attributes:
        image, instance, index: Which point.
        doubt: In [0, 1].
        reason: Why.
        confirmed: Whether a person stands for the point already.
        pairs: Pairs of keypoints of its instance that may have changed sides, where that is the reason.
        suggestion: A place that fits better, image pixels, where one is known.
    """

    image: int
    instance: int
    index: int
    doubt: float
    reason: Reason
    confirmed: bool
    pairs: tuple[tuple[int, int], ...] = ()
    suggestion: tuple[float, float] | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from other points."""
        return self.instance, self.index


def stands_at(points: KeypointSet, index: int, xy: tuple[float, float]) -> bool:
    """Whether a keypoint is there and within a hundredth of a pixel of a place (image xy)."""
    return bool(
        0 <= index < len(points) and points.visibility[index] > 0 and np.allclose(points.xy[index], xy, atol=0.01)
    )


def doubt_queue(
    instances: Mapping[int, Sequence[KeypointSet]],
    swaps: Mapping[int, Sequence[tuple[int, int]]],
    checks: Mapping[tuple[int, int], CheckedPoint],
    settled: frozenset[tuple[int, int]] | set[tuple[int, int]] = frozenset(),
) -> list[Doubt]:
    """Every predicted point, and every confirmed one that a check found odd, the most doubtful first.

    Args:
        instances: The instances by image.
        swaps: Pairs of keypoints that may have changed sides, by instance.
        checks: What a check said of confirmed points, by (instance, keypoint).
        settled: Confirmed points, by (instance, keypoint), that a person has looked at and found right.

    Returns:
        At most `MAX_ROWS` points.
    """
    return most_doubtful(doubts_of(image, found, swaps, checks, settled) for image, found in instances.items())


def doubts_of(
    image: int,
    found: Sequence[KeypointSet],
    swaps: Mapping[int, Sequence[tuple[int, int]]],
    checks: Mapping[tuple[int, int], CheckedPoint],
    settled: frozenset[tuple[int, int]] | set[tuple[int, int]] = frozenset(),
) -> list[Doubt]:
    """What of one image belongs into the queue, in no order; see `doubt_queue`."""
    rows: list[Doubt] = []
    for points in found:
        rows += _predicted(image, points, swaps.get(points.instance, ()))
        rows += _odd(image, points, checks, settled)
    return rows


def most_doubtful(rows: Iterable[Sequence[Doubt]]) -> list[Doubt]:
    """The `MAX_ROWS` most doubtful of the points of many images, in order."""
    return heapq.nlargest(MAX_ROWS, chain.from_iterable(rows), key=lambda row: row.doubt)


def _predicted(image: int, points: KeypointSet, pairs: Sequence[tuple[int, int]]) -> list[Doubt]:
    guessed = points.present & (points.origin == Origin.TRANSFERRED)
    there = [pair for pair in pairs if max(pair) < len(points) and guessed[list(pair)].all()]
    crossed = {index for pair in there for index in pair}
    rows = []
    for index in np.flatnonzero(guessed).tolist():
        doubt = 1 - float(points.score[index])
        if index in crossed:
            rows.append(Doubt(image, points.instance, index, max(doubt, _SWAP_DOUBT), Reason.SWAP, False, tuple(there)))
        else:
            reason = Reason.UNSURE if points.visibility[index] == 1 else Reason.PREDICTED
            rows.append(Doubt(image, points.instance, index, doubt, reason, False))
    return rows


def _odd(
    image: int,
    points: KeypointSet,
    checks: Mapping[tuple[int, int], CheckedPoint],
    settled: frozenset[tuple[int, int]] | set[tuple[int, int]],
) -> list[Doubt]:
    own = points.present & (points.origin != Origin.TRANSFERRED)
    valid = {}
    for index in np.flatnonzero(own).tolist():
        check = checks.get((points.instance, index))
        if check is not None and stands_at(points, index, check.xy):
            valid[index] = check
    rows = []
    for index, check in valid.items():
        key = (points.instance, index)
        twin = valid.get(check.twin)
        crossed = check.swapped and twin is not None and twin.swapped and max(check.doubt, twin.doubt) >= _LEAST_SWAP
        if key in settled or (check.doubt < LEAST_ODD and not crossed):
            continue
        if crossed and (check.twin < index or (points.instance, check.twin) in settled):
            continue  # the pair is listed, or was found right, with its first point
        pairs = ((min(index, check.twin), max(index, check.twin)),) if crossed else ()
        reason = Reason.SWAP if pairs else Reason.ODD
        doubt = 1 - float(np.exp(-check.doubt))
        rows.append(
            Doubt(
                image,
                points.instance,
                index,
                max(doubt, _SWAP_DOUBT if pairs else 0.0),
                reason,
                True,
                pairs,
                check.suggestion,
            )
        )
    return rows
