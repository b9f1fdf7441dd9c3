"""Videos in the window: the timeline, and propagating through it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.errors import CounterpartError
from counterpart.core.pipeline.video.frames import FramesNote, read_frames_note
from counterpart.core.project.commands import SetSettings
from counterpart.core.project.sequence import (
    SEQUENCE,
    FrameState,
    Sequence,
    folder_of,
    frame_state,
    frames_of,
    sequence_of,
)
from counterpart.desktop.images.image_model import describe
from counterpart.desktop.jobs.job_runner import Job, Outcome
from counterpart.desktop.video.player import Player
from counterpart.desktop.video.timeline_panel import TimelinePanel
from counterpart.desktop.video.track_jobs import TrackTicket, track_job, track_words
from counterpart.desktop.video.video_opener import VideoOpener
from counterpart.desktop.widgets.icons import icon

if TYPE_CHECKING:
    from counterpart.core.pipeline.video.track_plan import Direction
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["VideoRoom"]

_KIND = "track"
_MOVES = (
    "play",
    "next_frame",
    "previous_frame",
    "next_doubtful",
    "previous_doubtful",
    "next_annotated",
    "previous_annotated",
)
_CARRIES = ("propagate_all", "propagate_here", "propagate_forward", "propagate_backward")
_NO_SEQUENCE = "The images are not frames of one video (menu Video)"


class VideoRoom(QObject):
    """Keeps the timeline in step with the document, and turns propagations into commands, on behalf of a window."""

    _arrived = Signal(object, int)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self._images: tuple[int, ...] = ()
        self._place: dict[int, int] = {}
        self._note: FramesNote | None = None
        self._job: Job | None = None
        self.videos = VideoOpener(window)
        self.panel = TimelinePanel(window.actions_, self._describe)
        self.panel.hide()
        window.layout_.add_below(self.panel)
        self.player = Player(self._frame_shown, self)
        self.player.wanted.connect(self.go)
        self.player.changed.connect(self._playing)
        self.panel.track.wanted.connect(self._scrubbed)
        self.panel.fps_changed.connect(self._fps_chosen)
        self.panel.size_changed.connect(self._size_chosen)
        self._connect_actions()
        self._arrived.connect(self._on_arrived)
        window.session.opened.connect(self._opened)
        window.session.closing.connect(self._closing)
        window.images.chosen.connect(self._image_chosen)
        window.desk.choice_changed.connect(self.refresh_ready)
        window.runner.succeeded.connect(self._succeeded)
        window.runner.ended.connect(self._ended)
        self.refresh_ready()

    def _connect_actions(self) -> None:
        for name, do in {
            "sequence": self.toggle_sequence,
            "play": self.play_or_pause,
            "next_frame": lambda: self.step(1),
            "previous_frame": lambda: self.step(-1),
            "next_doubtful": lambda: self.jump(1, FrameState.DOUBTFUL),
            "previous_doubtful": lambda: self.jump(-1, FrameState.DOUBTFUL),
            "next_annotated": lambda: self.jump(1, FrameState.ANNOTATED),
            "previous_annotated": lambda: self.jump(-1, FrameState.ANNOTATED),
            "propagate_all": lambda: self.propagate(None),
            "propagate_here": lambda: self.propagate("both"),
            "propagate_forward": lambda: self.propagate("forward"),
            "propagate_backward": lambda: self.propagate("backward"),
        }.items():
            self._w.actions_[name].triggered.connect(lambda _checked=False, do=do: do())

    def stop(self) -> None:
        """The window is going."""
        self.player.pause()

    # Coming and going ---------------------------------------------------------------------------------------------

    @Slot()
    def _opened(self) -> None:
        bridge = self._w.session.bridge
        assert bridge is not None
        document = bridge.document
        bridge.images_changed.connect(self._images_changed)
        bridge.states_changed.connect(self._states_changed)
        bridge.settings_changed.connect(self._settings_changed)
        first = next(iter(document.image_ids), 0)
        self._note = read_frames_note(document.image_path(first).parent) if first else None
        if self._note is not None and SEQUENCE not in document.settings:
            fps = self._note.fps or Sequence().fps
            document.note_settings(Sequence(fps, self._note.video).setting())
        self.refresh()
        self.videos.opened(document)

    @Slot()
    def _closing(self) -> None:
        self.player.pause()
        self._images, self._place, self._note = (), {}, None
        self.panel.hide()
        self.refresh_ready()

    # What is shown ------------------------------------------------------------------------------------------------

    @property
    def sequence(self) -> Sequence | None:
        """What the project says about being a video."""
        document = self._w.session.document
        return sequence_of(document.settings) if document is not None else None

    @property
    def frame(self) -> int:
        """The frame that is shown, from 0; -1 for none."""
        return self._place.get(self._w.images.current, -1)

    def refresh(self) -> None:
        """Show the frames of the document."""
        document, sequence = self._w.session.document, self.sequence
        shown = document is not None and sequence is not None and len(document) > 0
        self._images = self._frames() if shown else ()
        self._place = {image: frame for frame, image in enumerate(self._images)}
        if self._job is None or self._job.tag.plan.images != self._images:
            self.panel.track.set_span(None)
        if not shown:
            self.player.pause()
        else:
            assert sequence is not None
            assert document is not None
            self._note = read_frames_note(document.image_path(self._images[0]).parent)
            self.videos.answered()
            self.panel.set_fps(sequence.fps)
            self.panel.set_size(sequence.size)
            self._show_states()
            self._image_chosen(self._w.images.current)
        self.panel.setVisible(shown)
        self.refresh_ready()

    def _frames(self) -> tuple[int, ...]:
        """The frames of the video that is shown: each folder is one."""
        document = self._w.session.document
        if document is None or not len(document):
            return ()
        current = self._w.images.current or document.image_ids[0]
        return frames_of(document, folder_of(document.image(current)))

    def _show_states(self) -> None:
        document = self._w.session.document
        if document is not None:
            states = [frame_state(document.image(image)) for image in self._images]
            self.panel.set_states(np.array(states, dtype=np.uint8))

    @Slot()
    def refresh_ready(self) -> None:
        """Enable what can be done now, with the reason where it cannot."""
        actions, document = self._w.actions_, self._w.session.document
        sequence = self.sequence is not None and bool(self._images)
        actions["sequence"].setChecked(self.sequence is not None)
        actions.enable(("sequence",), document is not None, "Open a folder of frames first")
        actions.enable(_MOVES, sequence, _NO_SEQUENCE)
        if document is not None and document.read_only:
            actions.enable(("sequence", *_CARRIES), False, "The project is open for looking only")
        elif not sequence:
            actions.enable(_CARRIES, False, _NO_SEQUENCE)
        elif self._w.desk.choice is None:
            actions.enable(_CARRIES, False, "Install a model in the Run panel first")
        elif self._job is not None:
            actions.enable(_CARRIES, False, "Propagating already; the status bar can cancel it")
        else:
            actions.enable(_CARRIES, True)

    @Slot()
    def _images_changed(self) -> None:
        document = self._w.session.document
        if document is not None and self._images and self._frames() == self._images:
            self._show_states()
        else:
            self.refresh()

    @Slot()
    def _states_changed(self) -> None:
        if self._images:
            self._show_states()

    @Slot(object)
    def _settings_changed(self, keys: tuple[str, ...]) -> None:
        if SEQUENCE in keys:
            self.refresh()

    @Slot(int)
    def _image_chosen(self, image: int) -> None:
        if self._images and image and image not in self._place:  # of another video
            self.player.pause()
            self.refresh()
        frame = self._place.get(image, -1)
        if frame >= 0:
            self.panel.set_place(frame, self._time_of(frame))

    def _time_of(self, frame: int) -> float:
        """Seconds from the start of the video, from the video itself where it is known."""
        document, sequence = self._w.session.document, self.sequence
        if document is None or sequence is None:
            return 0.0
        name = Path(document.image(self._images[frame]).path).name
        known = self._note.times if self._note is not None else {}
        return known[name] if name in known else frame / sequence.fps

    def _describe(self, frame: int) -> str:
        document = self._w.session.document
        if document is None or not 0 <= frame < len(self._images):
            return ""
        return f"Frame {frame + 1}: {describe(document.image(self._images[frame]), '')}"

    def toggle_sequence(self) -> None:
        """The images are frames of one video, or not any more: one step of undo."""
        wanted = self._w.actions_["sequence"].isChecked()
        known = self._note
        sequence = Sequence(known.fps or Sequence().fps, known.video) if known is not None else Sequence()
        self._w.session.do(SetSettings(sequence.setting() if wanted else {SEQUENCE: False}))
        self.refresh_ready()
        document = self._w.session.document
        records = [document.image(image) for image in self._images] if document is not None else []
        if wanted and len({record.hw for record in records if min(record.hw) > 0}) > 1:
            self._w.tell("warning", "These images differ in size; labels are carried between frames of one size only.")

    @Slot(float)
    def _fps_chosen(self, fps: float) -> None:
        document, sequence = self._w.session.document, self.sequence
        if document is not None and sequence is not None:
            document.note_settings(dataclasses.replace(sequence, fps=fps).setting())

    @Slot(object)
    def _size_chosen(self, size: int | None) -> None:
        document, sequence = self._w.session.document, self.sequence
        if document is not None and sequence is not None:
            document.note_settings(dataclasses.replace(sequence, size=size).setting())

    # Moving -------------------------------------------------------------------------------------------------------

    @Slot(int)
    def go(self, frame: int) -> None:
        """Show a frame."""
        if not 0 <= frame < len(self._images):
            return
        panel, image = self._w.images, self._images[frame]
        if panel.model.row(image) < 0:  # the list's filter hides it, but the timeline shows it
            panel.show_all()
        panel.select(image)

    @Slot(int)
    def _scrubbed(self, frame: int) -> None:
        self.player.pause()
        self.go(frame)

    def step(self, by: int) -> None:
        """Go some frames on."""
        self.player.pause()
        self.go(min(max(self.frame + by, 0), len(self._images) - 1))

    def jump(self, direction: int, state: FrameState) -> None:
        """Go to the next frame of a state in a direction; the status bar says when there is none."""
        self.player.pause()
        found = np.flatnonzero(self.panel.track.states == state)
        ahead = found[found > self.frame] if direction > 0 else found[found < self.frame][::-1]
        if len(ahead):
            self.go(int(ahead[0]))
        else:
            word = "doubtful" if state is FrameState.DOUBTFUL else "annotated"
            self._w.status.show_place(f"No more {word} frames {'after' if direction > 0 else 'before'} this one")

    def play_or_pause(self) -> None:
        """Play from the frame that is shown, or stop."""
        sequence = self.sequence
        if self.player.playing:
            self.player.pause()
        elif sequence is not None:
            self.player.play(self.frame, len(self._images), sequence.fps)

    @Slot(bool)
    def _playing(self, playing: bool) -> None:
        self._w.actions_["play"].setIcon(icon("pause" if playing else "play"))

    def _frame_shown(self) -> bool:
        pane = self._w.canvas.panes[0]
        return bool(pane.image_key == self._w.viewer.image(0) or pane.photo is None)

    # Propagating --------------------------------------------------------------------------------------------------

    def propagate(self, direction: Direction | None) -> None:
        """Carry annotations to all frames, or from the frame shown as far as its annotated neighbours."""
        document, choice, sequence = self._w.session.document, self._w.desk.choice, self.sequence
        if document is None or choice is None or sequence is None or self._job is not None:
            return
        # Brings the formats' libraries with it: not at the start.
        from counterpart.core.pipeline.video.track_plan import plan_track, span_from

        self.player.pause()
        try:
            span = None if direction is None else span_from(document, self._images, self.frame, direction)
            plan = plan_track(document, self._images, document.revision, span)
        except CounterpartError as error:
            self._w.tell("warning", str(error))
            return
        title = "Propagate" if direction is None else f"Propagate from frame {self.frame + 1}"
        arrived = self._arrived.emit
        job = Job(
            title,
            track_job(choice, plan, sequence.size, lambda frame, _doubt: arrived(plan, frame)),
            _KIND,
            tag=TrackTicket(document, plan, title),
        )
        self._job = job
        self.panel.track.set_span(range(plan.start, plan.stop))
        self.refresh_ready()
        self._w.runner.submit(job)

    @Slot(object, int)
    def _on_arrived(self, plan: Any, frame: int) -> None:
        job = self._job
        if job is not None and job.tag.plan is plan and job.tag.plan.images == self._images:
            self.panel.track.arrived(frame)

    @Slot(object, object)
    def _succeeded(self, job: Job, outcome: Outcome) -> None:
        if job.kind != _KIND:
            return
        from counterpart.core.pipeline.video.track_project import track_command

        ticket: TrackTicket = job.tag
        if self._w.session.document is not ticket.document:
            return
        command = track_command(ticket.plan, outcome.result, ticket.title)
        self._w.session.do(command)
        left = command.outcome.skipped
        words = track_words(ticket, outcome, command.outcome.changed, left)
        self._w.tell("warning" if outcome.failures or left else "info", words)

    @Slot(object, object)
    def _ended(self, job: Job, _outcome: Outcome) -> None:
        if job is self._job:
            self._job = None
            self.panel.track.set_span(None)
            self.refresh_ready()
