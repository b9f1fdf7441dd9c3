"""The room of learning from corrections: the Learn panel, what it shows over the images, and what it offers."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from counterpart.desktop.find.room import FindRoom
from counterpart.desktop.learn.learn_panel import LearnPanel
from counterpart.desktop.learn.learner import Learner
from counterpart.desktop.parts.room import PartsRoom
from counterpart.desktop.workbench import Workbench

_LEAST_SPAN = 40.0
"""Image pixels around a place that is shown, at least."""
_SPANS = 2.5
"""How much more than the place itself is shown."""


class LearnRoom(QObject):
    """Carries corrections over to the other images.

    Args:
        bench: What rooms share.
        find: Takes label maps over.
        parts: The panel beside which previews are seen as well.

    Attributes:
        panel: The Learn panel.
        learner: Learns, and shows what follows.
    """

    def __init__(self, bench: Workbench, find: FindRoom, parts: PartsRoom) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self._place: tuple[int, float, float, float] | None = None
        self.panel = LearnPanel()
        self._beside = (parts.panel, self.panel)
        bench.layout.add_tab(20, self.panel, "Learn", tall=True)
        self.learner = Learner(bench, self.panel, find.runs)
        self._connect()
        self.learner.reset(bench.document)
        self._hide_maps()

    def _connect(self) -> None:
        bench, learner = self._bench, self.learner
        bench.session.opened.connect(self._opened)
        bench.session.closing.connect(self._closing)
        bench.session.renamed.connect(learner.refresh_ready)
        bench.session.changes.parts.connect(learner.parts_changed)
        bench.session.changes.mask.connect(learner.labels_changed)
        bench.session.changes.states.connect(learner.states_changed)
        bench.models.changed.connect(learner.refresh_ready)
        bench.viewer.shown.connect(self._look)
        bench.toolbox.changed.connect(self._hide_maps)
        bench.layout.tab_changed.connect(self._hide_maps)
        self.panel.image_wanted.connect(bench.images.select)
        learner.assessment.place_wanted.connect(self._show_place)
        learner.offered.connect(self._offer)

    @Slot()
    def _opened(self) -> None:
        self.learner.reset(self._bench.document)

    @Slot()
    def _closing(self) -> None:
        self._place = None
        self.learner.reset(None)

    @Slot()
    def _hide_maps(self) -> None:
        """Beside parts alone images are covered: elsewhere lines and points, or what is alike, are to be seen."""
        bench = self._bench
        seen = bench.layout.shown in self._beside and bench.toolbox.active != "similarity"
        bench.maps.hide(() if seen else ("preview", "learned"))

    # Places ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _look(self) -> None:
        """A pane shows another image: perhaps the one with the place that is wanted."""
        canvas = self._bench.canvas
        if self._place is not None and self._place[0] == canvas.panes[0].image_key:
            _, x, y, span = self._place
            self._place = None
            canvas.look_at(0, x, y, span)

    @Slot(int, float, float, float)
    def _show_place(self, image: int, x: float, y: float, span: float) -> None:
        self._place = (image, x, y, max(span * _SPANS, _LEAST_SPAN))
        if self._bench.viewer.image(0) == image:
            self._look()
        else:
            self._bench.images.select(image)

    # Updates that are ready -----------------------------------------------------------------------------------------

    @Slot(str)
    def _offer(self, text: str) -> None:
        """Say over the images that an update is ready, where the Learn panel does not say so itself."""
        if text and self._bench.layout.shown is not self.panel:
            self._bench.messages.offer(text, "Keep update", self.learner.keep)
        else:
            self._bench.messages.withdraw(self.learner.keep)
