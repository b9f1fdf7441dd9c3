"""From the Run panel to the document: starts jobs, follows them, takes over what they give."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from counterpart.core.errors import CounterpartError
from counterpart.core.jobs import Progress
from counterpart.core.parts.codebook import Codebook
from counterpart.core.project.commands import Compound, DeleteParts, ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.core.project.model import BACKGROUND
from counterpart.desktop.find.mask_jobs import MakeMaskJob, MaskRequest, MaskResult
from counterpart.desktop.find.run_panel import ModelEntry, RunPanel
from counterpart.desktop.jobs.backend import (
    Backend,
    CacheUse,
    EngineState,
    ModelChoice,
    cache_bounds,
    describe_model,
    import_job,
    install_job,
    model_entries,
)
from counterpart.desktop.jobs.job_runner import Failure, Job, JobRunner, Outcome
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.status_bar import StatusBar
from counterpart.desktop.widgets.trouble_dialog import TroubleDialog

__all__ = ["Runs", "Ticket"]

_STATE = "engine state"
_BOUNDS = "cache bounds"
_UNNAMED = re.compile(r"object|part \d+")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a mask job was started for: the tag of a job that gives a `MaskResult`, which is then taken over.

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
        jobs: How each task's job is made, by task id.
        scopes: Gives the images of a scope by its name.
        count: Gives how many they are.
        models: Gives the models; replaced in tests.

    Attributes:
        others: Those who run tasks that give something else than masks, by task id: with model, images, parameters.

    Signals:
        notice: Kind (`info`, `warning`, `error`) and text for the person.
        unreadable: Image and why it could not be used.
        choice_changed: The model to be used, or nothing usable; ask `choice`.
        taken_over: Document, request and images of a run whose masks are in the project now.
    """

    notice = Signal(str, str)
    unreadable = Signal(int, str)
    choice_changed = Signal()
    finished = Signal(str)
    taken_over = Signal(object, object, object)

    def __init__(
        self,
        session: Session,
        panel: RunPanel,
        runner: JobRunner,
        status: StatusBar,
        settings: Settings,
        jobs: Mapping[str, MakeMaskJob],
        scopes: Callable[[str], list[int]],
        count: Callable[[str], int],
        window: QWidget,
        models: Callable[[], list[ModelEntry]] = model_entries,
    ) -> None:
        super().__init__(window)
        self._session, self._panel, self._runner, self._status = session, panel, runner, status
        self._settings, self._jobs, self._scopes, self._window = settings, jobs, scopes, window
        self._bounds = cache_bounds(settings.preferences)
        settings.changed.connect(self._bound_cache)
        self._count = count
        self._list_models = models
        self.others: dict[str, Callable[[ModelChoice, list[int], Any], object]] = {}
        self._installed: set[str] = set()
        self._codebook: tuple[Document, Codebook, tuple[int, ...]] | None = None
        panel.run_wanted.connect(self.run)
        panel.install_wanted.connect(self.ask_install)
        panel.model_changed.connect(self._model_changed)
        status.job.cancel.connect(self.cancel)
        runner.started.connect(self._started)
        runner.progressed.connect(self._progressed)
        runner.succeeded.connect(self._succeeded)
        runner.failed.connect(self._failed)
        runner.ended.connect(self._ended)
        runner.answered.connect(self._answered)
        self.refresh_models()

    # Models -------------------------------------------------------------------------------------------------------

    def refresh_models(self) -> None:
        """Look what is installed."""
        models = self._list_models()
        self._installed = {entry.name for entry in models if entry.installed}
        chosen = self._settings.preferences.model or (models[0].name if models else "")
        self._panel.set_models(models, chosen)
        self._show_device(None)
        self.choice_changed.emit()

    @property
    def choice(self) -> ModelChoice | None:
        """The model that computes; None while it is not installed."""
        name = self._panel.model_name
        if name not in self._installed:
            return None
        preferences = self._settings.preferences
        return ModelChoice(name, preferences.device, preferences.precision)

    @Slot(str)
    def _model_changed(self, _name: str) -> None:
        self._show_device(None)
        self.choice_changed.emit()

    @Slot(str)
    def ask_install(self, name: str) -> None:
        """Ask before anything is fetched, then fetch it; models that come as a file are asked for."""
        entry = next((each for each in self._list_models() if each.name == name), None)
        if entry is None:
            return
        if not entry.fetchable:
            self.ask_import(name)
            return
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Install model")
        box.setText(f"<b>Fetch {name} over the network?</b>")
        box.setInformativeText(describe_model(name))
        yes = box.addButton("Fetch and install", QMessageBox.ButtonRole.AcceptRole)
        file = box.addButton("From a file…", QMessageBox.ButtonRole.ActionRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(yes)

        def decided() -> None:
            if box.clickedButton() is yes:
                self.install(name)
            elif box.clickedButton() is file:
                self.ask_import(name)

        box.finished.connect(decided)
        box.open()

    def install(self, name: str) -> None:
        """Fetch a model; the person has agreed to it."""
        self._runner.submit(Job(f"Installing {name}", install_job(name), "install", tag=name))

    def ask_import(self, name: str) -> None:
        """Ask for the file of a model's weights."""
        dialog = QFileDialog(self._window, f"Weights of {name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter("Weights (*.pth *.pt *.safetensors *.whl);;All files (*)")
        dialog.fileSelected.connect(lambda path: self.import_file(Path(path), name))
        dialog.open()

    def import_file(self, file: Path, name: str) -> None:
        """Take a model's weights from a file."""
        self._runner.submit(Job(f"Importing {file.name}", import_job(file, name, name), "install", tag=name))

    # Running ------------------------------------------------------------------------------------------------------

    def refresh_ready(self) -> None:
        """Whether there is something to run on, and what."""
        document = self._session.document
        if document is None:
            self._panel.set_scopes([("all", "All", 0)])
            self._panel.set_ready(False, "Open a folder of images first")
            return
        words = (("all", "All"), ("todo", "Not reviewed"), ("listed", "Shown in the list"), ("selected", "Selected"))
        self._panel.set_scopes([(name, text, self._count(name)) for name, text in words])
        if document.read_only:
            self._panel.set_ready(False, "The project is open for looking only")
        elif len(document) == 0:
            self._panel.set_ready(False, "The project has no images")
        else:
            self._panel.set_ready(True)

    @Slot()
    def run(self) -> None:
        """Start what the panel says."""
        document, choice = self._session.document, self.choice
        if document is None or document.read_only:
            return
        if choice is None:
            self.ask_install(self._panel.model_name)
            return
        spec = self._panel.spec
        images = self._scopes(self._panel.scope_name)
        if not images:
            self.notice.emit("warning", "There are no images to run on. Choose others under Images.")
            return
        try:
            params = self._panel.params()
        except CounterpartError as error:
            self.notice.emit("warning", str(error))
            return
        if spec.id in self.others:
            self.others[spec.id](choice, images, params)
            return
        refs = {image: document.image_ref(image) for image in images}
        request = MaskRequest(choice, params, refs, self.known_parts(document))
        ticket = Ticket(document, document.revision, tuple(images), spec.verb, request)
        self._runner.submit(Job(spec.verb, self._jobs[spec.id](request), spec.id, tag=ticket))

    def known_parts(self, document: Document) -> Codebook | None:
        """The parts found last, by the names that they have now: a person's names and colours come back."""
        if self._codebook is None or self._codebook[0] is not document:
            return None
        _, codebook, ids = self._codebook
        names = {part.id: part.name for part in document.parts}
        if any(part not in names for part in ids):
            return None
        return dataclasses.replace(codebook, names=tuple(names[part] for part in ids))

    @Slot()
    def cancel(self) -> None:
        """Stop the running job at its next step."""
        if self._runner.current is not None:
            self._status.job.stopping()
            self._runner.cancel()

    # What jobs say ------------------------------------------------------------------------------------------------

    @Slot(object)
    def _started(self, job: Job) -> None:
        self._status.job.start(job.title)

    @Slot(object, object)
    def _progressed(self, job: Job, progress: Progress) -> None:
        if not job.token.cancelled:
            self._status.job.progress(progress, len(self._runner.waiting))

    @Slot(object, object)
    def _succeeded(self, job: Job, outcome: Outcome) -> None:
        if job.kind == "install":
            self._settings.change(model=job.tag)
            self.refresh_models()
            self.notice.emit("info", f"{job.tag} is installed.")
        elif isinstance(outcome.result, MaskResult):
            self._take_over(job.tag, outcome.result, outcome)
        self.finished.emit(job.kind)

    @Slot(object, object)
    def _failed(self, job: Job, failure: Failure) -> None:
        if failure.details:
            TroubleDialog(f"{job.title} failed", failure.text, failure.details, self._window).open()
        else:
            self.notice.emit("error", f"{job.title}: {failure.text}")

    @Slot(object, object)
    def _ended(self, _job: Job, _outcome: Outcome) -> None:
        if not self._runner.busy or self._runner.current is None:
            self._status.job.finish()
        self.ask_state()

    def _take_over(self, ticket: Ticket, result: MaskResult, outcome: Outcome) -> None:
        """Put a job's masks into the document as one step; what has changed since is left and named."""
        for image, why in result.failed.items():
            self.unreadable.emit(image, why)
        if self._session.document is not ticket.document:
            self.notice.emit("info", f"{ticket.title} finished for a project that is no longer open.")
            return
        replace = ReplaceMasks(
            result.masks,
            _still_meant(ticket.document, result),
            ticket.revision,
            result.provenance,
            result.doubts,
            title=f"{ticket.title} on {len(result.masks)} images",
        )
        stale = _left_over(ticket.document, result)
        command = Compound(replace.text, (replace, DeleteParts(stale))) if stale else replace
        if self._session.do(command) and result.codebook is not None:
            ids = {part.name: part.id for part in ticket.document.parts}
            found = tuple(ids.get(name, 0) for name in result.codebook.names)
            self._codebook = (ticket.document, result.codebook, found)
        if ticket.request is not None:
            self.taken_over.emit(ticket.document, ticket.request, ticket.images)
        self._report(ticket, result, outcome, replace)

    def _report(self, ticket: Ticket, result: MaskResult, outcome: Outcome, command: ReplaceMasks) -> None:
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
            self.notice.emit("warning" if warned else "info", " ".join(lines))

    # The engine's state -------------------------------------------------------------------------------------------

    def ask_state(self) -> None:
        """Ask where the engine computes and what the cache holds; only once it has been used."""
        choice = self.choice

        def state(backend: Backend, _ctx: object) -> tuple[EngineState | None, CacheUse]:
            return (backend.state(choice) if choice is not None and backend.used else None), backend.cache_use()

        self._runner.ask(_STATE, Job("State", state))

    @Slot()
    def _bound_cache(self) -> None:
        """Let the cache keep as much as the settings say now."""
        bounds = cache_bounds(self._settings.preferences)
        if bounds == self._bounds:
            return
        self._bounds = bounds

        def apply(backend: Backend, _ctx: object) -> None:
            backend.set_bounds(*bounds)

        self._runner.ask(_BOUNDS, Job("Bounds of the cache", apply))

    @Slot(str, object, object)
    def _answered(self, slot: str, _job: Job, outcome: Outcome) -> None:
        if slot != _STATE or outcome.result is None:
            if slot != _STATE and not outcome.cancelled:
                QTimer.singleShot(0, self.ask_state)
            return
        engine, cache = outcome.result
        self._show_device(engine)
        self._status.show_cache(cache.memory, cache.disk)

    def _show_device(self, state: EngineState | None) -> None:
        if state is not None:
            names = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
            self._status.show_device(f"{state.device.upper()} {names.get(state.precision, state.precision)}", state.why)
        elif self._panel.model_name in self._installed:
            self._status.show_device("Model not loaded", "It is loaded when it is first needed")
        else:
            self._status.show_device("No model", "Install a model in the Run panel")


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
