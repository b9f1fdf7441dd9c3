"""From tokens to one distribution over the target's tokens for each keypoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.transfer.bank import CENTRE, OFFSETS, TemplateBank, sample_tokens
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.views import View


class TargetMaps:
    """Similarity maps of a target's views, brought to the grid of the first one.

    Args:
        views: What is looked at of the target; the first gives the grid of all results.
        bank: The templates.
        params: See `TransferParams`.
    """

    def __init__(self, views: Sequence[View], bank: TemplateBank, params: TransferParams) -> None:
        plain = [view for view in views if params.mirror_target or not view.key.mirrored] or list(views[:1])
        self._views, self._bank, self._params = plain, bank, params
        self._tokens = [bank.prepare(view.tokens(params.tap)) for view in plain]
        self.frame = plain[0]

    def __call__(self, weights: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        """(K, rows, columns) mean similarity over the views, on the first view's grid.

        Args:
            weights: (V,) of the templates' views, as they agree with the *unflipped* target.
        """
        total: NDArray[np.float32] | None = None
        for view, tokens in zip(self._views, self._tokens, strict=True):
            # Seen in a mirror, the target faces as the templates' other views do.
            turned = weights[self._bank.partner] if weights is not None and view.key.mirrored else weights
            maps = similarity_maps(tokens, self._bank.prototypes(turned), self._params.binned)
            if view.key.mirrored:
                maps = maps[self._bank.mirror_order]
            maps = self._to_frame(maps, view)
            total = maps if total is None else total + maps
        assert total is not None
        mean: NDArray[np.float32] = total / np.float32(len(self._views))
        return mean

    def _to_frame(self, maps: NDArray[np.float32], view: View) -> NDArray[np.float32]:
        frame = self.frame
        if view is frame:
            return maps
        same_window = view.key.window == frame.key.window
        if same_window and view.features.geometry == frame.features.geometry:
            return maps[:, :, ::-1]  # only the flip differs
        rows, cols = frame.features.grid_hw
        grid = np.stack(np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij"), axis=-1)
        place = view.to_grid(frame.to_image(grid))
        return np.moveaxis(sample_tokens(np.moveaxis(maps, 0, -1), place), -1, 0)


def similarity_maps(tokens: NDArray[np.float32], prototypes: NDArray[np.float32], binned: float) -> NDArray[np.float32]:
    """Cosine similarities, plain ones averaged with those of 3 x 3 neighbours compared place by place.

    Args:
        tokens: (rows, columns, D) of unit length.
        prototypes: (K, 9, D) of unit length.
        binned: Weight of the binned similarity, 0 to 1.

    Returns:
        float32 (K, rows, columns).
    """
    rows, cols, dim = tokens.shape
    flat = tokens.reshape(-1, dim)
    if binned == 0:
        plain: NDArray[np.float32] = (prototypes[:, CENTRE] @ flat.T).reshape(-1, rows, cols)
        return plain
    each = (prototypes.reshape(-1, dim) @ flat.T).reshape(-1, len(OFFSETS), rows, cols)
    padded = np.pad(each, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    total = np.zeros((len(prototypes), rows, cols), np.float32)
    for index, (r, c) in enumerate(OFFSETS + 1):
        total += padded[:, index, r : r + rows, c : c + cols]
    total *= np.float32(binned / len(OFFSETS))
    total += np.float32(1 - binned) * each[:, CENTRE]
    return total


def compete(maps: NDArray[np.float32], known: NDArray[np.bool_], strength: float) -> NDArray[np.float32]:
    """Take off each keypoint's map a share of the best *other* known keypoint's, place by place.

    Args:
        maps: (K, rows, columns).
        known: (K,) bool, keypoints that compete.
        strength: The share; 0 changes nothing.
    """
    if strength == 0 or known.sum() < 2:
        return maps
    rivals = np.where(known[:, None, None], maps, -np.inf)
    second, best = np.partition(rivals, -2, axis=0)[-2:]
    other = np.where(rivals == best, second, best)
    lowered: NDArray[np.float32] = maps - np.float32(strength) * other
    return lowered


def softmax_maps(maps: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float32]:
    """(K, rows, columns) -> the same, each keypoint's map a distribution over the grid."""
    logits = maps.reshape(len(maps), -1) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    shares: NDArray[np.float32] = weights.reshape(maps.shape).astype(np.float32)
    return shares
