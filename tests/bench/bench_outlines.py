"""Polygons into pixels and back, on a photograph of 12 megapixels, against pycocotools on the same shapes.

In: 200 small polygons painted into a label map; pycocotools makes run lengths of them (it paints nothing). Out: the
outlines of a ragged part, holes joined by seams; pycocotools, which has no way back to outlines, encodes the same mask
as run lengths. Times are the best of a few, in milliseconds of this process.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from counterpart.core.formats.canvas import Canvas  # noqa: E402
from counterpart.core.formats.placed import Placed  # noqa: E402
from counterpart.core.formats.polygons import keyhole, outlines  # noqa: E402

HW, SMALL = (3000, 4000), (150, 200)
COUNT, CORNERS = 200, 40


def polygons(hw: tuple[int, int], seed: int = 0) -> list[np.ndarray]:
    """Small stars with round corners, anywhere on the image: (40, 2) xy each."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(COUNT):
        turns = np.sort(rng.uniform(0, 2 * np.pi, CORNERS))
        radius = hw[0] / 75 * rng.uniform(0.6, 1, CORNERS)
        found.append(rng.random(2) * hw[::-1] + radius[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1))
    return found


def ragged_part(hw: tuple[int, int], seed: int = 1) -> np.ndarray:
    """A part with islands, holes and some rough edges: a fifth of the image."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((12, 16)).astype(np.float32), hw[::-1], interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((hw[0] // 8, hw[1] // 8)).astype(np.float32), hw[::-1])
    values = coarse + 0.03 * fine
    return np.asarray((values > np.quantile(values, 0.6)) & (values < np.quantile(values, 0.8)))


def milliseconds(job: Callable[[], object], count: int) -> float:
    """Processor time of the quickest of some calls."""
    best = float("inf")
    for _ in range(count):
        begun = time.process_time()
        job()
        best = min(best, time.process_time() - begun)
    return best * 1e3


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--quick", action="store_true", help="a small picture, once: only to see that it runs")
    args = parser.parse_args(arguments)
    hw, count = (SMALL, 1) if args.quick else (HW, 5)
    rings = polygons(hw)
    flat = [ring.reshape(-1).tolist() for ring in rings]
    part = ragged_part(hw)

    def paint() -> None:
        canvas = Canvas(Placed("a.jpg", "a.jpg", hw=hw, declared=hw))
        for ring in rings:
            canvas.ring(ring, 1)

    def trace() -> None:
        for outline in outlines(part):
            keyhole(outline)

    rows = {
        f"{COUNT} polygons": (
            milliseconds(paint, count),
            milliseconds(lambda: [coco_mask.frPyObjects([each], *hw) for each in flat], count),
        ),
        "outlines of a part": (
            milliseconds(trace, count),
            milliseconds(lambda: coco_mask.encode(np.asfortranarray(part.astype(np.uint8))), count),
        ),
    }
    if args.json:
        print(json.dumps({name: {"ours_ms": ours, "theirs_ms": theirs} for name, (ours, theirs) in rows.items()}))
        return 0
    print(f"{'':<22}{'ours':>10}{'pycocotools':>14}{'ratio':>8}")
    for name, (ours, theirs) in rows.items():
        print(f"{name:<22}{ours:>10.2f}{theirs:>14.2f}{ours / max(theirs, 1e-6):>8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
