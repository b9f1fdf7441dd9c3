"""What formats exchange: annotations as values, what to export, and what became of it.

Coordinates inside are the project's: xy with pixel centres at integers, boxes of pixel edges. Every format's module
says in which convention it writes; `to_corner` moves from centres to the corner convention, in which (0, 0) is the
upper left corner of the image and the first pixel's centre is (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.formats.numbers import Numbers
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import ImageState, PartLabel
from counterpart.core.project.points import Box, KeypointSet, MatchSet, Skeleton
from counterpart.core.project.tiles import PackedLabels


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedImage:
    """The annotations of one image.

    Attributes:
        name: POSIX path that names the image.
        hw: Height and width in pixels, (0, 0) while unknown.
        id: Identifier in the project, 0 where it is not one of the project's.
        file: Where the image is, None while unknown.
        labels: Parts of its pixels, by the dataset's part ids; None for none.
        keypoints: Its instances, by the dataset's skeleton ids.
        state: Review state.
        placed: What became of its name, where it was read from a file.
        individuals: Name of the individual that each instance is, empty for none; left out where there are no names.
        number: The number that the image has in the file that it was read from, where it has one.
        picture: Gives the photograph itself, encoded, where only the file of annotations has it.
    """

    name: str
    hw: tuple[int, int] = (0, 0)
    id: int = 0
    file: Path | None = None
    labels: PackedLabels | None = None
    keypoints: tuple[KeypointSet, ...] = ()
    state: ImageState = "todo"
    placed: Placed | None = None
    picture: Callable[[], bytes] | None = None
    individuals: tuple[str, ...] = ()
    number: int | None = None

    @property
    def identity(self) -> int | str | Path:
        """What tells its photograph from others: the project's id, the file, or at least the name."""
        return self.id or self.file or self.name

    @property
    def given(self) -> str:
        """Its name as the file has it."""
        return self.name if self.placed is None else self.placed.given

    @property
    def brings(self) -> bool:
        """Whether there is anything to take over: an image alone, a box, an empty mask is nothing."""
        labelled = self.labels is not None and bool(self.labels.areas)
        return labelled or any(points.present.any() for points in self.keypoints)

    def named_instances(self) -> Iterator[tuple[KeypointSet, str]]:
        """Its instances with the names of the individuals, empty where there are none."""
        yield from zip_longest(self.keypoints, self.individuals[: len(self.keypoints)], fillvalue="")

    @classmethod
    def at(
        cls,
        placed: Placed,
        labels: PackedLabels | None = None,
        keypoints: tuple[KeypointSet, ...] = (),
        picture: Callable[[], bytes] | None = None,
        individuals: tuple[str, ...] = (),
    ) -> AnnotatedImage:
        """What was read for a photograph; labels and points are in its own upright frame."""
        return cls(
            placed.name,
            placed.hw,
            placed.image,
            placed.file,
            labels,
            keypoints,
            placed=placed,
            picture=picture,
            individuals=individuals,
        )


@dataclass(frozen=True, slots=True, eq=False)
class NamedMatches:
    """Correspondences between two images, by name. The ids in `matches` mean nothing here."""

    name_a: str
    name_b: str
    matches: MatchSet


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What a format writes or reads.

    Attributes:
        parts: Classes of pixels, in order.
        skeletons: Classes of instances.
        images: May be made on the fly when iterated; may be iterated several times.
        matches: Correspondences of pairs of these images.
        categories: Number of each category in the file that they were read from, by name.
        numbers: What images and categories are numbered by in files that number them.
    """

    parts: tuple[PartLabel, ...] = ()
    skeletons: tuple[Skeleton, ...] = ()
    images: Sequence[AnnotatedImage] = ()
    matches: Sequence[NamedMatches] = ()
    categories: Mapping[str, int] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)

    def individuals(self) -> list[str]:
        """Names of individuals, in the order in which they first occur."""
        return list(dict.fromkeys(name for image in self.images for name in image.individuals if name))

    def image_names(self) -> list[str]:
        """Names of the images, without making the images where that is not needed."""
        names = getattr(self.images, "names", None)
        return list(names) if names is not None else [image.name for image in self.images]

    def part_names(self) -> dict[int, str]:
        """Names of parts by id."""
        return {part.id: part.name for part in self.parts}

    def skeleton(self, number: int) -> Skeleton:
        """A skeleton by id. Raises KeyError."""
        for found in self.skeletons:
            if found.id == number:
                return found
        raise KeyError(number)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What of a project is exported, and how. Every format uses what applies to it.

    Attributes:
        image_ids: Only these images; all when None.
        states: Only images in these review states; all when None.
        polygons: Write outlines where a format can hold both outlines and exact masks.
        copy_images: Put copies of the images where the format expects them.
        skeleton: Only instances of this skeleton, for formats that hold one; the first when None.
    """

    image_ids: tuple[int, ...] | None = None
    states: tuple[ImageState, ...] | None = None
    polygons: bool = False
    copy_images: bool = False
    skeleton: int | None = None


