"""The snapped brush, the smart boundary and the modes of shapes, driven in the real window."""

import itertools

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from counterpart.core.errors import UsageError
from counterpart.core.project.commands import AddPart, EditPart
from counterpart.desktop.parts.snap_regions import GRAINS
from counterpart.desktop.widgets.qimage import qimage_to_rgb
from tests.desktop.parts.test_label_editor import ALT, CONTROL, LEFT, SHIFT, at, drag, labels


@pytest.fixture
def editing(opened):
    """The window with two parts, the first one active, and nothing painted."""
    opened.bench.session.do(AddPart("wing"))
    opened.bench.session.do(AddPart("beak"))
    opened.parts.commands.choose(opened.bench.session.document.parts[0].id)
    opened.bench.canvas.setFocus()
    return opened


@pytest.fixture
def snapping(qtbot, editing):
    """The snapped brush in hand, with regions by features."""
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_B, SHIFT)
    assert editing.bench.toolbox.active == "snap"
    qtbot.waitUntil(lambda: "features and colour" in editing.parts.options.hint.toolTip(), timeout=20_000)
    editing.parts.tools.snap.set_radius(1)
    return editing


def bright(window):
    return window.bench.canvas.panes[0].photo.rgb.mean(axis=-1) > 100


def middle(mask):
    rows, cols = np.nonzero(mask)
    return float(cols.mean()), float(rows.mean())


def grabbed(window):
    return qimage_to_rgb(window.bench.canvas.grab().toImage()).astype(int)


# The snapped brush ----------------------------------------------------------------------------------------------------


def test_a_click_paints_the_whole_region_under_it_and_no_other(qtbot, snapping):
    x, y = middle(bright(snapping))
    drag(qtbot, snapping, [(x, y)])
    clusters = snapping.parts.regions.get(snapping.bench.canvas.panes[0].photo)
    region = clusters.region(int(clusters.at((x, y))))
    painted = labels(snapping) > 0
    assert painted.sum() == region.area > 10
    assert painted[region.slices][region.mask].all()
    assert snapping.bench.session.history.undo_text == "Paint regions of wing"
    snapping.bench.session.undo()
    assert not labels(snapping).any()
    snapping.bench.session.redo()
    assert np.array_equal(labels(snapping) > 0, painted)


def test_a_fast_stroke_adopts_every_region_it_crosses_and_keeps_to_edges(qtbot, snapping):
    mask = bright(snapping)
    _, y = middle(mask)
    columns = np.nonzero(mask[round(y)])[0]
    left, right = int(columns[0]) + 3, int(columns[-1]) - 3
    drag(qtbot, snapping, [(left, y), (right, y)])
    painted = labels(snapping) > 0
    assert painted[round(y), left : right + 1].all()
    assert (painted & mask).sum() / painted.sum() > 0.9


def test_control_erases_regions_and_other_parts_are_kept_where_wanted(qtbot, snapping):
    x, y = middle(bright(snapping))
    drag(qtbot, snapping, [(x, y)])
    before = labels(snapping)
    beak = snapping.bench.session.document.parts[1]
    snapping.parts.commands.choose(beak.id)
    qtbot.keyClick(snapping.bench.canvas, Qt.Key.Key_P, SHIFT)
    assert snapping.parts.options.preserve.isChecked()
    drag(qtbot, snapping, [(x, y)])
    assert np.array_equal(labels(snapping), before)
    drag(qtbot, snapping, [(x, y)], CONTROL)
    assert not labels(snapping).any()
    assert snapping.bench.session.history.undo_text == "Erase regions"


def test_what_would_be_painted_is_shown_under_the_pointer(qtbot, snapping):
    bare = grabbed(snapping)
    x, y = middle(bright(snapping))
    qtbot.mouseMove(snapping.bench.canvas, at(snapping, x, y))
    shown = np.abs(grabbed(snapping) - bare).sum(axis=-1) > 10
    clusters = snapping.parts.regions.get(snapping.bench.canvas.panes[0].photo)
    region = clusters.region(int(clusters.at((x, y))))
    scale = snapping.bench.canvas.panes[0].view.scale
    assert shown.sum() > 0.7 * region.area * scale**2
    assert not labels(snapping).any()
    snapping.bench.toolbox.choose("select")
    assert np.array_equal(grabbed(snapping), bare)


