"""The room of keypoints, built alone: a check survives a restart, transfer needs no Run panel."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from counterpart.core.pipeline.keypoints.project_keypoints import CheckedPoint, PointTransfer
from counterpart.core.project.commands import AddInstance, AddSkeleton, MoveKeypoint
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.desktop.keypoints.room import KeypointsRoom
from tests.desktop.benches import images_of, show_bench

LEFT = Qt.MouseButton.LeftButton
SKELETON = Skeleton(("nose", "left_ear", "right_ear", "tail"), ((0, 1), (0, 2)), (), ((1, 2),), name="beast")
PLACES = np.array([(30, 40), (50, 20), (60, 25), (70, 60)], float)


def make_room(bench, scope=None):
    images = images_of(bench)
    return KeypointsRoom(bench, images.thumbnails, images.show_right, scope)


@pytest.fixture
def room(qtbot, bench, image_folder):
    """The room on a project of five images in a file; two have their points."""
    made = make_room(bench)
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    bench.session.do(AddSkeleton(SKELETON))
    for image in bench.document.image_ids[:2]:
        bench.session.do(AddInstance(image, KeypointSet.make(PLACES, skeleton=1)))
    made.checks.make_check = odd_tail
    yield made
    made.stop()


def odd_tail(_choice, snapshot, _job):
    """The tail of the first instance is odd, wherever it is."""

    def run(_backend, _ctx):
        first = snapshot.instances[0]
        return [
            CheckedPoint(
                each.image, each.points.instance, 3, tuple(each.points.xy[3]), 5.0 * (each is first), (75, 65), False
            )
            for each in snapshot.instances
        ]

    return run


def checked(qtbot, bench, room):
    """Keys of the confirmed points that a check lists."""
    with qtbot.waitSignal(bench.jobs.ended, timeout=10_000):
        room.checks.check()
    return [row.key for row in room.checks.panel.queue.model.rows if row.confirmed]


def test_a_point_found_right_is_not_listed_again_after_a_restart_until_it_is_moved(qtbot, bench, room):
    file = bench.document.path
    (tail,) = checked(qtbot, bench, room)
    bench.layout.show_tab(room.checks.panel)
    queue = room.checks.panel.queue
    queue.table.setCurrentIndex(queue.model.index(0, 0))
    assert room.checks.accept()
    assert len(queue.model.rows) == 0
    bench.session.close()
    assert room.index.by_image == {}
    assert bench.session.open_project(file)
    assert len(room.index.by_image) == 2
    assert checked(qtbot, bench, room) == []
    bench.session.do(MoveKeypoint(tail[0], 3, (71, 61)))
    assert checked(qtbot, bench, room) == [tail]
    bench.session.undo()
    assert checked(qtbot, bench, room) == []


def test_what_transfer_suspects_is_listed_and_noted_with_the_project(qtbot, bench, room):
    def make(choice, points, targets, _params):
        source = points.templates[0].points.xy
        guess = KeypointSet.make(source, [2, 2, 2, 2], [0.9] * 4, Origin.TRANSFERRED, skeleton=1)
        swaps = {image: [[(1, 2)] if image == max(targets) else []] for image in targets}
        return lambda _backend, _ctx: (
            PointTransfer({image: [guess] for image in targets}, swaps, 2),
            Provenance("transfer", "", choice.name),
        )

    room.transfers.make = make
    with qtbot.waitSignal(bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(room.panel.transfer_button, LEFT)
    (last,) = bench.document.keypoints(max(bench.document.image_ids))
    assert bench.document.settings["suspected_swaps"] == {str(last.instance): [[1, 2]]}
    room.checks.refresh()
    assert {row.key for row in room.checks.panel.queue.model.rows if row.pairs} == {
        (last.instance, 1),
        (last.instance, 2),
    }
    assert "On 1, left and right may be swapped" in bench.layout.notice.text


def test_transfer_goes_by_the_parameters_chosen_last_and_by_the_given_scope(qtbot, bench, image_folder):
    room = make_room(bench, lambda: list(bench.document.image_ids)[2:4])
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.document is not None)
    bench.session.do(AddSkeleton(SKELETON))
    bench.session.do(AddInstance(bench.document.image_ids[0], KeypointSet.make(PLACES, skeleton=1)))
    asked = []

    def make(choice, _points, targets, params):
        asked.append((choice.name, list(targets), params.params.doubtful_below, params.params.prior))
        return lambda _backend, _ctx: (PointTransfer({}, {}, 1), Provenance("transfer"))

    room.transfers.make = make
    bench.settings.set_params(f"keypoints/{bench.models.name}", {"params.doubtful_below": 0.25, "params.prior": False})
    with qtbot.waitSignal(bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(room.panel.transfer_button, LEFT)
    assert asked == [(bench.models.name, list(bench.document.image_ids)[2:4], 0.25, False)]
    room.stop()


def test_keys_and_menus_reach_the_room_and_say_what_is_missing(qtbot, bench, room):
    actions = bench.actions
    assert all(actions[name].isEnabled() for name in ("tool_keypoint", "new_instance", "swap_sides", "skeletons"))
    actions["tool_keypoint"].trigger()
    assert bench.toolbox.active == "keypoint"
    assert bench.layout.shown is room.panel
    actions["swap_sides"].trigger()
    (points,) = bench.document.keypoints(bench.viewer.image(0))
    assert points.xy == pytest.approx(PLACES[[0, 2, 1, 3]])
    actions["landmarks"].trigger()
    assert "at least 3 images" in bench.layout.notice.text
    bench.session.close()
    actions.refresh()
    assert not actions["new_instance"].isEnabled()
    assert "Open a folder" in actions["new_instance"].toolTip()
