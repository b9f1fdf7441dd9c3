"""`evaluate`: the methods measured on data sets with human truth."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.benchmarks import add_kinds
from counterpart.core.cli.landmarks import add_landmark_options, landmark_job
from counterpart.core.cli.options import (
    Subparsers,
    add_engine_options,
    add_feature_options,
    add_report_options,
    engine_from,
    resolution,
    tap_or,
)
from counterpart.core.cli.propagation import add_evaluation
from counterpart.core.cli.runner import Outcome
from counterpart.core.jobs import JobContext

if TYPE_CHECKING:
    from counterpart.core.evaluate.keypoint_quality import KeypointQuality


def declare_evaluate(parser: argparse.ArgumentParser) -> None:
    """`counterpart evaluate`."""
    kinds = parser.add_subparsers(dest="action", required=True, metavar="KIND")
    points = kinds.add_parser("keypoints", help="PCK of keypoint transfer between the instances of a COCO file")
    points.add_argument("file", type=Path, metavar="COCO.json")
    points.add_argument("--root", type=Path, metavar="DIR", help="folder that file names are relative to")
    points.add_argument("--templates", type=int, default=5, metavar="N", help="templates of each target (%(default)s)")
    points.add_argument("--draws", type=int, default=3, metavar="N", help="random draws of templates (%(default)s)")
    points.add_argument("--boxes", action="store_true", help="give the targets' boxes")
    points.add_argument(
        "--leave-one-out", action="store_true", help="predict each image from all others, and list every keypoint"
    )
    points.add_argument("--plain", action="store_true", help="nearest neighbours alone, for comparison")
    add_engine_options(points)
    add_feature_options(points)
    add_report_options(points)
    points.set_defaults(command=_keypoints)
    _add_landmarks(kinds)
    add_evaluation(kinds)
    add_kinds(kinds)


def _keypoints(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.keypoints import (
        KeypointEvaluation,
        evaluate_keypoints,
        evaluate_keypoints_file,
    )
    from counterpart.core.pipeline.keypoints.transfer import TransferJob
    from counterpart.core.transfer import TransferParams

    engine = engine_from(args)
    own = TransferJob.for_model(engine.defaults)
    params = TransferParams.nearest_neighbour() if args.plain else own.params
    params = dataclasses.replace(params, tap=tap_or(args, engine.defaults.transfer_tap))
    chosen = resolution(args, own.size, own.stride)
    job = TransferJob(params, chosen.size, chosen.stride)
    if args.leave_one_out:
        return _leave_one_out(evaluate_keypoints_file(engine, args.file, args.root, job, ctx, boxes=args.boxes))
    plan = KeypointEvaluation(args.templates, tuple(range(args.seed, args.seed + args.draws)), args.boxes)
    data = evaluate_keypoints(engine, args.file, args.root, job, plan, ctx)
    lines = [f"{'':<16} PCK@0.1  PCK@0.05  box copied"]
    for name, row in [*data["categories"].items(), ("mean", data["mean"])]:
        lines.append(
            f"{name:<16} {100 * row['pck@0.1']:7.1f}  {100 * row['pck@0.05']:8.1f}  {100 * row['baseline@0.1']:10.1f}"
        )
    score = data["score"]
    lines.append(f"score: AUROC {score['auroc']:.3f}, calibration error {score['calibration_error']:.3f}")
    return Outcome("\n".join(lines), data)


def _leave_one_out(found: dict[str, KeypointQuality]) -> Outcome:
    names = [name for quality in found.values() for name in quality.names]
    width = max(len("all points"), *map(len, names))
    lines = []
    for category, quality in found.items():
        lines.append(f"{category}: {quality.instances} instances, each predicted from the others")
        lines.append(f"{'':<{width}}  points  PCK@0.1  PCK@0.05  score  box copied")
        rows = [
            (name, quality.count[k], quality.pck[k], quality.pck_tight[k], quality.score[k], quality.baseline[k])
            for k, name in enumerate(quality.names)
        ]
        mean_score = float(quality.outcomes.score.mean())
        total = (quality.overall, quality.overall_tight, mean_score, quality.overall_baseline)
        for name, count, near, tight, score, copied in [*rows, ("all points", quality.count.sum(), *total)]:
            lines.append(
                f"{name:<{width}}  {count:6d}  {_share(near):>7}  {_share(tight):>8}  {_share(score):>5}"
                f"  {_share(copied):>10}"
            )
        lines.append(f"score: AUROC {quality.auroc:.3f}, calibration error {quality.calibration_error:.3f}")
    return Outcome("\n".join(lines), {name: quality.as_dict() for name, quality in found.items()})


def _share(value: float) -> str:
    return "-" if value != value else f"{100 * value:.1f}"


def _add_landmarks(kinds: Subparsers) -> None:
    landmarks = kinds.add_parser("landmarks", help="error of landmarks learnt from a few images of a COCO file")
    landmarks.add_argument("file", type=Path, metavar="COCO.json")
    landmarks.add_argument("--root", type=Path, metavar="DIR", help="folder that file names are relative to")
    landmarks.add_argument("--category", metavar="NAME", help="which one, where the file has several with keypoints")
    landmarks.add_argument("--labelled", type=int, default=20, metavar="N", help="images it learns from (%(default)s)")
    landmarks.add_argument("--draws", type=int, default=10, metavar="N", help="random choices of them (%(default)s)")
    landmarks.add_argument(
        "--normalise",
        metavar="A,B|box",
        help="errors in per cent of the distance of two landmarks (eyes), or of the box",
    )
    add_landmark_options(landmarks)
    landmarks.set_defaults(command=_landmarks)


def _landmarks(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.evaluate.landmarks import LandmarkEvaluation, evaluate_landmarks, eyes_of
    from counterpart.core.pipeline.keypoints.transfer_files import read_templates

    engine = engine_from(args)
    skeleton, annotated = read_templates(args.file, args.root, ctx, args.category)
    plan = LandmarkEvaluation(args.labelled, args.draws, args.seed, eyes_of(skeleton, args.normalise))
    data = evaluate_landmarks(engine, annotated, skeleton, landmark_job(args, engine), plan, ctx)
    by = (
        "box" if plan.eyes is None else f"distance of {skeleton.names[plan.eyes[0]]} and {skeleton.names[plan.eyes[1]]}"
    )
    width = max(len(name) for name in ("mean place", *data["landmarks"]))
    lines = [
        f"error in % of the {by}, {data['images']} images, {data['labelled']} labelled, {data['draws']} draws",
        *(f"{name:<{width}}  {error:6.2f}" for name, error in data["landmarks"].items()),
        f"{'mean':<{width}}  {data['mean']:6.2f} ± {data['spread']:.2f}",
        f"{'median':<{width}}  {data['median']:6.2f}",
        f"{'mean place':<{width}}  {data['mean_place']:6.2f}  (trivial baseline)",
    ]
    return Outcome("\n".join(lines), {**data, "model": engine.info.name})
