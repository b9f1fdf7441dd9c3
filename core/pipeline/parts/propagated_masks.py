"""Use case: labels of some images carried over to all, as the label maps of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine, plain
from counterpart.core.pipeline.parts.masks import MaskRun
from counterpart.core.pipeline.parts.propagation import GivenLabels, Propagation, PropagationJob
from counterpart.core.project.palette import Colour, colour_at
from counterpart.core.propagate import QualityEstimate
from counterpart.core.wording import counted


def propagate(
    engine: Engine,
    refs: Sequence[ImageRef],
    given: Mapping[str, GivenLabels],
    job: PropagationJob,
    ctx: JobContext,
    *,
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, Colour] | None = None,
    ignore: int | None = None,
) -> tuple[MaskRun, dict[str, object]]:
    """Labels of some images carried over to all.

    Args:
        engine: The model.
        refs: The images.
        given: Labels by the image's name.
        job: How.
        ctx: Progress and cancellation; what cannot be used is recorded in its failures.
        names: What labels mean; `part 3` by default.
        colours: Their colours.
        ignore: Label that means "not known".

    Returns:
        The run, in which a labelled image keeps the labels given, and plain values for a report: the images that were
        labelled, the next ones to label, the estimated quality, and the list of what deserves a look.

    Raises:
        UsageError: No images, no labels, or no part in them.
        ImageError: None of the images can be used.
        JobCancelledError: Cancelled.
    """
    if not given:
        raise UsageError("no image is labelled yet", hint="Give the labels of at least one of the images")
    state = Propagation.open(engine, refs, job, ctx.stage(0.0, 0.6))
    places = {ref.name: index for index, ref in enumerate(state.features.refs)}
    known = {places[name]: labels for name, labels in given.items() if name in places}
    if not known:
        raise UsageError("none of the labels belong to an image that can be used", hint="Check the names and images")
    lessons = state.learn(known, ctx.stage(0.6, 0.7), ignore=ignore)
    update = state.update(lessons, ctx.stage(0.7, 0.9))
    held_out = state.held_out(lessons, ctx.stage(0.9, 0.98))
    quality = state.quality(held_out, update)
    values = [value for value in update.model.values if value != 0]
    titles = {value: (names or {}).get(value, f"part {value}") for value in values}
    tints = {value: (colours or {}).get(value, colour_at(order)) for order, value in enumerate(values)}
    findings = state.check(lessons, {i: known[i].read for i in lessons}, titles, ctx.stage(0.98, 1.0), held_out)
    for text in update.warnings:
        ctx.warn(text)
    doubts = update.doubts

    def label_map(index: int, rgb: NDArray[np.uint8], ctx: JobContext) -> NDArray[np.unsignedinteger]:
        ctx.check()
        if index in lessons:
            return np.asarray(known[index].read())
        return state.labels(update.model, index, rgb)

    def token_map(index: int) -> NDArray[np.uint8]:
        if index in lessons:
            return np.asarray(state.features[index].geometry.pool_nearest(known[index].read()), dtype=np.uint8)
        return np.asarray(state.scores(update.model, index).token_labels, dtype=np.uint8)

    total = len(state.features)
    note = (
        f"learnt {counted(len(values), 'part')} from {counted(len(lessons), 'image')}, predicted {total - len(lessons)}"
    )
    about: dict[str, object] = {
        "labelled": [state.features.refs[index].name for index in lessons],
        "next": [state.features.refs[index].name for index in state.next_images(lessons, update)],
        "estimate": None if quality is None else _plain_quality(quality, titles),
        "findings": [finding.as_dict() for finding in findings],
    }
    run = MaskRun(
        kind="propagate",
        features=state.features,
        names=titles,
        colours=tints,
        doubts=tuple(doubts.get(index, 0.0) for index in range(total)),
        outliers=tuple(index in update.unlike for index in range(total)),
        params=plain(state.job),
        note=note,
        about=about,
        pixels=label_map,
        grid=token_map,
    )
    return run, about


def _plain_quality(quality: QualityEstimate, names: Mapping[int, str]) -> dict[str, object]:
    return {
        "mean_iou": round(quality.mean, 4),
        "iou": {names.get(value, "background"): round(iou, 4) for value, iou in quality.iou.items()},
        "from_images": quality.images,
        "trusted": quality.trusted,
    }
