"""Reading images beside the window: the last one asked for first; what nobody wants any more is dropped.

One thread that decodes files and nothing else. It is apart from the job runner so that browsing stays quick
while a model computes, and so that no image is ever decoded on the window's thread.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from counterpart.core.errors import CounterpartError

log = logging.getLogger(__name__)


class FileLoader(QObject):
    """A thread with a stack of requests.

    Signals:
        loaded: Key and what its function returned, on the window's thread.
        failed: Key and why it could not be loaded, in words.
    """

    loaded = Signal(object, object)
    failed = Signal(object, str)
    _done = Signal(object, str)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stack: OrderedDict[Hashable, Callable[[], Any]] = OrderedDict()
        self._wake = threading.Condition()
        self._closing = False
        self._epoch = 0
        self._running: Hashable = None
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name=f"counterpart-{name}", daemon=True)
        self._thread.start()

    def request(self, key: Hashable, fn: Callable[[], Any], *, urgent: bool = True, again: bool = True) -> None:
        """Ask for something; an urgent request comes before all others. Asking again moves it to the front.

        Args:
            key: What it is called when it is delivered.
            fn: Loads it, on the thread.
            urgent: Whether it is wanted now, or perhaps later.
            again: Whether it has to be loaded anew where it is being loaded at this moment.
        """
        with self._wake:
            if not again and key == self._running:
                return
            self._stack.pop(key, None)
            self._stack[key] = fn
            if not urgent:
                self._stack.move_to_end(key, last=False)
            self._wake.notify()

    def forget(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Drop requests that nobody wants any more."""
        with self._wake:
            for key in [key for key in self._stack if unwanted(key)]:
                del self._stack[key]

    def clear(self) -> None:
        """Drop all requests, and what is being loaded: none of it is delivered any more."""
        with self._wake:
            self._stack.clear()
            self._epoch += 1
            self._running = None

    def close(self) -> None:
        """End the thread; what was asked for is not delivered."""
        with self._wake:
            self._closing = True
            self._stack.clear()
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._stack and not self._closing:
                    self._wake.wait()
                if self._closing:
                    return
                key, fn = self._stack.popitem()
                self._running, epoch = key, self._epoch
            value, error = _attempt(fn)
            with self._wake:
                if epoch == self._epoch:
                    self._running = None
            self._done.emit((epoch, key, value), error)

    @Slot(object, str)
    def _deliver(self, what: tuple[int, Hashable, Any], error: str) -> None:
        epoch, key, value = what
        if self._closing or epoch != self._epoch:
            return
        if error:
            self.failed.emit(key, error)
        else:
            self.loaded.emit(key, value)


def _attempt(fn: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return fn(), ""
    except CounterpartError as error:
        return None, str(error)
    except MemoryError:
        return None, "There is not enough memory for this image."
    except Exception as error:  # one odd file must not end the thread
        log.exception("loading failed")
        return None, f"The image cannot be read ({type(error).__name__}: {error})."
