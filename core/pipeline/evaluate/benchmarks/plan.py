"""What the tables' runs share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.files import write_json, write_text
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.evaluate.benchmarks.items import ItemStore
from counterpart.core.pipeline.evaluate.benchmarks.table import Table
from counterpart.core.pipeline.outputs import check_writable


@dataclass(frozen=True, slots=True)
class Plan:
    """What part of a data set is measured, and where results are kept.

    Attributes:
        out: Folder of the results of single items and of the table; None keeps nothing.
        limit: Only the first so many (sequences, images, pairs of a category); None for all.
        categories: Only these; empty for all.
    """

    out: Path | None = None
    limit: int | None = None
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"a limit of {self.limit} measures nothing", hint="Use 1 or more")


def settings(engine: Engine, benchmark: str, job: Any, **more: object) -> dict[str, Any]:
    """Everything that a result depends on besides the data; the number of items is not part of it."""
    return {
        "benchmark": benchmark,
        "model": engine.info.name,
        "weights": engine.plan.weights_sha256,
        "job": dataclasses.asdict(job),
        **more,
    }


def open_store(plan: Plan, params: dict[str, Any], ctx: JobContext) -> ItemStore:
    """The store of a run; finds out before hours of work whether it can be written."""
    if plan.out is not None:
        check_writable(plan.out)
    return ItemStore(plan.out, params, ctx)


def keep(plan: Plan, table: Table) -> Table:
    """Write the table beside the results of the items: `table.json`, `table.md`."""
    if plan.out is not None:
        write_json(plan.out / "table.json", table.as_dict(), indent=1)
        write_text(plan.out / "table.md", table.markdown() + "\n")
    return table


def mean_of(rows: Iterable[Sequence[float | None]]) -> tuple[float | None, ...]:
    """Mean of each column over the rows that have a figure there."""
    table = np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=np.float64)
    known = np.isfinite(table)
    total, count = np.where(known, table, 0).sum(axis=0), known.sum(axis=0)
    return tuple(float(t / c) if c else None for t, c in zip(total, count, strict=True))
