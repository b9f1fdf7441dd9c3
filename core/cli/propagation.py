"""The commands `propagate`, labels of some images carried over to all others, and `split`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.masks import label_map_outcome
from counterpart.core.cli.options import (
    Subparsers,
    add_engine_options,
    add_feature_options,
    add_images,
    add_mask_output,
    add_report_options,
    add_resolution,
    engine_from,
    images_from,
    resolution,
    tap_or,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.errors import UsageError
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.parts.propagation import PropagationJob


def declare_propagate(parser: argparse.ArgumentParser) -> None:
    """`counterpart propagate`."""
    parser.description = (
        "Learn parts from the images that have a label picture in --labels and predict them in all others. "
        "The report names the images to label next, estimates the quality, and lists labels that deserve a look."
    )
    add_images(parser)
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="DIR",
        help="indexed PNGs of some of the images, named like them; labels.json names the parts",
    )
    add_mask_output(parser)
    parser.add_argument("--ignore", type=int, metavar="VALUE", help="a label that means not known, often 255")
    add_propagation_options(parser)
    add_engine_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_propagate)


def declare_split(parser: argparse.ArgumentParser) -> None:
    """`counterpart split`."""
    parser.description = (
        "Cluster what lies under one part of the label pictures in --labels, and give each cluster a label "
        "of its own, the same in all images."
    )
    add_images(parser)
    parser.add_argument("--labels", type=Path, required=True, metavar="DIR", help="label pictures, as for propagate")
    parser.add_argument("--part", required=True, metavar="NAME", help="name or number of the part")
    parser.add_argument("--pieces", type=int, default=2, metavar="K", help="how many (%(default)s)")
    add_mask_output(parser)
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_split)


def _split(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.outputs import check_writable
    from counterpart.core.pipeline.parts.label_files import read_label_folder
    from counterpart.core.pipeline.parts.mask_files import write_masks
    from counterpart.core.pipeline.parts.splitting import SplitJob, split_run

    engine = engine_from(args)
    refs = images_from(args, ctx)
    job = SplitJob.for_engine(engine, args.pieces)
    chosen = resolution(args, job.size, job.stride)
    job = dataclasses.replace(job, tap=tap_or(args, job.tap), size=chosen.size, stride=chosen.stride, seed=args.seed)
    check_writable(args.out, refs)
    labels = read_label_folder(args.labels, refs, ctx)
    numbers = {name: value for value, name in labels.names.items()}
    part = int(args.part) if args.part.isdigit() else numbers.get(args.part, 0)
    if part < 1:
        known = ", ".join(numbers) or "none has a name; use its number"
        raise UsageError(f"there is no part named {args.part}", hint=f"The parts: {known}")
    labelled = [ref for ref in refs if ref.name in labels.given]
    read = [labels.given[ref.name].read for ref in labelled]
    run = split_run(engine, labelled, read, part, job, ctx.stage(0.0, 0.8), labels.names, labels.colours)
    written = write_masks(run, engine, labelled, args.out, ctx.stage(0.8, 1.0), overlays=args.overlays)
    return label_map_outcome(run, written, args.out, run.about)


def add_propagation_options(parser: argparse.ArgumentParser) -> None:
    """How labels are carried over."""
    group = parser.add_argument_group("propagation (by default the model's own setting)")
    group.add_argument("--neighbours", type=int, metavar="N", help="labelled tokens that vote on each token")
    group.add_argument("--memory", type=int, metavar="N", help="labelled tokens kept to compare with")
    group.add_argument("--unlabelled", type=int, metavar="N", help="unlabelled images whose sure predictions teach too")
    group.add_argument("--mirror", action=argparse.BooleanOptionalAction, help="labelled images teach mirrored too")
    group.add_argument("--refine", choices=["guided", "none"], help="how borders follow the edges of the image")
    add_resolution(group, "distance of patches in pixels; 7 sees small parts, slower")


def add_evaluation(kinds: Subparsers) -> None:
    """`evaluate parts`."""
    parser = kinds.add_parser(
        "parts",
        help="parts against human label pictures: mIoU, NMI, ARI",
        description="Carry the true labels of a few random images over to the others and compare; or score the label "
        "pictures of --predicted.",
    )
    add_images(parser)
    parser.add_argument("--truth", type=Path, required=True, metavar="DIR", help="true label pictures")
    parser.add_argument("--predicted", type=Path, metavar="DIR", help="score these label pictures instead")
    parser.add_argument("--labelled", type=int, default=5, metavar="N", help="images that teach (%(default)s)")
    parser.add_argument("--draws", type=int, default=3, metavar="N", help="random choices of them (%(default)s)")
    parser.add_argument("--ignore", type=int, metavar="VALUE", help="a label that means not known, often 255")
    add_propagation_options(parser)
    add_engine_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_evaluate)


def propagation_job(args: argparse.Namespace, engine: Engine) -> PropagationJob:
    """The `PropagationJob` that the options describe."""
    from counterpart.core.pipeline.parts.propagation import PropagationJob

    job = PropagationJob.for_engine(engine)
    changes = {name: getattr(args, name) for name in ("neighbours", "memory", "unlabelled", "mirror", "refine")}
    params = dataclasses.replace(
        job.params, seed=args.seed, **{name: value for name, value in changes.items() if value is not None}
    )
    chosen = resolution(args, job.size, job.stride)
    return PropagationJob(params, chosen.size, chosen.stride)


def _propagate(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.outputs import check_writable
    from counterpart.core.pipeline.parts.label_files import read_label_folder
    from counterpart.core.pipeline.parts.mask_files import write_masks
    from counterpart.core.pipeline.parts.propagated_masks import propagate

    engine = engine_from(args)
    refs = images_from(args, ctx)
    job = propagation_job(args, engine)
    check_writable(args.out, refs)
    labels = read_label_folder(args.labels, refs, ctx, ignore=args.ignore)
    run, about = propagate(
        engine,
        refs,
        labels.given,
        job,
        ctx.stage(0.0, 0.8),
        names=labels.names,
        colours=labels.colours,
        ignore=args.ignore,
    )
    written = write_masks(run, engine, refs, args.out, ctx.stage(0.8, 1.0), overlays=args.overlays)
    return label_map_outcome(run, written, args.out, about, _lines(about))


def _lines(about: dict[str, object]) -> list[str]:
    lines = []
    estimate, following, findings = about["estimate"], about["next"], about["findings"]
    if isinstance(estimate, dict):
        trust = "" if estimate["trusted"] else " (a rough guess from so few)"
        lines.append(
            f"estimated mean IoU of what is not labelled: {100 * estimate['mean_iou']:.0f} %, "
            f"judged by {counted(estimate['from_images'], 'labelled image')}{trust}"
        )
    if isinstance(following, list) and following:
        lines.append(f"label next: {', '.join(following[:3])}")
    if isinstance(findings, list) and findings:
        lines.append(f"{counted(len(findings), 'place')} to look at in your labels: see findings in report.json")
    return lines


def _evaluate(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.parts import FewShot, evaluate_few_shot, evaluate_label_maps

    refs = images_from(args, ctx)
    if args.labelled < 1 or args.draws < 1:
        raise UsageError("--labelled and --draws are at least 1")
    if args.predicted is not None:
        data = evaluate_label_maps(refs, args.truth, args.predicted, ctx, ignore=args.ignore)
        first = f"{counted(data['images'], 'image')}: mean IoU {100 * data['mean_iou']:.1f}"
    else:
        engine = engine_from(args)
        plan = FewShot(args.labelled, tuple(range(args.seed, args.seed + args.draws)), args.ignore)
        data = evaluate_few_shot(engine, refs, args.truth, propagation_job(args, engine), plan, ctx)
        first = (
            f"{args.labelled} of {counted(data['images'], 'image')} labelled, {counted(args.draws, 'draw')}: "
            f"mean IoU {100 * data['mean_iou']:.1f} ± {100 * data['spread']:.1f}"
        )
    width = max(map(len, data["iou"]))
    lines = [first, *(f"{name:<{width}}  {100 * iou:5.1f}" for name, iou in data["iou"].items())]
    lines.append(f"on the true foreground: NMI {100 * data['nmi']:.1f}, ARI {100 * data['ari']:.1f}")
    return Outcome("\n".join(lines), data)
