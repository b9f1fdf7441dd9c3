"""Use case: masks of one or more frames carried through a video."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, UsageError
from counterpart.core.files import write_bytes, write_json
from counterpart.core.formats.pictures import encode_label_png, read_label_picture
from counterpart.core.images.video import FrameSource, open_frames
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.outputs import check_writable
from counterpart.core.pipeline.video.track_job import TrackJob, frame_encoder
from counterpart.core.project.palette import colour_at
from counterpart.core.track import MaskTracker
from counterpart.core.track.journal import Journal, run_digest


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """One frame's label map.

    Attributes:
        frame: Index from 0.
        file: The PNG.
        confidence: Expected Jaccard index in [0, 1]; 1 where the frame was annotated.
    """

    frame: int
    file: Path
    confidence: float


@dataclass(frozen=True, slots=True)
class TrackedFiles:
    """What a run wrote.

    Attributes:
        frames: One entry per readable frame, in order.
        resumed: The frame that it went on from; 0 where it began at the beginning.
    """

    frames: tuple[TrackedFile, ...]
    resumed: int


def read_masks(texts: list[str]) -> dict[int, NDArray[np.integer]]:
    """Read `FILE` (frame 0) or `INDEX:FILE` label maps.

    Raises:
        UsageError: A frame named twice, or no such file.
        FormatError: Not a label map.
    """
    masks: dict[int, NDArray[np.integer]] = {}
    for text in texts:
        head, _, tail = text.partition(":")
        numbered = head.isdigit() and tail and not Path(text).exists()
        index, path = (int(head), Path(tail)) if numbered else (0, Path(text))
        if index in masks:
            raise UsageError(f"frame {index} has two masks", hint="Give a frame's index in front: 12:mask.png")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"the mask cannot be read ({error.strerror})", path=path, hint="Check the path") from None
        labels = read_label_picture(data, path)
        # A black-and-white mask has 255 for its one object; the label maps written here count from 1.
        masks[index] = np.where(labels == 255, 1, labels) if set(np.unique(labels)) <= {0, 255} else labels
    return masks


def track_to_files(
    engine: Engine,
    frames: Path,
    masks: Mapping[int, NDArray[np.integer]],
    job: TrackJob,
    out: Path,
    ctx: JobContext,
) -> TrackedFiles:
    """Carry masks to all frames of a video file or a folder of frames; one indexed PNG per frame, and `report.json`.

    Memory does not grow with the length of the video. A run that was killed or cancelled goes on from the frames that
    it wrote, if frames, masks and parameters are the same and the files are as they were.

    Args:
        engine: The model.
        frames: The video file or folder.
        masks: Label maps by frame index, of the frames' size.
        job: How.
        out: The folder.
        ctx: Progress and cancellation; files written so far stay.

    Raises:
        UsageError: No mask, one of another size, or of a frame that is not there.
        ImageError: A frame has another size than the first.
        OutputError: `out` cannot be written.
    """
    check_writable(out)
    source = open_frames(frames, ctx)
    about = {"model": engine.info.name, "weights": engine.plan.weights_sha256, "job": dataclasses.asdict(job)}
    journal = Journal(out, run_digest(source, frames, masks, about), ctx)
    resumed = journal.start
    _report_earlier_failures(journal, source, frames, ctx)
    labels = sorted({int(value) for mask in masks.values() for value in np.unique(mask)} - {0})
    colours = {0: (0, 0, 0), **{value: colour_at(place) for place, value in enumerate(labels)}}
    encode = frame_encoder(engine, job, ctx)
    tracker = MaskTracker(source, masks, job.params, encode, ctx, start=resumed, state=journal.state)
    for tracked in tracker:
        for missing in range(journal.start, tracked.frame):
            journal.add(missing, None, 0.0, b"", None)
        name = str(PurePosixPath(source.name(tracked.frame)).with_suffix(".png"))
        wide = max(labels, default=0) > 255
        values = tracked.labels.astype(np.uint16) if wide else tracked.labels.astype(np.uint8)
        data = encode_label_png(values, colours)
        write_bytes(out / name, data)
        journal.add(tracked.frame, name, float(tracked.confidence), data, tracker.state)
    written = tuple(TrackedFile(e.frame, out / e.file, e.confidence) for e in journal.entries if e.file is not None)
    if not written:
        raise ImageError("no frame could be read", path=frames)
    _write_report(engine, masks, written, out, ctx)
    journal.finish()
    return TrackedFiles(written, resumed)


def _report_earlier_failures(journal: Journal, source: FrameSource, frames: Path, ctx: JobContext) -> None:
    for entry in journal.entries:
        if entry.file is None:
            path = frames / source.name(entry.frame) if frames.is_dir() else frames
            what = f"frame {source.name(entry.frame)} could not be read when this run began"
            ctx.fail(ImageError(what, path=path, hint="Repair it and track into an empty folder"))


def _write_report(
    engine: Engine,
    masks: Mapping[int, NDArray[np.integer]],
    written: Sequence[TrackedFile],
    out: Path,
    ctx: JobContext,
) -> None:
    report = {
        "model": engine.info.name,
        "annotated": sorted(masks),
        "frames": [
            {
                "frame": item.frame,
                "file": item.file.relative_to(out).as_posix(),
                "confidence": round(item.confidence, 4),
            }
            for item in written
        ],
        "failed": [error.as_dict() for error in ctx.failures],
        "warnings": list(ctx.warnings),
    }
    write_json(out / "report.json", report, indent=1)
