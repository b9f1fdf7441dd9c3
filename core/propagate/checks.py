"""A list of what is probably wrong in label maps: each finding names an image, a part and a place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from counterpart.core.propagate.model import PartScores
from counterpart.core.propagate.quality import HeldOut

FindingKind = Literal["other part", "disagrees", "missing", "speck", "hole"]
_SPECK_SHARE = 0.03
"""A region of less than this share of its part's largest one is a speck."""
_SPECK_IMAGE = 0.0008
_HOLE_SHARE = 0.03
_SURE, _UNLIKELY = 0.6, 0.2
_REGION_CELLS = 4
_USUAL = 0.8
_DISAGREES_BY = 0.25


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that deserves a look.

    Attributes:
        image: Name of the image.
        kind: `other part`: the features of a region say another part; `disagrees`: a reviewed part is unlike what the
            other labelled images predict; `missing`: a part that nearly all images have; `speck` and `hole`: one
            finding for all of a part in an image, at the largest of them.
        part: The label concerned.
        bbox_xy: (x0, y0, x1, y1) place in the image, pixel edges at half integers.
        severity: In [0, 1]; the list is sorted by it.
        text: For a person.
        other: The label that the features say, for `other part`.
    """

    image: str
    kind: FindingKind
    part: int
    bbox_xy: tuple[float, float, float, float]
    severity: float
    text: str
    other: int | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain values for a report."""
        return {
            "image": self.image,
            "kind": self.kind,
            "part": self.part,
            "bbox_xy": [round(value, 1) for value in self.bbox_xy],
            "severity": round(self.severity, 4),
            "text": self.text,
            "other": self.other,
        }


def usual_parts(present: Iterable[Sequence[int]]) -> frozenset[int]:
    """Parts that nearly all images have (at least four in five, of at least three).

    Args:
        present: The labels that occur in each image.
    """
    sets = [set(values) - {0} for values in present]
    if len(sets) < 3:
        return frozenset()
    every = set().union(*sets)
    return frozenset(value for value in every if sum(value in one for one in sets) >= _USUAL * len(sets))


def check_labels(
    image: str,
    labels: NDArray[np.integer],
    names: Mapping[int, str],
    *,
    scores: PartScores | None = None,
    usual: frozenset[int] = frozenset(),
) -> list[Finding]:
    """Everything that looks wrong in one label map.

    Args:
        image: Its name.
        labels: (H, W) label map; 0 is background.
        names: What labels mean, for the texts.
        scores: A prediction of the image (from others than itself, where it is labelled): regions that it contradicts
            are found only with it.
        usual: Parts that are missed where they do not occur.
    """
    out = []
    present = [int(value) for value in np.unique(labels) if value != 0]
    for value in present:
        out += _specks(image, labels, value, names)
        out += _holes(image, labels, value, names)
    height, width = labels.shape
    for value in sorted(usual - set(present)):
        box, sure = _expected_place(scores, value) if scores is not None else (None, 0.5)
        where = box or (-0.5, -0.5, width - 0.5, height - 0.5)
        text = f"{_name(names, value)} is missing; nearly all other images have it"
        out.append(Finding(image, "missing", value, where, 0.4 + 0.4 * sure, text))
    if scores is not None:
        out += _contradicted(image, labels, names, scores)
    return sorted_findings(out)


