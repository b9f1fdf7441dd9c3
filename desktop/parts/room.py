"""Parts in the window: their list, the tools that edit their masks, and what is done to them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from counterpart.core.tools.morphology import FillHoles, Grow, KeepLargest, RemoveSpecks, Shrink, Smooth
from counterpart.desktop.jobs.image_features import ImageFeatures
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.parts.mask_tools import MaskTools
from counterpart.desktop.parts.part_commands import PartCommands
from counterpart.desktop.parts.parts_panel import PartsPanel
from counterpart.desktop.parts.smart_boundary import SmartBoundary
from counterpart.desktop.parts.snap_regions import SnapRegions
from counterpart.desktop.parts.tool_options import ToolOptions
from counterpart.desktop.parts.wands import Wands
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.workbench import Workbench

_TAB = 10


class PartsRoom(QObject):
    """Owns the list of parts, their tools, and what prepares those.

    Attributes:
        panel: The list.
        commands: What a person does to parts.
        editor: Ends gestures in commands.
        options: What the active tool lets be set.
        features: Of the images that tools work on.
        wands: Prepares and asks wands.
        regions: Finds the regions of the snapped brush.
        boundary: Runs the smart boundary.
        tools: Draw masks on the canvas.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self.panel = PartsPanel()
        bench.layout.add_tab(_TAB, self.panel, "Parts")
        self.options = ToolOptions()
        bench.layout.put_options(self.options)
        self.commands = PartCommands(bench.session, bench.viewer, self.panel, self)
        self.editor = LabelEditor(bench.session, bench.viewer, bench.canvas, lambda: self.commands.active, self)
        self.features = ImageFeatures(bench.jobs, bench.scopes.refs, bench.viewer.content, self)
        self.wands = Wands(self.features, bench.side_jobs, self)
        self.regions = SnapRegions(self.features, bench.side_jobs, self)
        self.boundary = SmartBoundary(bench.session, bench.viewer, self.editor, bench.side_jobs, bench.settings, self)
        self.tools = MaskTools(bench, self.editor, self.options, self.wands, self.regions)
        bench.actions.add(self._actions())
        self.panel.add_tool(bench.actions["preserve"])
        self._connect()
        self._model_changed()

    def _actions(self) -> list[Action]:
        needs, change = self._bench.needs, self.editor.change
        some = (needs.project,)
        # fmt: off
        return [
            Action("part_visible", "Show active &part", "View", keys=("V",),
                   help="Show or hide the active part on all images", do=self.commands.toggle_active, needs=some,
                   place=230),
            Action("statistics", "S&tatistics…", "Images", keys=("Ctrl+T",),
                   help="What there is of each part, over all images", do=self.show_statistics, needs=some, place=310),
            Action("fill_holes", "Fill &holes", "Part", help="Fill the holes of the active part",
                   do=lambda: change("Fill holes of", FillHoles()), needs=needs.change, place=310),
            Action("keep_largest", "&Keep the largest piece", "Part",
                   help="Drop all but the largest piece of the active part",
                   do=lambda: change("Keep largest piece of", KeepLargest()), needs=needs.change, place=320),
            Action("remove_specks", "&Remove specks", "Part", help="Drop small pieces of the active part",
                   do=lambda: change("Remove specks of", RemoveSpecks()), needs=needs.change, place=330),
            Action("grow", "&Grow", "Part", keys=("Ctrl+]",), help="Widen the active part by two pixels",
                   do=lambda: change("Grow", Grow(2)), needs=needs.change, place=340, repeat=True),
            Action("shrink", "&Shrink", "Part", keys=("Ctrl+[",), help="Narrow the active part by two pixels",
                   do=lambda: change("Shrink", Shrink(2)), needs=needs.change, place=350, repeat=True),
            Action("smooth", "S&mooth", "Part", help="Smooth the outline of the active part",
                   do=lambda: change("Smooth", Smooth()), needs=needs.change, place=360),
            Action("refine", "R&efine boundary", "Part", keys=("Ctrl+'",),
                   help="Move the outline of the active part to the edges of the photograph near it",
                   do=self.boundary.refine_active, needs=needs.change, place=210),
            Action("refine_all", "Refine &all boundaries", "Part", keys=("Ctrl+Shift+'",),
                   help="The same for every part of this image that is neither locked nor hidden",
                   do=self.boundary.refine_all, needs=needs.change, place=220),
            Action("accept_predictions", "&Accept predictions", "Part", keys=("Ctrl+Return",), icon="reviewed",
                   help="Make this image's predictions your own: no run replaces them", do=self.commands.accept_shown,
                   needs=needs.change, place=10),
            Action("accept_listed", "Accept predictions of &all listed images", "Part",
                   help="Make the predictions of every image in the list your own", do=self.commands.accept_listed,
                   needs=needs.change, place=20),
            Action("copy_part", "&Copy part", "Part", keys=("Ctrl+C",), help="Copy the active part of this image",
                   do=self._copy, needs=some, place=110),
            Action("paste_part", "&Paste part", "Part", keys=("Ctrl+V",), help="Paste the copied part into this image",
                   do=self.editor.paste, needs=needs.change, place=120),
        ]
        # fmt: on

    def _connect(self) -> None:
        bench, options = self._bench, self.options
        self.wands.says.connect(bench.status.show_place)
        self.regions.says.connect(options.note)
        self.boundary.says.connect(bench.status.show_place)
        self.boundary.refused.connect(bench.messages.refuse)
        self.editor.refused.connect(bench.messages.refuse)
        self.commands.set_listed(lambda: bench.images.model.shown)
        self.commands.list_wanted.connect(bench.images.show_part)
        self.commands.says.connect(bench.status.show_place)
        self.commands.parts_changed.connect(bench.images.set_parts)
        self.tools.pick.picked.connect(self.commands.choose)
        bench.toolbox.select.part_double_clicked.connect(self.commands.make_own)
        bench.images.statistics_wanted.connect(self.show_statistics)
        self.panel.set_opacity(bench.settings.preferences.overlay_opacity)
        self.panel.opacity_changed.connect(lambda opacity: bench.settings.change(overlay_opacity=opacity))
        bench.settings.changed.connect(self._preferences_changed)
        bench.models.changed.connect(self._model_changed)
        bench.session.opened.connect(self.commands.refresh_parts)
        bench.session.closing.connect(self._closing)
        bench.session.changes.parts.connect(self.commands.refresh_parts)
        bench.session.changes.mask.connect(self._mask_changed)
        bench.session.changes.states.connect(lambda _images: self.commands.refresh_image())
        bench.viewer.shown.connect(self._shown)
        bench.toolbox.changed.connect(self._prepare)

    @Slot()
    def _prepare(self) -> None:
        """Another tool, image or model: have what the tool needs ready before somebody clicks."""
        viewer, active = self._bench.viewer, self._bench.toolbox.active
        image, photo = viewer.image(0), viewer.photo(0)
        if active == "wand":
            self.wands.prepare(image)
        elif active == "snap" and photo is not None:
            self.regions.prepare(image, photo)

    # The project --------------------------------------------------------------------------------------------------

    @Slot()
    def _model_changed(self) -> None:
        """Another model's features decide; without one, colour does."""
        self.features.set_choice(self._bench.models.choice)
        self._prepare()

    @Slot()
    def _preferences_changed(self) -> None:
        self.panel.set_opacity(self._bench.settings.preferences.overlay_opacity)

    @Slot()
    def _closing(self) -> None:
        self.boundary.cancel()
        self.tools.forget()
        self.features.clear()
        self.editor.clear()
        self.panel.set_parts(())

    @Slot(int, object)
    def _mask_changed(self, image: int, box: tuple[int, int, int, int]) -> None:
        self.editor.labels_changed(image, box)
        if image == self._bench.viewer.image(0):
            self.commands.refresh_image()

    @Slot(int, int)
    def _shown(self, pane: int, _image: int) -> None:
        if pane == 0:
            self.commands.refresh_image()
        self.editor.image_shown()
        self._prepare()

    def _copy(self) -> None:
        if self.editor.copy():
            self._bench.status.show_place("Copied. Go to another image and paste it (Ctrl+V).")

    @Slot()
    def show_statistics(self) -> None:
        """Show what there is of each part, over all images."""
        from counterpart.desktop.parts.statistics_dialog import StatisticsDialog

        document, bench = self._bench.document, self._bench
        if document is not None:
            dialog = StatisticsDialog(document, bench.session.folder, bench.side_jobs, bench.window)
            dialog.part_chosen.connect(bench.images.show_part)
            dialog.open()
