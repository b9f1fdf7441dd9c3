"""Which model computes: what is installed, installing more, and where the engine runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from counterpart.desktop.jobs.backend import (
    Backend,
    CacheUse,
    EngineState,
    ModelChoice,
    ModelEntry,
    cache_bounds,
    describe_model,
    import_job,
    install_job,
    model_entries,
)
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.choose_path import path_dialog

_STATE = "engine state"
_BOUNDS = "cache bounds"


class Models(QObject):
    """Knows the models and the one that is chosen, and has others installed.

    Args:
        runner: Has the engine.
        settings: Keep the choice.
        window: Owner of the dialogs.
        entries: Lists the models; replaced in tests.

    Signals:
        listed: There are other models, or another one is installed.
        changed: Another model computes, or none can; ask `choice`.
        notice: Kind and text for the person.
        device: Where models compute, and why there.
        cache: Bytes of cached features in memory and on disk.
    """

    listed = Signal()
    changed = Signal()
    notice = Signal(str, str)
    device = Signal(str, str)
    cache = Signal(object, object)

    def __init__(
        self,
        runner: JobRunner,
        settings: Settings,
        window: QWidget,
        entries: Callable[[], list[ModelEntry]] = model_entries,
    ) -> None:
        super().__init__(window)
        self._runner, self._settings, self._window, self._list = runner, settings, window, entries
        self._bounds = cache_bounds(settings.preferences)
        self._entries: list[ModelEntry] = []
        self._name = ""
        settings.changed.connect(self._bound_cache)
        runner.ended.connect(self.ask_state)
        self.refresh()

    @property
    def entries(self) -> tuple[ModelEntry, ...]:
        """The models, those that are installed first."""
        return tuple(self._entries)

    @property
    def name(self) -> str:
        """The model that is chosen, installed or not."""
        return self._name

    @property
    def choice(self) -> ModelChoice | None:
        """The model that computes; None while it is not installed."""
        if not any(entry.name == self._name and entry.installed for entry in self._entries):
            return None
        preferences = self._settings.preferences
        return ModelChoice(self._name, preferences.device, preferences.precision)

    def refresh(self) -> None:
        """Look what is installed."""
        self._entries = self._list()
        known = [entry.name for entry in self._entries]
        wanted = self._settings.preferences.model
        self._name = wanted if wanted in known else next(iter(known), "")
        self.listed.emit()
        self._show_device(None)
        self.changed.emit()

    def choose(self, name: str) -> None:
        """Compute with another model from now on."""
        if name == self._name:
            return
        self._name = name
        self._settings.change(model=name)
        self._show_device(None)
        self.changed.emit()

    # Installing ---------------------------------------------------------------------------------------------------

    @Slot(str)
    def ask_install(self, name: str) -> None:
        """Ask before anything is fetched, then fetch it; models that come as a file are asked for."""
        entry = next((each for each in self._list() if each.name == name), None)
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
        job = Job(f"Installing {name}", install_job(name), "install", ("install", name))
        self._runner.submit(job, lambda _outcome: self._installed(name))

    def ask_import(self, name: str) -> None:
        """Ask for the file of a model's weights."""
        dialog = path_dialog(self._window, f"Weights of {name}")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter("Weights (*.pth *.pt *.safetensors *.whl);;All files (*)")
        dialog.fileSelected.connect(lambda path: self.import_file(Path(path), name))
        dialog.open()

    def import_file(self, file: Path, name: str) -> None:
        """Take a model's weights from a file."""
        job = Job(f"Importing {file.name}", import_job(file, name, name), "install", ("import", file))
        self._runner.submit(job, lambda _outcome: self._installed(name))

    def _installed(self, name: str) -> None:
        self._settings.change(model=name)
        self.refresh()
        self.notice.emit("info", f"{name} is installed.")

    # The engine's state -------------------------------------------------------------------------------------------

    @Slot()
    def ask_state(self) -> None:
        """Ask where the engine computes and what the cache holds; only once it has been used."""
        choice = self.choice

        def state(backend: Backend, _ctx: object) -> tuple[EngineState | None, CacheUse]:
            return (backend.state(choice) if choice is not None and backend.used else None), backend.cache_use()

        self._runner.ask(_STATE, Job("State", state), self._show_state)

    @Slot()
    def _bound_cache(self) -> None:
        """Let the cache keep as much as the settings say now."""
        bounds = cache_bounds(self._settings.preferences)
        if bounds == self._bounds:
            return
        self._bounds = bounds

        def apply(backend: Backend, _ctx: object) -> None:
            backend.set_bounds(*bounds)

        self._runner.ask(_BOUNDS, Job("Bounds of the cache", apply), lambda _outcome: self.ask_state())

    def _show_state(self, outcome: JobOutcome) -> None:
        if outcome.result is None:
            return
        engine, cache = outcome.result
        self._show_device(engine)
        self.cache.emit(cache.memory, cache.disk)

    def _show_device(self, state: EngineState | None) -> None:
        if state is not None:
            names = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
            self.device.emit(f"{state.device.upper()} {names.get(state.precision, state.precision)}", state.why)
        elif self.choice is not None:
            self.device.emit("Model not loaded", "It is loaded when it is first needed")
        else:
            self.device.emit("No model", "Install a model in the Run panel")
