"""The paired view: correspondences between two images, found, shown, judged and moved."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QColor

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
from counterpart.core.project.points import MatchSet, MatchState
from counterpart.desktop.canvas.colourmap import confidence_colour, position_colours
from counterpart.desktop.canvas.pair_lines import PairLines
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.matches.match_jobs import match_job, match_of_job
from counterpart.desktop.matches.matches_model import doubt_of
from counterpart.desktop.matches.matches_panel import MatchesPanel
from counterpart.desktop.workbench import Workbench

_ALL, _ONE = "matches", "match of a place"
"""Slots of the two requests."""


class MatchEditor(QObject):
    """Keeps lines, table and document in step for the two images shown.

    Args:
        panel: The table.
    """

    def __init__(self, bench: Workbench, panel: MatchesPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench, self._panel = bench, panel
        self._session, self._canvas, self._settings = bench.session, bench.canvas, bench.settings
        self._matches: MatchSet | None = None
        self._proposal: Command | None = None
        self._added: Command | None = None
        self._grip: MatchSet | None = None
        self._hovered, self._selected = -1, -1
        panel.colour_by.set_index(1 if self._settings.preferences.line_colour == "confidence" else 0)
        panel.count_changed.connect(self._count_changed)
        panel.colour_by_changed.connect(self._colour_changed)
        panel.hovered.connect(self._row_hovered)
        panel.selected.connect(self._row_selected)
        panel.set_state.connect(self._set_state)
        panel.lock.connect(self._lock)
        panel.delete.connect(self._delete)
        tool = bench.toolbox.select
        tool.line_hovered.connect(self._line_hovered)
        tool.line_clicked.connect(self._line_clicked)
        tool.line_double_clicked.connect(self._line_accepted)
        tool.end_dragged.connect(self._end_dragged)
        tool.end_left.connect(self._end_left)
        tool.clicked.connect(self._place_clicked)
        tool.part_double_clicked.connect(self._part_double_clicked)

    # The pair -----------------------------------------------------------------------------------------------------

    @property
    def pair(self) -> tuple[int, int]:
        """The images left and right, 0 for none."""
        return self._bench.viewer.image(0), self._bench.viewer.image(1)

    @property
    def selected(self) -> int:
        """The match that is selected, -1 for none."""
        return self._selected

    @property
    def matches(self) -> MatchSet | None:
        """The matches of the pair, as seen from the left."""
        return self._matches

    @property
    def active(self) -> bool:
        """Whether two images are shown."""
        return self._canvas.count == 2

    def pair_changed(self) -> None:
        """Other images are shown, or none: show their matches, and find some where there are none."""
        self._proposal = None
        self._hovered = self._selected = -1
        self.refresh()
        if self.active and self._matches is None and self._ready():
            self.find()

    def refresh(self) -> None:
        """Read the matches of the pair anew."""
        document = self._session.document
        a, b = self.pair
        other = self._bench.viewer.other_picture(a) or self._bench.viewer.other_picture(b)
        shown = self.active and document is not None and a and b and a != b and not other
        self._matches = document.matches(a, b) if shown and document is not None else None
        self._show()

    def _ready(self) -> bool:
        a, b = self.pair
        document = self._session.document
        return bool(
            document is not None
            and a
            and b
            and a != b
            and self._bench.models.choice is not None
            and not document.read_only
            and not (self._bench.viewer.other_picture(a) or self._bench.viewer.other_picture(b))
        )

    def _show(self) -> None:
        matches = self._matches
        photo = self._bench.viewer.photo(0)
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
        if not self.active:
            return "Two images side by side", "Open the paired view (Ctrl+2) to see what corresponds."
        if not (a and b) or a == b:
            return "Choose a second image", "Ctrl+click one in the list, or press Shift+D."
        if self._bench.models.choice is None:
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
        document, choice, (a, b) = self._session.document, self._bench.models.choice, self.pair
        if document is None or choice is None or not self._ready():
            return
        fn = match_job(choice, document.image_ref(a), document.image_ref(b), round(self._panel.count.value))
        self._panel.say_empty("Finding matches …", "")
        self._say("Finding matches …")
        follow = partial(self._found, document, document.revision, (a, b))
        self._bench.jobs.ask(_ALL, Job("Find matches", fn, "match"), follow)

    def _say(self, text: str) -> None:
        self._bench.status.show_place(text)

    @Slot(int)
    def _count_changed(self, _count: int) -> None:
        if self.active:
            self.find()

    def _found(self, document: Document, revision: int, pair: tuple[int, int], outcome: JobOutcome) -> None:
        self._say("")
        if outcome.failure is not None:
            if self._both_there(document, pair):  # else the canvas says which one is not, and what to do
                self._bench.messages.tell_error(outcome.failure.text)
            self._panel.say_empty("That did not work", outcome.failure.text)
            return
        if self._session.document is not document or self.pair != pair:
            return
        run, provenance = outcome.result
        found = run.matches
        proposed = MatchSet.make(*pair, found.xy_a, found.xy_b, found.score, found.cycle_error)
        # A slider that is moved again replaces its own proposal; anything else that happened meanwhile counts more.
        own = self._proposal if self._session.is_last(self._proposal) else None
        command = ReplaceMatches([proposed], revision if own is None else None, provenance)
        if self._session.do_instead(command, own):
            self._proposal = command
        if not len(found):
            self._matches = proposed
            self._show()
        self._say(outcome.warnings[0] if outcome.warnings else "")

    def _both_there(self, document: Document, pair: tuple[int, int]) -> bool:
        """Whether the files of two images exist and could be read."""
        known = set(document.image_ids)
        return all(image in known and document.image_path(image).exists() for image in pair) and all(
            self._bench.viewer.photo(pane) is not None for pane in (0, 1)
        )

    # The counterpart of a place -----------------------------------------------------------------------------------

    @Slot(int, float, float)
    def _place_clicked(self, pane: int, x: float, y: float) -> None:
        """A click on a place that no line ends at: look for its counterpart in the other image."""
        document, choice, pair = self._session.document, self._bench.models.choice, self.pair
        if document is None or choice is None or not self.active or not self._ready():
            return
        here, there = document.image_ref(pair[pane]), document.image_ref(pair[1 - pane])
        job = Job("Find counterpart", match_of_job(choice, here, there, (x, y)), "match")
        self._bench.jobs.ask(_ONE, job, partial(self._place_matched, document, pair, pane))

    def _place_matched(self, document: Document, pair: tuple[int, int], pane: int, outcome: JobOutcome) -> None:
        if outcome.failure is not None:
            self._bench.messages.tell_error(outcome.failure.text)
            return
        if self._session.document is not document or self.pair != pair:
            return
        found = outcome.result.matches
        ends = [tuple(found.xy_a[0].tolist()), tuple(found.xy_b[0].tolist())]
        left, right = ends if pane == 0 else ends[::-1]
        score, cycle = float(found.score[0]), float(found.cycle_error[0])
        command = AddMatch(pair[0], pair[1], left, right, score, cycle, MatchState.PROPOSED)
        if self._session.do(command) and self._matches is not None:
            self._added = command
            self._panel.choose(len(self._matches) - 1)
            self._say(f"Cosine {score:.2f}, cycle error {cycle:.0f} px. Drag it, Enter accepts, Esc rejects.")

    @Slot(int, int)
    def _part_double_clicked(self, _pane: int, part: int) -> None:
        """The two clicks meant the part under them, not a place whose counterpart is wanted."""
        if part and self._session.is_last(self._added):
            self._session.undo()
        self._added = None

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
        if self.active and chosen:
            self._delete(chosen)
        return self.active and bool(chosen)

    def judge(self, state: MatchState) -> bool:
        """Accept or reject what is selected and go on to the next doubtful one; whether there was anything."""
        chosen = self._panel.chosen
        if not self.active or not chosen:
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
        if self.active and chosen and self._matches is not None:
            self._lock(chosen, not bool(self._matches.locked[chosen].all()))

    @Slot(int, int, float, float, bool)
    def _end_dragged(self, index: int, end: int, x: float, y: float, final: bool) -> None:
        matches = self._matches
        grip, self._grip = self._grip or matches, None if final else self._grip or matches
        if matches is None or grip is not matches:  # others have come meanwhile: none of them was meant
            if final:
                self._say("The matches were found anew meanwhile, so the end was left where it is.")
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

    @Slot()
    def _end_left(self) -> None:
        """A drag was given up: draw the line where it is."""
        self._grip = None
        self._show()

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
            self._say(" · ".join(words))
        else:
            self._say("")

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
