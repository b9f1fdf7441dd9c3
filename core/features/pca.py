"""Principal components of a set's descriptors, shown as three colours (paper, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.saliency import border_tokens
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.jobs import JobContext


@dataclass(frozen=True, slots=True)
class PcaParams:
    """How descriptors become colours.

    Attributes:
        normalised: Whether descriptors are brought to unit length first, as everything that compares them
            does. Without it a few tokens of large norm may take a component for themselves.
        low: Percentile of a component, over the set, that becomes 0.
        high: Percentile that becomes 255.
        foreground: "component" splits the tokens by the first component and fits the colours again on the
            side that touches the images' borders less, as views of DINOv2 do; the rest is black.
        fit_tokens: Most tokens of the set that the fit looks at, spread evenly; rendering takes them all.
    """

    normalised: bool = True
    low: float = 1.0
    high: float = 99.0
    foreground: Literal["none", "component"] = "none"
    fit_tokens: int = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """The first component of the first fit, and which side of which value is foreground."""

    mean: NDArray[np.float32]
    axis: NDArray[np.float32]
    threshold: float

    def mask(self, flat: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.asarray((flat - self.mean) @ self.axis > self.threshold)


@dataclass(frozen=True, slots=True, eq=False)
class Pca:
    """Three principal components of a set, ready to colour its images and others.

    Attributes:
        tap: Where the descriptors are read, None for the first tap.
        mean: (D,) float32.
        components: (3, D) float32, orthonormal; the loading of largest magnitude is positive, so that the
            same set always has the same colours. Rows of zeros where the set spans fewer dimensions.
        explained: (3,) float64 share of the variance.
        low: (3,) float32, the projection that becomes 0.
        high: (3,) float32, the projection that becomes 255.
        params: How it was made.
    """

    tap: Tap | None
    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    explained: NDArray[np.float64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    params: PcaParams
    split: _Split | None = field(default=None, repr=False)

    def project(self, feature_map: FeatureMap) -> NDArray[np.float32]:
        """(rows, columns, 3) float32 coordinates of an image's tokens."""
        flat = _flat(feature_map, self.tap, self.params)
        return np.asarray((flat - self.mean) @ self.components.T, dtype=np.float32).reshape(*feature_map.grid_hw, 3)

    def foreground(self, feature_map: FeatureMap) -> NDArray[np.bool_]:
        """(rows, columns) bool: the tokens that are coloured. All of them without a foreground split."""
        if self.split is None:
            return np.ones(feature_map.grid_hw, dtype=np.bool_)
        return self.split.mask(_flat(feature_map, self.tap, self.params)).reshape(feature_map.grid_hw)

    def colours(self, feature_map: FeatureMap) -> NDArray[np.uint8]:
        """(rows, columns, 3) uint8 colours of an image's tokens; black outside the foreground."""
        span = np.maximum(self.high - self.low, 1e-12)
        scaled = np.clip((self.project(feature_map) - self.low) / span, 0, 1)
        scaled[..., self.high <= self.low] = 0.5  # a component that the set does not have is mid-grey
        shown = self.foreground(feature_map)
        return np.asarray((scaled * (255 * shown[..., None])).round().astype(np.uint8))


