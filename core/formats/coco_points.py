"""Skeletons and points of COCO files: a bad name, line or number costs itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import ImportReport, box_from_corner
from counterpart.core.formats.coco_records import Category, field_of
from counterpart.core.formats.fields import Node
from counterpart.core.project.points import Box, KeypointSet, Origin, Skeleton, outside

_SUBSET = re.compile(r"^(instances|person_keypoints|keypoints|image_info|labels)_")
"""What stands before the name of a subset in that of its file."""


class Remarks:
    """What has to be said about a record while it is read."""

    def __init__(self, report: ImportReport, name: str, where: str = "") -> None:
        self._report, self._name, self._where = report, name, f"{where}: " if where else ""

    def skip(self, error: FormatError) -> None:
        """A piece is left out."""
        self._report.skipped.append((self._name, error.what))

    def lose(self, what: str) -> None:
        """Something cannot be kept."""
        self._report.lost.append((self._name, self._where + what))

    def note(self, what: str) -> None:
        """Something is taken otherwise than it says."""
        self._report.notes.append((self._name, self._where + what))


def skeleton_of(category: Category, number: int, lengths: Mapping[int, int], remarks: Remarks) -> Skeleton:
    """The skeleton of a category, as far as its record says how it is.

    Args:
        category: The category; points that it does not name are called by their numbers.
        number: Id of the skeleton.
        lengths: How many annotations have so many values.
        remarks: Told about what cannot be used of it.
    """
    node = category.node
    names = _point_names(listed_in(node, "keypoints"), remarks)
    most = max((length // 3 for length in lengths), default=0)
    if not names:
        remarks.note(f"the keypoints of {category.name} have no names; they are called by their numbers")
    if not names or (len(lengths) == 1 and most > len(names) and not next(iter(lengths)) % 3):
        taken = set(names)
        for index in range(len(names), most):
            name = str(index + 1)
            while name in taken:
                name += "'"
            names.append(name)
            taken.add(name)
    edges = _pairs(field_of(node, "skeleton"), remarks)
    ends = [end for pair in edges for end in pair]
    base = 0 if ends and min(ends) == 0 and max(ends) < len(names) else 1
    if ends and base == 0:
        remarks.note("its lines count the keypoints from 0, not from 1; taken so")
    mirrors = [(pair, pair) for pair in _pairs(field_of(node, "mirror_pairs"), remarks)]
    found: dict[str, list[tuple[int, int]]] = {"line": [], "mirror pair": []}
    for what, pairs in (("line", [((a - base, b - base), (a, b)) for a, b in edges]), ("mirror pair", mirrors)):
        for pair, given in pairs:
            if all(0 <= end < len(names) for end in pair) and pair[0] != pair[1]:
                found[what].append(pair)
            else:
                remarks.lose(f"the {what} {list(given)} is left out: there are {len(names)} keypoints")
    return Skeleton(tuple(names), tuple(found["line"]), (), tuple(found["mirror pair"]), category.name, number)


def _point_names(values: Sequence[object], remarks: Remarks) -> list[str]:
    """Names that differ; a missing one is the point's number."""
    names: list[str] = []
    for index, value in enumerate(values, start=1):
        text = str(value).strip() if isinstance(value, (str, int, float)) else ""
        name, again = text or str(index), 2
        while name in names:
            name, again = f"{text or index} {again}", again + 1
        if name != text:
            remarks.note(f"keypoint {index} has no name of its own; called {name}")
        names.append(name)
    return names


def _pairs(listed: Node | None, remarks: Remarks) -> list[tuple[int, int]]:
    """Pairs of whole numbers; others are said."""
    found = []
    for node in listed if listed is not None and isinstance(listed.value, list) else ():
        try:
            ends = [end.integer() for end in node]
            if len(ends) != 2:
                raise node.error(f"expected two numbers of keypoints, found {len(ends)}")
        except FormatError as error:
            remarks.skip(error)
            continue
        found.append((ends[0], ends[1]))
    return found


