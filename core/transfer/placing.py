"""Where the other points of an instance say that each point is, by the layouts of the templates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.transfer.bank import TemplateBank
from counterpart.core.transfer.views import View

_MIN_SPREAD = 0.06
"""Least standard deviation of a place predicted from the other points, as a share of the instance's size."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedPlaces:
    """Where the other points say that each point is, one guess per view of a template.

    Attributes:
        xy: (V, K, 2) image pixels.
        weight: (V, K) how well the view's layout fits the other points; 0 where it says nothing.
        spread: (V, K) standard deviation of the guess, pixels.
    """

    xy: NDArray[np.float64]
    weight: NDArray[np.float64]
    spread: NDArray[np.float64]

    def chance(self, xy: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
        """(K,) about the chance that each keypoint lies within a radius of a place; NaN where nothing is known.

        Args:
            xy: (K, 2) the places, image pixels.
            radius: Pixels.
        """
        away = ((self.xy - xy) ** 2).sum(axis=-1) / self.spread**2
        # A disc's share of a bell at its middle, times how much lower the bell is where the disc lies.
        inside = (1 - np.exp(-0.5 * (radius / self.spread) ** 2)) * np.exp(-0.5 * away)
        total = self.weight.sum(axis=0)
        return np.where(total > 0, (self.weight * inside).sum(axis=0) / np.maximum(total, 1e-9), np.nan)

    def maps(self, frame: View) -> NDArray[np.float64]:
        """(K, rows, columns) mixture of the guesses on the frame's grid; uniform where there is none."""
        rows, cols = frame.features.grid_hw
        grid = np.stack(np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij"), axis=-1)
        centres = frame.to_image(grid).reshape(-1, 2)
        out = np.full((self.xy.shape[1], rows * cols), 1 / (rows * cols))
        for k in range(len(out)):
            use = self.weight[:, k] > 1e-6
            if not use.any():
                continue
            away = ((centres[None] - self.xy[use, k, None]) ** 2).sum(axis=-1) / self.spread[use, k, None] ** 2
            density = self.weight[use, k] / self.spread[use, k] ** 2 @ np.exp(-0.5 * away)
            if density.sum() > 0:
                out[k] = density / density.sum()
        return out.reshape(-1, rows, cols)


def expected_places(
    xy: NDArray[np.float64], visible: NDArray[np.bool_], bank: TemplateBank, size: float
) -> ExpectedPlaces:
    """Lay every template's layout over the instance's points, each point in turn left out.

    The fit is a similarity transform (scale, rotation, shift) by least squares, repeated with the points that fit
    badly counting less: one wrong point must not drag the layout away from the others.

    Args:
        xy: (K, 2) image pixels, some of which may be wrong; anything where not visible.
        visible: (K,) which points there are.
        bank: The other instances.
        size: Longer side of the instance, pixels.
    """
    target = xy[:, 0] + 1j * xy[:, 1]
    source = bank.layouts[..., 0] + 1j * bank.layouts[..., 1]
    shared = bank.visible & visible
    target = np.where(visible, target, 0)
    # (V, K, K): for view v and left-out point k, the weight of each other point.
    base = shared[:, None, :] & ~np.eye(len(target), dtype=bool)
    weight = base.astype(np.float64)
    scale = np.zeros(weight.shape[:2], complex)
    shift = scale.copy()
    residual = np.zeros(weight.shape)
    for _ in range(4):
        total = np.maximum(weight.sum(axis=2), 1e-9)
        mean_s = (weight * source[:, None]).sum(axis=2) / total
        mean_t = (weight * target).sum(axis=2) / total
        ds, dt = source[:, None] - mean_s[..., None], target - mean_t[..., None]
        scale = (weight * np.conj(ds) * dt).sum(axis=2) / np.maximum((weight * np.abs(ds) ** 2).sum(axis=2), 1e-9)
        shift = mean_t - scale * mean_s
        residual = np.abs(target - scale[..., None] * source[:, None] - shift[..., None]) / size
        weight = base / (1 + (residual / 0.1) ** 2)
    guess = scale * source + shift
    support = base.sum(axis=2)
    misfit = np.sqrt((weight * residual**2).sum(axis=2) / np.maximum(weight.sum(axis=2), 1e-9))
    inliers = weight.sum(axis=2) / np.maximum(support, 1)
    useful = bank.visible & (support >= 2)
    quality = np.where(useful, np.exp(-0.5 * (misfit / _MIN_SPREAD) ** 2) * inliers * support, 0)
    spread = size * np.hypot(misfit, _MIN_SPREAD)
    return ExpectedPlaces(np.stack([guess.real, guess.imag], axis=-1), quality, spread)
