"""Known parts in images: each token is as like a part as its most similar centroid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.cosegment.foreground import sigmoid
from counterpart.core.features.values import FeatureMap
from counterpart.core.jobs import JobContext
from counterpart.core.parts.codebook import Codebook
from counterpart.core.parts.model import PartsImage, PartsResult


def apply_codebook(
    features: Sequence[FeatureMap],
    codebook: Codebook,
    ctx: JobContext,
    foreground: Sequence[NDArray[np.generic]] | None = None,
) -> PartsResult:
    """Find known parts in new images.

    Args:
        features: Made with the codebook's model; `codebook.taps` are needed.
        codebook: The parts.
        ctx: Progress and cancellation.
        foreground: Per image (rows, columns) probability or mask; by default the codebook decides.

    Raises:
        UsageError: The features were made with another model or lack a tap.
        JobCancelledError: Cancelled.
    """
    images = []
    for index in range(len(features)):
        ctx.step(index, len(features), "Finding known parts")
        feature_map = features[index]
        codebook.check(feature_map.spec)
        inside = None if foreground is None else as_probability(foreground[index])
        images.append(parts_of(feature_map, codebook, inside))
    ctx.step(len(features), len(features), "Found known parts")
    return PartsResult(tuple(images), codebook)


def as_probability(values: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.asarray(values).astype(np.float32)


def parts_of(feature_map: FeatureMap, codebook: Codebook, inside: NDArray[np.float32] | None) -> PartsImage:
    """Parts of one image, by the foreground given or by the codebook's own judgement."""
    unit = feature_map.flat(codebook.tap)
    cosine = codebook.similarity(unit)
    best = cosine.max(axis=1)
    likeness = np.exp((cosine - best[:, None]) / np.float32(codebook.temperature))
    together = bool(codebook.params.get("together", False))
    if inside is None and codebook.foreground is not None and not together:
        inside = codebook.foreground.probability(feature_map)
    if (inside is None or together) and len(codebook.background):
        margin = best - (unit @ codebook.background.T).max(axis=1)
        inside = sigmoid(margin / np.float32(codebook.temperature)).reshape(feature_map.grid_hw)
    if inside is None:
        inside = np.ones(feature_map.grid_hw, np.float32)
    shape = (*feature_map.grid_hw, len(codebook.parts))
    return PartsImage(inside.astype(np.float32), likeness.reshape(shape).astype(np.float32))
