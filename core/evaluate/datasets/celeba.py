"""CelebA: faces with five landmarks, in the split that landmark regression is published on.

Source: Liu et al., *Deep Learning Face Attributes in the Wild*, ICCV 2015; the split of Hung et al., *SCOPS*, CVPR
2019: photographs as they were taken (`img_celeba`), training and testing list of MAFL, faces whose box covers at least
30 % of the photograph. Aligned crops (`img_align_celeba`) are read too; their figures do not compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, ProtocolError
from counterpart.core.evaluate.datasets.layout import not_the_data_set, read_lines
from counterpart.core.images.reading import image_size
from counterpart.core.jobs import JobContext

CELEBA_LANDMARKS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
MIN_FACE = 0.3
"""Share of the photograph that the face's box covers at least (SCOPS)."""
_IMAGES = {"wild": "img_celeba", "aligned": "img_align_celeba"}
_LANDMARKS = {"wild": "list_landmarks_celeba", "aligned": "list_landmarks_align_celeba"}
_EXPECTED = (
    "img_celeba/ or img_align_celeba/ (also in Img/), list_landmarks_celeba.txt or list_landmarks_align_celeba.txt "
    "(also in Anno/), and MAFL/training.txt and MAFL/testing.txt or list_eval_partition.txt (also in Eval/)"
)


@dataclass(frozen=True, slots=True, eq=False)
class CelebaFace:
    """One face.

    Attributes:
        name: File name.
        path: The image.
        xy: (5, 2) float64 landmarks in pixels, in the order of `CELEBA_LANDMARKS`.
    """

    name: str
    path: Path
    xy: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CelebaSet:
    """Faces to learn from, and faces to be measured on.

    Attributes:
        train: The training list.
        test: The testing list.
        aligned: Whether these are aligned crops.
        split: Where the lists are from, for a report.
        dropped: Faces that were left out as too small in their photograph.
    """

    train: tuple[CelebaFace, ...]
    test: tuple[CelebaFace, ...]
    aligned: bool
    split: str
    dropped: int


def read_celeba(root: Path, ctx: JobContext, *, aligned: bool | None = None, limit: int | None = None) -> CelebaSet:
    """Find the images, landmarks and lists.

    A listed image that is missing or cannot be read is recorded in `ctx.failures` and left out.

    Args:
        root: The data set.
        ctx: Failures and cancellation.
        aligned: Which images; None takes those in the wild where they are there.
        limit: The first so many faces of each list.

    Raises:
        ProtocolError: This is not CelebA, or a list is damaged.
    """
    kinds = {None: ("wild", "aligned"), True: ("aligned",), False: ("wild",)}[aligned]
    kind, images = next(((k, folder) for k in kinds if (folder := _folder(root, _IMAGES[k]))), ("", None))
    table = None if images is None else _file(root, _LANDMARKS[kind])
    lists, split = _lists(root)
    if images is None or table is None or not lists:
        raise not_the_data_set("CelebA", root, _EXPECTED)
    places = _table(table, 10)
    boxes_file = _file(root, "list_bbox_celeba") if kind == "wild" else None
    boxes = {} if boxes_file is None else _table(boxes_file, 4)
    if kind == "wild" and not boxes:
        ctx.warn(f"{root}: there is no list_bbox_celeba.txt, so small faces are not left out as in SCOPS")
    faces, dropped = [], 0
    for number, names in enumerate(lists):
        chosen, small = _faces(names, images, places, boxes, limit, ctx.stage(number / 2, (number + 1) / 2))
        faces.append(chosen)
        dropped += small
        if not chosen:
            raise ProtocolError("none of the listed faces can be used", path=images, hint="See the reasons given")
    return CelebaSet(tuple(faces[0]), tuple(faces[1]), kind == "aligned", split, dropped)


def _folder(root: Path, name: str) -> Path | None:
    for place in (root / name / name, root / "Img" / name, root / name):
        if place.is_dir():
            return place
    return None


def _file(root: Path, stem: str, *folders: str) -> Path | None:
    for folder in ("", "Anno", "Eval", *folders):
        for suffix in (".txt", ".csv"):
            path = root / folder / f"{stem}{suffix}"
            if path.is_file():
                return path
    return None


def _lists(root: Path) -> tuple[list[list[str]], str]:
    """Names of the training and testing list."""
    training, testing = _file(root, "training", "MAFL"), _file(root, "testing", "MAFL")
    if training is not None and testing is not None:
        return [[_name(line) for line in read_lines(path, "the list")] for path in (training, testing)], "MAFL"
    partition = _file(root, "list_eval_partition")
    if partition is None:
        return [], ""
    rows = [line.replace(",", " ").split() for line in read_lines(partition, "the partition")]
    return [[row[0] for row in rows if row[-1] == mark] for mark in ("0", "2")], "CelebA's partition"


def _name(line: str) -> str:
    return Path(line.replace("\\", "/").split()[0]).name


def _table(path: Path, width: int) -> dict[str, list[float]]:
    """Rows `NAME v1 … vn`; the headers, which have other lengths or words, are passed over."""
    found: dict[str, list[float]] = {}
    for line in read_lines(path, "the list"):
        words = line.replace(",", " ").split()
        if len(words) != width + 1:
            continue
        try:
            found[words[0]] = [float(word) for word in words[1:]]
        except ValueError:
            continue
    if not found:
        raise ProtocolError(
            f"the list has no rows of a name and {width} numbers", path=path, hint="Copy it again from its source"
        )
    return found


def _faces(
    names: Sequence[str],
    images: Path,
    places: dict[str, list[float]],
    boxes: dict[str, list[float]],
    limit: int | None,
    ctx: JobContext,
) -> tuple[list[CelebaFace], int]:
    faces: list[CelebaFace] = []
    small = 0
    for number, name in enumerate(_until(names, faces, limit)):
        if number % 200 == 0:
            ctx.step(number, len(names), "Reading the lists")
        path = images / name
        if name not in places:
            ctx.fail(ProtocolError(f"{name} is listed but has no landmarks", path=path))
            continue
        try:
            height, width = image_size(path)
        except ImageError as error:
            ctx.fail(error)
            continue
        box = boxes.get(name)
        if box is not None and box[2] * box[3] < MIN_FACE * height * width:
            small += 1
            continue
        faces.append(CelebaFace(name, path, np.array(places[name]).reshape(5, 2)))
    return faces, small


def _until(names: Sequence[str], taken: list[CelebaFace], limit: int | None) -> Iterable[str]:
    for name in names:
        if limit is not None and len(taken) >= limit:
            return
        yield name
