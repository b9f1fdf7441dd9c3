"""The values a project is made of: frozen dataclasses over read-only arrays, no object per point.

Coordinates are `xy` (x, y) in pixels of the original, upright image, pixel centres at integers. An `id` is
given once and never again, not even after a deletion, so that exports keep their category numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.project.palette import Colour

Labels = NDArray[np.unsignedinteger]
"""(height, width) uint8 or uint16 part ids, 0 is background."""

ImageState = Literal["todo", "predicted", "edited", "reviewed", "skipped"]
"""How far the work on an image is: nothing yet, a program's proposal, a person's touch, done, left out."""
IMAGE_STATES: tuple[ImageState, ...] = get_args(ImageState)
PartState = Literal["predicted", "edited", "reviewed"]
"""Whose a part is on one image: a program's, a person's, or a program's that a person has confirmed."""
PART_STATES: tuple[PartState, ...] = get_args(PartState)

BACKGROUND = 0
"""The value in a label map where there is no part."""
MAX_PART_ID = 65_535
"""Label maps are at most 16 bits deep."""

Box4 = tuple[int, int, int, int]
"""(top, left, bottom, right) in image pixels, half open."""


def mask_bbox(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """(top, left, bottom, right) of the pixels that are set, half open; None when there are none."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    cols = np.flatnonzero(mask[top:bottom].any(axis=0))
    return top, int(cols[0]), bottom, int(cols[-1]) + 1


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image of the project. The file is referenced, never copied or rewritten.

    Attributes:
        id: Identifier within the project.
        name: POSIX path that names the image to a person and in exports; unique in the project.
        path: POSIX path of the file relative to the project's image folder `root`.
        root: Identifier of that folder.
        size_bytes: Length of the file, -1 while unknown.
        sha256: Hex digest of the file's bytes, empty while nobody has read the whole file.
        width: Upright width in pixels, 0 while unknown.
        height: Upright height in pixels, 0 while unknown.
        state: Review state.
        doubt: How much a program doubts its proposal, in [0, 1]; None when there is no estimate.
    """

    id: int
    name: str
    path: str = ""
    root: int = 1
    size_bytes: int = -1
    sha256: str = ""
    width: int = 0
    height: int = 0
    state: ImageState = "todo"
    doubt: float | None = None

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels, (0, 0) while unknown."""
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class PartLabel:
    """A part (a class of pixels), shared by all images.

    Attributes:
        id: Value in label maps and category id in exports, 1..65535, stable for ever.
        name: Unique in the project.
        colour: For overlays and palettes.
        order: Place in lists, from 0; also which number key chooses it.
        locked: Pixels of a locked part are not painted over and the part is not painted with.
        visible: Whether overlays show it.
    """

    id: int
    name: str
    colour: Colour
    order: int = 0
    locked: bool = False
    visible: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.id <= MAX_PART_ID:
            raise UsageError(f"{self.id} cannot be a part's id", hint=f"Ids are 1 to {MAX_PART_ID}")
        if not self.name.strip():
            raise UsageError("a part needs a name", hint="Give it one that says what it is")


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """Which part each pixel of an image belongs to. The truth for masks; polygons are a view of it.

    Attributes:
        labels: (height, width) uint8, or uint16 where an id is above 255; 0 is background. Read-only.
        states: For the parts of this image, whose they are. A part without an entry is `predicted`.
        provenance: Identifier of the job that proposed what is predicted here, 0 for none.
    """

    labels: Labels
    states: Mapping[int, PartState] = field(default_factory=dict)
    provenance: int = 0

    def __post_init__(self) -> None:
        values = np.asarray(self.labels)
        if values.ndim != 2 or values.dtype.kind not in "bui":
            raise ValueError(f"a label map is a 2-D array of integers, not {values.dtype} of shape {values.shape}")
        if values.dtype not in (np.uint8, np.uint16):
            low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
            if low < 0 or high > MAX_PART_ID:
                raise ValueError(f"labels {low}..{high} do not fit 0..{MAX_PART_ID}")
            values = values.astype(np.uint8 if high < 256 else np.uint16)
        if values.flags.writeable:
            values = values.copy()
            values.flags.writeable = False
        object.__setattr__(self, "labels", values)
        object.__setattr__(self, "states", dict(self.states))

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    def state(self, part: int) -> PartState:
        """Whose the part is on this image."""
        return self.states.get(part, "predicted")

    def areas(self) -> dict[int, int]:
        """Pixels of every part that occurs, by id in rising order, without the background."""
        counts = np.bincount(self.labels.reshape(-1))
        return {int(part): int(counts[part]) for part in np.flatnonzero(counts) if part != BACKGROUND}

    def mask(self, part: int) -> NDArray[np.bool_]:
        """(height, width) bool, true where the part is."""
        return np.asarray(self.labels == part)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where predictions come from.

    Attributes:
        job: Kind of job, `parts`, `transfer`.
        params: Its parameters as JSON text.
        model: Name of the encoder, empty for none.
        weights: sha256 of its weights, empty for none.
        when: UTC time in ISO 8601.
        id: Identifier within the project, 0 while it is not stored.
    """

    job: str
    params: str = "{}"
    model: str = ""
    weights: str = ""
    when: str = ""
    id: int = 0
