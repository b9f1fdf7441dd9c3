"""Live previews of the Run panel: another number of parts, another threshold, seen at once on all images.

After a run the features of its images are cached, and finding parts again takes a moment. So each change of a parameter
is answered with the result on the token grids, laid over the images and their thumbnails. Nothing of it is in the
project until the button is pressed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.errors import CounterpartError
from counterpart.core.project.document import Document
from counterpart.desktop.canvas.grid_paint import GridPaint, labelled
from counterpart.desktop.find.mask_jobs import MakePreviewJob, MaskRequest, PreviewResult
from counterpart.desktop.find.run_panel import RunPanel
from counterpart.desktop.find.runs import Runs
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.jobs.job_runner import Job, JobRunner, Outcome
from counterpart.desktop.project.session import Session
from counterpart.desktop.widgets.form import get_field

__all__ = ["LivePreview"]

_SLOT = "parts preview"
_WAIT_MS = 120
_COSTLY = ("size", "stride", "augment")
"""Fields that need the model again."""


@dataclass(frozen=True, slots=True)
class _Armed:
    """A run whose features are at hand."""

    document: Document
    choice: ModelChoice
    images: tuple[int, ...]
    params: Any


class LivePreview(QObject):
    """Between the Run panel and the worker.

    Args:
        previews: How each task is previewed, by task id.
        busy: Whether something else is laid over the images.

    Signals:
        shown: There is another preview, or none any more: lay `paints` over the images.
    """

    shown = Signal()

    def __init__(
        self,
        session: Session,
        panel: RunPanel,
        desk: Runs,
        runner: JobRunner,
        previews: Mapping[str, MakePreviewJob],
        busy: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._panel, self._desk, self._runner = session, panel, desk, runner
        self._previews, self._busy = previews, busy
        self._armed: _Armed | None = None
        self._found: PreviewResult | None = None
        self._wanted: Job | None = None
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_WAIT_MS)
        self._wait.timeout.connect(self._ask)
        panel.params_changed.connect(self._changed)
        panel.preview_dropped.connect(self.drop)
        panel.run_wanted.connect(self.drop)
        desk.taken_over.connect(self._arm)
        runner.answered.connect(self._answered)

    @property
    def found(self) -> PreviewResult | None:
        """What is previewed."""
        return self._found

    def clear(self) -> None:
        """Forget everything: another project."""
        self._armed = None
        self.drop()

    @Slot()
    def drop(self) -> None:
        """Take the preview away."""
        self._wait.stop()
        self._wanted = None
        self._panel.preview.say("")
        if self._found is not None:
            self._found = None
            self.shown.emit()

    @Slot(object, object, object)
    def _arm(self, document: Document, request: MaskRequest, images: tuple[int, ...]) -> None:
        """A run has ended: from now on changes can be answered quickly."""
        self._armed = _Armed(document, request.choice, images, request.params)

    # Asking -------------------------------------------------------------------------------------------------

    @Slot()
    def _changed(self) -> None:
        if self._armed is None or self._panel.spec.id not in self._previews:
            self.drop()
            return
        self._wait.start()

    def _request(self) -> MaskRequest | None:
        """What to preview; None where it would need the model again, or nothing was changed."""
        armed, document = self._armed, self._session.document
        if armed is None or document is not armed.document or self._desk.choice != armed.choice:
            return None
        try:
            params = self._panel.params()
        except CounterpartError:
            return None  # the button says why
        if type(params) is type(armed.params) and params == armed.params:
            return None
        if _costs(params) != _costs(armed.params):
            return None
        known = set(document.image_ids)
        refs = {image: document.image_ref(image) for image in armed.images if image in known}
        return MaskRequest(armed.choice, params, refs, self._desk.known_parts(document)) if refs else None

    @Slot()
    def _ask(self) -> None:
        request = self._request()
        if request is None or self._busy():
            self.drop()
            return
        make = self._previews[self._panel.spec.id]
        self._wanted = self._runner.ask(_SLOT, Job("Preview", make(request), tag=request))
        self._panel.preview.say("Preview …", droppable=False)

    @Slot(str, object, object)
    def _answered(self, slot: str, job: Job, outcome: Outcome) -> None:
        if slot != _SLOT or job is not self._wanted:
            return
        self._wanted = None
        if outcome.cancelled:
            return
        if outcome.failure is not None:
            self._panel.preview.say(outcome.failure.text, droppable=False)
            return
        self._found = outcome.result
        note = outcome.result.note
        words = f"Preview: {note}." if note else "Preview."
        self._panel.preview.say(f"{words} {self._panel.spec.verb} keeps it.")
        self.shown.emit()

    # Showing ------------------------------------------------------------------------------------------------

    def paints(self) -> dict[int, GridPaint]:
        """What to lay over images, by id."""
        found, document = self._found, self._session.document
        if found is None or document is None:
            return {}
        own = {part.name: part.colour for part in document.parts}
        return labelled(
            found.grids, {value: own.get(name, found.colours[value]) for value, name in found.names.items()}
        )


def _costs(params: Any) -> tuple[Any, ...]:
    """What of the parameters needs the model again: size and stride, whichever task they belong to."""
    values = []
    for name in _COSTLY:
        for path in (name, f"object.{name}"):
            try:
                values.append((name, get_field(params, path)))
            except AttributeError:
                continue
    return tuple(sorted(values, key=str))
