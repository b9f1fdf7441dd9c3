"""Cost of the project file: opening many images, saving and undoing strokes, size on disk, memory.

Run `python -m tests.bench project`. Every time is given twice: by the clock, which counts waiting for the disk
and for other programs, and of the processor (`cpu`), which does not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from counterpart.core.project.commands import AddImages, AddPart, NewImage, Paint, ReplaceMasks, SetReviewState  # noqa: E402
from counterpart.core.project.document import Document  # noqa: E402
from counterpart.core.project.history import History  # noqa: E402
from counterpart.core.project.tiles import pack_labels  # noqa: E402
from tests.core.project_tools import filled  # noqa: E402


@dataclass
class Took:
    """Seconds by the clock and of the processor."""

    wall: float
    cpu: float


def timed(job: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    job()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def spread(took: list[Took]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    wall = np.percentile([t.wall for t in took], [50, 95]) * 1e3
    cpu = np.percentile([t.cpu for t in took], [50, 95]) * 1e3
    names = ("median_ms", "p95_ms", "median_cpu_ms", "p95_cpu_ms")
    return dict(zip(names, (round(float(value), 2) for value in (*wall, *cpu)), strict=True))


def seconds(took: Took) -> dict[str, float]:
    return {"s": round(took.wall, 2), "cpu_s": round(took.cpu, 2)}


def images(folder: Path, count: int, hw: tuple[int, int]) -> list[NewImage]:
    return [
        NewImage(folder / f"day {n % 30}" / f"IMG_{n}.jpg", f"day {n % 30}/IMG_{n}.jpg", 1_000_000, "", hw[1], hw[0])
        for n in range(count)
    ]


def part_map(hw: tuple[int, int], seed: int, parts: int = 8) -> np.ndarray:
    """A label map with outlines as ragged as those of a segmentation of a photograph: level sets of smooth noise."""
    rng = np.random.default_rng(seed)
    import cv2

    coarse = cv2.resize(rng.random((7, 7)).astype(np.float32), hw[::-1], interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((hw[0] // 8, hw[1] // 8)).astype(np.float32), hw[::-1])
    levels = np.floor((coarse + 0.02 * fine) * (parts + 3)).astype(np.int64) - 2
    return np.clip(levels, 0, parts).astype(np.uint8)


def measure_opening(folder: Path, count: int) -> dict[str, object]:
    path = folder / "many.counterpart"
    document = Document.new(path)
    added = timed(lambda: document.apply(AddImages(images(folder, count, (1000, 1000)))))
    document.close()

    def usable() -> None:
        with Document.open(path) as again:
            assert len(again.image_ids) == count
            assert again.image(again.image_ids[-1]).name
            assert again.state_counts()["todo"] == count

    with Document.open(path) as again:
        everything = SetReviewState(list(again.image_ids), "reviewed")
        reviewed = timed(lambda: again.apply(everything))
        taken_back = timed(lambda: again.revert(everything))
    return {
        "images": count,
        "review_all": seconds(reviewed),
        "undo_review_all": seconds(taken_back),
        "add": seconds(added),
        "open": seconds(min((timed(usable) for _ in range(3)), key=lambda took: took.wall)),
        "file_mb": round(path.stat().st_size / 1e6, 1),
    }


def stroke_mask(
    rng: np.random.Generator, hw: tuple[int, int], length: int
) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """Box and mask of a straight stroke of a brush of 80 pixels, in any direction, within the image."""
    import cv2

    angle = rng.uniform(0, np.pi)
    step = np.array([np.sin(angle), np.cos(angle)]) * length
    room = np.maximum(np.array(hw) - np.abs(step) - 100, 1)
    start = 50 + rng.random(2) * room + np.maximum(-step, 0)
    top, left = (np.minimum(start, start + step) - 41).astype(int)
    bottom, right = (np.maximum(start, start + step) + 42).astype(int)
    mask = np.zeros((bottom - top, right - left), np.uint8)
    (y0, x0), (y1, x1) = start - (top, left), start + step - (top, left)
    cv2.line(mask, (int(x0), int(y0)), (int(x1), int(y1)), 1, 80)
    return (int(top), int(left), int(bottom), int(right)), mask.astype(np.bool_)


def measure_strokes(folder: Path, hw: tuple[int, int], length: int, strokes: int) -> dict[str, object]:
    document = Document.new(folder / f"strokes{hw[0]}-{length}.counterpart")
    document.apply(AddImages(images(folder, 1, hw)))
    for part in range(20):
        document.apply(AddPart(f"part {part}"))
    document.apply(ReplaceMasks({1: part_map(hw, 0, 20)}))
    history = History(document)
    rng = np.random.default_rng(0)
    paint = []
    for _ in range(strokes):
        bbox, mask = stroke_mask(rng, hw, length)
        command = Paint(1, int(rng.integers(1, 21)), bbox, mask)
        paint.append(timed(lambda command=command: history.push(command)))
    undo = [timed(history.undo) for _ in range(strokes)]
    document.close()
    return {"megapixels": round(hw[0] * hw[1] / 1e6, 1), "length": length, "paint": spread(paint), "undo": spread(undo)}


def measure_large_strokes(folder: Path, hw: tuple[int, int], strokes: int) -> dict[str, object]:
    """A stroke along the whole diagonal, and one over all of an image."""
    import cv2

    report: dict[str, object] = {}
    for kind in ("diagonal", "everything"):
        document = Document.new(folder / f"{kind}.counterpart")
        document.apply(AddImages(images(folder, 1, hw)))
        for part in range(20):
            document.apply(AddPart(f"part {part}"))
        document.apply(ReplaceMasks({1: part_map(hw, 0, 20)}))
        history = History(document)
        paint = []
        for number in range(strokes):
            mask = np.full(hw, kind == "everything", np.uint8)
            if kind == "diagonal":
                ends = ((40, 40), (hw[1] - 40, hw[0] - 40)) if number % 2 else ((hw[1] - 40, 40), (40, hw[0] - 40))
                cv2.line(mask, *ends, 1, 80)
            command = Paint(1, number + 1, (0, 0, *hw), mask.astype(np.bool_))
            paint.append(timed(lambda command=command, history=history: history.push(command)))
        undo = [timed(history.undo) for _ in range(strokes)]
        report[kind] = {"paint": spread(paint), "undo": spread(undo)}
        document.close()
    return report


def measure_size(folder: Path, count: int) -> dict[str, object]:
    import psutil

    path = folder / "labelled.counterpart"
    document = filled(Document.new(path), folder, images=0, parts=8)
    hw = (1000, 1000)
    document.apply(AddImages(images(folder, count, hw)))
    packed = {number: pack_labels(part_map(hw, number)) for number in range(1, count + 1)}
    stored = timed(lambda: document.apply(ReplaceMasks(packed)))
    document.close()
    process = psutil.Process()
    reading = []
    with Document.open(path) as document:
        early = 0
        for number in document.image_ids:
            reading.append(timed(lambda number=number: document.label_map(number)))
            if len(reading) == min(300, count):  # the cache of unpacked maps is full
                early = process.memory_info().rss
        late = process.memory_info().rss
    return {
        "images": count,
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "replace_all": seconds(stored),
        "read_labels": spread(reading),
        "memory_growth_mb": round((late - early) / 1e6, 1),
    }


def measure_next_image(folder: Path, hw: tuple[int, int]) -> dict[str, object]:
    path = folder / "next.counterpart"
    document = filled(Document.new(path), folder, images=0, parts=8)
    document.apply(AddImages(images(folder, 30, hw)))
    document.apply(ReplaceMasks({number: part_map(hw, number) for number in range(1, 31)}))
    document.close()
    with Document.open(path) as document:
        reading = [timed(lambda number=number: document.label_map(number)) for number in document.image_ids]
    return {"megapixels": hw[0] * hw[1] / 1e6, "read_labels": spread(reading)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--labelled", type=int, default=1000)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    options = parser.parse_args(arguments)
    small, large, strokes = (1000, 1000), (4000, 6000), 100
    gestures = [(small, 400), (large, 400), (large, 1500), (large, 3500)]
    if options.quick:
        options.images, options.labelled, large, strokes = 100, 3, (500, 500), 2
        gestures = [(large, 300)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = {
            "open": measure_opening(folder, options.images),
            "strokes": [measure_strokes(folder, hw, length, strokes) for hw, length in gestures],
            "large_strokes": measure_large_strokes(folder, large, strokes // 10 or 1),
            "labelled": measure_size(folder, options.labelled),
            "next_image": measure_next_image(folder, large if options.quick else (2000, 2000)),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
