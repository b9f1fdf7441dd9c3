"""Views of the feature space: descriptors, saliency, attention and similarity as colours.

Principal components over a set as three colours (the paper's figure 2), maps of one value through a colour
scale, and both laid over the photograph. Everything is made at token resolution; `grid_picture` and its
relatives bring it to image pixels. The t-SNE view is `core.features.tsne`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.tsne import TsneParams, TsneResult, embed_tsne
from counterpart.core.features.values import FeatureMap, Tap, l2_normalise
from counterpart.core.geometry import GridGeometry
from counterpart.core.jobs import JobContext

__all__ = [
    "Pca",
    "PcaParams",
    "PcaResult",
    "TsneParams",
    "TsneResult",
    "attention_pictures",
    "colour_scale",
    "colour_values",
    "embed_tsne",
    "fit_pca",
    "grid_picture",
    "heat_overlay",
    "label_picture",
    "pca_colours",
    "stretch",
]

GridMasks = Sequence[NDArray[np.bool_]] | Callable[[int], NDArray[np.bool_]]
"""One (rows, columns) mask per image, in a sequence or made when asked for."""

# Anchors of the one-value colour scale, from dark violet over teal to yellow: equal steps of lightness, hues
# that people with the common colour deficiencies tell apart. Own choice, in sRGB.
_ANCHORS = (
    (62, 8, 84), (66, 52, 129), (52, 92, 143), (40, 127, 143), (36, 160, 132), (86, 194, 98), (168, 219, 56),
    (248, 232, 52),
)  # fmt: skip


def colour_scale(steps: int = 256) -> NDArray[np.uint8]:
    """The colour scale for one value: (steps, 3) uint8 sRGB, dark to light."""
    at = np.linspace(0, len(_ANCHORS) - 1, steps)
    anchors = np.array(_ANCHORS, dtype=np.float64)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def colour_values(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Real values in [0, 1] of any shape through the colour scale: (..., 3) uint8; others are clipped."""
    finite = np.nan_to_num(np.asarray(values, dtype=np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return colour_scale()[(np.clip(finite, 0, 1) * 255).round().astype(np.uint8)]


def stretch(values: NDArray[np.floating], low: float = 0.0, high: float = 100.0) -> NDArray[np.float32]:
    """Stretch between two percentiles to [0, 1]; a constant map becomes 0."""
    values = np.asarray(values, dtype=np.float32)
    if not values.size:
        return values.copy()
    bottom, top = np.percentile(values, [low, high])
    if not top > bottom:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - bottom) / (top - bottom), 0, 1), dtype=np.float32)


