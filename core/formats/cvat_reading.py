"""Reading CVAT's XML: for images 1.1, and for video 1.1.

Shapes are painted in the order of `z_order`. Boxes and ellipses may be turned (`rotation`, degrees clockwise about the
centre). A skeleton is an instance; so are loose `<points>`: those of one point are named by their label, and the second
of a label (or those of another `group_id`) begin another instance; those of several points are an instance each, of a
skeleton that is called like the label, its points numbered.

A video's tracks are the shapes of frames: `cvat_video`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.formats.base import AnnotatedImage, Dataset, ImportReport
from counterpart.core.formats.canvas import Canvas
from counterpart.core.formats.cvat_video import Element, Frames, frame_number, shapes_by_frame
from counterpart.core.formats.fields import Node, read_bytes
from counterpart.core.formats.instances import on_photograph, skeleton_for
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.rle import MAX_PIXELS, rows_to_mask
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.palette import colour_at, parse_colour
from counterpart.core.project.points import KeypointSet, Skeleton, Visibility

_AREAS = ("mask", "polygon", "box", "ellipse")
_KNOWN = (*_AREAS, "points", "skeleton")


@dataclass(frozen=True, slots=True, eq=False)
class _Record:
    """An image of the file, or a frame of its film.

    Attributes:
        name: As the file has it.
        shapes: Its shapes.
        element: The image's own element; None for a frame.
        subset: Subset of a project; empty for none.
        again: Whether the name occurs in several subsets.
    """

    name: str
    shapes: Sequence[Element]
    element: Element | None = None
    subset: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """What the records of one file share."""

    path: Path
    source: Source
    report: ImportReport
    parts: dict[str, PartLabel]
    skeletons: dict[str, Skeleton]
    several: frozenset[str]
    folders: tuple[Path, ...]
    frame_hw: tuple[int, int] | None


def read_cvat(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read masks, polygons, boxes and ellipses drawn as parts, skeletons, and loose points.

    Of a file, or of an unpacked export: a folder with `annotations.xml`.

    Raises:
        FormatError: The file is not CVAT XML; line or element are named.
    """
    if path.is_dir():
        path = path / "annotations.xml"
    try:
        root = ET.parse(io.BytesIO(read_bytes(path))).getroot()  # expat bounds entity expansion
    except (ET.ParseError, ValueError, LookupError) as error:
        line, column = getattr(error, "position", (0, 0))
        raise FormatError(
            f"line {line}, column {column}: this is not valid XML ({error})",
            path=path,
            hint="Export it again from CVAT",
        ) from None
    if root.tag != "annotations":
        raise FormatError(f"expected <annotations>, found <{root.tag}>", path=path, hint="Export as CVAT 1.1")
    folders = (path.parent, path.parent / "images")
    records = [*_image_records(root), *_frame_records(root, path, source, folders, report)]
    if not records and not report.skipped:
        raise FormatError("there are no images and no tracks in it", path=path, hint="Export as CVAT 1.1")
    shapes = [shape for record in records for shape in record.shapes]
    several = frozenset(
        shape.get("label") or "object"
        for shape in shapes
        if shape.tag == "points" and ";" in (shape.get("points") or "").strip("; ")
    )
    skeletons = _read_skeletons(root, path, shapes, several, source)
    reader = _Reader(
        path, source, report, _read_parts(root, skeletons, shapes), skeletons, several, folders, _frame_size(root)
    )
    _tell_unkept(root, path, report)

    def load(index: int) -> AnnotatedImage | None:
        return _load(records[index], reader)

    return Dataset(tuple(reader.parts.values()), tuple(skeletons.values()), LazyImages(len(records), load))


def _image_records(root: Element) -> list[_Record]:
    images = root.findall("image")
    subsets: dict[str, set[str]] = {}
    for image in images:
        subsets.setdefault(image.get("name") or "", set()).add(image.get("subset") or "")
    return [
        _Record(name, list(image), image, image.get("subset") or "", len(subsets[name]) > 1)
        for image in images
        for name in [image.get("name") or ""]
    ]


