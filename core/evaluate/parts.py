"""Part metrics: mIoU for named parts, NMI and ARI for unnamed ones, and the paper's choice of salient face segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from counterpart.core.errors import ProtocolError


def contingency(
    predicted: NDArray[np.integer],
    truth: NDArray[np.integer],
    shape: tuple[int, int],
    counted: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """How many pixels have each pair of labels. Tables of several images add up.

    Args:
        predicted: (H, W) labels in [0, shape[0]).
        truth: (H, W) labels in [0, shape[1]).
        shape: Number of predicted and of true labels.
        counted: (H, W) bool, the pixels that count; None for all.

    Returns:
        int64 of `shape`.

    Raises:
        ProtocolError: The maps differ in size, or a label is out of range.
    """
    if predicted.shape != truth.shape:
        raise ProtocolError(f"label maps of {predicted.shape} and {truth.shape} cannot be compared")
    a, b = (predicted, truth) if counted is None else (predicted[counted], truth[counted])
    a, b = a.ravel().astype(np.int64), b.ravel().astype(np.int64)
    if a.size and (min(a.min(), b.min()) < 0 or a.max() >= shape[0] or b.max() >= shape[1]):
        raise ProtocolError(f"labels up to {a.max()} and {b.max()} do not fit {shape[0]} and {shape[1]} labels")
    return np.bincount(a * shape[1] + b, minlength=shape[0] * shape[1]).reshape(shape)


def iou_per_part(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each label of a square table; NaN for labels that occur on neither side."""
    both = np.diag(table).astype(np.float64)
    union = table.sum(axis=0) + table.sum(axis=1) - both
    iou: NDArray[np.float64] = np.divide(both, union, out=np.full(len(table), np.nan), where=union > 0)
    return iou


def mean_iou(table: NDArray[np.int64]) -> float:
    """Mean of `iou_per_part` without the labels that occur nowhere; NaN where none does."""
    values = iou_per_part(table)
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def normalised_mutual_information(table: NDArray[np.int64]) -> float:
    """NMI of two labellings from their table, in [0, 1]: mutual information over the mean of both entropies.

    1 where both have a single label, 0 where only one has.
    """
    total = table.sum()
    if total == 0:
        return 1.0
    joint = table / total
    rows, cols = joint.sum(axis=1), joint.sum(axis=0)
    filled = joint > 0
    mutual = float((joint[filled] * np.log(joint[filled] / np.outer(rows, cols)[filled])).sum())
    mean_entropy = (_entropy(rows) + _entropy(cols)) / 2
    return min(max(mutual / mean_entropy, 0.0), 1.0) if mean_entropy > 1e-12 else 1.0


def adjusted_rand(table: NDArray[np.int64]) -> float:
    """Rand index of two labellings corrected for chance (Hubert, Arabie 1985): 1 for equal ones, about 0 for chance."""
    pairs = float(comb(table.sum(), 2))
    both = float(comb(table, 2).sum())
    rows, cols = float(comb(table.sum(axis=1), 2).sum()), float(comb(table.sum(axis=0), 2).sum())
    if pairs == 0:
        return 1.0
    expected, most = rows * cols / pairs, (rows + cols) / 2
    return (both - expected) / (most - expected) if most != expected else 1.0


def _entropy(shares: NDArray[np.float64]) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
