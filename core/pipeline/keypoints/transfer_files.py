"""Keypoints to transfer from and to, as COCO files: templates and boxes read, what was found written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError, ImageError, ProtocolError, UsageError
from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.files import write_json
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.keypoints.transfer import Transferred, TransferRun
from counterpart.core.project.points import Box, Skeleton
from counterpart.core.transfer import KeypointPrediction


def read_templates(
    path: Path, root: Path | None, ctx: JobContext, category: str | None = None
) -> tuple[Skeleton, list[Annotated]]:
    """Templates of a COCO keypoint file.

    Args:
        path: The file.
        root: Folder that file names are relative to, beside the file's own.
        ctx: Images that are missing are recorded as failures.
        category: Name of the category to transfer; needed where several have keypoints.

    Raises:
        FormatError: The file is not COCO keypoints.
        UsageError: Several categories and none named, or no such category.
        ProtocolError: No usable instance.
    """
    from counterpart.core.formats.coco_reading import read_keypoint_file

    dataset = read_keypoint_file(path, root, ctx)
    used = {points.skeleton for image in dataset.images for points in image.keypoints if points.present.any()}
    choices = [s for s in dataset.skeletons if s.id in used and category in {None, s.name}]
    if len(choices) != 1:
        names = ", ".join(s.name for s in dataset.skeletons if s.id in used) or "none"
        if not used:
            raise ProtocolError("no instance has keypoints", path=path, hint="Annotate at least one image")
        what = f"there is no category '{category}'" if category else "several categories have keypoints"
        raise UsageError(what, path=path, hint=f"Choose one with --category: {names}")
    skeleton = choices[0]
    items: list[Annotated] = []
    for image in dataset.images:
        instances = [points for points in image.keypoints if points.skeleton == skeleton.id and points.present.any()]
        if not instances:
            continue
        if image.file is None:
            hint = "Give the folder of the images with --root"
            ctx.fail(ImageError("the image of a template is missing", path=image.name, hint=hint))
            continue
        if image.placed is not None and image.placed.problem:
            ctx.fail(ImageError(image.placed.problem, path=image.name, hint="Correct the file, or its photograph"))
            continue
        try:
            hw = image_size(image.file)
        except ImageError as error:
            ctx.fail(error)
            continue
        ref = ImageRef(image.file, image.name)
        items += [annotated(ref, hw, points.xy, points.present, points.box) for points in instances]
    if not items:
        raise ProtocolError(
            "none of the templates' images can be used", path=path, hint="See the reasons given for each"
        )
    return skeleton, items


def annotated(
    ref: ImageRef, hw: tuple[int, int], xy: NDArray[np.float64], present: NDArray[np.bool_], box: Box | None = None
) -> Annotated:
    """An annotated instance whose box, where none is given, spans its points.

    Args:
        ref: The image.
        hw: Its height and width.
        xy: (K, 2) image pixels.
        present: (K,) where there is a point; at least one.
        box: Of the instance.
    """
    if box is None:
        low, high = xy[present].min(axis=0), xy[present].max(axis=0)
        box = (float(low[0] - 0.5), float(low[1] - 0.5), float(high[0] - low[0] + 1), float(high[1] - low[1] + 1))
    return Annotated(ref, hw, xy, present, box)


def read_boxes(path: Path, root: Path | None, targets: Sequence[ImageRef]) -> dict[int, list[Box]]:
    """Boxes of a COCO file for the targets, by position: matched by file, then by name, then by bare file name.

    Raises:
        FormatError: The file is not COCO.
    """
    from counterpart.core.formats.fields import read_json

    data = read_json(path)
    names: dict[int, str] = {}
    for image in data["images"]:
        number = image["id"].integer()
        if number in names:
            raise image.error(f"the image id {number} occurs twice")
        names[number] = image["file_name"].text()
    by_image: dict[int, list[Box]] = {}
    for annotation in data["annotations"]:
        bbox = annotation.get("bbox")
        if bbox is None or bbox.value == []:
            continue
        x, y, width, height = bbox.numbers(4)
        number = annotation["image_id"].integer()
        if number not in names:
            raise annotation.error(f"there is no image with the id {number}")
        if width > 0 and height > 0:
            # COCO's boxes start at pixel corners; ours at centres.
            by_image.setdefault(number, []).append((x - 0.5, y - 0.5, width, height))
    keys: dict[str, int] = {}
    for index, ref in reversed(list(enumerate(targets))):
        for key in (ref.path.name, ref.name, str(ref.path.resolve())):
            keys[key] = index
    found: dict[int, list[Box]] = {}
    for number, boxes in by_image.items():
        name = names[number]
        places = [Path(name), path.parent / name, *([root / name] if root else [])]
        candidates = [*(str(place.resolve()) for place in places), name, Path(name).name]
        target = next((keys[key] for key in candidates if key in keys), None)
        if target is not None:
            found.setdefault(target, []).extend(boxes)
    return found


def write_transferred(
    run: TransferRun,
    path: Path,
    engine: Engine,
    root: Path | None,
    failures: Sequence[CounterpartError] = (),
    description: str = "Keypoints transferred by Counterpart",
) -> dict[str, Any]:
    """Write COCO keypoints: an annotation per target with `keypoints`, `keypoint_scores` and `swapped_sides`.

    Coordinates are pixels, the centre of the first at (0, 0). Visibility is 2, 1 where doubtful, 0 where no template
    shows the point. File names are relative to `root` or to the file's folder where they lie below it, else absolute.

    Raises:
        OutputError: The file cannot be written.
    """
    numbers: dict[int, int] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for item in run.found:
        if item.index not in numbers:
            numbers[item.index] = len(numbers) + 1
            images.append(
                {
                    "id": numbers[item.index],
                    "file_name": _file_name(item.ref.path, path, root),
                    "width": item.image_hw[1],
                    "height": item.image_hw[0],
                }
            )
        annotations.append(_annotation(item, len(annotations) + 1, numbers[item.index], run.skeleton.id))
    skeleton = run.skeleton
    data = {
        "info": {
            "description": description,
            "model": engine.info.name,
            "failed": [error.as_dict() for error in failures],
        },
        "images": images,
        "annotations": annotations,
        "categories": [
            {
                "id": skeleton.id,
                "name": skeleton.name,
                "keypoints": list(skeleton.names),
                "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
            }
        ],
    }
    write_json(path, data, indent=1)
    return data


def _annotation(item: Transferred, number: int, image: int, category: int) -> dict[str, Any]:
    found = item.prediction
    flat: list[float] = []
    for (x, y), visibility in zip(found.xy.tolist(), found.visibility.tolist(), strict=True):
        flat += [round(x, 2), round(y, 2), visibility] if visibility else [0, 0, 0]
    box = item.box or _span(found, item.image_hw)
    corner = [round(box[0] + 0.5, 2), round(box[1] + 0.5, 2), round(box[2], 2), round(box[3], 2)]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "keypoints": flat,
        "keypoint_scores": [round(float(score), 4) for score in found.score],
        "num_keypoints": int((found.visibility > 0).sum()),
        "bbox": corner,
        "area": round(corner[2] * corner[3], 1),
        "iscrowd": 0,
        "swapped_sides": found.swapped_sides,
        "confirmed": item.confirmed,
    }


def _span(found: KeypointPrediction, hw: tuple[int, int]) -> Box:
    present = found.visibility > 0
    if not present.any():
        return (-0.5, -0.5, float(hw[1]), float(hw[0]))
    low, high = found.xy[present].min(axis=0), found.xy[present].max(axis=0)
    return (float(low[0] - 0.5), float(low[1] - 0.5), float(high[0] - low[0] + 1), float(high[1] - low[1] + 1))


def _file_name(image: Path, file: Path, root: Path | None) -> str:
    absolute = image.resolve()
    for folder in (root, file.parent):
        if folder is not None and absolute.is_relative_to(folder.resolve()):
            return absolute.relative_to(folder.resolve()).as_posix()
    return str(absolute)