def _frame_records(
    root: Element, path: Path, source: Source, folders: Sequence[Path], report: ImportReport
) -> list[_Record]:
    """The frames of a film that have shapes. Those without an image are said in one line."""
    numbers = (frame_number(shape) for shape in root.iterfind("./track/*"))
    needed = {number for number in numbers if number is not None}
    if not needed:
        return []
    frames = Frames.of(root, needed, source, folders)
    bad: list[str] = []
    held: Counter[str] = Counter()
    found = shapes_by_frame(root, frames, bad, held)
    report.lost += [(path.name, what) for what in bad]
    report.lost += [
        (path.name, f"{count} times a {tag} between two frames could not be moved and stays as it was before")
        for tag, count in sorted(held.items())
    ]
    missing = sorted(frame for frame in found if frame not in frames.names)
    if missing:
        film = f" of {frames.film}" if frames.film else ""
        which = f"frame {missing[0]}" if len(missing) == 1 else f"frames {missing[0]} to {missing[-1]}"
        count = "it" if len(missing) == 1 else f"these {len(missing)} frames"
        what = f"there is no image for {count}; extract the frames{film} first, or name their folder as the root"
        report.skipped.append((which, what))
    return [_Record(frames.names[frame], found[frame]) for frame in sorted(found) if frame in frames.names]


def _frame_size(root: Element) -> tuple[int, int] | None:
    size = root.find("./meta//original_size")
    texts = [] if size is None else [(size.findtext(name) or "").strip() for name in ("height", "width")]
    known = len(texts) == 2 and all(text.isdecimal() and len(text) < 7 for text in texts)
    return (int(texts[0]), int(texts[1])) if known else None


def _tell_unkept(root: Element, path: Path, report: ImportReport) -> None:
    """Say what the project has no place for, once for each kind."""
    unkept: Counter[str] = Counter()
    for record in (*root.iterfind("./image"), *root.iterfind("./track")):
        kinds = {shape.tag for shape in record} - {*_KNOWN, "attribute"}
        for tag in kinds:
            count = sum(shape.tag == tag for shape in record)
            unkept["tags of images" if tag == "tag" else f"shapes of type {tag}"] += count
        unkept["attributes of shapes"] += sum(1 for _ in record.iter("attribute"))
    report.lost += [(path.name, f"{count} {what}") for what, count in sorted(unkept.items()) if count]


def _read_skeletons(
    root: Element, path: Path, shapes: Sequence[Element], several: frozenset[str], source: Source
) -> dict[str, Skeleton]:
    """The skeletons by name; "" is that of loose points of one point each."""
    names: dict[str, list[str]] = {}
    edges: dict[str, tuple[tuple[int, int], ...]] = {}
    order: list[str] = []
    for label in root.iterfind("./meta//label"):
        parent, name = label.findtext("parent"), label.findtext("name") or ""
        if parent:
            names.setdefault(parent, []).append(name)
        elif label.findtext("type") == "skeleton":
            names.setdefault(name, [])
            edges[name] = _svg_edges(label.findtext("svg") or "")
        else:
            order.append(name)
    for skeleton in (shape for shape in shapes if shape.tag == "skeleton"):
        # A file without its <meta> names points as they come.
        listed = names.setdefault(skeleton.get("label") or "object", [])
        points = dict.fromkeys(p.get("label") or "" for p in skeleton.iterfind("points"))
        listed += [name for name in points if name not in listed]
    loose = dict.fromkeys(shape.get("label") or "object" for shape in shapes if shape.tag == "points")
    for name in loose:
        if name in several:
            counts = [
                (s.get("points") or "").count(";") + 1 for s in shapes if s.tag == "points" and s.get("label") == name
            ]
            names.setdefault(name, [str(number) for number in range(1, max(counts, default=1) + 1)])
    single = [name for name in loose if name not in several]
    found: dict[str, Skeleton] = {}
    for number, (name, listed) in enumerate(names.items(), start=1):
        known = tuple(edge for edge in edges.get(name, ()) if max(edge) < len(listed))
        try:
            found[name] = Skeleton(tuple(listed), known, name=name, id=number)
        except UsageError as error:
            raise FormatError(f"skeleton {name}: {error.what}", path=path, hint="Correct its labels") from None
    if single:
        single.sort(key=lambda name: order.index(name) if name in order else len(order))
        found[""] = dataclasses.replace(skeleton_for(single, source, "object"), id=len(found) + 1)
    return found


def _svg_edges(svg: str) -> tuple[tuple[int, int], ...]:
    try:
        drawing = ET.fromstring(f"<svg>{svg}</svg>")  # expat bounds entity expansion
        ends = [
            (int(line.get("data-node-from", "")), int(line.get("data-node-to", ""))) for line in drawing.iter("line")
        ]
    except (ET.ParseError, ValueError):
        return ()
    return tuple((a - 1, b - 1) for a, b in ends if a > 0 and b > 0)


