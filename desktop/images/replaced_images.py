"""Photographs that other files have been put in the place of: shown anew, and asked about where their size changed."""

from __future__ import annotations

from collections.abc import Callable, Collection

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from counterpart.core.project.aside import aside_image
from counterpart.core.project.commands import Outcome, TakeReplacements
from counterpart.core.wording import plural
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.images.thumbnails import Thumbnails
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.project.session import Session
from counterpart.desktop.widgets.labels import heading, muted
from counterpart.desktop.widgets.theme import GRID


class ReplacedCard(QFrame):
    """Lies over the foot of a pane whose image's labels belong to another picture."""

    def __init__(self, pane: int, decide: Callable[[int, bool], object], again: Callable[[int], object]) -> None:
        super().__init__()
        self.setObjectName("card")
        self.pane = pane
        self.title = heading("This is another picture now")
        self.what = muted(wrap=True)
        self.scale = QPushButton("Scale its labels")
        self.scale.setObjectName("primary")
        self.scale.clicked.connect(lambda: decide(self.pane, True))
        self.give_up = QPushButton("Give its labels up")
        self.give_up.clicked.connect(lambda: decide(self.pane, False))
        self.again = QPushButton("Look again")
        self.again.setToolTip("After you have put the old file back")
        self.again.clicked.connect(lambda: again(self.pane))
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for button in (self.scale, self.give_up, self.again):
            row.addWidget(button)
        row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        box.setSpacing(GRID)
        box.addWidget(self.title)
        box.addWidget(self.what)
        box.addLayout(row)
        self.hide()


class ReplacedImages(QObject):
    """Says which images are other pictures now, and does what a person decides about their labels.

    Args:
        window: Owner.
        session: What is open.
        canvas: Cards lie over its panes.
        viewer: Which images those show.
        thumbnails: Small pictures that are made anew.

    Signals:
        changed: How many images lie aside, and the first of them, 0 for none.
        anew: Images whose files are others now: what was computed of them is void.
    """

    changed = Signal(int, int)
    anew = Signal(object)

    def __init__(
        self, window: QWidget, session: Session, canvas: Canvas, viewer: Viewer, thumbnails: Thumbnails
    ) -> None:
        super().__init__(window)
        self._session, self._canvas, self._viewer, self._thumbnails = session, canvas, viewer, thumbnails
        self.cards = [ReplacedCard(pane, self._decide, self._look_again) for pane in (0, 1)]
        for card in self.cards:
            card.setParent(canvas)
        canvas.installEventFilter(self)
        session.opened.connect(self._count)
        session.closing.connect(self._closing)
        session.changes.settings.connect(self._settings_changed)
        session.changes.images.connect(self._count)
        viewer.shown.connect(self.place_cards)
        viewer.replaced.connect(self.noted)

    def stop(self) -> None:
        """The window is going."""
        self._canvas.removeEventFilter(self)

    @Slot()
    def _closing(self) -> None:
        for card in self.cards:
            card.hide()

    # What was noticed ---------------------------------------------------------------------------------------------

    @Slot(object)
    def noted(self, outcome: Outcome) -> None:
        """Files were found to be others than they were."""
        document = self._session.document
        if document is None:
            return
        images = [*outcome.changed, *(image for image, _ in outcome.skipped)]
        for image in images:
            self._thumbnails.refresh(image)
        self.anew.emit(images)
        if outcome.changed:
            more = len(outcome.changed) - 1
            name = document.name_of(outcome.changed[0])
            who = f"{name} and {more} {plural(more, 'other')} are" if more else f"{name} is"
            self._session.trouble.emit("info", f"{who} another picture of the same size now. The labels stay.")
        self.place_cards()

    def reread(self, outcome: Outcome) -> None:
        """The same, where the viewer has not read them anew yet."""
        for image in [*outcome.changed, *(image for image, _ in outcome.skipped)]:
            self._viewer.reload(image)
        self.noted(outcome)

    @Slot(object)
    def _settings_changed(self, keys: Collection[str]) -> None:
        images = [image for image in map(aside_image, keys) if image is not None]
        for image in images:
            self._thumbnails.refresh(image)
            self._viewer.show_anew(image)
        if images:
            self._count()

    @Slot()
    def _count(self) -> None:
        document = self._session.document
        asides = {} if document is None else document.asides()
        self.changed.emit(len(asides), min(asides, default=0))
        self.place_cards()

    # What is decided ----------------------------------------------------------------------------------------------

    def _decide(self, pane: int, scale: bool) -> None:
        image = self._viewer.image(pane)
        if image:
            self._session.do(TakeReplacements([image], scale))

    def _look_again(self, pane: int) -> None:
        self._viewer.reload(self._viewer.image(pane))

    # The cards ----------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            QTimer.singleShot(0, self, self.place_cards)  # after the canvas has arranged its panes
        return super().eventFilter(watched, event)

    @Slot()
    def place_cards(self) -> None:
        """Lay a card over each pane that shows another picture than its labels belong to."""
        document, canvas = self._session.document, self._canvas
        for card in self.cards:
            image = self._viewer.image(card.pane) if card.pane < canvas.count else 0
            said = self._viewer.other_picture(image) if canvas.panes[card.pane].photo is not None else ""
            card.setVisible(bool(said))
            if not said or document is None:
                continue
            now, was = document.aside(image), document.annotated_hw(image)
            card.what.setText(f"{said}.")
            card.scale.setVisible(now is not None and was is not None and now.scales(was))
            for button in (card.scale, card.give_up, card.again):
                button.setEnabled(not document.read_only)
            area = canvas.panes[card.pane].view.area.toRect()
            width = min(520, area.width() - 4 * GRID)
            height = max(card.heightForWidth(width), card.sizeHint().height())
            card.setGeometry(area.center().x() - width // 2, area.bottom() - height - 2 * GRID, width, height)
            card.raise_()
