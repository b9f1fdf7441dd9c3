"""Labels flowing from frame to frame along descriptor similarity: the arithmetic of tracking, in torch.

Every token of a frame takes the labels of its most similar tokens in the context (the annotated frame and the
last few), looked for around its own place, weighted by a softmax over their similarities (Caron et al. 2021,
section 4.2.2, after Jabri et al. 2020).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.track.params import TrackParams

if TYPE_CHECKING:
    import torch

_TILE = 8
"""Side of the squares of tokens that are searched together; their windows overlap, so one product serves them all."""


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """The space in which a segment's descriptors are compared.

    Attributes:
        mean: (D,) float32, subtracted.
        axes: (D, d) float32 with orthonormal columns; None keeps descriptors as they are (only normalised).
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32] | None

    @classmethod
    def fit(cls, maps: Sequence[FeatureMap], params: TrackParams) -> Basis:
        """Principal components of the annotated frames' normalised descriptors."""
        flat = np.concatenate([feature_map.flat(params.tap) for feature_map in maps])
        width = flat.shape[1]
        if params.dims == 0:
            return cls(np.zeros(width, dtype=np.float32), None)
        mean = flat.mean(axis=0)
        centred = flat - mean
        _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
        return cls(mean, np.ascontiguousarray(vectors[:, ::-1][:, : params.dims], dtype=np.float32))

    def project(self, feature_map: FeatureMap, tap: Tap | None) -> torch.Tensor:
        """(rows, columns, d) float32 unit vectors of an image."""
        import torch

        flat = feature_map.flat(tap)
        if self.axes is not None:
            flat = l2_normalise((flat - self.mean) @ self.axes)
        return torch.from_numpy(flat.reshape(*feature_map.grid_hw, -1))


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A frame as the tracker sees it.

    Attributes:
        vectors: (rows, columns, d) float32, unit length.
        labels: (rows, columns, K) float32, shares of K labels or label cells.
    """

    vectors: torch.Tensor
    labels: torch.Tensor


def carry(
    query: torch.Tensor, context: Sequence[Look], radius_rc: tuple[int, int], top_k: int, temperature: float
) -> torch.Tensor:
    """Labels for every token of a frame.

    Args:
        query: (rows, columns, d) unit vectors of the frame.
        context: Frames of the same grid whose labels are known.
        radius_rc: How many tokens away a match may lie, per axis.
        top_k: How many matches vote.
        temperature: Of the softmax over their similarities.

    Returns:
        (rows, columns, K) labels.
    """
    import torch

    rows, cols, width = query.shape
    vectors = torch.stack([look.vectors for look in context])
    labels = torch.stack([look.labels for look in context])
    count, channels = len(context), labels.shape[-1]
    out = torch.empty(rows, cols, channels)
    for top in range(0, rows, _TILE):
        bottom = min(top + _TILE, rows)
        row_lo, row_hi, far_rows = _reach(top, bottom, rows, radius_rc[0])
        for left in range(0, cols, _TILE):
            right = min(left + _TILE, cols)
            col_lo, col_hi, far_cols = _reach(left, right, cols, radius_rc[1])
            here = query[top:bottom, left:right].reshape(-1, width)
            there = vectors[:, row_lo:row_hi, col_lo:col_hi].reshape(-1, width)
            near = (here @ there.T).view(bottom - top, right - left, count, row_hi - row_lo, col_hi - col_lo)
            near += far_rows[:, None, None, :, None]
            near += far_cols[None, :, None, None, :]
            near = near.view(len(here), -1)
            values, places = near.topk(min(top_k, near.shape[1]), dim=1)
            weights = torch.softmax(values / temperature, dim=1)
            votes = labels[:, row_lo:row_hi, col_lo:col_hi].reshape(-1, channels)[places]
            tile = torch.einsum("nk,nkc->nc", weights, votes)
            out[top:bottom, left:right] = tile.view(bottom - top, right - left, channels)
    return out


def _reach(lo: int, hi: int, length: int, radius: int) -> tuple[int, int, torch.Tensor]:
    """Indices that a run of tokens can reach along one axis, and a penalty where one token of it cannot."""
    import torch

    first, last = max(lo - radius, 0), min(hi + radius, length)
    distance = (torch.arange(lo, hi)[:, None] - torch.arange(first, last)[None, :]).abs()
    return first, last, (distance > radius) * -1e4


@contextmanager
def _one_thread() -> Iterator[None]:
    """Many small products: threads that wait for each other cost more than they bring, far more on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Flow:
    """The moving context of one direction: annotated frames that stay, and the last few that pass by."""

    def __init__(self, params: TrackParams, radius_rc: tuple[int, int], anchors: Sequence[Look]) -> None:
        self._params, self._radius_rc = params, radius_rc
        self._anchors = list(anchors)
        self.recent: deque[Look] = deque(maxlen=params.context)

    def step(self, vectors: torch.Tensor) -> torch.Tensor:
        """(rows, columns, K) labels of the next frame, which then counts for those after it."""
        context = [*self._anchors, *self.recent]
        with _one_thread():
            labels = carry(vectors, context, self._radius_rc, self._params.top_k, self._params.temperature)
        self.recent.append(Look(vectors, labels))
        return labels
