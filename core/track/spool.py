"""Small arrays of many frames, kept in a temporary file so that memory does not grow with the video."""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import OutputError


class Spool:
    """Float arrays by key, stored in half precision in a temporary file that goes away by itself."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="counterpart-")  # noqa: SIM115 (closed by __exit__)
        self._places: dict[tuple[str, int], tuple[int, tuple[int, ...]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, name: str, index: int, values: NDArray[np.floating]) -> None:
        """Store an array.

        Raises:
            OutputError: The disk is full.
        """
        data = np.ascontiguousarray(values, dtype=np.float16)
        try:
            place = self._file.seek(0, 2)
            self._file.write(data.tobytes())
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"the folder for temporary files is not writable ({error.strerror})",
                path=tempfile.gettempdir(),
                hint="Free some space, or set TMPDIR to a folder with more",
            ) from None
        self._places[name, index] = place, data.shape

    def get(self, name: str, index: int) -> NDArray[np.float32] | None:
        """An array that was stored, None if there is none."""
        if (name, index) not in self._places:
            return None
        place, shape = self._places[name, index]
        self._file.seek(place)
        count = int(np.prod(shape))
        values = np.frombuffer(self._file.read(2 * count), dtype=np.float16).astype(np.float32)
        return values.reshape(shape)
