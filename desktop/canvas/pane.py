"""One image on the canvas, with everything that lies over it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen

from counterpart.core.geometry import GridGeometry
from counterpart.core.images.brightness import Look
from counterpart.desktop.canvas.captions import paint_chip
from counterpart.desktop.canvas.colourmap import heat_argb
from counterpart.desktop.canvas.compositor import LabelStyle, compose_labels
from counterpart.desktop.canvas.grid_paint import GridPaint, grid_picture
from counterpart.desktop.canvas.photo import Photo
from counterpart.desktop.canvas.viewport import Viewport
from counterpart.desktop.widgets.qimage import argb_to_qimage
from counterpart.desktop.widgets.theme import colours

_GRID_FROM = 12.0
_HEAT_PX = 320
_SHARP_PX = 1280


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A map of numbers over an image.

    Attributes:
        values: (rows, columns) float32 on the token grid.
        geometry: Where the tokens lie.
        low: Number drawn darkest.
        high: Number drawn lightest.
        peak: Image xy of the highest value, marked with a ring, or None.
        text: What the numbers are.
    """

    values: NDArray[np.float32]
    geometry: GridGeometry
    low: float
    high: float
    peak: tuple[float, float] | None = None
    text: str = ""


def heat_picture(heat: Heat | GridPaint, longest: int) -> QImage:
    """A map as a half transparent picture of the whole image, its longest side at most `longest` pixels."""
    if isinstance(heat, GridPaint):
        return grid_picture(heat, longest)
    height, width = heat.geometry.image_hw
    shrink = min(longest / max(height, width), 1.0)
    out = (max(round(height * shrink), 1), max(round(width * shrink), 1))
    smooth = heat.geometry.upsample(heat.values, out_hw=out)
    return argb_to_qimage(heat_argb(smooth, heat.low, heat.high))


