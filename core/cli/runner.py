"""Runs one command: progress on stderr, the report on stdout, an end within a second, an exit code for scripts."""

from __future__ import annotations

import json
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from counterpart.core.cli.process import (
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    Ending,
    ended_by_signals,
    from_outside,
    report,
    say,
)
from counterpart.core.errors import CounterpartError, JobCancelledError, ModelNotInstalledError, UsageError
from counterpart.core.jobs import JobContext, Progress, format_duration

EXIT_DONE = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did.

    Attributes:
        text: For a person, printed on stdout.
        data: For a program, printed with `--json`.
        failed: Whether the command as a whole did not come out well though nothing was raised (a failed
            check).
    """

    text: str
    data: Mapping[str, object] = field(default_factory=dict)
    failed: bool = False


def run(command: Callable[[JobContext], Outcome], *, name: str, as_json: bool, quiet: bool) -> int:
    """Run a command to its exit code.

    Args:
        command: Does the work; raises `CounterpartError` for what a person must know.
        name: Of the command, for the JSON object.
        as_json: Print one JSON object instead of text.
        quiet: No progress.

    Returns:
        0 all done, 1 some inputs failed, 2 usage, 130 cancelled, 128 and the number of another signal that ended it,
        141 nobody read the report.
    """
    started = time.monotonic()
    line = _ProgressLine(sys.stderr) if not quiet else None
    ctx = JobContext(line.show if line else None)
    outcome: Outcome | None = None
    fatal: CounterpartError | None = None
    ending = Ending()
    try:
        with ended_by_signals(ctx.token, (lambda end: json_report(name, end.code)) if as_json else None) as ending:
            outcome = command(ctx)
    except CounterpartError as error:
        fatal = error
    except Exception as error:  # noqa: BLE001 - whatever it is, there is a report and an exit code
        fatal = from_outside(error)
        if fatal is None:  # a defect of ours: say so, with what a report needs
            say(traceback.format_exc(), end="")
            fatal = CounterpartError(
                f"internal error: {type(error).__name__}: {error}", hint="Please report it with the lines above"
            )
    finally:
        if line:
            line.clear()
    code = _exit_code(outcome, fatal, ctx, ending)
    text = outcome.text if outcome is not None else None
    if as_json:
        text = json_report(name, code, fatal, ctx, outcome, time.monotonic() - started)
    _say_what_happened(fatal, ctx, ending)
    return (report(text) if text else 0) or code


def _exit_code(outcome: Outcome | None, fatal: CounterpartError | None, ctx: JobContext, ending: Ending) -> int:
    if isinstance(fatal, JobCancelledError):
        return ending.code
    if isinstance(fatal, (UsageError, ModelNotInstalledError)):
        return EXIT_USAGE
    failed = fatal is not None or bool(ctx.failures) or (outcome is not None and outcome.failed)
    return EXIT_SOME_FAILED if failed else EXIT_DONE


def json_report(
    name: str,
    code: int,
    fatal: CounterpartError | None = None,
    ctx: JobContext | None = None,
    outcome: Outcome | None = None,
    seconds: float | None = None,
) -> str:
    """The one JSON object that a command prints with `--json`, whatever comes of it.

    Args:
        name: Of the command.
        code: Its exit code.
        fatal: What ended it, if anything did.
        ctx: Has what failed while the rest was done, and what the person should know.
        outcome: What it did.
        seconds: How long it took.
    """
    words = {EXIT_DONE: "done", EXIT_SOME_FAILED: "failed", EXIT_USAGE: "usage"}
    data: dict[str, object] = {"command": name, "status": words.get(code, "cancelled")}
    if seconds is not None:
        data["seconds"] = round(seconds, 3)
    if outcome is not None:
        data.update(outcome.data)
    data["failed"] = [] if ctx is None else [error.as_dict() for error in ctx.failures]
    data["warnings"] = [] if ctx is None else list(ctx.warnings)
    if fatal is not None:
        data["error"] = fatal.as_dict()
    return json.dumps(data, ensure_ascii=not _writes_unicode())


def _writes_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") in {"utf8", "utf8sig"}


def _say_what_happened(fatal: CounterpartError | None, ctx: JobContext, ending: Ending) -> None:
    for warning in ctx.warnings:
        say(f"warning: {warning}")
    for error in ctx.failures:
        say(f"failed: {error}")
    if isinstance(fatal, JobCancelledError):
        say(ending.text)
    elif fatal is not None:
        say(f"error: {fatal}")


class _ProgressLine:
    """One line that is rewritten on a terminal; elsewhere a line every few seconds, so that logs stay short."""

    def __init__(self, stream: object) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = sys.stderr.isatty()
        self._next_s = 0.0
        self._shown = False

    def show(self, progress: Progress) -> None:
        """Show a snapshot of the job."""
        if not self._terminal and progress.elapsed_s < self._next_s:
            return
        self._next_s = progress.elapsed_s + 5.0
        left = "" if progress.eta_s is None else f"  {format_duration(progress.eta_s)} left"
        count = f" {progress.done}/{progress.total}" if progress.total > 1 else ""
        text = f"{progress.fraction:4.0%}  {progress.text}{count}{left}"
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            say("\r" + text[:width].ljust(width), end="")
            self._shown = True
        else:
            say(text)

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            say("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r", end="")
            self._shown = False
