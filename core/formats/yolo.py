"""YOLO segmentation and pose: one text file per image, coordinates as shares of the image's width and height.

A folder with `labels/`, `data.yaml` and, on request, copies of the images. A share of 0 is the image's left or upper
edge, 1 its right or lower edge, so the centre of the first of w pixels is 0.5 / w. Outlines follow pixel edges; holes
are joined by a seam. Class numbers stay the same from one export to the next: a part's is its id - 1, and numbers of
deleted parts are named `unused-N`. A pose file holds one skeleton; its flip order comes from the mirror pairs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import atomic_folder
from counterpart.core.folders import files_below
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    box_from_corner,
    put_file,
    to_corner,
    with_progress,
)
from counterpart.core.formats.copying import copy_images
from counterpart.core.formats.fields import Node, read_text
from counterpart.core.formats.instances import chosen_skeleton, corner_box, instances_of
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.naming import output_names
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.polygons import fill_rings, keyhole, outlines
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.palette import colour_at
from counterpart.core.project.points import KeypointSet, Skeleton
from counterpart.core.project.tiles import pack_labels

_UNUSED = "unused-"
_MOST_YAML = 4_000_000
"""Characters: a thousand classes with names take a hundredth of it."""


def write_yolo_seg(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the outlines of the parts of a dataset, one line for each piece."""
    report = ExportReport("yolo-seg", out)
    names = output_names(dataset.image_names(), ".txt")
    with atomic_folder(out) as folder:
        for image in with_progress(dataset.images, ctx, "Writing"):
            if image.labels is None:
                report.skipped.append((image.name, "it has no labels"))
                continue
            lines = _outline_lines(image)
            put_file(folder / "labels" / names[image.name], "".join(lines))
            report.images += 1
            report.annotations += len(lines)
            if image.keypoints:
                report.lost.append((image.name, "keypoints (export them as yolo-pose)"))
        copy_images(dataset, folder / "images", options, report)
        put_file(folder / "data.yaml", _data_yaml(_class_names(dataset.parts), {}))
    return report


def _class_names(parts: Sequence[PartLabel]) -> list[str]:
    by_id = {part.id: part.name for part in parts}
    return [by_id.get(number, f"{_UNUSED}{number}") for number in range(1, max(by_id, default=0) + 1)]


def _data_yaml(names: Sequence[str], more: dict[str, object]) -> str:
    import yaml  # type: ignore[import-untyped,unused-ignore]

    data = {"path": ".", "train": "images", "val": "images", "nc": len(names), "names": dict(enumerate(names)), **more}
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return str(text)


def _outline_lines(image: AnnotatedImage) -> list[str]:
    if image.labels is None:
        return []
    labels = image.labels.unpack()
    scale = np.array([labels.shape[1], labels.shape[0]], np.float64)
    lines = []
    for part in image.labels.areas:
        for outline in outlines(labels == part):
            shares = keyhole(outline) / scale
            lines.append(f"{part - 1} " + " ".join(f"{value:.9g}" for value in shares.reshape(-1)) + "\n")
    return lines


