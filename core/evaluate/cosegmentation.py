"""Co-segmentation metrics, and a harness over folders of sets with human masks.

Jaccard is intersection over union of the foreground, per image, averaged over a set and then over sets; precision is
the share of pixels, foreground and background, labelled right. Data sets leave some pixels unlabelled (void): they are
left out of `j` and `p`, and count as background in `js` and `ps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, ProtocolError
from counterpart.core.images.decoding import open_source, opened
from counterpart.core.images.kinds import IMAGE_SUFFIXES


def jaccard(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks of equal shape; 1 where both are empty."""
    union = int((predicted | truth).sum())
    return int((predicted & truth).sum()) / union if union else 1.0


def precision(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Share of pixels on which two masks of equal shape agree; 1 for masks without any pixel."""
    return float((predicted == truth).mean()) if truth.size else 1.0


@dataclass(frozen=True, slots=True)
class MaskScores:
    """Jaccard and precision in [0, 1], without the unlabelled pixels and (`js`, `ps`) with them as background."""

    j: float
    p: float
    js: float
    ps: float


def score_mask(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], void: NDArray[np.bool_] | None = None
) -> MaskScores:
    """Compare one (H, W) bool mask with the true one.

    Args:
        predicted: What was found.
        truth: The object; false wherever `void` is true.
        void: Unlabelled pixels; None for none.

    Raises:
        ProtocolError: The sizes differ.
    """
    if predicted.shape != truth.shape:
        raise ProtocolError(
            f"the mask has {predicted.shape[1]} x {predicted.shape[0]} pixels, the true one "
            f"{truth.shape[1]} x {truth.shape[0]}",
            hint="Masks must have the size of their images",
        )
    strict = jaccard(predicted, truth), precision(predicted, truth)
    if void is None or not void.any():
        return MaskScores(*strict, *strict)
    seen = ~void
    return MaskScores(jaccard(predicted[seen], truth[seen]), precision(predicted[seen], truth[seen]), *strict)


def mean_scores(scores: Sequence[MaskScores]) -> MaskScores:
    """Mean of each score over at least one entry."""
    table = np.array([(s.j, s.p, s.js, s.ps) for s in scores])
    return MaskScores(*(float(value) for value in table.mean(axis=0)))


# Sets on disk -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TruthImage:
    """One image with its human mask.

    Attributes:
        image: The photograph.
        mask: PNG, see `read_truth`.
        labels: PNG whose zeros are unlabelled pixels; None where there is none.
        foreground: Value of the object in `mask`; None for any but 0 (and 255 as void beside others).
    """

    image: Path
    mask: Path
    labels: Path | None = None
    foreground: int | None = None


@dataclass(frozen=True, slots=True)
class TruthSet:
    """A set of images that share an object."""

    name: str
    images: tuple[TruthImage, ...]


def find_sets(root: Path) -> list[TruthSet]:
    """Sets laid out as `images/SET/*` with `masks/SET/*.png` and, where pixels are unlabelled, `labels/SET/*.png`.

    Raises:
        ProtocolError: There are no sets, or an image lacks its mask.
    """
    folder = root / "images"
    if not folder.is_dir():
        raise ProtocolError(
            "there is no folder of images", path=folder, hint="Lay sets out as images/SET/*, masks/SET/*.png"
        )
    sets = [_one_set(root, child) for child in natsorted(folder.iterdir(), key=lambda p: p.name) if child.is_dir()]
    sets = [found for found in sets if found.images]
    if not sets:
        raise ProtocolError("there are no sets of images", path=folder, hint="Put each set into a folder of its own")
    return sets


def _one_set(root: Path, folder: Path) -> TruthSet:
    files = [
        path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    images = []
    for path in natsorted(files, key=lambda p: p.name):
        mask = root / "masks" / folder.name / f"{path.stem}.png"
        if not mask.is_file():
            raise ProtocolError(f"{path.name} has no mask", path=mask, hint="Every image of a set needs its true mask")
        labels = root / "labels" / folder.name / f"{path.stem}.png"
        images.append(TruthImage(path, mask, labels if labels.is_file() else None))
    return TruthSet(folder.name, tuple(images))


def read_truth(item: TruthImage) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The object and the unlabelled pixels of an image, each (H, W) bool.

    A mask of zeros and one other value is binary. Where 255 stands beside other values it means void, as in PASCAL VOC.

    Raises:
        ProtocolError: A file is missing, damaged, or has several channels.
    """
    values = read_values(item.mask)
    present = set(np.unique(values).tolist()) - {0}
    void = values == 255 if 255 in present and (len(present) > 1 or item.foreground not in {None, 255}) else None
    void = np.zeros(values.shape, bool) if void is None else void
    truth = (values == item.foreground) if item.foreground is not None else (values > 0) & ~void
    if item.labels is not None:
        void |= read_values(item.labels) == 0
    return truth & ~void, void


def read_values(path: Path) -> NDArray[np.integer]:
    """(H, W) values of a mask: grey, indexed, or a grey picture saved in colour (then 0 and 255: JPEGs have halos).

    Raises:
        ProtocolError: Missing, damaged, or truly in colour.
    """
    try:
        with open_source(path) as source, opened(source, path) as image:
            values = np.asarray(image)
            lossy = image.format == "JPEG"
    except ImageError as error:
        raise ProtocolError(f"the mask cannot be used: {error.what}", path=path, hint=error.hint) from None
    if values.ndim == 3 and values.shape[2] >= 3 and (values[..., :1] == values[..., 1:3]).all():
        values, lossy = values[..., 0], True
    if values.ndim != 2:
        raise ProtocolError("the mask has several channels", path=path, hint="Save it as grey or indexed PNG")
    if lossy:
        values = np.where(values > 127, 255, 0)
    return values.astype(np.int64)


# Scores of sets -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetScores:
    """Scores of a set: of each image by file name, and their mean."""

    name: str
    images: tuple[tuple[str, MaskScores], ...]
    mean: MaskScores


def score_set(truth: TruthSet, masks: Iterable[NDArray[np.bool_]]) -> SetScores:
    """Compare masks, in the order of the set's images, with the true ones.

    Raises:
        ProtocolError: A mask has the wrong size or is missing, or a true mask cannot be read.
    """
    found: list[tuple[str, MaskScores]] = []
    given: Iterator[NDArray[np.bool_]] = iter(masks)
    for item in truth.images:
        mask = next(given, None)
        if mask is None:
            raise ProtocolError("there are fewer masks than images", path=item.image)
        found.append((item.image.name, score_mask(mask, *read_truth(item))))
    return SetScores(truth.name, tuple(found), mean_scores([scores for _, scores in found]))


def score_folder(truth: Sequence[TruthSet], predicted: Path) -> list[SetScores]:
    """Score masks on disk: `predicted/SET/NAME.png`, anything but 0 is foreground.

    Raises:
        ProtocolError: A mask is missing, damaged or of the wrong size.
    """
    return [
        score_set(one, (read_values(predicted / one.name / f"{item.image.stem}.png") > 0 for item in one.images))
        for one in truth
    ]