# Principal components --------------------------------------------------


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

    def colours(self, feature_map: FeatureMap, mask: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
        """(rows, columns, 3) uint8 colours of an image's tokens; black outside the foreground and `mask`."""
        span = np.maximum(self.high - self.low, 1e-12)
        scaled = np.clip((self.project(feature_map) - self.low) / span, 0, 1)
        scaled[..., self.high <= self.low] = 0.5  # a component that the set does not have is mid-grey
        shown = self.foreground(feature_map) if mask is None else self.foreground(feature_map) & mask
        return np.asarray((scaled * (255 * shown[..., None])).round().astype(np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class PcaResult:
    """Colours of a whole set.

    Attributes:
        maps: One (rows, columns, 3) uint8 array per image.
        model: What made them; colours further images alike.
    """

    maps: list[NDArray[np.uint8]]
    model: Pca

    @property
    def components(self) -> NDArray[np.float32]:
        """(3, D) float32."""
        return self.model.components

    @property
    def explained(self) -> NDArray[np.float64]:
        """(3,) share of the variance."""
        return self.model.explained


def pca_colours(
    features: Sequence[FeatureMap],
    tap: Tap | None,
    ctx: JobContext,
    params: PcaParams | None = None,
    masks: GridMasks | None = None,
) -> PcaResult:
    """Colour every image of a set by the set's first three principal components (paper, figure 2).

    Goes through the set twice (three times with a foreground split) and holds one image at a time.

    Args:
        features: The set; may load its members when they are asked for.
        tap: Which descriptors, None for the first tap.
        ctx: Progress and cancellation.
        params: See `PcaParams`.
        masks: Tokens to fit on and to colour, for example the salient ones; all by default.

    Raises:
        UsageError: The set is empty or no token is left by the masks.
    """
    model = fit_pca(features, tap, ctx.stage(0.0, 0.7), params, masks)
    ctx = ctx.stage(0.7, 1.0)
    maps = []
    for index in range(len(features)):
        ctx.step(index, len(features), "Colouring")
        maps.append(model.colours(features[index], _mask(masks, index)))
    ctx.step(len(features), len(features), "Colouring")
    return PcaResult(maps, model)


def fit_pca(
    features: Sequence[FeatureMap],
    tap: Tap | None,
    ctx: JobContext,
    params: PcaParams | None = None,
    masks: GridMasks | None = None,
) -> Pca:
    """The components alone, for a window that colours only the images it shows. See `pca_colours`.

    Raises:
        UsageError: The set is empty or no token is left by the masks.
    """
    params = params or PcaParams()
    if not len(features):
        raise UsageError("there are no images to compare", hint="Add images first")
    split = None
    if params.foreground == "component":
        split = _find_split(features, tap, ctx.stage(0.0, 0.5), params, masks)
        ctx = ctx.stage(0.5, 1.0)
    moments = _Moments()
    step = max(1, -(-len(features) * features[0].geometry.tokens // max(params.fit_tokens, 1)))
    for index in range(len(features)):
        ctx.step(index, len(features), "Finding principal components")
        moments.add(_tokens(features[index], tap, params, _mask(masks, index), split, step, index))
    ctx.step(len(features), len(features), "Finding principal components")
    mean, components, explained = moments.principal(3)
    projected = (moments.sample() - mean) @ components.T
    low, high = np.percentile(projected, [params.low, params.high], axis=0).astype(np.float32)
    return Pca(tap, mean, components, explained, low, high, params, split)


def _flat(feature_map: FeatureMap, tap: Tap | None, params: PcaParams) -> NDArray[np.float32]:
    return feature_map.flat(tap, normalised=params.normalised)


def _mask(masks: GridMasks | None, index: int) -> NDArray[np.bool_] | None:
    if masks is None:
        return None
    return masks(index) if callable(masks) else masks[index]


def _tokens(
    feature_map: FeatureMap,
    tap: Tap | None,
    params: PcaParams,
    mask: NDArray[np.bool_] | None,
    split: _Split | None,
    step: int,
    index: int,
) -> NDArray[np.float32]:
    """(n, D) descriptors of one image that take part in the fit, every `step`-th of those allowed."""
    values = feature_map.descriptors(tap)
    values = values.reshape(-1, values.shape[-1])
    if mask is not None:
        values = values[mask.reshape(-1)]
    values = values[index % step :: step]  # another phase in each image, so that no grid column is left out
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
    masks: GridMasks | None,
) -> _Split:
    """Split the set's tokens by their first component at the valley of its histogram."""
    moments, border = _Moments(), _Moments()
    step = max(1, -(-len(features) * features[0].geometry.tokens // max(params.fit_tokens, 1)))
    for index in range(len(features)):
        ctx.step(index, len(features), "Telling object from background")
        feature_map = features[index]
        moments.add(_tokens(feature_map, tap, params, _mask(masks, index), None, step, index))
        border.add(_tokens(feature_map, tap, params, _edge(feature_map.grid_hw), None, 1, index))
    mean, components, _ = moments.principal(1)
    axis = components[0]
    inside = (moments.sample() - mean) @ axis
    outside = (border.sample() - mean) @ axis
    threshold = _otsu(inside)
    if np.mean(outside > threshold) > np.mean(inside > threshold):
        axis, threshold = -axis, -threshold
    return _Split(mean, axis, threshold)


def _edge(grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
    edge = np.ones(grid_hw, dtype=np.bool_)
    edge[1:-1, 1:-1] = False
    return edge


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


# Pictures --------------------------------------------------


def grid_picture(
    grid: NDArray[np.generic],
    geometry: GridGeometry,
    *,
    smooth: bool = True,
    out_hw: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """A token map at image pixels.

    Args:
        grid: (rows, columns) values in [0, 1], shown through the colour scale, or (rows, columns, 3) uint8
            colours.
        geometry: Where the tokens lie.
        smooth: Between tokens, blend; otherwise every pixel takes the nearest token.
        out_hw: Size of the picture, the image's by default; only for smooth pictures.

    Returns:
        (height, width, 3) uint8.
    """
    if not smooth:
        whole = geometry.upsample_nearest(grid)
        return whole.astype(np.uint8) if grid.ndim == 3 else colour_values(whole.astype(np.float32))
    values = geometry.upsample(grid.astype(np.float32), out_hw=out_hw)
    return values.round().astype(np.uint8) if grid.ndim == 3 else colour_values(values)


def heat_overlay(
    rgb: NDArray[np.uint8],
    grid: NDArray[np.floating],
    geometry: GridGeometry,
    strength: float = 0.65,
) -> NDArray[np.uint8]:
    """A map of one value, in [0, 1], laid over the photograph: (height, width, 3) uint8.

    The photograph goes grey beneath, so that its own colours are not read as values.
    """
    grey = rgb @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    heat = grid_picture(grid, geometry, out_hw=(rgb.shape[0], rgb.shape[1])).astype(np.float32)
    return ((1 - strength) * grey[..., None] + strength * heat).round().astype(np.uint8)


def attention_pictures(
    feature_map: FeatureMap, *, smooth: bool = True, out_hw: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """What each head of the saliency layer attends to from the class token, each stretched to its own range.

    Returns:
        (heads, height, width, 3) uint8.

    Raises:
        UsageError: The features carry no attention (a convolutional network, or it was not asked for).
    """
    if feature_map.attention is None:
        raise UsageError(
            f"{feature_map.spec.model} gives no attention here",
            hint="Choose a vision transformer, and extract with saliency",
        )
    heads = [stretch(head, 0.0, 99.5) for head in feature_map.attention]
    return np.stack([grid_picture(head, feature_map.geometry, smooth=smooth, out_hw=out_hw) for head in heads])


def label_picture(labels: NDArray[np.integer], colours: ArrayLike) -> NDArray[np.uint8]:
    """Labels (clusters, parts) as colours: (...) integers and (K, 3) colours -> (..., 3) uint8.

    Labels past the last colour start again at the first after 0, which is kept for background.
    """
    table = np.asarray(colours, dtype=np.uint8)
    labels = np.asarray(labels)
    if len(table) == 1:
        return table[np.zeros_like(labels)]
    wrapped = np.where(labels < len(table), labels, 1 + (labels - 1) % (len(table) - 1))
    return table[wrapped]
