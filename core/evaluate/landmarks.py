"""Errors of landmarks, normalised as the field does: by the distance of the eyes, or by the size of a box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkScore:
    """Errors over a set, in per cent of each image's own measure.

    Attributes:
        errors: (N, L), NaN where the truth or the prediction lacks the landmark.
    """

    errors: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean over all landmarks of all images (the figure of the paper's supplement, table 2)."""
        return float(np.nanmean(self.errors)) if np.isfinite(self.errors).any() else float("nan")

    @property
    def per_landmark(self) -> NDArray[np.float64]:
        """(L,) mean over images, NaN for a landmark that is nowhere."""
        found = np.isfinite(self.errors)
        total = np.where(found, self.errors, 0).sum(axis=0)
        return np.where(found.any(axis=0), total / np.maximum(found.sum(axis=0), 1), np.nan)

    @property
    def median(self) -> float:
        """Median over all landmarks of all images: what a few mislabelled images cannot move."""
        return float(np.nanmedian(self.errors)) if np.isfinite(self.errors).any() else float("nan")

    def failures(self, above: float = 10.0) -> float:
        """Share in per cent of images whose mean error is above a limit."""
        seen = np.isfinite(self.errors).any(axis=1)
        return float(np.mean(np.nanmean(self.errors[seen], axis=1) > above) * 100) if seen.any() else 0.0


def score_landmarks(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], measure: NDArray[np.floating]
) -> LandmarkScore:
    """Distances between predicted and true landmarks.

    Args:
        predicted: (N, L, 2) image xy.
        truth: (N, L, 2) image xy, NaN where a landmark is missing.
        measure: (N,) pixels that stand for one: see `inter_ocular` and `box_sizes`. Images without one (NaN) are left
            out.
    """
    distance = np.linalg.norm(np.asarray(predicted, dtype=np.float64) - truth, axis=-1)
    return LandmarkScore(distance / np.asarray(measure, dtype=np.float64)[:, None] * 100)


def inter_ocular(truth: NDArray[np.floating], left: int, right: int) -> NDArray[np.float64]:
    """(N,) distance in pixels of two landmarks, the eyes; NaN where one is missing."""
    return np.asarray(np.linalg.norm(truth[:, left] - truth[:, right], axis=-1), dtype=np.float64)


def box_sizes(boxes: ArrayLike) -> NDArray[np.float64]:
    """(N,) geometric mean of the sides of boxes (N, 4) given as x, y, width, height in pixels."""
    sides = np.asarray(boxes, dtype=np.float64)[:, 2:]
    return np.sqrt(sides[:, 0] * sides[:, 1])


def splits(
    usable: NDArray[np.bool_], labelled: int, draws: int, seed: int = 0
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Random divisions of a set into labelled images and the rest, the same for the same seed.

    Args:
        usable: (N,) bool: images that may be among the labelled ones.
        labelled: How many are.
        draws: How many divisions.
        seed: Of the draw.

    Returns:
        Pairs of index arrays (labelled, rest).
    """
    rng = np.random.default_rng(seed)
    candidates = np.flatnonzero(usable)
    out = []
    for _ in range(draws):
        chosen = np.sort(rng.choice(candidates, min(labelled, len(candidates)), replace=False))
        out.append((chosen, np.setdiff1d(np.arange(len(usable)), chosen)))
    return out
