"""Correct one, update all: learns from what a person edited or reviewed, and shows what follows for the other images.

An update is a preview on the token grids first: seconds for a hundred images. Keeping it makes label maps in pixels, as
one step that can be undone, of images that nobody has touched. What a labelled image teaches is kept between
corrections, so another correction costs little.
"""

from __future__ import annotations

import dataclasses
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.project.document import Document
from counterpart.core.wording import counted
from counterpart.desktop.canvas.grid_paint import labelled
from counterpart.desktop.find.runs import Runs, Ticket
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.learn.assessment import Assessment
from counterpart.desktop.learn.learn_jobs import Learned, apply_job, learn_job
from counterpart.desktop.learn.learn_panel import LearnPanel
from counterpart.desktop.learn.learn_rows import change_row
from counterpart.desktop.learn.lessons import PREVIEWED, Lessons, state_of
from counterpart.desktop.learn.questions import Question, Questions
from counterpart.desktop.widgets.rows_table import Row
from counterpart.desktop.workbench import Workbench

_FOLLOWED = 100
"""Most images whose preview is worked out by itself after each correction: two seconds or so."""
_SETTLE_MS = 700
_WORTH_SAYING = 0.005
"""Images of which less than this would change are not listed."""


class Learner(QObject):
    """Between the Learn panel, the worker and the document.

    Args:
        bench: What rooms share.
        panel: Shows what follows, and asks.
        runs: Takes label maps over.

    Attributes:
        assessment: How good the predictions are, and what deserves a look.

    Signals:
        offered: An update is ready, in words; empty when there is none any more.
    """

    offered = Signal(str)

    def __init__(self, bench: Workbench, panel: LearnPanel, runs: Runs) -> None:
        super().__init__(panel)
        self._bench, self._panel, self._runs = bench, panel, runs
        self._lessons = Lessons(bench)
        self._questions = Questions(bench.jobs)
        self.assessment = Assessment(bench, panel, self._lessons, self._questions)
        self._learned: Learned | None = None
        self._seen: object = None
        self._before = False
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_SETTLE_MS)
        self._wait.timeout.connect(self._settled)
        preferences = bench.settings.preferences
        panel.auto.setChecked(preferences.learn_auto)
        panel.at_once.setChecked(preferences.learn_at_once)
        panel.auto_changed.connect(self._auto_changed)
        panel.keep_at_once_changed.connect(lambda on: bench.settings.change(learn_at_once=on))
        panel.update_wanted.connect(self.update)
        panel.keep_wanted.connect(self.keep)
        panel.drop_wanted.connect(self.drop)
        panel.before_wanted.connect(self._show_before)

    # Coming and going ---------------------------------------------------------------------------------------

    def reset(self, document: Document | None) -> None:
        """Another project, or none."""
        self._wait.stop()
        self._questions.reset()
        self._lessons.reset(document)
        self._seen = None
        self.drop()
        self.assessment.reset(document)
        self._panel.note.setText("")
        self._panel.show_changes((), 0, "", previewed=False)
        self._panel.say_empty()
        self._show_ready(document)

    @Slot()
    def refresh_ready(self) -> None:
        """Whether there is something to learn from."""
        self._show_ready(self._bench.document)

    def _show_ready(self, document: Document | None) -> None:
        needs = self._bench.needs
        if document is None or len(document) == 0:
            why = needs.project.reason
        elif document.read_only:
            why = needs.writable.reason
        elif self._bench.models.choice is None:
            why = "Install a model in the Run panel first"
        elif not document.parts:
            why = "There are no parts yet: find some, or draw one"
        elif not self._lessons.any:
            why = "Correct an image, or mark one as reviewed, to learn from it"
        else:
            why = ""
        self._panel.set_ready(not why, why)

    @Slot()
    def labels_changed(self) -> None:
        """Labels of an image changed: follow a moment later, once the hand rests."""
        self._wait.start()

    @Slot(object)
    def states_changed(self, images: tuple[int, ...]) -> None:
        """The review states of some images changed: follow as with labels."""
        document = self._bench.document
        if document is not None:
            self._lessons.update(document, images)
        self.refresh_ready()
        self.labels_changed()

    @Slot()
    def parts_changed(self) -> None:
        """The list of parts changed: follow as with labels."""
        self._lay()
        self.refresh_ready()
        self.labels_changed()

    @Slot()
    def _settled(self) -> None:
        document = self._bench.document
        if document is None or document.read_only or not self._bench.settings.preferences.learn_auto:
            return
        if self._lessons.any and self._lessons.versions(document) != self._seen and self._questions.warm:
            self.update(_FOLLOWED)

    @Slot(bool)
    def _auto_changed(self, on: bool) -> None:
        self._bench.settings.change(learn_auto=on)
        if on:
            self._wait.start()

    # Asking -------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Whether something that was asked is not answered yet."""
        return self._questions.waiting

    def update(self, limit: int = PREVIEWED) -> None:
        """Predict the images that nobody has touched, those on screen first, as a preview."""
        request = self._lessons.request(limit=limit, compare=True)
        document = self._bench.document
        if request is None or document is None:
            return
        if not request.wanted:
            self.drop()
            self._panel.note.setText("")
            self._panel.show_changes((), 0, "", previewed=False)
            self._panel.say_empty(
                "All images are done", "Every image is edited or reviewed: nothing is left to predict."
            )
            return
        self._seen = self._lessons.versions(document)
        self._panel.note.setText("Learning …")
        run = learn_job(self._questions.memory, request)
        question = Question("learn", "Learning from your corrections", run, request)
        self._questions.ask(question, self._show_learned, self._panel.note.setText)

    @Slot()
    def keep(self) -> None:
        """Put the update into the project: in pixels, all images, one step."""
        request, document = self._lessons.request(), self._bench.document
        if request is None or document is None or not request.wanted:
            return
        self.drop()
        title = f"Update parts from {counted(len(request.given), 'image')}"
        ticket = Ticket(document, document.revision, request.wanted, title)
        asks = ("learn keep", id(document), document.revision)
        job = Job(title, apply_job(self._questions.memory, request), "learn keep", asks)
        self._bench.jobs.submit(job, partial(self._kept, ticket))

    def _kept(self, ticket: Ticket, outcome: JobOutcome) -> None:
        self._runs.take_over(ticket, outcome)
        if self._bench.document is ticket.document:
            self._panel.say_empty(
                "Everything follows", "Correct or review another image, and the rest is updated again."
            )
            self.assessment.estimate()

    # The update ---------------------------------------------------------------------------------------------

    @property
    def learned(self) -> Learned | None:
        """What is previewed."""
        return self._learned

    @Slot()
    def drop(self) -> None:
        """Take the preview away."""
        self._learned, self._before = None, False
        self._panel.preview.say("")
        self._panel.show_changes((), None, "", previewed=False)
        self.offered.emit("")
        self._lay()

    def _show_learned(self, learned: Learned) -> None:
        document = self._bench.document
        if document is None:
            return
        there = {image: change for image, change in learned.changes.items() if state_of(document, image)}
        learned = dataclasses.replace(learned, changes=there)  # less images that were removed meanwhile
        many = sum(change.share > _WORTH_SAYING for change in learned.changes.values())
        taught = f"Learned from {counted(learned.taught, 'image')}."
        self._panel.note.setText(" ".join((taught, *learned.warnings)))
        if many == 0:
            self.drop()
            self._show_next(document, learned, ())
            self._panel.note.setText(f"{taught} No other image would change.")
            self._panel.say_empty("Everything follows", "No other image would change.")
            return
        if self._bench.settings.preferences.learn_at_once:
            self.drop()
            self._show_next(document, learned, ())
            self.keep()
            return
        self._learned, self._before = learned, False
        order = sorted(learned.changes, key=lambda image: -learned.changes[image].share)
        rows = [change_row(document, image, learned) for image in order if learned.changes[image].share > _WORTH_SAYING]
        left = len(document) - len(learned.changes) - len(learned.request.given)
        seen = f" of the first {len(learned.changes)}" if left > 0 and len(learned.changes) >= _FOLLOWED else ""
        words = f"{counted(many, 'image')}{seen} would change"
        self._panel.preview.say(f"{words}. Nothing is in the project yet.")
        self._show_next(document, learned, rows)
        self.offered.emit(f"{taught} {words}.")
        self._lay()

    def _show_next(self, document: Document, learned: Learned, rows: tuple[Row, ...] | list[Row]) -> None:
        following = next((image for image in learned.next if state_of(document, image)), 0)
        name = document.image(following).name if following else ""
        self._panel.show_changes(rows, following, name, previewed=bool(rows))

    @Slot(bool)
    def _show_before(self, before: bool) -> None:
        self._before = before
        self._lay()

    def _lay(self) -> None:
        """Lay what is previewed over the images, in the colours that parts have now."""
        learned, document = self._learned, self._bench.document
        if learned is None or document is None or self._before:
            self._bench.maps.put("learned", {})
            return
        tints = {part.id: part.colour for part in document.parts if part.visible}
        grids = {image: (change.labels, change.geometry) for image, change in learned.changes.items()}
        self._bench.maps.put("learned", labelled(grids, tints))
