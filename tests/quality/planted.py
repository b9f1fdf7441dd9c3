"""The check of confirmed points: how many planted mistakes stand at the head of its queue.

Run `python -m tests.quality.planted --data DIR`. Two classes make a set of about 500 human points, each checked within
its class; 20 mistakes are planted, half of them left/right swaps of a pair, half of them slips by 0.2 to 0.5 of the
animal's box. A mistake is found when one of its points is among the first 50 of the joint queue.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.evaluate.keypoints import EncodeViews, Group
from core.jobs import silent
from core.pipeline.engine import Engine, open_cache
from core.transfer import Template, TransferParams, View, mirror_order
from core.transfer.checking import check_points
from core.transfer.encode import template_views
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


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.planted", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14_focus")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    engine = Engine(args.model, cache=open_cache())
    params = TransferParams.for_model(engine.defaults)
    encode = view_encoder(engine, params, silent())
    groups = load_groups(args.data)
    views = [read_views(group, params, encode) for group in groups]
    shares: dict[str, list[float]] = {"swap": [], "slip": [], "all": []}
    counts = []
    for first in range(len(groups)):
        chosen = [first, (first + 1) % len(groups)]
        for seed in args.seeds:
            points, mistakes = plant([groups[c] for c in chosen], np.random.default_rng([seed, first]))
            queue: list[tuple[float, int, int, int]] = []
            for g, c in enumerate(chosen):
                items = zip(views[c], points[g], groups[c].instances, strict=True)
                instances = [Template(v, xy, item.visible, item.box) for v, xy, item in items]
                found = check_points(instances, groups[c].skeleton, params, silent())
                queue += [(-float(found.doubt[i, k]), g, i, k) for i, k in found.queue()]
            head = {(g, i, k) for _, g, i, k in sorted(queue)[:HEAD]}
            order = mirror_order(groups[first].skeleton)
            hit = [
                (g, i, k) in head or (kind == "swap" and (g, i, int(order[k])) in head) for g, i, k, kind in mistakes
            ]
            counts.append(len(queue))
            for kind, values in shares.items():
                values.append(float(np.mean([h for h, m in zip(hit, mistakes, strict=True) if kind in (m[3], "all")])))
    print(f"{PLANTED} mistakes among {np.mean(counts):.0f} points, found in the first {HEAD} of the queue, %:\n")
    print("| swaps | slips | all |")
    print("|---|---|---|")
    print(f"| {' | '.join(spread(shares[kind]) for kind in ('swap', 'slip', 'all'))} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
