"""Parts that can be kept: their centroids, names and colours, with all that new images need to be judged by them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.cosegment.foreground import ForegroundModel
from counterpart.core.errors import FormatError, UsageError
from counterpart.core.features.saliency import SaliencyParams
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureSpec
from counterpart.core.files import write_bytes
from counterpart.core.project.palette import Colour, colour_at
from counterpart.core.sealed import seal, unseal

_FORMAT = "counterpart codebook"
_VERSION = 2
_PLAIN_VERSION = 1
"""Written where every part is its own centroid: earlier versions of the program read that."""


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """A set of parts.

    Attributes:
        parts: (k, D) float32 unit centroids; label i + 1 is part i.
        background: (m, D) float32 unit centroids of what is no part, m may be 0.
        tap: Where the descriptors were read.
        spec: How: model, weights, taps, stride and size.
        names: One per part.
        colours: One per part.
        temperature: Cosine difference at which a part is e times less likely.
        foreground: Judges new images; None judges them by the nearest of all centroids.
        params: What the parts were found with, as plain values.
        prototypes: (K, D) float32 unit vectors, one or more per part: a token belongs to the part of the nearest. None
            where `parts` themselves decide.
        owner: (K,) int64 index of the part that each prototype belongs to.
    """

    parts: NDArray[np.float32]
    background: NDArray[np.float32]
    tap: Tap
    spec: FeatureSpec
    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    temperature: float
    foreground: ForegroundModel | None = None
    params: dict[str, Any] = field(default_factory=dict)
    prototypes: NDArray[np.float32] | None = None
    owner: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if not len(self.parts) == len(self.names) == len(self.colours):
            raise ValueError("every part needs a centroid, a name and a colour")
        if (self.prototypes is None) != (self.owner is None):
            raise ValueError("prototypes and their owners go together")
        if self.owner is not None and self.prototypes is not None:
            whole = len(self.owner) == len(self.prototypes) and self.prototypes.shape[1] == self.parts.shape[1]
            if not whole or set(self.owner.tolist()) != set(range(len(self.parts))):
                raise ValueError("every prototype needs a part, and every part a prototype")

    def similarity(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, k) cosine of unit descriptors, (N, D), to each part: to the nearest of its prototypes."""
        prototypes, owner = self.prototypes_of(range(len(self.parts)))
        cosine = unit @ prototypes.T
        # Prototypes are grouped by part, so one sweep finds the largest of each.
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        out: NDArray[np.float32] = np.maximum.reduceat(cosine, starts, axis=1)
        return out

    def prototypes_of(self, chosen: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(K, D) prototypes of some parts in the order asked for, and (K,) which of the chosen each belongs to."""
        if self.prototypes is None or self.owner is None:
            return self.parts[list(chosen)], np.arange(len(chosen), dtype=np.int64)
        rows = [np.flatnonzero(self.owner == part) for part in chosen]
        owner = np.repeat(np.arange(len(chosen), dtype=np.int64), [len(each) for each in rows])
        return self.prototypes[np.concatenate(rows)] if rows else self.prototypes[:0], owner

    @classmethod
    def default_names(cls, count: int) -> tuple[str, ...]:
        """Names for parts that nobody has named yet."""
        return tuple(f"part {index + 1}" for index in range(count))

    @classmethod
    def default_colours(cls, count: int) -> tuple[Colour, ...]:
        """Colours for parts that nobody has coloured yet."""
        return tuple(colour_at(index) for index in range(count))

    @property
    def taps(self) -> tuple[Tap, ...]:
        """Everything that must be extracted from new images."""
        taps = [self.tap]
        if self.foreground is not None:
            taps += [tap for tap in (self.foreground.tap, self.foreground.saliency.tap) if tap is not None]
        return tuple(dict.fromkeys(taps))

    def check(self, spec: FeatureSpec) -> None:
        """Make sure that features of `spec` can be compared with these parts.

        Raises:
            UsageError: Another model or other weights, or a tap that was not extracted.
        """
        if (spec.model, spec.weights) != (self.spec.model, self.spec.weights):
            raise UsageError(
                f"the codebook was made with the model {self.spec.model}, the features with {spec.model}"
                + ("" if spec.model != self.spec.model else " and other weights"),
                hint=f"Use --model {self.spec.model}, or make a codebook with {spec.model}",
            )
        missing = [str(tap) for tap in self.taps if tap not in spec.taps]
        if missing:
            raise UsageError(f"the codebook needs descriptors {', '.join(missing)}", hint="Extract those as well")

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, atomically; everything but the arrays is JSON in its metadata.

        Raises:
            OutputError: It cannot be written.
        """
        arrays, about = self.packed()
        write_bytes(path, seal(arrays, {"format": _FORMAT, "about": about}))

    def packed(self) -> tuple[dict[str, NDArray[Any]], str]:
        """Its arrays, and everything else as JSON, for a file that holds a codebook beside other things."""
        arrays: dict[str, NDArray[Any]] = {"parts": self.parts, "background": self.background}
        about: dict[str, Any] = {
            "version": _PLAIN_VERSION if self.prototypes is None else _VERSION,
            "tap": str(self.tap),
            "spec": self.spec.as_dict(),
            "names": list(self.names),
            "colours": [list(colour) for colour in self.colours],
            "temperature": self.temperature,
            "params": self.params,
        }
        if self.foreground is not None:
            about["foreground"] = _foreground_values(self.foreground)
            arrays |= _foreground_arrays(self.foreground)
        if self.prototypes is not None and self.owner is not None:
            arrays["prototypes"], arrays["owner"] = self.prototypes, self.owner
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, json.dumps(about)

    @classmethod
    def load(cls, path: str | Path) -> Codebook:
        """Read what `save` wrote.

        Raises:
            FormatError: Missing, damaged, of another kind, or of a later version of the program.
        """
        path = Path(path)
        arrays, metadata = _read(path)
        if metadata.get("format") != _FORMAT:
            raise FormatError("this is not a codebook", path=path, hint="Choose a file that `parts` wrote")
        return cls.unpacked(arrays, metadata.get("about", "{}"), path)

    @classmethod
    def unpacked(cls, arrays: dict[str, NDArray[Any]], about_json: str, path: Path) -> Codebook:
        """The inverse of `packed`; `path` serves messages.

        Raises:
            FormatError: Damaged, or of a later version of the program.
        """
        try:
            about = json.loads(about_json)
            if about["version"] > _VERSION:
                raise FormatError("the codebook is from a later version", path=path, hint="Update the program")
            found = _rebuild(arrays, about)
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise FormatError(
                f"the codebook is damaged ({error})", path=path, hint="Make it again with `parts`"
            ) from error
        return found

    def reordered(self, order: Sequence[int]) -> Codebook:
        """The parts in another order: entry i of the result is part `order[i]` of this; others are left out."""
        prototypes, owner = self.prototypes_of(order)
        several = self.prototypes is not None
        return dataclasses.replace(
            self,
            prototypes=prototypes if several else None,
            owner=owner if several else None,
            parts=self.parts[list(order)],
            names=tuple(self.names[index] for index in order),
            colours=tuple(self.colours[index] for index in order),
        )


def align_parts(centroids: NDArray[np.float32], previous: NDArray[np.float32]) -> list[tuple[int, int | None]]:
    """Put new centroids into the order of the old ones that they resemble.

    The best one-to-one assignment by cosine; new centroids left over follow in their own order.

    Args:
        centroids: (k, D) unit centroids of a new clustering.
        previous: (m, D) unit centroids whose order is to be kept.

    Returns:
        k pairs: a new centroid, and the old one that it continues or None.
    """
    from scipy.optimize import linear_sum_assignment

    old, new = linear_sum_assignment(-(previous @ centroids.T))
    pairs: list[tuple[int, int | None]] = list(zip(new.tolist(), old.tolist(), strict=True))
    taken = set(new.tolist())
    return pairs + [(index, None) for index in range(len(centroids)) if index not in taken]


# Reading and writing ------------------------------------------------------------------------------------------------


def _foreground_values(model: ForegroundModel) -> dict[str, Any]:
    saliency = dataclasses.asdict(model.saliency)
    saliency["tap"] = None if model.saliency.tap is None else str(model.saliency.tap)
    return {
        "saliency": saliency,
        "threshold": model.threshold,
        "tap": None if model.tap is None else str(model.tap),
        "bias": model.bias,
    }


def _foreground_arrays(model: ForegroundModel) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    if model.weights is not None:
        arrays["foreground.weights"] = model.weights
    if model.centroids is not None and model.chosen is not None:
        arrays["foreground.centroids"] = model.centroids
        arrays["foreground.chosen"] = model.chosen.astype(np.uint8)
    return arrays


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    try:
        return unseal(path)
    except FileNotFoundError:
        raise FormatError("the codebook does not exist", path=path, hint="Check the path") from None
    except (OSError, ValueError) as error:
        raise FormatError(
            f"this cannot be read as a codebook ({error})", path=path, hint="Choose a file that `parts` wrote"
        ) from None


def _rebuild(arrays: dict[str, NDArray[Any]], about: dict[str, Any]) -> Codebook:
    parts, background = _centroids(arrays["parts"]), _centroids(arrays["background"])
    if len(background) and background.shape[1] != parts.shape[1]:
        raise ValueError("the centroids differ in width")
    colours = tuple((int(red), int(green), int(blue)) for red, green, blue in about["colours"])
    spec = dict(about["spec"])
    spec["taps"] = tuple(Tap.parse(tap) for tap in spec["taps"])
    spec["size"] = tuple(spec["size"]) if isinstance(spec["size"], list) else spec["size"]
    foreground = about.get("foreground")
    return Codebook(
        parts,
        background,
        Tap.parse(about["tap"]),
        FeatureSpec(**spec),
        tuple(str(name) for name in about["names"]),
        colours,
        float(about["temperature"]),
        None if foreground is None else _rebuild_foreground(arrays, foreground),
        dict(about["params"]),
        None if "prototypes" not in arrays else _centroids(arrays["prototypes"]),
        None if "owner" not in arrays else arrays["owner"].astype(np.int64),
    )


def _rebuild_foreground(arrays: dict[str, NDArray[Any]], about: dict[str, Any]) -> ForegroundModel:
    saliency = dict(about["saliency"])
    saliency["tap"] = None if saliency["tap"] is None else Tap.parse(saliency["tap"])
    saliency["heads"] = None if saliency["heads"] is None else tuple(saliency["heads"])
    centroids = arrays.get("foreground.centroids")
    chosen = arrays.get("foreground.chosen")
    if centroids is not None and (chosen is None or len(chosen) != len(centroids)):
        raise ValueError("the foreground clusters are incomplete")
    return ForegroundModel(
        SaliencyParams(**saliency),
        float(about["threshold"]),
        None if about["tap"] is None else Tap.parse(about["tap"]),
        arrays.get("foreground.weights"),
        float(about["bias"]),
        centroids,
        None if chosen is None else chosen.astype(bool),
    )


def _centroids(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.ndim != 2 or values.dtype != np.float32 or not np.isfinite(values).all():
        raise ValueError("the centroids are no finite float32 table")
    if len(values) and not np.allclose(np.linalg.norm(values, axis=1), 1, atol=1e-3):
        raise ValueError("the centroids are not of unit length")
    return values
