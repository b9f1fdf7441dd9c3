"""COCO instance JSON: one annotation for each part of each image, as run lengths or as polygons.

Category and image ids are those of the COCO file that they came from, else the project's own: they stay the same
from one export to the next. Run lengths are exact. Polygons are in the corner convention, as COCO's own tools
rasterise them; holes are kept by a seam that joins them to the outline. Boxes are [x, y, width, height] of pixel edges,
(0, 0) being the image's corner.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from counterpart.core.files import atomic_write
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    with_progress,
)
from counterpart.core.formats.polygons import keyhole, outlines
from counterpart.core.formats.rle import encode_counts, mask_to_counts
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import mask_bbox


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
            place = dataset.numbers.image(image.id)
            images.append({"id": place, "file_name": image.name, "width": width, "height": height})
            report.images += 1
            if image.keypoints:
                report.lost.append((image.name, "keypoints (export them as coco-keypoints)"))
            for annotation in _annotations(image, dataset, options):
                number += 1
                entry = {"id": number, "image_id": place, **annotation}
                handle.write(("," if number > 1 else "") + "\n" + json.dumps(entry, separators=(",", ":")))
        report.annotations = number
        categories = [
            {
                "id": dataset.numbers.part(part.id),
                "name": part.name,
                "supercategory": "part",
                "color": list(part.colour),
            }
            for part in dataset.parts
        ]
        tail = json.dumps(images, ensure_ascii=False, separators=(",", ":"))
        handle.write(f'],\n"images":{tail},\n"categories":{json.dumps(categories, ensure_ascii=False)}}}\n')
    return report


def _annotations(image: AnnotatedImage, dataset: Dataset, options: ExportOptions) -> Iterator[dict[str, object]]:
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
            "category_id": dataset.numbers.part(part),
            "segmentation": segmentation,
            "area": area,
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": 0,
        }