def test_a_wide_tip_adopts_what_it_covers(qtbot, snapping):
    x, y = middle(bright(snapping))
    drag(qtbot, snapping, [(x, y)])
    one = int((labels(snapping) > 0).sum())
    snapping.bench.session.undo()
    snapping.parts.tools.snap.set_radius(18)
    drag(qtbot, snapping, [(x, y)])
    assert int((labels(snapping) > 0).sum()) > one


def test_finer_regions_are_smaller(qtbot, snapping):
    photo = snapping.bench.canvas.panes[0].photo
    medium = len(snapping.parts.regions.get(photo))
    snapping.parts.options.grain._group.button(0).click()
    qtbot.waitUntil(lambda: snapping.parts.regions.get(photo) is not None, timeout=20_000)
    assert len(snapping.parts.regions.get(photo)) > 1.5 * medium
    assert GRAINS[0] > GRAINS[1] > GRAINS[2]


def test_a_stroke_begun_before_there_are_regions_is_painted_when_there_are(qtbot, editing):
    editing.bench.toolbox.choose("snap")
    editing.parts.regions.clear()
    x, y = middle(bright(editing))
    drag(qtbot, editing, [(x, y), (x + 3, y)])
    qtbot.waitUntil(lambda: labels(editing).any(), timeout=20_000)
    assert editing.bench.session.history.undo_text == "Paint regions of wing"


def test_escape_forgets_a_snapped_stroke(qtbot, snapping):
    x, y = middle(bright(snapping))
    qtbot.mousePress(snapping.bench.canvas, LEFT, pos=at(snapping, x, y))
    assert np.array(snapping.bench.canvas.panes[0].labels).any()
    qtbot.keyClick(snapping.bench.canvas, Qt.Key.Key_Escape)
    qtbot.mouseRelease(snapping.bench.canvas, LEFT, pos=at(snapping, x, y))
    assert not np.array(snapping.bench.canvas.panes[0].labels).any()
    assert not labels(snapping).any()


def test_without_a_model_regions_go_by_colour_and_the_bar_says_so(qtbot, editing):
    editing.parts.features.set_choice(None)
    editing.bench.toolbox.choose("snap")
    qtbot.waitUntil(lambda: "no model is installed" in editing.parts.options.hint.toolTip(), timeout=20_000)
    drag(qtbot, editing, [middle(bright(editing))])
    assert labels(editing).any()


def test_where_features_fail_the_bar_says_why_and_colour_goes_on(qtbot, make_window, image_folder):
    from tests.desktop.fakes import FakeBackend

    class Broken(FakeBackend):
        def engine(self, choice):
            raise UsageError("the weights are gone")

    window = make_window(make_backend=Broken)
    window.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    window.bench.toolbox.choose("snap")
    qtbot.waitUntil(lambda: "weights are gone" in window.parts.options.hint.toolTip(), timeout=20_000)
    assert window.parts.regions.get(window.bench.canvas.panes[0].photo) is not None


# The smart boundary ---------------------------------------------------------------------------------------------------


def agreement(window, part):
    found, truth = labels(window) == part, bright(window)
    return (found & truth).sum() / (found | truth).sum()


def paint_roughly(qtbot, window):
    """The bright blob, off by two pixels."""
    rows, cols = np.nonzero(bright(window))
    cy, cx, ry, rx = rows.mean(), cols.mean(), np.ptp(rows) / 2 + 2, np.ptp(cols) / 2 + 2
    turns = np.linspace(0, 2 * np.pi, 40)
    window.bench.toolbox.choose("lasso")
    drag(qtbot, window, [(cx + rx * np.cos(t), cy + ry * np.sin(t)) for t in turns])


def test_refining_moves_the_outline_to_the_edge_as_one_step(qtbot, editing):
    part = editing.bench.session.document.parts[0].id
    paint_roughly(qtbot, editing)
    rough, before = agreement(editing, part), labels(editing).copy()
    editing.bench.actions["refine"].trigger()
    qtbot.waitUntil(lambda: not editing.parts.boundary.busy, timeout=20_000)
    assert agreement(editing, part) > max(rough + 0.03, 0.95)
    assert editing.bench.session.history.undo_text == "Refine boundary of wing"
    editing.bench.session.undo()
    assert np.array_equal(labels(editing), before)


