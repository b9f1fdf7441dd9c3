"""What a task starts from: a model's defaults, and what a person chose last where that still makes sense."""

import pytest

from counterpart.desktop.jobs.stride_knob import stride_knob
from counterpart.desktop.jobs.task import starting_values
from counterpart.desktop.shell.settings import Settings
from tests.desktop.fakes import FAKE_TASKS, FakeParams


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({}, FakeParams()),
        ({"parts": 5, "threshold": 0.7}, FakeParams(5, 0.7)),
        ({"threshold": 0.99, "parts": 3}, FakeParams(3)),
        ({"gone": 1, "method": "fine"}, FakeParams(method="fine")),
    ],
)
def test_what_was_chosen_last_is_taken_up_where_it_is_still_allowed(qapp, tmp_path, kept, expected):
    settings = Settings(tmp_path / "settings.ini")
    settings.set_params("parts/some_model", kept)
    assert starting_values(settings, FAKE_TASKS[0], "some_model") == expected
    assert starting_values(settings, FAKE_TASKS[0], "another_model") == FakeParams()


@pytest.mark.parametrize(
    ("model", "strides"), [("dino_vits8", (8, 4, 2)), ("dinov2_vits14", (14, 7, 2)), ("dino_resnet50", (32, 16, 8, 4))]
)
def test_strides_divide_the_patch(model, strides):
    from counterpart.core.backbone.registry import model_info

    knob = stride_knob(model_info(model))
    assert tuple(knob.choices) == strides
    assert knob.words[strides[0]] == f"{strides[0]} px (fast)"
