"""The command line `counterpart`: thin; every command calls the function that the window calls too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.parser import COMMANDS, build_parser
from counterpart.core.cli.process import ended

if TYPE_CHECKING:
    import argparse

    from counterpart.core.cli.runner import Outcome
    from counterpart.core.errors import CounterpartError
    from counterpart.core.jobs import JobContext

__all__ = ["build_parser", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `counterpart` and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    return ended(lambda: _main(args), partial(_json_of_an_end, args) if "--json" in args else None)


def _json_of_an_end(args: list[str], code: int, why: CounterpartError) -> str:
    from counterpart.core.cli.runner import json_report

    return json_report(next((word for word in args if word in COMMANDS), ""), code, why)


def _main(args: list[str]) -> int:
    parser = build_parser()
    if not args or (args[0] not in COMMANDS and not args[0].startswith("-")):
        return _open_or_explain(parser, args)
    options = parser.parse_args(args)
    if getattr(options, "window", False):
        return _open_window(options.target)
    from counterpart.core.cli.runner import run

    code = run(
        lambda ctx: _carry_out(options, ctx),
        name=" ".join(filter(None, [options.name, getattr(options, "action", None)])),
        as_json=options.json,
        quiet=options.quiet,
    )
    then_open = getattr(options, "then_open", None)
    if code == 0 and then_open:
        return _open_window(then_open)
    return code


def _carry_out(options: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.cli.guard import check_out

    check_out(options)
    done: Outcome = options.command(options, ctx)
    return done


def _open_or_explain(parser: argparse.ArgumentParser, args: list[str]) -> int:
    """`counterpart` and `counterpart FOLDER` open the window; anything else that is no command is a mistake."""
    if len(args) > 1 or (args and not Path(args[0]).exists()):
        parser.error(f"'{args[0]}' is neither a command nor a project or folder; see counterpart --help")
    return _open_window(args[0] if args else None)


def _open_window(target: str | None) -> int:
    from counterpart.core.cli.manage import open_window

    return open_window(target)
