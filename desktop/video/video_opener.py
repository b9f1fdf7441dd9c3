"""Opening a video: from a menu, the start page or a drop; and telling that a folder of images is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QFileDialog

from counterpart.core.images.video import VIDEO_SUFFIXES
from counterpart.core.pipeline.video.frames import looks_like_video
from counterpart.core.project.document import Document
from counterpart.core.project.sequence import SEQUENCE
from counterpart.desktop.jobs.job_runner import Job, Outcome

if TYPE_CHECKING:
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["VideoOpener"]

_LOOK = "look for a video"
_SUGGESTION = "Show the timeline"
_MOST_LOOKED_AT = 20_000


class VideoOpener(QObject):
    """Asks for videos and which of their frames are wanted, on behalf of a window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self._warnings = ""
        window.actions_["open_video"].triggered.connect(self.ask_video)
        window.start.open_video.connect(self.ask_video)
        window.session.video_wanted.connect(self.open_video)
        window.light.succeeded.connect(self._looked)
        window.notice.button.clicked.connect(self._accepted)
        window.notice.closed.connect(self._declined)

    @Slot()
    def ask_video(self) -> None:
        """Ask for a video file."""
        dialog = QFileDialog(self._w, "Open video", str(self._w.session.folder))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(f"Videos ({' '.join(f'*{suffix}' for suffix in sorted(VIDEO_SUFFIXES))});;All files (*)")
        dialog.fileSelected.connect(lambda path: self.open_video(Path(path)))
        dialog.open()

    @Slot(object)
    def open_video(self, video: Path) -> None:
        """Ask which frames of a video are wanted, take them, and open them."""
        from counterpart.desktop.video.video_dialog import VideoDialog

        dialog = VideoDialog(video, self._w.light, self._w)
        dialog.ready.connect(self._frames_ready)
        dialog.open()

    @Slot(object, str)
    def _frames_ready(self, folder: Path, warnings: str) -> None:
        self._warnings = warnings
        self._w.session.open_folder(folder)

    # Folders that are videos --------------------------------------------------------------------------------------

    def opened(self, document: Document) -> None:
        """A project is open: say what there was to warn about, and look whether its images are frames."""
        if self._warnings:
            self._w.tell("warning", self._warnings)
            self._warnings = ""
        untouched = document.state_counts().get("todo", 0) == len(document) <= _MOST_LOOKED_AT
        if SEQUENCE not in document.settings and untouched and not document.read_only:
            refs = [document.image_ref(image) for image in document.image_ids]
            look = Job("Looking at the images", lambda _, ctx: looks_like_video(refs, ctx), _LOOK, document)
            self._w.light.submit(look)

    @Slot(object, object)
    def _looked(self, job: Job, outcome: Outcome) -> None:
        document = self._w.session.document
        if job.kind == _LOOK and outcome.result and document is job.tag and SEQUENCE not in document.settings:
            text = "These look like the frames of one video. With a timeline, what you draw on one reaches the others."
            self._w.notice.show_text("info", text, _SUGGESTION)

    @property
    def _suggesting(self) -> bool:
        return self._w.notice.button.text() == _SUGGESTION

    def answered(self) -> None:
        """The timeline is shown: there is nothing to suggest any more."""
        if self._suggesting:
            self._w.notice.hide()

    @Slot()
    def _accepted(self) -> None:
        if self._suggesting and not self._w.actions_["sequence"].isChecked():
            self._w.notice.hide()
            self._w.actions_["sequence"].trigger()

    @Slot()
    def _declined(self) -> None:
        """The suggestion was dismissed: it is not made again for this project."""
        document = self._w.session.document
        if self._suggesting and document is not None:
            document.note_settings({SEQUENCE: False})
