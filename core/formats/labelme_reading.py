"""Reading LabelMe JSON, and that of the programs that write it in their own way (AnyLabeling, X-AnyLabeling).

Version 3 and earlier know polygons only and do not say so. X-AnyLabeling gives rectangles four corners, has turned ones
(`rotation`), and writes a pose as points and a rectangle of one `group_id`, `difficult` for a hidden point.

Points of a group are an instance; the group's rectangle is its box and names its kind, which is a skeleton of its own.
Of points that nobody grouped, the second of a name begins the second instance.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.folders import files_below
from counterpart.core.formats.base import AnnotatedImage, Dataset, ImportReport, box_from_corner
from counterpart.core.formats.canvas import Canvas
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.instances import in_one_order, on_photograph, skeleton_for
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.pictures import picture_size, read_label_picture
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.rle import MAX_PIXELS
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.palette import colour_at, parse_colour
from counterpart.core.project.points import KeypointSet, Skeleton, Visibility

OWN = "counterpart"
"""Field of a file in which our own export keeps what LabelMe has no place for; LabelMe hands it on."""

_COUNTS = {
    "mask": (2,),
    "rectangle": (2, 4),
    "rotation": (4,),
    "oriented_rectangle": (4,),
    "quadrilateral": (4,),
    "circle": (2,),
    "point": (1,),
}
_POINTS = ("point", "points")
_AREAS = ("mask", "polygon", "rectangle", "rotation", "oriented_rectangle", "quadrilateral", "circle")
_HIDDEN = ("occluded", "hidden", "invisible")


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """A shape that can be read: its label, its kind, its (N, 2) xy in the corner convention, and its group."""

    node: Node
    label: str
    kind: str
    xy: NDArray[np.float64]
    group: str | None


@dataclass(slots=True, eq=False)
class _Group:
    """An instance: its points, its box, and what kind of thing it is; empty where the file does not say."""

    kind: str = ""
    points: dict[str, _Shape] = field(default_factory=dict)
    places: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    box: _Shape | None = None


@dataclass(slots=True, eq=False)
class _Content:
    """What is in one file."""

    areas: list[_Shape] = field(default_factory=list)
    groups: list[_Group] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    unkept: Counter[str] = field(default_factory=Counter)


def read_labelme(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read a LabelMe JSON or a folder of them. Shapes are painted in their order; the later covers the earlier.

    Raises:
        FormatError: There are none, or one given by itself is damaged.
    """
    files = sorted(files_below(path, "*.json")) if path.is_dir() else [path]
    folder = path if path.is_dir() else path.parent
    usable: list[Path] = []
    seen = _Seen()
    for number, file in enumerate(files):
        ctx.step(number, len(files), f"Looking at {file.name}")
        try:
            data = read_json(file)
            if path.is_dir() and (not isinstance(data.value, dict) or not isinstance(data.value.get("shapes"), list)):
                continue  # some other JSON that lies about
            seen.add(data, _content(data))
        except FormatError as error:
            if not path.is_dir():
                raise
            report.skipped.append((file.name, str(error.what)))
            continue
        usable.append(file)
    if not usable:
        raise FormatError("there are no LabelMe files here", path=path, hint="Choose the folder with the JSON files")
    report.lost += [(path.name, f"{count} {what}") for what, count in sorted(seen.unkept.items())]
    parts = seen.parts()
    areas = {part.name: part.id for part in parts}
    skeletons = seen.skeletons(source)

    def load(index: int) -> AnnotatedImage | None:
        return _load(usable[index], folder, seen, areas, skeletons, source, report)

    return Dataset(parts, tuple(skeletons.values()), LazyImages(len(usable), load))


