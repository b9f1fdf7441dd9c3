"""Cost of matching after encoding: a 224-pixel pair at stride 4 of a ViT-S/8, log-binned; a pair re-matched by the
default; the pointer's maps.

Run `python -m tests.bench matching`; needs no installed weights (times do not depend on their values). Ratios are
of CPU time of one thread measured in one run, the jobs taking turns, best of several; `--threads 2` measures wall time.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SIDE, PATCH, STRIDE, WIDTH = 224, 8, 4, 384


def random_features(rows: int, cols: int, seed: int):
    """Features with smooth, image-like descriptors, so that best buddies are neither none nor all."""
    from counterpart.core.features.taps import Tap
    from counterpart.core.features.values import FeatureMap, FeatureSpec
    from counterpart.core.geometry import GridGeometry

    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(rows // 4 + 2, cols // 4 + 2, WIDTH))
    values = np.repeat(np.repeat(coarse, 4, 0), 4, 1)[:rows, :cols] + rng.normal(size=(rows, cols, WIDTH))
    hw = (PATCH + (rows - 1) * STRIDE, PATCH + (cols - 1) * STRIDE)
    spec = FeatureSpec("random", "0", (Tap(9, "key"),), STRIDE, None, None)
    geometry = GridGeometry.plan(hw, None, PATCH, STRIDE)
    return FeatureMap(spec, str(seed), geometry, (values.astype(np.float16),), (np.zeros(WIDTH, np.float32),), None)


class PeakMemory:
    """Highest resident memory while a job runs, in MB above what there was before."""

    def __enter__(self) -> PeakMemory:
        self.start = self.top = self._now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.megabytes = (self.top - self.start) / 1e6

    def _watch(self) -> None:
        while not self._stop.wait(0.002):
            self.top = max(self.top, self._now())

    @staticmethod
    def _now() -> int:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    parser.add_argument("--tokens", type=int, default=3025, choices=(3025, 4000))
    args = parser.parse_args(arguments)
    if args.quick:
        args.rounds = 1

    import timm
    import torch

    from counterpart.core.features.similarity import SimilarityField
    from counterpart.core.jobs import silent
    from counterpart.core.matching.pairs import MatchParams, match_pair

    torch.set_num_threads(args.threads)
    clock = time.process_time if args.threads == 1 else time.perf_counter
    rows, cols = (12, 12) if args.quick else (55, 55) if args.tokens == 3025 else (63, 64)
    model = timm.create_model("vit_small_patch8_224", num_classes=0, pretrained=False).eval()
    tokens = torch.randn(1, rows * cols + 1, WIDTH)
    a, b = random_features(rows, cols, 0), random_features(rows, cols, 1)
    ones = np.ones((rows, cols), np.float32)

    def encode() -> None:
        # The blocks alone: embedding patches is cheap, and this is a lower bound on what encoding costs.
        with torch.inference_mode():
            model.blocks(tokens)

    def match() -> int:
        return len(match_pair(a, b, ones, ones, MatchParams.paper(), silent()))

    with PeakMemory() as memory:
        match()
    best = {"encode": float("inf"), "match": float("inf")}
    for _ in range(args.rounds):
        for name, job in (("encode", encode), ("match", match)):
            start = clock()
            job()
            best[name] = min(best[name], clock() - start)
    ratio = best["match"] / best["encode"]
    print(f"{rows * cols} tokens, {args.threads} thread(s)")
    print(f"encode {best['encode']:.2f} s, match {best['match']:.2f} s, ratio {ratio:.2f} (aim: at most 1.5)")
    print(f"memory of matching {memory.megabytes:.0f} MB (aim: at most 500)")

    rematch = {}
    for side in (12,) if args.quick else (32, 55):
        first, second = (random_features(side, side, seed) for seed in (0, 1))
        salient = np.ones((side, side), np.float32)
        params = MatchParams(hierarchy=1, selection="farthest", saliency_threshold=0.1)
        times = []
        for _ in range(args.rounds):
            start = clock()
            match_pair(first, second, salient, salient, params, silent())
            times.append(clock() - start)
        rematch[side * side] = 1e3 * min(times)
        print(f"re-match from cache at {side * side} tokens: {min(times) * 1e3:.0f} ms (aim: at most 300)")

    hover = (12, 12) if args.quick else (63, 64)
    field = SimilarityField([random_features(*hover, seed) for seed in range(20)])
    field.at(0, [40, 40])
    start, count = clock(), 30
    for step in range(count):
        field.at(step % 20, [10 + step, 40])
    rate = count / (clock() - start)
    print(
        f"similarity maps of 20 images at {hover[0] * hover[1]} tokens: {rate:.0f} updates a second (aim: at least 30)"
    )
    print(json.dumps({"match_ratio": ratio, "match_mb": memory.megabytes, "hover_hz": rate, "rematch_ms": rematch}))


if __name__ == "__main__":
    main()
