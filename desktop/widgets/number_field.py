"""A number to slide or to type."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QSpinBox, QWidget

from counterpart.desktop.widgets.theme import GRID


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

    def setAccessibleName(self, name: str) -> None:
        """Name the slider and the box, which are what has the keyboard."""
        super().setAccessibleName(name)
        self.slider.setAccessibleName(name)
        self.box.setAccessibleName(name)

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
