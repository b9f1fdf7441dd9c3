"""Video object segmentation on DAVIS 2016 and 2017 (the paper's supplement, table 1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, ProtocolError, UsageError
from counterpart.core.evaluate.cosegmentation import read_values
from counterpart.core.evaluate.datasets.layout import choose
from counterpart.core.evaluate.video import DavisSequence, VideoScore, davis_sequences, score_video
from counterpart.core.images.video import FolderFrames
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.evaluate.benchmarks.items import run_items
from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan, keep, mean_of, open_store, settings
from counterpart.core.pipeline.evaluate.benchmarks.published import PUBLISHED
from counterpart.core.pipeline.evaluate.benchmarks.table import Row, Table
from counterpart.core.pipeline.video.track_job import TrackJob, frame_encoder
from counterpart.core.track import MaskTracker
from counterpart.core.wording import counted

COLUMNS = ("J&F", "J", "F", "J recall", "J decay")


def measure_davis(
    engine: Engine, root: Path, job: TrackJob, plan: Plan, ctx: JobContext, *, split: str | None, year: int | None
) -> Table:
    """Carry the first mask of each sequence through it, and compare with the truth of the other frames.

    As in the benchmarks' own code, the first frame, which is given, and the last are not scored; means are taken over
    frames, then over objects (2017: of all sequences together; 2016: one object, whatever the label).

    Args:
        engine: The model.
        root: Holds `JPEGImages` and `Annotations`, and `ImageSets` where a split is wanted.
        job: How.
        plan: What part, and where results are kept.
        ctx: Progress, cancellation, and sequences that cannot be measured.
        split: A list of `ImageSets`; every sequence for None.
        year: 2016 for one object per sequence, 2017 for several; by default 2016 where all masks of the first frames
            have one label.

    Raises:
        ProtocolError: This is not the data set, or nothing could be measured.
        UsageError: No such sequence.
    """
    failed = len(ctx.failures)
    everything = davis_sequences(root, split, year, ctx)
    unusable = len(ctx.failures) - failed
    names = choose([one.name for one in everything], plan.categories, "sequence")
    sequences = [one for one in everything if one.name in names][: plan.limit]
    if year is None:
        several = any(len(_labels(one, single=False)) > 1 for one in sequences if one.masks[0] is not None)
        year = 2017 if several else 2016
    store = open_store(plan, settings(engine, f"davis-{year}", job), ctx)
    single = year == 2016

    def work(sequence: DavisSequence, part: JobContext) -> dict[str, Any]:
        return _measure(engine, sequence, job, part, single=single)

    found = run_items(sequences, lambda one: one.name, work, store, ctx)
    rows = [Row(name, mean_of(object_figures(each) for each in result["objects"])) for name, result in found.items()]
    total = mean_of(object_figures(each) for result in found.values() for each in result["objects"])
    published = tuple(Row(row.name, (*row.values, None, None)) for row in PUBLISHED[f"davis-{year}"])
    title = f"DAVIS-{year}: {engine.info.name}, size {job.size}, stride {job.stride}, {job.params.tap}"
    notes = [f"{counted(len(found), 'sequence')}; the first mask given, the first and last frame not scored."]
    if len(found) < len(everything) + unusable:
        notes.append("Not all sequences of the split: the mean does not compare with the published ones.")
    return keep(plan, Table(title, COLUMNS, tuple(rows), Row("mean over objects", total), published, tuple(notes)))


def object_figures(item: dict[str, float]) -> tuple[float | None, ...]:
    """The same in the order of `COLUMNS`."""
    return (item["j"] + item["f"]) / 2, item["j"], item["f"], item["j_recall"], item["j_decay"]


def _labels(sequence: DavisSequence, *, single: bool) -> list[int]:
    """Objects of the first mask."""
    return [int(value) for value in np.unique(_mask(sequence, 0, single=single)) if value not in {0, 255}]


def _mask(sequence: DavisSequence, index: int, *, single: bool) -> NDArray[np.uint8]:
    path = sequence.masks[index]
    if path is None:
        raise ProtocolError(f"frame {index} of '{sequence.name}' has no mask", hint="Every frame needs its true mask")
    values = read_values(path)
    binary = single or set(np.unique(values).tolist()) <= {0, 255}
    return (values > 0).astype(np.uint8) if binary else values.astype(np.uint8)


def _measure(
    engine: Engine, sequence: DavisSequence, job: TrackJob, ctx: JobContext, *, single: bool
) -> dict[str, Any]:
    given = _mask(sequence, 0, single=single)
    objects = [int(value) for value in np.unique(given) if value not in {0, 255}]
    if not objects:
        raise ProtocolError("the first mask shows no object", path=sequence.masks[0], hint="There is nothing to follow")
    if len(sequence.frames) < 3:
        raise ProtocolError(f"'{sequence.name}' has too few frames", path=sequence.frames[0].parent, hint="At least 3")
    for index in range(1, len(sequence.masks) - 1):
        if sequence.masks[index] is None:
            _mask(sequence, index, single=single)
    failed = len(ctx.failures)
    source = FolderFrames(sequence.frames[0].parent, ctx)

    def pairs() -> Iterator[tuple[NDArray[np.integer], NDArray[np.integer]]]:
        for result in MaskTracker(source, {0: given}, job.params, frame_encoder(engine, job, ctx), ctx):
            if 0 < result.frame < len(sequence.frames) - 1:
                yield result.labels, _mask(sequence, result.frame, single=single)

    try:
        score = score_video(pairs(), objects)
    except UsageError as error:  # a first mask of another size than its frame
        raise ProtocolError(error.what, path=sequence.masks[0], hint=error.hint) from None
    except ValueError as error:
        raise ProtocolError(str(error), path=sequence.frames[0].parent, hint="Unpack it again") from None
    if len(ctx.failures) > failed:
        first = ctx.failures[failed]
        del ctx.failures[failed:]
        raise ImageError(first.what, path=first.path, hint=f"'{sequence.name}' is left out: scores would not compare")
    return {"frames": score.j.shape[1], "objects": object_scores(score)}


def object_scores(score: VideoScore) -> list[dict[str, float]]:
    """Figures of each object as plain values."""
    return [
        {
            "object": name,
            "j": float(score.j[row].mean()),
            "f": float(score.f[row].mean()),
            "j_recall": float((score.j[row] > 50).mean() * 100),
            "j_decay": _decay(score.j[row]),
        }
        for row, name in enumerate(score.names)
    ]


def _decay(j: NDArray[np.float64]) -> float:
    quarter = max(len(j) // 4, 1)
    return float(j[:quarter].mean() - j[-quarter:].mean())
