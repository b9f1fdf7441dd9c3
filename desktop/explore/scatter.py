"""Points in the plane, thousands of them: look closer, point at one, drag around some."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from counterpart.desktop.widgets.theme import colours

_MARGIN = 14
_NEAR_PX = 10.0
_DRAG_PX = 4


class Scatter(QWidget):
    """A scatter that is painted once and kept, so that selecting and pointing stay quick with many points.

    Wheel zooms at the pointer, the middle button moves, a double click shows everything.

    Signals:
        selected: (N,) bool of the points that were dragged around; empty selection when the ground was clicked.
        hovered: Index of the point under the pointer, -1 for none.
        picked: Index of the point that was clicked.
    """

    selected = Signal(object)
    hovered = Signal(int)
    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Descriptors in the plane")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 200)
        self._xy: NDArray[np.float64] = np.zeros((0, 2))
        self._colours: NDArray[np.uint8] = np.zeros((0, 3), dtype=np.uint8)
        self._chosen: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self._under = -1
        self._zoom, self._centre = 1.0, np.zeros(2)
        self._lasso: list[QPointF] = []
        self._grip: QPointF | None = None
        self._kept: QImage | None = None

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    # What is shown ------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self._xy)

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """(N,) bool: the selected points."""
        return self._chosen

    def set_points(self, xy: NDArray[np.floating], point_colours: NDArray[np.uint8], *, keep: bool = False) -> None:
        """Show (N, 2) places, y upwards, in (N, 3) uint8 colours; `keep` keeps selection and zoom."""
        keep = keep and len(xy) == len(self._xy)
        self._xy, self._colours = np.asarray(xy, dtype=np.float64), point_colours
        if not keep:
            self._chosen = np.zeros(len(xy), dtype=np.bool_)
            self._zoom, self._centre = 1.0, np.zeros(2)
            self._under = -1
        self._redraw()

    def set_colours(self, point_colours: NDArray[np.uint8]) -> None:
        """Colour the same points differently."""
        self._colours = point_colours
        self._redraw()

    def set_chosen(self, chosen: NDArray[np.bool_]) -> None:
        """Light some points up; tells nobody."""
        self._chosen = chosen
        self._redraw()

    def _redraw(self) -> None:
        self._kept = None
        self.update()

    # Where points lie ---------------------------------------------------------------------------------------

    def _places(self) -> NDArray[np.float64]:
        """(N, 2) widget coordinates of the points."""
        if not len(self._xy):
            return np.zeros((0, 2))
        low, high = self._xy.min(axis=0), self._xy.max(axis=0)
        span = max(float((high - low).max()), 1e-9)
        side = max(min(self.width(), self.height()) - 2 * _MARGIN, 10)
        unit = (self._xy - (low + high) / 2) / span * [1, -1]
        middle = np.array([self.width() / 2, self.height() / 2])
        return np.asarray((unit * side - self._centre) * self._zoom + middle)

    def point_at(self, position: QPointF) -> int:
        """The point nearest to a widget position, -1 when none is near."""
        if not len(self._xy):
            return -1
        away = np.hypot(*(self._places() - [position.x(), position.y()]).T)
        nearest = int(away.argmin())
        return nearest if away[nearest] <= _NEAR_PX else -1

    def place_of(self, point: int) -> QPoint:
        """Widget position of a point."""
        x, y = self._places()[point]
        return QPoint(round(x), round(y))

    # The pointer --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._grip = event.position()
        elif event.button() == Qt.MouseButton.LeftButton and len(self._xy):
            self._lasso = [event.position()]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            moved = event.position() - self._grip
            self._centre = self._centre - np.array([moved.x(), moved.y()]) / self._zoom
            self._grip = event.position()
            self._redraw()
        elif self._lasso:
            self._lasso.append(event.position())
            self.update()
        else:
            under = self.point_at(event.position())
            if under != self._under:
                self._under = under
                self.hovered.emit(under)
                self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._grip = None
        if event.button() != Qt.MouseButton.LeftButton or not self._lasso:
            return
        lasso, self._lasso = self._lasso, []
        if max((point - lasso[0]).manhattanLength() for point in (*lasso, event.position())) <= _DRAG_PX:
            self._click(event.position())
            return
        polygon = QPolygonF([*lasso, event.position()])
        inside = [polygon.containsPoint(QPointF(x, y), Qt.FillRule.OddEvenFill) for x, y in self._places().tolist()]
        self._choose(np.array(inside, dtype=np.bool_), event.modifiers())

    def _click(self, position: QPointF) -> None:
        point = self.point_at(position)
        if point < 0:
            self._choose(np.zeros(len(self._xy), dtype=np.bool_), Qt.KeyboardModifier.NoModifier)
            return
        self.picked.emit(point)

    def _choose(self, chosen: NDArray[np.bool_], modifiers: Qt.KeyboardModifier) -> None:
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            chosen = chosen | self._chosen
        elif modifiers & Qt.KeyboardModifier.ControlModifier:
            chosen = self._chosen & ~chosen
        self._chosen = chosen
        self._redraw()
        self.selected.emit(chosen)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.point_at(event.position()) < 0:
            self._zoom, self._centre = 1.0, np.zeros(2)
            self._redraw()

    def wheelEvent(self, event: QWheelEvent) -> None:
        factor = 1.0015 ** event.angleDelta().y()
        zoom = float(np.clip(self._zoom * factor, 1.0, 60.0))
        at = event.position()
        offset = np.array([at.x() - self.width() / 2, at.y() - self.height() / 2])
        self._centre = self._centre + offset / self._zoom - offset / zoom
        self._zoom = zoom
        self._redraw()
        event.accept()

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._redraw()

    # Painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._kept is None:
            self._kept = self._paint_points()
        painter = QPainter(self)
        painter.drawImage(0, 0, self._kept)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if 0 <= self._under < len(self._xy):
            painter.setPen(QPen(QColor(colours().text), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(self.place_of(self._under)), 6.0, 6.0)
        if len(self._lasso) > 1:
            painter.setPen(QPen(QColor(colours().accent), 1.5))
            fill = QColor(colours().accent)
            fill.setAlpha(40)
            painter.setBrush(fill)
            painter.drawPolygon(QPolygonF(self._lasso))

    def _paint_points(self) -> QImage:
        dpr = self.devicePixelRatioF()
        image = QImage((QSize(self.width(), self.height()) * dpr), QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(dpr)
        image.fill(QColor(colours().canvas))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        places = self._places()
        some = bool(self._chosen.any())
        radius = 2.0 if len(places) > 3000 else 2.6
        for chosen in (False, True):
            mine = np.flatnonzero(self._chosen == chosen)
            alpha = 255 if chosen else 60 if some else 190
            grow = radius + (1.0 if chosen else 0.0)
            # One brush per colour: setting it anew for each point would take most of the time.
            codes = self._colours[mine].astype(np.int64) @ np.array([65536, 256, 1])
            for code in np.unique(codes):
                painter.setBrush(QColor(int(code) >> 16, int(code) >> 8 & 255, int(code) & 255, alpha))
                for x, y in places[mine[codes == code]].tolist():
                    painter.drawEllipse(QRectF(x - grow, y - grow, 2 * grow, 2 * grow))
        painter.end()
        return image
