"""How good the predictions for images that nobody has looked at are, judged from those that somebody has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.evaluate.parts import iou_per_part
from counterpart.core.jobs import JobContext
from counterpart.core.propagate.lessons import Lesson
from counterpart.core.propagate.model import PartScores, fit, vote
from counterpart.core.propagate.params import PropagateParams

_FOLDS = 10
_LEARNING = 0.2
"""Errors fall with the number of labelled images n as n to minus this (two sets of faces, one to five images): each
image was predicted from one image less than the unreviewed ones are."""
_ENOUGH = 5
"""Reviewed images from which on an estimate is trusted."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A labelled image, predicted from the others.

    Attributes:
        index: Its place among the lessons.
        values: What the tables' rows and columns mean; background first.
        true: (L, L) float64 share of the image's cells predicted as the row and mostly labelled as the column.
        expected: (L, L) what the prediction itself expects that table to be.
    """

    index: int
    values: tuple[int, ...]
    true: NDArray[np.float64]
    expected: NDArray[np.float64]

    @property
    def iou(self) -> dict[int, float]:
        """Intersection over union of each label that the image has or was predicted to have."""
        found = iou_per_part(_counts(self.true))
        return {value: float(iou) for value, iou in zip(self.values, found, strict=True) if not np.isnan(iou)}


@dataclass(frozen=True, slots=True)
class QualityEstimate:
    """What the unreviewed images' predictions are probably worth.

    Attributes:
        iou: Estimated intersection over union by label; background is 0.
        mean: Mean over the labels.
        images: Number of reviewed images that it rests on.
        trusted: Whether these are enough.
    """

    iou: dict[int, float]
    mean: float
    images: int
    trusted: bool


def hold_out(lessons: Sequence[Lesson], params: PropagateParams, ctx: JobContext) -> list[HeldOut]:
    """Predict every labelled image from the others (at most ten groups are left out in turn).

    Raises:
        UsageError: Fewer than two images, or no part in them.
        JobCancelledError: Cancelled.
    """
    if len(lessons) < 2:
        raise UsageError("one labelled image cannot be predicted from others", hint="Label a second image")
    values = (0, *sorted({value for one in lessons for value in one.parts}))
    folds = min(len(lessons), _FOLDS)
    out = []
    for fold in range(folds):
        ctx.step(fold, folds, "Judging the labelled images by each other")
        rest = [one for index, one in enumerate(lessons) if index % folds != fold]
        left = [(index, one) for index, one in enumerate(lessons) if index % folds == fold]
        if not any(one.parts for one in rest):
            continue
        model = fit(rest, params)
        for index, one in left:
            cells, _ = vote(model, one.tokens[: one.own])
            own = one.shares[: one.own].astype(np.float64)
            if cells.shape[1] != own.shape[1]:
                own = own.mean(axis=1, keepdims=True)
            predicted = _placed(cells.reshape(-1, cells.shape[2]).astype(np.float64), model.values, values)
            truth = _placed(own.reshape(-1, own.shape[2]), one.values, values)
            truth = np.eye(len(values))[truth.argmax(axis=1)]  # pixels get a border inside a cell about right
            out.append(HeldOut(index, values, _table(predicted, truth), _table(predicted, predicted)))
    ctx.step(folds, folds, "Judged the labelled images by each other")
    return out


def expected_table(scores: PartScores) -> NDArray[np.float64]:
    """(L, L) share of an image predicted as the row that the prediction itself expects to be the column."""
    flat = scores.probability.reshape(-1, scores.probability.shape[-1]).astype(np.float64)
    return _table(flat, flat)


def estimate_quality(
    held_out: Sequence[HeldOut], unreviewed: NDArray[np.float64], values: Sequence[int]
) -> QualityEstimate:
    """Intersection over union that the unreviewed images' predictions probably have.

    What the predictions expect of themselves on the unreviewed images, corrected by how far that was off on the
    labelled images when each was predicted from the others.

    Args:
        held_out: From `hold_out`; at least one.
        unreviewed: (L, L) sum of `expected_table` over the unreviewed images.
        values: What its rows mean.

    Raises:
        UsageError: Nothing was held out.
    """
    if not held_out:
        raise UsageError("there is nothing to judge the predictions by", hint="Review at least two images")
    true = _iou(np.sum([one.true for one in held_out], axis=0), held_out[0].values)
    expected = _iou(np.sum([one.expected for one in held_out], axis=0), held_out[0].values)
    here = _iou(unreviewed, values)
    count = len(held_out)
    gain = (count / max(count - 1, 1)) ** -_LEARNING
    iou = {}
    for value in true:
        off = true[value] - expected.get(value, true[value])
        found = float(np.clip(here.get(value, expected.get(value, true[value])) + off, 0, 1))
        iou[value] = 1 - (1 - found) * gain
    return QualityEstimate(iou, float(np.mean(list(iou.values()))), len(held_out), len(held_out) >= _ENOUGH)


def _table(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L, L) share of cells by likeliest label and by true share."""
    winner = predicted.argmax(axis=1)
    out: NDArray[np.float64] = np.eye(predicted.shape[1])[winner].T @ truth
    return out / max(len(truth), 1)


def _placed(shares: NDArray[np.float64], own: Sequence[int], values: Sequence[int]) -> NDArray[np.float64]:
    out = np.zeros((len(shares), len(values)))
    out[:, [values.index(value) for value in own]] = shares
    return out


def _iou(table: NDArray[np.float64], values: Sequence[int]) -> dict[int, float]:
    found = iou_per_part(_counts(table))
    return {value: float(iou) for value, iou in zip(values, found, strict=True) if not np.isnan(iou)}


def _counts(table: NDArray[np.float64]) -> NDArray[np.int64]:
    """Shares as counts of millionths of an image."""
    return np.rint(table * 1e6).astype(np.int64)
