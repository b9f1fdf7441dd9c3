"""The command line `counterpart`: thin; every command calls the function that the window calls too."""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from counterpart.core.cli import (
    checks,
    evaluate,
    features,
    frames,
    landmarks,
    manage,
    masks,
    points,
    projects,
    propagation,
    sequences,
)
from counterpart.core.cli.guard import check_out
from counterpart.core.cli.runner import Outcome, run
from counterpart.core.jobs import JobContext

__all__ = ["build_parser", "main"]

EPILOG = """\
IMAGES are files, folders (recursive) and glob patterns. Outputs mirror the relative path of each image under --out,
in the image's own pixel size. Exit codes: 0 all done, 1 something failed (named; the rest of a batch is done),
2 usage, 130 cancelled with Ctrl-C. Without a command the window opens."""


def build_parser() -> tuple[argparse.ArgumentParser, frozenset[str]]:
    """The parser, and the names of its commands."""
    parser = argparse.ArgumentParser(
        prog="counterpart",
        description="Find the object that images share, its parts, and the points that correspond.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"counterpart {_version()}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", title="commands")
    for module in (
        manage,
        features,
        masks,
        propagation,
        points,
        checks,
        landmarks,
        frames,
        sequences,
        evaluate,
        projects,
    ):
        module.add_parsers(commands)
    return parser, frozenset(commands.choices)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `counterpart` and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that a console cannot write must not end a command
    parser, names = build_parser()
    if not args or (args[0] not in names and not args[0].startswith("-")):
        return _open_or_explain(parser, args)
    options = parser.parse_args(args)
    if getattr(options, "window", False):
        return manage.open_window(options.target)
    code = run(
        lambda ctx: _carry_out(options, ctx),
        name=" ".join(filter(None, [options.name, getattr(options, "action", None)])),
        as_json=options.json,
        quiet=options.quiet,
    )
    then_open = getattr(options, "then_open", None)
    if code == 0 and then_open:
        return manage.open_window(then_open)
    return code


def _carry_out(options: argparse.Namespace, ctx: JobContext) -> Outcome:
    check_out(options)
    done: Outcome = options.command(options, ctx)
    return done


def _open_or_explain(parser: argparse.ArgumentParser, args: list[str]) -> int:
    """`counterpart` and `counterpart FOLDER` open the window; anything else that is no command is a mistake."""
    if len(args) > 1 or (args and not Path(args[0]).exists()):
        parser.error(f"'{args[0]}' is neither a command nor a project or folder; see counterpart --help")
    return manage.open_window(args[0] if args else None)


def _version() -> str:
    try:
        return importlib.metadata.version("counterpart")
    except importlib.metadata.PackageNotFoundError:
        return "(from a checkout)"
