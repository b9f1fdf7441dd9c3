"""Correspondence lines: what of them lies under the pointer."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor

from counterpart.desktop.canvas.pair_lines import PairLines
from counterpart.desktop.canvas.viewport import Viewport


def test_points_are_hit_before_lines_and_hidden_lines_never():
    left, right = Viewport(), Viewport()
    left.set_area(QRectF(0, 0, 400, 400), 1.0)
    right.set_area(QRectF(408, 0, 400, 400), 1.0)
    for view in (left, right):
        view.set_image((376, 376))
    a, b = np.array([[10.0, 50.0], [10.0, 200.0]]), np.array([[300.0, 50.0], [300.0, 200.0]])
    lines = PairLines(a, b, [QColor("red")] * 2, np.ones(2, bool), np.array([True, False]))
    start = QPointF(*left.to_widget(a[0]))
    assert (lines.hit(start, left, right).index, lines.hit(start, left, right).end) == (0, 0)
    middle = QPointF(404, start.y() + 2)
    assert (lines.hit(middle, left, right).index, lines.hit(middle, left, right).end) == (0, None)
    assert lines.hit(QPointF(*left.to_widget(a[1])), left, right) is None
