"""The paired view: correspondences between two images, found, shown, judged and moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QColor

from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.matches.matching import MatchJob, MatchRun, match_images, match_points
from counterpart.core.project.commands import (
    AddMatch,
    Command,
    DeleteMatches,
    LockMatches,
    MoveMatchEnd,
    ReplaceMatches,
    SetMatchState,
)
from counterpart.core.project.document import Document
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import MatchSet, MatchState
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.colourmap import confidence_colour, position_colours
from counterpart.desktop.canvas.pair_lines import PairLines
from counterpart.desktop.canvas.tools import SelectTool
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.jobs.backend import Backend, ModelChoice
from counterpart.desktop.jobs.job_runner import Job, JobRunner, Outcome
from counterpart.desktop.matches.matches_model import doubt_of
from counterpart.desktop.matches.matches_panel import MatchesPanel
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.settings import Settings

__all__ = ["MatchEditor", "match_job", "mate_job"]

_SLOT, _MATE = "matches", "mate"


def match_job(
    choice: ModelChoice, a: ImageRef, b: ImageRef, pairs: int
) -> Callable[[Backend, JobContext], tuple[MatchRun, Provenance]]:
    """A job that finds matches of two images and says where they come from."""

    def run(backend: Backend, ctx: JobContext) -> tuple[MatchRun, Provenance]:
        engine = backend.engine(choice)
        job = MatchJob.for_engine(engine, pairs)
        found = match_images(engine, a, b, job, ctx)
        return found, engine.provenance("match", job)

    return run


def mate_job(
    choice: ModelChoice, a: ImageRef, b: ImageRef, xy: tuple[float, float]
) -> Callable[[Backend, JobContext], MatchRun]:
    """A job that finds the mate in b of a place in a."""

    def run(backend: Backend, ctx: JobContext) -> MatchRun:
        engine = backend.engine(choice)
        return match_points(engine, a, b, [xy], MatchJob.for_engine(engine), ctx)

    return run


class MatchEditor(QObject):
    """Keeps lines, table and document in step for the two images shown.

    Signals:
        says: A line for the status bar.
        trouble: Why matches could not be found, in words.
    """

    says = Signal(str)
    trouble = Signal(str)

    def __init__(
        self,
        session: Session,
        viewer: Viewer,
        canvas: Canvas,
        panel: MatchesPanel,
        tool: SelectTool,
        runner: JobRunner,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer, self._canvas = session, viewer, canvas
        self._panel, self._runner, self._settings = panel, runner, settings
        self._choice: ModelChoice | None = None
        self._active = False
        self._matches: MatchSet | None = None
        self._proposal: Command | None = None
        self._mate: Command | None = None
        self._hovered, self._selected = -1, -1
        panel.colour_by.set_index(1 if settings.preferences.line_colour == "confidence" else 0)
        panel.count_changed.connect(self._count_changed)
        panel.colour_by_changed.connect(self._colour_changed)
        panel.hovered.connect(self._row_hovered)
        panel.selected.connect(self._row_selected)
        panel.set_state.connect(self._set_state)
        panel.lock.connect(self._lock)
        panel.delete.connect(self._delete)
        tool.line_hovered.connect(self._line_hovered)
        tool.line_clicked.connect(self._line_clicked)
        tool.line_double_clicked.connect(self._line_accepted)
        tool.end_dragged.connect(self._end_dragged)
        tool.clicked.connect(self._place_clicked)
        tool.part_double_clicked.connect(self._part_double_clicked)
        runner.answered.connect(self._answered)

    # The pair -----------------------------------------------------------------------------------------------------

    @property
    def pair(self) -> tuple[int, int]:
        """The images left and right, 0 for none."""
        return self._viewer.image(0), self._viewer.image(1)

    @property
    def selected(self) -> int:
        """The match that is selected, -1 for none."""
        return self._selected

    @property
    def matches(self) -> MatchSet | None:
        """The matches of the pair, as seen from the left."""
        return self._matches

    def set_choice(self, choice: ModelChoice | None) -> None:
        """The model that finds matches; None while it is not installed."""
        self._choice = choice

    def set_active(self, active: bool) -> None:
        """The paired view was opened or left."""
        self._active = active
        self.pair_changed()

    def pair_changed(self) -> None:
        """Other images are shown, or none: show their matches, and find some where there are none."""
        self._proposal = None
        self._hovered = self._selected = -1
        self.refresh()
        if self._active and self._matches is None and self._ready():
            self.find()

    def refresh(self) -> None:
        """Read the matches of the pair anew."""
        document = self._session.document
        a, b = self.pair
        shown = self._active and document is not None and a and b and a != b
        self._matches = document.matches(a, b) if shown and document is not None else None
        self._show()

    def _ready(self) -> bool:
        a, b = self.pair
        document = self._session.document
        return bool(document is not None and a and b and a != b and self._choice is not None and not document.read_only)

    def _show(self) -> None:
        matches = self._matches
        photo = self._viewer.photo(0)
        hw = photo.hw if photo is not None else (1, 1)
        if matches is None or len(matches) == 0:
            self._canvas.set_lines(None)
            self._panel.set_matches(matches, (), hw)
            self._panel.say_empty(*self._why_empty())
            return
        colours = self._colours(matches, hw)
        self._panel.set_matches(matches, colours, hw)
        self._canvas.set_lines(
            PairLines(
                matches.xy_a,
                matches.xy_b,
                colours,
                matches.state == MatchState.ACCEPTED,
                matches.state != MatchState.REJECTED,
            )
        )
        self._mark()

    def _why_empty(self) -> tuple[str, str]:
        a, b = self.pair
        if not self._active:
            return "Two images side by side", "Open the paired view (Ctrl+2) to see what corresponds."
        if not (a and b) or a == b:
            return "Choose a second image", "Ctrl+click one in the list, or press Shift+D."
        if self._choice is None:
            return "No model installed", "Install the model in the Run panel to find matches."
        if self._matches is not None:
            return "Nothing corresponds", "No place of these images is the other's best match on the object."
        return "No matches yet", "They are being looked for, or were taken back. Move the slider to find them."

    def _colours(self, matches: MatchSet, hw: tuple[int, int]) -> list[QColor]:
        if self._settings.preferences.line_colour == "confidence":
            return [confidence_colour(1 - float(doubt)) for doubt in doubt_of(matches, hw)]
        return position_colours(matches.xy_a, hw)

    # Finding ------------------------------------------------------------------------------------------------------

    @Slot()
    def find(self) -> None:
        """Find as many matches as the slider says, from cached features where there are any."""
        document = self._session.document
        if document is None or not self._ready() or self._choice is None:
            return
        a, b = self.pair
        fn = match_job(self._choice, document.image_ref(a), document.image_ref(b), round(self._panel.count.value))
        self._panel.say_empty("Finding matches …", "")
        self.says.emit("Finding matches …")
        self._runner.ask(_SLOT, Job("Find matches", fn, "match", tag=(a, b, document.revision, document)))

    @Slot(int)
    def _count_changed(self, _count: int) -> None:
        if self._active:
            self.find()

    @Slot(str, object, object)
    def _answered(self, slot: str, job: Job, outcome: Outcome) -> None:
        if slot == _MATE and not outcome.cancelled:
            self._mate_found(job, outcome)
        if slot != _SLOT or outcome.cancelled:
            return
        self.says.emit("")
        a, b, revision, document = job.tag
        if outcome.failure is not None:
            if self._both_there(document, (a, b)):  # else the canvas says which one is not, and what to do
                self.trouble.emit(outcome.failure.text)
            self._panel.say_empty("That did not work", outcome.failure.text)
            return
        bridge = self._session.bridge
        if bridge is None or bridge.document is not document or self.pair != (a, b):
            return
        run, provenance = outcome.result
        found = run.matches
        proposed = MatchSet.make(a, b, found.xy_a, found.xy_b, found.score, found.cycle_error)
        # A slider that is moved again replaces its own proposal; anything else that happened meanwhile counts more.
        own = self._proposal is not None and bridge.last is self._proposal
        command = ReplaceMatches([proposed], None if own else revision, provenance)
        if bridge.push_instead(command, self._proposal if own else None):
            self._proposal = command
        if not len(found):
            self._matches = proposed
            self._show()
        self.says.emit(outcome.warnings[0] if outcome.warnings else "")

    def _both_there(self, document: Document, pair: tuple[int, int]) -> bool:
        """Whether the files of two images exist and could be read."""
        known = set(document.image_ids)
        return all(image in known and document.image_path(image).exists() for image in pair) and all(
            self._viewer.photo(pane) is not None for pane in (0, 1)
        )

    # A place's mate -----------------------------------------------------------------------------------------------

    @Slot(int, float, float)
    def _place_clicked(self, pane: int, x: float, y: float) -> None:
        """A click on a place that no line ends at: look for its mate in the other image."""
        document, pair = self._session.document, self.pair
        if document is None or self._choice is None or not self._active or not self._ready():
            return
        here, there = (pair[pane], pair[1 - pane])
        fn = mate_job(self._choice, document.image_ref(here), document.image_ref(there), (x, y))
        self._runner.ask(_MATE, Job("Find mate", fn, "mate", tag=(document, pair, pane)))

    def _mate_found(self, job: Job, outcome: Outcome) -> None:
        document, pair, pane = job.tag
        if outcome.failure is not None:
            self.trouble.emit(outcome.failure.text)
            return
        bridge = self._session.bridge
        if bridge is None or bridge.document is not document or self.pair != pair:
            return
        found = outcome.result.matches
        ends = [tuple(found.xy_a[0].tolist()), tuple(found.xy_b[0].tolist())]
        left, right = ends if pane == 0 else ends[::-1]
        score, cycle = float(found.score[0]), float(found.cycle_error[0])
        command = AddMatch(pair[0], pair[1], left, right, score, cycle, MatchState.PROPOSED)
        if self._session.do(command) and self._matches is not None:
            self._mate = command
            self._panel.choose(len(self._matches) - 1)
            self.says.emit(f"Cosine {score:.2f}, cycle error {cycle:.0f} px. Drag it, Enter accepts, Esc rejects.")

    @Slot(int, int)
    def _part_double_clicked(self, _pane: int, part: int) -> None:
        """The two clicks meant the part under them, not a place whose mate is wanted."""
        bridge = self._session.bridge
        if part and bridge is not None and self._mate is not None and bridge.last is self._mate:
            bridge.undo()
        self._mate = None

    # Judging ------------------------------------------------------------------------------------------------------

    @Slot(list, int)
    def _set_state(self, indices: list[int], state: int) -> None:
        if indices and self._matches is not None:
            self._session.do(SetMatchState(*self.pair, indices, MatchState(state)))

    @Slot(list, bool)
    def _lock(self, indices: list[int], locked: bool) -> None:
        self._session.do(LockMatches(*self.pair, indices, locked))

    @Slot(list)
    def _delete(self, indices: list[int]) -> None:
        self._session.do(DeleteMatches(*self.pair, indices))

    def delete_chosen(self) -> bool:
        """Remove the matches that are chosen; whether there were any."""
        chosen = self._panel.chosen
        if self._active and chosen:
            self._delete(chosen)
        return self._active and bool(chosen)

    def judge(self, state: MatchState) -> bool:
        """Accept or reject what is selected and go on to the next doubtful one; whether there was anything."""
        chosen = self._panel.chosen
        if not self._active or not chosen:
            return False
        row = self._panel.model.row_of(chosen[0])
        self._set_state(chosen, int(state))
        following = self._panel.model.index_of(row)
        if following >= 0 and self._matches is not None and self._matches.state[following] == MatchState.PROPOSED:
            self._panel.choose(following)
        return True

    def toggle_lock(self) -> None:
        """Lock or unlock what is selected."""
        chosen = self._panel.chosen
        if self._active and chosen and self._matches is not None:
            self._lock(chosen, not bool(self._matches.locked[chosen].all()))

    @Slot(int, int, float, float, bool)
    def _end_dragged(self, index: int, end: int, x: float, y: float, final: bool) -> None:
        matches = self._matches
        if matches is None or index >= len(matches):
            return
        if final:
            a, b = self.pair
            if not self._session.do(MoveMatchEnd(a, b, index, "a" if end == 0 else "b", (x, y))):
                self._show()
            return
        lines = self._canvas.lines
        if lines is None or matches.locked[index]:
            return
        places = [lines.xy_a.copy(), lines.xy_b.copy()]
        places[end][index] = (x, y)
        self._canvas.set_lines(dataclasses.replace(lines, xy_a=places[0], xy_b=places[1]))
        self._canvas.mark_line(selected=index)

    # Pointing -----------------------------------------------------------------------------------------------------

    def _mark(self) -> None:
        self._canvas.mark_line(
            hovered=self._hovered if self._hovered >= 0 else None,
            selected=self._selected if self._selected >= 0 else None,
        )

    @Slot(int)
    def _row_hovered(self, index: int) -> None:
        self._hovered = index
        self._panel.model.set_hovered(index)
        self._mark()

    @Slot(int)
    def _row_selected(self, index: int) -> None:
        self._selected = index
        self._mark()

    @Slot(int)
    def _line_hovered(self, index: int) -> None:
        if index == self._hovered:
            return
        self._row_hovered(index)
        matches = self._matches
        if index >= 0 and matches is not None and index < len(matches):
            score, cycle = matches.score[index], matches.cycle_error[index]
            words = [f"Match {index + 1}"]
            words += [] if np.isnan(score) else [f"cosine {score:.2f}"]
            words += [] if np.isnan(cycle) else [f"cycle error {cycle:.0f} px"]
            self.says.emit(" · ".join(words))
        else:
            self.says.emit("")

    @Slot(int)
    def _line_clicked(self, index: int) -> None:
        self._panel.choose(index)

    @Slot(int)
    def _line_accepted(self, index: int) -> None:
        self._set_state([index], int(MatchState.ACCEPTED))

    @Slot(str)
    def _colour_changed(self, by: str) -> None:
        self._settings.change(line_colour=by)
        self._show()
