"""The points workspace: makes what acts on keypoints and connects it to the rest of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Slot

from core.pipeline.transfer import TransferJob
from core.project.commands import Command
from desktop.backend import ModelChoice
from desktop.checking import CheckDesk
from desktop.keypointing import KeypointDesk
from desktop.pointindex import PointIndex
from desktop.running import RunDesk
from desktop.transferring import KIND, TransferDesk

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

__all__ = ["PointWork"]

_SEEN = 0.75
"""Share of an instance's size that is seen around a point that is looked at."""


class PointWork(QObject):
    """Owns the desks of keypoints, on behalf of a window.

    Attributes:
        index: The instances of the project.
        points: Places, moves and judges points.
        transfers: Transfers them to other images.
        checks: Says which to look at first, and how good transfer is.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self.index = PointIndex()
        self.points = KeypointDesk(window.session, window.viewer, window.canvas, window.keypoints, self)
        window.toolbox.add(self.points.tool)
        self.points.says.connect(window.status.show_place)
        self.points.refused.connect(window.tell_refusal)
        self.points.skeletons_wanted.connect(self.edit_skeletons)
        window.toolbox.changed.connect(self._tool_changed)
        self.transfers = TransferDesk(
            window.session,
            window.keypoints,
            window.runner,
            self.index,
            lambda: self.points.skeleton,
            self._start_transfer,
            self._again,
            parent=self,
        )
        self.transfers.notice.connect(window.tell)
        self.transfers.unreadable.connect(window.images.model.set_problem)
        window.keypoints.skeleton_chosen.connect(self._reindex)
        self.points.confirmed.connect(self.transfers.confirmed)
        self.checks = CheckDesk(
            window.session, window.runner, self.index, lambda: self.points.skeleton, self._again, self
        )
        window.layout_.add_tab(self.checks.panel, "Check")
        self.checks.notice.connect(window.tell)
        self.checks.look.connect(self.look_at)
        self.checks.confirmed.connect(self.transfers.confirmed)
        self.transfers.swaps_found.connect(self.checks.note_swaps)
        self._pending: tuple[int, int, int] | None = None

    def connect_desk(self, desk: RunDesk) -> None:
        """The Run panel's task of keypoints is carried out here."""
        desk.others[KIND] = self.transfers.run

    def _start_transfer(self) -> None:
        panel = self._w.run_panel
        if panel.task_spec(KIND) is not None:
            panel.choose_task(KIND)
            self._w.desk.run()

    def _again(self) -> tuple[ModelChoice, TransferJob, list[int]] | None:
        """What a transfer works with that starts by itself."""
        spec, choice = self._w.run_panel.task_spec(KIND), self._w.desk.choice
        document = self._w.session.document
        if spec is None or choice is None or document is None:
            return None
        return choice, self._w.run_panel.starting_values(spec), list(document.image_ids)

    def reset(self) -> None:
        """Another project, or none."""
        self.points.reset()
        self._reindex()
        self._w.keypoints.show_gain("")

    def image_shown(self) -> None:
        """A pane shows another image."""
        self.points.image_shown()
        if self._pending is not None and self._w.canvas.panes[0].image_key == self._pending[0]:
            self.look_at(*self._pending)

    @Slot(int, int, int)
    def look_at(self, image: int, instance: int, index: int) -> None:
        """Bring a point before the person: its image, its place in the middle, the tool to correct it in hand."""
        window = self._w
        if window.toolbox.active != "keypoint":
            window.toolbox.choose("keypoint")
        if window.canvas.panes[0].image_key != image:
            self._pending = (image, instance, index)
            window.images.select(image)
            return
        self._pending = None
        found = next((each for each in self.points.instances(image) if each.instance == instance), None)
        if found is None or not found.present[index]:
            return
        self.points.select(instance, index)
        placed = found.xy[found.present]
        size = max(float(np.ptp(placed, axis=0).max()), 40.0)
        x, y = found.xy[index]
        window.canvas.look_at(0, float(x), float(y), _SEEN * size)

    def stop(self) -> None:
        """The window is going."""
        self.checks.stop()

    @Slot()
    def skeletons_changed(self) -> None:
        """The project's skeletons changed."""
        self.points.skeletons_changed()
        self._reindex()

    @Slot()
    def _reindex(self) -> None:
        skeleton = self.points.skeleton
        self.index.reset(self._w.session.document, skeleton.id if skeleton is not None else 0)
        self.transfers.refresh()
        self.checks.reset()

    @Slot(object)
    def keypoints_changed(self, images: tuple[int, ...]) -> None:
        """Points of some images changed."""
        self.index.update(images)
        self.points.refresh()
        self.transfers.refresh()
        self.checks.refresh_soon()

    @Slot(str)
    def _tool_changed(self, tool: str) -> None:
        if tool == "keypoint" and not self.checks.panel.isVisible():
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
            self._reindex()
