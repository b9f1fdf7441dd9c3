"""What lies over the images: maps of numbers or colours that several rooms have, of which the topmost is seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from PySide6.QtCore import QObject, Slot

from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.grid_paint import GridPaint
from counterpart.desktop.canvas.pane import Heat
from counterpart.desktop.images.images_panel import ImagesPanel
from counterpart.desktop.images.viewer import Viewer

LayerName = Literal["similarity", "explore", "preview", "learned"]

LAYERS: tuple[LayerName, ...] = ("similarity", "explore", "preview", "learned")
"""From top to bottom."""

Maps = Mapping[int, Heat | GridPaint]


@dataclass(frozen=True, slots=True)
class _Layer:
    """Maps by image id: over the images in panes, but for some panes, and over thumbnails."""

    large: Maps = field(default_factory=dict)
    small: Maps = field(default_factory=dict)
    bare: frozenset[int] = frozenset()


_NOTHING = _Layer()


class MapLayers(QObject):
    """Lays the topmost layer that has maps over the images shown and their thumbnails, and again when others are shown.

    A layer covers those below it whole: images that it has no map of are bare.

    Args:
        canvas: Shows the images.
        viewer: Says which images those are.
        panel: Shows the thumbnails.
    """

    def __init__(self, canvas: Canvas, viewer: Viewer, panel: ImagesPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas, self._viewer, self._panel = canvas, viewer, panel
        self._layers: dict[LayerName, _Layer] = {}
        self._hidden: frozenset[LayerName] = frozenset()
        self._uncovered: frozenset[int] = frozenset()
        self._small = _NOTHING.small
        viewer.shown.connect(self._lay_large)

    def put(self, name: LayerName, maps: Maps, *, small: Maps | None = None, bare: Collection[int] = ()) -> None:
        """Give a layer other maps, none to take it away.

        Args:
            name: The layer.
            maps: By image id.
            small: Those over thumbnails, where they are others.
            bare: Panes that nothing is laid over while this layer is seen.
        """
        if maps or small:
            self._layers[name] = _Layer(dict(maps), dict(maps if small is None else small), frozenset(bare))
        elif self._layers.pop(name, None) is None:
            return
        self._lay()

    def hide(self, names: Collection[LayerName]) -> None:
        """Keep these layers out of sight, and no others."""
        if self._hidden != frozenset(names):
            self._hidden = frozenset(names)
            self._lay()

    def uncover(self, panes: Collection[int]) -> None:
        """Lay nothing over these panes for now, for something else is to be seen there; over all others again."""
        if self._uncovered != frozenset(panes):
            self._uncovered = frozenset(panes)
            self._lay_large()

    @property
    def seen(self) -> LayerName | None:
        """The layer that is seen."""
        return next((name for name in LAYERS if name in self._layers and name not in self._hidden), None)

    def _top(self) -> _Layer:
        name = self.seen
        return _NOTHING if name is None else self._layers[name]

    def _lay(self) -> None:
        self._lay_large()
        small = self._top().small
        if small is not self._small:
            self._small = small
            self._panel.set_heats(small)

    @Slot()
    def _lay_large(self) -> None:
        top = self._top()
        for index, pane in enumerate(self._canvas.panes):
            image = self._viewer.image(index)
            there = image if pane.image_key == image else 0  # the old image may still be there
            found = None if index in top.bare | self._uncovered else top.large.get(there)
            if found is not pane.heat:
                self._canvas.set_heat(index, found)
