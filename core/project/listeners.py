"""Functions that want to hear of something: all are told, also when one of them fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Listeners(Generic[P]):
    """The functions to call when something happened."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[P, None]] = []

    def add(self, callback: Callable[P, None]) -> Callable[[], None]:
        """Have a function called; calling what is returned ends that."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> list[Exception]:
        """Call them all; what those that failed raised. It happened, whatever they make of it: the others hear too."""
        failed: list[Exception] = []
        for callback in tuple(self._callbacks):
            try:
                callback(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  # for the caller to raise once all are told
                failed.append(error)
        return failed
