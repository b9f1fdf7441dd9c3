"""Use cases that measure: the methods of this program on data sets with human truth."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpart.core.evaluate.keypoint_quality import KeypointQuality, leave_one_out
from counterpart.core.evaluate.keypoints import (
    Annotated,
    EncodeViews,
    Outcomes,
    auroc,
    calibration_error,
    evaluate_group,
    pck,
    read_groups,
)
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.keypoints.transfer import TransferJob
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer.calibration import Calibration
from counterpart.core.transfer.encode import encode_views
from counterpart.core.wording import counted


@dataclass(frozen=True, slots=True)
class KeypointEvaluation:
    """How keypoint transfer is measured.

    Attributes:
        templates: Templates of each target; None for all others (leave-one-out).
        seeds: One random draw of templates each.
        boxes: Whether the targets' boxes are given.
    """

    templates: int | None = 5
    seeds: tuple[int, ...] = (1, 2, 3)
    boxes: bool = False


def evaluate_keypoints(
    engine: Engine, file: Path, root: Path | None, job: TransferJob, plan: KeypointEvaluation, ctx: JobContext
) -> dict[str, Any]:
    """Transfer keypoints between the instances of a COCO file and compare with the truth.

    Every instance is a target; its templates are drawn from the others of its category. Points that a template and the
    target show count.

    Returns:
        Plain values: per category and their mean, PCK at 0.1 and 0.05 of the box's longer side, and that of copying the
        templates' places in the box; how well the score tells right from wrong; the PCK of every draw.

    Raises:
        FormatError, ProtocolError: The file is not COCO keypoints, or has no two usable instances of a category.
        ImageError: An image cannot be used.
    """
    groups = read_groups(file, root, ctx)
    rounds = [(group, seed) for group in groups for seed in plan.seeds]
    for group in groups:
        most = len(group.instances) - 1
        if plan.templates is not None and plan.templates > most:
            ctx.warn(
                f"{group.skeleton.name}: {counted(len(group.instances), 'instance')} "
                f"leave {counted(most, 'template')} at most, not {plan.templates}"
            )
    found: dict[str, list[Outcomes]] = {}
    for number, (group, seed) in enumerate(rounds):
        part = ctx.stage(number / len(rounds), (number + 1) / len(rounds))

        encode = _encoding(engine, job, part.stage(0.0, 0.7))
        templates = plan.templates or max(len(group.instances) - 1, 1)
        outcomes = evaluate_group(group, templates, seed, job.params, encode, part.stage(0.7, 1.0), boxes=plan.boxes)
        found.setdefault(group.skeleton.name, []).append(outcomes)
    rows = {name: _row(Outcomes.join(parts)) for name, parts in found.items()}
    everything = Outcomes.join([part for parts in found.values() for part in parts])
    right = everything.error <= 0.1
    return {
        "templates": plan.templates,
        "seeds": list(plan.seeds),
        "boxes": plan.boxes,
        "categories": rows,
        "mean": {key: float(np.mean([row[key] for row in rows.values()])) for key in next(iter(rows.values()))},
        "draws": {name: [round(pck(part.error), 4) for part in parts] for name, parts in found.items()},
        "score": {
            "auroc": auroc(everything.score, right),
            "calibration_error": calibration_error(everything.score, right),
        },
    }


def _row(outcomes: Outcomes) -> dict[str, float]:
    return {
        "pck@0.1": pck(outcomes.error, 0.1),
        "pck@0.05": pck(outcomes.error, 0.05),
        "baseline@0.1": pck(outcomes.baseline, 0.1),
        "points": float(len(outcomes.error)),
    }


def _encoding(engine: Engine, job: TransferJob, ctx: JobContext) -> EncodeViews:
    tap = job.params.tap or engine.defaults.transfer_tap
    spec = engine.plan.spec([tap], job.stride, job.size, saliency=False)
    return functools.partial(encode_views, spec=spec, encoder=engine.encoder, cache=engine.cache, ctx=ctx)


def evaluate_keypoints_loo(
    engine: Engine,
    instances: Sequence[Annotated],
    skeleton: Skeleton,
    job: TransferJob,
    ctx: JobContext,
    *,
    boxes: bool = False,
    calibration: Calibration | None = None,
) -> KeypointQuality:
    """How well transfer does on a person's own images: every confirmed instance is predicted by the others.

    Images that cannot be used are recorded in `ctx.failures` and left out. From `MIN_OUTCOMES` points on, the result's
    `calibration()` fits scores to these images.

    Args:
        engine: The model.
        instances: Confirmed instances, in the skeleton's order; templates never come from the target's own image.
        skeleton: Names and mirror pairs.
        job: How keypoints are transferred.
        ctx: Progress and cancellation.
        boxes: Whether targets are looked at through their boxes.
        calibration: How scores are made; the built-in one by default.

    Raises:
        UsageError: There are no two usable images with points.
        JobCancelledError: Cancelled.
    """
    encode = functools.partial(_encoding, engine, job)
    return leave_one_out(instances, skeleton, job.params, encode, ctx, boxes=boxes, calibration=calibration)


def evaluate_keypoints_file(
    engine: Engine, file: Path, root: Path | None, job: TransferJob, ctx: JobContext, *, boxes: bool = False
) -> dict[str, KeypointQuality]:
    """`evaluate_keypoints_loo` for every category of a COCO file, by name.

    Raises:
        FormatError, ProtocolError: The file is not COCO keypoints, or has no two usable instances of a category.
        UsageError: A category has no two usable images.
    """
    groups = read_groups(file, root, ctx)
    found = {}
    for number, group in enumerate(groups):
        part = ctx.stage(number / len(groups), (number + 1) / len(groups))
        found[group.skeleton.name] = evaluate_keypoints_loo(
            engine, group.instances, group.skeleton, job, part, boxes=boxes
        )
    return found
