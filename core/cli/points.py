"""Commands that place points: `match`, `transfer`."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

from counterpart.core.cli.options import (
    add_engine_options,
    add_feature_options,
    add_images,
    add_report_options,
    engine_from,
    images_from,
    resolution,
    tap_or,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted


def declare_match(parser: argparse.ArgumentParser) -> None:
    """`counterpart match`."""
    parser.add_argument("image_a", type=Path, metavar="A")
    parser.add_argument("image_b", type=Path, metavar="B")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    group = parser.add_argument_group("matching")
    group.add_argument("--pairs", type=int, default=10, metavar="K", help="how many (%(default)s)")
    group.add_argument(
        "--method", choices=["default", "paper"], default="default", help="the model's own or the paper's"
    )
    group.add_argument("--bin", type=int, metavar="N", help="levels of log-binning (paper: 2)")
    group.add_argument("--threshold", type=float, metavar="T", help="both ends must be more salient than this")
    group.add_argument(
        "--at", nargs="+", type=_place, metavar="X,Y", help="the matches of these places of A instead of the best pairs"
    )
    group.add_argument("--selection", choices=["kmeans", "farthest"], help="how k pairs are chosen among best buddies")
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_match)


def declare_transfer(parser: argparse.ArgumentParser) -> None:
    """`counterpart transfer`."""
    parser.add_argument("templates", type=Path, metavar="COCO.json", help="annotated images, one instance each")
    add_images(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    group = parser.add_argument_group("transfer")
    group.add_argument("--boxes", type=Path, metavar="COCO.json", help="where the instances are in the images")
    group.add_argument("--root", type=Path, metavar="DIR", help="folder that file names in COCO files are relative to")
    group.add_argument("--category", metavar="NAME", help="which one, where the file has several with keypoints")
    group.add_argument("--plain", action="store_true", help="nearest neighbours alone, for comparison")
    group.add_argument(
        "--doubtful-below", type=float, metavar="P", help="v is 1 below this chance of being right (0.5)"
    )
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_transfer)


def _place(text: str) -> tuple[float, float]:
    x, comma, y = text.partition(",")
    try:
        place = float(x), float(y)
    except ValueError:
        place = (float("nan"), float("nan"))
    if not comma or not all(math.isfinite(value) for value in place):
        raise argparse.ArgumentTypeError(f"'{text}' is not a place: write X,Y in pixels, 120,85")
    return place


def _match(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.images.reading import ImageRef
    from counterpart.core.pipeline.matches.matching import MatchJob, match_images, match_points, write_matches

    engine = engine_from(args)
    make = MatchJob.paper if args.method == "paper" else MatchJob.for_engine
    job = make(engine, args.pairs, args.seed)
    chosen = resolution(args, job.size, job.stride)
    changes = {"hierarchy": args.bin, "saliency_threshold": args.threshold, "selection": args.selection}
    params = dataclasses.replace(
        job.params,
        tap=tap_or(args, job.params.tap or engine.defaults.match_tap),
        **{name: value for name, value in changes.items() if value is not None},
    )
    job = MatchJob(params, chosen.size, chosen.stride)
    refs = [ImageRef(path, path.name) for path in (args.image_a, args.image_b)]
    if args.at:
        run = match_points(engine, refs[0], refs[1], args.at, job, ctx)
    else:
        run = match_images(engine, refs[0], refs[1], job, ctx)
    data = write_matches(run, refs[0], refs[1], engine, job, args.out)
    return Outcome(f"{counted(len(run.matches), 'pair')} in {args.out}", {"out": str(args.out), **data})


def _transfer(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.keypoints.transfer import TransferJob, transfer_keypoints
    from counterpart.core.pipeline.keypoints.transfer_files import read_boxes, read_templates, write_transferred
    from counterpart.core.transfer import TransferParams

    engine = engine_from(args)
    refs = images_from(args, ctx)
    skeleton, templates = read_templates(args.templates, args.root, ctx, args.category)
    job = TransferJob.for_model(engine.defaults)
    params = TransferParams.nearest_neighbour() if args.plain else job.params
    params = dataclasses.replace(params, tap=tap_or(args, engine.defaults.transfer_tap))
    if args.doubtful_below is not None:
        params = dataclasses.replace(params, doubtful_below=args.doubtful_below)
    chosen = resolution(args, job.size, job.stride)
    boxes = None if args.boxes is None else read_boxes(args.boxes, args.root, refs)
    job = TransferJob(params, chosen.size, chosen.stride)
    run = transfer_keypoints(engine, templates, refs, skeleton, job, ctx, boxes)
    write_transferred(run, args.out, engine, args.root, ctx.failures)
    predicted = [item for item in run.found if not item.confirmed]
    points = int(sum((item.prediction.visibility > 0).sum() for item in predicted))
    text = (
        f"{counted(points, 'point')} in {counted(len(predicted), 'image')}, {run.doubtful} of them doubtful: {args.out}"
    )
    data = {
        "out": str(args.out),
        "templates": len(templates),
        "targets": len(predicted),
        "points": points,
        "doubtful": run.doubtful,
    }
    return Outcome(text, data)
