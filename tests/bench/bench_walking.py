"""Walking through a project in the real window, offscreen: time to the next image, and memory on the way.

A thousand photographs of four megapixels, each with labels of eight parts. From the key that asks for the next image to
the window having drawn it with its labels, in milliseconds; the window's memory after each hundred images. The files
are a few photographs under many names, so the disk's cache helps: it is decoding, composing and drawing that is
measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from PySide6.QtWidgets import QApplication  # noqa: E402

from counterpart.core.project.commands import AddImages, AddPart, NewImage, ReplaceMasks  # noqa: E402
from counterpart.core.project.document import Document  # noqa: E402
from counterpart.core.project.tiles import pack_labels  # noqa: E402
from counterpart.desktop.shell.settings import Settings  # noqa: E402
from counterpart.desktop.window.main_window import MainWindow  # noqa: E402
from tests.bench.bench_project import part_map  # noqa: E402
from tests.desktop.fakes import FAKE_MODELS, FAKE_TASKS, FakeBackend, FakeJobs  # noqa: E402

HW, SMALL = (2000, 2000), (200, 200)
DISTINCT = 8
PATIENCE_S = 60.0


def make_project(folder: Path, count: int, hw: tuple[int, int]) -> Path:
    """A project of `count` labelled photographs."""
    photos = folder / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number in range(DISTINCT):
        coarse = rng.integers(0, 255, (hw[0] // 16, hw[1] // 16, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize(hw[::-1], Image.Resampling.BICUBIC).save(
            photos / f"base{number}.jpg", quality=92
        )
    for number in range(count):
        os.link(photos / f"base{number % DISTINCT}.jpg", photos / f"img{number}.jpg")
    path = folder / "walk.counterpart"
    with Document.new(path) as document:
        document.apply(
            AddImages(
                [NewImage(photos / f"img{n}.jpg", f"img{n}.jpg", width=hw[1], height=hw[0]) for n in range(count)]
            )
        )
        for part in range(8):
            document.apply(AddPart(f"part {part + 1}"))
        maps = [pack_labels(part_map(hw, number)) for number in range(DISTINCT)]
        document.apply(ReplaceMasks({image: maps[image % DISTINCT] for image in document.image_ids}))
    return path


def walk(application: QApplication, folder: Path, path: Path, steps: int) -> dict[str, object]:
    """Press the key for the next image, again and again."""
    jobs = FakeJobs()
    window = MainWindow(
        Settings(folder / "window.ini"),
        make_backend=FakeBackend,
        tasks=FAKE_TASKS,
        jobs={"parts": jobs.make, "object": jobs.make},
        models=lambda: list(FAKE_MODELS),
    )
    window.resize(1440, 900)
    window.show()
    shown: list[int] = []
    window.bench.viewer.shown.connect(lambda pane, image: shown.append(image) if pane == 0 else None)

    def wait(until: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not until():
            if time.monotonic() > end:
                raise SystemExit("gave up waiting")
            application.processEvents()
            time.sleep(0.0005)  # spinning would take the processor from the threads that read
        application.processEvents()

    window.bench.session.open_project(path)
    wait(lambda: bool(shown))
    process = psutil.Process()
    times, cpu, memory = [], [], []
    for step in range(steps):
        shown.clear()
        clock, used = time.perf_counter(), time.process_time()
        window.bench.actions["next_image"].trigger()
        wait(lambda: bool(shown))
        times.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - used)
        if (step + 1) % max(steps // 10, 1) == 0:
            memory.append(round(process.memory_info().rss / 1e6))
    jobs.gate.set()
    window.close()
    wall, own = (np.percentile(np.array(each) * 1e3, [50, 95]).round(1).tolist() for each in (times, cpu))
    return {"images": steps, "next_ms": wall, "next_cpu_ms": own, "memory_mb": memory}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1001)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    options = parser.parse_args(arguments)
    application = QApplication([])
    with tempfile.TemporaryDirectory() as name:
        os.environ["COUNTERPART_CACHE"] = str(Path(name) / "cache")
        images, hw = (10, SMALL) if options.quick else (options.images, HW)
        path = make_project(Path(name), images, hw)
        report = {"megapixels": hw[0] * hw[1] / 1e6, **walk(application, Path(name), path, images - 1)}
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
