"""Keys in the window: naming things is typing, controls keep what is theirs, any keyboard reaches shortcuts."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QMessageBox, QTabBar

from counterpart.core.project.commands import AddPart

K = Qt.Key
NONE, SHIFT, CTRL, PAD = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.KeypadModifier,
)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def parts(opened):
    """A window with three parts and the keyboard on the canvas."""
    for name in ("wing", "tail", "leg"):
        opened.bench.session.do(AddPart(name))
    opened.parts.panel.choose_row(0)
    opened.bench.canvas.setFocus()
    return opened


def typed(key, modifiers=NONE, text="", scan=0):
    """A key of another layout as the platform sends it, for which Qt finds no shortcut."""
    target = QApplication.focusWidget()
    for kind in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(target, QKeyEvent(kind, key, modifiers, scan, 0, 0, text))


def active(window):
    return window.bench.document.part(window.parts.commands.active).name


def focus(window, control):
    control.setFocus(Qt.FocusReason.TabFocusReason)
    assert QApplication.focusWidget() is control or control.focusProxy() is QApplication.focusWidget()


def states(window):
    return window.bench.document.state_counts().get("todo", 0)


# Naming ----------------------------------------------------------------------------------------------------------


def test_plus_opens_the_name_and_enter_takes_it_without_reviewing(qtbot, opened):
    panel = opened.parts.panel
    qtbot.mouseClick(panel.add_button, LEFT)
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    assert field.selectedText() == "part 1"
    qtbot.keyClicks(field, "Hind leg 2b")
    qtbot.keyClick(field, K.Key_Return)
    qtbot.waitUntil(lambda: [part.name for part in opened.bench.document.parts] == ["Hind leg 2b"])
    assert states(opened) == 5
    assert not any(box.isVisible() for box in opened.findChildren(QMessageBox))
    assert opened.bench.toolbox.active == "select"


def test_tab_goes_from_name_to_name_and_escape_leaves(qtbot, parts):
    panel = parts.parts.panel
    panel.name_part(1)
    qtbot.keyClicks(QApplication.focusWidget(), "head")
    qtbot.keyClick(QApplication.focusWidget(), K.Key_Tab)
    assert QApplication.focusWidget().selectedText() == "tail"
    qtbot.keyClicks(QApplication.focusWidget(), "body")
    qtbot.keyClick(QApplication.focusWidget(), K.Key_Tab)
    assert QApplication.focusWidget().selectedText() == "leg"
    qtbot.keyClick(QApplication.focusWidget(), K.Key_Backtab, SHIFT)
    assert QApplication.focusWidget().selectedText() == "body"
    qtbot.keyClicks(QApplication.focusWidget(), "trunk")
    qtbot.keyClick(QApplication.focusWidget(), K.Key_Escape)
    assert QApplication.focusWidget() is panel.table
    assert [part.name for part in parts.bench.document.parts] == ["head", "body", "leg"]
    panel.name_part(3)
    qtbot.keyClick(QApplication.focusWidget(), K.Key_Tab)
    assert QApplication.focusWidget() is panel.table


def test_no_shortcut_of_the_canvas_fires_while_a_name_is_typed(qtbot, parts):
    parts.parts.panel.name_part(1)
    field = QApplication.focusWidget()
    for key in (K.Key_B, K.Key_D, K.Key_2, K.Key_Space, K.Key_Delete, K.Key_Backspace, K.Key_H, K.Key_BracketLeft):
        qtbot.keyClick(field, key)
    qtbot.keyClick(field, K.Key_Return, CTRL)
    typed(0x418, NONE, "и", 56)
    typed(K.Key_Ampersand, NONE, "&", 10)
    assert QApplication.focusWidget() is field
    assert field.text() == "bd2h[и&"
    assert parts.bench.toolbox.active == "select"
    assert parts.images.panel.current == parts.bench.document.image_ids[0]
    assert states(parts) == 5


@pytest.mark.parametrize("name", ["Tail", "  TAIL ", "tаil"])
def test_a_name_that_looks_like_another_is_refused_with_that_name(qtbot, parts, name):
    parts.parts.panel.name_part(1)
    field = QApplication.focusWidget()
    field.setText(name)
    qtbot.keyClick(field, K.Key_Return)
    qtbot.waitUntil(lambda: "looks like the part tail" in parts.bench.layout.notice.text)
    assert parts.bench.document.part(1).name == "wing"


def test_the_search_keeps_what_is_typed(qtbot, parts):
    search = parts.images.panel.search
    focus(parts, search)
    qtbot.keyClicks(search, "b 2d")
    for key in (K.Key_Return, K.Key_Enter, K.Key_Escape, K.Key_Delete, K.Key_PageDown):
        qtbot.keyClick(search, key)
    assert search.text() == "b 2d"
    assert parts.bench.toolbox.active == "select"
    assert states(parts) == 5


# After a control was used ------------------------------------------------------------------------------------------


def controls(window):
    """One control of each kind."""
    panel = window.finding.panel
    panel.more.setChecked(True)
    return {
        "combo box": window.images.panel.state,
        "slider": window.parts.panel.opacity,
        "number": next(each for each in panel.findChildren(QAbstractSpinBox) if each.isVisible()),
        "table": window.parts.panel.table,
        "list": window.images.panel.view,
        "tabs": window.bench.layout.tabs.tabBar(),
        "button": panel.button,
    }


KINDS = ["combo box", "slider", "number", "table", "list", "tabs", "button"]


@pytest.mark.parametrize("kind", KINDS)
def test_letters_are_shortcuts_whatever_control_has_the_keyboard(qtbot, parts, kind):
    control = controls(parts)[kind]
    focus(parts, control)
    qtbot.keyClick(control, K.Key_B)
    assert parts.bench.toolbox.active == "brush"
    focus(parts, control)
    qtbot.keyClick(control, K.Key_D)
    assert parts.images.panel.current == parts.bench.document.image_ids[1]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "number"])
def test_digits_choose_a_part_whatever_control_has_the_keyboard(qtbot, parts, kind):
    control = controls(parts)[kind]
    focus(parts, control)
    qtbot.keyClick(control, K.Key_3)
    assert active(parts) == "leg"
    focus(parts, control)
    typed(K.Key_2, PAD, "2", 88)
    assert active(parts) == "tail"


@pytest.mark.parametrize("kind", ["slider", "number", "table", "list", "tabs"])
def test_space_is_held_to_move_the_image_where_it_means_nothing_else(qtbot, parts, kind):
    control = controls(parts)[kind]
    focus(parts, control)
    qtbot.keyPress(control, K.Key_Space)
    canvas = parts.bench.canvas
    assert canvas.hasFocus()
    assert canvas.cursor().shape() == Qt.CursorShape.OpenHandCursor
    qtbot.keyRelease(canvas, K.Key_Space)
    assert canvas.cursor().shape() != Qt.CursorShape.OpenHandCursor


def test_a_number_keeps_its_digits_and_gives_the_keyboard_back_on_enter(qtbot, parts):
    spin = controls(parts)["number"]
    parts.parts.panel.choose_row(2)
    focus(parts, spin)
    spin.selectAll()
    qtbot.keyClick(spin, K.Key_1)
    qtbot.keyClick(spin, K.Key_Return)
    qtbot.waitUntil(parts.bench.canvas.hasFocus)
    assert spin.value() == 1
    assert active(parts) == "leg"
    assert states(parts) == 5


def test_arrows_move_the_slider_that_has_the_keyboard(qtbot, parts):
    slider = parts.parts.panel.opacity
    before = slider.value()
    focus(parts, slider)
    qtbot.keyClick(slider, K.Key_Right)
    assert slider.value() > before


def test_enter_presses_the_button_that_was_reached_by_tab(qtbot, parts):
    button = parts.finding.panel.button
    focus(parts, button)
    with qtbot.waitSignal(parts.bench.jobs.ended, timeout=10_000):
        qtbot.keyClick(button, K.Key_Return)
    assert states(parts) == 0
    assert parts.bench.document.state_counts()["predicted"] == 5


def test_a_click_on_a_control_gives_the_keyboard_back(qtbot, parts):
    tabs, canvas = parts.bench.layout.tabs.tabBar(), parts.bench.canvas
    for control, at in ((parts.finding.panel.more, None), (tabs, tabs.tabRect(1).center())):
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        qtbot.mouseClick(control, LEFT, pos=at or control.rect().center())
        qtbot.waitUntil(canvas.hasFocus)
    combo = parts.images.panel.state
    qtbot.mouseClick(combo, LEFT)
    qtbot.waitUntil(combo.view().isVisible)
    combo.hidePopup()
    qtbot.waitUntil(lambda: parts.focusWidget() is canvas)  # offscreen, no window is active after its list


# Other keyboards ---------------------------------------------------------------------------------------------------


def test_digits_of_an_azerty_keyboard_choose_parts(parts):
    for key, text, scan, name in (
        (K.Key_QuoteDbl, '"', 12, "leg"),
        (0xC9, "é", 11, "tail"),
        (K.Key_Ampersand, "&", 10, "wing"),
    ):
        typed(key, NONE, text, scan)
        assert active(parts) == name
    typed(K.Key_3, SHIFT, "3", 12)
    assert active(parts) == "leg"
    typed(K.Key_Exclam, SHIFT, "!", 10)
    assert active(parts) == "leg"


def test_keypads_choose_parts_and_accept(qtbot, parts):
    typed(K.Key_2, PAD, "2", 88)
    assert active(parts) == "tail"
    parts.bench.settings.change(ask_empty_review=False)
    qtbot.keyClick(parts.bench.canvas, K.Key_Enter, PAD)
    assert states(parts) == 4


def test_cyrillic_letters_are_the_shortcuts_of_their_keys(parts):
    typed(0x418, NONE, "и", 56)
    assert parts.bench.toolbox.active == "brush"
    typed(0x42F, CTRL, "", 52)
    assert [part.name for part in parts.bench.document.parts] == ["wing", "tail"]
    typed(0x42F, CTRL | SHIFT, "", 52)
    assert [part.name for part in parts.bench.document.parts] == ["wing", "tail", "leg"]
    typed(0x412, NONE, "в", 40)
    assert parts.images.panel.current == parts.bench.document.image_ids[1]


def test_a_key_of_another_script_does_not_reach_through_a_question(qtbot, parts):
    parts.bench.actions["accept"].trigger()
    box = next(each for each in parts.findChildren(QMessageBox, "question") if each.isVisible())
    typed(0x42F, CTRL, "", 52)
    assert len(parts.bench.document.parts) == 3
    box.reject()


def test_what_cannot_be_done_is_not_done_by_another_key_either(parts):
    parts.bench.session.history.clear()
    typed(0x42F, CTRL, "", 52)
    assert len(parts.bench.document.parts) == 3


# The wheel ---------------------------------------------------------------------------------------------------------


def turn(widget, degrees=-15):
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        widget.mapToGlobal(middle),
        QPoint(),
        QPoint(0, degrees * 8),
        Qt.MouseButton.NoButton,
        NONE,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def value(control):
    if isinstance(control, QComboBox | QTabBar):
        return control.currentIndex()
    return control.value()


@pytest.mark.parametrize("kind", ["combo box", "slider", "number", "tabs"])
def test_the_wheel_turns_no_control_without_the_keyboard(parts, kind):
    control = controls(parts)[kind]
    before = value(control)
    for degrees in (-15, 15):
        turn(control, degrees)
    turn(control, -60)
    assert value(control) == before


def test_the_wheel_turns_the_control_that_has_the_keyboard(parts):
    slider = parts.parts.panel.opacity
    focus(parts, slider)
    before = slider.value()
    turn(slider)
    assert slider.value() < before


def test_the_wheel_over_a_control_scrolls_what_it_lies_in(qtbot, parts):
    parts.resize(1200, 640)
    spin = controls(parts)["number"]
    area = next(above for above in _above(spin) if hasattr(above, "verticalScrollBar"))
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    before = spin.value()
    turn(spin)
    assert area.verticalScrollBar().value() > 0
    assert spin.value() == before


def _above(widget):
    while widget is not None:
        widget = widget.parentWidget()
        yield widget
