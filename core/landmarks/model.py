"""A fitted map from parts to landmarks: applied, stored and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import write_bytes
from counterpart.core.landmarks.features import CoordinateFrame, LandmarkParams, PartMaps, features_of, frame_of
from counterpart.core.sealed import seal, unseal

_LAYOUT = "landmarks-1"


class Landmarks(NamedTuple):
    """Landmarks of one image.

    Attributes:
        xy: (L, 2) float64 image pixels; NaN for landmarks that were not learnt.
        spread: (L,) float64 expected error in pixels, from leaving out each labelled image in turn.
    """

    xy: NDArray[np.float64]
    spread: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkModel:
    """A fitted map. `xy = intercept + features @ weights` in its frame.

    Attributes:
        names: One per landmark.
        parts: Number of parts, background not counted.
        params: Settings, with what leave-one-out chose.
        weights: (L, F, 2) float32.
        intercept: (L, 2) float64; NaN where a landmark was not learnt.
        spread: (L,) float64 root mean square of the leave-one-out errors, in half-widths of the frame.
        typical: (F,) float32 mean features, which stand in for missing parts (centroids).
        basis: (D, d) float32 that reduces descriptors, None without them.
        dropped: (N, L) bool labels that were left out of the fit as contradictions.
    """

    names: tuple[str, ...]
    parts: int
    params: LandmarkParams
    weights: NDArray[np.float32]
    intercept: NDArray[np.float64]
    spread: NDArray[np.float64]
    typical: NDArray[np.float32]
    basis: NDArray[np.float32] | None
    dropped: NDArray[np.bool_]

    @property
    def frame(self) -> CoordinateFrame:
        """The frame that it works in."""
        return "object" if self.params.frame == "object" else "image"

    def packed(self) -> tuple[dict[str, NDArray[Any]], str]:
        """Its arrays, and everything else as JSON, for a safetensors file."""
        arrays = {name: getattr(self, name) for name in ("weights", "intercept", "spread", "typical")}
        arrays["dropped"] = self.dropped.astype(np.uint8)
        if self.basis is not None:
            arrays["basis"] = self.basis
        about = {"names": self.names, "parts": self.parts, "params": asdict(self.params)}
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, json.dumps(about)

    @classmethod
    def unpacked(cls, arrays: Mapping[str, NDArray[Any]], about_json: str) -> LandmarkModel:
        """The inverse of `packed`.

        Raises:
            ValueError, KeyError, TypeError: Something else, or damaged.
        """
        about = json.loads(about_json)
        return cls(
            tuple(about["names"]),
            int(about["parts"]),
            LandmarkParams(**about["params"]),
            arrays["weights"],
            arrays["intercept"],
            arrays["spread"],
            arrays["typical"],
            arrays.get("basis"),
            arrays["dropped"].astype(np.bool_),
        )

    def save(self, path: str | Path) -> None:
        """Write to a safetensors file, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        arrays, about = self.packed()
        write_bytes(path, seal(arrays, {"layout": _LAYOUT, "about": about}))

    @classmethod
    def load(cls, path: str | Path) -> LandmarkModel:
        """Read a file that `save` wrote.

        Raises:
            FormatError: Missing, damaged, or something else.
        """
        arrays, metadata = read_tensors(path)
        try:
            return cls.unpacked(arrays, metadata["about"] if metadata.get("layout") == _LAYOUT else "{}")
        except (ValueError, KeyError, TypeError) as error:
            raise _not_a_model(path, error) from None


def read_tensors(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and metadata of a safetensors file.

    Raises:
        FormatError: Missing or damaged.
    """
    try:
        return unseal(Path(path))
    except (OSError, ValueError) as error:
        raise _not_a_model(path, error) from None


def _not_a_model(path: str | Path, error: Exception) -> FormatError:
    return FormatError(f"this is not a landmark model ({error})", path=path, hint="Fit it again with `landmarks fit`")


def predict_landmarks(model: LandmarkModel, image: PartMaps) -> Landmarks:
    """Landmarks of a new image.

    Raises:
        UsageError: The image has other parts than the model was fitted on.
    """
    parts = image.scores.shape[-1] - 1
    if parts != model.parts or (image.descriptors is None) != (model.basis is None):
        raise UsageError(
            f"the landmarks were learnt from {model.parts} parts, this image has {parts}",
            hint="Find parts with the codebook that the landmarks were learnt with",
        )
    origin, half = frame_of(image, model.frame)
    features = features_of(image, model.params, model.basis, origin, half)
    features = np.where(np.isfinite(features), features, model.typical)
    places = model.intercept + np.einsum("f,lfc->lc", features, model.weights, dtype=np.float64)
    return Landmarks(origin + places * half, model.spread * float(np.sqrt(half[0] * half[1])))
