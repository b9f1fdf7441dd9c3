"""Looking at images: the map, the crosshair, linked views, the zoom, brightness that changes nothing but the view."""

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPoint, Qt

from counterpart.core.images.brightness import Look
from counterpart.core.images.reading import read_image
from counterpart.core.project.commands import AddPart
from counterpart.desktop.widgets.qimage import qimage_to_rgb
from tests.desktop.parts.test_label_editor import LEFT, at, drag, labels

ALT = Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def grabbed(window):
    return qimage_to_rgb(window.bench.canvas.grab().toImage()).astype(int)


def zoomed(window, factor=3.0, xy=(60.0, 45.0)):
    window.bench.canvas.zoom_in(factor)
    window.bench.canvas.look_at(0, *xy)


@pytest.fixture
def deep(qtbot, window, tmp_path):
    """A window on a 16-bit image: a faint ramp on the left, one bright half on the right."""
    folder = tmp_path / "deep"
    folder.mkdir()
    image = np.full((80, 120), 50_000, np.uint16)
    image[:, :60] = np.linspace(2000, 2300, 60).astype(np.uint16)
    tifffile.imwrite(folder / "deep.tif", image)
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    window.bench.canvas.setFocus()
    return window


def test_bands_that_are_not_shown_are_said(qtbot, window, tmp_path):
    tifffile.imwrite(
        tmp_path / "bands.tif", np.zeros((8, 9, 5), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    window.bench.session.open_folder(tmp_path)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    assert window.bench.canvas.notice == "the first three of its 5 bands are shown"


# The map --------------------------------------------------------------------------------------------------------------


def test_the_map_is_there_only_while_not_all_is_seen(qtbot, opened):
    mini = opened.bench.canvas.minimaps[0]
    assert not mini.isVisible()
    zoomed(opened)
    assert mini.isVisible()
    assert opened.bench.canvas.rect().contains(mini.geometry())
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_M, SHIFT)
    assert not mini.isVisible()
    assert not opened.bench.settings.preferences.minimap
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_M, SHIFT)
    assert mini.isVisible()
    opened.bench.canvas.fit()
    assert not mini.isVisible()


def test_clicking_and_dragging_in_the_map_moves_the_view(qtbot, opened):
    zoomed(opened, 6.0)
    mini, view = opened.bench.canvas.minimaps[0], opened.bench.canvas.panes[0].view
    corner = QPoint(mini.width() // 4, mini.height() // 4)
    qtbot.mousePress(mini, LEFT, pos=corner)
    assert view.to_image(view.area.center()) == pytest.approx((120 / 4, 90 / 4), abs=2)
    far = QPoint(3 * mini.width() // 4, 3 * mini.height() // 4)
    qtbot.mouseMove(mini, far)
    qtbot.mouseRelease(mini, LEFT, pos=far)
    assert view.to_image(view.area.center()) == pytest.approx((90, 67), abs=2)


def test_the_map_shows_the_parts_and_frames_what_is_seen(qtbot, opened):
    opened.bench.session.do(AddPart("wing"))
    opened.parts.commands.choose(opened.bench.session.document.parts[0].id)
    opened.bench.canvas.setFocus()
    zoomed(opened, 4.0)
    mini = opened.bench.canvas.minimaps[0]
    bare = qimage_to_rgb(mini.grab().toImage()).astype(int)
    opened.bench.toolbox.choose("rectangle")
    drag(qtbot, opened, [(50, 38), (70, 52)])
    qtbot.waitUntil(lambda: np.abs(qimage_to_rgb(mini.grab().toImage()) - bare).sum() > 2000)
    before = qimage_to_rgb(mini.grab().toImage()).astype(int)
    opened.bench.canvas.look_at(0, 40, 40)
    assert np.abs(qimage_to_rgb(mini.grab().toImage()) - before).sum() > 2000


def test_the_map_gives_way_to_a_stroke_that_runs_under_it(qtbot, opened):
    opened.bench.session.do(AddPart("wing"))
    opened.parts.commands.choose(opened.bench.session.document.parts[0].id)
    zoomed(opened, 3.0)
    opened.bench.toolbox.choose("brush")
    mini = opened.bench.canvas.minimaps[0]
    qtbot.mousePress(opened.bench.canvas, LEFT, pos=at(opened, 60, 45))
    qtbot.mouseMove(opened.bench.canvas, mini.geometry().center())
    assert not mini.isVisible()
    qtbot.mouseRelease(opened.bench.canvas, LEFT, pos=mini.geometry().center())
    assert mini.isVisible()
    x, y = opened.bench.canvas.panes[0].view.pixel_at(mini.geometry().center().toPointF())
    assert labels(opened)[y, x]


# The crosshair and the coordinates ------------------------------------------------------------------------------------


def test_the_crosshair_crosses_the_image_at_the_pointer_and_goes(qtbot, opened):
    bare = grabbed(opened)
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_C)
    place = at(opened, 30, 20)
    qtbot.mouseMove(opened.bench.canvas, place)
    drawn = np.abs(grabbed(opened) - bare).sum(axis=-1) > 10
    assert drawn[place.y(), : place.x() - 15].mean() > 0.9
    assert drawn[: place.y() - 15, place.x()].mean() > 0.9
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_C)
    assert np.array_equal(grabbed(opened), bare)


