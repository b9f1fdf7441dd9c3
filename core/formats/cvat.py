"""CVAT for images 1.1 (XML): masks or polygons, and skeletons.

CVAT's canvas has (0, 0) at the image's corner: polygons, points and boxes are in the corner convention. A `<mask>`
holds run lengths, row by row within its box, exactly; polygons, on request, have holes joined by a seam. A skeleton's
point that is absent is `outside`, one with visibility 1 `occluded`. Boxes of instances and scores have no place in it.
Shapes are painted in the order of `z_order`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from counterpart.core.files import atomic_write
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    to_corner,
    with_progress,
)
from counterpart.core.formats.polygons import keyhole, outlines
from counterpart.core.formats.rle import mask_to_rows
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import mask_bbox
from counterpart.core.project.palette import colour_at, colour_hex
from counterpart.core.project.points import Skeleton, Visibility


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
