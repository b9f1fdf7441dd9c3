"""Co-segmentation data sets: which images form a set, and where their true masks are.

Three layouts, told apart by what is there
    images/SET, masks/SET   with labels/SET where pixels are unlabelled (this program's own); one set without SET
    SET/GroundTruth         images in a folder per set, masks below it: Internet300 and MSRC as Rubinstein et al. (CVPR
                            2013) publish them, also PASCAL-CO; the folders may lie deeper, as in Data/MSRC/Cow
    PASCAL VOC              JPEGImages, SegmentationClass, ImageSets/Segmentation: a set per class (Faktor and Irani,
                            ICCV 2013); the border that belongs to nothing is left out
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from natsort import natsorted

from counterpart.core.errors import ProtocolError
from counterpart.core.evaluate.cosegmentation import TruthImage, TruthSet, find_sets, read_values
from counterpart.core.evaluate.datasets.layout import choose, not_the_data_set, read_lines
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.jobs import JobContext

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_MASKS = ("GroundTruth", "groundtruth", "ground_truth", "GT", "gt", "masks", "Masks")
_IMAGES = (".", "images", "Images", "img", "JPEGImages")
_DEPTH = 4
_EXPECTED = (
    "images/SET/ with masks/SET/, or folders SET/ of images with SET/GroundTruth/, or PASCAL VOC's JPEGImages/, "
    "SegmentationClass/ and ImageSets/Segmentation/"
)


class Layout(NamedTuple):
    """Sets found.

    Attributes:
        kind: `images and masks`, `set per folder` or `PASCAL VOC`.
        dataset: Name of the published column that the folder's names suggest: `msrc`, `internet300`, `pascal-voc`,
            `pascal-co`; empty where they suggest none.
        sets: The sets.
    """

    kind: str
    dataset: str
    sets: list[TruthSet]


def find_layout(root: Path, ctx: JobContext, categories: Sequence[str] = (), split: str | None = None) -> Layout:
    """Find the sets of a data set.

    Args:
        root: The data set.
        ctx: Images without a mask are recorded as failures and left out of their set.
        categories: Sets wanted, by name; all by default.
        split: List of PASCAL VOC; `trainval` by default.

    Raises:
        ProtocolError: None of the layouts.
        UsageError: No such set.
    """
    if (root / "images").is_dir() and (root / "masks").is_dir():
        alone = _one_set(root, ctx)
        kind, sets = "images and masks", [alone] if alone else find_sets(root)
    elif (root / "SegmentationClass").is_dir() and (root / "JPEGImages").is_dir():
        kind, sets = "PASCAL VOC", _voc(root, split or "trainval", categories, ctx)
    else:
        kind, sets = "set per folder", list(_folders(root, ctx))
    if not sets:
        raise not_the_data_set("a co-segmentation data set", root, _EXPECTED)
    wanted = choose([one.name for one in sets], categories, "set")
    sets = [one for one in sets if one.name in wanted]
    return Layout(kind, _dataset(kind, root, sets), sets)


def _dataset(kind: str, root: Path, sets: Sequence[TruthSet]) -> str:
    names = {one.name.lower() for one in sets}
    if kind == "PASCAL VOC":
        return "pascal-voc"
    if names <= {"airplane100", "car100", "horse100"}:
        return "internet300"
    text = str(root.resolve()).lower() + " ".join(names)
    if "msrc" in text:
        return "msrc"
    return "pascal-co" if "pascal" in text and "co" in root.name.lower() else ""


def _one_set(root: Path, ctx: JobContext) -> TruthSet | None:
    """Images directly in `images` are one set."""
    return _paired(root.name, _images(root / "images"), root / "masks", ctx)


def _paired(name: str, files: Sequence[Path], masks: Path, ctx: JobContext) -> TruthSet | None:
    found = []
    for file in files:
        mask = _mask_of(masks, file.stem)
        if mask is None:
            ctx.fail(ProtocolError("this image has no mask", path=file, hint=f"Expected one in {masks}"))
        else:
            found.append(TruthImage(file, mask))
    return TruthSet(name, tuple(found)) if found else None


# Set per folder -----------------------------------------------------------------------------------------------------


def _folders(root: Path, ctx: JobContext) -> Iterator[TruthSet]:
    for masks in natsorted(_mask_folders(root, ctx), key=str):
        home = masks.parent
        for place in _IMAGES:
            files = _images(home / place)
            if not files:
                continue
            name = home.relative_to(root).as_posix() if home != root else root.name
            one = _paired(name, files, masks, ctx)
            if one is not None:
                yield one
            break


def _mask_folders(root: Path, ctx: JobContext) -> Iterator[Path]:
    """Folders of masks, not deeper than data sets go: a wrong root may be a whole disk."""
    for folder, inner, _ in os.walk(root):
        ctx.check()
        place = Path(folder)
        if len(place.relative_to(root).parts) >= _DEPTH:
            inner.clear()
        yield from (place / name for name in inner if name in _MASKS)


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    return list(natsorted(files, key=lambda path: path.name))


def _mask_of(folder: Path, stem: str) -> Path | None:
    for name in (stem, f"{stem}_GT", f"{stem}_gt"):
        for suffix in (".png", ".bmp", ".jpg", ".tif"):
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    return None


# PASCAL VOC ---------------------------------------------------------------------------------------------------------


def _voc(root: Path, split: str, categories: Sequence[str], ctx: JobContext) -> list[TruthSet]:
    """A set for each class: the images that show it, with its pixels as the object."""
    file = root / "ImageSets" / "Segmentation" / f"{split}.txt"
    stems = read_lines(file, "the list of images")
    choose(VOC_CLASSES, categories, "class")
    found: dict[str, list[TruthImage]] = {}
    for number, stem in enumerate(stems):
        ctx.step(number, len(stems), "Reading the classes of each image")
        image, mask = root / "JPEGImages" / f"{stem}.jpg", root / "SegmentationClass" / f"{stem}.png"
        if not image.is_file():
            ctx.fail(ProtocolError("a listed image is missing", path=image, hint="Unpack it again"))
            continue
        try:
            present = np.unique(read_values(mask))
        except ProtocolError as error:
            ctx.fail(error)
            continue
        for value in present:
            if 1 <= value <= len(VOC_CLASSES):
                item = TruthImage(image, mask, None, int(value))
                found.setdefault(VOC_CLASSES[int(value) - 1], []).append(item)
    return [TruthSet(name, tuple(found[name])) for name in VOC_CLASSES if name in found]
