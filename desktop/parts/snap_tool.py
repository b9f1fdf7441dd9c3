"""The snapped brush: painting adopts whole small regions that agree in features, colour and place.

Finding the regions of an image takes part of a second, beside the window. They go by colour until the image's features
are there, and by both from then on; the status bar says which. A stroke that begins before there are any regions is
kept, and painted when there are.
"""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRect, Qt, Slot
from PySide6.QtGui import QImage, QPainter

from counterpart.core.tools.clusters import Clusters, SnappedBrush
from counterpart.core.tools.region import Region
from counterpart.desktop.canvas.compositor import LabelStyle, PartStyle, compose_labels
from counterpart.desktop.canvas.gesture import Begun
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Dropped, Pointer
from counterpart.desktop.parts.brush_tool import XY, TipTool
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.parts.snap_regions import SnapRegions
from counterpart.desktop.widgets.qimage import argb_to_qimage


class SnapTool(TipTool):
    """Paints with whole regions: those the pointer crosses, and those the tip covers by half. Ctrl erases them."""

    id = "snap"
    hint = "Paints whole regions. Ctrl erases them"

    def __init__(self, canvas: Stage, editor: LabelEditor, regions: SnapRegions) -> None:
        super().__init__(canvas, editor)
        self._regions = regions
        self._erasing = False
        self._open = False
        self._released = False
        self._waiting: list[XY] = []
        self._brush: SnappedBrush | None = None
        self._preview = _Preview(canvas)
        regions.found.connect(self._found)

    def _image(self, pane: int) -> int:
        key = self.canvas.panes[pane].image_key
        return key if isinstance(key, int) else 0

    def _clusters(self, pane: int) -> Clusters | None:
        return self._regions.get(self.canvas.panes[pane].photo)

    # The stroke -----------------------------------------------------------------------------------------------------

    def begin(self, event: Pointer) -> Begun:
        photo = self.canvas.panes[event.pane].photo
        if event.button != Qt.MouseButton.LeftButton or photo is None:
            return Begun.NOTHING
        self._erasing = bool(event.modifiers & Qt.KeyboardModifier.ControlModifier)
        if not self._editor.begin(event.pane, erase=self._erasing):
            return Begun.NOTHING
        self._pane, self._open, self._released = event.pane, True, False
        self._preview.show(None, event.pane)
        self._regions.prepare(self._image(event.pane), photo)
        self._waiting = [event.xy]
        self._go_on()
        return Begun.DRAG

    def hover(self, event: Pointer) -> None:
        self._follow(event.position)
        if not self._open:
            self._light(event)

    def extend(self, event: Pointer) -> None:
        self._follow(event.position)
        self._waiting.append(event.xy)
        self._go_on()

    def finish(self, _event: Pointer) -> bool:
        self._released = True
        self._go_on()
        return self._open

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
                self._editor.stroke(self._pane, region)
        self._waiting = []
        if self._released:
            self._end()
            self._editor.commit(
                self._pane, "Erase regions" if self._erasing else self._editor.title("Paint regions of", self._pane)
            )
            self.settled.emit()

    def _end(self) -> None:
        self._open, self._brush, self._waiting = False, None, []
        self._preview.show(None, self._pane)

    def interrupt(self, _event: Pointer) -> None:
        """What is painted counts; a stroke whose regions are still being found is nothing yet."""
        self._released = True
        self._go_on()
        if self._open:
            self.give_up()
            self.dropped.emit(Dropped("The stroke is dropped: the regions of the image were still being found."))

    def give_up(self) -> None:
        self._end()
        self._editor.abort(self._pane)

    @Slot(str)
    def _found(self, content: str) -> None:
        photo = self.canvas.panes[self._pane].photo
        if self._open and photo is not None and photo.sha256 == content:
            self._go_on()

    # What would be painted ------------------------------------------------------------------------------------------

    def leave(self) -> None:
        super().leave()
        self._preview.show(None, self._pane)

    def _light(self, event: Pointer) -> None:
        clusters = self._clusters(event.pane)
        if clusters is None or not event.inside:
            photo = self.canvas.panes[event.pane].photo
            if event.inside and photo is not None:
                self._regions.prepare(self._image(event.pane), photo)
            self._preview.show(None, event.pane)
            return
        self._preview.show(SnappedBrush(clusters, self._radius).move_to(event.xy), event.pane)

    def paint(self, painter: QPainter) -> None:
        self._preview.paint(painter)
        super().paint(painter)


class _Preview:
    """A region drawn over everything, light and outlined, kept as a picture while neither it nor the view changes."""

    def __init__(self, canvas: Stage) -> None:
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
