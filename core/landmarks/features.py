"""What a landmark is regressed from: part scores on a canonical grid, or the centroids of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.geometry import GridGeometry

MISSING = 1e-3
"""A part that covers a smaller share of the image than this is missing from it."""

CoordinateFrame = Literal["image", "object"]
"""What coordinates are relative to."""


@dataclass(frozen=True, slots=True)
class LandmarkParams:
    """How landmarks are regressed.

    Attributes:
        method: "centroids" (paper) or "scores".
        frame: Coordinates that the map works in: of the whole image, for photographs that are framed alike, or of the
            object (its centre and extent); "auto" takes what leave-one-out finds better.
        grid: Side of the canonical grid that part scores are laid on.
        reach: How far around its usual place a landmark looks, as a share of the frame; None lets leave-one-out choose.
        penalty: Of the ridge, relative to the mean variance of the inputs; None lets leave-one-out choose.
        robust: Leave out labels that contradict all others by far, such as left and right exchanged.
    """

    method: Literal["centroids", "scores"] = "scores"
    frame: Literal["image", "object", "auto"] = "auto"
    grid: int = 32
    reach: float | None = None
    penalty: float | None = None
    robust: bool = True

    @classmethod
    def paper(cls) -> LandmarkParams:
        """A linear map from part centroids in image coordinates."""
        return cls(method="centroids", frame="image", robust=False)


@dataclass(frozen=True, slots=True, eq=False)
class PartMaps:
    """What is known of one image.

    Attributes:
        scores: (rows, columns, k + 1) real: background, then the parts, as `PartsImage.scores`.
        geometry: Where the tokens lie.
        descriptors: (rows, columns, D) float32 L2-normalised, or None. Given for all images, or for none; they add what
            part scores do not tell.
    """

    scores: NDArray[np.floating]
    geometry: GridGeometry
    descriptors: NDArray[np.float32] | None = None


def frame_of(image: PartMaps, frame: CoordinateFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre (2,) and half-widths (2,) in image pixels of the square or rectangle that stands for one image."""
    height, width = image.geometry.image_hw
    whole = np.array([(width - 1) / 2, (height - 1) / 2]), np.array([width / 2, height / 2])
    if frame == "image":
        return whole
    weight = np.clip(1 - np.asarray(image.scores[..., 0], dtype=np.float64), 0, 1).reshape(-1)
    if weight.mean() < MISSING:
        return whole
    places = image.geometry.token_centres().reshape(-1, 2)
    centre = weight @ places / weight.sum()
    extent = np.sqrt(weight @ ((places - centre) ** 2).sum(axis=1) / weight.sum())
    # A filled disc reaches 1.41 of this extent from its centre; limbs and ears reach further.
    return centre, np.full(2, max(2.2 * extent, 1.0))


def features_of(
    image: PartMaps,
    params: LandmarkParams,
    basis: NDArray[np.float32] | None,
    origin: NDArray[np.float64],
    half: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(F,) inputs of the map; NaN for the centroids of missing parts."""
    if params.method == "centroids":
        return _centroids(image, origin, half)
    scores = np.asarray(image.scores[..., 1:], dtype=np.float32)
    channels = [_canonical(scores, image.geometry, params.grid, origin, half)]
    if basis is not None and image.descriptors is not None:
        channels.append(_canonical(image.descriptors @ basis, image.geometry, params.grid, origin, half))
    return np.asarray(np.concatenate(channels, axis=-1).reshape(-1), dtype=np.float32)


def _centroids(image: PartMaps, origin: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float32]:
    weights = np.asarray(image.scores[..., 1:], dtype=np.float64)
    weights = weights.reshape(-1, weights.shape[-1])
    mass = weights.sum(axis=0)
    places = (image.geometry.token_centres().reshape(-1, 2) - origin) / half
    means = weights.T @ places / np.maximum(mass, 1e-12)[:, None]
    means[mass < MISSING * len(weights)] = np.nan
    return np.asarray(means.reshape(-1), dtype=np.float32)


def _canonical(
    grid_map: NDArray[np.float32],
    geometry: GridGeometry,
    side: int,
    origin: NDArray[np.float64],
    half: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(side * side, C) values of a token map in equal cells of a frame; outside of the image there is nothing."""
    pitch = 2 * half / side
    fine = int(np.clip(np.ceil((pitch / geometry.token_pitch_xy).max()), 1, 8))
    at = (np.arange(side * fine) + 0.5) / (side * fine) * 2 - 1
    xs, ys = origin[0] + at * half[0], origin[1] + at * half[1]
    points = np.stack(np.meshgrid(xs, ys), axis=-1)
    height, width = geometry.image_hw
    inside = np.all((points >= -0.5) & (points <= np.array([width, height]) - 0.5), axis=-1, keepdims=True)
    values = geometry.sample(grid_map, points) * inside
    cells = values.reshape(side, fine, side, fine, -1).mean(axis=(1, 3))
    return np.asarray(cells.reshape(side * side, -1), dtype=np.float32)


def descriptor_basis(images: Sequence[PartMaps], dims: int = 32) -> NDArray[np.float32] | None:
    """(D, d) principal axes of the labelled images' descriptors."""
    given = [image.descriptors for image in images if image.descriptors is not None]
    if not given:
        return None
    flat = np.concatenate([values.reshape(-1, values.shape[-1])[::3] for values in given])
    centred = flat - flat.mean(axis=0)
    _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    return np.ascontiguousarray(vectors[:, ::-1][:, :dims], dtype=np.float32)
