"""Videos in the window: the timeline, tracking through it, and opening videos."""

from __future__ import annotations

from PySide6.QtCore import QObject

from counterpart.core.project.commands import SetSettings
from counterpart.core.project.sequence import SEQUENCE, FrameState, Sequence
from counterpart.desktop.shell.actions import Action, Need
from counterpart.desktop.video.timeline import Timeline
from counterpart.desktop.video.tracker import Tracker
from counterpart.desktop.video.video_opener import VideoOpener
from counterpart.desktop.workbench import Workbench


class VideoRoom(QObject):
    """Owns what belongs to videos.

    Attributes:
        timeline: The frames, and moving among them.
        tracker: Carries annotations through them.
        opener: Asks for videos, and notices folders that are one.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self.opener = VideoOpener(bench)
        bench.actions.add(self._actions())  # the timeline has buttons for them
        self.timeline = Timeline(bench)
        self.tracker = Tracker(bench, self.timeline)
        self.timeline.changed.connect(self._frames_changed)
        self.tracker.changed.connect(bench.actions.refresh)

    def stop(self) -> None:
        """The window is going."""
        self.timeline.player.pause()

    def _actions(self) -> list[Action]:
        needs = self._bench.needs
        is_video = Need(lambda: bool(self.timeline.images), "The images are not frames of one video (menu Video)")
        can_track = (
            is_video,
            needs.writable,
            Need(lambda: self._bench.models.choice is not None, "Install a model in the Run panel first"),
            Need(lambda: not self.tracker.busy, "Tracking already; the status bar can cancel it"),
        )
        # fmt: off
        return [
            Action("open_video", "Open &video…", "File", keys=("Ctrl+Shift+O",), icon="video",
                   help="Start with frames of a video file", do=self.opener.ask_video, place=20),
            Action("sequence", "Images are &frames of one video", "Video",
                   help="Show the timeline, and track from frame to frame; each folder is one video",
                   do=self.toggle_sequence, needs=needs.change, place=10, checkable=True, checked=self._is_video),
            Action("play", "&Play or pause", "Video", keys=("J",), icon="play", help="Play the frames from here",
                   do=self._play, needs=(is_video,), place=210),
            Action("next_frame", "&Next frame", "Video", keys=(".",), icon="step-forward",
                   do=lambda: self.timeline.step(1), needs=(is_video,), place=220, repeat=True),
            Action("previous_frame", "Pre&vious frame", "Video", keys=(",",), icon="step-back",
                   do=lambda: self.timeline.step(-1), needs=(is_video,), place=230, repeat=True),
            Action("next_doubtful", "Next &doubtful frame", "Video", keys=("Ctrl+Right",), icon="doubt-forward",
                   do=lambda: self.timeline.jump(1, FrameState.DOUBTFUL), needs=(is_video,), place=240),
            Action("previous_doubtful", "Previous d&oubtful frame", "Video", keys=("Ctrl+Left",), icon="doubt-back",
                   do=lambda: self.timeline.jump(-1, FrameState.DOUBTFUL), needs=(is_video,), place=250),
            Action("next_annotated", "Next &annotated frame", "Video", keys=("Ctrl+Shift+Right",),
                   do=lambda: self.timeline.jump(1, FrameState.ANNOTATED), needs=(is_video,), place=260),
            Action("previous_annotated", "Previous a&nnotated frame", "Video", keys=("Ctrl+Shift+Left",),
                   do=lambda: self.timeline.jump(-1, FrameState.ANNOTATED), needs=(is_video,), place=270),
            Action("track_all", "T&rack", "Video", keys=("Ctrl+Shift+P",), icon="track",
                   help="Carry what you annotated to all other frames. What you drew or confirmed stays",
                   do=lambda: self.tracker.track(None), needs=can_track, place=110),
            Action("track_here", "Track from &here", "Video", keys=("Ctrl+P",),
                   help="Carry this frame both ways, as far as the next annotated frames",
                   do=lambda: self.tracker.track("both"), needs=can_track, place=120),
            Action("track_forward", "Track &forward from here", "Video", keys=("Ctrl+Alt+P",),
                   help="Carry this frame to those after it, as far as the next annotated one",
                   do=lambda: self.tracker.track("forward"), needs=can_track, place=130),
            Action("track_backward", "Track &backward from here", "Video",
                   help="Carry this frame to those before it, as far as the last annotated one",
                   do=lambda: self.tracker.track("backward"), needs=can_track, place=140),
        ]
        # fmt: on

    def _play(self) -> None:
        self.timeline.play_or_pause()

    def _is_video(self) -> bool:
        return self.timeline.sequence is not None

    def _frames_changed(self) -> None:
        if self.timeline.images:
            self.opener.answered()
        self._bench.actions.refresh()

    def toggle_sequence(self) -> None:
        """The images are frames of one video, or not any more: one step of undo."""
        wanted, note, bench = not self._is_video(), self.timeline.note, self._bench
        sequence = Sequence(note.fps or Sequence().fps, note.video) if note is not None else Sequence()
        bench.session.do(SetSettings(sequence.setting() if wanted else {SEQUENCE: False}))
        bench.actions.refresh()
        document = bench.document
        records = [document.image(image) for image in self.timeline.images] if document is not None else []
        if wanted and len({record.hw for record in records if min(record.hw) > 0}) > 1:
            text = "These images differ in size; labels are tracked between frames of one size only."
            bench.messages.tell("warning", text)
