"""Metrics of video object segmentation, as DAVIS defines them: region similarity J, boundary measure F.

Source: Perazzi et al., *A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation*, CVPR
2016, sections 4 and 5, and the protocol of DAVIS 2017 for several objects: each object is measured on each
frame against the union of the rest, means are taken over an object's frames, then over objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ProtocolError
from counterpart.core.evaluate.datasets.layout import found_in
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.jobs import JobContext

BOUNDARY_TOLERANCE = 0.008
"""How far apart two boundary pixels may lie and still agree, as a share of the image diagonal."""


def region_j(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Jaccard index of two (H, W) masks; 1 where both are empty."""
    union = np.count_nonzero(predicted | truth)
    return np.count_nonzero(predicted & truth) / union if union else 1.0


def boundary_map(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One-pixel boundary of an (H, W) mask: pixels that differ from their right, lower or lower-right neighbour.

    The mask's own edge at the image border is no boundary, as in the benchmark's code.
    """
    mask = np.asarray(mask, dtype=np.bool_)
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, down, diagonal = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return np.asarray((mask ^ right) | (mask ^ down) | (mask ^ diagonal))


def boundary_f(predicted: NDArray[np.bool_], truth: NDArray[np.bool_], tolerance: float = BOUNDARY_TOLERANCE) -> float:
    """F measure of two masks' boundaries.

    A boundary pixel counts when a pixel of the other boundary lies within `ceil(tolerance * diagonal)` pixels.

    Args:
        predicted: (H, W) bool.
        truth: (H, W) bool.
        tolerance: Share of the image diagonal; 1 and above are pixels.

    Returns:
        In [0, 1]. Where neither mask has a boundary 1, where only one has it 0.
    """
    edge_p, edge_t = boundary_map(predicted), boundary_map(truth)
    count_p, count_t = np.count_nonzero(edge_p), np.count_nonzero(edge_t)
    if not count_p and not count_t:
        return 1.0
    if not count_p or not count_t:
        return 0.0
    radius = tolerance if tolerance >= 1 else math.ceil(tolerance * math.hypot(*truth.shape))
    precision = np.count_nonzero(edge_p & _within(edge_t, radius)) / count_p
    recall = np.count_nonzero(edge_t & _within(edge_p, radius)) / count_t
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _within(edge: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Pixels that have an edge pixel within a radius (a disk, edge pixel included)."""
    import cv2

    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= radius + 1e-4)


@dataclass(frozen=True, slots=True, eq=False)
class VideoScore:
    """Scores of one sequence, in per cent.

    Attributes:
        names: Index of each object, as in the label maps.
        j: (objects, frames) region similarity.
        f: (objects, frames) boundary measure.
    """

    names: tuple[int, ...]
    j: NDArray[np.float64]
    f: NDArray[np.float64]

    @property
    def mean_j(self) -> float:
        """Mean over frames, then over objects."""
        return float(self.j.mean(axis=1).mean())

    @property
    def mean_f(self) -> float:
        """Mean over frames, then over objects."""
        return float(self.f.mean(axis=1).mean())


def score_video(
    frames: Iterable[tuple[NDArray[np.integer], NDArray[np.integer]]], objects: Sequence[int]
) -> VideoScore:
    """Score a sequence.

    The caller leaves out what is not scored: DAVIS skips the first frame, which is given, and (for 2016's and
    2017's official figures) the last.

    Args:
        frames: Pairs of (predicted, true) (H, W) label maps of equal size.
        objects: Labels to score.

    Raises:
        ValueError: No frames, or maps of different sizes.
    """
    j: list[list[float]] = []
    f: list[list[float]] = []
    for predicted, truth in frames:
        if predicted.shape != truth.shape:
            raise ValueError(f"a prediction of {predicted.shape} cannot be scored against {truth.shape}")
        pairs = [(predicted == label, truth == label) for label in objects]
        j.append([region_j(*pair) * 100 for pair in pairs])
        f.append([boundary_f(*pair) * 100 for pair in pairs])
    if not j:
        raise ValueError("there are no frames to score")
    return VideoScore(tuple(objects), np.array(j).T, np.array(f).T)


@dataclass(frozen=True, slots=True)
class DavisSequence:
    """One sequence of a data set in DAVIS layout.

    Attributes:
        name: The sequence's folder.
        frames: Image files in order.
        masks: Mask file of each frame, None where there is none (DAVIS 2017's test sets give the first only).
    """

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path | None, ...]


def davis_sequences(
    root: Path, split: str | None = None, year: int | None = None, ctx: JobContext | None = None
) -> list[DavisSequence]:
    """Find the sequences of DAVIS 2016, 2017 or a set in the same layout.

    Args:
        root: Holds `JPEGImages` and `Annotations`, each with `480p/NAME` or `NAME` inside.
        split: Name of a list in `ImageSets/YEAR`, for example `val`; every sequence by default.
        year: 2016 or 2017, which list to take; 2017 if it is there.
        ctx: Where sequences without frames or without a first mask are recorded; an error by default.

    Raises:
        ProtocolError: A folder or list is missing, or every sequence is unusable.
    """
    images, masks = _level(root / "JPEGImages"), _level(root / "Annotations")
    names = sorted(p.name for p in images.iterdir() if p.is_dir()) if split is None else _listed(root, split, year)
    if not names:
        raise ProtocolError("there are no sequences", path=images, hint="Expected one folder of JPEGs per sequence")
    found = []
    for name in names:
        try:
            found.append(_sequence(name, images / name, masks / name))
        except ProtocolError as error:
            if ctx is None:
                raise
            ctx.fail(error)
    if not found:
        raise ProtocolError("no sequence can be used", path=images, hint="See the reasons given for each")
    return found


def _level(folder: Path) -> Path:
    if not folder.is_dir():
        raise ProtocolError(
            f"this folder of the DAVIS layout is missing; beside it there is {found_in(folder.parent)}",
            path=folder,
            hint="Give the folder that holds JPEGImages and Annotations",
        )
    inner = folder / "480p"
    return inner if inner.is_dir() else folder


def _listed(root: Path, split: str, year: int | None) -> list[str]:
    years = [year] if year is not None else [2017, 2016]
    files = [root / "ImageSets" / str(y) / f"{split}.txt" for y in years]
    for file in files:
        if file.is_file():
            names = []
            for line in file.read_text(encoding="utf-8").split("\n"):
                # 2017 lists names; 2016 lists "/JPEGImages/480p/NAME/00000.jpg /Annotations/..." per frame.
                word = line.split()[0] if line.split() else ""
                name = word.rstrip("/").split("/")[-2] if word.endswith(".jpg") else word
                if name and name not in names:
                    names.append(name)
            return names
    raise ProtocolError(
        f"the list of the split '{split}' is missing", path=files[0], hint="Check the root, the year and the split"
    )


def _sequence(name: str, images: Path, masks: Path) -> DavisSequence:
    if not images.is_dir():
        raise ProtocolError(f"the sequence '{name}' has no folder of frames", path=images)
    frames = tuple(sorted(p for p in images.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES))
    if not frames:
        raise ProtocolError(f"the sequence '{name}' has no frames", path=images)
    found = tuple(path if (path := masks / f"{frame.stem}.png").is_file() else None for frame in frames)
    if found[0] is None:
        raise ProtocolError(
            f"the first frame of '{name}' has no mask",
            path=masks / f"{frames[0].stem}.png",
            hint="The first mask is what is tracked",
        )
    return DavisSequence(name, frames, found)
