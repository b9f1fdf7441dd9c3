"""The room of finding objects and parts without labels: the Run panel below the tabs, and what acts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QObject, Slot

from counterpart.desktop.find.codebooks import Codebooks
from counterpart.desktop.find.live_preview import LivePreview
from counterpart.desktop.find.mask_jobs import MakeMaskJob, MakePreviewJob
from counterpart.desktop.find.run_panel import RunPanel
from counterpart.desktop.find.runs import Runs, StartTask
from counterpart.desktop.jobs.task import TaskSpec
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.workbench import Workbench


class FindRoom(QObject):
    """Runs tasks on many images, previews them, and keeps the parts they find.

    Args:
        bench: What rooms share.
        active: Gives the part that tools work with, 0 for none.
        tasks: What the Run panel offers from the start.
        jobs: How each task's job is made, by task id.
        previews: How each task is previewed, by task id.

    Attributes:
        panel: The Run panel.
        runs: Starts what it says, and takes masks over.
        preview: Shows what other parameters would give.
        codebooks: Splits parts and keeps them as codebooks.
    """

    def __init__(
        self,
        bench: Workbench,
        active: Callable[[], int],
        tasks: Sequence[TaskSpec],
        jobs: Mapping[str, MakeMaskJob],
        previews: Mapping[str, MakePreviewJob],
    ) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self.panel = RunPanel(tasks, bench.settings)
        self.runs = Runs(bench, self.panel, jobs)
        self.preview = LivePreview(bench, self.panel, self.runs, previews)
        self.codebooks = Codebooks(bench, self.runs)
        bench.layout.put_below_tabs(self.panel)
        self._declare(active)
        self._connect()
        self._list_models()
        self.runs.refresh_ready()

    def offer(self, spec: TaskSpec, start: StartTask) -> None:
        """Offer a task of another room in the Run panel; `start` gets the model, the images and the parameters."""
        self.runs.others[spec.id] = start
        self.panel.add_task(spec)

    def scope(self) -> list[int]:
        """The images that the Run panel is set to."""
        return self._bench.scopes.images(self.panel.scope_name)

    def _declare(self, active: Callable[[], int]) -> None:
        needs = self._bench.needs
        # fmt: off
        self._bench.actions.add(
            [
                Action("split_part", "S&plit part", "Part",
                       help="Divide the active part in two by what it looks like, on all images",
                       do=lambda: self.codebooks.split(active()), needs=needs.change, place=410),
                Action("save_codebook", "Save code&book…", "Part", help="Keep the parts, to find them in other images",
                       do=self.codebooks.ask_save, needs=(needs.project,), place=420),
                Action("apply_codebook", "&Apply codebook…", "Part",
                       help="Find the parts of another set in these images", do=self.codebooks.ask_apply,
                       needs=needs.change, place=430),
                Action("run", "&Run", "Run", keys=("Ctrl+R", "F5"), icon="run",
                       help="Start what is chosen in the Run panel", do=self.runs.run, place=10),
                Action("cancel_job", "&Cancel job", "Run", keys=("Ctrl+.",), icon="cancel",
                       do=self._bench.status.job.cancel.emit, place=20),
            ]
        )
        # fmt: on

    def _connect(self) -> None:
        bench = self._bench
        for told in (bench.session.opened, bench.session.renamed, bench.session.closed, bench.images.counted):
            told.connect(self.runs.refresh_ready)
        bench.images.view.selectionModel().selectionChanged.connect(self.runs.refresh_ready)
        bench.session.opened.connect(self.preview.clear)
        bench.session.closing.connect(self._closing)
        bench.session.changes.parts.connect(self.preview.show)
        bench.models.listed.connect(self._list_models)
        self.panel.model_changed.connect(bench.models.choose)
        self.panel.install_wanted.connect(bench.models.ask_install)

    @Slot()
    def _list_models(self) -> None:
        self.panel.set_models(self._bench.models.entries, self._bench.models.name)

    @Slot()
    def _closing(self) -> None:
        self.runs.clear()
        self.preview.clear()