@pytest.mark.parametrize("method", ["grabcut", "guided", "crf"])
def test_other_methods_refine_as_well(qtbot, editing, method):
    if method == "crf":
        pytest.importorskip("torch")
    part = editing.bench.session.document.parts[0].id
    paint_roughly(qtbot, editing)
    rough = agreement(editing, part)
    editing.bench.settings.change(refine_method=method)
    editing.bench.actions["refine"].trigger()
    qtbot.waitUntil(lambda: not editing.parts.boundary.busy, timeout=60_000)
    assert agreement(editing, part) > rough
    assert editing.bench.session.history.undo_text == "Refine boundary of wing"


def test_refining_all_leaves_locked_parts_alone(qtbot, editing):
    wing, beak = (part.id for part in editing.bench.session.document.parts)
    paint_roughly(qtbot, editing)
    editing.parts.commands.choose(beak)
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(1, 1), (8, 8)])
    editing.bench.session.do(EditPart(wing, locked=True))
    before = labels(editing) == wing
    editing.bench.actions["refine_all"].trigger()
    qtbot.waitUntil(lambda: not editing.parts.boundary.busy, timeout=20_000)
    assert np.array_equal(labels(editing) == wing, before)
    editing.bench.session.do(EditPart(wing, locked=False))
    editing.bench.actions["refine_all"].trigger()
    qtbot.waitUntil(lambda: editing.bench.session.history.undo_text == "Refine all boundaries", timeout=20_000)
    assert not np.array_equal(labels(editing) == wing, before)


def test_refining_nothing_says_so(qtbot, editing):
    editing.bench.actions["refine"].trigger()
    assert "nothing to refine" in editing.bench.layout.notice.text
    editing.bench.actions["refine_all"].trigger()
    assert "no part that is free" in editing.bench.layout.notice.text
    assert not editing.parts.boundary.busy


def test_a_refinement_never_overwrites_what_was_painted_meanwhile(qtbot, editing):
    paint_roughly(qtbot, editing)
    editing.bench.actions["refine"].trigger()
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(1, 1), (8, 8)])
    now = labels(editing).copy()
    qtbot.waitUntil(lambda: not editing.parts.boundary.busy, timeout=20_000)
    assert np.array_equal(labels(editing), now)
    assert "changed meanwhile" in editing.bench.layout.notice.text


def test_escape_stops_a_refinement(qtbot, editing):
    paint_roughly(qtbot, editing)
    before = labels(editing).copy()
    editing.bench.actions["refine"].trigger()
    qtbot.keyClick(editing.bench.canvas, Qt.Key.Key_Escape)
    assert not editing.parts.boundary.busy
    qtbot.wait(300)
    assert np.array_equal(labels(editing), before)


# Modes of shapes ------------------------------------------------------------------------------------------------------

SQUARE = [(30, 30), (60, 30), (60, 60), (30, 60), (30, 31)]


def enclose(qtbot, window, tool, modifier=Qt.KeyboardModifier.NoModifier):
    """The square from 30 to 60 with a tool."""
    window.bench.toolbox.choose(tool)
    if tool == "rectangle":
        drag(qtbot, window, [(30, 30), (60, 60)], modifier)
    elif tool == "lasso":
        drag(qtbot, window, SQUARE, modifier)
    else:
        for index, xy in enumerate(SQUARE[:4]):
            held = modifier if index == 0 else Qt.KeyboardModifier.NoModifier
            qtbot.mouseClick(window.bench.canvas, LEFT, held, at(window, *xy))
        qtbot.keyClick(window.bench.canvas, Qt.Key.Key_Return)


