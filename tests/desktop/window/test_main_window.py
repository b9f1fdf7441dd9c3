"""The real window with a fake backbone, driven by mouse and keys."""

import threading

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from counterpart.core.project.commands import RemoveImages
from counterpart.desktop.parts.parts_model import COLOUR, LOCK, NAME, VISIBLE
from counterpart.desktop.widgets.qimage import qimage_to_rgb
from tests.desktop.conftest import picture


def grabbed(window):
    return qimage_to_rgb(window.bench.canvas.grab().toImage()).astype(int)


def run(qtbot, window):
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=10_000):
        qtbot.mouseClick(window.finding.panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.bench.jobs.busy)


def names(window):
    model = window.images.panel.model
    return [model.record(image).name for image in model.shown]


def cell(table, row, column):
    return table.visualRect(table.model().index(row, column)).center()


def press(qtbot, window, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(window.bench.canvas, key, modifier)


def test_nothing_open_shows_how_to_begin(window):
    assert window.start.isVisible()
    assert not window.images.panel.isVisible()
    assert not window.finding.panel.button.isEnabled()
    assert "Open a folder" in window.finding.panel.button.toolTip()
    assert "Nothing to undo" in window.bench.actions["undo"].toolTip()
    assert "Nothing to redo" in window.bench.actions["redo"].toolTip()


def test_a_folder_opens_in_natural_order_with_its_first_image_shown(qtbot, opened):
    assert names(opened) == ["img1.png", "img2.png", "img3.png", "img10.png", "img20.png"]
    assert opened.bench.canvas.panes[0].photo.hw == (90, 120)
    assert opened.bench.status.count.text() == "Image 1 of 5"
    qtbot.waitUntil(lambda: opened.images.panel.count.text() == "5")
    assert opened.windowTitle() == "photos – Counterpart"
    assert "Saved" in opened.bench.status.saved.text()


def test_keys_go_to_the_next_and_previous_image(qtbot, opened):
    press(qtbot, opened, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[0].photo.hw == (100, 80))
    assert opened.bench.status.count.text() == "Image 2 of 5"
    press(qtbot, opened, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[0].photo.hw == (90, 120))
    press(qtbot, opened, Qt.Key.Key_A)
    assert opened.bench.status.count.text() == "Image 1 of 5"


def test_running_lays_parts_over_the_image_and_lists_them(qtbot, opened):
    before = grabbed(opened)
    run(qtbot, opened)
    after = grabbed(opened)
    assert (np.abs(after - before).sum(axis=-1) > 30).mean() > 0.02
    assert [part.name for part in opened.bench.session.document.parts] == ["part 1", "part 2"]
    assert opened.parts.panel.model.rowCount() == 2
    assert opened.images.panel.model.counts()["predicted"] == 5
    share = opened.parts.panel.model.index(0, 3).data()
    assert share.endswith("%")


def test_hiding_a_part_takes_its_colour_off_the_image(qtbot, opened):
    bare = grabbed(opened)
    run(qtbot, opened)
    both = grabbed(opened)
    table = opened.parts.panel.table
    for row in (0, 1):
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell(table, row, VISIBLE))
    hidden = grabbed(opened)
    assert not opened.bench.session.document.parts[0].visible
    assert np.array_equal(hidden, bare)
    assert not np.array_equal(both, bare)


