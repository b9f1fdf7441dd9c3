"""Transfer as a task: its parameters, as `core` declares them, in words and ranges for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from counterpart.core.backbone.registry import model_info
from counterpart.desktop.jobs.stride_knob import stride_knob
from counterpart.desktop.jobs.task import TaskSpec, starting_values
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.form import Knob

if TYPE_CHECKING:
    from counterpart.core.pipeline.keypoints.transfer import TransferJob


def _defaults(model: str) -> TransferJob:
    from counterpart.core.pipeline.keypoints.transfer import TransferJob

    return TransferJob.for_model(model_info(model).defaults)


def _knobs(model: str) -> Mapping[str, Knob]:
    return {
        "stride": stride_knob(model_info(model)),
        "params.doubtful_below": Knob(
            "Doubtful below",
            high=1.0,
            step=0.05,
            help="What is less sure comes in orange, to be looked at",
        ),
        "params.prior": Knob("Use the templates' layout", help="Where points lie to each other; tolerant of pose"),
        "params.mirror_templates": Knob(
            "Templates serve mirrored too", help="Left and right change places; helps where animals face both ways"
        ),
        "params.mirror_target": Knob("Look at each image mirrored too", help="Twice the time, a little more accurate"),
    }


KEYPOINTS = TaskSpec(
    "keypoints",
    "Keypoints",
    "Places the keypoints of confirmed images in the others",
    _defaults,
    _knobs,
    ("params.doubtful_below",),
    ("stride", "params.prior", "params.mirror_templates", "params.mirror_target"),
    "Transfer keypoints",
)
"""Transfer, as the Run panel offers it."""


def transfer_params(settings: Settings, model: str) -> TransferJob:
    """How a person chose last that a model transfers."""
    from counterpart.core.pipeline.keypoints.transfer import TransferJob

    params = starting_values(settings, KEYPOINTS, model)
    assert isinstance(params, TransferJob)
    return params