@dataclass(slots=True, eq=False)
class _Seen:
    """Names that occur in the files: of areas, and of the points of each kind of instance.

    Attributes:
        areas: Labels of areas, in the order in which they come.
        own: Names and colours of parts as our own export lists them, in the project's order.
        known: Skeletons as our own export lists them, by name.
        groups: Kind and labels of every instance; "" where the file says no kind.
        unkept: What the project has no place for.
    """

    areas: dict[str, None] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    known: dict[str, Skeleton] = field(default_factory=dict)
    groups: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    unkept: Counter[str] = field(default_factory=Counter)

    def add(self, data: Node, content: _Content) -> None:
        """Take note of what a file has."""
        self._read_own(data.value.get(OWN))
        self.areas.update(dict.fromkeys(shape.label for shape in content.areas))
        self.groups += [(group.kind, tuple(group.points)) for group in content.groups]
        self.unkept.update(content.unkept)

    def _read_own(self, own: object) -> None:
        """What our own export tells beside the shapes: a help, so what is not as it should be is passed over."""
        with contextlib.suppress(TypeError, KeyError, ValueError, AttributeError, UsageError):
            for entry in own["parts"]:  # type: ignore[index]
                self.own.setdefault(str(entry["name"]), str(entry["colour"]))
            for entry in own["skeletons"]:  # type: ignore[index]
                edges = tuple((int(a), int(b)) for a, b in entry["edges"])
                skeleton = Skeleton(tuple(entry["keypoints"]), edges, name=str(entry["name"]), id=1)
                self.known.setdefault(skeleton.name, skeleton)

    def parts(self) -> tuple[PartLabel, ...]:
        """A part for each name of an area."""
        names = [*(name for name in self.own if name in self.areas), *(n for n in self.areas if n not in self.own)]
        found = []
        for order, name in enumerate(names):
            try:
                colour = parse_colour(self.own.get(name, ""))
            except UsageError:
                colour = colour_at(order)
            found.append(PartLabel(order + 1, name, colour, order))
        return tuple(found)

    def kind(self, kind: str, names: Sequence[str]) -> str:
        """What kind of thing an instance is: what the file says, else the one kind that its points are of."""
        if kind:
            return kind
        kinds: dict[str, set[str]] = {}
        for said, labels in self.groups:
            if said:
                kinds.setdefault(said, set()).update(labels)
        whole = [said for said, labels in kinds.items() if set(names) <= labels]
        shared = whole or [said for said, labels in kinds.items() if labels & set(names)]
        return shared[0] if len(shared) == 1 else ""

    def skeletons(self, source: Source) -> dict[str, Skeleton]:
        """A skeleton for each kind of instance; "" is the kind of those of which nothing tells one."""
        kinds: dict[str, list[tuple[str, ...]]] = {}
        for kind, names in self.groups:
            kinds.setdefault(self.kind(kind, names), []).append(names)
        found: dict[str, Skeleton] = {}
        for kind, groups in kinds.items():
            order, known = in_one_order(groups), self.known.get(kind)
            if known is not None and set(order) <= set(known.names):
                found[kind] = known
            elif order:
                found[kind] = skeleton_for(order, source, kind or "object")
        return {
            kind: dataclasses.replace(skeleton, id=number)
            for number, (kind, skeleton) in enumerate(found.items(), start=1)
        }


def _content(data: Node) -> _Content:
    """The shapes of a file, sorted; one that cannot be read is named and costs no other."""
    found = _Content()
    shapes: list[_Shape] = []
    for node in data["shapes"]:
        try:
            shape = _shape(node)
        except FormatError as error:
            found.bad.append(error.what)
            continue
        if shape.kind in _AREAS or shape.kind in _POINTS:
            shapes.append(shape)
        else:
            found.unkept[f"shapes of type {shape.kind}"] += 1
        _note_unkept(shape, found.unkept)
    pointed = {shape.group for shape in shapes if shape.kind in _POINTS} - {None}
    groups: dict[tuple[str | None, int], _Group] = {}
    counts: Counter[tuple[str | None, str]] = Counter()
    for shape in shapes:
        own = shape.node.value.get("skeleton") if shape.group is not None else None  # our own export's field
        if shape.kind in _POINTS:
            for place in shape.xy:
                counts[shape.group, shape.label] += 1
                group = groups.setdefault((shape.group, counts[shape.group, shape.label]), _Group())
                group.points[shape.label], group.places[shape.label] = shape, place
                group.kind = group.kind or (own if isinstance(own, str) else "")
            continue
        boxes = shape.kind == "rectangle" and (shape.group in pointed or isinstance(own, str))
        if boxes and groups.setdefault((shape.group, 1), _Group()).box is None:
            groups[shape.group, 1].box, groups[shape.group, 1].kind = shape, shape.label
            continue
        found.areas.append(shape)
        if shape.group is not None:
            found.unkept["areas with a group id, which says what belongs together"] += 1
    found.groups = list(groups.values())
    if any((data.value.get("flags") or {}).values() if isinstance(data.value.get("flags"), dict) else ()):
        found.unkept["images with flags of their own"] += 1
    return found


