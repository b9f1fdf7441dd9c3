"""From a distribution over tokens to a point, and what speaks for the point being right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CUES = ("mass", "appearance", "vote", "templates", "box", "twin", "layout", "neighbours")
"""What the score is made of: log odds of the mass within the tolerance, log odds of the same without the prior,
strength of the best hypothesis, log number of templates that show the keypoint, whether the target's box was given (1
or 0), log odds of the point and its mirror twin belonging the other way round (the least there is without a twin), log
odds of the place by layouts laid over the *other* points that were found, mean of `mass` over the keypoints nearby."""
_LEAST_TWIN = 0.02
_LEAST = 1e-4
_REFINE = 2.0
"""Least reach of the refinement, tokens."""


def disc_sums(chances: NDArray[np.float32], radius_rc: NDArray[np.float64]) -> NDArray[np.float32]:
    """Mass within a distance of each token.

    Args:
        chances: (K, rows, columns).
        radius_rc: (2,) the distance in tokens along rows and along columns; tokens half inside count in part.

    Returns:
        float32 (K, rows, columns).
    """
    reach = np.minimum(np.ceil(radius_rc).astype(np.int64), np.array(chances.shape[1:]) - 1)
    rows, cols = chances.shape[1:]
    r, c = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    radius = np.maximum(radius_rc, 0.5)
    blur = 0.5 / radius.mean()
    share = np.clip((1 + blur - np.hypot(r / radius[0], c / radius[1])) / (2 * blur), 0, 1)
    padded = np.pad(chances, ((0, 0), (reach[0], reach[0]), (reach[1], reach[1])))
    total = np.zeros_like(chances)
    for (dr, dc), weight in np.ndenumerate(share):
        if weight > 0:
            total += np.float32(weight) * padded[:, dr : dr + rows, dc : dc + cols]
    return total


def locate(
    chances: NDArray[np.float32], radius_rc: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The place with the most mass within a distance, refined to the mean of the mass around it.

    Args:
        chances: (K, rows, columns), each keypoint's distribution.
        radius_rc: (2,) tokens; zero takes the highest token.

    Returns:
        (K, 2) float64 real-valued token (row, column), and (K,) float32 mass within the distance.
    """
    count, rows, cols = chances.shape
    sums = disc_sums(chances, radius_rc) if radius_rc.max() > 0 else chances
    best = sums.reshape(count, -1).argmax(axis=1)
    r0, c0 = np.divmod(best, cols)
    near_r = np.abs(np.arange(rows) - r0[:, None]) <= max(_REFINE, radius_rc[0])
    near_c = np.abs(np.arange(cols) - c0[:, None]) <= max(_REFINE, radius_rc[1])
    window = chances * near_r[:, :, None] * near_c[:, None, :] + np.float32(1e-12)
    by_row, by_col = window.sum(axis=2), window.sum(axis=1)
    total = by_row.sum(axis=1)
    rc = np.stack([by_row @ np.arange(rows) / total, by_col @ np.arange(cols) / total], axis=1)
    return rc.astype(np.float64), sums.reshape(count, -1)[np.arange(count), best]


def point_cues(
    mass: NDArray[np.float32],
    appearance: NDArray[np.float32],
    strength: float,
    shown: NDArray[np.integer],
    swap: NDArray[np.floating],
    layout: NDArray[np.floating],
    near: NDArray[np.floating],
    *,
    boxed: bool,
) -> NDArray[np.float64]:
    """(K, len(CUES)) of each point.

    Args:
        mass: (K,) of the final distribution within the tolerance.
        appearance: (K,) of the distribution before the prior, at the same place.
        strength: Of the vote.
        shown: (K,) number of templates that show the keypoint.
        swap: (K,) chance of a swap with the twin.
        layout: (K,) chance of the place given the other points.
        near: (K, K) how near, as a weight, each other keypoint lies; 0 for itself.
        boxed: Whether the target's box was given.
    """
    sure = _log_odds(mass)
    around = near.sum(axis=1)
    return np.stack(
        [
            sure,
            _log_odds(appearance),
            np.full(len(mass), strength, np.float64),
            np.log(np.maximum(shown, 1)),
            np.full(len(mass), float(boxed)),
            _log_odds(np.clip(swap, _LEAST_TWIN, 1 - _LEAST_TWIN)),
            _log_odds(layout),
            np.where(around > 0, near @ sure / np.maximum(around, 1e-9), sure),
        ],
        axis=1,
    )


def _log_odds(chance: NDArray[np.floating]) -> NDArray[np.float64]:
    inside = np.clip(np.asarray(chance, dtype=np.float64), _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside / (1 - inside)))
