"""The instances of the images shown: on the canvas, in the panel, and which of them and of their points is meant."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QColor

from counterpart.core.errors import CounterpartError
from counterpart.core.project.points import KeypointSet, Skeleton
from counterpart.desktop.keypoints.instance_drawing import Drawn, PointHit, point_colours
from counterpart.desktop.keypoints.keypoint_tool import KeypointLayer, Next
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.keypoints.placing_order import PlacingOrder
from counterpart.desktop.workbench import Workbench

_KEPT = "skeleton"


class InstanceView(QObject):
    """Shows points as they are in the document, and knows where a person is among them. Changes nothing in it.

    Attributes:
        layer: What is drawn over the images.
        order: Which instance and keypoint come next.
        selected: The point that is chosen.
    """

    def __init__(self, bench: Workbench, panel: KeypointsPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench, self._panel = bench, panel
        self.layer = KeypointLayer(bench.canvas)
        bench.canvas.layers.append(self.layer.paint)
        self.order = PlacingOrder()
        self.selected: PointHit | None = None
        self._skeleton = 0
        self._pane = 0
        bench.canvas.pane_activated.connect(self._pane_activated)
        panel.skeleton_chosen.connect(self._skeleton_chosen)
        panel.chosen.connect(self._row_chosen)

    # What is there ------------------------------------------------------------------------------------------------

    @property
    def skeleton(self) -> Skeleton | None:
        """The skeleton of new instances, None while the project has none."""
        document = self._bench.document
        if document is None or not document.skeletons:
            return None
        return next((each for each in document.skeletons if each.id == self._skeleton), document.skeletons[0])

    @property
    def pane(self) -> int:
        """The pane that was worked in last."""
        return self._pane if self._pane < self._bench.canvas.count else 0

    @property
    def image(self) -> int:
        """The image whose points the panel lists."""
        return self._bench.viewer.image(self.pane)

    def instances(self, image: int) -> tuple[KeypointSet, ...]:
        """The instances of an image; none where they are damaged, which is told, or belong to another picture."""
        document = self._bench.document
        if document is None or not image or self._bench.viewer.other_picture(image):
            return ()
        try:
            return document.keypoints(image)
        except CounterpartError as error:
            self._bench.messages.refuse(str(error))
            return ()

    def active(self, image: int) -> KeypointSet | None:
        """The instance of an image that gestures go to; None where the next click begins one."""
        return self.order.active(image, self.instances(image))

    def following(self, image: int) -> int:
        """The keypoint that a click places next on an image, -1 for none."""
        return self.order.following(image, self.active(image), self.skeleton)

    def wanted(self, pane: int) -> Next | None:
        """The keypoint that a click on a pane places."""
        document, image = self._bench.document, self._bench.viewer.image(pane)
        index = self.following(image)
        if document is None or document.read_only or index < 0:
            return None
        points = self.active(image)
        skeleton = self.skeleton if points is None else document.skeleton(points.skeleton)
        assert skeleton is not None
        colour = QColor(point_colours(skeleton)[index])
        return Next(skeleton.names[index], colour, points is None and bool(self.instances(image)))

    # What is meant ------------------------------------------------------------------------------------------------

    def select(self, instance: int, index: int) -> None:
        """Choose a point of the image on the left, as from a list."""
        self.take(0, instance, index)
        self.refresh()

    def take(self, pane: int, instance: int, index: int) -> None:
        """A point on a pane was taken hold of."""
        self._pane = pane
        self.order.choose(self._bench.viewer.image(pane), instance)
        self.selected = PointHit(instance, index)

    def work_in(self, pane: int) -> None:
        """Something else than a point of a pane was taken hold of."""
        self._pane = pane

    def choose_skeleton(self, skeleton: int) -> None:
        """Make a skeleton that of new instances."""
        self._skeleton_chosen(skeleton)
        self.skeletons_changed()

    @Slot(int)
    def _skeleton_chosen(self, skeleton: int) -> None:
        self._skeleton = skeleton
        document = self._bench.document
        if document is not None:
            document.note_settings({_KEPT: skeleton})
        self.refresh()

    @Slot(int, int)
    def _row_chosen(self, instance: int, index: int) -> None:
        image = self.image
        self.order.choose(image, instance)
        self.selected = None
        points = self.active(image)
        if points is not None and index >= 0:
            if np.isfinite(points.xy[index]).all():
                self.selected = PointHit(instance, index)
            else:
                self.order.ask(image, index, points)
        self.refresh()

    @Slot(int)
    def _pane_activated(self, pane: int) -> None:
        if pane != self._pane:
            self._pane = pane
            self.selected = None
            self.refresh()

    # Showing ------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Another project."""
        self.order = PlacingOrder()
        self.selected = self.layer.hovered = self.layer.selected = self.layer.preview = None
        self._pane = 0
        document = self._bench.document
        kept = document.settings.get(_KEPT) if document is not None else None
        self._skeleton = kept if isinstance(kept, int) else 0
        self.skeletons_changed()

    def skeletons_changed(self) -> None:
        """The project's skeletons changed."""
        document, current = self._bench.document, self.skeleton
        self._panel.set_skeletons(document.skeletons if document is not None else (), current.id if current else 0)
        self.refresh()

    def image_shown(self) -> None:
        """A pane shows another image."""
        self.layer.hovered = None
        hit = self.selected
        if hit is not None and not any(each.instance == hit.instance for each in self.instances(self.image)):
            self.selected = None
        self.refresh()

    def refresh(self) -> None:
        """Show the points as they are in the document."""
        hit, hint = self.selected, self.layer.hint
        if hint is not None and (hit is None or (hit.instance, hit.index) != hint[:2]):
            self.layer.hint = None
        document = self._bench.document
        skeletons = {each.id: each for each in document.skeletons} if document is not None else {}
        for pane in (0, 1):
            self.layer.set_drawn(pane, self._drawn(self._bench.viewer.image(pane), skeletons))
        self.layer.focus = self.pane
        self.layer.selected = None if hit is None else (self.pane, hit)
        points = self.active(self.image)
        self._panel.show_instances(
            self.instances(self.image),
            skeletons,
            points.instance if points is not None else 0,
            self.following(self.image) if points is not None else -1,
            hit.index if hit is not None and points is not None and hit.instance == points.instance else -1,
        )
        text = "Take the tool Keypoint (K) and click the first point."
        if document is not None and document.read_only:
            text = self._bench.needs.writable.reason
        self._panel.say_empty("No points on this image", text)

    def _drawn(self, image: int, skeletons: dict[int, Skeleton]) -> list[Drawn]:
        active = self.active(image)
        return [
            Drawn(
                each,
                skeletons[each.skeleton],
                point_colours(skeletons[each.skeleton]),
                active is not None and each.instance == active.instance,
            )
            for each in self.instances(image)
        ]
