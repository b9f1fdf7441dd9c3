"""How well keypoints transfer: PCK, beside a trivial baseline, and how far the scores can be trusted.

A point is right at α when it lies within α · max(width, height) of the target's box (PCK, percentage of correct
keypoints). Counted are the points that are visible in the target and in at least one template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError, ProtocolError, UsageError
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import Box, Skeleton
from counterpart.core.transfer.bank import PreparedTemplate, Template, TemplateBank
from counterpart.core.transfer.calibration import Calibration
from counterpart.core.transfer.encode import target_views, template_views
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.prediction import Target, predict
from counterpart.core.transfer.skeleton import mirror_order
from counterpart.core.transfer.views import View, ViewKey

EncodeViews = Callable[[Sequence[ImageRef], Sequence[Sequence[ViewKey]]], Iterator[tuple[int, tuple[View, ...]]]]
"""Features of views of images: `core.transfer.encode.encode_views` with everything else bound."""


# Metrics ------------------------------------------------------------------------------------------------------------


def pck(errors: NDArray[np.floating], alpha: float = 0.1) -> float:
    """Share of errors (as shares of the box's longer side) of at most alpha; NaN without any."""
    return float((errors <= alpha).mean()) if len(errors) else float("nan")


def auroc(score: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Chance that a right point scores higher than a wrong one, ties counting half; NaN unless there are both."""
    from scipy.stats import rankdata

    positives = int(right.sum())
    negatives = len(right) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def reliability(
    score: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 10
) -> list[tuple[float, float, int]]:
    """(mean score, share right, count) of the points in each of equally wide bins of the score, empty ones left out."""
    which = np.minimum((np.asarray(score, dtype=np.float64) * bins).astype(np.int64), bins - 1)
    rows = []
    for index in range(bins):
        inside = which == index
        if inside.any():
            rows.append((float(score[inside].mean()), float(right[inside].mean()), int(inside.sum())))
    return rows


def calibration_error(score: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: mean distance between score and share right over the bins, weighted by count."""
    if not len(score):
        return float("nan")
    return sum(abs(said - was) * count for said, was, count in reliability(score, right, bins)) / len(score)


# Data ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """One annotated instance.

    Attributes:
        ref: Its image.
        image_hw: Height and width of the image.
        xy: (K, 2) float64 image pixels.
        visible: (K,) bool, where there is a point.
        box: The instance's box, of pixel edges.
    """

    ref: ImageRef
    image_hw: tuple[int, int]
    xy: NDArray[np.float64]
    visible: NDArray[np.bool_]
    box: Box

    @property
    def size(self) -> float:
        """Longer side of the box, pixels: what errors are divided by."""
        return max(self.box[2:])


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Instances that share a skeleton; templates and targets come from the same group."""

    skeleton: Skeleton
    instances: tuple[Annotated, ...]


def read_groups(path: Path, root: Path | None, ctx: JobContext) -> list[Group]:
    """Instances of a COCO keypoint file, by category.

    An instance without a box takes what its points span. Instances whose image is missing are recorded as failures.

    Args:
        path: The COCO file.
        root: Folder that file names are relative to, beside the file's own.
        ctx: Failures.

    Raises:
        FormatError: The file is not COCO keypoints.
        ProtocolError: No category has two usable instances.
    """
    # Formats are loaded when they are needed; they bring libraries along.
    from counterpart.core.formats.coco_reading import read_keypoint_file

    dataset = read_keypoint_file(path, root, ctx)
    found: dict[int, list[Annotated]] = {}
    for image in dataset.images:
        if image.file is None:
            hint = "Give the folder of the images with --root"
            ctx.fail(ImageError("the image of an annotation is missing", path=image.name, hint=hint))
            continue
        if image.placed is not None and image.placed.problem:
            ctx.fail(ImageError(image.placed.problem, path=image.name, hint="Correct the file, or its photograph"))
            continue
        try:
            image_hw = image_size(image.file)
        except ImageError as error:
            ctx.fail(error)
            continue
        for points in image.keypoints:
            if points.present.any():
                box = points.box or _span(points.xy[points.present])
                item = Annotated(ImageRef(image.file, image.name), image_hw, points.xy, points.present, box)
                found.setdefault(points.skeleton, []).append(item)
    groups = [Group(s, tuple(found[s.id])) for s in dataset.skeletons if len(found.get(s.id, [])) > 1]
    if not groups:
        raise ProtocolError("no category has two instances with keypoints", path=path, hint="Annotate more images")
    return groups


def _span(xy: NDArray[np.float64]) -> Box:
    low, high = xy.min(axis=0), xy.max(axis=0)
    return (float(low[0] - 0.5), float(low[1] - 0.5), float(high[0] - low[0] + 1), float(high[1] - low[1] + 1))


# Harness ------------------------------------------------------------------------------------------------------------


def draw_templates(count: int, templates: int, seed: int) -> list[tuple[int, ...]]:
    """Templates of every target: the first ones of a random order of all others, each target with an order of its own.

    So every figure is a mean over as many draws as there are targets, and more templates include the fewer.

    Args:
        count: Instances in the group.
        templates: Templates wanted; all others where there are not so many.
        seed: Of the order.
    """
    drawn = []
    for target in range(count):
        order = np.random.default_rng([seed, target]).permutation(count)
        drawn.append(tuple(int(i) for i in order if i != target)[:templates])
    return drawn


def box_copy(templates: Sequence[Annotated], target: Annotated) -> NDArray[np.float64]:
    """The trivial baseline: the mean place of each point in the templates' boxes, put into the target's box.

    Returns:
        (K, 2) image xy; NaN for points that no template shows.
    """
    total, count = np.zeros_like(target.xy), np.zeros(len(target.xy))
    for item in templates:
        x, y, width, height = item.box
        inside = (item.xy - [x, y]) / [width, height]
        total[item.visible] += inside[item.visible]
        count += item.visible
    share = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)
    return np.asarray(share * target.box[2:] + target.box[:2])


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What became of the points that count, one entry each.

    Attributes:
        error: Distance from the truth as a share of the box's longer side.
        baseline: The same for `box_copy`.
        score: The score given.
        swap: See `KeypointPrediction.swap`.
        twin_error: Distance from the truth or its mirror twin's, whichever is nearer.
        keypoint: Index in the skeleton.
        target: Index of the instance in its group.
        cues: (N, C) what the score was made of.
    """

    error: NDArray[np.float64]
    baseline: NDArray[np.float64]
    score: NDArray[np.float64]
    swap: NDArray[np.float64]
    twin_error: NDArray[np.float64]
    keypoint: NDArray[np.int64]
    target: NDArray[np.int64]
    cues: NDArray[np.float64]

    @classmethod
    def join(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """All entries of several, in order; at least one."""
        names = ("error", "baseline", "score", "swap", "twin_error", "keypoint", "target", "cues")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def report(self, names: Sequence[str] = ()) -> dict[str, object]:
        """The figures as plain values; with names, PCK@0.1 of each keypoint."""
        right = self.error <= 0.1
        data: dict[str, object] = {
            "points": len(self.error),
            "pck_0.1": pck(self.error, 0.1),
            "pck_0.05": pck(self.error, 0.05),
            "pck_0.1_up_to_side": pck(self.twin_error, 0.1),
            "baseline_pck_0.1": pck(self.baseline, 0.1),
            "auroc": auroc(self.score, right),
            "ece": calibration_error(self.score, right),
            "reliability": [list(row) for row in reliability(self.score, right)],
        }
        if names:
            data["per_keypoint"] = {
                name: {"pck_0.1": pck(self.error[self.keypoint == k]), "points": int((self.keypoint == k).sum())}
                for k, name in enumerate(names)
                if (self.keypoint == k).any()
            }
        return data


def evaluate_group(
    group: Group,
    templates: int,
    seed: int,
    params: TransferParams,
    encode: EncodeViews,
    ctx: JobContext,
    *,
    boxes: bool = False,
    calibration: Calibration | None = None,
) -> Outcomes:
    """Transfer to every instance of a group from others of it, and compare with the truth.

    Args:
        group: The instances.
        templates: Templates of each target; at least one less than instances gives leave-one-out.
        seed: Of the draw.
        params: See `TransferParams`.
        encode: Gives features of views.
        ctx: Progress and cancellation.
        boxes: Whether the target's box is given.
        calibration: How scores are made; the built-in one by default.

    Raises:
        UsageError: No templates asked for.
        ImageError: An image cannot be used; figures without it would not compare.
    """
    if templates < 1:
        raise UsageError(f"{templates} templates", hint="Ask for at least one")
    items = group.instances
    sources, targets = _views(group, params, boxes, encode, ctx)
    order = mirror_order(group.skeleton)
    ready = [PreparedTemplate.of(source, order, params) for source in sources]
    parts = []
    for number, chosen in enumerate(draw_templates(len(items), templates, seed)):
        ctx.step(number, len(items), "Transferring keypoints")
        bank = TemplateBank([ready[i] for i in chosen], order, params)
        parts.append(outcome_of(items, number, chosen, bank, targets[number], params, calibration))
    return Outcomes.join(parts)


def _views(
    group: Group, params: TransferParams, boxes: bool, encode: EncodeViews, ctx: JobContext
) -> tuple[list[Template], list[Target]]:
    """Every instance as a template and as a target."""
    items = group.instances
    as_template = [template_views(item.image_hw, item.xy, item.visible, item.box, params) for item in items]
    as_target = [target_views(item.image_hw, item.box if boxes else None, params) for item in items]
    failed = len(ctx.failures)
    refs = [item.ref for item in items]
    views = dict(encode(refs, [first + second for first, second in zip(as_template, as_target, strict=True)]))
    if len(views) < len(items):
        error = ctx.failures.pop(failed)
        raise ImageError(error.what, path=error.path, hint=error.hint)
    templates = [
        Template(views[i][: len(as_template[i])], item.xy, item.visible, item.box) for i, item in enumerate(items)
    ]
    targets = [Target(views[i][len(as_template[i]) :], item.box if boxes else None) for i, item in enumerate(items)]
    return templates, targets


def outcome_of(
    items: Sequence[Annotated],
    number: int,
    chosen: Sequence[int],
    bank: TemplateBank,
    target: Target,
    params: TransferParams,
    calibration: Calibration | None,
) -> Outcomes:
    """Predict one instance and compare with its truth.

    Args:
        items: All instances.
        number: Which is predicted.
        chosen: Which are its templates.
        bank: Made of them, in that order.
        target: Its views.
        params: See `TransferParams`.
        calibration: How scores are made; None for the built-in one.

    Returns:
        One entry per point that the instance and any template show.
    """
    item, order = items[number], bank.mirror_order
    found = predict(bank, target, params, calibration)
    counted = np.flatnonzero(item.visible & np.any([items[i].visible for i in chosen], axis=0))
    truth = item.xy[counted]
    twin = np.where(item.visible[order][:, None], item.xy[order], np.nan)[counted]
    error = np.linalg.norm(found.xy[counted] - truth, axis=1) / item.size
    # A point known only through its twin's mirror image is found too; one that is not known at all is wrong.
    error = np.where(np.isfinite(error), error, np.inf)
    twin_error = np.linalg.norm(found.xy[counted] - twin, axis=1) / item.size
    baseline = np.linalg.norm(box_copy([items[i] for i in chosen], item)[counted] - truth, axis=1) / item.size
    return Outcomes(
        error,
        np.where(np.isfinite(baseline), baseline, np.inf),
        found.score[counted].astype(np.float64),
        found.swap[counted].astype(np.float64),
        np.fmin(error, twin_error),
        counted,
        np.full(len(counted), number),
        found.cues[counted],
    )