def test_coordinates_and_deep_samples_are_in_the_status_bar(qtbot, deep):
    qtbot.mouseMove(deep.bench.canvas, at(deep, 100, 10))
    assert deep.bench.status.place.text() == "x 100, y 10 · 50000"


# Two images -----------------------------------------------------------------------------------------------------------


def test_linked_views_show_the_same_place_as_large(qtbot, opened):
    opened.images.set_paired(True)
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[1].photo is not None)
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_L, SHIFT)
    left, right = (pane.view for pane in opened.bench.canvas.panes)
    left.zoom(4.0)
    opened.bench.canvas.look_at(0, 30, 30)
    x, y = right.to_image(right.area.center())
    height, width = right.image_hw
    assert (x + 0.5) / width == pytest.approx(30.5 / 120, abs=0.01)
    assert (y + 0.5) / height == pytest.approx(30.5 / 90, abs=0.01)
    assert right.scale / right.fit_scale() == pytest.approx(left.scale / left.fit_scale(), rel=0.01)
    place = right.area.center().toPoint()
    qtbot.mousePress(opened.bench.canvas, Qt.MouseButton.MiddleButton, pos=place)
    qtbot.mouseMove(opened.bench.canvas, place + QPoint(-40, 0))
    qtbot.mouseRelease(opened.bench.canvas, Qt.MouseButton.MiddleButton, pos=place + QPoint(-40, 0))
    moved_left, moved_right = left.to_image(left.area.center())[0], right.to_image(right.area.center())[0]
    assert moved_right > x
    assert (moved_left + 0.5) / 120 == pytest.approx((moved_right + 0.5) / width, abs=0.01)
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_L, SHIFT)
    opened.bench.canvas.look_at(0, 60, 60)
    assert right.to_image(right.area.center())[0] == pytest.approx(moved_right)


def test_the_zoom_of_both_images_is_told_where_they_differ(qtbot, opened):
    opened.images.set_paired(True)
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[1].photo is not None)
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert opened.bench.status.zoom.text() == "100 %"
    opened.bench.canvas.panes[1].view.zoom(2.0)
    opened.bench.canvas._view_changed(1)
    assert opened.bench.status.zoom.text() == "L 100 %  R 200 %"
    opened.images.set_paired(False)
    assert opened.bench.status.zoom.text().endswith(" %")
    assert "R" not in opened.bench.status.zoom.text()


# Brightness and contrast ----------------------------------------------------------------------------------------------


def test_quick_keys_brighten_the_view_alone_and_reset_brings_it_back(qtbot, opened):
    opened.bench.session.do(AddPart("wing"))
    opened.bench.canvas.setFocus()
    bare, pixels = grabbed(opened), opened.bench.canvas.panes[0].photo.rgb.copy()
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_Up, ALT)
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_PageUp, ALT)
    assert grabbed(opened).mean() > bare.mean() + 5
    assert opened.images.view.look.brightness == pytest.approx(0.1)
    assert np.array_equal(opened.bench.canvas.panes[0].photo.rgb, pixels)
    assert opened.bench.session.history.undo_text != "Brighter"
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_0, ALT)
    assert np.array_equal(grabbed(opened), bare)


