"""Two images side by side: lines, table, similarity."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import RemoveImages
from counterpart.core.project.points import MatchState
from counterpart.desktop.widgets.qimage import qimage_to_rgb

pytest.importorskip("torch")


def grabbed(window):
    return qimage_to_rgb(window.canvas.grab().toImage()).astype(int)


def point(window, pane, xy):
    at = window.canvas.panes[pane].view.to_widget(xy)
    return QPoint(round(at[0]), round(at[1]))


@pytest.fixture
def paired(qtbot, opened):
    """The paired view of the first two images, with matches found."""
    opened.commands.set_paired(True)
    qtbot.waitUntil(lambda: opened.pairs.matches is not None and len(opened.pairs.matches) > 2, timeout=30_000)
    opened.canvas.fit()
    return opened


def test_the_paired_view_shows_a_second_image_and_finds_matches_by_itself(qtbot, paired):
    assert paired.canvas.count == 2
    assert [pane.title for pane in paired.canvas.panes] == ["img1.png", "img2.png"]
    assert paired.canvas.lines is not None
    assert len(paired.canvas.lines) == len(paired.pairs.matches) == paired.matches.model.rowCount()
    assert paired.matches.isVisible()


def test_lines_are_seen_and_hidden_with_the_overlay(qtbot, paired):
    shown = grabbed(paired)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_H)
    assert (np.abs(grabbed(paired) - shown).sum(axis=-1) > 30).sum() > 200


def test_the_table_is_sorted_by_doubt_and_hovering_a_line_marks_its_row(qtbot, paired):
    model = paired.matches.model
    doubts = [model._doubt[model.index_of(row)] for row in range(model.rowCount())]
    assert doubts == sorted(doubts, reverse=True)
    xy = paired.pairs.matches.xy_a[1]
    qtbot.mouseMove(paired.canvas, point(paired, 0, xy))
    qtbot.waitUntil(lambda: paired.canvas._hovered_line == 1)
    assert "Match 2" in paired.status.place.text()
    qtbot.mouseClick(paired.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 0, xy))
    assert paired.matches.chosen == [1]
    assert paired.pairs.selected == 1


def test_the_slider_asks_for_more_or_fewer_pairs_and_is_one_step(qtbot, paired):
    paired.matches.count.box.setValue(3)
    qtbot.waitUntil(lambda: len(paired.pairs.matches) == 3, timeout=10_000)
    paired.matches.count.box.setValue(2)
    qtbot.waitUntil(lambda: len(paired.pairs.matches) == 2, timeout=10_000)
    paired.session.bridge.undo()
    assert paired.pairs.matches is None
    assert not paired.session.bridge.can_undo


def test_enter_accepts_and_escape_rejects_the_selected_match(qtbot, paired):
    paired.matches.choose(0)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_Return)
    assert paired.pairs.matches.state[0] == MatchState.ACCEPTED
    paired.matches.choose(1)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_Escape)
    assert paired.pairs.matches.state[1] == MatchState.REJECTED
    assert not paired.canvas.lines.shown[1]
    assert paired.images.model.counts()["reviewed"] == 0


def test_accepted_matches_stay_when_matches_are_found_anew(qtbot, paired):
    paired.matches.choose(0)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_Return)
    kept = paired.pairs.matches.xy_a[0].copy()
    paired.matches.count.box.setValue(2)
    qtbot.waitUntil(lambda: paired.pairs.matches.state[0] == MatchState.ACCEPTED and len(paired.pairs.matches) <= 3)
    assert np.allclose(paired.pairs.matches.xy_a[0], kept)


def test_dragging_an_end_moves_it_as_one_step(qtbot, paired):
    matches = paired.pairs.matches
    start = point(paired, 1, matches.xy_b[0])
    goal = start + QPoint(25, -18)
    qtbot.mousePress(paired.canvas, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 6):
        qtbot.mouseMove(paired.canvas, start + QPoint(5 * step, -3 * step))
    qtbot.mouseMove(paired.canvas, goal)
    qtbot.mouseRelease(paired.canvas, Qt.MouseButton.LeftButton, pos=goal)
    moved = paired.pairs.matches
    expected = paired.canvas.panes[1].view.to_image(goal.toPointF())
    assert moved.xy_b[0] == pytest.approx(expected, abs=0.6)
    assert moved.state[0] == MatchState.ACCEPTED
    paired.session.bridge.undo()
    assert np.allclose(paired.pairs.matches.xy_b, matches.xy_b)


def test_a_locked_match_is_not_dragged(qtbot, paired):
    paired.matches.choose(0)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_L)
    assert paired.pairs.matches.locked[0]
    before = paired.pairs.matches.xy_b[0].copy()
    start = point(paired, 1, before)
    qtbot.mousePress(paired.canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(paired.canvas, start + QPoint(30, 30))
    qtbot.mouseRelease(paired.canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(30, 30))
    assert np.allclose(paired.pairs.matches.xy_b[0], before)
    assert "locked" in paired.notice.text


def test_control_click_in_the_list_chooses_the_right_image(qtbot, paired):
    view = paired.images.view
    row = paired.images.model.index(3)
    qtbot.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ControlModifier,
        view.visualRect(row).center(),
    )
    qtbot.waitUntil(lambda: paired.canvas.panes[1].title == "img10.png")
    assert paired.canvas.panes[0].title == "img1.png"


def test_swap_exchanges_the_images(qtbot, paired):
    qtbot.keyClick(paired.canvas, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: [pane.title for pane in paired.canvas.panes] == ["img2.png", "img1.png"])


def test_hovering_with_the_similarity_tool_lays_a_map_over_the_other_image(qtbot, paired):
    plain = grabbed(paired)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_M)
    qtbot.mouseMove(paired.canvas, point(paired, 0, (60, 45)))
    qtbot.waitUntil(lambda: paired.canvas.panes[1].heat is not None, timeout=10_000)
    assert paired.canvas.panes[0].heat is None
    assert not np.array_equal(grabbed(paired), plain)
    assert "likeness" in paired.status.place.text()
    qtbot.mouseMove(paired.canvas, QPoint(2, 2))
    qtbot.waitUntil(lambda: paired.canvas.panes[1].heat is None)


def test_a_click_pins_the_place_and_escape_lets_go(qtbot, paired):
    qtbot.keyClick(paired.canvas, Qt.Key.Key_M)
    qtbot.mouseClick(paired.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 0, (60, 45)))
    qtbot.waitUntil(lambda: paired.canvas.panes[1].heat is not None, timeout=10_000)
    qtbot.mouseMove(paired.canvas, QPoint(2, 2))
    assert paired.canvas.panes[1].heat is not None
    assert paired.canvas.panes[0].pinned
    qtbot.waitUntil(lambda: len(paired.images.model._heats) == 5, timeout=10_000)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_Escape)
    assert paired.canvas.panes[1].heat is None
    assert paired.images.model._heats == {}


def test_a_single_image_is_compared_with_itself(qtbot, opened):
    qtbot.keyClick(opened.canvas, Qt.Key.Key_M)
    rows, cols = np.nonzero(opened.canvas.panes[0].photo.rgb.mean(axis=-1) > 100)
    xy = (float(cols.mean()), float(rows.mean()))
    qtbot.mouseMove(opened.canvas, point(opened, 0, xy))
    qtbot.waitUntil(lambda: opened.canvas.panes[0].heat is not None, timeout=10_000)
    heat = opened.canvas.panes[0].heat
    at = heat.geometry.nearest_token(xy)
    corner = heat.values[0, 0]
    assert heat.values[tuple(at)] > corner + 0.2


def test_similarity_answers_while_a_long_job_runs(qtbot, paired, jobs):
    jobs.gate.clear()
    paired.desk.run()
    assert jobs.begun.wait(5)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_M)
    paired.prober.probe(paired.viewer.image(0), (60.0, 45.0), [paired.viewer.image(0)])
    qtbot.mouseMove(paired.canvas, point(paired, 0, (60, 45)))
    jobs.gate.set()
    qtbot.waitUntil(lambda: paired.canvas.panes[1].heat is not None, timeout=10_000)


# The mate of a place ------------------------------------------------------------------------------------------------


def free_place(window):
    """A place of the left image that no line passes."""
    for x in range(30, 100, 6):
        for y in range(25, 75, 6):
            if window.canvas.line_at(point(window, 0, (x, y)).toPointF()) is None:
                return x, y
    raise AssertionError("lines are everywhere")


def test_a_click_on_the_left_proposes_a_mate_that_can_be_dragged_accepted_and_undone(qtbot, paired):
    count = len(paired.pairs.matches)
    xy = free_place(paired)
    qtbot.mouseClick(paired.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 0, xy))
    qtbot.waitUntil(lambda: len(paired.pairs.matches) == count + 1, timeout=10_000)
    matches = paired.pairs.matches
    assert matches.xy_a[-1] == pytest.approx(xy, abs=1)
    assert matches.state[-1] == MatchState.PROPOSED
    assert np.isfinite(matches.score[-1])
    assert paired.pairs.selected == count
    assert "Drag it" in paired.status.place.text()
    start = point(paired, 1, matches.xy_b[-1])
    goal = start + QPoint(12, -9)
    qtbot.mousePress(paired.canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(paired.canvas, start + QPoint(6, -4))
    qtbot.mouseMove(paired.canvas, goal)
    qtbot.mouseRelease(paired.canvas, Qt.MouseButton.LeftButton, pos=goal)
    assert len(paired.pairs.matches) == count + 1
    assert paired.pairs.matches.state[-1] == MatchState.ACCEPTED
    paired.session.bridge.undo()
    paired.session.bridge.undo()
    assert len(paired.pairs.matches) == count


def test_a_click_on_the_right_proposes_a_mate_on_the_left(qtbot, paired):
    paired.matches.count.box.setValue(1)
    qtbot.waitUntil(lambda: len(paired.pairs.matches) == 1, timeout=10_000)
    at = next(
        (x, y)
        for x in range(20, 70, 6)
        for y in range(20, 80, 6)
        if paired.canvas.line_at(point(paired, 1, (x, y)).toPointF()) is None
    )
    qtbot.mouseClick(paired.canvas, Qt.MouseButton.LeftButton, pos=point(paired, 1, at))
    qtbot.waitUntil(lambda: len(paired.pairs.matches) == 2, timeout=10_000)
    assert paired.pairs.matches.xy_b[-1] == pytest.approx(at, abs=1)


def test_delete_removes_the_chosen_match(qtbot, paired):
    count = len(paired.pairs.matches)
    paired.matches.choose(1)
    qtbot.keyClick(paired.canvas, Qt.Key.Key_Delete)
    assert len(paired.pairs.matches) == count - 1


def test_hovering_a_line_marks_its_row(qtbot, paired):
    model = paired.matches.model
    qtbot.mouseMove(paired.canvas, point(paired, 0, paired.pairs.matches.xy_a[1]))
    qtbot.waitUntil(lambda: paired.canvas._hovered_line == 1)
    row = model.row_of(1)
    assert model.data(model.index(row, 2), Qt.ItemDataRole.BackgroundRole) is not None
    assert model.data(model.index(model.row_of(0), 2), Qt.ItemDataRole.BackgroundRole) is None


def test_when_the_image_on_the_right_is_removed_another_takes_its_place(qtbot, paired):
    document, right = paired.session.document, paired.viewer.image(1)
    paired.session.do(RemoveImages([right]))
    assert paired.viewer.image(1) not in (right, paired.viewer.image(0))
    qtbot.waitUntil(lambda: paired.canvas.panes[1].image_key == paired.viewer.image(1))
    paired.pairs.find()
    paired.commands.set_paired(False)
    paired.session.do(RemoveImages([image for image in document.image_ids if image != paired.viewer.image(0)]))
    assert paired.viewer.image(1) == 0
    paired.session.bridge.undo()
    paired.commands.set_paired(True)
    assert paired.viewer.image(1) in document.image_ids
