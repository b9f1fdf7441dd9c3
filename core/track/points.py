"""Keypoints through a video: little hills of heat on the token grid that flow as labels do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.errors import UsageError
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.video import Frame, FrameSource
from counterpart.core.jobs import JobContext
from counterpart.core.track.params import TrackParams
from counterpart.core.track.state import TrackState
from counterpart.core.track.tracker import Encode, Tracker

_SIGMA = 1.0
"""Width of a hill, tokens."""
_REACH = 2
"""How far around the top a hill is read, tokens."""
_LOST = 0.05
"""A point whose hill is lower is not found in a frame."""


class TrackedPoints(NamedTuple):
    """Points of one frame.

    Attributes:
        frame: Index of the frame.
        xy: (K, 2) float64 image pixels; NaN where a point was not found.
        score: (K,) float32 in [0, 1]: how much of what was annotated arrived at this place; 1 where it was annotated.
    """

    frame: int
    xy: NDArray[np.float64]
    score: NDArray[np.float32]


class PointTracker(Tracker[NDArray[np.float64], TrackedPoints]):
    """Carries keypoints: (K, 2) image xy, and (K,) visibility as in COCO; points of visibility 0 are left out.

    Besides what `Tracker` refuses, numbers of points that differ are a `UsageError`. Of the settings, `cells`, `edges`
    and `equalise` concern masks alone.

    Two hills of heat flow per point: one made afresh in every frame, so that places stay sharp; one that only ever
    flows. The second spreads as errors do: what is left of it where the first one stands tells how far to trust the
    place.
    """

    def __init__(
        self,
        frames: FrameSource | Sequence[NDArray[np.uint8]],
        annotations: Mapping[int, tuple[ArrayLike, ArrayLike]],
        params: TrackParams,
        encode: Encode,
        ctx: JobContext,
        *,
        start: int = 0,
        stop: int | None = None,
        state: TrackState | None = None,
    ) -> None:
        given = {index: _known(*pair) for index, pair in annotations.items()}
        counts = sorted({len(xy) for xy in given.values()})
        if len(counts) > 1:
            raise UsageError(
                f"frames are annotated with {counts[0]} and {counts[-1]} points", hint="Use one skeleton for all frames"
            )
        super().__init__(frames, given, params, encode, ctx, start=start, stop=stop, state=state)

    def _load(self, given: NDArray[np.float64], geometry: GridGeometry) -> NDArray[np.float32]:
        rc = geometry.image_to_grid(np.nan_to_num(given))
        hills = _hills(rc, np.isfinite(given[:, 0]).astype(np.float32), geometry.grid_hw)
        return np.concatenate([hills, hills], axis=-1)

    def _renew(self, channels: NDArray[np.float32], geometry: GridGeometry) -> NDArray[np.float32]:
        sharp, soft = np.split(channels, 2, axis=-1)
        rc, height = hill_tops(sharp)
        fresh = _hills(np.nan_to_num(rc), (height > _LOST).astype(np.float32), geometry.grid_hw)
        return np.concatenate([fresh, soft], axis=-1)

    def _as_given(self, index: int) -> TrackedPoints:
        xy = self._annotations[index]
        return TrackedPoints(index, xy.copy(), np.isfinite(xy[:, 0]).astype(np.float32))

    def _arrived(self, frame: Frame, channels: NDArray[np.float32], geometry: GridGeometry) -> TrackedPoints:
        sharp, soft = np.split(channels, 2, axis=-1)
        rc, height = hill_tops(sharp)
        found = height > _LOST
        xy = np.where(found[:, None], geometry.grid_to_image(np.nan_to_num(rc)), np.nan)
        return TrackedPoints(frame.index, xy, np.where(found, _share_left(soft, rc), 0).astype(np.float32))


def _known(xy: ArrayLike, visibility: ArrayLike) -> NDArray[np.float64]:
    """(K, 2) image xy, NaN where a point is not annotated."""
    xy = np.array(xy, dtype=np.float64).reshape(-1, 2)
    xy[np.asarray(visibility).reshape(-1) == 0] = np.nan
    return xy


def _hills(rc: NDArray[np.float64], height: NDArray[np.float32], grid_hw: tuple[int, int]) -> NDArray[np.float32]:
    """(rows, columns, K) Gaussian hills at real-valued tokens (K, 2)."""
    rows = np.exp(-0.5 * ((np.arange(grid_hw[0])[:, None] - rc[:, 0]) / _SIGMA) ** 2)
    cols = np.exp(-0.5 * ((np.arange(grid_hw[1])[:, None] - rc[:, 1]) / _SIGMA) ** 2)
    return np.asarray(rows[:, None] * cols[None] * height, dtype=np.float32)


def hill_tops(hills: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Real-valued token (K, 2) of each channel's top, and its height (K,); NaN where the channel is flat zero."""
    cols, count = hills.shape[1:]
    flat = hills.reshape(-1, count)
    best = flat.argmax(axis=0)
    height = flat[best, np.arange(count)]
    rc = np.full((count, 2), np.nan)
    for channel in np.flatnonzero(height > 0):
        r, c = divmod(int(best[channel]), cols)
        r_lo, c_lo = max(r - _REACH, 0), max(c - _REACH, 0)
        patch = hills[r_lo : r + _REACH + 1, c_lo : c + _REACH + 1, channel].astype(np.float64)
        # A hill that is cut off by the window's edge pulls its mean inwards; only what stands out counts.
        patch = np.maximum(patch - 0.3 * height[channel], 0)
        grid = np.mgrid[r_lo : r_lo + patch.shape[0], c_lo : c_lo + patch.shape[1]]
        rc[channel] = (grid * patch).sum(axis=(1, 2)) / patch.sum()
    return rc, height


def _share_left(soft: NDArray[np.float32], rc: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each annotated hill that is found around a place, (K,)."""
    rows, cols, _ = soft.shape
    near = (np.abs(np.arange(rows)[:, None] - rc[:, 0]) <= _REACH + 0.5)[:, None] & (
        np.abs(np.arange(cols)[:, None] - rc[:, 1]) <= _REACH + 0.5
    )[None]
    whole = _hills(rc, np.ones(len(rc), dtype=np.float32), (rows, cols)) * near
    total = np.where(np.isfinite(rc[:, 0]), np.nan_to_num(whole).sum(axis=(0, 1)), 1)
    return np.asarray(np.clip((soft * near).sum(axis=(0, 1)) / np.maximum(total, 1e-6), 0, 1))
