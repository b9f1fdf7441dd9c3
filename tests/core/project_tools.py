"""What the tests of the project share: small documents and a way to compare them bit by bit."""

from pathlib import Path

import numpy as np

from core.project.commands import AddImages, AddPart, AddSkeleton, NewImage
from core.project.document import Document
from core.project.model import Skeleton
from core.project.schema import TABLES

HW = (300, 270)
"""Two by two tiles, three of them cut off."""


def new_images(folder: Path, count: int, hw=HW) -> list[NewImage]:
    return [
        NewImage(folder / f"img{number}.jpg", f"img{number}.jpg", width=hw[1], height=hw[0])
        for number in range(1, count + 1)
    ]


def filled(document: Document, folder: Path, images: int = 3, parts: int = 3) -> Document:
    """Images 1.., parts 1.. named `part 1`.., and skeleton 1 with three keypoints."""
    document.apply(AddImages(new_images(folder, images)))
    for number in range(1, parts + 1):
        document.apply(AddPart(f"part {number}"))
    document.apply(AddSkeleton(Skeleton(("nose", "left ear", "right ear"), ((0, 1), (0, 2)), (), ((1, 2),), "dog")))
    return document


def everything(document: Document) -> dict:
    """All rows, without the identifiers given so far: those never go back."""
    return {name: document._store.all(name) for name in TABLES if name != "counters"}


def box_mask(height: int, width: int) -> np.ndarray:
    return np.ones((height, width), np.bool_)
