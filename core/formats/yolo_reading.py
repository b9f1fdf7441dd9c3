"""Reading YOLO's label files: outlines and poses, in the layouts of Ultralytics and of Roboflow.

Labels lie in `labels/`, in `labels/train/`, or in `train/labels/`; their images in folders called `images` instead.
Names of classes stand in a YAML file or in a list beside. A line that cannot be used is named and left out; boxes
bring nothing and are counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError
from counterpart.core.folders import files_below
from counterpart.core.formats.base import AnnotatedImage, Dataset, ImportReport, box_from_corner
from counterpart.core.formats.canvas import Canvas
from counterpart.core.formats.fields import Node, read_text
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.source import Source
from counterpart.core.formats.yolo import UNUSED
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.palette import colour_at
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.wording import plural

_MOST_YAML = 4_000_000
"""Characters: a thousand classes with names take a hundredth of it."""
_MOST_CLASSES = 65_000
_SPLITS = ("train", "val", "valid", "test")
_FAR = 1.5
"""A share of the image beyond this is no share but a pixel."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a label file.

    Attributes:
        line: Its number.
        values: Its numbers.
    """

    line: int
    values: list[float]


@dataclass(frozen=True, slots=True)
class _LabelFile:
    """A file of labels.

    Attributes:
        file: Where it is.
        shown: What it is called in reports.
        name: That of its image within the split, without suffix.
        split: The same with the split in front.
        folders: Where its image may lie.
    """

    file: Path
    shown: str
    name: str
    split: str
    folders: tuple[Path, ...]


class _Yolo:
    """A folder of label files and what is known of their classes."""

    def __init__(self, path: Path, source: Source, ctx: JobContext, report: ImportReport) -> None:
        folder = path.parent if path.is_file() else path
        while folder.name == "labels" and not _settings_in(folder):
            folder = folder.parent
        chosen = path if path.is_dir() else folder
        self.folder, self._source, self._report = folder, source, report
        self.files: list[_LabelFile] = []
        highest = -1
        for file in sorted(files_below(chosen, "*.txt")):
            ctx.check()
            if file.name == "classes.txt" or not _is_labels(file):
                continue
            self.files.append(_label_file(file, folder, chosen))
            highest = max([highest, *(int(row.values[0]) for row in self.rows(file) if _is_class(row.values[0]))])
        if not self.files:
            raise FormatError(
                "there are no label files here", path=path, hint="Choose the folder that has labels/ in it"
            )
        given = path if path.suffix.lower() in (".yaml", ".yml") else _settings_in(folder)
        if given is None and folder.name.lower() in _SPLITS:
            given = _settings_in(folder.parent)
        self.settings = None if given is None else Node(_plain(_yaml(given)), given)
        self.names = self._class_names(chosen)
        self.names += [f"class {number}" for number in range(len(self.names), highest + 1)]

    def _class_names(self, chosen: Path) -> list[str]:
        if self.settings is not None and self.settings.get("names") is not None:
            return _names(self.settings)
        for folder in dict.fromkeys((self.folder, chosen, self.folder / "labels")):
            for name in ("classes.txt", "obj.names", "classes.names", "predefined_classes.txt"):
                if (folder / name).is_file():
                    return [line.strip() for line in read_text(folder / name).splitlines() if line.strip()]
        return []

    def rows(self, file: Path, remarks: list[str] | None = None) -> list[_Row]:
        """The lines of a file that are numbers; others are told to `remarks`."""
        rows = []
        for number, text in enumerate(read_text(file).splitlines(), start=1):
            if not text.strip():
                continue
            try:
                rows.append(_Row(number, Node(text.split(), file, f"line {number}").numbers()))
            except FormatError as error:
                if remarks is not None:
                    remarks.append(error.what)
        return rows

    def place(self, label: _LabelFile) -> Placed:
        """The photograph of a label file."""
        placed = self._source.place(label.name, folders=label.folders, bare=True)
        if placed.problem and label.split != label.name:
            again = self._source.place(label.split, folders=label.folders, bare=True)
            placed = placed if again.problem else again
        return placed

    def scale(self, xy: NDArray[np.float64], placed: Placed) -> NDArray[np.float64]:
        """(2,) pixels of a unit of x and of y: the photograph's sides, or 1 where a file is in pixels.

        Raises:
            FormatError: The (N, 2) places are neither shares nor pixels of the photograph.
        """
        sides = np.array([placed.hw[1], placed.hw[0]], np.float64)
        if not (xy > _FAR).any():
            return sides
        if (xy > sides + 1).any():
            shown = f"{placed.hw[1]} x {placed.hw[0]}"
            raise FormatError(f"its places are no shares of the image, nor do they fit the photograph's {shown} pixels")
        self._report.notes.append((placed.name, "its places are in pixels, not in shares of the image; taken so"))
        return np.ones(2)

    def image(self, index: int, read: _ReadRows) -> AnnotatedImage | None:
        """One image; None where its photograph or its numbers cannot be used."""
        label = self.files[index]
        placed = self.place(label)
        if placed.problem or min(placed.hw) <= 0:
            self._report.skipped.append((label.shown, placed.problem or "its size is not known"))
            return None
        skipped: list[str] = []
        try:
            found = read(self.rows(label.file, skipped), placed, skipped)
        except FormatError as error:
            skipped.append(error.what)
            found = None
        self._report.skipped += [(label.shown, what) for what in skipped]
        return found if found is not None and (found.labels is not None or found.keypoints) else None


_ReadRows = Callable[[list[_Row], Placed, list[str]], AnnotatedImage]
"""Makes an image of the lines of its file, and tells of those that cannot be used."""


def _is_class(value: float) -> bool:
    return 0 <= value < _MOST_CLASSES and value == int(value)


def _is_labels(file: Path) -> bool:
    """Whether a text file has labels: nothing, or a line of numbers. Lists of images and prose have none."""
    try:
        lines = [line.split() for line in read_text(file).splitlines() if line.strip()]
    except FormatError:
        return False
    if not lines:
        return not file.name.lower().startswith("readme")
    for words in lines:
        try:
            if len([float(word) for word in words]) > 1:
                return True
        except ValueError:
            continue
    return False


def _label_file(file: Path, folder: Path, chosen: Path) -> _LabelFile:
    """Where the image of a label file may be, by the rule of Ultralytics: images/ stands where labels/ stands."""
    parts = file.relative_to(folder).with_suffix("").parts
    shown = file.relative_to(chosen).as_posix()
    at = max((index for index, part in enumerate(parts[:-1]) if part.lower() == "labels"), default=-1)
    if at < 0:
        name = "/".join(parts)
        return _LabelFile(file, shown, name, name, (folder / "images", folder))
    above, inner = parts[:at], parts[at + 1 :]
    base = folder.joinpath(*above)
    if shown.startswith("labels/"):
        shown = shown.removeprefix("labels/")
    name = "/".join(inner)
    return _LabelFile(file, shown, name, "/".join((*above, *inner)), (base / "images", base))


def _settings_in(folder: Path) -> Path | None:
    """The YAML file that names the classes of a folder."""
    files = [file for pattern in ("*.yaml", "*.yml") for file in sorted(folder.glob(pattern))]
    files.sort(key=lambda file: (file.stem.lower() not in ("data", "dataset"), file.stem.lower() != "data"))
    for file in files:
        if file.stem.lower() in ("data", "dataset") or "names" in read_text(file)[:_MOST_YAML]:
            return file
    return None


def read_yolo_seg(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read outlines. The images' sizes come from the project, or from images beside the labels.

    Raises:
        FormatError: There are no label files.
    """
    yolo = _Yolo(path, source, ctx, report)
    parts = tuple(
        PartLabel(number + 1, name, colour_at(number), number)
        for number, name in enumerate(yolo.names)
        if not name.startswith(UNUSED)
    )
    known = {part.id for part in parts}

    def read(rows: list[_Row], placed: Placed, skipped: list[str]) -> AnnotatedImage:
        outlines: list[tuple[float, int, NDArray[np.float64]]] = []
        boxes = 0
        for row in rows:
            count = len(row.values)
            if count in (5, 6):  # with how sure a program was, or the number of a track
                boxes += 1
            elif count < 7:
                skipped.append(f"line {row.line}: expected a class and pairs of x and y, found {count} numbers")
            elif not _is_class(row.values[0]) or int(row.values[0]) + 1 not in known:
                skipped.append(f"line {row.line}: there is no class {row.values[0]:g}")
            else:
                score = 1.0 if count % 2 else row.values[-1]
                end = count if count % 2 else count - 1
                outlines.append((score, int(row.values[0]) + 1, np.array(row.values[1:end]).reshape(-1, 2)))
        if boxes:
            skipped.append(f"{boxes} {plural(boxes, 'line is a box, not an outline', 'lines are boxes, not outlines')}")
        canvas = Canvas(placed)
        if outlines:
            scale = yolo.scale(np.concatenate([xy for _, _, xy in outlines]), placed)
            for _, part, xy in sorted(outlines, key=lambda each: each[0]):
                canvas.ring(_snapped(xy * scale), part)
        if canvas.covered:
            report.lost.append(
                (placed.name, f"{canvas.covered} pixels where outlines overlap: the later one was taken")
            )
        found = AnnotatedImage.at(placed, canvas.packed())
        predicted = bool(outlines) and all(score < 1 for score, _, _ in outlines)
        return dataclasses.replace(found, state="predicted") if predicted else found

    return Dataset(parts=parts, images=LazyImages(len(yolo.files), lambda index: yolo.image(index, read)))


