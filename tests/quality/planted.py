"""The check of confirmed points: how many planted mistakes stand at the head of its queue.

Run `python -m tests.quality.planted --data DIR`. Two classes make a set of about 500 human points, each checked within
its class; 20 mistakes are planted, half of them left/right swaps of a pair, half of them slips by 0.2 to 0.5 of the
animal's box. A mistake is found when one of its points is among the first 50 of the joint queue.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.evaluate.keypoints import EncodeViews, Group
from counterpart.core.jobs import silent
from counterpart.core.pipeline.engine import Engine, open_cache
from counterpart.core.pipeline.keypoints.doubt import LEAST_ODD
from counterpart.core.transfer import Template, TransferParams, View, mirror_order
from counterpart.core.transfer.calibration import Calibration
from counterpart.core.transfer.checking import MistakeOdds, PointChecks, check_points
from counterpart.core.transfer.encode import template_views
from tests.quality.points import load_groups, spread, view_encoder

PLANTED, HEAD = 20, 50
Mistake = tuple[int, int, int, str]
"""Group, instance, keypoint, kind."""


def read_views(group: Group, params: TransferParams, encode: EncodeViews) -> list[tuple[View, ...]]:
    """The views of every instance."""
    items = group.instances
    keys = [template_views(item.image_hw, item.xy, item.visible, item.box, params) for item in items]
    return [views for _, views in encode([item.ref for item in items], keys)]


def plant(groups: list[Group], rng: np.random.Generator) -> tuple[list[list[NDArray[np.float64]]], list[Mistake]]:
    """Points of all instances with mistakes in them, at most one per instance and kind, and the mistakes."""
    points = [[item.xy.copy() for item in group.instances] for group in groups]
    mistakes: list[Mistake] = []
    places = [(g, i) for g, group in enumerate(groups) for i in range(len(group.instances))]
    order = mirror_order(groups[0].skeleton)
    for kind in ("swap", "slip"):
        wanted = len(mistakes) + PLANTED // 2
        for at in rng.permutation(len(places)):
            g, i = places[at]
            item = groups[g].instances[i]
            taken = {k for gg, ii, k, _ in mistakes if (gg, ii) == (g, i)}
            able = item.visible & ~np.isin(np.arange(len(order)), [*taken, *order[list(taken)]])
            if kind == "swap":
                apart = np.linalg.norm(item.xy - item.xy[order], axis=1) > 0.1 * item.size
                able &= item.visible[order] & (order != np.arange(len(order))) & apart
            if len(mistakes) == wanted or not able.any():
                continue
            k = int(rng.choice(np.flatnonzero(able)))
            if kind == "swap":
                points[g][i][[k, order[k]]] = points[g][i][[order[k], k]]
            else:
                points[g][i][k] = slipped(item.xy[k], item.size, item.image_hw, rng)
            mistakes.append((g, i, k, kind))
    return points, mistakes


def slipped(xy: NDArray[np.float64], size: float, hw: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """The point moved to elsewhere in the image."""
    while True:
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.5) * size
        moved = xy + reach * np.array([np.cos(angle), np.sin(angle)])
        if (moved >= 0).all() and moved[0] < hw[1] and moved[1] < hw[0]:
            return np.asarray(moved)


@dataclass(frozen=True, slots=True, eq=False)
class CheckedSet:
    """A set with mistakes in it, checked: the class of each group, the mistakes, and what was found in each group."""

    classes: tuple[int, ...]
    mistakes: tuple[Mistake, ...]
    found: tuple[PointChecks, ...]

    @property
    def points(self) -> int:
        """How many points were checked."""
        return sum(len(each.queue()) for each in self.found)

    def planted(self, g: int, kind: str) -> NDArray[np.bool_]:
        """(I, K) points of a group that a mistake of the kind has moved."""
        twin = self.found[g].twin
        out = np.zeros(twin.shape, dtype=np.bool_)
        for _, i, k, _ in (each for each in self.mistakes if each[0] == g and each[3] == kind):
            out[i, k] = True
            if kind == "swap":
                out[i, twin[i, k]] = True
        return out

    def listed(self) -> NDArray[np.int64]:
        """(2, 2) of the points left alone, then of those moved: how many a window lists, and how many there are."""
        out = np.zeros((2, 2), np.int64)
        for g, found in enumerate(self.found):
            moved = self.planted(g, "swap") | self.planted(g, "slip")
            for row, which in enumerate((~moved, moved)):
                checked = which & np.isfinite(found.suggestion[..., 0])
                out[row] += ((found.doubt >= LEAST_ODD) & checked).sum(), checked.sum()
        return out

    def shares(self, kind: str, *, entries: bool) -> float:
        """Share of the mistakes of a kind, or of all, in the head of the queue."""
        queue = []
        for g, found in enumerate(self.found):
            doubt = found.doubt
            for entry in found.entries():
                most = max(float(doubt[place]) for place in entry)
                queue += [(-most, g, entry)] if entries else [(-most, g, (place,)) for place in entry]
        head = {(g, *place) for _, g, entry in sorted(queue)[:HEAD] for place in entry}
        hits = []
        for g, i, k, own in self.mistakes:
            places = {(g, i, k), (g, i, int(self.found[g].twin[i, k]))} if own == "swap" else {(g, i, k)}
            if kind in (own, "all"):
                hits.append(bool(head & places))
        return float(np.mean(hits))


def check_set(
    groups: list[Group], views: list[list[tuple[View, ...]]], first: int, seed: int, params: TransferParams
) -> CheckedSet:
    """Plant mistakes in a class and the one after it, and check both."""
    chosen = (first, (first + 1) % len(groups))
    points, mistakes = plant([groups[c] for c in chosen], np.random.default_rng([seed, first]))
    found = []
    for g, c in enumerate(chosen):
        items = zip(views[c], points[g], groups[c].instances, strict=True)
        instances = [Template(v, xy, item.visible, item.box) for v, xy, item in items]
        found.append(check_points(instances, groups[c].skeleton, params, silent()))
    return CheckedSet(chosen, tuple(mistakes), tuple(found))


def fit_odds(sets: Sequence[CheckedSet], left_out: int = -1) -> MistakeOdds:
    """Odds from the groups of all classes but one."""
    surprise, slipped, sides, swapped = [], [], [], []
    for each in sets:
        for g, found in enumerate(each.found):
            if each.classes[g] == left_out:
                continue
            slip, swap = each.planted(g, "slip"), each.planted(g, "swap")
            single = np.isfinite(found.suggestion[..., 0]) & ~swap
            surprise.append(found.surprise[single])
            slipped.append(slip[single])
            pair = (found.twin > np.arange(found.twin.shape[1])) & ~slip
            pair &= ~np.take_along_axis(slip, np.maximum(found.twin, 0), axis=1)
            sides.append(np.stack([found.agreement[pair], found.exchange[pair]], axis=1))
            swapped.append(swap[pair])
    slips = Calibration.fit(np.concatenate(surprise)[:, None], np.concatenate(slipped), penalty=3.0)
    swaps = Calibration.fit(np.concatenate(sides), np.concatenate(swapped), penalty=3.0)
    share = np.mean([len(each.mistakes) / each.points for each in sets])
    rounded = [round(value, 3) for value in (*slips.weights, slips.bias, *swaps.weights, swaps.bias)]
    usual = round(float(np.log(share / (1 - share))), 3)
    return MistakeOdds((rounded[0], rounded[1]), (rounded[2], rounded[3], rounded[4]), usual)


def with_held_out_odds(sets: Sequence[CheckedSet], fitted_on: Sequence[CheckedSet]) -> list[CheckedSet]:
    """The sets with every class judged by odds fitted without it."""
    odds = {c: fit_odds(fitted_on, c) for c in sorted({c for each in sets for c in each.classes})}
    return [
        dataclasses.replace(
            each,
            found=tuple(
                dataclasses.replace(found, odds=odds[c]) for found, c in zip(each.found, each.classes, strict=True)
            ),
        )
        for each in sets
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.planted", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14_focus")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--fit", type=int, nargs="*", metavar="SEED", help="fit on sets with these seeds, classes left out"
    )
    args = parser.parse_args(arguments)
    engine = Engine(args.model, cache=open_cache())
    params = TransferParams.for_model(engine.defaults)
    encode = view_encoder(engine, params, silent())
    groups = load_groups(args.data)
    views = [read_views(group, params, encode) for group in groups]
    sets = [check_set(groups, views, first, seed, params) for first in range(len(groups)) for seed in args.seeds]
    if args.fit:
        fitted_on = [check_set(groups, views, first, seed, params) for first in range(len(groups)) for seed in args.fit]
        print(f"all classes: {fit_odds(fitted_on)}\n")
        sets = with_held_out_odds(sets, fitted_on)
    count = np.mean([each.points for each in sets])
    print(f"{PLANTED} mistakes among {count:.0f} points, found in the first {HEAD} of the queue, %:\n")
    print("| queue of | swaps | slips | all |")
    print("|---|---|---|---|")
    for name, entries in (("points", False), ("entries", True)):
        cells = [spread([each.shares(kind, entries=entries) for each in sets]) for kind in ("swap", "slip", "all")]
        print(f"| {name} | {' | '.join(cells)} |")
    left, moved = np.sum([each.listed() for each in sets], axis=0)
    print(
        f"\nListed in the window: {left[0]} of {left[1]} points left alone, {moved[0]} of {moved[1]} that were moved."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
