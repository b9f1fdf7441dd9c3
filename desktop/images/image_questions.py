"""What is asked about images first: before their labels are lost, and before one without any counts as reviewed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from counterpart.core.project.commands import RemoveImages
from counterpart.core.project.document import Document
from counterpart.core.project.work import unlabelled, work_on
from counterpart.core.wording import counted, plural
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.question import ask


class ImageQuestions(QObject):
    """Removes images and lets them be reviewed, and asks where that may not be meant.

    Args:
        window: Owner of dialogs.
        session: The project that is open.
        settings: Remember what a person does not want to be asked again.
    """

    def __init__(self, window: QWidget, session: Session, settings: Settings) -> None:
        super().__init__(window)
        self._window, self._session, self._settings = window, session, settings
        self._empty_may_pass = False
        session.closing.connect(self._closing)

    @Slot()
    def _closing(self) -> None:
        self._empty_may_pass = False

    @Slot(list)
    def remove(self, images: Sequence[int]) -> None:
        """Take images out of the project; the files stay. Where a person worked on them, that is said first."""
        document = self._session.document
        if document is None or not images:
            return
        work = work_on(document, images)
        if not work.images or document.read_only:  # what cannot be changed is refused by the session
            self._session.do(RemoveImages(images))
            return
        which = document.name_of(images[0]) if len(images) == 1 else f"{len(images):,} images"
        words = work.words()
        made = f": {words}" if words else ""
        where = "It has" if len(images) == 1 else f"{work.images:,} of them {plural(work.images, 'has', 'have')}"
        ask(
            self._window,
            "Remove images",
            f"Remove {which} from the project?",
            more=f"{where} your work on {plural(work.images, 'it', 'them')}{made}. Undo (Ctrl+Z) brings all of it back "
            "until the project is closed; after that it is lost. The photographs themselves stay where they are.",
            button="Remove",
            careful=True,
            accepted=lambda: self._still(document) and self._session.do(RemoveImages(images)),
        )

    def review(self, images: Sequence[int], then: Callable[[], object]) -> None:
        """Go on to mark images as reviewed. For some without any label that is asked once in each project."""
        document = self._session.document
        if document is None:
            return
        asked = self._settings.preferences.ask_empty_review and not self._empty_may_pass
        empty = unlabelled(document, images) if asked else []
        if not empty:
            then()
            return
        if len(images) == 1:
            text = f"Mark {document.name_of(empty[0])} as reviewed without labels?"
        else:
            text = f"Mark {counted(len(images), 'image')} as reviewed? {len(empty):,} have no labels."

        def accepted() -> None:
            if self._still(document):
                self._empty_may_pass = True
                then()

        ask(
            self._window,
            "Nothing is labelled",
            text,
            more="A reviewed image without labels says that there is nothing on it; learning and exports take it so.",
            button="Mark as reviewed",
            accepted=accepted,
            forgo=lambda: self._settings.change(ask_empty_review=False),
        )

    def _still(self, document: Document) -> bool:
        """Whether the project that was asked about is still the open one."""
        return self._session.document is document
