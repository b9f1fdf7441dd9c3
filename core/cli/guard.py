"""Keeps a command from writing its result over what it reads."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from counterpart.core.errors import UsageError

_NOT_READ = {"out", "root", "cache", "then_open"}
"""Options that name a file or folder which the command does not take its images or annotations from."""


def check_out(args: argparse.Namespace) -> None:
    """Refuse an `--out` that is one of the inputs: its photographs, labels or project would be lost.

    Raises:
        UsageError: It is.
    """
    out = getattr(args, "out", None)
    if out is None or not Path(out).exists():
        return
    out = Path(out)
    for path in _inputs(args):
        if not path.samefile(out):
            continue
        if out.is_dir():
            raise UsageError(
                "this folder is read from; results would lie among what is read, or replace it",
                path=out,
                hint="Choose another folder for --out",
            )
        raise UsageError("the result would replace this input", path=out, hint="Choose another name for --out")
    from counterpart.core.images.kinds import IMAGE_SUFFIXES

    # No command writes one file of these kinds: one that is there is a photograph or a project.
    if out.is_file() and out.suffix.lower() in IMAGE_SUFFIXES | {".counterpart"}:
        kind = "project" if out.suffix.lower() == ".counterpart" else "image"
        raise UsageError(f"the result would replace this {kind}", path=out, hint="Choose another name for --out")


def _inputs(args: argparse.Namespace) -> Iterator[Path]:
    """What was typed that exists on disk, whichever option it belongs to."""
    for name, value in vars(args).items():
        if name in _NOT_READ:
            continue
        for item in value if isinstance(value, (list, tuple)) else [value]:
            # IMAGES may be patterns, so they are text; other text is a word such as a format's name.
            if (isinstance(item, Path) or name == "images") and Path(item).exists():
                yield Path(item)
