"""Commands on videos: `track`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.options import (
    add_engine_options,
    add_feature_options,
    add_report_options,
    engine_from,
    resolution,
    tap_or,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.video.track_job import TrackJob


def declare_track(parser: argparse.ArgumentParser) -> None:
    """`counterpart track`."""
    parser.add_argument("frames", type=Path, metavar="FRAMES|VIDEO", help="a folder of frames, or a video file")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "--mask",
        action="append",
        metavar="[N:]PNG",
        help="label map of frame N (0 by default); repeat for several frames",
    )
    given.add_argument("--keypoints", type=Path, metavar="COCO.json", help="keypoints of some frames, by their names")
    parser.add_argument("--category", metavar="NAME", help="which one, where the COCO file has several with keypoints")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--paper", action="store_true", help="DINO's protocol instead of the improved settings")
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_track)


def track_job(args: argparse.Namespace, engine: Engine) -> TrackJob:
    """The `TrackJob` that the options describe."""
    from counterpart.core.pipeline.video.track_job import TrackJob

    own = TrackJob.for_engine(engine, paper=args.paper)
    chosen = resolution(args, own.size, own.stride)
    params = own.params if own.params.tap is None else dataclasses.replace(own.params, tap=tap_or(args, own.params.tap))
    return TrackJob(params, chosen.size, chosen.stride)


def _track(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.video.track_masks import read_masks, track_to_files

    engine = engine_from(args)
    job = track_job(args, engine)
    if args.keypoints is not None:
        return _track_points(args, engine, job, ctx)
    done = track_to_files(engine, args.frames, read_masks(args.mask), job, args.out, ctx)
    frames = [
        {"frame": item.frame, "file": str(item.file), "confidence": round(item.confidence, 4)} for item in done.frames
    ]
    went_on = f", the first {done.resumed} from an earlier run" if done.resumed else ""
    data = {"out": str(args.out), "resumed": done.resumed, "frames": frames}
    return Outcome(f"{counted(len(frames), 'label map')} in {args.out}{went_on}", data)


def _track_points(args: argparse.Namespace, engine: Engine, job: TrackJob, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.video.track_points import POINTS_NAME, track_points_to_file

    written = track_points_to_file(engine, args.frames, args.keypoints, job, args.out, ctx, args.category)
    points = sum(item["num_keypoints"] for item in written)
    file = args.out / POINTS_NAME
    data = {"out": str(args.out), "file": str(file), "frames": len(written), "points": points}
    return Outcome(f"{counted(points, 'keypoint')} in {counted(len(written), 'frame')}: {file}", data)
