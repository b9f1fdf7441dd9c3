"""Maps over images and thumbnails: which of several is seen, and that it follows the images."""

import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal

from counterpart.core.geometry import GridGeometry
from counterpart.desktop.canvas.grid_paint import GridPaint, tinted
from counterpart.desktop.images.map_layers import MapLayers


def paint(tone: int) -> GridPaint:
    geometry = GridGeometry.plan((90, 120), 112, 14, 14)
    return tinted(np.full((*geometry.grid_hw, 3), tone, np.uint8), geometry, 0.5, smooth=False)


class Thumbs:
    """Remembers what was laid over thumbnails."""

    def __init__(self):
        self.heats = {}

    def set_heats(self, heats):
        self.heats = heats


class Shower(QObject):
    """Says which images are shown, as the viewer does."""

    shown = Signal(int, int)

    def __init__(self, canvas):
        super().__init__()
        self._canvas = canvas
        self.images = [0, 0]

    def image(self, pane):
        return self.images[pane]

    def show(self, pane, image):
        self.images[pane] = image
        self._canvas.set_photo(pane, None, image)
        self.shown.emit(pane, image)


@pytest.fixture
def stage(qtbot):
    """Layers over a canvas that shows the images 1 and 2."""
    from counterpart.desktop.canvas.canvas import Canvas

    canvas = Canvas()
    qtbot.addWidget(canvas)
    viewer, thumbs = Shower(canvas), Thumbs()
    layers = MapLayers(canvas, viewer, thumbs)
    viewer.show(0, 1)
    viewer.show(1, 2)
    return layers, canvas, viewer, thumbs


def heats(canvas):
    return [pane.heat for pane in canvas.panes]


def test_the_topmost_layer_covers_those_below_whole_and_gives_way_to_them(stage):
    layers, canvas, _, thumbs = stage
    low, high = {1: paint(10), 2: paint(20)}, {1: paint(30)}
    layers.put("learned", low)
    assert heats(canvas) == [low[1], low[2]]
    layers.put("preview", high)
    assert heats(canvas) == [high[1], None]
    assert thumbs.heats == high
    layers.put("learned", {1: paint(40)})
    assert heats(canvas) == [high[1], None]
    layers.put("preview", {})
    assert canvas.panes[0].heat.rgba[0, 0, 0] == 40
    assert set(thumbs.heats) == {1}


def test_another_image_gets_its_own_map(stage):
    layers, canvas, viewer, _ = stage
    maps = {1: paint(10), 3: paint(20)}
    layers.put("explore", maps)
    viewer.show(0, 3)
    assert heats(canvas) == [maps[3], None]


def test_a_map_waits_until_its_image_is_on_the_canvas(stage):
    layers, canvas, viewer, _ = stage
    viewer.images[0] = 3  # it is being read, the old one is still to be seen
    layers.put("explore", {3: paint(20)})
    assert heats(canvas) == [None, None]


def test_hidden_layers_come_back_as_they_are_then(stage):
    layers, canvas, _, thumbs = stage
    first, then = {1: paint(10)}, {1: paint(20)}
    layers.put("preview", first)
    layers.hide(("preview", "learned"))
    assert heats(canvas) == [None, None]
    assert not thumbs.heats
    layers.put("preview", then)
    assert heats(canvas) == [None, None]
    layers.hide(())
    assert heats(canvas) == [then[1], None]
    assert thumbs.heats == then


def test_similarity_leaves_the_pane_that_is_pointed_at_bare_and_thumbnails_as_it_says(stage):
    layers, canvas, _, thumbs = stage
    maps = {1: paint(10), 2: paint(20)}
    layers.put("similarity", maps, small={}, bare={0})
    assert heats(canvas) == [None, maps[2]]
    assert not thumbs.heats
    layers.put("similarity", maps, bare={0})
    assert thumbs.heats == maps


def test_a_pane_can_be_uncovered_for_a_while(stage):
    layers, canvas, _, _ = stage
    maps = {1: paint(10), 2: paint(20)}
    layers.put("similarity", maps)
    layers.uncover({0})
    assert heats(canvas) == [None, maps[2]]
    layers.uncover(())
    assert heats(canvas) == [maps[1], maps[2]]