def _read_parts(root: Element, skeletons: dict[str, Skeleton], shapes: Sequence[Element]) -> dict[str, PartLabel]:
    colours: dict[str, str] = {}
    drawn = dict.fromkeys(shape.get("label") or "object" for tag in _AREAS for shape in shapes if shape.tag == tag)
    pointed = {name for skeleton in skeletons.values() for name in (skeleton.name, *skeleton.names)}
    for label in root.iterfind("./meta//label"):
        name = label.findtext("name") or ""
        points = label.findtext("parent") or label.findtext("type") in ("points", "skeleton") or name in pointed
        if name and (name in drawn or not points):
            colours.setdefault(name, label.findtext("color") or "")
    for name in drawn:
        colours.setdefault(name, "")
    parts = {}
    for order, (name, text) in enumerate(colours.items()):
        try:
            colour = parse_colour(text)
        except UsageError:
            colour = colour_at(order)
        parts[name] = PartLabel(order + 1, name, colour, order)
    return parts


def _load(record: _Record, reader: _Reader) -> AnnotatedImage | None:
    where = f"image {record.name or '?'}"
    try:
        placed = _place(record, reader, where)
    except FormatError as error:
        reader.report.skipped.append((record.name or where, error.what))
        return None
    if placed.problem:
        return AnnotatedImage.at(placed)
    name, bad = placed.name, list[str]()
    canvas = Canvas(placed)
    areas = (shape for shape in record.shapes if shape.tag in _AREAS)
    for shape in sorted(areas, key=lambda shape: _order(shape.get("z_order"))):
        try:
            part = reader.parts[shape.get("label") or "object"].id
            _paint(shape, canvas, part, placed.declared, reader.path, f"{where}, {shape.tag}")
        except FormatError as error:
            bad.append(error.what)
    instances = [
        on_photograph(points, placed)
        for points in (*_skeletons(record, reader, where, bad), *_loose(record, reader, where, bad))
    ]
    reader.report.lost += [(name, what) for what in bad]
    if canvas.covered:
        reader.report.lost.append((name, f"{canvas.covered} pixels where shapes overlap: the upper one was taken"))
    return AnnotatedImage.at(placed, canvas.packed(), tuple(instances))


def _place(record: _Record, reader: _Reader, where: str) -> Placed:
    """The photograph of a record: in the folder of its subset, where it has one, else wherever it is."""
    source, extent = reader.source, _extent(record.shapes)
    if record.element is None:
        placed = source.place(record.name, folders=reader.folders, declared=reader.frame_hw, extent=extent, bare=True)
        return placed if placed.image else dataclasses.replace(placed, name=Path(placed.name).name)
    declared = _size(record.element, reader.path, where)
    placed = source.place(record.name, folders=reader.folders, declared=declared, extent=extent)
    if not record.subset:
        return placed
    given = f"{record.subset}/{record.name}"
    inside = source.place(given, folders=reader.folders, declared=declared, extent=extent)
    if record.again and not inside.problem:
        at = inside.file if inside.file is not None else Path(inside.name)
        folders = {part.casefold() for part in at.parts[:-1]}
        return dataclasses.replace(inside, sure=record.subset.casefold() in folders)
    if inside.problem and record.again:
        return dataclasses.replace(placed, given=given, sure=False)
    return placed if inside.problem or (placed.image and not inside.image) else inside


def _extent(shapes: Sequence[Element]) -> tuple[float, float] | None:
    """Largest x and y of an image's shapes; None where it has masks, which have the declared size themselves."""
    if any(shape.tag == "mask" for shape in shapes):
        return None
    corners = [0.0, 0.0]
    for shape in itertools.chain.from_iterable(one.iter() for one in shapes):
        with contextlib.suppress(ValueError):
            corners[0] = max(corners[0], *(float(shape.get(name) or 0) for name in ("xtl", "xbr")))
            corners[1] = max(corners[1], *(float(shape.get(name) or 0) for name in ("ytl", "ybr")))
            for pair in (shape.get("points") or "").split(";"):
                x, _, y = pair.partition(",")
                corners = [max(corners[0], float(x or 0)), max(corners[1], float(y or 0))]
    return corners[0], corners[1]


def _size(element: Element, path: Path, where: str) -> tuple[int, int]:
    _attribute(element, "name", path, where).text()
    hw = _attribute(element, "height", path, where).size(), _attribute(element, "width", path, where).size()
    if hw[0] * hw[1] > MAX_PIXELS:
        raise FormatError(f"{where}: {hw[1]} x {hw[0]} pixels are too many", path=path)
    return hw


def _order(text: str | None) -> int:
    return int(text) if text is not None and text.lstrip("-").isdigit() else 0


def _attribute(element: Element, name: str, path: Path, where: str) -> Node:
    value = element.get(name)
    if value is None:
        raise FormatError(f"{where}: the attribute {name} is missing", path=path, hint="Export it again from CVAT")
    return Node(value, path, f"{where}, {name}")


