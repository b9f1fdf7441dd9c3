"""Cost of gestures in the real window: pointer event to painted pixels, on 24 megapixels with twenty parts.

Run `python -m tests.bench canvas`; `--json` prints one object. Each row is the time from sending an event until the
window has drawn what came of it, offscreen, at 1440 x 900: the tool, the draft, composing, and painting. Milliseconds,
median and 95th percentile, of wall time and of this process's time. Budgets: a move 16, an undo 50.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from PySide6.QtCore import QEvent, QPointF, Qt  # noqa: E402
from PySide6.QtGui import QMouseEvent  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from counterpart.core.images.brightness import Look  # noqa: E402
from counterpart.core.project.commands import AddPart, SetLabels  # noqa: E402
from counterpart.desktop.app import make_application  # noqa: E402
from counterpart.desktop.shell.settings import Settings  # noqa: E402
from counterpart.desktop.window.main_window import MainWindow  # noqa: E402
from tests.bench.bench_tools import PARTS, Table, part_map, path, photograph, timed  # noqa: E402
from tests.desktop.fakes import FAKE_MODELS, FAKE_TASKS, FakeBackend, FakeJobs  # noqa: E402

HW, SMALL = (4000, 6000), (400, 600)
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PATIENCE_S = 120.0


class Bench:
    """A window on one image, and the pointer that works in it."""

    def __init__(self, application: QApplication, folder: Path, hw: tuple[int, int]) -> None:
        self.application, self.hw = application, hw
        self.size = f"{hw[0] * hw[1] / 1e6:.2g} MP"
        self.rows = itertools.cycle(range(PARTS))
        labels = part_map(hw)
        photos = folder / "photos"
        photos.mkdir()
        Image.fromarray(photograph(labels)).save(photos / "large.bmp")
        jobs = FakeJobs()
        self.window = MainWindow(
            Settings(folder / "window.ini"),
            make_backend=FakeBackend,
            tasks=FAKE_TASKS,
            jobs={"parts": jobs.make, "object": jobs.make},
            models=lambda: list(FAKE_MODELS),
        )
        self.window.resize(1440, 900)
        self.window.show()
        self.window.bench.session.open_folder(photos)
        self.wait(lambda: self.window.bench.canvas.panes[0].photo is not None)
        for number in range(PARTS):
            self.window.bench.session.do(AddPart(f"part {number + 1}"))
        self.window.bench.session.do(
            SetLabels(self.window.images.panel.current, (0, 0, *hw), labels, None, hw, "Labels")
        )
        self.window.parts.commands.choose(self.window.bench.session.document.parts[4].id)
        self.settle()

    def settle(self) -> None:
        end = time.monotonic() + (0.4 if self.hw == HW else 0.02)
        while time.monotonic() < end:
            self.application.processEvents()

    def wait(self, until: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not until():
            if time.monotonic() > end:
                raise SystemExit("gave up waiting")
            self.application.processEvents()
        self.settle()

    def send(self, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
        """One pointer event, and everything that is drawn because of it."""
        canvas = self.window.bench.canvas
        modifiers = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, canvas.mapToGlobal(at), button, held, modifiers))
        self.application.processEvents()

    def points(self, count: int, step: float, seed: int = 3) -> list[QPointF]:
        """Widget positions of a wandering pointer; the step is in logical pixels."""
        area = self.window.bench.canvas.panes[0].view.visible_rect()
        inner = path((int(area.height()) - 8, int(area.width()) - 8), count, step, seed)
        return [QPointF(area.left() + 4 + x, area.top() + 4 + y) for x, y in inner]

    def stroke(self, table: Table, what: str, count: int, step: float, seed: int = 3) -> None:
        """A gesture with the next part: its moves, and its end."""
        self.window.parts.panel.choose_row(next(self.rows))
        points = self.points(count, step, seed)
        self.send(QEvent.Type.MouseButtonPress, points[0], LEFT, LEFT)
        moves = timed(lambda index: self.send(QEvent.Type.MouseMove, points[index + 1], NONE, LEFT), count)
        table.add(f"{what}: move", self.size, moves)
        release = timed(lambda _: self.send(QEvent.Type.MouseButtonRelease, points[-1], LEFT, NONE))
        table.add(f"{what}: letting go", self.size, release)

    def history(self, table: Table, what: str, rounds: int) -> None:
        """Undo and redo of the last gesture."""
        times: dict[str, list[tuple[float, float]]] = {"undo": [], "redo": []}
        for _ in range(rounds):
            for name, taken in times.items():
                taken.extend(timed(lambda _, name=name: self.trigger(name)))
        for name, taken in times.items():
            table.add(f"{what}: {name}", self.size, taken)

    def trigger(self, name: str) -> None:
        self.window.bench.actions[name].trigger()
        self.application.processEvents()


def measure_strokes(bench: Bench, table: Table, count: int) -> None:
    window = bench.window
    for zoom in ("fit", "100 %", "400 %"):
        window.bench.canvas.fit()
        if zoom != "fit":
            window.bench.canvas.panes[0].view.set_percent(float(zoom.rstrip(" %")))
            window.bench.canvas.look_at(0, bench.hw[1] / 2, bench.hw[0] / 2)
        bench.settle()
        for radius, step, moves in ((12, 6, 40), (5, 12, count), (40, 12, count), (40, 60, count), (150, 30, count)):
            window.bench.toolbox.choose("brush")
            window.parts.tools.brush.set_radius(radius)
            what = f"brush at {zoom}, radius {radius}, {moves} moves {step} screen pixels apart"
            bench.stroke(table, what, moves, step)
            if moves < count:
                bench.history(table, "  that stroke", min(count, 10))
        bench.history(table, f"the last stroke at {zoom}", min(count, 10))


def measure_others(bench: Bench, table: Table, count: int) -> None:
    window = bench.window
    window.bench.canvas.fit()
    for tool in ("lasso", "rectangle"):
        window.bench.toolbox.choose(tool)
        bench.stroke(table, f"{tool} over the whole view", count, 25, seed=4)
        bench.history(table, f"the {tool}", 5)
    window.bench.toolbox.choose("snap")
    bench.wait(
        lambda: window.parts.regions.get(window.bench.canvas.panes[0].photo) is not None and not window.bench.jobs.busy
    )
    bench.wait(lambda: "features and colour" in window.parts.options.hint.toolTip())
    start = time.monotonic()
    bench.wait(lambda: not window.parts.regions.working_ahead)
    table.line(f"(all regions worked out between events in {time.monotonic() - start:.1f} s)")
    for radius in (1, 150):
        window.parts.tools.snap.set_radius(radius)
        points = bench.points(count, 25, seed=5)
        hover = timed(lambda index, at=points: bench.send(QEvent.Type.MouseMove, at[index], NONE, NONE), count)
        table.add(f"snapped brush, radius {radius}, at fit: hovering", bench.size, hover)
        bench.stroke(table, f"snapped brush, radius {radius}, at fit", count, 25, seed=6)
        bench.history(table, f"the snapped stroke of radius {radius}", 5)
    window.bench.canvas.panes[0].view.set_percent(100)
    window.bench.canvas.look_at(0, bench.hw[1] / 2, bench.hw[0] / 2)
    points = bench.points(count, 25, seed=7)
    hover = timed(lambda index: bench.send(QEvent.Type.MouseMove, points[index], NONE, NONE), count)
    table.add("snapped brush at 100 %: hovering", bench.size, hover)
    bench.stroke(table, "snapped brush at 100 %", count, 25, seed=8)


def measure_views(bench: Bench, table: Table, count: int) -> None:
    window = bench.window
    window.bench.toolbox.choose("select")
    for look in (Look(), Look(0.1, 0.1, 1.4)):
        window.images.view.set_look(look)
        words = "brightened" if not look.neutral else "as it is"
        for zoom in (100.0, 400.0):
            window.bench.canvas.panes[0].view.set_percent(zoom)
            window.bench.canvas.look_at(0, bench.hw[1] / 2, bench.hw[0] / 2)
            rng = np.random.default_rng(1)
            places = rng.uniform(0.3, 0.7, (count, 2)) * bench.hw[::-1]

            def move(index: int, places: np.ndarray = places) -> None:
                window.bench.canvas.look_at(0, *places[index].tolist())
                bench.application.processEvents()

            table.add(f"moving the view at {zoom:.0f} %, {words}, with the map", bench.size, timed(move, count))
    window.images.view.reset()
    window.bench.canvas.fit()

    def slide(index: int) -> None:
        window.images.view.set_look(Look(0.2 * np.sin(index), 0.05, 1.2))
        bench.application.processEvents()

    table.add("a slider of brightness, whole image seen", bench.size, timed(slide, count))
    window.images.view.reset()
    window.bench.actions["crosshair"].setChecked(True)
    points = bench.points(count, 25)
    crossing = timed(lambda index: bench.send(QEvent.Type.MouseMove, points[index], NONE, NONE), count)
    table.add("the crosshair follows the pointer", bench.size, crossing)
    window.bench.actions["crosshair"].setChecked(False)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--moves", type=int, default=150)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    options = parser.parse_args(arguments)
    application = make_application(["bench"])
    with tempfile.TemporaryDirectory() as name:
        os.environ["COUNTERPART_PROJECTS"] = str(Path(name, "projects"))
        bench = Bench(application, Path(name), SMALL if options.quick else HW)
        gc.collect()
        gc.freeze()
        table = Table(options.json)
        moves = 3 if options.quick else options.moves
        measure_strokes(bench, table, moves)
        measure_others(bench, table, moves)
        measure_views(bench, table, moves)
        bench.window.close()
    if options.json:
        print(json.dumps(table.rows, indent=2))


if __name__ == "__main__":
    main()
