"""Live previews of the Run panel: another number of parts, another threshold, seen at once on all images.

After a run the features of its images are cached, and finding parts again takes a moment. So each change of a parameter
is answered with the result on the token grids, laid over the images and their thumbnails. Nothing of it is in the
project until the button is pressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

from counterpart.core.errors import CounterpartError
from counterpart.core.project.document import Document
from counterpart.desktop.canvas.grid_paint import labelled
from counterpart.desktop.find.mask_jobs import MakePreviewJob, MaskRequest, PreviewResult
from counterpart.desktop.find.run_panel import RunPanel
from counterpart.desktop.find.runs import Runs
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.widgets.form import get_field
from counterpart.desktop.workbench import Workbench

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
    """Between the Run panel and the worker; lays what it gets over the images.

    Args:
        bench: What rooms share.
        panel: Whose parameters are previewed.
        runs: Says when features are at hand.
        previews: How each task is previewed, by task id.
    """

    def __init__(self, bench: Workbench, panel: RunPanel, runs: Runs, previews: Mapping[str, MakePreviewJob]) -> None:
        super().__init__(panel)
        self._bench, self._panel, self._runs, self._previews = bench, panel, runs, previews
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
        runs.taken_over.connect(self._arm)

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
        self._found = None
        self._bench.maps.put("preview", {})

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
        armed, document = self._armed, self._bench.document
        if armed is None or document is not armed.document or self._bench.models.choice != armed.choice:
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
        return MaskRequest(armed.choice, params, refs, self._runs.known_parts(document)) if refs else None

    @Slot()
    def _ask(self) -> None:
        request = self._request()
        if request is None or self._bench.toolbox.active == "similarity":
            self.drop()
            return
        job = Job("Preview", self._previews[self._panel.spec.id](request))
        self._wanted = job
        self._bench.jobs.ask(_SLOT, job, lambda outcome: self._answered(job, outcome))
        self._panel.preview.say("Preview …", droppable=False)

    def _answered(self, job: Job, outcome: JobOutcome) -> None:
        if job is not self._wanted:
            return
        self._wanted = None
        if outcome.failure is not None:
            self._panel.preview.say(outcome.failure.text, droppable=False)
            return
        self._found = outcome.result
        note = outcome.result.note
        words = f"Preview: {note}." if note else "Preview."
        self._panel.preview.say(f"{words} {self._panel.spec.verb} keeps it.")
        self.show()

    # Showing ------------------------------------------------------------------------------------------------

    @Slot()
    def show(self) -> None:
        """Lay what was found over the images, in the colours that parts have now."""
        found, document = self._found, self._bench.document
        if found is None or document is None:
            return
        own = {part.name: part.colour for part in document.parts}
        tints = {value: own.get(name, found.colours[value]) for value, name in found.names.items()}
        self._bench.maps.put("preview", labelled(found.grids, tints))


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
