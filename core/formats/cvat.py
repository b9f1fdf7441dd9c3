"""CVAT for images 1.1 (XML): masks or polygons, and skeletons.

CVAT's canvas has (0, 0) at the image's corner: polygons, points and boxes are in the corner convention. A `<mask>`
holds run lengths, row by row within its box, exactly; polygons, on request, have holes joined by a seam. A skeleton's
point that is absent is `outside`, one with visibility 1 `occluded`. Boxes of instances and scores have no place in it.
Shapes are painted in the order of `z_order`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import atomic_write
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    to_corner,
    with_progress,
)
from counterpart.core.formats.fields import Node, read_bytes
from counterpart.core.formats.instances import on_photograph
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.polygons import fill_rings, keyhole, outlines
from counterpart.core.formats.rle import MAX_PIXELS, mask_to_rows, rows_to_mask
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel, mask_bbox
from counterpart.core.project.palette import colour_at, colour_hex, parse_colour
from counterpart.core.project.points import KeypointSet, Skeleton, Visibility
from counterpart.core.project.tiles import pack_labels

Element = ET.Element


def write_cvat(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the masks and instances of a dataset."""
    report = ExportReport("cvat", out)
    with atomic_write(out, "w") as handle:
        handle.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
        handle.write(_meta(dataset, options))
        for number, image in enumerate(with_progress(dataset.images, ctx, "Writing")):
            if image.labels is None and not image.keypoints:
                report.skipped.append((image.name, "it has no annotations"))
                continue
            height, width = image.hw if image.labels is None else image.labels.hw
            name = quoteattr(image.name)
            handle.write(f'<image id="{number}" name={name} width="{width}" height="{height}">\n')
            shapes = [*_masks(image, dataset, options), *_skeletons(image, dataset, report)]
            handle.writelines(shapes)
            handle.write("</image>\n")
            report.images += 1
            report.annotations += len(shapes)
        handle.write("</annotations>\n")
    return report


def _meta(dataset: Dataset, options: ExportOptions) -> str:
    kind = "polygon" if options.polygons else "mask"
    labels = [_label(part.name, colour_hex(part.colour), kind) for part in dataset.parts]
    for skeleton in dataset.skeletons:
        colour = colour_hex(colour_at(skeleton.id))
        labels.append(_label(skeleton.name, colour, "skeleton", f"<svg>{_text(_svg(skeleton))}</svg>"))
        parent = f"<parent>{_text(skeleton.name)}</parent>"
        labels += [_label(name, colour, "points", parent) for name in skeleton.names]
    return f"<meta><job><labels>\n{''.join(labels)}</labels></job></meta>\n"


def _label(name: str, colour: str, kind: str, more: str = "") -> str:
    return (
        f"<label><name>{_text(name)}</name><color>{colour}</color><type>{kind}</type>"
        f"<attributes></attributes>{more}</label>\n"
    )


def _text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _svg(skeleton: Skeleton) -> str:
    """The drawing of a skeleton that CVAT wants: its points on a circle, and lines for the edges."""
    angles = np.linspace(0, 2 * np.pi, max(len(skeleton), 1), endpoint=False)
    places = np.stack([50 + 40 * np.sin(angles), 50 - 40 * np.cos(angles)], axis=1).round(2).tolist()
    lines = [
        f'<line x1="{places[a][0]}" y1="{places[a][1]}" x2="{places[b][0]}" y2="{places[b][1]}" data-type="edge" '
        f'data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in skeleton.edges
    ]
    circles = [
        f'<circle r="1.5" cx="{x}" cy="{y}" data-type="element node" data-element-id="{index}" '
        f'data-node-id="{index}" data-label-name={quoteattr(name)}></circle>'
        for index, (name, (x, y)) in enumerate(zip(skeleton.names, places, strict=True), start=1)
    ]
    return "".join(lines + circles)


def _masks(image: AnnotatedImage, dataset: Dataset, options: ExportOptions) -> Iterator[str]:
    if image.labels is None:
        return
    labels, names = image.labels.unpack(), dataset.part_names()
    for part in image.labels.areas:
        mask = np.asarray(labels == part)
        label = quoteattr(names[part])
        common = f'label={label} source="manual" occluded="0"'
        if options.polygons:
            for outline in outlines(mask):
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in keyhole(outline).tolist())
                yield f'<polygon {common} points="{points}" z_order="0"></polygon>\n'
            continue
        top, left, bottom, right = mask_bbox(mask) or (0, 0, 0, 0)
        runs = ", ".join(str(count) for count in mask_to_rows(mask[top:bottom, left:right]).tolist())
        yield (
            f'<mask {common} rle="{runs}" left="{left}" top="{top}" width="{right - left}" height="{bottom - top}"'
            ' z_order="0"></mask>\n'
        )