def check_reviewed(
    images: Sequence[str], held_out: Sequence[HeldOut], names: Mapping[int, str], hw: Sequence[tuple[int, int]]
) -> list[Finding]:
    """Reviewed parts that disagree with what the other labelled images predict, far more than the part usually does.

    Args:
        images: Name of each labelled image.
        held_out: From `hold_out` on them.
        names: What labels mean.
        hw: Height and width of each image.
    """
    out = []
    tables = [(one.index, one.iou) for one in held_out]
    for value in sorted({value for _, iou in tables for value in iou} - {0}):
        found = [(index, iou[value]) for index, iou in tables if value in iou]
        if len(found) < 3:
            continue
        middle = float(np.median([iou for _, iou in found]))
        for index, iou in found:
            if iou < middle - _DISAGREES_BY:
                height, width = hw[index]
                text = (
                    f"{_name(names, value)} agrees by {100 * iou:.0f} % with what the other labelled images say; "
                    f"{100 * middle:.0f} % is usual"
                )
                box = (-0.5, -0.5, width - 0.5, height - 0.5)
                out.append(Finding(images[index], "disagrees", value, box, min(0.5 + middle - iou, 1.0), text))
    return sorted_findings(out)


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Gravest first; equal ones by image."""
    return sorted(findings, key=lambda one: (-one.severity, one.image, one.part))


# One kind each ------------------------------------------------------------------------------------------------------


def _specks(image: str, labels: NDArray[np.integer], value: int, names: Mapping[int, str]) -> list[Finding]:
    count, _, stats, _ = cv2.connectedComponentsWithStats((labels == value).astype(np.uint8), connectivity=8)
    if count < 3:
        return []
    areas = stats[1:, cv2.CC_STAT_AREA]
    limit = min(_SPECK_SHARE * areas.max(), _SPECK_IMAGE * labels.size)
    small = [row for row in stats[1:] if row[cv2.CC_STAT_AREA] < limit]
    if not small:
        return []
    largest = max(small, key=lambda row: int(row[cv2.CC_STAT_AREA]))
    total = sum(int(row[cv2.CC_STAT_AREA]) for row in small)
    what = "a speck" if len(small) == 1 else f"{len(small)} specks"
    text = f"{what} of {_name(names, value)}, {total} pixels in all"
    return [Finding(image, "speck", value, _box(largest), 0.1 + 0.2 * min(total / max(limit, 1), 1.0), text)]


def _holes(image: str, labels: NDArray[np.integer], value: int, names: Mapping[int, str]) -> list[Finding]:
    """Background enclosed by one part."""
    mask = labels == value
    empty = labels == 0
    count, regions, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    border = set(np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])).tolist())
    area = int(mask.sum())
    found = []
    for index in range(1, count):
        size = int(stats[index, cv2.CC_STAT_AREA])
        if index not in border and size <= _HOLE_SHARE * area and empty[regions == index].all():
            found.append((size, index))
    if not found:
        return []
    total = sum(size for size, _ in found)
    what = "a hole" if len(found) == 1 else f"{len(found)} holes"
    text = f"{what} in {_name(names, value)}, {total} pixels in all"
    severity = 0.1 + 0.2 * min(total / (_HOLE_SHARE * area), 1.0)
    return [Finding(image, "hole", value, _box(stats[max(found)[1]]), severity, text)]


def _contradicted(
    image: str, labels: NDArray[np.integer], names: Mapping[int, str], scores: PartScores
) -> list[Finding]:
    """Regions of cells whose features say another label, surely."""
    values = list(scores.values)
    own = np.asarray(scores.geometry.pool_nearest(labels), dtype=np.int64)
    place = np.full(int(max(own.max(), *values)) + 1, -1)
    place[values] = np.arange(len(values))
    index = place[own]
    best = scores.probability.argmax(axis=-1)
    sure = scores.probability.max(axis=-1)
    said = np.take_along_axis(scores.probability, np.maximum(index, 0)[..., None], axis=-1)[..., 0]
    wrong = (index >= 0) & (best != index) & (sure > _SURE) & (said < _UNLIKELY)
    out = []
    for other in np.unique(best[wrong]):
        for part in np.unique(index[wrong & (best == other)]):
            mask = wrong & (best == other) & (index == part)
            out += _regions_of(image, mask, (values[int(part)], values[int(other)]), names, scores, index == part)
    return out


def _regions_of(
    image: str,
    mask: NDArray[np.bool_],
    labels: tuple[int, int],
    names: Mapping[int, str],
    scores: PartScores,
    part: NDArray[np.bool_],
) -> list[Finding]:
    count, regions, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    here, other = labels
    out = []
    for index in range(1, count):
        cells = int(stats[index, cv2.CC_STAT_AREA])
        if cells < _REGION_CELLS:
            continue
        sure = float(scores.probability.max(axis=-1)[regions == index].mean())
        smaller = min(int(part.sum()), int((scores.probability.argmax(-1) == scores.values.index(other)).sum()))
        severity = min(sure * (0.4 + 0.6 * min(cells / max(smaller, 1), 1.0)), 1.0)
        what = f"a region of {_name(names, here)} looks like {_name(names, other)}"
        concerned = here or other
        box = scores.geometry.cells_box_xy(
            (int(stats[index, cv2.CC_STAT_TOP]), int(stats[index, cv2.CC_STAT_LEFT])),
            (int(stats[index, cv2.CC_STAT_HEIGHT]), int(stats[index, cv2.CC_STAT_WIDTH])),
        )
        out.append(Finding(image, "other part", concerned, box, severity, what, other))
    return out


def _expected_place(scores: PartScores, value: int) -> tuple[tuple[float, float, float, float] | None, float]:
    """Where a part is most likely, and how likely it is there."""
    if value not in scores.values:
        return None, 0.0
    channel = scores.probability[..., scores.values.index(value)]
    sure = float(channel.max())
    if sure < _UNLIKELY:
        return None, sure
    rows, cols = np.nonzero(channel > sure / 2)
    first, last = (int(rows.min()), int(cols.min())), (int(rows.max()), int(cols.max()))
    return scores.geometry.cells_box_xy(first, (last[0] - first[0] + 1, last[1] - first[1] + 1)), sure


def _box(row: NDArray[np.integer]) -> tuple[float, float, float, float]:
    left, top = float(row[cv2.CC_STAT_LEFT]), float(row[cv2.CC_STAT_TOP])
    right, bottom = left + float(row[cv2.CC_STAT_WIDTH]), top + float(row[cv2.CC_STAT_HEIGHT])
    return left - 0.5, top - 0.5, right - 0.5, bottom - 0.5


def _name(names: Mapping[int, str], value: int) -> str:
    return "background" if value == 0 else names.get(value, f"part {value}")
