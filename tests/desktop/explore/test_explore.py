"""The Explore panel in the real window: colours over images, points in the plane, and how they light each other up."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from counterpart.core.geometry import GridGeometry
from counterpart.desktop.canvas.grid_paint import GridPaint, grid_picture, lit, tinted
from counterpart.desktop.widgets.qimage import qimage_to_rgb

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def exploring(opened):
    """The window of five images with the Explore panel in front."""
    opened.bench.layout.tabs.setCurrentWidget(opened.explore.panel)
    return opened


def press(qtbot, window):
    """Press the panel's button and wait for the view."""
    qtbot.mouseClick(window.explore.panel.button, LEFT)
    qtbot.waitUntil(lambda: window.explore.explorer._found is not None and not window.bench.jobs.busy, timeout=20_000)


def drag(widget, start: QPoint, end: QPoint, modifiers=NONE):
    QTest.mousePress(widget, LEFT, modifiers, start)
    QTest.mouseMove(widget, QPoint((start.x() + end.x()) // 2, start.y()))
    QTest.mouseMove(widget, end)
    QTest.mouseMove(widget, QPoint(start.x(), end.y()))
    QTest.mouseRelease(widget, LEFT, modifiers, start)


def test_the_run_panel_makes_room_for_exploring_and_comes_back(exploring):
    assert exploring.explore.panel.isVisible()
    assert not exploring.finding.panel.isVisible()
    exploring.bench.layout.tabs.setCurrentWidget(exploring.parts.panel)
    assert exploring.finding.panel.isVisible()


def test_components_are_laid_over_the_image_and_every_thumbnail(qtbot, exploring):
    press(qtbot, exploring)
    paint = exploring.bench.canvas.panes[0].heat
    assert isinstance(paint, GridPaint)
    assert paint.rgba[..., 3].max() == round(255 * 0.8)
    assert len(np.unique(paint.rgba[..., :3].reshape(-1, 3), axis=0)) > 10
    assert set(exploring.images.panel.model._heats) == set(exploring.bench.session.document.image_ids)
    assert "explain" in exploring.explore.panel.note.text()
    assert exploring.explore.panel.save_button.isEnabled()


def test_leaving_the_panel_takes_the_colours_away_and_coming_back_shows_them(qtbot, exploring):
    press(qtbot, exploring)
    exploring.bench.layout.tabs.setCurrentWidget(exploring.parts.panel)
    assert exploring.bench.canvas.panes[0].heat is None
    assert not exploring.images.panel.model._heats
    exploring.bench.layout.tabs.setCurrentWidget(exploring.explore.panel)
    assert isinstance(exploring.bench.canvas.panes[0].heat, GridPaint)


def test_another_image_gets_its_own_colours(qtbot, exploring):
    press(qtbot, exploring)
    before = exploring.bench.canvas.panes[0].heat
    other = exploring.bench.session.document.image_ids[1]
    exploring.images.panel.select(other)
    qtbot.waitUntil(lambda: exploring.bench.canvas.panes[0].image_key == other)
    after = exploring.bench.canvas.panes[0].heat
    assert isinstance(after, GridPaint)
    assert after.geometry.image_hw != before.geometry.image_hw


def test_the_layer_slider_is_live_once_a_view_is_shown(qtbot, exploring):
    press(qtbot, exploring)
    before = exploring.explore.explorer._found
    exploring.explore.panel.layer.box.setValue(3)
    qtbot.waitUntil(lambda: exploring.explore.explorer._found is not before and not exploring.bench.jobs.busy)
    assert exploring.explore.explorer._found.request.params.tap.layer == 3


def test_nothing_is_computed_before_it_is_asked_for(qtbot, exploring):
    exploring.explore.panel.layer.box.setValue(3)
    qtbot.wait(250)
    assert exploring.explore.explorer._found is None
    assert not exploring.bench.jobs.busy


def test_saliency_of_one_head_and_clusters_follow_the_choice(qtbot, exploring):
    exploring.explore.panel.choose_kind("saliency")
    press(qtbot, exploring)
    exploring.explore.panel.choose_kind("clusters")
    exploring.explore.panel.clusters.box.setValue(3)
    qtbot.waitUntil(
        lambda: exploring.explore.explorer._found.request.params.clusters == 3 and not exploring.bench.jobs.busy,
        timeout=10_000,
    )
    colours = np.concatenate(
        [each.colours.reshape(-1, 3) for each in exploring.explore.explorer._found.pictures.values()]
    )
    assert 2 <= len(np.unique(colours, axis=0)) <= 3
    assert not exploring.bench.canvas.panes[0].heat.smooth


@pytest.fixture
def arranged(qtbot, exploring):
    """The window with a t-SNE of its images."""
    pytest.importorskip("openTSNE", reason="needs the extra 'explore'")
    exploring.explore.panel.choose_kind("tsne")
    exploring.explore.panel.every.box.setValue(4)
    press(qtbot, exploring)
    return exploring


def test_points_dragged_around_light_their_patches_up(arranged):
    scatter = arranged.explore.panel.scatter
    assert scatter.count == len(arranged.explore.explorer._found.points.result.image) > 100
    corner = QPoint(2, 2), QPoint(scatter.width() - 3, scatter.height() - 3)
    QTest.mousePress(scatter, LEFT, NONE, corner[0])
    for at in (QPoint(corner[1].x(), 2), corner[1], QPoint(2, corner[1].y())):
        QTest.mouseMove(scatter, at)
    QTest.mouseRelease(scatter, LEFT, NONE, QPoint(2, corner[1].y()))
    assert scatter.chosen.all()
    paint = arranged.bench.canvas.panes[0].heat
    share = float((paint.rgba[..., 2] > 0).mean())
    assert share == pytest.approx(0.25, abs=0.06)  # one patch in four has a point
    assert f"{scatter.count:,} points from 5 images" in arranged.explore.panel.note.text()


def test_a_region_of_the_image_lights_its_points_up(arranged):
    rect = arranged.bench.canvas.panes[0].view.image_rect()
    middle = rect.center().toPoint()
    drag(arranged.bench.canvas, middle, middle + QPoint(int(rect.width() / 3), int(rect.height() / 3)))
    # The drag above ends where it began; a straight one marks the rectangle.
    QTest.mousePress(arranged.bench.canvas, LEFT, NONE, middle)
    QTest.mouseMove(arranged.bench.canvas, rect.bottomRight().toPoint())
    QTest.mouseRelease(arranged.bench.canvas, LEFT, NONE, rect.bottomRight().toPoint())
    scatter, points = arranged.explore.panel.scatter, arranged.explore.explorer._found.points
    assert scatter.chosen.any()
    assert set(points.result.image[scatter.chosen]) == {0}
    xy = points.image_xy()[scatter.chosen]
    height, width = arranged.bench.canvas.panes[0].photo.hw
    pitch = points.geometries[0].token_pitch_xy
    assert (xy[:, 0] > width / 2 - pitch[0]).all()
    assert (xy[:, 1] > height / 2 - pitch[1]).all()


def test_a_clicked_point_shows_its_image_with_its_patch_ringed(qtbot, arranged):
    points, scatter = arranged.explore.explorer._found.points, arranged.explore.panel.scatter
    wanted = next(
        index
        for index in np.flatnonzero(points.result.image == 3)
        if scatter.point_at(scatter.place_of(index).toPointF()) == index
    )
    QTest.mouseClick(scatter, LEFT, NONE, scatter.place_of(wanted))
    image = arranged.bench.session.document.image_ids[3]
    qtbot.waitUntil(lambda: arranged.bench.canvas.panes[0].image_key == image)
    assert arranged.bench.canvas.panes[0].heat.peak == pytest.approx(tuple(points.image_xy()[wanted]))


def test_points_are_coloured_by_part(qtbot, arranged):
    before = arranged.explore.panel.scatter._colours.copy()
    arranged.explore.panel.colour_by.set_index(1)
    arranged.explore.panel.colour_by.chosen.emit(1)
    after = arranged.explore.panel.scatter._colours
    assert len(np.unique(before, axis=0)) == 5
    assert (after == after[0]).all()  # nothing is labelled yet


def test_what_is_shown_is_saved_without_being_computed_again(qtbot, exploring, tmp_path, image_folder):
    press(qtbot, exploring)
    encoded = exploring.explore.explorer._found
    out = tmp_path / "pictures"
    exploring.explore.explorer.save(out)
    qtbot.waitUntil(lambda: exploring.bench.layout.notice.text == f"5 files written to {out}.", timeout=10_000)
    assert exploring.explore.explorer._found is encoded
    for photo in image_folder.iterdir():
        with Image.open(photo) as original, Image.open(out / photo.name) as picture:
            assert picture.size == original.size


def test_saving_over_the_photographs_is_refused(qtbot, exploring, image_folder):
    before = {photo: photo.read_bytes() for photo in image_folder.iterdir()}
    press(qtbot, exploring)
    exploring.explore.explorer.save(image_folder)
    qtbot.waitUntil(lambda: exploring.bench.layout.notice.isVisible() and not exploring.bench.jobs.busy, timeout=10_000)
    assert {photo: photo.read_bytes() for photo in image_folder.iterdir()} == before


def test_points_are_saved_as_they_lie(qtbot, arranged, tmp_path):
    found = arranged.explore.explorer._found.points
    arranged.explore.explorer.save(tmp_path)
    qtbot.waitUntil(lambda: "files written" in arranged.bench.layout.notice.text, timeout=10_000)
    rows = (tmp_path / "tsne.csv").read_text().splitlines()
    assert len(rows) == len(found.result.xy) + 1
    u, v = (float(each) for each in rows[1].split(",")[-2:])
    assert (u, v) == pytest.approx(tuple(found.result.xy[0]), abs=1e-4)
    assert (tmp_path / "tsne.png").is_file()


def test_the_tool_that_was_in_use_comes_back(arranged):
    assert arranged.bench.canvas.tool is arranged.explore.explorer.region
    arranged.explore.panel.choose_kind("components")
    assert arranged.bench.canvas.tool is arranged.bench.toolbox.select
    arranged.explore.panel.choose_kind("tsne")
    arranged.bench.layout.tabs.setCurrentWidget(arranged.parts.panel)
    assert arranged.bench.canvas.tool is arranged.bench.toolbox.select


def test_closing_the_project_forgets_the_view(exploring, qtbot):
    press(qtbot, exploring)
    exploring.bench.session.close()
    assert exploring.explore.explorer._found is None
    assert not exploring.explore.panel.save_button.isEnabled()


def test_patches_keep_their_place_and_blend_only_where_asked():
    geometry = GridGeometry.plan((100, 100), 100, 10, 10)
    tokens = np.zeros(geometry.grid_hw, dtype=bool)
    tokens[2, 3] = True
    picture = grid_picture(lit(tokens, geometry, (255, 0, 0)), 100)
    rgb = qimage_to_rgb(picture)
    red = np.argwhere(rgb[..., 0] > 0)
    assert red.min(axis=0).tolist() == [20, 30]
    assert red.max(axis=0).tolist() == [29, 39]
    colours = np.zeros((*geometry.grid_hw, 3), dtype=np.uint8)
    colours[2, 3] = 255
    blended = qimage_to_rgb(grid_picture(tinted(colours, geometry, 1.0, smooth=True), 100))
    assert len(np.unique(blended)) > 5