def read_points(annotation: Node, skeleton: Skeleton, remarks: Remarks, *, results: bool = False) -> KeypointSet:
    """The points of an annotation, in the frame of the file.

    Args:
        annotation: Its record.
        skeleton: That of its category.
        remarks: Told about what had to be taken otherwise.
        results: Whether it is a program's, which writes how sure it is where a visibility would stand.
    """
    count = len(skeleton)
    table = _table(annotation, count, remarks)
    third = table[:, 2]
    known = np.isfinite(table[:, :2]).all(axis=1)
    odd = ~np.isin(third, (0, 1, 2)) & known
    visibility = np.where((third > 0) & known, 2 if results else np.where(odd, 2, third), 0).astype(np.uint8)
    sure = bool(odd.any() and np.nanmin(third) >= 0 and np.nanmax(third) <= 1)
    if odd.any() and not results:
        taken = "taken as how sure a program was" if sure else "above 0 is taken as visible"
        remarks.note(f"visibilities that are not 0, 1 or 2: {taken}")
    score, given = np.ones(count), _scores(annotation, count, remarks)
    predicted = results or sure
    if given is not None:
        score, predicted = given, predicted or bool((given < 1).any())
    elif sure:
        score = np.where(np.isfinite(third), third, 0)
    elif score_of(annotation) < 1 or results:
        score, predicted = np.full(count, score_of(annotation)), True
    origin = Origin.TRANSFERRED if predicted else Origin.USER
    xy = np.where(visibility[:, None] > 0, table[:, :2], np.nan)
    points = KeypointSet.make(xy, visibility, np.clip(score, 0, 1), origin, skeleton=skeleton.id)
    return dataclasses.replace(points, box=_box(annotation, remarks))


def _table(annotation: Node, count: int, remarks: Remarks) -> NDArray[np.float64]:
    """(count, 3) x, y and visibility; NaN for what is no number, 0 for points that are not there."""
    numbers, broken = [], 0
    for value in listed_in(annotation, "keypoints"):
        try:
            numbers.append(Node(value, annotation.path).number())
        except FormatError:
            numbers.append(np.nan)
            broken += 1
    if broken:
        remarks.lose(f"{broken} of the values of its keypoints are no numbers")
    if len(numbers) == 2 * count and len(numbers) % 3:  # places alone
        remarks.note("its keypoints have no visibility; all are taken as visible")
        return np.column_stack([np.array(numbers).reshape(-1, 2), np.full(count, 2)])
    if len(numbers) != 3 * count:
        remarks.lose(
            f"{count} keypoints need {3 * count} numbers, found {len(numbers)}; those that are there are taken"
        )
    whole = np.array(numbers[: len(numbers) // 3 * 3]).reshape(-1, 3)[:count]
    return np.concatenate([whole, np.zeros((count - len(whole), 3))])


def _scores(annotation: Node, count: int, remarks: Remarks) -> NDArray[np.float64] | None:
    scores = field_of(annotation, "keypoint_scores")
    if scores is None:
        return None
    try:
        return np.array(scores.numbers(count), np.float64).reshape(count)
    except FormatError as error:
        remarks.skip(error)
        return None


def contradictions(annotation: Node, points: KeypointSet, hw: tuple[int, int]) -> Iterator[str]:
    """What an annotation says that does not go together; the points, on the photograph, are taken as they are."""
    count, present = field_of(annotation, "num_keypoints"), int(points.present.sum())
    if count is not None and count.value != present and str(count.value) != str(present):
        yield f"num_keypoints is {count.value}, but {present} are labelled"
    if min(hw) <= 0:
        return
    xy = points.xy[points.present]
    beyond = int(((xy < -1) | (xy > [hw[1], hw[0]])).any(axis=1).sum())
    if beyond:
        yield f"{beyond} of its points {'lies' if beyond == 1 else 'lie'} outside the image"
    if points.box is not None and outside(points.box, hw):
        yield "its bbox lies outside the image"


def _box(annotation: Node, remarks: Remarks) -> Box | None:
    bbox = field_of(annotation, "bbox")
    if bbox is None or bbox.value == []:
        return None
    try:
        x, y, width, height = bbox.numbers(4)
    except FormatError as error:
        remarks.skip(error)
        return None
    if width <= 0 or height <= 0:
        remarks.lose("its bbox has no area")
        return None
    return box_from_corner((x, y, width, height))


def score_of(annotation: Node) -> float:
    """How sure a program was of a mask; 1 for what has no score."""
    score = field_of(annotation, "score")
    try:
        return 1.0 if score is None else min(max(score.number(), 0.0), 1.0)
    except FormatError:
        return 1.0


def listed_in(annotation: Node, name: str) -> list[object]:
    """The values of a list of a record, nested or flat; empty where there is none."""
    found = annotation.value.get(name)
    if not isinstance(found, list):
        return []
    if found and all(isinstance(each, list) for each in found):
        return [value for each in found for value in each]
    return found
