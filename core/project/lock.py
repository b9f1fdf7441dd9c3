"""One writer per project file: a lock beside it that the system lets go of when its holder dies."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import json
import os
import platform
import sys
from pathlib import Path

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

    Not a lock on the project file itself: SQLite has its own there, and they would get in each other's way.

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
        """
        for _ in range(10):
            number = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            if not _try_lock(number):
                os.close(number)
                return False
            if self._is_the_file(number):
                self._number = number
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
            data = json.loads(self.path.read_bytes()[:4096])
            return f"{data['user']} on {data['host']} since {data['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another window"

    def _is_the_file(self, number: int) -> bool:
        try:
            return os.path.samestat(os.fstat(number), self.path.stat())
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
