"""Tracking in the window: what is annotated on some frames, carried to the others as a job and one undoable step."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.errors import CounterpartError
from counterpart.core.project.document import Document
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.video.timeline import Timeline
from counterpart.desktop.video.track_jobs import track_job, track_words
from counterpart.desktop.workbench import Workbench

if TYPE_CHECKING:
    from counterpart.core.pipeline.video.track_plan import Direction, TrackPlan


class Tracker(QObject):
    """Tracks from annotated frames through the video that the timeline shows.

    Signals:
        changed: Tracking began or ended.
    """

    changed = Signal()
    _arrived = Signal(object, int)

    def __init__(self, bench: Workbench, timeline: Timeline) -> None:
        super().__init__(bench.window)
        self._bench, self._timeline = bench, timeline
        self._plan: TrackPlan | None = None
        self._arrived.connect(self._on_arrived)
        timeline.changed.connect(self._frames_changed)

    @property
    def busy(self) -> bool:
        """Whether a video is being tracked through."""
        return self._plan is not None

    def track(self, direction: Direction | None) -> None:
        """Carry annotations to all frames, or from the frame shown as far as its annotated neighbours."""
        bench, timeline = self._bench, self._timeline
        document, choice, sequence = bench.document, bench.models.choice, timeline.sequence
        if document is None or choice is None or sequence is None or self.busy:
            return
        # Brings the formats' libraries with it: not at the start.
        from counterpart.core.pipeline.video.track_plan import plan_track, span_from

        timeline.player.pause()
        try:
            span = None if direction is None else span_from(document, timeline.images, timeline.frame, direction)
            plan = plan_track(document, timeline.images, document.revision, span)
        except CounterpartError as error:
            bench.messages.tell("warning", str(error))
            return
        title = "Track" if direction is None else f"Track from frame {timeline.frame + 1}"
        arrived = self._arrived.emit
        job = Job(title, track_job(choice, plan, sequence.size, lambda frame, _doubt: arrived(plan, frame)), "track")
        self._plan = plan
        timeline.panel.track.set_span(range(plan.start, plan.stop))
        self.changed.emit()
        bench.jobs.submit(job, partial(self._tracked, document, plan, title), ended=self._ended)

    @Slot(object, int)
    def _on_arrived(self, plan: TrackPlan, frame: int) -> None:
        if plan is self._plan and plan.images == self._timeline.images:
            self._timeline.panel.track.arrived(frame)

    @Slot()
    def _frames_changed(self) -> None:
        if self._plan is None or self._plan.images != self._timeline.images:
            self._timeline.panel.track.set_span(None)

    def _tracked(self, document: Document, plan: TrackPlan, title: str, outcome: JobOutcome) -> None:
        from counterpart.core.pipeline.video.track_project import track_command

        if self._bench.document is not document:
            return
        command = track_command(plan, outcome.result, title)
        self._bench.session.do(command)
        left = command.outcome.skipped
        words = track_words(document, outcome, command.outcome.changed, left)
        self._bench.messages.tell("warning" if outcome.failures or left else "info", words)

    def _ended(self, _outcome: JobOutcome) -> None:
        self._plan = None
        self._timeline.panel.track.set_span(None)
        self.changed.emit()