def _points(element: Element, path: Path, where: str) -> NDArray[np.float64]:
    text = _attribute(element, "points", path, where)
    pairs = [
        Node(pair.split(","), path, f"{where}, points").numbers(2) for pair in text.text().split(";") if pair.strip()
    ]
    return np.array(pairs, np.float64)


def _paint(element: Element, canvas: Canvas, part: int, hw: tuple[int, int], path: Path, where: str) -> None:
    def numbers(*names: str) -> list[float]:
        return [_attribute(element, name, path, where).number() for name in names]

    turn = Node(element.get("rotation") or "0", path, f"{where}, rotation").number()
    if element.tag == "mask":
        piece, top, left = _mask(element, hw, path, where)
        canvas.pixels(piece, top, left, part)
    elif element.tag == "polygon":
        points = _points(element, path, where)
        if len(points) < 3:
            raise FormatError(f"{where}: a polygon has at least 3 points, found {len(points)}", path=path)
        canvas.ring(points, part)
    elif element.tag == "ellipse":
        x, y, rx, ry = numbers("cx", "cy", "rx", "ry")
        canvas.ellipse((x, y), (abs(rx), abs(ry)), part, turn)
    else:
        x0, y0, x1, y1 = numbers("xtl", "ytl", "xbr", "ybr")
        canvas.ring(_turned(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), turn), part)


def _turned(corners: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Corners of a box turned clockwise, as it is seen, about its centre."""
    if not degrees:
        return corners
    angle, centre = np.deg2rad(degrees), corners.mean(axis=0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(((corners - centre) @ turn + centre).round(9))  # a quarter turn ends on whole pixels


def _mask(element: Element, hw: tuple[int, int], path: Path, where: str) -> tuple[NDArray[np.bool_], int, int]:
    """A mask in its box, and the upper left pixel of that."""
    left, top, width, height = (
        _attribute(element, name, path, where).integer(0, 1_000_000) for name in ("left", "top", "width", "height")
    )
    if top + height > hw[0] or left + width > hw[1]:
        raise FormatError(f"{where}: it reaches outside the image", path=path)
    runs = _attribute(element, "rle", path, where)
    try:
        counts = np.array([int(word) for word in runs.text().split(",")], np.int64)
        return rows_to_mask(counts, (height, width)), top, left
    except (ValueError, OverflowError) as error:
        raise runs.error(str(error)) from None


def _skeletons(record: _Record, reader: _Reader, where: str, bad: list[str]) -> Iterator[KeypointSet]:
    """The instances that are skeletons. One without any point that is in the picture is none."""
    for element in record.shapes:
        if element.tag != "skeleton":
            continue
        places: dict[str, tuple[NDArray[np.float64], bool]] = {}
        skeleton, here = reader.skeletons[element.get("label") or "object"], f"{where}, skeleton"
        for point in element.iterfind("points"):
            name = point.get("label") or ""
            if name not in skeleton.names or name in places:
                why = "occurs twice" if name in places else f"is none of {skeleton.name}"
                bad.append(f"{here}: the keypoint {name!r} {why}")
            elif point.get("outside") != "1":
                try:
                    places[name] = _points(point, reader.path, here)[0], point.get("occluded") == "1"
                except FormatError as error:
                    bad.append(error.what)
        if places or record.element is not None:
            yield _instance(places, skeleton)


def _loose(record: _Record, reader: _Reader, where: str, bad: list[str]) -> Iterator[KeypointSet]:
    """The instances that are points without a skeleton."""
    groups: dict[tuple[str | None, int], dict[str, tuple[NDArray[np.float64], bool]]] = {}
    counts: Counter[tuple[str | None, str]] = Counter()
    for element in record.shapes:
        if element.tag != "points":
            continue
        label, hidden = element.get("label") or "object", element.get("occluded") == "1"
        try:
            xy = _points(element, reader.path, f"{where}, points")
        except FormatError as error:
            bad.append(error.what)
            continue
        if label in reader.several:
            yield _instance({str(at): (place, hidden) for at, place in enumerate(xy, start=1)}, reader.skeletons[label])
            continue
        group = element.get("group_id")
        counts[group, label] += 1
        groups.setdefault((group, counts[group, label]), {})[label] = xy[0], hidden
    for places in groups.values():
        yield _instance(places, reader.skeletons[""])


def _instance(places: dict[str, tuple[NDArray[np.float64], bool]], skeleton: Skeleton) -> KeypointSet:
    xy = np.full((len(skeleton), 2), np.nan)
    visibility = np.zeros(len(skeleton), np.uint8)
    for name, (place, hidden) in places.items():
        index = skeleton.names.index(name)
        xy[index] = place - 0.5
        visibility[index] = Visibility.OCCLUDED if hidden else Visibility.VISIBLE
    return KeypointSet.make(xy, visibility, skeleton=skeleton.id)
