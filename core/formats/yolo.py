"""YOLO segmentation and pose: one text file per image, coordinates as shares of the image's width and height.

A folder with `labels/`, `data.yaml` and, on request, copies of the images. A share of 0 is the image's left or upper
edge, 1 its right or lower edge, so the centre of the first of w pixels is 0.5 / w. Outlines follow pixel edges; holes
are joined by a seam. Class numbers stay the same from one export to the next: a part's is its id - 1, and numbers of
deleted parts are named `unused-N`. A pose file holds one skeleton; its flip order comes from the mirror pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterpart.core.files import atomic_folder
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    put_file,
    to_corner,
    with_progress,
)
from counterpart.core.formats.copying import copy_images
from counterpart.core.formats.instances import chosen_skeleton, corner_box, instances_of
from counterpart.core.formats.naming import output_names
from counterpart.core.formats.polygons import keyhole, outlines
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.points import KeypointSet

UNUSED = "unused-"


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
    return [by_id.get(number, f"{UNUSED}{number}") for number in range(1, max(by_id, default=0) + 1)]


def _data_yaml(names: Sequence[str], more: dict[str, object]) -> str:
    import yaml  # type: ignore[import-untyped,unused-ignore]

    # Without a path, programs take the folder that the file lies in.
    data = {"train": "images", "val": "images", "nc": len(names), "names": dict(enumerate(names)), **more}
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
