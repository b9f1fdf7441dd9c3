"""What the tests of the window share."""

import numpy as np
import pytest
from PIL import Image


def picture(seed: int, hw: tuple[int, int] = (90, 120)) -> np.ndarray:
    """A synthetic photograph: a bright blob on a dark, noisy ground, elsewhere for every seed."""
    rng = np.random.default_rng(seed)
    height, width = hw
    yy, xx = np.mgrid[:height, :width]
    cy, cx = rng.uniform(0.35, 0.65, 2) * (height, width)
    blob = ((yy - cy) / (0.25 * height)) ** 2 + ((xx - cx) / (0.25 * width)) ** 2 < 1
    rgb = rng.integers(20, 60, (height, width, 3)).astype(np.uint8)
    rgb[blob] = rng.integers(150, 250, 3)
    return rgb


@pytest.fixture
def image_folder(tmp_path):
    """Five images of different sizes; natural order is not that of ASCII."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in (1, 2, 3, 10, 20):
        hw = (90, 120) if number % 2 else (100, 80)
        Image.fromarray(picture(number, hw)).save(folder / f"img{number}.png")
    return folder


@pytest.fixture(autouse=True)
def _theme(request):
    """Tests that show widgets see the theme that people see."""
    if "qtbot" not in request.fixturenames:
        return
    from counterpart.desktop.widgets.theme import apply_theme

    apply_theme(request.getfixturevalue("qapp"), "dark")


@pytest.fixture(autouse=True)
def _pointer_elsewhere(request):
    """A test begins with the pointer in the corner: moving it to where an earlier test left it sends no event."""
    if "qtbot" not in request.fixturenames:
        return
    from PySide6.QtGui import QCursor

    QCursor.setPos(request.getfixturevalue("qapp").primaryScreen().geometry().bottomRight())


@pytest.fixture
def jobs():
    """The fake jobs that the window runs."""
    from tests.desktop.fakes import FakeJobs

    return FakeJobs()


@pytest.fixture
def make_window(qtbot, tmp_path, monkeypatch, jobs):
    """Makes main windows with a fake backbone; each is closed at the end, its threads ended."""
    from counterpart.desktop.shell.settings import Settings
    from counterpart.desktop.window.main_window import MainWindow
    from tests.desktop.fakes import FAKE_MODELS, FAKE_TASKS, FakeBackend, fake_preview

    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    made = []

    def make(**changed):
        options = {
            "make_backend": FakeBackend,
            "tasks": FAKE_TASKS,
            "jobs": {"parts": jobs.make, "object": jobs.make},
            "previews": {"parts": fake_preview},
            "models": lambda: list(FAKE_MODELS),
            **changed,
        }
        window = MainWindow(Settings(tmp_path / "window.ini"), **options)
        made.append(window)
        window.resize(1200, 760)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield make
    jobs.gate.set()
    for window in made:
        window.close()
        window.deleteLater()


@pytest.fixture
def window(make_window):
    """A main window with a fake backbone and nothing open."""
    return make_window()


@pytest.fixture
def opened(qtbot, window, image_folder):
    """A main window on a folder of five images, the first one shown."""
    window.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    return window


@pytest.fixture
def bench(qtbot, tmp_path, monkeypatch):
    """A workbench with a fake backbone and nothing open, for a room to be built on alone."""
    from tests.desktop.benches import close_bench, make_bench

    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    made = make_bench(tmp_path)
    yield made
    close_bench(made)
