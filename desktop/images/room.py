"""Images in the window: the list, the canvas's photographs, and going from one to another."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from counterpart.core.project.changes import ImagesChanged
from counterpart.core.project.commands import Command, SetReviewState
from counterpart.core.project.model import ImageRecord, ImageState
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.images.image_questions import ImageQuestions
from counterpart.desktop.images.images_panel import ImagesPanel
from counterpart.desktop.images.missing_images import MissingImages
from counterpart.desktop.images.replaced_images import ReplacedImages
from counterpart.desktop.images.scopes import Scopes
from counterpart.desktop.images.thumbnails import Overlay, Thumbnails
from counterpart.desktop.images.view_controls import ViewControls
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.actions import Action, Need, Needs
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.status_bar import StatusBar

_PEEK_S = 0.3
"""A key that is held longer than this was a look, not a switch."""


class ImagesRoom(QObject):
    """Keeps the list and the canvas in step with the document, and goes from image to image.

    Args:
        window: Owner of dialogs.
        session: The project that is open.
        settings: The person's settings.
        canvas: Shows one or two images.
        runner: Looks for missing images beside the window.
        status: Says which image is shown, and how far the set is reviewed.

    Attributes:
        panel: The list.
        thumbnails: Its small pictures.
        viewer: What the canvas shows.
        view: Zoom, map, crosshair, brightness.
        missing: The images whose files are gone.
        replaced: The images whose files are others now.
        scopes: Which images a command works on.
        questions: Removes images and lets them be reviewed, asking where that may not be meant.

    Signals:
        overlay_changed: The overlay is shown or hidden, by something else than its button.
    """

    overlay_changed = Signal()

    def __init__(
        self,
        window: QWidget,
        session: Session,
        settings: Settings,
        canvas: Canvas,
        runner: JobRunner,
        status: StatusBar,
    ) -> None:
        super().__init__(window)
        self._session, self._settings, self._canvas, self._status = session, settings, canvas, status
        self.thumbnails = Thumbnails(self._path_of, self._overlay_of, self)
        self.panel = ImagesPanel(self.thumbnails)
        self.viewer = Viewer(canvas, settings, self)
        self.view = ViewControls(window, canvas, settings, session, status)
        self.scopes = Scopes(session, self.panel)
        self.missing = MissingImages(window, session, canvas, self.viewer, self.panel.model, runner)
        self.replaced = ReplacedImages(window, session, canvas, self.viewer, self.thumbnails)
        self.missing.replaced.connect(self.replaced.reread)
        self.questions = ImageQuestions(window, session, settings)
        self.missing.remove = self.questions.remove
        self._peeking_since = 0.0
        panel, changes = self.panel, session.changes
        panel.images_with_part = self._images_with
        panel.chosen.connect(self._chosen)
        panel.chosen_right.connect(self.show_right)
        panel.state_wanted.connect(self.set_state)
        panel.remove_wanted.connect(self.questions.remove)
        panel.reveal_wanted.connect(self._reveal)
        self.viewer.shown.connect(self._shown)
        self.viewer.unreadable.connect(panel.model.set_problem)
        session.opened.connect(self._opened)
        session.closing.connect(self._closing)
        session.stepped.connect(self._stepped)
        changes.images.connect(self._images_changed)
        changes.parts.connect(self.thumbnails.refresh_all)
        changes.mask.connect(self._mask_changed)
        changes.states.connect(self._states_changed)

    def actions(self, needs: Needs) -> list[Action]:
        """What can be done about images and how they are seen."""
        some = (needs.project,)
        two = Need(lambda: self.panel.model.total >= 2, "Needs at least two images")
        # fmt: off
        return [
            Action("relink", "&Locate missing images…", "File", icon="relink",
                   help="Find images that were moved, by their content", do=self.missing.locate,
                   needs=(Need(lambda: bool(self.missing.missing), "No image is missing"),), place=120),
            Action("view_single", "&One image", "View", keys=("Ctrl+1",), icon="single", help="One image at a time",
                   do=lambda: self.set_paired(False), needs=some, place=10, bar=110, checkable=True, group="view",
                   checked=lambda: self._canvas.count == 1),
            Action("view_pair", "&Two images", "View", keys=("Ctrl+2",), icon="pair",
                   help="Two images with their correspondences", do=lambda: self.set_paired(True),
                   needs=(needs.project, two), place=20, bar=120, checkable=True, group="view",
                   checked=lambda: self._canvas.count == 2),
            Action("overlay", "Show o&verlay", "View", keys=("H",), icon="eye", help="Hold to peek at the photograph",
                   do=self._overlay, during="passes", needs=some, place=220, bar=310, checkable=True,
                   checked=lambda: self._canvas.overlay_shown),
            Action("outlines", "Outlines on&ly", "View", keys=("O",), icon="outline",
                   help="Draw the parts' outlines without filling them", switch=self._outlines, needs=some, place=240,
                   bar=320, checkable=True, checked=lambda: not self._settings.preferences.overlay_fill),
            Action("next_image", "&Next image", "Images", keys=("D", "PgDown"), icon="next", do=lambda: self.step(1),
                   needs=some, place=10, bar=220, repeat=True),
            Action("previous_image", "&Previous image", "Images", keys=("A", "PgUp"), icon="previous",
                   do=lambda: self.step(-1), needs=some, place=20, bar=210, repeat=True),
            Action("next_todo", "Next not re&viewed", "Images", keys=("Ctrl+Shift+D",), icon="next-unreviewed",
                   do=lambda: self.step_todo(1), needs=some, place=30, bar=230),
            Action("previous_todo", "Previous not revie&wed", "Images", keys=("Ctrl+Shift+A",),
                   icon="previous-unreviewed", do=lambda: self.step_todo(-1), needs=some, place=40),
            Action("next_right", "Ne&xt image on the right", "Pairs", keys=("Shift+D",), do=lambda: self.step_right(1),
                   needs=(needs.pair,), place=210, menu="Images", repeat=True),
            Action("previous_right", "Pre&vious image on the right", "Pairs", keys=("Shift+A",),
                   do=lambda: self.step_right(-1), needs=(needs.pair,), place=220, menu="Images", repeat=True),
            Action("swap", "S&wap left and right", "Pairs", keys=("X",), icon="swap", do=self.swap, needs=(needs.pair,),
                   place=230, menu="Images"),
            *self.view.actions(needs),
        ]
        # fmt: on

    def stop(self) -> None:
        """The window is going."""
        self.missing.stop()
        self.replaced.stop()
        self.viewer.close()
        self.thumbnails.close()

    # The project --------------------------------------------------------------------------------------------------

    @Slot()
    def _opened(self) -> None:
        document = self._session.document
        assert document is not None
        self.viewer.set_document(document)
        self.panel.model.set_records(document.images())

    def show_first(self) -> None:
        """Show the image that was shown last, or the first one; called when every room knows the project."""
        document = self._session.document
        if document is None:
            return
        self._show_counts()
        first = next(iter(document.image_ids), 0)
        kept = document.settings.get("image")
        self.panel.select(kept if isinstance(kept, int) and self.panel.model.row(kept) >= 0 else first)
        self.panel.view.setFocus()

    @Slot()
    def _closing(self) -> None:
        document = self._session.document
        if document is not None and self.panel.current:
            document.note_settings({"image": self.panel.current})
        self.viewer.set_document(None)
        self.thumbnails.clear()
        self.panel.model.set_records(())
        self._status.clear_project()

    @Slot(object)
    def _images_changed(self, change: ImagesChanged) -> None:
        document, panel = self._session.document, self.panel
        assert document is not None
        moved = [image for image in change.updated if self._elsewhere(document.image(image))]
        if change.added or change.removed:
            self._list_changed(change)
        panel.model.update_records(document.image(image) for image in change.updated)
        if moved:
            for image in moved:
                self.thumbnails.refresh(image)
            self.missing.moved(moved)
        self._show_counts()

    def _list_changed(self, change: ImagesChanged) -> None:
        """Images came or went. What is shown stays; where it went, the one beside it in the list takes its place."""
        document, panel = self._session.document, self.panel
        assert document is not None
        current = panel.current
        if current in change.removed:
            current = self._beside(current, but=change.removed)
        panel.model.set_records(document.images())
        current = current or next(iter(panel.model.shown), 0)
        right_gone = self.viewer.image(1) in change.removed
        if right_gone:  # before anybody hears of the other image on the left, and asks for both
            self.viewer.show(1, 0)
        panel.select(current)
        if not current:
            self.viewer.show(0, 0)
        if right_gone:
            self._fill_right()
        self.missing.images_changed(change.added, change.removed)

    def _fill_right(self) -> None:
        """Show another image on the right, in view or not: the one that was there is gone."""
        other = self._beside(self.panel.current) if self.panel.current else 0
        self.viewer.show(1, other)
        if not other and self._canvas.count > 1:
            self.set_paired(False)
        self._mark_sides()

    def _beside(self, image: int, but: Collection[int] = ()) -> int:
        """The next image of the list, or the one before where there is none, leaving some out; 0 for neither."""
        model = self.panel.model
        steps = (model.neighbour(image, step, lambda record: record.id not in but) for step in (1, -1))
        return next((each for each in steps if each), 0)

    def _elsewhere(self, record: ImageRecord) -> bool:
        """Whether the list knows another place for an image."""
        known = self.panel.model.record(record.id)
        return known is not None and (known.root, known.path) != (record.root, record.path)

    @Slot(int, object)
    def _mask_changed(self, image: int, box: tuple[int, int, int, int]) -> None:
        self.viewer.refresh_labels(image, box)
        self.thumbnails.refresh(image)

    @Slot(object)
    def _states_changed(self, images: tuple[int, ...]) -> None:
        document = self._session.document
        assert document is not None
        # Parts also go with the images that they were on.
        known = [image for image in images if self.panel.model.record(image) is not None]
        self.panel.model.update_records(document.image(image) for image in known)
        for image in known:
            self.viewer.refresh_labels(image)
        self._show_counts()

    def _show_counts(self) -> None:
        document = self._session.document
        if document is None:
            return
        total = len(self.panel.model.images)
        self._status.show_count(self.panel.model.place(self.panel.current) + 1, total)
        counts = document.state_counts()
        self._status.show_reviewed(counts.get("reviewed", 0) + counts.get("skipped", 0), total)

    # What thumbnails and the list ask -----------------------------------------------------------------------------

    def _path_of(self, record: ImageRecord) -> Path:
        document = self._session.document
        return document.image_path(record.id) if document is not None else Path(record.path)

    def _overlay_of(self, image: int) -> Overlay | None:
        document = self._session.document
        if document is None or not self._settings.preferences.thumbnail_overlays:
            return None
        found = None if document.aside(image) is not None else document.label_map(image)
        if found is None:
            return None
        colours = {part.id: part.colour for part in document.parts if part.visible}
        return found.labels, colours, self._settings.preferences.overlay_opacity

    def _images_with(self, part: int) -> list[int]:
        """Images that have a part, for 0 any part."""
        document = self._session.document
        if document is None:
            return []
        return document.images_with_part(part) if part else document.images_with_parts()

    # Commands -----------------------------------------------------------------------------------------------------

    @Slot(list, str)
    def set_state(self, images: list[int], state: ImageState) -> None:
        """Mark images."""
        marking = SetReviewState(images, state)
        if images and state == "reviewed":
            self.questions.review(images, lambda: self._session.do(marking))
        elif images:
            self._session.do(marking)

    @Slot(object, str)
    def _stepped(self, command: Command, word: str) -> None:
        """A step was undone or redone: where it is on one image, that is shown; of several it is said how many."""
        document, images = self._session.document, sorted(command.on_images)
        seen = [self.viewer.image(pane) for pane in range(self._canvas.count)]
        if document is None or not images or all(image in seen for image in images):
            return
        there = [image for image in images if self.panel.model.record(image) is not None]
        if len(images) == 1 and there:
            self.panel.show_image(images[0])
        many = len(images) > 2
        on = f"{len(images):,} images" if many else " and ".join(document.name_of(image) for image in there)
        told = f"{word}: {command.text}"
        self._session.trouble.emit("info", f"{told} on {on}." if on and on not in told else f"{told}.")

    @Slot(int)
    def _reveal(self, image: int) -> None:
        document = self._session.document
        if document is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(document.image_path(image).parent)))

    # Showing ------------------------------------------------------------------------------------------------------

    @Slot(int)
    def _chosen(self, image: int) -> None:
        self.viewer.show(0, image)
        neighbours = [self.panel.model.neighbour(image, step) for step in (1, -1)]
        self.viewer.prefetch([each for each in neighbours if each is not None])
        self._mark_sides()
        self._show_counts()

    @Slot(int)
    def show_right(self, image: int) -> None:
        """Show an image on the right, opening the paired view if need be."""
        if self._canvas.count == 1:
            self.set_paired(True)
        self.viewer.show(1, image)
        self._mark_sides()

    @Slot(int, int)
    def _shown(self, _pane: int, _image: int) -> None:
        self.view.image_shown()

    def set_paired(self, paired: bool) -> None:
        """Show one image or two."""
        self.panel.set_paired(paired)
        self._canvas.set_count(2 if paired else 1)
        if paired and not self.viewer.image(1):
            other = self._beside(self.panel.current)
            if other:
                self.show_right(other)
        self._mark_sides()

    def _mark_sides(self) -> None:
        paired = self._canvas.count == 2
        sides = {self.viewer.image(0): "L", self.viewer.image(1): "R"} if paired else {}
        self.panel.model.set_sides({image: side for image, side in sides.items() if image})

    def _overlay(self) -> None:
        self._peeking_since = time.monotonic()
        self._canvas.show_overlay(not self._canvas.overlay_shown)

    def peek_over(self) -> None:
        """The key of the overlay was released: what was held was a look, and what was seen before comes back."""
        if not self._peeking_since:
            return
        held = time.monotonic() - self._peeking_since
        self._peeking_since = 0.0
        if held > _PEEK_S:
            self._canvas.show_overlay(not self._canvas.overlay_shown)
            self.overlay_changed.emit()

    def _outlines(self, only: bool) -> None:
        self._settings.change(overlay_fill=not only)

    # From image to image ------------------------------------------------------------------------------------------

    def step(self, step: int) -> None:
        """Go to the next image of the list, or the one before."""
        following = self.panel.model.neighbour(self.panel.current, step)
        if following is not None:
            self.panel.select(following)

    def step_todo(self, step: int) -> None:
        """Go to the next image that is not reviewed."""
        following = self.panel.model.neighbour(
            self.panel.current, step, lambda record: record.state not in ("reviewed", "skipped")
        )
        if following is not None:
            self.panel.select(following)
        else:
            self._status.show_place("No more images that are not reviewed in this direction")

    def step_right(self, step: int) -> None:
        """Show the next image on the right, passing the one on the left over."""
        current = self.viewer.image(1) or self.viewer.image(0)
        following = self.panel.model.neighbour(current, step)
        if following == self.viewer.image(0) and following is not None:
            following = self.panel.model.neighbour(following, step)
        if following is not None:
            self.show_right(following)

    def swap(self) -> None:
        """Exchange the images left and right."""
        left, right = self.viewer.image(0), self.viewer.image(1)
        if right:
            self.panel.select(right)
            self.show_right(left)
