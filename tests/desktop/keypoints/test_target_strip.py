"""Below the paired view, all other images with their points; and a pinned similarity that becomes a selection."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import AddInstance, AddPart, AddSkeleton, PredictKeypoints, RemoveInstances
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.desktop.widgets.qimage import qimage_to_rgb

pytest.importorskip("torch")

LEFT = Qt.MouseButton.LeftButton
PLACES = np.array([(20, 20), (50, 30), (60, 60)], float)


@pytest.fixture
def paired(qtbot, opened):
    """Two of five images side by side; one of the others has predicted points."""
    document = opened.session.document
    opened.session.do(AddSkeleton(Skeleton(("nose", "ear", "tail"), ((0, 1), (1, 2)), name="beast")))
    opened.session.do(AddInstance(document.image_ids[0], KeypointSet.make(PLACES, skeleton=1)))
    guess = KeypointSet.make(PLACES, [2, 2, 1], [0.9, 0.6, 0.3], Origin.TRANSFERRED, skeleton=1)
    opened.session.do(PredictKeypoints({document.image_ids[3]: [guess]}))
    opened.commands.set_paired(True)
    qtbot.waitUntil(lambda: opened.canvas.panes[1].photo is not None)
    return opened


def strip(window):
    return window.pointwork.strip


def grabbed(widget):
    return qimage_to_rgb(widget.grab().toImage()).astype(int)


def test_the_strip_shows_all_other_images_and_a_click_opens_one_on_the_right(qtbot, paired):
    document = paired.session.document
    assert strip(paired).isVisible()
    assert strip(paired).model_.images == list(document.image_ids[1:])
    assert strip(paired).currentIndex().row() == 0
    index = strip(paired).model_.index(2)
    qtbot.mouseClick(strip(paired).viewport(), LEFT, pos=strip(paired).visualRect(index).center())
    qtbot.waitUntil(lambda: paired.canvas.panes[1].image_key == document.image_ids[3])
    assert strip(paired).currentIndex().row() == 2
    paired.images.select(document.image_ids[1])
    qtbot.waitUntil(lambda: document.image_ids[1] not in strip(paired).model_.images)


def test_points_are_seen_on_the_pictures_and_change_with_the_document(qtbot, paired):
    document = paired.session.document
    qtbot.waitUntil(lambda: paired.thumbnails.get(document.image(document.image_ids[3])) is not None)
    qtbot.wait(50)
    before = grabbed(strip(paired))
    paired.session.do(RemoveInstances([document.keypoints(document.image_ids[3])[0].instance]))
    qtbot.wait(50)
    assert (np.abs(grabbed(strip(paired)) - before).sum(axis=-1) > 40).sum() > 30


def test_the_strip_goes_with_its_key_and_with_the_paired_view(qtbot, paired):
    qtbot.keyClick(paired.canvas, Qt.Key.Key_T)
    assert not strip(paired).isVisible()
    qtbot.keyClick(paired.canvas, Qt.Key.Key_T)
    assert strip(paired).isVisible()
    paired.commands.set_paired(False)
    assert not strip(paired).isVisible()


def test_lines_step_back_while_points_are_placed_and_points_while_lines_are_judged(qtbot, paired):
    qtbot.waitUntil(lambda: paired.canvas.lines is not None, timeout=30_000)
    lines = grabbed(paired.canvas)
    paired.toolbox.choose("keypoint")
    points = grabbed(paired.canvas)
    middle = lines.shape[1] // 2
    gap = np.s_[:, middle - 3 : middle + 3]
    assert np.abs(lines[gap] - points[gap]).max() > 60
    at = paired.canvas.panes[0].view.to_widget(paired.pairs.matches.xy_a[0])
    assert paired.canvas.line_at(QPoint(round(at[0]), round(at[1])).toPointF()) is None


# A pinned similarity ------------------------------------------------------------------------------------------------


@pytest.fixture
def pinned(qtbot, opened):
    """One image with the bright blob pinned, and a part to give it to."""
    opened.session.do(AddPart("blob"))
    opened.parts.set_active(1)
    qtbot.keyClick(opened.canvas, Qt.Key.Key_M)
    at = opened.canvas.panes[0].view.to_widget((60, 45))
    spot = QPoint(round(at[0]), round(at[1]))
    qtbot.mouseMove(opened.canvas, spot)
    qtbot.mouseClick(opened.canvas, LEFT, pos=spot)
    options = opened.pointwork.pins._options
    qtbot.waitUntil(options.isVisible, timeout=30_000)
    return opened


def test_a_pinned_place_is_previewed_by_threshold_and_selected_as_one_step(qtbot, pinned):
    options = pinned.pointwork.pins._options
    image = pinned.viewer.image(0)
    options.threshold.box.setValue(50)
    qtbot.waitUntil(lambda: pinned.canvas.panes[0].heat is None)
    few_at_first = int((pinned.canvas.panes[0].labels == 1).sum())
    assert few_at_first > 50
    assert pinned.session.document.label_map(image) is None
    options.threshold.box.setValue(90)
    qtbot.waitUntil(lambda: 0 < int((pinned.canvas.panes[0].labels == 1).sum()) < few_at_first)
    wanted = int((pinned.canvas.panes[0].labels == 1).sum())
    qtbot.mouseClick(options.button, LEFT)
    found = pinned.session.document.label_map(image)
    assert int((found.labels == 1).sum()) == wanted
    assert found.labels[45, 60] == 1
    assert pinned.session.bridge.undo_text == "Select alike as blob"
    assert not pinned.probe.pinned
    assert not options.isVisible()
    pinned.session.bridge.undo()
    assert pinned.session.document.label_map(image) is None


def test_letting_the_place_go_takes_the_preview_back(qtbot, pinned):
    options = pinned.pointwork.pins._options
    options.threshold.box.setValue(55)
    qtbot.waitUntil(lambda: pinned.canvas.panes[0].heat is None)
    qtbot.keyClick(pinned.canvas, Qt.Key.Key_Escape)
    assert not options.isVisible()
    labels = pinned.canvas.panes[0].labels
    assert labels is None or not labels.any()
    assert pinned.session.document.label_map(pinned.viewer.image(0)) is None


def test_without_a_part_the_selection_says_what_is_missing(qtbot, pinned):
    pinned.parts.set_active(0)
    qtbot.mouseClick(pinned.pointwork.pins._options.button, LEFT)
    assert "Choose a part" in pinned.notice.text
    assert pinned.probe.pinned
