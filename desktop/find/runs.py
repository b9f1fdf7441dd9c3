"""From the Run panel to the document: starts jobs that make masks, and takes over what they give."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.errors import CounterpartError
from counterpart.core.parts.codebook import Codebook
from counterpart.core.project.commands import Compound, DeleteParts, ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.core.project.model import BACKGROUND
from counterpart.desktop.find.mask_jobs import MakeMaskJob, MaskRequest, MaskResult
from counterpart.desktop.find.run_panel import RunPanel
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.workbench import Workbench

_UNNAMED = re.compile(r"object|part \d+")

StartTask = Callable[[ModelChoice, list[int], Any], object]
"""Starts a task that gives something else than masks: with model, images and parameters."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a job was started for that gives a `MaskResult`, which is then taken over.

    Attributes:
        document: The project.
        revision: Its revision then; what changed since is left alone.
        images: The images.
        title: What is done, for the undo menu.
        request: What the job works from, where it comes from the Run panel.
    """

    document: Document
    revision: int
    images: tuple[int, ...]
    title: str
    request: MaskRequest | None = None


class Runs(QObject):
    """Runs what the panel says.

    Args:
        bench: What rooms share.
        panel: Says what to run.
        jobs: How each task's job is made, by task id.

    Attributes:
        others: Who starts the other tasks, by task id.

    Signals:
        taken_over: Document, request and images of a run whose masks are in the project now.
    """

    taken_over = Signal(object, object, object)

    def __init__(self, bench: Workbench, panel: RunPanel, jobs: Mapping[str, MakeMaskJob]) -> None:
        super().__init__(panel)
        self._bench, self._panel, self._jobs = bench, panel, jobs
        self.others: dict[str, StartTask] = {}
        self._codebook: tuple[Document, Codebook, tuple[int, ...]] | None = None
        panel.run_wanted.connect(self.run)
        panel.button.follow(bench.jobs, self._asks)
        panel.params_changed.connect(panel.button.look)
        panel.scope.currentIndexChanged.connect(panel.button.look)

    def clear(self) -> None:
        """The project is closing: let go of it."""
        self._codebook = None

    @Slot()
    def refresh_ready(self) -> None:
        """Whether there is something to run on, and what."""
        bench, document = self._bench, self._bench.document
        self._panel.show_scopes(bench.scopes)
        why = next((need.reason for need in bench.needs.change if not need.holds()), "")
        if document is not None and not why and len(document) == 0:
            why = "The project has no images"
        self._panel.set_ready(not why, why)

    # Running ------------------------------------------------------------------------------------------------------

    @Slot()
    def run(self) -> None:
        """Start what the panel says."""
        bench, document = self._bench, self._bench.document
        if document is None or document.read_only:
            return
        choice = bench.models.choice
        if choice is None:
            bench.models.ask_install(bench.models.name)
            return
        spec = self._panel.spec
        images = bench.scopes.images(self._panel.scope_name)
        if not images:
            bench.messages.tell("warning", "There are no images to run on. Choose others under Images.")
            return
        try:
            params = self._panel.params()
        except CounterpartError as error:
            bench.messages.tell("warning", str(error))
            return
        if spec.id in self.others:
            self.others[spec.id](choice, images, params)
            return
        request = MaskRequest(choice, params, bench.scopes.refs(images), self.known_parts(document))
        ticket = Ticket(document, document.revision, tuple(images), spec.verb, request)
        job = Job(spec.verb, self._jobs[spec.id](request), spec.id, self._asks())
        bench.jobs.submit(job, partial(self.take_over, ticket))

    def _asks(self) -> Hashable:
        """What the panel says, as a job that gives masks asks it; None where it says nothing of the kind."""
        document, spec = self._bench.document, self._panel.spec
        if document is None or spec.id in self.others:
            return None
        try:
            params = repr(self._panel.params())
        except CounterpartError:
            return None
        images = tuple(self._bench.scopes.images(self._panel.scope_name))
        return (spec.id, id(document), self._bench.models.choice, params, images)

    def known_parts(self, document: Document) -> Codebook | None:
        """The parts found last, by the names that they have now: a person's names and colours come back."""
        if self._codebook is None or self._codebook[0] is not document:
            return None
        _, codebook, ids = self._codebook
        names = {part.id: part.name for part in document.parts}
        if any(part not in names for part in ids):
            return None
        return dataclasses.replace(codebook, names=tuple(names[part] for part in ids))

    # What jobs give -----------------------------------------------------------------------------------------------

    def take_over(self, ticket: Ticket, outcome: JobOutcome) -> None:
        """Put a job's masks into the document as one step; what has changed since is left and named."""
        result: MaskResult = outcome.result
        for image, why in result.failed.items():
            self._bench.images.model.set_problem(image, why)
        if self._bench.document is not ticket.document:
            self._bench.messages.tell("info", f"{ticket.title} finished for a project that is no longer open.")
            return
        replace = ReplaceMasks(
            result.masks,
            _still_meant(ticket.document, result),
            ticket.revision,
            result.provenance,
            result.doubts,
            title=f"{ticket.title} on {len(result.masks)} images",
        )
        # A part that somebody is painting just now is wanted.
        stale = [part for part in _left_over(ticket.document, result) if part != self._bench.canvas.hands.part]
        command = Compound(replace.text, (replace, DeleteParts(stale))) if stale else replace
        if self._bench.session.do(command) and result.codebook is not None:
            ids = {part.name: part.id for part in ticket.document.parts}
            found = tuple(ids.get(name, 0) for name in result.codebook.names)
            self._codebook = (ticket.document, result.codebook, found)
        self._report(ticket, result, outcome, replace)
        if ticket.request is not None:
            self.taken_over.emit(ticket.document, ticket.request, ticket.images)

    def _report(self, ticket: Ticket, result: MaskResult, outcome: JobOutcome, command: ReplaceMasks) -> None:
        lines = [result.note] if result.note else []
        lines += [str(warning) for warning in outcome.warnings]
        left = command.outcome.skipped
        if left and not command.outcome.changed:
            lines = ["Nothing was changed."]
        if result.failed:
            first = ", ".join(ticket.document.name_of(image) for image in list(result.failed)[:3])
            lines.append(f"{len(result.failed)} of {len(ticket.images)} images could not be used: {first}.")
        if left:
            image, why = left[0]
            others = f" and {len(left) - 1} more" if len(left) > 1 else ""
            reason = why.removeprefix("it was ").removeprefix("it is ")
            lines.append(f"Left as they are: {ticket.document.name_of(image)}{others} ({reason}).")
        warned = bool(result.failed or left or outcome.warnings)
        if lines:
            self._bench.messages.tell("warning" if warned else "info", " ".join(lines))


def _still_meant(document: Document, result: MaskResult) -> dict[int, int | str]:
    """What the values of a result mean, less the parts that were deleted meanwhile: they are background now."""
    known = {part.id for part in document.parts}
    return {
        value: BACKGROUND if isinstance(part, int) and part not in known else part
        for value, part in result.labels.items()
    }


def _left_over(document: Document, result: MaskResult) -> list[int]:
    """Parts of an earlier run that this one does not find any more: unnamed, unlocked, predicted wherever they are."""
    wanted = set(result.labels.values())
    found = []
    for part in document.parts:
        if part.name in wanted or part.id in wanted or part.locked or not _UNNAMED.fullmatch(part.name):
            continue
        images = document.images_with_part(part.id)
        if images and all(
            image in result.masks and document.part_states(image)[part.id][0] == "predicted" for image in images
        ):
            found.append(part.id)
    return found
