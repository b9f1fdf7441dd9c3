"""The process of a command: its streams, the signals that end it, and the code it ends with.

Whoever calls a command from a script relies on the code, on one line that says why, and on stdout holding the report
and nothing else, also when the reader of a pipe has gone, a stream was closed from the start, or the system ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TextIO

from counterpart.core.errors import CounterpartError, JobCancelledError, UsageError, is_out_of_memory
from counterpart.core.jobs import CancelToken

EXIT_SOME_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_CANCELLED: Final = 130
EXIT_PIPE: Final = 141
"""The reader of stdout went away before the report was written: what a shell says of `cat` then."""

GRACE_S: Final = 0.8
"""How long a command may take to reach its next step after a signal before it is ended from outside."""

_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class Ending:
    """What ended a command from outside, if anything did.

    Attributes:
        signal: Name of the signal, empty for none.
    """

    signal: str = ""

    @property
    def code(self) -> int:
        """The exit code that says so: 128 and the signal's number."""
        return 128 + int(getattr(signal, self.signal)) if self.signal else EXIT_CANCELLED

    @property
    def text(self) -> str:
        """The line that says so."""
        return "cancelled" if self.signal in ("", "SIGINT") else f"ended by {self.signal}"


def say(text: str, end: str = "\n") -> None:
    """Write to stderr; a terminal that is gone, or a pipe that nobody reads, keeps nobody from going on."""
    try:
        sys.stderr.write(text + end)
        sys.stderr.flush()
    except (OSError, ValueError):
        _silence(sys.stderr)


def report(text: str | None = None) -> int:
    """Write a text, and what still waits, to stdout; the exit code if that cannot be done, else 0."""
    try:
        if text is not None:
            print(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        return EXIT_PIPE
    except (OSError, ValueError) as error:
        _silence(sys.stdout)
        say(f"error: the report could not be written ({getattr(error, 'strerror', None) or error})")
        return EXIT_SOME_FAILED
    return 0


def from_outside(error: BaseException) -> CounterpartError | None:
    """What an error that is no defect of ours means for a person; None for every other."""
    if is_out_of_memory(error):
        return CounterpartError(
            "there is not enough memory", hint="Use a smaller --size, a larger --stride or fewer images at once"
        )
    if not isinstance(error, OSError) or not isinstance(error.filename, (str, bytes, os.PathLike)):
        return None
    return CounterpartError(
        error.strerror or str(error),
        path=os.fsdecode(error.filename),
        hint="Check its name, its permissions and whether its disk is there",
    )


def ended(command: Callable[[], int], json_text: Callable[[int, CounterpartError], str] | None) -> int:
    """Run the whole of a command line to its exit code.

    Args:
        command: Does it.
        json_text: Given an exit code and the reason, what stdout is to have of an end that comes before a report; None
            where no JSON was asked for.

    Raises:
        SystemExit: Help was shown, or the arguments were wrong.
    """
    _mend_streams()
    why: CounterpartError
    try:
        code = command()
        return report() or code
    except SystemExit as end:
        text = None
        if json_text is not None and isinstance(end, UsageExit):
            text = json_text(EXIT_USAGE, UsageError(end.message))
        unheard = report(text)
        if unheard:
            raise SystemExit(unheard) from None
        raise
    except BrokenPipeError:
        _silence(sys.stdout)
        return EXIT_PIPE
    except KeyboardInterrupt:
        code, why = EXIT_CANCELLED, JobCancelledError()
        say("cancelled")
    except (MemoryError, OSError, ImportError, RuntimeError) as error:
        found = from_outside(error)
        if found is None:
            raise
        code, why = EXIT_SOME_FAILED, found
        say(f"error: {found}")
    return report(None if json_text is None else json_text(code, why)) or code


class UsageExit(SystemExit):
    """The arguments were wrong, and it has been said how.

    Args:
        message: How.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(EXIT_USAGE)


@contextmanager
def ended_by_signals(token: CancelToken, json_text: Callable[[Ending], str] | None) -> Iterator[Ending]:
    """Ctrl-C and the signals that end a process ask the job to stop at its next step; if that is far, it is ended.

    A step may be far away while a library loads or one large product runs. Outputs are written beside their
    target and renamed, so ending the process then leaves whole files; the unfinished ones are removed first. A signal
    that the caller has the process ignore, as `nohup` does, stays ignored.

    Args:
        token: Asks the job to stop.
        json_text: What stdout is to have when the process is ended from outside; None for nothing.
    """
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    from counterpart.core.temporaries import discard_unfinished  # not for `--help`

    left, reporting = threading.Event(), threading.Lock()

    def end_anyway() -> None:
        if left.wait(GRACE_S):
            return
        with reporting:
            if left.is_set():
                return
            discard_unfinished()
            if json_text is not None:
                report(json_text(ending))
            say(f"\n{ending.text}" if sys.stderr.isatty() else ending.text)  # below a line of progress
            os._exit(ending.code)

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        if not token.cancelled:
            ending.signal = signal.Signals(number).name
            token.cancel()
            threading.Thread(target=end_anyway, daemon=True).start()

    previous: dict[int, Any] = {}
    for number in (int(getattr(signal, name)) for name in _SIGNALS if hasattr(signal, name)):
        # Shells have what they start with `&` ignore Ctrl-C; whoever sends it to such a process means it.
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, on_signal)
    try:
        yield ending
    finally:
        with reporting:
            left.set()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _mend_streams() -> None:
    """Have something stand where a standard stream was closed: the next file opened would get its number, and its text.

    What is then written to stdout fails, as it should; stderr may be closed by whoever wants to hear nothing.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a name that a console cannot write must not end a command


def _silence(stream: TextIO) -> None:
    """Let what is still to be written to a stream vanish, so that the interpreter does not complain at its end."""
    with contextlib.suppress(OSError, ValueError):
        number = os.open(os.devnull, os.O_WRONLY)
        os.dup2(number, stream.fileno())
        os.close(number)
