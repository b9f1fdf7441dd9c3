"""Landmark regression on faces: errors in per cent of the distance of the eyes, from a few labelled images.

`python -m tests.quality.landmarks [--data FOLDER] [--labelled 20] [--draws 10]`
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.registry import DEFAULT_MODEL
from counterpart.core.cosegment.cosegmentation import cosegment
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.evaluate.landmarks import inter_ocular, score_landmarks, splits
from counterpart.core.features.cache import FeatureCache, cache_dir
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import JobContext, silent
from counterpart.core.landmarks import LandmarkParams, PartMaps, fit_landmarks, predict_landmarks
from counterpart.core.parts import PartsParams, apply_codebook, discover_parts
from counterpart.core.pipeline.engine import Engine

ROOT = Path(__file__).resolve().parents[2]


def by_image_side(
    xy: NDArray[np.floating], pairs: Sequence[tuple[int, int]], side: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Name mirrored landmarks by the side of the image that they lie on.

    In sets of which some photographs were mirrored without renaming left and right, one place has two names, and
    nothing in a picture tells which. Where the first landmark of `side` lies left of the second, all pairs exchange
    their names.

    Args:
        xy: (N, L, 2) image xy.
        pairs: Indices of landmarks that mirror each other.
        side: The pair that decides; where it is missing, the other pairs do by majority.

    Returns:
        A copy (N, L, 2), and (N,) bool: where names were changed.
    """
    out = np.array(xy, dtype=np.float64)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    swapped = np.zeros(len(out), dtype=np.bool_)
    for image, points in enumerate(out):
        decides = float(points[side[0], 0] - points[side[1], 0])
        if not np.isfinite(decides):
            decides = float(np.nansum(np.sign(points[first, 0] - points[second, 0])))
        swapped[image] = decides < 0
    for index in np.flatnonzero(swapped):
        out[index, np.concatenate([first, second])] = out[index, np.concatenate([second, first])]
    return out, swapped


def read_truth(folder: Path, names: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """Landmark names, and (N, L, 2) places with NaN where a landmark is missing."""
    data = json.loads((folder / "derived_landmarks.json").read_text(encoding="utf-8"))
    by_file = {entry["file"]: entry["landmarks"] for entry in data["images"]}
    rows = [[(np.nan, np.nan) if place is None else place for place in by_file[name]] for name in names]
    return data["landmark_names"], np.array(rows, dtype=np.float64)


def part_maps(engine: Engine, features: FeatureSet, k: int) -> tuple[list[PartMaps], list[PartMaps]]:
    """Unsupervised parts of every image, without and with descriptors."""
    found = cosegment(features, CosegmentParams.for_model(engine.defaults), silent())
    params = dataclasses.replace(PartsParams.for_model(engine.defaults, k), grouping="kmeans")
    parts = discover_parts(features, [image.score for image in found.images], params, silent(), judge=found.model)
    assert parts.codebook is not None
    # As the codebook finds them, which is what new images give.
    known = apply_codebook(features, parts.codebook, silent())
    plain, with_descriptors = [], []
    for image, feature_map in zip(known.images, features, strict=True):
        values = feature_map.flat(params.tap).reshape(*feature_map.grid_hw, -1)
        plain.append(PartMaps(image.scores, feature_map.geometry))
        with_descriptors.append(PartMaps(image.scores, feature_map.geometry, values))
    return plain, with_descriptors


def measure(
    maps: Sequence[PartMaps] | None,
    truth: NDArray[np.float64],
    eyes: tuple[int, int],
    params: LandmarkParams,
    labelled: int,
    draws: int,
) -> str:
    """Mean and deviation over draws of labelled images, and the median, as a table's cells."""
    usable = np.isfinite(truth).all(axis=(1, 2))
    means, medians = [], []
    for chosen, rest in splits(usable, labelled, draws):
        if maps is None:
            found = np.repeat(np.nanmean(truth[chosen], axis=0)[None], len(rest), axis=0)
        else:
            model = fit_landmarks([maps[i] for i in chosen], truth[chosen], params, JobContext())
            found = np.stack([predict_landmarks(model, maps[i]).xy for i in rest])
        score = score_landmarks(found, truth[rest], inter_ocular(truth[rest], *eyes))
        means.append(score.mean)
        medians.append(score.median)
    return f"{np.mean(means):.1f} ± {np.std(means):.1f} | {np.mean(medians):.1f}"


def main(arguments: list[str] | None = None) -> int:
    shared = Path(os.environ.get("COUNTERPART_SHARED") or ROOT.parent / "shared")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared / "data")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--labelled", type=int, default=20)
    parser.add_argument("--draws", type=int, default=10)
    args = parser.parse_args(arguments)
    engine = Engine(args.model, cache=FeatureCache(cache_dir()))
    folder = args.data / "celebamask-dev"
    refs = find_images([folder / "images"])
    defaults = engine.defaults
    taps = list(dict.fromkeys((defaults.cosegment_tap, defaults.saliency_tap, defaults.parts_tap)))
    features = engine.features(refs, taps, defaults.segment_size, defaults.segment_stride, silent())
    names, raw = read_truth(folder, [ref.name for ref in features.refs])
    eyes = names.index("l_eye_centre"), names.index("r_eye_centre")
    pairs = [(i, names.index(f"r{name[1:]}")) for i, name in enumerate(names) if name.startswith("l_")]
    truth, renamed = by_image_side(raw, pairs, eyes)
    made = f"{engine.info.name} at {defaults.segment_size}/{defaults.segment_stride}"
    print(f"celebamask-dev, {len(features)} faces, {made}; {args.labelled} labelled faces, {args.draws} draws;")
    print("error over the other faces in per cent of the distance of the eyes.")
    print(f"In {renamed.sum()} faces left and right are named the other way round than in the others; `by side` names")
    print("them all by the side of the image, `as given` leaves them.\n")
    print("| parts | map | names | mean ± between draws | median |\n|---|---|---|---|---|")
    print(
        f"| none | mean place | by side | {measure(None, truth, eyes, LandmarkParams(), args.labelled, args.draws)} |"
    )
    for k in (4, 8):
        plain, with_descriptors = part_maps(engine, features, k)
        rows = [
            ("centroids (paper)", "by side", plain, truth, LandmarkParams.paper()),
            ("part scores", "by side", plain, truth, LandmarkParams()),
            ("**part scores and descriptors (default)**", "by side", with_descriptors, truth, LandmarkParams()),
            ("part scores and descriptors", "as given", with_descriptors, raw, LandmarkParams()),
        ]
        for title, naming, maps, places, params in rows:
            cells = measure(maps, places, eyes, params, args.labelled, args.draws)
            print(f"| k = {k} | {title} | {naming} | {cells} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
