"""What templates know: descriptors of their keypoints in a whitened space, and their layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.values import l2_normalise
from counterpart.core.project.points import Box
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.views import View

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
    def fit(cls, moments: Moments, shrinkage: float, noise_share: float) -> Whitening:
        """Whiten by the covariance of all tokens and that of the differences between mirrored views."""
        mean = moments.total / moments.count
        covariance = moments.square / moments.count - np.outer(mean, mean)
        trace = max(float(np.trace(covariance)), 1e-12)
        noise = float(np.trace(moments.noise))
        if noise > 0 and noise_share > 0:
            covariance = (1 - noise_share) * covariance + moments.noise * (noise_share * trace / noise)
        dim = len(covariance)
        lower = np.linalg.cholesky(covariance + shrinkage * trace / dim * np.eye(dim))
        return cls(mean.astype(np.float32), np.linalg.inv(lower).T.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over tokens of unit length.

    Attributes:
        count: Tokens summed.
        total: (D,) their sum.
        square: (D, D) sum of their outer products.
        noise: (D, D) sum of the outer products of differences between a view's tokens and its mirror image's.
    """

    count: int
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    noise: NDArray[np.float64]

    @classmethod
    def of(cls, tokens: Sequence[NDArray[np.float32]]) -> Moments:
        """Of a plain view, and of the mirrored one in its own order if there is one: (rows, columns, D) each."""
        flat = np.concatenate([view.reshape(-1, view.shape[-1]) for view in tokens])
        noise = np.zeros((flat.shape[1], flat.shape[1]))
        if len(tokens) == 2 and tokens[0].shape == tokens[1].shape:
            change = (tokens[0] - tokens[1][:, ::-1]).reshape(-1, flat.shape[1])
            noise += change.T @ change
        return cls(len(flat), flat.sum(axis=0, dtype=np.float64), (flat.T @ flat).astype(np.float64), noise)

    @classmethod
    def join(cls, parts: Sequence[Moments]) -> Moments:
        """Of all tokens together."""
        return cls(
            sum(part.count for part in parts),
            np.sum([part.total for part in parts], axis=0),
            np.sum([part.square for part in parts], axis=0),
            np.sum([part.noise for part in parts], axis=0),
        )


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTemplate:
    """What is kept of a template: no longer its tokens, only what its keypoints look like and lie.

    Attributes:
        samples: (views, K, 9, D) float32 tokens at the keypoints and around (`OFFSETS`).
        visible: (views, K) bool.
        layouts: (views, K, 2) keypoints about the middle of what they span, divided by the longer side of it.
        moments: Of the views' tokens.
    """

    samples: NDArray[np.float32]
    visible: NDArray[np.bool_]
    layouts: NDArray[np.float64]
    moments: Moments

    @classmethod
    def of(cls, template: Template, mirror_order: NDArray[np.int64], params: TransferParams) -> PreparedTemplate:
        """Prepare a template with at least one visible point; see `TemplateBank`."""
        views = template.views[:2] if params.mirror_templates else template.views[:1]
        tokens = [view.tokens(params.tap) for view in views]
        samples, visible, layouts = [], [], []
        for view, values in zip(views, tokens, strict=True):
            order = mirror_order if view.key.mirrored else np.arange(len(mirror_order))
            place = view.to_grid(np.where(template.visible[:, None], template.xy, 0.0))[order]
            samples.append(sample_tokens(values, place[:, None] + OFFSETS))
            visible.append(template.visible[order])
            layouts.append(_layout(template, order, view.key.mirrored))
        return cls(np.stack(samples), np.stack(visible), np.stack(layouts), Moments.of(tokens))


class TemplateBank:
    """Templates made ready for any number of targets.

    Args:
        templates: At least one, in the order of the skeleton they share; prepared ones save the work.
        mirror_order: (K,) keypoint that stands at each place after a flip.
        params: See `TransferParams`.

    Attributes:
        whiten: Applied to all tokens before they are compared; None for none.
        descriptors: (V, K, 9, D) float32 of unit length: each view of a template, keypoint, and neighbour (`OFFSETS`).
        visible: (V, K) bool.
        layouts: (V, K, 2), see `PreparedTemplate`.
        apart: (K, K) mean distance of two keypoints in the layouts that have both; infinite where none has.
        partner: (V,) index of the same template's other view, itself where there is none.
        known: (K,) bool, keypoints that any view shows.
        templates: Number of templates with any visible point.

    Raises:
        UsageError: No template shows a keypoint.
    """

    def __init__(
        self,
        templates: Sequence[Template | PreparedTemplate],
        mirror_order: NDArray[np.int64],
        params: TransferParams,
    ) -> None:
        ready = [
            PreparedTemplate.of(template, mirror_order, params) if isinstance(template, Template) else template
            for template in templates
            if template.visible.any()
        ]
        if not ready:
            raise UsageError("no template shows a keypoint", hint="Mark at least one image with a visible keypoint")
        self.mirror_order = mirror_order
        self.templates = len(ready)
        self.whiten: Whitening | None = None
        if params.whitening is not None:
            moments = Moments.join([template.moments for template in ready])
            self.whiten = Whitening.fit(moments, params.whitening, params.view_noise)
        self.descriptors = self.prepare(np.concatenate([template.samples for template in ready]))
        self.visible = np.concatenate([template.visible for template in ready])
        self.layouts = np.concatenate([template.layouts for template in ready])
        self.apart = _distances(self.layouts, self.visible)
        partner: list[int] = []
        for template in ready:
            first = len(partner)
            partner += [first + 1, first] if len(template.visible) == 2 else [first]
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


def _distances(layouts: NDArray[np.float64], visible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(V, K, 2) and (V, K) -> (K, K)."""
    count = visible.shape[1]
    total, shown = np.zeros((count, count)), np.zeros((count, count))
    for layout, seen in zip(layouts, visible, strict=True):  # one by one: all at once is large for many landmarks
        both = seen[:, None] & seen
        total += np.where(both, np.linalg.norm(layout[:, None] - layout, axis=-1), 0)
        shown += both
    return np.where(shown > 0, total / np.maximum(shown, 1), np.inf)


def _layout(template: Template, order: NDArray[np.int64], mirrored: bool) -> NDArray[np.float64]:
    visible = template.visible[order]
    xy = np.where(visible[:, None], template.xy[order], 0.0) * (np.array([-1.0, 1.0]) if mirrored else 1.0)
    seen = xy[visible]
    low, high = seen.min(axis=0), seen.max(axis=0)
    # A single point spans nothing; a pixel then stands for its size, which only sets how far its prior reaches.
    return np.asarray((xy - (low + high) / 2) / max(float((high - low).max()), 1.0))
