"""A small picture of the whole image in the corner of a pane, with a frame around what is seen of it."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from counterpart.desktop.canvas.compositor import LabelStyle, compose_labels
from counterpart.desktop.canvas.pane import Pane
from counterpart.desktop.canvas.scrub import Scrub
from counterpart.desktop.widgets.qimage import argb_to_qimage

_INSET = 12
_BORDER = 1.0
_LONGEST, _SHORTEST = 190.0, 90.0
_SHARE = 0.28
_CALM_MS = 120


class Minimap(QWidget):
    """Shown while not all of the image is seen. Pressing or dragging in it moves the view.

    Args:
        pane: What it is a map of.

    Attributes:
        scrub: Pressing and dragging in it.

    Signals:
        moved: Image xy that shall come to the middle of the view.
    """

    moved = Signal(float, float)

    def __init__(self, pane: Pane, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("minimap")
        self.setAccessibleName("Map of the image")
        self.setToolTip("Drag to move the view (N hides this map)")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._pane = pane
        self.scrub = Scrub(self, self._go, self._go_back)
        self._before: tuple[float, float] | None = None
        self._overlay: QImage | None = None
        self._overlay_wanted = True
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM_MS)
        self._calm.timeout.connect(self._redraw_labels)
        self.hide()

    def follow(self, *, wanted: bool, overlay: bool) -> None:
        """The view, the image or its area changed."""
        view = self._pane.view
        room = min(view.area.width(), view.area.height())
        needed = wanted and self._pane.photo is not None and room >= 2 * _SHORTEST and not view.whole()
        if needed:
            height, width = view.image_hw
            scale = min(max(_SHARE * room, _SHORTEST), _LONGEST) / max(height, width)
            size = max(round(width * scale), 12) + 2, max(round(height * scale), 12) + 2
            right, bottom = math.floor(view.area.right()) - _INSET, math.floor(view.area.bottom()) - _INSET
            place = QRect(right - size[0], bottom - size[1], *size)
            if place != self.geometry():
                self.setGeometry(place)
                self._overlay = None
        self._overlay_wanted = overlay
        self.setVisible(needed)
        self.update()

    def labels_changed(self) -> None:
        """Parts changed: drawn anew once they have come to rest, so that a stroke does not pay for it."""
        if self.isVisible() and not self._calm.isActive():
            self._calm.start()

    def _redraw_labels(self) -> None:
        self._overlay = None
        self.update()

    def _inner(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_BORDER, _BORDER, -_BORDER, -_BORDER)

    # Painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        photo = self._pane.photo
        if photo is None:
            return
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0))
        inner, dpr = self._inner(), self.devicePixelRatioF()
        photo.draw(painter, inner, inner, inner.width() * dpr / photo.hw[1], self._pane.look)
        if self._overlay_wanted and self._pane.heat is None and self._pane.labels is not None:
            if self._overlay is None:
                self._overlay = self._compose(self._pane.labels, dpr)
            if self._overlay is not None:
                painter.drawImage(inner.topLeft(), self._overlay)
        self._paint_frame(painter, inner)
        painter.end()

    def _compose(self, labels: np.ndarray, dpr: float) -> QImage | None:
        inner = self._inner()
        size = round(inner.width() * dpr), round(inner.height() * dpr)
        style = LabelStyle(self._pane.style.parts, self._pane.style.opacity, self._pane.style.fill)
        # One scale for both axes: the map's own rounding of its sides is below a pixel.
        made = compose_labels(labels, style, (0, 0, *size), (0.0, 0.0), size[0] / labels.shape[1])
        if made is None:
            return None
        image = argb_to_qimage(made[0])
        image.setDevicePixelRatio(dpr)
        return image

    def _paint_frame(self, painter: QPainter, inner: QRectF) -> None:
        """Dim what is not seen, and frame what is."""
        seen = self._seen(inner)
        around = QPainterPath()
        around.addRect(inner)
        hole = QPainterPath()
        hole.addRect(seen)
        painter.fillPath(around.subtracted(hole), QColor(0, 0, 0, 110))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 190), 3.0), (QColor(255, 255, 255, 240), 1.4)):
            painter.setPen(QPen(colour, width, j=Qt.PenJoinStyle.MiterJoin))
            painter.drawRect(seen)
        painter.setPen(QPen(QColor(255, 255, 255, 110), 1))
        painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    def _seen(self, inner: QRectF) -> QRectF:
        """What the view shows, in the map; never too small to be found."""
        view = self._pane.view
        rect, visible = view.image_rect(), view.visible_rect()
        to_x, to_y = inner.width() / rect.width(), inner.height() / rect.height()
        seen = QRectF(
            inner.x() + (visible.x() - rect.x()) * to_x,
            inner.y() + (visible.y() - rect.y()) * to_y,
            visible.width() * to_x,
            visible.height() * to_y,
        )
        grow_x, grow_y = max(6 - seen.width(), 0) / 2, max(6 - seen.height(), 0) / 2
        return seen.adjusted(-grow_x, -grow_y, grow_x, grow_y).intersected(inner)

    # Pointer ------------------------------------------------------------------------------------------------

    def _go_back(self) -> None:
        """The drag was given up: the view is where it was."""
        if self._before is not None:
            self.moved.emit(*self._before)

    def _go(self, event: QMouseEvent) -> None:
        view = self._pane.view
        if event.type() != QEvent.Type.MouseMove:
            self._before = view.to_image(view.area.center())
        at, inner = event.position(), self._inner()
        height, width = view.image_hw
        share = QPointF((at.x() - inner.x()) / inner.width(), (at.y() - inner.y()) / inner.height())
        x, y = (min(max(value, 0.0), 1.0) for value in (share.x(), share.y()))
        self.moved.emit(x * width - 0.5, y * height - 0.5)
