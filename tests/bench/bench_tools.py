"""Cost of the mask tools' engines: brush moves, wand, snapped brush, fills, smart boundary, each against a plain way.

Run `python -m tests.bench tools`; `--json` prints one object. Times are milliseconds: median and 95th percentile
of wall time, and of this process's time (all threads), which other programs on the machine disturb less. What the
window adds (composing the dirty rectangle) is not in them.

The plain ways are those that tools commonly take: draw the stroke into a mask of the whole image and apply that on each
move; threshold a full-size similarity map and fill from the click on each change of the tolerance; fill a polygon into
a mask of the whole image; GrabCut over the part's box.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from counterpart.core.features.taps import Tap  # noqa: E402
from counterpart.core.features.values import FeatureMap, FeatureSpec  # noqa: E402
from counterpart.core.geometry import GridGeometry  # noqa: E402
from counterpart.core.refine import grab_cut  # noqa: E402
from counterpart.core.tools.boundary import BoundaryParams, refine_boundary  # noqa: E402
from counterpart.core.tools.clusters import SnappedBrush, find_clusters  # noqa: E402
from counterpart.core.tools.draft import LabelDraft  # noqa: E402
from counterpart.core.tools.fill import flood_labels  # noqa: E402
from counterpart.core.tools.morphology import FillHoles, Smooth, change_part  # noqa: E402
from counterpart.core.tools.shapes import lasso_region  # noqa: E402
from counterpart.core.tools.strokes import StrokeRasteriser  # noqa: E402
from counterpart.core.tools.wand import Wand  # noqa: E402

SIZES = {"1 MP": (1000, 1000), "24 MP": (4000, 6000)}
PARTS = 20


class Table:
    """Rows of measurements, printed as they come."""

    def __init__(self, quiet: bool) -> None:
        self.rows: list[dict[str, object]] = []
        self.quiet = quiet
        self.line("what", "image", "wall p50", "wall p95", "cpu p50", "cpu p95", "n")

    def line(self, what: str, *cells: object) -> None:
        if not self.quiet:
            print(f"{what:<58}" + "".join(f"{cell!s:>10}" for cell in cells), flush=True)

    def add(self, what: str, image: str, times: list[tuple[float, float]]) -> None:
        wall, cpu = (np.percentile([each[i] * 1e3 for each in times], [50, 95]).round(2) for i in (0, 1))
        self.rows.append(
            {"what": what, "image": image, "wall_ms": wall.tolist(), "cpu_ms": cpu.tolist(), "n": len(times)}
        )
        self.line(what, image, *wall, *cpu, len(times))


def timed(job, count: int = 1) -> list[tuple[float, float]]:
    """(wall, processor) seconds of each of some calls of `job(index)`."""
    out = []
    for index in range(count):
        cpu, wall = time.process_time(), time.perf_counter()
        job(index)
        out.append((time.perf_counter() - wall, time.process_time() - cpu))
    return out


def part_map(hw: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Twenty parts with outlines as ragged as those of a segmentation of a photograph."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((7, 7)).astype(np.float32), hw[::-1], interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((hw[0] // 8, hw[1] // 8)).astype(np.float32), hw[::-1])
    coarse += 0.02 * fine
    return np.clip(np.floor(coarse * (PARTS + 3)) - 2, 0, PARTS).astype(np.uint8)


def photograph(labels: np.ndarray, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    colours = rng.integers(30, 220, (PARTS + 1, 3)).astype(np.uint8)
    rgb = colours[labels]
    grain = rng.integers(0, 24, rgb.shape[:2], dtype=np.uint8)
    return rgb + grain[..., None]


def features(labels: np.ndarray, seed: int = 2) -> FeatureMap:
    """Descriptors as the default backbone gives them at 448 pixels: 384 numbers, one token per 14 pixels."""
    hw = (labels.shape[0], labels.shape[1])
    geometry = GridGeometry.plan(hw, 448, 14, 14)
    rng = np.random.default_rng(seed)
    rows, columns = geometry.grid_hw
    rc = np.linspace(0, hw[0] - 1, rows).astype(int)[:, None], np.linspace(0, hw[1] - 1, columns).astype(int)
    tokens = rng.normal(size=(PARTS + 1, 384))[labels[rc]] + 0.5 * rng.normal(size=(rows, columns, 384))
    spec = FeatureSpec("bench", "0", (Tap(9, "token"),), 14, 448, None)
    return FeatureMap(spec, "bench", geometry, (tokens.astype(np.float16),), (np.zeros(384, np.float32),), None)


def path(hw: tuple[int, int], moves: int, step: float, seed: int = 3) -> list[tuple[float, float]]:
    """A wandering pointer that stays on the image."""
    rng = np.random.default_rng(seed)
    at, heading, out = np.array([hw[1] / 2, hw[0] / 2]), 0.0, []
    for _ in range(moves + 1):
        out.append((float(at[0]), float(at[1])))
        heading += rng.normal(scale=0.4)
        ahead = at + step * np.array([np.cos(heading), np.sin(heading)])
        if not (0 <= ahead[0] < hw[1] and 0 <= ahead[1] < hw[0]):
            heading += np.pi / 2
            ahead = np.clip(ahead, 0, [hw[1] - 1, hw[0] - 1])
        at = ahead
    return out


def measure_brush(table: Table, name: str, hw: tuple[int, int], moves: int) -> None:
    labels = part_map(hw)
    for radius, step in ((5, 8), (40, 30), (40, 300), (150, 300)):
        points = path(hw, moves, step)
        draft, tip = LabelDraft(labels, hw), StrokeRasteriser(radius, "round", hw)
        tip.move_to(points[0])

        def move(index: int, draft=draft, tip=tip, points=points) -> None:
            draft.apply(tip.move_to(points[index + 1]), 1 + index % PARTS, locked={3, 7})

        table.add(f"brush move, radius {radius}, {step} pixels apart", name, timed(move, moves))
    draft = LabelDraft(labels, hw)
    tip = StrokeRasteriser(40, "round", hw)
    for xy in path(hw, 100, 30):
        draft.apply(tip.move_to(xy), 5)
    table.add("brush, end of a stroke of 100 moves: result()", name, timed(lambda _: draft.result(), 20))
    points, shown = path(hw, 20, 30), labels.copy()

    def plain(index: int) -> None:
        mask = np.zeros(hw, np.uint8)
        start, end = (tuple(int(v) for v in points[index + step]) for step in (0, 1))
        cv2.line(mask, start, end, 1, thickness=80)
        chosen = mask.astype(bool) & ~np.isin(shown, [3, 7])
        shown[chosen] = 1

    table.add("  plain: mask of the whole image on each move", name, timed(plain, 20))


def measure_wand(table: Table, name: str, hw: tuple[int, int], quick: bool) -> None:
    labels = part_map(hw)
    rgb, feature_map = photograph(labels), features(labels)
    made: list[Wand] = []
    table.add("wand, preparing an image", name, timed(lambda _: made.append(Wand(rgb, feature_map)), 3))
    rng = np.random.default_rng(5)
    clicks = rng.random((12, 2)) * [hw[1], hw[0]]
    table.add("wand, click", name, timed(lambda index: made[0].select(clicks[index]), len(clicks)))
    selections = [made[0].select(xy) for xy in clicks]
    for selection in selections:
        selection.region(0.1)
    drags = rng.uniform(0.05, 0.6, (len(clicks), 20))
    count = 4 if quick else len(clicks)

    def drag(index: int) -> None:
        selections[index // 20].region(drags[index // 20, index % 20])

    def preview(index: int) -> None:
        selections[index // 20].preview(drags[index // 20, index % 20])

    table.add("wand, new tolerance: preview() at the working size", name, timed(preview, 20 * count))
    table.add("wand, new tolerance: region() at full size", name, timed(drag, 20 * count))
    table.add("wand, the same with all of the image selected", name, timed(lambda _: selections[0].region(1.0), 20))
    fine = timed(lambda index: selections[index].region(0.3, fine=True), count)
    table.add("wand, letting go: region(fine=True)", name, fine)
    column, row = (int(v) for v in clicks[0])
    similarity = feature_map.geometry.upsample(rng.random(feature_map.grid_hw), None, hw)

    def plain(index: int) -> None:
        above = (similarity > drags[0, index]).view(np.uint8)
        filled = np.zeros((hw[0] + 2, hw[1] + 2), np.uint8)
        cv2.floodFill(above, filled, (column, row), 0, 0, 0, 4 | cv2.FLOODFILL_MASK_ONLY)

    table.add("  plain: threshold and fill at full size", name, timed(plain, 10))


def measure_clusters(table: Table, name: str, hw: tuple[int, int]) -> None:
    labels = part_map(hw)
    rgb, feature_map = photograph(labels), features(labels)
    found = []
    table.add(
        "snapped brush, regions of an image", name, timed(lambda _: found.append(find_clusters(rgb, feature_map)), 5)
    )
    points = path(hw, 150, max(hw) / 100)
    brush = SnappedBrush(found[0])
    table.add("snapped brush, move (regions new to the session)", name, timed(lambda i: brush.move_to(points[i]), 150))
    brush.lift()
    table.add("snapped brush, move (regions seen before)", name, timed(lambda i: brush.move_to(points[i]), 150))


def measure_rest(table: Table, name: str, hw: tuple[int, int]) -> None:
    labels = part_map(hw)
    rgb = photograph(labels)
    turns = np.linspace(0, 2 * np.pi, 800)
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1) * np.array(hw[::-1]) * 0.3 + np.array(hw[::-1]) / 2
    table.add("lasso of 800 points over a third of the image", name, timed(lambda _: lasso_region(ring, hw), 10))

    def plain(_index: int) -> None:
        mask = np.zeros(hw, np.uint8)
        cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], 1)
        mask.astype(bool)

    table.add("  plain: fillPoly into a mask of the whole image", name, timed(plain, 10))
    table.add("flood fill on labels", name, timed(lambda _: flood_labels(labels, (hw[1] // 2, hw[0] // 2)), 10))
    object_map = np.zeros(hw, np.uint8)
    middle = (hw[1] // 2, hw[0] // 2)
    cv2.circle(object_map, middle, 300, 1, -1)
    picture = np.where(object_map[..., None] == 1, rgb // 2 + 110, rgb // 2)
    table.add(
        "fill holes of a part of 600 pixels across", name, timed(lambda _: change_part(object_map, 1, FillHoles()), 10)
    )
    table.add("smooth the same", name, timed(lambda _: change_part(object_map, 1, Smooth(4)), 10))
    cv2.circle(object_map, middle, 304, 1, -1)
    params = BoundaryParams(band=6)
    table.add("smart boundary of the same", name, timed(lambda _: refine_boundary(picture, object_map, 1, params), 5))
    y, x, reach = middle[1], middle[0], 400
    place = np.s_[y - reach : y + reach, x - reach : x + reach]
    chance = np.where(object_map[place] == 1, 0.75, 0.25)
    table.add("  plain: GrabCut over its box", name, timed(lambda _: grab_cut(picture[place], chance), 2))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    options = parser.parse_args(arguments)
    gc.disable()
    table = Table(options.json)
    for name, hw in ({"0.09 MP": (300, 300)} if options.quick else SIZES).items():
        measure_brush(table, name, hw, 20 if options.quick else 600)
        measure_wand(table, name, hw, options.quick)
        measure_clusters(table, name, hw)
        measure_rest(table, name, hw)
        gc.collect()
    if options.json:
        print(json.dumps(table.rows, indent=2))


if __name__ == "__main__":
    main()
