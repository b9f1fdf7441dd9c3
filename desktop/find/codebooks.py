"""What is done to the parts of a whole set with the model's help: split one, keep them as a codebook, apply one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

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
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.project.session import LOOKING_ONLY
from counterpart.desktop.widgets.choose_path import path_dialog
from counterpart.desktop.workbench import Workbench

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.parts.masks import MaskRun

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
        bench: What rooms share.
        runs: Knows the parts that were found last, and takes label maps over.
    """

    def __init__(self, bench: Workbench, runs: Runs) -> None:
        super().__init__(runs)
        self._bench, self._runs = bench, runs
        self._tell = bench.messages.tell

    def _ready(self) -> tuple[Document, ModelChoice] | None:
        document, choice = self._bench.document, self._bench.models.choice
        if document is None:
            return None
        if document.read_only:
            self._tell("warning", LOOKING_ONLY)
            return None
        if choice is None:
            self._tell("warning", "This needs a model. Install one in the Run panel.")
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
            self._tell("warning", "Choose the part to split first: click it in the legend.")
            return
        known = document.part(part)
        if known.locked:
            self._tell("warning", f"The part {known.name} is locked. Unlock it first.")
            return
        labels: dict[int, PackedLabels] = {}
        for image in document.images_with_part(part):
            try:
                packed = document.packed_labels(image)
            except CounterpartError as error:
                self._tell("warning", str(error))
                continue
            if packed is not None:
                labels[image] = packed
        if not labels:
            self._tell("warning", f"No image has the part {known.name}.")
            return
        refs = {image: document.image_ref(image) for image in labels}
        asks = ("split", id(document), document.revision, part)
        job = Job(f"Splitting {known.name}", split_job(choice, refs, labels, part), "split", asks)
        self._bench.jobs.submit(job, partial(self._was_split, document, document.revision, part))

    def _was_split(self, document: Document, revision: int, part: int, outcome: JobOutcome) -> None:
        if self._bench.document is not document:
            return
        name = next((each.name for each in document.parts if each.id == part), "")
        if not name:
            self._tell("warning", "The part was deleted while it was being split: nothing was changed.")
            return
        command = SplitPart(part, outcome.result, revision)
        if not self._bench.session.do(command):
            return
        created = ", ".join(document.part(each).name for each in command.outcome.created)
        text = f"{name} was split on {len(command.outcome.changed)} images: what looks different is {created} now."
        if command.outcome.skipped:
            text += f" {len(command.outcome.skipped)} images were changed meanwhile and stay as they are."
        self._tell("info", text)

    # Codebooks ----------------------------------------------------------------------------------------------

    @Slot()
    def ask_save(self) -> None:
        """Ask where to keep the parts that were found last."""
        document = self._bench.document
        codebook = self._runs.known_parts(document) if document is not None else None
        if codebook is None:
            self._tell(
                "warning",
                "A codebook keeps parts as they were found. Press Find parts first; deleting one of them ends it.",
            )
            return
        dialog = path_dialog(self._bench.window, "Save codebook")
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
            self._tell("error", str(error))
            return
        self._tell("info", f"{len(codebook.names)} parts are kept in {file.name}.")

    @Slot()
    def ask_apply(self) -> None:
        """Ask for a codebook."""
        if self._ready() is None:
            return
        dialog = path_dialog(self._bench.window, "Apply codebook")
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
            self._tell("error", str(error))
            return
        if codebook.spec.model != choice.name:
            self._tell(
                "warning",
                f"{file.name} was made with {codebook.spec.model}. Choose that model under Advanced in the Run panel.",
            )
            return
        images = self._bench.scopes.images("all")
        title = f"Apply {file.stem}"
        request = MaskRequest(choice, codebook, self._bench.scopes.refs(images))
        ticket = Ticket(document, document.revision, tuple(images), title)
        asks = ("codebook", id(document), file, tuple(images))
        job = Job(title, mask_job(_find_known)(request), "codebook", asks)
        self._bench.jobs.submit(job, partial(self._runs.take_over, ticket))
