"""The box around an instance by whose handles it is moved, turned and scaled as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from counterpart.desktop.canvas.viewport import Viewport
from counterpart.desktop.keypoints.instance_drawing import Drawn
from counterpart.desktop.widgets.theme import colours

_PAD = 22.0
_HANDLE = 4.0
_REACH = 8.0
_KNOB = 24.0
_EDGE_REACH = 5.0
_MIN_FACTOR = 0.05

CURSORS = {
    "move": Qt.CursorShape.SizeAllCursor,
    "rotate": Qt.CursorShape.PointingHandCursor,
    "n": Qt.CursorShape.SizeVerCursor,
    "s": Qt.CursorShape.SizeVerCursor,
    "e": Qt.CursorShape.SizeHorCursor,
    "w": Qt.CursorShape.SizeHorCursor,
    "nw": Qt.CursorShape.SizeFDiagCursor,
    "se": Qt.CursorShape.SizeFDiagCursor,
    "ne": Qt.CursorShape.SizeBDiagCursor,
    "sw": Qt.CursorShape.SizeBDiagCursor,
}
"""The pointer's shape over each handle."""
VERBS = {"move": "Move instance", "rotate": "Turn instance"}
"""What dragging a handle is called; all others scale."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The box, in widget positions.

    Attributes:
        rect: The box, wider than what the points span.
    """

    rect: QRectF

    @classmethod
    def around(cls, drawn: Drawn, view: Viewport) -> Frame | None:
        """The box of an instance; None where fewer than two points are placed."""
        placed = drawn.points.xy[drawn.points.present]
        if len(placed) < 2:
            return None
        at = view.to_widget(placed)
        low, high = at.min(axis=0) - _PAD, at.max(axis=0) + _PAD
        return cls(QRectF(low[0], low[1], high[0] - low[0], high[1] - low[1]))

    def handles(self) -> dict[str, QPointF]:
        """Where the handles are."""
        box, mid = self.rect, self.rect.center()
        return {
            "nw": box.topLeft(),
            "n": QPointF(mid.x(), box.top()),
            "ne": box.topRight(),
            "e": QPointF(box.right(), mid.y()),
            "se": box.bottomRight(),
            "s": QPointF(mid.x(), box.bottom()),
            "sw": box.bottomLeft(),
            "w": QPointF(box.left(), mid.y()),
            "rotate": QPointF(mid.x(), box.top() - _KNOB),
        }

    def hit(self, position: QPointF) -> str:
        """The handle under a widget position; `move` on the line of the box; empty elsewhere."""
        for name, at in self.handles().items():
            if max(abs(position.x() - at.x()), abs(position.y() - at.y())) <= _REACH:
                return name
        reach = _EDGE_REACH
        outer = self.rect.adjusted(-reach, -reach, reach, reach)
        inner = self.rect.adjusted(reach, reach, -reach, -reach)
        return "move" if outer.contains(position) and not inner.contains(position) else ""

    def paint(self, painter: QPainter) -> None:
        """Draw the box and its handles."""
        accent, dark = QColor(colours().accent), QColor(0, 0, 0, 130)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        top = QPointF(self.rect.center().x(), self.rect.top())
        knob = self.handles()["rotate"]
        for pen in (QPen(dark, 3), QPen(accent, 1)):
            painter.setPen(pen)
            painter.drawRect(self.rect)
            painter.drawLine(top, knob)
        painter.setPen(QPen(accent, 1.4))
        painter.setBrush(QColor("#ffffff"))
        for name, at in self.handles().items():
            if name == "rotate":
                painter.drawEllipse(at, _HANDLE + 1, _HANDLE + 1)
            else:
                painter.drawRect(QRectF(at.x() - _HANDLE, at.y() - _HANDLE, 2 * _HANDLE, 2 * _HANDLE))


def transformed(
    xy: NDArray[np.float64],
    present: NDArray[np.bool_],
    handle: str,
    start: tuple[float, float],
    now: tuple[float, float],
    *,
    free: bool = False,
) -> NDArray[np.float64]:
    """The points after a drag of a handle, (K, 2) image pixels; those without a place stay without.

    Args:
        xy: (K, 2) the points before.
        present: (K,) bool, the points whose span the box had.
        handle: What was dragged.
        start: Image xy where the drag began.
        now: Image xy where it is.
        free: A corner stretches both ways apart from each other.
    """
    begin, end = np.array(start), np.array(now)
    if handle == "move":
        return np.asarray(xy + (end - begin))
    low, high = xy[present].min(axis=0), xy[present].max(axis=0)
    if handle == "rotate":
        centre = (low + high) / 2
        angle = np.arctan2(*(end - centre)[::-1]) - np.arctan2(*(begin - centre)[::-1])
        cos, sin = np.cos(angle), np.sin(angle)
        return np.asarray(centre + (xy - centre) @ np.array([[cos, sin], [-sin, cos]]))
    pivot = np.array([high[0] if "w" in handle else low[0], high[1] if "n" in handle else low[1]])
    arm = begin - pivot
    arm = np.where(np.abs(arm) < 1e-6, 1e-6, arm)
    if len(handle) == 2 and not free:
        factor = np.full(2, float((end - pivot) @ arm / (arm @ arm)))
    else:
        factor = (end - pivot) / arm
    factor = np.maximum(factor, _MIN_FACTOR)
    if handle in ("n", "s"):
        factor[0] = 1.0
    elif handle in ("e", "w"):
        factor[1] = 1.0
    return np.asarray(pivot + (xy - pivot) * factor)
