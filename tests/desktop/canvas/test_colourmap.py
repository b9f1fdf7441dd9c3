"""Colours for numbers and for positions."""

import numpy as np

from counterpart.desktop.canvas.colourmap import confidence_colour, heat_argb, position_colours


def test_heat_runs_from_dark_to_light_at_one_opacity():
    argb = heat_argb(np.array([[-1.0, 0.5, 2.0]]), 0.0, 1.0, 0.5)
    alpha = argb >> np.uint32(24)
    light = ((argb >> np.uint32(16)) & 255) + ((argb >> np.uint32(8)) & 255) + (argb & 255)
    assert (alpha == 128).all()
    assert light[0, 0] < light[0, 1] < light[0, 2]


def test_lines_beginning_apart_have_different_colours_and_none_is_fine():
    found = position_colours([[0, 50], [100, 50], [50, 0], [50, 100]], (100, 100))
    assert len({colour.name() for colour in found}) == 4
    assert position_colours(np.empty((0, 2)), (10, 10)) == []
    assert confidence_colour(0.0) != confidence_colour(1.0)