def test_a_run_is_one_step_that_can_be_undone(qtbot, opened):
    bare = grabbed(opened)
    run(qtbot, opened)
    assert opened.bench.actions["undo"].isEnabled()
    press(qtbot, opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert opened.bench.session.document.parts == ()
    assert opened.images.panel.model.counts()["todo"] == 5
    assert np.array_equal(grabbed(opened), bare)
    press(qtbot, opened, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert len(opened.bench.session.document.parts) == 2


def test_a_part_is_renamed_locked_and_chosen_by_number(qtbot, opened):
    run(qtbot, opened)
    table = opened.parts.panel.table
    opened.parts.panel.model.setData(opened.parts.panel.model.index(0, NAME), "head")
    assert opened.bench.session.document.parts[0].name == "head"
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell(table, 1, LOCK))
    assert opened.bench.session.document.parts[1].locked
    opened.bench.canvas.setFocus()
    press(qtbot, opened, Qt.Key.Key_2)
    assert opened.parts.commands.active == opened.bench.session.document.parts[1].id


def test_a_name_that_is_taken_is_refused_in_words(qtbot, opened):
    run(qtbot, opened)
    opened.parts.panel.model.setData(opened.parts.panel.model.index(0, NAME), "part 2")
    assert "part 2 already" in opened.bench.layout.notice.text
    assert opened.bench.session.document.parts[0].name == "part 1"


def test_a_part_is_recoloured_from_its_swatch(qtbot, opened):
    from PySide6.QtGui import QColor
    from PySide6.QtWidgets import QColorDialog

    run(qtbot, opened)
    table = opened.parts.panel.table
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell(table, 0, COLOUR))
    dialog = opened.findChild(QColorDialog)
    dialog.setCurrentColor(QColor(10, 200, 30))
    dialog.accept()
    assert opened.bench.session.document.parts[0].colour == (10, 200, 30)


def test_selected_parts_merge_into_one(qtbot, opened):
    run(qtbot, opened)
    opened.parts.panel.table.selectAll()
    qtbot.mouseClick(opened.parts.panel.merge_button, Qt.MouseButton.LeftButton)
    assert len(opened.bench.session.document.parts) == 1


def test_opacity_changes_what_is_seen_and_is_kept(qtbot, opened):
    run(qtbot, opened)
    strong = grabbed(opened)
    opened.parts.panel.opacity.setValue(10)
    assert not np.array_equal(grabbed(opened), strong)
    assert opened.bench.settings.preferences.overlay_opacity == 0.1


def test_h_hides_the_overlay_and_held_only_peeks(qtbot, opened, monkeypatch):
    run(qtbot, opened)
    assert opened.bench.canvas.overlay_shown
    opened.bench.canvas.setFocus()
    qtbot.keyPress(opened.bench.canvas, Qt.Key.Key_H)
    qtbot.keyRelease(opened.bench.canvas, Qt.Key.Key_H)
    assert not opened.bench.canvas.overlay_shown
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_H)
    assert opened.bench.canvas.overlay_shown
    monkeypatch.setattr("counterpart.desktop.images.room._PEEK_S", -1.0)
    qtbot.keyPress(opened.bench.canvas, Qt.Key.Key_H)
    assert not opened.bench.canvas.overlay_shown
    qtbot.keyRelease(opened.bench.canvas, Qt.Key.Key_H)
    assert opened.bench.canvas.overlay_shown


