"""Transfer of keypoints from the window: where from, where to, what it says; the model is a fake."""

import threading

import numpy as np
import pytest
from PySide6.QtCore import Qt

from counterpart.core.pipeline.keypoints.project_keypoints import PointTransfer, serves
from counterpart.core.project.commands import AddInstance, AddSkeleton, MoveKeypoint, SetReviewState
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, Origin, Skeleton

LEFT = Qt.MouseButton.LeftButton
SKELETON = Skeleton(("nose", "left_ear", "right_ear", "tail"), ((0, 1), (0, 2)), (), ((1, 2),), name="beast")
PLACES = np.array([(30, 40), (50, 20), (60, 25), (70, 60)], float)


class FakeTransfer:
    """Puts the points of the first template everywhere, a little surer with every template there is."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.asked = []

    def make(self, _choice, points, targets, job):
        self.asked.append((sorted(targets), len(points.templates)))

        def run(_backend, ctx):
            source = points.templates[0].points
            sure = min(0.2 + 0.2 * len(points.templates), 0.9)
            results, swaps = {}, {}
            for number, image in enumerate(targets):
                ctx.step(number, len(targets), f"Image {number}")
                self.begun.set()
                while not self.gate.wait(0.01):
                    ctx.check()
                score = np.full(4, sure) - (0, 0, 0, 0.15)
                seen = np.where(score < job.params.doubtful_below, 1, 2)
                results[image] = [KeypointSet.make(source.xy + 2, seen, score, Origin.TRANSFERRED, skeleton=1)]
                swaps[image] = [[(1, 2)]]
            return PointTransfer(results, swaps, len(points.templates)), Provenance("transfer")

        return run


@pytest.fixture
def fake():
    return FakeTransfer()


@pytest.fixture
def window(qtbot, make_window, image_folder, fake):
    """A window on five images; the first has all its points."""
    made = make_window()
    made.keypoints.transfers.make = fake.make
    made.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: made.bench.canvas.panes[0].photo is not None)
    made.bench.session.do(AddSkeleton(SKELETON))
    made.bench.session.do(AddInstance(images(made)[0], KeypointSet.make(PLACES, skeleton=1)))
    made.bench.toolbox.choose("keypoint")
    yield made
    fake.gate.set()


def images(window):
    return window.bench.session.document.image_ids


def points(window, number):
    return window.bench.session.document.keypoints(images(window)[number])


def transfer(qtbot, window):
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(window.keypoints.panel.transfer_button, LEFT)


def test_a_complete_instance_serves_as_template_and_one_in_the_making_does_not():
    assert serves(KeypointSet.make(PLACES))
    begun = np.full((4, 2), np.nan)
    begun[0] = 1, 1
    assert not serves(KeypointSet.make(begun))
    assert serves(KeypointSet.make(begun, template=True))
    assert not serves(KeypointSet.make(PLACES, origin=[0, 0, 0, 1]))
    assert serves(KeypointSet.make(PLACES, origin=[2, 2, 2, 0]))
    assert not serves(KeypointSet.make(np.full((4, 2), np.nan), template=True))


def test_one_button_places_the_points_on_all_other_images_as_one_step(qtbot, window, fake):
    assert window.keypoints.panel.sources.text() == "1 image to learn from · 4 to do"
    transfer(qtbot, window)
    assert fake.asked == [(list(images(window)[1:]), 1)]
    for number in range(1, 5):
        (found,) = points(window, number)
        assert (found.origin == Origin.TRANSFERRED).all()
        assert found.visibility.tolist() == [1, 1, 1, 1]
        assert window.bench.session.document.image(images(window)[number]).state == "predicted"
    assert points(window, 0)[0].xy == pytest.approx(PLACES)
    assert "16 are doubtful" in window.bench.layout.notice.text
    assert window.keypoints.panel.gain.text() == "1 template: 16 points, 36% sure on average"
    assert window.keypoints.panel.sources.text() == "1 image to learn from · 4 to do, 4 predicted"
    window.bench.session.undo()
    assert all(points(window, number) == () for number in range(1, 5))


def test_what_a_person_placed_is_kept_and_the_rest_is_filled_in(qtbot, window):
    own = np.full((4, 2), np.nan)
    own[3] = 9, 9
    window.bench.session.do(AddInstance(images(window)[1], KeypointSet.make(own, skeleton=1)))
    transfer(qtbot, window)
    (found,) = points(window, 1)
    assert found.xy[3] == pytest.approx((9, 9))
    assert found.origin.tolist() == [1, 1, 1, 0]


def test_reviewed_and_skipped_images_are_left_alone(qtbot, window, fake):
    window.bench.session.do(SetReviewState([images(window)[1]], "reviewed"))
    window.bench.session.do(SetReviewState([images(window)[2]], "skipped"))
    transfer(qtbot, window)
    assert fake.asked == [(list(images(window)[3:]), 1)]
    assert points(window, 1) == ()


def test_an_image_edited_while_the_job_runs_is_left_and_named(qtbot, window, fake):
    fake.gate.clear()
    qtbot.mouseClick(window.keypoints.panel.transfer_button, LEFT)
    qtbot.waitUntil(fake.begun.is_set)
    window.bench.session.do(AddInstance(images(window)[2], KeypointSet.make(PLACES - 5, skeleton=1)))
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        fake.gate.set()
    assert points(window, 2)[0].xy == pytest.approx(PLACES - 5)
    assert len(points(window, 3)) == 1
    assert "img3.png" in window.bench.layout.notice.text
    assert "while the job was running" in window.bench.layout.notice.text


def test_a_transfer_is_cancelled_and_changes_nothing(qtbot, window, fake):
    fake.gate.clear()
    qtbot.mouseClick(window.keypoints.panel.transfer_button, LEFT)
    qtbot.waitUntil(fake.begun.is_set)
    assert window.bench.status.job.isVisible()
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        window.bench.actions["cancel_job"].trigger()
    assert points(window, 1) == ()


def test_confirming_an_image_makes_it_a_template_and_the_rest_is_done_again_with_the_gain_told(qtbot, window, fake):
    transfer(qtbot, window)
    window.keypoints.panel.again.setChecked(True)
    window.images.panel.select(images(window)[1])
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == images(window)[1])
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(window.keypoints.panel.confirm_button, LEFT)
    assert fake.asked[-1] == (list(images(window)[2:]), 2)
    (kept,) = points(window, 1)
    assert (kept.origin == Origin.CONFIRMED).all()
    assert (kept.visibility == 2).all()
    assert points(window, 2)[0].score[0] == pytest.approx(0.6)
    assert "up from" in window.keypoints.panel.gain.text()


def test_again_keeps_points_that_were_corrected_meanwhile(qtbot, window):
    transfer(qtbot, window)
    (guess,) = points(window, 2)
    window.bench.session.do(MoveKeypoint(guess.instance, 0, (5, 6)))
    transfer(qtbot, window)
    (after,) = points(window, 2)
    assert after.xy[0] == pytest.approx((5, 6))
    assert after.origin.tolist() == [0, 1, 1, 1]
    assert len(points(window, 2)) == 1


def test_the_button_turns_the_run_panel_to_keypoints_where_the_parameters_are(qtbot, window):
    assert window.finding.panel.spec.id != "keypoints"
    transfer(qtbot, window)
    assert window.finding.panel.spec.id == "keypoints"
    assert "keypoints" in window.finding.panel.button.text()


def test_without_a_template_the_button_says_what_is_missing(qtbot, window):
    window.bench.session.undo()
    assert not window.keypoints.panel.transfer_button.isEnabled()
    assert "2 of 4" in window.keypoints.panel.sources.text()
    window.finding.panel.choose_task("keypoints")
    window.finding.runs.run()
    assert "no template" in window.bench.layout.notice.text


def test_the_run_panel_transfers_to_the_selected_images_alone(qtbot, window, fake):
    model = window.images.panel.model
    rows = window.images.panel.view.selectionModel()
    window.images.panel.select(images(window)[3])
    rows.select(model.index(4), rows.SelectionFlag.Select)
    window.finding.panel.choose_task("keypoints")
    scope = window.finding.panel.scope
    scope.setCurrentIndex(scope.findData("selected"))
    assert scope.currentText() == "Selected (2)"
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(window.finding.panel.button, LEFT)
    assert fake.asked == [([images(window)[3], images(window)[4]], 1)]
