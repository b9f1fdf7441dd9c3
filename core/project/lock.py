"""One writer per project file: a lock beside it that the system lets go of when its holder dies."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import json
import os
import platform
import stat
import sys
from pathlib import Path
from typing import Final

from counterpart.core.errors import OutputError, harmless

_MOST_BYTES: Final = 4096
"""No lock is longer than that."""

if sys.platform == "win32":
    import msvcrt

    def _try_lock(number: int) -> bool:
        # A byte far past the text, so that others can still read who holds the lock.
        os.lseek(number, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(number: int) -> bool:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class ProjectLock:
    """The right to write a project, held from `acquire` to `release` or the end of the process.

    Not a lock on the project file itself: SQLite has its own there, and they would get in each other's way. Anybody may
    have put something else under the lock's name: it is never followed as a link, and nothing is written into a file
    that is not a lock.

    Args:
        project: Path of the project file; the lock is `NAME.lock` beside it.
    """

    def __init__(self, project: Path) -> None:
        self.path = project.with_name(project.name + ".lock")
        self._number: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._number is not None

    def acquire(self) -> bool:
        """Try to take the lock; False when somebody else has it.

        Raises:
            OSError: The lock file cannot be made: the folder is read-only.
            OutputError: Something that is not a lock has its name.
        """
        for _ in range(10):
            try:
                number = self._open()
            except FileNotFoundError:
                continue  # its holder removed it between our looking and our opening
            except PermissionError as error:
                try:
                    if self._held_by_a_colleague():
                        return False
                except FileNotFoundError:  # there is no lock, and none can be made
                    raise error from None
                continue
            if not _try_lock(number):
                os.close(number)
                return False
            if self._is_the_file(number):
                self._number = number
                with contextlib.suppress(OSError):  # on a full disk the lock holds without its holder's name
                    self._sign(number)
                return True
            os.close(number)  # its holder removed it between our opening and our locking; take the new one
        return False

    def release(self) -> None:
        """Give the lock back. Does nothing when it is not held."""
        if self._number is None:
            return
        number, self._number = self._number, None
        if os.name == "nt":
            os.close(number)
        with contextlib.suppress(OSError):
            self.path.unlink()
        if os.name != "nt":
            os.close(number)

    def holder(self) -> str:
        """Who holds the lock, for a person: `anna on lab-3 since 14:02`, or `another window`."""
        try:
            number = os.open(self.path, os.O_RDONLY | _UNLINKED)
        except OSError:
            return "another window"
        try:
            data = _signature(number)
        finally:
            os.close(number)
        if data is None:
            return "another window"
        return f"{harmless(data['user'])} on {harmless(data['host'])} since {harmless(data['since'])}"

    def _open(self) -> int:
        """The lock file, new or as it lies there, open and proven to be one."""
        with contextlib.suppress(FileExistsError):
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _UNLINKED, 0o666)
        self._refuse_others(self.path.lstat())
        number = os.open(self.path, os.O_RDWR | _UNLINKED)
        try:
            self._refuse_others(os.fstat(number), number)
        except BaseException:
            os.close(number)
            raise
        return number

    def _held_by_a_colleague(self) -> bool:
        """Whether a lock that may be read but not written is held; what a process that is gone left is removed.

        Raises:
            OSError: There is none, or it may not be removed.
        """
        number = os.open(self.path, os.O_RDONLY | _UNLINKED)
        try:
            if not _try_lock(number):
                return True
            self._refuse_others(os.fstat(number), number)
            if self._is_the_file(number):
                self.path.unlink()
            return False
        finally:
            os.close(number)

    def _refuse_others(self, found: os.stat_result, number: int | None = None) -> None:
        """Refuse a link, a folder, a device, a file that has another name besides, and one that says nothing of a lock.

        Raises:
            OutputError: It is one of these.
        """
        plain = stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and found.st_size <= _MOST_BYTES
        if not plain or (number is not None and found.st_size and _signature(number) is None):
            raise OutputError(
                "this has the name of the project's lock and is something else", path=self.path, hint="Move it away"
            )

    def _is_the_file(self, number: int) -> bool:
        try:
            return os.path.samestat(os.fstat(number), self.path.lstat())
        except OSError:
            return False

    @staticmethod
    def _sign(number: int) -> None:
        try:
            user = getpass.getuser()
        except (OSError, KeyError, ImportError):
            user = "somebody"
        since = dt.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        text = json.dumps({"user": user, "host": platform.node(), "since": since, "process": os.getpid()})
        os.lseek(number, 0, os.SEEK_SET)
        os.truncate(number, 0)
        os.write(number, text.encode())


_UNLINKED: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe would wait for a writer
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def _signature(number: int) -> dict[str, object] | None:
    """What the holder of a lock wrote into it; None for a file that is no lock, or that cannot be read."""
    try:
        os.lseek(number, 0, os.SEEK_SET)
        data = json.loads(os.read(number, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and {"user", "host", "since", "process"} <= set(data) else None
