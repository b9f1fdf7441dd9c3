"""Keys by their place: strokes as the platforms send them, and what each of them is meant for."""

import pytest
from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeySequence

from counterpart.desktop.window.key_owners import KEPT, Owner, keeps
from counterpart.desktop.window.key_places import Stroke, combinations, digit, place_of

NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
ALT, PAD, GROUP = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.KeypadModifier,
    Qt.KeyboardModifier.GroupSwitchModifier,
)
K = Qt.Key


@pytest.mark.parametrize(
    ("platform", "scan", "virtual", "sign"),
    [
        ("xcb", 10, 0, "1"),
        ("wayland", 18, 0, "9"),
        ("offscreen", 19, 0, "0"),
        ("xcb", 24, 0, "q"),
        ("xcb", 52, 0, "z"),
        ("xcb", 34, 0, "["),
        ("xcb", 61, 0, "/"),
        ("windows", 2, 0x31, "1"),
        ("windows", 44, 0x5A, "z"),
        ("windows", 27, 0, "]"),
        ("cocoa", 0, 0, "a"),
        ("cocoa", 1, 6, "z"),
        ("cocoa", 1, 46, "m"),
        ("cocoa", 1, 10, ""),
        ("cocoa", 1, 36, ""),
        ("xcb", 0, 0, ""),
        ("xcb", 36, 0, ""),
        ("windows", 28, 0x0D, ""),
    ],
)
def test_a_key_has_a_place_on_every_platform(platform, scan, virtual, sign):
    assert place_of(platform, scan, virtual) == sign


AZERTY = "&é\"'(-è_çà"


@pytest.mark.parametrize(("sign", "number"), list(zip(AZERTY, (1, 2, 3, 4, 5, 6, 7, 8, 9, 0), strict=True)))
def test_the_row_of_digits_of_azerty_is_digits_with_shift_and_without(sign, number):
    place = str(number)
    assert digit(Stroke(ord(sign.upper()), NONE, sign, place)) == number
    assert digit(Stroke(ord(sign.upper()), NONE, sign)) == number
    assert digit(Stroke(ord(place), SHIFT, place, place)) == number


@pytest.mark.parametrize(
    ("stroke", "number"),
    [
        (Stroke(K.Key_7, NONE, "7", "7"), 7),
        (Stroke(K.Key_7, NONE, "7"), 7),
        (Stroke(K.Key_7, PAD, "7"), 7),
        (Stroke(K.Key_7, SHIFT | PAD, "7"), None),
        (Stroke(K.Key_Exclam, SHIFT, "!", "1"), None),
        (Stroke(K.Key_1, CTRL, "", "1"), None),
        (Stroke(K.Key_1, ALT, "1", "1"), None),
        (Stroke(ord("Ě"), NONE, "ě", "2"), 2),
        (Stroke(K.Key_Apostrophe, NONE, "'", "'"), None),
        (Stroke(K.Key_Minus, NONE, "-", "-"), None),
        (Stroke(K.Key_Home, PAD, "", ""), None),
        (Stroke(K.Key_B, NONE, "b", "b"), None),
        (Stroke(K.Key_Return, NONE, "\r", ""), None),
        (Stroke(K.Key_BracketLeft, GROUP, "[", "5"), None),
    ],
)
def test_other_keys_are_digits_only_where_they_stand_for_one(stroke, number):
    assert digit(stroke) == number


def keys(stroke):
    return [QKeySequence(each).toString() for each in combinations(stroke)]


