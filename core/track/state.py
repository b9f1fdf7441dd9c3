"""Where a run over a video stopped, so that it can go on exactly as if it had not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError
from counterpart.core.files import write_bytes
from counterpart.core.sealed import seal, unseal
from counterpart.core.track.flow import Basis, Look

_LAYOUT = "track-1"


@dataclass(frozen=True, slots=True, eq=False)
class TrackState:
    """The moving context after a frame.

    Attributes:
        index: The frame that comes next.
        basis: The space that descriptors are compared in.
        vectors: One (rows, columns, d) float32 array per preceding frame, oldest first.
        labels: Their (rows, columns, K) float32 labels.
    """

    index: int
    basis: Basis
    vectors: tuple[NDArray[np.float32], ...]
    labels: tuple[NDArray[np.float32], ...]

    @classmethod
    def of(cls, index: int, basis: Basis, recent: Iterable[Look]) -> TrackState:
        """The state of a run; shares its arrays."""
        looks = list(recent)
        return cls(
            index, basis, tuple(look.vectors.numpy() for look in looks), tuple(look.labels.numpy() for look in looks)
        )

    def looks(self) -> list[Look]:
        """The preceding frames, as the tracker wants them."""
        import torch

        pairs = zip(self.vectors, self.labels, strict=True)
        return [Look(torch.from_numpy(v), torch.from_numpy(x)) for v, x in pairs]

    def save(self, path: Path) -> None:
        """Write to a safetensors file, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        arrays = {"mean": self.basis.mean}
        if self.basis.axes is not None:
            arrays["axes"] = self.basis.axes
        for number, (vectors, labels) in enumerate(zip(self.vectors, self.labels, strict=True)):
            arrays[f"vectors.{number}"], arrays[f"labels.{number}"] = vectors, labels
        write_bytes(path, seal(arrays, {"layout": _LAYOUT, "index": str(self.index)}))

    @classmethod
    def load(cls, path: Path) -> TrackState:
        """Read a file that `save` wrote.

        Raises:
            CounterpartError: Missing, damaged, or of another version.
        """
        try:
            arrays, about = unseal(path, required=True)
            count = sum(name.startswith("vectors.") for name in arrays)
            state = cls(
                int(about["index"]),
                Basis(arrays["mean"], arrays.get("axes")),
                tuple(arrays[f"vectors.{number}"] for number in range(count)),
                tuple(arrays[f"labels.{number}"] for number in range(count)),
            )
        except (OSError, ValueError, KeyError) as error:
            raise _unusable(path, f"it is damaged or missing ({error})") from None
        if about.get("layout") != _LAYOUT:
            raise _unusable(path, "another version wrote it")
        return state


def _unusable(path: Path, why: str) -> CounterpartError:
    return CounterpartError(
        f"the state of the tracking cannot be read: {why}",
        path=path,
        hint="Start tracking again from the annotated frame",
    )
