"""Instances of keypoints on the canvas: how they are drawn, and what of them lies under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.desktop.canvas.viewport import Viewport
from counterpart.desktop.widgets.theme import colours

LEFT, RIGHT, MIDDLE = QColor(86, 180, 233), QColor(222, 126, 178), QColor(240, 228, 66)
"""Left, right and what has no side: told apart by the colour-blind too, and none of them the orange of doubt."""
_REACH = 10.0
_RADIUS = 5.0


@dataclass(frozen=True, slots=True)
class PointHit:
    """A point under the pointer.

    Attributes:
        instance: Its instance.
        index: Which keypoint of the skeleton.
    """

    instance: int
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An instance as it is drawn.

    Attributes:
        points: Its points.
        skeleton: Their names and edges.
        colours: One for each keypoint.
        active: Whether gestures go to this one; the others stand back.
    """

    points: KeypointSet
    skeleton: Skeleton
    colours: Sequence[QColor]
    active: bool = True

    @property
    def shown(self) -> NDArray[np.bool_]:
        """(K,) bool: there is a point, or in the active instance a place that an absent point remembers."""
        placed = np.isfinite(self.points.xy).all(axis=1)
        return np.asarray(placed & ((self.points.visibility > 0) | self.active))


def sides_of(skeleton: Skeleton) -> list[int]:
    """-1 for each left keypoint, 1 for each right one, 0 for those without a twin."""
    from counterpart.core.transfer.skeleton import mirror_order

    order = mirror_order(skeleton)
    sides = [0] * len(skeleton)
    for index, twin in enumerate(order.tolist()):
        if twin != index and not sides[index]:
            first, second = index, twin
            if (twin, index) in skeleton.mirror_pairs or "right" in skeleton.names[index].lower():
                first, second = twin, index
            sides[first], sides[second] = -1, 1
    return sides


def point_colours(skeleton: Skeleton) -> list[QColor]:
    """The skeleton's own colours, or one for each side."""
    if skeleton.colours:
        return [QColor(*colour) for colour in skeleton.colours]
    return [{-1: LEFT, 0: MIDDLE, 1: RIGHT}[side] for side in sides_of(skeleton)]


def hit_point(drawn: Sequence[Drawn], view: Viewport, position: QPointF) -> PointHit | None:
    """The nearest point within reach; of two at one place, the active instance's."""
    best, found = _REACH, None
    at = np.array([position.x(), position.y()])
    for each in sorted(drawn, key=lambda item: not item.active):
        shown = np.flatnonzero(each.shown)
        if not shown.size:
            continue
        away = np.hypot(*(view.to_widget(each.points.xy[shown]) - at).T)
        nearest = int(away.argmin())
        if away[nearest] < best - (0 if found is None else 2):
            best, found = float(away[nearest]), PointHit(each.points.instance, int(shown[nearest]))
    return found


# Drawing ------------------------------------------------------------------------------------------------------------


def draw_instance(
    painter: QPainter, drawn: Drawn, view: Viewport, *, hovered: int = -1, selected: int = -1, scale: float = 1.0
) -> None:
    """Draw edges, then points. `scale` makes everything smaller, for thumbnails."""
    points = drawn.points
    at = view.to_widget(np.nan_to_num(points.xy))
    there = points.present
    guessed = points.origin == Origin.TRANSFERRED
    alpha = 1.0 if drawn.active else 0.6
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for first, second in drawn.skeleton.edges:
        if there[first] and there[second]:
            dashed = bool(guessed[first] or guessed[second])
            _edge(painter, at[first], at[second], _between(drawn.colours[first], drawn.colours[second]), dashed,
                  alpha * (0.55 if dashed else 0.9), scale)  # fmt: skip
    for index in np.flatnonzero(drawn.shown).tolist():
        radius = _RADIUS + (2.0 if index in (hovered, selected) else 0.0)
        _point(painter, QPointF(*at[index]), drawn, index, radius * scale, alpha)
        if index == selected:
            _halo(painter, QPointF(*at[index]), radius * scale + 6 * scale)


