"""Correspondence lines between two images: arrays, drawn and hit without an object per line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from counterpart.desktop.canvas.viewport import Viewport

_POINT_REACH = 10.0
_LINE_REACH = 5.0


@dataclass(frozen=True, slots=True)
class Hit:
    """What lies under the pointer.

    Attributes:
        index: Which line.
        end: 0 or 1 for its point in the left or right image, None for the line between.
    """

    index: int
    end: int | None


@dataclass(frozen=True, slots=True, eq=False)
class PairLines:
    """Lines between a left and a right image.

    Attributes:
        xy_a: (N, 2) image pixels on the left.
        xy_b: (N, 2) image pixels on the right.
        colours: One per line.
        solid: (N,) bool; lines that nobody has accepted are dashed.
        shown: (N,) bool; what is not shown is neither drawn nor hit.
    """

    xy_a: NDArray[np.float64]
    xy_b: NDArray[np.float64]
    colours: Sequence[QColor]
    solid: NDArray[np.bool_]
    shown: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.xy_a)

    def ends(self, left: Viewport, right: Viewport) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N, 2) widget positions of both ends."""
        return left.to_widget(self.xy_a), right.to_widget(self.xy_b)

    def hit(self, position: QPointF, left: Viewport, right: Viewport) -> Hit | None:
        """The nearest point within reach, else the nearest line within reach."""
        if len(self) == 0:
            return None
        at = np.array([position.x(), position.y()])
        a, b = self.ends(left, right)
        away = np.where(self.shown, 0.0, np.inf)
        to_ends = np.stack([np.hypot(*(a - at).T), np.hypot(*(b - at).T)]) + away
        end, index = np.unravel_index(int(to_ends.argmin()), to_ends.shape)
        if to_ends[end, index] <= _POINT_REACH:
            return Hit(int(index), int(end))
        along = b - a
        length = np.maximum((along**2).sum(axis=1), 1e-9)
        share = np.clip(((at - a) * along).sum(axis=1) / length, 0, 1)
        to_lines = np.hypot(*(a + along * share[:, None] - at).T) + away
        nearest = int(to_lines.argmin())
        return Hit(nearest, None) if to_lines[nearest] <= _LINE_REACH else None

    def paint(
        self, painter: QPainter, left: Viewport, right: Viewport, hovered: int | None, selected: int | None
    ) -> None:
        """Draw all lines; the hovered and the selected one last and stronger, the others a little fainter meanwhile."""
        a, b = self.ends(left, right)
        marked = [index for index in (selected, hovered) if index is not None and index < len(self)]
        others = [index for index in np.flatnonzero(self.shown).tolist() if index not in marked]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        faint = 0.7 if selected is not None else 1.0  # enough to lead the eye, with every line still to be judged
        for index in others:
            self._line(painter, a[index], b[index], index, 2.0, faint)
        for index in others:
            self._points(painter, a[index], b[index], index, 5.0, max(faint, 0.85))
        for index in marked:
            self._line(painter, a[index], b[index], index, 3.0, 1.0)
            self._points(painter, a[index], b[index], index, 7.0, 1.0)

    def _line(
        self,
        painter: QPainter,
        a: NDArray[np.float64],
        b: NDArray[np.float64],
        index: int,
        width: float,
        alpha: float,
    ) -> None:
        casing = QPen(QColor(0, 0, 0, round(120 * alpha)), width + 2)
        colour = QColor(self.colours[index])
        colour.setAlphaF(alpha)
        pen = QPen(colour, width)
        if not self.solid[index]:
            pen.setDashPattern([5, 2.5])
        for each in (casing, pen):
            each.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(each)
            painter.drawLine(QPointF(*a), QPointF(*b))

    def _points(
        self,
        painter: QPainter,
        a: NDArray[np.float64],
        b: NDArray[np.float64],
        index: int,
        radius: float,
        alpha: float,
    ) -> None:
        fill = QColor(self.colours[index])
        fill.setAlphaF(alpha)
        for place in (a, b):
            at = QPointF(*place)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(0, 0, 0, round(170 * alpha)))
            painter.drawEllipse(at, radius + 2.5, radius + 2.5)
            painter.setBrush(QColor(255, 255, 255, round(255 * alpha)))
            painter.drawEllipse(at, radius + 1.2, radius + 1.2)
            painter.setBrush(fill)
            painter.drawEllipse(at, radius - 0.3, radius - 0.3)
