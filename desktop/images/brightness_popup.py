"""Brightness, contrast and gamma for viewing: a small sheet below its button."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from counterpart.core.images.brightness import MAX_GAMMA, Look
from counterpart.desktop.widgets.labels import heading, muted
from counterpart.desktop.widgets.number_field import NumberField
from counterpart.desktop.widgets.theme import GRID


class BrightnessPopup(QFrame):
    """Changes apply while the sliders move; a press anywhere else closes it.

    Signals:
        changed: The `Look` that was set.
        fit_wanted: The range shall be that of what is seen.
    """

    changed = Signal(object)
    fit_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.brightness = NumberField(-100, 100, 1, 0, " %")
        self.contrast = NumberField(-100, 100, 1, 0, " %")
        self.gamma = NumberField(1 / MAX_GAMMA, MAX_GAMMA, 0.05, 2)
        self.range = muted(small=True)
        self.fit = QPushButton("Fit to what is seen")
        self.fit.setToolTip("Spread the values that the left image shows now from black to white")
        self.reset = QPushButton("Reset")
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(GRID)
        for row, (name, field) in enumerate(
            (("Brightness", self.brightness), ("Contrast", self.contrast), ("Gamma", self.gamma))
        ):
            label = muted(name)
            label.setBuddy(field)
            field.setAccessibleName(name)
            field.setMinimumWidth(260)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
            field.changed.connect(self._moved)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addWidget(self.fit)
        buttons.addStretch(1)
        buttons.addWidget(self.reset)
        box = QVBoxLayout(self)
        box.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addWidget(heading("Brightness and contrast"))
        box.addWidget(muted("For viewing only. What is saved, and what models see, stays as it is.", small=True))
        box.addLayout(grid)
        box.addWidget(self.range)
        box.addLayout(buttons)
        self.fit.clicked.connect(self.fit_wanted)
        self.reset.clicked.connect(lambda: self.changed.emit(Look()))

    def show_look(self, look: Look, shown_range: tuple[float, float]) -> None:
        """Show a look, and which values of the left image it makes black and white."""
        self.brightness.set_value(100 * look.brightness)
        self.contrast.set_value(100 * look.contrast)
        self.gamma.set_value(look.gamma)
        black, white = look.window(*shown_range)
        fine = ",.0f" if white - black >= 50 else ".4g"
        self.range.setText(f"Black is {black:{fine}}, white is {white:{fine}}")
        self.reset.setEnabled(not look.neutral)

    @Slot()
    def _moved(self) -> None:
        look = Look(self.brightness.value / 100, self.contrast.value / 100, self.gamma.value)
        self.changed.emit(look)
