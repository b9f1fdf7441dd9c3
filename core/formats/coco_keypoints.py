"""COCO keypoint JSON: one annotation for each instance.

Coordinates are COCO's zero-based pixel coordinates: the centre of the upper left pixel is (0, 0), as in the project, so
points are written as they are. Boxes are [x, y, width, height] of pixel edges, with (0, 0) at the image's corner.
Category ids are skeleton ids. Beyond COCO's fields there are `keypoint_scores` (one in [0, 1] for each point), and in
categories `mirror_pairs` (zero-based), which other programs pass over. A point that is absent has lost its place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.files import write_json
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    box_from_corner,
    with_progress,
)
from counterpart.core.formats.coco import image_records, place_image
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.instances import corner_box, on_photograph
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import Box, KeypointSet, Origin, Skeleton, outside
from counterpart.core.resources import resource_path


def write_coco_keypoints(dataset: Dataset, out: Path, _options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the instances of a dataset."""
    report = ExportReport("coco-keypoints", out)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image in with_progress(dataset.images, ctx, "Writing"):
        if not image.keypoints:
            report.skipped.append((image.name, "it has no keypoints"))
            continue
        images.append({"id": image.id, "file_name": image.name, "width": image.hw[1], "height": image.hw[0]})
        report.images += 1
        annotations += [_annotation(points, image) for points in image.keypoints]
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    report.annotations = len(annotations)
    write_json(
        out,
        {
            "info": {"description": "Exported by Counterpart"},
            "licenses": [],
            "images": images,
            "annotations": annotations,
            "categories": [_category(skeleton) for skeleton in dataset.skeletons],
        },
    )
    return report


def _category(skeleton: Skeleton) -> dict[str, object]:
    return {
        "id": skeleton.id,
        "name": skeleton.name,
        "supercategory": "object",
        "keypoints": list(skeleton.names),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
        "mirror_pairs": [list(pair) for pair in skeleton.mirror_pairs],
    }


def _annotation(points: KeypointSet, image: AnnotatedImage) -> dict[str, object]:
    flat: list[float] = []
    for (x, y), visibility in zip(points.xy.tolist(), points.visibility.tolist(), strict=True):
        flat += [x, y, visibility] if visibility else [0, 0, 0]
    box = corner_box(points, image.hw)
    return {
        "id": 0,
        "image_id": image.id,
        "category_id": points.skeleton,
        "keypoints": flat,
        "keypoint_scores": [round(float(score), 6) for score in points.score],
        "num_keypoints": int(points.present.sum()),
        "bbox": list(box),
        "area": box[2] * box[3],
        "iscrowd": 0,
    }