def read_yolo_seg(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read outlines. The images' sizes come from the project, or from images beside the labels.

    Raises:
        FormatError: There are no label files.
    """
    files, folder, labels_folder, data = _open(path)
    names = _names(data) if data is not None else []
    highest = max((_highest_class(file, ctx, report) for file in files), default=-1)
    names += [f"class {number}" for number in range(len(names), highest + 1)]
    parts = tuple(
        PartLabel(number + 1, name, colour_at(number), number)
        for number, name in enumerate(names)
        if not name.startswith(_UNUSED)
    )
    known = {part.id for part in parts}

    def load(index: int) -> AnnotatedImage | None:
        file = files[index]
        name = file.relative_to(labels_folder).as_posix()
        placed = _place(name, folder, source)
        if placed.problem:
            report.skipped.append((name, placed.problem))
            return None
        try:
            labels = _fill(file, placed.hw, known, report, placed.name)
        except FormatError as error:
            report.skipped.append((name, error.what))
            return None
        return AnnotatedImage.at(placed, pack_labels(labels))

    return Dataset(parts=parts, images=LazyImages(len(files), load))


def _fill(file: Path, hw: tuple[int, int], known: set[int], report: ImportReport, name: str) -> np.ndarray:
    labels = np.zeros(hw, np.uint16)
    covered = 0
    for number, values in _rows(file):
        where = f"line {number}"
        if len(values) == 5:
            report.skipped.append((name, f"{where} is a box, not an outline"))
            continue
        if len(values) < 7 or len(values) % 2 == 0:
            raise FormatError(f"{where}: expected a class and pairs of x and y, found {len(values)} numbers", path=file)
        part = int(values[0]) + 1
        if part not in known:
            raise FormatError(f"{where}: there is no class {part - 1}", path=file, hint="Correct data.yaml")
        ring = np.array(values[1:]).reshape(-1, 2) * [hw[1], hw[0]]
        mask = fill_rings([_snapped(ring)], hw)
        covered += int(((labels > 0) & mask & (labels != part)).sum())
        labels[mask] = part
    if covered:
        report.lost.append((name, f"{covered} pixels where outlines overlap: the later one was taken"))
    return labels


def _snapped(ring: np.ndarray) -> np.ndarray:
    """Corners that rounding has moved off the pixel grid by a hair are put back on it."""
    nearest = np.rint(ring)
    return np.where(np.abs(ring - nearest) < 1e-4, nearest, ring)


# Pose


def write_yolo_pose(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the instances of one skeleton, one line each: class, box, and x, y, visibility of every point.

    Raises:
        UsageError: The dataset has no skeleton.
    """
    report = ExportReport("yolo-pose", out)
    skeleton = chosen_skeleton(dataset, options, "yolo-pose")
    names = output_names(dataset.image_names(), ".txt")
    with atomic_folder(out) as folder:
        for image in with_progress(dataset.images, ctx, "Writing"):
            instances = instances_of(image, skeleton)
            if not instances or min(image.hw) == 0:
                reason = "its size is not known" if instances else "it has no keypoints"
                report.skipped.append((image.name, reason))
                continue
            put_file(
                folder / "labels" / names[image.name], "".join(_pose_line(points, image.hw) for points in instances)
            )
            report.images += 1
            report.annotations += len(instances)
            if image.labels is not None:
                report.lost.append((image.name, "masks (export them as yolo-seg)"))
            if len(instances) < len(image.keypoints):
                report.lost.append((image.name, f"instances that are not of the skeleton {skeleton.name}"))
        copy_images(dataset, folder / "images", options, report)
        more: dict[str, object] = {
            "kpt_shape": [len(skeleton), 3],
            "flip_idx": skeleton.mirror_order().tolist(),
            "kpt_names": {0: list(skeleton.names)},
        }
        put_file(folder / "data.yaml", _data_yaml([skeleton.name], more))
    return report


def _pose_line(points: KeypointSet, hw: tuple[int, int]) -> str:
    scale = np.array([hw[1], hw[0]], np.float64)
    x, y, width, height = corner_box(points, hw)
    box = np.array([x + width / 2, y + height / 2, width, height]) / np.tile(scale, 2)
    values = [f"{value:.9g}" for value in box]
    for (px, py), visibility in zip(to_corner(points.xy) / scale, points.visibility, strict=True):
        values += [f"{px:.9g}", f"{py:.9g}", str(int(visibility))] if visibility else ["0", "0", "0"]
    return "0 " + " ".join(values) + "\n"


def read_yolo_pose(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read poses. The images' sizes come from the project, or from images beside the labels.

    Raises:
        FormatError: There are no label files, or `data.yaml` does not say how many keypoints there are.
    """
    files, folder, labels_folder, data = _open(path)
    if data is None:
        raise FormatError("data.yaml is missing", path=folder, hint="It says how many keypoints there are")
    shape = data["kpt_shape"].numbers(2)
    count, width = (int(value) for value in shape)
    if shape != [count, width] or not 1 <= count <= 10_000 or width not in (2, 3):
        raise data["kpt_shape"].error("expected [number of keypoints, 2 or 3]")
    class_names = _names(data)
    skeletons = [_pose_skeleton(data, name, number, count) for number, name in enumerate(class_names)]

    def load(index: int) -> AnnotatedImage | None:
        file = files[index]
        name = file.relative_to(labels_folder).as_posix()
        placed = _place(name, folder, source)
        if placed.problem:
            report.skipped.append((name, placed.problem))
            return None
        try:
            instances = tuple(
                _pose(values, f"line {number}", file, placed.hw, width, skeletons) for number, values in _rows(file)
            )
        except FormatError as error:
            report.skipped.append((name, error.what))
            return None
        return AnnotatedImage.at(placed, keypoints=instances)

    return Dataset(skeletons=tuple(skeletons), images=LazyImages(len(files), load))


def _pose_skeleton(data: Node, name: str, number: int, count: int) -> Skeleton:
    names = [str(index) for index in range(count)]
    given = data.get("kpt_names")
    if given is not None:
        fields = dict(given.items())
        if str(number) in fields:
            names = [item.text() for item in fields[str(number)]]
    flip = data.get("flip_idx")
    order = [] if flip is None else [int(value) for value in flip.numbers(count)]
    pairs = tuple((a, b) for a, b in enumerate(order) if a < b and b < count and order[b] == a)
    try:
        skeleton = Skeleton(tuple(names), mirror_pairs=pairs, name=name, id=number + 1)
    except UsageError as error:
        raise data.error(error.what) from None
    if len(skeleton) != count:
        raise data.error(f"{len(skeleton)} names for {count} keypoints")
    return skeleton


def _pose(
    values: list[float], where: str, file: Path, hw: tuple[int, int], width: int, skeletons: Sequence[Skeleton]
) -> KeypointSet:
    if not values or not 0 <= values[0] < len(skeletons) or values[0] != int(values[0]):
        raise FormatError(f"{where}: there is no such class", path=file, hint="Correct data.yaml")
    skeleton = skeletons[int(values[0])]
    if len(values) != 5 + width * len(skeleton):
        raise FormatError(
            f"{where}: expected {5 + width * len(skeleton)} numbers, found {len(values)}",
            path=file,
            hint="kpt_shape in data.yaml says how many keypoints there are",
        )
    scale = np.array([hw[1], hw[0]], np.float64)
    table = np.array(values[5:]).reshape(-1, width)
    xy = table[:, :2] * scale - 0.5
    visibility = table[:, 2] if width == 3 else np.where((table == 0).all(axis=1), 0, 2)
    if not np.isin(visibility, (0, 1, 2)).all():
        raise FormatError(f"{where}: a visibility is not 0, 1 or 2", path=file)
    centre, size = np.array(values[1:3]) * scale, np.array(values[3:5]) * scale
    low = centre - size / 2
    box = box_from_corner((float(low[0]), float(low[1]), float(size[0]), float(size[1])))
    xy = np.where(visibility[:, None] > 0, xy, np.nan)
    return KeypointSet.make(xy, visibility, box=box if size.min() > 0 else None, skeleton=skeleton.id)


# Both


def _open(path: Path) -> tuple[list[Path], Path, Path, Node | None]:
    """Label files, the data set's folder, the folder of labels, and `data.yaml` where there is one."""
    folder = path.parent if path.is_file() else path
    if folder.name == "labels" and not (folder / "data.yaml").is_file():
        labels, folder = folder, folder.parent
    else:
        labels = folder / "labels" if (folder / "labels").is_dir() else folder
    files = sorted(file for file in files_below(labels, "*.txt") if file.name != "classes.txt")
    if not files:
        raise FormatError("there are no label files here", path=path, hint="Choose the folder that has labels/ in it")
    settings = folder / "data.yaml"
    if not settings.is_file():
        return files, folder, labels, None
    return files, folder, labels, Node(_plain(_yaml(settings)), settings)


def _yaml(path: Path) -> object:
    """The value of a YAML file without aliases: a few of those can stand for more than any memory holds, or for itself.

    Raises:
        FormatError: It cannot be read or is not YAML; the line is named where it is known.
    """
    import yaml

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


def _names(data: Node) -> list[str]:
    names = data["names"]
    if isinstance(names.value, dict):
        numbered = {Node(key, names.path, names.where).integer(0, 65_000): item.text() for key, item in names.items()}
        return [numbered.get(number, f"{_UNUSED}{number + 1}") for number in range(max(numbered, default=-1) + 1)]
    return [item.text() for item in names]


def _rows(file: Path) -> list[tuple[int, list[float]]]:
    """(line number, numbers) of the lines that have any.

    Raises:
        FormatError: Something is not a number.
    """
    rows = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if line.strip():
            words = Node(line.split(), file, f"line {number}")
            rows.append((number, words.numbers()))
    return rows


def _highest_class(file: Path, ctx: JobContext, report: ImportReport) -> int:
    ctx.check()
    try:
        return max((min(int(values[0]), 65_000) for _, values in _rows(file)), default=-1)
    except FormatError:
        del report  # named when the file is read
        return -1


def _place(label_name: str, folder: Path, source: Source) -> Placed:
    """The photograph that a label file is for; one whose size is not known cannot be used."""
    stem = label_name.removesuffix(".txt")
    placed = source.place(stem, folders=(folder / "images", folder), bare=True)
    if not placed.problem and min(placed.hw) <= 0:
        return dataclasses.replace(placed, problem="its size is not known")
    return placed
