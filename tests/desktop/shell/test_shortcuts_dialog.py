"""The F1 sheet: it lists and finds every shortcut, and changes them without two meaning the same."""

import pytest
import shiboken6
from PySide6.QtCore import Qt

from counterpart.desktop.shell.actions import Actions, plain
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.shortcuts_dialog import ShortcutsDialog

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def sheet(qtbot, opened):
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_F1)
    dialog = next(each for each in opened.findChildren(ShortcutsDialog) if each.isVisible())
    yield dialog
    if shiboken6.isValid(dialog):
        dialog.reject()


def shown(dialog):
    return {row.text(0): row.text(1) for _, rows in dialog._sections for row in rows if not row.isHidden()}


def press_keys(qtbot, dialog, key, modifier=Qt.KeyboardModifier.NoModifier):
    dialog.edit.setFocus()
    qtbot.keyClick(dialog.edit, key, modifier)


def click(qtbot, widget):
    assert widget.isEnabled()
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_it_lists_every_action_with_its_keys(opened, sheet):
    rows = shown(sheet)
    assert {plain(record.text) for record in opened.bench.actions.records} <= set(rows)
    assert rows["Next image"] == "D, PgDown"
    assert rows["Zoom at the pointer"] == "Wheel"


def test_it_is_searched_by_what_is_done_and_by_keys(qtbot, sheet):
    qtbot.keyClicks(sheet.search, "overlay")
    assert "Show overlay" in shown(sheet)
    assert "Undo" not in shown(sheet)
    sheet.search.clear()
    qtbot.keyClicks(sheet.search, "ctrl+z")
    assert set(shown(sheet)) == {"Undo"}
    sheet.search.setText("no such thing")
    assert shown(sheet) == {}
    sheet.search.clear()
    assert len(shown(sheet)) > 50


def test_a_new_shortcut_works_at_once_and_at_the_next_start(qtbot, opened, sheet, tmp_path):
    sheet.choose("theme")
    press_keys(qtbot, sheet, Qt.Key.Key_T, CTRL | Qt.KeyboardModifier.ShiftModifier)
    click(qtbot, sheet.set_button)
    assert shown(sheet)["Light or dark"] == "Ctrl+Shift+T"
    assert "Ctrl+Shift+T" in opened.bench.actions["theme"].toolTip()
    assert Settings(tmp_path / "window.ini").shortcuts() == {"theme": "Ctrl+Shift+T"}
    sheet.reject()
    before = opened.bench.settings.preferences.theme
    opened.activateWindow()
    qtbot.waitUntil(opened.isActiveWindow)
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_T, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert opened.bench.settings.preferences.theme != before
    again = Actions(opened, Settings(tmp_path / "window.ini").shortcuts())
    again.add(opened.bench.actions.records)
    assert again.keys("theme") == ("Ctrl+Shift+T",)


def test_a_key_that_is_taken_is_named_and_only_taken_over_on_demand(qtbot, opened, sheet):
    sheet.choose("fit")
    press_keys(qtbot, sheet, Qt.Key.Key_E, CTRL)
    assert "Ctrl+E belongs to “Export”" in sheet.notice.text
    assert not sheet.set_button.isEnabled()
    assert opened.bench.actions.owner("Ctrl+E") == "export"
    click(qtbot, sheet.notice.button)
    assert opened.bench.actions.keys("fit") == ("Ctrl+E",)
    assert opened.bench.actions.keys("export") == ()
    sheet.choose("export")
    click(qtbot, sheet.reset_button)
    assert "belongs to “Fit”" in sheet.notice.text
    click(qtbot, sheet.reset_all)
    assert opened.bench.actions.keys("fit") == ("F",)
    assert opened.bench.actions.keys("export") == ("Ctrl+E",)
    assert opened.bench.settings.shortcuts() == {}


def test_one_is_reset_or_left_without_and_gestures_cannot_be_had(qtbot, opened, sheet):
    sheet.choose("undo")
    click(qtbot, sheet.clear_button)
    assert opened.bench.actions.keys("undo") == ()
    click(qtbot, sheet.reset_button)
    assert opened.bench.actions.keys("undo") == ("Ctrl+Z",)
    sheet.choose("theme")
    press_keys(qtbot, sheet, Qt.Key.Key_3)
    assert "taken by a gesture" in sheet.notice.text
    assert not sheet.set_button.isEnabled()


def test_a_shortcut_that_an_earlier_version_kept_under_another_id_is_still_the_persons(qtbot, tmp_path):
    settings = Settings(tmp_path / "old.ini")
    settings.set_shortcut("propagate_all", "Ctrl+G")
    assert settings.shortcuts() == {"track_all": "Ctrl+G"}
    settings.set_shortcut("track_all", None)
    assert settings.shortcuts() == {}
