"""Below the paired view, all other images with their points."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import AddInstance, AddSkeleton, PredictKeypoints, RemoveInstances
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.desktop.widgets.qimage import qimage_to_rgb

pytest.importorskip("torch")

LEFT = Qt.MouseButton.LeftButton
PLACES = np.array([(20, 20), (50, 30), (60, 60)], float)


@pytest.fixture
def paired(qtbot, opened):
    """Two of five images side by side; one of the others has predicted points."""
    document = opened.bench.session.document
    opened.bench.session.do(AddSkeleton(Skeleton(("nose", "ear", "tail"), ((0, 1), (1, 2)), name="beast")))
    opened.bench.session.do(AddInstance(document.image_ids[0], KeypointSet.make(PLACES, skeleton=1)))
    guess = KeypointSet.make(PLACES, [2, 2, 1], [0.9, 0.6, 0.3], Origin.TRANSFERRED, skeleton=1)
    opened.bench.session.do(PredictKeypoints({document.image_ids[3]: [guess]}))
    opened.images.set_paired(True)
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[1].photo is not None)
    return opened


def strip(window):
    return window.keypoints.strip


def grabbed(widget):
    return qimage_to_rgb(widget.grab().toImage()).astype(int)


def test_the_strip_shows_all_other_images_and_a_click_opens_one_on_the_right(qtbot, paired):
    document = paired.bench.session.document
    assert strip(paired).isVisible()
    assert strip(paired).model_.images == list(document.image_ids[1:])
    assert strip(paired).currentIndex().row() == 0
    index = strip(paired).model_.index(2)
    qtbot.mouseClick(strip(paired).viewport(), LEFT, pos=strip(paired).visualRect(index).center())
    qtbot.waitUntil(lambda: paired.bench.canvas.panes[1].image_key == document.image_ids[3])
    assert strip(paired).currentIndex().row() == 2
    paired.images.panel.select(document.image_ids[1])
    qtbot.waitUntil(lambda: document.image_ids[1] not in strip(paired).model_.images)


def test_points_are_seen_on_the_pictures_and_change_with_the_document(qtbot, paired):
    document = paired.bench.session.document
    qtbot.waitUntil(lambda: paired.images.thumbnails.get(document.image(document.image_ids[3])) is not None)
    qtbot.wait(50)
    before = grabbed(strip(paired))
    paired.bench.session.do(RemoveInstances([document.keypoints(document.image_ids[3])[0].instance]))
    qtbot.wait(50)
    assert (np.abs(grabbed(strip(paired)) - before).sum(axis=-1) > 40).sum() > 30


def test_the_strip_goes_with_its_key_and_with_the_paired_view(qtbot, paired):
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_T)
    assert not strip(paired).isVisible()
    qtbot.keyClick(paired.bench.canvas, Qt.Key.Key_T)
    assert strip(paired).isVisible()
    paired.images.set_paired(False)
    assert not strip(paired).isVisible()


def test_lines_step_back_while_points_are_placed_and_points_while_lines_are_judged(qtbot, paired):
    qtbot.waitUntil(lambda: paired.bench.canvas.lines is not None, timeout=30_000)
    lines = grabbed(paired.bench.canvas)
    paired.bench.toolbox.choose("keypoint")
    points = grabbed(paired.bench.canvas)
    middle = lines.shape[1] // 2
    gap = np.s_[:, middle - 3 : middle + 3]
    assert np.abs(lines[gap] - points[gap]).max() > 60
    at = paired.bench.canvas.panes[0].view.to_widget(paired.matches.editor.matches.xy_a[0])
    assert paired.bench.canvas.line_at(QPoint(round(at[0]), round(at[1])).toPointF()) is None
