"""Commands on videos as projects: `frames` takes a video's frames, `track-project` tracks within a project."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpart.core.cli.options import (
    add_engine_options,
    add_feature_options,
    add_report_options,
    engine_from,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.cli.sequences import track_job
from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.project.document import Document


def declare_frames(parser: argparse.ArgumentParser) -> None:
    """`counterpart frames`."""
    parser.add_argument("video", type=Path, metavar="VIDEO")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th frame (all)")
    parser.add_argument("--start", type=int, default=0, metavar="FRAME", help="first frame, counted from 0")
    parser.add_argument("--stop", type=int, metavar="FRAME", help="the frame after the last (end of the video)")
    parser.add_argument("--png", action="store_true", help="exact PNG files instead of JPEG; several times larger")
    add_report_options(parser)
    parser.set_defaults(command=_frames)


def declare_track_project(parser: argparse.ArgumentParser) -> None:
    """`counterpart track-project`."""
    parser.description = (
        "Each folder of the project's images is one video, its frames in the order of their names. What a "
        "person drew or confirmed stays as it is. Ctrl-C keeps the frames that are finished."
    )
    parser.add_argument("project", type=Path, metavar="PROJECT")
    parser.add_argument(
        "--from", type=int, dest="frame", metavar="FRAME", help="only from this annotated frame, from 0"
    )
    parser.add_argument("--direction", choices=["both", "forward", "backward"], default="both", help="with --from")
    parser.add_argument("--folder", metavar="NAME", help="only this folder's video (all with an annotated frame)")
    parser.add_argument("--paper", action="store_true", help="DINO's protocol instead of the improved settings")
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_track)


def _frames(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.video.frames import FrameChoice, extract_frames

    choice = FrameChoice(args.start, args.stop, args.every, args.png)
    done = extract_frames(args.video, args.out, choice, ctx)
    return Outcome(
        f"{counted(done.count, 'frame')} in {done.folder}",
        {"out": str(done.folder), "frames": done.count, "fps": done.note.fps, "video": done.note.video},
    )


def _track(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.project.document import Document

    engine = engine_from(args)
    with Document.open(args.project) as document:
        folders = _folders(document, args)
        reports = [
            _track_folder(args, document, folder, engine, ctx.stage(place / len(folders), (place + 1) / len(folders)))
            for place, folder in enumerate(folders)
        ]
    lines = []
    for report in reports:
        where = f"{report['folder']}: " if len(reports) > 1 else ""
        count, doubtful = len(report["changed"]), len(report["doubtful"])
        lines.append(f"{where}{count} frames tracked from {len(report['annotated'])}, {doubtful} of them doubtful")
        lines += [f"  left as it is: {one['image']}: {one['reason']}" for one in report["skipped"]]
    return Outcome("\n".join(lines), {"project": str(args.project), "videos": reports})


def _folders(document: Document, args: argparse.Namespace) -> list[str]:
    """The videos to go through: all with an annotated frame, or the one that was named.

    Raises:
        UsageError: There is none of that name, or a frame was named without saying of which video.
    """
    from counterpart.core.project.sequence import FrameState, folder_of, frame_state

    found = list(dict.fromkeys(folder_of(record) for record in document.images()))
    if args.folder is not None:
        if args.folder not in found:
            raise UsageError(f"the project has no folder '{args.folder}'", hint=f"It has {', '.join(found)[:200]}")
        return [args.folder]
    if args.frame is not None and len(found) > 1:
        raise UsageError("the project has several videos", hint="Say with --folder which one --from counts in")
    annotated = {folder_of(record) for record in document.images() if frame_state(record) is FrameState.ANNOTATED}
    return [folder for folder in found if folder in annotated] or found[:1]


def _track_folder(
    args: argparse.Namespace, document: Document, folder: str, engine: Engine, ctx: JobContext
) -> dict[str, Any]:
    from counterpart.core.pipeline.video.track_plan import plan_track, span_from
    from counterpart.core.pipeline.video.track_project import track_command, track_project
    from counterpart.core.project.sequence import FrameState, frame_state, frames_of

    images = frames_of(document, folder)
    span = None if args.frame is None else span_from(document, images, args.frame, args.direction)
    plan = plan_track(document, images, document.revision, span)
    result = track_project(engine, plan, track_job(args, engine), ctx)
    command = track_command(plan, result)
    document.apply(command)
    changed = [document.image(image) for image in command.outcome.changed]
    if not result.complete:
        ctx.warn(f"{len(changed)} frames were finished and are in the project; the others are as they were")
        raise JobCancelledError
    return {
        "folder": folder,
        "annotated": [plan.refs[index].name for index in plan.annotated],
        "changed": [record.name for record in changed],
        "doubtful": [record.name for record in changed if frame_state(record) is FrameState.DOUBTFUL],
        "skipped": [{"image": document.image(image).name, "reason": why} for image, why in command.outcome.skipped],
    }