@pytest.mark.parametrize(
    ("stroke", "key"),
    [
        (Stroke(ord("Я"), CTRL, "", "z"), "Ctrl+Z"),
        (Stroke(ord("Я"), CTRL, ""), "Ctrl+Z"),
        (Stroke(ord("Я"), CTRL | SHIFT, "", "z"), "Ctrl+Shift+Z"),
        (Stroke(ord("И"), NONE, "и", "b"), "B"),
        (Stroke(ord("И"), SHIFT, "И", "b"), "Shift+B"),
        (Stroke(ord("Х"), NONE, "х", "["), "["),
        (Stroke(ord("Ф"), NONE, "ф"), "A"),
        (Stroke(ord("І"), CTRL, ""), "Ctrl+S"),
        (Stroke(ord("Ζ"), CTRL, "", "z"), "Ctrl+Z"),
        (Stroke(ord("ز"), CTRL, "", "c"), "Ctrl+C"),
        (Stroke(ord("ש"), NONE, "ש", "a"), "A"),
        (Stroke(K.Key_Ampersand, CTRL, "", "1"), "Ctrl+1"),
        (Stroke(ord("É"), CTRL, "", "2"), "Ctrl+2"),
        (Stroke(K.Key_2, CTRL | SHIFT, "", "2"), "Ctrl+2"),
        (Stroke(K.Key_BracketLeft, CTRL | ALT, "[", "5"), "["),
        (Stroke(K.Key_BracketRight, GROUP, "]", "-"), "]"),
        (Stroke(K.Key_Period, SHIFT, ".", ","), "."),
        (Stroke(K.Key_Plus, CTRL | PAD, "+"), "Ctrl++"),
        (Stroke(K.Key_Minus, CTRL | PAD, "-"), "Ctrl+-"),
        (Stroke(K.Key_Period, PAD, "."), "."),
        (Stroke(ord("Ü"), NONE, "ü", "["), "["),
    ],
)
def test_what_a_key_is_meant_for_is_found_by_its_place(stroke, key):
    assert keys(stroke)[0] == key


@pytest.mark.parametrize(
    "stroke",
    [
        Stroke(K.Key_A, NONE, "a", "q"),
        Stroke(K.Key_Z, CTRL, "", "w"),
        Stroke(K.Key_Return, NONE, "\r"),
        Stroke(K.Key_Left, CTRL),
        Stroke(K.Key_F1),
    ],
)
def test_latin_letters_and_named_keys_are_what_they_are(stroke):
    assert combinations(stroke) == []


def test_a_combination_of_keys_is_comparable_with_a_shortcut():
    assert QKeySequence(combinations(Stroke(ord("Я"), CTRL))[0]) == QKeySequence("Ctrl+Z")
    assert QKeySequence(QKeyCombination(NONE, K.Key_BracketLeft)) == QKeySequence("[")


PLAIN = {
    "b": Stroke(K.Key_B, NONE, "b", "b"),
    "7": Stroke(K.Key_7, NONE, "7", "7"),
    "space": Stroke(K.Key_Space, NONE, " "),
    "enter": Stroke(K.Key_Return, NONE, "\r"),
    "pad enter": Stroke(K.Key_Enter, PAD, "\r"),
    "delete": Stroke(K.Key_Delete),
    "backspace": Stroke(K.Key_Backspace),
    "escape": Stroke(K.Key_Escape),
    "left": Stroke(K.Key_Left),
    "up": Stroke(K.Key_Up),
    "page": Stroke(K.Key_PageDown),
    "я": Stroke(ord("Я"), NONE, "я", "z"),
}
WANTED = {
    Owner.TEXT: set(PLAIN),
    Owner.NUMBER: {"7", "enter", "pad enter", "delete", "backspace", "escape", "left", "up", "page"},
    Owner.CHOICE: {"space", "left", "up"},
    Owner.SLIDER: {"left", "up"},
    Owner.BUTTON: {"space", "enter", "pad enter"},
    Owner.TABS: {"left"},
    Owner.LIST: {"left", "up"},
    Owner.OTHER: set(),
}


@pytest.mark.parametrize("owner", Owner)
def test_a_control_keeps_the_keys_that_mean_something_to_it(owner):
    assert owner in KEPT
    assert {name for name, stroke in PLAIN.items() if keeps(owner, stroke)} == WANTED[owner]


def test_text_keeps_signs_of_altgr_and_its_own_commands_and_lets_the_rest_go():
    assert keeps(Owner.TEXT, Stroke(K.Key_BracketLeft, CTRL | ALT, "[", "5"))
    assert keeps(Owner.TEXT, Stroke(K.Key_Return, CTRL, "\r"))
    assert keeps(Owner.TEXT, Stroke(K.Key_Left, CTRL | SHIFT))
    assert not keeps(Owner.TEXT, Stroke(K.Key_S, CTRL, "\x13", "s"))
    assert not keeps(Owner.TEXT, Stroke(K.Key_F1))
    assert not keeps(Owner.LIST, Stroke(K.Key_Up, CTRL))
