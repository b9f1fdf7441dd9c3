"""The room of finding, alone on a workbench: the Run panel, its jobs, its previews, and tasks that others add."""

import pytest
from PySide6.QtCore import Qt

from counterpart.desktop.canvas.grid_paint import GridPaint
from counterpart.desktop.find.room import FindRoom
from counterpart.desktop.jobs.task import TaskSpec
from tests.desktop.benches import show_bench
from tests.desktop.fakes import FAKE_TASKS, FakeParams, fake_preview

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def room(qtbot, bench, jobs, image_folder):
    """The room over a folder of five images, the first one shown."""
    made = FindRoom(bench, lambda: 0, FAKE_TASKS, {"parts": jobs.make, "object": jobs.make}, {"parts": fake_preview})
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    return made


def run(qtbot, room):
    with qtbot.waitSignal(room.runs.taken_over, timeout=10_000):
        qtbot.mouseClick(room.panel.button, LEFT)


def test_a_run_puts_masks_into_the_project_as_one_step(qtbot, room, bench):
    run(qtbot, room)
    assert [part.name for part in bench.document.parts] == ["part 1", "part 2"]
    assert len(bench.document.labelled_images()) == 5
    assert bench.layout.notice.text == "Found 2 parts."
    bench.session.undo()
    assert not bench.document.labelled_images()


def test_the_panel_says_why_nothing_can_be_run(qtbot, room, bench):
    assert room.panel.button.isEnabled()
    bench.session.close()
    assert not room.panel.button.isEnabled()
    assert room.panel.button.toolTip() == "Open a folder of images first"


def test_a_run_works_on_the_images_that_are_chosen(qtbot, room, bench):
    bench.images.select(bench.document.image_ids[1])
    qtbot.waitUntil(lambda: room.panel.scope.findText("Selected (1)") >= 0)
    room.panel.scope.setCurrentIndex(room.panel.scope.findData("selected"))
    assert room.scope() == [bench.document.image_ids[1]]
    run(qtbot, room)
    assert bench.document.labelled_images() == room.scope()


def test_a_task_of_another_room_stands_behind_the_others_and_is_started_there(qtbot, room, bench, jobs):
    started = []
    spec = TaskSpec(
        "points", "Points", "Places points", lambda _model: FakeParams(), lambda _model: {}, ("method",), ()
    )
    room.offer(spec, lambda *what: started.append(what))
    room.panel.choose_task("points")
    assert room.panel.spec is spec
    qtbot.mouseClick(room.panel.button, LEFT)
    choice, images, params = started[0]
    assert choice == bench.models.choice
    assert images == list(bench.document.image_ids)
    assert params == FakeParams()
    assert not jobs.seen


def test_another_model_computes_once_it_is_chosen(qtbot, room, bench):
    names = [entry.name for entry in bench.models.entries]
    assert [room.panel.model.itemData(row) for row in range(room.panel.model.count())] == names
    room.panel.model.setCurrentIndex(1)
    assert bench.models.name == names[1]
    assert bench.models.choice is None
    assert room.panel.button.toolTip() == "Install the model first"


def test_a_preview_lies_over_the_images_until_it_is_discarded(qtbot, room, bench):
    run(qtbot, room)
    room.panel._form(False).control("parts").box.setValue(5)
    qtbot.waitUntil(lambda: room.preview.found is not None)
    assert bench.maps.seen == "preview"
    assert isinstance(bench.canvas.panes[0].heat, GridPaint)
    qtbot.mouseClick(room.panel.preview.drop, LEFT)
    assert bench.maps.seen is None
    assert bench.canvas.panes[0].heat is None


def test_masks_for_a_project_that_was_closed_are_not_put_into_the_next(qtbot, room, bench, jobs, image_folder):
    jobs.gate.clear()
    qtbot.mouseClick(room.panel.button, LEFT)
    assert jobs.begun.wait(10)
    bench.session.close()
    jobs.gate.set()
    qtbot.waitUntil(lambda: not bench.jobs.busy)
    assert "no longer open" in bench.layout.notice.text


def test_a_second_press_never_queues_the_same_run_and_other_parameters_are_another_one(qtbot, room, bench, jobs):
    jobs.gate.clear()
    qtbot.mouseClick(room.panel.button, LEFT)
    assert room.panel.button.text() == "Find parts …"
    assert not room.panel.button.isEnabled()
    qtbot.mouseClick(room.panel.button, LEFT)
    bench.actions["run"].trigger()
    assert bench.jobs.waiting == ()
    room.panel.choose_task("object")
    assert room.panel.button.isEnabled()
    bench.actions["run"].trigger()
    bench.actions["run"].trigger()
    assert len(bench.jobs.waiting) == 1
    room.panel.choose_task("parts")
    assert not room.panel.button.isEnabled()
    jobs.gate.set()
    qtbot.waitUntil(lambda: not bench.jobs.busy, timeout=10_000)
    assert room.panel.button.text() == "Find parts"
    assert room.panel.button.isEnabled()
