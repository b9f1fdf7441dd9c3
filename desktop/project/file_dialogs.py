"""Opening, saving and exporting from the menus: the dialogs, and what they lead to."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.desktop.project.session import PROJECT_SUFFIX, Session
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.choose_path import folder_dialog, path_dialog

_PROJECTS = f"Counterpart projects (*{PROJECT_SUFFIX})"


class FileDialogs(QObject):
    """Dialogs for files. Each opens without blocking, so that jobs go on behind it.

    Signals:
        says: A line for the status bar.
    """

    says = Signal(str)

    def __init__(self, session: Session, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._settings, self._window = session, settings, window

    def open_folder(self) -> None:
        """Ask for a folder of images and open it."""
        dialog = folder_dialog(self._window, "Open folder of images", str(self._session.folder))
        dialog.fileSelected.connect(lambda path: self._session.open_folder(Path(path)))
        dialog.open()

    def open_project(self) -> None:
        """Ask for a project file and open it."""
        dialog = self._dialog("Open project")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(_PROJECTS)
        dialog.fileSelected.connect(lambda path: self._session.open_project(Path(path)))
        dialog.open()

    def add_images(self) -> None:
        """Ask for images and add them."""
        dialog = self._dialog("Add images")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilter(f"Images ({' '.join(f'*{suffix}' for suffix in sorted(IMAGE_SUFFIXES))})")
        dialog.filesSelected.connect(lambda paths: self._session.add([Path(path) for path in paths]))
        dialog.open()

    def save(self) -> None:
        """Save what is unsaved, or ask for a file the first time."""
        if self._session.document is None:
            return
        if self._session.own_file:
            if self._session.save():
                self.says.emit("Saved. Every change is saved by itself.")
        else:
            self.save_as()

    def save_as(self) -> None:
        """Ask for a file and go on with it."""
        document = self._session.document
        if document is None:
            return
        dialog = self._dialog("Save project as")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(_PROJECTS)
        dialog.setDefaultSuffix(PROJECT_SUFFIX.lstrip("."))
        dialog.selectFile(f"{self._session.title}{PROJECT_SUFFIX}")
        dialog.fileSelected.connect(lambda path: self._session.save_as(Path(path)))
        dialog.open()

    def fill_recent(self, menu: QMenu) -> None:
        """List the recent projects and folders in a menu."""
        menu.clear()
        for path in self._settings.recent():
            action = QAction(str(path), menu)
            action.triggered.connect(lambda _checked=False, path=path: self.open_recent(path))
            menu.addAction(action)
        menu.setEnabled(not menu.isEmpty())

    def open_recent(self, path: Path) -> None:
        """Open something recent, or take it off the list when it is gone."""
        if not path.exists():
            self._settings.forget(path)
        self._session.open_any([path])

    def _dialog(self, title: str) -> QFileDialog:
        return path_dialog(self._window, title, str(self._session.folder))
