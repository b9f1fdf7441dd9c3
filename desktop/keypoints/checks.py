"""The queue of doubtful points: filled from the document, worked through point by point; and self-evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.evaluate.keypoint_quality import KeypointQuality
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.keypoints.doubt import Doubt, doubts_of, most_doubtful
from counterpart.core.pipeline.keypoints.project_keypoints import (
    CheckedPoint,
    Snapshot,
    check_project,
    evaluate_project,
    serves,
    snapshot,
)
from counterpart.core.pipeline.keypoints.transfer import TransferJob
from counterpart.core.project.commands import ClearKeypoints, ConfirmKeypoints, MoveKeypoint, SwapKeypoints
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Skeleton
from counterpart.core.wording import counted
from counterpart.desktop.jobs.backend import Backend, ModelChoice
from counterpart.desktop.jobs.job_runner import Job, JobRunner, Outcome
from counterpart.desktop.keypoints.check_panel import CheckPanel
from counterpart.desktop.keypoints.instance_index import InstanceIndex
from counterpart.desktop.keypoints.queue_model import QueueModel
from counterpart.desktop.keypoints.queue_panel import QueuePanel
from counterpart.desktop.project.session import Session

__all__ = ["Checks", "check_job", "evaluate_job"]

_CHECK, _MEASURE = "check keypoints", "measure keypoints"
_SWAPS = "suspected_swaps"
_REFRESH_MS = 60
_ENOUGH = 8
"""Images from which on what a check finds odd mostly is."""

MakeCheckJob = Callable[[ModelChoice, Snapshot, TransferJob], Callable[[Backend, JobContext], list[CheckedPoint]]]
MakeEvaluateJob = Callable[[ModelChoice, Snapshot, TransferJob], Callable[[Backend, JobContext], KeypointQuality]]


def check_job(
    choice: ModelChoice, points: Snapshot, job: TransferJob
) -> Callable[[Backend, JobContext], list[CheckedPoint]]:
    """A job that looks for odd ones among the points that a person stands for."""

    def run(backend: Backend, ctx: JobContext) -> list[CheckedPoint]:
        return check_project(backend.engine(choice), points, job, ctx)

    return run


def evaluate_job(
    choice: ModelChoice, points: Snapshot, job: TransferJob
) -> Callable[[Backend, JobContext], KeypointQuality]:
    """A job that predicts every confirmed instance from the others."""

    def run(backend: Backend, ctx: JobContext) -> KeypointQuality:
        return evaluate_project(backend.engine(choice), points, job, ctx)

    return run


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    """What a job was started for."""

    document: Document
    skeleton: int
    instances: int


class Checks(QObject):
    """Keeps the queue in step with the document and carries out what it asks for.

    Args:
        skeleton: Gives the skeleton that is worked with.
        ready: Gives model, parameters and images for a job; None where there is no model.

    Signals:
        look: Image, instance and keypoint to be brought before the person.
        confirmed: Image of which a person confirmed a point.
        notice: Kind and text for the person.
    """

    look = Signal(int, int, int)
    confirmed = Signal(int)
    notice = Signal(str, str)

    def __init__(
        self,
        session: Session,
        runner: JobRunner,
        index: InstanceIndex,
        skeleton: Callable[[], Skeleton | None],
        ready: Callable[[], tuple[ModelChoice, TransferJob, list[int]] | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._runner, self._index = session, runner, index
        self._skeleton, self._ready = skeleton, ready
        self.make_check: MakeCheckJob = check_job
        self.make_evaluation: MakeEvaluateJob = evaluate_job
        self.panel = CheckPanel(QueuePanel(QueueModel(self._image_name, self._point_name)))
        self._queue, self._quality = self.panel.queue, self.panel.quality
        self._swaps: dict[int, list[tuple[int, int]]] = {}
        self._checks: dict[tuple[int, int], CheckedPoint] = {}
        self._settled: set[tuple[int, int]] = set()
        self._kept: dict[int, tuple[tuple[KeypointSet, ...], list[Doubt]]] = {}
        self._stale = False
        self.panel.shown.connect(self._shown)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REFRESH_MS)
        self._soon.timeout.connect(self.refresh)
        self._queue.looked_at.connect(self._look)
        self._queue.accept_wanted.connect(self._accept)
        self._queue.move_wanted.connect(self._move)
        self._queue.swap_wanted.connect(self._swap)
        self._queue.remove_wanted.connect(self._remove)
        self._queue.check_wanted.connect(self.check)
        self._quality.measure_wanted.connect(self.measure)
        runner.succeeded.connect(self._succeeded)

    def _image_name(self, image: int) -> str:
        document = self._session.document
        return document.image(image).name if document is not None else ""

    def _point_name(self, index: int) -> str:
        skeleton = self._skeleton()
        return skeleton.names[index] if skeleton is not None and index < len(skeleton) else ""

    # Content ------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Another project or skeleton."""
        self._checks.clear()
        self._settled.clear()
        self._kept.clear()
        document = self._session.document
        kept = document.settings.get(_SWAPS) if document is not None else None
        self._swaps = _read_swaps(kept)
        self._quality.show_quality(None)
        self.refresh()

    def refresh_soon(self) -> None:
        """Points changed; they may go on changing in a moment. Out of sight, the list can wait until it is seen."""
        if self.panel.isVisible():
            self._soon.start()
        else:
            self._stale = True

    @Slot()
    def _shown(self) -> None:
        if self._stale:
            self.refresh()

    def stop(self) -> None:
        """The window is going."""
        self._soon.stop()

    @Slot(object)
    def note_swaps(self, swaps: dict[int, list[tuple[int, int]]]) -> None:
        """A transfer suspects that these pairs of points have changed sides."""
        self._swaps.update(swaps)
        self._kept.clear()
        document = self._session.document
        if document is not None:
            document.note_settings({_SWAPS: {str(key): pairs for key, pairs in self._swaps.items() if pairs}})
        self.refresh_soon()

    @Slot()
    def refresh(self) -> None:
        """List the points as they are."""
        self._soon.stop()
        self._stale = False
        document, skeleton = self._session.document, self._skeleton()
        if document is None or skeleton is None:
            self._queue.set_rows(())
            self._queue.say_empty("Nothing to check", "Place the keypoints of an image and transfer them to others.")
            self._say_ready(0)
            return
        self._queue.set_rows(self._rows())
        if self._checks:
            self._queue.say_empty("Nothing to check", "Every point is confirmed, and none looks odd.")
        elif self._index.by_image:
            self._queue.say_empty("Nothing predicted", "Transfer keypoints, or check the confirmed ones.")
        else:
            self._queue.say_empty("Nothing to check", "Place the keypoints of an image and transfer them to others.")
        self._say_ready(sum(any(serves(each) for each in found) for found in self._index.by_image.values()))

    def _rows(self) -> list[Doubt]:
        """The queue; of images whose points are as they were, the rows are kept."""
        kept, self._kept = self._kept, {}
        for image, found in self._index.by_image.items():
            before, rows = kept.get(image, ((), []))
            if before is not found:
                rows = doubts_of(image, found, self._swaps, self._checks, self._settled)
            self._kept[image] = (found, rows)
        return most_doubtful(rows for _, rows in self._kept.values())

    def _say_ready(self, images: int) -> None:
        """What the two jobs would work on."""
        need = max(2 - images, 0)
        more = f"{counted(need, 'more image')} with confirmed points needed"
        words = f"{more}." if need else f"{images} images with confirmed points"
        self._quality.show_ready(words, more if need else "")
        odd = sum(1 for row in self._queue.model.rows if row.confirmed)
        text = "Confirmed points are not checked yet."
        if self._checks:
            text = f"{len(self._checks):,} confirmed points checked, {odd} odd."
            if images < _ENOUGH:
                text += " With so few images, some are false alarms."
        self._queue.show_checked(f"{more}." if need else text, more if need else "")

    # Going through ------------------------------------------------------------------------------------------------

    @Slot(object)
    def _look(self, row: Doubt) -> None:
        self.look.emit(row.image, row.instance, row.index)

    @property
    def current(self) -> Doubt | None:
        """The point that is looked at, None for none."""
        return self._queue.current

    def accept(self) -> bool:
        """Enter in the window: whether it was meant for the queue."""
        return self.panel.checking and self._queue.accept()

    @Slot(object)
    def _accept(self, row: Doubt) -> None:
        if row.confirmed:
            self._settled.add(row.key)
            self._kept.pop(row.image, None)
        elif not self._session.do(ConfirmKeypoints([row.instance], [row.index])):
            return
        self._next()
        if not row.confirmed:
            self.confirmed.emit(row.image)

    @Slot(object)
    def _move(self, row: Doubt) -> None:
        if row.suggestion is not None and self._session.do(MoveKeypoint(row.instance, row.index, row.suggestion)):
            self._next()

    @Slot(object)
    def _swap(self, row: Doubt) -> None:
        if row.pairs and self._session.do(SwapKeypoints(row.instance, row.pairs)):
            self._swaps.pop(row.instance, None)
            self._kept.pop(row.image, None)
            self._next()

    @Slot(object)
    def _remove(self, row: Doubt) -> None:
        if self._session.do(ClearKeypoints(row.instance, [row.index])):
            self._next()

    def _next(self) -> None:
        self.refresh()
        self._queue.go_on()

    # Jobs ---------------------------------------------------------------------------------------------------------

    @Slot()
    def check(self) -> None:
        """Look for odd ones among the confirmed points."""
        self._submit("Check keypoints", _CHECK)

    @Slot()
    def measure(self) -> None:
        """Predict every confirmed image from the others."""
        self._submit("Measure keypoints", _MEASURE)

    def _submit(self, title: str, kind: str) -> None:
        document, skeleton, ready = self._session.document, self._skeleton(), self._ready()
        if document is None or skeleton is None:
            return
        if ready is None:
            self.notice.emit("warning", "Install the model in the Run panel first.")
            return
        choice, job, _ = ready
        points = snapshot(document, skeleton)
        fn = self.make_check(choice, points, job) if kind == _CHECK else self.make_evaluation(choice, points, job)
        self._runner.submit(Job(title, fn, kind, tag=_Ticket(document, skeleton.id, len(points.instances))))

    @Slot(object, object)
    def _succeeded(self, job: Job, outcome: Outcome) -> None:
        if not isinstance(job.tag, _Ticket) or job.tag.document is not self._session.document:
            return
        skeleton = self._skeleton()
        if skeleton is None or skeleton.id != job.tag.skeleton:
            return
        if job.kind == _CHECK:
            self._checks = {(each.instance, each.index): each for each in outcome.result}
            self._kept.clear()
            self.refresh()
            odd = sum(row.confirmed for row in self._queue.model.rows)
            words = f"{odd} look odd and are listed." if odd else "None looks odd."
            self.notice.emit("info", f"{len(self._checks):,} confirmed points checked. {words}")
        elif job.kind == _MEASURE:
            self._quality.show_quality(outcome.result)
        if outcome.failures:
            self.notice.emit("warning", f"{len(outcome.failures)} images could not be used: {outcome.failures[0]}")


def _read_swaps(kept: object) -> dict[int, list[tuple[int, int]]]:
    """Suspected swaps as they were noted with the project; what makes no sense is left out."""
    found: dict[int, list[tuple[int, int]]] = {}
    if isinstance(kept, dict):
        for key, pairs in kept.items():
            values = np.array(pairs if isinstance(pairs, list) else [])
            if str(key).isdigit() and values.ndim == 2 and values.shape[1] == 2 and values.dtype.kind == "i":
                found[int(key)] = [(int(a), int(b)) for a, b in values]
    return found
