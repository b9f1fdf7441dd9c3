"""Runs one command: progress on stderr, the report on stdout, Ctrl-C within a second, an exit code for scripts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from counterpart.core.errors import CounterpartError, JobCancelledError, ModelNotInstalledError, UsageError
from counterpart.core.jobs import CancelToken, JobContext, Progress, format_duration
from counterpart.core.temporaries import discard_unfinished

EXIT_DONE = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 130
GRACE_S = 0.8
"""How long a command may take to reach its next step after Ctrl-C before it is ended from outside."""


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
        0 all done, 1 some inputs failed, 2 usage, 130 cancelled.
    """
    started = time.monotonic()
    line = _ProgressLine(sys.stderr) if not quiet else None
    ctx = JobContext(line.show if line else None)
    outcome: Outcome | None = None
    fatal: CounterpartError | None = None
    try:
        with _ctrl_c_cancels(ctx.token, name if as_json else None):
            outcome = command(ctx)
    except CounterpartError as error:
        fatal = error
    except BrokenPipeError:
        return EXIT_SOME_FAILED  # the reader of our output went away; nothing to tell it
    except MemoryError:
        fatal = CounterpartError(
            "there is not enough memory",
            hint="Use a smaller --size, a larger --stride or fewer images at once",
        )
    except Exception as error:  # noqa: BLE001 - a defect of ours: say so, with what a report needs
        traceback.print_exc()
        fatal = CounterpartError(
            f"internal error: {type(error).__name__}: {error}", hint="Please report it with the lines above"
        )
    finally:
        if line:
            line.clear()
    code = _exit_code(outcome, fatal, ctx)
    if as_json:
        _print_json(name, code, outcome, fatal, ctx, time.monotonic() - started)
    _print_text(None if as_json else outcome, fatal, ctx)
    return code


def _exit_code(outcome: Outcome | None, fatal: CounterpartError | None, ctx: JobContext) -> int:
    if isinstance(fatal, JobCancelledError):
        return EXIT_CANCELLED
    if isinstance(fatal, (UsageError, ModelNotInstalledError)):
        return EXIT_USAGE
    failed = fatal is not None or bool(ctx.failures) or (outcome is not None and outcome.failed)
    return EXIT_SOME_FAILED if failed else EXIT_DONE


def _print_json(
    name: str,
    code: int,
    outcome: Outcome | None,
    fatal: CounterpartError | None,
    ctx: JobContext,
    seconds: float,
) -> None:
    status = {
        EXIT_DONE: "done",
        EXIT_SOME_FAILED: "failed",
        EXIT_USAGE: "usage",
        EXIT_CANCELLED: "cancelled",
    }[code]
    report: dict[str, object] = {"command": name, "status": status, "seconds": round(seconds, 3)}
    if outcome is not None:
        report.update(outcome.data)
    report["failed"] = [error.as_dict() for error in ctx.failures]
    report["warnings"] = list(ctx.warnings)
    if fatal is not None:
        report["error"] = fatal.as_dict()
    print(json.dumps(report, ensure_ascii=not _writes_unicode()))


def _writes_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") in {"utf8", "utf8sig"}


def _print_text(outcome: Outcome | None, fatal: CounterpartError | None, ctx: JobContext) -> None:
    for warning in ctx.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in ctx.failures:
        print(f"failed: {error}", file=sys.stderr)
    if isinstance(fatal, JobCancelledError):
        print("cancelled", file=sys.stderr)
    elif fatal is not None:
        print(f"error: {fatal}", file=sys.stderr)
    if outcome is not None and outcome.text:
        print(outcome.text)


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
            sys.stderr.write("\r" + text[:width].ljust(width))
            self._shown = True
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            sys.stderr.flush()
            self._shown = False


@contextmanager
def _ctrl_c_cancels(token: CancelToken, json_name: str | None) -> Iterator[None]:
    """Ctrl-C asks the job to stop at its next step; if that does not come soon, the process ends by itself.

    A step may be far away while a library loads or one large product runs. Outputs are written beside their
    target and renamed, so ending the process then leaves whole files; the unfinished ones are removed first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = threading.Event()

    def end_anyway() -> None:
        if not ended.wait(GRACE_S):
            discard_unfinished()
            if json_name is not None:
                print(
                    json.dumps({"command": json_name, "status": "cancelled", "failed": [], "warnings": []}), flush=True
                )
            sys.stderr.write("\ncancelled\n")
            sys.stderr.flush()
            os._exit(EXIT_CANCELLED)

    def on_interrupt(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        if not token.cancelled:
            token.cancel()
            threading.Thread(target=end_anyway, daemon=True).start()

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        ended.set()
        signal.signal(signal.SIGINT, previous)
