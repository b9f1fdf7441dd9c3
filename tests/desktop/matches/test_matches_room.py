"""The room of matches, built alone: what it shows for one image and for two, and what the window asks it for."""

import numpy as np
import pytest

from counterpart.core.project.points import MatchState
from counterpart.desktop.matches.room import MatchesRoom
from tests.desktop.benches import images_of, show_bench

pytest.importorskip("torch")


@pytest.fixture
def room(qtbot, bench, image_folder):
    """The room on a project of five images, one of them shown."""
    made = MatchesRoom(bench)
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    return made


@pytest.fixture
def paired(qtbot, bench, room):
    """The same with two images side by side and their matches found."""
    images_of(bench).set_paired(True)
    qtbot.waitUntil(lambda: room.editor.matches is not None and len(room.editor.matches) > 2, timeout=30_000)
    return room


def test_one_image_has_no_matches_and_nothing_to_judge(bench, room):
    assert "Open the paired view" in room.panel.empty.text.text()
    assert not room.judge(MatchState.ACCEPTED)
    assert not room.delete_chosen()
    assert not bench.actions["lock_match"].isEnabled()


def test_matches_are_found_as_soon_as_there_are_two_images_and_go_with_the_second(bench, paired):
    assert len(bench.canvas.lines) == paired.panel.model.rowCount() > 2
    assert bench.actions["lock_match"].isEnabled()
    images_of(bench).set_paired(False)
    assert paired.editor.matches is None
    assert bench.canvas.lines is None


def test_what_is_selected_is_judged_locked_and_deleted(bench, paired):
    count = len(paired.editor.matches)
    paired.panel.choose(1)
    assert paired.judge(MatchState.REJECTED)
    assert paired.editor.matches.state[1] == MatchState.REJECTED
    paired.panel.choose(0)
    bench.actions["lock_match"].trigger()
    assert paired.editor.matches.locked.tolist()[:2] == [True, False]
    paired.panel.choose(1)
    assert paired.delete_chosen()
    assert len(paired.editor.matches) == count - 1
    bench.session.undo()
    assert len(paired.editor.matches) == count


def test_two_clicks_on_a_part_take_the_match_of_the_first_back(qtbot, bench, paired):
    select, count = bench.toolbox.select, len(paired.editor.matches)
    select.clicked.emit(0, 60.0, 45.0)
    qtbot.waitUntil(lambda: len(paired.editor.matches) == count + 1, timeout=10_000)
    assert paired.editor.matches.xy_a[-1] == pytest.approx((60, 45))
    select.part_double_clicked.emit(0, 1)
    assert len(paired.editor.matches) == count


def test_an_answer_for_a_pair_that_is_no_longer_shown_is_dropped(qtbot, bench, paired):
    document, second = bench.document, bench.viewer.image(1)
    third = next(image for image in document.image_ids if image not in (bench.viewer.image(0), second))
    before = document.matches(bench.viewer.image(0), second)
    paired.panel.count.box.setValue(1)
    images_of(bench).show_right(third)
    wanted = (bench.viewer.image(0), third)
    qtbot.waitUntil(lambda: document.matches(*wanted) is not None, timeout=10_000)
    assert np.array_equal(document.matches(bench.viewer.image(0), second).xy_a, before.xy_a)
    assert len(paired.editor.matches) == 1
