"""Where image pixels lie in the window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF

from counterpart.desktop.canvas.viewport import MAX_SCALE, Viewport


def view(hw=(300, 400), area=(0, 0, 800, 600), dpr=1.0):
    made = Viewport()
    made.set_area(QRectF(*area), dpr)
    made.set_image(hw)
    return made


def test_a_fitted_image_is_whole_and_in_the_middle():
    made = view()
    rect = made.image_rect()
    assert made.area.contains(rect)
    assert rect.center() == made.area.center()
    assert made.fitted


@given(
    x=st.floats(-50, 500),
    y=st.floats(-50, 500),
    zoom=st.floats(0.1, 60),
    dpr=st.sampled_from([1.0, 1.25, 1.5, 2.0]),
    dx=st.floats(-300, 300),
)
def test_widget_and_image_positions_invert_each_other(x, y, zoom, dpr, dx):
    made = view(dpr=dpr)
    made.zoom(zoom, QPointF(123, 45))
    made.pan(dx, -dx / 3)
    assert made.to_image(QPointF(*made.to_widget((x, y)))) == pytest.approx((x, y), abs=1e-6)


@pytest.mark.parametrize("dpr", [1.0, 1.5, 2.0])
def test_zooming_keeps_what_is_under_the_pointer(dpr):
    made = view(dpr=dpr)
    at = QPointF(310, 222)
    before = made.to_image(at)
    made.zoom(3.7, at)
    # Settling on whole screen pixels may move it by less than one of them.
    moved = np.abs(np.subtract(made.to_image(at), before)).max() * made.scale * dpr
    assert moved <= 1.0


@pytest.mark.parametrize("dpr", [1.0, 1.5, 2.0])
def test_at_100_percent_an_image_pixel_is_a_pixel_of_the_screen(dpr):
    made = view(dpr=dpr)
    made.set_percent(100)
    assert made.percent == pytest.approx(100)
    assert made.scale * dpr == pytest.approx(1)
    origin = (made.origin.x() * dpr, made.origin.y() * dpr)
    assert origin == pytest.approx(np.round(origin), abs=1e-9)


def test_the_pixel_under_a_position_covers_half_a_pixel_around_its_centre():
    made = view()
    made.set_percent(1000)
    made.centre_on(7, 9)
    centre = QPointF(*made.to_widget((7, 9)))
    assert made.pixel_at(centre) == (7, 9)
    assert made.pixel_at(centre + QPointF(4.9, -4.9)) == (7, 9)
    assert made.pixel_at(centre + QPointF(5.1, 0)) == (8, 9)


def test_positions_outside_the_image_have_no_pixel():
    made = view()
    rect = made.image_rect()
    assert made.pixel_at(rect.topLeft() + QPointF(1, 1)) == (0, 0)
    assert made.pixel_at(rect.topLeft() - QPointF(1, 1)) is None
    assert made.pixel_at(QPointF(-5, 300)) is None


def test_zoom_is_bounded_on_both_sides():
    made = view()
    made.zoom(1e9)
    assert made.scale == MAX_SCALE
    made.zoom(1e-9)
    assert made.scale >= made.fit_scale() * 0.25


def test_some_of_the_image_stays_in_sight_however_far_it_is_moved():
    made = view()
    made.pan(1e6, -1e6)
    assert not made.visible_rect().isEmpty()


def test_a_fitted_image_follows_the_window_and_a_zoomed_one_keeps_its_centre():
    made = view()
    made.set_area(QRectF(0, 0, 500, 900), 1.0)
    assert made.area.contains(made.image_rect())
    made.zoom(5)
    before = made.to_image(made.area.center())
    made.set_area(QRectF(0, 0, 1000, 700), 1.0)
    assert made.to_image(made.area.center()) == pytest.approx(before, abs=1 / made.scale)
    assert not made.fitted


def test_an_image_of_the_same_size_may_keep_the_view():
    made = view()
    made.zoom(4, QPointF(50, 60))
    kept = made.image_rect()
    made.set_image((300, 400), keep=True)
    assert made.image_rect() == kept
    made.set_image((301, 400), keep=True)
    assert made.fitted
