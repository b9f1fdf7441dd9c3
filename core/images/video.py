"""Frames of a video file (PyAV, extra `video`) or of a folder of images, one at a time and in order.

A source never holds more than one frame. It can start anywhere, so that a window can scrub and a job can go
on where it stopped; a video seeks to the key frame before and decodes from there, so a frame is always the
same picture however it was reached. Frames are counted as they are decoded: with a variable frame rate the
index stays the index and `time_s` tells when.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError, ImageError, UsageError
from counterpart.core.images.decoding import MAX_BYTES
from counterpart.core.images.finding import find_images
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.images.reading import ImageRef, image_size, read_image
from counterpart.core.images.sample_tables import MOST_SAMPLES, PackedHeaderError, claimed_samples
from counterpart.core.jobs import JobContext

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts"})

MOST_PIXELS = MAX_BYTES // 8
"""Of one picture, before a byte of it is decoded: with it as FFmpeg decodes it and as RGB, the limit of images."""
_HIGHEST_FPS = 100_000
# Containers that hold their pictures themselves. FFmpeg knows others by their content whatever their name is: lists
# (`ffconcat`, HLS, DASH, SDP) make it open what they name, on the disk or in the network.
_CONTAINERS = (
    "mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegvideo", "mpegts", "m4v", "asf", "flv", "ogg", "gif", "h264",
    "hevc", "mjpeg", "ivf", "dv",
)  # fmt: skip
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_CONTAINERS),
    "enable_drefs": "0",
    "max_pixels": str(MOST_PIXELS),
}


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        index: From 0, in display order.
        name: For outputs and messages: the image file's name, or the index in five digits.
        rgb: (height, width, 3) uint8, turned as the video says.
        time_s: Seconds from the start of the video; None for a folder.
    """

    index: int
    name: str
    rgb: NDArray[np.uint8]
    time_s: float | None = None


@runtime_checkable
class FrameSource(Protocol):
    """Frames that can be gone through from any index, as often as needed."""

    def __len__(self) -> int:
        """How many frames there should be; a damaged video may give fewer."""
        ...

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of every frame, upright."""
        ...

    def name(self, index: int) -> str:
        """Name of a frame, without reading it."""
        ...

    def frames(self, ctx: JobContext, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames `start` to before `stop`, in order.

        Raises:
            ImageError: A frame has another size than the first.
            JobCancelledError: Cancelled.
        """
        ...


def open_frames(path: str | Path, ctx: JobContext) -> FrameSource:
    """Open a video file or a folder of frames.

    Args:
        path: The file or folder.
        ctx: Collects warnings, for example about frames missing from a folder's numbering.

    Raises:
        UsageError: There is nothing there, or the folder has no images.
        CounterpartError: PyAV is not installed.
        ImageError: The file is not a video, or no frame of it can be read.
    """
    path = Path(path)
    if path.is_dir():
        return FolderFrames(path, ctx)
    if not path.is_file():
        raise UsageError("no such file or folder", path=path, hint="Give a video or a folder of frames")
    if path.suffix.lower() in IMAGE_SUFFIXES - {".gif"}:
        raise UsageError("this is one image, not a video", path=path, hint="Give the folder that it is in")
    return VideoFrames(path, ctx)


