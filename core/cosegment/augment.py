"""Flipped and cropped copies of images, in memory: more samples for sets of a few images (paper, supplement 1.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.values import FeatureMap
from counterpart.core.jobs import JobContext

__all__ = ["AugmentParams", "augmented", "encode_augmented"]

Encode = Callable[[Sequence[NDArray[np.uint8]]], Sequence[FeatureMap]]


@dataclass(frozen=True, slots=True)
class AugmentParams:
    """Which copies are made of each image.

    Attributes:
        flip: One copy mirrored left to right.
        crops: Copies cut at random places.
        crop: Share of the image's height and width that a cut keeps.
        seed: Of the places.
    """

    flip: bool = True
    crops: int = 40
    crop: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.crops < 0 or not 0 < self.crop <= 1:
            raise UsageError("crops out of range", hint="Use at least 0 crops, of a share between 0 and 1")


def augmented(rgb: NDArray[np.uint8], params: AugmentParams, index: int = 0) -> list[NDArray[np.uint8]]:
    """Copies of one image; the same for the same seed and place in the set.

    Args:
        rgb: (H, W, 3) uint8.
        params: Which copies.
        index: Place of the image in its set, so that each image is cut at other places.
    """
    copies = [np.ascontiguousarray(rgb[:, ::-1])] if params.flip else []
    height, width = (max(round(side * params.crop), 1) for side in rgb.shape[:2])
    rng = np.random.default_rng([params.seed, index])
    for _ in range(params.crops):
        top = int(rng.integers(rgb.shape[0] - height + 1))
        left = int(rng.integers(rgb.shape[1] - width + 1))
        copies.append(np.ascontiguousarray(rgb[top : top + height, left : left + width]))
    return copies


def encode_augmented(
    rgb: Callable[[int], NDArray[np.uint8]], count: int, params: AugmentParams, encode: Encode, ctx: JobContext
) -> list[FeatureMap]:
    """Features of the copies of all images of a set. Pixels of one image at a time are held.

    Args:
        rgb: Gives the (H, W, 3) uint8 pixels of image i.
        count: Number of images.
        params: Which copies.
        encode: Features of images in memory.
        ctx: Progress and cancellation.
    """
    maps: list[FeatureMap] = []
    for index in range(count):
        ctx.step(index, count, "Encoding flipped and cropped copies")
        maps.extend(encode(augmented(rgb(index), params, index)))
    return maps
