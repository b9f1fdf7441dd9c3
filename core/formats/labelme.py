"""LabelMe JSON: one file per image, beside it or in a folder that mirrors the images.

Masks are shapes of type `mask` (LabelMe 5.3 and later), which are exact, holes included; as polygons (on request, for
older versions) they follow pixel edges with holes joined by a seam. LabelMe draws on a canvas whose (0, 0) is the
image's corner: points and polygons are in the corner convention. Instances are points with a common `group_id`, their
box a rectangle named after the skeleton; an occluded point carries the flag `occluded`.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.files import atomic_folder
from counterpart.core.folders import files_below
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    box_from_corner,
    box_to_corner,
    put_file,
    to_corner,
    with_progress,
)
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.instances import on_photograph, skeleton_for
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.naming import output_names
from counterpart.core.formats.pictures import read_label_picture
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.polygons import fill_rings, keyhole, outlines
from counterpart.core.formats.rle import MAX_PIXELS
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel, mask_bbox
from counterpart.core.project.palette import colour_at
from counterpart.core.project.points import KeypointSet, Skeleton, Visibility
from counterpart.core.project.tiles import pack_labels

_AREAS = ("mask", "polygon", "rectangle", "circle")


def write_labelme(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write one JSON for each annotated image into a folder."""
    report = ExportReport("labelme", out)
    names = output_names(dataset.image_names(), ".json")
    part_names = dataset.part_names()
    with atomic_folder(out) as folder:
        for image in with_progress(dataset.images, ctx, "Writing"):
            if image.labels is None and not image.keypoints:
                report.skipped.append((image.name, "it has no annotations"))
                continue
            if min(image.hw) == 0:
                report.skipped.append((image.name, "its size is not known"))
                continue
            shapes = _area_shapes(image, part_names, options) + _point_shapes(image, dataset, report)
            target = out / names[image.name]
            data: dict[str, object] = {
                "version": "5.5.0",
                "flags": {},
                "shapes": shapes,
                "imagePath": _image_path(image, target),
                "imageData": None,
                "imageHeight": image.hw[0],
                "imageWidth": image.hw[1],
            }
            put_file(folder / names[image.name], json.dumps(data, ensure_ascii=False, indent=1))
            report.images += 1
            report.annotations += len(shapes)
    if options.polygons:
        report.notes.append("LabelMe itself counts a polygon's outline in when it fills it; masks it reads exactly")
    return report


def _image_path(image: AnnotatedImage, target: Path) -> str:
    """How LabelMe finds the image: relative to the JSON where there is a way."""
    if image.file is None:
        return PurePosixPath(image.name).name
    try:
        return Path(os.path.relpath(image.file, target.parent)).as_posix()
    except ValueError:
        return image.file.as_posix()


def _shape(label: str, points: Sequence[Sequence[float]], kind: str, **more: object) -> dict[str, object]:
    return {
        "label": label,
        "points": [list(point) for point in points],
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
        **more,
    }


def _area_shapes(image: AnnotatedImage, part_names: dict[int, str], options: ExportOptions) -> list[dict[str, object]]:
    if image.labels is None:
        return []
    labels = image.labels.unpack()
    shapes = []
    for part in image.labels.areas:
        mask = np.asarray(labels == part)
        if options.polygons:
            rings = [keyhole(outline).tolist() for outline in outlines(mask)]
            shapes += [_shape(part_names[part], ring, "polygon") for ring in rings]
            continue
        top, left, bottom, right = mask_bbox(mask) or (0, 0, 0, 0)
        buffer = io.BytesIO()
        Image.fromarray(mask[top:bottom, left:right]).save(buffer, "PNG")
        corners = [[left, top], [right - 1, bottom - 1]]
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        shapes.append(_shape(part_names[part], corners, "mask", mask=encoded))
    return shapes


def _point_shapes(image: AnnotatedImage, dataset: Dataset, report: ExportReport) -> list[dict[str, object]]:
    shapes = []
    for group, points in enumerate(image.keypoints, start=1):
        skeleton = dataset.skeleton(points.skeleton)
        if points.box is not None:
            x, y, width, height = box_to_corner(points.box)
            shapes.append(_shape(skeleton.name, [[x, y], [x + width, y + height]], "rectangle", group_id=group))
        for name, xy, visibility in zip(skeleton.names, to_corner(points.xy).tolist(), points.visibility, strict=True):
            if visibility == Visibility.ABSENT:
                continue
            flags = {"occluded": True} if visibility == Visibility.OCCLUDED else {}
            shapes.append(_shape(name, [xy], "point", group_id=group, flags=flags))
        if (points.score[points.present] < 1).any():
            report.lost.append((image.name, "scores of transferred points"))
    return shapes