def test_cancelling_a_job_changes_nothing(qtbot, opened, jobs):
    jobs.gate.clear()
    qtbot.mouseClick(opened.finding.panel.button, Qt.MouseButton.LeftButton)
    assert jobs.begun.wait(5)
    qtbot.waitUntil(opened.bench.status.job.isVisible)
    revision = opened.bench.session.document.revision
    qtbot.mouseClick(opened.bench.status.job.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert opened.bench.session.document.parts == ()
    assert opened.bench.session.document.revision == revision
    assert not opened.bench.status.job.isVisible()


def test_a_model_that_fails_is_reported_with_details_and_survived(qtbot, opened):
    from counterpart.desktop.widgets.trouble_dialog import TroubleDialog

    form = opened.finding.panel._form(True)
    form.control("fail").setChecked(True)
    qtbot.mouseClick(opened.finding.panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.findChild(TroubleDialog) is not None)
    dialog = opened.findChild(TroubleDialog)
    assert "the model broke" in dialog.details.toPlainText()
    dialog.close()
    form.control("fail").setChecked(False)
    run(qtbot, opened)
    assert len(opened.bench.session.document.parts) == 2


def test_parameters_that_do_not_go_together_are_refused_in_words(qtbot, opened, jobs):
    form = opened.finding.panel._form(True)
    form.control("threshold").box.setValue(0.99)
    qtbot.mouseClick(opened.finding.panel.button, Qt.MouseButton.LeftButton)
    assert "too high" in opened.bench.layout.notice.text
    assert jobs.seen == []


def test_an_unreadable_image_is_marked_with_its_reason_and_the_others_are_done(qtbot, window, image_folder):
    (image_folder / "img2.png").write_bytes(b"not an image at all")
    window.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    run(qtbot, window)
    document = window.bench.session.document
    bad = document.find_image("img2.png")
    assert "not an image" in window.images.panel.model.problem(bad.id)
    assert len(document.labelled_images()) == 4
    assert "img2.png" in window.bench.layout.notice.text
    window.images.panel.select(bad.id)
    qtbot.waitUntil(lambda: "not an image" in window.bench.canvas.panes[0].message)
    qtbot.waitUntil(lambda: window.images.panel.state.findData("unreadable") > 0)
    window.images.panel.state.setCurrentIndex(window.images.panel.state.findData("unreadable"))
    assert names(window) == ["img2.png"]


def test_closing_during_a_job_is_clean_and_loses_nothing(qtbot, opened, jobs, image_folder, make_window):
    run(qtbot, opened)
    jobs.gate.clear()
    jobs.begun.clear()
    opened.finding.runs.run()
    assert jobs.begun.wait(5)
    before = set(threading.enumerate())
    opened.close()
    assert not opened.bench.jobs._thread.isRunning()
    assert not opened.bench.side_jobs._thread.isRunning()
    assert {t.name for t in set(threading.enumerate()) - before} == set()
    jobs.gate.set()
    again = make_window()
    again.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: again.bench.session.document is not None)
    assert [part.name for part in again.bench.session.document.parts] == ["part 1", "part 2"]
    assert len(again.bench.session.document.labelled_images()) == 5


def test_a_result_for_a_project_that_was_closed_meanwhile_is_not_applied(qtbot, opened, jobs, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(picture(5)).save(other / "a.png")
    jobs.gate.clear()
    opened.finding.runs.run()
    assert jobs.begun.wait(5)
    opened.bench.session.open_folder(other)
    qtbot.waitUntil(lambda: opened.bench.session.title == "other")
    jobs.gate.set()
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert opened.bench.session.document.parts == ()


def test_what_a_person_changed_during_a_job_is_left_alone_and_named(qtbot, opened, jobs):
    from counterpart.core.project.commands import Paint

    run(qtbot, opened)
    document = opened.bench.session.document
    image = document.image_ids[0]
    jobs.gate.clear()
    jobs.begun.clear()
    opened.finding.runs.run()
    assert jobs.begun.wait(5)
    part = document.parts[0].id
    opened.bench.session.do(Paint(image, part, (0, 0, 5, 5), np.ones((5, 5), bool)))
    painted = document.label_map(image).labels.copy()
    jobs.gate.set()
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert np.array_equal(document.label_map(image).labels, painted)
    assert "img1.png" in opened.bench.layout.notice.text


@pytest.mark.parametrize("what", ["folder", "project", "images"])
def test_things_dropped_on_the_window_open(qtbot, window, image_folder, tmp_path, what):
    if what == "project":
        window.bench.session.open_folder(image_folder)
        qtbot.waitUntil(lambda: window.bench.session.document is not None)
        window.bench.session.save_as(tmp_path / "mine.counterpart")
        window.bench.session.close()
        paths = [tmp_path / "mine.counterpart"]
    else:
        paths = [image_folder] if what == "folder" else sorted(image_folder.iterdir())[:3]
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    left, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(200, 200), Qt.DropAction.CopyAction, data, left, plain)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    drop = QDropEvent(QPointF(200, 200), Qt.DropAction.CopyAction, data, left, plain)
    QApplication.sendEvent(window, drop)
    qtbot.waitUntil(lambda: window.bench.session.document is not None and window.images.panel.model.total > 0)
    assert window.images.panel.model.total == (3 if what == "images" else 5)


