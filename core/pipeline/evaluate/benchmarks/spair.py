"""Keypoint matching on SPair-71k (the paper's supplement, table 4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError
from counterpart.core.evaluate.datasets.spair import SpairPair, list_spair, read_spair_pair
from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.features.similarity import token_similarities
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.evaluate.benchmarks.items import run_items
from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan, keep, mean_of, open_store, settings
from counterpart.core.pipeline.evaluate.benchmarks.published import PUBLISHED, SPAIR_CATEGORIES
from counterpart.core.pipeline.evaluate.benchmarks.table import Row, Table
from counterpart.core.pipeline.keypoints.transfer import TransferJob, transfer_keypoints
from counterpart.core.pipeline.matches.matching import MatchJob
from counterpart.core.project.points import Skeleton
from counterpart.core.wording import counted

COLUMNS = ("PCK@0.1", "by point", "PCK@0.05", "paper")
_ALPHAS = (0.1, 0.05)


@dataclass(frozen=True, slots=True)
class SpairJob:
    """How keypoints are found.

    Attributes:
        transfer: The program's transfer, with the source as the only template; None for the paper's way.
        nearest: The paper's way: nearest neighbours of log-binned keys.
    """

    transfer: TransferJob | None
    nearest: MatchJob


def measure_spair(engine: Engine, root: Path, job: SpairJob, plan: Plan, ctx: JobContext, *, split: str) -> Table:
    """Find the keypoints of each pair's source in its target.

    A point is right within a share of the longer side of the target's box (PCK); shares are taken per pair and averaged
    over a category's pairs, or over all of its points at once.

    Args:
        engine: The model.
        root: The data set.
        job: How.
        plan: What part (`limit` counts pairs of a category), and where results are kept.
        ctx: Progress, cancellation, and pairs that cannot be measured.
        split: `test`, `val` or `trn`.

    Raises:
        ProtocolError: This is not SPair-71k, or nothing could be measured.
        UsageError: No such category.
    """
    lines = list_spair(root, split, plan.categories, plan.limit)
    store = open_store(plan, settings(engine, "spair", job, split=split), ctx)

    def work(line: tuple[str, str], part: JobContext) -> dict[str, Any]:
        pair = read_spair_pair(root, line[0], split)
        xy = (
            _by_transfer(engine, pair, job.transfer, part)
            if job.transfer
            else _nearest(engine, pair, job.nearest, part)
        )
        error = np.linalg.norm(xy - pair.target_xy, axis=1) / max(pair.target_box[2:])
        error = np.where(np.isfinite(error), error, np.inf)
        return {
            "points": len(error),
            **{f"right@{alpha}": int((error <= alpha).sum()) for alpha in _ALPHAS},
        }

    found = run_items(lines, lambda line: line[0], work, store, ctx)
    by_category: dict[str, list[dict[str, Any]]] = {}
    for line, category in lines:
        if line in found:
            by_category.setdefault(category, []).append(found[line])
    rows = tuple(Row(name, (*_figures(items), SPAIR_CATEGORIES.get(name))) for name, items in by_category.items())
    mean = mean_of(row.values for row in rows)
    published = tuple(Row(row.name, (None, None, None, *row.values)) for row in PUBLISHED["spair"])
    way = "transfer with one template" if job.transfer else "nearest log-binned keys, as in the paper"
    used = job.transfer or job.nearest
    title = f"SPair-71k {split}: {engine.info.name}, {way}, size {used.size}, stride {used.stride}, {used.params.tap}"
    notes = [f"{counted(len(found), 'pair')}. PCK per pair, then over a category's pairs, then over categories."]
    if plan.limit is not None or plan.categories or len(found) < len(lines):
        notes.append("Not all pairs of the split.")
    return keep(plan, Table(title, COLUMNS, rows, Row("mean over categories", mean), published, tuple(notes)))


def _figures(items: list[dict[str, Any]]) -> tuple[float, float, float]:
    points = sum(item["points"] for item in items)
    return (
        100 * float(np.mean([item["right@0.1"] / item["points"] for item in items])),
        100 * sum(item["right@0.1"] for item in items) / points,
        100 * float(np.mean([item["right@0.05"] / item["points"] for item in items])),
    )


def _refs(pair: SpairPair) -> tuple[ImageRef, ImageRef]:
    return ImageRef(pair.source, f"source/{pair.source.name}"), ImageRef(pair.target, f"target/{pair.target.name}")


def _by_transfer(engine: Engine, pair: SpairPair, job: TransferJob, ctx: JobContext) -> NDArray[np.float64]:
    """(N, 2) pixels of the target."""
    source, target = _refs(pair)
    visible = np.ones(len(pair.ids), np.bool_)
    template = Annotated(source, image_size(source.path), pair.source_xy, visible, pair.source_box)
    skeleton = Skeleton(pair.ids, name=pair.category)
    failed = len(ctx.failures)
    run = transfer_keypoints(engine, [template], [target], skeleton, job, ctx)
    _raise_failure(ctx, failed)
    return run.found[0].prediction.xy


def _nearest(engine: Engine, pair: SpairPair, job: MatchJob, ctx: JobContext) -> NDArray[np.float64]:
    """(N, 2) pixels of the target: the token most similar to the one nearest to each source point (section 5.3)."""
    source, target = _refs(pair)
    failed = len(ctx.failures)
    tap = job.params.tap or engine.defaults.match_tap
    features = engine.features([source, target], [tap], job.size, job.stride, ctx, saliency=False)
    _raise_failure(ctx, failed)
    a, b = features[0], features[1]
    rows, cols = a.grid_hw
    rc = np.clip(np.rint(a.geometry.image_to_grid(pair.source_xy)), 0, [rows - 1, cols - 1]).astype(np.int64)
    similar = token_similarities(a.descriptors(tap), rc, b.descriptors(tap), job.params.hierarchy)
    best = similar.reshape(len(rc), -1).argmax(axis=1)
    return b.geometry.grid_to_image(np.stack(np.divmod(best, b.grid_hw[1]), axis=-1))


def _raise_failure(ctx: JobContext, before: int) -> None:
    """A pair without one of its images cannot be measured."""
    if len(ctx.failures) > before:
        first = ctx.failures[before]
        del ctx.failures[before:]
        raise ImageError(first.what, path=first.path, hint=first.hint)
