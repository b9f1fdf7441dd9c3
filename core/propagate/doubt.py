"""What is uncertain about predicted parts, and which image is best labelled next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.propagate.model import PartScores

_SPREADS = 5.0
_LEAST_GAP = 0.1
_LEAST_COVERAGE = 0.25
"""Say of coverage where an image resembles a labelled one fully: doubt counts there too."""


def doubt_map(scores: PartScores) -> NDArray[np.float32]:
    """How uncertain each cell is: (rows, columns) float32 in [0, 1], one minus the lead of the likeliest label."""
    if scores.probability.shape[-1] < 2:
        return np.zeros(scores.probability.shape[:2], np.float32)
    two = np.partition(scores.probability, -2, axis=-1)[..., -2:]
    lead: NDArray[np.float32] = two[..., 1] - two[..., 0]
    return np.clip(1 - lead, 0, 1)


def image_doubt(scores: PartScores) -> float:
    """How uncertain an image is, in [0, 1]: the share of its parts that is expected to be wrong; 1 if it has none."""
    probability = scores.probability
    wrong = 1 - probability.max(axis=-1)
    inside = float((1 - probability[..., 0]).sum())
    if not (probability.argmax(axis=-1) > 0).any():
        return 1.0
    return float(min(wrong.sum() / max(inside, 1e-6), 1.0))


def familiarity(scores: PartScores) -> float:
    """How like anything labelled an image is: mean cosine of its parts' tokens (or all) to the likest."""
    rows, cols = scores.likeness.shape
    detail = scores.probability.shape[0] // rows
    inside = (1 - scores.probability[..., 0]).reshape(rows, detail, cols, detail).mean(axis=(1, 3))
    chosen = scores.likeness[inside > 0.5]
    return float((chosen if len(chosen) else scores.likeness).mean())


def unlike_the_rest(values: Sequence[float]) -> NDArray[np.bool_]:
    """Which images are much less familiar than the others: probably of something else.

    Args:
        values: `familiarity` of each.

    Returns:
        (n,) bool; none of fewer than five images.
    """
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 5:
        return np.zeros(len(found), dtype=bool)
    middle = float(np.median(found))
    spread = 1.4826 * float(np.median(np.abs(found - middle)))
    out: NDArray[np.bool_] = found < middle - max(_SPREADS * spread, _LEAST_GAP)
    return out


def next_to_label(
    doubts: Sequence[float],
    descriptors: NDArray[np.float32],
    labelled: NDArray[np.float32],
    count: int = 1,
) -> list[int]:
    """Which images would teach most: uncertain ones, far from what is labelled and from each other.

    Doubt times coverage, where coverage is the distance to the nearest image that is labelled or chosen before
    (greedy k-centre: Gonzalez 1985; Sener, Savarese, ICLR 2018).

    Args:
        doubts: (n,) in [0, 1], of the images to choose from.
        descriptors: (n, C) their unit class descriptors.
        labelled: (m, C) unit class descriptors of what is labelled; m may be 0.
        count: How many to choose.

    Returns:
        Indices, best first.
    """
    doubt = np.asarray(doubts, dtype=np.float64)
    if len(doubt) == 0:
        return []
    far = np.full(len(doubt), 2.0) if len(labelled) == 0 else 1 - (descriptors @ labelled.T).max(axis=1)
    if len(labelled) == 0:  # nothing to be far from: begin with what is most typical
        centre = descriptors.mean(axis=0)
        far = far + descriptors @ centre
    open_ = np.ones(len(doubt), dtype=bool)
    order = []
    for _ in range(min(count, len(doubt))):
        reach = float(far.max())
        value = doubt * (_LEAST_COVERAGE + (1 - _LEAST_COVERAGE) * far / reach if reach > 1e-9 else 1.0)
        best = int(np.where(open_, value, -1.0).argmax())
        order.append(best)
        open_[best] = False
        far = np.minimum(far, 1 - descriptors @ descriptors[best])
    return order
