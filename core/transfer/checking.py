"""Which confirmed points look wrong: by what is seen there, and by where the other points say they should be.

Two mistakes are looked for: a point that lies elsewhere (a slip), and the two points of a mirror pair exchanged (a
swap). Each gets odds from a few cues by a logistic regression, so that both compete for a person's time on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.jobs import JobContext
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer.bank import PreparedTemplate, Template, TemplateBank
from counterpart.core.transfer.decode import disc_sums, locate
from counterpart.core.transfer.heatmaps import softmax_maps
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.placing import expected_places
from counterpart.core.transfer.prediction import Target, weigh
from counterpart.core.transfer.sides import side_agreement
from counterpart.core.transfer.skeleton import mirror_order

_OTHERS = 24
"""Other instances that an instance is compared with, at most."""
_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class MistakeOdds:
    """Log odds of a mistake, linear in its cues; see `PointChecks` for these.

    Attributes:
        slip: Weight of the surprise, and the log odds at none.
        swap: Weights of the agreement of sides and of the exchange, and the log odds at none of both.
        usual: Log odds of a mistake at a point that nobody has looked at yet.
    """

    slip: tuple[float, float]
    swap: tuple[float, float, float]
    usual: float


ODDS = MistakeOdds(slip=(1.046, -7.185), swap=(-6.577, 0.683, -3.036), usual=-3.298)
"""Fitted on animals by `python -m tests.quality.planted --fit 11 12 13 14`."""


@dataclass(frozen=True, slots=True, eq=False)
class PointChecks:
    """What a check of confirmed points found.

    Attributes:
        suggestion: (I, K, 2) float64 image pixels, the best place; NaN where there is no point.
        surprise: (I, K) float64, minus the log of the chance of the point where it is, within the tolerance, given
            what is seen and the other points.
        agreement: (I, K) float64, how far the point's side agrees with the others', see `side_agreement`; 0 without
            a twin.
        exchange: (I, K) float64, log of how much likelier the point and its twin are in each other's place; 0 without
            a twin.
        twin: (I, K) int64, the twin where both are there, -1 elsewhere.
        odds: How the cues make odds.
    """

    suggestion: NDArray[np.float64]
    surprise: NDArray[np.float64]
    agreement: NDArray[np.float64]
    exchange: NDArray[np.float64]
    twin: NDArray[np.int64]
    odds: MistakeOdds = ODDS

    @property
    def slip_odds(self) -> NDArray[np.float64]:
        """(I, K) log odds that the point lies elsewhere; minus infinity where there is none."""
        weight, bias = self.odds.slip
        return np.where(self._there, weight * self.surprise + bias, -np.inf)

    @property
    def swap_odds(self) -> NDArray[np.float64]:
        """(I, K) log odds that the point and its twin are exchanged, the same for both; minus infinity without one."""
        agreement, exchange, bias = self.odds.swap
        return np.where(self.twin >= 0, agreement * self.agreement + exchange * self.exchange + bias, -np.inf)

    @property
    def doubt(self) -> NDArray[np.float32]:
        """(I, K): log(1 + r), r being how many times the usual odds those of a mistake are here; 0 without a point."""
        either = np.logaddexp(self.slip_odds, self.swap_odds) - self.odds.usual
        return np.logaddexp(0, either).astype(np.float32)

    @property
    def swapped(self) -> NDArray[np.bool_]:
        """(I, K) bool, whether a mistake would be an exchange with the twin rather than a slip of either of the two."""
        slip = self.slip_odds
        of_twin = np.take_along_axis(slip, np.maximum(self.twin, 0), axis=1)
        swap = self.swap_odds
        return np.asarray((self.twin >= 0) & (swap > np.maximum(slip, of_twin)) & (swap > self.odds.usual))

    def queue(self) -> list[tuple[int, int]]:
        """(instance, keypoint) of every checked point, the most doubtful first."""
        return [place for entry in self.entries() for place in entry]

    def entries(self) -> list[tuple[tuple[int, int], ...]]:
        """What a person looks at, the most doubtful first: a point, or the two of a suspected swap, mended at once."""
        doubt, swapped = self.doubt, self.swapped
        found: list[tuple[float, tuple[tuple[int, int], ...]]] = []
        for i, k in np.argwhere(self._there).tolist():
            if not swapped[i, k]:
                found.append((float(doubt[i, k]), ((i, k),)))
            elif k < self.twin[i, k]:
                twin = int(self.twin[i, k])
                found.append((float(max(doubt[i, k], doubt[i, twin])), ((i, k), (i, twin))))
        return [places for _, places in sorted(found, key=lambda each: -each[0])]

    @property
    def _there(self) -> NDArray[np.bool_]:
        return np.isfinite(self.suggestion[..., 0])


def check_points(
    instances: Sequence[Template], skeleton: Skeleton, params: TransferParams, ctx: JobContext
) -> PointChecks:
    """Compare every confirmed point with what the other instances would have put there.

    Each instance is left out in turn. For each of its points, similarity to the other instances' points and the place
    that the instance's *other* points predict, by the layouts of the other instances, give a distribution; a point far
    from where that has its mass is doubtful. Of each mirror pair, both points are tested together for an exchange, by
    these chances and by whether left and right lie as on the rest of the instance.

    Args:
        instances: Confirmed instances, in the skeleton's order; two at least, or nothing can be said.
        skeleton: Names and mirror pairs.
        params: As for transfer.
        ctx: Progress and cancellation.
    """
    count, keypoints = len(instances), len(skeleton)
    suggestion = np.full((count, keypoints, 2), np.nan)
    surprise, agreement, exchange = np.zeros((3, count, keypoints))
    twin = np.full((count, keypoints), -1)
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
        own = ready[number]
        assert own is not None
        found = _check(instance, own, bank, params)
        suggestion[number], surprise[number], agreement[number], exchange[number], twin[number] = found
    ctx.step(2 * count, 2 * count, "Points are checked")
    return PointChecks(suggestion, surprise, agreement, exchange, twin)


def _check(
    instance: Template, own: PreparedTemplate, bank: TemplateBank, params: TransferParams
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Suggestion (K, 2), surprise, agreement, exchange and twin (K,) of one instance."""
    frame = instance.views[0]
    evidence = weigh(bank, Target(instance.views, instance.box), params)
    size = _size(instance)
    geometry = expected_places(instance.xy, instance.visible, bank, size).maps(frame)
    logits = np.log(evidence.appearance + 1e-9) + np.log(geometry + _FLOOR / geometry[0].size)
    chances = softmax_maps(logits)
    pitch_rc = frame.features.geometry.token_pitch_xy[::-1]
    radius_rc = params.tolerance * size / pitch_rc
    best, _ = locate(chances, radius_rc)
    checked = instance.visible & bank.known
    at = frame.to_grid(np.where(checked[:, None], instance.xy, 0.0))
    # Everything is judged within the tolerance: a point need not sit on the best token.
    here = np.log(_nearest(disc_sums(chances, radius_rc), at) + 1e-6)
    order, keypoints = bank.mirror_order, np.arange(len(at))
    both = checked & checked[order] & (order != keypoints)
    crossed, straight = here[keypoints, order], np.diagonal(here)
    exchange = crossed + crossed[order] - straight - straight[order]
    # Views of one template have the same products; the first of each will do.
    first = np.flatnonzero(bank.partner >= np.arange(len(bank)))
    agreement = side_agreement(own.layouts[0], own.visible[0], bank.layouts[first], bank.visible[first], order)
    return (
        np.where(checked[:, None], frame.to_image(best), np.nan),
        np.where(checked, -straight, 0),
        np.where(both, agreement, 0),
        np.where(both, exchange, 0),
        np.where(both, order, -1),
    )


def _size(instance: Template) -> float:
    if instance.box is not None:
        return max(instance.box[2:])
    seen = instance.xy[instance.visible]
    return max(float((seen.max(axis=0) - seen.min(axis=0)).max()), 1.0)


def _nearest(maps: NDArray[np.float32], rc: NDArray[np.float64]) -> NDArray[np.float32]:
    """(K, P) values of K maps at the tokens nearest to P places."""
    at = np.clip(np.rint(rc), 0, np.array(maps.shape[1:]) - 1).astype(np.int64)
    return maps[:, at[:, 0], at[:, 1]]
