"""J and F of label maps on disk, such as `track` writes, against the true ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from counterpart.core.evaluate.tracks import TrackPair, find_tracks, score_tracks
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.evaluate.benchmarks.davis import COLUMNS, object_figures, object_scores
from counterpart.core.pipeline.evaluate.benchmarks.items import ItemStore, run_items
from counterpart.core.pipeline.evaluate.benchmarks.plan import mean_of
from counterpart.core.pipeline.evaluate.benchmarks.table import Row, Table


def measure_tracks(predicted: Path, truth: Path, ctx: JobContext, *, ends: bool = False) -> Table:
    """Score label maps of one sequence, or of a folder of sequences; one that cannot be scored is a failure.

    Raises:
        ProtocolError: There is nothing to score.
    """
    pairs = find_tracks(predicted, truth)

    def work(pair: TrackPair, part: JobContext) -> dict[str, Any]:
        return {"objects": object_scores(score_tracks(pair, part, ends=ends))}

    found = run_items(pairs, lambda pair: pair.name, work, ItemStore(None, {}, ctx), ctx)
    rows = [Row(name, mean_of(object_figures(each) for each in result["objects"])) for name, result in found.items()]
    total = mean_of(object_figures(each) for result in found.values() for each in result["objects"])
    counted = "every frame" if ends else "every frame but the first and the last"
    return Table(
        f"J and F of {predicted}", COLUMNS, tuple(rows), Row("mean over objects", total), (), (f"Scored: {counted}.",)
    )
