"""A project whose images are frames of videos: each folder one video, in the order of the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from counterpart.core.project.model import ImageRecord
from counterpart.core.project.view import ProjectView

SEQUENCE = "sequence"
"""Key of the project's setting."""
DOUBT_LIMIT = 0.3
"""A tracked frame with more doubt is doubtful: its labels are expected to overlap less than 70 % with the truth."""
_FPS = 25.0


@dataclass(frozen=True, slots=True)
class Sequence:
    """That the images are frames.

    Attributes:
        fps: Frames per second, for playing and for the time shown.
        video: Name of the video file that they come from; empty if unknown.
        size: Longest side of what the model sees of a frame when tracking; None for the usual one.
    """

    fps: float = _FPS
    video: str = ""
    size: int | None = None

    def setting(self) -> dict[str, object]:
        """As the project keeps it, for `SetSettings`."""
        return {SEQUENCE: {"fps": self.fps, "video": self.video, "size": self.size}}


def sequence_of(settings: Mapping[str, object]) -> Sequence | None:
    """What a project's settings say; None where its images are not frames."""
    found = settings.get(SEQUENCE)
    if not isinstance(found, Mapping):
        return None
    fps, video, size = found.get("fps"), found.get("video"), found.get("size")
    usable = isinstance(fps, int | float) and not isinstance(fps, bool) and 0 < fps <= 1000
    return Sequence(
        float(fps) if usable else _FPS,  # type: ignore[arg-type]
        video if isinstance(video, str) else "",
        size if isinstance(size, int) and not isinstance(size, bool) and 112 <= size <= 1344 else None,
    )


class FrameState(IntEnum):
    """Whose the labels of a frame are."""

    NONE = 0
    SKIPPED = 1
    TRACKED = 2
    DOUBTFUL = 3
    ANNOTATED = 4


def frame_state(record: ImageRecord) -> FrameState:
    """Of a frame, by its record alone: what a person touched or confirmed is annotated."""
    if record.state in ("edited", "reviewed"):
        return FrameState.ANNOTATED
    if record.state == "predicted":
        doubtful = record.doubt is not None and record.doubt > DOUBT_LIMIT
        return FrameState.DOUBTFUL if doubtful else FrameState.TRACKED
    return FrameState.SKIPPED if record.state == "skipped" else FrameState.NONE


def folder_of(record: ImageRecord) -> str:
    """The folder that makes one video, from the image's name; empty for images without one."""
    return record.name.rpartition("/")[0]


def frames_of(view: ProjectView, folder: str) -> tuple[int, ...]:
    """The frames of a folder's video, in order."""
    return tuple(record.id for record in view.images() if folder_of(record) == folder)
