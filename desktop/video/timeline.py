"""The timeline at work: the frames of the video that is shown, their states, and moving among them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.pipeline.video.frames import FramesNote, read_frames_note
from counterpart.core.project.sequence import (
    SEQUENCE,
    FrameState,
    Sequence,
    folder_of,
    frame_state,
    frames_of,
    sequence_of,
)
from counterpart.desktop.images.image_words import describe
from counterpart.desktop.video.player import Player
from counterpart.desktop.video.timeline_panel import TimelinePanel
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.workbench import Workbench


class Timeline(QObject):
    """Keeps the panel of frames in step with the document and the image that is shown.

    Attributes:
        panel: Shows them.
        player: Goes through them.
        images: The frames of the video that is shown, in order; none where the project is no video.
        note: What is known of the video that they were taken from.

    Signals:
        changed: There are other frames, or none.
    """

    changed = Signal()

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self.images: tuple[int, ...] = ()
        self.note: FramesNote | None = None
        self._place: dict[int, int] = {}
        self.panel = TimelinePanel(bench.actions, self._describe)
        self.panel.hide()
        bench.layout.put_below(self.panel)
        self.player = Player(self._frame_shown, self)
        self.player.wanted.connect(self.go)
        self.player.changed.connect(self._playing)
        self.panel.track.wanted.connect(self._scrubbed)
        self.panel.fps_changed.connect(self._fps_chosen)
        self.panel.size_changed.connect(self._size_chosen)
        changes = bench.session.changes
        bench.session.opened.connect(self._opened)
        bench.session.closing.connect(self._closing)
        changes.images.connect(self._images_changed)
        changes.states.connect(self._states_changed)
        changes.settings.connect(self._settings_changed)
        bench.images.chosen.connect(self._image_chosen)

    # Coming and going ---------------------------------------------------------------------------------------------

    @Slot()
    def _opened(self) -> None:
        document = self._bench.document
        assert document is not None
        first = next(iter(document.image_ids), 0)
        self.note = read_frames_note(document.image_path(first).parent) if first else None
        if self.note is not None and SEQUENCE not in document.settings:
            fps = self.note.fps or Sequence().fps
            document.note_settings(Sequence(fps, self.note.video).setting())
        self.refresh()

    @Slot()
    def _closing(self) -> None:
        self.player.pause()
        self.images, self._place, self.note = (), {}, None
        self.panel.hide()
        self.changed.emit()

    # What is shown ------------------------------------------------------------------------------------------------

    @property
    def sequence(self) -> Sequence | None:
        """What the project says about being a video."""
        document = self._bench.document
        return sequence_of(document.settings) if document is not None else None

    @property
    def frame(self) -> int:
        """The frame that is shown, from 0; -1 for none."""
        return self._place.get(self._bench.images.current, -1)

    def refresh(self) -> None:
        """Show the frames of the document."""
        document, sequence = self._bench.document, self.sequence
        shown = document is not None and sequence is not None and len(document) > 0
        self.images = self._frames() if shown else ()
        self._place = {image: frame for frame, image in enumerate(self.images)}
        if not shown:
            self.player.pause()
        else:
            assert sequence is not None
            assert document is not None
            self.note = read_frames_note(document.image_path(self.images[0]).parent)
            self.panel.set_fps(sequence.fps)
            self.panel.set_size(sequence.size)
            self._show_states()
            self._image_chosen(self._bench.images.current)
        self.panel.setVisible(shown)
        self.changed.emit()

    def _frames(self) -> tuple[int, ...]:
        """The frames of the video that is shown: each folder is one."""
        document = self._bench.document
        if document is None or not len(document):
            return ()
        current = self._bench.images.current or document.image_ids[0]
        return frames_of(document, folder_of(document.image(current)))

    def _show_states(self) -> None:
        document = self._bench.document
        if document is not None:
            states = [frame_state(document.image(image)) for image in self.images]
            self.panel.set_states(np.array(states, dtype=np.uint8))

    @Slot()
    def _images_changed(self) -> None:
        document = self._bench.document
        if document is not None and self.images and self._frames() == self.images:
            self._show_states()
        else:
            self.refresh()

    @Slot()
    def _states_changed(self) -> None:
        if self.images:
            self._show_states()

    @Slot(object)
    def _settings_changed(self, keys: tuple[str, ...]) -> None:
        if SEQUENCE in keys:
            self.refresh()

    @Slot(int)
    def _image_chosen(self, image: int) -> None:
        if self.images and image and image not in self._place:  # of another video
            self.player.pause()
            self.refresh()
        frame = self._place.get(image, -1)
        if frame >= 0:
            self.panel.set_place(frame, self._time_of(frame))

    def _time_of(self, frame: int) -> float:
        """Seconds from the start of the video, from the video itself where it is known."""
        document, sequence = self._bench.document, self.sequence
        if document is None or sequence is None:
            return 0.0
        name = Path(document.image(self.images[frame]).path).name
        known = self.note.times if self.note is not None else {}
        return known[name] if name in known else frame / sequence.fps

    def _describe(self, frame: int) -> str:
        document = self._bench.document
        if document is None or not 0 <= frame < len(self.images):
            return ""
        return f"Frame {frame + 1}: {describe(document.image(self.images[frame]), '')}"

    @Slot(float)
    def _fps_chosen(self, fps: float) -> None:
        document, sequence = self._bench.document, self.sequence
        if document is not None and sequence is not None:
            document.note_settings(dataclasses.replace(sequence, fps=fps).setting())

    @Slot(object)
    def _size_chosen(self, size: int | None) -> None:
        document, sequence = self._bench.document, self.sequence
        if document is not None and sequence is not None:
            document.note_settings(dataclasses.replace(sequence, size=size).setting())

    # Moving -------------------------------------------------------------------------------------------------------

    @Slot(int)
    def go(self, frame: int) -> None:
        """Show a frame."""
        if 0 <= frame < len(self.images):
            self._bench.images.show_image(self.images[frame])

    @Slot(int)
    def _scrubbed(self, frame: int) -> None:
        self.player.pause()
        self.go(frame)

    def step(self, by: int) -> None:
        """Go some frames on."""
        self.player.pause()
        self.go(min(max(self.frame + by, 0), len(self.images) - 1))

    def jump(self, direction: int, state: FrameState) -> None:
        """Go to the next frame of a state in a direction; the status bar says when there is none."""
        self.player.pause()
        found = np.flatnonzero(self.panel.track.states == state)
        ahead = found[found > self.frame] if direction > 0 else found[found < self.frame][::-1]
        if len(ahead):
            self.go(int(ahead[0]))
        else:
            word = "doubtful" if state is FrameState.DOUBTFUL else "annotated"
            self._bench.status.show_place(f"No more {word} frames {'after' if direction > 0 else 'before'} this one")

    def play_or_pause(self) -> None:
        """Play from the frame that is shown, or stop."""
        sequence = self.sequence
        if self.player.playing:
            self.player.pause()
        elif sequence is not None:
            self.player.play(self.frame, len(self.images), sequence.fps)

    @Slot(bool)
    def _playing(self, playing: bool) -> None:
        self._bench.actions["play"].setIcon(icon("pause" if playing else "play"))

    def _frame_shown(self) -> bool:
        pane = self._bench.canvas.panes[0]
        return bool(pane.image_key == self._bench.viewer.image(0) or pane.photo is None)
