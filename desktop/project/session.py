"""The project that is open in the window: opening, saving, adding images, closing.

Opening a folder makes a project for it in the user's data folder and, the next time, finds it again: from the
first stroke on, work is in a file, without anybody having been asked for a name.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path

import platformdirs
from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.errors import CounterpartError, JobCancelledError, UsageError
from counterpart.core.images.finding import Found, LeftOut, search_images
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.images.video import VIDEO_SUFFIXES
from counterpart.core.project.commands import AddImages, Command
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.resources import resource_path
from counterpart.desktop.jobs.file_loader import FileLoader
from counterpart.desktop.project.document_changes import DocumentChanges
from counterpart.desktop.shell.settings import Settings

PROJECT_SUFFIX = ".counterpart"
LOOKING_ONLY = "The project is open for looking only. Save a copy to change it."
_ODD = re.compile(r"[^\w.-]+")


def projects_dir() -> Path:
    """Where projects live that were not given a file: `COUNTERPART_PROJECTS` or the user's data folder."""
    chosen = os.environ.get("COUNTERPART_PROJECTS")
    if chosen:
        return Path(chosen)
    return Path(platformdirs.user_data_dir("counterpart", appauthor=False)) / "projects"


def folder_project(folder: Path) -> Path:
    """The project file of a folder of images: the same folder always has the same one."""
    place = folder.resolve()
    digest = hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = _ODD.sub("-", place.name).strip("-")[:60] or "images"
    return projects_dir() / f"{name}-{digest}{PROJECT_SUFFIX}"


