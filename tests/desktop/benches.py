"""A workbench for a room to stand on alone: real session, jobs, canvas and list of images, and no main window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QMainWindow, QWidget

from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.toolbox import Toolbox
from counterpart.desktop.images.map_layers import MapLayers
from counterpart.desktop.images.room import ImagesRoom
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.jobs.models import Models
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.actions import Actions
from counterpart.desktop.shell.layout import Layout
from counterpart.desktop.shell.messages import Messages
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.status_bar import StatusBar
from counterpart.desktop.workbench import Workbench, needs_of
from tests.desktop.fakes import FAKE_MODELS, FakeBackend


def make_bench(folder: Path, make_backend: Callable[[], Any] = FakeBackend) -> Workbench:
    """A bench whose settings are kept in a folder; `close_bench` ends its threads."""
    window, status, canvas = QMainWindow(), StatusBar(), Canvas()
    window.setStatusBar(status)
    settings = Settings(folder / "bench.ini", window)
    session = Session(settings, window)
    jobs, side_jobs = JobRunner(make_backend, window), JobRunner(lambda: None, window)
    images = ImagesRoom(window, session, settings, canvas, side_jobs, status)
    actions = Actions(window)
    layout = Layout(window, settings, QWidget(), canvas, images.panel)
    messages = Messages(layout.notice, window)
    bench = Workbench(
        window=window,
        session=session,
        settings=settings,
        models=Models(jobs, settings, window, lambda: list(FAKE_MODELS)),
        jobs=jobs,
        side_jobs=side_jobs,
        actions=actions,
        needs=needs_of(session, canvas),
        layout=layout,
        messages=messages,
        status=status,
        canvas=canvas,
        toolbox=Toolbox(canvas, actions, messages),
        viewer=images.viewer,
        images=images.panel,
        scopes=images.scopes,
        maps=MapLayers(canvas, images.viewer, images.panel, window),
    )
    session.trouble.connect(messages.tell)
    session.opened.connect(actions.refresh)
    session.opened.connect(lambda: layout.show_start(False))
    session.opened.connect(images.show_first)
    session.changes.history.connect(actions.refresh)
    canvas.count_changed.connect(actions.refresh)
    return bench


def show_bench(bench: Workbench) -> None:
    """Put the actions of the rooms that were made into menus, and show the window."""
    bench.layout.build(bench.actions)
    bench.actions.refresh()
    bench.window.resize(1200, 760)
    bench.window.show()


def images_of(bench: Workbench) -> ImagesRoom:
    """The room of images below a bench."""
    return bench.window.findChild(ImagesRoom)


def close_bench(bench: Workbench) -> None:
    """Close the project and end every thread."""
    bench.window.hide()
    bench.jobs.shutdown()
    bench.side_jobs.shutdown()
    images_of(bench).stop()
    bench.session.shutdown()
    bench.window.deleteLater()
