"""Shows similarity maps: follows the pointer, keeps a pinned place."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from counterpart.desktop.canvas.pane import Heat
from counterpart.desktop.explore.similarity_maps import SimilarityMaps
from counterpart.desktop.explore.similarity_tool import SimilarityTool
from counterpart.desktop.workbench import Workbench


class SimilarityProbe(QObject):
    """Between the similarity tool, those who make maps and those who show them.

    Args:
        bench: What rooms share.
        tool: Says where to look.
        maps: Makes the maps.

    Signals:
        pinned_maps: A `Heat` by pane while a place is pinned, empty when none is.
    """

    pinned_maps = Signal(object)

    def __init__(self, bench: Workbench, tool: SimilarityTool, maps: SimilarityMaps) -> None:
        super().__init__(tool)
        self._bench, self._maps = bench, maps
        self._canvas, self._viewer = bench.canvas, bench.viewer
        self._says = bench.status.show_place
        self._active = False
        self._pinned: tuple[int, tuple[float, float]] | None = None
        self._source_pane = 0
        tool.probed.connect(self._probed)
        tool.left.connect(self._left)
        maps.answered.connect(self._answered)
        maps.waiting.connect(self._waiting)
        maps.failed.connect(self._says)

    @property
    def pinned(self) -> bool:
        """Whether a place is kept."""
        return self._pinned is not None

    def set_active(self, active: bool) -> None:
        """The similarity tool was taken or put away."""
        self._active = active
        if not active:
            self.unpin()

    def unpin(self) -> None:
        """Forget the pinned place and take the maps away."""
        self._pinned = None
        self._maps.stop()
        self._clear()

    @Slot()
    def image_shown(self) -> None:
        """A pane shows another image: a pinned place is looked for there too."""
        if self._active and self._pinned is not None:
            self._ask(*self._pinned)
        elif self._active:
            self._clear()

    def _clear(self) -> None:
        self._bench.maps.put("similarity", {})
        self._canvas.set_probe(None, None)
        self.pinned_maps.emit({})
        self._says("")

    @Slot(int, float, float, bool)
    def _probed(self, pane: int, x: float, y: float, pin: bool) -> None:
        image = self._viewer.image(pane)
        if not self._active or not image or (self._pinned is not None and not pin):
            return
        if pin and self._pinned is not None and self._pinned[0] == image and self._near(self._pinned[1], (x, y)):
            self.unpin()
            return
        self._source_pane = pane
        if pin:
            self._pinned = (image, (x, y))
        self._canvas.set_probe(pane, (x, y), pinned=pin)
        self._ask(image, (x, y))

    def _near(self, a: tuple[float, float], b: tuple[float, float]) -> bool:
        scale = self._canvas.panes[self._source_pane].view.scale
        return abs(a[0] - b[0]) * scale < 8 and abs(a[1] - b[1]) * scale < 8

    def _ask(self, image: int, xy: tuple[float, float]) -> None:
        targets = [self._viewer.image(pane) for pane in range(self._canvas.count)]
        if self._pinned is not None:
            targets += self._bench.images.visible_images()
        self._maps.probe(image, xy, targets)

    @Slot()
    def _left(self) -> None:
        if self._pinned is None:
            self._maps.stop()
            self._clear()

    @Slot(int, object, object)
    def _answered(self, image: int, xy: tuple[float, float], heats: dict[int, Heat]) -> None:
        if not self._active:
            return
        shown = range(self._canvas.count)
        source = next((pane for pane in shown if self._viewer.image(pane) == image), None)
        # With two images the one pointed at stays as it is: the answer lies in the other.
        bare = {source} if self._canvas.count == 2 and source is not None else set()
        self._bench.maps.put("similarity", heats, small=heats if self.pinned else {}, bare=bare)
        if source is not None:
            self._canvas.set_probe(source, xy, pinned=self.pinned)
        if self.pinned:
            panes = {pane: heats.get(self._viewer.image(pane)) for pane in shown if pane not in bare}
            self.pinned_maps.emit({pane: heat for pane, heat in panes.items() if heat is not None})
        others = [heats[key] for key in heats if key != image]
        best = max((float(heat.values.max()) for heat in others), default=None)
        if best is not None:
            self._says(f"Best likeness in the other image {best:.2f}")

    @Slot(bool)
    def _waiting(self, waiting: bool) -> None:
        self._says("Computing features …" if waiting and self._active else "")
