"""The part-labelling loop: makes what previews, learns and checks parts, and connects it to the rest of the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from desktop.mask_jobs import MakePreviewJob
from desktop.previewing import PreviewDesk

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

__all__ = ["PartWork"]


class PartWork(QObject):
    """Owns the desks of the loop, on behalf of a window.

    Attributes:
        preview: Shows what other parameters would give.
    """

    def __init__(self, window: MainWindow, previews: Mapping[str, MakePreviewJob]) -> None:
        super().__init__(window)
        self._w = window
        self.preview = PreviewDesk(
            window.session,
            window.run_panel,
            window.desk,
            window.runner,
            window.canvas,
            window.viewer,
            window.images,
            previews,
            self._maps_shown,
            self,
        )

    def _maps_shown(self) -> bool:
        """Whether something else is laid over the images: similarity, or a view of the features."""
        return self._w.toolbox.active == "similarity" or self._w.layout_.tabs.currentWidget() is self._w.explore

    def clear(self) -> None:
        """Another project, or none."""
        self.preview.clear()

    @Slot()
    def image_shown(self) -> None:
        """A pane shows another image."""
        self.preview.show()
