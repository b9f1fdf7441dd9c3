"""Which confirmed points look wrong: by what is seen there, and by where the other points say they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.jobs import JobContext
from core.project.points import Skeleton
from core.transfer.bank import PreparedTemplate, Template, TemplateBank
from core.transfer.decode import disc_sums, locate
from core.transfer.heatmaps import softmax_maps
from core.transfer.params import TransferParams
from core.transfer.prediction import Target, weigh
from core.transfer.skeleton import mirror_order
from core.transfer.views import View

__all__ = ["PointChecks", "check_points", "expected_places"]

_OTHERS = 24
"""Other instances that an instance is compared with, at most."""
_FLOOR = 1e-3
_MIN_SPREAD = 0.06
"""Least standard deviation of a place predicted from the other points, as a share of the instance's size."""


@dataclass(frozen=True, slots=True, eq=False)
class PointChecks:
    """What a check of confirmed points found.

    Attributes:
        doubt: (I, K) float32: log of how much likelier the best place for the point is than the place it has, or how
            much likelier it and its mirror twin are exchanged, whichever is more; 0 where it stands at its best place;
            0 where there is no point.
        suggestion: (I, K, 2) float64 image pixels, the best place; NaN where there is no point.
        swapped: (I, K) bool, whether exchanging the point with its mirror twin would make both likelier.
    """

    doubt: NDArray[np.float32]
    suggestion: NDArray[np.float64]
    swapped: NDArray[np.bool_]

    def queue(self) -> list[tuple[int, int]]:
        """(instance, keypoint) of every checked point, the most doubtful first."""
        present = np.argwhere(np.isfinite(self.suggestion[..., 0]))
        order = np.argsort(-self.doubt[present[:, 0], present[:, 1]], kind="stable")
        return [(int(i), int(k)) for i, k in present[order]]


def check_points(
    instances: Sequence[Template], skeleton: Skeleton, params: TransferParams, ctx: JobContext
) -> PointChecks:
    """Compare every confirmed point with what the other instances would have put there.

    Each instance is left out in turn. For each of its points, similarity to the other instances' points and the place
    that the instance's *other* points predict, by the layouts of the other instances, give a distribution; a point far
    from where that has its mass is doubtful.

    Args:
        instances: Confirmed instances, in the skeleton's order; two at least, or nothing can be said.
        skeleton: Names and mirror pairs.
        params: As for transfer.
        ctx: Progress and cancellation.
    """
    count, keypoints = len(instances), len(skeleton)
    doubt = np.zeros((count, keypoints), np.float32)
    suggestion = np.full((count, keypoints, 2), np.nan)
    swapped = np.zeros((count, keypoints), np.bool_)
    order = mirror_order(skeleton)
    ready = []
    for number, instance in enumerate(instances):
        ctx.step(number, 2 * count, "Reading confirmed points")
        usable = instance.visible.any()
        ready.append(PreparedTemplate.of(instance, order, params) if usable else None)
    for number, instance in enumerate(instances):
        ctx.step(count + number, 2 * count, "Checking points")
        others = [item for i, item in enumerate(ready) if i != number and item is not None]
        if not others or not instance.visible.any():
            continue
        chosen = np.unique(np.linspace(0, len(others) - 1, min(len(others), _OTHERS)).astype(np.int64))
        bank = TemplateBank([others[i] for i in chosen], order, params)
        doubt[number], suggestion[number], swapped[number] = _check(instance, bank, params)
    ctx.step(2 * count, 2 * count, "Points are checked")
    return PointChecks(doubt, suggestion, swapped)


def _check(
    instance: Template, bank: TemplateBank, params: TransferParams
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_]]:
    """Doubt (K,), suggestion (K, 2) and swap (K,) of one instance."""
    frame = instance.views[0]
    evidence = weigh(bank, Target(instance.views, instance.box), params)
    size = _size(instance)
    places = expected_places(instance, bank, size)
    geometry = _place_maps(places, frame)
    logits = np.log(evidence.appearance + 1e-9) + np.log(geometry + _FLOOR / geometry[0].size)
    pitch_rc = frame.features.geometry.token_pitch_xy[::-1]
    radius_rc = params.tolerance * size / pitch_rc
    # Everything is judged within the tolerance: a point need not sit on the best token.
    mass = disc_sums(softmax_maps(logits), radius_rc) + np.float32(1e-6)
    best, top = locate(softmax_maps(logits), radius_rc)
    checked = instance.visible & bank.known
    xy = np.where(checked[:, None], instance.xy, 0.0)
    here = _nearest(mass, frame.to_grid(xy))
    own = np.diagonal(here)
    doubt = np.where(checked, np.log((top + 1e-6) / own), 0)
    twin = bank.mirror_order
    at_twin = here[np.arange(len(xy)), twin]
    both = checked & checked[twin] & (twin != np.arange(len(xy)))
    exchange = np.where(both, np.log(at_twin * at_twin[twin] / (own * own[twin])), 0)
    swapped = both & (exchange > 0)
    # Two points that are right in each other's place speak against both, more than either does alone.
    doubt = np.maximum(doubt, exchange)
    suggestion = np.where(checked[:, None], frame.to_image(best), np.nan)
    return np.maximum(doubt, 0).astype(np.float32), suggestion, np.asarray(swapped)


def _size(instance: Template) -> float:
    if instance.box is not None:
        return max(instance.box[2:])
    seen = instance.xy[instance.visible]
    return max(float((seen.max(axis=0) - seen.min(axis=0)).max()), 1.0)


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


def expected_places(instance: Template, bank: TemplateBank, size: float) -> ExpectedPlaces:
    """Lay every template's layout over the instance's points, each point in turn left out.

    The fit is a similarity transform (scale, rotation, shift) by least squares, repeated with the points that fit
    badly counting less: one wrong point must not drag the layout away from the others.

    Args:
        instance: Its points, some of which may be wrong.
        bank: The other instances.
        size: Longer side of the instance, pixels.
    """
    target = instance.xy[:, 0] + 1j * instance.xy[:, 1]
    source = bank.layouts[..., 0] + 1j * bank.layouts[..., 1]
    shared = bank.visible & instance.visible
    target = np.where(instance.visible, target, 0)
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


def _place_maps(places: ExpectedPlaces, frame: View) -> NDArray[np.float64]:
    """(K, rows, columns) mixture of the guesses on the frame's grid; uniform where there is none."""
    rows, cols = frame.features.grid_hw
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij"), axis=-1)
    centres = frame.to_image(grid).reshape(-1, 2)
    out = np.full((places.xy.shape[1], rows * cols), 1 / (rows * cols))
    for k in range(len(out)):
        use = places.weight[:, k] > 1e-6
        if not use.any():
            continue
        away = ((centres[None] - places.xy[use, k, None]) ** 2).sum(axis=-1) / places.spread[use, k, None] ** 2
        density = places.weight[use, k] / places.spread[use, k] ** 2 @ np.exp(-0.5 * away)
        if density.sum() > 0:
            out[k] = density / density.sum()
    return out.reshape(-1, rows, cols)


def _nearest(maps: NDArray[np.float32], rc: NDArray[np.float64]) -> NDArray[np.float32]:
    """(K, P) values of K maps at the tokens nearest to P places."""
    at = np.clip(np.rint(rc), 0, np.array(maps.shape[1:]) - 1).astype(np.int64)
    return maps[:, at[:, 0], at[:, 1]]
