"""The part-labelling loop: makes what previews, learns and checks parts, and connects it to the rest of the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from counterpart.desktop.canvas.grid_paint import GridPaint
from counterpart.desktop.find.codebooks import Codebooks
from counterpart.desktop.find.live_preview import LivePreview
from counterpart.desktop.find.mask_jobs import MakePreviewJob
from counterpart.desktop.learn.learner import Learner

if TYPE_CHECKING:
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["LearnRoom"]

_LEAST_SPAN = 40.0
"""Image pixels around a place that is shown, at least."""
_SPANS = 2.5
"""How much more than the place itself is shown."""


class LearnRoom(QObject):
    """Owns the desks of the loop, on behalf of a window.

    Attributes:
        preview: Shows what other parameters would give.
        learner: Carries corrections over to the other images.
        partset: Splits parts and keeps them as codebooks.
    """

    def __init__(self, window: MainWindow, previews: Mapping[str, MakePreviewJob]) -> None:
        super().__init__(window)
        self._w = window
        self._place: tuple[int, float, float, float] | None = None
        self._offering = False
        self.preview = LivePreview(
            window.session,
            window.run_panel,
            window.desk,
            window.runner,
            previews,
            self._maps_shown,
            self,
        )
        self.learner = Learner(
            window.session,
            window.learn,
            window.runner,
            window.settings,
            lambda: window.desk.choice,
            self._on_screen,
            self,
        )
        self.partset = Codebooks(window.session, window.runner, window.desk, lambda: window.images_in("all"), window)
        self.partset.notice.connect(window.tell)
        window.annotator.split_wanted.connect(self.partset.split)
        window.actions_["split_part"].triggered.connect(lambda: self.partset.split(window.annotator.active))
        window.actions_["save_codebook"].triggered.connect(self.partset.ask_save)
        window.actions_["apply_codebook"].triggered.connect(self.partset.ask_apply)
        self.preview.shown.connect(self.show)
        self.learner.changed.connect(self.show)
        self.learner.image_wanted.connect(window.images.select)
        self.learner.place_wanted.connect(self._show_place)
        self.learner.offered.connect(self._offer)
        window.notice.button.clicked.connect(self._accept_offer)
        window.desk.choice_changed.connect(self.learner.refresh_ready)

    def _maps_shown(self) -> bool:
        """Whether something else is laid over the images: similarity, or a view of the features."""
        return self._w.toolbox.active == "similarity" or self._w.layout_.tabs.currentWidget() is self._w.explore

    def _on_screen(self) -> list[int]:
        shown = [self._w.viewer.image(pane) for pane in range(self._w.canvas.count)]
        return [image for image in (*shown, *self._w.images.visible_images()) if image]

    def reset(self) -> None:
        """Another project, or none."""
        self._place = None
        self.preview.clear()
        self.learner.reset()

    def labels_changed(self) -> None:
        """Labels of an image changed."""
        self.learner.labels_changed()

    def document_changed(self, images: tuple[int, ...] = ()) -> None:
        """Parts or review states changed."""
        self.learner.document_changed(images)

    # What lies over the images ------------------------------------------------------------------------------------

    @Slot()
    def show(self) -> None:
        """Lay over the images what is previewed: other parameters first, else what was learned."""
        if not self._maps_shown():
            paints = self._paints()
            self._lay(paints)
            self._w.images.set_heats(paints)

    def _paints(self) -> dict[int, GridPaint]:
        # Beside parts nothing covers the images: lines and points are to be seen there.
        beside = self._w.layout_.tabs.currentWidget() in (self._w.parts, self._w.learn)
        return (self.preview.paints() or self.learner.paints()) if beside else {}

    def _lay(self, paints: Mapping[int, GridPaint]) -> None:
        for pane in range(self._w.canvas.count):
            self._w.canvas.set_heat(pane, paints.get(self._w.viewer.image(pane)))

    @Slot()
    def image_shown(self) -> None:
        """A pane shows another image; the thumbnails stay as they are."""
        if not self._maps_shown():
            self._lay(self._paints())
        if self._place is not None and self._place[0] == self._w.canvas.panes[0].image_key:
            _, x, y, span = self._place
            self._place = None
            self._w.canvas.look_at(0, x, y, span)

    @Slot(int, float, float, float)
    def _show_place(self, image: int, x: float, y: float, span: float) -> None:
        self._place = (image, x, y, max(span * _SPANS, _LEAST_SPAN))
        if self._w.viewer.image(0) == image:
            self.image_shown()
        else:
            self._w.images.select(image)

    # Updates that are ready ---------------------------------------------------------------------------------------

    @Slot(str)
    def _offer(self, text: str) -> None:
        """Say over the images that an update is ready, where the Learn panel does not say so itself."""
        if text and self._w.layout_.tabs.currentWidget() is not self._w.learn:
            self._w.notice.show_text("info", text, "Keep update")
            self._offering = True
        elif self._offering:
            self._offering = False
            self._w.notice.hide()

    @Slot()
    def _accept_offer(self) -> None:
        if self._offering:
            self.learner.keep()
