"""Watches over a person's work: says when it cannot be saved, or not changed, and saves it as soon as it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from counterpart.core.errors import CounterpartError
from counterpart.core.project.changes import SavedChanged
from counterpart.core.project.document import Document
from counterpart.core.wording import plural
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.banner import Banner, BannerButton
from counterpart.desktop.widgets.trouble_dialog import TroubleDialog

RETRY_MS = 5000
"""How often saving is tried again while it fails."""

FOLD_MS = 30_000
"""How long after a change the project file is complete without what SQLite keeps beside it, at the latest."""


class _Said(NamedTuple):
    key: str
    kind: str
    text: str
    buttons: tuple[BannerButton, ...] = ()
    can_go: bool = True


class SaveWatch(QObject):
    """Decides what the banner says.

    Args:
        session: What is open.
        banner: Says it.
        save_as: Asks for a file and goes on with it.
        parent: Owner; dialogs belong to it.

    Signals:
        saved_again: What could not be saved for a while is in the file now.
    """

    saved_again = Signal()

    def __init__(self, session: Session, banner: Banner, save_as: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        self._session, self._banner, self._save_as, self._window = session, banner, save_as, parent
        self._missing = 0
        self._locate: Callable[[], object] | None = None
        self._aside = 0
        self._show_aside: Callable[[], object] | None = None
        self._dismissed: set[str] = set()
        self._failing = False
        self._retry = QTimer(self)
        self._retry.setInterval(RETRY_MS)
        self._retry.timeout.connect(self._try_again)
        self._folding = QTimer(self, singleShot=True, interval=FOLD_MS)
        self._folding.timeout.connect(self._fold)
        session.changes.saved.connect(self._on_saved)
        session.changes.saved.connect(self._fold_soon)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        # Whoever turns to another window may be about to copy the file.
        application.applicationStateChanged.connect(self._fold_when_left)
        session.opened.connect(self._opened)
        session.closing.connect(self._closing)

    # What happens -------------------------------------------------------------------------------------------------

    @Slot()
    def _opened(self) -> None:
        document = self._session.document
        assert document is not None
        self._dismissed.clear()
        self._missing = 0
        self._on_saved(document.saved)

    @Slot()
    def _closing(self) -> None:
        self._retry.stop()
        self._folding.stop()
        self._failing = False
        self._banner.hide()

    def set_missing(self, count: int, locate: Callable[[], object]) -> None:
        """Say how many images are not where they were, and what finds them."""
        if count > self._missing:
            self._dismissed.discard("missing")
        self._missing, self._locate = count, locate
        self.refresh()

    def set_aside(self, count: int, show: Callable[[], object]) -> None:
        """Say how many images' labels belong to other pictures than are there now, and what shows the first of them."""
        if count > self._aside:
            self._dismissed.discard("aside")
        self._aside, self._show_aside = count, show
        self.refresh()

    @Slot(object)
    def _on_saved(self, change: SavedChanged) -> None:
        failing = change.error is not None and not change.saved
        if failing and not self._failing:
            self._retry.start()
        elif not failing and self._failing:
            self._retry.stop()
            self.saved_again.emit()
        self._failing = failing
        self.refresh()

    @Slot()
    def _try_again(self) -> None:
        document = self._session.document
        if document is None:
            return
        try:
            document.save()
        except CounterpartError:
            return  # the document tells: the banner says why

    @Slot()
    def _fold_soon(self) -> None:
        if not self._folding.isActive():
            self._folding.start()

    @Slot(Qt.ApplicationState)
    def _fold_when_left(self, state: Qt.ApplicationState) -> None:
        if state != Qt.ApplicationState.ApplicationActive and self._folding.isActive():
            self._fold()

    @Slot()
    def _fold(self) -> None:
        document = self._session.document
        if document is None or document.fold():
            self._folding.stop()
        else:
            self._folding.start()

    # What is said -------------------------------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Say what matters most now."""
        document = self._session.document
        said = None if document is None else self._most_pressing(document)
        if said is None:
            self._banner.hide()
            return
        buttons = list(said.buttons)
        if said.can_go:
            buttons.append(("Dismiss", lambda: self._dismiss(said.key)))
        self._banner.show_state(said.kind, said.text, buttons)

    def _most_pressing(self, document: Document) -> _Said | None:
        found = (
            self._not_saved(document),
            self._damaged(document),
            self._read_only(document),
            self._in_memory(document),
            self._images_missing(),
            self._images_aside(),
        )
        return next((said for said in found if said is not None and said.key not in self._dismissed), None)

    def _not_saved(self, document: Document) -> _Said | None:
        saved = document.saved
        if saved.error is None or saved.saved:
            return None
        what = getattr(saved.error, "what", str(saved.error))
        text = f"Not saved: {what}. Your work is in memory; saving it is tried again every few seconds."
        return _Said(
            "unsaved", "error", text, (("Try now", self._try_again), ("Save as…", self._save_as)), can_go=False
        )

    def _damaged(self, document: Document) -> _Said | None:
        problems = document.problems
        if not problems:
            return None
        count = len(problems)
        what = problems[0] if count == 1 else f"{count} things cannot be read"
        text = f"The project file is damaged: {what}. The rest is open for looking; the file is left as it is."
        buttons = (("Details…", lambda: self._show_problems(problems)), ("Save the rest as…", self._save_as))
        return _Said("damaged", "error", text, buttons)

    def _read_only(self, document: Document) -> _Said | None:
        if not document.read_only:
            return None
        text = f"Open for looking only: {document.why_read_only}."
        return _Said(
            "read-only", "warning", text, (("Try again", self._session.reopen), ("Save a copy…", self._save_as))
        )

    def _in_memory(self, document: Document) -> _Said | None:
        if document.path is not None:
            return None
        text = f"This project is only in memory. {self._session.why_in_memory}".strip()
        return _Said("memory", "warning", text, (("Save as…", self._save_as),))

    def _images_missing(self) -> _Said | None:
        if not self._missing or self._locate is None:
            return None
        noun = plural(self._missing, "image is", "images are")
        text = f"{self._missing:,} {noun} not where the project says. What was annotated on them is kept."
        return _Said("missing", "warning", text, (("Locate…", self._locate),))

    def _images_aside(self) -> _Said | None:
        if not self._aside or self._show_aside is None:
            return None
        noun = plural(self._aside, "image is another picture", "images are other pictures")
        text = f"{self._aside:,} {noun} now, of another size. The labels were kept aside."
        return _Said("aside", "warning", text, (("Show", self._show_aside),))

    def _dismiss(self, key: str) -> None:
        self._dismissed.add(key)
        self.refresh()

    def _show_problems(self, problems: tuple[str, ...]) -> None:
        text = (
            "These parts of the project file cannot be read. Everything else is shown. Save the rest under another "
            "name to go on working, or restore a backup of the file."
        )
        TroubleDialog("The project file is damaged", text, "\n".join(problems), self._window, show_details=True).open()