def _shape(node: Node) -> _Shape:
    given = node["label"]
    label = str(given.value) if isinstance(given.value, int) and not isinstance(given.value, bool) else given.text()
    points = [point.numbers(2) for point in node["points"]]
    xy = np.array(points, np.float64).reshape(-1, 2)
    kind = _kind(node, len(xy))
    wanted = _COUNTS.get(kind)
    if wanted is not None and len(xy) not in wanted:
        count = f"{wanted[0]} point{'s' if wanted[0] > 1 else ''}"
        raise node.error(f"a {kind} has {count}, found {len(xy)}")
    if kind == "polygon" and len(xy) < 3:
        raise node.error(f"a polygon has at least 3 points, found {len(xy)}")
    group = node.get("group_id")
    return _Shape(node, label, kind, xy, None if group is None else str(group.value))


def _kind(node: Node, count: int) -> str:
    kind = node.get("shape_type")
    if kind is None:  # older files do not say
        return {1: "point", 2: "line"}.get(count, "polygon")
    return kind.text().strip().lower()


def _note_unkept(shape: _Shape, unkept: Counter[str]) -> None:
    """Count what a shape says beyond its label and its place."""
    fields = shape.node.value
    flags = fields.get("flags")
    kept = _HIDDEN if shape.kind in _POINTS else ()
    if isinstance(flags, dict) and any(value for name, value in flags.items() if str(name).lower() not in kept):
        unkept["shapes with flags"] += 1
    if fields.get("description"):
        unkept["shapes with a description"] += 1
    if fields.get("attributes") or fields.get("kie_linking"):
        unkept["shapes with attributes or links"] += 1
    if fields.get("difficult") and shape.kind not in _POINTS:
        unkept["shapes marked as difficult"] += 1


def _load(
    file: Path,
    folder: Path,
    seen: _Seen,
    areas: dict[str, int],
    skeletons: dict[str, Skeleton],
    source: Source,
    report: ImportReport,
) -> AnnotatedImage | None:
    name = file.relative_to(folder).as_posix()
    try:
        data = read_json(file)
        content = _content(data)
        placed, picture = _place(data, content, name, file, source)
    except FormatError as error:
        report.skipped.append((name, error.what))
        return None
    if placed.problem:
        return AnnotatedImage.at(placed)
    canvas = Canvas(placed)
    for shape in content.areas:
        try:
            _paint(shape, canvas, areas[shape.label], placed.declared)
        except FormatError as error:
            content.bad.append(error.what)
    instances = []
    for group in content.groups:
        skeleton = skeletons.get(seen.kind(group.kind, tuple(group.points)))
        if skeleton is not None:
            instances.append(on_photograph(_instance(group, skeleton), placed))
    report.lost += [(placed.name, what) for what in content.bad]
    if canvas.covered:
        report.lost.append((placed.name, f"{canvas.covered} pixels where shapes overlap: the later one was taken"))
    return AnnotatedImage.at(placed, canvas.packed(), tuple(instances), picture)


