"""Keypoints in the window: from gestures and the panel to commands, and from the document back to canvas and panel."""

from __future__ import annotations

import dataclasses

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QColor

from counterpart.core.errors import CounterpartError
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
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Origin, Skeleton, Visibility
from counterpart.core.transfer.skeleton import mirror_order
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.keypoints.instance_drawing import Drawn, PointHit, point_colours
from counterpart.desktop.keypoints.keypoint_tool import KeypointLayer, KeypointTool, Next
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.keypoints.placing_order import PlacingOrder
from counterpart.desktop.project.session import Session

__all__ = ["KeypointEditor"]

_KEPT = "skeleton"


class KeypointEditor(QObject):
    """Keeps canvas, panel and document in step, and turns each gesture into one command.

    Signals:
        says: A line for the status bar.
        refused: Why a gesture cannot be, in words.
        confirmed: Image whose predicted points a person has confirmed.
        skeletons_wanted: There is no skeleton to place points of: the person is to choose one.
    """

    says = Signal(str)
    refused = Signal(str)
    confirmed = Signal(int)
    skeletons_wanted = Signal()

    def __init__(
        self, session: Session, viewer: Viewer, canvas: Canvas, panel: KeypointsPanel, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer, self._canvas, self._panel = session, viewer, canvas, panel
        self.layer = KeypointLayer(canvas)
        canvas.layers.append(self.layer.paint)
        self.tool = KeypointTool(canvas, self.layer, self.wanted)
        self._skeleton = 0
        self._pane = 0
        self._order = PlacingOrder()
        self._selected: PointHit | None = None
        self.tool.placed.connect(self._placed)
        self.tool.moved.connect(self._moved)
        self.tool.cycled.connect(self._cycled)
        self.tool.chosen.connect(self._chosen)
        self.tool.reshaped.connect(self._reshaped)
        canvas.pane_activated.connect(self._pane_activated)
        panel.skeleton_chosen.connect(self._skeleton_chosen)
        panel.chosen.connect(self._row_chosen)
        panel.new_wanted.connect(self.begin_instance)
        panel.template_wanted.connect(self._mark_template)
        panel.confirm_wanted.connect(self._confirm)
        panel.delete_wanted.connect(self._delete)
        panel.clear_wanted.connect(self._clear_point)
        panel.skeletons_wanted.connect(self.skeletons_wanted)

    # What is there ------------------------------------------------------------------------------------------------

    @property
    def _document(self) -> Document | None:
        return self._session.document

    @property
    def skeleton(self) -> Skeleton | None:
        """The skeleton of new instances, None while the project has none."""
        document = self._document
        if document is None or not document.skeletons:
            return None
        return next((each for each in document.skeletons if each.id == self._skeleton), document.skeletons[0])

    @property
    def image(self) -> int:
        """The image whose points the panel lists."""
        return self._viewer.image(self._pane if self._pane < self._canvas.count else 0)

    def instances(self, image: int) -> tuple[KeypointSet, ...]:
        """The instances of an image; none where they are damaged, which is told."""
        document = self._document
        if document is None or not image:
            return ()
        try:
            return document.keypoints(image)
        except CounterpartError as error:
            self.refused.emit(str(error))
            return ()

    def active(self, image: int) -> KeypointSet | None:
        """The instance of an image that gestures go to; None where the next click begins one."""
        return self._order.active(image, self.instances(image))

    def following(self, image: int) -> int:
        """The keypoint that a click places next on an image, -1 for none."""
        return self._order.following(image, self.active(image), self.skeleton)

    def wanted(self, pane: int) -> Next | None:
        """The keypoint that a click on a pane places."""
        document, image = self._document, self._viewer.image(pane)
        index = self.following(image)
        if document is None or document.read_only or index < 0:
            return None
        points = self.active(image)
        skeleton = self.skeleton if points is None else document.skeleton(points.skeleton)
        assert skeleton is not None
        colour = QColor(point_colours(skeleton)[index])
        return Next(skeleton.names[index], colour, points is None and bool(self.instances(image)))

    # Showing ------------------------------------------------------------------------------------------------------

    def set_editing(self, editing: bool) -> None:
        """The keypoint tool was taken or put away."""
        self.layer.editing = editing
        self._canvas.lines_wanted = not editing
        self._canvas.update()
        if editing and self._document is not None and self.skeleton is None:
            self.skeletons_wanted.emit()

    def reset(self) -> None:
        """Another project."""
        self._order = PlacingOrder()
        self._selected = self.layer.hovered = self.layer.selected = self.layer.preview = None
        self._pane = 0
        document = self._document
        kept = document.settings.get(_KEPT) if document is not None else None
        self._skeleton = kept if isinstance(kept, int) else 0
        self.skeletons_changed()

    def skeletons_changed(self) -> None:
        """The project's skeletons changed."""
        document, current = self._document, self.skeleton
        self._panel.set_skeletons(document.skeletons if document is not None else (), current.id if current else 0)
        self.refresh()

    @Slot(int)
    def _pane_activated(self, pane: int) -> None:
        if pane != self._pane:
            self._pane = pane
            self._selected = None
            self.refresh()

    def image_shown(self) -> None:
        """A pane shows another image."""
        self.layer.hovered = None
        if self._selected is not None and not any(
            each.instance == self._selected.instance for each in self.instances(self.image)
        ):
            self._selected = None
        self.refresh()

    def refresh(self) -> None:
        """Show the points as they are in the document."""
        hint = self.layer.hint
        if hint is not None and (self._selected is None or (self._selected.instance, self._selected.index) != hint[:2]):
            self.layer.hint = None
        document = self._document
        skeletons = {each.id: each for each in document.skeletons} if document is not None else {}
        for pane in (0, 1):
            image = self._viewer.image(pane)
            active = self.active(image)
            self.layer.set_drawn(
                pane,
                [
                    Drawn(
                        each,
                        skeletons[each.skeleton],
                        point_colours(skeletons[each.skeleton]),
                        active is not None and each.instance == active.instance,
                    )
                    for each in self.instances(image)
                ],
            )
        hit = self._selected
        pane = self.layer.focus = self._pane if self._pane < self._canvas.count else 0
        self.layer.selected = None if hit is None else (pane, hit)
        points = self.active(self.image)
        chosen = hit.index if hit is not None and points is not None and hit.instance == points.instance else -1
        self._panel.show_instances(
            self.instances(self.image),
            skeletons,
            points.instance if points is not None else 0,
            self.following(self.image) if points is not None else -1,
            chosen,
        )
        if document is not None and document.read_only:
            self._panel.say_empty("No points on this image", "The project is open for looking only.")
        else:
            self._panel.say_empty("No points on this image", "Take the tool Keypoint (K) and click the first point.")

    def select(self, instance: int, index: int) -> None:
        """Choose a point of the image on the left, as from a list."""
        self._pane = 0
        self._order.choose(self._viewer.image(0), instance)
        self._selected = PointHit(instance, index)
        self.refresh()

    # Gestures -----------------------------------------------------------------------------------------------------

    def _may(self) -> bool:
        document = self._document
        if document is None:
            return False
        if document.read_only:
            self.refused.emit("The project is open for looking only. Save it under another name to work on it.")
            return False
        return True

    @Slot(int, float, float, bool)
    def _placed(self, pane: int, x: float, y: float, hidden: bool) -> None:
        if not self._may():
            return
        self._pane = pane
        image, skeleton = self._viewer.image(pane), self.skeleton
        if skeleton is None:
            self.skeletons_wanted.emit()
            return
        index = self.following(image)
        if index < 0:
            self.says.emit("All points of this instance are placed. Shift+N begins another one.")
            return
        points = self.active(image)
        seen = Visibility.OCCLUDED if hidden else Visibility.VISIBLE
        self._selected = None
        if points is None:
            xy = np.full((len(skeleton), 2), np.nan)
            xy[index] = x, y
            visibility = np.zeros(len(skeleton), np.uint8)
            visibility[index] = seen
            command = AddInstance(image, KeypointSet.make(xy, visibility, skeleton=skeleton.id))
            if self._session.do(command):
                self._order.place(image, command.outcome.created[0], index)
                self.refresh()
            return
        self._order.place(image, points.instance, index)
        place: Command = MoveKeypoint(points.instance, index, (x, y))
        if hidden:
            place = Compound("Place keypoint", (place, SetVisibility(points.instance, index, int(seen))))
        self._session.do(place)

    @Slot(int, int, int, float, float)
    def _moved(self, pane: int, instance: int, index: int, x: float, y: float) -> None:
        if self._may():
            self._take(pane, instance, index)
            document = self._document
            assert document is not None
            _, points = document.instance(instance)
            doubtful = points.origin[index] == Origin.TRANSFERRED and points.visibility[index] == Visibility.OCCLUDED
            move: Command = MoveKeypoint(instance, index, (x, y))
            if doubtful:  # it was marked as hidden only because nobody was sure of it
                seen = SetVisibility(instance, index, int(Visibility.VISIBLE))
                move = Compound("Move keypoint", (move, seen))
            self._session.do(move)
        self.refresh()

    @Slot(int, int, int)
    def _cycled(self, pane: int, instance: int, index: int) -> None:
        document = self._document
        if document is None or not self._may():
            return
        self._take(pane, instance, index)
        _, points = document.instance(instance)
        now = int(points.visibility[index])
        if points.origin[index] == Origin.TRANSFERRED and now == Visibility.OCCLUDED:
            now = int(Visibility.VISIBLE)  # orange is doubt, not a person's word that it is hidden
        self._session.do(SetVisibility(instance, index, (now + 2) % 3))

    @Slot(int, int, int)
    def _chosen(self, pane: int, instance: int, index: int) -> None:
        self._take(pane, instance, index)
        self.refresh()

    def _take(self, pane: int, instance: int, index: int) -> None:
        self._pane = pane
        self._order.choose(self._viewer.image(pane), instance)
        self._selected = PointHit(instance, index)

    @Slot(int, int, object, str)
    def _reshaped(self, pane: int, instance: int, xy: np.ndarray, title: str) -> None:
        document = self._document
        if document is not None and self._may():
            self._pane = pane
            _, points = document.instance(instance)
            touched = points.present & (points.origin == Origin.TRANSFERRED)
            origin = np.where(touched, Origin.USER, points.origin)
            self._session.do(SetKeypoints(dataclasses.replace(points, xy=xy, origin=origin), title))
        self.refresh()

    def take_back(self) -> bool:
        """Backspace: take the point placed last away; it is the next one to place. Whether there was one."""
        points = self.active(self.image)
        index = -1 if points is None else self._order.last(points.instance)
        if points is None or index < 0 or not points.present[index] or not self._may():
            return False
        self._order.take_back(self.image, points.instance, index)
        return self._session.do(ClearKeypoints(points.instance, [index]))

    # Panel and actions --------------------------------------------------------------------------------------------

    @Slot(int)
    def _skeleton_chosen(self, skeleton: int) -> None:
        self._skeleton = skeleton
        document = self._document
        if document is not None:
            document.note_settings({_KEPT: skeleton})
        self.refresh()

    def choose_skeleton(self, skeleton: int) -> None:
        """Make a skeleton that of new instances."""
        self._skeleton_chosen(skeleton)
        self.skeletons_changed()

    @Slot(int, int)
    def _row_chosen(self, instance: int, index: int) -> None:
        image = self.image
        self._order.choose(image, instance)
        self._selected = None
        points = self.active(image)
        if points is not None and index >= 0:
            if np.isfinite(points.xy[index]).all():
                self._selected = PointHit(instance, index)
            else:
                self._order.ask(image, index, points)
        self.refresh()

    @Slot()
    def begin_instance(self) -> None:
        """The next click on the image begins another instance."""
        if self._may():
            self._order.begin(self.image)
            self._selected = None
            self.refresh()
            self.says.emit("Click the first point of the new instance.")

    @Slot()
    def skip(self) -> None:
        """Leave the keypoint out that a click would place."""
        image = self.image
        self._order.skip(image, self.active(image), self.skeleton)
        self.refresh()

    def delete(self) -> bool:
        """Take the chosen point away; whether one was chosen."""
        if self._selected is None or not self._may():
            return False
        hit, self._selected = self._selected, None
        return self._session.do(ClearKeypoints(hit.instance, [hit.index]))

    @Slot(int, int)
    def _clear_point(self, _instance: int, _index: int) -> None:
        self.delete()

    @Slot(int)
    def _delete(self, instance: int) -> None:
        if self._may():
            self._order.forget(self.image)
            self._selected = None
            self._session.do(RemoveInstances([instance]))

    @Slot(int, bool)
    def _mark_template(self, instance: int, on: bool) -> None:
        if self._may():
            self._session.do(MarkTemplates([instance], on))
        self.refresh()

    @Slot(int)
    def _confirm(self, instance: int) -> None:
        if self._may() and self._session.do(ConfirmKeypoints([instance])):
            self.confirmed.emit(self.image)

    def review(self, image: int) -> bool:
        """Mark an image as reviewed: its predicted points are confirmed with it. Whether anything changed."""
        guessed = [
            each.instance
            for each in self.instances(image)
            if ((each.origin == Origin.TRANSFERRED) & each.present).any()
        ]
        if not guessed:
            return self._session.do(SetReviewState([image], "reviewed"))
        review = SetReviewState([image], "reviewed")
        done = self._session.do(Compound(review.text, (ConfirmKeypoints(guessed), review)))
        if done:
            self.confirmed.emit(image)
        return done

    @Slot()
    def swap_sides(self) -> None:
        """Exchange left and right in the active instance, as one step."""
        points = self.active(self.image)
        document = self._document
        if points is None or document is None:
            self.refused.emit("There is no instance on this image whose sides could be exchanged.")
            return
        order = mirror_order(document.skeleton(points.skeleton)).tolist()
        pairs = [(index, twin) for index, twin in enumerate(order) if index < twin]
        if not pairs:
            self.refused.emit("The skeleton has no left and right. Name its pairs under Skeletons.")
        elif self._may():
            self._session.do(SwapKeypoints(points.instance, pairs))
