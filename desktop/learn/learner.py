"""Correct one, update all: learns from what a person edited or reviewed, and shows what follows for the other images.

An update is a preview on the token grids first: seconds for a hundred images. Keeping it makes label maps in pixels, as
one step that can be undone, of images that nobody has touched. What a labelled image teaches is kept between
corrections, so another correction costs little.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.errors import CounterpartError
from counterpart.core.project.document import Document
from counterpart.core.project.tiles import PackedLabels
from counterpart.core.wording import counted
from counterpart.desktop.canvas.grid_paint import GridPaint, labelled
from counterpart.desktop.find.runs import Ticket
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.jobs.job_runner import Job, JobFunction, JobRunner, Outcome
from counterpart.desktop.learn.learn_jobs import (
    Checked,
    Learned,
    LearnMemory,
    LearnRequest,
    apply_job,
    check_job,
    learn_job,
    quality_job,
)
from counterpart.desktop.learn.learn_panel import LearnPanel
from counterpart.desktop.learn.learn_rows import change_row, finding_rows, quality_rows
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.rows_table import Row

if TYPE_CHECKING:
    from counterpart.core.propagate import Finding, QualityEstimate

__all__ = ["Learner"]

_LEARN, _QUALITY, _CHECK, _KEEP = "learn", "learn quality", "learn check", "learn keep"
_KINDS = (_LEARN, _QUALITY, _CHECK)
_PREVIEWED, _FOLLOWED = 400, 100
"""Most images whose preview is worked out when asked for, and by itself after each correction: two seconds or so.
Keeping an update does them all."""
_SETTLE_MS = 700
_TEACHES = ("edited", "reviewed")
"""States of images whose labels a person stands for."""
_WORTH_SAYING = 0.005
"""Images of which less than this would change are not listed."""
_HISTORY = "quality_history"


class Learner(QObject):
    """Between the Learn panel, the worker and the document.

    Args:
        choice: The model that computes; None while it is not installed.
        first: Images on screen, those shown large first.

    Signals:
        changed: What is previewed changed, or is gone: lay `paints` over the images.
        image_wanted: Show an image.
        place_wanted: Show a place: image, x, y and how many pixels around it should be seen.
        offered: An update is ready, in words; empty when there is none any more.
        notice: Kind and text for the person.
    """

    changed = Signal()
    image_wanted = Signal(int)
    place_wanted = Signal(int, float, float, float)
    offered = Signal(str)
    notice = Signal(str, str)

    def __init__(
        self,
        session: Session,
        panel: LearnPanel,
        runner: JobRunner,
        settings: Settings,
        choice: Callable[[], ModelChoice | None],
        first: Callable[[], list[int]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._panel, self._runner, self._settings = session, panel, runner, settings
        self._choice, self._first = choice, first
        self._memory = LearnMemory()
        self._jobs: dict[str, Job] = {}
        self._warm: object = None
        self._teaching: set[int] = set()
        self._learned: Learned | None = None
        self._seen: object = None
        self._before = False
        self._findings: tuple[tuple[int, Finding], ...] = ()
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_SETTLE_MS)
        self._wait.timeout.connect(self._settled)
        panel.auto.setChecked(settings.preferences.learn_auto)
        panel.at_once.setChecked(settings.preferences.learn_at_once)
        panel.auto_changed.connect(self._auto_changed)
        panel.keep_at_once_changed.connect(lambda on: settings.change(learn_at_once=on))
        panel.update_wanted.connect(self.update)
        panel.keep_wanted.connect(self.keep)
        panel.drop_wanted.connect(self.drop)
        panel.before_wanted.connect(self._show_before)
        panel.image_wanted.connect(self.image_wanted)
        panel.quality_wanted.connect(self.estimate)
        panel.check_wanted.connect(self.check)
        panel.finding_wanted.connect(self._show_finding)
        runner.answered.connect(self._answered)
        runner.ended.connect(self._ended)

    # Coming and going ---------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Another project, or none."""
        for job in self._jobs.values():
            job.token.cancel()
        self._jobs.clear()
        self._wait.stop()
        self._memory = LearnMemory()
        self._warm = self._seen = None
        document = self._session.document
        records = document.images() if document is not None else ()
        self._teaching = {record.id for record in records if record.state in _TEACHES}
        self._findings = ()
        self.drop()
        self._panel.show_findings((), "")
        self._panel.show_quality((), "", self._history())
        self._panel.note.setText("")
        self._panel.show_changes((), 0, "", previewed=False)
        self._panel.say_empty()
        self.refresh_ready()

    def refresh_ready(self) -> None:
        """Whether there is something to learn from."""
        document = self._session.document
        if document is None or len(document) == 0:
            self._panel.set_ready(False, "Open a folder of images first")
        elif document.read_only:
            self._panel.set_ready(False, "The project is open for looking only")
        elif self._choice() is None:
            self._panel.set_ready(False, "Install a model in the Run panel first")
        elif not document.parts:
            self._panel.set_ready(False, "There are no parts yet: find some, or draw one")
        elif not self._teaching:
            self._panel.set_ready(False, "Correct an image, or mark one as reviewed, to learn from it")
        else:
            self._panel.set_ready(True)

    @Slot()
    def labels_changed(self) -> None:
        """Labels of an image changed: follow a moment later, once the hand rests."""
        self._wait.start()

    def document_changed(self, images: tuple[int, ...] = ()) -> None:
        """Parts, or the review states of some images, changed: follow as with labels."""
        document = self._session.document
        for image in images:
            self._teaching.discard(image)
            if document is not None and _state(document, image) in _TEACHES:
                self._teaching.add(image)
        self.refresh_ready()
        self.labels_changed()

    @Slot()
    def _settled(self) -> None:
        document = self._session.document
        if document is None or document.read_only or not self._settings.preferences.learn_auto:
            return
        if self._teaching and self._versions(document) != self._seen and self._warm is not None:
            self.update(_FOLLOWED)

    @Slot(bool)
    def _auto_changed(self, on: bool) -> None:
        self._settings.change(learn_auto=on)
        if on:
            self._wait.start()

    # What there is to learn from ----------------------------------------------------------------------------

    def _versions(self, document: Document) -> object:
        return tuple((image, document.image_revision(image, "labels")) for image in sorted(self._teaching))

    def _packed(self, document: Document, image: int) -> PackedLabels | None:
        """The labels of an image; damaged ones count as none, the document has said so."""
        try:
            return document.packed_labels(image)
        except CounterpartError:
            return None

    def _request(self, *, limit: int | None = None, compare: bool = False) -> LearnRequest | None:
        document, choice = self._session.document, self._choice()
        if document is None or choice is None:
            return None
        teachers = self._teaching
        records = [record for record in document.images() if record.state != "skipped"]
        given: dict[int, tuple[PackedLabels, object]] = {}
        for record in records:
            if record.id in teachers:
                packed = self._packed(document, record.id)
                if packed is None and record.state == "reviewed" and record.height and record.width:
                    packed = PackedLabels((record.height, record.width), {}, {})  # reviewed: there is no part in it
                if packed is not None:
                    given[record.id] = (packed, document.image_revision(record.id, "labels"))
        if not given:
            return None
        open_ones = [record.id for record in records if record.id not in teachers]
        known = set(open_ones)
        order = [image for image in dict.fromkeys((*self._first(), *open_ones)) if image in known]
        wanted = tuple(order[:limit])
        present = {image: self._packed(document, image) for image in wanted} if compare else {}
        refs = {record.id: document.image_ref(record.id) for record in records}
        return LearnRequest(choice, refs, given, wanted, present, {part.id: part.name for part in document.parts})

    # Asking -------------------------------------------------------------------------------------------------

    def update(self, limit: int = _PREVIEWED) -> None:
        """Predict the images that nobody has touched, those on screen first, as a preview."""
        request = self._request(limit=limit, compare=True)
        document = self._session.document
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
        self._seen = self._versions(document)
        self._panel.note.setText("Learning …")
        self._start(_LEARN, "Learning from your corrections", learn_job(self._memory, request), request)

    @Slot()
    def estimate(self) -> None:
        """Estimate what the predictions are worth."""
        request = self._request(limit=_PREVIEWED)
        if request is None:
            return
        if len(request.given) < 2:
            self._panel.show_quality((), "Review at least two images: they are judged by each other.", self._history())
            return
        self._start(_QUALITY, "Estimating quality", quality_job(self._memory, request), request)

    @Slot()
    def check(self) -> None:
        """List what deserves a look."""
        request, document = self._request(), self._session.document
        if request is None or document is None:
            return
        labels = {}
        for image in document.labelled_images():
            packed = self._packed(document, image) if image in request.refs else None
            if packed is not None:
                labels[image] = packed
        self._panel.show_findings((), "Checking …")
        self._runner.submit(self._made(_CHECK, "Checking labels", check_job(self._memory, request, labels), request))

    @Slot()
    def keep(self) -> None:
        """Put the update into the project: in pixels, all images, one step."""
        request, document = self._request(), self._session.document
        if request is None or document is None or not request.wanted:
            return
        self.drop()
        title = f"Update parts from {counted(len(request.given), 'image')}"
        ticket = Ticket(document, document.revision, request.wanted, title)
        self._runner.submit(Job(title, apply_job(self._memory, request), _KEEP, tag=ticket))

    def _made(self, kind: str, title: str, run: JobFunction, request: LearnRequest) -> Job:
        old = self._jobs.pop(kind, None)
        if old is not None:
            self._runner.cancel(old)
        job = Job(title, run, kind, tag=request)
        self._jobs[kind] = job
        return job

    def _start(self, kind: str, title: str, run: JobFunction, request: LearnRequest) -> None:
        """At once where the features are at hand; as a job with progress the first time."""
        job = self._made(kind, title, run, request)
        if self._warm == self._key(request):
            self._runner.ask(kind, job)
        else:
            self._runner.submit(job)

    @staticmethod
    def _key(request: LearnRequest) -> object:
        return request.choice, tuple(request.refs)

    # Answers ------------------------------------------------------------------------------------------------

    @Slot(str, object, object)
    def _answered(self, slot: str, job: Job, outcome: Outcome) -> None:
        if slot in _KINDS:
            self._got(job, outcome)

    @Slot(object, object)
    def _ended(self, job: Job, outcome: Outcome) -> None:
        if job.kind in _KINDS:
            self._got(job, outcome)
        elif job.kind == _KEEP and outcome.failure is None and not outcome.cancelled and self._is_open(job.tag):
            self._panel.say_empty(
                "Everything follows", "Correct or review another image, and the rest is updated again."
            )
            self.estimate()

    def _is_open(self, ticket: Ticket) -> bool:
        return self._session.document is ticket.document

    def _got(self, job: Job, outcome: Outcome) -> None:
        if self._jobs.get(job.kind) is not job:
            return
        del self._jobs[job.kind]
        if outcome.cancelled or outcome.failure is not None:
            self._panel.note.setText(outcome.failure.text if outcome.failure is not None else "")
            if job.kind == _CHECK:
                self._findings = ()
                self._panel.show_findings((), "")
            return
        self._warm = self._key(job.tag)
        if job.kind == _LEARN:
            self._show_learned(outcome.result)
        elif job.kind == _QUALITY:
            self._show_quality(outcome.result, len(job.tag.given))
        else:
            self._show_checked(outcome.result)

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
        self.changed.emit()

    def _show_learned(self, learned: Learned) -> None:
        document = self._session.document
        if document is None:
            return
        there = {image: change for image, change in learned.changes.items() if _state(document, image)}
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
        if self._settings.preferences.learn_at_once:
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
        self.changed.emit()

    def _show_next(self, document: Document, learned: Learned, rows: tuple[Row, ...] | list[Row]) -> None:
        following = next((image for image in learned.next if _state(document, image)), 0)
        name = document.image(following).name if following else ""
        self._panel.show_changes(rows, following, name, previewed=bool(rows))

    @Slot(bool)
    def _show_before(self, before: bool) -> None:
        self._before = before
        self.changed.emit()

    def paints(self) -> dict[int, GridPaint]:
        """What to lay over images, by id."""
        learned, document = self._learned, self._session.document
        if learned is None or document is None or self._before:
            return {}
        tints = {part.id: part.colour for part in document.parts if part.visible}
        grids = {image: (change.labels, change.geometry) for image, change in learned.changes.items()}
        return labelled(grids, tints)

    # Quality ------------------------------------------------------------------------------------------------

    def _history(self) -> list[tuple[int, float]]:
        document = self._session.document
        kept = document.settings.get(_HISTORY) if document is not None else None
        return [
            (int(each[0]), float(each[1]))
            for each in (kept if isinstance(kept, list) else [])
            if isinstance(each, list) and len(each) == 2 and all(isinstance(value, int | float) for value in each)
        ]

    def _show_quality(self, quality: QualityEstimate | None, reviewed: int) -> None:
        document = self._session.document
        if document is None:
            return
        if quality is None:
            self._panel.show_quality((), "Review at least two images: they are judged by each other.", self._history())
            return
        history = [point for point in self._history() if point[0] < reviewed] + [(reviewed, quality.mean)]
        if not document.read_only:
            document.note_settings({_HISTORY: [[count, round(share, 4)] for count, share in history]})
        rows = quality_rows(document, quality.iou)
        sure = "" if quality.trusted else " From five on the estimate can be relied on."
        note = (
            f"About {100 * quality.mean:.0f} % agreement expected on what you have not reviewed, judged by "
            f"{quality.images} images.{sure}"
        )
        self._panel.show_quality(rows, note, history)

    # Findings -----------------------------------------------------------------------------------------------

    def _show_checked(self, checked: Checked) -> None:
        document = self._session.document
        if document is None:
            return
        self._findings = tuple((image, found) for image, found in checked.findings if _state(document, image))
        rows = finding_rows(document, self._findings)
        count = len(rows)
        note = f"{counted(count, 'place')} to look at" if count else "Nothing looks wrong."
        self._panel.show_findings(rows, note)

    @Slot(int)
    def _show_finding(self, number: int) -> None:
        if not 0 <= number < len(self._findings):
            return
        image, finding = self._findings[number]
        document = self._session.document
        if document is None or not _state(document, image):
            self._panel.check_note.setText("This image was removed.")
            return
        left, top, right, bottom = finding.bbox_xy
        self._panel.check_note.setText(finding.text)
        self.place_wanted.emit(image, (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top))


def _state(document: Document, image: int) -> str:
    try:
        return document.image(image).state
    except KeyError:  # it went with this change
        return ""
