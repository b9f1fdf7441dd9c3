"""Settings: how the window looks and behaves, and where models compute."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from desktop.form import Form, Knob
from desktop.settings import Preferences, Settings
from desktop.theme import GRID
from desktop.widgets import heading, line

__all__ = ["PreferencesDialog"]

_LOOK = ("theme", "wheel_zooms", "thumbnail_overlays", "minimap", "line_colour")
_ENGINE = ("device", "precision", "memory_mb")
_KNOBS = {
    "theme": Knob("Theme", words={"dark": "Dark", "light": "Light", "system": "As the desktop"}),
    "wheel_zooms": Knob("The wheel zooms (otherwise Ctrl and wheel)"),
    "thumbnail_overlays": Knob("Show parts on thumbnails"),
    "minimap": Knob("Show a map of the image while zoomed"),
    "line_colour": Knob("Lines coloured by", words={"position": "Position", "confidence": "Confidence"}),
    "device": Knob(
        "Device",
        help="Where models compute",
        words={"auto": "Automatic", "cpu": "Processor", "cuda": "NVIDIA GPU", "mps": "Apple GPU"},
    ),
    "precision": Knob(
        "Precision",
        help="Automatic takes bfloat16 where the processor has it: faster at equal results",
        words={"auto": "Automatic", "float32": "32 bit", "bfloat16": "bfloat16", "float16": "float16"},
    ),
    "memory_mb": Knob(
        "Features in memory", low=128, high=16384, step=128, suffix=" MB", help="Takes effect at the next start"
    ),
}


class PreferencesDialog(QDialog):
    """Changes apply at once."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self._settings = settings
        preferences = settings.preferences
        self.look = Form(preferences, _LOOK, _KNOBS)
        self.engine = Form(preferences, _ENGINE, _KNOBS)
        self.look.align_with(self.engine)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        reset = close.addButton("Reset to defaults", QDialogButtonBox.ButtonRole.ResetRole)
        reset.clicked.connect(self._reset)
        close.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addWidget(heading("Window"))
        box.addWidget(self.look)
        box.addWidget(line())
        box.addWidget(heading("Models"))
        box.addWidget(self.engine)
        box.addStretch(1)
        box.addWidget(close)
        self.setMinimumWidth(460)
        self.look.changed.connect(self._changed)
        self.engine.changed.connect(self._changed)

    @Slot()
    def _changed(self) -> None:
        self._settings.change(**self.look.values(), **self.engine.values())

    @Slot()
    def _reset(self) -> None:
        self.look.set_params(Preferences())
        self.engine.set_params(Preferences())
        self._changed()
