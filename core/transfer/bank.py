"""What templates know: descriptors of their keypoints in a whitened space, and their layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError
from core.features import l2_normalise
from core.transfer.params import TransferParams
from core.transfer.views import Box, View

__all__ = ["OFFSETS", "Template", "TemplateBank", "Whitening", "sample_tokens"]

OFFSETS = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)])
"""The 3 x 3 neighbours (row, column) whose descriptors are kept with a keypoint's own, which is the fifth."""
CENTRE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One annotated instance.

    Attributes:
        views: What is looked at of its image; the first is the plain one, and a mirrored one of the same window may
            follow.
        xy: (K, 2) float64 image pixels, in the skeleton's order; anything where not visible.
        visible: (K,) bool, where there is a point.
        box: The instance's box, or None.
    """

    views: tuple[View, ...]
    xy: NDArray[np.float64]
    visible: NDArray[np.bool_]
    box: Box | None = None

    def __post_init__(self) -> None:
        if not self.views or self.xy.shape != (len(self.visible), 2):
            raise ValueError(
                f"a template of {len(self.views)} views, points {self.xy.shape}, {len(self.visible)} flags"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """An affine map of unit-length tokens after which the templates' tokens are uncorrelated, as far as not shrunk.

    Attributes:
        mean: (D,) subtracted first.
        matrix: (D, D) multiplied from the right.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def __call__(self, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., D) -> (..., D) of unit length."""
        return l2_normalise((tokens - self.mean) @ self.matrix)

    @classmethod
    def fit(cls, moments: _Moments, shrinkage: float, noise_share: float) -> Whitening:
        """Whiten by the covariance of all tokens and that of the differences between mirrored views."""
        covariance, noise = moments.covariance(), moments.noise()
        trace = max(float(np.trace(covariance)), 1e-12)
        if noise is not None and noise_share > 0 and np.trace(noise) > 0:
            covariance = (1 - noise_share) * covariance + noise * (noise_share * trace / np.trace(noise))
        dim = len(covariance)
        values, vectors = np.linalg.eigh(covariance + shrinkage * trace / dim * np.eye(dim))
        matrix = (vectors / np.sqrt(values)) @ vectors.T
        return cls(moments.mean().astype(np.float32), matrix.astype(np.float32))


class _Moments:
    """First and second moments of tokens, gathered view by view."""

    def __init__(self, dim: int) -> None:
        self._count = self._noise_count = 0
        self._sum = np.zeros(dim)
        self._square = np.zeros((dim, dim))
        self._noise = np.zeros((dim, dim))

    def add(self, tokens: NDArray[np.float32]) -> None:
        flat = tokens.reshape(-1, tokens.shape[-1])
        self._count += len(flat)
        self._sum += flat.sum(axis=0)
        self._square += flat.T @ flat

    def add_difference(self, plain: NDArray[np.float32], mirrored: NDArray[np.float32]) -> None:
        """Tokens of the same places; `mirrored` is in the flipped view's own order."""
        if plain.shape != mirrored.shape:
            return
        flat = (plain - mirrored[:, ::-1]).reshape(-1, plain.shape[-1])
        self._noise_count += len(flat)
        self._noise += flat.T @ flat

    def mean(self) -> NDArray[np.float64]:
        return np.asarray(self._sum / self._count)

    def covariance(self) -> NDArray[np.float64]:
        mean = self.mean()
        return np.asarray(self._square / self._count - np.outer(mean, mean))

    def noise(self) -> NDArray[np.float64] | None:
        return self._noise / self._noise_count if self._noise_count else None


