"""Keypoints by mouse and keys in the real window: placing, judging, moving, whole instances, skeletons."""

import json

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import AddInstance, AddSkeleton, PredictKeypoints
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.desktop.keypoints.skeleton_dialog import SkeletonDialog

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SKELETON = Skeleton(("nose", "left_ear", "right_ear", "tail"), ((0, 1), (0, 2), (0, 3)), (), ((1, 2),), name="beast")
PLACES = [(30, 40), (50, 20), (70, 25), (100, 60)]


def spot(window, xy, pane=0):
    x, y = window.bench.canvas.panes[pane].view.to_widget(xy)
    return QPoint(round(x), round(y))


def click(qtbot, window, xy, button=LEFT, pane=0):
    qtbot.mouseMove(window.bench.canvas, spot(window, xy, pane))
    qtbot.mouseClick(window.bench.canvas, button, pos=spot(window, xy, pane))


def drag(qtbot, window, start, goal, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mousePress(window.bench.canvas, LEFT, modifier, start)
    for share in (0.3, 0.7, 1.0):
        qtbot.mouseMove(window.bench.canvas, start + (goal - start) * share)
    qtbot.mouseRelease(window.bench.canvas, LEFT, modifier, goal)


def here(window, pane=0):
    return window.bench.session.document.keypoints(window.bench.viewer.image(pane))


@pytest.fixture
def window(opened):
    """A window on five images with a skeleton of four keypoints, the keypoint tool in hand."""
    opened.bench.session.do(AddSkeleton(SKELETON))
    opened.bench.toolbox.choose("keypoint")
    return opened


@pytest.fixture
def placed(qtbot, window):
    """The same with all four points of an instance clicked."""
    for xy in PLACES:
        click(qtbot, window, xy)
    return window


def test_clicks_place_the_skeleton_in_order_each_as_one_step(qtbot, window):
    panel = window.keypoints.panel
    assert panel.isVisible()
    for number, xy in enumerate(PLACES):
        wanted = window.keypoints.view.wanted(0)
        assert wanted.name == SKELETON.names[number]
        click(qtbot, window, xy)
    (points,) = here(window)
    assert points.xy == pytest.approx(np.array(PLACES), abs=0.4)
    assert points.visibility.tolist() == [2, 2, 2, 2]
    assert (points.origin == Origin.USER).all()
    assert panel.summary.text() == "4 of 4 placed"
    assert window.images.panel.model.record(window.bench.viewer.image(0)).state == "edited"
    assert window.keypoints.view.wanted(0) is None
    click(qtbot, window, (60, 80))
    assert here(window)[0].xy == pytest.approx(points.xy)
    assert "Shift+N" in window.bench.status.place.text()
    for left in (3, 2, 1):
        qtbot.keyClick(window.bench.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert here(window)[0].present.sum() == left
    window.bench.session.undo()
    assert here(window) == ()


def test_the_next_point_is_named_and_marked_and_can_be_skipped_or_chosen(qtbot, window):
    click(qtbot, window, PLACES[0])
    model = window.keypoints.panel.model
    instance = here(window)[0].instance
    row = model.row_of(instance, 1)
    assert model.data(model.index(row, 1), Qt.ItemDataRole.BackgroundRole) is not None
    qtbot.keyClick(window.bench.canvas, Qt.Key.Key_N)
    assert window.keypoints.view.wanted(0).name == "right_ear"
    tail = model.index(model.row_of(instance, 3), 1)
    qtbot.mouseClick(
        window.keypoints.panel.table.viewport(), LEFT, pos=window.keypoints.panel.table.visualRect(tail).center()
    )
    click(qtbot, window, PLACES[3])
    (points,) = here(window)
    assert points.present.tolist() == [True, False, False, True]
    qtbot.keyClick(window.bench.canvas, Qt.Key.Key_Backspace)
    assert here(window)[0].present.tolist() == [True, False, False, False]
    assert window.keypoints.view.wanted(0).name == "tail"


def test_right_click_places_hidden_points_and_cycles_what_is_there(qtbot, window):
    click(qtbot, window, PLACES[0], RIGHT)
    assert here(window)[0].visibility[0] == 1
    seen = []
    for _ in range(4):
        click(qtbot, window, PLACES[0], RIGHT)
        seen.append(int(here(window)[0].visibility[0]))
    assert seen == [0, 2, 1, 0]
    assert np.isfinite(here(window)[0].xy[0]).all()


def test_dragging_moves_a_point_as_one_step_and_stays_on_the_image(qtbot, placed):
    before = here(placed)[0].xy
    drag(qtbot, placed, spot(placed, PLACES[1]), spot(placed, (55, 33)))
    after = here(placed)[0].xy
    assert after[1] == pytest.approx((55, 33), abs=0.4)
    assert np.delete(after, 1, 0) == pytest.approx(np.delete(before, 1, 0))
    placed.bench.session.undo()
    assert here(placed)[0].xy == pytest.approx(before)
    drag(qtbot, placed, spot(placed, PLACES[1]), spot(placed, (55, -30)))
    assert here(placed)[0].xy[1, 1] == 0


def test_escape_gives_a_drag_up(qtbot, placed):
    before = here(placed)[0].xy
    start = spot(placed, PLACES[1])
    qtbot.mousePress(placed.bench.canvas, LEFT, pos=start)
    qtbot.mouseMove(placed.bench.canvas, start + QPoint(30, 30))
    assert placed.keypoints.view.layer.preview is not None
    qtbot.keyClick(placed.bench.canvas, Qt.Key.Key_Escape)
    qtbot.mouseRelease(placed.bench.canvas, LEFT, pos=start + QPoint(30, 30))
    assert here(placed)[0].xy == pytest.approx(before)


def test_the_box_moves_scales_and_turns_the_whole_instance(qtbot, placed):
    layer = placed.keypoints.view.layer
    xy = here(placed)[0].xy
    scale = placed.bench.canvas.panes[0].view.scale
    edge = layer.frame(0).rect
    grip = QPoint(round(edge.left() + edge.width() * 0.3), round(edge.top()))
    drag(qtbot, placed, grip, grip + QPoint(round(5 * scale), round(7 * scale)))
    moved = here(placed)[0].xy
    assert moved - xy == pytest.approx(np.tile((5, 7), (4, 1)), abs=0.5)
    assert placed.bench.session.history.undo_text == "Move instance"

    corner = layer.frame(0).handles()["se"].toPoint()
    drag(qtbot, placed, corner, corner - QPoint(40, 30))
    smaller = here(placed)[0].xy
    ratio = np.ptp(smaller, axis=0) / np.ptp(moved, axis=0)
    assert ratio[0] == pytest.approx(ratio[1], abs=1e-6)
    assert 0.6 < ratio[0] < 0.98
    assert smaller.min(axis=0) == pytest.approx(moved.min(axis=0))

    frame = layer.frame(0)
    centre, knob = frame.rect.center(), frame.handles()["rotate"]
    arm = round(centre.y() - knob.y())
    drag(qtbot, placed, knob.toPoint(), QPoint(round(centre.x()) + arm, round(centre.y())))
    turned = here(placed)[0].xy
    middle = (smaller.min(axis=0) + smaller.max(axis=0)) / 2
    quarter = (smaller - middle) @ np.array([[0, 1], [-1, 0]]) + middle
    assert turned == pytest.approx(quarter, abs=1.0)
    assert placed.bench.session.history.undo_text == "Turn instance"


def test_several_instances_stand_side_by_side_and_are_deleted_apart(qtbot, placed):
    qtbot.keyClick(placed.bench.canvas, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    wanted = placed.keypoints.view.wanted(0)
    assert wanted.new
    assert wanted.name == "nose"
    click(qtbot, placed, (20, 75))
    click(qtbot, placed, (40, 80))
    first, second = here(placed)
    assert first.present.sum() == 4
    assert second.present.tolist() == [True, True, False, False]
    click(qtbot, placed, PLACES[2])
    assert placed.keypoints.view.active(placed.bench.viewer.image(0)).instance == first.instance
    qtbot.keyClick(placed.bench.canvas, Qt.Key.Key_Delete)
    assert here(placed)[0].present.tolist() == [True, True, False, True]
    qtbot.mouseClick(placed.keypoints.panel.delete_button, LEFT)
    assert [each.instance for each in here(placed)] == [second.instance]


def test_a_template_is_marked_and_says_so(qtbot, placed):
    qtbot.mouseClick(placed.keypoints.panel.template_button, LEFT)
    assert here(placed)[0].template
    model = placed.keypoints.panel.model
    assert model.data(model.index(0, 3), Qt.ItemDataRole.DecorationRole) is not None
    qtbot.mouseClick(placed.keypoints.panel.template_button, LEFT)
    assert not here(placed)[0].template


def test_predictions_look_different_are_confirmed_by_enter_and_become_ones_own_by_moving(qtbot, window):
    image = window.bench.viewer.image(0)
    guess = KeypointSet.make(PLACES, [2, 1, 2, 2], [0.9, 0.3, 0.8, 0.7], Origin.TRANSFERRED, skeleton=1)
    window.bench.session.do(PredictKeypoints({image: [guess]}))
    model = window.keypoints.panel.model
    words = [model.data(model.index(row, 2)) for row in range(1, 5)]
    assert words == ["Predicted", "Doubtful", "Predicted", "Predicted"]
    assert "1 doubtful" in window.keypoints.panel.summary.text()
    drag(qtbot, window, spot(window, PLACES[1]), spot(window, (52, 30)))
    (points,) = here(window)
    assert (points.origin[1], points.visibility[1], points.score[1]) == (Origin.USER, 2, 1)
    qtbot.keyClick(window.bench.canvas, Qt.Key.Key_Return)
    (points,) = window.bench.session.document.keypoints(image)
    assert points.origin.tolist() == [Origin.CONFIRMED, Origin.USER, Origin.CONFIRMED, Origin.CONFIRMED]
    assert window.bench.session.document.image(image).state == "reviewed"
    window.bench.session.undo()
    assert window.bench.session.document.keypoints(image)[0].origin.tolist() == [1, 0, 1, 1]
    assert window.bench.session.document.image(image).state == "edited"


def test_left_and_right_are_exchanged_by_one_key(qtbot, placed):
    before = here(placed)[0].xy
    qtbot.keyClick(placed.bench.canvas, Qt.Key.Key_X, Qt.KeyboardModifier.ShiftModifier)
    assert here(placed)[0].xy == pytest.approx(before[[0, 2, 1, 3]])
    placed.bench.session.undo()
    assert here(placed)[0].xy == pytest.approx(before)


def test_both_panes_of_the_paired_view_take_points(qtbot, window):
    window.images.set_paired(True)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[1].photo is not None)
    click(qtbot, window, (40, 40), pane=1)
    click(qtbot, window, (30, 30), pane=0)
    assert [len(here(window, pane)) for pane in (0, 1)] == [1, 1]
    assert here(window, 1)[0].xy[0] == pytest.approx((40, 40), abs=0.5)
    click(qtbot, window, (60, 50), pane=1)
    assert here(window, 1)[0].present.tolist() == [True, True, False, False]
    assert window.keypoints.panel.summary.text() == "2 of 4 placed"


def test_what_is_drawn_changes_with_hovering_and_goes_with_the_overlay(qtbot, placed):
    from counterpart.desktop.widgets.qimage import qimage_to_rgb

    def grabbed():
        return qimage_to_rgb(placed.bench.canvas.grab().toImage()).astype(int)

    qtbot.mouseMove(placed.bench.canvas, spot(placed, (10, 85)))
    shown = grabbed()
    qtbot.mouseMove(placed.bench.canvas, spot(placed, PLACES[3]))
    assert placed.keypoints.view.layer.hovered[1].index == 3
    assert (np.abs(grabbed() - shown).sum(axis=-1) > 30).sum() > 200
    qtbot.keyClick(placed.bench.canvas, Qt.Key.Key_H)
    bare = grabbed()
    x, y = spot(placed, PLACES[0]).toTuple()
    assert np.abs(bare[y - 3 : y + 3, x - 3 : x + 3] - shown[y - 3 : y + 3, x - 3 : x + 3]).max() > 60


@pytest.fixture
def dialog(qtbot, placed):
    placed.keypoints.edit_skeletons()
    return next(each for each in placed.findChildren(SkeletonDialog) if each.isVisible())


def test_a_skeleton_changed_after_annotation_shifts_no_point(qtbot, placed, dialog):
    before = here(placed)[0].xy
    table = dialog.table
    table.item(3, 1).setText("tail_tip")
    table.choose([0])
    qtbot.mouseClick(dialog.down_button, LEFT)
    qtbot.mouseClick(dialog.add_button, LEFT)
    assert "In use on 1 image" in dialog.note.text()
    dialog.ok.click()
    (skeleton,) = placed.bench.session.document.skeletons
    assert skeleton.names == ("left_ear", "nose", "right_ear", "tail_tip", "point 5")
    (points,) = here(placed)
    assert points.xy[:4] == pytest.approx(before[[1, 0, 2, 3]])
    assert points.visibility[4] == 0
    placed.bench.session.undo()
    assert placed.bench.session.document.skeletons[0].names == SKELETON.names
    assert here(placed)[0].xy == pytest.approx(before)


def test_removing_a_keypoint_takes_its_points_and_edges_alone(qtbot, placed, dialog):
    dialog.table.choose([1])
    qtbot.mouseClick(dialog.drop_button, LEFT)
    dialog.ok.click()
    (skeleton,) = placed.bench.session.document.skeletons
    assert skeleton.names == ("nose", "right_ear", "tail")
    assert skeleton.edges == ((0, 1), (0, 2))
    assert skeleton.mirror_pairs == ()
    assert here(placed)[0].xy == pytest.approx(np.array(PLACES)[[0, 2, 3]], abs=0.4)


def test_edges_and_sides_are_set_for_two_chosen_rows_and_names_must_differ(qtbot, placed, dialog):
    dialog.table.choose([2, 3])
    assert dialog.join_button.isEnabled()
    qtbot.mouseClick(dialog.join_button, LEFT)
    dialog.table.choose([1, 2])
    assert dialog.twin_button.text() == "Not left and right"
    qtbot.mouseClick(dialog.twin_button, LEFT)
    dialog.table.choose([0, 3])
    qtbot.mouseClick(dialog.twin_button, LEFT)
    dialog.table.item(0, 1).setText("tail")
    assert "there is a keypoint named tail already" in dialog.notice.text
    assert dialog.draft.names == SKELETON.names
    dialog.ok.click()
    (skeleton,) = placed.bench.session.document.skeletons
    assert (2, 3) in skeleton.edges
    assert skeleton.mirror_pairs == ((0, 3),)


def test_a_skeleton_comes_from_a_coco_file_and_a_bad_file_is_named_with_its_record(qtbot, placed, dialog, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    category = {"id": 7, "name": "fly", "keypoints": ["l_wing", "r_wing", "head"], "skeleton": [[1, 3], [2, 3]]}
    good.write_text(json.dumps({"categories": [category]}))
    bad.write_text(json.dumps({"images": []}))
    dialog.add_file(bad)
    assert "categories" in dialog.notice.text
    dialog.add_file(good)
    assert dialog.draft.mirror_pairs == ((0, 1),)
    dialog.ok.click()
    assert [each.name for each in placed.bench.session.document.skeletons] == ["beast", "fly"]
    assert placed.keypoints.view.skeleton.name == "fly"
    assert len(here(placed)) == 1


def test_a_project_open_for_looking_only_takes_no_points(qtbot, window, tmp_path):
    from counterpart.core.project.document import Document

    file = tmp_path / "mine.counterpart"
    window.bench.session.do(AddInstance(window.bench.viewer.image(0), KeypointSet.make(PLACES, skeleton=1)))
    assert window.bench.session.save_as(file)
    window.bench.session.close()
    with Document.open(file):
        assert window.bench.session.open_project(file)
        qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
        assert window.bench.session.document.read_only
        drag(qtbot, window, spot(window, PLACES[1]), spot(window, (60, 60)))
        click(qtbot, window, (20, 80))
        assert "looking only" in window.bench.layout.notice.text
        assert here(window)[0].xy == pytest.approx(np.array(PLACES))
        window.bench.session.close()


def test_points_go_with_their_image_and_their_skeleton_and_come_back_by_undo(qtbot, placed):
    from counterpart.core.project.commands import RemoveImages, RemoveSkeleton

    image = placed.bench.viewer.image(0)
    qtbot.mouseMove(placed.bench.canvas, spot(placed, PLACES[1]))
    placed.bench.session.do(RemoveSkeleton(1))
    assert placed.keypoints.panel.none.isVisible()
    assert placed.keypoints.view.wanted(0) is None
    placed.bench.canvas.grab()
    placed.bench.session.undo()
    assert len(here(placed)) == 1
    placed.bench.session.do(RemoveImages([image]))
    qtbot.waitUntil(lambda: placed.bench.canvas.panes[0].image_key != image)
    placed.bench.canvas.grab()
    assert placed.keypoints.index.by_image == {}
    placed.bench.session.undo()
    assert list(placed.keypoints.index.by_image) == [image]
