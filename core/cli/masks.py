"""Commands that make masks: `cosegment`, `parts`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.options import (
    add_engine_options,
    add_feature_options,
    add_images,
    add_mask_output,
    add_report_options,
    engine_from,
    images_from,
    integers,
    parsed,
    resolution,
    tap_or,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.errors import UsageError
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.parts.discovery import PartsJob
    from counterpart.core.pipeline.parts.mask_files import WrittenMask
    from counterpart.core.pipeline.parts.masks import CosegmentJob, MaskRun

METHODS = ("default", "seeded", "paper", "baseline")
REFINEMENTS = ("grabcut", "crf", "guided", "none")


def declare_cosegment(parser: argparse.ArgumentParser) -> None:
    """`counterpart cosegment`."""
    _add_common(parser)
    parser.set_defaults(command=_cosegment)


def declare_parts(parser: argparse.ArgumentParser) -> None:
    """`counterpart parts`."""
    _add_common(parser)
    group = parser.add_argument_group("parts")
    known = group.add_mutually_exclusive_group()
    known.add_argument("--parts", type=int, default=4, metavar="K", help="number of parts (%(default)s)")
    known.add_argument("--codebook", type=Path, metavar="FILE", help="find the parts of a saved codebook instead")
    group.add_argument(
        "--grouping",
        choices=["merged", "kmeans"],
        help="join what is alike (the default), or divide into parts of like size (the paper, and with --method paper)",
    )
    group.add_argument("--stages", type=int, choices=[2, 3], default=2, help="3 removes clutter first (%(default)s)")
    group.add_argument(
        "--augment", type=int, default=0, metavar="N", help="flips and crops per image, for small sets (paper: 40)"
    )
    group.add_argument("--crf", action=argparse.BooleanOptionalAction, help="smooth borders by a CRF (paper; slow)")
    group.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep names and colours of this codebook where it fits"
    )
    parser.set_defaults(command=_parts)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_images(parser)
    add_mask_output(parser)
    add_cosegment_options(parser)
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)


def add_cosegment_options(parser: argparse.ArgumentParser) -> None:
    """How the shared object is found."""
    group = parser.add_argument_group("co-segmentation (by default the model's own setting)")
    group.add_argument("--method", choices=METHODS, default="default", help="how the object is found (%(default)s)")
    group.add_argument("--saliency", choices=["cls", "background", "mean"], help="how saliency is measured")
    group.add_argument("--heads", type=parsed(integers), metavar="0,2,4,5", help="attention heads that it averages")
    group.add_argument("--threshold", type=float, metavar="T", help="a cluster is salient above this")
    group.add_argument("--votes", type=float, metavar="SHARE", help="share of images that must agree, 0 to 1")
    group.add_argument("--clusters", type=int, metavar="N", help="number of clusters (0: the elbow rule)")
    group.add_argument(
        "--elbow", type=float, metavar="E", help="a further cluster must cut the error below E of before"
    )
    group.add_argument(
        "--outliers", type=float, metavar="COS", nargs="?", const=0.7, help="leave out images unlike the others (0.7)"
    )
    group.add_argument("--refine", choices=REFINEMENTS, help="how masks follow the edges of the image")


def cosegment_job(args: argparse.Namespace, engine: Engine) -> CosegmentJob:
    """The `CosegmentJob` that the options describe."""
    from counterpart.core.pipeline.parts.masks import CosegmentJob

    job = CosegmentJob.for_model(engine.defaults, args.method)
    changes = {
        "saliency": args.saliency,
        "heads": args.heads,
        "threshold": args.threshold,
        "votes": args.votes,
        "elbow": args.elbow,
        "outlier_cosine": args.outliers,
        "refine": args.refine,
    }
    params = dataclasses.replace(job.params, **{name: value for name, value in changes.items() if value is not None})
    if args.clusters is not None or args.elbow is not None:
        params = dataclasses.replace(params, clusters=args.clusters or None)
    params = dataclasses.replace(params, seed=args.seed, tap=tap_or(args, params.tap or engine.defaults.cosegment_tap))
    chosen = resolution(args, job.size, job.stride)
    return CosegmentJob(params, chosen.size, chosen.stride)


def parts_job(args: argparse.Namespace, engine: Engine) -> PartsJob:
    """The `PartsJob` that the options of `parts` describe."""
    from counterpart.core.pipeline.parts.discovery import PartsJob

    own = PartsJob.for_model(engine.defaults, args.parts, args.method).params
    params = dataclasses.replace(
        own,
        stages=args.stages,
        seed=args.seed,
        crf=own.crf if args.crf is None else args.crf,
        grouping=args.grouping or own.grouping,
    )
    return PartsJob(cosegment_job(args, engine), params, args.augment)


def _cosegment(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.outputs import check_writable
    from counterpart.core.pipeline.parts.mask_files import write_masks
    from counterpart.core.pipeline.parts.masks import find_object

    engine = engine_from(args)
    refs = images_from(args, ctx)
    job = cosegment_job(args, engine)
    check_writable(args.out, refs)
    run = find_object(engine, refs, job, ctx.stage(0.0, 0.85))
    written = write_masks(run, engine, refs, args.out, ctx.stage(0.85, 1.0), overlays=args.overlays)
    text = f"{run.note}\n{counted(len(written), 'mask')} and report.json in {args.out}"
    return Outcome(text, {"out": str(args.out), "note": run.note, "images": [mask.as_dict() for mask in written]})


def _parts(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.parts.codebook import Codebook
    from counterpart.core.pipeline.outputs import check_writable
    from counterpart.core.pipeline.parts.discovery import find_known_parts, find_parts
    from counterpart.core.pipeline.parts.mask_files import write_masks

    engine = engine_from(args)
    refs = images_from(args, ctx)
    finding, writing = ctx.stage(0.0, 0.8), ctx.stage(0.8, 1.0)
    if args.augment < 0:
        raise UsageError(f"{args.augment} augmented copies are not possible", hint="Use 0 or more")
    check_writable(args.out, refs)
    if args.codebook:
        run = find_known_parts(engine, refs, Codebook.load(args.codebook), finding, crf=bool(args.crf))
    else:
        run = find_parts(
            engine, refs, parts_job(args, engine), finding, Codebook.load(args.keep) if args.keep else None
        )
    about: dict[str, object] = {}
    if run.codebook is not None and not args.codebook:
        book = args.out / "codebook.safetensors"
        run.codebook.save(book)
        about["codebook"] = str(book)
    written = write_masks(run.masks, engine, refs, args.out, writing, overlays=args.overlays)
    return label_map_outcome(run.masks, written, args.out, about)


def label_map_outcome(
    run: MaskRun,
    written: Sequence[WrittenMask],
    out: Path,
    about: Mapping[str, object] | None = None,
    lines: Sequence[str] = (),
) -> Outcome:
    """What a command that wrote label maps says: what was found, where it is, and `lines` more."""
    data = {
        "out": str(out),
        "note": run.note,
        **(about or {}),
        "labels": {str(value): name for value, name in run.names.items()},
        "images": [mask.as_dict() for mask in written],
    }
    return Outcome(
        "\n".join((run.note, f"{counted(len(written), 'label map')} and report.json in {out}", *lines)), data
    )
