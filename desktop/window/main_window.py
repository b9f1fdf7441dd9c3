"""The main window: makes what rooms share, then the rooms, and connects the few that need each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow

from counterpart.core.project.changes import SavedChanged
from counterpart.core.project.commands import (
    Command,
    Compound,
    DeleteMatches,
    DeleteParts,
    MergeParts,
    RemoveImages,
    RemoveInstances,
    RemoveSkeleton,
)
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.toolbox import Toolbox
from counterpart.desktop.explore.room import ExploreRoom
from counterpart.desktop.find.mask_jobs import MakeMaskJob, MakePreviewJob
from counterpart.desktop.find.room import FindRoom
from counterpart.desktop.find.tasks import TASKS, make_jobs, make_previews
from counterpart.desktop.images.map_layers import MapLayers
from counterpart.desktop.images.room import ImagesRoom
from counterpart.desktop.jobs.backend import ModelEntry, backend_maker, model_entries
from counterpart.desktop.jobs.job_display import JobDisplay
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.jobs.models import Models
from counterpart.desktop.jobs.task import TaskSpec
from counterpart.desktop.keypoints.room import KeypointsRoom
from counterpart.desktop.learn.room import LearnRoom
from counterpart.desktop.matches.room import MatchesRoom
from counterpart.desktop.parts.room import PartsRoom
from counterpart.desktop.project.room import ProjectRoom
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.actions import Action, Actions
from counterpart.desktop.shell.layout import Layout
from counterpart.desktop.shell.messages import Messages
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.start_page import StartPage
from counterpart.desktop.shell.status_bar import StatusBar
from counterpart.desktop.video.room import VideoRoom
from counterpart.desktop.widgets.icons import app_icon
from counterpart.desktop.window.commands import WindowCommands
from counterpart.desktop.window.judging import Judging
from counterpart.desktop.window.keys import WindowKeys
from counterpart.desktop.workbench import Workbench, needs_of


def _end_if_taken_away(canvas: Canvas, command: Command) -> None:
    """End what is begun on a canvas, with what is finished of it, before a command takes away what it is about.

    What jobs bring lies below the gesture instead.
    """
    hands = canvas.hands
    for each in command.commands if isinstance(command, Compound) else (command,):
        match each:
            case RemoveImages(image_ids=images):
                taken = canvas.panes[hands.state.pane].image_key in images
            case DeleteParts(part_ids=parts) | MergeParts(sources=parts):
                taken = hands.part in parts
            case _:
                taken = isinstance(each, RemoveInstances | RemoveSkeleton | DeleteMatches)
        if taken:
            hands.leave()


class MainWindow(QMainWindow):
    """Counterpart's window.

    Args:
        settings: The person's settings.
        make_backend: Makes what runs on the worker thread; replaced in tests.
        tasks: What the Run panel offers; replaced in tests.
        jobs: How the tasks' jobs are made; replaced in tests.
        previews: How the tasks are previewed; replaced in tests.
        models: Lists the models; replaced in tests.

    Attributes:
        bench: What the rooms share.
        project, images, parts, matches, finding, learn, keypoints, explore, video: The rooms.
        judging: Enter, Escape, Delete and Backspace.
        commands: What concerns the window itself.
    """

    def __init__(
        self,
        settings: Settings,
        make_backend: Callable[[], Any] | None = None,
        tasks: tuple[TaskSpec, ...] = TASKS,
        jobs: Mapping[str, MakeMaskJob] | None = None,
        previews: Mapping[str, MakePreviewJob] | None = None,
        models: Callable[[], list[ModelEntry]] = model_entries,
    ) -> None:
        super().__init__()
        self._ended = False
        self.setObjectName("main")
        self.setWindowIcon(app_icon())
        self.setAcceptDrops(True)
        self.setIconSize(QSize(20, 20))
        self.start = StartPage()
        self.bench = self._make_bench(settings, make_backend or backend_maker(settings.preferences), models)
        bench = self.bench
        bench.toolbox.add(
            bench.toolbox.select,
            Action(
                "tool_select",
                "&Select",
                "Tools",
                keys=("S",),
                icon="select",
                help="Point at correspondences and drag their ends",
                needs=(bench.needs.project,),
                place=10,
                tools=10,
                checked=True,
            ),
        )
        self.parts = PartsRoom(bench)
        self.matches = MatchesRoom(bench)
        self.finding = FindRoom(
            bench,
            lambda: self.parts.commands.active,
            tasks,
            make_jobs() if jobs is None else jobs,
            make_previews() if previews is None else previews,
        )
        self.learn = LearnRoom(bench, self.finding, self.parts)
        self.keypoints = KeypointsRoom(bench, self.images.thumbnails, self.images.show_right, self.finding.scope)
        self.explore = ExploreRoom(bench, self.parts)
        self.video = VideoRoom(bench)
        self.judging = Judging(bench, self.images, self.parts, self.matches, self.keypoints, self.explore)
        self.commands = WindowCommands(bench)
        bench.actions.add([*self.judging.actions(), *self.commands.actions()])
        self._keys = WindowKeys(self, bench.canvas, bench.actions, self.images.peek_over, self.parts.panel.choose_row)
        self._connect_rooms()
        self._connect_shell()
        bench.layout.build(bench.actions)
        bench.layout.restore()
        self.show_session()

    # Making -------------------------------------------------------------------------------------------------------

    def _make_bench(
        self, settings: Settings, make_backend: Callable[[], Any], models: Callable[[], list[ModelEntry]]
    ) -> Workbench:
        """Make what rooms share, and the two rooms that stand below: the project and its images."""
        jobs, side_jobs = JobRunner(make_backend, self), JobRunner(lambda: None, self)
        session, status, canvas = Session(settings, self), StatusBar(), Canvas()
        session.closing.connect(canvas.hands.leave)  # before anybody forgets what was begun on
        session.doing.connect(partial(_end_if_taken_away, canvas))
        session.changes.history.connect(canvas.hands.resume)
        self.setStatusBar(status)
        self.images = ImagesRoom(self, session, settings, canvas, side_jobs, status)
        self.images.missing.busy = lambda: jobs.busy
        panel = self.images.panel
        layout = Layout(self, settings, self.start, canvas, panel)
        self.project = ProjectRoom(
            self, session, canvas.hands, settings, layout.banner, side_jobs, lambda: (panel.current, panel.model.shown)
        )
        actions = Actions(self, settings.shortcuts())
        needs = needs_of(session, canvas)
        actions.add(self.project.actions(needs))
        actions.add(self.images.actions(needs))
        messages = Messages(layout.notice, self)
        return Workbench(
            window=self,
            session=session,
            settings=settings,
            models=Models(jobs, settings, self, models),
            jobs=jobs,
            side_jobs=side_jobs,
            actions=actions,
            needs=needs,
            layout=layout,
            messages=messages,
            status=status,
            canvas=canvas,
            toolbox=Toolbox(canvas, actions, messages),
            viewer=self.images.viewer,
            images=panel,
            scopes=self.images.scopes,
            maps=MapLayers(canvas, self.images.viewer, panel, self),
        )

    def _connect_rooms(self) -> None:
        """What rooms need of each other and do not know each other for."""
        bench, project = self.bench, self.project
        self.finding.offer(self.keypoints.task, self.keypoints.start)
        task = self.keypoints.task.id  # what the panel of keypoints starts is shown, with its parameters
        self.keypoints.panel.transfer_wanted.connect(lambda: self.finding.panel.choose_task(task))
        self.parts.commands.split_wanted.connect(self.finding.codebooks.split)
        self.images.missing.changed.connect(
            lambda count: project.save_watch.set_missing(count, self.images.missing.locate)
        )
        self.images.missing.changed.connect(lambda _count: bench.actions.refresh())
        self.images.replaced.changed.connect(
            lambda count, first: project.save_watch.set_aside(count, lambda: self.images.panel.select(first))
        )
        self.images.replaced.anew.connect(self.explore.maps.forget)
        self.images.overlay_changed.connect(bench.actions.refresh)
        project.dialogs.says.connect(bench.status.show_place)
        project.save_watch.saved_again.connect(lambda: bench.messages.tell("info", "Everything is saved again."))
        bench.canvas.count_changed.connect(self._count_changed)

    def _connect_shell(self) -> None:
        bench, start, session = self.bench, self.start, self.bench.session
        start.open_folder.connect(self.project.dialogs.open_folder)
        start.open_samples.connect(session.open_samples)
        start.open_project.connect(self.project.dialogs.open_project)
        start.open_recent.connect(self.project.dialogs.open_recent)
        start.open_video.connect(self.video.opener.ask_video)
        session.trouble.connect(bench.messages.tell)
        session.busy.connect(bench.status.show_place)
        session.renamed.connect(self.show_session)
        session.closed.connect(self.show_session)
        session.closing.connect(self._closing)
        session.opened.connect(self._opened)  # the last to hear of it: every room knows the project
        session.changes.saved.connect(self._show_saved)
        session.changes.history.connect(bench.actions.refresh)
        session.changes.images.connect(lambda _change: bench.actions.refresh())
        bench.viewer.shown.connect(lambda _pane, _image: bench.actions.refresh())
        bench.models.changed.connect(bench.actions.refresh)
        bench.models.notice.connect(bench.messages.tell)
        bench.models.device.connect(bench.status.show_device)
        bench.models.cache.connect(bench.status.show_cache)
        bench.models.refresh()  # so that the status bar shows what was found when they were made
        self._display = JobDisplay(bench.jobs, bench.status.job, bench.messages.tell, self)
        bench.side_jobs.failed.connect(self._display.tell_failure)
        bench.settings.recent_changed.connect(self._recent_changed)
        self._recent_changed()

    # The session --------------------------------------------------------------------------------------------------

    @Slot()
    def _opened(self) -> None:
        document = self.bench.document
        assert document is not None
        self.show_session()
        self._show_saved(document.saved)
        self.images.show_first()

    @Slot()
    def _closing(self) -> None:
        self.bench.jobs.cancel_all()
        self.bench.messages.hide()

    @Slot()
    def show_session(self) -> None:
        """Show what is open, or the start page."""
        session = self.bench.session
        self.bench.layout.show_start(session.document is None)
        self.start.set_recent(self.bench.settings.recent())
        self.setWindowTitle(f"{session.title} – Counterpart" if session.document is not None else "Counterpart")
        self.bench.actions.refresh()

    @Slot(object)
    def _show_saved(self, change: SavedChanged) -> None:
        """Say how the file stands to what is on the screen."""
        document = self.bench.document
        path = document.path if document is not None else None
        read_only = document is not None and document.read_only
        self.bench.status.show_saved(change, str(path or ""), kept=path is not None, read_only=read_only)

    @Slot(int)
    def _count_changed(self, count: int) -> None:
        """One image is shown, or two: beside them stands what belongs to that."""
        bench = self.bench
        if bench.toolbox.active != "keypoint":  # else the person is at points, not at matches or parts
            bench.layout.show_tab(self.matches.panel if count == 2 else self.parts.panel)
        bench.actions.refresh()

    @Slot()
    def _recent_changed(self) -> None:
        self.project.dialogs.fill_recent(self.bench.layout.recent)
        self.start.set_recent(self.bench.settings.recent())

    # Qt -----------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.bench.session.open_any(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.project.may_close():
            event.ignore()
            return
        self.bench.layout.save()
        self.hide()
        self.shutdown()
        event.accept()

    def shutdown(self) -> None:
        """End every thread and close the project. What was done is in its file. Does nothing the second time."""
        if self._ended:
            return
        self._ended = True
        self._keys.stop()
        self.keypoints.stop()
        self.explore.stop()
        self.video.stop()
        self.images.missing.stop()
        self.bench.jobs.shutdown()
        self.bench.side_jobs.shutdown()
        self.images.viewer.close()
        self.bench.session.shutdown()
        self.images.thumbnails.close()
        self.bench.settings.sync()
