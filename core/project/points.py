"""Keypoints and correspondences as values: struct of arrays, read-only."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.errors import UsageError
from counterpart.core.project.palette import Colour

Box = tuple[float, float, float, float]
"""(x, y, width, height) in pixels, of pixel edges: the box of the one pixel (3, 5) is (2.5, 4.5, 1, 1)."""


class Visibility(IntEnum):
    """COCO's three values for a keypoint."""

    ABSENT = 0
    OCCLUDED = 1
    VISIBLE = 2


class Origin(IntEnum):
    """Where a keypoint comes from. A person's (`USER`, `CONFIRMED`) is never overwritten by a prediction."""

    USER = 0
    TRANSFERRED = 1
    CONFIRMED = 2


class MatchState(IntEnum):
    """What a person thinks of a proposed correspondence."""

    PROPOSED = 0
    ACCEPTED = 1
    REJECTED = 2


def outside(box: Box, hw: tuple[int, int]) -> bool:
    """Whether a box in the project's frame has no pixel of an image of (height, width)."""
    x, y, width, height = box
    return x + width <= -0.5 or y + height <= -0.5 or x >= hw[1] - 0.5 or y >= hw[0] - 0.5


_Scalar = TypeVar("_Scalar", bound=np.generic)


def _frozen(values: ArrayLike, dtype: type[_Scalar], shape: tuple[int | None, ...], what: str) -> NDArray[_Scalar]:
    """A read-only array of the given type and shape (None: any length), copied if it could be written to."""
    array: NDArray[_Scalar] = np.asarray(values, dtype=dtype)
    if array.size == 0 and not all(shape):  # `[]` has no second dimension
        array = array.reshape([side or 0 for side in shape])
    if array.ndim != len(shape) or any(
        want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
    ):
        raise ValueError(f"{what} has shape {array.shape}, not {shape}")
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Names of keypoints and how they hang together; shared by all images.

    Attributes:
        names: Unique names of the K keypoints.
        edges: Pairs of indices to draw a line between.
        colours: One per keypoint, or empty for the palette's.
        mirror_pairs: Pairs of indices (left, right) that change places when an image is flipped.
        name: What the skeleton belongs to, `horse`; the category's name in exports.
        id: Category id in exports, 0 while it is not part of a project.
        point_ids: Identifiers of the keypoints, stable under renaming and reordering; 1..K when left out.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    colours: tuple[Colour, ...] = ()
    mirror_pairs: tuple[tuple[int, int], ...] = ()
    name: str = "object"
    id: int = 0
    point_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.point_ids:
            object.__setattr__(self, "point_ids", tuple(range(1, len(self.names) + 1)))
        doubled = [name for name, count in Counter(self.names).items() if count > 1]
        if doubled:
            raise UsageError(f"keypoint {min(doubled)!r} occurs twice in the skeleton", hint="Names must differ")
        if any(not name.strip() for name in self.names):
            raise UsageError("a keypoint of the skeleton has no name", hint="Give it one")
        for what, pairs in (("edge", self.edges), ("mirror pair", self.mirror_pairs)):
            for pair in pairs:
                if not all(0 <= index < len(self.names) for index in pair):
                    raise UsageError(f"{what} {tuple(pair)} points outside the {len(self.names)} keypoints")
        if len(self.point_ids) != len(self.names) or len(set(self.point_ids)) != len(self.names):
            raise UsageError("the skeleton's keypoint ids do not fit its names")
        if self.colours and len(self.colours) != len(self.names):
            raise UsageError(f"{len(self.colours)} colours for {len(self.names)} keypoints")

    def __len__(self) -> int:
        return len(self.names)

    def mirror_order(self) -> NDArray[np.int64]:
        """(K,) index of the keypoint that stands at each place after a left-right flip."""
        order = np.arange(len(self.names))
        for left, right in self.mirror_pairs:
            order[[left, right]] = right, left
        return order