def _between(first: QColor, second: QColor) -> QColor:
    pairs = ((first.red(), second.red()), (first.green(), second.green()), (first.blue(), second.blue()))
    return QColor(*((a + b) // 2 for a, b in pairs))


def _edge(
    painter: QPainter,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    colour: QColor,
    dashed: bool,
    alpha: float,
    scale: float,
) -> None:
    casing = QPen(QColor(0, 0, 0, round(110 * alpha)), 4.0 * scale)
    faded = QColor(colour)
    faded.setAlphaF(alpha)
    pen = QPen(faded, 2.0 * scale)
    if dashed:
        pen.setDashPattern([4, 2.5])
    for each in (casing, pen):
        each.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(each)
        painter.drawLine(QPointF(*a), QPointF(*b))


def _point(painter: QPainter, at: QPointF, drawn: Drawn, index: int, radius: float, alpha: float) -> None:
    """Filled: visible. Hollow: hidden. Dashed rim: predicted. Orange: doubtful. A small cross: said to be absent."""
    points = drawn.points
    guessed = bool(points.origin[index] == Origin.TRANSFERRED)
    visibility = int(points.visibility[index])
    doubtful = guessed and visibility == 1
    colour = QColor(colours().warning) if doubtful else QColor(drawn.colours[index])
    colour.setAlphaF(alpha)
    white, dark = QColor(255, 255, 255, round(255 * alpha)), QColor(0, 0, 0, round(170 * alpha))
    if visibility == 0:
        for pen in (QPen(dark, 4), QPen(colour, 1.8)):
            painter.setPen(pen)
            for dx, dy in ((1, 1), (1, -1)):
                reach = 0.75 * radius
                painter.drawLine(
                    QPointF(at.x() - reach * dx, at.y() - reach * dy), QPointF(at.x() + reach * dx, at.y() + reach * dy)
                )
        return
    hollow = visibility == 1
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(dark)
    painter.drawEllipse(at, radius + 2.4, radius + 2.4)
    if guessed:
        painter.setBrush(colour)
        if not hollow:
            painter.drawEllipse(at, 0.62 * radius, 0.62 * radius)
        rim = QPen(colour if hollow else white, 1.7)
        rim.setDashPattern([2.4, 1.3])
        rim.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(rim)
        painter.drawEllipse(at, radius + 0.8, radius + 0.8)
        return
    painter.setBrush(QColor(0, 0, 0, round(90 * alpha)) if hollow else colour)
    painter.setPen(QPen(colour if hollow else white, 2.2 if hollow else 1.6))
    painter.drawEllipse(at, radius, radius)


def _halo(painter: QPainter, at: QPointF, radius: float) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(QColor(0, 0, 0, 150), 4), QPen(QColor(colours().accent), 2)):
        painter.setPen(pen)
        painter.drawEllipse(at, radius, radius)


def paint_pill(
    painter: QPainter, at: QPointF, text: str, font: QFont, area: QRectF, *, dot: QColor | None = None
) -> None:
    """Words on a dark ground beside a place, kept within an area."""
    painter.save()
    painter.setFont(font)
    metrics = painter.fontMetrics()
    room = 14 if dot is not None else 0
    width, height = metrics.horizontalAdvance(text) + 16 + room, metrics.height() + 6
    left = at.x() + 14 if at.x() + 14 + width < area.right() else at.x() - 14 - width
    top = min(max(at.y() - height / 2, area.top() + 4), area.bottom() - height - 4)
    box = QRectF(left, top, width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(16, 17, 19, 215))
    painter.drawRoundedRect(box, 4, 4)
    if dot is not None:
        painter.setBrush(dot)
        painter.drawEllipse(QPointF(box.left() + 13, box.center().y()), 4, 4)
    painter.setPen(QColor("#f2f3f5"))
    painter.drawText(box.adjusted(8 + room, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, text)
    painter.restore()
