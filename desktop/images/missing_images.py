"""Images that are not where the project says: notices them, marks them, and finds them again.

Finding them later needs to know their content, so that is noted while nothing else is to be done. Files that look like
others than before, by length and time, are read again: whether they are others is seen by their content.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from counterpart.core.folders import stamp
from counterpart.core.jobs import JobContext
from counterpart.core.project.commands import RelinkImages
from counterpart.core.project.document import Document
from counterpart.core.project.model import ImageRecord
from counterpart.core.project.relink import learn_facts
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.images.image_model import ImageModel
from counterpart.desktop.images.locate_dialog import LocateDialog
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.project.session import Session
from counterpart.desktop.widgets.labels import heading, muted
from counterpart.desktop.widgets.theme import GRID

_LOOK_MS = 400
_REST_MS = 150
_AT_ONCE = 16


def _look_job(files: Sequence[tuple[int, str]]) -> Callable[[Any, JobContext], dict[int, tuple[int, ...] | None]]:
    """A job that gives the stamps of files, None of those that are not there."""

    def run(_engine: Any, ctx: JobContext) -> dict[int, tuple[int, ...] | None]:
        stamps = {}
        for number, (image, file) in enumerate(files):
            if number % 64 == 0:
                ctx.step(number, len(files), "Looking for the images")
            stamps[image] = stamp(file)
        return stamps

    return run


def _facts_job(items: Sequence[tuple[ImageRecord, Path]]) -> Callable[[Any, JobContext], list[ImageRecord]]:
    def run(_engine: Any, ctx: JobContext) -> list[ImageRecord]:
        return learn_facts(items, ctx)

    return run


class MissingCard(QFrame):
    """Lies over a pane of the canvas in place of an image whose file is gone."""

    def __init__(self, canvas_pane: int, locate: Callable[[], object], remove: Callable[[int], object]) -> None:
        super().__init__()
        self.setObjectName("card")
        self.pane = canvas_pane
        self.title = heading("This image is not where it was")
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.where = muted(wrap=True)
        self.where.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.kept = muted("What was annotated on it is kept.", small=True)
        self.kept.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.locate = QPushButton("Locate…")
        self.locate.setObjectName("primary")
        self.locate.clicked.connect(locate)
        self.remove = QPushButton("Remove from project")
        self.remove.clicked.connect(lambda: remove(self.pane))
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addStretch(1)
        row.addWidget(self.locate)
        row.addWidget(self.remove)
        row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(GRID)
        box.addWidget(self.title)
        box.addWidget(self.where)
        box.addWidget(self.kept)
        box.addSpacing(GRID)
        box.addLayout(row)
        self.hide()


class MissingImages(QObject):
    """Looks after the places of images.

    Args:
        window: Owner of dialogs.
        session: What is open.
        canvas: Cards lie over its panes.
        viewer: Which images those show.
        model: The list of images, which marks those that are missing.
        runner: Looks for files beside the window.

    Signals:
        changed: How many images are missing now.
        replaced: What came of noting files that are others than they were: an `Outcome` of `NoteFacts`.
    """

    changed = Signal(int)
    replaced = Signal(object)

    def __init__(
        self, window: QWidget, session: Session, canvas: Canvas, viewer: Viewer, model: ImageModel, runner: JobRunner
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._canvas = window, session, canvas
        self._viewer, self._model, self._runner = viewer, model, runner
        self._missing: set[int] = set()
        self._looking: Job | None = None
        self._learning: Job | None = None
        self._unknown: deque[int] = deque()
        self._stamps: dict[int, tuple[int, ...]] = {}
        self._suspected: set[int] = set()
        self._begin = QTimer(self)
        self._begin.setSingleShot(True)
        self._begin.setInterval(_LOOK_MS)
        self._begin.timeout.connect(self.look)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._learn)
        self.busy: Callable[[], bool] = lambda: False
        self.remove: Callable[[list[int]], object] = lambda _images: None
        self.cards = [MissingCard(pane, self.locate, self._remove) for pane in (0, 1)]
        for card in self.cards:
            card.setParent(canvas)
        canvas.installEventFilter(self)
        session.opened.connect(self._begin.start)
        self._application = QGuiApplication.instance()
        if isinstance(self._application, QGuiApplication):
            self._application.applicationStateChanged.connect(self._on_application)
        session.closing.connect(self._closing)
        viewer.shown.connect(self.place_cards)
        viewer.unreadable.connect(self._on_unreadable)

    @property
    def missing(self) -> frozenset[int]:
        """The images that are known to be missing."""
        return frozenset(self._missing)

    def stop(self) -> None:
        """The window is going."""
        self._begin.stop()
        self._rest.stop()
        self._canvas.removeEventFilter(self)
        if isinstance(self._application, QGuiApplication):
            self._application.applicationStateChanged.disconnect(self._on_application)

    @Slot()
    def _closing(self) -> None:
        for job in (self._looking, self._learning):
            if job is not None:
                self._runner.cancel(job)
        self._looking = self._learning = None
        self._begin.stop()
        self._rest.stop()
        self._unknown.clear()
        self._stamps.clear()
        self._suspected.clear()
        self._missing.clear()
        for card in self.cards:
            card.hide()

    # Looking ------------------------------------------------------------------------------------------------------

    @Slot(Qt.ApplicationState)
    def _on_application(self, state: Qt.ApplicationState) -> None:
        """A person comes back from another program, which may have moved or replaced files."""
        if state == Qt.ApplicationState.ApplicationActive and self._session.document is not None:
            self._begin.start()
            self._viewer.look_again()

    @Slot()
    def look(self) -> None:
        """Look which images are missing, beside the window."""
        document = self._session.document
        if document is None or self._looking is not None:
            return
        job = _look_job(document.image_files())
        self._looking = self._runner.submit(Job("Looking for the images", job), ended=self._looked)

    def _looked(self, outcome: JobOutcome) -> None:
        self._looking = None
        document = self._session.document
        if document is not None and outcome.result is not None:
            stamps: dict[int, tuple[int, ...] | None] = outcome.result
            self._set_missing(image for image, found in stamps.items() if found is None)
            self._suspect(document, stamps)
            unknown = (record.id for record in document.images() if not record.sha256)
            self._unknown = deque([*self._suspected, *unknown])
            self._rest.start(_REST_MS)

    def _suspect(self, document: Document, stamps: Mapping[int, tuple[int, ...] | None]) -> None:
        """Note which files look like others than before, or than the project knows."""
        for image, found in stamps.items():
            record = self._model.record(image)
            if found is None or record is None:
                continue
            before = self._stamps.get(image)
            other_length = 0 <= record.size_bytes != found[0]
            if (before is not None and before != found) or other_length or document.aside(image) is not None:
                self._suspected.add(image)
            self._stamps[image] = found

    @Slot(int, str)
    def _on_unreadable(self, image: int, text: str) -> None:
        """An image was shown, or could not be."""
        document = self._session.document
        if document is None:
            return
        gone = bool(text) and not document.image_path(image).exists()
        if gone != (image in self._missing):
            self._set_missing(self._missing | {image} if gone else self._missing - {image})

    def _set_missing(self, missing: Iterable[int]) -> None:
        self._missing = set(missing)
        self._model.set_missing(self._missing)
        self.changed.emit(len(self._missing))
        self.place_cards()

    def moved(self, images: Sequence[int]) -> None:
        """The project says another place for images now."""
        document = self._session.document
        if document is None:
            return
        for image in images:
            self._model.set_problem(image, "")
            self._viewer.reload(image)
        self._set_missing(
            (self._missing - set(images)) | {image for image in images if not document.image_path(image).exists()}
        )

    # Noting what identifies an image ------------------------------------------------------------------------------

    @Slot()
    def _learn(self) -> None:
        """Read some images whose content nobody has noted; a rest follows that is longer than the reading."""
        document = self._session.document
        if document is None or document.read_only or self._learning is not None:
            return
        if self.busy() or self._runner.busy:
            self._rest.start(10 * _REST_MS)
            return
        items: list[tuple[ImageRecord, Path]] = []
        while self._unknown and len(items) < _AT_ONCE:
            image = self._unknown.popleft()
            record = self._model.record(image)
            wanted = record is not None and (not record.sha256 or image in self._suspected)
            self._suspected.discard(image)
            if record is not None and wanted and image not in self._missing:
                items.append((record, document.image_path(image)))
        if items:
            self._learning = self._runner.submit(Job("Noting images", _facts_job(items)), ended=self._learnt)

    def _learnt(self, outcome: JobOutcome) -> None:
        self._learning = None
        document = self._session.document
        if document is not None and outcome.result is not None:
            self._note(document, outcome.result)

    def _note(self, document: Document, facts: list[ImageRecord]) -> None:
        model = self._model
        # The doubt may be newer than the reading.
        outcome = document.note_facts(
            [
                dataclasses.replace(fact, doubt=document.image(fact.id).doubt)
                for fact in facts
                if model.record(fact.id) is not None
            ]
        )
        if outcome.changed or outcome.skipped:
            self.replaced.emit(outcome)
        self._rest.start(_REST_MS)

    def images_changed(self, added: Sequence[int], removed: Sequence[int]) -> None:
        """Images came into the project, or back into it, and went."""
        if not self._missing.isdisjoint(removed):
            self._set_missing(self._missing.difference(removed))
        if added:
            self._begin.start()

    # Doing --------------------------------------------------------------------------------------------------------

    def locate(self) -> None:
        """Ask where missing images are now."""
        document = self._session.document
        if document is None:
            return
        records = [record for record in document.images() if record.id in self._missing]
        LocateDialog(records, self._session.folder, self._runner, self._relink, self._window).open()

    def _relink(self, places: dict[int, Path]) -> bool:
        return self._session.do(RelinkImages(places))

    def _remove(self, pane: int) -> None:
        image = self._viewer.image(pane)
        if image:
            self.remove([image])

    # The cards ----------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._begin_placing()
        return super().eventFilter(watched, event)

    def _begin_placing(self) -> None:
        # After the canvas has arranged its panes.
        QTimer.singleShot(0, self, self.place_cards)

    @Slot()
    def place_cards(self) -> None:
        """Lay a card over each pane whose image is missing."""
        document, canvas = self._session.document, self._canvas
        for card in self.cards:
            image = self._viewer.image(card.pane)
            shown = document is not None and card.pane < canvas.count and image in self._missing
            card.setVisible(shown)
            if shown and document is not None:
                canvas.panes[card.pane].message = ""
                canvas.refresh()
                card.where.setText(str(document.image_path(image)))
                card.remove.setEnabled(not document.read_only)
                area = canvas.panes[card.pane].view.area.toRect()
                width = min(460, area.width() - 4 * GRID)
                height = max(card.heightForWidth(width), card.sizeHint().height())
                card.setGeometry(area.center().x() - width // 2, area.center().y() - height // 2, width, height)
                card.raise_()