class Session(QObject):
    """Holds the open document and the history of what was done to it.

    Attributes:
        changes: What changes in the document that is open.

    Signals:
        opened: Another document is open; `document`, `history` and `title` are new.
        closing: The document is about to be closed.
        doing: A `Command` is about to be done.
        closed: Nothing is open any more.
        busy: What is being read, empty when nothing is.
        trouble: Kind (`warning`, `error`) and text of something that did not work.
        stepped: A command that was taken back or done again, and `Undid` or `Redid`.
        video_wanted: A video file that was dropped or named; its frames have to be taken first.
    """

    opened = Signal()
    closing = Signal()
    doing = Signal(object)
    closed = Signal()
    renamed = Signal()
    busy = Signal(str)
    trouble = Signal(str, str)
    stepped = Signal(object, str)
    video_wanted = Signal(object)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._document: Document | None = None
        self._history: History | None = None
        self.changes = DocumentChanges(self)
        self._home: Path | None = None
        self._title = ""
        self._why_in_memory = ""
        self._ending = threading.Event()
        self._scan = FileLoader("folders", self)
        self._scan.loaded.connect(self._scanned)
        self._scan.failed.connect(self._scan_failed)

    # What is open -------------------------------------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        """The open document, None when nothing is open."""
        return self._document

    @property
    def history(self) -> History | None:
        """What was done to the open document."""
        return self._history

    @property
    def title(self) -> str:
        """Name of the folder or project."""
        return self._title

    @property
    def why_in_memory(self) -> str:
        """Why the project could not have a file of its own, in words; empty where it has one."""
        return self._why_in_memory

    @property
    def own_file(self) -> bool:
        """Whether the project has a file that the person named."""
        document = self.document
        path = document.path if document is not None else None
        return path is not None and path.parent != projects_dir().resolve()

    @property
    def folder(self) -> Path:
        """Where dialogs begin."""
        if self._home is not None:
            return self._home
        recent = self._settings.recent()
        return recent[0].parent if recent else Path.home()

    # Opening ------------------------------------------------------------------------------------------------

    def open_any(self, paths: Sequence[Path]) -> None:
        """Open what was dropped or named at the start: a project, a folder, or image files."""
        projects = [path for path in paths if path.suffix == PROJECT_SUFFIX and path.is_file()]
        folders = [path for path in paths if path.is_dir()]
        images = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
        videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]
        if projects:
            self.open_project(projects[0])
        elif len(folders) == 1 and not images:
            self.open_folder(folders[0])
        elif folders or images:
            self.add([*folders, *images])
        elif videos:
            self.video_wanted.emit(videos[0])
        else:
            missing = [path for path in paths if not path.exists()]
            first = (missing or list(paths))[0]
            what = "does not exist" if missing else "is neither a project, a folder, an image nor a video"
            self.trouble.emit("error", f"{first} {what}.")

    def open_folder(self, folder: Path) -> None:
        """Read a folder and open its project."""
        self.busy.emit(f"Reading {folder.name} …")
        self._scan.request(("open", folder), lambda: search_images([folder], check=self._go_on))

    def open_samples(self) -> None:
        """Open the program's own photographs."""
        self.open_folder(resource_path("samples"))

    def open_project(self, path: Path) -> bool:
        """Open a project file; returns whether that worked. The one that is open already stays as it is."""
        if self._is_open(path):
            return True
        try:
            document = Document.open(path)
        except CounterpartError as error:
            if not path.exists():
                self._settings.forget(path)
            self.trouble.emit("error", str(error))
            return False
        self._take(document, path.stem, path.parent)
        self._settings.remember(path)
        return True

    def add(self, paths: Sequence[Path]) -> None:
        """Add files and folders to the open project, or to a new one."""
        self.busy.emit("Reading images …")
        self._scan.request(("add", tuple(paths)), lambda: search_images(paths, check=self._go_on))

    def _go_on(self) -> None:
        """On the thread, before each folder: a walk through a slow disk does not outlive the window."""
        if self._ending.is_set():
            raise JobCancelledError

    @Slot(object, object)
    def _scanned(self, key: tuple[str, object], found: Found) -> None:
        self.busy.emit("")
        what, source = key
        try:
            if what == "open" and isinstance(source, Path):
                self._open_scanned(source, found)
            else:
                self._add_scanned(found)
        except CounterpartError as error:
            self.trouble.emit("error", str(error))
            return
        said = _words(found.left_out)
        if said:
            self.trouble.emit("warning" if found.left_out.problems else "info", said)

    def _is_open(self, path: Path) -> bool:
        """Whether a project file is the one that is open: opened twice, it could only be looked at."""
        document = self.document
        return document is not None and document.path is not None and document.path == path.resolve()

    def _open_scanned(self, folder: Path, found: Found) -> None:
        if self._is_open(folder_project(folder)):
            if self.document is not None and not self.document.read_only:
                self.document.add_images(found.refs)
            return
        document = self._kept(folder_project(folder))
        try:
            if not document.read_only:
                document.add_images(found.refs)
        except BaseException:
            document.close()
            raise
        self._take(document, folder.resolve().name or str(folder), folder)
        self._settings.remember(folder)

    def _kept(self, path: Path) -> Document:
        """The project in a file of the user's data folder, made if need be; in memory where that cannot be."""
        try:
            return Document.open(path) if path.exists() else Document.new(path)
        except CounterpartError as error:
            # The images can be worked on all the same; saving under a name keeps the work.
            self._why_in_memory = str(error)
            return Document.untitled()

    def _add_scanned(self, found: Found) -> None:
        if self._document is None:
            home = found.refs[0].path.parent
            now = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S-%f")
            self._take(self._kept(projects_dir() / f"untitled-{now}{PROJECT_SUFFIX}"), "Untitled", home)
        assert self._history is not None
        if not self._history.push(AddImages(list(found.refs))):
            self.trouble.emit("info", "These images are in the project already.")

    @Slot(object, str)
    def _scan_failed(self, _key: object, error: str) -> None:
        self.busy.emit("")
        self.trouble.emit("error", error)

    def _take(self, document: Document, title: str, home: Path) -> None:
        self._leave()
        self._document, self._history = document, History(document)
        self._history.subscribe(self.changes.history.emit)
        self.changes.follow(document)
        self._title, self._home = title, home
        self.opened.emit()

    def reopen(self) -> bool:
        """Try to open the project anew so that it can be changed; returns whether that worked."""
        document = self.document
        if document is None or document.path is None:
            return False
        try:
            fresh = Document.open(document.path)
        except CounterpartError as error:
            self.trouble.emit("error", str(error))
            return False
        if fresh.read_only:
            why = fresh.why_read_only
            fresh.close()
            self.trouble.emit("info", f"It can still only be looked at: {why}.")
            return False
        assert self._home is not None
        self._take(fresh, self._title, self._home)
        return True

    # Changing -----------------------------------------------------------------------------------------------------

    def do(self, command: Command) -> bool:
        """Do a command as one step of the history; a refusal is told. Returns whether anything changed."""
        return self.do_instead(command, None)

    def do_instead(self, command: Command, old: Command | None) -> bool:
        """The same in place of an older command, if that is the last step: a slider that moves on is one step."""
        if self._history is None or self._document is None:
            return False
        if self._document.read_only:  # the banner says why
            self.trouble.emit("warning", LOOKING_ONLY)
            return False
        self.doing.emit(command)
        try:
            return self._history.push_instead(command, old)
        except CounterpartError as error:
            self.trouble.emit("warning", str(error))
            return False

    def is_last(self, command: Command | None) -> bool:
        """Whether a command is the last thing that was done."""
        return command is not None and self._history is not None and self._history.last is command

    @Slot()
    def undo(self) -> None:
        """Take back the last step."""
        if self._history is not None and self._history.can_undo:
            command = self._history.last
            self._history.undo()
            self.stepped.emit(command, "Undid")

    @Slot()
    def redo(self) -> None:
        """Do again what was taken back last."""
        if self._history is not None and self._history.can_redo:
            command = self._history.next
            self._history.redo()
            self.stepped.emit(command, "Redid")

    # Saving and closing -------------------------------------------------------------------------------------

    def save_as(self, path: Path) -> bool:
        """Write the project to a file of that name and go on with it; returns whether that worked."""
        document = self.document
        if document is None:
            return False
        path = path if path.suffix == PROJECT_SUFFIX else path.with_name(path.name + PROJECT_SUFFIX)
        try:
            if path.is_dir():
                raise UsageError("this is a folder", path=path, hint="Choose a file name")
            document.save_as(path, overwrite=True)
        except CounterpartError as error:
            self.trouble.emit("error", str(error))
            return False
        self._title, self._home = path.stem, path.parent
        self._why_in_memory = ""
        self._settings.remember(path)
        self.renamed.emit()
        return True

    def save(self) -> bool:
        """Write what could not be written before; returns whether everything is saved."""
        document = self.document
        if document is None:
            return False
        try:
            document.save()
        except CounterpartError as error:
            self.trouble.emit("error", str(error))
            return False
        return True

    def close(self) -> None:
        """Close the document. What was done is in its file already."""
        if self._document is not None:
            self._leave()
            self.closed.emit()

    def _leave(self) -> None:
        if self._document is None:
            return
        self.closing.emit()
        document, self._document, self._history = self._document, None, None
        self.changes.follow(None)
        document.close()
        self._title = ""

    def shutdown(self) -> None:
        """Close the document and end the thread that reads folders."""
        self.close()
        self._ending.set()
        self._scan.close()


def _words(left_out: LeftOut) -> str:
    """What of a folder is left out, for a message."""
    first = [f"{error}." for error in left_out.problems[:1]]
    more = len(left_out.problems) - 1
    first += [f"{more} more of the kind."] * (more > 0)
    return "\n".join([" ".join(first), *([f"{left_out.line}."] if left_out.line else [])]).strip()
