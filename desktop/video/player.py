"""Playing a sequence: goes from frame to frame at a rate, and never faster than frames can be shown."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

_SHORTEST_MS = 8


class Player(QObject):
    """A clock that asks for frames. Where showing takes longer than a frame lasts, frames are left out, not delayed.

    Args:
        shown: Whether the frame asked for last is on the screen.
        clock: Monotonic seconds; replaceable for tests.

    Signals:
        wanted: Frame to show.
        changed: Whether it plays now.
    """

    wanted = Signal(int)
    changed = Signal(bool)

    def __init__(
        self,
        shown: Callable[[], bool],
        parent: QObject | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._shown, self._clock = shown, clock
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._began, self._first, self._now, self._count = 0.0, 0, 0, 0
        self._fps = 25.0

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._timer.isActive()

    def play(self, frame: int, count: int, fps: float) -> None:
        """Play from a frame to the last one; from the last one, from the beginning."""
        if count < 2:
            return
        self._first = self._now = 0 if frame >= count - 1 else frame
        self._count, self._fps, self._began = count, fps, self._clock()
        if frame != self._first:
            self.wanted.emit(self._first)
        self._timer.start(max(round(500 / fps), _SHORTEST_MS))
        self.changed.emit(True)

    def pause(self) -> None:
        """Stop where it is."""
        if self.playing:
            self._timer.stop()
            self.changed.emit(False)

    @Slot()
    def _tick(self) -> None:
        if not self._shown():
            return
        due = min(self._first + int((self._clock() - self._began) * self._fps), self._count - 1)
        if due > self._now:
            self._now = due
            self.wanted.emit(due)
        elif self._now >= self._count - 1:
            self.pause()
