"""Goes through a video once or twice and lets any kind of annotation flow along: what masks and points share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.video import ArrayFrames, Frame, FrameSource
from counterpart.core.jobs import JobContext
from counterpart.core.track.flow import Basis, Flow, Look
from counterpart.core.track.params import Segment, TrackParams, plan_segments
from counterpart.core.track.spool import Spool
from counterpart.core.track.state import TrackState

if TYPE_CHECKING:
    import torch

Encode = Callable[[NDArray[np.uint8]], FeatureMap]
"""Features of a (height, width, 3) uint8 frame; every frame at the same size and stride."""
Given = TypeVar("Given")
Tracked = TypeVar("Tracked")
_Flowed = tuple[Frame, NDArray[np.float32] | None]
"""A frame and the (rows, columns, K) channels that arrived at it; None where it is annotated."""

# How the work of a frame divides when it is gone through twice; encoding is most of it.
_FIRST_PASS, _SECOND_PASS = 0.75, 0.1


class Tracker(ABC, Generic[Given, Tracked]):
    """Carries annotations of some frames to all others. Iterate over it once: one result per readable frame, in order.

    Frames after the last annotated one are gone through once, holding only the context. Frames with an annotated one
    after them are gone through twice (the pixels, not the encoder), their descriptors kept in a temporary file.
    Iterating raises `ImageError` where a frame has another size than the first, `OutputError` without space for the
    temporary file, `UsageError` where an annotated frame cannot be read, and `JobCancelledError`.

    Args:
        frames: A source (`core.images.video.open_frames`) or frames in memory.
        annotations: By frame index.
        params: See `TrackParams`.
        encode: Features of a frame, always on the same grid.
        ctx: Progress and cancellation, between frames.
        start: First frame wanted.
        stop: The frame after the last wanted one. With `governed`, exactly what a correction changes.
        state: Goes on from where an earlier run stopped: its `state`.

    Attributes:
        state: The context after the last frame that was given out; None where going on means starting at an annotation.

    Raises:
        UsageError: No annotation, or one of a frame that is not there.
    """

    def __init__(
        self,
        frames: FrameSource | Sequence[NDArray[np.uint8]],
        annotations: Mapping[int, Given],
        params: TrackParams,
        encode: Encode,
        ctx: JobContext,
        *,
        start: int = 0,
        stop: int | None = None,
        state: TrackState | None = None,
    ) -> None:
        source = frames if isinstance(frames, FrameSource) else ArrayFrames(frames)
        if not annotations:
            raise UsageError("there is no annotated frame to start from", hint="Annotate at least one frame")
        outside = sorted(index for index in annotations if not 0 <= index < len(source))
        if outside:
            raise UsageError(
                f"frame {outside[0]} is annotated, but the video has {len(source)} frames",
                hint="Frames are counted from 0",
            )
        self._source, self._annotations = source, annotations
        self._params, self._encode, self._ctx = params, encode, ctx
        self._start, self._stop = max(start, 0), len(source) if stop is None else min(stop, len(source))
        self._resumed = state
        if state is not None:
            self._start = max(self._start, state.index)
        self._anchor: tuple[int, FeatureMap] | None = None
        self._done = 0.0
        self.state: TrackState | None = None

    @abstractmethod
    def _load(self, given: Given, geometry: GridGeometry) -> NDArray[np.float32]:
        """(rows, columns, K) label channels of an annotated frame on the token grid."""

    def _renew(self, channels: NDArray[np.float32], geometry: GridGeometry) -> NDArray[np.float32]:  # noqa: ARG002
        """What the next frames take labels from, given what this frame received."""
        return channels

    @abstractmethod
    def _as_given(self, index: int) -> Tracked:
        """The result of an annotated frame."""

    @abstractmethod
    def _arrived(self, frame: Frame, channels: NDArray[np.float32], geometry: GridGeometry) -> Tracked:
        """The result of a frame at which (rows, columns, K) channels arrived."""

    def __iter__(self) -> Iterator[Tracked]:
        parts = self._parts()
        self._total = max(float(sum(part.stop - part.start for part in parts)), 1.0)
        for part in parts:
            annotated = part.start in self._annotations
            for frame, channels in self._given(part.start) if annotated else self._segment(part):
                if frame.index >= self._stop:
                    return
                if frame.index >= self._start:
                    index = frame.index
                    yield self._as_given(index) if channels is None else self._arrived(frame, channels, self._geometry)
        self._ctx.step(1, 1, "Every frame is done")

    def _parts(self) -> list[Segment]:
        """Segments and annotated frames (as runs of one) that have to be gone through, in order."""
        marks = self._annotations.keys()
        alone = [Segment(index, index + 1, index, index) for index in marks]
        parts = []
        for part in sorted([*plan_segments(marks, len(self._source)), *alone], key=lambda p: p.start):
            if part.stop <= self._start or part.start >= self._stop:
                continue
            # Without a frame after it that looks back, a run may begin where a stored state ends, and end early.
            begin, end = part.start, part.stop
            if self._one_way(part):
                end = min(end, self._stop)
                if self._resumed is not None and begin <= self._resumed.index < end:
                    begin = self._resumed.index
            parts.append(Segment(begin, end, part.before, part.after))
        return parts

    def _one_way(self, part: Segment) -> bool:
        return part.before is not None and (part.after is None or not self._params.both_ways)

    # Runs ------------------------------------------------------------

    def _given(self, index: int) -> Iterator[_Flowed]:
        for frame in self._source.frames(self._ctx, index, index + 1):
            self._step(1.0, frame)
            yield frame, None

    def _segment(self, part: Segment) -> Iterator[_Flowed]:
        import torch

        anchors = {index: self._anchor_features(index) for index in (part.before, part.after) if index is not None}
        if not self._params.both_ways and part.before is not None and part.after is not None:
            del anchors[part.after]
        resumed = self._resumed if self._resumed is not None and self._resumed.index == part.start else None
        basis = Basis.fit(list(anchors.values()), self._params) if resumed is None else resumed.basis
        looks = {
            index: Look(
                basis.project(feature_map, self._params.tap),
                torch.from_numpy(self._load(self._annotations[index], feature_map.geometry)),
            )
            for index, feature_map in anchors.items()
        }
        self._geometry = geometry = next(iter(anchors.values())).geometry
        if self._one_way(part):
            yield from self._stream(part, basis, looks, geometry, resumed)
        else:
            yield from self._twice(part, basis, looks, geometry)
        self.state = None

    def _stream(
        self,
        part: Segment,
        basis: Basis,
        looks: Mapping[int, Look],
        geometry: GridGeometry,
        resumed: TrackState | None,
    ) -> Iterator[_Flowed]:
        """Forward, frame by frame, holding only the context."""
        flow = self._flow(looks, geometry)
        if resumed is not None:
            if any(vectors.shape[:2] != geometry.grid_hw for vectors in resumed.vectors):
                raise UsageError(
                    "the stored state belongs to another size or stride", hint="Start again from the annotated frame"
                )
            flow.recent.extend(resumed.looks())
        for frame in self._frames(part):
            channels = self._advance(flow, basis.project(self._features(frame, geometry), self._params.tap), geometry)
            self.state = TrackState.of(frame.index + 1, basis, flow.recent)
            self._step(1.0, frame)
            yield frame, channels

    def _twice(
        self, part: Segment, basis: Basis, looks: Mapping[int, Look], geometry: GridGeometry
    ) -> Iterator[_Flowed]:
        """Forward while encoding, then backward over what was kept, then once more over the pixels to blend both."""
        import torch

        with Spool() as spool:
            indices = []
            forward = self._flow(looks, geometry)
            for frame in self._frames(part):
                vectors = basis.project(self._features(frame, geometry), self._params.tap)
                spool.put("vectors", frame.index, vectors.numpy())
                if part.before is not None:
                    spool.put("forward", frame.index, self._advance(forward, vectors, geometry))
                indices.append(frame.index)
                self._step(_FIRST_PASS, frame)
            backward = self._flow(looks, geometry)
            for index in reversed(indices):
                self._ctx.check()
                kept = spool.get("vectors", index)
                assert kept is not None
                spool.put("backward", index, self._advance(backward, torch.from_numpy(kept), geometry))
                self._step(_SECOND_PASS, None)
            for frame in self._frames(part):
                ahead, behind = spool.get("forward", frame.index), spool.get("backward", frame.index)
                self._step(1 - _FIRST_PASS - _SECOND_PASS, frame)
                if behind is not None:
                    yield frame, self._blend(part, frame.index, ahead, behind)

    def _blend(
        self, part: Segment, index: int, ahead: NDArray[np.float32] | None, behind: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Both directions, each weighted by how near the annotated frame is that it comes from."""
        if ahead is None or part.before is None or part.after is None:
            return behind
        share = (index - part.before) / (part.after - part.before)
        return np.asarray(ahead * (1 - share) + behind * share, dtype=np.float32)

    # Steps ------------------------------------------------------------

    def _flow(self, looks: Mapping[int, Look], geometry: GridGeometry) -> Flow:
        rows, cols = geometry.grid_hw
        if self._params.radius == 0:
            return Flow(self._params, (rows, cols), list(looks.values()))
        pixels = self._params.radius * min(geometry.image_hw)
        pitch = geometry.token_pitch_xy
        return Flow(
            self._params, (round(float(pixels / pitch[1])), round(float(pixels / pitch[0]))), list(looks.values())
        )

    def _advance(self, flow: Flow, vectors: torch.Tensor, geometry: GridGeometry) -> NDArray[np.float32]:
        import torch

        channels: NDArray[np.float32] = flow.step(vectors).numpy()
        renewed = self._renew(channels, geometry)
        if renewed is not channels and flow.recent:
            flow.recent[-1] = Look(vectors, torch.from_numpy(renewed))
        return channels

    def _frames(self, part: Segment) -> Iterator[Frame]:
        yield from self._source.frames(self._ctx, part.start, part.stop)

    def _anchor_features(self, index: int) -> FeatureMap:
        if self._anchor is not None and self._anchor[0] == index:
            return self._anchor[1]
        for frame in self._source.frames(self._ctx, index, index + 1):
            return self._features(frame)
        raise UsageError(
            f"the annotated frame {self._source.name(index)} cannot be read", hint="Annotate another frame"
        )

    def _features(self, frame: Frame, like: GridGeometry | None = None) -> FeatureMap:
        if self._anchor is not None and self._anchor[0] == frame.index:
            return self._anchor[1]
        feature_map = self._encode(frame.rgb)
        if like is not None and feature_map.geometry != like:
            raise ValueError("every frame of a video must be encoded on the same grid")
        if frame.index in self._annotations:
            self._anchor = frame.index, feature_map
        return feature_map

    def _step(self, work: float, frame: Frame | None) -> None:
        self._done += work
        text = "Blending both directions" if frame is None else f"Frame {frame.index + 1} of {len(self._source)}"
        # In thousandths: the passes over a frame are not equally long.
        self._ctx.step(round(self._done * 1000), round(self._total * 1000), text)
