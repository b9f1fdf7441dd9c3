"""Check these first: going through doubtful points by keys in the real window, and the panel of self-evaluation."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from counterpart.core.evaluate.keypoint_quality import KeypointQuality
from counterpart.core.evaluate.keypoints import Outcomes
from counterpart.core.pipeline.keypoints.project_keypoints import CheckedPoint
from counterpart.core.project.commands import AddInstance, AddSkeleton, PredictKeypoints
from counterpart.core.project.points import KeypointSet, Origin, Skeleton

LEFT = Qt.MouseButton.LeftButton
SKELETON = Skeleton(("nose", "left_ear", "right_ear", "tail"), ((0, 1), (0, 2)), (), ((1, 2),), name="beast")
PLACES = np.array([(30, 40), (50, 20), (60, 25), (70, 60)], float)


@pytest.fixture
def window(qtbot, make_window, image_folder):
    """Five images: two are confirmed, one has predictions of which two are doubtful."""
    made = make_window()
    made.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: made.bench.canvas.panes[0].photo is not None)
    made.bench.session.do(AddSkeleton(SKELETON))
    first, second, third, *_ = made.bench.session.document.image_ids
    for image in (first, second):
        made.bench.session.do(AddInstance(image, KeypointSet.make(PLACES, skeleton=1)))
    guess = KeypointSet.make(PLACES, [2, 1, 1, 2], [0.9, 0.1, 0.3, 0.8], Origin.TRANSFERRED, skeleton=1)
    made.bench.session.do(PredictKeypoints({third: [guess]}))
    made.bench.layout.show_tab(made.keypoints.checks.panel)
    queue = made.keypoints.checks.panel.queue
    qtbot.waitUntil(lambda: len(queue.model.rows) == 4)
    return made


@pytest.fixture
def queue(window):
    return window.keypoints.checks.panel.queue


def third(window):
    return window.bench.session.document.image_ids[2]


def points(window):
    return window.bench.session.document.keypoints(third(window))[0]


def click_row(qtbot, queue, row):
    place = queue.table.visualRect(queue.model.index(row, 0)).center()
    qtbot.mouseClick(queue.table.viewport(), LEFT, pos=place)


def test_the_most_doubtful_point_is_on_top_and_a_click_brings_it_to_the_middle(qtbot, window, queue):
    assert [row.index for row in queue.model.rows] == [1, 2, 3, 0]
    assert queue.summary.text() == "4 predicted · 0 odd"
    click_row(qtbot, queue, 0)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == third(window))
    view = window.bench.canvas.panes[0].view
    qtbot.waitUntil(lambda: np.hypot(*(view.to_widget(PLACES[1]) - view.area.center().toTuple())) < 40)
    assert not view.fitted
    assert window.bench.toolbox.active == "keypoint"
    assert window.keypoints.checks.panel.isVisible()
    assert window.keypoints.view.layer.selected[1].index == 1


def test_enter_accepts_and_goes_on_arrows_move_and_the_images_state_follows(qtbot, window, queue):
    click_row(qtbot, queue, 0)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == third(window))
    qtbot.keyClick(queue.table, Qt.Key.Key_Return)
    assert points(window).origin.tolist() == [1, 2, 1, 1]
    assert points(window).visibility.tolist() == [2, 2, 1, 2]
    assert queue.current.index == 2
    qtbot.keyClick(queue.table, Qt.Key.Key_Down)
    assert queue.current.index == 3
    assert window.keypoints.view.layer.selected[1].index == 3
    qtbot.keyClick(window.bench.canvas, Qt.Key.Key_Return)
    assert points(window).origin.tolist() == [1, 2, 1, 2]
    assert queue.current.index == 0
    assert window.bench.session.document.image(third(window)).state == "edited"
    window.bench.session.undo()
    qtbot.waitUntil(lambda: len(queue.model.rows) == 3)


def test_a_point_dragged_to_its_place_leaves_the_queue_and_enter_goes_on(qtbot, window, queue):
    click_row(qtbot, queue, 0)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == third(window))
    view = window.bench.canvas.panes[0].view
    start = view.to_widget(PLACES[1])
    from PySide6.QtCore import QPoint

    at = QPoint(round(start[0]), round(start[1]))
    qtbot.mousePress(window.bench.canvas, LEFT, pos=at)
    qtbot.mouseMove(window.bench.canvas, at + QPoint(20, 10))
    qtbot.mouseMove(window.bench.canvas, at + QPoint(40, 20))
    qtbot.mouseRelease(window.bench.canvas, LEFT, pos=at + QPoint(40, 20))
    qtbot.waitUntil(lambda: len(queue.model.rows) == 3)
    assert points(window).origin.tolist() == [1, 0, 1, 1]
    assert queue.current is None
    qtbot.keyClick(window.bench.canvas, Qt.Key.Key_Return)
    assert queue.current.index == 2
    assert points(window).origin.tolist() == [1, 0, 1, 1]


def test_suspected_swaps_are_named_kept_with_the_project_and_undone_in_one_click(qtbot, window, queue):
    instance = points(window).instance
    window.keypoints.notes.suspect({instance: [(1, 2)]})
    qtbot.waitUntil(lambda: any(row.pairs for row in queue.model.rows))
    assert window.bench.session.document.settings["suspected_swaps"] == {str(instance): [[1, 2]]}
    click_row(qtbot, queue, 0)
    assert queue.swap_button.isEnabled()
    qtbot.mouseClick(queue.swap_button, LEFT)
    after = points(window)
    assert after.xy[[1, 2]] == pytest.approx(PLACES[[2, 1]])
    assert after.origin.tolist() == [1, 2, 2, 1]
    assert [row.index for row in queue.model.rows] == [3, 0]
    window.bench.session.undo()
    assert points(window).xy == pytest.approx(PLACES)


def fake_check(_choice, snapshot, _job):
    """The tail of the first instance is odd; everything else stands well."""

    def run(_backend, _ctx):
        first = snapshot.instances[0]
        return [
            CheckedPoint(
                each.image,
                each.points.instance,
                k,
                tuple(each.points.xy[k]),
                5.0 if each is first and k == 3 else 0.0,
                (75.0, 65.0),
                False,
            )
            for each in snapshot.instances
            for k in np.flatnonzero(each.points.origin != Origin.TRANSFERRED).tolist()
        ]

    return run


@pytest.fixture
def odd(qtbot, window, queue):
    window.keypoints.checks.make_check = fake_check
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(queue.check_button, LEFT)
    return queue


def test_a_check_lists_odd_confirmed_points_and_enter_settles_them(qtbot, window, odd):
    assert "1 look odd" in window.bench.layout.notice.text
    odd.which.setCurrentIndex(2)
    (row,) = odd.model.rows
    assert (row.index, row.confirmed) == (3, True)
    assert odd.summary.text() == "4 predicted · 1 odd"
    click_row(qtbot, odd, 0)
    qtbot.keyClick(odd.table, Qt.Key.Key_Return)
    assert len(odd.model.rows) == 0
    assert "none looks odd" in odd.empty.text.text()


def test_an_odd_point_is_moved_to_where_it_fits_by_a_button_and_undone(qtbot, window, odd):
    odd.which.setCurrentIndex(2)
    click_row(qtbot, odd, 0)
    image = odd.current.image
    layer = window.keypoints.view.layer
    qtbot.waitUntil(lambda: layer.hint is not None)
    assert layer.hint[2] == (75.0, 65.0)
    window.bench.canvas.grab()
    qtbot.mouseClick(odd.move_button, LEFT)
    assert window.bench.session.document.keypoints(image)[0].xy[3] == pytest.approx((75, 65))
    assert layer.hint is None
    assert len(odd.model.rows) == 0
    window.bench.session.undo()
    qtbot.waitUntil(lambda: len(odd.model.rows) == 1)


def fake_evaluation(_choice, snapshot, _job):
    def run(_backend, _ctx):
        count = 4 * len(snapshot.templates)
        k = np.tile(np.arange(4), len(snapshot.templates))
        error = np.where(k == 3, 0.5, 0.01)
        outcomes = Outcomes(
            error, error + 1, np.full(count, 0.7), np.zeros(count), error, k, k * 0, np.zeros((count, 3))
        )
        return KeypointQuality.of(snapshot.skeleton.names, outcomes, len(snapshot.templates))

    return run


def test_self_evaluation_shows_each_keypoint_and_what_is_missing_for_it(qtbot, window):
    panel = window.keypoints.checks.panel
    qtbot.mouseClick(panel.page._group.button(1), LEFT)
    assert not panel.queue.isVisible()
    window.keypoints.checks.make_evaluation = fake_evaluation
    assert panel.quality.why.text() == "2 images with confirmed points"
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(panel.quality.button, LEFT)
    model = panel.quality.model
    assert [model.data(model.index(row, 1), Qt.ItemDataRole.UserRole) for row in range(4)] == [1, 1, 1, 0]
    assert "75% of 8 points right on 2 instances" in panel.quality.summary.text()
    window.bench.session.undo()
    window.bench.session.undo()
    qtbot.waitUntil(lambda: not panel.quality.button.isEnabled())
    assert "1 more image" in panel.quality.why.text()
    assert "1 more image" in panel.queue.checked.text()


def test_without_points_the_queue_says_what_to_do(qtbot, opened_empty):
    queue = opened_empty.keypoints.checks.panel.queue
    assert not queue.table.isVisible()
    assert "Place the keypoints" in queue.empty.text.text()
    opened_empty.bench.settings.change(ask_empty_review=False)
    qtbot.keyClick(opened_empty.bench.canvas, Qt.Key.Key_Return)
    assert opened_empty.images.panel.model.counts()["reviewed"] == 1


@pytest.fixture
def opened_empty(qtbot, make_window, image_folder):
    made = make_window()
    made.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: made.bench.canvas.panes[0].photo is not None)
    made.bench.layout.show_tab(made.keypoints.checks.panel)
    return made