class TemplateBank:
    """Templates made ready for any number of targets.

    Args:
        templates: At least one, in the order of the skeleton they share.
        mirror_order: (K,) keypoint that stands at each place after a flip.
        params: See `TransferParams`.

    Attributes:
        whiten: Applied to all tokens before they are compared; None for none.
        descriptors: (V, K, 9, D) float32 of unit length: each view of a template, keypoint, and neighbour (`OFFSETS`).
        visible: (V, K) bool.
        layouts: (V, K, 2) keypoints about the middle of what they span, divided by the longer side of it.
        partner: (V,) index of the same template's other view, itself where there is none.
        known: (K,) bool, keypoints that any template shows.
        templates: Number of templates with any visible point.

    Raises:
        UsageError: No template shows a keypoint.
    """

    def __init__(self, templates: Sequence[Template], mirror_order: NDArray[np.int64], params: TransferParams) -> None:
        usable = [template for template in templates if template.visible.any()]
        if not usable:
            raise UsageError("no template shows a keypoint", hint="Mark at least one image with a visible keypoint")
        self.mirror_order = mirror_order
        self.templates = len(usable)
        raw: list[NDArray[np.float32]] = []
        visible, layouts, partner = [], [], []
        moments: _Moments | None = None
        for template in usable:
            views = template.views if params.mirror_templates else template.views[:1]
            tokens = [view.tokens(params.tap) for view in views]
            moments = moments or _Moments(tokens[0].shape[-1])
            for view, values in zip(views, tokens, strict=True):
                order = mirror_order if view.key.mirrored else np.arange(len(mirror_order))
                place = view.to_grid(np.where(template.visible[:, None], template.xy, 0.0))[order]
                raw.append(sample_tokens(values, place[:, None] + OFFSETS))
                visible.append(template.visible[order])
                layouts.append(_layout(template, order, view.key.mirrored))
                moments.add(values)
            first = len(raw) - len(views)
            partner += [first + 1, first] if len(views) == 2 else list(range(first, len(raw)))
            if len(views) == 2:
                moments.add_difference(tokens[0], tokens[1])
        assert moments is not None
        self.whiten = None if params.whitening is None else Whitening.fit(moments, params.whitening, params.view_noise)
        self.descriptors = np.stack([self.prepare(values) for values in raw])
        self.visible = np.stack(visible)
        self.layouts = np.stack(layouts)
        self.partner = np.array(partner)
        self.known: NDArray[np.bool_] = np.asarray(self.visible.any(axis=0))

    def __len__(self) -> int:
        return len(self.visible)

    def prepare(self, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., D) unit-length tokens -> (..., D) unit-length tokens of the space in which they are compared."""
        return l2_normalise(tokens) if self.whiten is None else self.whiten(tokens)

    def prototypes(self, weights: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        """(K, 9, D) float32 mean of the views' descriptors, of unit length; zero for unknown keypoints.

        Averaging descriptors equals averaging similarity maps, at the cost of one.

        Args:
            weights: (V,) of the views; equal by default.
        """
        weights = np.ones(len(self)) if weights is None else weights
        shares = (self.visible * weights[:, None]).astype(np.float32)
        return l2_normalise(np.einsum("vk,vkod->kod", shares, self.descriptors, optimize=True))


def sample_tokens(tokens: NDArray[np.float32], rc: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bilinear values of a token map, clamped at the border: (rows, columns, D) at (..., 2) -> (..., D)."""
    rows, cols = tokens.shape[:2]
    r, c = np.clip(rc[..., 0], 0, rows - 1), np.clip(rc[..., 1], 0, cols - 1)
    r0, c0 = np.floor(r).astype(np.int64), np.floor(c).astype(np.int64)
    r1, c1 = np.minimum(r0 + 1, rows - 1), np.minimum(c0 + 1, cols - 1)
    fr, fc = (r - r0)[..., None].astype(np.float32), (c - c0)[..., None].astype(np.float32)
    upper = tokens[r0, c0] * (1 - fc) + tokens[r0, c1] * fc
    lower = tokens[r1, c0] * (1 - fc) + tokens[r1, c1] * fc
    mixed: NDArray[np.float32] = upper * (1 - fr) + lower * fr
    return mixed


def _layout(template: Template, order: NDArray[np.int64], mirrored: bool) -> NDArray[np.float64]:
    visible = template.visible[order]
    xy = np.where(visible[:, None], template.xy[order], 0.0) * (np.array([-1.0, 1.0]) if mirrored else 1.0)
    seen = xy[visible]
    low, high = seen.min(axis=0), seen.max(axis=0)
    # A single point spans nothing; a pixel then stands for its size, which only sets how far its prior reaches.
    return np.asarray((xy - (low + high) / 2) / max(float((high - low).max()), 1.0))
