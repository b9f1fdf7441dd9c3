"""A shape prior by a generalised Hough transform: whole layouts vote for where a target's keypoints can be.

Every layout of the templates, and its mirror image where templates serve flipped, is tried at several sizes with its
middle at every token; a placed layout is a hypothesis, and its score is the sum of what its keypoints find where they
fall. The best hypotheses make a mixture of Gaussians for each keypoint, weighted by what the keypoints *near* it find:
limbs move, and a layout that fits the head says where the ear is whatever the legs do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.transfer.bank import TemplateBank
from counterpart.core.transfer.params import TransferParams

_FRAME_SHARE = 0.6
"""Typical size of a layout, as a share of the longer side of what is looked at: scale 1."""
_NEAR, _FAR = 3.0, 0.2
"""How much the finds of keypoints near and far count; 1 is what all count when all speak alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Vote:
    """Outcome of a vote.

    Attributes:
        prior: (K, rows, columns) float32, each keypoint's distribution over the grid given the others; uniform where
            no hypothesis knows the keypoint.
        size: Size of the object by the vote, image pixels (longer side of what its keypoints span).
        strength: Score of the best hypothesis divided by the number of keypoints it places.
    """

    prior: NDArray[np.float32]
    size: float
    strength: float


@dataclass(frozen=True, slots=True, eq=False)
class _Hypotheses:
    """The best placed layouts: each field has one entry, or row, per hypothesis."""

    score: NDArray[np.float32]
    view: NDArray[np.int64]
    size: NDArray[np.float64]
    xy_grid: NDArray[np.float64]
    own: NDArray[np.float32]

    @property
    def share(self) -> NDArray[np.float64]:
        """Of the vote; sums to 1."""
        share = np.exp((self.score - self.score.max()).astype(np.float64))
        return np.asarray(share / share.sum())


def hough_vote(
    chances: NDArray[np.float32], pitch_xy: NDArray[np.float64], bank: TemplateBank, params: TransferParams
) -> Vote:
    """Let the templates' layouts vote.

    Args:
        chances: (K, rows, columns), each keypoint's distribution over the grid.
        pitch_xy: (2,) distance of neighbouring tokens, image pixels.
        bank: The templates.
        params: `scales`, `hypotheses`, `locality`, `spread` and `max_layouts` count.
    """
    rows, cols = chances.shape[1:]
    found = _best_hypotheses(chances, pitch_xy, bank, params)
    others = found.own @ _say(bank, params.locality)
    weights = np.exp(others - others.max(axis=0)) * bank.visible[found.view]
    weights /= np.maximum(weights.sum(axis=0), 1e-12)
    prior = _mixture(weights, found, pitch_xy, params.spread, (rows, cols))
    unknown = ~bank.visible[np.unique(found.view)].any(axis=0)
    prior[unknown] = 1 / (rows * cols)
    best = int(found.score.argmax())
    return Vote(
        prior,
        float(found.share @ found.size),
        float(found.score[best] / bank.visible[found.view[best]].sum()),
    )


def facing_vote(
    chances: NDArray[np.float32], pitch_xy: NDArray[np.float64], bank: TemplateBank, params: TransferParams
) -> NDArray[np.float64]:
    """(V,) share of the vote that each view's layouts win; sums to 1. Arguments as for `hough_vote`."""
    found = _best_hypotheses(chances, pitch_xy, bank, params)
    return np.bincount(found.view, found.share, minlength=len(bank)).astype(np.float64)


def _say(bank: TemplateBank, locality: float) -> NDArray[np.float32]:
    """(K, K) how much one keypoint's find counts for another's place: never for its own."""
    say = np.ones(bank.apart.shape)
    if np.isfinite(locality):
        say = _FAR + _NEAR * np.exp(-((bank.apart / locality) ** 2))
    np.fill_diagonal(say, 0)
    return say.astype(np.float32)


def _best_hypotheses(
    chances: NDArray[np.float32],
    pitch_xy: NDArray[np.float64],
    bank: TemplateBank,
    params: TransferParams,
) -> _Hypotheses:
    count, rows, cols = chances.shape
    unit = _FRAME_SHARE * float((np.array([cols, rows]) * pitch_xy).max())
    # The root keeps one sharp keypoint from outvoting a dozen that are only fairly sure.
    finds = np.sqrt(chances)
    pad = max(rows, cols)
    padded = np.zeros((count, rows + 2 * pad, cols + 2 * pad), np.float32)
    padded[:, pad : pad + rows, pad : pad + cols] = finds
    views = np.unique(np.linspace(0, len(bank) - 1, min(params.max_layouts, len(bank))).astype(np.int64))
    layouts = np.repeat(views, len(params.scales))
    sizes = np.tile(np.array(params.scales) * unit, len(views))
    shifts_xy = bank.layouts[layouts] * sizes[:, None, None] / pitch_xy
    steps = np.clip(np.rint(shifts_xy).astype(np.int64), -pad, pad)
    scores = np.zeros((len(layouts), rows, cols), np.float32)
    for index, view in enumerate(layouts):
        for k in np.flatnonzero(bank.visible[view]):
            right, down = steps[index, k] + pad
            scores[index] += padded[k, down : down + rows, right : right + cols]
    flat = scores.reshape(-1)
    keep = min(params.hypotheses, flat.size)
    best = np.sort(np.argpartition(flat, flat.size - keep)[flat.size - keep :])
    which, place = np.divmod(best, rows * cols)
    middle = np.stack([place % cols, place // cols], axis=1)[:, None]
    at = middle + steps[which] + pad
    own = padded[np.arange(count), at[..., 1], at[..., 0]] * bank.visible[layouts[which]]
    return _Hypotheses(flat[best], layouts[which], sizes[which], middle + shifts_xy[which], own)


def _mixture(
    weights: NDArray[np.floating],
    found: _Hypotheses,
    pitch_xy: NDArray[np.float64],
    spread: float,
    grid_hw: tuple[int, int],
) -> NDArray[np.float32]:
    """(K, rows, columns) mixture of the hypotheses' Gaussians, each keypoint's sum 1."""
    sigma = spread * found.size[:, None] / pitch_xy

    def along(axis: int, length: int) -> NDArray[np.float32]:
        width = sigma[:, axis, None, None]
        away = (np.arange(length) - found.xy_grid[:, :, axis, None]) / width
        bell: NDArray[np.float32] = (np.exp(-0.5 * away**2) / width).astype(np.float32)
        return np.ascontiguousarray(bell.transpose(1, 0, 2))  # (K, hypotheses, length)

    by_x = along(0, grid_hw[1])
    by_y = along(1, grid_hw[0]) * weights.T[:, :, None].astype(np.float32)
    mixed: NDArray[np.float32] = by_y.transpose(0, 2, 1) @ by_x
    mixed /= np.maximum(mixed.sum(axis=(1, 2), keepdims=True), 1e-30)
    return mixed
