"""Accuracy of co-segmentation and parts on photographs with human masks, as Markdown tables.

Run `python -m tests.quality.segmentation --data DIR`. J and P leave unlabelled pixels out; Js and Ps count them as
background. NMI is over the pixels of the true foreground. Features are cached: the first run also encodes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from counterpart.core.cosegment.cosegmentation import CosegmentResult, cosegment, mask_pixels
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.evaluate.cosegmentation import (
    MaskScores,
    TruthImage,
    TruthSet,
    find_sets,
    mean_scores,
    read_truth,
    score_mask,
)
from counterpart.core.evaluate.parts import adjusted_rand, contingency, normalised_mutual_information
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.taps import Tap
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import silent
from counterpart.core.parts import Grouping, PartsParams, discover_parts, part_pixels
from counterpart.core.pipeline.engine import Engine, open_cache

ANIMALS = "animalpose-voc-dev"
REFINEMENTS = ("none", "guided", "grabcut", "crf")
CELEBA_PARTS = ((), (1,), (2,), (4, 5), (6, 7), (8, 9), (10, 11, 12), (13,), (17,), (18,))
"""Skin, nose, eyes, brows, ears, mouth and lips, hair, neck, cloth; glasses, hat, ear ring and necklace are ignored."""
IGNORED = 255


# Data ---------------------------------------------------------------------------------------------------------------


def animal_sets(data: Path) -> list[TruthSet]:
    """One set per class, from masks of PASCAL VOC's class indices."""
    about = json.loads((data / ANIMALS / "keypoints.json").read_text())
    classes: dict[str, list[TruthImage]] = {}
    for item in sorted(about["images"], key=lambda item: item["file"]):
        mask = data / ANIMALS / item["mask"]
        value = about["voc_class_index"][item["cls"]]
        classes.setdefault(item["cls"], []).append(
            TruthImage(data / ANIMALS / "images" / item["file"], mask, foreground=value)
        )
    return [TruthSet(name, tuple(images)) for name, images in sorted(classes.items())]


def refs_of(paths: Sequence[Path]) -> list[ImageRef]:
    """Images under their own file names."""
    return [ImageRef(path, path.name) for path in paths]


LoadedSet = tuple[FeatureSet, list[NDArray[np.uint8]], list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]]
"""Features, photographs, and true masks with their unlabelled pixels."""


class Loaded:
    """A data set in memory: features, photographs and true masks of each of its sets."""

    def __init__(self, engine: Engine, name: str, sets: list[TruthSet], taps: Sequence[Tap]) -> None:
        self.name = name
        defaults = engine.defaults
        self.sets: list[LoadedSet] = []
        for one in sets:
            refs = refs_of([item.image for item in one.images])
            features = engine.features(refs, taps, defaults.segment_size, defaults.segment_stride, silent())
            pixels = [read_image(ref.path).rgb for ref in refs]
            self.sets.append((features, pixels, [read_truth(item) for item in one.images]))


def find(loaded: Loaded, params: CosegmentParams) -> list[CosegmentResult]:
    """Co-segmentation of every set."""
    return [cosegment(features, params, silent()) for features, _, _ in loaded.sets]


def scored(loaded: Loaded, found: list[CosegmentResult], params: CosegmentParams) -> MaskScores:
    """Mean over sets of the mean over images."""
    means = []
    for (features, pixels, truths), result in zip(loaded.sets, found, strict=True):
        scores = [
            score_mask(mask_pixels(image, features[i], pixels[i], params), *truths[i])
            for i, image in enumerate(result.images)
        ]
        means.append(mean_scores(scores))
    return mean_scores(means)


def cells(scores: MaskScores) -> str:
    """J, P, Js, Ps in percent."""
    return " | ".join(f"{100 * value:.1f}" for value in (scores.j, scores.p, scores.js, scores.ps))


# Co-segmentation ----------------------------------------------------------------------------------------------------


def cosegmentation_tables(engine: Engine, data: Path, seeds: Sequence[int]) -> None:
    """The methods, then what each refinement does to the default's result."""
    default = CosegmentParams.for_model(engine.defaults)
    paper = CosegmentParams.paper()
    taps = list(dict.fromkeys(tap for p in (default, paper) for tap in (p.tap, p.saliency_tap) if tap is not None))
    methods = {
        "saliency baseline of the paper": CosegmentParams.baseline(),
        "paper": paper,
        **{f"default, seed {seed}": dataclasses.replace(default, seed=seed) for seed in seeds},
    }
    print("| images | method | J | P | Js | Ps | seconds |\n|---|---|---|---|---|---|---|", flush=True)
    kept = []
    for name, sets in (("MSRC-dev", find_sets(data / "msrc-coseg-dev")), ("Animal-Pose dev", animal_sets(data))):
        loaded = Loaded(engine, name, sets, taps)
        found: list[CosegmentResult] = []
        for title, params in methods.items():
            start = time.perf_counter()
            found = find(loaded, params)
            scores = scored(loaded, found, params)
            print(f"| {name} | {title} | {cells(scores)} | {time.perf_counter() - start:.0f} |", flush=True)
        kept.append((loaded, found))
    print("\n| images | refinement of the default | J | P | Js | Ps |\n|---|---|---|---|---|---|", flush=True)
    for loaded, found in kept:
        for refine in REFINEMENTS:
            scores = scored(loaded, found, dataclasses.replace(default, refine=refine))
            print(f"| {loaded.name} | {refine} | {cells(scores)} |", flush=True)


