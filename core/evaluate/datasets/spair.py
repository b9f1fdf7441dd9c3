"""SPair-71k: pairs of images with corresponding keypoints.

Source: Min et al., *SPair-71k: A Large-scale Benchmark for Semantic Correspondence*, 2019. `Layout/large/SPLIT.txt`
lists pairs as `NUMBER-SOURCE-TARGET:CATEGORY`, `PairAnnotation/SPLIT` has one JSON file for each, `JPEGImages/CATEGORY`
the images. Coordinates are zero-based pixels; boxes are x and y of two corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError, ProtocolError
from counterpart.core.evaluate.datasets.layout import choose, not_the_data_set, read_lines
from counterpart.core.project.points import Box

_EXPECTED = "JPEGImages/, PairAnnotation/ and Layout/large/ (or Layout/small/)"


@dataclass(frozen=True, slots=True, eq=False)
class SpairPair:
    """One pair.

    Attributes:
        name: Its line in the layout file.
        category: Its category.
        source: Image whose keypoints are given.
        target: Image in which they are sought.
        ids: Which of the category's keypoints these are.
        source_xy: (N, 2) float64 pixels.
        target_xy: (N, 2) float64 pixels.
        source_box: Box of the object in the source.
        target_box: Box of the object in the target; its longer side is what errors are divided by.
    """

    name: str
    category: str
    source: Path
    target: Path
    ids: tuple[str, ...]
    source_xy: NDArray[np.float64]
    target_xy: NDArray[np.float64]
    source_box: Box
    target_box: Box


def list_spair(
    root: Path, split: str = "test", categories: Sequence[str] = (), limit: int | None = None, layout: str = "large"
) -> list[tuple[str, str]]:
    """(line, category) of the pairs of a split, in the layout's order.

    Args:
        root: The data set.
        split: `test`, `val` or `trn`.
        categories: Those wanted; all by default.
        limit: The first so many pairs of each category; None for all.
        layout: `large` or `small`.

    Raises:
        ProtocolError: This is not SPair-71k, or the list is missing or empty.
        UsageError: No such category.
    """
    for name in ("JPEGImages", "PairAnnotation", "Layout"):
        if not (root / name).is_dir():
            raise not_the_data_set("SPair-71k", root, _EXPECTED)
    file = root / "Layout" / layout / f"{split}.txt"
    lines = [(line, line.rpartition(":")[2]) for line in read_lines(file, "the list of pairs") if ":" in line]
    if not lines:
        raise ProtocolError("the list has no pairs", path=file, hint="Expected NUMBER-SOURCE-TARGET:CATEGORY")
    chosen = choose(sorted({category for _, category in lines}), categories, "category")
    out: list[tuple[str, str]] = []
    for category in chosen:
        pairs = [pair for pair in lines if pair[1] == category]
        out += pairs if limit is None else pairs[:limit]
    return out


def read_spair_pair(root: Path, line: str, split: str = "test") -> SpairPair:
    """Read one pair of the list.

    Raises:
        ProtocolError: Its annotation or an image of it is missing, or a field is not what it should be.
    """
    from counterpart.core.formats.fields import read_json

    category = line.rpartition(":")[2]
    folder = root / "PairAnnotation" / split
    # Some unpackers replace the colon, which Windows does not allow in names.
    file = next((path for mark in ":_" if (path := folder / f"{line.replace(':', mark)}.json").is_file()), None)
    if file is None:
        raise ProtocolError("the annotation of a pair is missing", path=folder / f"{line}.json", hint="Unpack it again")
    try:
        data = read_json(file)
        ids = tuple(str(node.value) for node in data["kps_ids"])
        xy = [np.array([point.numbers(2) for point in data[key]]).reshape(-1, 2) for key in ("src_kps", "trg_kps")]
        boxes = [_box(data[key].numbers(4)) for key in ("src_bndbox", "trg_bndbox")]
        names = [data[key].text() for key in ("src_imname", "trg_imname")]
    except FormatError as error:
        raise ProtocolError(error.what, path=file, hint="Unpack it again") from None
    if not len(ids) == len(xy[0]) == len(xy[1]) > 0:
        raise ProtocolError(
            f"a pair has {len(xy[0])} and {len(xy[1])} points for {len(ids)} keypoints",
            path=file,
            hint="Unpack it again",
        )
    images = [root / "JPEGImages" / category / name for name in names]
    for image in images:
        if not image.is_file():
            raise ProtocolError("the image of a pair is missing", path=image, hint="Unpack it again")
    return SpairPair(line, category, images[0], images[1], ids, xy[0], xy[1], boxes[0], boxes[1])


def _box(corners: Sequence[float]) -> Box:
    left, top, right, bottom = corners
    return left, top, right - left, bottom - top