def _place(
    data: Node, content: _Content, name: str, file: Path, source: Source
) -> tuple[Placed, Callable[[], bytes] | None]:
    """The photograph of a file: the one that it names beside itself, else the one that is called as the file is.

    Where there is neither, the picture that the file carries in itself.
    """
    height, width, given = data.get("imageHeight"), data.get("imageWidth"), data.get("imagePath")
    declared = None
    if height is not None and width is not None and height.number() > 0 and width.number() > 0:  # -1: not known
        declared = height.size(), width.size()
    if declared is not None and declared[0] * declared[1] > MAX_PIXELS:
        raise data.error(f"an image of {declared[1]} x {declared[0]} pixels is too large")
    extent = _extent(content)
    path = given.value if given is not None and isinstance(given.value, str) and given.value.strip() else None
    if path is not None and path.lower().endswith(".json"):
        path = None  # some writers name the file itself
    beside = path is not None and os.path.isfile(file.parent / path.replace("\\", "/"))  # noqa: PTH113  # any text
    placed = source.place(name.removesuffix(file.suffix), declared=declared, extent=extent, bare=True)
    if path is not None and (placed.problem or not placed.sure or beside):
        named = source.place(path, beside=file.parent, declared=declared, extent=extent)
        placed = named if placed.problem or not named.problem else placed
    picture = None
    if not placed.image and placed.file is None and isinstance(data.value.get("imageData"), str):
        carried = picture_size(_carried(data), file)
        placed = source.place(
            name.removesuffix(file.suffix), declared=declared, extent=extent, bare=True, carried=carried
        )
        picture = partial(_carried_by, file)
    if not placed.problem and min(placed.hw) <= 0:
        raise data.error("the image's width and height are not known")
    return placed, picture


def _carried(data: Node) -> bytes:
    """The photograph that a file carries in itself."""
    node = data["imageData"]
    try:
        return base64.b64decode(node.text(), validate=False)
    except (binascii.Error, ValueError):
        raise node.error("the picture in it is damaged") from None


def _carried_by(file: Path) -> bytes:
    return _carried(read_json(file))


def _extent(content: _Content) -> tuple[float, float] | None:
    """Largest x and y of a file's shapes; None where there are masks, which have the declared size themselves."""
    shapes = [*content.areas, *(shape for group in content.groups for shape in group.points.values())]
    if any(shape.kind == "mask" for shape in shapes):
        return None
    xy = np.concatenate([np.zeros((1, 2)), *(shape.xy for shape in shapes)])
    return float(xy[:, 0].max()), float(xy[:, 1].max())


def _paint(shape: _Shape, canvas: Canvas, part: int, hw: tuple[int, int]) -> None:
    if shape.kind == "mask":
        mask, top, left = _pasted(shape, hw)
        canvas.pixels(mask, top, left, part)
    elif shape.kind == "circle":
        radius = float(np.linalg.norm(shape.xy[1] - shape.xy[0]))
        canvas.ellipse(shape.xy[0].tolist(), (radius, radius), part)
    elif shape.kind == "rectangle" and len(shape.xy) == 2:
        (x0, y0), (x1, y1) = shape.xy
        canvas.ring([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], part)
    else:
        canvas.ring(shape.xy, part)


def _pasted(shape: _Shape, hw: tuple[int, int]) -> tuple[NDArray[np.bool_], int, int]:
    """A mask that is stored as a picture of its box, and its upper left pixel."""
    node = shape.node
    try:
        data = base64.b64decode(node["mask"].text(), validate=False)
    except (binascii.Error, ValueError):
        raise node["mask"].error("the mask is damaged") from None
    try:
        picture = read_label_picture(data, node.path) > 0
    except FormatError as error:
        raise node["mask"].error(error.what) from None
    left, top = (round(float(value)) for value in shape.xy.min(axis=0))
    if top < 0 or left < 0 or top + picture.shape[0] > hw[0] or left + picture.shape[1] > hw[1]:
        raise node.error("the mask reaches outside the image")
    return picture, top, left


def _instance(group: _Group, skeleton: Skeleton) -> KeypointSet:
    xy = np.full((len(skeleton), 2), np.nan)
    visibility = np.zeros(len(skeleton), np.uint8)
    for name, shape in group.points.items():
        index = skeleton.names.index(name)
        xy[index] = group.places[name] - 0.5
        visibility[index] = Visibility.OCCLUDED if _is_hidden(shape.node) else Visibility.VISIBLE
    box = None
    if group.box is not None:
        low, high = group.box.xy.min(axis=0), group.box.xy.max(axis=0)
        box = box_from_corner((*low.tolist(), *(high - low).tolist()))
    return KeypointSet.make(xy, visibility, box=box, skeleton=skeleton.id)


def _is_hidden(node: Node) -> bool:
    """Whether a point is marked as occluded; X-AnyLabeling has `difficult` for that."""
    flags = node.value.get("flags")
    said = isinstance(flags, dict) and any(bool(v) for name, v in flags.items() if str(name).lower() in _HIDDEN)
    return said or node.value.get("difficult") is True