def corrected_table(engine: Engine, data: Path, draws: int, limit: int | None) -> None:
    """Js of the other images of a set once a person has corrected a few."""
    params = CosegmentParams.for_model(engine.defaults)
    taps = list(dict.fromkeys(tap for tap in (params.tap, params.saliency_tap) if tap is not None))
    loaded = Loaded(engine, "MSRC-dev", find_sets(data / "msrc-coseg-dev")[:limit], taps)
    print("\n| images | corrected | J | P | Js | Ps |\n|---|---|---|---|---|---|", flush=True)
    for count in (0, 1, 3):
        means = [
            corrected_scores(one, params, count, draw) for one in loaded.sets for draw in range(draws if count else 1)
        ]
        print(f"| {loaded.name} | {count} of 10 | {cells(mean_scores(means))} |", flush=True)


def corrected_scores(one: LoadedSet, params: CosegmentParams, count: int, draw: int) -> MaskScores:
    """Mean score of the images that were not corrected."""
    features, pixels, truths = one
    chosen = np.random.default_rng(draw).permutation(len(features))[:count].tolist()
    given = {i: features[i].geometry.pool(truths[i][0]) for i in chosen}
    result = cosegment(features, params, silent(), given=given)
    return mean_scores(
        [
            score_mask(mask_pixels(image, features[i], pixels[i], params), *truths[i])
            for i, image in enumerate(result.images)
            if i not in given
        ]
    )


# Parts --------------------------------------------------------------------------------------------------------------


def celeba(data: Path) -> tuple[list[Path], Callable[[Path], NDArray[np.uint8]], int]:
    """Images, true labels of one, number of labels."""
    folder = data / "celebamask-dev"
    table = np.full(256, IGNORED, np.uint8)
    table[0] = 0
    for label, values in enumerate(CELEBA_PARTS):
        table[list(values)] = label

    def labels(path: Path) -> NDArray[np.uint8]:
        return table[read_labels(folder / "masks" / f"{path.stem}.png")]

    return sorted((folder / "images").glob("*.jpg")), labels, len(CELEBA_PARTS)


def fasseg(data: Path) -> tuple[list[Path], Callable[[Path], NDArray[np.uint8]], int]:
    """Images, true labels of one, number of labels."""
    folder = data / "fasseg-frontal02"
    return (
        sorted((folder / "images").glob("*.png"), key=lambda path: int(path.stem)),
        lambda path: read_labels(folder / "masks" / path.name),
        6,
    )


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Values of an indexed PNG."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


def parts_table(engine: Engine, data: Path, ks: Sequence[int], seeds: Sequence[int]) -> None:
    """NMI of unsupervised parts, on the true foreground and on that found automatically."""
    print("\n| images | parts | foreground | grouping | NMI | ARI | processor seconds |\n|---|---|---|---|---|---|---|")
    object_params = CosegmentParams.for_model(engine.defaults)
    defaults = engine.defaults
    taps = list(dict.fromkeys([defaults.parts_tap, defaults.cosegment_tap, defaults.saliency_tap]))
    for name, (paths, labels_of, count) in (("CelebAMask", celeba(data)), ("FASSEG", fasseg(data))):
        features = engine.features(refs_of(paths), taps, defaults.segment_size, defaults.segment_stride, silent())
        truths = [labels_of(path) for path in paths]
        true = [features[i].geometry.pool(truth > 0) > 0.5 for i, truth in enumerate(truths)]
        automatic = [image.score for image in cosegment(features, object_params, silent()).images]
        for k in ks:
            for ground, inside in (("true", true), ("found", automatic)):
                for grouping in get_args(Grouping):
                    params = dataclasses.replace(PartsParams.for_model(defaults, k), grouping=grouping)
                    lines = [
                        part_scores(
                            features,
                            paths,
                            truths,
                            inside,
                            dataclasses.replace(params, seed=seed),
                            count,
                            ground == "true",
                        )
                        for seed in seeds
                    ]
                    line = " | ".join(f"{mean:.1f} ± {spread:.1f}" for mean, spread in _mean_spread(lines))
                    print(f"| {name} | {k} | {ground} | {grouping} | {line} |", flush=True)


def part_scores(
    features: FeatureSet,
    paths: list[Path],
    truths: list[NDArray[np.uint8]],
    inside: Sequence[NDArray[np.generic]],
    params: PartsParams,
    count: int,
    outline: bool,
) -> tuple[float, float, float]:
    """Scores over the pixels of the true foreground; what was found to be background there counts as one more part."""
    start = time.process_time()
    result = discover_parts(features, inside, params, silent())
    seconds = time.process_time() - start
    table = np.zeros((params.k + 1, count), np.int64)
    for i, truth in enumerate(truths):
        mask = truth > 0 if outline else None
        labels = part_pixels(result.images[i], features[i], read_image(paths[i]).rgb, params, mask=mask)
        counted = (truth > 0) & (truth != IGNORED)
        table += contingency(labels, np.where(counted, truth, 0), table.shape, counted)
    return 100 * normalised_mutual_information(table), 100 * adjusted_rand(table), seconds


def _mean_spread(rows: Sequence[tuple[float, ...]]) -> list[tuple[float, float]]:
    """Mean and spread of every column."""
    values = np.asarray(rows)
    return list(zip(values.mean(axis=0).tolist(), values.std(axis=0).tolist(), strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.segmentation", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14_focus")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--parts", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--only", choices=["cosegmentation", "corrected", "parts"])
    parser.add_argument("--draws", type=int, default=2, help="of corrected images (%(default)s)")
    parser.add_argument("--limit", type=int, help="only so many sets, where images are corrected")
    args = parser.parse_args(arguments)
    engine = Engine(args.model, cache=open_cache())
    if args.only in {None, "cosegmentation"}:
        cosegmentation_tables(engine, args.data, args.seeds)
    if args.only in {None, "corrected"}:
        corrected_table(engine, args.data, args.draws, args.limit)
    if args.only in {None, "parts"}:
        parts_table(engine, args.data, args.parts, args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
