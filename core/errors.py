"""Errors that a person may read: what happened, which file, and what to do about it.

Everything raised on purpose for a person is a `CounterpartError`. Any other exception is a defect of the
program and is reported as one (with its traceback), never dressed up as bad input.
"""

from __future__ import annotations

import errno
from pathlib import Path


def printable(text: str) -> str:
    r"""A text with what no encoding can write as escapes: the bytes of a file's name that are not UTF-8, as `\xe9`."""
    if text.isascii():
        return text
    plain = "".join(f"\\x{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char for char in text)
    return plain.encode("utf-8", "backslashreplace").decode()


def harmless(text: object, most: int = 60) -> str:
    """The beginning of a text from anybody's file, in letters that do nothing to a terminal or a banner."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:most])


class CounterpartError(Exception):
    """An error with a message meant for the person at the screen.

    Args:
        what: What happened, as one sentence without a trailing full stop.
        path: The file or folder concerned, if there is one.
        hint: What the person can do about it, as one sentence.
    """

    def __init__(self, what: str, *, path: str | Path | None = None, hint: str = "") -> None:
        self.what = what
        self.path = None if path is None else Path(path)
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        text = self.what if self.path is None else f"{self.path}: {self.what}"
        return printable(f"{text}. {self.hint}" if self.hint else text)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process boundaries in benchmarks; keyword-only arguments need help to be pickled.
        return (_rebuild, (type(self), self.what, self.path, self.hint))

    def as_dict(self) -> dict[str, str]:
        """The error as plain strings for a JSON report."""
        return {
            "error": printable(self.what),
            "file": "" if self.path is None else printable(str(self.path)),
            "hint": printable(self.hint),
            "kind": type(self).__name__,
        }


_NO_MEMORY = (
    "out of memory", "allocate memory", "unable to allocate", "insufficient memory", "not enough memory", "bad_alloc",
    "failed to map segment", "start new thread",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out. Every library has words of its own for it."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    text = str(error).lower()
    return isinstance(error, (RuntimeError, OSError, ImportError, SystemError)) and any(
        words in text for words in _NO_MEMORY
    )


def _rebuild(kind: type[CounterpartError], what: str, path: Path | None, hint: str) -> CounterpartError:
    return kind(what, path=path, hint=hint)


class UsageError(CounterpartError):
    """The request makes no sense (exit code 2): a wrong option, an empty folder, an unusable stride."""


class ImageError(CounterpartError):
    """One image cannot be used. A batch reports it and goes on with the others."""


class OutputError(CounterpartError):
    """Something could not be written: no permission, no space, a folder in the way."""


class ModelNotInstalledError(CounterpartError):
    """The weights of a model are not on this machine."""


class CheckpointError(CounterpartError):
    """A weights file cannot be used: damaged, of another architecture, or unsafe."""


class ProjectError(CounterpartError):
    """A project file cannot be opened or written."""


class FormatError(CounterpartError):
    """An annotation file cannot be read or written in the chosen format."""


class ProtocolError(CounterpartError):
    """A data set on disk is not laid out as an evaluation expects."""


class JobCancelledError(CounterpartError):
    """The person cancelled. Not a failure: nothing was changed."""

    def __init__(self, what: str = "Cancelled", *, path: str | Path | None = None, hint: str = "") -> None:
        super().__init__(what, path=path, hint=hint)
