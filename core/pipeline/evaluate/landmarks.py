"""Use case: how well landmarks are learnt from a few annotated images of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ProtocolError, UsageError
from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.evaluate.landmarks import LandmarkScore, box_sizes, inter_ocular, score_landmarks, splits
from counterpart.core.jobs import JobContext
from counterpart.core.landmarks import LandmarkParams, PartMaps, fit_landmarks, predict_landmarks
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.keypoints.landmarks import LandmarkJob, all_part_maps, one_per_image, places_of
from counterpart.core.pipeline.parts.discovery import find_known_parts, find_parts
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer.skeleton import derive_mirror_pairs


@dataclass(frozen=True, slots=True)
class LandmarkEvaluation:
    """How landmark regression is measured.

    Attributes:
        labelled: Annotated images it learns from; the others are predicted.
        draws: Random choices of them.
        seed: Of the choices.
        eyes: Two landmarks whose distance is the measure of an error; None for the box (geometric mean of its sides).
    """

    labelled: int = 20
    draws: int = 10
    seed: int = 0
    eyes: tuple[int, int] | None = None


def eyes_of(skeleton: Skeleton, text: str | None) -> tuple[int, int] | None:
    """The two landmarks named in `A,B`; None for `box`. By default the one mirrored pair of eyes, if there is one.

    Raises:
        UsageError: Not two landmarks of the skeleton.
    """
    if text == "box":
        return None
    names = skeleton.names
    if text is not None:
        chosen = [part.strip() for part in text.split(",")]
        if len(chosen) != 2 or any(name not in names for name in chosen):
            raise UsageError(
                f"'{text}' does not name two landmarks", hint=f"Use box, or two of {', '.join(names)} with a comma"
            )
        return names.index(chosen[0]), names.index(chosen[1])
    pairs = skeleton.mirror_pairs or derive_mirror_pairs(names)
    eyes = [pair for pair in pairs if all(_is_eye(names[index]) for index in pair)]
    return eyes[0] if len(eyes) == 1 else None


def _is_eye(name: str) -> bool:
    low = name.lower()
    return "eye" in low and "brow" not in low and "lid" not in low


def evaluate_landmarks(
    engine: Engine,
    annotated: Sequence[Annotated],
    skeleton: Skeleton,
    job: LandmarkJob,
    plan: LandmarkEvaluation,
    ctx: JobContext,
) -> dict[str, Any]:
    """Learn from some annotated images, predict the others, compare; parts are found in all without their landmarks.

    Returns:
        Plain values, errors in per cent of the measure: `mean` over draws with its `spread`, `median`, `mean_place`
        (the trivial baseline: every landmark at its mean place in the image), `failures` (share of images above 10 %),
        `landmarks` by name, and the settings.

    Raises:
        ProtocolError: Too few annotated images, or no parts.
        ImageError: None of the images can be used.
    """
    items = one_per_image(annotated, ctx)
    if len(items) <= plan.labelled:
        raise ProtocolError(
            f"{len(items)} annotated images leave none to predict when {plan.labelled} are learnt from",
            hint="Use a smaller --labelled",
        )
    refs = [item.ref for item in items]
    found = find_parts(engine, refs, job.parts, ctx.stage(0.0, 0.7))
    if found.codebook is None:
        raise ProtocolError("no object was found that the images share", hint="Use images of one kind of object")
    run = find_known_parts(engine, refs, found.codebook, ctx.stage(0.7, 0.8))
    maps = list(all_part_maps(run, found.codebook, descriptors=job.descriptors))
    used = [items[index] for index in run.masks.features.indices]
    truth = np.stack([places_of(item) for item in used])
    measure = _measure(used, truth, plan)
    scores, still = _scores(maps, truth, measure, skeleton, job.params, plan, ctx.stage(0.8, 1.0))
    by_landmark = np.nanmean(np.stack([score.per_landmark for score in scores]), axis=0)
    means = [score.mean for score in scores]
    return {
        "images": len(used),
        "labelled": plan.labelled,
        "draws": plan.draws,
        "parts": len(found.codebook.parts),
        "method": job.params.method,
        "descriptors": job.descriptors,
        "normalised_by": "box" if plan.eyes is None else [skeleton.names[index] for index in plan.eyes],
        "mean": round(float(np.mean(means)), 3),
        "spread": round(float(np.std(means)), 3),
        "median": round(float(np.mean([score.median for score in scores])), 3),
        "failures": round(float(np.mean([score.failures() for score in scores])), 2),
        "mean_place": round(float(np.mean([score.mean for score in still])), 3),
        "landmarks": {name: round(float(error), 3) for name, error in zip(skeleton.names, by_landmark, strict=True)},
    }


def _measure(items: Sequence[Annotated], truth: NDArray[np.float64], plan: LandmarkEvaluation) -> NDArray[np.float64]:
    if plan.eyes is None:
        return box_sizes([item.box for item in items])
    measure = inter_ocular(truth, *plan.eyes)
    if not np.isfinite(measure).any():
        raise ProtocolError("no image shows both landmarks that errors are measured by", hint="Use --normalise box")
    return measure


def _scores(
    maps: Sequence[PartMaps],
    truth: NDArray[np.float64],
    measure: NDArray[np.float64],
    skeleton: Skeleton,
    params: LandmarkParams,
    plan: LandmarkEvaluation,
    ctx: JobContext,
) -> tuple[list[LandmarkScore], list[LandmarkScore]]:
    """Of each draw: the regression's score, and that of leaving every landmark at its mean place."""
    usable = np.asarray(np.isfinite(truth).all(axis=(1, 2)))
    if usable.sum() <= plan.labelled:
        usable = np.asarray(np.isfinite(truth).any(axis=(1, 2)))
    sizes = np.array([image.geometry.image_hw[::-1] for image in maps], dtype=np.float64)
    scores, still = [], []
    drawn = splits(usable, plan.labelled, plan.draws, plan.seed)
    for number, (chosen, rest) in enumerate(drawn):
        ctx.step(number, len(drawn), "Learning landmarks")
        quiet = JobContext(None, ctx.token)
        model = fit_landmarks([maps[i] for i in chosen], truth[chosen], params, quiet, skeleton.names)
        predicted = np.stack([predict_landmarks(model, maps[i]).xy for i in rest])
        scores.append(score_landmarks(predicted, truth[rest], measure[rest]))
        place = np.nanmean(truth[chosen] / sizes[chosen, None], axis=0)
        still.append(score_landmarks(place * sizes[rest, None], truth[rest], measure[rest]))
    return scores, still
