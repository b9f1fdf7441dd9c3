"""One record per action: what menus, bars, keys and enabling make of it."""

import pytest
from PySide6.QtWidgets import QMainWindow, QWidget

from counterpart.desktop.shell.actions import MENUS, Action, Actions, Need
from counterpart.desktop.shell.layout import Layout
from counterpart.desktop.shell.settings import Settings


@pytest.fixture
def actions(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    yield Actions(window)
    window.close()


def names(entries):
    return [action.objectName() for _, action in entries]


def test_what_an_action_does_and_its_switch_are_called(actions):
    done = []
    actions.add(
        [
            Action("go", "&Go", "File", do=lambda: done.append("go")),
            Action("grid", "&Grid", "View", switch=done.append, checkable=True),
        ]
    )
    actions["go"].trigger()
    actions["grid"].trigger()
    actions["grid"].trigger()
    assert done == ["go", True, False]


def test_the_first_need_that_does_not_hold_is_the_reason_in_the_tooltip(actions):
    holds = {"open": False, "writable": False}
    open_, writable = (Need(lambda name=name: holds[name], f"Not {name}") for name in holds)
    actions.add([Action("save", "&Save", "File", keys=("Ctrl+S",), needs=(open_, writable))])
    actions.refresh()
    assert not actions["save"].isEnabled()
    assert "Not open" in actions["save"].toolTip()
    holds["open"] = True
    actions.refresh()
    assert "Not writable" in actions["save"].toolTip()
    holds["writable"] = True
    actions.refresh()
    assert actions["save"].isEnabled()
    assert "Not" not in actions["save"].toolTip()
    assert "Ctrl+S" in actions["save"].toolTip()


def test_a_need_that_many_share_is_asked_once(actions):
    asked = []
    need = Need(lambda: not asked.append(1), "No")
    actions.add([Action(f"a{number}", "A", "File", needs=(need,)) for number in range(20)])
    actions.refresh()
    assert len(asked) == 1


def test_words_and_checks_that_depend_on_others_are_looked_at_when_refreshed(actions):
    state = {"on": False, "last": ""}
    can = Need(lambda: bool(state["last"]), "Nothing to undo")
    actions.add(
        [
            Action("undo", "&Undo", "Edit", needs=(can,), words=lambda: f"&Undo {state['last']}"),
            Action("map", "&Map", "View", checkable=True, checked=lambda: state["on"]),
        ]
    )
    actions.refresh()
    assert (actions["undo"].text(), actions["map"].isChecked()) == ("&Undo", False)
    state.update(on=True, last="brush stroke")
    actions.refresh()
    assert (actions["undo"].text(), actions["map"].isChecked()) == ("&Undo brush stroke", True)


def test_an_id_is_given_once(actions):
    actions.add([Action("go", "&Go", "File")])
    with pytest.raises(ValueError, match="two actions 'go'"):
        actions.add([Action("go", "&Go elsewhere", "Edit")])


def test_places_order_a_menu_whoever_comes_first_and_another_hundred_is_another_group(qtbot, tmp_path):
    window = QMainWindow()
    qtbot.addWidget(window)
    layout = Layout(window, Settings(tmp_path / "s.ini"), QWidget(), QWidget(), QWidget())
    actions = Actions(window)
    actions.add([Action("quit", "&Quit", "File", place=310), Action("save", "&Save", "File", place=110, bar=20)])
    actions.add(
        [Action("open", "&Open", "File", place=10, bar=10), Action("swap", "S&wap", "Pairs", place=10, menu="Images")]
    )
    actions.add([Action("nudge", "Nudge", "View", keys=("Alt+N",)), Action("brush", "&Brush", "Tools", tools=10)])
    assert names(actions.in_menu("File")) == ["open", "save", "quit"]
    assert names(actions.in_menu("Images")) == ["swap"]
    assert names(actions.on_bar()) == ["open", "save"]
    assert names(actions.on_tools()) == ["brush"]
    layout.build(actions)
    menus = {action.text(): action.menu() for action in window.menuBar().actions()}
    assert list(menus) == list(MENUS.values())
    shown = ["-" if action.isSeparator() else action.text() for action in menus["&File"].actions()]
    assert shown == ["&Open", "Open &recent", "-", "&Save", "-", "&Quit"]
    assert actions["nudge"] in window.actions()  # in no menu: its key works all the same


def test_every_action_of_the_program_is_placed_explained_and_its_keys_are_its_own(window):
    records = window.bench.actions.records
    keys = [key for record in records for key in record.keys]
    assert len(keys) == len(set(keys))
    assert all(record.do or record.switch for record in records)
    assert all(record.place or record.bar or record.tools or record.keys for record in records)
    places = [(record.menu or record.section, record.place) for record in records if record.place]
    assert len(places) == len(set(places))
    for bar in ("bar", "tools"):
        taken = [getattr(record, bar) for record in records if getattr(record, bar)]
        assert len(taken) == len(set(taken))
    assert {record.menu or record.section for record in records if record.place} == set(MENUS)


def test_what_changes_a_project_needs_one_that_can_be_written(window, opened, monkeypatch):
    actions, document = opened.bench.actions, opened.bench.session.document
    changing = [record.id for record in actions.records if opened.bench.needs.writable in record.needs]
    assert {"tool_brush", "import", "accept", "track_all", "split_part", "new_instance"} <= set(changing)
    assert actions["tool_brush"].isEnabled()
    monkeypatch.setattr(type(document), "read_only", property(lambda _document: True))
    actions.refresh()
    assert not any(actions[name].isEnabled() for name in (*changing, "undo", "redo"))
    assert actions["tool_select"].isEnabled()
    assert actions["export"].isEnabled()
