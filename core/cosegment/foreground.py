"""Telling an object's tokens from the rest: what co-segmentation learns from a set, and new images can be judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.features.clustering import assign
from counterpart.core.features.saliency import SaliencyParams, border_tokens, saliency_map
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap

_SALIENCY_WEIGHT = 3.0
"""Weight of an image's own saliency beside one standard deviation of the set's linear score."""
_BIAS_RIDGE = 1e-6
_NEWTON_STEPS = 12
_NEWTON_TOLERANCE = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class ForegroundModel:
    """Foreground probability of a token, by what is set: a linear score, clusters, or saliency alone.

    Attributes:
        saliency: How saliency is measured.
        threshold: Saliency above it speaks for foreground.
        tap: Descriptors that the rest refers to; the first of the features for None.
        weights: (D,) float32 of a linear score on unit descriptors, in standard deviations; None for none.
        bias: Of the linear score.
        centroids: (k, D) float32 cluster centres; None for none.
        chosen: (k,) bool, the clusters that are foreground.
    """

    saliency: SaliencyParams
    threshold: float
    tap: Tap | None = None
    weights: NDArray[np.float32] | None = None
    bias: float = 0.0
    centroids: NDArray[np.float32] | None = None
    chosen: NDArray[np.bool_] | None = None

    def probability(self, feature_map: FeatureMap, saliency: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Foreground probability of every token of an image; above 0.5 is foreground.

        Args:
            feature_map: With the taps that the model refers to.
            saliency: (rows, columns), where it has been computed already.

        Returns:
            (rows, columns) float32 in [0, 1]; exactly 0 or 1 for clusters.
        """
        if self.centroids is not None and self.chosen is not None:
            labels, _ = assign(feature_map.flat(self.tap), self.centroids)
            return self.chosen[labels].reshape(feature_map.grid_hw).astype(np.float32)
        if saliency is None:
            saliency = saliency_map(feature_map, self.saliency)
        if self.weights is None:
            return sigmoid(self._logit(saliency))
        linear = feature_map.flat(self.tap) @ self.weights + np.float32(self.bias)
        linear = linear.reshape(feature_map.grid_hw)
        saliency = self._reseeded(feature_map, saliency, linear + self._logit(saliency))
        return sigmoid(linear + self._logit(saliency))

    def _logit(self, saliency: NDArray[np.float32]) -> NDArray[np.float32]:
        logit: NDArray[np.float32] = np.float32(_SALIENCY_WEIGHT) * (saliency - np.float32(self.threshold))
        return logit

    def _reseeded(
        self, feature_map: FeatureMap, saliency: NDArray[np.float32], logit: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Saliency against that part of the border which is not the object itself, where the object touches it."""
        border = border_tokens(feature_map.grid_hw)
        seeds = border & (logit < 0)
        cls_only = self.saliency.method == "cls" and feature_map.attention is not None
        if cls_only or seeds.sum() < self.saliency.neighbours or seeds.sum() == border.sum():
            return saliency
        return saliency_map(feature_map, self.saliency, seeds)


def sigmoid(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Logistic function, float32; scipy's would cost a slow import at the start of the window."""
    chance: NDArray[np.float32] = (0.5 + 0.5 * np.tanh(0.5 * np.asarray(values, dtype=np.float32))).astype(np.float32)
    return chance


def fit_linear(
    samples: NDArray[np.float32], targets: NDArray[np.floating], ridge: float
) -> tuple[NDArray[np.float32], float]:
    """Logistic regression by Newton's method, scaled so that the samples' scores have unit deviation.

    Args:
        samples: (N, D) descriptors.
        targets: (N,) in [0, 1].
        ridge: Penalty of the squared weights, beside the mean loss.

    Returns:
        (D,) float32 weights and the bias; all zero where the targets leave nothing to learn.
    """
    count, width = samples.shape
    design = np.concatenate([samples, np.ones((count, 1), np.float32)], axis=1)
    penalty = np.full(width + 1, ridge)
    penalty[-1] = _BIAS_RIDGE
    solution = np.zeros(width + 1)
    for _ in range(_NEWTON_STEPS):
        chance = sigmoid(design @ solution.astype(np.float32))
        gradient = design.T @ ((chance - targets) / count).astype(np.float32) + penalty * solution
        curvature = np.maximum(chance * (1 - chance) / count, 1e-12).astype(np.float32)
        hessian = (design.T @ (design * curvature[:, None])).astype(np.float64)
        hessian[np.diag_indices(width + 1)] += penalty
        step = np.linalg.solve(hessian, gradient)
        solution -= step
        if np.abs(step).max() < _NEWTON_TOLERANCE * np.abs(solution).max():
            break
    spread = float((design @ solution.astype(np.float32)).std())
    if not spread > 1e-9:
        return np.zeros(width, np.float32), 0.0
    return (solution[:-1] / spread).astype(np.float32), float(solution[-1] / spread)
