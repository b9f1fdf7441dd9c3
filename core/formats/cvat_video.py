"""CVAT for video: tracks become the shapes of frames, and frames become images.

A track lists its shapes by frame. Between two of them it moves evenly, after one that is `outside` it is gone, and
after the last it stays where it is to the end of the task. CVAT lists every frame itself, with `keyframe="0"` for those
between; other programs list keyframes alone.

The XML has no names of images. A frame is the image called `frame_000012`, as CVAT writes them; else the images in
their natural order are the frames, where there are as many, or their numbers are the frames' numbers.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

from counterpart.core.formats.source import Source

Element = ET.Element

_LINEAR = {
    "box": ("xtl", "ytl", "xbr", "ybr"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "polygon": (),
    "points": (),
    "skeleton": (),
}
"""Shapes that move evenly between frames, and the numbers that give their place beside `points` and `rotation`."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The images that a task's frames are.

    Attributes:
        names: Name of each frame's image, for `Source.place`.
        numbers: The frames that have one, ascending.
        film: Name of the film; empty where the file does not say.
        stop: Last frame of the task, None where the file does not say.
    """

    names: dict[int, str]
    numbers: list[int]
    film: str = ""
    stop: int | None = None

    @classmethod
    def of(cls, root: Element, needed: set[int], source: Source, folders: Sequence[Path]) -> Frames:
        """The images for the frames that a file speaks of."""
        film = (root.findtext("./meta//source") or root.findtext("./meta/source") or "").strip()
        size, start = _number(root, "size"), _number(root, "start_frame") or 0
        step = int((re.search(r"step\s*=\s*(\d{1,6})", root.findtext("./meta//frame_filter") or "") or [0, 1])[1]) or 1
        stop = _number(root, "stop_frame")
        if stop is None and size is not None:
            stop = start + (size - 1) * step
        sequences = list(source.sequences(folders, PurePosixPath(film.replace("\\", "/")).stem))
        called = (_called_by_cvat(listed, needed) for listed in sequences)
        ordered = (_in_order(listed, needed, size, start, step) for listed in sequences)
        names = next((found for found in itertools.chain(called, ordered) if found), {})
        return cls(names, sorted(names), film, stop)

    def between(self, first: int, last: int) -> list[int]:
        """The frames that have an image from after one to another, this included."""
        return self.numbers[bisect_right(self.numbers, first) : bisect_right(self.numbers, last)]


def _number(root: Element, name: str) -> int | None:
    text = (root.findtext(f"./meta//{name}") or "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else None


def frame_number(shape: Element) -> int | None:
    """The frame of a track's shape; None where none is said that a film can have."""
    text = shape.get("frame") or ""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _called_by_cvat(names: Sequence[str], needed: set[int]) -> dict[int, str]:
    """Which of some images are which frames by the names that CVAT gives them; empty where none is of these."""
    matches = [(re.fullmatch(r"frame_(\d{6,9})", PurePosixPath(name).stem), name) for name in names]
    found = {int(match[1]): name for match, name in matches if match}
    return found if needed & set(found) else {}


def _in_order(names: Sequence[str], needed: set[int], size: int | None, start: int, step: int) -> dict[int, str]:
    """Which of some images, in their natural order, are which frames; empty where they do not fit."""
    found = [re.search(r"(\d{1,18})\D*$", PurePosixPath(name).stem) for name in names]
    numbers = [int(match[1]) for match in found if match]
    if size == len(names):
        return {start + at * step: name for at, name in enumerate(names)}
    if len(numbers) == len(names) == len(set(numbers)) and (numbers[0] == 0 or needed & set(numbers)):
        return dict(zip(numbers, names, strict=True))
    if size is None and len(names) > max(needed, default=0):
        return dict(enumerate(names))
    return {}


def shapes_by_frame(root: Element, frames: Frames, bad: list[str], held: Counter[str]) -> dict[int, list[Element]]:
    """The shapes of each frame, as those of an image, with the label of their track.

    Args:
        root: The file.
        frames: Which frames have images.
        bad: Gets what cannot be read, by track.
        held: Gets shapes that could not be moved between two frames, by kind.
    """
    found: dict[int, list[Element]] = {}
    for number, track in enumerate(root.iterfind("./track")):
        where = f"track {track.get('id') or number}"
        items = []
        for shape in track:
            frame = frame_number(shape)
            if frame is not None:
                items.append((frame, shape))
            elif shape.tag != "attribute":
                bad.append(f"{where}, {shape.tag}: the frame {shape.get('frame', '')[:40]!r} is no number")
        items.sort(key=lambda item: item[0])
        for frame, shape in _filled(items, frames, held):
            shape.set("label", track.get("label") or "object")
            found.setdefault(frame, []).append(shape)
    return found


def _filled(items: Sequence[tuple[int, Element]], frames: Frames, held: Counter[str]) -> Iterator[tuple[int, Element]]:
    """A track's shapes in every frame in which it is seen."""
    for at, (frame, shape) in enumerate(items):
        if _is_gone(shape):
            continue
        yield frame, copy.deepcopy(shape)
        if at + 1 < len(items):
            after, other = items[at + 1]
            for between in frames.between(frame, after - 1):
                yield between, _between(shape, other, (between - frame) / (after - frame), held)
        elif shape.get("keyframe") != "0" and frames.stop is not None:
            for later in frames.between(frame, frames.stop):
                yield later, copy.deepcopy(shape)


def _is_gone(shape: Element) -> bool:
    """Whether a shape is not in the picture; of a skeleton its points say so."""
    points = shape.findall("points") if shape.tag == "skeleton" else []
    return shape.get("outside") == "1" or (bool(points) and all(point.get("outside") == "1" for point in points))


def _between(a: Element, b: Element, share: float, held: Counter[str]) -> Element:
    """A shape on its way to another, at a share of it; where it has no way there, as it was."""
    made = copy.deepcopy(a)
    if a.tag != b.tag or a.tag not in _LINEAR:
        held[a.tag] += 1
        return made
    with contextlib.suppress(ValueError):  # what is no number is named where the shape itself is read
        for name in _LINEAR[a.tag]:
            made.set(name, str(_mixed(float(a.get(name, "")), float(b.get(name, "")), share)))
        turn = (float(b.get("rotation") or 0) - float(a.get("rotation") or 0) + 180) % 360 - 180
        if turn or a.get("rotation"):
            made.set("rotation", str(float(a.get("rotation") or 0) + share * turn))
        if a.get("points") is not None and not _move_points(made, b, share):
            held[a.tag] += 1
        others = {point.get("label"): point for point in b.iterfind("points")}
        for point in made.iterfind("points"):
            other = others.get(point.get("label"))
            if other is not None and other.get("outside") != "1":
                _move_points(point, other, share)
    return made


def _move_points(made: Element, b: Element, share: float) -> bool:
    first, last = _pairs(made.get("points") or ""), _pairs(b.get("points") or "")
    if len(first) != len(last):
        return False
    mixed = [(_mixed(x, u, share), _mixed(y, v, share)) for (x, y), (u, v) in zip(first, last, strict=True)]
    made.set("points", ";".join(f"{x},{y}" for x, y in mixed))
    return True


def _pairs(text: str) -> list[tuple[float, float]]:
    found = []
    for pair in text.split(";"):
        x, _, y = pair.partition(",")
        found.append((float(x), float(y)))
    return found


def _mixed(a: float, b: float, share: float) -> float:
    return a + share * (b - a)
