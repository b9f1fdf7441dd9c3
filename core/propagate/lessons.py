"""What one labelled image teaches: its tokens' descriptors, and the share of each label in the cells of each token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec, l2_normalise
from counterpart.core.geometry import GridGeometry
from counterpart.core.propagate.params import PropagateParams


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one labelled image teaches.

    Attributes:
        spec: How its features were made.
        values: The labels that occur, background 0 first.
        tokens: (N, D) float16 descriptors of the taps, side by side.
        shares: (N, cells, labels) float16 share of each of `values` in each cell of a token.
        image_descriptor: (C,) float32 unit class descriptor.
        own: Number of tokens of the image itself; those of its mirror image follow.
    """

    spec: FeatureSpec
    values: tuple[int, ...]
    tokens: NDArray[np.float16]
    shares: NDArray[np.float16]
    image_descriptor: NDArray[np.float32]
    own: int

    @property
    def parts(self) -> tuple[int, ...]:
        """The labels that occur, without background."""
        return tuple(value for value in self.values if value != 0)


def lesson(
    feature_map: FeatureMap,
    labels: NDArray[np.integer],
    params: PropagateParams,
    *,
    mirrored: FeatureMap | None = None,
    ignore: int | None = None,
) -> Lesson:
    """What a labelled image teaches.

    Args:
        feature_map: Its features, with the taps asked for.
        labels: (H, W) integer labels in the image's pixels; 0 is background and teaches as such.
        params: Taps and detail.
        mirrored: Features of the same image flipped left to right: they teach the flipped labels.
        ignore: A label that means "not known": those pixels teach nothing.

    Raises:
        UsageError: The labels have another size than the image, or a tap is missing.
    """
    geometry = feature_map.geometry
    if labels.shape != geometry.image_hw:
        raise UsageError(
            f"the labels have {labels.shape[1]} x {labels.shape[0]} pixels, the image "
            f"{geometry.image_hw[1]} x {geometry.image_hw[0]}",
            hint="Labels must have the size of their image",
        )
    present = {int(value) for value in np.unique(labels)} - ({ignore} if ignore is not None else set())
    values = (0, *sorted(present - {0}))
    views = [(feature_map, labels)]
    if mirrored is not None and params.mirror:
        views.append((mirrored, labels[:, ::-1]))
    tokens, shares = [], []
    for view, its_labels in views:
        fraction = _shares(view.geometry, its_labels, values, params)
        known = fraction.sum(axis=2).mean(axis=1) > 0.5
        tokens.append(descriptors(view, params.taps)[known].astype(np.float16))
        shares.append(fraction[known].astype(np.float16))
    taps = params.taps
    return Lesson(
        feature_map.spec,
        values,
        np.concatenate(tokens),
        np.concatenate(shares),
        l2_normalise(feature_map.class_descriptor(taps[-1] if taps else None)),
        len(tokens[0]),
    )


def descriptors(feature_map: FeatureMap, taps: Sequence[Tap]) -> NDArray[np.float32]:
    """(N, D) unit descriptors of several taps side by side, each with an equal say."""
    if len(taps) < 2:
        return feature_map.flat(taps[0] if taps else None)
    share = np.float32(len(taps) ** -0.5)
    return np.concatenate([feature_map.flat(tap) * share for tap in taps], axis=1)


def detail_of(geometry: GridGeometry, detail: int) -> int:
    """Cells per side: the most that divide the stride and are asked for."""
    return max(parts for parts in range(1, detail + 1) if geometry.stride % parts == 0)


def _shares(
    geometry: GridGeometry, labels: NDArray[np.integer], values: Sequence[int], params: PropagateParams
) -> NDArray[np.float32]:
    """(N, cells, labels) share of each label in each cell of each token."""
    detail = detail_of(geometry, params.detail)
    fine = geometry.subdivided(detail)
    maps = np.stack([fine.pool(labels == value) for value in values], axis=-1)
    rows, cols = geometry.grid_hw
    cells = maps.reshape(rows, detail, cols, detail, len(values)).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(cells.reshape(rows * cols, detail * detail, len(values)))
