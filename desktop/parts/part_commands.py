"""What a person does to parts, turned into commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QColor

from counterpart.core.project.commands import (
    AcceptPredictions,
    AddPart,
    Command,
    Compound,
    DeleteParts,
    EditPart,
    MergeParts,
    ReorderParts,
)
from counterpart.core.project.document import Document
from counterpart.core.project.model import PartLabel
from counterpart.core.project.names import free_name
from counterpart.core.wording import plural
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.parts.parts_panel import PartsPanel
from counterpart.desktop.project.session import Session


class PartCommands(QObject):
    """Keeps the legend in step with the document and carries out what it asks for.

    Signals:
        parts_changed: The parts, after some came, went or look different.
        list_wanted: Part whose images should be listed.
        split_wanted: Part that should be divided on all images.
        says: A line for the status bar.
        active_changed: The part that tools work with, 0 for none.
    """

    active_changed = Signal(int)
    parts_changed = Signal(object)
    list_wanted = Signal(int)
    split_wanted = Signal(int)
    says = Signal(str)

    def __init__(self, session: Session, viewer: Viewer, panel: PartsPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._viewer, self._panel = session, viewer, panel
        self._listed: Callable[[], Sequence[int]] = lambda: ()
        panel.rename.connect(self._rename)
        panel.recolour.connect(self._recolour)
        panel.show_part.connect(self._show)
        panel.lock_part.connect(self._lock)
        panel.add.connect(self._add)
        panel.merge.connect(self._merge)
        panel.delete.connect(self._delete)
        panel.reorder.connect(lambda order: self._session.do(ReorderParts(order)))
        panel.wanted.connect(self._menu)
        panel.active_changed.connect(self.active_changed)
        panel.emphasised.connect(viewer.emphasise)

    @property
    def _document(self) -> Document | None:
        return self._session.document

    @property
    def active(self) -> int:
        """The part that tools work with, 0 for none."""
        return self._panel.active

    def refresh_parts(self) -> None:
        """The list of parts changed."""
        document = self._document
        self._panel.set_editable(document is None or not document.read_only)
        self._panel.set_parts(document.parts if document is not None else ())
        self.parts_changed.emit(document.parts if document is not None else ())
        self._viewer.restyle()
        self.refresh_image()

    def refresh_image(self) -> None:
        """The current image or its labels changed."""
        document, image = self._document, self._viewer.image(0)
        if document is None or not image:
            self._panel.model.set_image({}, set())
            return
        states = document.part_states(image)
        record = document.image(image)
        pixels = record.width * record.height or sum(count for _, count in states.values()) or 1
        shares = {part: count / pixels for part, (_, count) in states.items()}
        predicted = {part for part, (state, count) in states.items() if state == "predicted" and count}
        self._panel.model.set_image(shares, predicted)

    def choose(self, part: int) -> None:
        """Make a part the active one, 0 for none."""
        self._panel.set_active(part)

    # Parts --------------------------------------------------------------------------------------------------------

    @Slot(int, str)
    def _rename(self, part: int, name: str) -> None:
        self._session.do(EditPart(part, name=name))

    @Slot(int, QColor)
    def _recolour(self, part: int, colour: QColor) -> None:
        self._session.do(EditPart(part, colour=(colour.red(), colour.green(), colour.blue())))

    @Slot(int, bool)
    def _show(self, part: int, visible: bool) -> None:
        self._session.do(EditPart(part, visible=visible))

    @Slot(int, bool)
    def _lock(self, part: int, locked: bool) -> None:
        self._session.do(EditPart(part, locked=locked))

    @Slot()
    def _add(self) -> None:
        document = self._document
        if document is None:
            return
        taken = [part.name for part in document.parts]
        command = AddPart(free_name("part", taken, len(taken) + 1))
        if self._session.do(command):
            self._panel.name_part(command.outcome.created[0])

    @Slot(list)
    def _merge(self, parts: list[int]) -> None:
        if len(parts) >= 2:
            self._session.do(MergeParts(parts[1:], parts[0]))

    @Slot(list)
    def _delete(self, parts: list[int]) -> None:
        if parts:
            self._session.do(DeleteParts(parts))

    @Slot(str, list)
    def _menu(self, what: str, parts: list[int]) -> None:
        """What the legend's menu asks for."""
        document = self._document
        if document is None:
            return
        if what == "accept":
            self.accept([self._viewer.image(0)], parts)
        elif what == "accept_listed":
            self.accept(self._listed(), parts)
        elif what == "list":
            self.list_wanted.emit(parts[0])
        elif what == "split" and parts:
            self.split_wanted.emit(parts[0])
        else:
            self._session.do(_looks(document, what, set(parts)))

    def accept(self, images: Sequence[int], parts: Sequence[int] | None = None) -> None:
        """Make predictions a person's own, in one step: from now on no run replaces them."""
        command = AcceptPredictions([image for image in images if image], list(parts) if parts else None)
        if self._session.do(command):
            count = len(command.outcome.changed)
            self.says.emit(f"Accepted predictions on {count:,} {plural(count, 'image')}")
        else:
            self.says.emit("There are no predictions left to accept")

    def accept_listed(self) -> None:
        """Accept the predictions of all images of the list, as it is filtered."""
        self.accept(self._listed())

    def accept_shown(self) -> None:
        """Accept the predictions of the image that is shown."""
        self.accept([self._viewer.image(0)])

    def toggle_active(self) -> None:
        """Show or hide the active part."""
        document, part = self._document, self.active
        if document is not None and part:
            self._show(part, not document.part(part).visible)

    @Slot(int, int)
    def make_own(self, pane: int, part: int) -> None:
        """Accept the prediction of a part on the image in a pane: from now on no run replaces it."""
        if part:
            self.choose(part)
            self._session.do(AcceptPredictions([self._viewer.image(pane)], [part]))

    def set_listed(self, listed: Callable[[], Sequence[int]]) -> None:
        """Say which images the list shows."""
        self._listed = listed


def _looks(document: Document, what: str, parts: set[int]) -> Command:
    """Shows or locks parts, in one step."""
    changes: dict[str, tuple[str, Callable[[PartLabel], EditPart]]] = {
        "only": ("Show only some parts", lambda part: EditPart(part.id, visible=part.id in parts)),
        "show_all": ("Show all parts", lambda part: EditPart(part.id, visible=True)),
        "lock_others": ("Lock the other parts", lambda part: EditPart(part.id, locked=part.id not in parts)),
        "unlock_all": ("Unlock all parts", lambda part: EditPart(part.id, locked=False)),
    }
    title, change = changes[what]
    return Compound(title, [change(part) for part in document.parts])
