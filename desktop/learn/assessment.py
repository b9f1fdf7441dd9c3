"""What predictions are worth, estimated from the images that were reviewed, and what deserves a look."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.project.document import Document
from counterpart.core.wording import counted
from counterpart.desktop.learn.learn_jobs import Checked, check_job, quality_job
from counterpart.desktop.learn.learn_panel import LearnPanel
from counterpart.desktop.learn.learn_rows import finding_rows, quality_rows
from counterpart.desktop.learn.lessons import PREVIEWED, Lessons, packed_labels, state_of
from counterpart.desktop.learn.questions import Question, Questions
from counterpart.desktop.workbench import Workbench

if TYPE_CHECKING:
    from counterpart.core.propagate import Finding, QualityEstimate

_HISTORY = "quality_history"
_TOO_FEW = "Review at least two images: they are judged by each other."


class Assessment(QObject):
    """The pages Quality and Check of the Learn panel.

    Args:
        bench: What rooms share.
        panel: Shows what was found, and asks.
        lessons: Knows what is labelled.
        questions: Has it worked out.

    Signals:
        place_wanted: Show a place: image, x, y and how many pixels around it should be seen.
    """

    place_wanted = Signal(int, float, float, float)

    def __init__(self, bench: Workbench, panel: LearnPanel, lessons: Lessons, questions: Questions) -> None:
        super().__init__(panel)
        self._bench, self._panel, self._lessons, self._questions = bench, panel, lessons, questions
        self._findings: tuple[tuple[int, Finding], ...] = ()
        panel.quality_wanted.connect(self.estimate)
        panel.check_wanted.connect(self.check)
        panel.finding_wanted.connect(self._show_finding)

    def reset(self, document: Document | None) -> None:
        """Another project, or none."""
        self._findings = ()
        self._panel.show_findings((), "")
        self._panel.show_quality((), "", _history(document))

    # Quality ------------------------------------------------------------------------------------------------

    @Slot()
    def estimate(self) -> None:
        """Estimate what the predictions are worth."""
        request, document = self._lessons.request(limit=PREVIEWED), self._bench.document
        if request is None or document is None:
            return
        reviewed = len(request.given)
        if reviewed < 2:
            self._panel.show_quality((), _TOO_FEW, _history(document))
            return
        run = quality_job(self._questions.memory, request)
        question = Question("learn quality", "Estimating quality", run, request)
        answered = partial(self._show_quality, reviewed=reviewed)
        self._questions.ask(question, answered, self._panel.note.setText)

    def _show_quality(self, quality: QualityEstimate | None, reviewed: int) -> None:
        document = self._bench.document
        if document is None:
            return
        if quality is None:
            self._panel.show_quality((), _TOO_FEW, _history(document))
            return
        history = [point for point in _history(document) if point[0] < reviewed] + [(reviewed, quality.mean)]
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

    @Slot()
    def check(self) -> None:
        """List what deserves a look."""
        request, document = self._lessons.request(), self._bench.document
        if request is None or document is None:
            return
        labels = {}
        for image in document.labelled_images():
            packed = packed_labels(document, image) if image in request.refs else None
            if packed is not None:
                labels[image] = packed
        self._panel.show_findings((), "Checking …")
        run = check_job(self._questions.memory, request, labels)
        question = Question("learn check", "Checking labels", run, request, long=True)
        self._questions.ask(question, self._show_checked, self._not_checked)

    def _not_checked(self, why: str) -> None:
        self._panel.note.setText(why)
        self._findings = ()
        self._panel.show_findings((), "")

    def _show_checked(self, checked: Checked) -> None:
        document = self._bench.document
        if document is None:
            return
        self._findings = tuple((image, found) for image, found in checked.findings if state_of(document, image))
        rows = finding_rows(document, self._findings)
        count = len(rows)
        note = f"{counted(count, 'place')} to look at" if count else "Nothing looks wrong."
        self._panel.show_findings(rows, note)

    @Slot(int)
    def _show_finding(self, number: int) -> None:
        if not 0 <= number < len(self._findings):
            return
        image, finding = self._findings[number]
        document = self._bench.document
        if document is None or not state_of(document, image):
            self._panel.check_note.setText("This image was removed.")
            return
        left, top, right, bottom = finding.bbox_xy
        self._panel.check_note.setText(finding.text)
        self.place_wanted.emit(image, (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top))


def _history(document: Document | None) -> list[tuple[int, float]]:
    """Estimates so far: number of images reviewed, and the agreement expected then, in [0, 1]."""
    kept = document.settings.get(_HISTORY) if document is not None else None
    return [
        (int(each[0]), float(each[1]))
        for each in (kept if isinstance(kept, list) else [])
        if isinstance(each, list) and len(each) == 2 and all(isinstance(value, int | float) for value in each)
    ]
