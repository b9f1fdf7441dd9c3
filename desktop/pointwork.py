"""The points workspace: makes what acts on keypoints and connects it to the rest of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from core.project.commands import Command
from desktop.keypointing import KeypointDesk

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

__all__ = ["PointWork"]


class PointWork(QObject):
    """Owns the desks of keypoints, on behalf of a window.

    Attributes:
        points: Places, moves and judges points.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self.points = KeypointDesk(window.session, window.viewer, window.canvas, window.keypoints, self)
        window.toolbox.add(self.points.tool)
        self.points.says.connect(window.status.show_place)
        self.points.refused.connect(window.tell_refusal)
        self.points.skeletons_wanted.connect(self.edit_skeletons)
        window.toolbox.changed.connect(self._tool_changed)

    def reset(self) -> None:
        """Another project, or none."""
        self.points.reset()

    def image_shown(self) -> None:
        """A pane shows another image."""
        self.points.image_shown()

    @Slot()
    def skeletons_changed(self) -> None:
        """The project's skeletons changed."""
        self.points.skeletons_changed()

    @Slot(object)
    def keypoints_changed(self, _images: tuple[int, ...]) -> None:
        """Points of some images changed."""
        self.points.refresh()

    @Slot(str)
    def _tool_changed(self, tool: str) -> None:
        if tool == "keypoint":
            self._w.layout_.show_tab(self._w.keypoints)
        self.points.set_editing(tool == "keypoint")

    # Skeletons ----------------------------------------------------------------------------------------------------

    @Slot()
    def edit_skeletons(self) -> None:
        """Open the editor of skeletons."""
        from desktop.dialogs.skeleton import SkeletonDialog  # the formats bring scipy with them: not at the start

        document = self._w.session.document
        if document is None:
            return
        current = self.points.skeleton
        dialog = SkeletonDialog(document, current.id if current else 0, self._w)
        dialog.done_with.connect(self._skeletons_done)
        dialog.open()

    @Slot(object, str)
    def _skeletons_done(self, command: Command | None, name: str) -> None:
        if command is not None:
            self._w.session.do(command)
        document = self._w.session.document
        found = document.skeletons if document is not None else ()
        chosen = next((each.id for each in found if each.name == name), 0)
        if chosen:
            self.points.choose_skeleton(chosen)
