"""The room of exploring features: views of them over the images, and what looks like the place under the pointer."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from counterpart.desktop.explore.explore_panel import ExplorePanel
from counterpart.desktop.explore.explorer import Explorer
from counterpart.desktop.explore.similarity_maps import SimilarityMaps
from counterpart.desktop.explore.similarity_probe import SimilarityProbe
from counterpart.desktop.explore.similarity_select import SelectOptions, SimilaritySelect
from counterpart.desktop.explore.similarity_tool import SimilarityTool
from counterpart.desktop.parts.room import PartsRoom
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.workbench import Workbench


class ExploreRoom(QObject):
    """Shows what the model sees.

    Args:
        bench: What rooms share.
        parts: Takes selections of what is alike.

    Attributes:
        panel: The Explore panel.
        explorer: Views of the feature space.
        tool: Points at a place.
        maps: Finds what looks like it.
        probe: Shows that, and keeps a pinned place.
        select: Makes a selection of what a pinned place looks like.
    """

    def __init__(self, bench: Workbench, parts: PartsRoom) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self.panel = ExplorePanel()
        bench.layout.add_tab(50, self.panel, "Explore", tall=True)
        self.explorer = Explorer(bench, self.panel)
        self.tool = SimilarityTool(bench.canvas)
        bench.toolbox.add(
            self.tool,
            Action(
                "tool_similarity",
                "S&imilarity",
                "Tools",
                keys=("M",),
                icon="similarity",
                help="See what looks like the place under the pointer; click to pin it",
                needs=(bench.needs.project,),
                place=20,
                tools=20,
            ),
        )
        self.maps = SimilarityMaps(bench.jobs, bench.side_jobs, bench.scopes.refs, self)
        self.probe = SimilarityProbe(bench, self.tool, self.maps)
        options = SelectOptions()
        parts.options.add(options)
        self.select = SimilaritySelect(bench.maps, parts.editor, options, self)
        self.probe.pinned_maps.connect(self.select.set_heats)
        self.select.selected.connect(self.probe.unpin)
        self._connect()
        self._model_changed()

    def stop(self) -> None:
        """The window is going."""
        self.select.stop()

    def _connect(self) -> None:
        bench = self._bench
        for told in (bench.session.opened, bench.session.renamed, bench.session.closed):
            told.connect(self.explorer.refresh_ready)
        bench.session.closing.connect(self._closing)
        bench.models.changed.connect(self._model_changed)
        bench.viewer.shown.connect(self.probe.image_shown)
        bench.canvas.count_changed.connect(self.probe.image_shown)
        bench.toolbox.changed.connect(self._tool_changed)
        bench.layout.tab_changed.connect(self._tab_changed)

    @Slot()
    def _closing(self) -> None:
        self.probe.unpin()
        self.maps.clear()
        self.explorer.clear()

    @Slot()
    def _model_changed(self) -> None:
        self.explorer.refresh_ready()
        choice = self._bench.models.choice
        if choice is not None:
            self.maps.set_choice(choice)

    @Slot(str)
    def _tool_changed(self, tool: str) -> None:
        self.probe.set_active(tool == "similarity")
        if tool == "similarity" and self._bench.models.choice is None:
            self._bench.messages.tell("warning", "Similarity needs a model. Install one in the Run panel.")

    @Slot()
    def _tab_changed(self) -> None:
        self.explorer.set_active(self._bench.layout.shown is self.panel)
