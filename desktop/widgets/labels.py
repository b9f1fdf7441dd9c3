"""Words in panels: headings, names of fields, text that steps back or is cut where it does not fit."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel

from counterpart.desktop.widgets.theme import small_font, strong_font


def heading(text: str) -> QLabel:
    """The name of a panel or section."""
    label = QLabel(text)
    label.setFont(strong_font(label.font()))
    return label


class _FieldLabel(QLabel):
    """As high as a control of one line: a form layout then gives it the height of its control, and it sits level."""

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(hint.width(), hint.height() + 10)


def field_label(text: str) -> QLabel:
    """Words before a control, level with it; those of one panel are equally wide, so that the controls line up."""
    label = _FieldLabel(text)
    label.setProperty("role", "muted")
    label.setMinimumWidth(label.fontMetrics().averageCharWidth() * 10)
    return label


class Elided(QLabel):
    """Plain text that ends in dots where there is no room for it: it never makes its window wider."""

    def setText(self, text: str) -> None:
        """Show a text; the whole of it is in the tooltip."""
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        room = self.contentsRect()
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), words)


def muted(text: str = "", *, wrap: bool = False, small: bool = False) -> QLabel:
    """Text that is read second."""
    label = QLabel(text)
    label.setProperty("role", "muted")
    label.setWordWrap(wrap)
    if small:
        label.setFont(small_font(label.font()))
    return label


def line() -> QFrame:
    """A thin horizontal rule."""
    frame = QFrame()
    frame.setObjectName("line")
    return frame
