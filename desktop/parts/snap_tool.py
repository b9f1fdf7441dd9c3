"""The snapped brush: painting adopts whole small regions that agree in features, colour and place.

Finding the regions of an image takes part of a second, beside the window. They go by colour until the image's features
are there, and by both from then on; the status bar says which. A stroke that begins before there are any regions is
kept, and painted when there are.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from counterpart.core.jobs import JobContext
from counterpart.core.tools.clusters import ClusterParams, Clusters, SnappedBrush, find_clusters
from counterpart.core.tools.region import Region
from counterpart.desktop.canvas.compositor import LabelStyle, PartStyle, compose_labels
from counterpart.desktop.canvas.photo import Photo
from counterpart.desktop.canvas.tools import Pointer
from counterpart.desktop.jobs.image_features import KEPT, ImageFeatures
from counterpart.desktop.jobs.job_runner import Job, JobRunner, Outcome
from counterpart.desktop.parts.brush_tool import XY, Paints, TipTool
from counterpart.desktop.widgets.qimage import argb_to_qimage

if TYPE_CHECKING:
    from counterpart.desktop.canvas.canvas import Canvas

__all__ = ["GRAINS", "SnapDesk", "SnapTool"]

GRAINS = (900, 300, 120)
"""Regions in an image: fine, medium, coarse."""
_SLOT = "regions"
_AHEAD_MS = 10


class SnapDesk(QObject):
    """Finds the regions of images beside the window.

    Args:
        features: Of images; colour alone decides where there are none.
        light: Finds the regions.

    Signals:
        found: Image whose regions are there, or better than before.
        says: A line for the status bar.
    """

    found = Signal(int)
    says = Signal(str)

    def __init__(self, features: ImageFeatures, light: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._features, self._light = features, light
        self._kept: OrderedDict[int, tuple[Clusters, bool]] = OrderedDict()
        self._photos: dict[int, Photo] = {}
        self._count = GRAINS[1]
        self._asked: tuple[int, bool, int] | None = None
        self._ahead = QTimer(self)
        self._ahead.setInterval(_AHEAD_MS)
        self._ahead.timeout.connect(self._work_ahead)
        self._rest: tuple[Clusters, Iterator[int]] | None = None
        features.arrived.connect(self._on_features)
        features.failed.connect(self._on_failed)
        features.cleared.connect(self.clear)
        light.answered.connect(self._answered)

    @Slot()
    def clear(self) -> None:
        """Forget all regions."""
        self._kept.clear()
        self._asked = self._rest = None

    def get(self, image: int) -> Clusters | None:
        """The regions of an image, None while there are none."""
        kept = self._kept.get(image)
        return kept[0] if kept is not None else None

    @property
    def working_ahead(self) -> bool:
        """Whether regions are still being worked out between events."""
        return self._rest is not None

    def set_grain(self, index: int) -> None:
        """Choose how fine regions are, an index into `GRAINS`; those of the image in work are found anew."""
        if GRAINS[index] != self._count:
            self._count = GRAINS[index]
            self._kept.clear()
            for image in tuple(self._photos):
                self._ask(image)

    def prepare(self, image: int, photo: Photo) -> None:
        """Find the regions of an image before somebody paints."""
        if not image:
            return
        self._photos = {image: photo}
        self._features.prepare(image)
        kept = self._kept.get(image)
        if kept is None or (not kept[1] and self._features.get(image) is not None):
            self._ask(image)
        else:
            self._say(image)

    def _ask(self, image: int) -> None:
        photo, features, count = self._photos[image], self._features.get(image), self._count
        wanted = (image, features is not None, count)
        if wanted == self._asked:  # asking again would begin anew
            return
        self._asked = wanted

        def find(_engine: Any, _ctx: JobContext) -> Clusters:
            return find_clusters(photo.rgb, features, params=ClusterParams(count=count))

        if self.get(image) is None:
            self.says.emit("Finding regions …")
        self._light.ask(_SLOT, Job("Regions", find, tag=wanted))

    def _say(self, image: int) -> None:
        kept = self._kept.get(image)
        if image not in self._photos or kept is None:
            return
        if kept[1]:
            self.says.emit("By features and colour")
        elif self._features.choice is None:
            self.says.emit("By colour alone, as no model is installed")
        elif self._features.problem(image):
            self.says.emit(f"By colour alone: {self._features.problem(image)}")
        else:
            self.says.emit("By colour, until the features are there …")

    @Slot(int)
    def _on_features(self, image: int) -> None:
        if image in self._photos:
            self._ask(image)

    @Slot(int, str)
    def _on_failed(self, image: int, _text: str) -> None:
        self._say(image)

    @Slot(str, object, object)
    def _answered(self, slot: str, job: Job, outcome: Outcome) -> None:
        if slot != _SLOT or job.tag != self._asked:
            return
        self._asked = None
        if outcome.failure is not None:
            self.says.emit(outcome.failure.text)
        if outcome.failure is not None or outcome.cancelled:
            return
        image, by_features, _count = job.tag
        self._kept[image] = (outcome.result, by_features)
        self._kept.move_to_end(image)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._say(image)
        self._rest = (outcome.result, iter(range(len(outcome.result))))
        self._ahead.start()
        self.found.emit(image)

    @Slot()
    def _work_ahead(self) -> None:
        """Work out the pixels of some more regions between events, so that a fast stroke finds them ready."""
        end = time.monotonic() + _AHEAD_MS / 2000
        while self._rest is not None and time.monotonic() < end:
            index = next(self._rest[1], None)
            if index is None:
                self._rest = None
            else:
                self._rest[0].region(index)
        if self._rest is None:
            self._ahead.stop()


class SnapTool(TipTool):
    """Paints with whole regions: those the pointer crosses, and those the tip covers by half. Ctrl erases them."""

    id = "snap"

    def __init__(self, canvas: Canvas, editor: Paints, desk: SnapDesk) -> None:
        super().__init__(canvas, editor)
        self._desk = desk
        self._erasing = False
        self._open = False
        self._released = False
        self._waiting: list[XY] = []
        self._brush: SnappedBrush | None = None
        self._preview = _Preview(canvas)
        desk.found.connect(self._found)

    def _image(self, pane: int) -> int:
        key = self.canvas.panes[pane].image_key
        return key if isinstance(key, int) else 0

    def _clusters(self, pane: int) -> Clusters | None:
        return self._desk.get(self._image(pane))

    # The stroke -----------------------------------------------------------------------------------------------------

    def press(self, event: Pointer) -> None:
        if event.button != Qt.MouseButton.LeftButton or self._open:
            return
        photo = self.canvas.panes[event.pane].photo
        self._erasing = bool(event.modifiers & Qt.KeyboardModifier.ControlModifier)
        if photo is None or not self._editor.begin(event.pane, erase=self._erasing):
            return
        self._pane, self._open, self._released = event.pane, True, False
        self._preview.show(None, event.pane)
        self._desk.prepare(self._image(event.pane), photo)
        self._waiting = [event.xy]
        self._go_on()

    def move(self, event: Pointer) -> None:
        self._follow(event.position)
        if self._open and not self._released:
            self._waiting.append(event.xy)
            self._go_on()
        elif not self._open:
            self._hover(event)

    def release(self, event: Pointer) -> None:
        if self._open and event.button == Qt.MouseButton.LeftButton:
            self._released = True
            self._go_on()

    def _go_on(self) -> None:
        """Carry the brush along the path so far; the stroke ends when it has been let go."""
        if self._brush is None:
            clusters = self._clusters(self._pane)
            if clusters is None:
                return
            self._brush = SnappedBrush(clusters, self._radius)
        for xy in self._waiting:
            region = self._brush.move_to(xy)
            if not region.is_empty:
                self._editor.stroke(self._pane, region, erase=self._erasing)
        self._waiting = []
        if self._released:
            self._open, self._brush = False, None
            verb = "Erase regions" if self._erasing else self._editor.title("Paint regions of")
            self._editor.commit(self._pane, verb)

    def cancel(self) -> None:
        self._preview.show(None, self._pane)
        if self._open:
            self._open, self._brush, self._waiting = False, None, []
            self._editor.abort(self._pane)

    @Slot(int)
    def _found(self, image: int) -> None:
        if self._open and image == self._image(self._pane):
            self._go_on()

    # What would be painted ------------------------------------------------------------------------------------------

    def leave(self) -> None:
        super().leave()
        self._preview.show(None, self._pane)

    def _hover(self, event: Pointer) -> None:
        clusters = self._clusters(event.pane)
        if clusters is None or not event.inside:
            photo = self.canvas.panes[event.pane].photo
            if event.inside and photo is not None:
                self._desk.prepare(self._image(event.pane), photo)
            self._preview.show(None, event.pane)
            return
        self._preview.show(SnappedBrush(clusters, self._radius).move_to(event.xy), event.pane)

    def paint(self, painter: QPainter) -> None:
        self._preview.paint(painter)
        super().paint(painter)


class _Preview:
    """A region drawn over everything, light and outlined, kept as a picture while neither it nor the view changes."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._pane = 0
        self._region: Region | None = None
        self._picture: tuple[object, QImage, QPointF] | None = None

    def show(self, region: Region | None, pane: int) -> None:
        """Draw another region, or none."""
        old = self._region
        same = region is not None and old is not None and region.bbox == old.bbox and pane == self._pane
        if (region is None and old is None) or (
            same and region is not None and old is not None and np.array_equal(region.mask, old.mask)
        ):
            return
        self._canvas.update(self._place())
        self._region, self._pane, self._picture = region, pane, None
        self._canvas.update(self._place())

    def _place(self) -> QRect:
        if self._region is None:
            return QRect()
        top, left, bottom, right = self._region.bbox
        view = self._canvas.panes[self._pane].view
        return view.widget_rect(left, top, right, bottom, margin=4).intersected(view.area.toAlignedRect())

    def paint(self, painter: QPainter) -> None:
        """Draw it, in widget coordinates."""
        place = self._place()
        if self._region is None or place.isEmpty():
            return
        view = self._canvas.panes[self._pane].view
        key = (view.scale, view.origin.x(), view.origin.y(), view.dpr, place.getRect())
        if self._picture is None or self._picture[0] != key:
            self._picture = (key, *self._compose(self._region, place))
        painter.drawImage(self._picture[2], self._picture[1])

    def _compose(self, region: Region, place: QRect) -> tuple[QImage, QPointF]:
        view = self._canvas.panes[self._pane].view
        dpr, top, left = view.dpr, region.bbox[0], region.bbox[1]
        style = LabelStyle({1: PartStyle((255, 255, 255))}, opacity=0.24, line=max(round(dpr), 1))
        # A frame of background, so that the outline closes.
        mask = np.pad(region.mask.view(np.uint8), 1)
        origin = (
            (view.origin.x() + (left - 1) * view.scale) * dpr,
            (view.origin.y() + (top - 1) * view.scale) * dpr,
        )
        window = (
            math.floor(place.left() * dpr),
            math.floor(place.top() * dpr),
            math.ceil((place.right() + 1) * dpr),
            math.ceil((place.bottom() + 1) * dpr),
        )
        made = compose_labels(mask, style, window, origin, view.scale * dpr)
        if made is None:
            return QImage(), QPointF()
        image = argb_to_qimage(made[0])
        image.setDevicePixelRatio(dpr)
        return image, QPointF(made[1] / dpr, made[2] / dpr)
