"""Use case: frames of a video file as images in a folder, so that a project refers to them as to any others."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.errors import ImageError, UsageError
from counterpart.core.files import atomic_folder, output_errors, write_json
from counterpart.core.images.reading import ImageRef, image_size, read_thumbnail
from counterpart.core.images.video import Frame, VideoFrames
from counterpart.core.jobs import JobContext
from counterpart.core.sealed import seal_values, unseal_values

FRAMES_NOTE = "frames.json"
"""File beside extracted frames that tells where they come from and when they are."""
_LAYOUT = "frames-1"
_QUALITY = 95
_FEWEST = 20
"""Images below which nobody is asked whether they are frames."""
_LOOK_PX, _ALIKE = 32, 12.0
"""Longest side of the thumbnails that are compared, and the mean difference that neighbouring frames stay below."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What there is to know about a video before its frames are taken.

    Attributes:
        path: The file.
        count: Number of frames.
        hw: Height and width, upright.
        fps: Mean frames per second, 0 where the video does not tell.
        frame_bytes: Size of one frame as JPEG, for an estimate.
    """

    path: Path
    count: int
    hw: tuple[int, int]
    fps: float
    frame_bytes: int


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """Which frames of a video are taken, and how they are stored.

    Attributes:
        start: First frame.
        stop: The frame after the last; None for the end of the video.
        every: Take every n-th frame.
        exact: PNG, which loses nothing, instead of JPEG at high quality.
    """

    start: int = 0
    stop: int | None = None
    every: int = 1
    exact: bool = False

    def __post_init__(self) -> None:
        if self.start < 0 or self.every < 1 or (self.stop is not None and self.stop <= self.start):
            raise UsageError("this chooses no frame", hint="The first frame comes before the last; every n-th from 1")

    def indices(self, count: int) -> range:
        """The chosen frames of a video with so many."""
        return range(self.start, count if self.stop is None else min(self.stop, count), self.every)


@dataclass(frozen=True, slots=True)
class FramesNote:
    """Where the frames of a folder come from.

    Attributes:
        video: Name of the video file.
        fps: Frames per second of the sequence, 0 if unknown.
        times: Seconds from the start of the video by file name; empty where the video does not tell.
    """

    video: str
    fps: float
    times: dict[str, float]


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was written.

    Attributes:
        folder: Where.
        count: How many frames.
        note: Where they come from.
    """

    folder: Path
    count: int
    note: FramesNote


def video_facts(path: Path, ctx: JobContext) -> VideoFacts:
    """Look at a video: its length, size and rate.

    Raises:
        CounterpartError: PyAV is not installed.
        ImageError: Not a video, or no frame of it can be read.
    """
    source = VideoFrames(path, ctx)
    first = next(source.frames(ctx, 0, 1))
    return VideoFacts(path, len(source), source.hw, source.fps, len(_encoded(first.rgb, exact=False)))


def extract_frames(video: Path, out: Path, choice: FrameChoice, ctx: JobContext) -> Extracted:
    """Write frames of a video as images, named by their index, with `frames.json` beside them.

    One frame is held at a time. The folder appears when all of it is there; cancelled or failed, nothing is left.
    Damage in the video costs the frames that it hits, which `ctx.warnings` tells.

    Raises:
        CounterpartError: PyAV is not installed.
        UsageError: The choice has no frame of this video.
        ImageError: Not a video, no frame can be read, or its size changes within the choice.
        OutputError: The folder cannot be written.
        JobCancelledError: Cancelled.
    """
    source = VideoFrames(video, ctx)
    wanted = choice.indices(len(source))
    if not wanted:
        raise UsageError(f"the video has {len(source)} frames; none was chosen", path=video, hint="Begin earlier")
    digits = max(5, len(str(len(source) - 1)))
    suffix = ".png" if choice.exact else ".jpg"
    times: dict[str, float] = {}
    count = 0
    with atomic_folder(out) as folder:
        for frame in _frames(source, wanted, ctx):
            if frame.index not in wanted:
                continue
            ctx.step(count, len(wanted), f"Frame {frame.index} of {video.name}")
            name = f"{frame.index:0{digits}d}{suffix}"
            with output_errors(out):
                (folder / name).write_bytes(_encoded(frame.rgb, exact=choice.exact))
            if frame.time_s is not None:
                times[name] = round(frame.time_s, 6)
            count += 1
        if not count:
            raise ImageError("no frame of this part of the video can be read", path=video, hint="Choose other frames")
        note = FramesNote(video.name, round(source.fps / choice.every, 4), times)
        values = {"layout": _LAYOUT, "video": note.video, "fps": note.fps, "times": times}
        write_json(folder / FRAMES_NOTE, seal_values(values), indent=1)
    ctx.step(count, count, "Every frame is there")
    return Extracted(out, count, note)


def _frames(source: VideoFrames, wanted: range, ctx: JobContext) -> Iterator[Frame]:
    try:
        yield from source.frames(ctx, wanted.start, wanted[-1] + 1)
    except ImageError as error:
        raise ImageError(error.what, path=error.path, hint="Choose only frames before it, or only from it on") from None


def _encoded(rgb: NDArray[np.uint8], *, exact: bool) -> bytes:
    buffer = io.BytesIO()
    if exact:
        Image.fromarray(rgb).save(buffer, "PNG", compress_level=3)
    else:
        Image.fromarray(rgb).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def read_frames_note(folder: Path) -> FramesNote | None:
    """What `extract_frames` wrote down beside the frames; None where there is nothing readable of the kind."""
    try:
        found = unseal_values(json.loads((folder / FRAMES_NOTE).read_text(encoding="utf-8")))
        if found["layout"] != _LAYOUT:
            return None
        times = {str(name): float(seconds) for name, seconds in found["times"].items()}
        fps = float(found["fps"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    known = all(math.isfinite(number) for number in (fps, *times.values()))
    return FramesNote(str(found["video"]), fps, times) if known else None


def looks_like_video(refs: Sequence[ImageRef], ctx: JobContext) -> bool:
    """Whether images are probably frames of one video: many, numbered evenly, of one size, neighbours much alike.

    Opens a few of them only.

    Args:
        refs: Images in natural order.
        ctx: Cancellation.
    """
    if len(refs) < _FEWEST or not _evenly_numbered(refs):
        return False
    places = (0, len(refs) // 2, len(refs) - 2)
    try:
        if len({image_size(refs[place].path) for place in places}) > 1:
            return False
        for place in places:
            ctx.check()
            pair = [read_thumbnail(refs[place + step].path, _LOOK_PX).astype(np.float32) for step in (0, 1)]
            if pair[0].shape != pair[1].shape or np.abs(pair[0] - pair[1]).mean() > _ALIKE:
                return False
    except ImageError:
        return False
    return True


def _evenly_numbered(refs: Sequence[ImageRef]) -> bool:
    """Whether names differ in one number alone, which rises by the same step."""
    found = [re.fullmatch(r"(.*?)(\d+)(\.\w+)", ref.name) for ref in refs]
    known = [match for match in found if match is not None]
    if len(known) < len(refs) or len({(match[1], match[3]) for match in known}) > 1:
        return False
    steps = set(np.diff([int(match[2]) for match in known]).tolist())
    return len(steps) == 1 and steps.pop() > 0