def read_labelme(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read a LabelMe JSON or a folder of them. Shapes are painted in their order; the later covers the earlier.

    Raises:
        FormatError: There are none, or one given by itself is damaged.
    """
    files = sorted(files_below(path, "*.json")) if path.is_dir() else [path]
    folder = path if path.is_dir() else path.parent
    usable: list[Path] = []
    areas: dict[str, int] = {}
    point_names: dict[str, None] = {}
    boxes: dict[str, None] = {}
    for number, file in enumerate(files):
        ctx.step(number, len(files), f"Looking at {file.name}")
        try:
            data = read_json(file)
            if path.is_dir() and data.get("shapes") is None:
                continue  # some other JSON that lies about
            _survey(data, areas, point_names, boxes)
        except FormatError as error:
            if not path.is_dir():
                raise
            report.skipped.append((file.name, str(error.what)))
            continue
        usable.append(file)
    if not usable:
        raise FormatError("there are no LabelMe files here", path=path, hint="Choose the folder with the JSON files")
    parts = tuple(PartLabel(number, name, colour_at(number - 1), number - 1) for name, number in areas.items())
    skeleton = skeleton_for(list(point_names), source, next(iter(boxes), "object")) if point_names else None

    def load(index: int) -> AnnotatedImage | None:
        return _load(usable[index], folder, areas, skeleton, source, report)

    return Dataset(parts, () if skeleton is None else (skeleton,), LazyImages(len(usable), load))


def _survey(data: Node, areas: dict[str, int], points: dict[str, None], boxes: dict[str, None]) -> None:
    """Collect the names of a file's areas, points and boxes of instances."""
    groups = {
        shape["group_id"].value
        for shape in data["shapes"]
        if _kind(shape) == "point" and shape.get("group_id") is not None
    }
    for shape in data["shapes"]:
        kind, label = _kind(shape), shape["label"].text()
        group = shape.get("group_id")
        if kind == "point":
            points.setdefault(label)
        elif kind == "rectangle" and group is not None and group.value in groups:
            boxes.setdefault(label)
        elif kind in _AREAS:
            areas.setdefault(label, len(areas) + 1)


def _kind(shape: Node) -> str:
    kind = shape.get("shape_type")
    return "polygon" if kind is None else kind.text()  # older files do not say


def _load(
    file: Path,
    folder: Path,
    areas: dict[str, int],
    skeleton: Skeleton | None,
    source: Source,
    report: ImportReport,
) -> AnnotatedImage | None:
    data = read_json(file)
    name = file.relative_to(folder).as_posix()
    try:
        placed = _place(data, name, file, source)
        if placed.problem:
            return AnnotatedImage.at(placed)
        hw, name = placed.hw, placed.name
        labels = np.zeros(hw, np.uint16)
        covered, painted = 0, False
        groups: dict[tuple[str | None, int], list[Node]] = {}
        seen: dict[tuple[str | None, str], int] = {}
        for shape in data["shapes"]:
            kind, label = _kind(shape), shape["label"].text()
            group = shape.get("group_id")
            if kind == "point" or (kind == "rectangle" and skeleton is not None and label not in areas):
                key = None if group is None else str(group.value)
                # Of points that nobody grouped, the second of each name belong to a second instance.
                count = seen[key, label] = seen.get((key, label), 0) + 1
                groups.setdefault((key, count), []).append(shape)
            elif kind in _AREAS:
                mask = _mask(shape, kind, placed)
                covered += int(((labels > 0) & mask & (labels != areas[label])).sum())
                labels[mask] = areas[label]
                painted = True
            else:
                report.lost.append((name, f"{shape.where}: a shape of type {kind}"))
        instances = (
            ()
            if skeleton is None
            else tuple(on_photograph(_instance(shapes, skeleton), placed) for shapes in groups.values())
        )
    except FormatError as error:
        report.skipped.append((name, error.what))
        return None
    if covered:
        report.lost.append((name, f"{covered} pixels where shapes overlap: the later one was taken"))
    return AnnotatedImage.at(placed, pack_labels(labels) if painted else None, instances)


def _place(data: Node, name: str, file: Path, source: Source) -> Placed:
    """The photograph of a file: the one that it names beside itself, else the one that is called as the file is."""
    height, width, given = data.get("imageHeight"), data.get("imageWidth"), data.get("imagePath")
    declared = (height.size(), width.size()) if height is not None and width is not None else None
    if declared is not None and declared[0] * declared[1] > MAX_PIXELS:
        raise data.error(f"an image of {declared[1]} x {declared[0]} pixels is too large")
    extent = _extent(data)
    path = None if given is None or given.value is None else given.text()
    beside = None if path is None else file.parent / path.replace("\\", "/")
    placed = source.place(name.removesuffix(file.suffix), declared=declared, extent=extent, bare=True)
    if path is not None and (placed.problem or not placed.sure or (beside is not None and beside.is_file())):
        named = source.place(path, beside=file.parent, declared=declared, extent=extent)
        placed = named if placed.problem or not named.problem else placed
    if not placed.problem and min(placed.hw) <= 0:
        raise data.error("the image's width and height are not known")
    return placed


def _extent(data: Node) -> tuple[float, float] | None:
    """Largest x and y of a file's shapes; None where there are masks, which have the declared size themselves."""
    points = []
    for shape in data["shapes"]:
        if _kind(shape) == "mask":
            return None
        points += [point.numbers(2) for point in shape["points"]]
    xy = np.array(points, np.float64).reshape(-1, 2)
    return (float(xy[:, 0].max()), float(xy[:, 1].max())) if len(xy) else (0.0, 0.0)


def _mask(shape: Node, kind: str, placed: Placed) -> NDArray[np.bool_]:
    points = np.array([point.numbers(2) for point in shape["points"]], np.float64).reshape(-1, 2)
    if len(points) != 2 and kind != "polygon":
        raise shape.error(f"a {kind} has 2 points, found {len(points)}")
    if kind == "mask":
        return placed.mask(_pasted(shape, points, placed.declared))
    hw = placed.hw
    points = placed.points(points)
    if kind == "polygon":
        return fill_rings([points], hw)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points
        return fill_rings([[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]], hw)
    radius = float(np.linalg.norm(points[1] - points[0]))
    yy, xx = np.ogrid[: hw[0], : hw[1]]
    return np.asarray((xx + 0.5 - points[0, 0]) ** 2 + (yy + 0.5 - points[0, 1]) ** 2 <= radius**2)


def _pasted(shape: Node, points: NDArray[np.float64], hw: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask that is stored as a picture of its box."""
    try:
        data = base64.b64decode(shape["mask"].text(), validate=False)
    except (binascii.Error, ValueError):
        raise shape["mask"].error("the mask is damaged") from None
    picture = read_label_picture(data, shape.path) > 0
    left, top = (round(float(value)) for value in points.min(axis=0))
    mask = np.zeros(hw, np.bool_)
    bottom, right = top + picture.shape[0], left + picture.shape[1]
    if top < 0 or left < 0 or bottom > hw[0] or right > hw[1]:
        raise shape.error("the mask reaches outside the image")
    mask[top:bottom, left:right] = picture
    return mask


def _instance(shapes: list[Node], skeleton: Skeleton) -> KeypointSet:
    xy = np.full((len(skeleton), 2), np.nan)
    visibility = np.zeros(len(skeleton), np.uint8)
    box = None
    for shape in shapes:
        points = np.array([point.numbers(2) for point in shape["points"]], np.float64).reshape(-1, 2)
        if _kind(shape) == "rectangle":
            if len(points) == 2:
                low, high = points.min(axis=0), points.max(axis=0)
                box = box_from_corner((*low.tolist(), *(high - low).tolist()))
            continue
        index = skeleton.names.index(shape["label"].text())
        if len(points) != 1:
            raise shape.error(f"a point has 1 point, found {len(points)}")
        xy[index] = points[0] - 0.5
        flags = shape.get("flags")
        occluded = flags is not None and isinstance(flags.value, dict) and bool(flags.value.get("occluded"))
        visibility[index] = Visibility.OCCLUDED if occluded else Visibility.VISIBLE
    return KeypointSet.make(xy, visibility, box=box, skeleton=skeleton.id)
