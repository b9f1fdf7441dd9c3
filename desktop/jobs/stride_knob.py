"""The stride of a model's patches as a person chooses it, for every task that has one."""

from __future__ import annotations

from counterpart.core.backbone.registry import ModelInfo
from counterpart.desktop.widgets.form import Knob


def stride_knob(info: ModelInfo) -> Knob:
    """The distances of patches that a model allows and that make sense, the finest last."""
    if info.arch == "resnet":
        strides: tuple[int, ...] = (32, 16, 8, 4)
    else:
        strides = tuple(step for step in range(info.patch, 1, -1) if info.patch % step == 0)
    return Knob(
        "Stride",
        choices=strides,
        words={step: f"{step} px" + (" (fast)" if step == strides[0] else "") for step in strides},
        help="Distance of patches. Smaller gives finer maps; half of it takes about sixteen times as long",
    )
