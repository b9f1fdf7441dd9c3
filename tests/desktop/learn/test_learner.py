"""Correct one, update all, in the real window: what follows from a correction, and what it is worth."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from counterpart.core.project.commands import ClearLabels, DeleteParts, RemoveImages, SetReviewState
from counterpart.desktop.canvas.grid_paint import GridPaint

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def labels(window, image):
    return window.bench.session.document.label_map(image).labels


def learner(window):
    return window.learn.learner


def idle(window):
    return not window.bench.jobs.busy and not learner(window).waiting


@pytest.fixture
def ran(qtbot, opened):
    """The window after parts were found, the Learn panel in front."""
    qtbot.mouseClick(opened.finding.panel.button, LEFT)
    qtbot.waitUntil(lambda: bool(opened.bench.session.document.parts) and not opened.bench.jobs.busy)
    opened.bench.layout.show_tab(opened.learn.panel)
    return opened


def kept(window):
    """Whether the last step of undo is an update."""
    return window.bench.session.history.undo_text.startswith("Update parts from")


def stroke(qtbot, window, part, start=(0.2, 0.2), end=(0.8, 0.25), size=30):
    """Paint over the image shown with the mouse."""
    window.bench.toolbox.choose("brush")
    window.parts.options.size_field.box.setValue(size)
    window.parts.commands.choose(part)
    rect = window.bench.canvas.panes[0].view.image_rect()

    def at(share):
        return QPoint(
            int(rect.left() + share[0] * rect.width()),
            int(rect.top() + share[1] * rect.height()),
        )

    QTest.mousePress(window.bench.canvas, LEFT, NONE, at(start))
    for step in np.linspace(0, 1, 6):
        QTest.mouseMove(
            window.bench.canvas, at((start[0] + step * (end[0] - start[0]), start[1] + step * (end[1] - start[1])))
        )
    QTest.mouseRelease(window.bench.canvas, LEFT, NONE, at(end))


def review(window, count):
    ids = window.bench.session.document.image_ids[:count]
    window.bench.session.do(SetReviewState(list(ids), "reviewed"))
    return ids


def update(qtbot, window):
    qtbot.mouseClick(window.learn.panel.button, LEFT)
    qtbot.waitUntil(lambda: idle(window), timeout=20_000)


def test_the_panel_says_what_to_do_first(qtbot, opened):
    opened.bench.layout.show_tab(opened.learn.panel)
    assert not opened.finding.panel.isVisible()
    assert not opened.learn.panel.button.isEnabled()
    assert "no parts yet" in opened.learn.panel.button.toolTip()


def test_nothing_can_be_learned_before_something_is_corrected_or_reviewed(qtbot, ran):
    qtbot.waitUntil(lambda: "Correct an image" in ran.learn.panel.button.toolTip())
    review(ran, 1)
    qtbot.waitUntil(ran.learn.panel.button.isEnabled)


def test_what_a_person_drew_reaches_the_other_images_as_one_step(qtbot, ran):
    document = ran.bench.session.document
    first, *others = document.image_ids
    ran.images.panel.select(first)
    # The whole bright blob is one part, not two: a correction that the colours of the others can follow.
    stroke(qtbot, ran, document.parts[0].id, (0.1, 0.5), (0.9, 0.5), 90)
    before = {image: labels(ran, image).copy() for image in others}
    update(qtbot, ran)
    assert learner(ran).learned is not None
    changes = learner(ran).learned.changes
    assert set(changes) == set(others)
    assert max(change.share for change in changes.values()) > 0.1
    assert all(np.array_equal(labels(ran, image), before[image]) for image in others), "a preview changes nothing"
    qtbot.mouseClick(ran.learn.panel.button, LEFT)
    qtbot.waitUntil(lambda: idle(ran) and kept(ran), timeout=20_000)
    assert any(not np.array_equal(labels(ran, image), before[image]) for image in others)
    assert {document.image(image).state for image in others} == {"predicted"}
    ran.bench.actions["undo"].trigger()
    assert all(np.array_equal(labels(ran, image), before[image]) for image in others)
    assert not kept(ran)


def test_reviewed_images_stay_as_they_are(qtbot, ran):
    reviewed = review(ran, 2)
    before = {image: labels(ran, image).copy() for image in reviewed}
    stroke(qtbot, ran, ran.bench.session.document.parts[1].id)
    before = {image: labels(ran, image).copy() for image in reviewed}
    update(qtbot, ran)
    learner(ran).keep()
    qtbot.waitUntil(lambda: idle(ran), timeout=20_000)
    assert all(np.array_equal(labels(ran, image), before[image]) for image in reviewed)


def test_a_preview_lies_over_images_and_thumbnails_and_can_be_compared_and_discarded(qtbot, ran):
    document = ran.bench.session.document
    stroke(qtbot, ran, document.parts[0].id, (0.1, 0.5), (0.9, 0.5), 90)
    update(qtbot, ran)
    other = document.image_ids[2]
    ran.images.panel.select(other)
    qtbot.waitUntil(lambda: ran.bench.canvas.panes[0].image_key == other)
    assert isinstance(ran.bench.canvas.panes[0].heat, GridPaint)
    assert other in ran.images.panel.model._heats
    ran.learn.panel.side.set_index(1)
    ran.learn.panel.side.chosen.emit(1)
    assert ran.bench.canvas.panes[0].heat is None
    ran.learn.panel.side.chosen.emit(0)
    assert isinstance(ran.bench.canvas.panes[0].heat, GridPaint)
    qtbot.mouseClick(ran.learn.panel.preview.drop, LEFT)
    assert ran.bench.canvas.panes[0].heat is None
    assert not ran.images.panel.model._heats
    assert ran.learn.panel.button.text() == "Update the rest"


def test_images_that_change_most_are_listed_first_and_a_click_shows_one(qtbot, ran):
    stroke(qtbot, ran, ran.bench.session.document.parts[0].id, (0.1, 0.5), (0.9, 0.5), 90)
    update(qtbot, ran)
    shares = [row.cells[1].share for row in ran.learn.panel.changes.rows]
    assert shares == sorted(shares, reverse=True)
    ran.learn.panel.change_table.selectRow(len(shares) - 1)
    assert ran.images.panel.current == ran.learn.panel.changes.rows[-1].key


def test_a_correction_is_followed_without_a_click_once_something_was_learned(qtbot, ran):
    review(ran, 1)
    update(qtbot, ran)
    learner(ran).drop()
    ran.bench.layout.show_tab(ran.parts.panel)
    ran.images.panel.select(ran.bench.session.document.image_ids[1])
    qtbot.waitUntil(lambda: ran.bench.canvas.panes[0].image_key == ran.bench.session.document.image_ids[1])
    stroke(qtbot, ran, ran.bench.session.document.parts[0].id, (0.1, 0.5), (0.9, 0.5), 90)
    qtbot.waitUntil(lambda: learner(ran).learned is not None, timeout=10_000)
    assert ran.bench.layout.notice.isVisible()
    assert "would change" in ran.bench.layout.notice.text
    qtbot.mouseClick(ran.bench.layout.notice.button, LEFT)
    qtbot.waitUntil(lambda: kept(ran), timeout=10_000)


def test_updates_can_be_switched_off(qtbot, ran):
    review(ran, 1)
    update(qtbot, ran)
    learner(ran).drop()
    ran.learn.panel.auto.setChecked(False)
    stroke(qtbot, ran, ran.bench.session.document.parts[1].id)
    qtbot.wait(1200)
    assert learner(ran).learned is None
    assert idle(ran)


def test_updates_can_be_kept_without_a_question(qtbot, ran):
    ran.learn.panel.at_once.setChecked(True)
    stroke(qtbot, ran, ran.bench.session.document.parts[0].id, (0.1, 0.5), (0.9, 0.5), 90)
    update(qtbot, ran)
    qtbot.waitUntil(lambda: kept(ran), timeout=20_000)
    assert learner(ran).learned is None


def test_the_next_image_to_label_is_offered(qtbot, ran):
    review(ran, 1)
    update(qtbot, ran)
    assert ran.learn.panel.next.isVisible()
    assert ran.learn.panel.next.text().startswith("Label next: img")
    qtbot.mouseClick(ran.learn.panel.next, LEFT)
    assert ran.bench.session.document.image(ran.images.panel.current).name in ran.learn.panel.next.text()


def test_quality_is_estimated_from_reviewed_images_and_kept_over_time(qtbot, ran):
    review(ran, 2)
    ran.learn.panel.choose_page(1)
    update(qtbot, ran)
    assert "agreement expected" in ran.learn.panel.quality_note.text()
    assert "From five on" in ran.learn.panel.quality_note.text()
    names = [row.cells[0].text for row in ran.learn.panel.quality.rows]
    assert "background" in names
    assert "part 1" in names
    review(ran, 3)
    update(qtbot, ran)
    assert [count for count, _ in ran.learn.panel.curve.points] == [2, 3]
    assert ran.bench.session.document.settings["quality_history"][-1][0] == 3


def test_one_reviewed_image_is_too_little_for_an_estimate(qtbot, ran):
    review(ran, 1)
    ran.learn.panel.choose_page(1)
    qtbot.waitUntil(ran.learn.panel.button.isEnabled)
    qtbot.mouseClick(ran.learn.panel.button, LEFT)
    assert "at least two" in ran.learn.panel.quality_note.text()


def test_a_planted_mistake_is_found_and_shown(qtbot, ran):
    document = ran.bench.session.document
    review(ran, 5)
    wrong = document.image_ids[2]
    ran.images.panel.select(wrong)
    qtbot.waitUntil(lambda: ran.bench.canvas.panes[0].image_key == wrong)
    stroke(qtbot, ran, document.parts[0].id, (0.05, 0.06), (0.4, 0.06), 30)  # over the dark ground
    ran.images.panel.select(document.image_ids[0])
    ran.learn.panel.choose_page(2)
    update(qtbot, ran)
    assert ran.learn.panel.findings.rowCount() > 0
    places = [row for row in ran.learn.panel.findings.rows if row.cells[0].text == document.image(wrong).name]
    assert places
    ran.learn.panel.finding_table.selectRow(ran.learn.panel.findings.rows.index(places[0]))
    qtbot.waitUntil(lambda: ran.bench.canvas.panes[0].image_key == wrong)
    assert ran.learn.panel.check_note.text() == places[0].tip


def test_images_and_parts_that_go_meanwhile_do_not_come_back_or_break_anything(qtbot, ran):
    document = ran.bench.session.document
    review(ran, 2)
    ids, doomed = document.image_ids, document.parts[-1]
    learner(ran).update()
    ran.bench.session.do(RemoveImages([ids[2]]))
    qtbot.waitUntil(lambda: idle(ran), timeout=20_000)
    assert all(ran.bench.session.document.name_of(row.key) != "a removed image" for row in ran.learn.panel.changes.rows)
    ran.bench.session.do(ClearLabels(ids[3:]))
    qtbot.waitUntil(lambda: idle(ran), timeout=20_000)
    learner(ran).keep()
    ran.bench.session.do(DeleteParts([doomed.id]))
    ran.bench.session.do(RemoveImages([ids[3]]))
    qtbot.waitUntil(lambda: idle(ran), timeout=20_000)
    assert doomed.id not in {part.id for part in document.parts}
    assert "a removed image" in ran.bench.layout.notice.text


def test_when_all_is_reviewed_the_panel_says_so_and_names_no_next_image(qtbot, ran):
    review(ran, 2)
    update(qtbot, ran)
    review(ran, 5)
    qtbot.waitUntil(lambda: idle(ran), timeout=20_000)
    learner(ran).update()
    assert ran.learn.panel.empty.title.text() == "All images are done"
    assert ran.learn.panel.next.isHidden()


def test_a_check_that_was_cancelled_no_longer_says_that_it_runs(qtbot, ran):
    review(ran, 2)
    ran.learn.panel.choose_page(2)
    qtbot.mouseClick(ran.learn.panel.button, LEFT)
    assert ran.learn.panel.check_note.text() == "Checking …"
    ran.bench.jobs.cancel_all()
    qtbot.waitUntil(lambda: idle(ran), timeout=20_000)
    assert ran.learn.panel.check_note.text() == ""


def test_a_damaged_image_does_not_stop_the_others(qtbot, ran, image_folder):
    review(ran, 1)
    (image_folder / "img20.png").write_bytes(b"not an image")
    update(qtbot, ran)
    assert len(learner(ran).learned.changes) == 3


def test_a_preview_leaves_the_images_free_where_lines_and_points_are_looked_at(qtbot, ran):
    stroke(qtbot, ran, ran.bench.session.document.parts[0].id, (0.1, 0.5), (0.9, 0.5), 90)
    update(qtbot, ran)
    other = ran.bench.session.document.image_ids[1]
    ran.images.panel.select(other)
    qtbot.waitUntil(lambda: ran.bench.canvas.panes[0].image_key == other)
    assert isinstance(ran.bench.canvas.panes[0].heat, GridPaint)
    ran.bench.layout.show_tab(ran.matches.panel)
    assert ran.bench.canvas.panes[0].heat is None
    assert not ran.images.panel.model._heats
    ran.bench.layout.show_tab(ran.parts.panel)
    assert isinstance(ran.bench.canvas.panes[0].heat, GridPaint)
