"""Accuracy of correspondences and keypoint transfer on photographs of animals with human keypoints, as Markdown tables.

Run `python -m tests.quality.points --data DIR`. Every instance is a target; its templates are the first N others of a
random order of its class; the points that count are those visible in the target and in any template (the second
protocol of the measurements that this program builds on). Features are cached, so that a second run takes minutes.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from pathlib import Path

import numpy as np

from counterpart.core.evaluate.keypoints import EncodeViews, Group, Outcomes, evaluate_group, read_groups
from counterpart.core.jobs import JobContext, silent
from counterpart.core.pipeline.engine import Engine, open_cache
from counterpart.core.transfer.encode import encode_views
from counterpart.core.transfer.params import TransferParams

CLASSES = ("dog", "cat", "sheep", "horse", "cow")
SET = "animalpose-voc-dev"


def load_groups(data: Path) -> list[Group]:
    """The five classes."""
    groups = []
    for name in CLASSES:
        groups += read_groups(data / SET / f"coco_{name}.json", None, silent())
    return groups


def view_encoder(engine: Engine, params: TransferParams, ctx: JobContext) -> EncodeViews:
    """Features of views at the model's own resolution for points, square."""
    side, stride = engine.defaults.points_size, engine.defaults.points_stride
    spec = engine.plan.spec([params.tap or engine.defaults.transfer_tap], stride, (side, side), False)
    return functools.partial(encode_views, spec=spec, encoder=engine.encoder, cache=engine.cache, ctx=ctx)


def measure(
    groups: list[Group], templates: int, seed: int, params: TransferParams, encode: EncodeViews, *, boxes: bool
) -> Outcomes:
    """Outcomes over all classes; targets are numbered through, so that classes can be told apart."""
    parts, offset = [], 0
    for group in groups:
        found = evaluate_group(group, templates, seed, params, encode, silent(), boxes=boxes)
        found.target[:] += offset
        offset += len(group.instances)
        parts.append(found)
    return Outcomes.join(parts)


def spread(values: list[float], scale: float = 100.0, digits: int = 1) -> str:
    """Mean ± standard deviation over seeds."""
    return f"{scale * np.mean(values):.{digits}f} ± {scale * np.std(values):.{digits}f}"


def transfer_table(groups: list[Group], encode: EncodeViews, params: TransferParams, args: argparse.Namespace) -> None:
    """PCK, AUROC and ECE over numbers of templates, without and with the target's box."""
    print("| templates | box | PCK@0.1 | PCK@0.05 | either side | copied from box | AUROC | ECE |")
    print("|---|---|---|---|---|---|---|---|")
    for templates in args.templates:
        for boxes in (False, True):
            reports = []
            for seed in args.seeds:
                found = measure(groups, templates, seed, params, encode, boxes=boxes)
                reports.append(found.report())
            cells = [
                spread([float(r[name]) for r in reports])
                for name in ("pck_0.1", "pck_0.05", "pck_0.1_up_to_side", "baseline_pck_0.1")
            ]
            cells += [spread([float(r[name]) for r in reports], 1.0, 3) for name in ("auroc", "ece")]
            print(f"| {templates} | {'yes' if boxes else 'no'} | {' | '.join(cells)} |", flush=True)
            if args.json:
                with args.json.open("a") as handle:
                    handle.write(json.dumps({"templates": templates, "boxes": boxes, "reports": reports}) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.points", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14_focus")
    parser.add_argument("--templates", type=int, nargs="+", default=[1, 5, 9])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--json", type=Path, help="append the full reports to this file, one JSON object a line")
    args = parser.parse_args(arguments)
    engine = Engine(args.model, cache=open_cache())
    params = TransferParams.for_model(engine.defaults)
    encode = view_encoder(engine, params, silent())
    transfer_table(load_groups(args.data), encode, params, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