def _snapped(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners that rounding has moved off the pixel grid by a hair are put back on it."""
    nearest = np.rint(ring)
    return np.where(np.abs(ring - nearest) < 1e-4, nearest, ring)


def read_yolo_pose(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read poses. The images' sizes come from the project, or from images beside the labels.

    Raises:
        FormatError: There are no label files, or no `data.yaml` says how many keypoints there are.
    """
    yolo = _Yolo(path, source, ctx, report)
    data = yolo.settings
    if data is None:
        raise FormatError("data.yaml is missing", path=yolo.folder, hint="It says how many keypoints there are")
    shape = data["kpt_shape"].numbers(2)
    count, width = (int(value) for value in shape)
    if shape != [count, width] or not 1 <= count <= 10_000 or width not in (2, 3):
        raise data["kpt_shape"].error("expected [number of keypoints, 2 or 3]")
    named = len(_names(data)) if data.get("names") is not None else len(yolo.names)
    skeletons = [_pose_skeleton(data, name, number, count, report) for number, name in enumerate(yolo.names[:named])]

    def read(rows: list[_Row], placed: Placed, skipped: list[str]) -> AnnotatedImage:
        poses: list[tuple[_Row, NDArray[np.float64], float]] = []
        boxes = 0
        for row in rows:
            found = len(row.values)
            if not _is_class(row.values[0]) or int(row.values[0]) >= len(skeletons):
                skipped.append(f"line {row.line}: there is no such class")
            elif found in (5, 6):
                boxes += 1
            elif found - 5 - width * count not in (0, 1):
                skipped.append(f"line {row.line}: expected {5 + width * count} numbers, found {found}")
            else:
                score = row.values[-1] if found - 5 - width * count else 1.0
                poses.append((row, np.array(row.values[5 : 5 + width * count]).reshape(count, width), score))
        if boxes:
            skipped.append(f"{boxes} {plural(boxes, 'line is a box, not a pose', 'lines are boxes, not poses')}")
        if not poses:
            return AnnotatedImage.at(placed)
        corners = [np.array(row.values[1:5]).reshape(2, 2) for row, _, _ in poses]
        scale = yolo.scale(np.concatenate([*corners, *(table[:, :2] for _, table, _ in poses)]), placed)
        instances = []
        for row, table, score in poses:
            visibility = table[:, 2] if width == 3 else np.where((table == 0).all(axis=1), 0, 2)
            if not np.isin(visibility, (0, 1, 2)).all():
                report.notes.append(
                    (placed.name, f"line {row.line}: visibilities that are not 0, 1 or 2: above 0 is taken as visible")
                )
                visibility = np.where(np.isin(visibility, (0, 1, 2)), visibility, np.where(visibility > 0, 2, 0))
            instances.append(_pose(row.values, table, visibility, score, scale, skeletons[int(row.values[0])]))
        return AnnotatedImage.at(placed, keypoints=tuple(instances))

    return Dataset(
        skeletons=tuple(skeletons), images=LazyImages(len(yolo.files), lambda index: yolo.image(index, read))
    )


def _pose(
    values: Sequence[float],
    table: NDArray[np.float64],
    visibility: NDArray[np.float64],
    score: float,
    scale: NDArray[np.float64],
    skeleton: Skeleton,
) -> KeypointSet:
    centre, size = np.array(values[1:3]) * scale, np.array(values[3:5]) * scale
    low = centre - size / 2
    box = box_from_corner((float(low[0]), float(low[1]), float(size[0]), float(size[1])))
    xy = np.where(visibility[:, None] > 0, table[:, :2] * scale - 0.5, np.nan)
    sure = min(max(score, 0.0), 1.0)
    origin = Origin.USER if sure == 1 else Origin.TRANSFERRED
    scores = np.full(len(skeleton), sure)
    return KeypointSet.make(xy, visibility, scores, origin, box=box if size.min() > 0 else None, skeleton=skeleton.id)


def _pose_skeleton(data: Node, name: str, number: int, count: int, report: ImportReport) -> Skeleton:
    """The skeleton of a class; names and mirror pairs that cannot be are said and left out."""
    names = [str(index) for index in range(count)]
    given = data.get("kpt_names")
    listed = None
    if given is not None:
        listed = given if isinstance(given.value, list) else given.get(str(number))
    if listed is not None and isinstance(listed.value, list):
        texts = [str(item.value).strip() for item in listed]
        if len(texts) == count and len(set(texts)) == count and all(texts):
            names = texts
        else:
            report.notes.append((data.path.name, f"kpt_names: they are no {count} different names; numbers are taken"))
    flip = data.get("flip_idx")
    pairs: tuple[tuple[int, int], ...] = ()
    try:
        order = [] if flip is None else [int(value) for value in flip.numbers(count)]
        if sorted(order) != list(range(len(order))):
            raise data["flip_idx"].error("it is no order of the keypoints")
        pairs = tuple((a, b) for a, b in enumerate(order) if a < b and order[b] == a)
    except FormatError as error:
        report.lost.append((data.path.name, error.what))
    return Skeleton(tuple(names), mirror_pairs=pairs, name=name, id=number + 1)


def _names(data: Node) -> list[str]:
    names = data["names"]
    if isinstance(names.value, dict):
        numbered = {Node(key, names.path, names.where).integer(0, _MOST_CLASSES): item for key, item in names.items()}
        found = {number: str(item.value).strip() for number, item in numbered.items()}
    else:
        found = {number: str(item.value).strip() for number, item in enumerate(names)}
    return [found.get(number) or f"{UNUSED}{number + 1}" for number in range(max(found, default=-1) + 1)]


def _yaml(path: Path) -> object:
    """The value of a YAML file without aliases: a few of those can stand for more than any memory holds, or for itself.

    Raises:
        FormatError: It cannot be read or is not YAML; the line is named where it is known.
    """
    import yaml  # type: ignore[import-untyped,unused-ignore]

    text = read_text(path)
    if len(text) > _MOST_YAML:
        raise FormatError("this is too long for a data.yaml", path=path, hint="Choose a YOLO data set")
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise FormatError(
                    f"line {event.start_mark.line + 1}: aliases (*{event.anchor}) are not read",
                    path=path,
                    hint="Write the value out",
                )
        return cast("object", yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, RecursionError) as error:
        problem = getattr(error, "problem", None) or error
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f"line {mark.line + 1}: "
        raise FormatError(f"{where}this is not valid YAML ({problem})", path=path, hint="Correct it") from None


def _plain(value: object) -> object:
    """YAML's values as JSON's: keys are text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
