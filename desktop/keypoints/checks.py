"""The queue of doubtful points: filled from the document, worked through point by point; and self-evaluation."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.pipeline.keypoints.doubt import Doubt, doubts_of, most_doubtful
from counterpart.core.project.commands import ClearKeypoints, ConfirmKeypoints, MoveKeypoint, SwapKeypoints
from counterpart.core.project.points import KeypointSet
from counterpart.core.wording import counted
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.jobs.job import Job, JobFunction, JobOutcome
from counterpart.desktop.keypoints.check_panel import CheckPanel
from counterpart.desktop.keypoints.instance_index import InstanceIndex
from counterpart.desktop.keypoints.keypoint_jobs import MakeCheckJob, MakeEvaluateJob, check_job, evaluate_job
from counterpart.desktop.keypoints.point_notes import PointNotes
from counterpart.desktop.keypoints.queue_model import QueueModel
from counterpart.desktop.keypoints.queue_panel import QueuePanel
from counterpart.desktop.keypoints.task import transfer_params
from counterpart.desktop.workbench import Workbench

if TYPE_CHECKING:
    from counterpart.core.evaluate.keypoint_quality import KeypointQuality
    from counterpart.core.pipeline.keypoints.project_keypoints import CheckedPoint, Snapshot
    from counterpart.core.pipeline.keypoints.transfer import TransferJob

_CHECK, _MEASURE = "check keypoints", "measure keypoints"
_REFRESH_MS = 60
_ENOUGH = 8
"""Images from which on what a check finds odd mostly is."""


class Checks(QObject):
    """Keeps the queue in step with the document and carries out what it asks for.

    Args:
        index: The instances of the project, and the skeleton that is worked with.
        notes: Know suspected swaps and points that were found right.

    Attributes:
        panel: The queue and self-evaluation.
        make_check, make_evaluation: Make the jobs; replaced in tests.

    Signals:
        look: Image, instance and keypoint to be brought before the person.
        confirmed: Image of which a person confirmed a point.
    """

    look = Signal(int, int, int)
    confirmed = Signal(int)

    def __init__(
        self, bench: Workbench, index: InstanceIndex, notes: PointNotes, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._bench, self._index, self._notes = bench, index, notes
        self.make_check: MakeCheckJob = check_job
        self.make_evaluation: MakeEvaluateJob = evaluate_job
        self.panel = CheckPanel(QueuePanel(QueueModel(self._image_name, self._point_name)))
        self._queue, self._quality = self.panel.queue, self.panel.quality
        self._checks: dict[tuple[int, int], CheckedPoint] = {}
        self._kept: dict[int, tuple[tuple[KeypointSet, ...], list[Doubt]]] = {}
        self._stale = False
        self.panel.shown.connect(self._shown)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REFRESH_MS)
        self._soon.timeout.connect(self.refresh)
        notes.changed.connect(self._noted)
        self._queue.looked_at.connect(self._look)
        self._queue.accept_wanted.connect(self._accept)
        self._queue.move_wanted.connect(self._move)
        self._queue.swap_wanted.connect(self._swap)
        self._queue.remove_wanted.connect(self._remove)
        self._queue.check_wanted.connect(self.check)
        self._queue.check_button.follow(bench.jobs, lambda: self._asks(_CHECK))
        self._quality.button.follow(bench.jobs, lambda: self._asks(_MEASURE))
        self._quality.measure_wanted.connect(self.measure)

    def _image_name(self, image: int) -> str:
        document = self._bench.document
        return document.image(image).name if document is not None else ""

    def _point_name(self, index: int) -> str:
        skeleton = self._index.skeleton
        return skeleton.names[index] if skeleton is not None and index < len(skeleton) else ""

    # Content ------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Another project or skeleton."""
        self._checks.clear()
        self._kept.clear()
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
    def _noted(self, instances: set[int]) -> None:
        self._kept = {
            image: (found, rows)
            for image, (found, rows) in self._kept.items()
            if instances.isdisjoint(each.instance for each in found)
        }
        self.refresh_soon()

    @Slot()
    def refresh(self) -> None:
        """List the points as they are."""
        self._soon.stop()
        self._stale = False
        document, skeleton = self._bench.document, self._index.skeleton
        if document is None or skeleton is None:
            self._queue.set_rows(())
            self._queue.say_empty("Nothing to check", "Place the keypoints of an image and transfer them to others.")
            self._say_ready(0)
            return
        from counterpart.core.pipeline.keypoints.project_keypoints import serves

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
                rows = doubts_of(image, found, self._notes.swaps, self._checks, self._notes.settled(found))
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
            found = self._index.by_image.get(row.image, ())
            points = next((each for each in found if each.instance == row.instance), None)
            if points is not None:
                self._notes.settle(points, row.index, [index for pair in row.pairs for index in pair])
        elif not self._bench.session.do(ConfirmKeypoints([row.instance], [row.index])):
            return
        self._next()
        if not row.confirmed:
            self.confirmed.emit(row.image)

    @Slot(object)
    def _move(self, row: Doubt) -> None:
        if row.suggestion is not None and self._bench.session.do(MoveKeypoint(row.instance, row.index, row.suggestion)):
            self._next()

    @Slot(object)
    def _swap(self, row: Doubt) -> None:
        if row.pairs and self._bench.session.do(SwapKeypoints(row.instance, row.pairs)):
            self._next()

    @Slot(object)
    def _remove(self, row: Doubt) -> None:
        if self._bench.session.do(ClearKeypoints(row.instance, [row.index])):
            self._next()

    def _next(self) -> None:
        self.refresh()
        self._queue.go_on()

    # Jobs ---------------------------------------------------------------------------------------------------------

    @Slot()
    def check(self) -> None:
        """Look for odd ones among the confirmed points."""
        self._submit("Check keypoints", _CHECK, self.make_check, self._take_checks)

    @Slot()
    def measure(self) -> None:
        """Predict every confirmed image from the others."""
        self._submit("Measure keypoints", _MEASURE, self.make_evaluation, self._take_quality)

    def _submit(
        self,
        title: str,
        kind: str,
        make: Callable[[ModelChoice, Snapshot, TransferJob], JobFunction],
        take: Callable[[Any], None],
    ) -> None:
        """Start a job on the confirmed points; its result is taken unless another project or skeleton came between."""
        document, skeleton, choice = self._bench.document, self._index.skeleton, self._bench.models.choice
        if document is None or skeleton is None:
            return
        if choice is None:
            self._bench.messages.tell("warning", "Install the model in the Run panel first.")
            return

        def done(outcome: JobOutcome) -> None:
            now = self._index.skeleton
            if self._bench.document is not document or now is None or now.id != skeleton.id:
                return
            take(outcome.result)
            if outcome.failures:
                text = f"{len(outcome.failures)} images could not be used: {outcome.failures[0]}"
                self._bench.messages.tell("warning", text)

        from counterpart.core.pipeline.keypoints.project_keypoints import snapshot

        params = transfer_params(self._bench.settings, choice.name)
        job = Job(title, make(choice, snapshot(document, skeleton), params), kind, self._asks(kind))
        self._bench.jobs.submit(job, done)

    def _asks(self, kind: str) -> Hashable:
        """What a job on the confirmed points asks now."""
        document, skeleton, choice = self._bench.document, self._index.skeleton, self._bench.models.choice
        if document is None or skeleton is None:
            return None
        return kind, id(document), document.revision, skeleton.id, choice

    def _take_checks(self, found: list[CheckedPoint]) -> None:
        self._checks = {(each.instance, each.index): each for each in found}
        self._kept.clear()
        self.refresh()
        odd = sum(row.confirmed for row in self._queue.model.rows)
        words = f"{odd} look odd and are listed." if odd else "None looks odd."
        self._bench.messages.tell("info", f"{len(self._checks):,} confirmed points checked. {words}")

    def _take_quality(self, quality: KeypointQuality) -> None:
        self._quality.show_quality(quality)
