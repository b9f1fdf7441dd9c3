"""COCO keypoint JSON: one annotation for each instance.

Coordinates are COCO's zero-based pixel coordinates: the centre of the upper left pixel is (0, 0), as in the project, so
points are written as they are. Boxes are [x, y, width, height] of pixel edges, with (0, 0) at the image's corner.
Category ids are skeleton ids. Beyond COCO's fields there are `keypoint_scores` (one in [0, 1] for each point), and in
categories `mirror_pairs` (zero-based), which other programs pass over. A point that is absent has lost its place.
"""

from __future__ import annotations

from pathlib import Path

from counterpart.core.files import write_json
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    with_progress,
)
from counterpart.core.formats.coco_points import Remarks, skeleton_of
from counterpart.core.formats.coco_records import Category, field_of
from counterpart.core.formats.fields import read_json
from counterpart.core.formats.instances import corner_box
from counterpart.core.formats.numbers import Numbers
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import KeypointSet, Skeleton
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
        place = dataset.numbers.image(image.id)
        images.append({"id": place, "file_name": image.name, "width": image.hw[1], "height": image.hw[0]})
        report.images += 1
        annotations += [_annotation(points, image, dataset.numbers) for points in image.keypoints]
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
            "categories": [_category(skeleton, dataset.numbers) for skeleton in dataset.skeletons],
        },
    )
    return report


def _category(skeleton: Skeleton, numbers: Numbers) -> dict[str, object]:
    return {
        "id": numbers.skeleton(skeleton.id),
        "name": skeleton.name,
        "supercategory": "object",
        "keypoints": list(skeleton.names),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
        "mirror_pairs": [list(pair) for pair in skeleton.mirror_pairs],
    }


def _annotation(points: KeypointSet, image: AnnotatedImage, numbers: Numbers) -> dict[str, object]:
    flat: list[float] = []
    for (x, y), visibility in zip(points.xy.tolist(), points.visibility.tolist(), strict=True):
        flat += [x, y, visibility] if visibility else [0, 0, 0]
    box = corner_box(points, image.hw)
    return {
        "id": 0,
        "image_id": numbers.image(image.id),
        "category_id": numbers.skeleton(points.skeleton),
        "keypoints": flat,
        "keypoint_scores": [round(float(score), 6) for score in points.score],
        "num_keypoints": int(points.present.sum()),
        "bbox": list(box),
        "area": box[2] * box[3],
        "iscrowd": 0,
    }


def read_coco_skeletons(path: Path) -> list[Skeleton]:
    """The skeletons alone that a COCO file declares, with or without annotations.

    Raises:
        FormatError: The file is not COCO, or no category names keypoints.
    """
    data = read_json(path)
    found: list[Skeleton] = []
    quiet = Remarks(ImportReport("coco-keypoints", path), path.name)
    for order, category in enumerate(data["categories"]):
        names = field_of(category, "keypoints")
        if names is not None and names.value:
            name = category["name"].text()
            found.append(skeleton_of(Category(name, order, category), category["id"].integer(0), {}, quiet))
    if not found:
        raise data.error("no category has keypoints", hint="Is this a file of masks?")
    return found


def built_in_skeletons() -> list[Skeleton]:
    """The skeletons that come with the program."""
    return read_coco_skeletons(resource_path("skeletons.json"))
