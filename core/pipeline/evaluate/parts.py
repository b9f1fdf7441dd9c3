"""Use case: how well parts agree with human labels: those of any program, or those carried over from a few images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, ProtocolError
from counterpart.core.evaluate.parts import (
    adjusted_rand,
    contingency,
    iou_per_part,
    mean_iou,
    normalised_mutual_information,
)
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.parts.label_files import LabelFolder, read_label_folder
from counterpart.core.pipeline.parts.propagation import GivenLabels, Propagation, PropagationJob


@dataclass(frozen=True, slots=True)
class FewShot:
    """How few-shot parts are measured.

    Attributes:
        labelled: Images that teach in each draw.
        seeds: One random choice of them each.
        ignore: A label that means "not known": its pixels do not count.
    """

    labelled: int = 5
    seeds: tuple[int, ...] = (0, 1, 2)
    ignore: int | None = None


def evaluate_label_maps(
    refs: Sequence[ImageRef], truth: Path, predicted: Path, ctx: JobContext, *, ignore: int | None = None
) -> dict[str, Any]:
    """Compare label pictures with true ones of the same images.

    Returns:
        Plain values: IoU by label and their mean, taking equal values for equal parts; NMI and ARI over the pixels of
        the true foreground, whatever values stand for.

    Raises:
        FormatError: A folder holds no label pictures, or one is damaged.
        ProtocolError: No image has both, or sizes differ.
    """
    true = read_label_folder(truth, refs, ctx, ignore=ignore)
    found = read_label_folder(predicted, refs, ctx, ignore=ignore)
    both = [ref.name for ref in refs if ref.name in true.given and ref.name in found.given]
    if not both:
        raise ProtocolError("no image has both a true and a predicted label picture", path=predicted)
    pairs = []
    for done, name in enumerate(both):
        ctx.step(done, len(both), f"Comparing {name}")
        pairs.append((found.given[name].read(), true.given[name].read()))
    values = _values(pairs, ignore)
    table = sum((_table(a, b, values, ignore, name) for (a, b), name in zip(pairs, both, strict=True)), _none(values))
    return {"images": len(both), **_scores(table, values, true.names)}


def evaluate_few_shot(
    engine: Engine, refs: Sequence[ImageRef], truth: Path, job: PropagationJob, plan: FewShot, ctx: JobContext
) -> dict[str, Any]:
    """Carry the true labels of a few random images over to the others, and compare.

    Raises:
        FormatError: The folder holds no label pictures, or one is damaged.
        ProtocolError: Too few images have labels.
        ImageError: An image cannot be used.
    """
    given = read_label_folder(truth, refs, ctx, ignore=plan.ignore)
    labelled = [ref for ref in refs if ref.name in given.given]
    if len(labelled) <= plan.labelled:
        raise ProtocolError(
            f"{len(labelled)} images have labels, which leaves none to test beside {plan.labelled}",
            path=truth,
            hint="Use a smaller --labelled or more images",
        )
    before = len(ctx.failures)
    state = Propagation.open(engine, labelled, job, ctx.stage(0.0, 0.5))
    if len(ctx.failures) > before:
        first = ctx.failures.pop(before)
        raise ImageError(first.what, path=first.path, hint=first.hint)
    values = _values([(one, one) for one in (given.given[ref.name].read() for ref in labelled)], plan.ignore)
    draws, total = [], _none(values)
    for number, seed in enumerate(plan.seeds):
        part = ctx.stage(0.5 + 0.5 * number / len(plan.seeds), 0.5 + 0.5 * (number + 1) / len(plan.seeds))
        table = _none(values)
        for name, predicted in _predictions(state, given, plan, seed, part):
            table += _table(predicted, given.given[name].read(), values, plan.ignore, name)
        draws.append(_scores(table, values, given.names))
        total += table
    means = [draw["mean_iou"] for draw in draws]
    return {
        "images": len(labelled),
        "labelled": plan.labelled,
        "seeds": list(plan.seeds),
        "ignore": plan.ignore,
        **_scores(total, values, given.names),
        "mean_iou": float(np.mean(means)),
        "spread": float(np.std(means)),
        "draws": means,
    }


def _predictions(
    state: Propagation, given: LabelFolder, plan: FewShot, seed: int, ctx: JobContext
) -> Iterator[tuple[str, NDArray[np.integer]]]:
    refs = state.features.refs
    order = np.random.default_rng(seed).permutation(len(refs)).tolist()
    chosen: Mapping[int, GivenLabels] = {index: given.given[refs[index].name] for index in order[: plan.labelled]}
    lessons = state.learn(chosen, ctx.stage(0.0, 0.3), ignore=plan.ignore)
    update = state.update(lessons, ctx.stage(0.3, 0.4), only=[])
    rest = order[plan.labelled :]
    for done, index in enumerate(rest):
        ctx.stage(0.4, 1.0).step(done, len(rest), f"Predicting {refs[index].name}")
        yield refs[index].name, state.labels(update.model, index, read_image(refs[index].path).rgb)


def _values(pairs: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]], ignore: int | None) -> list[int]:
    found = {int(value) for pair in pairs for labels in pair for value in np.unique(labels)}
    return [0, *sorted(found - {0} - ({ignore} if ignore is not None else set()))]


def _none(values: Sequence[int]) -> NDArray[np.int64]:
    return np.zeros((len(values), len(values)), np.int64)


def _table(
    predicted: NDArray[np.integer], truth: NDArray[np.integer], values: Sequence[int], ignore: int | None, name: str
) -> NDArray[np.int64]:
    if predicted.shape != truth.shape:
        raise ProtocolError(f"{name}: label maps of {predicted.shape} and {truth.shape} pixels cannot be compared")
    counted = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    place = np.zeros(65_536, np.int64)
    place[list(values)] = np.arange(len(values))
    return contingency(place[predicted], place[truth], (len(values), len(values)), counted)


def _scores(table: NDArray[np.int64], values: Sequence[int], names: Mapping[int, str]) -> dict[str, Any]:
    iou = iou_per_part(table)
    titles = ["background", *(names.get(value, f"part {value}") for value in values[1:])]
    inside = table[:, 1:]
    return {
        "mean_iou": mean_iou(table),
        "iou": {title: float(value) for title, value in zip(titles, iou, strict=True) if not np.isnan(value)},
        "nmi": normalised_mutual_information(inside),
        "ari": adjusted_rand(inside),
    }
