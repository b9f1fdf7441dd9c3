"""Two images side by side: lines, table, similarity."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import RemoveImages
from counterpart.core.project.points import MatchState
from counterpart.desktop.widgets.qimage import qimage_to_rgb

pytest.importorskip("torch")


def grabbed(window):
    return qimage_to_rgb(window.bench.canvas.grab().toImage()).astype(int)


def point(window, pane, xy):
    at = window.bench.canvas.panes[pane].view.to_widget(xy)
    return QPoint(round(at[0]), round(at[1]))


@pytest.fixture
def paired(qtbot, opened):
    """The paired view of the first two images, with matches found."""
    opened.images.set_paired(True)
    qtbot.waitUntil(
        lambda: opened.matches.editor.matches is not None and len(opened.matches.editor.matches) > 2, timeout=30_000
    )
    opened.bench.canvas.fit()
    return opened


def test_the_paired_view_shows_a_second_image_and_finds_matches_by_itself(qtbot, paired):
    assert paired.bench.canvas.count == 2
    assert [pane.title for pane in paired.bench.canvas.panes] == ["img1.png", "img2.png"]
    assert paired.bench.canvas.lines is not None
    assert len(paired.bench.canvas.lines) == len(paired.matches.editor.matches) == paired.matches.panel.model.rowCount()
    assert paired.matches.panel.isVisible()


def test_lines_are_seen_and_hidden_with_the_overlay(qtbot, paired):
    shown = grabbed(paired)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_H)
    assert (np.abs(grabbed(paired) - shown).sum(axis=-1) > 30).sum() > 200


def test_the_table_is_sorted_by_doubt_and_hovering_a_line_marks_its_row(qtbot, paired):
    model = paired.matches.panel.model
    doubts = [model._doubt[model.index_of(row)] for row in range(model.rowCount())]
    assert doubts == sorted(doubts, reverse=True)
    xy = paired.matches.editor.matches.xy_a[1]
    qtbot.mouseMove(paired.bench.canvas, point(paired, 0, xy))
    qtbot.waitUntil(lambda: paired.bench.canvas._hovered_line == 1)
    assert "Match 2" in paired.bench.status.place.text()
    qtbot.mouseClick(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 0, xy))
    assert paired.matches.panel.chosen == [1]
    assert paired.matches.editor.selected == 1


def test_the_slider_asks_for_more_or_fewer_pairs_and_is_one_step(qtbot, paired):
    paired.matches.panel.count.box.setValue(3)
    qtbot.waitUntil(lambda: len(paired.matches.editor.matches) == 3, timeout=10_000)
    paired.matches.panel.count.box.setValue(2)
    qtbot.waitUntil(lambda: len(paired.matches.editor.matches) == 2, timeout=10_000)
    paired.bench.session.undo()
    assert paired.matches.editor.matches is None
    assert not paired.bench.session.history.can_undo


def test_enter_accepts_and_escape_rejects_the_selected_match(qtbot, paired):
    paired.matches.panel.choose(0)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_Return)
    assert paired.matches.editor.matches.state[0] == MatchState.ACCEPTED
    paired.matches.panel.choose(1)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_Escape)
    assert paired.matches.editor.matches.state[1] == MatchState.REJECTED
    assert not paired.bench.canvas.lines.shown[1]
    assert paired.images.panel.model.counts()["reviewed"] == 0


def test_accepted_matches_stay_when_matches_are_found_anew(qtbot, paired):
    paired.matches.panel.choose(0)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_Return)
    kept = paired.matches.editor.matches.xy_a[0].copy()
    paired.matches.panel.count.box.setValue(2)
    qtbot.waitUntil(
        lambda: (
            paired.matches.editor.matches.state[0] == MatchState.ACCEPTED and len(paired.matches.editor.matches) <= 3
        )
    )
    assert np.allclose(paired.matches.editor.matches.xy_a[0], kept)


def test_dragging_an_end_moves_it_as_one_step(qtbot, paired):
    matches = paired.matches.editor.matches
    start = point(paired, 1, matches.xy_b[0])
    goal = start + QPoint(25, -18)
    qtbot.mousePress(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 6):
        qtbot.mouseMove(paired.bench.canvas, start + QPoint(5 * step, -3 * step))
    qtbot.mouseMove(paired.bench.canvas, goal)
    qtbot.mouseRelease(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=goal)
    moved = paired.matches.editor.matches
    expected = paired.bench.canvas.panes[1].view.to_image(goal.toPointF())
    assert moved.xy_b[0] == pytest.approx(expected, abs=0.6)
    assert moved.state[0] == MatchState.ACCEPTED
    paired.bench.session.undo()
    assert np.allclose(paired.matches.editor.matches.xy_b, matches.xy_b)


def test_a_locked_match_is_not_dragged(qtbot, paired):
    paired.matches.panel.choose(0)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_L)
    assert paired.matches.editor.matches.locked[0]
    before = paired.matches.editor.matches.xy_b[0].copy()
    start = point(paired, 1, before)
    qtbot.mousePress(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(paired.bench.canvas, start + QPoint(30, 30))
    qtbot.mouseRelease(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(30, 30))
    assert np.allclose(paired.matches.editor.matches.xy_b[0], before)
    assert "locked" in paired.bench.layout.notice.text


def test_control_click_in_the_list_chooses_the_right_image(qtbot, paired):
    view = paired.images.panel.view
    row = paired.images.panel.model.index(3)
    qtbot.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ControlModifier,
        view.visualRect(row).center(),
    )
    qtbot.waitUntil(lambda: paired.bench.canvas.panes[1].title == "img10.png")
    assert paired.bench.canvas.panes[0].title == "img1.png"


def test_swap_exchanges_the_images(qtbot, paired):
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: [pane.title for pane in paired.bench.canvas.panes] == ["img2.png", "img1.png"])


def test_hovering_with_the_similarity_tool_lays_a_map_over_the_other_image(qtbot, paired):
    plain = grabbed(paired)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_M)
    qtbot.mouseMove(paired.bench.canvas, point(paired, 0, (60, 45)))
    qtbot.waitUntil(lambda: paired.bench.canvas.panes[1].heat is not None, timeout=10_000)
    assert paired.bench.canvas.panes[0].heat is None
    assert not np.array_equal(grabbed(paired), plain)
    assert "likeness" in paired.bench.status.place.text()
    qtbot.mouseMove(paired.bench.canvas, QPoint(2, 2))
    qtbot.waitUntil(lambda: paired.bench.canvas.panes[1].heat is None)


def test_a_click_pins_the_place_and_escape_lets_go(qtbot, paired):
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_M)
    qtbot.mouseClick(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 0, (60, 45)))
    qtbot.waitUntil(lambda: paired.bench.canvas.panes[1].heat is not None, timeout=10_000)
    qtbot.mouseMove(paired.bench.canvas, QPoint(2, 2))
    assert paired.bench.canvas.panes[1].heat is not None
    assert paired.bench.canvas.panes[0].pinned
    qtbot.waitUntil(lambda: len(paired.images.panel.model._heats) == 5, timeout=10_000)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_Escape)
    assert paired.bench.canvas.panes[1].heat is None
    assert paired.images.panel.model._heats == {}


def test_a_single_image_is_compared_with_itself(qtbot, opened):
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_M)
    rows, cols = np.nonzero(opened.bench.canvas.panes[0].photo.rgb.mean(axis=-1) > 100)
    xy = (float(cols.mean()), float(rows.mean()))
    qtbot.mouseMove(opened.bench.canvas, point(opened, 0, xy))
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[0].heat is not None, timeout=10_000)
    heat = opened.bench.canvas.panes[0].heat
    at = heat.geometry.nearest_token(xy)
    corner = heat.values[0, 0]
    assert heat.values[tuple(at)] > corner + 0.2


def test_similarity_answers_while_a_long_job_runs(qtbot, paired, jobs):
    jobs.gate.clear()
    paired.finding.runs.run()
    assert jobs.begun.wait(5)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_M)
    paired.explore.maps.probe(paired.bench.viewer.image(0), (60.0, 45.0), [paired.bench.viewer.image(0)])
    qtbot.mouseMove(paired.bench.canvas, point(paired, 0, (60, 45)))
    jobs.gate.set()
    qtbot.waitUntil(lambda: paired.bench.canvas.panes[1].heat is not None, timeout=10_000)


# The counterpart of a place -----------------------------------------------------------------------------------------


def free_place(window):
    """A place of the left image that no line passes."""
    for x in range(30, 100, 6):
        for y in range(25, 75, 6):
            if window.bench.canvas.line_at(point(window, 0, (x, y)).toPointF()) is None:
                return x, y
    raise AssertionError("lines are everywhere")


def test_a_click_on_the_left_proposes_a_counterpart_that_can_be_dragged_accepted_and_undone(qtbot, paired):
    count = len(paired.matches.editor.matches)
    xy = free_place(paired)
    qtbot.mouseClick(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 0, xy))
    qtbot.waitUntil(lambda: len(paired.matches.editor.matches) == count + 1, timeout=10_000)
    matches = paired.matches.editor.matches
    assert matches.xy_a[-1] == pytest.approx(xy, abs=1)
    assert matches.state[-1] == MatchState.PROPOSED
    assert np.isfinite(matches.score[-1])
    assert paired.matches.editor.selected == count
    assert "Drag it" in paired.bench.status.place.text()
    start = point(paired, 1, matches.xy_b[-1])
    goal = start + QPoint(12, -9)
    qtbot.mousePress(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(paired.bench.canvas, start + QPoint(6, -4))
    qtbot.mouseMove(paired.bench.canvas, goal)
    qtbot.mouseRelease(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=goal)
    assert len(paired.matches.editor.matches) == count + 1
    assert paired.matches.editor.matches.state[-1] == MatchState.ACCEPTED
    paired.bench.session.undo()
    paired.bench.session.undo()
    assert len(paired.matches.editor.matches) == count


def test_a_click_on_the_right_proposes_a_counterpart_on_the_left(qtbot, paired):
    paired.matches.panel.count.box.setValue(1)
    qtbot.waitUntil(lambda: len(paired.matches.editor.matches) == 1, timeout=10_000)
    at = next(
        (x, y)
        for x in range(20, 70, 6)
        for y in range(20, 80, 6)
        if paired.bench.canvas.line_at(point(paired, 1, (x, y)).toPointF()) is None
    )
    qtbot.mouseClick(paired.bench.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 1, at))
    qtbot.waitUntil(lambda: len(paired.matches.editor.matches) == 2, timeout=10_000)
    assert paired.matches.editor.matches.xy_b[-1] == pytest.approx(at, abs=1)


def test_delete_removes_the_chosen_match(qtbot, paired):
    count = len(paired.matches.editor.matches)
    paired.matches.panel.choose(1)
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_Delete)
    assert len(paired.matches.editor.matches) == count - 1


def test_hovering_a_line_marks_its_row(qtbot, paired):
    model = paired.matches.panel.model
    qtbot.mouseMove(paired.bench.canvas, point(paired, 0, paired.matches.editor.matches.xy_a[1]))
    qtbot.waitUntil(lambda: paired.bench.canvas._hovered_line == 1)
    row = model.row_of(1)
    assert model.data(model.index(row, 2), Qt.ItemDataRole.BackgroundRole) is not None
    assert model.data(model.index(model.row_of(0), 2), Qt.ItemDataRole.BackgroundRole) is None


def test_when_the_image_on_the_right_is_removed_another_takes_its_place(qtbot, paired):
    document, right = paired.bench.session.document, paired.bench.viewer.image(1)
    paired.bench.session.do(RemoveImages([right]))
    assert paired.bench.viewer.image(1) not in (right, paired.bench.viewer.image(0))
    qtbot.waitUntil(lambda: paired.bench.canvas.panes[1].image_key == paired.bench.viewer.image(1))
    paired.matches.editor.find()
    paired.images.set_paired(False)
    paired.bench.session.do(
        RemoveImages([image for image in document.image_ids if image != paired.bench.viewer.image(0)])
    )
    assert paired.bench.viewer.image(1) == 0
    paired.bench.session.undo()
    paired.images.set_paired(True)
    assert paired.bench.viewer.image(1) in document.image_ids
