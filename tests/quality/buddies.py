"""Best buddies between photographs of the same kind of animal: how many have both ends on the animal.

Run `python -m tests.quality.buddies --data DIR`. Pairs of photographs are drawn within each class; an end is on the
object where the human mask says so at its pixel. The second row is the paper's way (keys of block 9, k-means).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import silent
from counterpart.core.matching.pairs import MatchParams
from counterpart.core.pipeline.engine import Engine, open_cache
from counterpart.core.pipeline.matches.matching import MatchJob, match_images

SET = "animalpose-voc-dev"


def draw_pairs(folder: Path, pairs: int, seed: int) -> list[tuple[str, str]]:
    """File names of pairs, so many per class."""
    records = json.loads((folder / "keypoints.json").read_text())["images"]
    rng = np.random.default_rng(seed)
    drawn = []
    for name in sorted({record["cls"] for record in records}):
        files = sorted(record["file"] for record in records if record["cls"] == name)
        drawn += [tuple(files[i] for i in rng.choice(len(files), 2, replace=False)) for _ in range(pairs)]
    return drawn


def on_object(mask: NDArray[np.uint8], index: int, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether the points lie on pixels of the class."""
    at = np.clip(np.rint(xy).astype(int), 0, np.array(mask.shape[::-1]) - 1)
    return mask[at[:, 1], at[:, 0]] == index


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.buddies", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14_focus")
    parser.add_argument("--pairs", type=int, default=24, help="pairs of photographs per class (%(default)s)")
    parser.add_argument("--k", type=int, default=10, help="best buddies per pair (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of pairs (%(default)s)")
    parser.add_argument("--thresholds", type=float, nargs="*", default=[], help="saliency thresholds to compare")
    args = parser.parse_args(arguments)
    folder = args.data / SET
    data = json.loads((folder / "keypoints.json").read_text())
    classes = {Path(r["file"]).name: (data["voc_class_index"][r["cls"]], r["mask"]) for r in data["images"]}
    engine = Engine(args.model, cache=open_cache())
    job = MatchJob.for_engine(engine, args.k)
    paper = MatchParams.paper(args.k)
    rows = [("default", job), ("paper", dataclasses.replace(job, params=paper))]
    for value in args.thresholds:
        params = dataclasses.replace(job.params, saliency_threshold=value)
        rows.append((f"threshold {value}", dataclasses.replace(job, params=params)))
    print(f"| of {args.k} pairs | returned | both ends on the object |")
    print("|---|---|---|")
    pairs = draw_pairs(folder, args.pairs, args.seed)
    for label, chosen in rows:
        hits: list[bool] = []
        for pair in pairs:
            refs = [ImageRef(folder / "images" / Path(name).name, name) for name in pair]
            found = match_images(engine, refs[0], refs[1], chosen, silent()).matches
            ends = []
            for ref, xy in zip(refs, (found.xy_a, found.xy_b), strict=True):
                index, mask = classes[ref.path.name]
                ends.append(on_object(np.asarray(Image.open(folder / "masks" / Path(mask).name)), index, xy))
            hits += (ends[0] & ends[1]).tolist()
        print(f"| {label} | {len(hits) / len(pairs):.1f} | {100 * np.mean(hits):.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
