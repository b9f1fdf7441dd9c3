"""How label maps become screen pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.desktop.canvas.compositor import LabelStyle, PartStyle, compose_labels, premultiplied

RED, BLUE = (255, 0, 0), (0, 0, 255)


def square(size=40, at=(10, 10, 30, 30), part=1, dtype=np.uint8):
    labels = np.zeros((size, size), dtype)
    top, left, bottom, right = at
    labels[top:bottom, left:right] = part
    return labels


def compose(labels, style, window=None, origin=(0.0, 0.0), scale=1.0):
    window = window or (0, 0, round(labels.shape[1] * scale), round(labels.shape[0] * scale))
    return compose_labels(labels, style, window, origin, scale)


def alpha(argb):
    return argb >> np.uint32(24)


def test_the_inside_of_a_part_is_filled_with_its_colour_at_the_given_opacity():
    argb, x, y = compose(square(), LabelStyle({1: PartStyle(RED)}, opacity=0.5))
    assert (x, y) == (0, 0)
    assert argb[20, 20] == premultiplied(RED, 0.5)
    assert argb[2, 2] == 0


def test_a_part_is_outlined_brightly_inside_and_darkly_outside():
    argb, *_ = compose(square(), LabelStyle({1: PartStyle(RED)}, opacity=0.5))
    assert alpha(argb[10, 20]) > 230
    assert argb[10, 20] & 0xFF0000 > 0xD00000
    assert 100 < alpha(argb[9, 20]) < 200
    assert argb[9, 20] & 0xFFFFFF == 0
    assert argb[8, 20] == 0
    assert argb[11, 20] == premultiplied(RED, 0.5)


def test_outlines_are_one_screen_pixel_at_every_magnification():
    for scale in (0.5, 1.0, 3.0, 7.5):
        argb, *_ = compose(square(), LabelStyle({1: PartStyle(RED)}, opacity=0.5), scale=scale)
        column = argb[:, round(20 * scale)]
        assert int((alpha(column) > 230).sum()) == 2


def test_hidden_parts_leave_no_trace():
    argb, *_ = compose(square(), LabelStyle({1: PartStyle(RED, visible=False)}))
    assert not argb.any()


def test_outlines_only_leaves_the_inside_clear():
    argb, *_ = compose(square(), LabelStyle({1: PartStyle(RED)}, fill=False))
    assert argb[20, 20] == 0
    assert alpha(argb[10, 20]) > 230


def test_predictions_are_hatched_and_dashed_and_touched_parts_are_not():
    style = LabelStyle({1: PartStyle(RED, predicted=True), 2: PartStyle(BLUE)}, opacity=0.6)
    predicted, *_ = compose(square(part=1), style)
    touched, *_ = compose(square(part=2), style)
    assert len(np.unique(predicted[12:28, 12:28])) == 2
    assert len(np.unique(touched[12:28, 12:28])) == 1
    assert len(np.unique(predicted[10, 10:30])) > 1
    assert len(np.unique(touched[10, 11:29])) == 1


def test_the_hatching_moves_with_the_image():
    style = LabelStyle({1: PartStyle(RED, predicted=True)}, opacity=0.6)
    here, *_ = compose(square(), style)
    there, x, y = compose(square(), style, window=(0, 0, 80, 80), origin=(13.0, 5.0))
    assert (x, y) == (13, 5)
    assert np.array_equal(here, there)


def test_the_emphasised_part_stands_out():
    labels = square()
    labels[32:38, 32:38] = 2
    style = LabelStyle({1: PartStyle(RED), 2: PartStyle(RED)}, opacity=0.5, emphasis=1)
    argb, *_ = compose(labels, style)
    assert alpha(argb[20, 20]) > 2 * alpha(argb[35, 35])


def test_wide_label_maps_and_unknown_ids_are_drawn():
    argb, *_ = compose(square(part=700, dtype=np.uint16), LabelStyle())
    assert alpha(argb[20, 20]) > 0


def test_nothing_is_drawn_where_the_window_misses_the_image():
    assert compose_labels(square(), LabelStyle(), (100, 100, 120, 120), (0.0, 0.0), 1.0) is None


@given(
    left=st.integers(0, 70),
    top=st.integers(0, 70),
    width=st.integers(1, 30),
    height=st.integers(1, 30),
    scale=st.sampled_from([0.4, 1.0, 1.7, 2.5]),
)
def test_redrawing_a_part_gives_what_redrawing_everything_gives(left, top, width, height, scale):
    labels = square()
    labels[22:26, 5:35] = 2
    style = LabelStyle({1: PartStyle(RED, predicted=True), 2: PartStyle(BLUE)}, line=1)
    origin = (3.25, 1.5)
    whole, wx, wy = compose_labels(labels, style, (0, 0, 120, 120), origin, scale)
    made = compose_labels(labels, style, (left, top, left + width, top + height), origin, scale)
    if made is None:
        return
    part, x, y = made
    # Only the window itself counts: the margin around it misses the neighbours that outlines need.
    for row in range(part.shape[0]):
        for col in range(part.shape[1]):
            if left <= x + col < left + width and top <= y + row < top + height:
                assert part[row, col] == whole[y + row - wy, x + col - wx]


@pytest.mark.parametrize("opacity", [0.0, 0.25, 1.0])
def test_colours_are_premultiplied(opacity):
    argb = premultiplied((200, 100, 50), opacity)
    a = argb >> 24
    assert a == round(255 * opacity)
    assert [(argb >> shift) & 255 for shift in (16, 8, 0)] == [round(v * a / 255) for v in (200, 100, 50)]
