"""The Explore panel at work: asks for views of the feature space, lays them over images, links points with patches."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QColor

from counterpart.core.backbone.registry import model_info
from counterpart.core.jobs import Progress
from counterpart.core.wording import counted
from counterpart.desktop.canvas.grid_paint import GridPaint, lit, tinted
from counterpart.desktop.explore.explore_jobs import Explored, ExploreRequest, explore_job, save_job
from counterpart.desktop.explore.explore_panel import ExplorePanel
from counterpart.desktop.explore.point_colours import GREY, point_colours
from counterpart.desktop.explore.region_tool import RegionTool
from counterpart.desktop.images.scopes import SCOPES
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.widgets.choose_path import folder_dialog
from counterpart.desktop.widgets.theme import colours
from counterpart.desktop.workbench import Workbench

_OFFERED = ("all", "listed")
"""Scopes that are offered."""


class Explorer(QObject):
    """Between the panel, the worker, the canvas and the image list.

    Args:
        bench: What rooms share.
        panel: Says what is looked at, and shows the points.

    Attributes:
        region: Marks a region of an image while points are shown.
    """

    _formed = Signal(object)

    def __init__(self, bench: Workbench, panel: ExplorePanel) -> None:
        super().__init__(panel)
        self._bench, self._panel = bench, panel
        self._active = False
        self._job: Job | None = None
        self._found: Explored | None = None
        self._ids: tuple[int, ...] = ()
        self._marks: dict[int, tuple[float, float]] = {}
        self.region = RegionTool(bench.canvas)
        panel.run_wanted.connect(self.run)
        panel.changed.connect(self._again)
        panel.kind_changed.connect(self._kind_changed)
        panel.button.follow(bench.jobs, self._asks)
        panel.changed.connect(panel.button.look)
        panel.colour_changed.connect(self._recolour)
        panel.opacity_changed.connect(self._show)
        panel.save_wanted.connect(self.ask_save)
        panel.scatter.selected.connect(self._points_selected)
        panel.scatter.hovered.connect(self._point_hovered)
        panel.scatter.picked.connect(self._point_picked)
        self.region.marked.connect(self._region_marked)
        self._formed.connect(self._preview)

    # Coming and going ---------------------------------------------------------------------------------------

    def set_active(self, active: bool) -> None:
        """The panel came to the front or went."""
        if active == self._active:
            return
        self._active = active
        if active:
            self.refresh_ready()
            self._take_tool()
            self._show()
        else:
            self._give_tool_back()
            self._take_away()

    def clear(self) -> None:
        """Forget everything: another project."""
        if self._job is not None:
            self._bench.jobs.cancel(self._job)
        self._job, self._found, self._ids, self._marks = None, None, (), {}
        self._panel.set_saveable(False)
        self._panel.note.setText("")
        self._panel.scatter.set_points(np.zeros((0, 2)), np.zeros((0, 3), dtype=np.uint8))
        self._take_away()

    @Slot()
    def refresh_ready(self) -> None:
        """Whether there is something to look at."""
        bench, choice = self._bench, self._bench.models.choice
        if choice is not None:
            self._panel.set_model(model_info(choice.name))
        self._panel.set_scopes([(name, text, bench.scopes.count(name)) for name, text in SCOPES if name in _OFFERED])
        document = bench.document
        if document is None or len(document) == 0:
            self._panel.set_ready(False, bench.needs.project.reason)
        elif choice is None:
            self._panel.set_ready(False, "Install a model in the Run panel first")
        else:
            self._panel.set_ready(True)

    def _take_tool(self) -> None:
        if self._panel.view_kind == "tsne":
            self._bench.canvas.set_tool(self.region)

    def _give_tool_back(self) -> None:
        canvas, toolbox = self._bench.canvas, self._bench.toolbox
        if canvas.tool is self.region:
            chosen = (tool for name, tool in toolbox.all.items() if toolbox.is_chosen(name))
            canvas.set_tool(next(chosen, toolbox.select))

    @Slot(str)
    def _kind_changed(self, _kind: str) -> None:
        if not self._active:
            return
        self._give_tool_back()
        self._take_tool()
        if self._found is not None and self._found.request.params.kind == self._panel.view_kind:
            self._show()
        else:
            self._take_away()
            self._again()

    # Asking -------------------------------------------------------------------------------------------------

    @Slot()
    def _again(self) -> None:
        """Something was changed: follow it, once a view has been asked for. Points are arranged only when asked."""
        if self._found is not None and self._panel.view_kind != "tsne":
            self.run()

    def _request(self) -> ExploreRequest | None:
        choice = self._bench.models.choice
        if self._bench.document is None or choice is None:
            return None
        images = self._bench.scopes.images(self._panel.scope_name)
        if not images:
            self._bench.messages.tell("warning", "There are no images to look at. Choose others under Images.")
            return None
        return ExploreRequest(choice, self._bench.scopes.refs(images), self._panel.params)

    def _asks(self) -> Hashable:
        """What the panel says, as a job asks it."""
        choice = self._bench.models.choice
        images = self._bench.scopes.images(self._panel.scope_name) if self._bench.document is not None else []
        return (
            ("explore", id(self._bench.document), choice, tuple(images), repr(self._panel.params)) if images else None
        )

    @Slot()
    def run(self) -> None:
        """Compute what the panel says. What is still being computed for it is given up."""
        request = self._request()
        if request is None or self._bench.jobs.doing(self._asks()) is not None:
            return
        if self._job is not None:
            self._bench.jobs.cancel(self._job)
        forming = self._formed.emit if request.params.kind == "tsne" else None
        self._panel.note.setText("Computing …")
        job = Job(self._panel.button.text(), explore_job(request, forming), "explore", self._asks())
        self._job = job
        self._bench.jobs.submit(
            job,
            lambda outcome: self._computed(job, outcome),
            ended=lambda outcome: self._ended(job, outcome),
            progressed=lambda progress: self._progressed(job, progress),
        )

    @Slot()
    def ask_save(self) -> None:
        """Ask for a folder, then write what is shown into it."""
        if self._found is None:
            return
        dialog = folder_dialog(self._bench.window, "Folder for the pictures")
        dialog.fileSelected.connect(lambda folder: self.save(Path(folder)))
        dialog.open()

    def save(self, folder: Path) -> None:
        """Write what is shown into a folder, as the command line does."""
        if self._found is None:
            return

        def told(outcome: JobOutcome) -> None:
            text = f"{counted(len(outcome.result.files), 'file')} written to {folder}."
            self._bench.messages.tell("info", text)

        asks = ("explore files", id(self._found), folder)
        self._bench.jobs.submit(Job("Saving pictures", save_job(self._found, folder), "explore files", asks), told)

    # Answers ------------------------------------------------------------------------------------------------

    def _progressed(self, job: Job, progress: Progress) -> None:
        if job is self._job and progress.text:
            self._panel.note.setText(f"{progress.text} …")

    def _ended(self, job: Job, outcome: JobOutcome) -> None:
        if job is not self._job:
            return
        self._job = None
        if outcome.result is None:
            self._panel.note.setText("" if outcome.cancelled else "It could not be computed.")

    def _computed(self, job: Job, outcome: JobOutcome) -> None:
        if job is not self._job:
            return
        self._found = outcome.result
        self._ids = tuple(outcome.result.request.refs)
        self._marks = {}
        self._panel.set_saveable(True)
        self._panel.note.setText(_words(outcome))
        if outcome.failures:
            text = f"{len(outcome.failures)} images could not be used: {outcome.failures[0]}"
            self._bench.messages.tell("warning", text)
        points = outcome.result.points
        if points is not None:
            self._panel.scatter.set_points(points.result.xy, self._point_colours(), keep=True)
        self._show()

    @Slot(object)
    def _preview(self, xy: NDArray[np.float32]) -> None:
        """The scatter forms before the eyes."""
        if self._job is not None:
            grey = np.full((len(xy), 3), GREY, dtype=np.uint8)
            self._panel.scatter.set_points(xy, grey, keep=True)

    # Showing ------------------------------------------------------------------------------------------------

    @Slot()
    def _show(self) -> None:
        """Lay what was found over the images."""
        if self._active:
            self._bench.maps.put("explore", self._paints())

    def _take_away(self) -> None:
        self._bench.maps.put("explore", {})

    def _paints(self) -> dict[int, GridPaint]:
        found = self._found
        if found is None or found.request.params.kind != self._panel.view_kind:
            return {}
        if found.points is not None:
            return self._lit_patches()
        opacity = self._panel.opacity.value / 100
        return {
            image: tinted(each.colours, each.geometry, opacity, smooth=each.smooth)
            for image, each in found.pictures.items()
        }

    def _lit_patches(self) -> dict[int, GridPaint]:
        assert self._found is not None
        assert self._found.points is not None
        points, chosen = self._found.points, self._panel.scatter.chosen
        if len(chosen) != len(points.result.image) or not (chosen.any() or self._marks):
            return {}
        accent = QColor(colours().accent)
        colour = (accent.red(), accent.green(), accent.blue())
        paints = {}
        for index, (position, geometry) in enumerate(zip(points.positions, points.geometries, strict=True)):
            image = self._ids[position]
            tokens = points.result.tokens(chosen, index, geometry.grid_hw)
            paints[image] = lit(tokens, geometry, colour, self._marks.get(image))
        return paints

    # Points and patches -------------------------------------------------------------------------------------

    @Slot(str)
    def _recolour(self, _by: str) -> None:
        if self._found is not None and self._found.points is not None:
            self._panel.scatter.set_colours(self._point_colours())

    def _point_colours(self) -> NDArray[np.uint8]:
        assert self._found is not None
        return point_colours(self._found, self._bench.document, self._panel.colouring)

    @Slot(object)
    def _points_selected(self, chosen: NDArray[np.bool_]) -> None:
        self._marks = {}
        count = int(chosen.sum())
        found = self._found
        if count and found is not None and found.points is not None:
            images = len(np.unique(found.points.result.image[chosen]))
            self._panel.note.setText(f"{count:,} points from {counted(images, 'image')}")
        self._show()

    @Slot(int)
    def _point_hovered(self, point: int) -> None:
        self._mark(point)
        self._show()

    @Slot(int)
    def _point_picked(self, point: int) -> None:
        """A point was clicked: show its image, with a ring around its patch."""
        image = self._mark(point)
        if image:
            self._bench.images.select(image)
        self._show()

    def _mark(self, point: int) -> int:
        found = self._found
        self._marks = {}
        if found is None or found.points is None or not 0 <= point < len(found.points.result.image):
            return 0
        image = self._ids[found.points.positions[int(found.points.result.image[point])]]
        x, y = found.points.image_xy()[point]
        self._marks = {image: (float(x), float(y))}
        return image

    @Slot(int, float, float, float, float)
    def _region_marked(self, pane: int, left: float, top: float, right: float, bottom: float) -> None:
        """A region of an image was marked: light up its points."""
        found = self._found
        if found is None or found.points is None:
            return
        points, image = found.points, self._bench.viewer.image(pane)
        xy = points.image_xy()
        owner = np.array([self._ids[position] for position in points.positions])[points.result.image]
        # A patch reaches as far as its token's cell, so a click between two centres still finds one.
        half = np.stack([geometry.token_pitch_xy / 2 for geometry in points.geometries])[points.result.image]
        inside = (xy + half >= [left, top]) & (xy - half <= [right, bottom])
        chosen = (owner == image) & inside.all(axis=1)
        self._panel.scatter.set_chosen(chosen)
        if not chosen.any():
            every = found.request.params.every
            self._panel.note.setText(f"No point lies there: one patch in {every} has one. Mark a larger region.")
            self._show()
            return
        self._points_selected(chosen)


def _words(outcome: JobOutcome) -> str:
    """What there is to know about a view, in a line."""
    about = outcome.result.about
    lines = [str(warning) for warning in outcome.warnings]
    if "explained" in about:
        shares = ", ".join(f"{100 * share:.0f} %" for share in about["explained"])
        lines.insert(0, f"The three directions explain {shares} of the variation.")
    if "points" in about:
        lines.insert(0, f"{about['points']:,} points")
    return " ".join(lines)
