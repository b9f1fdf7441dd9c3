"""The room of learning, beside those that it stands on: what a correction teaches, and where it is seen."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from counterpart.core.project.commands import SetReviewState
from counterpart.desktop.find.room import FindRoom
from counterpart.desktop.learn.room import LearnRoom
from counterpart.desktop.parts.room import PartsRoom
from tests.desktop.benches import show_bench
from tests.desktop.fakes import FAKE_TASKS

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def find(bench, jobs):
    return FindRoom(bench, lambda: 0, FAKE_TASKS, {"parts": jobs.make, "object": jobs.make}, {})


@pytest.fixture
def room(qtbot, bench, find, image_folder):
    """The room over a folder of five images in which parts were found."""
    made = LearnRoom(bench, find, PartsRoom(bench))
    bench.layout.add_tab(40, QWidget(), "Other")
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    with qtbot.waitSignal(find.runs.taken_over, timeout=10_000):
        find.runs.run()
    bench.layout.show_tab(made.panel)
    return made


def learn(qtbot, room, bench):
    """Learn from a reviewed image whose labels are not those of the others."""
    document = bench.document
    first = document.image_ids[0]
    bench.session.do(SetReviewState([first], "reviewed"))
    qtbot.waitUntil(room.panel.button.isEnabled)
    qtbot.mouseClick(room.panel.button, LEFT)
    qtbot.waitUntil(lambda: not room.learner.waiting and not bench.jobs.busy, timeout=60_000)


def test_the_panel_says_what_to_do_first(qtbot, bench, room):
    assert room.panel.button.toolTip() == "Correct an image, or mark one as reviewed, to learn from it"
    bench.session.close()
    assert room.panel.button.toolTip() == "Open a folder of images first"


def test_what_was_learned_is_seen_beside_parts_alone(qtbot, bench, room):
    learn(qtbot, room, bench)
    assert room.learner.learned is not None
    assert bench.maps.seen == "learned"
    bench.layout.tabs.setCurrentIndex(2)
    assert bench.maps.seen is None
    bench.layout.tabs.setCurrentIndex(0)
    assert bench.maps.seen == "learned"
    room.learner.drop()
    assert bench.maps.seen is None


def test_an_update_is_kept_as_one_step(qtbot, bench, room):
    learn(qtbot, room, bench)
    steps = bench.document.revision
    qtbot.mouseClick(room.panel.button, LEFT)
    qtbot.waitUntil(lambda: bench.document.revision > steps and not bench.jobs.busy, timeout=60_000)
    assert bench.session.history.undo_text == "Update parts from 1 image on 4 images"
    assert room.panel.empty.title.text() == "Everything follows"
    assert bench.maps.seen is None


def test_an_update_that_is_ready_is_offered_where_the_panel_is_not_seen(qtbot, bench, room):
    bench.layout.tabs.setCurrentIndex(0)
    room.learner.offered.emit("Learned from 1 image. 4 images would change.")
    assert bench.layout.notice.isVisible()
    assert bench.layout.notice.button.text() == "Keep update"
    room.learner.offered.emit("")
    assert not bench.layout.notice.isVisible()


def test_another_project_forgets_what_was_learned(qtbot, bench, room):
    learn(qtbot, room, bench)
    bench.session.close()
    assert room.learner.learned is None
    assert not room.panel.changes.rows
    assert bench.maps.seen is None
