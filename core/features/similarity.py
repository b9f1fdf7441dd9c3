"""Cosine similarities between the tokens of two images, plain or log-binned, in bounded memory.

A log-binned descriptor is a concatenation of shifted maps, so the dot product of two of them is a sum of
shifted products of those maps: one small matrix product per level of the hierarchy, and additions, in place
of one product of 17 times the dimension. The numbers are those of the explicit descriptors up to float32
rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.features.binning import bins, log_bin_at, log_bin_norms, pooled
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, l2_normalise

if TYPE_CHECKING:
    import torch

BLOCK_BYTES = 120_000_000
"""Memory that one block of a similarity matrix may take, with everything needed to make it."""
_EPS = 1e-8


def similarity_blocks(
    a: NDArray[np.floating], b: NDArray[np.floating], hierarchy: int = 2, max_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[int, torch.Tensor]]:
    """Cosine similarities of all tokens of a to all tokens of b, a few grid rows of a at a time.

    Args:
        a: (rows, columns, D) descriptors, not normalised.
        b: Likewise; the grids may differ.
        hierarchy: Levels of log-binning; 0 compares the plain descriptors.
        max_bytes: Bound on the memory of one block with its intermediates; at least one grid row of a is done
            at a time.

    Yields:
        Index of the first token of a, and float32 (tokens of a in the block, tokens of b).
    """
    if a.shape[0] * a.shape[1] == 0 or b.shape[0] * b.shape[1] == 0:
        return
    left, right = _Levels(a, hierarchy), _Levels(b, hierarchy)
    reach = left.reach[-1]
    cols = a.shape[1]
    row_bytes = 3 * 4 * (cols + 2 * reach) * (b.shape[0] + 2 * reach) * (b.shape[1] + 2 * reach)
    step = max(min(max_bytes // row_bytes - 2 * reach, a.shape[0]), 1)
    for first in range(0, a.shape[0], step):
        last = min(first + step, a.shape[0])
        yield first * cols, _block(left, right, first, last)


class _Levels:
    """The pooled maps of one image, edge-padded so that every shift is a plain slice, and the norms."""

    def __init__(self, descriptors: NDArray[np.floating], hierarchy: int) -> None:
        import torch

        self.hw = descriptors.shape[:2]
        # Level 0 of an empty hierarchy has its centre bin alone and reaches nowhere.
        self.reach = [3**level for level in range(hierarchy)] or [0]
        self.maps = []
        for level, reach in enumerate(self.reach):
            padding = ((reach, reach), (reach, reach), (0, 0))
            self.maps.append(torch.from_numpy(np.pad(pooled(descriptors, level), padding, mode="edge")))
        norms = np.maximum(log_bin_norms(descriptors, hierarchy), _EPS)
        self.inverse = torch.from_numpy(1.0 / norms)


def _block(a: _Levels, b: _Levels, first: int, last: int) -> torch.Tensor:
    import torch

    (rows, cols), (rows_b, cols_b) = (last - first, a.hw[1]), b.hw
    total: torch.Tensor | None = None
    for level, reach in enumerate(a.reach):
        map_a, map_b = a.maps[level][first : last + 2 * reach], b.maps[level]
        dim = map_a.shape[-1]
        product = (map_a.reshape(-1, dim) @ map_b.reshape(-1, dim).T).view(*map_a.shape[:2], *map_b.shape[:2])
        if reach == 0:
            total = product
            continue
        # The nine offsets are a sum over rows of a sum over columns: four additions in place of eight.
        by_rows = product[:rows, :, :rows_b] + product[reach : reach + rows, :, reach : reach + rows_b]
        by_rows += product[2 * reach :, :, 2 * reach :]
        part = by_rows[:, :cols, :, :cols_b] + by_rows[:, reach : reach + cols, :, reach : reach + cols_b]
        part += by_rows[:, 2 * reach :, :, 2 * reach :]
        if level > 0:  # the centre belongs to level 0 alone
            part -= product[reach : reach + rows, reach : reach + cols, reach : reach + rows_b, reach : reach + cols_b]
        total = part if total is None else total.add_(part)
    assert total is not None  # there is always a level 0
    total *= a.inverse[first:last, :, None, None]
    total *= b.inverse
    return total.reshape(rows * cols, rows_b * cols_b).to(torch.float32)


def token_similarities(
    a: NDArray[np.floating], rc: NDArray[np.integer], b: NDArray[np.floating], hierarchy: int = 2
) -> NDArray[np.float32]:
    """Cosine similarities of some tokens of a to all tokens of b.

    Args:
        a: (rows, columns, D) descriptors, not normalised.
        rc: (N, 2) tokens of a.
        b: (rows, columns, D).
        hierarchy: Levels of log-binning.

    Returns:
        float32 (N, rows of b, columns of b).
    """
    rows, cols, dim = b.shape
    query = log_bin_at(a, rc, hierarchy)
    query /= np.maximum(np.sqrt(np.einsum("nkd,nkd->n", query, query)), _EPS)[:, None, None]
    total = np.zeros((len(rc), rows, cols), np.float32)
    level_maps = [pooled(b, level).reshape(-1, dim) for level in range(max(hierarchy, 1))]
    for index, item in enumerate(bins(hierarchy)):
        part = (query[:, index] @ level_maps[item.level].T).reshape(-1, rows, cols)
        r = np.clip(np.arange(rows) + item.rows, 0, rows - 1)
        c = np.clip(np.arange(cols) + item.cols, 0, cols - 1)
        total += part[:, r][:, :, c]
    total /= np.maximum(log_bin_norms(b, hierarchy), _EPS)
    return total


def similarity_map(
    query: FeatureMap, xy: ArrayLike, target: FeatureMap, tap: Tap | None = None, hierarchy: int = 0
) -> NDArray[np.float32]:
    """Similarity of one place of an image to every token of another.

    Args:
        query: Features of the image pointed at.
        xy: (2,) image pixels; the descriptor is interpolated between tokens for plain descriptors, that of
            the nearest token for log-binned ones.
        target: Features of the image looked at.
        tap: Which descriptors; the first by default.
        hierarchy: Levels of log-binning; 0 is fast enough to follow a pointer (or use `SimilarityField`).

    Returns:
        float32 (rows, columns) in [-1, 1].
    """
    if hierarchy == 0:
        return SimilarityField([target], tap).query(_descriptor(query, xy, tap))[0]
    rc = query.geometry.nearest_token(np.asarray(xy, dtype=np.float64))[None]
    maps = token_similarities(query.descriptors(tap), rc, target.descriptors(tap), hierarchy)
    return maps.reshape(target.grid_hw)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    start: int
    grid_hw: tuple[int, int]


class SimilarityField:
    """Similarity of any place of any image to all tokens of a set of images, fast enough to follow the pointer.

    The normalised descriptors of all images stand in one matrix, so a query is one matrix-vector product.

    Args:
        features: The images shown. Their grids may differ.
        tap: Which descriptors; the first by default.
    """

    def __init__(self, features: Sequence[FeatureMap], tap: Tap | None = None) -> None:
        self._tap = tap
        self._features = [features[index] for index in range(len(features))]
        self._pieces: list[_Piece] = []
        start = 0
        for feature_map in self._features:
            self._pieces.append(_Piece(start, feature_map.grid_hw))
            start += feature_map.geometry.tokens
        dim = self._features[0].descriptors(tap).shape[-1] if self._features else 0
        # Transposed, so that the product runs along memory.
        self._matrix = np.empty((start, dim), np.float32)
        for piece, feature_map in zip(self._pieces, self._features, strict=True):
            self._matrix[piece.start : piece.start + feature_map.geometry.tokens] = feature_map.flat(tap)

    def __len__(self) -> int:
        return len(self._pieces)

    def at(self, index: int, xy: ArrayLike) -> list[NDArray[np.float32]]:
        """Maps of all images for the place `xy` (2,) of image `index`, image pixels."""
        return self.query(_descriptor(self._features[index], xy, self._tap))

    def query(self, descriptor: NDArray[np.floating]) -> list[NDArray[np.float32]]:
        """Maps of all images for a descriptor.

        Args:
            descriptor: (D,), need not be normalised.

        Returns:
            One float32 (rows, columns) in [-1, 1] per image.
        """
        values = self._matrix @ l2_normalise(descriptor)
        return [
            values[piece.start : piece.start + piece.grid_hw[0] * piece.grid_hw[1]].reshape(piece.grid_hw)
            for piece in self._pieces
        ]


def _descriptor(feature_map: FeatureMap, xy: ArrayLike, tap: Tap | None) -> NDArray[np.float32]:
    """(D,) normalised descriptor at an image point, interpolated between normalised tokens."""
    rc = feature_map.geometry.image_to_grid(xy)
    limit = np.array(feature_map.grid_hw) - 1
    low = np.clip(np.floor(rc), 0, limit).astype(np.int64)
    high = np.minimum(low + 1, limit)
    part = np.clip(rc - low, 0, 1)
    maps = feature_map.maps[0 if tap is None else feature_map.spec.taps.index(tap)]
    rows, cols = (low[0], low[0], high[0], high[0]), (low[1], high[1], low[1], high[1])
    weights = np.outer([1 - part[0], part[0]], [1 - part[1], part[1]]).ravel()
    return l2_normalise(weights @ l2_normalise(maps[rows, cols]))
