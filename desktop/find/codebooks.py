"""What is done to the parts of a whole set with the model's help: split one, keep them as a codebook, apply one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from counterpart.core.errors import CounterpartError
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.parts.codebook import Codebook
from counterpart.core.project.commands import SplitPart
from counterpart.core.project.document import Document
from counterpart.core.project.tiles import PackedLabels, pack_labels
from counterpart.desktop.find.mask_jobs import MaskRequest, mask_job
from counterpart.desktop.find.runs import Runs, Ticket
from counterpart.desktop.jobs.backend import Backend, ModelChoice
from counterpart.desktop.jobs.job_runner import Job, JobRunner, Outcome
from counterpart.desktop.project.session import LOOKING_ONLY, Session

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.parts.masks import MaskRun

__all__ = ["Codebooks", "split_job"]

_SPLIT = "split"
_FILTER = "Codebooks (*.safetensors)"


def split_job(
    choice: ModelChoice, refs: Mapping[int, ImageRef], labels: Mapping[int, PackedLabels], part: int
) -> Callable[[Backend, JobContext], dict[int, PackedLabels]]:
    """A job that divides a part in all images: by image, packed, 1 where it stays and 2 where it becomes another."""

    def run(backend: Backend, ctx: JobContext) -> dict[int, PackedLabels]:
        from counterpart.core.pipeline.parts.splitting import SplitJob, split_labels

        engine = backend.engine(choice)
        ids = list(refs)
        read: dict[int, Callable[[], NDArray[np.integer]]] = {
            place: labels[image].unpack for place, image in enumerate(ids) if image in labels
        }
        found = split_labels(engine, list(refs.values()), read, part, SplitJob.for_engine(engine), ctx)
        return {ids[place]: pack_labels(piece) for place, piece in found.items()}

    return run


def _find_known(
    engine: Engine, refs: list[ImageRef], request: MaskRequest, ctx: JobContext
) -> tuple[MaskRun, Codebook | None]:
    from counterpart.core.pipeline.parts.discovery import find_known_parts

    return find_known_parts(engine, refs, request.params, ctx).masks, request.params


class Codebooks(QObject):
    """Carries out what concerns the parts of the whole set.

    Args:
        desk: Knows the parts that were found last, and takes label maps over.
        images: The images that a codebook is applied to.

    Signals:
        notice: Kind and text for the person.
    """

    notice = Signal(str, str)

    def __init__(
        self,
        session: Session,
        runner: JobRunner,
        desk: Runs,
        images: Callable[[], list[int]],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._session, self._runner, self._desk, self._images, self._window = session, runner, desk, images, window
        runner.succeeded.connect(self._succeeded)

    def _ready(self) -> tuple[Document, ModelChoice] | None:
        document, choice = self._session.document, self._desk.choice
        if document is None:
            return None
        if document.read_only:
            self.notice.emit("warning", LOOKING_ONLY)
            return None
        if choice is None:
            self.notice.emit("warning", "This needs a model. Install one in the Run panel.")
            return None
        return document, choice

    # Splitting ----------------------------------------------------------------------------------------------

    def split(self, part: int) -> None:
        """Divide a part in two by what its places look like, on all images, as one step."""
        ready = self._ready()
        if ready is None:
            return
        document, choice = ready
        if part not in {each.id for each in document.parts}:
            self.notice.emit("warning", "Choose the part to split first: click it in the legend.")
            return
        known = document.part(part)
        if known.locked:
            self.notice.emit("warning", f"The part {known.name} is locked. Unlock it first.")
            return
        labels: dict[int, PackedLabels] = {}
        for image in document.images_with_part(part):
            try:
                packed = document.packed_labels(image)
            except CounterpartError as error:
                self.notice.emit("warning", str(error))
                continue
            if packed is not None:
                labels[image] = packed
        if not labels:
            self.notice.emit("warning", f"No image has the part {known.name}.")
            return
        refs = {image: document.image_ref(image) for image in labels}
        tag = (document, document.revision, part)
        job = Job(f"Splitting {known.name}", split_job(choice, refs, labels, part), _SPLIT, tag=tag)
        self._runner.submit(job)

    @Slot(object, object)
    def _succeeded(self, job: Job, outcome: Outcome) -> None:
        if job.kind != _SPLIT:
            return
        owner, revision, part = job.tag
        document = self._session.document
        if document is None or document is not owner:
            return
        name = next((each.name for each in document.parts if each.id == part), "")
        if not name:
            self.notice.emit("warning", "The part was deleted while it was being split: nothing was changed.")
            return
        command = SplitPart(part, outcome.result, revision)
        if not self._session.do(command):
            return
        created = ", ".join(document.part(each).name for each in command.outcome.created)
        text = f"{name} was split on {len(command.outcome.changed)} images: what looks different is {created} now."
        if command.outcome.skipped:
            text += f" {len(command.outcome.skipped)} images were changed meanwhile and stay as they are."
        self.notice.emit("info", text)

    # Codebooks ----------------------------------------------------------------------------------------------

    @Slot()
    def ask_save(self) -> None:
        """Ask where to keep the parts that were found last."""
        document = self._session.document
        codebook = self._desk.known_parts(document) if document is not None else None
        if codebook is None:
            self.notice.emit(
                "warning",
                "A codebook keeps parts as they were found. Press Find parts first; deleting one of them ends it.",
            )
            return
        dialog = QFileDialog(self._window, "Save codebook")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("safetensors")
        dialog.setNameFilter(_FILTER)
        dialog.fileSelected.connect(lambda file: self.save(Path(file), codebook))
        dialog.open()

    def save(self, file: Path, codebook: Codebook) -> None:
        """Write a codebook."""
        try:
            codebook.save(file)
        except CounterpartError as error:
            self.notice.emit("error", str(error))
            return
        self.notice.emit("info", f"{len(codebook.names)} parts are kept in {file.name}.")

    @Slot()
    def ask_apply(self) -> None:
        """Ask for a codebook."""
        if self._ready() is None:
            return
        dialog = QFileDialog(self._window, "Apply codebook")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(_FILTER)
        dialog.fileSelected.connect(lambda file: self.apply(Path(file)))
        dialog.open()

    def apply(self, file: Path) -> None:
        """Find a codebook's parts in the images, by their names, with the model that it was made with."""
        ready = self._ready()
        if ready is None:
            return
        document, choice = ready
        try:
            codebook = Codebook.load(file)
        except CounterpartError as error:
            self.notice.emit("error", str(error))
            return
        if codebook.spec.model != choice.name:
            self.notice.emit(
                "warning",
                f"{file.name} was made with {codebook.spec.model}. Choose that model under Advanced in the Run panel.",
            )
            return
        images = self._images()
        refs = {image: document.image_ref(image) for image in images}
        title = f"Apply {file.stem}"
        request = MaskRequest(choice, codebook, refs)
        ticket = Ticket(document, document.revision, tuple(images), title)
        self._runner.submit(Job(title, mask_job(_find_known)(request), "codebook", tag=ticket))
