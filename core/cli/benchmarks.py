"""More kinds of `evaluate`: landmarks, video, and the paper's tables on data sets in their official layouts."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli.landmarks import add_landmark_options, landmark_job
from core.cli.options import Subparsers, engine_from
from core.cli.runner import Outcome
from core.jobs import JobContext

__all__ = ["add_kinds"]


def add_kinds(kinds: Subparsers) -> None:
    """Declare these kinds of `evaluate`."""
    _add_landmarks(kinds)


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
    from core.pipeline.landmark_evaluation import LandmarkEvaluation, evaluate_landmarks, eyes_of
    from core.pipeline.transfer import read_templates

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
