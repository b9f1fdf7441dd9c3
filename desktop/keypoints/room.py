"""The room of keypoints: placing them, transferring them to other images, and checking what came of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Slot

from counterpart.core.project.commands import Command
from counterpart.desktop.images.thumbnails import Thumbnails
from counterpart.desktop.keypoints.checks import Checks
from counterpart.desktop.keypoints.instance_drawing import Drawn, point_colours
from counterpart.desktop.keypoints.instance_index import InstanceIndex
from counterpart.desktop.keypoints.instance_view import InstanceView
from counterpart.desktop.keypoints.keypoint_editor import KeypointEditor
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.keypoints.point_notes import PointNotes
from counterpart.desktop.keypoints.target_strip import TargetStrip
from counterpart.desktop.keypoints.task import KEYPOINTS
from counterpart.desktop.keypoints.transfers import Transfers
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.workbench import Workbench

_SEEN = 0.75
"""Share of an instance's size that is seen around a point that is looked at."""


class KeypointsRoom(QObject):
    """Everything that has to do with keypoints.

    Args:
        thumbnails: Pictures of the images.
        show_right: Shows an image on the right.
        scope: Gives the images that transfer works on; all by default.

    Attributes:
        panel: The instances of the image shown.
        index: The instances of the project.
        notes: Suspected swaps, and points that were found right.
        view: Shows the instances of the images shown.
        editor: Places, moves and judges points.
        transfers: Transfers them to other images.
        checks: Says which to look at first, and how good transfer is.
        strip: Below two images, all others with their points.
        task, start: Transfer as the Run panel offers it, and what starts it there: with model, images, parameters.
    """

    def __init__(
        self,
        bench: Workbench,
        thumbnails: Thumbnails,
        show_right: Callable[[int], object],
        scope: Callable[[], list[int]] | None = None,
    ) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self._pending: tuple[int, int, int] | None = None
        self.panel = KeypointsPanel()
        self.index = InstanceIndex()
        self.notes = PointNotes(self)
        self.view = InstanceView(bench, self.panel, self)
        self.editor = KeypointEditor(bench, self.view, self.panel, self)
        images = scope or partial(bench.scopes.images, "all")
        self.transfers = Transfers(bench, self.panel, self.index, self.notes, images, self)
        self.checks = Checks(bench, self.index, self.notes, self)
        self.strip = TargetStrip(thumbnails, bench.images.model.record, self._drawn)
        self.task, self.start = KEYPOINTS, self.transfers.run
        bench.layout.add_tab(30, self.panel, "Keypoints")
        bench.layout.add_tab(60, self.checks.panel, "Check", tall=True)
        bench.layout.put_below(self.strip)
        self._declare()
        self.editor.skeletons_wanted.connect(self.edit_skeletons)
        self.editor.confirmed.connect(self.transfers.confirmed)
        self.checks.confirmed.connect(self.transfers.confirmed)
        self.checks.look.connect(self.look_at)
        self.panel.skeleton_chosen.connect(self._reindex)
        self.strip.chosen.connect(show_right)
        session = bench.session
        session.opened.connect(self._opened)
        session.closing.connect(self._closing)
        session.changes.skeletons.connect(self._skeletons_changed)
        session.changes.keypoints.connect(self._keypoints_changed)
        bench.viewer.shown.connect(self._shown)
        bench.canvas.count_changed.connect(self.refresh_strip)
        bench.toolbox.changed.connect(self._tool_changed)

    def _declare(self) -> None:
        """Say what can be done with keypoints."""
        bench, needs = self._bench, self._bench.needs
        bench.toolbox.add(
            self.editor.tool,
            Action(
                "tool_keypoint",
                "&Keypoint",
                "Tools",
                keys=("K",),
                icon="keypoint",
                help="Place keypoints one after the other; drag to move, right-click for hidden or absent",
                needs=needs.change,
                place=210,
                tools=210,
            ),
        )
        # fmt: off
        bench.actions.add(
            [
                Action("new_instance", "&New instance", "Keypoints", keys=("Shift+N",),
                       help="Begin another instance on this image", do=self.editor.begin_instance, needs=needs.change,
                       place=10),
                Action("skip_point", "&Skip this keypoint", "Keypoints", keys=("N",),
                       help="Leave it out and go on with the next", do=self.editor.skip, needs=needs.change, place=20),
                Action("target_strip", "Strip of &targets", "View", keys=("T",),
                       help="Below two images, a row of all others with their points",
                       switch=lambda _on: self.refresh_strip(), place=210, checkable=True, checked=True),
                Action("swap_sides", "S&wap left and right", "Keypoints", keys=("Shift+X",),
                       help="Exchange the sides of the active instance", do=self.editor.swap_sides, needs=needs.change,
                       place=110),
                Action("landmarks", "&Landmarks from parts", "Keypoints",
                       help="Predict the points from the parts that the images share: for things that look alike"
                       " everywhere, such as faces",
                       do=self.transfers.predict_landmarks, needs=needs.change, place=210),
                Action("skeletons", "S&keletons…", "Keypoints", help="Names, order, edges and sides of the keypoints",
                       do=self.edit_skeletons, needs=needs.change, place=310),
            ]
        )
        # fmt: on

    def stop(self) -> None:
        """The window is going."""
        self.checks.stop()

    # What happens elsewhere ---------------------------------------------------------------------------------------

    @Slot()
    def _opened(self) -> None:
        self.notes.reset(self._bench.document)
        self.view.reset()
        self._reindex()
        self.panel.show_gain("")

    @Slot()
    def _closing(self) -> None:
        self.notes.reset(None)
        self.index.reset(None, None)
        self.checks.reset()
        self.view.reset()
        self.strip.hide()

    @Slot()
    def _skeletons_changed(self) -> None:
        self.view.skeletons_changed()
        self._reindex()

    @Slot()
    def _reindex(self) -> None:
        """Another project or skeleton."""
        self.index.reset(self._bench.document, self.view.skeleton)
        self.transfers.refresh()
        self.checks.reset()
        self.refresh_strip()

    @Slot(object)
    def _keypoints_changed(self, images: tuple[int, ...]) -> None:
        self.index.update(images)
        self.view.layer.hint = None
        self.view.refresh()
        self.transfers.refresh()
        self.checks.refresh_soon()
        self.refresh_strip()

    @Slot(int, int)
    def _shown(self, _pane: int, _image: int) -> None:
        self.view.image_shown()
        self.refresh_strip()
        if self._pending is not None and self._bench.canvas.panes[0].image_key == self._pending[0]:
            self.look_at(*self._pending)

    @Slot(str)
    def _tool_changed(self, tool: str) -> None:
        editing = tool == self.editor.tool.id
        if editing and not self.checks.panel.isVisible():
            self._bench.layout.show_tab(self.panel)
        self.editor.set_editing(editing)

    # Looking at points --------------------------------------------------------------------------------------------

    @Slot(int, int, int)
    def look_at(self, image: int, instance: int, index: int) -> None:
        """Bring a point before the person: its image, its place in the middle, the tool to correct it in hand."""
        bench = self._bench
        if bench.toolbox.active != self.editor.tool.id:
            bench.toolbox.choose(self.editor.tool.id)
        if bench.canvas.panes[0].image_key != image:
            self._pending = (image, instance, index)
            bench.images.select(image)
            return
        self._pending = self.view.layer.hint = None
        found = next((each for each in self.view.instances(image) if each.instance == instance), None)
        if found is None or not found.present[index]:
            return
        self.view.select(instance, index)
        placed = found.xy[found.present]
        size = max(float(np.ptp(placed, axis=0).max()), 40.0)
        row = self.checks.current
        if row is not None and row.key == (instance, index) and row.suggestion is not None:
            self.view.layer.hint = (instance, index, row.suggestion)
        x, y = found.xy[index]
        bench.canvas.look_at(0, float(x), float(y), _SEEN * size)

    # The strip ----------------------------------------------------------------------------------------------------

    def _drawn(self, image: int) -> list[Drawn]:
        skeleton = self.index.skeleton
        if skeleton is None:
            return []
        tones = point_colours(skeleton)
        return [Drawn(each, skeleton, tones) for each in self.index.by_image.get(image, ())]

    @Slot()
    def refresh_strip(self) -> None:
        """Show the strip where there are two images and points to be seen on others."""
        bench = self._bench
        wanted = bench.actions["target_strip"].isChecked() and bench.canvas.count == 2
        shown = wanted and bool(self.index.by_image)
        if shown:
            left, right = bench.viewer.image(0), bench.viewer.image(1)
            self.strip.show_images([image for image in bench.images.model.shown if image != left], right)
        self.strip.setVisible(shown)

    # Skeletons ----------------------------------------------------------------------------------------------------

    @Slot()
    def edit_skeletons(self) -> None:
        """Open the editor of skeletons."""
        from counterpart.desktop.keypoints.skeleton_dialog import (
            SkeletonDialog,  # the formats bring scipy with them: not at the start
        )

        document, current = self._bench.document, self.view.skeleton
        if document is None:
            return
        dialog = SkeletonDialog(document, current.id if current else 0, self._bench.window)
        dialog.done_with.connect(self._skeletons_done)
        dialog.open()

    @Slot(object, str)
    def _skeletons_done(self, command: Command | None, name: str) -> None:
        if command is not None:
            self._bench.session.do(command)
        document = self._bench.document
        found = document.skeletons if document is not None else ()
        chosen = next((each.id for each in found if each.name == name), 0)
        if chosen:
            self.view.choose_skeleton(chosen)
            self._reindex()
