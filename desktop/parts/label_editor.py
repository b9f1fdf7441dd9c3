"""From gestures to commands: the label map that a gesture paints into, and the one command that it comes to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from counterpart.core.project.aside import WAYS_OUT
from counterpart.core.project.document import Document
from counterpart.core.project.model import BACKGROUND
from counterpart.core.tools.clipboard import PartClip, copy_part, paste_part
from counterpart.core.tools.combine import Mode
from counterpart.core.tools.draft import LabelDraft, LabelEdit
from counterpart.core.tools.morphology import PartOperation, change_part
from counterpart.core.tools.region import Region
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.project.session import LOOKING_ONLY, Session


class LabelEditor(QObject):
    """Paints into drafts that the canvas shows, and ends each gesture in one command.

    Args:
        active: Gives the part that tools work with, 0 for none.

    Signals:
        refused: Why a gesture cannot begin, in words.
    """

    refused = Signal(str)

    def __init__(
        self,
        session: Session,
        viewer: Viewer,
        canvas: Canvas,
        active: Callable[[], int],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer, self._canvas, self._active = session, viewer, canvas, active
        self._drafts: dict[int, LabelDraft] = {}
        self._clip: PartClip | None = None
        self.preserve = False

    @property
    def _document(self) -> Document | None:
        return self._session.document

    def clear(self) -> None:
        """Another project: forget all drafts."""
        self._drafts.clear()
        self._clip = None

    def image_shown(self) -> None:
        """Other images are shown: only their drafts are kept."""
        shown = {self._viewer.image(pane) for pane in range(self._canvas.count)}
        self._drafts = {image: draft for image, draft in self._drafts.items() if image in shown}

    def labels_changed(self, image: int, box: tuple[int, int, int, int]) -> None:
        """The document's labels of an image changed within a box."""
        draft = self._drafts.get(image)
        document = self._document
        if draft is None or document is None:
            return
        found = document.label_map(image)
        if found is not None and found.hw != draft.hw:
            del self._drafts[image]
        else:
            draft.rebase(None if found is None else found.labels, box)

    # A gesture ----------------------------------------------------------------------------------------------------

    def hw(self, pane: int) -> tuple[int, int] | None:
        """Size of the image in a pane."""
        photo = self._viewer.photo(pane)
        return photo.hw if photo is not None else None

    def begin(self, pane: int, *, erase: bool = False) -> bool:
        """Whether a gesture can begin; if not, says why. What the canvas shows can be painted into from here on."""
        document, hw, part = self._document, self.hw(pane), self._active()
        if document is None or hw is None:
            return False
        if document.read_only:
            self.refused.emit(LOOKING_ONLY)
            return False
        if not erase and not part:
            self.refused.emit("Choose a part first: in the list, by its number, or add one with +.")
            return False
        if not erase and document.part(part).locked:
            self.refused.emit(f"The part {document.part(part).name} is locked. Unlock it to change it.")
            return False
        if not erase and not document.part(part).visible:
            self.refused.emit(f"The part {document.part(part).name} is hidden. Show it (V) to change it.")
            return False
        image = self._viewer.image(pane)
        other = self._viewer.other_picture(image)
        if other:
            self.refused.emit(f"{other}. {WAYS_OUT}.")
            return False
        draft = self._drafts.get(image)
        if draft is None:
            found = self._viewer.label_map(pane)
            draft = self._drafts[image] = LabelDraft(None if found is None else found.labels, hw)
        self._canvas.panes[pane].labels = draft.labels
        return True

    def stroke(self, pane: int, region: Region, *, erase: bool = False) -> None:
        """Paint some more pixels."""
        draft = self._drafts.get(self._viewer.image(pane))
        if draft is not None:
            part = BACKGROUND if erase else self._active()
            self._show(pane, draft, draft.apply(region, part, "add", self.locked(), self.preserve))

    def preview(self, pane: int, region: Region, mode: Mode = "add") -> None:
        """Show a selection in place of the one shown before."""
        draft = self._drafts.get(self._viewer.image(pane))
        if draft is not None:
            box = draft.preview(region, self._active(), mode, self.locked(), self.preserve)
            self._show(pane, draft, box)

    def commit(self, pane: int, title: str) -> bool:
        """End the gesture as one command; whether it changed anything."""
        image = self._viewer.image(pane)
        draft = self._drafts.get(image)
        edit = draft.result() if draft is not None else None
        if draft is None or edit is None:
            return False
        if self._session.do(edit.command(image, title, draft.hw)):
            return True
        self.abort(pane)
        return False

    def abort(self, pane: int) -> None:
        """Take back what the gesture has painted."""
        draft = self._drafts.get(self._viewer.image(pane))
        if draft is not None:
            self._show(pane, draft, draft.revert())

    def _show(self, pane: int, draft: LabelDraft, box: tuple[int, int, int, int] | None) -> None:
        if box is None:
            return
        top, left, bottom, right = box
        self._canvas.panes[pane].labels = draft.labels
        self._canvas.labels_changed(pane, left, top, right, bottom)

    @property
    def active(self) -> int:
        """The part that tools work with, 0 for none."""
        return self._active()

    def locked(self) -> list[int]:
        """Parts that gestures leave alone."""
        document = self._document
        # What cannot be seen must not be painted over either.
        return [part.id for part in document.parts if part.locked or not part.visible] if document else []

    def title(self, verb: str) -> str:
        """A command's name: `Paint wing`."""
        document, part = self._document, self._active()
        return f"{verb} {document.part(part).name}" if document is not None and part else verb

    # Whole parts --------------------------------------------------------------------------------------------------

    def change(self, verb: str, operation: PartOperation) -> None:
        """Apply an operation to the active part of the image on the left."""
        if not self.begin(0):
            return
        found = self._viewer.label_map(0)
        edit: LabelEdit | None = None
        if found is not None:
            edit = change_part(found.labels, self._active(), operation, self.locked())
        if edit is None:
            self.refused.emit(f"{self.title(verb)}: there is nothing to change.")
            return
        self._session.do(edit.command(self._viewer.image(0), self.title(verb), self.hw(0)))

    def copy(self) -> bool:
        """Copy the active part of the image on the left; whether it has any pixel there."""
        found = self._viewer.label_map(0)
        clip = copy_part(found.labels, self._active()) if found is not None and self._active() else None
        if clip is None:
            self.refused.emit("The active part has no pixel on this image.")
            return False
        self._clip = clip
        return True

    def paste(self) -> None:
        """Paste what was copied into the image on the left, scaled to its size, as the part it was."""
        document, hw, clip = self._document, self.hw(0), self._clip
        if clip is None or document is None or hw is None:
            self.refused.emit("Copy a part first (Ctrl+C).")
            return
        if all(part.id != clip.part_id for part in document.parts):
            self.refused.emit("The part that was copied is no longer in the project.")
            return
        region = paste_part(clip, hw, fit=True)
        image = self._viewer.image(0)
        found = document.label_map(image)
        draft = LabelDraft(None if found is None else found.labels, hw)
        draft.apply(region, clip.part_id, "add", self.locked(), self.preserve)
        edit = draft.result()
        if edit is not None:
            self._session.do(edit.command(image, f"Paste {document.part(clip.part_id).name}", hw))
