"""Dense features as values: what was asked for (`FeatureSpec`) and what came out (`FeatureMap`).

Values only, numpy only. Computing them is `core.backbone.extractor`; storing them is `core.features.cache`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.features.taps import PositionMode, Precision, Tap
from counterpart.core.geometry import GridGeometry, Size


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """Everything that determines the features of an image. Hashable; every field changes `digest()`.

    Attributes:
        model: Registry name of the encoder.
        weights: sha256 of its weights.
        taps: Where descriptors are read, all in one forward pass.
        stride: Distance of patches, input pixels; divides the patch size.
        size: Input size, see `core.geometry.Size`.
        saliency_layer: Block whose CLS attention is kept, or None for none.
        position_mode: See `PositionMode`.
        precision: Arithmetic of the forward pass.
        storage: Type in which the result is kept; float16 halves caches and is the default everywhere but in
            `extract`.
    """

    model: str
    weights: str
    taps: tuple[Tap, ...]
    stride: int
    size: Size
    saliency_layer: int | None
    position_mode: PositionMode = "reference"
    precision: Precision = "float32"
    storage: Literal["float16", "float32"] = "float16"

    def digest(self) -> str:
        """Hex digest over every field, equal for equal specs in every process and on every platform."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def single(self, tap: Tap) -> FeatureSpec:
        """The same request for one tap alone; caches are keyed by it, so that combinations share entries."""
        return dataclasses.replace(self, taps=(tap,))

    def as_dict(self) -> dict[str, object]:
        """Plain values for a file's metadata."""
        data: dict[str, object] = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "taps"
        }
        data["taps"] = [str(tap) for tap in self.taps]
        data["size"] = list(self.size) if isinstance(self.size, tuple) else self.size
        return data


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """Features of one image, read-only.

    Attributes:
        spec: What was asked for.
        image_sha256: Hash of the image file's bytes.
        geometry: Where the tokens lie.
        maps: One (rows, columns, D) array per tap, in the spec's order, in the spec's storage type, not
            normalised.
        cls: One (D,) float32 class descriptor per tap; the mean descriptor for encoders without a class
            token.
        attention: (heads, rows, columns) float32 attention of the class token to the patches in
            `spec.saliency_layer`, as softmax gave it (sums to less than 1 with the class token's own share
            left out); None where there is none.
    """

    spec: FeatureSpec
    image_sha256: str
    geometry: GridGeometry
    maps: tuple[NDArray[np.floating], ...]
    cls: tuple[NDArray[np.float32], ...]
    attention: NDArray[np.float32] | None

    def __post_init__(self) -> None:
        for array in (*self.maps, *self.cls, *(() if self.attention is None else (self.attention,))):
            array.flags.writeable = False

    @property
    def grid_hw(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        return self.geometry.grid_hw

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays."""
        extra = 0 if self.attention is None else self.attention.nbytes
        return sum(array.nbytes for array in (*self.maps, *self.cls)) + extra

    def _index(self, tap: Tap | None) -> int:
        if tap is None:
            return 0
        try:
            return self.spec.taps.index(tap)
        except ValueError:
            have = ", ".join(str(t) for t in self.spec.taps)
            raise KeyError(f"{tap} was not extracted; there are {have}") from None

    def descriptors(self, tap: Tap | None = None) -> NDArray[np.float32]:
        """(rows, columns, D) float32 descriptors of a tap (the first by default), not normalised.

        Raises:
            KeyError: The tap was not extracted.
        """
        return self.maps[self._index(tap)].astype(np.float32, copy=False)

    def flat(self, tap: Tap | None = None, *, normalised: bool = True) -> NDArray[np.float32]:
        """(rows * columns, D) float32 descriptors in row-major order, L2-normalised by default."""
        values = self.descriptors(tap)
        values = values.reshape(-1, values.shape[-1])
        return l2_normalise(values) if normalised else values

    def class_descriptor(self, tap: Tap | None = None) -> NDArray[np.float32]:
        """(D,) float32 class descriptor of a tap, not normalised."""
        return self.cls[self._index(tap)]


def l2_normalise(values: NDArray[np.floating], eps: float = 1e-8) -> NDArray[np.float32]:
    """Scale vectors along the last axis to unit length; a zero vector stays zero.

    Args:
        values: (..., D) real values.
        eps: Smallest norm divided by.

    Returns:
        float32 (..., D), a new array.
    """
    values = np.asarray(values, dtype=np.float32)
    norms = np.sqrt(np.einsum("...d,...d->...", values, values))[..., None]
    out: NDArray[np.float32] = values / np.maximum(norms, eps)
    return out
