"""Landmarks learnt from a few annotated images: `landmarks fit`, `landmarks predict`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.masks import add_cosegment_options, cosegment_job
from counterpart.core.cli.options import (
    add_engine_options,
    add_feature_options,
    add_images,
    add_report_options,
    engine_from,
    images_from,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.keypoints.landmarks import LandmarkJob


def declare_landmarks(parser: argparse.ArgumentParser) -> None:
    """`counterpart landmarks`."""
    kinds = parser.add_subparsers(dest="action", required=True, metavar="fit|predict")
    fit = kinds.add_parser("fit", help="find the parts, and how landmarks follow from them")
    fit.add_argument("images", nargs="+", metavar="IMAGES", help="all images of the kind, annotated or not")
    fit.add_argument("annotations", type=Path, metavar="COCO.json", help="keypoints of some, one instance per image")
    fit.add_argument("--out", type=Path, required=True, metavar="MODEL", help="file of the landmark model")
    fit.add_argument("--root", type=Path, metavar="DIR", help="folder that file names in the COCO file are relative to")
    fit.add_argument("--category", metavar="NAME", help="which one, where the file has several with keypoints")
    add_landmark_options(fit)
    fit.set_defaults(command=_fit)

    predict = kinds.add_parser("predict", help="landmarks of new images, as COCO keypoints with scores")
    add_images(predict)
    predict.add_argument("--landmarks-model", type=Path, required=True, metavar="MODEL", help="what `fit` wrote")
    predict.add_argument("--out", type=Path, required=True, metavar="COCO.json")
    predict.add_argument("--root", type=Path, metavar="DIR", help="folder that file names are written relative to")
    add_engine_options(predict, model=None)
    add_report_options(predict)
    predict.set_defaults(command=_predict)


def add_landmark_options(parser: argparse.ArgumentParser, *, parts: bool = True) -> None:
    """How landmarks are learnt; without `parts`, the command has its own option for their number."""
    group = parser.add_argument_group("landmarks")
    if parts:
        group.add_argument("--parts", type=int, default=8, metavar="K", help="number of parts (%(default)s)")
    group.add_argument("--paper", action="store_true", help="a linear map from part centroids, as in the paper")
    group.add_argument(
        "--descriptors",
        action=argparse.BooleanOptionalAction,
        help="look at descriptors beside part scores (on; off with --paper)",
    )
    add_cosegment_options(parser)
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)


def landmark_job(args: argparse.Namespace, engine: Engine) -> LandmarkJob:
    """The `LandmarkJob` that the options describe."""
    from counterpart.core.parts import PartsParams
    from counterpart.core.pipeline.keypoints.landmarks import LandmarkJob
    from counterpart.core.pipeline.parts.discovery import PartsJob

    own = LandmarkJob.for_engine(engine, args.parts, paper=args.paper)
    params = own.parts.params
    if args.method == "paper":
        params = PartsParams.paper_for(engine.defaults, args.parts)
    params = dataclasses.replace(params, seed=args.seed)
    descriptors = own.descriptors if args.descriptors is None else args.descriptors
    if args.paper:
        descriptors = False
    return LandmarkJob(PartsJob(cosegment_job(args, engine), params), own.params, descriptors)


def _fit(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.keypoints.landmarks import learn_landmarks
    from counterpart.core.pipeline.keypoints.transfer_files import read_templates

    engine = engine_from(args)
    refs = images_from(args, ctx)
    skeleton, annotated = read_templates(args.annotations, args.root, ctx, args.category)
    fitted = learn_landmarks(engine, refs, annotated, skeleton, landmark_job(args, engine), ctx)
    fitted.predictor.save(args.out)
    errors = {
        name: None if error != error else round(float(error), 4)
        for name, error in zip(skeleton.names, fitted.errors, strict=True)
    }
    learnt = [error for error in errors.values() if error is not None]
    params = fitted.predictor.model.params
    text = (
        f"learnt {len(learnt)} of {len(errors)} landmarks from {fitted.labelled} annotated images; leaving each out in "
        f"turn, they are {100 * sum(learnt) / len(learnt):.1f} % of their span off\nlandmark model: {args.out}"
    )
    data = {
        "out": str(args.out),
        "model": engine.info.name,
        "labelled": fitted.labelled,
        "parts": fitted.predictor.model.parts,
        "method": params.method,
        "frame": params.frame,
        "leave_one_out": errors,
    }
    return Outcome(text, data)


def _predict(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.landmarks import LandmarkPredictor
    from counterpart.core.pipeline.keypoints.landmarks import find_landmarks
    from counterpart.core.pipeline.keypoints.transfer_files import write_transferred

    predictor = LandmarkPredictor.load(args.landmarks_model)
    if args.model is None:
        args.model = predictor.codebook.spec.model
    engine = engine_from(args)
    run = find_landmarks(engine, images_from(args, ctx), predictor, ctx)
    write_transferred(run, args.out, engine, args.root, ctx.failures, "Landmarks predicted by Counterpart")
    points = int(sum((item.prediction.visibility > 0).sum() for item in run.found))
    where = counted(len(run.found), "image")
    text = f"{counted(points, 'landmark')} in {where}, {run.doubtful} of them doubtful: {args.out}"
    data = {"out": str(args.out), "images": len(run.found), "points": points, "doubtful": run.doubtful}
    return Outcome(text, data)
