"""Painting parts with the mouse: every gesture is one command."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import AddPart, EditPart
from counterpart.desktop.widgets.qimage import qimage_to_rgb

LEFT = Qt.MouseButton.LeftButton
CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


@pytest.fixture
def editing(opened):
    """The window with two parts, the first one active, and nothing painted."""
    opened.bench.session.do(AddPart("wing"))
    opened.bench.session.do(AddPart("beak"))
    opened.parts.commands.choose(opened.bench.session.document.parts[0].id)
    opened.bench.canvas.setFocus()
    return opened


def at(window, x, y):
    place = window.bench.canvas.panes[0].view.to_widget((x, y))
    return QPoint(round(place[0]), round(place[1]))


def drag(qtbot, window, path, modifier=Qt.KeyboardModifier.NoModifier):
    places = [at(window, *xy) for xy in path]
    qtbot.mousePress(window.bench.canvas, LEFT, modifier, places[0])
    for place in places[1:]:
        qtbot.mouseMove(window.bench.canvas, place)
    qtbot.mouseRelease(window.bench.canvas, LEFT, modifier, places[-1])


def labels(window):
    found = window.bench.session.document.label_map(window.images.panel.current)
    return np.zeros((90, 120), np.uint8) if found is None else found.labels


def grabbed(window):
    return qimage_to_rgb(window.bench.canvas.grab().toImage()).astype(int)


def test_a_stroke_paints_without_gaps_and_is_one_step(qtbot, editing):
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_B)
    editing.parts.tools.brush.set_radius(4)
    bare = grabbed(editing)
    drag(qtbot, editing, [(20, 40), (60, 45), (100, 40)])
    painted = labels(editing)
    part = editing.bench.session.document.parts[0].id
    assert set(np.unique(painted)) == {0, part}
    assert all((painted[:, x] == part).any() for x in range(20, 101))
    assert editing.bench.session.history.undo_text == "Paint wing"
    assert (np.abs(grabbed(editing) - bare).sum(axis=-1) > 20).sum() > 500
    editing.bench.session.undo()
    editing.bench.toolbox.choose("select")
    assert not labels(editing).any()
    assert np.array_equal(grabbed(editing), bare)


def test_what_is_shown_while_painting_is_what_is_kept(qtbot, editing):
    editing.bench.toolbox.choose("brush")
    qtbot.mousePress(editing.bench.canvas, LEFT, pos=at(editing, 30, 30))
    qtbot.mouseMove(editing.bench.canvas, at(editing, 70, 60))
    shown = np.array(editing.bench.canvas.panes[0].labels)
    assert shown.any()
    assert not labels(editing).any()
    qtbot.mouseRelease(editing.bench.canvas, LEFT, pos=at(editing, 70, 60))
    kept = labels(editing)
    assert (kept[shown > 0] == shown[shown > 0]).all()


def test_control_erases_while_painting_and_the_eraser_always_does(qtbot, editing):
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(10, 10), (80, 70)])
    area = int((labels(editing) > 0).sum())
    assert area == pytest.approx(70 * 60, rel=0.05)
    editing.bench.toolbox.choose("brush")
    drag(qtbot, editing, [(30, 40), (50, 40)], CONTROL)
    less = int((labels(editing) > 0).sum())
    assert less < area
    assert editing.bench.session.history.undo_text == "Erase"
    editing.bench.toolbox.choose("eraser")
    drag(qtbot, editing, [(30, 60), (50, 60)])
    assert int((labels(editing) > 0).sum()) < less


def test_escape_takes_a_stroke_back_before_it_is_done(qtbot, editing):
    editing.bench.toolbox.choose("brush")
    qtbot.mousePress(editing.bench.canvas, LEFT, pos=at(editing, 30, 30))
    qtbot.mouseMove(editing.bench.canvas, at(editing, 70, 60))
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_Escape)
    assert not np.array(editing.bench.canvas.panes[0].labels).any()
    qtbot.mouseRelease(editing.bench.canvas, LEFT, pos=at(editing, 70, 60))
    assert not labels(editing).any()


def test_shift_click_draws_a_straight_line_from_the_last_stroke(qtbot, editing):
    editing.bench.toolbox.choose("brush")
    editing.parts.tools.brush.set_radius(2)
    drag(qtbot, editing, [(20, 20), (21, 20)])
    drag(qtbot, editing, [(90, 60)], SHIFT)
    assert labels(editing)[40, 55] > 0


def test_locked_parts_and_kept_parts_are_not_painted_over(qtbot, editing):
    wing, beak = editing.bench.session.document.parts
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(10, 10), (60, 70)])
    editing.parts.commands.choose(beak.id)
    editing.bench.session.do(EditPart(wing.id, locked=True))
    drag(qtbot, editing, [(40, 20), (100, 60)])
    first = labels(editing)
    assert first[40, 50] == wing.id
    assert first[40, 80] == beak.id
    editing.bench.session.do(EditPart(wing.id, locked=False))
    editing.parts.options.preserve.setChecked(True)
    drag(qtbot, editing, [(40, 20), (100, 60)])
    assert labels(editing)[40, 50] == wing.id
    editing.parts.options.preserve.setChecked(False)
    drag(qtbot, editing, [(40, 20), (100, 60)])
    assert labels(editing)[40, 50] == beak.id


def test_a_gesture_that_cannot_begin_says_why(qtbot, editing):
    editing.bench.toolbox.choose("brush")
    wing = editing.bench.session.document.parts[0]
    editing.bench.session.do(EditPart(wing.id, locked=True))
    drag(qtbot, editing, [(30, 30), (50, 50)])
    assert "wing is locked" in editing.bench.layout.notice.text
    editing.bench.session.do(EditPart(wing.id, locked=False, visible=False))
    drag(qtbot, editing, [(30, 30), (50, 50)])
    assert "hidden" in editing.bench.layout.notice.text
    editing.parts.commands.choose(0)
    drag(qtbot, editing, [(30, 30), (50, 50)])
    assert "Choose a part" in editing.bench.layout.notice.text
    assert not labels(editing).any()


def test_a_polygon_closes_with_enter_and_gives_back_corners(qtbot, editing):
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_P)
    for xy in ((20, 20), (90, 20), (5, 5)):
        qtbot.mouseClick(editing.bench.canvas, LEFT, pos=at(editing, *xy))
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_Backspace)
    qtbot.mouseClick(editing.bench.canvas, LEFT, pos=at(editing, 90, 70))
    assert not labels(editing).any()
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_Return)
    painted = labels(editing)
    assert painted[30, 80] > 0
    assert painted[60, 25] == 0
    assert editing.images.panel.model.counts()["reviewed"] == 0


def test_a_lasso_cuts_out_with_control_and_keeps_with_alt(qtbot, editing):
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(10, 10), (100, 80)])
    editing.bench.toolbox.choose("lasso")
    ring = [(30, 30), (60, 30), (60, 60), (30, 60), (30, 32)]
    drag(qtbot, editing, ring, CONTROL)
    assert labels(editing)[45, 45] == 0
    assert labels(editing)[45, 80] > 0
    drag(qtbot, editing, [(70, 20), (95, 20), (95, 70), (70, 70), (70, 22)], ALT)
    assert labels(editing)[45, 80] > 0
    assert labels(editing)[45, 15] == 0


def test_fill_gives_a_connected_region_to_the_active_part(qtbot, editing):
    _, beak = editing.bench.session.document.parts
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(10, 10), (60, 70)])
    editing.parts.commands.choose(beak.id)
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_G)
    qtbot.mouseClick(editing.bench.canvas, LEFT, pos=at(editing, 30, 30))
    assert set(np.unique(labels(editing))) == {0, beak.id}


def test_brackets_change_the_size_of_the_brush(qtbot, editing):
    editing.bench.toolbox.choose("brush")
    before = editing.parts.tools.brush.radius
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_BracketRight)
    assert editing.parts.tools.brush.radius > before
    assert editing.parts.options.size_field.value == pytest.approx(2 * editing.parts.tools.brush.radius, abs=1)
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_BracketLeft)
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_BracketLeft)
    assert editing.parts.tools.brush.radius < before
    assert editing.parts.tools.eraser.radius == editing.parts.tools.brush.radius


def test_the_ring_follows_the_pointer_at_the_brush_size(qtbot, editing):
    editing.bench.toolbox.choose("brush")
    editing.parts.tools.brush.set_radius(10)
    qtbot.mouseMove(editing.bench.canvas, at(editing, 60, 45))
    near = grabbed(editing)
    qtbot.mouseMove(editing.bench.canvas, at(editing, 20, 20))
    qtbot.waitUntil(lambda: not np.array_equal(grabbed(editing), near))
    far = grabbed(editing)
    rows, _ = np.nonzero(np.abs(near - far).sum(axis=-1))
    scale = editing.bench.canvas.panes[0].view.scale
    assert rows.max() - rows.min() >= 2 * 10 * scale


def test_part_operations_are_one_step_each(qtbot, editing):
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(20, 20), (90, 70)])
    drag(qtbot, editing, [(40, 35), (60, 55)], CONTROL)
    assert labels(editing)[45, 50] == 0
    editing.bench.actions["fill_holes"].trigger()
    assert labels(editing)[45, 50] > 0
    before = int((labels(editing) > 0).sum())
    editing.bench.actions["grow"].trigger()
    assert int((labels(editing) > 0).sum()) > before
    assert editing.bench.session.history.undo_text == "Grow wing"
    editing.bench.session.undo()
    assert int((labels(editing) > 0).sum()) == before


def test_a_part_is_copied_to_another_image(qtbot, editing):
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(30, 30), (60, 60)])
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_C, CONTROL)
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: editing.bench.canvas.panes[0].title == "img2.png")
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_V, CONTROL)
    found = editing.bench.session.document.label_map(editing.images.panel.current)
    assert found.hw == (100, 80)
    rows, cols = np.nonzero(found.labels)
    assert 20 <= cols.mean() / 80 * 120 <= 60
    assert 0.3 < rows.mean() / 100 < 0.7


def test_painting_makes_the_image_edited_and_a_prediction_ones_own(qtbot, opened):
    with qtbot.waitSignal(opened.bench.jobs.ended, timeout=10_000):
        opened.finding.runs.run()
    image = opened.images.panel.current
    part = opened.bench.session.document.parts[0]
    assert opened.bench.viewer.label_map(0).state(part.id) == "predicted"
    opened.parts.commands.choose(part.id)
    opened.bench.toolbox.choose("brush")
    drag(qtbot, opened, [(5, 5), (20, 8)])
    assert opened.bench.session.document.image(image).state == "edited"
    assert opened.bench.viewer.label_map(0).state(part.id) == "edited"
    style = opened.bench.canvas.panes[0].style
    assert not style.parts[part.id].predicted


def test_a_stroke_redraws_only_where_it_went(qtbot, editing, monkeypatch):
    editing.bench.toolbox.choose("brush")
    editing.parts.tools.brush.set_radius(3)
    drag(qtbot, editing, [(10, 10), (12, 10)])
    editing.bench.canvas.repaint()
    marked = []
    original = editing.bench.canvas._mark
    monkeypatch.setattr(
        editing.bench.canvas, "_mark", lambda region: (marked.append(region.boundingRect()), original(region))
    )
    qtbot.mousePress(editing.bench.canvas, LEFT, pos=at(editing, 50, 50))
    qtbot.mouseMove(editing.bench.canvas, at(editing, 55, 50))
    scale = editing.bench.canvas.panes[0].view.scale
    assert marked
    assert max(rect.width() for rect in marked) < 20 * scale
    assert max(rect.height() for rect in marked) < 20 * scale
    qtbot.mouseRelease(editing.bench.canvas, LEFT, pos=at(editing, 55, 50))


def test_the_wand_grows_a_region_along_what_looks_alike_and_a_drag_changes_it(qtbot, editing):
    bright = editing.bench.canvas.panes[0].photo.rgb.mean(axis=-1) > 100
    rows, cols = np.nonzero(bright)
    middle = (float(cols.mean()), float(rows.mean()))
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_W)
    qtbot.waitUntil(lambda: editing.parts.features.get(editing.images.panel.current) is not None, timeout=10_000)
    qtbot.mousePress(editing.bench.canvas, LEFT, pos=at(editing, *middle))
    qtbot.waitUntil(lambda: np.array(editing.bench.canvas.panes[0].labels).any(), timeout=10_000)
    assert not labels(editing).any()
    qtbot.mouseRelease(editing.bench.canvas, LEFT, pos=at(editing, *middle))
    qtbot.waitUntil(lambda: labels(editing).any(), timeout=10_000)
    found = labels(editing) > 0
    assert (found & bright).sum() / (found | bright).sum() > 0.6
    assert editing.bench.session.history.undo_text == "Wand wing"
    editing.bench.session.undo()
    assert not labels(editing).any()


def test_the_wand_is_cancelled_by_escape(qtbot, editing):
    editing.bench.toolbox.choose("wand")
    qtbot.mousePress(editing.bench.canvas, LEFT, pos=at(editing, 60, 45))
    qtbot.waitUntil(lambda: np.array(editing.bench.canvas.panes[0].labels).any(), timeout=10_000)
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_Escape)
    qtbot.mouseRelease(editing.bench.canvas, LEFT, pos=at(editing, 60, 45))
    qtbot.wait(50)
    assert not labels(editing).any()
    assert not np.array(editing.bench.canvas.panes[0].labels).any()
