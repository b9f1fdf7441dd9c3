"""What the canvas shows: one or two images, zoomed and panned together or apart, with what lies over them.

Why a plain widget and not a graphics scene: parts, points and lines are arrays; a scene wants an object for
each. Overlays are composed for the screen pixels that changed (`compositor`), so the cost of a stroke does
not depend on the image. What moves with the pointer (lines, marks, the tool's own drawing) is painted over a
picture of the rest that is kept between events, so that hovering costs a copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap, QRegion, QResizeEvent
from PySide6.QtWidgets import QWidget

from counterpart.core.images.brightness import Look
from counterpart.desktop.canvas.compositor import LabelStyle
from counterpart.desktop.canvas.grid_paint import GridPaint
from counterpart.desktop.canvas.pair_lines import Hit, PairLines
from counterpart.desktop.canvas.pane import Heat, Pane
from counterpart.desktop.canvas.photo import Photo
from counterpart.desktop.widgets.theme import colours, small_font

_GAP = 8.0


class Stage(QWidget):
    """Shows one pane or two side by side. Knows nothing of pointers and tools; `Canvas` adds them.

    Signals:
        zoomed: The view of a pane changed: its magnification in percent.
        count_changed: Number of panes shown now.

    Attributes:
        panes: Both panes, shown or not.
        overlay_shown: Whether anything lies over the images.
        lines_wanted: Whether lines between the images are drawn; not while points of one are worked on.
        layers: What further draws over the images, in widget positions, after the lines.
        linked: Whether both images are zoomed and moved together.
    """

    zoomed = Signal(float)
    count_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(320, 240)
        self.panes = [Pane(), Pane()]
        self.overlay_shown = True
        self.lines_wanted = True
        self.layers: list[Callable[[QPainter], None]] = []
        self.linked = False
        self._count = 1
        self._lines: PairLines | None = None
        self._hovered_line: int | None = None
        self._selected_line: int | None = None
        self._base = QPixmap()
        self._stale = QRegion()

    def sizeHint(self) -> QSize:
        return QSize(900, 640)

    # Contents -----------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of panes shown, 1 or 2."""
        return self._count

    def set_count(self, count: Literal[1, 2]) -> None:
        """Show one image or two."""
        if count != self._count:
            self._count = count
            self._arrange()
            self._view_changed(0)
            self.count_changed.emit(count)

    def shown(self) -> list[Pane]:
        """The panes that are shown."""
        return self.panes[: self._count]

    def set_photo(
        self, pane: int, photo: Photo | None, key: object, *, message: str = "", keep_view: bool = False
    ) -> None:
        """Show an image in a pane, or a message instead."""
        self.panes[pane].message = message
        self.panes[pane].set_photo(photo, key, keep_view=keep_view)
        self._views_moved()
        self.refresh()

    def set_labels(self, pane: int, labels: np.ndarray | None) -> None:
        """Lay a label map over an image."""
        self.panes[pane].labels = labels
        self.refresh(pane)

    def labels_changed(self, pane: int, left: int, top: int, right: int, bottom: int) -> None:
        """Redraw a half-open rectangle of image pixels whose labels were changed in place."""
        self._mark(QRegion(self.panes[pane].view.widget_rect(left, top, right, bottom)))

    def set_look(self, look: Look) -> None:
        """How photographs are brightened for viewing."""
        if look != self.panes[0].look:
            for pane in self.panes:
                pane.look = look
            self._views_moved()
            self.refresh()

    def set_heat(self, pane: int, heat: Heat | GridPaint | None) -> None:
        """Lay a map of numbers over an image, or take it away."""
        if heat is None and self.panes[pane].heat is None:
            return
        self.panes[pane].set_heat(heat)
        self.refresh(pane)

    def set_probe(self, pane: int | None, xy: tuple[float, float] | None, *, pinned: bool = False) -> None:
        """Mark where similarity is asked for; at most one pane has the mark."""
        for index, each in enumerate(self.panes):
            each.probe = xy if index == pane else None
            each.pinned = pinned and index == pane
        self.update()

    def set_style(self, pane: int, style: LabelStyle) -> None:
        """How the label map of a pane is drawn."""
        if style != self.panes[pane].style:
            self.panes[pane].style = style
            self.refresh(pane)

    def show_overlay(self, shown: bool) -> None:
        """Show or hide everything that lies over the images."""
        if shown != self.overlay_shown:
            self.overlay_shown = shown
            self.refresh()

    def set_lines(self, lines: PairLines | None) -> None:
        """Draw lines between the two panes."""
        self._lines = lines
        self._hovered_line = None
        self.update()

    @property
    def lines(self) -> PairLines | None:
        """The lines between the two panes."""
        return self._lines

    def mark_line(self, *, hovered: int | None = None, selected: int | None = None) -> None:
        """Draw one or two lines stronger than the others."""
        if (hovered, selected) != (self._hovered_line, self._selected_line):
            self._hovered_line, self._selected_line = hovered, selected
            self.update()

    def refresh(self, pane: int | None = None) -> None:
        """Redraw one pane or everything."""
        if pane is None:
            self._mark(QRegion(self.rect()))
        else:
            self._mark(QRegion(self.panes[pane].view.area.toAlignedRect()))

    def _mark(self, region: QRegion) -> None:
        self._stale += region.intersected(self.rect())
        self.update(region)

    # View ---------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show whole images."""
        for pane in self.shown():
            pane.view.fit()
        self._view_changed(0)

    def actual_size(self) -> None:
        """One image pixel a screen pixel, about the middle of the view."""
        for pane in self.shown():
            pane.view.set_percent(100)
        self._view_changed(0)

    def zoom_in(self, factor: float = 1.25) -> None:
        """Magnify about the pointer where it is over an image, else about the middle."""
        at = QPointF(self.mapFromGlobal(self.cursor().pos()))
        index = self.pane_at(at)
        for number, pane in enumerate(self.shown()):
            if index is None or number == index:
                pane.view.zoom(factor, at if number == index else None)
        self._view_changed(index or 0)

    def pan(self, pane: int, dx: float, dy: float) -> None:
        """Move the image of a pane by logical pixels."""
        self.panes[pane].view.pan(dx, dy)
        self._view_changed(pane)

    def set_linked(self, linked: bool) -> None:
        """Zoom and move both images together, or each by itself."""
        self.linked = linked
        if linked and self._count == 2:
            self._view_changed(0)

    def look_at(self, pane: int, x: float, y: float, span: float = 0.0) -> None:
        """Bring an image xy of a pane to its middle; with a span, magnify until no more image pixels than that fit."""
        view = self.panes[pane].view
        if span > 0:
            view.zoom(min(view.area.width(), view.area.height()) / span / view.scale)
        self.panes[pane].view.centre_on(x, y)
        self._view_changed(pane)

    def _view_changed(self, pane: int) -> None:
        """The view of a pane was moved or zoomed: the other follows where they are linked."""
        if self.linked and self._count == 2:
            self.panes[1 - pane].view.follow(self.panes[pane].view)
        self._views_moved()
        self.refresh()
        self.zoomed.emit(self.panes[pane].view.percent)

    def _views_moved(self) -> None:
        """Views, images or areas are others now: for what floats over them."""

    def _arrange(self) -> None:
        width, height, dpr = float(self.width()), float(self.height()), self.devicePixelRatioF()
        if self._count == 1:
            self.panes[0].view.set_area(QRectF(0, 0, width, height), dpr)
        else:
            half = math.floor((width - _GAP) / 2)
            self.panes[0].view.set_area(QRectF(0, 0, half, height), dpr)
            self.panes[1].view.set_area(QRectF(half + _GAP, 0, width - half - _GAP, height), dpr)
        self._views_moved()

    # Asking -------------------------------------------------------------------------------------------------

    def pane_at(self, position: QPointF) -> int | None:
        """Index of the pane under a widget position."""
        for index, pane in enumerate(self.shown()):
            if pane.view.area.contains(position):
                return index
        return None

    def line_at(self, position: QPointF) -> Hit | None:
        """The line under a widget position."""
        if self._lines is None or not self._lines_shown():
            return None
        return self._lines.hit(position, self.panes[0].view, self.panes[1].view)

    def label_at(self, pane: int, xy: tuple[float, float]) -> int:
        """Part id at image coordinates, 0 for background and outside."""
        labels = self.panes[pane].labels
        x, y = round(xy[0]), round(xy[1])
        if labels is None or not (0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]):
            return 0
        return int(labels[y, x])

    def clamped(self, pane: int, position: QPointF) -> tuple[float, float]:
        """Image xy of a widget position, kept on the image."""
        x, y = self.panes[pane].view.to_image(position)
        height, width = self.panes[pane].view.image_hw
        return min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)

    # Painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        self._paint_base()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._base)
        if self._lines is not None and self._lines_shown():
            painter.setClipRegion(QRegion(self.rect()))
            left, right = self.panes[0].view, self.panes[1].view
            self._lines.paint(painter, left, right, self._hovered_line, self._selected_line)
        for paint in self.layers if self.overlay_shown else ():
            paint(painter)
        for pane in self.shown():
            pane.paint_marks(painter)
            if self._count == 2:
                pane.paint_title(painter, small_font(self.font()))
        self.paint_over(painter)
        painter.end()

    def paint_over(self, painter: QPainter) -> None:
        """Draw over everything, in widget coordinates."""

    def _lines_shown(self) -> bool:
        """Lines lie between two images, and stand back while a map lies over one."""
        plain = all(pane.photo is not None and pane.heat is None for pane in self.shown())
        return self._count == 2 and self.overlay_shown and self.lines_wanted and plain

    def _paint_base(self) -> None:
        dpr = self.devicePixelRatioF()
        size = QSize(math.ceil(self.width() * dpr), math.ceil(self.height() * dpr))
        if self._base.size() != size or self._base.devicePixelRatio() != dpr:
            self._base = QPixmap(size)
            self._base.setDevicePixelRatio(dpr)
            self._arrange()
            self._stale = QRegion(self.rect())
        if self._stale.isEmpty():
            return
        painter = QPainter(self._base)
        ground, gap = QColor(colours().canvas), QColor(colours().window)
        for rect in _rects(self._stale):
            painter.save()
            painter.setClipRect(rect)
            painter.fillRect(rect, ground if self._count == 1 else gap)
            for pane in self.shown():
                painter.fillRect(pane.view.area.intersected(QRectF(rect)), ground)
                pane.paint(painter, rect, overlay=self.overlay_shown)
            painter.restore()
        painter.end()
        self._stale = QRegion()

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._arrange()
        self.refresh()
        self.zoomed.emit(self.panes[0].view.percent)  # a fitted image is larger or smaller now

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self.refresh()
        super().changeEvent(event)


def _rects(region: QRegion) -> Iterable[QRect]:
    """The rectangles of a region, or its bounds where they are so many that one is cheaper."""
    return [region.boundingRect()] if region.rectCount() > 8 else [rect for rect in region]  # type: ignore[attr-defined]  # noqa: C416
