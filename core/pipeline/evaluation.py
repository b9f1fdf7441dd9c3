"""Use cases that measure: the methods of this program on data sets with human truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageError
from core.evaluate.cosegmentation import SetScores, TruthSet, find_sets, score_folder, score_set
from core.imaging import ImageRef
from core.jobs import JobContext
from core.pipeline.engine import Engine
from core.pipeline.masks import CosegmentJob, find_object

__all__ = ["evaluate_cosegmentation"]


def evaluate_cosegmentation(
    engine: Engine, root: Path, job: CosegmentJob, ctx: JobContext, *, predicted: Path | None = None
) -> list[SetScores]:
    """Co-segment each set of a data set and compare with its human masks.

    Args:
        engine: The model.
        root: Holds `images/SET/*`, `masks/SET/*.png` and, where pixels are unlabelled, `labels/SET/*.png`.
        job: How the object is found.
        ctx: Progress and cancellation.
        predicted: A folder `SET/*.png` of masks to score instead of running the method.

    Raises:
        ProtocolError: The folder is not laid out like that, or a mask does not fit its image.
        ImageError: An image of the data set cannot be used; scores without it would not compare with others'.
    """
    sets = find_sets(root)
    if predicted is not None:
        return score_folder(sets, predicted)
    scores = []
    for number, truth in enumerate(sets):
        part = ctx.stage(number / len(sets), (number + 1) / len(sets))
        scores.append(score_set(truth, _masks(engine, truth, job, part)))
    return scores


def _masks(engine: Engine, truth: TruthSet, job: CosegmentJob, ctx: JobContext) -> Iterator[NDArray[np.bool_]]:
    refs: Sequence[ImageRef] = [ImageRef(item.image, f"{truth.name}/{item.image.name}") for item in truth.images]
    before = len(ctx.failures)
    run = find_object(engine, refs, job, ctx)
    if len(ctx.failures) > before:
        first = ctx.failures.pop(before)
        raise ImageError(first.what, path=first.path, hint=first.hint)
    for index in range(len(run)):
        ctx.check()
        yield run.labels(index, ctx) > 0
