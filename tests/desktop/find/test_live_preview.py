"""Live previews of the Run panel: seen at once on all images, in the project only when they are wanted."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from counterpart.desktop.canvas.grid_paint import GridPaint

LEFT = Qt.MouseButton.LeftButton


def found(window):
    return window.finding.preview.found


@pytest.fixture
def ran(qtbot, opened):
    """The window after parts were found once."""
    qtbot.mouseClick(opened.finding.panel.button, LEFT)
    qtbot.waitUntil(lambda: bool(opened.bench.session.document.parts) and not opened.bench.jobs.busy)
    return opened


def choose_parts(qtbot, window, count):
    window.finding.panel._form(False).control("parts").box.setValue(count)
    qtbot.waitUntil(lambda: found(window) is not None and len(found(window).names) == count)


def test_nothing_is_previewed_before_the_first_run(qtbot, opened):
    opened.finding.panel._form(False).control("parts").box.setValue(5)
    qtbot.wait(300)
    assert found(opened) is None
    assert not opened.finding.panel.preview.isVisible()


def test_another_number_of_parts_is_seen_on_the_image_and_every_thumbnail(qtbot, ran):
    before = ran.bench.session.document.revision
    choose_parts(qtbot, ran, 5)
    paint = ran.bench.canvas.panes[0].heat
    assert isinstance(paint, GridPaint)
    colours = np.unique(paint.rgba[paint.rgba[..., 3] > 0][:, :3], axis=0)
    assert 3 <= len(colours) <= 5
    assert set(ran.images.panel.model._heats) == set(ran.bench.session.document.image_ids)
    assert ran.bench.session.document.revision == before
    assert "keeps it" in ran.finding.panel.preview.words.text()
    assert ran.finding.panel.preview.isVisible()


def test_parts_that_the_project_has_keep_their_colours_in_the_preview(qtbot, ran):
    own = {part.name: part.colour for part in ran.bench.session.document.parts}
    choose_parts(qtbot, ran, 3)
    paint = ran.bench.canvas.panes[0].heat
    shown = {tuple(colour) for colour in paint.rgba[paint.rgba[..., 3] > 0][:, :3].tolist()}
    assert own["part 1"] in shown or own["part 2"] in shown


def test_the_button_keeps_what_is_previewed(qtbot, ran, jobs):
    choose_parts(qtbot, ran, 3)
    before = ran.bench.session.document.revision
    qtbot.mouseClick(ran.finding.panel.button, LEFT)
    assert ran.bench.canvas.panes[0].heat is None
    qtbot.waitUntil(lambda: ran.bench.session.document.revision > before and not ran.bench.jobs.busy)
    assert jobs.seen[-1].parts == 3
    assert not ran.finding.panel.preview.isVisible()


def test_discarding_goes_back_to_what_is_in_the_project(qtbot, ran):
    choose_parts(qtbot, ran, 4)
    qtbot.mouseClick(ran.finding.panel.preview.drop, LEFT)
    assert ran.bench.canvas.panes[0].heat is None
    assert not ran.images.panel.model._heats
    assert not ran.finding.panel.preview.isVisible()


def test_a_preview_follows_to_the_next_image(qtbot, ran):
    choose_parts(qtbot, ran, 4)
    other = ran.bench.session.document.image_ids[1]
    ran.images.panel.select(other)
    qtbot.waitUntil(lambda: ran.bench.canvas.panes[0].image_key == other)
    assert isinstance(ran.bench.canvas.panes[0].heat, GridPaint)
    assert ran.bench.canvas.panes[0].heat.geometry.image_hw == ran.bench.canvas.panes[0].photo.hw


def test_closing_the_project_ends_the_preview(qtbot, ran):
    choose_parts(qtbot, ran, 4)
    ran.bench.session.close()
    assert found(ran) is None
