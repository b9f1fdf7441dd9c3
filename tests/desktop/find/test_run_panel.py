"""The Run panel and its forms: made from the parameters that core declares."""

import argparse
import dataclasses

import pytest

from counterpart.core.backbone.registry import list_models
from counterpart.core.cli import masks
from counterpart.core.parts import PartsParams
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.parts.discovery import PartsJob
from counterpart.core.pipeline.parts.masks import CosegmentJob
from counterpart.desktop.find.run_panel import RunPanel
from counterpart.desktop.find.tasks import TASKS, make_jobs
from counterpart.desktop.jobs.backend import ModelEntry
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.form import Form, Knob, field_kind, get_field, replace_fields

MODELS = [ModelEntry(info.name, info.title, True, info.note) for info in list_models()]


@pytest.fixture
def panel(qtbot, tmp_path):
    made = RunPanel(TASKS, Settings(tmp_path / "window.ini"))
    qtbot.addWidget(made)
    made.set_models(MODELS, MODELS[0].name)
    made.set_ready(True)
    return made


def test_every_task_has_a_job():
    assert {task.id for task in TASKS} == set(make_jobs())


@pytest.mark.parametrize("model", [info.name for info in list_models()])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_every_knob_names_a_field_and_its_range_holds_the_default(task, model):
    params, knobs = task.defaults(model), task.knobs(model)
    assert set(task.few) | set(task.advanced) <= set(knobs)
    for name in (*task.few, *task.advanced):
        kind, _, _ = field_kind(params, name)
        value = get_field(params, name)
        if kind in ("int", "float") and value is not None and not knobs[name].choices:
            assert knobs[name].low <= value <= knobs[name].high, name
        if knobs[name].choices:
            assert value in knobs[name].choices, name


def test_the_form_starts_from_the_models_defaults_and_gives_back_the_dataclass(panel):
    params = panel.params()
    assert isinstance(params, PartsJob)
    assert params == TASKS[0].defaults(MODELS[0].name)
    panel.choose_task("object")
    assert isinstance(panel.params(), CosegmentJob)


def test_what_is_chosen_arrives_in_the_parameters(panel):
    form = panel._form(False)
    form.control("params.k").box.setValue(7)
    form.control("object.params.threshold").box.setValue(0.31)
    deep = panel._form(True)
    deep.control("object.stride").setCurrentIndex(deep.control("object.stride").findData(7))
    params = panel.params()
    assert params.params.k == 7
    assert params.object.params.threshold == pytest.approx(0.31)
    assert params.object.stride == 7
    assert dataclasses.replace(params.params, k=4) == TASKS[0].defaults(MODELS[0].name).params


def test_choices_are_kept_for_the_next_time_and_can_be_reset(qtbot, panel, tmp_path):
    panel._form(False).control("params.k").box.setValue(9)
    again = RunPanel(TASKS, panel._settings)
    qtbot.addWidget(again)
    again.set_models(MODELS, MODELS[0].name)
    assert again.params().params.k == 9
    again.reset.click()
    assert again.params().params.k == 4


def test_another_model_has_its_own_defaults(panel):
    panel.model.setCurrentIndex(panel.model.findData("dino_vits8"))
    params = panel.params()
    assert params.object.params.method == "paper"
    assert params.object.stride == 4


def test_a_number_may_be_left_out(qtbot):
    form = Form(PartsParams(), ("k", "seed"), {"k": Knob(low=1, high=9, step=1)})
    qtbot.addWidget(form)
    assert form.values()["k"] == 4
    params = TASKS[1].defaults(MODELS[0].name)
    optional = Form(params, ("params.clusters", "size"), TASKS[1].knobs(MODELS[0].name))
    qtbot.addWidget(optional)
    optional.control("params.clusters").check.setChecked(True)
    assert optional.params().params.clusters is None
    assert optional.params().size == params.size


def test_fields_of_fields_are_replaced_together():
    job = TASKS[0].defaults(MODELS[0].name)
    changed = replace_fields(job, {"params.k": 6, "params.seed": 3, "object.params.votes": 0.25, "augment": 2})
    assert (changed.params.k, changed.params.seed, changed.object.params.votes, changed.augment) == (6, 3, 0.25, 2)
    assert changed.object.params.method == job.object.params.method


def test_the_button_says_why_it_is_disabled(panel):
    panel.set_ready(False, "Open a folder of images first")
    assert not panel.button.isEnabled()
    assert panel.button.toolTip() == "Open a folder of images first"
    panel.set_ready(True)
    assert panel.button.isEnabled()
    panel.set_models([dataclasses.replace(MODELS[0], installed=False)], MODELS[0].name)
    assert panel.button.toolTip() == "Install the model first"


@pytest.mark.parametrize("model", [info.name for info in list_models()])
@pytest.mark.parametrize("method", ["default", "paper", "baseline"])
def test_every_model_starts_as_on_the_command_line(model, method):
    parser = argparse.ArgumentParser()
    masks.declare_parts(parser)
    args = parser.parse_args(["images", "--out", "out", "--method", method])
    told = {"parts": masks.parts_job(args, Engine(model)), "object": masks.cosegment_job(args, Engine(model))}
    for task in TASKS:
        if task.id in told:
            offered = task.defaults(model) if method == "default" else task.for_method(model, method)
            assert offered == told[task.id]


def test_choosing_the_papers_method_brings_its_settings_with_it(qtbot, tmp_path):
    from counterpart.core.backbone.registry import model_info
    from counterpart.core.cosegment.params import CosegmentParams
    from counterpart.desktop.find.tasks import TASKS

    defaults = model_info("dinov2_vits14_focus").defaults
    panel = RunPanel(TASKS, Settings(tmp_path / "own.ini"))
    qtbot.addWidget(panel)
    panel.set_models([ModelEntry("dinov2_vits14_focus", "Focus", True)], "dinov2_vits14_focus")
    panel.choose_task("parts")
    panel._form(False).control("params.k").box.setValue(6)
    before = panel.params()
    combo = panel._form(True).control("object.params.method")
    combo.setCurrentIndex(combo.findData("paper"))
    params = panel.params()
    assert params.object.params == CosegmentParams.paper_for(defaults)
    assert params.params.tap == defaults.paper_tap
    assert params.params.together
    assert params.params.k == 6
    combo.setCurrentIndex(combo.findData("seeded"))
    assert panel.params() == before
