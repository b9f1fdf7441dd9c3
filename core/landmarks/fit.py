"""Fitting the map from parts to landmarks on a few labelled images, by ridge regression in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.jobs import JobContext
from counterpart.core.landmarks.features import (
    CoordinateFrame,
    LandmarkParams,
    PartMaps,
    descriptor_basis,
    features_of,
    frame_of,
)
from counterpart.core.landmarks.model import LandmarkModel

_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_REACHES = (0.0625, 0.125, 0.25)
_FEWEST = 3
"""Labelled images that a landmark needs."""
_NEAR = 0.08
"""A label that lies this near to where it is expected, in half-widths of the frame, contradicts nothing."""


def fit_landmarks(
    images: Sequence[PartMaps],
    xy: NDArray[np.floating],
    params: LandmarkParams,
    ctx: JobContext,
    names: Sequence[str] = (),
) -> LandmarkModel:
    """Learn where landmarks lie from labelled images.

    Args:
        images: The labelled images, all with the same parts.
        xy: (N, L, 2) image pixels; NaN where a landmark is not labelled. A landmark labelled in fewer than three images
            is not learnt, with a warning.
        params: See `LandmarkParams`.
        ctx: Progress, cancellation, and warnings about labels that contradict the others.
        names: One per landmark; numbers by default.

    Raises:
        UsageError: Too few labelled images, shapes that do not fit, or no landmark that can be learnt.
    """
    labelled = np.array(xy, dtype=np.float64)
    _check(images, labelled)
    names = tuple(names) or tuple(str(index) for index in range(labelled.shape[1]))
    known = np.isfinite(labelled[..., 0]) & np.isfinite(labelled[..., 1])
    learnt = known.sum(axis=0) >= _FEWEST
    if not learnt.any():
        raise UsageError(
            f"no landmark is labelled in {_FEWEST} images or more", hint="Label the same landmarks in more images"
        )
    for index in np.flatnonzero(~learnt):
        ctx.warn(f"Landmark '{names[index]}' is labelled in fewer than {_FEWEST} images and was not learnt")
    known &= learnt
    basis = descriptor_basis(images)
    frames: tuple[CoordinateFrame, ...] = ("image", "object") if params.frame == "auto" else (params.frame,)
    best: _Fit | None = None
    for number, frame in enumerate(frames):
        ctx.step(number, len(frames), "Fitting landmarks")
        fit = _Fit(images, labelled, known, params, frame, basis, ctx)
        if best is None or fit.error < best.error:
            best = fit
    assert best is not None
    ctx.step(len(frames), len(frames), "Fitting landmarks")
    _report_contradictions(best.dropped, known, ctx)
    return best.model(names)


def _check(images: Sequence[PartMaps], xy: NDArray[np.float64]) -> None:
    if xy.ndim != 3 or xy.shape[-1] != 2 or len(xy) != len(images):
        raise ValueError(f"landmarks of shape {xy.shape} do not fit {len(images)} images")
    if len(images) < _FEWEST:
        raise UsageError(f"{len(images)} labelled images are too few", hint=f"Label at least {_FEWEST}")
    counts = sorted({image.scores.shape[-1] - 1 for image in images})
    if len(counts) > 1 or len({image.descriptors is None for image in images}) > 1:
        raise UsageError("the images have different parts", hint="Use the parts of one run or of one codebook")


def _report_contradictions(dropped: NDArray[np.bool_], known: NDArray[np.bool_], ctx: JobContext) -> None:
    odd = np.flatnonzero(dropped.sum(axis=1) * 3 > known.sum(axis=1).clip(1))
    if len(odd):
        ctx.warn(
            "The landmarks of these labelled images contradict the others and were left out: "
            f"{', '.join(str(index + 1) for index in odd)} (counted from 1). Are left and right exchanged?"
        )


class _Fit:
    """Ridge regression of every landmark in one frame, with the settings that leave-one-out likes best."""

    def __init__(
        self,
        images: Sequence[PartMaps],
        xy: NDArray[np.float64],
        known: NDArray[np.bool_],
        params: LandmarkParams,
        frame: CoordinateFrame,
        basis: NDArray[np.float32] | None,
        ctx: JobContext,
    ) -> None:
        self.params, self.frame, self.basis, self.known = params, frame, basis, known
        self.parts = images[0].scores.shape[-1] - 1
        frames = [frame_of(image, frame) for image in images]
        rows = [features_of(image, params, basis, *at) for image, at in zip(images, frames, strict=True)]
        inputs = np.stack(rows).astype(np.float64)
        seen = np.isfinite(inputs)
        self.typical = np.where(seen, inputs, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        self.inputs = np.where(seen, inputs, self.typical)
        origins, halves = (np.stack(part) for part in zip(*frames, strict=True))
        self.targets = (xy - origins[:, None]) / halves[:, None]
        # Errors of both frames are compared in pixels.
        self.scale = np.sqrt(halves.prod(axis=1))
        self.dropped = np.zeros_like(known)
        self._choose(ctx)
        if params.robust:
            for _ in range(2):
                self._drop()
                self._choose(ctx)

    def _choose(self, ctx: JobContext) -> None:
        """Penalty and reach with the least leave-one-out error."""
        params = self.params
        reaches = _REACHES if params.reach is None else (params.reach,)
        if params.method == "centroids":
            reaches = (1.0,)
        penalties = _PENALTIES if params.penalty is None else (params.penalty,)
        self.error = np.inf
        for reach in reaches:
            kernels = []
            for landmark in range(self.known.shape[1]):
                ctx.check()
                kernels.append(self._kernel(landmark, reach))
            for penalty in penalties:
                residuals = np.full(self.targets.shape, np.nan)
                for landmark, kernel in enumerate(kernels):
                    use = self._use(landmark)
                    if kernel is not None:
                        residuals[use, landmark] = _leave_one_out(kernel, self.targets[use, landmark], penalty)
                error = self._typical_error(residuals)
                if error < self.error:
                    self.error, self.reach, self.penalty, self.residuals = error, reach, penalty, residuals

    def _typical_error(self, residuals: NDArray[np.float64]) -> float:
        """Mean leave-one-out error in pixels; far ones, which may be wrong labels, count as four times the median."""
        errors = np.linalg.norm(residuals, axis=-1) * self.scale[:, None]
        errors = errors[np.isfinite(errors)]
        return float(np.minimum(errors, 4 * np.median(errors)).mean() if self.params.robust else errors.mean())

    def _use(self, landmark: int) -> NDArray[np.intp]:
        return np.flatnonzero(self.known[:, landmark] & ~self.dropped[:, landmark])

    def _weighting(self, landmark: int, reach: float) -> NDArray[np.float64]:
        """(F,) how much of each input a landmark looks at: a hill around its usual place, narrower for descriptors."""
        if self.params.method == "centroids":
            spread = self.inputs.std(axis=0)
            return np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0)
        side = self.params.grid
        usual = np.median(self.targets[self._use(landmark), landmark], axis=0)
        away = ((np.arange(side) + 0.5) / side * 2 - 1)[:, None] - usual
        squared = ((away[:, None, 1] ** 2 + away[None, :, 0] ** 2) / 4).reshape(-1, 1)
        # Square roots of hills of that width: a kernel multiplies two inputs.
        blocks = [np.repeat(np.exp(-0.25 * squared / reach**2), self.parts, axis=1)]
        if self.basis is not None:
            blocks.append(np.repeat(np.exp(-4.0 * squared / reach**2), self.basis.shape[1], axis=1))
        return np.concatenate(blocks, axis=1).reshape(-1)

    def _weighted(
        self, landmark: int, reach: float
    ) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
        """Weighted centred inputs (n, f) of the images in use, which of all inputs they are, and their weights (f,)."""
        use = self._use(landmark)
        weighting = self._weighting(landmark, reach)
        active = np.flatnonzero(weighting > 1e-3 * weighting.max())
        weighting = weighting[active]
        inputs = self.inputs[np.ix_(use, active)]
        values = (inputs - inputs.mean(axis=0)) * weighting
        if self.basis is not None and self.params.method == "scores":
            # Part scores and descriptors shall count alike.
            of_parts = active % (self.parts + self.basis.shape[1]) < self.parts
            for kind in (of_parts, ~of_parts):
                factor = 1 / max(float(np.sqrt((values[:, kind] ** 2).sum())), 1e-12)
                values[:, kind] *= factor
                weighting[kind] *= factor
        return values, active, weighting

    def _kernel(self, landmark: int, reach: float) -> NDArray[np.float64] | None:
        if len(self._use(landmark)) < _FEWEST:
            return None
        values, _, _ = self._weighted(landmark, reach)
        return np.asarray(values @ values.T)

    def _drop(self) -> None:
        """Labels whose leave-one-out error is far outside what the landmark's others show."""
        errors = np.linalg.norm(self.residuals, axis=-1)
        far = np.zeros_like(self.known)
        for landmark, column in enumerate(errors.T):
            seen = np.isfinite(column)
            if seen.any():
                limit = max(6 * float(np.median(column[seen])), _NEAR)
                far[seen, landmark] = column[seen] > limit
        kept = self.known & ~self.dropped & ~far
        # Never drop a landmark altogether: with few labels there is no telling which of them is odd.
        far[:, kept.sum(axis=0) < _FEWEST] = False
        self.dropped |= far & self.known

    def model(self, names: tuple[str, ...]) -> LandmarkModel:
        count, width = self.known.shape[1], self.inputs.shape[1]
        weights = np.zeros((count, width, 2), dtype=np.float32)
        intercept = np.full((count, 2), np.nan)
        spread = np.full(count, np.nan)
        for landmark in range(count):
            use = self._use(landmark)
            if len(use) < _FEWEST:
                continue
            values, active, weighting = self._weighted(landmark, self.reach)
            targets = self.targets[use, landmark]
            kernel = values @ values.T
            lift = self.penalty * max(np.trace(kernel) / len(use), 1e-12)
            alpha = np.linalg.solve(kernel + lift * np.eye(len(use)), targets - targets.mean(axis=0))
            weights[landmark, active] = (values.T @ alpha) * weighting[:, None]
            intercept[landmark] = targets.mean(axis=0) - self.inputs[use].mean(axis=0) @ weights[landmark]
            squared = (self.residuals[use, landmark] ** 2).sum(axis=-1)
            spread[landmark] = float(np.sqrt(np.nanmean(squared)))
        chosen = LandmarkParams(
            self.params.method, self.frame, self.params.grid, self.reach, self.penalty, self.params.robust
        )
        typical = self.typical.astype(np.float32)
        return LandmarkModel(names, self.parts, chosen, weights, intercept, spread, typical, self.basis, self.dropped)


def _leave_one_out(kernel: NDArray[np.float64], targets: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """(n, 2) errors on each image of a ridge regression (with intercept) that never saw it, in closed form."""
    count = len(kernel)
    lift = penalty * max(np.trace(kernel) / count, 1e-12)
    hat = np.linalg.solve(kernel + lift * np.eye(count), kernel).T + 1 / count
    residual = targets - hat @ targets
    return np.asarray(residual / np.maximum(1 - np.diag(hat), 1e-6)[:, None])