class ArrayFrames:
    """Frames in memory.

    Args:
        images: (height, width, 3) uint8 arrays of equal size.
    """

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of the frames."""
        first = self._images[0]
        return first.shape[0], first.shape[1]

    def name(self, index: int) -> str:
        """The index in five digits."""
        return f"{index:05d}"

    def frames(self, ctx: JobContext, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        for index in range(start, len(self) if stop is None else min(stop, len(self))):
            ctx.check()
            yield _checked(Frame(index, self.name(index), self._images[index]), self.hw, None)


class FolderFrames:
    """A folder of images as frames, in natural order of their names.

    An image that cannot be read is recorded with `ctx.fail` and left out; its index stays taken. Numbers that
    are missing between the files are warned about once, when the folder is opened.

    Args:
        folder: Only images directly in it count.
        ctx: Collects the warning.

    Raises:
        UsageError: The folder has no images.
        ImageError: The first image cannot be read.
    """

    def __init__(self, folder: Path, ctx: JobContext) -> None:
        self.folder = folder
        self.refs: list[ImageRef] = [ref for ref in find_images([folder]) if ref.path.parent == folder]
        if not self.refs:
            raise UsageError("this folder has no images directly in it", path=folder, hint="Give the folder of frames")
        self._hw = image_size(self.refs[0].path)
        gaps = _gaps([ref.path.stem for ref in self.refs])
        if gaps:
            ctx.warn(f"{folder}: frames are missing: {', '.join(gaps)}. What is there is taken as consecutive")

    def __len__(self) -> int:
        return len(self.refs)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of the first frame."""
        return self._hw

    def name(self, index: int) -> str:
        """The file's name."""
        return self.refs[index].name

    def frames(self, ctx: JobContext, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        for index in range(start, len(self) if stop is None else min(stop, len(self))):
            ctx.check()
            ref = self.refs[index]
            try:
                rgb = read_image(ref.path).rgb
            except ImageError as error:
                ctx.fail(error)
                continue
            yield _checked(Frame(index, ref.name, rgb), self._hw, ref.path)


def _gaps(stems: Sequence[str]) -> list[str]:
    """Runs of numbers missing between files that are numbered evenly, as `00012` or `00012-00019`."""
    ends = [re.fullmatch(r"(.*?)(\d+)", stem) for stem in stems]
    if len(stems) < 3 or not all(ends) or len({match[1] for match in ends if match}) != 1:
        return []
    numbers = sorted(int(match[2]) for match in ends if match)
    steps = np.diff(numbers)
    usual = int(np.median(steps))
    if usual < 1:
        return []
    digits = max(len(match[2]) for match in ends if match)
    gaps = []
    for before, step in zip(numbers, steps, strict=False):
        if step > usual:
            first, last = before + usual, before + int(step) - usual
            gaps.append(f"{first:0{digits}d}" + ("" if last <= first else f"-{last:0{digits}d}"))
    return gaps[:10] + ([f"and {len(gaps) - 10} more gaps"] if len(gaps) > 10 else [])


class VideoFrames:
    """A video file. Opening it reads the index of its packets, not its pictures.

    A video that is damaged gives the frames that can be decoded; a warning says how many were expected.

    Args:
        path: The file.
        ctx: Collects warnings.

    Raises:
        CounterpartError: PyAV is not installed.
        ImageError: Not a video, or no frame of it can be decoded.
    """

    def __init__(self, path: Path, ctx: JobContext) -> None:
        self.path = path
        self._av = _load_av()
        self._hw: tuple[int, int] | None = None
        self._check_claims()
        with self._open() as container:
            self._times = self._index(container, ctx)
        first = next(self.frames(ctx.stage(0, 0), 0, 1), None)
        if first is None:
            raise self._unreadable("no frame of it can be decoded")
        self._hw = first.rgb.shape[0], first.rgb.shape[1]

    def __len__(self) -> int:
        return len(self._times)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of the first frame, upright."""
        assert self._hw is not None  # set before the constructor returns
        return self._hw

    @property
    def fps(self) -> float:
        """Mean frames per second; 0 where the video does not tell times, or none that can be."""
        known = [t for t in self._times if t is not None]
        span = (known[-1] - known[0]) * self._time_base if len(known) > 1 else 0.0
        fps = (len(known) - 1) / span if span > 0 else 0.0
        return fps if fps <= _HIGHEST_FPS else 0.0

    def name(self, index: int) -> str:
        """The index in five digits."""
        return f"{index:05d}"

    def frames(self, ctx: JobContext, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        end = len(self) if stop is None else min(stop, len(self))
        if start >= end:
            return
        container, index = self._opened_at(start)
        with container:
            stream = container.streams.video[0]
            for picture in self._decode(container, stream, ctx):
                ctx.check()
                if index >= start:
                    yield self._frame(index, picture)
                index += 1
                if index >= end:
                    return
        if index < end:
            ctx.warn(f"{self.path}: the video ends early: {index} of {len(self)} frames could be read")

    # Reading ------------------------------------------------------------

    def _open(self) -> Any:
        if not self.path.is_file():  # nor a pipe, which would be waited for
            raise ImageError("there is no such video", path=self.path, hint="Check the path")
        try:
            # By its whole path after `file:`, no name is taken for an address: not `concat:a|b`, not `http:x.mp4`.
            container = self._av.open(f"file:{self.path.absolute()}", options=_OPTIONS, metadata_errors="replace")
        except self._av.error.ArgumentError:
            raise self._unreadable("it is a list of other files, or of an unknown kind") from None
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            raise self._unreadable(str(getattr(error, "strerror", error)) or type(error).__name__) from None
        if not container.streams.video:
            container.close()
            raise self._unreadable("it holds no pictures")
        coder = container.streams.video[0].codec_context
        if coder is None:
            container.close()
            raise self._unreadable("nobody knows how its pictures are encoded")
        coder.options = {"max_pixels": str(MOST_PIXELS)}
        container.streams.video[0].thread_type = "AUTO"
        if coder.width * coder.height > MOST_PIXELS:
            container.close()
            raise self._unreadable(f"its pictures of {coder.width} x {coder.height} pixels are too large")
        return container

    def _check_claims(self) -> None:
        try:
            claimed = claimed_samples(self.path) if self.path.is_file() else 0
            size = self.path.stat().st_size if claimed else 0
        except PackedHeaderError:
            raise self._unreadable("its header is compressed") from None
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from None
        if claimed > min(MOST_SAMPLES, size):
            raise self._unreadable(f"it claims {claimed} pictures, more than can be in it")

    def _unreadable(self, why: str) -> ImageError:
        return ImageError(
            f"this is not a video that can be read ({why})",
            path=self.path,
            hint="Convert it to MP4, or give a folder of frames",
        )

    def _index(self, container: Any, ctx: JobContext) -> list[int | None]:
        """Presentation times of all frames in display order, in units of the stream's time base."""
        stream = container.streams.video[0]
        self._time_base = float(stream.time_base or 1)
        times: list[int | None] = []
        present = 0
        with contextlib.suppress(self._av.error.FFmpegError):  # a damaged tail: what is there counts
            for packet in container.demux(stream):
                present += bool(packet.size)
                times.extend([packet.pts] if packet.size and not packet.is_discard else [])
        if not times:
            raise self._unreadable("it holds no pictures")
        if stream.frames > present:
            ctx.warn(f"{self.path}: the video ends early: {present} of {stream.frames} frames are there")
        self._seekable = None not in times and len(set(times)) == len(times)
        return sorted(times, key=lambda t: -1 if t is None else t) if self._seekable else times

    def _opened_at(self, start: int) -> tuple[Any, int]:
        """The video at the last key frame at or before a frame; the index of the frame that decoding gives next."""
        container = self._open()
        if start == 0 or not self._seekable:
            return container, 0
        stream = container.streams.video[0]
        with contextlib.suppress(self._av.error.FFmpegError):
            container.seek(self._times[start], stream=stream, backward=True, any_frame=False)
            first = next(self._decode(container, stream, None), None)
            if first is not None and first.pts in self._times and first.pts <= self._times[start]:
                container.seek(self._times[start], stream=stream, backward=True, any_frame=False)
                return container, self._times.index(first.pts)
        container.close()
        return self._open(), 0

    def _decode(self, container: Any, stream: Any, ctx: JobContext | None) -> Iterator[Any]:
        """Decoded pictures; what is damaged is passed over, and warned about."""
        damaged = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except self._av.error.FFmpegError:
                damaged += 1
                break
            try:
                yield from packet.decode()
            except self._av.error.EOFError:
                break
            except self._av.error.FFmpegError:
                damaged += 1
        if damaged and ctx is not None:
            ctx.warn(f"{self.path}: {damaged} damaged pieces of the video were passed over")

    def _frame(self, index: int, picture: Any) -> Frame:
        rgb = picture.to_ndarray(format="rgb24")
        turns = round(picture.rotation / 90) % 4 if abs(picture.rotation) <= 360 else 0  # else its matrix is none
        if turns:
            rgb = np.ascontiguousarray(np.rot90(rgb, turns))
        frame = Frame(index, self.name(index), rgb, picture.time)
        return frame if self._hw is None else _checked(frame, self._hw, self.path)


def _checked(frame: Frame, hw: tuple[int, int], path: Path | None) -> Frame:
    if frame.rgb.shape[:2] != hw:
        raise ImageError(
            f"frame {frame.name} is {frame.rgb.shape[1]} x {frame.rgb.shape[0]} pixels, the first is {hw[1]} x {hw[0]}",
            path=path,
            hint="Track the parts before and after it as two videos",
        )
    return frame


def _load_av() -> Any:
    try:
        import av
        import av.error
    except ImportError:
        raise CounterpartError(
            "video files need PyAV, which is not installed",
            hint="Install the extra: pip install 'counterpart[video]', or give a folder of frames",
        ) from None
    return av
