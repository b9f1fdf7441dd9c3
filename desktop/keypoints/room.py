"""The points workspace: makes what acts on keypoints and connects it to the rest of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Slot

from counterpart.core.pipeline.keypoints.transfer import TransferJob
from counterpart.core.project.commands import Command
from counterpart.desktop.explore.similarity_probe import SimilarityProbe
from counterpart.desktop.explore.similarity_select import SelectOptions, SimilaritySelect
from counterpart.desktop.find.runs import Runs
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.keypoints.checks import Checks
from counterpart.desktop.keypoints.instance_drawing import Drawn, point_colours
from counterpart.desktop.keypoints.instance_index import InstanceIndex
from counterpart.desktop.keypoints.keypoint_editor import KeypointEditor
from counterpart.desktop.keypoints.target_strip import TargetStrip
from counterpart.desktop.keypoints.transfers import KIND, Transfers

if TYPE_CHECKING:
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["KeypointsRoom"]

_SEEN = 0.75
"""Share of an instance's size that is seen around a point that is looked at."""


class KeypointsRoom(QObject):
    """Owns the desks of keypoints, on behalf of a window.

    Attributes:
        index: The instances of the project.
        points: Places, moves and judges points.
        transfers: Transfers them to other images.
        strip: Below two images, all others with their points.
        pins: Makes selections of pinned similarity maps.
        checks: Says which to look at first, and how good transfer is.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self.index = InstanceIndex()
        self.points = KeypointEditor(window.session, window.viewer, window.canvas, window.keypoints, self)
        window.toolbox.add(self.points.tool)
        self.points.says.connect(window.status.show_place)
        self.points.refused.connect(window.tell_refusal)
        self.points.skeletons_wanted.connect(self.edit_skeletons)
        window.toolbox.changed.connect(self._tool_changed)
        self.transfers = Transfers(
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
        self.checks = Checks(window.session, window.runner, self.index, lambda: self.points.skeleton, self._again, self)
        window.layout_.add_tab(self.checks.panel, "Check", tall=True)
        self.checks.notice.connect(window.tell)
        self.checks.look.connect(self.look_at)
        self.checks.confirmed.connect(self.transfers.confirmed)
        self.transfers.swaps_found.connect(self.checks.note_swaps)
        self._pending: tuple[int, int, int] | None = None
        self.strip = TargetStrip(window.thumbnails, window.images.model.record, self._drawn)
        window.layout_.add_below(self.strip)
        self.strip.chosen.connect(window.show_right)
        window.actions_["target_strip"].toggled.connect(self.refresh_strip)
        pin_options = SelectOptions()
        window.options.add(pin_options)
        self.pins = SimilaritySelect(window.canvas, window.editor, pin_options, self)

    def connect_desk(self, desk: Runs) -> None:
        """The Run panel's task of keypoints is carried out here."""
        desk.others[KIND] = self.transfers.run

    def connect_probe(self, probe: SimilarityProbe) -> None:
        """A pinned similarity can be made a selection."""
        probe.pinned_maps.connect(self.pins.set_heats)
        self.pins.selected.connect(probe.unpin)

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

    @Slot()
    def predict_landmarks(self) -> None:
        """Predict landmarks from parts, on the images that the Run panel is set to."""
        choice = self._w.desk.choice
        if choice is None:
            self._w.tell("warning", "Landmarks need a model. Install one in the Run panel.")
            return
        self.transfers.landmarks(choice, self._w.images_in(self._w.run_panel.scope_name))

    def reset(self) -> None:
        """Another project, or none."""
        self.points.reset()
        self._reindex()
        self._w.keypoints.show_gain("")

    def image_shown(self) -> None:
        """A pane shows another image."""
        self.points.image_shown()
        self.refresh_strip()
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
        self._pending = self.points.layer.hint = None
        found = next((each for each in self.points.instances(image) if each.instance == instance), None)
        if found is None or not found.present[index]:
            return
        self.points.select(instance, index)
        placed = found.xy[found.present]
        size = max(float(np.ptp(placed, axis=0).max()), 40.0)
        row = self.checks.current
        if row is not None and row.key == (instance, index) and row.suggestion is not None:
            self.points.layer.hint = (instance, index, row.suggestion)
        x, y = found.xy[index]
        window.canvas.look_at(0, float(x), float(y), _SEEN * size)

    def stop(self) -> None:
        """The window is going."""
        self.checks.stop()
        self.pins.stop()

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
        self.refresh_strip()

    @Slot(object)
    def keypoints_changed(self, images: tuple[int, ...]) -> None:
        """Points of some images changed."""
        self.index.update(images)
        self.points.layer.hint = None
        self.points.refresh()
        self.transfers.refresh()
        self.checks.refresh_soon()
        self.refresh_strip()

    @Slot(str)
    def _tool_changed(self, tool: str) -> None:
        if tool == "keypoint" and not self.checks.panel.isVisible():
            self._w.layout_.show_tab(self._w.keypoints)
        self.points.set_editing(tool == "keypoint")

    # The strip ----------------------------------------------------------------------------------------------------

    def _drawn(self, image: int) -> list[Drawn]:
        skeleton = self.points.skeleton
        if skeleton is None or skeleton.id != self.index.skeleton:
            return []
        tones = point_colours(skeleton)
        return [Drawn(each, skeleton, tones) for each in self.index.by_image.get(image, ())]

    @Slot()
    def refresh_strip(self) -> None:
        """Show the strip where there are two images and points to be seen on others."""
        window = self._w
        wanted = window.actions_["target_strip"].isChecked() and window.canvas.count == 2
        shown = wanted and bool(self.index.by_image)
        if shown:
            left, right = window.viewer.image(0), window.viewer.image(1)
            self.strip.show_images([image for image in window.images.model.shown if image != left], right)
        self.strip.setVisible(shown)

    # Skeletons ----------------------------------------------------------------------------------------------------

    @Slot()
    def edit_skeletons(self) -> None:
        """Open the editor of skeletons."""
        from counterpart.desktop.keypoints.skeleton_dialog import (
            SkeletonDialog,  # the formats bring scipy with them: not at the start
        )

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
