"""The program itself: started through its real `main`, and what it does with errors that nobody caught."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from counterpart.core.errors import UsageError
from counterpart.desktop import app
from counterpart.desktop.widgets.trouble_dialog import ExceptionHook, TroubleDialog
from counterpart.desktop.window.main_window import MainWindow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(qtbot, tmp_path, monkeypatch):
    """Runs `main` until a check on its window has been made; gives its exit code."""
    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("COUNTERPART_SETTINGS", str(tmp_path / "settings"))

    def start(argv, ready, look):
        seen = []

        def poll():
            window = next(
                (w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible()), None
            )
            if window is not None and ready(window):
                timer.stop()
                seen.append(look(window))
                window.close()

        timer = QTimer()
        timer.setInterval(20)
        timer.timeout.connect(poll)
        timer.start()
        code = app.main(argv)
        timer.stop()
        return code, seen

    return start


def test_main_opens_an_empty_window_and_ends_when_it_is_closed(started):
    code, seen = started([], lambda w: True, lambda w: w.start.isVisible())
    assert (code, seen) == (0, [True])


def test_main_opens_the_folder_that_it_is_given(started, image_folder):
    code, seen = started(
        [str(image_folder)], lambda w: w.images.panel.model.total > 0, lambda w: w.images.panel.model.total
    )
    assert (code, seen) == (0, [5])


def test_main_says_so_when_what_it_is_given_does_not_exist(started, tmp_path):
    code, seen = started(
        [str(tmp_path / "gone")], lambda w: w.bench.layout.notice.isVisible(), lambda w: w.bench.layout.notice.text
    )
    assert code == 0
    assert "does not exist" in seen[0]


def test_starting_loads_neither_torch_nor_the_formats():
    code = (
        "import sys, counterpart.desktop.app\n"
        "print(*[n for n in ('torch', 'timm', 'faiss', 'onnx', 'scipy', 'pyqtgraph', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


def dialogs():
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, TroubleDialog) and w.isVisible()]


@pytest.fixture
def hook(qtbot, monkeypatch):
    made = ExceptionHook()
    yield made
    for dialog in dialogs():
        dialog.close()


def test_an_error_that_nobody_caught_is_shown_with_its_traceback(qtbot, hook):
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        hook.handle(type(error), error, error.__traceback__)
    qtbot.waitUntil(lambda: len(dialogs()) == 1)
    assert "ZeroDivisionError" in dialogs()[0].details.toPlainText()


def test_an_error_meant_for_a_person_is_shown_without_one(qtbot, hook):
    error = UsageError("that is not possible", hint="Do something else")
    hook.handle(type(error), error, None)
    qtbot.waitUntil(lambda: len(dialogs()) == 1)
    assert "Traceback" not in dialogs()[0].details.toPlainText()


def test_a_storm_of_errors_from_other_threads_shows_one_dialog(qtbot, hook):
    def fail():
        for _ in range(20):
            error = ValueError("again")
            hook.handle(type(error), error, None)

    threads = [threading.Thread(target=fail) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    qtbot.waitUntil(lambda: len(dialogs()) == 1)
    qtbot.wait(50)
    assert len(dialogs()) == 1
