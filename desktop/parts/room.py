"""The mask workspace: makes what prepares and runs the tools on parts, and connects it to the rest of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from counterpart.desktop.canvas.toolbox import Toolbox
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.jobs.image_features import ImageFeatures
from counterpart.desktop.parts.smart_boundary import SmartBoundary
from counterpart.desktop.parts.snap_tool import SnapDesk
from counterpart.desktop.parts.wand_tool import WandDesk

if TYPE_CHECKING:
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["PartsRoom"]


class PartsRoom(QObject):
    """Owns the desks of the mask tools, on behalf of a window.

    Attributes:
        features: Of the images that tools work on.
        wands: Prepares and asks wands.
        snaps: Finds the regions of the snapped brush.
        refine: Runs the smart boundary.
        toolbox: The tools.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self.features = ImageFeatures(window.runner, window.refs_of, self)
        self.wands = WandDesk(self.features, window.light, self)
        self.snaps = SnapDesk(self.features, window.light, self)
        self.toolbox = Toolbox(
            window.canvas, window.editor, window.actions_, window.options, self.wands, self.snaps, window.parts
        )
        self.refine = SmartBoundary(window.session, window.viewer, window.editor, window.light, window.settings, self)
        self.wands.says.connect(window.status.show_place)
        self.snaps.says.connect(window.options.note)
        self.refine.says.connect(window.status.show_place)
        self.refine.refused.connect(window.tell_refusal)
        window.editor.refused.connect(window.tell_refusal)
        window.options.grain_changed.connect(self.snaps.set_grain)
        self.toolbox.changed.connect(self.prepare)

    def set_choice(self, choice: ModelChoice | None) -> None:
        """The model whose features tools go by; without one, colour decides."""
        self.features.set_choice(choice)
        self.prepare()

    def clear(self) -> None:
        """Another project, or none."""
        self.refine.cancel()
        self.features.clear()
        self._w.editor.clear()

    @Slot()
    def prepare(self) -> None:
        """Another tool, image or model: have what the tool needs ready before somebody clicks."""
        image, photo = self._w.viewer.image(0), self._w.viewer.photo(0)
        if self.toolbox.active == "wand":
            self.wands.prepare(image)
        elif self.toolbox.active == "snap" and photo is not None:
            self.snaps.prepare(image, photo)