@pytest.mark.parametrize("tool", ["rectangle", "lasso", "polygon"])
@pytest.mark.parametrize(
    ("index", "modifier", "inside", "outside"),
    [
        (1, Qt.KeyboardModifier.NoModifier, False, True),
        (2, Qt.KeyboardModifier.NoModifier, True, False),
        (0, CONTROL, False, True),
        (0, ALT, True, False),
        (0, CONTROL | SHIFT, True, False),
        (1, SHIFT, True, True),
    ],
)
def test_shapes_add_subtract_and_intersect_by_switch_and_by_key(qtbot, editing, tool, index, modifier, inside, outside):
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(10, 10), (100, 80)])
    before = labels(editing).copy()
    editing.parts.options.mode._group.button(index).click()
    enclose(qtbot, editing, tool, modifier)
    assert bool(labels(editing)[45, 45]) is inside
    assert bool(labels(editing)[45, 80]) is outside
    if not (inside and outside):
        editing.bench.session.undo()
        assert np.array_equal(labels(editing), before)


def test_fill_erases_a_region_or_keeps_one_piece(qtbot, editing):
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(10, 10), (30, 30)])
    drag(qtbot, editing, [(60, 10), (80, 30)])
    editing.bench.toolbox.choose("fill")
    qtbot.mouseClick(editing.bench.canvas, LEFT, ALT, at(editing, 20, 20))
    assert labels(editing)[20, 20]
    assert not labels(editing)[20, 70]
    assert editing.bench.session.history.undo_text == "Keep piece of wing"
    editing.bench.session.undo()
    editing.parts.options.mode._group.button(1).click()
    qtbot.mouseClick(editing.bench.canvas, LEFT, pos=at(editing, 70, 20))
    assert not labels(editing)[20, 70]
    assert labels(editing)[20, 20]


def test_the_wand_subtracts_by_the_switch(qtbot, editing):
    editing.bench.toolbox.choose("rectangle")
    drag(qtbot, editing, [(1, 1), (118, 88)])
    editing.parts.options.mode._group.button(1).click()
    editing.bench.toolbox.choose("wand")
    x, y = middle(bright(editing))
    drag(qtbot, editing, [(x, y)])
    qtbot.waitUntil(lambda: editing.bench.session.history.undo_text == "Cut with wand from wing", timeout=20_000)
    assert not labels(editing)[round(y), round(x)]
    assert labels(editing)[4, 4]


def test_the_switch_shows_what_held_keys_do(qtbot, editing):
    editing.bench.toolbox.choose("lasso")
    mode = editing.parts.options.mode
    assert mode.isVisible()
    for key, index in ((Qt.Key.Key_Control, 1), (Qt.Key.Key_Alt, 2)):
        qtbot.keyPress(editing.bench.canvas, key)
        assert mode.index == index
        qtbot.keyRelease(editing.bench.canvas, key)
        assert mode.index == 0
    editing.bench.toolbox.choose("brush")
    assert not mode.isVisible()


def test_the_toggle_that_keeps_other_parts_is_one_in_bar_legend_and_menu(qtbot, editing):
    from PySide6.QtWidgets import QToolButton

    button = next(
        each
        for each in editing.parts.panel.findChildren(QToolButton)
        if each.defaultAction() is editing.bench.actions["preserve"]
    )
    editing.bench.toolbox.choose("brush")
    qtbot.mouseClick(button, LEFT)
    assert editing.parts.options.preserve.isChecked()
    assert editing.parts.editor.preserve
    editing.parts.options.preserve.click()
    assert not editing.bench.actions["preserve"].isChecked()
    assert not editing.parts.editor.preserve


@pytest.mark.parametrize("width", [900, 1000, 1440])
@pytest.mark.parametrize("tool", ["snap", "wand", "lasso", "brush"])
def test_the_options_of_a_tool_never_overlap_or_clip(qtbot, editing, tool, width):
    editing.resize(width, 700)
    editing.bench.toolbox.choose(tool)
    qtbot.wait(50)
    options = editing.parts.options
    shown = [each for each in options.children() if isinstance(each, QWidget) and each.isVisible()]
    assert len(shown) >= 2
    places = sorted((each.geometry().left(), each.geometry().right()) for each in shown)
    assert all(right < left for (_, right), (left, _) in itertools.pairwise(places))
    assert places[-1][1] <= options.width()
    words = [each for each in shown if each is not options.hint]
    assert all(each.width() >= each.minimumSizeHint().width() for each in words)
