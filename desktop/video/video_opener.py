"""Opening a video: from a menu, the start page or a drop; and telling that a folder of images is one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from counterpart.core.images.video import VIDEO_SUFFIXES
from counterpart.core.pipeline.video.frames import looks_like_video
from counterpart.core.project.document import Document
from counterpart.core.project.sequence import SEQUENCE
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.widgets.choose_path import path_dialog
from counterpart.desktop.workbench import Workbench

_SUGGESTION = "Show the timeline"
_MOST_LOOKED_AT = 20_000


class VideoOpener(QObject):
    """Asks for videos and which of their frames are wanted."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self._warnings = ""
        bench.session.video_wanted.connect(self.open_video)
        bench.session.opened.connect(self._opened)

    @Slot()
    def ask_video(self) -> None:
        """Ask for a video file."""
        dialog = path_dialog(self._bench.window, "Open video", str(self._bench.session.folder))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(f"Videos ({' '.join(f'*{suffix}' for suffix in sorted(VIDEO_SUFFIXES))});;All files (*)")
        dialog.fileSelected.connect(lambda path: self.open_video(Path(path)))
        dialog.open()

    @Slot(object)
    def open_video(self, video: Path) -> None:
        """Ask which frames of a video are wanted, take them, and open them."""
        from counterpart.desktop.video.video_dialog import VideoDialog

        dialog = VideoDialog(video, self._bench.side_jobs, self._bench.window)
        dialog.ready.connect(self._frames_ready)
        dialog.open()

    @Slot(object, str)
    def _frames_ready(self, folder: Path, warnings: str) -> None:
        self._warnings = warnings
        self._bench.session.open_folder(folder)

    # Folders that are videos --------------------------------------------------------------------------------------

    @Slot()
    def _opened(self) -> None:
        """Say what there was to warn about, and look whether the images are frames."""
        bench, document = self._bench, self._bench.document
        assert document is not None
        if self._warnings:
            bench.messages.tell("warning", self._warnings)
            self._warnings = ""
        untouched = document.state_counts().get("todo", 0) == len(document) <= _MOST_LOOKED_AT
        if SEQUENCE not in document.settings and untouched and not document.read_only:
            refs = [document.image_ref(image) for image in document.image_ids]
            look = Job("Looking at the images", lambda _, ctx: looks_like_video(refs, ctx))
            bench.side_jobs.submit(look, partial(self._looked, document))

    def _looked(self, document: Document, outcome: JobOutcome) -> None:
        if outcome.result and self._bench.document is document and SEQUENCE not in document.settings:
            text = "These look like the frames of one video. With a timeline, what you draw on one reaches the others."
            self._bench.messages.offer(text, _SUGGESTION, self._accepted, self._declined)

    def answered(self) -> None:
        """The timeline is shown: there is nothing to suggest any more."""
        self._bench.messages.withdraw(self._accepted)

    def _accepted(self) -> None:
        sequence = self._bench.actions["sequence"]
        if not sequence.isChecked():
            sequence.trigger()

    def _declined(self) -> None:
        """The suggestion was dismissed: it is not made again for this project."""
        document = self._bench.document
        if document is not None:
            document.note_settings({SEQUENCE: False})
