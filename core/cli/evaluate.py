"""`evaluate`: the methods measured on data sets with human truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli.masks import add_cosegment_options, cosegment_job
from core.cli.options import Subparsers, add_engine_options, add_feature_options, add_report_options, engine_from
from core.cli.runner import Outcome
from core.jobs import JobContext

__all__ = ["add_parsers"]


def add_parsers(commands: Subparsers) -> None:
    """Declare the commands of this module."""
    evaluate = commands.add_parser("evaluate", help="measure on a data set with human truth")
    kinds = evaluate.add_subparsers(dest="action", required=True, metavar="cosegmentation|keypoints")
    masks = kinds.add_parser(
        "cosegmentation", help="Jaccard and precision on images/SET/*, masks/SET/*.png[, labels/SET/*.png]"
    )
    masks.add_argument("root", type=Path, metavar="DIR")
    masks.add_argument("--predicted", type=Path, metavar="DIR", help="score these masks (SET/*.png) instead")
    add_cosegment_options(masks)
    add_engine_options(masks)
    add_feature_options(masks)
    add_report_options(masks)
    masks.set_defaults(command=_cosegmentation)


def _cosegmentation(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from core.evaluate.cosegmentation import mean_scores, report
    from core.pipeline.evaluation import evaluate_cosegmentation

    engine = engine_from(args)
    job = cosegment_job(args, engine)
    scores = evaluate_cosegmentation(engine, args.root, job, ctx, predicted=args.predicted)
    rows = [(item.name, item.mean) for item in scores]
    width = max(len("mean"), *(len(name) for name, _ in rows))
    lines = [f"{'set':<{width}}      J      P     Js     Ps"]
    data = report(scores)
    rows.append(("mean", mean_scores([item.mean for item in scores])))
    for name, s in rows:
        values = "  ".join(f"{100 * value:5.1f}" for value in (s.j, s.p, s.js, s.ps))
        lines.append(f"{name:<{width}}  {values}")
    return Outcome("\n".join(lines), data)
