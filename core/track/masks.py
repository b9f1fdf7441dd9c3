"""Masks of parts or objects through a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.video import Frame, FrameSource
from counterpart.core.jobs import JobContext
from counterpart.core.refine import guided_filter
from counterpart.core.track.params import TrackParams
from counterpart.core.track.state import TrackState
from counterpart.core.track.tracker import Encode, Tracker

# Of the guided filter: found on photographs scaled so that a token is about five pixels wide, where it does as well as
# at full size and costs a tenth.
_FIT_PITCH, _RADIUS_TOKENS, _EPS = 4.7, 1.1, 1e-4
_NOWHERE = 0.02
"""A label whose best score in a frame is below it is not looked for at pixels."""


class TrackedFrame(NamedTuple):
    """Labels of one frame.

    Attributes:
        frame: Index of the frame.
        labels: (H, W) uint8, or uint16 for labels above 255; 0 is background.
        confidence: Expected Jaccard index of these labels in [0, 1], from how decided the votes were; 1 where the
            frame was annotated.
    """

    frame: int
    labels: NDArray[np.integer]
    confidence: float


class MaskTracker(Tracker[NDArray[np.integer], TrackedFrame]):
    """Carries label maps (H, W); 0 is background (Caron et al. 2021; the paper's supplement, table 1).

    A label that one annotated frame lacks counts as absent from that frame. What flows are shares of each label in the
    cells of each token. Besides what `Tracker` refuses, a mask of another size than the frames is a `UsageError`.
    """

    def __init__(
        self,
        frames: FrameSource | Sequence[NDArray[np.uint8]],
        annotations: Mapping[int, NDArray[np.integer]],
        params: TrackParams,
        encode: Encode,
        ctx: JobContext,
        *,
        start: int = 0,
        stop: int | None = None,
        state: TrackState | None = None,
    ) -> None:
        super().__init__(frames, annotations, params, encode, ctx, start=start, stop=stop, state=state)
        found = {0}
        for index, labels in annotations.items():
            _check(labels, self._source, index)
            found.update(np.unique(labels).tolist())
        if min(found) < 0 or max(found) > np.iinfo(np.uint16).max:
            raise UsageError(f"{min(found)} and {max(found)} cannot both be labels", hint="Labels are 0 to 65535")
        kind = np.uint8 if max(found) <= np.iinfo(np.uint8).max else np.uint16
        self._names = np.array(sorted(found), dtype=kind)

    def _load(self, given: NDArray[np.integer], geometry: GridGeometry) -> NDArray[np.float32]:
        cells, positions = self._params.cells, np.searchsorted(self._names, given.astype(self._names.dtype))
        return pack_cells(cell_geometry(geometry, cells).pool_labels(positions, len(self._names)), cells)

    def _as_given(self, index: int) -> TrackedFrame:
        return TrackedFrame(index, self._annotations[index].astype(self._names.dtype), 1.0)

    def _arrived(self, frame: Frame, channels: NDArray[np.float32], geometry: GridGeometry) -> TrackedFrame:
        fine = cell_geometry(geometry, self._params.cells)
        scores = unpack_cells(channels, self._params.cells)
        chosen = _decide(scores, fine, geometry, frame.rgb, self._params)
        return TrackedFrame(frame.index, np.asarray(self._names[chosen]), _expected_jaccard(scores))


def _check(labels: NDArray[np.integer], source: FrameSource, index: int) -> None:
    if labels.shape != source.hw:
        height, width = source.hw
        size = " x ".join(str(side) for side in labels.shape[::-1])
        raise UsageError(
            f"the mask of frame {source.name(index)} is {size} pixels, the video is {width} x {height}",
            hint="Its sides are exchanged: the frames are turned by their rotation mark, draw on the upright picture"
            if labels.shape == (width, height)
            else "Give a mask of the frame's own size",
        )


# Cells --------------------------------------------------


def cell_geometry(geometry: GridGeometry, cells: int) -> GridGeometry:
    """The grid that divides each token's own square (one stride wide) into `cells` x `cells`."""
    if cells == 1:
        return geometry
    # In an input enlarged `cells` times a cell is one stride wide; the patch only tells where the first one lies.
    height, width = geometry.input_hw
    rows, cols = geometry.grid_hw
    return GridGeometry(
        geometry.image_hw,
        (height * cells, width * cells),
        geometry.patch * cells - geometry.stride * (cells - 1),
        geometry.stride,
        (rows * cells, cols * cells),
    )


def pack_cells(fine: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """(rows * cells, columns * cells, C) -> (rows, columns, cells * cells * C)."""
    rows, cols, channels = fine.shape[0] // cells, fine.shape[1] // cells, fine.shape[2]
    split = fine.reshape(rows, cells, cols, cells, channels).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(split.reshape(rows, cols, cells * cells * channels))


def unpack_cells(packed: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Inverse of `pack_cells`."""
    rows, cols, channels = packed.shape[0], packed.shape[1], packed.shape[2] // (cells * cells)
    split = packed.reshape(rows, cols, cells, cells, channels).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(split.reshape(rows * cells, cols * cells, channels))


# Deciding --------------------------------------------------


def _decide(
    scores: NDArray[np.float32],
    fine: GridGeometry,
    geometry: GridGeometry,
    rgb: NDArray[np.uint8],
    params: TrackParams,
) -> NDArray[np.intp]:
    """(H, W) position of the best label at each pixel: scores are brought to pixels first, then compared."""
    height, width = geometry.image_hw
    pitch = float(geometry.token_pitch_xy.min())
    shrink = max(pitch / _FIT_PITCH, 1.0) if params.edges else 1.0
    out_hw = (max(round(height / shrink), 1), max(round(width / shrink), 1))

    def at_pixels(label: int) -> NDArray[np.float32]:
        score = fine.upsample(scores[..., label], out_hw=out_hw)
        if params.edges:
            score = guided_filter(rgb, score, max(round(_RADIUS_TOKENS * pitch / shrink), 1), _EPS)
        span = float(np.ptp(score))
        return (score - score.min()) / np.float32(span) if params.equalise and span > 0 else score

    chosen = np.zeros((height, width), dtype=np.intp)
    best = np.full((height, width), -np.inf, dtype=np.float32)
    # Scores sum to one and the filter is linear, so background is what the others leave; equalised ones do not.
    rest = at_pixels(0) if params.equalise else np.ones((height, width), dtype=np.float32)
    for label in range(1, scores.shape[-1]):
        if scores[..., label].max() <= _NOWHERE:
            continue
        score = at_pixels(label)
        if not params.equalise:
            rest -= score
        better = score > best
        chosen[better] = label
        np.copyto(best, score, where=better)
    chosen[rest >= best] = 0
    return chosen


def _expected_jaccard(scores: NDArray[np.float32]) -> float:
    """Jaccard index that the decided labels would have if each cell's scores were chances, mean over labels seen."""
    decided = scores.argmax(axis=-1)
    values = []
    for label in range(1, scores.shape[-1]):
        chance, here = scores[..., label], decided == label
        if here.any() or chance.sum() > 1:
            both = np.minimum(chance, here).sum()
            values.append(float(both / np.maximum(chance, here).sum()))
    # Votes are less decided than the labels that come out are wrong; the power makes the figure come true (DAVIS,
    # 195 frames: frames said to be 0.66, 0.73, 0.79, 0.85, 0.91 had 0.55, 0.72, 0.79, 0.85, 0.93).
    return float(np.clip(np.mean(values), 0, 1) ** 0.57) if values else 1.0
