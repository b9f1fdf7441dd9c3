"""More kinds of `evaluate`: the paper's tables on data sets in their official layouts."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.landmarks import add_landmark_options, landmark_job
from counterpart.core.cli.masks import add_cosegment_options, cosegment_job
from counterpart.core.cli.options import (
    Subparsers,
    add_engine_options,
    add_feature_options,
    add_report_options,
    engine_from,
    integers,
    parsed,
    resolution,
    tap_or,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.cli.sequences import track_job
from counterpart.core.errors import UsageError
from counterpart.core.jobs import JobContext

if TYPE_CHECKING:
    from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan
    from counterpart.core.pipeline.evaluate.benchmarks.table import Table


def add_kinds(kinds: Subparsers) -> None:
    """Declare these kinds of `evaluate`."""
    _add_cosegmentation(kinds)
    _add_video(kinds)
    _add_davis(kinds)
    _add_celeba(kinds)
    _add_spair(kinds)


def _add_table_options(parser: argparse.ArgumentParser, limit: str, category: str = "", *, root: bool = True) -> None:
    """Which part of a data set, and what becomes of the results."""
    group = parser.add_argument_group("data and results")
    group.add_argument("--root", type=Path, required=root, metavar="DIR", help="the data set in its official layout")
    group.add_argument("--out", type=Path, metavar="DIR", help="keep results here; the same command goes on from there")
    group.add_argument("--limit", type=int, metavar="N", help=limit)
    if category:
        group.add_argument("--category", action="append", metavar="NAME", help=f"only this {category}; repeatable")
    group.add_argument(
        "--format", choices=["text", "markdown", "json"], default="text", help="how the table is printed (%(default)s)"
    )


def _plan(args: argparse.Namespace) -> Plan:
    from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan

    return Plan(args.out, args.limit, tuple(getattr(args, "category", None) or ()))


def _outcome(args: argparse.Namespace, table: Table, data: dict[str, object] | None = None) -> Outcome:
    return Outcome(table.render(args.format), {**(data or {}), "table": table.as_dict()})


def _finish(parser: argparse.ArgumentParser) -> None:
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)


# Co-segmentation ----------------------------------------------------------------------------------------------------


def _add_cosegmentation(kinds: Subparsers) -> None:
    masks = kinds.add_parser(
        "cosegmentation",
        help="Jaccard and precision on MSRC, Internet300, PASCAL-VOC, PASCAL-CO, or images/SET with masks/SET",
    )
    masks.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="the data set; the same as --root")
    masks.add_argument("--predicted", type=Path, metavar="DIR", help="score these masks (SET/*.png) instead")
    masks.add_argument("--split", metavar="NAME", help="list of PASCAL VOC (trainval)")
    masks.add_argument(
        "--dataset",
        choices=["msrc", "internet300", "pascal-voc", "pascal-co"],
        help="whose published figures to show beside; guessed from names by default",
    )
    _add_table_options(masks, "only the first N images of each set", "set", root=False)
    add_cosegment_options(masks)
    _finish(masks)
    masks.set_defaults(command=_cosegmentation)


def _cosegmentation(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.benchmarks.cosegmentation import measure_cosegmentation

    root = args.root or args.folder
    if root is None or (args.root and args.folder):
        raise UsageError("name the data set once", hint="evaluate cosegmentation --root DIR")
    engine = engine_from(args)
    table, data = measure_cosegmentation(
        engine,
        root,
        cosegment_job(args, engine),
        _plan(args),
        ctx,
        predicted=args.predicted,
        split=args.split,
        dataset=args.dataset,
    )
    return _outcome(args, table, data)


# Video --------------------------------------------------------------------------------------------------------------


def _add_video(kinds: Subparsers) -> None:
    video = kinds.add_parser("video", help="J and F, as in DAVIS, of label maps that `track` wrote")
    video.add_argument("predicted", type=Path, metavar="DIR", help="label maps NNNNN.png, or a folder per sequence")
    video.add_argument("truth", type=Path, metavar="TRUTH", help="the true ones, laid out alike")
    video.add_argument("--ends", action="store_true", help="also score the first frame, which was given, and the last")
    video.add_argument(
        "--format", choices=["text", "markdown", "json"], default="text", help="how the table is printed (%(default)s)"
    )
    add_report_options(video)
    video.set_defaults(command=_video)


def _video(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.benchmarks.tracks import measure_tracks

    return _outcome(args, measure_tracks(args.predicted, args.truth, ctx, ends=args.ends))


# DAVIS --------------------------------------------------------------------------------------------------------------


def _add_davis(kinds: Subparsers) -> None:
    davis = kinds.add_parser("davis", help="J and F on DAVIS 2016 or 2017: JPEGImages, Annotations, ImageSets")
    davis.add_argument("--split", metavar="NAME", help="list in ImageSets, such as val (every sequence)")
    davis.add_argument("--year", type=int, choices=[2016, 2017], help="2016: one object; 2017: several (as found)")
    davis.add_argument("--paper", action="store_true", help="DINO's protocol at the frames' own size, stride 4")
    _add_table_options(davis, "only the first N sequences", "sequence")
    _finish(davis)
    davis.set_defaults(command=_davis)


def _davis(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.benchmarks.davis import measure_davis

    engine = engine_from(args)
    job = track_job(args, engine)
    if args.paper:
        chosen = resolution(args, None, 4 if engine.info.patch % 4 == 0 else engine.info.patch)
        job = dataclasses.replace(job, size=chosen.size, stride=chosen.stride)
    return _outcome(args, measure_davis(engine, args.root, job, _plan(args), ctx, split=args.split, year=args.year))


# CelebA -------------------------------------------------------------------------------------------------------------


def _add_celeba(kinds: Subparsers) -> None:
    celeba = kinds.add_parser("celeba", help="landmark error on CelebA, split of SCOPS: img_celeba, MAFL's lists")
    group = celeba.add_argument_group("faces")
    group.add_argument("--aligned", action=argparse.BooleanOptionalAction, help="aligned crops (where they are alone)")
    group.add_argument("--discover", type=int, default=200, metavar="N", help="faces that parts are found in (200)")
    group.add_argument("--labelled", type=int, metavar="N", help="faces learnt from (all with --paper, else 200)")
    group.add_argument("--parts", type=parsed(integers), default=(4, 8), metavar="4,8", help="a column for each number")
    _add_table_options(celeba, "only the first N faces of each list")
    add_landmark_options(celeba, parts=False)
    celeba.set_defaults(command=_celeba)


def _celeba(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.benchmarks.celeba import CelebaJob, measure_celeba

    engine = engine_from(args)
    columns, args.parts = args.parts, args.parts[0]
    # Part scores and descriptors of thousands of faces would not fit into memory, and bring little beyond hundreds.
    labelled = args.labelled or (None if args.paper else 200)
    job = CelebaJob(landmark_job(args, engine), columns, args.discover, labelled)
    return _outcome(args, measure_celeba(engine, args.root, job, _plan(args), ctx, aligned=args.aligned))


# SPair-71k ----------------------------------------------------------------------------------------------------------


def _add_spair(kinds: Subparsers) -> None:
    spair = kinds.add_parser("spair", help="PCK on SPair-71k: JPEGImages, PairAnnotation, Layout/large")
    spair.add_argument("--split", choices=["test", "val", "trn"], default="test", help="list in Layout (%(default)s)")
    spair.add_argument("--paper", action="store_true", help="nearest neighbours of log-binned keys")
    spair.add_argument("--bin", type=int, metavar="N", help="levels of log-binning with --paper (2)")
    _add_table_options(spair, "only the first N pairs of each category", "category")
    _finish(spair)
    spair.set_defaults(command=_spair)


def _spair(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.benchmarks.spair import SpairJob, measure_spair
    from counterpart.core.pipeline.keypoints.transfer import TransferJob
    from counterpart.core.pipeline.matches.matching import MatchJob

    engine = engine_from(args)
    nearest, transfer = MatchJob.paper(engine), TransferJob.for_model(engine.defaults)
    chosen = resolution(args, nearest.size, nearest.stride)
    hierarchy = nearest.params.hierarchy if args.bin is None else args.bin
    tap = tap_or(args, nearest.params.tap or engine.defaults.match_tap)
    nearest = MatchJob(dataclasses.replace(nearest.params, tap=tap, hierarchy=hierarchy), chosen.size, chosen.stride)
    chosen = resolution(args, transfer.size, transfer.stride)
    tap = tap_or(args, engine.defaults.transfer_tap)
    transfer = TransferJob(dataclasses.replace(transfer.params, tap=tap), chosen.size, chosen.stride)
    job = SpairJob(None if args.paper else transfer, nearest)
    return _outcome(args, measure_spair(engine, args.root, job, _plan(args), ctx, split=args.split))
