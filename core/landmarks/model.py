"""A fitted map from parts to landmarks: applied, stored and read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import FormatError, UsageError
from core.files import atomic_write
from core.landmarks.features import Frame, LandmarkParams, PartMaps, features_of, frame_of

__all__ = ["LandmarkModel", "Landmarks", "predict_landmarks"]

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
    def frame(self) -> Frame:
        """The frame that it works in."""
        return "object" if self.params.frame == "object" else "image"

    def save(self, path: str | Path) -> None:
        """Write to a safetensors file, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        from safetensors.numpy import save

        arrays = {name: getattr(self, name) for name in ("weights", "intercept", "spread", "typical")}
        arrays["dropped"] = self.dropped.astype(np.uint8)
        if self.basis is not None:
            arrays["basis"] = self.basis
        about = {"names": self.names, "parts": self.parts, "params": asdict(self.params)}
        data = save(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            {"layout": _LAYOUT, "about": json.dumps(about)},
        )
        with atomic_write(path) as file:
            file.write(data)

    @classmethod
    def load(cls, path: str | Path) -> LandmarkModel:
        """Read a file that `save` wrote.

        Raises:
            FormatError: Missing, damaged, or something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), "np") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            about = json.loads(metadata["about"]) if metadata.get("layout") == _LAYOUT else {}
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
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise FormatError(
                f"this is not a landmark model ({error})", path=path, hint="Fit it again with `landmarks fit`"
            ) from None


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
