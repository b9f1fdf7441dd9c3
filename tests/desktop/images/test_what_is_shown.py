"""Removing images, undoing steps on others: what is shown belongs to the project, and nothing is lost unasked."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from counterpart.core.project.commands import (
    AddInstance,
    AddPart,
    AddSkeleton,
    Paint,
    RemoveImages,
    ReplaceMasks,
    SetReviewState,
)
from counterpart.core.project.points import KeypointSet, Skeleton
from tests.desktop.images.test_images_panel import choose

LEFT = Qt.MouseButton.LeftButton


def shown(window):
    """Names in the panes, empty for none; what the canvas shows and what the viewer says agree."""
    canvas, viewer, document = window.bench.canvas, window.bench.viewer, window.bench.document
    for side in range(canvas.count):
        assert viewer.image(side) in (0, *document.image_ids)
        assert canvas.panes[side].image_key in (0, viewer.image(side)) or viewer.image(side)
    return [document.name_of(image) if image else "" for image in map(viewer.image, range(canvas.count))]


def question(window):
    """The question that stands over the window, None for none."""
    return next((box for box in window.findChildren(QMessageBox, "question") if box.isVisible()), None)


def answer(qtbot, window, words):
    box = question(window)
    button = next(each for each in box.buttons() if each.text().replace("&", "") == words)
    qtbot.mouseClick(button, LEFT)


def paint(window, image, hw):
    if not window.bench.document.parts:
        window.bench.session.do(AddPart("wing"))
    assert window.bench.session.do(Paint(image, 1, (10, 10, 30, 30), np.ones((20, 20), bool), hw, "Brush"))


def ids(window):
    return list(window.bench.document.image_ids)


def row(window, image):
    panel = window.images.panel
    return panel.view.visualRect(panel.model.index(panel.model.row(image))).center()


# Undo on another image -----------------------------------------------------------------------------------------


def test_undo_and_redo_go_to_the_image_that_they_change_and_say_so(qtbot, opened):
    first, _, third, *_ = ids(opened)
    opened.images.panel.select(third)
    paint(opened, third, (90, 120))
    opened.images.panel.select(first)
    opened.bench.actions["undo"].trigger()
    assert shown(opened) == ["img3.png"]
    assert opened.bench.layout.notice.text == "Undid: Brush on img3.png."
    opened.images.panel.select(first)
    opened.bench.actions["redo"].trigger()
    assert shown(opened) == ["img3.png"]
    assert opened.bench.layout.notice.text == "Redid: Brush on img3.png."


def test_undo_on_the_image_that_is_seen_says_nothing(opened):
    paint(opened, ids(opened)[0], (90, 120))
    opened.bench.messages.hide()
    opened.bench.actions["undo"].trigger()
    assert shown(opened) == ["img1.png"]
    assert opened.bench.layout.notice.isHidden()


def test_the_image_on_the_right_is_seen_too(opened):
    opened.bench.actions["view_pair"].trigger()
    assert shown(opened) == ["img1.png", "img2.png"]
    paint(opened, ids(opened)[1], (100, 80))
    opened.bench.messages.hide()
    opened.bench.actions["undo"].trigger()
    assert shown(opened) == ["img1.png", "img2.png"]
    assert opened.bench.layout.notice.isHidden()


def test_undo_on_an_image_that_the_filter_hides_shows_it(opened):
    first, _, third, *_ = ids(opened)
    paint(opened, third, (90, 120))
    opened.bench.session.do(SetReviewState([third], "skipped"))
    opened.images.panel.state.setCurrentIndex(opened.images.panel.state.findData("todo"))
    opened.images.panel.select(first)
    opened.bench.actions["undo"].trigger()
    opened.bench.actions["undo"].trigger()
    assert shown(opened) == ["img3.png"]
    assert opened.images.panel.current == third


def test_a_step_on_many_images_stays_and_says_how_many(opened):
    _, second, _, fourth, fifth = ids(opened)  # all of one size
    opened.bench.session.do(ReplaceMasks(dict.fromkeys((second, fourth, fifth), np.ones((100, 80), np.uint8))))
    opened.bench.actions["undo"].trigger()
    assert shown(opened) == ["img1.png"]
    assert opened.bench.layout.notice.text.endswith("on 3 images.")
    opened.bench.actions["redo"].trigger()
    assert opened.bench.layout.notice.text.startswith("Redid: ")
    assert opened.bench.layout.notice.text.endswith("on 3 images.")


def test_a_step_that_concerns_no_image_stays(opened):
    opened.bench.session.do(AddPart("wing"))
    opened.bench.actions["undo"].trigger()
    assert shown(opened) == ["img1.png"]
    assert opened.bench.layout.notice.isHidden()


def test_undoing_the_removal_of_an_image_shows_it_again(opened):
    first, second, *_ = ids(opened)
    opened.bench.session.do(RemoveImages([first]))
    assert shown(opened) == ["img2.png"]
    opened.bench.actions["undo"].trigger()
    assert shown(opened) == ["img1.png"]
    opened.bench.actions["redo"].trigger()
    assert shown(opened) == ["img2.png"]
    assert opened.images.panel.current == second


# Removing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("order", ["first to last", "last to first", "at once"])
def test_removing_the_last_image_empties_the_canvas_and_undo_fills_it(qtbot, opened, paired, order):
    images = ids(opened)
    for image in images[:2]:
        paint(opened, image, (90, 120) if image == images[0] else (100, 80))
    opened.images.set_paired(paired)
    opened.images.panel.select(images[0])
    todo = [images] if order == "at once" else [[image] for image in (images if order[0] == "f" else images[::-1])]
    for some in todo:
        opened.bench.session.do(RemoveImages(some))
        shown(opened)
    assert shown(opened) == [""]
    assert opened.bench.canvas.panes[0].photo is None
    assert opened.images.panel.current == 0
    for key in ("next_image", "accept", "next_todo", "reject", "take_back", "fill_holes", "overlay"):
        opened.bench.actions[key].trigger()
    for _ in todo:
        opened.bench.actions["undo"].trigger()
    assert shown(opened)[0] != ""
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[0].photo is not None)
    assert opened.bench.document.label_map(images[0]).areas() == {1: 400}


@pytest.mark.parametrize("sort", ["Name", "Doubt, most first"])
def test_removing_under_a_filter_never_leaves_what_is_gone_on_the_canvas(qtbot, opened, sort):
    images = ids(opened)
    panel = opened.images.panel
    choose(panel.filter.menu(), sort)
    opened.bench.session.do(SetReviewState(images[:2], "skipped"))
    panel.state.setCurrentIndex(panel.state.findData("skipped"))
    assert [opened.bench.document.name_of(image) for image in panel.model.shown] == ["img1.png", "img2.png"]
    panel.select(images[1])
    opened.bench.session.do(RemoveImages([images[1]]))
    assert shown(opened) == ["img1.png"]
    opened.bench.session.do(RemoveImages([images[0]]))
    assert shown(opened) == [""]
    opened.bench.session.close()
    assert opened.bench.document is None


def test_what_a_filter_hides_stays_on_the_canvas_while_others_go(opened):
    images = ids(opened)
    panel = opened.images.panel
    opened.bench.session.do(SetReviewState(images[1:3], "skipped"))
    panel.state.setCurrentIndex(panel.state.findData("skipped"))
    assert shown(opened) == ["img1.png"]
    opened.bench.session.do(RemoveImages([images[1]]))
    assert shown(opened) == ["img1.png"]
    opened.bench.session.do(RemoveImages([images[0]]))
    assert shown(opened) == ["img3.png"]


def test_delete_asks_where_there_is_work_and_enter_means_cancel(qtbot, opened):
    first, second, *rest = ids(opened)
    paint(opened, first, (90, 120))
    opened.bench.session.do(AddSkeleton(Skeleton(("nose", "tail"))))
    opened.bench.session.do(AddInstance(second, KeypointSet.make([(3, 4), (5, 6)])))
    opened.images.panel.view.selectAll()
    qtbot.keyClick(opened.images.panel.view, Qt.Key.Key_Delete)
    box = question(opened)
    assert box.text() == "Remove 5 images from the project?"
    assert box.informativeText().startswith("2 of them have your work on them: 1 mask and 2 points. Undo (Ctrl+Z)")
    assert box.defaultButton().text().replace("&", "") == "Cancel"
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert ids(opened) == [first, second, *rest]
    qtbot.keyClick(opened.images.panel.view, Qt.Key.Key_Delete)
    answer(qtbot, opened, "Remove")
    assert ids(opened) == []
    opened.bench.actions["undo"].trigger()
    assert opened.bench.document.label_map(first).areas() == {1: 400}
    assert opened.bench.document.keypoints(second)[0].xy.tolist() == [[3, 4], [5, 6]]


def test_images_that_only_a_program_worked_on_go_without_a_question(qtbot, opened):
    first, *rest = ids(opened)
    opened.bench.session.do(ReplaceMasks({first: np.ones((90, 120), np.uint8)}))
    qtbot.mouseClick(opened.images.panel.view.viewport(), LEFT, pos=row(opened, first))
    qtbot.keyClick(opened.images.panel.view, Qt.Key.Key_Delete)
    assert question(opened) is None
    assert ids(opened) == rest


# Reviewing without labels --------------------------------------------------------------------------------------


def test_reviewing_without_labels_is_asked_once(qtbot, opened):
    first, second, *_ = ids(opened)
    opened.bench.actions["accept"].trigger()
    assert question(opened).text() == "Mark img1.png as reviewed without labels?"
    answer(qtbot, opened, "Cancel")
    assert opened.bench.document.image(first).state == "todo"
    opened.bench.actions["accept"].trigger()
    answer(qtbot, opened, "Mark as reviewed")
    assert opened.bench.document.image(first).state == "reviewed"
    assert opened.images.panel.current == second
    opened.bench.actions["accept"].trigger()
    assert question(opened) is None
    assert opened.bench.document.image(second).state == "reviewed"


def test_several_are_asked_about_together_and_never_again_where_that_is_wished(
    qtbot, opened, make_window, image_folder
):
    images = ids(opened)
    paint(opened, images[0], (90, 120))
    opened.images.panel.state_wanted.emit(images, "reviewed")
    box = question(opened)
    assert box.text() == "Mark 5 images as reviewed? 4 have no labels."
    box.checkBox().setChecked(True)
    answer(qtbot, opened, "Mark as reviewed")
    assert opened.bench.document.state_counts()["reviewed"] == 5
    opened.close()
    again = make_window()
    assert not again.bench.settings.preferences.ask_empty_review


def test_an_image_with_labels_is_reviewed_without_a_question(opened):
    paint(opened, ids(opened)[0], (90, 120))
    opened.bench.actions["accept"].trigger()
    assert question(opened) is None
    assert opened.bench.document.image(ids(opened)[0]).state == "reviewed"
