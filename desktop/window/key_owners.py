"""Which keys a control keeps for itself while it has the keyboard; all others go on to shortcuts and the canvas."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QKeySequenceEdit,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QWidget,
)

from counterpart.desktop.window.key_places import Stroke

K = Qt.Key


class Owner(Enum):
    """What has the keyboard."""

    TEXT = auto()
    NUMBER = auto()
    CHOICE = auto()
    SLIDER = auto()
    BUTTON = auto()
    TABS = auto()
    LIST = auto()
    OTHER = auto()


_ACROSS = frozenset((K.Key_Left, K.Key_Right, K.Key_Home, K.Key_End))
_ARROWS = _ACROSS | {K.Key_Up, K.Key_Down}
_PAGES = frozenset((K.Key_PageUp, K.Key_PageDown))
ENTER = frozenset((K.Key_Return, K.Key_Enter))
_ERASE = frozenset((K.Key_Backspace, K.Key_Delete))
_FIGURES = frozenset(K(code) for code in range(K.Key_0, K.Key_9 + 1)) | {
    K.Key_Plus,
    K.Key_Minus,
    K.Key_Period,
    K.Key_Comma,
    K.Key_Percent,
}

KEPT: dict[Owner, frozenset[Qt.Key]] = {
    Owner.TEXT: _ARROWS | _PAGES | ENTER | _ERASE | {K.Key_Escape, K.Key_Space},
    Owner.NUMBER: _ARROWS | _PAGES | ENTER | _ERASE | _FIGURES | {K.Key_Escape},
    Owner.CHOICE: _ARROWS | {K.Key_Space, K.Key_F4},
    Owner.SLIDER: _ARROWS,
    Owner.BUTTON: ENTER | {K.Key_Space},
    Owner.TABS: _ACROSS,
    Owner.LIST: _ARROWS | {K.Key_F2},
    Owner.OTHER: frozenset(),
}
"""The keys that mean something to a control with nothing but Shift held. Text keeps whatever writes a sign, besides."""

_EDITED = _ARROWS | ENTER | _ERASE
"""What text keeps with Ctrl held, too: by words, to the ends."""

_KINDS: tuple[tuple[tuple[type[QWidget], ...], Owner], ...] = (
    ((QLineEdit, QPlainTextEdit, QTextEdit, QKeySequenceEdit), Owner.TEXT),
    ((QAbstractSpinBox,), Owner.NUMBER),
    ((QComboBox,), Owner.CHOICE),
    ((QAbstractSlider,), Owner.SLIDER),
    ((QAbstractButton,), Owner.BUTTON),
    ((QTabBar,), Owner.TABS),
    ((QAbstractItemView,), Owner.LIST),
)


def owner_of(widget: QWidget | None) -> Owner:
    """What a widget does with keys."""
    if isinstance(widget, QComboBox) and widget.isEditable():
        return Owner.TEXT
    return next((owner for kinds, owner in _KINDS if isinstance(widget, kinds)), Owner.OTHER)


def keeps(owner: Owner, stroke: Stroke) -> bool:
    """Whether a key is for the control that has the keyboard, so that no shortcut may take it."""
    if owner is Owner.TEXT and stroke.types:
        return True
    if not stroke.plain:
        control = stroke.modifiers & Qt.KeyboardModifier.ControlModifier
        return owner in (Owner.TEXT, Owner.NUMBER) and bool(control) and stroke.key in _EDITED
    return stroke.key in KEPT[owner]
