"""Few-shot parts on faces with human labels, as Markdown tables.

Run `python -m tests.quality.parts --data DIR`. mIoU is over all pixels of the images that teach nothing, background
included. *Errors in doubt*: the share of the wrong pixels that lie among the 10 % most doubtful ones. *Estimate*: the
mIoU that the program expects, from the labelled images alone. The cost is the pixels that a person has to change.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.evaluate.parts import contingency, iou_per_part, mean_iou
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.images.reading import read_image
from counterpart.core.jobs import silent
from counterpart.core.pipeline.engine import Engine, open_cache
from counterpart.core.pipeline.parts.propagation import PropagationJob
from counterpart.core.propagate import (
    Lesson,
    PartModel,
    PropagateParams,
    doubt_map,
    estimate_quality,
    expected_table,
    fit,
    hold_out,
    image_doubt,
    lesson,
    next_to_label,
    pixels,
    predict,
    widen,
)
from tests.quality.segmentation import IGNORED, celeba, fasseg, refs_of

MOST_DOUBTFUL = 0.1
WANTED = 0.85


class Faces:
    """A data set in memory: features, photographs, true labels; mirror images are encoded when they are asked for."""

    def __init__(self, engine: Engine, name: str, data: Path, job: PropagationJob, limit: int | None) -> None:
        paths, labels_of, self.count = {"CelebAMask": celeba, "FASSEG": fasseg}[name](data)
        paths = paths[:limit]
        self.name, self.engine, self.job = name, engine, job
        self.features: FeatureSet = engine.features(
            refs_of(paths), job.params.taps, job.size, job.stride, silent(), saliency=False
        )
        self.truths = [labels_of(path) for path in paths]
        self.photos = [read_image(path).rgb for path in paths]
        self._mirrored: dict[int, FeatureMap] = {}

    def __len__(self) -> int:
        return len(self.photos)

    def lesson(self, index: int, params: PropagateParams) -> Lesson:
        """What an image teaches."""
        if params.mirror and index not in self._mirrored:
            spec = self.features.spec
            rgb = np.ascontiguousarray(self.photos[index][:, ::-1])
            self._mirrored[index] = self.engine.arrays(
                [rgb], spec.taps, spec.size, spec.stride, silent(), saliency=False
            )[0]
        mirrored = self._mirrored.get(index)
        return lesson(self.features[index], self.truths[index], params, mirrored=mirrored, ignore=IGNORED)

    def model(self, lessons: Sequence[Lesson], params: PropagateParams, others: Sequence[int]) -> PartModel:
        """What labelled images teach, and sure predictions for some others."""
        model = fit(lessons, params)
        chosen = list(others[: params.unlabelled])
        if not chosen:
            return model
        return widen(model, (self.features[i] for i in chosen), max(params.memory // len(chosen), 1))

    def table(self, index: int, predicted: NDArray[np.integer]) -> NDArray[np.int64]:
        """Predicted against true labels of an image."""
        truth = self.truths[index]
        counted = truth != IGNORED
        return contingency(predicted, np.where(counted, truth, 0), (self.count, self.count), counted)


@dataclass(frozen=True)
class Draw:
    """One random choice of labelled images, and what became of it; all but the IoU in percent."""

    iou: NDArray[np.float64]
    doubt: float
    estimate: float

    @property
    def miou(self) -> float:
        """Over the parts and background."""
        return 100 * float(np.nanmean(self.iou))


def run_draw(faces: Faces, chosen: Sequence[int], params: PropagateParams, tested: Sequence[int]) -> Draw:
    """Label the chosen images, predict the tested ones."""
    lessons = [faces.lesson(index, params) for index in chosen]
    model = faces.model(lessons, params, tested)
    table = np.zeros((faces.count, faces.count), np.int64)
    expected = np.zeros((len(model.values), len(model.values)))
    doubts, wrong = [], []
    for index in tested:
        scores = predict(model, faces.features[index])
        labels = pixels(scores, faces.photos[index], params)
        table += faces.table(index, labels)
        expected += expected_table(scores)
        counted = faces.truths[index] != IGNORED
        doubts.append(scores.geometry.upsample(doubt_map(scores))[counted].astype(np.float16))
        wrong.append((labels != faces.truths[index])[counted])
    estimate = float("nan")
    if len(lessons) > 1:
        found = estimate_quality(hold_out(lessons, params, silent()), expected, model.values)
        estimate = 100 * float(np.mean(list(found.iou.values())))
    return Draw(iou_per_part(table), captured(np.concatenate(doubts), np.concatenate(wrong)), estimate)


def captured(doubts: NDArray[np.floating], wrong: NDArray[np.bool_]) -> float:
    """Percentage of the wrong pixels that lie among the most doubtful ones."""
    count = round(len(doubts) * MOST_DOUBTFUL)
    most = np.argpartition(doubts, len(doubts) - count)[-count:]
    return 100 * float(wrong[most].sum() / max(int(wrong.sum()), 1))


def few_shot_table(faces: Faces, params: PropagateParams, title: str, shots: Sequence[int], seeds: int) -> None:
    """mIoU with a few labelled images, mean and spread over random choices."""
    for shot in shots:
        draws = []
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(faces)).tolist()
            draws.append(run_draw(faces, order[:shot], params, order[shot:]))
        scores = np.array([draw.miou for draw in draws])
        off = np.mean([abs(draw.estimate - draw.miou) for draw in draws])
        parts = " ".join(f"{100 * value:.0f}" for value in np.nanmean([draw.iou for draw in draws], axis=0))
        doubt = np.mean([draw.doubt for draw in draws])
        print(
            f"| {faces.name} | {title} | {shot} | {scores.mean():.1f} ± {scores.std():.1f} | {doubt:.0f} | "
            f"{'–' if np.isnan(off) else f'{off:.1f}'} | {parts} |",
            flush=True,
        )


def cost_curve(faces: Faces, params: PropagateParams, count: int) -> list[tuple[int, float, float, float]]:
    """Correct the image proposed next, update the others, until all are good enough.

    Returns:
        Per step: images corrected, pixels changed so far as a share of the set's pixels, mIoU of the whole set, and the
        share that labelling as many images from nothing would have cost.
    """
    members = list(range(min(count, len(faces))))
    size = sum(faces.truths[i].size for i in members)
    tap = params.taps[-1] if params.taps else None
    classes = np.stack([l2_normalise(faces.features[i].class_descriptor(tap)) for i in members])
    lessons: dict[int, Lesson] = {}
    shown = {i: np.zeros(faces.truths[i].shape, np.uint8) for i in members}
    doubts = dict.fromkeys(members, 1.0)
    changed = blank = 0
    curve = []
    while len(lessons) < len(members):
        left = [i for i in members if i not in lessons]
        chosen = left[next_to_label([doubts[i] for i in left], classes[left], classes[sorted(lessons)])[0]]
        counted = faces.truths[chosen] != IGNORED
        changed += int((shown[chosen] != faces.truths[chosen])[counted].sum())
        blank += int((faces.truths[chosen] > 0)[counted].sum())
        shown[chosen] = np.where(counted, faces.truths[chosen], 0)
        lessons[chosen] = faces.lesson(chosen, params)
        model = faces.model(list(lessons.values()), params, [i for i in members if i not in lessons])
        for i in members:
            if i not in lessons:
                scores = predict(model, faces.features[i])
                shown[i], doubts[i] = pixels(scores, faces.photos[i], params), image_doubt(scores)
        table = sum((faces.table(i, shown[i]) for i in members), np.zeros((faces.count, faces.count), np.int64))
        curve.append((len(lessons), changed / size, mean_iou(table), blank / size))
        if curve[-1][2] >= WANTED:
            break
    return curve


def blank_cost(faces: Faces, count: int) -> tuple[int, float]:
    """Images, and share of the set's pixels, labelled from nothing one after the other until the set is good enough."""
    members = list(range(min(count, len(faces))))
    size = sum(faces.truths[i].size for i in members)
    nothing = {i: faces.table(i, np.zeros(faces.truths[i].shape, np.uint8)) for i in members}
    table = sum(nothing.values(), np.zeros((faces.count, faces.count), np.int64))
    changed = 0
    for done, i in enumerate(members, start=1):
        counted = faces.truths[i] != IGNORED
        changed += int((faces.truths[i] > 0)[counted].sum())
        table = table - nothing[i] + faces.table(i, np.where(counted, faces.truths[i], 0))
        if mean_iou(table) >= WANTED:
            return done, changed / size
    return len(members), changed / size


