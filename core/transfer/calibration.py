"""From cues to the chance of a transferred point being right: a logistic regression with few parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from counterpart.core.resources import resource_path
from counterpart.core.transfer.decode import CUES

MIN_OUTCOMES = 200
"""Points with a known outcome from which a calibration of one's own is better than the built-in one."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Chance = logistic(bias + weights · cues).

    Attributes:
        weights: One per cue, in the order of `CUES`.
        bias: Log odds at zero cues.
        source: What it was fitted on, for provenance.
    """

    weights: tuple[float, ...]
    bias: float
    source: str = ""

    def chance(self, cues: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, len(CUES)) -> (N,) in [0, 1]."""
        logits = np.asarray(cues, dtype=np.float64) @ np.array(self.weights) + self.bias
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))))

    @classmethod
    def built_in(cls) -> Calibration:
        """The calibration that comes with the program."""
        return _built_in()

    @classmethod
    def fit(
        cls,
        cues: NDArray[np.float64],
        right: NDArray[np.bool_],
        *,
        near: Calibration | None = None,
        penalty: float = 1.0,
        source: str = "",
    ) -> Calibration:
        """Fit by penalised maximum likelihood (Newton's method; deterministic).

        Args:
            cues: (N, len(CUES)) of points whose outcome is known.
            right: (N,) bool, whether each was right.
            near: Shrink towards this calibration instead of towards zero: the fewer the points, the more it counts.
            penalty: Strength of the shrinkage, in points.
            source: See the class.
        """
        scale = np.maximum(cues.std(axis=0), 1e-6) if len(cues) else np.ones(cues.shape[1])
        start = np.zeros(cues.shape[1] + 1) if near is None else np.array([*near.weights, near.bias])
        design = np.column_stack([cues, np.ones(len(cues))])
        # The penalty acts on standardised weights; the bias alone is free, unless there is something to stay near.
        ridge = penalty * np.append(scale**2, 0.0 if near is None else 1.0) + 1e-9

        def likelihood(theta: NDArray[np.float64]) -> float:
            logits = design @ theta
            return float(right @ logits - np.logaddexp(0, logits).sum() - ridge @ (theta - start) ** 2 / 2)

        theta = start.copy()
        for _ in range(50):
            chance = 1 / (1 + np.exp(-np.clip(design @ theta, -30, 30)))
            gradient = design.T @ (right - chance) - ridge * (theta - start)
            curvature = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(ridge)
            step = np.linalg.solve(curvature, gradient)
            reached = likelihood(theta)
            # From far away a whole step can lead past the top and further off with every one that follows.
            while likelihood(theta + step) < reached - 1e-9 and np.abs(step).max() > 1e-8:
                step = step / 2
            theta = theta + step
            if np.abs(step).max() < 1e-8:
                break
        return cls(tuple(float(value) for value in theta[:-1]), float(theta[-1]), source)

    @classmethod
    def refit(cls, cues: Sequence[NDArray[np.float64]], right: Sequence[NDArray[np.bool_]]) -> Calibration:
        """From a person's own confirmed points: near the built-in one, which itself serves below `MIN_OUTCOMES`."""
        if sum(len(outcome) for outcome in right) < MIN_OUTCOMES:
            return cls.built_in()
        return cls.fit(
            np.concatenate(list(cues)),
            np.concatenate(list(right)),
            near=cls.built_in(),
            penalty=20.0,
            source="confirmed points of the project",
        )


@lru_cache(maxsize=1)
def _built_in() -> Calibration:
    data = json.loads(resource_path("transfer_calibration.json").read_text(encoding="utf-8"))
    weights = tuple(float(data["weights"][name]) for name in CUES)
    return Calibration(weights, float(data["bias"]), str(data["source"]))
