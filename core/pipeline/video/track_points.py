"""Use case: keypoints of one or more frames carried through a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, UsageError
from counterpart.core.files import write_json
from counterpart.core.images.video import FrameSource, open_frames
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.outputs import check_writable
from counterpart.core.pipeline.video.track_job import TrackJob, frame_encoder
from counterpart.core.project.points import Skeleton
from counterpart.core.track import PointTracker

POINTS_NAME = "keypoints.json"
_DOUBTFUL_BELOW = 0.5
Given = tuple[NDArray[np.float64], NDArray[np.uint8]]


def track_points_to_file(
    engine: Engine,
    frames: Path,
    annotations: Path,
    job: TrackJob,
    out: Path,
    ctx: JobContext,
    category: str | None = None,
) -> list[dict[str, Any]]:
    """Carry the keypoints of annotated frames to all others; writes COCO keypoints, `out/keypoints.json`.

    Args:
        engine: The model.
        frames: The video file or folder of frames.
        annotations: COCO keypoints, one instance for each annotated frame; a `file_name` is a frame's name, or its
            index in a video (`00012`).
        job: How.
        out: The folder.
        ctx: Progress and cancellation.
        category: Which one, where the file has several with keypoints.

    Returns:
        The annotations as written.

    Raises:
        FormatError: The file is not COCO keypoints.
        UsageError: It names no frame, several instances in one frame, or several categories.
        ImageError: No frame can be read, or one has another size than the first.
        OutputError: `out` cannot be written.
    """
    check_writable(out)
    source = open_frames(frames, ctx)
    skeleton, given = _read(annotations, source, ctx, category)
    encode = frame_encoder(engine, job, ctx)
    images: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    for tracked in PointTracker(source, given, job.params, encode, ctx):
        number = len(images) + 1
        height, width = source.hw
        name = source.name(tracked.frame)
        images.append({"id": number, "file_name": name, "width": width, "height": height, "frame": tracked.frame})
        visible = given[tracked.frame][1] if tracked.frame in given else _visibility(tracked.xy, tracked.score)
        written.append(_annotation(number, skeleton, tracked.xy, visible, tracked.score, tracked.frame in given))
    if not written:
        raise ImageError("no frame could be read", path=frames)
    data = {
        "info": {"description": "Keypoints tracked by Counterpart", "model": engine.info.name},
        "images": images,
        "annotations": written,
        "categories": [
            {
                "id": skeleton.id,
                "name": skeleton.name,
                "keypoints": list(skeleton.names),
                "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
            }
        ],
    }
    write_json(out / POINTS_NAME, data, indent=1)
    return written


def _read(
    path: Path, source: FrameSource, ctx: JobContext, category: str | None
) -> tuple[Skeleton, Mapping[int, Given]]:
    from counterpart.core.formats.coco_reading import read_keypoint_file

    dataset = read_keypoint_file(path, None, ctx)
    used = {points.skeleton for image in dataset.images for points in image.keypoints if points.present.any()}
    choices = [one for one in dataset.skeletons if one.id in used and category in {None, one.name}]
    if len(choices) != 1:
        names = ", ".join(one.name for one in dataset.skeletons if one.id in used) or "none"
        raise UsageError(
            f"there is no category '{category}'" if category else "one category with keypoints is expected",
            path=path,
            hint=f"Choose one with --category: {names}",
        )
    places = {_stem(source.name(index)): index for index in range(len(source))}
    given: dict[int, Given] = {}
    for image in dataset.images:
        index = places.get(_stem(image.name))
        instances = [one for one in image.keypoints if one.skeleton == choices[0].id and one.present.any()]
        if index is None or not instances:
            continue
        if len(instances) > 1 or index in given:
            raise UsageError(f"{image.name} has several instances", path=path, hint="Annotate one per frame")
        given[index] = (instances[0].xy, instances[0].visibility)
    if not given:
        raise UsageError(
            f"none of its images is a frame; the first frame is called {source.name(0)}",
            path=path,
            hint="file_name must be the name of a frame, or its index in a video, such as 00012",
        )
    return choices[0], given


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem


def _visibility(xy: NDArray[np.float64], score: NDArray[np.float32]) -> NDArray[np.uint8]:
    found = np.isfinite(xy[:, 0])
    return np.where(found, np.where(score < _DOUBTFUL_BELOW, 1, 2), 0).astype(np.uint8)


def _annotation(
    number: int,
    skeleton: Skeleton,
    xy: NDArray[np.float64],
    visibility: NDArray[np.uint8],
    score: NDArray[np.float32],
    confirmed: bool,
) -> dict[str, Any]:
    flat: list[float] = []
    for (x, y), seen in zip(xy.tolist(), visibility.tolist(), strict=True):
        flat += [round(x, 2), round(y, 2), seen] if seen and np.isfinite(x) else [0, 0, 0]
    known = xy[(visibility > 0) & np.isfinite(xy[:, 0])]
    box = [0.0, 0.0, 0.0, 0.0]
    if len(known):
        low, high = known.min(axis=0), known.max(axis=0)
        box = [round(float(v), 2) for v in (*low, *(high - low + 1))]
    return {
        "id": number,
        "image_id": number,
        "category_id": skeleton.id,
        "keypoints": flat,
        "keypoint_scores": [round(float(value), 4) for value in score],
        "num_keypoints": len(known),
        "bbox": box,
        "area": round(box[2] * box[3], 1),
        "iscrowd": 0,
        "confirmed": confirmed,
    }