def cost_table(faces: Faces, params: PropagateParams, count: int) -> None:
    """Labelling cost with and without propagation, and its curve."""
    curve = cost_curve(faces, params, count)
    images, share = blank_cost(faces, count)
    last = curve[-1]
    print(
        f"| {faces.name} | {min(count, len(faces))} | {images} images, {100 * share:.1f} % | {last[0]} images, "
        f"{100 * last[1]:.1f} % | {share / max(last[1], 1e-9):.1f} |",
        flush=True,
    )
    steps = ", ".join(
        f"{n}: {100 * cost:.1f} % → {100 * miou:.1f}" for n, cost, miou, _ in curve[:: max(len(curve) // 10, 1)]
    )
    print(f"\nCurve of {faces.name} (images corrected: pixels changed → mIoU): {steps}\n", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.parts", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14_focus")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 3, 5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="only so many images of each set")
    parser.add_argument("--strides", type=int, nargs="+", help="distances of patches (the model's own)")
    parser.add_argument("--sets", nargs="+", default=["CelebAMask", "FASSEG"])
    parser.add_argument("--only", choices=["few-shot", "cost"])
    args = parser.parse_args(arguments)
    engine = Engine(args.model, cache=open_cache())
    own = PropagationJob.for_engine(engine)
    jobs = [dataclasses.replace(own, stride=stride) for stride in args.strides or [own.stride]]
    if args.only != "cost":
        print("| images | setting | labelled | mIoU | errors in doubt | estimate off by | IoU of each |")
        print("|---|---|---|---|---|---|---|", flush=True)
        for name in args.sets:
            for job in jobs:
                faces = Faces(engine, name, args.data, job, args.limit)
                title = f"{job.size}/{job.stride}"
                few_shot_table(faces, job.params, title, args.shots, args.seeds)
    if args.only != "few-shot":
        print(
            "\n| images | in the set | from nothing | with propagation | times fewer |\n|---|---|---|---|---|",
            flush=True,
        )
        for name in args.sets:
            faces = Faces(engine, name, args.data, jobs[0], args.limit)
            cost_table(faces, jobs[0].params, args.limit or 30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
