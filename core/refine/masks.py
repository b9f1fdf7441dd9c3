"""One soft foreground map and a photograph in, one pixel mask out, by the method of choice."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import resize_rgb
from counterpart.core.jobs import JobContext
from counterpart.core.refine.crf import CrfParams, dense_crf
from counterpart.core.refine.grabcut import grab_cut
from counterpart.core.refine.guided import guided_filter

Refinement = Literal["grabcut", "crf", "guided", "none"]
REFINEMENTS: tuple[str, ...] = get_args(Refinement)
_RADIUS: dict[Refinement, int] = {"guided": 8, "grabcut": 3}
_RADIUS_TOKENS: dict[Refinement, float] = {"guided": 0.8, "grabcut": 0.4}
"""In distances of tokens: wide enough to move a border that lies anywhere between two."""


@dataclass(frozen=True, slots=True)
class RefineParams:
    """How a soft map becomes a mask.

    Attributes:
        method: See `Refinement`.
        working_size: Longest side at which images are worked on, pixels; larger ones are reduced, and the result is
            enlarged along the photograph's edges.
        radius: Of the guided filter, or half the width of the band around the border in which GrabCut may move it, in
            pixels at working size; None takes what suits the tokens' distance.
        crf: Of the CRF.
        seed: Of GrabCut.
    """

    method: Refinement = "grabcut"
    working_size: int = 500
    radius: int | None = None
    crf: CrfParams = field(default_factory=CrfParams)
    seed: int = 0


def working_hw(image_hw: tuple[int, int], longest: int) -> tuple[int, int]:
    """Size to work at: the image's own, or reduced so that its longest side is `longest` pixels."""
    scale = min(longest / max(image_hw), 1.0)
    return max(round(image_hw[0] * scale), 1), max(round(image_hw[1] * scale), 1)


def grid_outline(
    probability: NDArray[np.floating],
    geometry: GridGeometry,
    rgb: NDArray[np.uint8],
    params: RefineParams,
    ctx: JobContext | None = None,
) -> NDArray[np.bool_]:
    """Turn token probabilities into a mask of the image's size: upsampled before the threshold, then refined.

    Args:
        probability: (rows, columns) of foreground in [0, 1]; above 0.5 is foreground.
        geometry: Where the tokens lie.
        rgb: (H, W, 3) uint8, the image itself.
        params: Method and its settings.
        ctx: Cancellation.

    Returns:
        (H, W) bool.
    """
    hw = rgb.shape[:2] if params.method == "none" else working_hw(rgb.shape[:2], params.working_size)
    if params.radius is None and params.method in _RADIUS_TOKENS:
        pitch = float(geometry.token_pitch_xy.mean()) * hw[0] / rgb.shape[0]
        params = dataclasses.replace(params, radius=max(round(_RADIUS_TOKENS[params.method] * pitch), 1))
    return refine_mask(rgb, geometry.upsample(probability, out_hw=hw), params, ctx)


def refine_mask(
    rgb: NDArray[np.uint8],
    probability: NDArray[np.floating],
    params: RefineParams,
    ctx: JobContext | None = None,
) -> NDArray[np.bool_]:
    """Turn a soft map into a mask of the image's size.

    Args:
        rgb: (H, W, 3) uint8.
        probability: (h, w) of foreground in [0, 1], at the image's size or at `working_hw` of it; foreground is above
            0.5.
        params: Method and its settings.
        ctx: Cancellation.

    Returns:
        (H, W) bool.
    """
    hw = working_hw(rgb.shape[:2], params.working_size)
    soft = _at(probability, hw)
    mask = soft > 0.5
    if params.method == "none" or mask.all() or not mask.any():
        full: NDArray[np.bool_] = _at(probability, rgb.shape[:2]) > 0.5
        return full
    small = resize_rgb(rgb, hw)
    if params.method == "guided":
        guided: NDArray[np.bool_] = guided_filter(rgb, soft, params.radius or _RADIUS["guided"]) > 0.5
        return guided
    if params.method == "grabcut":
        mask = grab_cut(small, soft, band=params.radius or _RADIUS["grabcut"], seed=params.seed)
    else:
        clipped = np.clip(soft, 0.01, 0.99)
        energy = -np.log(np.stack([1 - clipped, clipped], axis=-1))
        mask = dense_crf(energy, small, params.crf, ctx)[..., 1] > 0.5
    return enlarge_mask(mask, rgb)


def enlarge_mask(mask: NDArray[np.bool_], rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Bring a mask worked out at a reduced size to the size of the photograph, its border following the edges there."""
    if mask.shape == rgb.shape[:2]:
        return mask
    large: NDArray[np.bool_] = guided_filter(rgb, mask.astype(np.float32), 2) > 0.5
    return large


def _at(values: NDArray[np.floating], hw: tuple[int, int]) -> NDArray[np.float32]:
    soft = np.asarray(values, dtype=np.float32)
    if soft.shape == tuple(hw):
        return soft
    smaller = hw[0] * hw[1] < soft.size
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(soft, (hw[1], hw[0]), interpolation=how), dtype=np.float32)
