"""COCO instance JSON: one annotation for each part of each image, as run lengths or as polygons.

Category ids are part ids, image ids those of the project: both stay the same from one export to the next. Run lengths
are exact. Polygons are in the corner convention, as COCO's own tools rasterise them; holes are kept by a seam that
joins them to the outline. Boxes are [x, y, width, height] of pixel edges, (0, 0) being the image's corner.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError
from counterpart.core.files import atomic_write
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    with_progress,
)
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.polygons import fill_rings, keyhole, outlines
from counterpart.core.formats.rle import MAX_PIXELS, counts_to_mask, decode_counts, encode_counts, mask_to_counts
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel, mask_bbox
from counterpart.core.project.palette import colour_at
from counterpart.core.project.tiles import pack_labels


def write_coco(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the label maps of a dataset as COCO instances."""
    report = ExportReport("coco", out)
    images: list[dict[str, object]] = []
    with atomic_write(out, "w") as handle:
        # Annotations first: they pass through, while the short list of images is kept for the end.
        handle.write('{"info":{"description":"Exported by Counterpart"},"licenses":[],"annotations":[')
        number = 0
        for image in with_progress(dataset.images, ctx, "Writing"):
            if image.labels is None:
                report.skipped.append((image.name, "it has no labels"))
                continue
            height, width = image.labels.hw
            images.append({"id": image.id, "file_name": image.name, "width": width, "height": height})
            report.images += 1
            if image.keypoints:
                report.lost.append((image.name, "keypoints (export them as coco-keypoints)"))
            for annotation in _annotations(image, options):
                number += 1
                entry = {"id": number, "image_id": image.id, **annotation}
                handle.write(("," if number > 1 else "") + "\n" + json.dumps(entry, separators=(",", ":")))
        report.annotations = number
        categories = [
            {"id": part.id, "name": part.name, "supercategory": "part", "color": list(part.colour)}
            for part in dataset.parts
        ]
        tail = json.dumps(images, ensure_ascii=False, separators=(",", ":"))
        handle.write(f'],\n"images":{tail},\n"categories":{json.dumps(categories, ensure_ascii=False)}}}\n')
    return report


def _annotations(image: AnnotatedImage, options: ExportOptions) -> Iterator[dict[str, object]]:
    if image.labels is None:
        return
    labels = image.labels.unpack()
    for part, area in image.labels.areas.items():
        mask = np.asarray(labels == part)
        top, left, bottom, right = mask_bbox(mask) or (0, 0, 0, 0)
        segmentation: object
        if options.polygons:
            segmentation = [keyhole(outline).reshape(-1).tolist() for outline in outlines(mask)]
        else:
            segmentation = {"size": list(mask.shape), "counts": encode_counts(mask_to_counts(mask))}
        yield {
            "category_id": part,
            "segmentation": segmentation,
            "area": area,
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": 0,
        }


