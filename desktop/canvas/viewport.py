"""Which part of an image is seen in a rectangle of the window, and how large.

Frames: *widget* positions are logical pixels of the canvas; *edge* coordinates are image coordinates measured
from the outer edge of the first pixel (`edge = xy + 0.5`); `xy` is the program's own: pixel centres at
integers. The conversion happens here and nowhere else in the window.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPointF, QRect, QRectF

MAX_SCALE = 64.0
"""Largest magnification, screen pixels per image pixel."""
_MARGIN = 12.0
_KEEP = 48.0
_SNAP_FROM = 1.0


@dataclass(slots=True)
class Viewport:
    """A view of one image.

    Attributes:
        image_hw: Height and width of the image, pixels; (0, 0) for none.
        area: The rectangle of the canvas that the image is seen through, logical pixels.
        dpr: Device pixels per logical pixel of the screen.
        scale: Logical pixels per image pixel.
        origin: Widget position of the image's outer top left corner.
        fitted: Whether the image follows the size of the area.
    """

    image_hw: tuple[int, int] = (0, 0)
    area: QRectF = field(default_factory=QRectF)
    dpr: float = 1.0
    scale: float = 1.0
    origin: QPointF = field(default_factory=QPointF)
    fitted: bool = True

    # Conversions --------------------------------------------------------------------------------------------

    def to_widget(self, xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) image xy -> (..., 2) widget positions."""
        edge = np.asarray(xy, dtype=np.float64) + 0.5
        return edge * self.scale + (self.origin.x(), self.origin.y())

    def to_image(self, position: QPointF) -> tuple[float, float]:
        """Widget position -> image xy, not clamped."""
        return (
            (position.x() - self.origin.x()) / self.scale - 0.5,
            (position.y() - self.origin.y()) / self.scale - 0.5,
        )

    def pixel_at(self, position: QPointF) -> tuple[int, int] | None:
        """(x, y) of the image pixel under a widget position, or None outside the image."""
        x, y = (round(value) for value in self.to_image(position))
        height, width = self.image_hw
        return (x, y) if 0 <= x < width and 0 <= y < height and self.area.contains(position) else None

    def image_rect(self) -> QRectF:
        """Where the whole image lies in the widget, also where it is not seen."""
        height, width = self.image_hw
        return QRectF(self.origin.x(), self.origin.y(), width * self.scale, height * self.scale)

    def visible_rect(self) -> QRectF:
        """Where the image is seen in the widget."""
        return self.image_rect().intersected(self.area)

    def widget_rect(self, left: int, top: int, right: int, bottom: int, margin: int = 2) -> QRect:
        """The widget pixels that a half-open rectangle of image pixels covers, with a margin for outlines."""
        corner, far = self.to_widget([(left - 0.5, top - 0.5), (right - 0.5, bottom - 0.5)])
        rect = QRectF(corner[0], corner[1], far[0] - corner[0], far[1] - corner[1]).toAlignedRect()
        return rect.adjusted(-margin, -margin, margin, margin)

    # Moving about -------------------------------------------------------------------------------------------

    @property
    def percent(self) -> float:
        """Magnification in percent: at 100 one image pixel is one pixel of the screen."""
        return self.scale * self.dpr * 100

    def fit_scale(self) -> float:
        """Scale at which the whole image is seen, never magnified beyond 8 screen pixels a pixel."""
        height, width = self.image_hw
        if not (height and width):
            return 1.0
        room_x = max(self.area.width() - 2 * _MARGIN, 1.0)
        room_y = max(self.area.height() - 2 * _MARGIN, 1.0)
        return min(room_x / width, room_y / height, 8.0 / self.dpr)

    def fit(self) -> None:
        """Show the whole image, centred."""
        self.scale = self.fit_scale()
        self._centre_on(self.image_hw[1] / 2, self.image_hw[0] / 2)
        self.fitted = True

    def set_percent(self, percent: float, at: QPointF | None = None) -> None:
        """Set the magnification about a widget position, by default the centre."""
        self.zoom(percent / self.percent, at)

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Magnify by a factor about a widget position, by default the centre."""
        at = at if at is not None else self.area.center()
        low = min(self.fit_scale() * 0.25, 1.0 / self.dpr)
        scale = min(max(self.scale * factor, low), MAX_SCALE / self.dpr)
        ratio = scale / self.scale
        self.origin = QPointF(at.x() - (at.x() - self.origin.x()) * ratio, at.y() - (at.y() - self.origin.y()) * ratio)
        self.scale = scale
        self.fitted = False
        self._settle()

    def pan(self, dx: float, dy: float) -> None:
        """Move the image by logical pixels."""
        self.origin = QPointF(self.origin.x() + dx, self.origin.y() + dy)
        self.fitted = False
        self._settle()

    def centre_on(self, x: float, y: float) -> None:
        """Bring an image xy to the middle of the area."""
        self._centre_on(x + 0.5, y + 0.5)
        self.fitted = False

    def follow(self, other: Viewport) -> None:
        """Show of this image what another view shows of its own: as large beside `fit`, and in the same place."""
        if other.fitted:
            self.fit()
            return
        height, width = self.image_hw
        other_height, other_width = other.image_hw
        if not (height and width and other_height and other_width):
            return
        middle = other.to_image(other.area.center())
        self.scale = min(max(other.scale * self.fit_scale() / other.fit_scale(), 1e-4), MAX_SCALE / self.dpr)
        self._centre_on((middle[0] + 0.5) / other_width * width, (middle[1] + 0.5) / other_height * height)
        self.fitted = False

    def whole(self) -> bool:
        """Whether all of the image is seen."""
        return self.area.adjusted(-0.5, -0.5, 0.5, 0.5).contains(self.image_rect())

    def set_area(self, area: QRectF, dpr: float) -> None:
        """The rectangle was moved or resized: a fitted image fits again, another keeps its centre."""
        if area == self.area and dpr == self.dpr:
            return
        before = self.area.center()
        shift = area.center() - before
        self.area, self.dpr = area, dpr
        if self.fitted:
            self.fit()
        else:
            self.origin = self.origin + shift
            self._settle()

    def set_image(self, image_hw: tuple[int, int], *, keep: bool = False) -> None:
        """Another image. With `keep`, an image of the same size keeps the view, to flip through."""
        same = image_hw == self.image_hw
        self.image_hw = image_hw
        if not (keep and same):
            self.fit()

    def _centre_on(self, edge_x: float, edge_y: float) -> None:
        middle = self.area.center()
        self.origin = QPointF(middle.x() - edge_x * self.scale, middle.y() - edge_y * self.scale)
        self._settle()

    def _settle(self) -> None:
        """Keep some of the image in sight, and its pixels on the screen's once they are at least as large."""
        height, width = (side * self.scale for side in self.image_hw)
        x = min(max(self.origin.x(), self.area.left() - width + _KEEP), self.area.right() - _KEEP)
        y = min(max(self.origin.y(), self.area.top() - height + _KEEP), self.area.bottom() - _KEEP)
        if self.scale * self.dpr >= _SNAP_FROM:
            x, y = round(x * self.dpr) / self.dpr, round(y * self.dpr) / self.dpr
        self.origin = QPointF(x, y)
