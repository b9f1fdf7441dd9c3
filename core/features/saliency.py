"""How much each token stands out: by the class token's attention (the paper), against the border, or both.

All maps are float32 (rows, columns) in [0, 1]; where nothing stands out they are zero, never NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap

SaliencyMethod = Literal["cls", "background", "mean"]
_FLAT = 1e-6
"""A map whose values span less than this is flat: nothing stands out."""


@dataclass(frozen=True, slots=True)
class SaliencyParams:
    """How saliency is measured.

    Attributes:
        method: `cls` (paper: class attention), `background` (unlike the border) or `mean` of both. Encoders without
            class attention always use `background`.
        heads: Attention heads averaged for `cls` and `mean`; None for all.
        tap: Descriptors compared with the border's; the first of the features for None.
        neighbours: Border tokens that a token is compared with, its most similar ones.
    """

    method: SaliencyMethod = "cls"
    heads: tuple[int, ...] | None = None
    tap: Tap | None = None
    neighbours: int = 10


def saliency_map(
    feature_map: FeatureMap, params: SaliencyParams, seeds: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """(rows, columns) float32 saliency in [0, 1] by the chosen method; for `seeds` see `background_saliency`.

    Raises:
        UsageError: A head does not exist.
        KeyError: The tap was not extracted.
    """
    if params.method == "background" or feature_map.attention is None:
        return background_saliency(feature_map, params.tap, params.neighbours, seeds)
    attention = cls_saliency(feature_map, params.heads)
    if params.method == "cls":
        return attention
    both: NDArray[np.float32] = background_saliency(feature_map, params.tap, params.neighbours, seeds) + attention
    return both / np.float32(2)


def cls_saliency(feature_map: FeatureMap, heads: tuple[int, ...] | None = None) -> NDArray[np.float32]:
    """Mean class attention over heads, min-max scaled per image (paper, section 4).

    Args:
        feature_map: With class attention.
        heads: Heads averaged; None for all.

    Returns:
        (rows, columns) float32; all zero where attention is flat.

    Raises:
        UsageError: There is no attention, or no such head.
    """
    attention = feature_map.attention
    if attention is None:
        raise UsageError(
            f"{feature_map.spec.model} has no class attention in these features",
            hint="Use background saliency, or extract with saliency",
        )
    chosen = tuple(range(len(attention))) if heads is None else heads
    wrong = [head for head in chosen if not 0 <= head < len(attention)]
    if wrong or not chosen:
        raise UsageError(
            f"there is no attention head {', '.join(map(str, wrong))}" if wrong else "no attention head was chosen",
            hint=f"{feature_map.spec.model} has heads 0 to {len(attention) - 1}",
        )
    mean = attention[list(chosen)].mean(axis=0, dtype=np.float64)
    return scale_to_unit(mean, float(mean.min()), float(mean.max()), relative=True)


def background_saliency(
    feature_map: FeatureMap,
    tap: Tap | None = None,
    neighbours: int = 10,
    seeds: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """How unlike the image's border a token is: minus the mean cosine to its most similar border tokens.

    Photographs show their subject inside; what resembles any part of the border is probably background. Clipped to
    the 2nd to 98th percentile and scaled to 0..1.

    Args:
        feature_map: Features with `tap`.
        tap: Descriptors compared; keys of the last block serve best.
        neighbours: Border tokens averaged over, the nearest ones.
        seeds: (rows, columns) bool, the tokens taken for background instead of the whole border; at least one.

    Returns:
        (rows, columns) float32; all zero where every token is alike.

    Raises:
        KeyError: The tap was not extracted.
    """
    rows, cols = feature_map.grid_hw
    unit = feature_map.flat(tap)
    seeds = border_tokens((rows, cols)) if seeds is None else seeds
    cosine = unit @ unit[seeds.ravel()].T
    count = min(max(neighbours, 1), cosine.shape[1])
    nearest = np.partition(cosine, cosine.shape[1] - count, axis=1)[:, -count:]
    unlike = -nearest.mean(axis=1, dtype=np.float64)
    low, high = np.percentile(unlike, [2, 98])
    return scale_to_unit(unlike.reshape(rows, cols), float(low), float(high))


def border_tokens(grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(rows, columns) bool, true on the outermost tokens."""
    border = np.zeros(grid_hw, dtype=bool)
    border[[0, -1], :] = True
    border[:, [0, -1]] = True
    return border


def scale_to_unit(
    values: NDArray[np.floating], low: float, high: float, *, relative: bool = False
) -> NDArray[np.float32]:
    """Map low..high to 0..1, clipped; all zero where high is not above low.

    Args:
        values: Any shape.
        low: Becomes 0.
        high: Becomes 1.
        relative: Judge flatness against the size of the values (attention is small everywhere), not absolutely.
    """
    floor = _FLAT * max(abs(low), abs(high)) if relative else _FLAT
    if not high - low > floor:
        return np.zeros(values.shape, dtype=np.float32)
    scaled: NDArray[np.float32] = np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return scaled
