"""Smart boundary: outlines of parts moved to the edges of the photograph, beside the window, as one step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from counterpart.core.jobs import JobContext
from counterpart.core.project.document import Document
from counterpart.core.project.model import LabelMap, Labels
from counterpart.core.tools.boundary import BoundaryParams, refine_boundary
from counterpart.core.tools.draft import LabelDraft, LabelEdit
from counterpart.desktop.images.viewer import Viewer
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.jobs.warm_up import warm_up
from counterpart.desktop.parts.label_editor import LabelEditor
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.settings import Settings

_SLOT = "refine"
_BAND_SHARE = 1 / 250
_BAND = (4.0, 40.0)


def band_for(hw: tuple[int, int]) -> float:
    """How far an outline may move in an image of this size, pixels: a little more than hands are off by."""
    return min(max(_BAND_SHARE * max(hw), _BAND[0]), _BAND[1])


def refine_parts(
    rgb: np.ndarray,
    labels: Labels,
    parts: tuple[int, ...],
    params: BoundaryParams,
    locked: tuple[int, ...],
    *,
    preserve: bool,
    ctx: JobContext,
) -> LabelEdit | None:
    """Refine some parts, each from what the one before left; the edit that this comes to, None for none.

    Raises:
        JobCancelledError: It was cancelled.
    """
    draft = LabelDraft(labels, (labels.shape[0], labels.shape[1]))
    for place, part in enumerate(parts):
        ctx.step(place, len(parts), "Refining boundaries")
        edit = refine_boundary(rgb, draft.labels, part, params, locked, preserve=preserve, ctx=ctx)
        if edit is not None:
            draft.edit(edit)
    ctx.check()
    return draft.result()


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What was asked for, and of which labels on which photograph."""

    document: Document
    image: int
    content: str
    labels: LabelMap
    title: str


class SmartBoundary(QObject):
    """Runs the smart boundary on the image on the left.

    Args:
        runner: Runs it, beside the window.
        settings: Has the method.

    Signals:
        says: A line for the status bar.
        refused: Why nothing was done, in words.
    """

    says = Signal(str)
    refused = Signal(str)

    def __init__(
        self,
        session: Session,
        viewer: Viewer,
        editor: LabelEditor,
        runner: JobRunner,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer, self._editor, self._runner = session, viewer, editor, runner
        self._job: Job | None = None
        self._settings = settings

    @property
    def busy(self) -> bool:
        """Whether boundaries are being refined."""
        return self._job is not None

    def refine_active(self) -> None:
        """Refine the boundary of the active part."""
        if self._editor.begin(0):
            self._editor.abort(0)
            self._ask((self._editor.active,), self._editor.title("Refine boundary of"))

    def refine_all(self) -> None:
        """Refine the boundaries of all parts that are neither locked nor hidden."""
        document, found = self._session.document, self._viewer.label_map(0)
        if document is None or not self._editor.begin(0, erase=True):
            return
        self._editor.abort(0)
        there = set(np.unique(found.labels).tolist()) if found is not None else set()
        free = tuple(part.id for part in document.parts if part.id in there and part.visible and not part.locked)
        self._ask(free, "Refine all boundaries")

    def cancel(self) -> bool:
        """Stop; whether there was anything to stop."""
        if self._job is None:
            return False
        self._job.token.cancel()
        self._job = None
        self.says.emit("Boundaries are as they were")
        return True

    def _ask(self, parts: tuple[int, ...], title: str) -> None:
        document, photo, found = self._session.document, self._viewer.photo(0), self._viewer.label_map(0)
        if document is None or photo is None or found is None or not parts or not np.isin(found.labels, parts).any():
            self.refused.emit("There is nothing to refine: " + _why(parts))
            return
        params = BoundaryParams(self._settings.preferences.refine_method, band=band_for(photo.hw))
        labels, locked, preserve = found.labels, tuple(self._editor.locked()), self._editor.preserve
        rgb = photo.rgb

        def refine(_engine: Any, ctx: JobContext) -> LabelEdit | None:
            if params.method == "crf":
                warm_up(("torch",))
            return refine_parts(rgb, labels, parts, params, locked, preserve=preserve, ctx=ctx)

        asked = _Asked(document, self._viewer.image(0), photo.sha256, found, title)
        self.says.emit(f"{title} … (Esc stops)")
        self._job = self._runner.ask(_SLOT, Job(title, refine), partial(self._answered, asked))

    def _answered(self, asked: _Asked, outcome: JobOutcome) -> None:
        if self._job is None:  # it was stopped when it was all but done
            return
        self._job = None
        document = self._session.document
        edit: LabelEdit | None = outcome.result
        if outcome.failure is not None:
            self.refused.emit(outcome.failure.text)
        elif document is not asked.document or not self._unchanged(asked):
            self.refused.emit("The parts were changed meanwhile, so the boundaries were left. Refine them again.")
        elif edit is None:
            self.refused.emit(f"{asked.title}: there is nothing to change, it lies on the edges already.")
        elif self._session.do(edit.command(asked.image, asked.title, asked.labels.hw)):
            count = math.floor(np.count_nonzero(edit.mask))
            self.says.emit(f"{asked.title}: {count:,} pixels moved. Again goes on from there.")
            return
        self.says.emit("")

    def _unchanged(self, asked: _Asked) -> bool:
        """Whether labels and photograph are still what they were."""
        now = asked.document.label_map(asked.image)
        content = self._viewer.content(asked.image) or asked.content  # it may have left memory since
        return content == asked.content and now is not None and np.array_equal(now.labels, asked.labels.labels)


def _why(parts: tuple[int, ...]) -> str:
    return (
        "the part has no pixel on this image." if len(parts) == 1 else "the image has no part that is free to change."
    )
