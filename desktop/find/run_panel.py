"""The Run panel: what to compute, on which images, with few knobs; everything else behind Advanced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from counterpart.desktop.images.scopes import SCOPES, Scope, Scopes
from counterpart.desktop.jobs.backend import ModelEntry
from counterpart.desktop.jobs.run_button import RunButton
from counterpart.desktop.jobs.task import TaskSpec, starting_values
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.form import Form, get_field, replace_fields
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.widgets.labels import field_label, heading, line, muted
from counterpart.desktop.widgets.notice import Notice
from counterpart.desktop.widgets.preview_line import PreviewLine
from counterpart.desktop.widgets.segments import Segments
from counterpart.desktop.widgets.theme import GRID, colours


class RunPanel(QWidget):
    """Chooses a task and its parameters.

    Signals:
        run_wanted: The button was pressed.
        install_wanted: A model should be installed.
        model_changed: Another model was chosen.
        params_changed: Another parameter or task was chosen.
        preview_dropped: What is previewed is not wanted.
    """

    run_wanted = Signal()
    install_wanted = Signal(str)
    model_changed = Signal(str)
    params_changed = Signal()
    preview_dropped = Signal()

    def __init__(self, tasks: Sequence[TaskSpec], settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._tasks = list(tasks)
        self._settings = settings
        self._models: list[ModelEntry] = []
        self._forms: dict[tuple[str, bool], Form] = {}
        self._methods: dict[str, Any] = {}
        self.task = Segments([task.title for task in tasks], [task.help for task in tasks])
        self.help = muted(wrap=True, small=True)
        self.scope = QComboBox()
        self.scope.setAccessibleName("Images to run on")
        self.model = QComboBox()
        self.model.setAccessibleName("Model")
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.model.setMinimumContentsLength(12)
        self.notice = Notice()
        self.preview = PreviewLine()
        self.preview.dropped.connect(self.preview_dropped)
        self.button = RunButton()
        self.button.setObjectName("primary")
        self.button.setIcon(icon("run", colours().on_accent))
        self.more = QToolButton()
        self.more.setObjectName("disclosure")
        self.more.setText("Advanced")
        self.more.setCheckable(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.reset = QPushButton("Reset to defaults")
        self._layout()
        self._why = ""
        self.task.chosen.connect(self._task_chosen)
        self.more.toggled.connect(self._show_more)
        self.button.clicked.connect(self.run_wanted)
        self.model.currentIndexChanged.connect(self._model_chosen)
        self.notice.button.clicked.connect(self._install)
        self.reset.clicked.connect(self._reset)
        self._show_more(False)

    def _layout(self) -> None:
        top = QFormLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setHorizontalSpacing(12)
        top.setVerticalSpacing(GRID)
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow(field_label("Images"), self.scope)
        self._few = QVBoxLayout()
        self._few.setContentsMargins(0, 0, 0, 0)
        self._rest = QVBoxLayout()
        self._rest.setContentsMargins(0, 0, 0, 0)
        self._rest.setSpacing(GRID)
        self._advanced = QWidget()
        deep = QVBoxLayout(self._advanced)
        deep.setContentsMargins(0, 0, 0, 0)
        deep.setSpacing(GRID)
        model_row = QFormLayout()
        model_row.setHorizontalSpacing(12)
        model_row.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        model_row.addRow(field_label("Model"), self.model)
        deep.addLayout(model_row)
        deep.addLayout(self._rest)
        deep.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignLeft)
        page = QWidget()
        page.setObjectName("panel")
        box = QVBoxLayout(page)
        box.setContentsMargins(12, 4, 12, 12)
        box.setSpacing(12)
        box.addWidget(self.task)
        box.addWidget(self.help)
        box.addLayout(top)
        box.addLayout(self._few)
        box.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self._advanced)
        box.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        title = QVBoxLayout()
        title.setContentsMargins(12, 12, 12, 8)
        title.addWidget(heading("Run"))
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 8, 12, 12)
        foot.setSpacing(GRID)
        foot.addWidget(self.notice)
        foot.addWidget(self.preview)
        foot.addWidget(self.button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(title)
        whole.addWidget(area, 1)
        whole.addWidget(line())
        whole.addLayout(foot)

    # What is chosen -----------------------------------------------------------------------------------------

    @property
    def spec(self) -> TaskSpec:
        """The task that is chosen."""
        return self._tasks[self.task.index]

    @property
    def model_name(self) -> str:
        """The model that is chosen."""
        return str(self.model.currentData() or "")

    @property
    def scope_name(self) -> Scope:
        """Which images are wanted."""
        return cast("Scope", self.scope.currentData() or "all")

    def params(self) -> Any:
        """Parameters of the task as chosen.

        Raises:
            CounterpartError: They do not go together.
        """
        values = self._values()
        return replace_fields(self.spec.base(self.model_name, values), values)

    def _values(self) -> dict[str, Any]:
        """What is chosen, by field."""
        return {**self._form(False).values(), **self._form(True).values()}

    def choose_task(self, task: str) -> None:
        """Choose a task."""
        self.task.set_index([each.id for each in self._tasks].index(task))
        self._task_chosen()

    # What can be chosen -------------------------------------------------------------------------------------

    def add_task(self, spec: TaskSpec) -> None:
        """Offer one more task, behind the others."""
        self._tasks.append(spec)
        self.task.add(spec.title, spec.help)

    def set_models(self, models: Sequence[ModelEntry], chosen: str) -> None:
        """List the models. The chosen one stays chosen."""
        if list(models) == self._models and chosen == self.model_name:
            return
        self._models = list(models)
        self.model.blockSignals(True)
        self.model.clear()
        for entry in models:
            self.model.addItem(entry.title if entry.installed else f"{entry.title} (not installed)", entry.name)
            self.model.setItemData(self.model.count() - 1, entry.note, Qt.ItemDataRole.ToolTipRole)
        self.model.setCurrentIndex(max(self.model.findData(chosen), 0))
        self.model.blockSignals(False)
        self._task_chosen()

    def show_scopes(self, scopes: Scopes) -> None:
        """List which images can be run on, and how many they are. The chosen ones stay chosen."""
        keep = self.scope_name
        self.scope.blockSignals(True)
        self.scope.clear()
        for name, words in SCOPES:
            self.scope.addItem(f"{words} ({scopes.count(name):,})", name)
        self.scope.setCurrentIndex(max(self.scope.findData(keep), 0))
        self.scope.blockSignals(False)

    def set_ready(self, ready: bool, why: str = "") -> None:
        """Enable the button, or say why it is disabled."""
        self._why = "" if ready else why
        self._update_button()

    def retint(self) -> None:
        """Follow a change of theme."""
        self.button.setIcon(icon("run", colours().on_accent))
        self._show_more(self.more.isChecked())

    # Inside -------------------------------------------------------------------------------------------------

    @property
    def _entry(self) -> ModelEntry | None:
        return next((entry for entry in self._models if entry.name == self.model_name), None)

    def _form(self, advanced: bool) -> Form:
        key = (f"{self.spec.id}/{self.model_name}", advanced)
        if key not in self._forms:
            names = self.spec.advanced if advanced else self.spec.few
            form = Form(
                starting_values(self._settings, self.spec, self.model_name), names, self.spec.knobs(self.model_name)
            )
            form.changed.connect(self._follow_method)
            form.changed.connect(self._remember)
            form.changed.connect(self.params_changed)
            self._forms[key] = form
        return self._forms[key]

    @Slot()
    def _follow_method(self) -> None:
        """Another way of doing it was chosen: show its own settings, keep what does not depend on it."""
        spec, values = self.spec, self._values()
        if spec.for_method is None or spec.method not in values:
            return
        place = f"{spec.id}/{self.model_name}"
        now = values[spec.method]
        if self._methods.get(place, now) != now:
            kept = {name: values[name] for name in spec.kept if name in values}
            params = replace_fields(spec.base(self.model_name, values), kept)
            for advanced in (False, True):
                self._form(advanced).set_params(params)
        self._methods[place] = now

    @Slot()
    def _remember(self) -> None:
        defaults = self.spec.defaults(self.model_name)
        chosen = self._values()
        changed = {name: value for name, value in chosen.items() if value != get_field(defaults, name)}
        self._settings.set_params(f"{self.spec.id}/{self.model_name}", changed)
        self.reset.setEnabled(bool(changed))

    @Slot()
    def _reset(self) -> None:
        defaults = self.spec.defaults(self.model_name)
        for advanced in (False, True):
            self._form(advanced).set_params(defaults)
        self._follow_method()
        self._remember()
        self.params_changed.emit()

    @Slot()
    def _task_chosen(self) -> None:
        if not self._models:
            return
        self.help.setText(self.spec.help)
        for place, advanced in ((self._few, False), (self._rest, True)):
            while place.count():
                item = place.takeAt(0)
                old = item.widget() if item is not None else None
                if old is not None:
                    old.hide()
            form = self._form(advanced)
            place.addWidget(form)
            form.show()
        self._follow_method()
        self._remember()
        self._show_notice()
        self._update_button()
        self.params_changed.emit()

    @Slot()
    def _model_chosen(self) -> None:
        self._task_chosen()
        self.model_changed.emit(self.model_name)

    def _show_notice(self) -> None:
        entry = self._entry
        if entry is None or entry.installed:
            self.notice.hide()
            return
        text = f"<b>{entry.title}</b> is not installed. {entry.note}"
        self.notice.show_text("warning", text, "Install…" if entry.fetchable else "Import…")

    @Slot()
    def _install(self) -> None:
        self.install_wanted.emit(self.model_name)

    def _update_button(self) -> None:
        entry = self._entry
        why = self._why
        if not why and entry is not None and not entry.installed:
            why = "Install the model first"
        self.button.setText(self.spec.verb)
        self.button.setEnabled(not why)
        self.button.setToolTip(why or f"{self.spec.help} (Ctrl+R)")

    @Slot(bool)
    def _show_more(self, shown: bool) -> None:
        self._advanced.setVisible(shown)
        self.more.setIcon(icon("chevron-down" if shown else "chevron-right", colours().muted))