@dataclass(frozen=True, slots=True, eq=False)
class KeypointSet:
    """The keypoints of one instance on one image, in its skeleton's order.

    Attributes:
        xy: (K, 2) float64 image pixels; NaN where there is no point.
        visibility: (K,) uint8, see `Visibility`. Absent (0) wherever `xy` is NaN.
        score: (K,) float32, the calibrated chance of a transferred point being right; 1 for a person's.
        origin: (K,) uint8, see `Origin`.
        box: The instance's box, or None.
        skeleton: Identifier of the skeleton.
        instance: Identifier of the instance within the project, 0 while it is not stored.
        template: Whether the instance serves as a template for transfer.
        provenance: Identifier of the job that proposed it, 0 for none.
    """

    xy: NDArray[np.float64]
    visibility: NDArray[np.uint8]
    score: NDArray[np.float32]
    origin: NDArray[np.uint8]
    box: Box | None = None
    skeleton: int = 1
    instance: int = 0
    template: bool = False
    provenance: int = 0

    def __post_init__(self) -> None:
        xy = _frozen(self.xy, np.float64, (None, 2), "xy")
        count = xy.shape[0]
        visibility = _frozen(self.visibility, np.uint8, (count,), "visibility")
        if visibility.size and int(visibility.max()) > 2:
            raise ValueError("visibility is 0, 1 or 2")
        missing = ~np.isfinite(xy).all(axis=1)
        if (missing & (visibility > 0)).any():
            visibility = _frozen(np.where(missing, 0, visibility), np.uint8, (count,), "visibility")
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "visibility", visibility)
        object.__setattr__(self, "score", _frozen(self.score, np.float32, (count,), "score"))
        object.__setattr__(self, "origin", _frozen(self.origin, np.uint8, (count,), "origin"))

    @classmethod
    def make(
        cls,
        xy: ArrayLike,
        visibility: ArrayLike | None = None,
        score: ArrayLike | None = None,
        origin: Origin | ArrayLike = Origin.USER,
        *,
        box: Box | None = None,
        skeleton: int = 1,
        instance: int = 0,
        template: bool = False,
        provenance: int = 0,
    ) -> KeypointSet:
        """Build a set; by default finite points are visible, drawn by a person, with score 1."""
        points = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
        finite = np.isfinite(points).all(axis=1)
        count = len(points)
        return cls(
            points,
            np.where(finite, 2, 0).astype(np.uint8) if visibility is None else np.asarray(visibility),
            np.ones(count, np.float32) if score is None else np.asarray(score),
            np.broadcast_to(np.asarray(origin, dtype=np.uint8), (count,)),
            box,
            skeleton,
            instance,
            template,
            provenance,
        )

    @classmethod
    def empty(cls, skeleton: Skeleton) -> KeypointSet:
        """An instance none of whose points is set."""
        return cls.make(np.full((len(skeleton), 2), np.nan), skeleton=skeleton.id)

    def __len__(self) -> int:
        return len(self.visibility)

    @property
    def present(self) -> NDArray[np.bool_]:
        """(K,) bool, true where there is a point, visible or occluded."""
        return np.asarray(self.visibility > 0)

    def reordered(self, source: Sequence[int | None]) -> KeypointSet:
        """The set for a changed skeleton: point k comes from old index `source[k]`, or is absent for None."""
        index = np.array([-1 if old is None else old for old in source], dtype=np.int64)
        known = index >= 0
        xy = np.full((len(index), 2), np.nan)
        visibility = np.zeros(len(index), np.uint8)
        score = np.ones(len(index), np.float32)
        origin = np.zeros(len(index), np.uint8)
        for new, old in (
            (xy, self.xy),
            (visibility, self.visibility),
            (score, self.score),
            (origin, self.origin),
        ):
            new[known] = old[index[known]]
        return dataclasses.replace(self, xy=xy, visibility=visibility, score=score, origin=origin)


@dataclass(frozen=True, slots=True, eq=False)
class MatchSet:
    """Correspondences between two images.

    Attributes:
        image_a: Identifier of the first image.
        image_b: Identifier of the second image.
        xy_a: (N, 2) float64 pixels of image a.
        xy_b: (N, 2) float64 pixels of image b.
        score: (N,) float32 cosine similarity; NaN where a person drew the line.
        cycle_error: (N,) float32 pixels of image a between a point and where it comes back to; NaN: unknown.
        state: (N,) uint8, see `MatchState`.
        locked: (N,) bool; a locked match is neither moved nor replaced.
        provenance: Identifier of the job that proposed them, 0 for none.
    """

    image_a: int
    image_b: int
    xy_a: NDArray[np.float64]
    xy_b: NDArray[np.float64]
    score: NDArray[np.float32]
    cycle_error: NDArray[np.float32]
    state: NDArray[np.uint8]
    locked: NDArray[np.bool_]
    provenance: int = 0

    def __post_init__(self) -> None:
        xy_a = _frozen(self.xy_a, np.float64, (None, 2), "xy_a")
        count = len(xy_a)
        object.__setattr__(self, "xy_a", xy_a)
        object.__setattr__(self, "xy_b", _frozen(self.xy_b, np.float64, (count, 2), "xy_b"))
        object.__setattr__(self, "score", _frozen(self.score, np.float32, (count,), "score"))
        object.__setattr__(self, "cycle_error", _frozen(self.cycle_error, np.float32, (count,), "cycle_error"))
        object.__setattr__(self, "state", _frozen(self.state, np.uint8, (count,), "state"))
        object.__setattr__(self, "locked", _frozen(self.locked, np.bool_, (count,), "locked"))

    @classmethod
    def make(
        cls,
        image_a: int,
        image_b: int,
        xy_a: ArrayLike,
        xy_b: ArrayLike,
        score: ArrayLike | None = None,
        cycle_error: ArrayLike | None = None,
        state: MatchState | ArrayLike = MatchState.PROPOSED,
        locked: ArrayLike | None = None,
        provenance: int = 0,
    ) -> MatchSet:
        """Build a set with what is left out unknown, proposed and not locked."""
        points_a = np.asarray(xy_a, dtype=np.float64).reshape(-1, 2)
        count = len(points_a)
        unknown = np.full(count, np.nan, np.float32)
        return cls(
            image_a,
            image_b,
            points_a,
            np.asarray(xy_b, dtype=np.float64).reshape(-1, 2),
            unknown if score is None else np.asarray(score),
            unknown if cycle_error is None else np.asarray(cycle_error),
            np.broadcast_to(np.asarray(state, dtype=np.uint8), (count,)),
            np.zeros(count, np.bool_) if locked is None else np.asarray(locked),
            provenance,
        )

    def __len__(self) -> int:
        return len(self.state)

    def swapped(self) -> MatchSet:
        """The same lines seen from the other image. The cycle error stays as it was measured."""
        return dataclasses.replace(self, image_a=self.image_b, image_b=self.image_a, xy_a=self.xy_b, xy_b=self.xy_a)

    def take(self, index: ArrayLike) -> MatchSet:
        """The matches at the given indices or where the given mask is true."""
        chosen = np.asarray(index)
        return dataclasses.replace(
            self,
            xy_a=self.xy_a[chosen],
            xy_b=self.xy_b[chosen],
            score=self.score[chosen],
            cycle_error=self.cycle_error[chosen],
            state=self.state[chosen],
            locked=self.locked[chosen],
        )