def read_coco_keypoints(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read instances with keypoints; annotations without are passed over and named.

    Raises:
        FormatError: The file is not COCO keypoints; the record and field are named.
    """
    data = read_json(path)
    skeletons: dict[int, Skeleton] = {}
    known: set[int] = set()
    for category in data["categories"]:
        known.add(category["id"].integer())
        if category.get("keypoints") is not None:
            number = category["id"].integer()
            if number in skeletons:
                raise category.error(f"the category id {number} occurs twice")
            skeletons[number] = _skeleton(category)
    if not skeletons:
        raise data.error("no category has keypoints", hint="Is this a file of masks? Import it as coco")
    images = image_records(data)
    grouped = _grouped(data, images, known, skeletons, report)
    loaded = []
    for number, records in grouped.items():
        placed = place_image(images[number], records, source)
        instances = []
        for annotation in records:
            points = _points(annotation, skeletons[annotation["category_id"].integer()])
            instances.append(on_photograph(points, placed))
            hw = placed.declared if min(placed.declared) > 0 else None
            report.lost += [
                (placed.name, f"{annotation.where}: {what}") for what in _contradictions(annotation, points, hw)
            ]
        loaded.append(AnnotatedImage.at(placed, keypoints=tuple(instances)))
    return Dataset(skeletons=tuple(skeletons.values()), images=loaded)


def _grouped(
    data: Node, images: Mapping[int, Node], known: set[int], skeletons: Mapping[int, Skeleton], report: ImportReport
) -> dict[int, list[Node]]:
    """Annotations that have keypoints, by image."""
    grouped: dict[int, list[Node]] = {}
    for annotation in data["annotations"]:
        number, kind = annotation["image_id"].integer(), annotation["category_id"].integer()
        if number not in images:
            raise annotation.error(f"there is no image with the id {number}")
        if kind not in known:
            raise annotation.error(f"there is no category with the id {kind}")
        if annotation.get("keypoints") is None or kind not in skeletons:
            report.skipped.append((images[number]["file_name"].text(), f"{annotation.where} has no keypoints"))
            continue
        grouped.setdefault(number, []).append(annotation)
    return grouped


def read_coco_skeletons(path: Path) -> list[Skeleton]:
    """The skeletons alone that a COCO file declares, with or without annotations.

    Raises:
        FormatError: The file is not COCO, or no category has keypoints; the record and field are named.
    """
    data = read_json(path)
    found = [_skeleton(category) for category in data["categories"] if category.get("keypoints") is not None]
    if not found:
        raise data.error("no category has keypoints", hint="Is this a file of masks?")
    return found


def built_in_skeletons() -> list[Skeleton]:
    """The skeletons that come with the program."""
    return read_coco_skeletons(resource_path("skeletons.json"))


def _skeleton(category: Node) -> Skeleton:
    names = tuple(item.text() for item in category["keypoints"])
    edges = category.get("skeleton")
    pairs = category.get("mirror_pairs")
    try:
        return Skeleton(
            names,
            tuple(_pair(edge, 1) for edge in edges) if edges is not None else (),
            (),
            tuple(_pair(pair, 0) for pair in pairs) if pairs is not None else (),
            category["name"].text(),
            category["id"].integer(0),
        )
    except UsageError as error:
        raise category.error(error.what) from None


def _pair(node: Node, base: int) -> tuple[int, int]:
    ends = [end.integer() for end in node]
    if len(ends) != 2:
        raise node.error(f"expected two numbers of keypoints, found {len(ends)}")
    return ends[0] - base, ends[1] - base


def _points(annotation: Node, skeleton: Skeleton) -> KeypointSet:
    values = np.array(annotation["keypoints"].numbers(3 * len(skeleton))).reshape(-1, 3)
    visibility = values[:, 2]
    if not np.isin(visibility, (0, 1, 2)).all():
        raise annotation["keypoints"].error("a visibility is not 0, 1 or 2")
    scores = annotation.get("keypoint_scores")
    score = None if scores is None else np.clip(scores.numbers(len(skeleton)), 0, 1)
    xy = np.where(visibility[:, None] > 0, values[:, :2], np.nan)
    origin = Origin.USER if score is None or bool((score == 1).all()) else Origin.TRANSFERRED
    points = KeypointSet.make(xy, visibility, score, origin, skeleton=skeleton.id)
    return dataclasses.replace(points, box=_box(annotation))


def _contradictions(annotation: Node, points: KeypointSet, hw: tuple[int, int] | None) -> Iterator[str]:
    """What an annotation says that does not go together; the points are taken as they are."""
    count, present = annotation.get("num_keypoints"), int(points.present.sum())
    if count is not None and count.integer() != present:
        yield f"num_keypoints is {count.integer()}, but {present} are labelled"
    bbox = annotation.get("bbox")
    if bbox is not None and bbox.value != [] and points.box is None:
        yield "its bbox has no area"
    if points.box is not None and hw is not None and outside(points.box, hw):
        yield "its bbox lies outside the image"


def _box(annotation: Node) -> Box | None:
    bbox = annotation.get("bbox")
    if bbox is None or bbox.value == []:
        return None
    x, y, width, height = bbox.numbers(4)
    return box_from_corner((x, y, width, height)) if width > 0 and height > 0 else None