def fit_pca(
    features: Sequence[FeatureMap],
    tap: Tap | None,
    ctx: JobContext,
    params: PcaParams | None = None,
) -> Pca:
    """Find the set's first three principal components (paper, figure 2); what they give colours its images, and others.

    Goes through the set once (twice with a foreground split) and holds one image at a time.

    Args:
        features: The set; may load its members when they are asked for.
        tap: Which descriptors, None for the first tap.
        ctx: Progress and cancellation.
        params: See `PcaParams`.

    Raises:
        UsageError: The set is empty, or the foreground split leaves no token.
    """
    params = params or PcaParams()
    if not len(features):
        raise UsageError("there are no images to compare", hint="Add images first")
    split = None
    if params.foreground == "component":
        split = _find_split(features, tap, ctx.stage(0.0, 0.5), params)
        ctx = ctx.stage(0.5, 1.0)
    moments = _Moments()
    step = max(1, -(-len(features) * features[0].geometry.tokens // max(params.fit_tokens, 1)))
    for index in range(len(features)):
        ctx.step(index, len(features), "Finding principal components")
        moments.add(_tokens(_rows(features[index], tap), params, step, index, split))
    ctx.step(len(features), len(features), "Finding principal components")
    mean, components, explained = moments.principal(3)
    projected = (moments.sample() - mean) @ components.T
    low, high = np.percentile(projected, [params.low, params.high], axis=0).astype(np.float32)
    return Pca(tap, mean, components, explained, low, high, params, split)


def _flat(feature_map: FeatureMap, tap: Tap | None, params: PcaParams) -> NDArray[np.float32]:
    return feature_map.flat(tap, normalised=params.normalised)


def _rows(feature_map: FeatureMap, tap: Tap | None) -> NDArray[np.floating]:
    """(tokens, D) descriptors as they are stored."""
    values = feature_map.descriptors(tap)
    return values.reshape(-1, values.shape[-1])


def _tokens(
    values: NDArray[np.floating], params: PcaParams, step: int, phase: int, split: _Split | None = None
) -> NDArray[np.float32]:
    """(n, D) descriptors of one image that take part in the fit: every `step`-th, of the foreground."""
    values = values[phase % step :: step]  # another phase in each image, so that no grid column is left out
    if params.normalised:
        values = l2_normalise(values)
    return values if split is None else values[split.mask(values)]


class _Moments:
    """Mean and covariance of a stream of vectors, and an evenly spread sample of them in bounded memory."""

    _KEEP = 16_384

    def __init__(self) -> None:
        self._shift: NDArray[np.float32] | None = None
        self._count = 0
        self._sum: NDArray[np.float64] = np.zeros(0)
        self._outer: NDArray[np.float64] = np.zeros((0, 0))
        self._kept: list[NDArray[np.float32]] = []
        self._every, self._seen = 1, 0

    def add(self, values: NDArray[np.float32]) -> None:
        if not len(values):
            return
        if self._shift is None:
            # Moments about the first image's mean: no cancellation in single precision later.
            self._shift = values.mean(axis=0)
            self._sum = np.zeros(values.shape[1])
            self._outer = np.zeros((values.shape[1], values.shape[1]))
        if values.shape[1] != len(self._shift):
            raise ValueError(f"descriptors of {values.shape[1]} and {len(self._shift)} values in one set")
        centred = values - self._shift
        self._count += len(values)
        self._sum += centred.sum(axis=0, dtype=np.float64)
        self._outer += centred.T @ centred
        self._keep(values)

    def _keep(self, values: NDArray[np.float32]) -> None:
        offset = -self._seen % self._every
        self._seen += len(values)
        self._kept.append(values[offset :: self._every].copy())
        while sum(map(len, self._kept)) > self._KEEP:
            self._kept = [np.concatenate(self._kept)[::2].copy()]
            self._every *= 2

    def sample(self) -> NDArray[np.float32]:
        return np.concatenate(self._kept)

    def principal(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """Mean (D,), components (count, D) and their shares of the variance."""
        if self._shift is None:
            raise UsageError(
                "no token is left to look at", hint="Choose a wider mask, or show all tokens of the images"
            )
        from scipy.linalg import eigh

        offset = self._sum / self._count
        covariance = self._outer / self._count - np.outer(offset, offset)
        width = len(covariance)
        found = min(count, width)
        values, vectors = eigh(covariance, subset_by_index=(width - found, width - 1))
        total = max(float(np.trace(covariance)), 1e-30)
        components = np.zeros((count, width), dtype=np.float32)
        explained = np.zeros(count)
        for rank, column in enumerate(range(found - 1, -1, -1)):
            if values[column] <= 1e-10 * total or total <= 1e-20:
                break
            axis = vectors[:, column]
            components[rank] = axis * np.sign(axis[np.argmax(np.abs(axis))])
            explained[rank] = values[column] / total
        mean = (self._shift + offset).astype(np.float32)
        return mean, components, explained


def _find_split(
    features: Sequence[FeatureMap],
    tap: Tap | None,
    ctx: JobContext,
    params: PcaParams,
) -> _Split:
    """Split the set's tokens by their first component at the valley of its histogram."""
    moments, border = _Moments(), _Moments()
    step = max(1, -(-len(features) * features[0].geometry.tokens // max(params.fit_tokens, 1)))
    for index in range(len(features)):
        ctx.step(index, len(features), "Telling object from background")
        values = _rows(features[index], tap)
        moments.add(_tokens(values, params, step, index))
        border.add(_tokens(values[border_tokens(features[index].grid_hw).reshape(-1)], params, 1, index))
    mean, components, _ = moments.principal(1)
    axis = components[0]
    inside = (moments.sample() - mean) @ axis
    outside = (border.sample() - mean) @ axis
    threshold = _otsu(inside)
    if np.mean(outside > threshold) > np.mean(inside > threshold):
        axis, threshold = -axis, -threshold
    return _Split(mean, axis, threshold)


def _otsu(values: NDArray[np.float32], bins: int = 256) -> float:
    """The threshold that maximises the variance between the two sides (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.nanargmax(between[:-1])]) if len(values) > 1 and np.ptp(values) > 0 else 0.0