def _skeletons(image: AnnotatedImage, dataset: Dataset, report: ExportReport) -> Iterator[str]:
    for points in image.keypoints:
        skeleton = dataset.skeleton(points.skeleton)
        lines = [f'<skeleton label={quoteattr(skeleton.name)} source="manual" z_order="0">\n']
        for name, xy, visibility in zip(skeleton.names, to_corner(points.xy), points.visibility, strict=True):
            x, y = xy if visibility else (0.0, 0.0)
            lines.append(
                f'<points label={quoteattr(name)} source="manual" outside="{int(visibility == Visibility.ABSENT)}" '
                f'occluded="{int(visibility == Visibility.OCCLUDED)}" points="{x:.6f},{y:.6f}"></points>\n'
            )
        yield "".join([*lines, "</skeleton>\n"])
        if points.box is not None:
            report.lost.append((image.name, "the box of an instance"))
        if (points.score[points.present] < 1).any():
            report.lost.append((image.name, "scores of transferred points"))


def read_cvat(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read masks, polygons, boxes drawn as parts, and skeletons.

    Raises:
        FormatError: The file is not CVAT XML; line or element are named.
    """
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
        raise FormatError(
            f"expected <annotations>, found <{root.tag}>", path=path, hint="Export as CVAT for images 1.1"
        )
    if root.find("track") is not None:
        raise FormatError("this is CVAT for video", path=path, hint="Export as CVAT for images 1.1")
    skeletons = _read_skeletons(root, path)
    parts = _read_parts(root, skeletons)
    images = root.findall("image")

    def load(index: int) -> AnnotatedImage | None:
        return _load(images[index], path, parts, skeletons, source, report)

    return Dataset(tuple(parts.values()), tuple(skeletons.values()), LazyImages(len(images), load))


def _read_skeletons(root: Element, path: Path) -> dict[str, Skeleton]:
    labels = list(root.iterfind("./meta//label"))
    names: dict[str, list[str]] = {}
    edges: dict[str, tuple[tuple[int, int], ...]] = {}
    for label in labels:
        parent, name = label.findtext("parent"), label.findtext("name") or ""
        if parent:
            names.setdefault(parent, []).append(name)
        elif label.findtext("type") == "skeleton":
            names.setdefault(name, [])
            edges[name] = _svg_edges(label.findtext("svg") or "")
    for skeleton in root.iterfind("./image/skeleton"):  # a file without its <meta> names points as they come
        listed = names.setdefault(skeleton.get("label") or "object", [])
        points = dict.fromkeys(p.get("label") or "" for p in skeleton.iterfind("points"))
        listed += [name for name in points if name not in listed]
    found: dict[str, Skeleton] = {}
    for number, (name, listed) in enumerate(names.items(), start=1):
        known = tuple(edge for edge in edges.get(name, ()) if max(edge) < len(listed))
        try:
            found[name] = Skeleton(tuple(listed), known, name=name, id=number)
        except UsageError as error:
            raise FormatError(f"skeleton {name}: {error.what}", path=path, hint="Correct its labels") from None
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


def _read_parts(root: Element, skeletons: dict[str, Skeleton]) -> dict[str, PartLabel]:
    colours: dict[str, str] = {}
    for label in root.iterfind("./meta//label"):
        name = label.findtext("name") or ""
        if name and name not in skeletons and not label.findtext("parent") and label.findtext("type") != "points":
            colours.setdefault(name, label.findtext("color") or "")
    for tag in _AREAS:
        for shape in root.iterfind(f"./image/{tag}"):
            colours.setdefault(shape.get("label") or "object", "")
    parts = {}
    for order, (name, text) in enumerate(colours.items()):
        try:
            colour = parse_colour(text)
        except UsageError:
            colour = colour_at(order)
        parts[name] = PartLabel(order + 1, name, colour, order)
    return parts


def _load(
    element: Element,
    path: Path,
    parts: dict[str, PartLabel],
    skeletons: dict[str, Skeleton],
    source: Source,
    report: ImportReport,
) -> AnnotatedImage | None:
    name = element.get("name") or ""
    where = f"image {name or '?'}"
    try:
        declared = _size(element, path, where)
        extent = _extent(element)
        placed = source.place(name, folders=(path.parent, path.parent / "images"), declared=declared, extent=extent)
        hw, name = placed.hw, placed.name
        if placed.problem:
            return AnnotatedImage.at(placed)
        labels = np.zeros(hw, np.uint16)
        shapes = sorted(
            (shape for shape in element if shape.tag in _AREAS), key=lambda shape: _order(shape.get("z_order"))
        )
        covered = 0
        for shape in shapes:
            part = parts[shape.get("label") or "object"].id
            mask = _AREAS[shape.tag](shape, path, f"{where}, {shape.tag}", placed)
            covered += int(((labels > 0) & mask & (labels != part)).sum())
            labels[mask] = part
        instances = tuple(
            on_photograph(
                _instance(shape, path, f"{where}, skeleton", skeletons[shape.get("label") or "object"]), placed
            )
            for shape in element.iterfind("skeleton")
        )
    except FormatError as error:
        report.skipped.append((name or where, error.what))
        return None
    if covered:
        report.lost.append((name, f"{covered} pixels where shapes overlap: the upper one was taken"))
    for tag in sorted({child.tag for child in element} - {*_AREAS, "skeleton"}):
        report.lost.append((name, f"shapes of type {tag}"))
    return AnnotatedImage.at(placed, pack_labels(labels) if shapes else None, instances)


def _extent(element: Element) -> tuple[float, float] | None:
    """Largest x and y of an image's shapes; None where it has masks, which have the declared size themselves."""
    if element.find("mask") is not None:
        return None
    corners = [0.0, 0.0]
    for shape in element.iter():
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
    pairs = [Node(pair.split(","), path, f"{where}, points").numbers(2) for pair in text.text().split(";")]
    return np.array(pairs, np.float64)


def _mask(element: Element, path: Path, where: str, placed: Placed) -> NDArray[np.bool_]:
    left, top, width, height = (
        _attribute(element, name, path, where).integer(0, 1_000_000) for name in ("left", "top", "width", "height")
    )
    hw = placed.declared
    if top + height > hw[0] or left + width > hw[1]:
        raise FormatError(f"{where}: it reaches outside the image", path=path)
    runs = _attribute(element, "rle", path, where)
    try:
        counts = np.array([int(word) for word in runs.text().split(",")], np.int64)
        piece = rows_to_mask(counts, (height, width))
    except (ValueError, OverflowError) as error:
        raise runs.error(str(error)) from None
    mask = np.zeros(hw, np.bool_)
    mask[top : top + height, left : left + width] = piece
    return placed.mask(mask)


def _polygon(element: Element, path: Path, where: str, placed: Placed) -> NDArray[np.bool_]:
    return fill_rings([placed.points(_points(element, path, where))], placed.hw)


def _box(element: Element, path: Path, where: str, placed: Placed) -> NDArray[np.bool_]:
    x0, y0, x1, y1 = (_attribute(element, name, path, where).number() for name in ("xtl", "ytl", "xbr", "ybr"))
    return fill_rings([placed.points([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])], placed.hw)


_AREAS: dict[str, Callable[[Element, Path, str, Placed], NDArray[np.bool_]]] = {
    "mask": _mask,
    "polygon": _polygon,
    "box": _box,
}


def _instance(element: Element, path: Path, where: str, skeleton: Skeleton) -> KeypointSet:
    xy = np.full((len(skeleton), 2), np.nan)
    visibility = np.zeros(len(skeleton), np.uint8)
    seen: set[str] = set()
    for point in element.iterfind("points"):
        name = point.get("label") or ""
        if name not in skeleton.names:
            raise FormatError(f"{where}: {skeleton.name} has no keypoint {name!r}", path=path)
        if name in seen:
            raise FormatError(f"{where}: the keypoint {name!r} occurs twice", path=path)
        seen.add(name)
        if point.get("outside") == "1":
            continue
        index = skeleton.names.index(name)
        xy[index] = _points(point, path, where)[0] - 0.5
        visibility[index] = Visibility.OCCLUDED if point.get("occluded") == "1" else Visibility.VISIBLE
    return KeypointSet.make(xy, visibility, skeleton=skeleton.id)