def test_a_brightened_view_says_so_on_the_image(opened):
    opened.images.view.set_look(Look(gamma=1.0001))
    plain = grabbed(opened)
    opened.images.view.reset()
    corner = np.abs(grabbed(opened) - plain)[-40:, :300]
    assert (corner.sum(axis=-1) > 30).sum() > 300


def test_fit_to_what_is_seen_opens_the_faint_half_of_a_deep_image(qtbot, deep):
    def ramp():
        view = deep.bench.canvas.panes[0].view
        shown = grabbed(deep)
        return [int(shown[at(deep, x, 40).y(), at(deep, x, 40).x(), 0]) for x in range(12, 48, 4)], view

    flat, view = ramp()
    assert max(flat) - min(flat) <= 3
    view.zoom(4.0)
    deep.bench.canvas.look_at(0, 30, 40)
    while view.to_image(view.area.topRight())[0] > 58:
        deep.bench.canvas.zoom_in(1.3)
        deep.bench.canvas.look_at(0, 30, 40)
    qtbot.keyClick(deep.bench.canvas, Qt.Key.Key_A, ALT)
    deep.bench.canvas.fit()
    opened, _ = ramp()
    assert max(opened) - min(opened) > 120
    assert opened == sorted(opened)
    data = read_image(deep.bench.session.document.image_path(deep.images.panel.current))
    assert np.array_equal(deep.bench.canvas.panes[0].photo.rgb, data.rgb)


def test_the_sheet_shows_and_sets_the_look(qtbot, deep):
    qtbot.keyClick(deep.bench.canvas, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    popup = deep.images.view.popup
    qtbot.waitUntil(popup.isVisible)
    assert "Black is 2,0" in popup.range.text()
    popup.brightness.slider.setValue(popup.brightness.slider.value() + 30)
    assert deep.images.view.look.brightness == pytest.approx(0.3)
    assert deep.bench.canvas.panes[0].look == deep.bench.canvas.panes[1].look == deep.images.view.look
    qtbot.mouseClick(popup.fit, LEFT)
    assert deep.images.view.look.brightness != pytest.approx(0.3)
    qtbot.mouseClick(popup.reset, LEFT)
    assert deep.images.view.look.neutral
    assert popup.brightness.value == 0
    popup.close()


def test_a_stroke_over_a_brightened_image_redraws_as_the_whole_would(qtbot, opened):
    opened.bench.session.do(AddPart("wing"))
    opened.parts.commands.choose(opened.bench.session.document.parts[0].id)
    opened.images.view.set_look(Look(0.1, 0.05, 1.3))
    zoomed(opened, 2.3)
    opened.bench.toolbox.choose("brush")
    drag(qtbot, opened, [(40, 40), (70, 50), (60, 60)])
    opened.bench.toolbox.choose("select")
    piecewise = grabbed(opened)
    opened.bench.canvas.refresh()
    assert np.abs(grabbed(opened) - piecewise).max() <= 2


# The ring -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", [0.5, 1.0, 3.0])
def test_the_ring_is_as_large_as_what_a_click_paints_at_any_zoom(qtbot, opened, zoom):
    opened.bench.session.do(AddPart("wing"))
    opened.parts.commands.choose(opened.bench.session.document.parts[0].id)
    opened.bench.actions["minimap"].setChecked(False)
    view = opened.bench.canvas.panes[0].view
    view.zoom(zoom)
    opened.bench.canvas.look_at(0, 60, 45)
    bare = grabbed(opened)
    opened.bench.toolbox.choose("brush")
    opened.parts.tools.brush.set_radius(9)
    qtbot.mouseMove(opened.bench.canvas, at(opened, 58, 43))  # a pointer that is there already would not move
    qtbot.mouseMove(opened.bench.canvas, at(opened, 60, 45))
    opened.bench.canvas.repaint()
    rows, _ = np.nonzero(np.abs(grabbed(opened) - bare).sum(axis=-1) > 30)
    assert np.ptp(rows) == pytest.approx(18 * view.scale, abs=5)
    drag(qtbot, opened, [(60, 45)])
    painted, _ = np.nonzero(labels(opened))
    assert np.ptp(painted) + 1 == pytest.approx(19, abs=1)
