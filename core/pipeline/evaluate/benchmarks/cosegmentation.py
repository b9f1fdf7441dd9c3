"""Co-segmentation on MSRC, Internet300, PASCAL-VOC, PASCAL-CO, or any sets with masks (the paper's table 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError
from counterpart.core.evaluate.cosegmentation import SetScores, TruthSet, score_folder, score_set
from counterpart.core.evaluate.datasets.cosegmentation import Layout, find_layout
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.evaluate.benchmarks.items import run_items
from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan, keep, mean_of, open_store, settings
from counterpart.core.pipeline.evaluate.benchmarks.published import COSEGMENTATION_NAMES, PUBLISHED
from counterpart.core.pipeline.evaluate.benchmarks.table import Row, Table
from counterpart.core.pipeline.parts.masks import CosegmentJob, find_object
from counterpart.core.wording import counted

COLUMNS = ("J", "P", "Js", "Ps")


def measure_cosegmentation(
    engine: Engine,
    root: Path,
    job: CosegmentJob,
    plan: Plan,
    ctx: JobContext,
    *,
    predicted: Path | None = None,
    split: str | None = None,
    dataset: str | None = None,
) -> tuple[Table, dict[str, Any]]:
    """Find the shared object of each set and compare with its true masks.

    Args:
        engine: The model.
        root: The data set; see `core.evaluate.datasets.cosegmentation` for the layouts.
        job: How.
        plan: What part (`limit` counts images of a set), and where results are kept.
        ctx: Progress, cancellation, and sets that cannot be measured.
        predicted: A folder `SET/*.png` of masks to score instead.
        split: List of PASCAL VOC.
        dataset: Which published column to show: `msrc`, `internet300`, `pascal-voc`, `pascal-co`; guessed from names by
            default.

    Returns:
        The table, and figures of every set and image as plain values.

    Raises:
        ProtocolError: None of the layouts, or nothing could be measured.
        UsageError: No such set.
    """
    layout = find_layout(root, ctx, plan.categories, split)
    sets = [TruthSet(one.name, one.images[: plan.limit]) for one in layout.sets]
    params = settings(engine, "cosegmentation", job, predicted=predicted and str(predicted), images=plan.limit)
    store = open_store(plan, params, ctx)

    def work(truth: TruthSet, part: JobContext) -> dict[str, Any]:
        if predicted is not None:
            (scores,) = score_folder([truth], predicted)
        else:
            scores = score_set(truth, _masks(engine, truth, job, part))
        return _plain(scores)

    found = run_items(sets, lambda one: one.name, work, store, ctx)
    rows = tuple(Row(name, _values(result["mean"])) for name, result in found.items())
    name = layout.dataset if dataset is None else dataset
    published = tuple(Row(row.name, (*row.values, None, None)) for row in PUBLISHED.get(name, ()))
    table = Table(
        _title(engine, job, layout, name, predicted),
        COLUMNS,
        rows,
        Row("mean over sets", mean_of(row.values for row in rows)),
        published,
        _notes(layout, plan, len(found)),
    )
    data = {"mean": _fractions(table.result), "sets": found, "layout": layout.kind, "dataset": name}
    return keep(plan, table), data


def _title(engine: Engine, job: CosegmentJob, layout: Layout, name: str, predicted: Path | None) -> str:
    title = f"Co-segmentation, {COSEGMENTATION_NAMES.get(name, layout.kind)}: "
    if predicted is not None:
        return f"{title}masks of {predicted}"
    return f"{title}{engine.info.name}, {job.params.method}, size {job.size}, stride {job.stride}, {job.params.tap}"


def _notes(layout: Layout, plan: Plan, measured: int) -> tuple[str, ...]:
    notes = [
        f"{counted(measured, 'set')}. J: Jaccard index, P: share of pixels labelled right; means over images, sets.",
        "Without unlabelled pixels; Js and Ps count those as background.",
    ]
    if measured < len(layout.sets) or plan.limit is not None or plan.categories:
        notes.append("Not the whole data set: the mean does not compare with the published ones.")
    return tuple(notes)


def _plain(scores: SetScores) -> dict[str, Any]:
    return {
        "mean": {name: round(value, 6) for name, value in dataclasses.asdict(scores.mean).items()},
        "images": {
            name: {key: round(value, 6) for key, value in dataclasses.asdict(each).items()}
            for name, each in scores.images
        },
    }


def _values(mean: dict[str, float]) -> tuple[float, ...]:
    return tuple(100 * mean[name] for name in ("j", "p", "js", "ps"))


def _fractions(row: Row) -> dict[str, float | None]:
    return {
        name: None if value is None else round(value / 100, 6)
        for name, value in zip(("j", "p", "js", "ps"), row.values, strict=True)
    }


def _masks(engine: Engine, truth: TruthSet, job: CosegmentJob, ctx: JobContext) -> Iterator[NDArray[np.bool_]]:
    refs: Sequence[ImageRef] = [ImageRef(item.image, f"{truth.name}/{item.image.name}") for item in truth.images]
    before = len(ctx.failures)
    run = find_object(engine, refs, job, ctx)
    if len(ctx.failures) > before:
        first = ctx.failures[before]
        raise ImageError(first.what, path=first.path, hint=first.hint)
    for index in range(len(run)):
        ctx.check()
        yield run.labels(index, ctx) > 0
