"""Cost of keypoint transfer after encoding: 20 keypoints from 5 templates to 100 images whose features are cached.

Run `python -m tests.bench transfer`; needs no installed weights (times do not depend on their values). What is
measured is CPU time of one thread, so that other work hardly counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy reads it

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

GRID, WIDTH, KEYPOINTS = 31, 384, 20
"""Tokens along a side at 224 pixels, patch 14, stride 7; a ViT-S."""


def feature_map(seed: int):
    """Smooth random features of one view."""
    from counterpart.core.features.taps import Tap
    from counterpart.core.features.values import FeatureMap, FeatureSpec
    from counterpart.core.geometry import GridGeometry

    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(GRID // 3 + 1, GRID // 3 + 1, WIDTH))
    values = np.repeat(np.repeat(coarse, 3, 0), 3, 1)[:GRID, :GRID] + 0.5 * rng.normal(size=(GRID, GRID, WIDTH))
    spec = FeatureSpec("random", "0", (Tap(9, "token"),), 7, (224, 224), None)
    geometry = GridGeometry.plan((400, 500), (224, 224), 14, 7)
    return FeatureMap(spec, f"{seed}", geometry, (values.astype(np.float16),), (np.zeros(WIDTH, np.float32),), None)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--templates", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    args = parser.parse_args(arguments)
    if args.quick:
        args.images, args.templates = 2, 1

    from counterpart.core.features.cache import FeatureCache
    from counterpart.core.jobs import silent
    from counterpart.core.project.points import Skeleton
    from counterpart.core.transfer import Target, Template, TransferParams, View, ViewKey, transfer

    names = [f"{side}_{part}" for side in ("left", "right") for part in range(KEYPOINTS // 2)]
    rng = np.random.default_rng(0)
    keys = (ViewKey(), ViewKey(mirrored=True))
    templates = [
        Template(
            tuple(View(key, feature_map(2 * number + flip)) for flip, key in enumerate(keys)),
            rng.uniform(60, 340, (KEYPOINTS, 2)),
            rng.random(KEYPOINTS) < 0.9,
        )
        for number in range(args.templates)
    ]
    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder))
        for number in range(2 * args.images):
            cache.put(feature_map(1000 + number))
        cache.forget()
        spec = templates[0].views[0].features.spec

        def targets():
            for number in range(args.images):
                maps = [cache.get(f"{1000 + 2 * number + flip}", spec) for flip in (0, 1)]
                yield Target(tuple(View(key, found) for key, found in zip(keys, maps, strict=True)))

        start = time.process_time()
        found = transfer(templates, targets(), Skeleton(tuple(names)), TransferParams(), silent(), total=args.images)
        seconds = time.process_time() - start
    print(f"{KEYPOINTS} keypoints, {args.templates} templates, {len(found)} images, one thread")
    print(f"{seconds:.1f} s, {1e3 * seconds / len(found):.0f} ms an image (aim: at most 10 s on two cores)")
    print(json.dumps({"transfer_s": seconds}))


if __name__ == "__main__":
    main()
