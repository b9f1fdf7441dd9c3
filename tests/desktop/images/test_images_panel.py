"""The image list at work: sorted, filtered, several at once, and the set in numbers."""

import csv
import dataclasses

import pytest
from PySide6.QtCore import Qt

from counterpart.core.project.commands import ClearLabels, DeleteParts, NoteFacts
from counterpart.core.project.model import ImageRecord
from counterpart.desktop.images.image_filter import ImageFilter
from counterpart.desktop.images.image_model import ImageModel
from counterpart.desktop.parts.statistics_dialog import StatisticsDialog


@pytest.fixture
def labelled(qtbot, opened):
    """Five images with predictions: doubts fall from the last to the first."""
    with qtbot.waitSignal(opened.bench.jobs.ended, timeout=10_000):
        opened.finding.runs.run()
    document = opened.bench.session.document
    facts = [
        dataclasses.replace(document.image(image), doubt=0.1 + 0.2 * number)
        for number, image in enumerate(document.image_ids)
    ]
    document.apply(NoteFacts(facts))
    return opened


def names(window):
    model = window.images.panel.model
    return [model.record(image).name for image in model.shown]


def row_at(window, row):
    return window.images.panel.view.visualRect(window.images.panel.model.index(row)).center()


def click(qtbot, window, row, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(window.images.panel.view.viewport(), Qt.MouseButton.LeftButton, modifier, row_at(window, row))


def choose(menu, *texts):
    """Pick an entry of a menu, also of one within it."""
    menu.aboutToShow.emit()
    for number, text in enumerate(texts):
        action = next(each for each in menu.actions() if each.text() == text)
        assert action.isEnabled(), text
        if number == len(texts) - 1:
            action.trigger()
        else:
            menu = action.menu()


def test_the_list_is_sorted_by_doubt_and_state_and_keys_follow_the_order(qtbot, labelled):
    menu = labelled.images.panel.filter.menu()
    choose(menu, "Doubt, most first")
    assert names(labelled) == ["img20.png", "img10.png", "img3.png", "img2.png", "img1.png"]
    assert labelled.images.panel.filter.isChecked()
    labelled.images.panel.select(labelled.images.panel.model.shown[0])
    qtbot.keyClick(labelled.bench.canvas, Qt.Key.Key_D)
    assert labelled.images.panel.model.record(labelled.images.panel.current).name == "img10.png"
    first = labelled.bench.session.document.image_ids[0]
    labelled.images.set_state([first], "reviewed")
    choose(menu, "State")
    assert names(labelled)[-1] == "img1.png"
    choose(menu, "Name")
    assert names(labelled)[0] == "img1.png"
    assert not labelled.images.panel.filter.isChecked()


def test_images_are_filtered_by_part_and_doubt_and_all_come_back(qtbot, labelled):
    document = labelled.bench.session.document
    first, second = document.image_ids[:2]
    labelled.bench.session.do(ClearLabels([first, second]))
    menu = labelled.images.panel.filter.menu()
    choose(menu, "With a part", "part 1")
    assert names(labelled) == ["img3.png", "img10.png", "img20.png"]
    assert labelled.images.panel._filtered.text() == "with part 1"
    choose(menu, "Doubtful", "75% or more")
    assert names(labelled) == ["img20.png"]
    qtbot.waitUntil(lambda: labelled.images.panel.count.text() == "1 of 5")
    qtbot.mouseClick(labelled.images.panel._show_all, Qt.MouseButton.LeftButton)
    assert len(names(labelled)) == 5
    choose(menu, "Without any part")
    assert names(labelled) == ["img1.png", "img2.png"]
    choose(menu, "Without a part", "part 2")
    assert names(labelled) == ["img1.png", "img2.png"]
    labelled.bench.session.do(DeleteParts([document.parts[1].id]))
    assert len(names(labelled)) == 5


def test_several_images_are_marked_and_removed_in_one_step(qtbot, labelled):
    click(qtbot, labelled, 0)
    click(qtbot, labelled, 2, Qt.KeyboardModifier.ShiftModifier)
    assert labelled.images.panel.foot.selected.text() == "3 selected"
    qtbot.mouseClick(labelled.images.panel.foot.reviewed, Qt.MouseButton.LeftButton)
    assert labelled.images.panel.model.counts()["reviewed"] == 3
    qtbot.waitUntil(lambda: labelled.images.panel.foot.progress.text() == "3 of 5 done")
    labelled.bench.session.undo()
    assert labelled.images.panel.model.counts()["reviewed"] == 0

    click(qtbot, labelled, 4)
    click(qtbot, labelled, 1, Qt.KeyboardModifier.ControlModifier)
    assert [labelled.images.panel.model.record(each).name for each in labelled.images.panel.selected] == [
        "img2.png",
        "img20.png",
    ]
    menu = labelled.images.panel.menu_for(labelled.images.panel.selected[0])
    choose(menu, "Skip 2 images")
    assert labelled.images.panel.model.counts()["skipped"] == 2

    labelled.images.panel.view.setFocus()
    qtbot.keyClick(labelled.images.panel.view, Qt.Key.Key_Delete)
    assert names(labelled) == ["img1.png", "img3.png", "img10.png"]
    labelled.bench.session.undo()
    assert len(names(labelled)) == 5
    assert labelled.images.panel.model.counts()["skipped"] == 2


def test_the_whole_list_is_selected_by_key_and_a_right_click_keeps_the_selection(qtbot, labelled):
    labelled.images.panel.view.setFocus()
    qtbot.keyClick(labelled.images.panel.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(labelled.images.panel.selected) == 5
    qtbot.mouseClick(labelled.images.panel.view.viewport(), Qt.MouseButton.RightButton, pos=row_at(labelled, 3))
    assert len(labelled.images.panel.selected) == 5
    click(qtbot, labelled, 3)
    assert len(labelled.images.panel.selected) == 1


def test_alt_click_shows_an_image_on_the_right(qtbot, labelled):
    click(qtbot, labelled, 3, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: labelled.bench.canvas.panes[1].title == "img10.png")
    assert labelled.bench.canvas.count == 2
    assert labelled.bench.canvas.panes[0].title == "img1.png"


def test_the_statistics_count_and_lead_to_the_images_of_a_part(qtbot, labelled, tmp_path):
    document = labelled.bench.session.document
    labelled.images.set_state(list(document.image_ids[:2]), "reviewed")
    qtbot.mouseClick(labelled.images.panel.foot.statistics, Qt.MouseButton.LeftButton)
    dialog = next(each for each in labelled.findChildren(StatisticsDialog) if each.isVisible())
    qtbot.waitUntil(lambda: dialog.found is not None)
    assert dialog.words.text() == "5 images: 3 predicted, 2 reviewed. 5 have parts."
    model = dialog.table.model()
    assert [model.index(0, column).data() for column in range(3)] == ["part 1", "5", "100%"]
    dialog.write(str(tmp_path / "statistics.csv"))
    with (tmp_path / "statistics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["part"], row["predicted"], row["reviewed"]) for row in rows] == [
        ("part 1", "3", "2"),
        ("part 2", "3", "2"),
    ]
    dialog.write(str(tmp_path / "no folder" / "x" / "statistics.csv"))
    assert "statistics.csv" in dialog.notice.text
    place = dialog.table.visualRect(model.index(1, 0)).center()
    qtbot.mouseClick(dialog.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(dialog.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert labelled.images.panel._filtered.text() == "with part 2"


def test_a_hundred_thousand_images_are_filtered_and_sorted_as_few_are(qtbot):
    records = [
        ImageRecord(number, f"img{number:06}.png", state="predicted", doubt=number % 100 / 100)
        for number in range(1, 100_001)
    ]
    model = ImageModel(lambda _record: None)
    model.set_records(records)
    model.set_filter(ImageFilter("99", doubt=0.5, only=frozenset(range(50_000, 100_001))), "doubt")
    shown = [model.record(image) for image in model.shown]
    assert len(shown) == sum("99" in each.name and each.doubt >= 0.5 and each.id >= 50_000 for each in records)
    doubts = [each.doubt for each in shown]
    assert doubts == sorted(doubts, reverse=True)
    assert model.row(shown[7].id) == 7


def test_keys_go_on_from_where_a_filtered_image_would_be_in_the_order_that_is_shown(qtbot):
    model = ImageModel(lambda record: None)
    model.set_records(
        ImageRecord(number, f"{number}.jpg", f"{number}.jpg", 1, 0, "", 8, 8, "predicted", doubt)
        for number, doubt in ((1, 0.2), (2, 0.9), (3, 0.5), (4, 0.7), (5, 0.1))
    )
    model.set_filter(ImageFilter(but=frozenset({3})), "doubt")
    assert list(model.shown) == [2, 4, 1, 5]
    assert (model.neighbour(3, 1), model.neighbour(3, -1)) == (1, 4)
    model.set_filter(ImageFilter(but=frozenset({3})), "name")
    assert (model.neighbour(3, 1), model.neighbour(3, -1)) == (4, 2)


def test_what_is_wrong_with_an_image_is_said_without_the_path_of_its_file(opened):
    model = opened.images.panel.model
    first = model.shown[0]
    path = opened.bench.session.document.image_path(first)
    model.set_problem(first, f"{path}: the image is damaged. Copy it again")
    assert model.problem(first) == "The image is damaged. Copy it again"
    model.set_problem(first, "there is not enough memory: close something")
    assert model.problem(first) == "There is not enough memory: close something"
