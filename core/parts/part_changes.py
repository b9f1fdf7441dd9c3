"""Changes to the parts of a whole set, made on their centroids: merge, split, drop.

Each gives a new codebook; `core.parts.apply_codebook` then shows it on all images from their features, without the
model. Parts are named by their label, counted from 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.clustering import kmeans
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.jobs import JobContext
from counterpart.core.parts import PartsImage
from counterpart.core.parts.codebook import Codebook
from counterpart.core.project.palette import next_colour

__all__ = ["drop_parts", "merge_parts", "split_part"]

_SAMPLE = 20_000


def merge_parts(codebook: Codebook, labels: Sequence[int]) -> Codebook:
    """Make one part of several; it keeps the name and colour of the first named, and its place.

    Raises:
        UsageError: Fewer than two parts, or no such part.
    """
    chosen = _indices(codebook, labels)
    if len(chosen) < 2:
        raise UsageError("one part alone cannot be merged", hint="Choose two parts or more")
    first, rest = chosen[0], set(chosen[1:])
    parts = codebook.parts.copy()
    parts[first] = l2_normalise(codebook.parts[chosen].mean(axis=0))
    kept = [index for index in range(len(parts)) if index not in rest]
    # What belonged to any of them still does: the new part is their union, not what is near their mean.
    prototypes, owner = codebook.prototypes_of(range(len(parts)))
    place = np.array([kept.index(first if index in rest else index) for index in range(len(parts))])
    return dataclasses.replace(
        codebook,
        parts=parts[kept],
        names=tuple(codebook.names[index] for index in kept),
        colours=tuple(codebook.colours[index] for index in kept),
        prototypes=prototypes,
        owner=place[owner],
    )


def drop_parts(codebook: Codebook, labels: Sequence[int]) -> Codebook:
    """Turn parts into background, for places where background is decided by the nearest centroid too.

    Raises:
        UsageError: No such part, or none would be left.
    """
    chosen = set(_indices(codebook, labels))
    kept = [index for index in range(len(codebook.parts)) if index not in chosen]
    if not kept:
        raise UsageError("no part would be left", hint="Keep at least one")
    ground = np.concatenate([codebook.background, codebook.prototypes_of(sorted(chosen))[0]])
    return dataclasses.replace(codebook.reordered(kept), background=ground)


def split_part(
    features: Sequence[FeatureMap],
    images: Sequence[PartsImage],
    codebook: Codebook,
    label: int,
    ctx: JobContext,
    *,
    pieces: int = 2,
    seed: int = 0,
) -> Codebook:
    """Divide one part in all images by clustering its descriptors again.

    The piece with more tokens keeps the part's place, name and colour; the others come last.

    Args:
        features: Of the set; read one at a time.
        images: The parts found in them.
        codebook: The parts.
        label: The part to divide.
        ctx: Progress and cancellation.
        pieces: How many there shall be.
        seed: Of the clustering.

    Raises:
        UsageError: No such part, or too little of it in the images.
        JobCancelledError: Cancelled.
    """
    (chosen,) = _indices(codebook, [label])
    rng = np.random.default_rng(seed)
    per_image = max(_SAMPLE // max(len(features), 1), 1)
    found: list[NDArray[np.float32]] = []
    for index, image in enumerate(images):
        ctx.step(index, len(images), f"Reading {codebook.names[chosen]}")
        rows = np.flatnonzero(image.labels.ravel() == label)
        if len(rows) > per_image:
            rows = np.sort(rng.choice(rows, per_image, replace=False))
        if len(rows):
            found.append(features[index].flat(codebook.tap)[rows])
    tokens = np.concatenate(found) if found else np.zeros((0, codebook.parts.shape[1]), np.float32)
    if len(tokens) < 2 * pieces:
        raise UsageError(f"there is too little of {codebook.names[chosen]} to divide", hint="Choose a larger part")
    clusters = kmeans(tokens, pieces, seed=seed, ctx=ctx)
    order = np.argsort(-np.bincount(clusters.labels, minlength=clusters.k), kind="stable")
    parts = codebook.parts.copy()
    parts[chosen] = clusters.centroids[order[0]]
    others = [index for index in range(len(parts)) if index != chosen]
    prototypes, owner = codebook.prototypes_of(others)
    prototypes = np.concatenate([prototypes, clusters.centroids[order]])
    owner = np.concatenate([np.array(others, np.int64)[owner], [chosen], len(parts) + np.arange(clusters.k - 1)])
    names, colours = list(codebook.names), list(codebook.colours)
    for number, place in enumerate(order[1:], start=2):
        parts = np.concatenate([parts, clusters.centroids[place][None]])
        names.append(_free_name(f"{codebook.names[chosen]} {number}", names))
        colours.append(next_colour(set(colours)))
    found_parts = dataclasses.replace(
        codebook, parts=parts, names=tuple(names), colours=tuple(colours), prototypes=None, owner=None
    )
    if codebook.prototypes is None:
        return found_parts
    return dataclasses.replace(found_parts, prototypes=prototypes, owner=owner)


def _indices(codebook: Codebook, labels: Sequence[int]) -> list[int]:
    out = list(dict.fromkeys(label - 1 for label in labels))
    unknown = [index + 1 for index in out if not 0 <= index < len(codebook.parts)]
    if unknown or not out:
        raise UsageError(f"there is no part {unknown[0] if unknown else ''}".strip(), hint="Choose one of the parts")
    return out


def _free_name(name: str, taken: Sequence[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
