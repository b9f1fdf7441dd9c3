"""From gestures to commands: the label map that a gesture paints into, and the one command that it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from counterpart.core.project.aside import WAYS_OUT
from counterpart.core.project.document import Document
from counterpart.core.project.model import BACKGROUND, Box4, Labels
from counterpart.core.tools.clipboard import PartClip, copy_part, paste_part
from counterpart.core.tools.combine import Mode
from counterpart.core.tools.draft import LabelDraft, LabelEdit
from counterpart.core.tools.morphology import PartOperation, change_part
from counterpart.core.tools.region import Region, unite_boxes
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.project.session import LOOKING_ONLY, Session


@dataclass(slots=True, eq=False)
class _Work:
    """A gesture: what it works on was settled when it began, and what it has done so far.

    Attributes:
        pane: Where.
        image: Which image that shows.
        part: What is painted.
        locked: Parts that it leaves alone.
        preserve: Whether it leaves all other parts alone.
        touched: (H, W) bool, the pixels that strokes have gone over.
        box: Where those are.
        shown: The selection that is shown instead, and how it is combined.
    """

    pane: int
    image: int
    part: int
    locked: tuple[int, ...]
    preserve: bool
    touched: NDArray[np.bool_]
    box: Box4 = (0, 0, 0, 0)
    shown: tuple[Region, Mode] | None = None

    def go_over(self, region: Region) -> None:
        """Remember a stroke."""
        if region.mask.size:
            self.touched[region.slices] |= region.mask
            self.box = unite_boxes(self.box, region.bbox)

    def again(self, draft: LabelDraft) -> None:
        """Do all of it again on a draft that has taken over other labels."""
        top, left, bottom, right = self.box
        add: Mode = "add"
        strokes = Region(self.box, self.touched[top:bottom, left:right])
        region, mode = self.shown if self.shown is not None else (strokes, add)
        draft.apply(region, self.part, mode, self.locked, self.preserve)


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
        self._works: dict[int, _Work] = {}
        self._clip: PartClip | None = None
        self.preserve = False
        viewer.covering = self.covering

    @property
    def _document(self) -> Document | None:
        return self._session.document

    def clear(self) -> None:
        """Another project: forget all drafts."""
        self._drafts.clear()
        self._works.clear()
        self._clip = None

    def image_shown(self) -> None:
        """Other images are shown: only their drafts are kept."""
        shown = {self._canvas.panes[pane].image_key for pane in range(self._canvas.count)}
        self._drafts = {image: draft for image, draft in self._drafts.items() if image in shown}

    def labels_changed(self, image: int, box: tuple[int, int, int, int]) -> None:
        """The document's labels of an image changed within a box: a gesture at work on it lies over them."""
        draft, document = self._drafts.get(image), self._document
        works = [work for work in self._works.values() if work.image == image]
        if draft is None or document is None:
            return
        found = document.label_map(image)
        if found is not None and found.hw != draft.hw:
            del self._drafts[image]
            for work in works:
                del self._works[work.pane]
            return
        redraw = draft.rebase(None if found is None else found.labels, box)
        for work in works:
            work.again(draft)
            self._lay(work, draft, redraw)

    # A gesture ----------------------------------------------------------------------------------------------------

    def hw(self, pane: int) -> tuple[int, int] | None:
        """Size of the image in a pane."""
        photo = self._viewer.photo(pane)
        return photo.hw if photo is not None else None

    def image(self, pane: int) -> int:
        """The image that is seen in a pane; 0 for none, and while another one is being read for it."""
        image = self._viewer.image(pane)
        return image if self._canvas.panes[pane].image_key == image else 0

    def knows(self, part: int) -> bool:
        """Whether the project has a part."""
        return self._document is not None and any(each.id == part for each in self._document.parts)

    def _refusal(self, part: int, *, erase: bool) -> str:
        """Why a part cannot be worked on, empty where it can."""
        document = self._document
        if document is None or document.read_only:
            return LOOKING_ONLY
        if erase:
            return ""
        if not self.knows(part):
            return "Choose a part first: in the list, by its number, or add one with +."
        if document.part(part).locked:
            return f"The part {document.part(part).name} is locked. Unlock it to change it."
        if not document.part(part).visible:
            return f"The part {document.part(part).name} is hidden. Show it (V) to change it."
        return ""

    def begin(self, pane: int, *, erase: bool = False, part: int = 0) -> bool:
        """Whether a gesture can begin; if not, says why. What the canvas shows can be painted into from here on.

        Part, locks and image stay those of the beginning, whatever is chosen before its end.

        Args:
            pane: Where.
            erase: Whether it erases.
            part: What it works on, the active part by default.
        """
        hw, image, part = self.hw(pane), self.image(pane), part or self._active()
        if self._document is None or hw is None or not image:
            return False
        other = self._viewer.other_picture(image)
        why = self._refusal(part, erase=erase) or (f"{other}. {WAYS_OUT}." if other else "")
        if why:
            self.refused.emit(why)
            return False
        self.abort(pane)
        draft = self._drafts.get(image)
        if draft is None or draft.hw != hw:
            found = self._viewer.label_map(pane)
            draft = self._drafts[image] = LabelDraft(None if found is None else found.labels, hw)
        painted, touched = BACKGROUND if erase else part, np.zeros(hw, np.bool_)
        self._works[pane] = _Work(pane, image, painted, tuple(self.locked()), self.preserve, touched)
        self._canvas.panes[pane].labels = draft.labels
        return True

    def _at(self, pane: int) -> tuple[_Work, LabelDraft] | None:
        """What is at work in a pane, and what it paints into."""
        work = self._works.get(pane)
        draft = self._drafts.get(work.image) if work is not None else None
        return None if work is None or draft is None else (work, draft)

    def stroke(self, pane: int, region: Region) -> None:
        """Paint some more pixels, or erase them."""
        found = self._at(pane)
        if found is not None:
            work, draft = found
            work.go_over(region)
            self._lay(work, draft, draft.apply(region, work.part, "add", work.locked, work.preserve))

    def preview(self, pane: int, region: Region, mode: Mode = "add") -> None:
        """Show a selection in place of the one shown before."""
        found = self._at(pane)
        if found is not None:
            work, draft = found
            work.shown = (region, mode)
            self._lay(work, draft, draft.preview(region, work.part, mode, work.locked, work.preserve))

    def commit(self, pane: int, title: str) -> bool:
        """End the gesture as one command; whether it changed anything."""
        found = self._at(pane)
        if found is None:
            return False
        work, draft = found
        edit = draft.result()
        command = edit.command(work.image, title, draft.hw) if edit is not None else None
        del self._works[pane]  # from here on the document's labels count
        if command is None:
            return False
        done = self._session.do(command)
        if not done:
            self._lay(work, draft, draft.revert())
        return done

    def abort(self, pane: int) -> None:
        """Take back what the gesture has painted."""
        found = self._at(pane)
        if found is not None:
            work, draft = found
            del self._works[pane]
            self._lay(work, draft, draft.revert())

    def part(self, pane: int) -> int:
        """The part that the gesture in a pane works on."""
        return self._works[pane].part if pane in self._works else self._active()

    def covering(self, image: int) -> Labels | None:
        """What a gesture has made of the labels of an image so far, None where none is at work on it."""
        found = next((self._at(pane) for pane, work in self._works.items() if work.image == image), None)
        return None if found is None else found[1].labels

    def _lay(self, work: _Work, draft: LabelDraft, box: Box4 | None) -> None:
        """Redraw a box of what a gesture works on, where that is still seen."""
        if box is None or self._canvas.panes[work.pane].image_key != work.image:
            return
        top, left, bottom, right = box
        self._canvas.panes[work.pane].labels = draft.labels
        self._canvas.labels_changed(work.pane, left, top, right, bottom)

    @property
    def active(self) -> int:
        """The part that tools work with, 0 for none."""
        return self._active()

    def locked(self) -> list[int]:
        """Parts that gestures leave alone."""
        document = self._document
        # What cannot be seen must not be painted over either.
        return [part.id for part in document.parts if part.locked or not part.visible] if document else []

    def title(self, verb: str, pane: int | None = None) -> str:
        """A command's name: `Paint wing`, of the part that a gesture in a pane works on."""
        document, part = self._document, self._active() if pane is None else self.part(pane)
        return f"{verb} {document.part(part).name}" if document is not None and self.knows(part) else verb

    # Whole parts --------------------------------------------------------------------------------------------------

    def change(self, verb: str, operation: PartOperation) -> None:
        """Apply an operation to the active part of the image on the left."""
        if not self.begin(0):
            return
        self.abort(0)
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
        document, hw, clip, image = self._document, self.hw(0), self._clip, self.image(0)
        if clip is None or document is None or hw is None:
            self.refused.emit("Copy a part first (Ctrl+C).")
            return
        if not image:
            self.refused.emit("The image is still being read.")
            return
        if all(part.id != clip.part_id for part in document.parts):
            self.refused.emit("The part that was copied is no longer in the project.")
            return
        region = paste_part(clip, hw, fit=True)
        found = document.label_map(image)
        draft = LabelDraft(None if found is None else found.labels, hw)
        draft.apply(region, clip.part_id, "add", self.locked(), self.preserve)
        edit = draft.result()
        if edit is not None:
            self._session.do(edit.command(image, f"Paste {document.part(clip.part_id).name}", hw))
