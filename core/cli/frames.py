"""The command `frames`: a video's frames as images."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli.options import Subparsers, add_report_options
from core.cli.runner import Outcome
from core.jobs import JobContext

__all__ = ["add_parsers"]


def add_parsers(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser("frames", help="the frames of a video as images in a folder, to annotate them")
    parser.add_argument("video", type=Path, metavar="VIDEO")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th frame (all)")
    parser.add_argument("--start", type=int, default=0, metavar="FRAME", help="first frame, counted from 0")
    parser.add_argument("--stop", type=int, metavar="FRAME", help="the frame after the last (end of the video)")
    parser.add_argument("--png", action="store_true", help="exact PNG files instead of JPEG; many times larger")
    add_report_options(parser)
    parser.set_defaults(command=_frames)


def _frames(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from core.pipeline.frames import FrameChoice, extract_frames

    choice = FrameChoice(args.start, args.stop, args.every, args.png)
    done = extract_frames(args.video, args.out, choice, ctx)
    return Outcome(
        f"{done.count} frames in {done.folder}",
        {"out": str(done.folder), "frames": done.count, "fps": done.note.fps, "video": done.note.video},
    )
