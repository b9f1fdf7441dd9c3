"""The main window: makes the panels and those who act, and connects what one says with what another does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, QUrl, Slot
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow

from counterpart.core.project.model import ImageRecord
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.toolbox import ToolOptions
from counterpart.desktop.explore.explore_panel import ExplorePanel
from counterpart.desktop.explore.explorer import Explorer
from counterpart.desktop.explore.similarity_maps import SimilarityMaps
from counterpart.desktop.explore.similarity_probe import SimilarityProbe
from counterpart.desktop.find.mask_jobs import MakeMaskJob, MakePreviewJob
from counterpart.desktop.find.run_panel import ModelEntry, RunPanel, TaskSpec
from counterpart.desktop.find.runs import Runs
from counterpart.desktop.find.tasks import TASKS, make_jobs, make_previews
from counterpart.desktop.images.images_panel import ImagesPanel
from counterpart.desktop.images.thumbnails import Overlay, Thumbnails
from counterpart.desktop.images.view_controls import ViewControls
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.jobs.backend import backend_maker, model_entries
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.keypoints.room import KeypointsRoom
from counterpart.desktop.learn.learn_panel import LearnPanel
from counterpart.desktop.learn.room import LearnRoom
from counterpart.desktop.matches.match_editor import MatchEditor
from counterpart.desktop.matches.matches_panel import MatchesPanel
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.parts.part_commands import PartCommands
from counterpart.desktop.parts.parts_panel import PartsPanel
from counterpart.desktop.parts.room import PartsRoom
from counterpart.desktop.project.file_dialogs import FileDialogs
from counterpart.desktop.project.missing_images import MissingImages
from counterpart.desktop.project.save_watch import SaveWatch
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.actions import Actions
from counterpart.desktop.shell.banner import Banner
from counterpart.desktop.shell.layout import Layout, Panels
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.start_page import StartPage
from counterpart.desktop.shell.status_bar import StatusBar
from counterpart.desktop.video.room import VideoRoom
from counterpart.desktop.widgets.controls import Notice
from counterpart.desktop.widgets.icons import app_icon
from counterpart.desktop.window.document_follower import DocumentFollower
from counterpart.desktop.window.menu_commands import MenuCommands

__all__ = ["MainWindow"]

_READING_MS, _WARNED_MS = 6000, 20_000


class MainWindow(QMainWindow):
    """Counterpart's window.

    Args:
        settings: The person's settings.
        make_backend: Makes what runs on the worker thread; replaced in tests.
        tasks: What the Run panel offers; replaced in tests.
        jobs: How the tasks' jobs are made; replaced in tests.
        previews: How the tasks are previewed; replaced in tests.
        models: Gives the models for the Run panel; replaced in tests.
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
        self.settings = settings
        self.runner = JobRunner(make_backend or backend_maker(settings.preferences), self)
        self.light = JobRunner(lambda: None, self)
        self.session = Session(settings, self)
        self.actions_ = Actions(self, settings.shortcuts())
        self.status = StatusBar()
        self.setStatusBar(self.status)
        self._make_panels(tasks)
        self.layout_ = Layout(self, self.panels, self.actions_, settings)
        self._make_desks(jobs or make_jobs(), models)
        self.partwork = LearnRoom(self, make_previews() if previews is None else previews)
        self.keeper = SaveWatch(self.session, self.banner, self.files.save_as, self)
        self._connect()
        self.commands = MenuCommands(self)
        self.follower = DocumentFollower(self)
        self.relinks = MissingImages(self)
        self.tracking = VideoRoom(self)
        self.layout_.restore()
        self.show_session()

    def _make_panels(self, tasks: tuple[TaskSpec, ...]) -> None:
        self.thumbnails = Thumbnails(self._path_of, self._overlay_of, self)
        self.canvas = Canvas()
        self.images = ImagesPanel(self.thumbnails)
        self.parts = PartsPanel()
        self.keypoints = KeypointsPanel()
        self.matches = MatchesPanel()
        self.run_panel = RunPanel(tasks, self.settings)
        self.start = StartPage()
        self.explore = ExplorePanel()
        self.learn = LearnPanel()
        self.notice = Notice()
        self.banner = Banner()
        self.options = ToolOptions()
        self.panels = Panels(
            self.images,
            self.canvas,
            self.parts,
            self.keypoints,
            self.matches,
            self.run_panel,
            self.start,
            self.explore,
            self.learn,
            self.notice,
            self.banner,
            self.options,
        )

    def _make_desks(self, jobs: Mapping[str, MakeMaskJob], models: Callable[[], list[ModelEntry]]) -> None:
        self.viewer = Viewer(self.canvas, self.settings, self)
        self.annotator = PartCommands(self.session, self.viewer, self.parts, self)
        self.editor = LabelEditor(self.session, self.viewer, self.canvas, lambda: self.annotator.active, self)
        self.maskwork = PartsRoom(self)
        self.toolbox = self.maskwork.toolbox
        self.pointwork = KeypointsRoom(self)
        self.files = FileDialogs(self.session, self.settings, self)
        self.pairs = MatchEditor(
            self.session,
            self.viewer,
            self.canvas,
            self.matches,
            self.toolbox.select,
            self.runner,
            self.settings,
            self,
        )
        self.viewing = ViewControls(self)
        self.prober = SimilarityMaps(self.runner, self.light, self.refs_of, self)
        self.probe = SimilarityProbe(
            self.canvas, self.viewer, self.toolbox.probe, self.prober, self.images.visible_images, self
        )
        self.desk = Runs(
            self.session,
            self.run_panel,
            self.runner,
            self.status,
            self.settings,
            jobs,
            self.images_in,
            self.count_in,
            self,
            models,
        )
        self.pointwork.connect_desk(self.desk)
        self.pointwork.connect_probe(self.probe)
        self.explorer = Explorer(
            self.session,
            self.explore,
            self.viewer,
            self.canvas,
            self.images,
            self.runner,
            self.toolbox,
            lambda: self.desk.choice,
            self.images_in,
            self.count_in,
            self,
        )

    def _connect(self) -> None:
        self.session.opened.connect(self._on_opened)
        self.session.closing.connect(self._on_closing)
        self.session.trouble.connect(self.tell)
        self.session.renamed.connect(self.show_session)
        self.keeper.saved_again.connect(lambda: self.tell("info", "Everything is saved again."))
        self.session.busy.connect(self.status.show_place)
        self.start.open_folder.connect(self.files.open_folder)
        self.start.open_samples.connect(self.session.open_samples)
        self.start.open_project.connect(self.files.open_project)
        self.start.open_recent.connect(self.files.open_recent)
        self.images.chosen.connect(self._on_chosen)
        self.images.chosen_right.connect(self.show_right)
        self.annotator.set_listed(lambda: self.images.model.shown)
        self.annotator.list_wanted.connect(self.images.show_part)
        self.annotator.says.connect(self.status.show_place)
        self.annotator.parts_changed.connect(self.images.set_parts)
        self.images.images_with_part = self._images_with
        self.images.state_wanted.connect(self.annotator.set_state)
        self.images.remove_wanted.connect(self.annotator.remove)
        self.images.statistics_wanted.connect(self.actions_["statistics"].trigger)
        self.images.reveal_wanted.connect(self._reveal)
        self.images.counted.connect(self.desk.refresh_ready)
        self.images.view.selectionModel().selectionChanged.connect(self.desk.refresh_ready)
        self.viewer.shown.connect(self._on_shown)
        self.viewer.unreadable.connect(self.images.model.set_problem)
        self.toolbox.changed.connect(self._on_tool)
        self.desk.unreadable.connect(self.images.model.set_problem)
        self.desk.notice.connect(self.tell)
        self.desk.choice_changed.connect(self._on_choice)
        self.explorer.notice.connect(self.tell)
        self.layout_.tabs.currentChanged.connect(lambda _: self._on_tab())
        self.pairs.says.connect(self.status.show_place)
        self.pairs.trouble.connect(self._tell_error)
        self.probe.says.connect(self.status.show_place)
        self.probe.heats.connect(self.images.set_heats)
        self.files.says.connect(self.status.show_place)
        self.toolbox.select.part_double_clicked.connect(self.annotator.make_own)
        self.toolbox.pick.picked.connect(self.annotator.choose)
        self.parts.set_opacity(self.settings.preferences.overlay_opacity)
        self.parts.opacity_changed.connect(self._on_opacity)
        self._on_choice()

    # The session --------------------------------------------------------------------------------------------------

    @Slot()
    def _on_opened(self) -> None:
        bridge = self.session.bridge
        assert bridge is not None
        self.follower.follow(bridge)
        document = bridge.document
        self.viewer.set_document(document)
        self.images.model.set_records(document.images())
        self.annotator.refresh_parts()
        self.pointwork.reset()
        self.partwork.reset()
        self.show_session()
        self.follower.show_saved(document.saved)
        first = next(iter(document.image_ids), 0)
        kept = document.settings.get("image")
        self.images.select(kept if isinstance(kept, int) and self.images.model.row(kept) >= 0 else first)
        self.images.view.setFocus()

    @Slot()
    def _on_closing(self) -> None:
        document = self.session.document
        if document is not None and self.images.current:
            document.note_settings({"image": self.images.current})
        self.runner.cancel_all()
        self.probe.unpin()
        self.prober.clear()
        self.explorer.clear()
        self.maskwork.clear()
        self.viewer.set_document(None)
        self.thumbnails.clear()
        self.images.model.set_records(())
        self.parts.set_parts(())
        self.pairs.pair_changed()
        self.pointwork.reset()
        self.partwork.reset()
        self.status.clear_project()
        self._hide_notice()

    def show_session(self) -> None:
        document = self.session.document
        self.layout_.show_start(document is None)
        self.start.set_recent(self.settings.recent())
        self.setWindowTitle(f"{self.session.title} – Counterpart" if document is not None else "Counterpart")
        self.desk.refresh_ready()
        self.explorer.refresh_ready()
        self.partwork.learner.refresh_ready()
        self.commands.refresh()
        self.show_counts()

    def _path_of(self, record: ImageRecord) -> Path:
        document = self.session.document
        return document.image_path(record.id) if document is not None else Path(record.path)

    def _overlay_of(self, image: int) -> Overlay | None:
        document = self.session.document
        if document is None or not self.settings.preferences.thumbnail_overlays:
            return None
        found = document.label_map(image)
        if found is None:
            return None
        colours = {part.id: part.colour for part in document.parts if part.visible}
        return found.labels, colours, self.settings.preferences.overlay_opacity

    def _images_with(self, part: int) -> list[int]:
        """Images that have a part, for 0 any part."""
        document = self.session.document
        if document is None:
            return []
        return document.images_with_part(part) if part else document.images_with_parts()

    def refs_of(self, images: list[int]) -> dict[int, Any]:
        """Image references by id."""
        document = self.session.document
        return {image: document.image_ref(image) for image in images} if document is not None else {}

    def images_in(self, scope: str) -> list[int]:
        """The images of a scope of the Run panel: `all`, `listed` or `todo`."""
        document = self.session.document
        if document is None:
            return []
        if scope == "listed":
            return list(self.images.model.shown)
        if scope == "selected":
            return list(self.images.selected)
        if scope == "todo":
            return [record.id for record in document.images() if record.state not in ("reviewed", "skipped")]
        return list(document.image_ids)

    def count_in(self, scope: str) -> int:
        """How many images a scope has, without listing them."""
        counts = self.images.model.counts()
        total = self.images.model.total
        done = counts["reviewed"] + counts["skipped"]
        some = {"listed": self.images.model.rowCount(), "selected": self.images.selected_count, "todo": total - done}
        return some.get(scope, total)

    # Showing images -----------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_chosen(self, image: int) -> None:
        self.viewer.show(0, image)
        neighbours = [self.images.model.neighbour(image, step) for step in (1, -1)]
        self.viewer.prefetch([each for each in neighbours if each is not None])
        self.mark_sides()
        self.show_counts()

    @Slot(int)
    def show_right(self, image: int) -> None:
        """Show an image on the right, opening the paired view if need be."""
        if self.canvas.count == 1:
            self.commands.set_paired(True)
        self.viewer.show(1, image)
        self.mark_sides()

    @Slot(int, int)
    def _on_shown(self, pane: int, _image: int) -> None:
        if pane == 0:
            self.annotator.refresh_image()
        self.viewing.image_shown()
        if all(self.canvas.panes[side].image_key == self.viewer.image(side) for side in range(self.canvas.count)):
            self.pairs.pair_changed()
        self.probe.image_shown()
        self.partwork.image_shown()
        self.explorer.image_shown()
        self.editor.image_shown()
        self.pointwork.image_shown()
        self.maskwork.prepare()
        self.commands.refresh()

    def mark_sides(self) -> None:
        paired = self.canvas.count == 2
        sides = {self.viewer.image(0): "L", self.viewer.image(1): "R"} if paired else {}
        self.images.model.set_sides({image: side for image, side in sides.items() if image})

    def show_counts(self) -> None:
        document = self.session.document
        if document is None:
            return
        order = self.images.model.images
        current = self.images.current
        number = self.images.model.place(current) + 1
        self.status.show_count(number, len(order))
        counts = document.state_counts()
        self.status.show_reviewed(counts.get("reviewed", 0) + counts.get("skipped", 0), len(order))

    @Slot(float)
    def _on_opacity(self, opacity: float) -> None:
        self.settings.change(overlay_opacity=opacity)

    @Slot()
    def _on_tab(self) -> None:
        self.explorer.set_active(self.layout_.tabs.currentWidget() is self.explore)
        self.partwork.show()

    @Slot()
    def _on_choice(self) -> None:
        choice = self.desk.choice
        self.pairs.set_choice(choice)
        self.explorer.refresh_ready()
        self.maskwork.set_choice(choice)
        if choice is not None:
            self.prober.set_choice(choice)

    @Slot(int)
    def _reveal(self, image: int) -> None:
        document = self.session.document
        if document is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(document.image_path(image).parent)))

    # Messages -----------------------------------------------------------------------------------------------------

    @Slot(str, str)
    def tell(self, kind: str, text: str) -> None:
        """Show a message over the canvas: until it is dismissed, or for a while if there is nothing to be done."""
        self.notice.show_text(kind, text)
        if kind != "error":
            self.notice.leave_after(_READING_MS if kind == "info" else _WARNED_MS)

    @Slot(str)
    def tell_refusal(self, text: str) -> None:
        """Say for a while why something cannot be done."""
        self.tell("warning", text)
        self.notice.leave_after(_READING_MS)

    @Slot(str)
    def _on_tool(self, tool: str) -> None:
        self.probe.set_active(tool == "similarity")
        self.partwork.show()
        if tool == "similarity" and self.desk.choice is None:
            self.tell("warning", "Similarity needs a model. Install one in the Run panel.")

    @Slot(str)
    def _tell_error(self, text: str) -> None:
        self.tell("error", text)

    @Slot()
    def _hide_notice(self) -> None:
        self.notice.hide()

    # Qt -----------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.session.open_any(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.commands.may_close():
            event.ignore()
            return
        self.layout_.save()
        self.hide()
        self.shutdown()
        event.accept()

    def shutdown(self) -> None:
        """End every thread and close the project. What was done is in its file. Does nothing the second time."""
        if self._ended:
            return
        self._ended = True
        self.commands.stop()
        self.pointwork.stop()
        self.relinks.stop()
        self.tracking.stop()
        self.runner.shutdown()
        self.light.shutdown()
        self.viewer.close()
        self.session.shutdown()
        self.thumbnails.close()
        self.settings.sync()
