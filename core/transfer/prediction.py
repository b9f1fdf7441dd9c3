"""Keypoints of templates, found in other images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.jobs import JobContext
from counterpart.core.project.points import Box, Skeleton
from counterpart.core.transfer.bank import Template, TemplateBank, sample_tokens
from counterpart.core.transfer.calibration import Calibration
from counterpart.core.transfer.decode import disc_sums, locate, point_cues
from counterpart.core.transfer.heatmaps import TargetMaps, compete, softmax_maps
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.placing import expected_places
from counterpart.core.transfer.prior import Vote, facing_vote, hough_vote
from counterpart.core.transfer.skeleton import mirror_order
from counterpart.core.transfer.views import View

_PRIOR_FLOOR = 1e-3
"""Share of the uniform distribution mixed into the prior: a pose that no template shows must not be impossible."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An image, or an instance in it, whose keypoints are wanted.

    Attributes:
        views: What is looked at; the first sets the frame (the box's window where there is a box).
        box: The instance's box, or None.
    """

    views: tuple[View, ...]
    box: Box | None = None


@dataclass(frozen=True, slots=True, eq=False)
class KeypointPrediction:
    """Keypoints found in one target, in the skeleton's order.

    Attributes:
        xy: (K, 2) float64 image pixels; NaN for keypoints that no template shows.
        visibility: (K,) uint8: 0 absent from all templates, 1 doubtful, 2 otherwise. Whether a keypoint is hidden or
            out of sight in the target is not guessed.
        score: (K,) float32, the calibrated chance of being right within the tolerance; 0 where absent.
        swap: (K,) float32 in [0, 1]: chance that the point and its mirror twin should change places; 0 without a twin.
        cues: (K, len(CUES)) float64, what the score was made of; for calibrating anew.
    """

    xy: NDArray[np.float64]
    visibility: NDArray[np.uint8]
    score: NDArray[np.float32]
    swap: NDArray[np.float32]
    cues: NDArray[np.float64]

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """(K,) bool, placed but not to be trusted unseen."""
        return np.asarray(self.visibility == 1)

    @property
    def swapped_sides(self) -> bool:
        """Whether left and right as a whole seem to have changed places: a warning for the person."""
        twins = self.swap[(self.swap > 0) & (self.visibility > 0)]
        return bool(len(twins) and np.median(twins) > 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Where a target's keypoints can be.

    Attributes:
        appearance: (K, rows, columns) float32 distribution by similarity alone, on the first view's grid.
        posterior: (K, rows, columns) float32 distribution with the shape prior.
        vote: The last vote, None without a prior.
        radius_rc: (2,) the tolerance in tokens, along rows and columns.
        size: Longer side of the object, given or by the vote, image pixels.
    """

    appearance: NDArray[np.float32]
    posterior: NDArray[np.float32]
    vote: Vote | None
    radius_rc: NDArray[np.float64]
    size: float


def transfer(
    templates: Sequence[Template],
    targets: Iterable[Target],
    skeleton: Skeleton,
    params: TransferParams,
    ctx: JobContext,
    *,
    total: int = 0,
    calibration: Calibration | None = None,
) -> list[KeypointPrediction]:
    """Find the templates' keypoints in every target.

    Args:
        templates: Annotated instances, in the skeleton's order.
        targets: May be lazy: views are dropped as soon as they are done with.
        skeleton: Names and mirror pairs; pairs are derived from names where none are given.
        params: See `TransferParams`.
        ctx: Progress, cancellation, warnings.
        total: Number of targets, for progress.
        calibration: How scores are made of cues; the built-in one by default.

    Raises:
        UsageError: No template shows a keypoint.
        JobCancelledError: Cancelled.
    """
    order = mirror_order(skeleton)
    bank = TemplateBank(templates, order, params)
    missing = [name for name, known in zip(skeleton.names, bank.known, strict=True) if not known]
    if missing:
        ctx.warn(f"no template shows {', '.join(missing)}: left out")
    found = []
    for number, target in enumerate(targets):
        ctx.step(number, total, "Transferring keypoints")
        found.append(predict(bank, target, params, calibration))
    ctx.step(total, total, "Keypoints are transferred")
    return found


def predict(
    bank: TemplateBank, target: Target, params: TransferParams, calibration: Calibration | None = None
) -> KeypointPrediction:
    """Keypoints of one target; see `transfer`."""
    evidence = weigh(bank, target, params)
    rc, mass = locate(evidence.posterior, evidence.radius_rc)
    around = disc_sums(evidence.appearance, evidence.radius_rc)
    keypoints = np.arange(len(rc))
    near = np.clip(np.rint(rc).astype(np.int64), 0, np.array(around.shape[1:]) - 1)
    swap = _swap_chance(evidence, rc, bank)
    xy = target.views[0].to_image(rc)
    known = bank.known
    layout = expected_places(xy, known, bank, evidence.size).chance(xy, params.tolerance * evidence.size)
    cues = point_cues(
        mass,
        around[keypoints, near[:, 0], near[:, 1]],
        0.0 if evidence.vote is None else evidence.vote.strength,
        _shown(bank),
        swap,
        np.where(np.isfinite(layout), layout, mass),
        _near(bank, params),
        boxed=target.box is not None,
    )
    score = (calibration or Calibration.built_in()).chance(cues).astype(np.float32)
    visibility = np.where(score < params.doubtful_below, 1, 2).astype(np.uint8)
    return KeypointPrediction(
        np.where(known[:, None], xy, np.nan),
        np.where(known, visibility, 0).astype(np.uint8),
        np.where(known, score, 0).astype(np.float32),
        np.where(known, swap, 0).astype(np.float32),
        cues,
    )


def weigh(bank: TemplateBank, target: Target, params: TransferParams) -> Evidence:
    """Compare a target with the templates and let their layouts vote."""
    maps = TargetMaps(target.views, bank, params)
    # Competition between keypoints was found to harm at a single template and to help from two on.
    strength = params.competition if bank.templates > 1 else 0.0

    def chances(weights: NDArray[np.float64] | None) -> NDArray[np.float32]:
        return softmax_maps(compete(maps(weights), bank.known, strength), params.temperature)

    geometry = maps.frame.features.geometry
    pitch_xy = geometry.token_pitch_xy
    appearance = chances(None)
    vote = None
    posterior = appearance
    if params.prior:
        for _ in range(params.rounds if params.facing_weight > 0 else 0):
            share = facing_vote(appearance, pitch_xy, bank, params)
            appearance = chances((1 - params.facing_weight) / len(bank) + params.facing_weight * share)
        vote = hough_vote(appearance, pitch_xy, bank, params)
        floor = _PRIOR_FLOOR / appearance[0].size
        logits = np.log(appearance + 1e-12) + params.prior_weight * np.log(vote.prior + floor)
        posterior = softmax_maps(logits)
    if target.box is not None:
        size = max(target.box[2:])
    else:
        size = vote.size if vote is not None else 0.6 * max(geometry.image_hw)
    return Evidence(appearance, posterior, vote, (params.tolerance * size / pitch_xy)[::-1], size)


def _shown(bank: TemplateBank) -> NDArray[np.int64]:
    """(K,) number of templates that show each keypoint, itself or, flipped, as its twin."""
    shown: NDArray[np.int64] = np.rint(bank.visible.sum(axis=0) * bank.templates / len(bank)).astype(np.int64)
    return shown


def _near(bank: TemplateBank, params: TransferParams) -> NDArray[np.float64]:
    """(K, K) how near other keypoints lie in the templates, from 1 to 0; 0 for a keypoint itself and unknown ones."""
    near = np.where(np.isfinite(bank.apart), np.exp(-((bank.apart / params.locality) ** 2)), 0)
    np.fill_diagonal(near, 0)
    return near


def _swap_chance(evidence: Evidence, rc: NDArray[np.float64], bank: TemplateBank) -> NDArray[np.float32]:
    """(K,) chance that twins change places, were those the only two possibilities."""
    order = bank.mirror_order
    here = _at(evidence.posterior, rc)
    crossed = here[np.arange(len(rc)), order]  # keypoint k at its twin's place
    straight = np.diagonal(here)
    kept, changed = straight * straight[order], crossed * crossed[order]
    chance = changed / np.maximum(kept + changed, 1e-30)
    return np.where(order == np.arange(len(rc)), 0, chance).astype(np.float32)


def _at(maps: NDArray[np.float32], rc: NDArray[np.float64]) -> NDArray[np.float32]:
    """(K, P) values of K maps at P places."""
    return sample_tokens(np.moveaxis(maps, 0, -1), rc).T
