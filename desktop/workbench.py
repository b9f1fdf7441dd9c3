"""What every room of the window works with: the few things they share, given to each when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from counterpart.core.project.document import Document
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.toolbox import Toolbox
from counterpart.desktop.images.images_panel import ImagesPanel
from counterpart.desktop.images.map_layers import MapLayers
from counterpart.desktop.images.scopes import Scopes
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.jobs.models import Models
from counterpart.desktop.project.session import LOOKING_ONLY, Session
from counterpart.desktop.shell.actions import Actions, Need, Needs
from counterpart.desktop.shell.layout import Layout
from counterpart.desktop.shell.messages import Messages
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.status_bar import StatusBar


@dataclass(frozen=True, slots=True)
class Workbench:
    """The things that rooms share. A room knows these, and of other rooms only what it is given besides.

    Attributes:
        window: Owner of dialogs.
        session: The project that is open, and the one way to change it.
        settings: The person's settings.
        models: Which model computes.
        jobs: Runs long work on the thread that owns the engine.
        side_jobs: Runs what needs no engine, on a thread of its own.
        actions: Everything that can be done; rooms add theirs.
        needs: What most actions need.
        layout: Where panels go.
        messages: Messages over the images.
        status: The status bar.
        canvas: The one or two images in the middle.
        toolbox: The tools on it.
        viewer: Which images those are.
        images: The list of images.
        scopes: Which images a command works on.
        maps: What lies over the images.
    """

    window: QWidget
    session: Session
    settings: Settings
    models: Models
    jobs: JobRunner
    side_jobs: JobRunner
    actions: Actions
    needs: Needs
    layout: Layout
    messages: Messages
    status: StatusBar
    canvas: Canvas
    toolbox: Toolbox
    viewer: Viewer
    images: ImagesPanel
    scopes: Scopes
    maps: MapLayers

    @property
    def document(self) -> Document | None:
        """The project that is open."""
        return self.session.document


def needs_of(session: Session, canvas: Canvas) -> Needs:
    """What most actions need, as it stands when they are asked."""
    return Needs(
        project=Need(lambda: session.document is not None, "Open a folder of images first"),
        writable=Need(lambda: session.document is not None and not session.document.read_only, LOOKING_ONLY),
        pair=Need(lambda: session.document is not None and canvas.count == 2, "Needs two images side by side (Ctrl+2)"),
    )
