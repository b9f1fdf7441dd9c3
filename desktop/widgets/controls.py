"""Small building blocks that several panels use."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QHideEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from counterpart.desktop.widgets.icons import ICON_PX, icon, pixmap, swatch
from counterpart.desktop.widgets.theme import GRID, colours, small_font, strong_font

__all__ = [
    "Elided",
    "EmptyState",
    "Notice",
    "NumberField",
    "Segments",
    "action_button",
    "field_label",
    "heading",
    "icon_button",
    "line",
    "muted",
    "retint",
    "swatch",
]


_ICON = "icon_name"


def retint(root: QWidget) -> None:
    """Draw anew below a widget what the theme's colours went into: icons, and what has a `retint` of its own."""
    for button in root.findChildren(QAbstractButton):
        name = button.property(_ICON)
        if isinstance(name, str):
            button.setIcon(icon(name))
    for widget in root.findChildren(QWidget):
        own = getattr(widget, "retint", None)
        if callable(own):
            own()


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


def icon_button(name: str, tip: str, *, checkable: bool = False, quiet: bool = False) -> QToolButton:
    """A flat button with an icon; its tooltip is its accessible name."""
    button = QToolButton()
    button.setIcon(icon(name))
    button.setProperty(_ICON, name)
    button.setIconSize(QSize(16, 16) if quiet else QSize(ICON_PX, ICON_PX))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setCheckable(checkable)
    if quiet:
        button.setObjectName("quiet")
    return button


def action_button(action: QAction, *, text: bool = False) -> QToolButton:
    """A flat button for an action."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(QSize(ICON_PX, ICON_PX))
    style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if text else Qt.ToolButtonStyle.ToolButtonIconOnly
    button.setToolButtonStyle(style)
    return button


class Segments(QWidget):
    """Buttons of which exactly one is on."""

    chosen = Signal(int)

    def __init__(self, texts: Sequence[str], tips: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self._row, self._group = box, QButtonGroup(self)
        for index, text in enumerate(texts):
            self.add(text, tips[index] if index < len(tips) else "")
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(self.chosen)

    def add(self, text: str, tip: str = "") -> None:
        """One more button on the right."""
        index = len(self._group.buttons())
        button = QToolButton()
        button.setText(text)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setObjectName("segmentLeft" if index == 0 else "segmentRight")
        self._group.addButton(button, index)
        self._row.addWidget(button, 1)

    @property
    def index(self) -> int:
        """Which one is on."""
        return self._group.checkedId()

    def set_index(self, index: int) -> None:
        """Turn one on without telling anybody."""
        self._group.button(index).setChecked(True)


class NumberField(QWidget):
    """A number with a slider beside it: drag roughly, type exactly.

    Args:
        low: Smallest value.
        high: Largest value.
        step: Step of arrow keys and of the slider.
        decimals: Digits after the point; 0 makes whole numbers.
        suffix: Unit.
    """

    changed = Signal(float)

    def __init__(
        self,
        low: float,
        high: float,
        step: float,
        decimals: int = 0,
        suffix: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._step = low, step
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, round((high - low) / step))
        self.slider.setPageStep(max(self.slider.maximum() // 10, 1))
        self.box: QSpinBox | QDoubleSpinBox = QDoubleSpinBox() if decimals else QSpinBox()
        if isinstance(self.box, QDoubleSpinBox):
            self.box.setDecimals(decimals)
            self.box.setRange(low, high)
            self.box.setSingleStep(step)
        else:
            self.box.setRange(round(low), round(high))
            self.box.setSingleStep(round(step))
        self.box.setSuffix(suffix)
        self.box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.box.setKeyboardTracking(False)
        self.box.setMinimumWidth(76)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.slider, 1)
        row.addWidget(self.box)
        self.setFocusProxy(self.box)
        self.slider.setValue(round((self.box.value() - low) / step))
        self.slider.valueChanged.connect(self._slid)
        self.box.valueChanged.connect(self._typed)

    @property
    def value(self) -> float:
        """The number."""
        return self.box.value()

    def set_value(self, value: float) -> None:
        """Set the number without telling anybody."""
        was = self.blockSignals(True)
        self._put(value)
        self.blockSignals(was)

    def set_range(self, low: float, high: float) -> None:
        """Other bounds; the number stays within them. Tells nobody."""
        was = self.blockSignals(True)
        value = min(max(self.value, low), high)
        self._low = low
        self.slider.blockSignals(True)
        self.slider.setRange(0, round((high - low) / self._step))
        self.slider.blockSignals(False)
        if isinstance(self.box, QSpinBox):
            self.box.setRange(round(low), round(high))
        else:
            self.box.setRange(low, high)
        self._put(value)
        self._typed(value)
        self.blockSignals(was)

    def _put(self, value: float) -> None:
        if isinstance(self.box, QSpinBox):
            self.box.setValue(round(value))
        else:
            self.box.setValue(value)

    def _slid(self, place: int) -> None:
        self._put(self._low + place * self._step)

    def _typed(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round((value - self._low) / self._step))
        self.slider.blockSignals(False)
        self.changed.emit(float(value))


class EmptyState(QWidget):
    """Says why there is nothing here, and what to do next."""

    def __init__(self, drawing: str, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawing = drawing
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = heading(title)
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title.setWordWrap(True)
        self.text = muted(text, wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(2 * GRID, 3 * GRID, 2 * GRID, 3 * GRID)
        self._box.setSpacing(GRID)
        self._box.addStretch(1)
        self._box.addWidget(self._picture)
        self._box.addWidget(self.title)
        self._box.addWidget(self.text)
        self._box.addSpacing(GRID)
        self._box.addStretch(1)
        self.retint()

    def retint(self) -> None:
        """Draw the picture anew after a change of theme."""
        self._picture.setPixmap(pixmap(self._drawing, 40, colours().faint, self.devicePixelRatioF()))

    def add(self, widget: QWidget) -> None:
        """Put a button under the text."""
        self._box.insertWidget(self._box.count() - 1, widget, 0, Qt.AlignmentFlag.AlignHCenter)

    def say(self, title: str, text: str) -> None:
        """Change the words."""
        self.title.setText(title)
        self.text.setText(text)
        self.text.setVisible(bool(text))


class Notice(QFrame):
    """A message inside the window that stays until it is dealt with."""

    closed = Signal()
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.timeout.connect(self.hide)
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton()
        self._close = icon_button("reject", "Dismiss", quiet=True)
        self._close.clicked.connect(self._dismissed)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(GRID)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(self.button)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_text(self, kind: str, text: str, button: str = "") -> None:
        """Show a message of kind `info`, `warning` or `error`, with a button where there is something to do."""
        theme = colours()
        colour = {"info": theme.accent, "warning": theme.warning}.get(kind, theme.danger)
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        name = "info" if kind == "info" else "warning"
        self._icon.setPixmap(pixmap(name, ICON_PX, colour, self.devicePixelRatioF()))
        self._text.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self._leaving.stop()
        self.show()
        self._row.activate()
        self.resized.emit()

    def height_for(self, width: int) -> int:
        """How high the message is at a width."""
        return self._row.totalHeightForWidth(width)

    def leave_after(self, milliseconds: int) -> None:
        """Go away by itself: for what need not be dealt with."""
        self._leaving.start(milliseconds)

    def hideEvent(self, event: QHideEvent) -> None:
        self._leaving.stop()
        super().hideEvent(event)

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text.text()

    def _dismissed(self) -> None:
        self.hide()
        self.closed.emit()
