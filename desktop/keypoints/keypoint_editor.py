"""Keypoints in the window: from gestures, the panel and keys to commands."""

from __future__ import annotations

import dataclasses

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.project.commands import (
    AddInstance,
    ClearKeypoints,
    Command,
    Compound,
    ConfirmKeypoints,
    MarkTemplates,
    MoveKeypoint,
    RemoveInstances,
    SetKeypoints,
    SetReviewState,
    SetVisibility,
    SwapKeypoints,
)
from counterpart.core.project.points import KeypointSet, Origin, Visibility
from counterpart.desktop.keypoints.instance_view import InstanceView
from counterpart.desktop.keypoints.keypoint_tool import KeypointTool
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.project.session import LOOKING_ONLY
from counterpart.desktop.workbench import Workbench


class KeypointEditor(QObject):
    """Turns each gesture into one command.

    Args:
        view: Knows which instance and point are meant.
        panel: Asks for changes as well.

    Attributes:
        tool: Places and moves points.

    Signals:
        confirmed: Image whose predicted points a person has confirmed.
        skeletons_wanted: There is no skeleton to place points of: the person is to choose one.
    """

    confirmed = Signal(int)
    skeletons_wanted = Signal()

    def __init__(
        self, bench: Workbench, view: InstanceView, panel: KeypointsPanel, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._bench, self._view = bench, view
        self.tool = KeypointTool(bench.canvas, view.layer, view.wanted)
        self.tool.placed.connect(self._placed)
        self.tool.moved.connect(self._moved)
        self.tool.cycled.connect(self._cycled)
        self.tool.chosen.connect(self._chosen)
        self.tool.reshaped.connect(self._reshaped)
        panel.new_wanted.connect(self.begin_instance)
        panel.template_wanted.connect(self._mark_template)
        panel.confirm_wanted.connect(self._confirm)
        panel.delete_wanted.connect(self._delete)
        panel.clear_wanted.connect(self._clear_point)
        panel.skeletons_wanted.connect(self.skeletons_wanted)

    def set_editing(self, editing: bool) -> None:
        """The keypoint tool was taken or put away."""
        self._view.layer.editing = editing
        self._bench.canvas.lines_wanted = not editing
        self._bench.canvas.update()
        if editing and self._bench.document is not None and self._view.skeleton is None:
            self.skeletons_wanted.emit()

    # Gestures -----------------------------------------------------------------------------------------------------

    def _may(self) -> bool:
        """Whether the project can be changed; where not, that is told."""
        document = self._bench.document
        if document is not None and document.read_only:
            self._bench.messages.refuse(LOOKING_ONLY)
        return document is not None and not document.read_only

    @Slot(int, float, float, bool)
    def _placed(self, pane: int, x: float, y: float, hidden: bool) -> None:
        if not self._may():
            return
        view = self._view
        view.work_in(pane)
        image, skeleton = self._bench.viewer.image(pane), view.skeleton
        if skeleton is None:
            self.skeletons_wanted.emit()
            return
        index = view.following(image)
        if index < 0:
            self._bench.status.show_place("All points of this instance are placed. Shift+N begins another one.")
            return
        points = view.active(image)
        seen = Visibility.OCCLUDED if hidden else Visibility.VISIBLE
        view.selected = None
        if points is None:
            xy = np.full((len(skeleton), 2), np.nan)
            xy[index] = x, y
            visibility = np.zeros(len(skeleton), np.uint8)
            visibility[index] = seen
            command = AddInstance(image, KeypointSet.make(xy, visibility, skeleton=skeleton.id))
            if self._bench.session.do(command):
                view.order.place(image, command.outcome.created[0], index)
                view.refresh()
            return
        view.order.place(image, points.instance, index)
        place: Command = MoveKeypoint(points.instance, index, (x, y))
        if hidden:
            place = Compound("Place keypoint", (place, SetVisibility(points.instance, index, int(seen))))
        self._bench.session.do(place)

    @Slot(int, int, int, float, float)
    def _moved(self, pane: int, instance: int, index: int, x: float, y: float) -> None:
        if self._may():
            self._view.take(pane, instance, index)
            document = self._bench.document
            assert document is not None
            _, points = document.instance(instance)
            doubtful = points.origin[index] == Origin.TRANSFERRED and points.visibility[index] == Visibility.OCCLUDED
            move: Command = MoveKeypoint(instance, index, (x, y))
            if doubtful:  # it was marked as hidden only because nobody was sure of it
                seen = SetVisibility(instance, index, int(Visibility.VISIBLE))
                move = Compound("Move keypoint", (move, seen))
            self._bench.session.do(move)
        self._view.refresh()

    @Slot(int, int, int)
    def _cycled(self, pane: int, instance: int, index: int) -> None:
        document = self._bench.document
        if document is None or not self._may():
            return
        self._view.take(pane, instance, index)
        _, points = document.instance(instance)
        now = int(points.visibility[index])
        if points.origin[index] == Origin.TRANSFERRED and now == Visibility.OCCLUDED:
            now = int(Visibility.VISIBLE)  # orange is doubt, not a person's word that it is hidden
        self._bench.session.do(SetVisibility(instance, index, (now + 2) % 3))

    @Slot(int, int, int)
    def _chosen(self, pane: int, instance: int, index: int) -> None:
        self._view.take(pane, instance, index)
        self._view.refresh()

    @Slot(int, int, object, str)
    def _reshaped(self, pane: int, instance: int, xy: np.ndarray, title: str) -> None:
        document = self._bench.document
        if document is not None and self._may():
            self._view.work_in(pane)
            _, points = document.instance(instance)
            touched = points.present & (points.origin == Origin.TRANSFERRED)
            origin = np.where(touched, Origin.USER, points.origin)
            self._bench.session.do(SetKeypoints(dataclasses.replace(points, xy=xy, origin=origin), title))
        self._view.refresh()

    def take_back(self) -> bool:
        """Backspace: take the point placed last away; it is the next one to place. Whether there was one."""
        points = self._view.active(self._view.image)
        index = -1 if points is None else self._view.order.last(points.instance)
        if points is None or index < 0 or not points.present[index] or not self._may():
            return False
        self._view.order.take_back(self._view.image, points.instance, index)
        return self._bench.session.do(ClearKeypoints(points.instance, [index]))

    # Panel and actions --------------------------------------------------------------------------------------------

    @Slot()
    def begin_instance(self) -> None:
        """The next click on the image begins another instance."""
        if self._may():
            self._view.order.begin(self._view.image)
            self._view.selected = None
            self._view.refresh()
            self._bench.status.show_place("Click the first point of the new instance.")

    @Slot()
    def skip(self) -> None:
        """Leave the keypoint out that a click would place."""
        image = self._view.image
        self._view.order.skip(image, self._view.active(image), self._view.skeleton)
        self._view.refresh()

    def delete(self) -> bool:
        """Take the chosen point away; whether one was chosen."""
        if self._view.selected is None or not self._may():
            return False
        hit, self._view.selected = self._view.selected, None
        return self._bench.session.do(ClearKeypoints(hit.instance, [hit.index]))

    @Slot(int, int)
    def _clear_point(self, _instance: int, _index: int) -> None:
        self.delete()

    @Slot(int)
    def _delete(self, instance: int) -> None:
        if self._may():
            self._view.order.forget(self._view.image)
            self._view.selected = None
            self._bench.session.do(RemoveInstances([instance]))

    @Slot(int, bool)
    def _mark_template(self, instance: int, on: bool) -> None:
        if self._may():
            self._bench.session.do(MarkTemplates([instance], on))
        self._view.refresh()

    @Slot(int)
    def _confirm(self, instance: int) -> None:
        if self._may() and self._bench.session.do(ConfirmKeypoints([instance])):
            self.confirmed.emit(self._view.image)

    def review(self, image: int) -> bool:
        """Mark an image as reviewed: its predicted points are confirmed with it. Whether anything changed."""
        guessed = [
            each.instance
            for each in self._view.instances(image)
            if ((each.origin == Origin.TRANSFERRED) & each.present).any()
        ]
        if not guessed:
            return self._bench.session.do(SetReviewState([image], "reviewed"))
        review = SetReviewState([image], "reviewed")
        done = self._bench.session.do(Compound(review.text, (ConfirmKeypoints(guessed), review)))
        if done:
            self.confirmed.emit(image)
        return done

    @Slot()
    def swap_sides(self) -> None:
        """Exchange left and right in the active instance, as one step."""
        points = self._view.active(self._view.image)
        document = self._bench.document
        if points is None or document is None:
            self._bench.messages.refuse("There is no instance on this image whose sides could be exchanged.")
            return
        from counterpart.core.transfer.skeleton import mirror_order

        order = mirror_order(document.skeleton(points.skeleton)).tolist()
        pairs = [(index, twin) for index, twin in enumerate(order) if index < twin]
        if not pairs:
            self._bench.messages.refuse("The skeleton has no left and right. Name its pairs under Skeletons.")
        elif self._may():
            self._bench.session.do(SwapKeypoints(points.instance, pairs))