def test_a_file_that_is_nothing_of_use_is_refused_in_words(window, tmp_path):
    odd = tmp_path / "notes.txt"
    odd.write_text("hello")
    window.bench.session.open_any([odd])
    assert "neither a project" in window.bench.layout.notice.text
    window.bench.session.open_any([tmp_path / "gone"])
    assert "does not exist" in window.bench.layout.notice.text


def test_an_empty_folder_says_so_and_leaves_what_is_open(qtbot, opened, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    opened.bench.session.open_folder(empty)
    qtbot.waitUntil(lambda: "no images" in opened.bench.layout.notice.text)
    assert opened.images.panel.model.total == 5


def test_where_nothing_can_be_written_the_window_asks_before_it_closes(qtbot, window, image_folder, monkeypatch):
    from PySide6.QtWidgets import QMessageBox

    asked = []

    def answer(*args):
        asked.append(args[2])
        return QMessageBox.StandardButton.Cancel if len(asked) == 1 else QMessageBox.StandardButton.Discard

    monkeypatch.setenv("COUNTERPART_PROJECTS", str(image_folder / "img1.png"))
    monkeypatch.setattr(QMessageBox, "warning", answer)
    window.bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: window.images.panel.model.total == 5)
    assert "only in memory" in window.bench.layout.banner.text
    assert window.bench.status.saved.text() == "In memory only"
    assert not window.close()
    assert window.isVisible()
    assert window.close()
    assert "only in memory" in asked[0]


def test_saving_under_a_name_goes_on_with_that_file(qtbot, opened, tmp_path):
    run(qtbot, opened)
    assert not opened.bench.session.own_file
    assert opened.bench.session.save_as(tmp_path / "work")
    assert (tmp_path / "work.counterpart").is_file()
    assert opened.bench.session.own_file
    assert opened.bench.actions["undo"].isEnabled()
    assert opened.bench.settings.recent()[0] == tmp_path / "work.counterpart"


def test_the_search_and_the_state_filter_narrow_the_list(qtbot, opened):
    opened.images.panel.search.setText("img1")
    qtbot.waitUntil(lambda: names(opened) == ["img1.png", "img10.png"])
    qtbot.waitUntil(lambda: opened.images.panel.count.text() == "2 of 5")
    opened.images.panel.search.setText("nothing")
    qtbot.waitUntil(opened.images.panel.empty.isVisible)
    opened.images.panel.search.clear()
    qtbot.waitUntil(lambda: len(names(opened)) == 5)


def test_typing_in_the_search_box_is_not_taken_for_shortcuts(qtbot, opened):
    opened.images.panel.search.setFocus()
    qtbot.keyClicks(opened.images.panel.search, "dams")
    assert opened.images.panel.search.text() == "dams"
    qtbot.keyClick(opened.images.panel.search, Qt.Key.Key_Return)
    assert opened.images.panel.model.counts()["reviewed"] == 0


