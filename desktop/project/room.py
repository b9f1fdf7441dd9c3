"""The project in the window: opening and closing, undo, import and export, and the watch over what is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QMessageBox, QWidget

from counterpart.desktop.canvas.hands import Hands
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.project.file_dialogs import FileDialogs
from counterpart.desktop.project.save_watch import SaveWatch
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.actions import Action, Need, Needs
from counterpart.desktop.shell.banner import Banner
from counterpart.desktop.shell.settings import Settings

_USUAL_FORMAT = "coco"


class ProjectRoom(QObject):
    """Asks for files, and takes them in and out.

    Args:
        window: Owner of dialogs.
        session: The project that is open.
        hands: What is begun on the canvas: undo and redo are its own until it ends.
        settings: The person's settings.
        banner: Says how the project stands.
        runner: Imports and exports beside the window.
        listed: Gives the image that is shown, and those of the list.

    Attributes:
        dialogs: Ask for folders and files.
        save_watch: Watches over what is saved.
    """

    def __init__(
        self,
        window: QWidget,
        session: Session,
        hands: Hands,
        settings: Settings,
        banner: Banner,
        runner: JobRunner,
        listed: Callable[[], tuple[int, Sequence[int]]],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._settings = window, session, settings
        self._runner, self._listed, self._hands = runner, listed, hands
        self.dialogs = FileDialogs(session, settings, window)
        self.save_watch = SaveWatch(session, banner, self.dialogs.save_as, window)

    def actions(self, needs: Needs) -> list[Action]:
        """What can be done with the project as a whole."""
        some = (needs.project,)
        # fmt: off
        return [
            Action("open_folder", "Open &folder…", "File", keys=("Ctrl+U",), icon="open-folder",
                   help="Start with a folder of images", do=self.dialogs.open_folder, place=10),
            Action("open_project", "&Open project…", "File", keys=("Ctrl+O",), icon="open-project",
                   do=self.dialogs.open_project, place=30),
            Action("open_samples", "Open sample &photographs", "File", icon="samples",
                   help="Try the program on its own pictures", do=self._session.open_samples, place=40),
            Action("add_images", "&Add images…", "File", keys=("Ctrl+I",), icon="add-images",
                   help="Add images to this project", do=self.dialogs.add_images, needs=needs.change, place=110),
            Action("save", "&Save project", "File", keys=("Ctrl+S",), icon="save",
                   help="Keep this project in a file; later changes save themselves", do=self.dialogs.save, needs=some,
                   place=210),
            Action("save_as", "Save project &as…", "File", keys=("Ctrl+Shift+S",), do=self.dialogs.save_as, needs=some,
                   place=220),
            Action("export", "&Export…", "File", keys=("Ctrl+E",), icon="export",
                   help="Write masks, keypoints or matches for other programs", do=self.export, needs=some, place=240,
                   bar=1010),
            Action("import", "&Import…", "File", keys=("Ctrl+Shift+I",), icon="import",
                   help="Take over masks or points of other programs", do=self.import_file, needs=needs.change,
                   place=230),
            Action("close_project", "&Close project", "File", keys=("Ctrl+W",), do=self.close, needs=some, place=310),
            Action("undo", "&Undo", "Edit", keys=("Ctrl+Z",), icon="undo", do=self._session.undo,
                   needs=(Need(self._can_undo, "Nothing to undo"),), during="take_back",
                   words=self._undo_words, place=10, bar=10, repeat=True),
            Action("redo", "&Redo", "Edit", keys=("Ctrl+Shift+Z", "Ctrl+Y"), icon="redo", do=self._session.redo,
                   needs=(Need(self._can_redo, "Nothing to redo"),), during="restore",
                   words=self._redo_words, place=20, bar=20, repeat=True),
        ]
        # fmt: on

    # Undo ---------------------------------------------------------------------------------------------------------

    def _can_undo(self) -> bool:
        history = self._session.history
        return self._hands.open or (history is not None and history.can_undo)

    def _can_redo(self) -> bool:
        history = self._session.history
        return self._hands.can_restore or (history is not None and history.can_redo)

    def _undo_words(self) -> str:
        history = self._session.history
        if self._hands.open:
            return "&Undo last corner"
        return f"&Undo {_small(history.undo_text)}" if history is not None else "&Undo"

    def _redo_words(self) -> str:
        history = self._session.history
        if self._hands.can_restore:
            return "&Redo last corner"
        return f"&Redo {_small(history.redo_text)}" if history is not None else "&Redo"

    # In and out ---------------------------------------------------------------------------------------------------

    @Slot()
    def export(self) -> None:
        """Write the project in a format of other programs."""
        from counterpart.desktop.project.export_dialog import ExportDialog  # the formats bring scipy: not at the start

        document = self._session.document
        if document is None:
            return
        document.fold()
        current, listed = self._listed()
        used = str(self._settings.params("export").get("format", _USUAL_FORMAT))
        folder = self._session.folder
        dialog = ExportDialog(document, folder, current, listed, self._runner, self._window, preferred=used)
        dialog.exported.connect(lambda name: self._settings.set_params("export", {"format": name}))
        dialog.open()

    @Slot()
    def import_file(self) -> None:
        """Take annotations of other programs over."""
        from counterpart.desktop.project.import_dialog import ImportDialog

        document, history = self._session.document, self._session.history
        if document is not None and history is not None:
            ImportDialog(document, self._session.folder, self._runner, history.push, self._window).open()

    # Closing ------------------------------------------------------------------------------------------------------

    @Slot()
    def close(self) -> None:
        """Close the project, unless something would be lost and the person stays."""
        if self.may_close():
            self._session.close()

    def may_close(self) -> bool:
        """Whether nothing would be lost; asks only when something could not be saved."""
        document = self._session.document
        if document is None or document.read_only:
            return True
        lost = not document.saved.saved or (document.path is None and len(document) > 0)
        if not lost or (document.path is not None and self._session.save()):
            return True
        answer = QMessageBox.warning(
            self._window,
            "Not saved",
            "This project is only in memory. Save it before closing?",
            QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
        )
        if answer == QMessageBox.StandardButton.Save:
            QTimer.singleShot(0, self.dialogs.save_as)
            return False
        return answer == QMessageBox.StandardButton.Discard


def _small(text: str) -> str:
    """A step's name inside of a sentence."""
    return f"{text[:1].lower()}{text[1:]}"
