"""LabelMe JSON: one file per image, beside it or in a folder that mirrors the images.

Masks are shapes of type `mask` (LabelMe 5.3 and later), which are exact, holes included; as polygons (on request, for
older versions) they follow pixel edges with holes joined by a seam. LabelMe draws on a canvas whose (0, 0) is the
image's corner: points and polygons are in the corner convention. Instances are points with a common `group_id`, their
box a rectangle named after the skeleton; an occluded point carries the flag `occluded`.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from counterpart.core.files import atomic_folder
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    box_to_corner,
    put_file,
    to_corner,
    with_progress,
)
from counterpart.core.formats.labelme_reading import OWN
from counterpart.core.formats.naming import output_names
from counterpart.core.formats.polygons import keyhole, outlines
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import mask_bbox
from counterpart.core.project.palette import colour_hex
from counterpart.core.project.points import Visibility


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
                OWN: _own(image, dataset),
            }
            put_file(folder / names[image.name], json.dumps(data, ensure_ascii=False, indent=1))
            report.images += 1
            report.annotations += len(shapes)
    if options.polygons:
        report.notes.append("LabelMe itself counts a polygon's outline in when it fills it; masks it reads exactly")
    return report


def _own(image: AnnotatedImage, dataset: Dataset) -> dict[str, object]:
    """What LabelMe has no place for and hands on: order and colours of parts, skeletons with their lines."""
    used = set() if image.labels is None else set(image.labels.areas)
    wanted = {points.skeleton for points in image.keypoints}
    return {
        "parts": [{"name": p.name, "colour": colour_hex(p.colour)} for p in dataset.parts if p.id in used],
        "skeletons": [
            {"name": one.name, "keypoints": list(one.names), "edges": [list(edge) for edge in one.edges]}
            for one in dataset.skeletons
            if one.id in wanted
        ],
    }


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
            corners = [[x, y], [x + width, y + height]]
            shapes.append(_shape(skeleton.name, corners, "rectangle", group_id=group, skeleton=skeleton.name))
        for name, xy, visibility in zip(skeleton.names, to_corner(points.xy).tolist(), points.visibility, strict=True):
            if visibility == Visibility.ABSENT:
                continue
            flags = {"occluded": True} if visibility == Visibility.OCCLUDED else {}
            shapes.append(_shape(name, [xy], "point", group_id=group, flags=flags, skeleton=skeleton.name))
        if (points.score[points.present] < 1).any():
            report.lost.append((image.name, "scores of transferred points"))
    return shapes