@dataclass(slots=True)
class ExportReport:
    """What was written.

    Attributes:
        format: Name of the format.
        path: Where.
        images: Images that have annotations in it.
        annotations: Masks, instances or matches written.
        skipped: Images left out, with the reason.
        lost: What the format cannot hold, in words, with the image.
        notes: Conventions that a reader should know.
    """

    format: str
    path: Path
    images: int = 0
    annotations: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a JSON report."""
        return {
            "format": self.format,
            "path": str(self.path),
            "images": self.images,
            "annotations": self.annotations,
            "skipped": [{"image": name, "reason": reason} for name, reason in self.skipped],
            "lost": [{"image": name, "what": what} for name, what in self.lost],
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class ImportReport:
    """What was read.

    Attributes:
        format: Name of the format.
        path: From where.
        images: Images of the project that got annotations.
        annotations: Masks, instances or matches taken over.
        added_images: Images that were not in the project and are now.
        added_parts: Parts that were made.
        added_skeletons: Skeletons that were made.
        skipped: What was left out, by image or record, with the reason.
        lost: What was in the file and could not be kept, in words.
        notes: What was taken otherwise than the file says it, in words.
    """

    format: str
    path: Path
    images: int = 0
    annotations: int = 0
    added_images: list[str] = field(default_factory=list)
    added_parts: list[str] = field(default_factory=list)
    added_skeletons: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a JSON report."""
        return {
            "format": self.format,
            "path": str(self.path),
            "images": self.images,
            "annotations": self.annotations,
            "added_images": list(self.added_images),
            "added_parts": list(self.added_parts),
            "added_skeletons": list(self.added_skeletons),
            "skipped": [{"what": name, "reason": reason} for name, reason in self.skipped],
            "lost": [{"where": name, "what": what} for name, what in self.lost],
            "notes": [{"where": name, "what": what} for name, what in self.notes],
        }


Kind = Literal["masks", "keypoints", "matches"]
Writer = Callable[[Dataset, Path, ExportOptions, JobContext], ExportReport]
Reader = Callable[[Path, Source, JobContext, ImportReport], Dataset]


@dataclass(frozen=True, slots=True)
class Format:
    """An entry in the table of formats.

    Attributes:
        name: On the command line.
        title: For a person.
        suffix: Of the file that it is; empty for a folder.
        holds: What of `masks`, `keypoints` and `matches` it can hold.
        write: Writes it, None if it is only read.
        read: Reads it, None if it is only written.
        note: What it is for and what it cannot hold.
        extra: Name of the optional dependency set that it needs, empty for none.
    """

    name: str
    title: str
    suffix: str
    holds: tuple[Kind, ...]
    write: Writer | None
    read: Reader | None
    note: str = ""
    extra: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether the target is a folder."""
        return not self.suffix


def to_corner(xy: ArrayLike) -> NDArray[np.float64]:
    """(..., 2) xy with pixel centres at integers -> xy with pixel corners at integers."""
    return np.asarray(xy, dtype=np.float64) + 0.5


def box_to_corner(box: Box) -> Box:
    """(x, y, width, height) of pixel edges in the project's frame -> the same with (0, 0) at the image's corner."""
    return box[0] + 0.5, box[1] + 0.5, box[2], box[3]


def box_from_corner(box: Box) -> Box:
    """Inverse of `box_to_corner`."""
    return box[0] - 0.5, box[1] - 0.5, box[2], box[3]


def with_progress(images: Sequence[AnnotatedImage], ctx: JobContext, verb: str) -> Iterator[AnnotatedImage]:
    """The images, reporting and cancelling between them."""
    total = len(images)
    for number, image in enumerate(images):
        ctx.step(number, total, f"{verb} {image.name}")
        yield image
    ctx.step(total, total, "Done")


def put_file(path: Path, data: bytes | str) -> None:
    """Write a file of a folder that is being filled; the folder is moved into place when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