def read_coco(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read COCO instances. Where masks of an image overlap, the later one wins; the report says how much was covered.

    Raises:
        FormatError: The file is not COCO; the record and field are named.
    """
    data = read_json(path)
    categories = _categories(data)
    parts = tuple(
        PartLabel(number, name, colour_at(order), order)
        for order, (number, name) in enumerate(dict(categories.values()).items())
    )
    images = image_records(data)
    grouped: dict[int, list[Node]] = {}
    for annotation in data["annotations"]:
        number = annotation["image_id"].integer()
        if number not in images:
            raise annotation.error(f"there is no image with the id {number}")
        category = annotation["category_id"].integer()
        if category not in categories:
            raise annotation.error(f"there is no category with the id {category}")
        grouped.setdefault(number, []).append(annotation)
    numbers = [number for number in images if number in grouped]

    def load(index: int) -> AnnotatedImage | None:
        number = numbers[index]
        return _load_image(images[number], grouped[number], categories, source, report)

    return Dataset(parts=parts, images=LazyImages(len(numbers), load))


def image_records(data: Node) -> dict[int, Node]:
    """The image records of a COCO file by their ids.

    Raises:
        FormatError: One has no name, or an id occurs twice.
    """
    images: dict[int, Node] = {}
    for image in data["images"]:
        number = image["id"].integer()
        if number in images:
            raise image.error(f"the image id {number} occurs twice")
        image["file_name"].text()
        images[number] = image
    return images


def _categories(data: Node) -> dict[int, tuple[int, str]]:
    """Part id and name of each category id. Names that occur twice are one part."""
    found: dict[int, tuple[int, str]] = {}
    by_name: dict[str, int] = {}
    for category in data["categories"]:
        number, name = category["id"].integer(), category["name"].text()
        if number in found:
            raise category.error(f"the category id {number} occurs twice")
        part = by_name.setdefault(name, len(by_name) + 1)
        found[number] = (part, name)
    return found


def _load_image(
    image: Node,
    annotations: list[Node],
    categories: dict[int, tuple[int, str]],
    source: Source,
    report: ImportReport,
) -> AnnotatedImage | None:
    name = image["file_name"].text()
    placed = place_image(image, annotations, source)
    if placed.problem:
        return AnnotatedImage.at(placed)
    name = placed.name
    if min(placed.hw) <= 0:
        report.skipped.append((name, "its width and height are not known"))
        return None
    labels = np.zeros(placed.hw, np.uint16)
    covered, drawn = 0, False
    for annotation in annotations:
        try:
            mask = read_segmentation(annotation, placed)
        except FormatError as error:
            report.skipped.append((name, error.what))
            continue
        if mask is None:
            report.skipped.append((name, f"{annotation.where} has no mask"))
            continue
        part = categories[annotation["category_id"].integer()][0]
        covered += int(((labels > 0) & mask & (labels != part)).sum())
        labels[mask] = part
        drawn = True
    if covered:
        report.lost.append((name, f"{covered} pixels where masks overlap: the later one was taken"))
    return AnnotatedImage.at(placed, pack_labels(labels) if drawn else None)


def place_image(image: Node, annotations: Sequence[Node], source: Source) -> Placed:
    """The photograph of a COCO image record.

    Raises:
        FormatError: The record's numbers are no size.
    """
    width, height = image.get("width"), image.get("height")
    declared = None
    if width is not None and height is not None:
        declared = height.size(), width.size()
        if declared[0] * declared[1] > MAX_PIXELS:
            raise image.error(f"an image of {declared[1]} x {declared[0]} pixels is too large")
    return source.place(image["file_name"].text(), declared=declared, extent=_extent(annotations))


def _extent(annotations: Sequence[Node]) -> tuple[float, float] | None:
    """Largest x and y of outlines and points; None where there are run lengths, which have the declared size."""
    most = [0.0, 0.0]
    for annotation in annotations:
        record = annotation.value if isinstance(annotation.value, dict) else {}
        rings = record.get("segmentation") or []
        if isinstance(rings, dict):
            return None
        points = record.get("keypoints") or []
        lists = [(points[0::3], points[1::3])] if isinstance(points, list) else []
        lists += [(ring[0::2], ring[1::2]) for ring in rings if isinstance(ring, list)]
        for pair in lists:
            for axis, values in enumerate(pair):
                most[axis] = max([most[axis], *(float(v) for v in values if isinstance(v, (int, float)))])
    return most[0], most[1]


def read_segmentation(annotation: Node, placed: Placed) -> NDArray[np.bool_] | None:
    """(height, width) mask of an annotation on the photograph; None when it has none.

    Raises:
        FormatError: The segmentation is damaged or does not fit the image.
    """
    segmentation = annotation.get("segmentation")
    if segmentation is None or segmentation.value in ([], {}, ""):
        return None
    if isinstance(segmentation.value, list):
        mask = np.zeros(placed.hw, np.bool_)
        for ring in segmentation:
            numbers = ring.numbers()
            if len(numbers) < 6 or len(numbers) % 2:
                raise ring.error(f"a polygon needs x and y of three points or more, found {len(numbers)} numbers")
            mask |= fill_rings([placed.points(np.array(numbers).reshape(-1, 2))], placed.hw)
        return mask
    hw = placed.declared
    size = segmentation["size"].numbers(2)
    if tuple(int(side) for side in size) != hw:
        raise segmentation.error(f"the mask is {size[1]:.0f} x {size[0]:.0f} pixels, the image {hw[1]} x {hw[0]}")
    counts = segmentation["counts"]
    try:
        if isinstance(counts.value, str):
            mask = counts_to_mask(decode_counts(counts.value), hw)
        else:
            mask = counts_to_mask(counts.value, hw)
    except ValueError as error:
        raise counts.error(str(error)) from None
    return placed.mask(mask)