def test_enter_marks_as_reviewed_and_goes_on_to_the_next_that_is_not(qtbot, opened):
    opened.bench.settings.change(ask_empty_review=False)
    first = opened.images.panel.current
    press(qtbot, opened, Qt.Key.Key_Return)
    assert opened.bench.session.document.image(first).state == "reviewed"
    assert opened.images.panel.current != first
    assert opened.bench.status.reviewed.text() == "20% reviewed"
    press(qtbot, opened, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert opened.images.panel.current != first


def test_the_wheel_zooms_at_the_pointer_and_space_pans(qtbot, opened):
    canvas = opened.bench.canvas
    view = canvas.panes[0].view
    at = QPointF(canvas.width() / 2 + 60, canvas.height() / 2 + 40)
    before, scale = view.to_image(at), view.scale
    wheel = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, wheel)
    assert view.scale > scale
    assert view.to_image(at) == pytest.approx(before, abs=1.0)
    origin = QPointF(view.origin)
    canvas.setFocus()
    qtbot.keyPress(canvas, Qt.Key.Key_Space)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(300, 300))
    qtbot.mouseMove(canvas, QPoint(340, 320))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(340, 320))
    qtbot.keyRelease(canvas, Qt.Key.Key_Space)
    assert view.origin - origin == QPointF(40, 20)
    press(qtbot, opened, Qt.Key.Key_F)
    assert view.fitted
    press(qtbot, opened, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert view.percent == pytest.approx(100)
    assert opened.bench.status.zoom.text() == "100 %"


def test_the_status_bar_names_pixel_and_part_under_the_pointer(qtbot, opened):
    run(qtbot, opened)
    labels = opened.bench.canvas.panes[0].labels
    rows, cols = np.nonzero(labels == 1)
    middle = len(rows) // 2
    at = opened.bench.canvas.panes[0].view.to_widget((cols[middle], rows[middle]))
    qtbot.mouseMove(opened.bench.canvas, QPoint(round(at[0]), round(at[1])))
    expected = f"x {cols[middle]}, y {rows[middle]} · part 1"
    qtbot.waitUntil(lambda: opened.bench.status.place.text() == expected)


def test_picking_takes_the_part_under_the_pointer(qtbot, opened):
    run(qtbot, opened)
    labels = opened.bench.canvas.panes[0].labels
    rows, cols = np.nonzero(labels == 2)
    middle = len(rows) // 2
    at = opened.bench.canvas.panes[0].view.to_widget((cols[middle], rows[middle]))
    press(qtbot, opened, Qt.Key.Key_I)
    qtbot.mouseClick(opened.bench.canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(at[0]), round(at[1])))
    assert opened.parts.commands.active == opened.bench.session.document.parts[1].id


def test_thumbnails_are_made_beside_the_window_and_follow_the_labels(qtbot, opened):
    thumbs = opened.images.thumbnails
    qtbot.waitUntil(lambda: len(thumbs._made) == 5)
    image = opened.images.panel.current
    plain = qimage_to_rgb(thumbs._made[image].toImage())
    run(qtbot, opened)
    opened.images.panel.view.viewport().repaint()
    qtbot.waitUntil(lambda: not np.array_equal(qimage_to_rgb(thumbs._made[image].toImage()), plain))


def test_a_model_that_is_not_installed_asks_before_anything_is_fetched(qtbot, opened, jobs):
    from PySide6.QtWidgets import QMessageBox

    panel = opened.finding.panel
    panel.model.setCurrentIndex(1)
    assert not panel.button.isEnabled()
    assert "not installed" in panel.notice.text
    qtbot.mouseClick(panel.notice.button, Qt.MouseButton.LeftButton)
    box = opened.findChild(QMessageBox)
    assert "Fetch dino_vits8" in box.text()
    assert "Apache-2.0" in box.informativeText()
    assert not opened.bench.jobs.busy
    box.reject()
    assert not opened.bench.jobs.busy


def test_both_themes_draw_the_window_differently(qtbot, opened):
    dark = qimage_to_rgb(opened.grab().toImage()).mean()
    press(qtbot, opened, Qt.Key.Key_F9)
    light = qimage_to_rgb(opened.grab().toImage()).mean()
    assert light > dark + 50
    press(qtbot, opened, Qt.Key.Key_F9)
    assert abs(qimage_to_rgb(opened.grab().toImage()).mean() - dark) < 5


def test_no_two_actions_share_a_shortcut(window):
    keys = [key.toString() for action in window.bench.actions for key in action.shortcuts()]
    assert len(keys) == len(set(keys))


def test_disabled_actions_say_why(window):
    for action in window.bench.actions:
        if not action.isEnabled():
            assert action.toolTip().count("<br>") >= 1, action.objectName()


def test_a_key_event_for_another_widget_is_left_to_it(qtbot, opened):
    box = opened.matches.panel.count.box
    opened.bench.layout.show_tab(opened.matches.panel)
    box.setFocus()
    box.selectAll()
    qtbot.keyClick(box, Qt.Key.Key_7)
    QApplication.sendEvent(box, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier))
    assert box.value() == 7