class Pane:
    """State of one image on the canvas and how it is painted; no widget of its own.

    Attributes:
        view: Which part of the image is seen.
        title: Name shown above the image where there are two.
        labels: Part ids or None. The canvas never writes to it.
        style: How they are drawn.
        look: How the photograph is brightened for viewing.
        message: Shown instead of the image where there is none: it is loading, or cannot be read.
        probe: Image xy marked with a cross: where similarity is asked for.
        pinned: Whether the probe stays when the pointer moves.
        leaving: Whether another image is being read for it: the one that is still seen is not the one that is meant.
    """

    def __init__(self) -> None:
        self.view = Viewport()
        self.title = ""
        self.message = ""
        self.labels: NDArray[np.integer] | None = None
        self.style = LabelStyle()
        self.look = Look()
        self.probe: tuple[float, float] | None = None
        self.pinned = False
        self.image_key: object = None
        self.leaving = False
        self._photo: Photo | None = None
        self._heat: Heat | GridPaint | None = None
        self._heat_image: QImage | None = None

    # What is shown ------------------------------------------------------------------------------------------

    @property
    def photo(self) -> Photo | None:
        """The photograph."""
        return self._photo

    def set_photo(self, photo: Photo | None, key: object, *, keep_view: bool = False) -> None:
        """Show another image; what lay over the old one goes."""
        self._photo = photo
        self.image_key = key
        self.leaving = False
        self.labels = None
        self.probe = None
        self.pinned = False
        self.set_heat(None)
        self.view.set_image(photo.hw if photo else (0, 0), keep=keep_view)

    @property
    def heat(self) -> Heat | GridPaint | None:
        """The map of numbers over the image."""
        return self._heat

    def set_heat(self, heat: Heat | GridPaint | None) -> None:
        """Lay a map of numbers or of colours over the image, or take it away."""
        self._heat = heat
        longest = _HEAT_PX if isinstance(heat, Heat) or (heat is not None and heat.smooth) else _SHARP_PX
        self._heat_image = None if heat is None else heat_picture(heat, longest)

    # Painting -----------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, exposed: QRect, *, overlay: bool) -> None:
        """Paint the image and what lies over it, clipped to the pane's area."""
        area = self.view.area
        painter.save()
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        if self._photo is None:
            self._paint_message(painter)
        else:
            rect = self.view.image_rect()
            part = QRectF(exposed).intersected(area)
            self._photo.draw(painter, rect, part, self.view.scale * self.view.dpr, self.look)
            if overlay:
                if self._heat_image is not None:
                    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
                    painter.drawImage(rect, self._heat_image)
                elif self.labels is not None:
                    self._paint_labels(painter, exposed.intersected(area.toAlignedRect()))
            self._paint_grid(painter, part)
        painter.restore()

    def paint_marks(self, painter: QPainter) -> None:
        """Draw the probe and the peak, which move with the pointer."""
        if self._photo is None or (self.probe is None and self._heat is None):
            return
        painter.save()
        painter.setClipRect(self.view.area)
        self._paint_marks(painter)
        painter.restore()

    def _paint_message(self, painter: QPainter) -> None:
        if self.message:
            painter.setPen(QColor(colours().muted))
            box = self.view.area.adjusted(24, 24, -24, -24)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.message)

    def _paint_labels(self, painter: QPainter, exposed: QRect) -> None:
        assert self.labels is not None
        dpr = self.view.dpr
        window = (
            math.floor(exposed.left() * dpr),
            math.floor(exposed.top() * dpr),
            math.ceil((exposed.right() + 1) * dpr),
            math.ceil((exposed.bottom() + 1) * dpr),
        )
        origin = (self.view.origin.x() * dpr, self.view.origin.y() * dpr)
        made = compose_labels(self.labels, self.style, window, origin, self.view.scale * dpr)
        if made is None:
            return
        argb, left, top = made
        image = argb_to_qimage(argb)
        image.setDevicePixelRatio(dpr)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(QPointF(left / dpr, top / dpr), image)

    def _paint_grid(self, painter: QPainter, part: QRectF) -> None:
        """Lines between pixels, once they are large enough to be told apart."""
        step = self.view.scale
        if step * self.view.dpr < _GRID_FROM:
            return
        seen = part.intersected(self.view.image_rect())
        if seen.isEmpty():
            return
        origin = self.view.origin
        pen = QPen(QColor(128, 128, 128, 90), 0)
        painter.setPen(pen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for index in range(
            math.ceil((seen.left() - origin.x()) / step), math.floor((seen.right() - origin.x()) / step) + 1
        ):
            x = origin.x() + index * step
            painter.drawLine(QPointF(x, seen.top()), QPointF(x, seen.bottom()))
        for index in range(
            math.ceil((seen.top() - origin.y()) / step), math.floor((seen.bottom() - origin.y()) / step) + 1
        ):
            y = origin.y() + index * step
            painter.drawLine(QPointF(seen.left(), y), QPointF(seen.right(), y))

    def _paint_marks(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if self._heat is not None and self._heat.peak is not None:
            _ring(painter, QPointF(*self.view.to_widget(self._heat.peak)), 9.0, QColor("#ffffff"))
        if self.probe is not None:
            at = QPointF(*self.view.to_widget(self.probe))
            accent = QColor(colours().accent)
            _cross(painter, at, accent if self.pinned else QColor("#ffffff"))

    def paint_title(self, painter: QPainter, font: QFont) -> None:
        """The image's name on a dark ground in the pane's corner."""
        if not self.title:
            return
        painter.save()
        painter.setFont(font)
        metrics = painter.fontMetrics()
        area = self.view.area
        room = area.width() - 32
        text = metrics.elidedText(self.title, Qt.TextElideMode.ElideMiddle, int(max(room, 24)))
        paint_chip(painter, text, area.left() + 8, area.top() + 8)
        painter.restore()


def _ring(painter: QPainter, at: QPointF, radius: float, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 170), 4))
    painter.drawEllipse(at, radius, radius)
    painter.setPen(QPen(colour, 2))
    painter.drawEllipse(at, radius, radius)


def _cross(painter: QPainter, at: QPointF, colour: QColor) -> None:
    for pen in (QPen(QColor(0, 0, 0, 190), 4), QPen(colour, 2)):
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            painter.drawLine(QPointF(at.x() + 4 * dx, at.y() + 4 * dy), QPointF(at.x() + 11 * dx, at.y() + 11 * dy))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(at, 1.5, 1.5)
