"""Which key of the keyboard was pressed, whatever letters a layout puts on it: shortcuts of other layouts and scripts.

Shortcuts are letters and digits of a Latin keyboard. Where a layout has them, Qt finds them by what is typed. Here is
the rest: digits that need Shift (AZERTY, Czech), letters of other scripts (Ctrl and Я is Ctrl+Z), signs of AltGr,
keypads.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent

_ROWS = ((2, "1234567890-="), (16, "qwertyuiop[]"), (30, "asdfghjkl;'`"), (43, "\\zxcvbnm,./"))
"""Scan codes of the PC keyboard (set 1, as in Windows; evdev counts alike): first of a row, and its US signs."""
_PC = {first + place: sign for first, row in _ROWS for place, sign in enumerate(row)}
_X11 = {code + 8: sign for code, sign in _PC.items()}
"""X11 and Wayland count from 8."""
_MAC = dict(enumerate("asdfhgzxcv bqweryt123465=97-80]ou[ip lj'k;\\,/nm.  `"))
"""Virtual key codes of macOS (kVK_ANSI_A …), which has no scan codes; a blank for what is no sign."""

_RUSSIAN = dict(zip("йцукенгшщзхъфывапролджэячсмитьбюіїєґ", "qwertyuiop[]asdfghjkl;'zxcvbnm,.s]'`", strict=True))
_GREEK = dict(zip("ςερτυθιοπασδφγηξκλζχψωβνμ", "wertyuiopasdfghjklzxcvbnm", strict=True))
_AZERTY = dict(zip("&é\"'(-è_çà", "1234567890", strict=True))
_BY_SIGN = {**_RUSSIAN, **_GREEK, **_AZERTY}
"""Where the place of the key is not known: the usual layouts of these scripts."""

_CTRL, _ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
_SHIFT, _PAD = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.KeypadModifier
_GROUP = Qt.KeyboardModifier.GroupSwitchModifier


@dataclass(frozen=True, slots=True)
class Stroke:
    """A key that was pressed.

    Attributes:
        key: What Qt takes it for.
        modifiers: What was held.
        text: What it types.
        place: What a US keyboard has on that key, without Shift; empty where it is not known.
    """

    key: int
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    text: str = ""
    place: str = ""

    @classmethod
    def of(cls, event: QKeyEvent, platform: str) -> Stroke:
        """The stroke of an event; `platform` is Qt's name of it."""
        place = place_of(platform, event.nativeScanCode(), event.nativeVirtualKey())
        return cls(event.key(), event.modifiers(), event.text(), place)

    @property
    def sign(self) -> str:
        """The sign that Qt takes the key for, in lower case; empty for keys that are none, as Return."""
        return chr(self.key).lower() if 0x20 < self.key < 0x110000 else ""

    @property
    def plain(self) -> bool:
        """Whether nothing is held that makes it a command."""
        return not self.modifiers & (_CTRL | _ALT | Qt.KeyboardModifier.MetaModifier)

    @property
    def types(self) -> bool:
        """Whether it writes a sign: plain, or with AltGr, which Windows tells as Ctrl and Alt."""
        return bool(self.text) and self.text.isprintable() and (self.plain or (_CTRL | _ALT) in self.modifiers)


def place_of(platform: str, scan: int, virtual: int) -> str:
    """What a US keyboard has on a key, empty for one that is not known.

    Args:
        platform: `QGuiApplication.platformName()`.
        scan: `QKeyEvent.nativeScanCode()`.
        virtual: `QKeyEvent.nativeVirtualKey()`.
    """
    if platform == "cocoa":
        return _MAC.get(virtual, "").strip()
    return (_PC if platform in ("windows", "direct2d") else _X11).get(scan, "")


def digit(stroke: Stroke) -> int | None:
    """The digit that a key stands for: on the keypad, or on the row of digits, with Shift or without.

    None for other keys, and with anything else held.
    """
    if not stroke.plain or stroke.modifiers & _GROUP:
        return None
    if "0" <= stroke.sign <= "9":
        # With Shift it is one where digits need it, on the row of digits; on a keypad it is not.
        shifted = bool(stroke.modifiers & _SHIFT)
        return None if shifted and (stroke.modifiers & _PAD or stroke.place != stroke.sign) else int(stroke.sign)
    if stroke.modifiers & (_SHIFT | _PAD):
        return None
    found = stroke.place or _AZERTY.get(stroke.sign, "")
    return int(found) if found.isdecimal() and stroke.sign else None


def combinations(stroke: Stroke) -> list[QKeyCombination]:
    """What a key may be meant for as a shortcut, besides what it is taken for as it is typed; the likeliest first."""
    held = stroke.modifiers & ~(_PAD | _GROUP)
    found = []
    if stroke.modifiers & _PAD and stroke.sign:
        found.append((held, stroke.sign))
    if stroke.text and stroke.text == stroke.sign and not stroke.sign.isalnum():
        found.append((held & ~(_SHIFT | _ALT | _CTRL if (_CTRL | _ALT) in held else _SHIFT), stroke.sign))
    number = digit(Stroke(stroke.key, stroke.modifiers & (_SHIFT | _PAD), stroke.text, stroke.place))
    if number is not None:
        found.append((held & ~_SHIFT, str(number)))
    latin = stroke.sign.isascii() and stroke.sign.isalnum()
    if stroke.sign and not latin:
        place = stroke.place or _BY_SIGN.get(stroke.sign, "")
        found += [(held, place)] if place else []
    return [QKeyCombination(modifiers, Qt.Key(ord(sign.upper()))) for modifiers, sign in found]