def choose(menu, words):
    next(action for action in menu.actions() if action.text() == words).trigger()


def test_the_lists_menu_skips_and_removes_images_and_undo_brings_them_back(qtbot, opened):
    document = opened.bench.session.document
    second = document.image_ids[1]
    choose(opened.images.panel.menu_for(second), "Skip")
    assert document.image(second).state == "skipped"
    choose(opened.images.panel.menu_for(second), "Remove from project")
    assert len(document) == 4
    assert opened.images.panel.model.total == 4
    opened.bench.session.undo()
    assert len(document) == 5
    assert document.image(second).state == "skipped"


def test_removing_the_image_that_is_shown_goes_on_to_another(qtbot, opened):
    first = opened.images.panel.current
    choose(opened.images.panel.menu_for(first), "Remove from project")
    assert opened.images.panel.current != first
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[0].title == "img2.png" or opened.bench.viewer.image(0) != first)
    assert opened.images.panel.model.total == 4


def test_a_double_click_makes_a_prediction_ones_own(qtbot, opened):
    run(qtbot, opened)
    part = opened.bench.session.document.parts[0].id
    rows, cols = np.nonzero(opened.bench.canvas.panes[0].labels == part)
    middle = len(rows) // 2
    at = opened.bench.canvas.panes[0].view.to_widget((cols[middle], rows[middle]))
    hatched = grabbed(opened)
    qtbot.mouseDClick(opened.bench.canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(at[0]), round(at[1])))
    assert opened.bench.viewer.label_map(0).state(part) == "reviewed"
    assert opened.parts.commands.active == part
    assert not np.array_equal(grabbed(opened), hatched)
    opened.bench.session.undo()
    assert opened.bench.viewer.label_map(0).state(part) == "predicted"
    assert np.array_equal(grabbed(opened), hatched)


def test_nothing_that_is_said_or_shown_makes_the_window_larger(qtbot, opened):
    opened.resize(1100, 700)
    opened.bench.status.show_place("a very long sentence about what lies under the pointer " * 6)
    opened.bench.status.job.start("Splitting Hinterlauf-Sprunggelenk links (teilweise verdeckt) " * 4)
    opened.bench.actions["sequence"].trigger()
    for index in range(opened.bench.layout.tabs.count()):
        opened.bench.layout.tabs.setCurrentIndex(index)
        qtbot.wait(20)
        assert (opened.width(), opened.height()) == (1100, 700), opened.bench.layout.tabs.tabText(index)
    assert opened.minimumSizeHint().width() <= 1024
    assert opened.bench.status.place.toolTip().startswith("a very long sentence")


def test_a_low_window_leaves_room_for_the_controls_of_a_run_and_for_all_tabs(qtbot, opened):
    opened.resize(1100, 700)
    opened.bench.layout.show_tab(opened.parts.panel)
    qtbot.waitUntil(lambda: opened.finding.panel.height() >= 250)
    bar = opened.bench.layout.tabs.tabBar()
    assert bar.width() >= bar.sizeHint().width()
    assert bar.tabRect(bar.count() - 1).right() <= bar.width()


def test_both_images_of_a_pair_may_be_removed_at_once(qtbot, opened):
    first, second, third = list(opened.bench.document.image_ids)[:3]
    for image in (third, second, first):  # so that what takes their place is there at once
        opened.bench.images.select(image)
        qtbot.waitUntil(lambda image=image: opened.bench.canvas.panes[0].image_key == image)
    opened.images.show_right(second)
    qtbot.waitUntil(lambda: opened.bench.canvas.panes[1].image_key == second)
    opened.bench.session.do(RemoveImages([first, second]))
    assert opened.bench.viewer.image(0) == third
    assert opened.bench.viewer.image(1) not in (0, first, second, third)
    opened.bench.session.undo()
    assert set(opened.bench.images.model.shown) >= {first, second}
