"""The tasks of the Run panel: their parameters, as `core` declares them, in words and ranges for a person."""

from __future__ import annotations

from collections.abc import Mapping

from core.backbone.registry import ModelInfo, model_info
from core.cosegment import CosegmentParams
from core.pipeline.masks import CosegmentJob, find_object
from desktop.form import Knob
from desktop.mask_jobs import MakeMaskJob, mask_job
from desktop.panels.run import TaskSpec

__all__ = ["TASKS", "make_jobs"]


def _info(model: str) -> ModelInfo:
    return model_info(model)


def _strides(info: ModelInfo) -> tuple[int, ...]:
    """Distances of patches that a model allows and that make sense, the finest last."""
    if info.arch == "resnet":
        return (32, 16, 8, 4)
    return tuple(step for step in range(info.patch, 1, -1) if info.patch % step == 0)


def _input_knobs(info: ModelInfo) -> dict[str, Knob]:
    strides = _strides(info)
    return {
        "size": Knob(
            "Input size",
            low=112,
            high=1344,
            step=info.patch,
            suffix=" px",
            none="The image's own",
            help="Longest side of what the model sees. Larger finds smaller things and takes longer",
        ),
        "stride": Knob(
            "Stride",
            choices=strides,
            words={step: f"{step} px" + (" (fast)" if step == strides[0] else "") for step in strides},
            help="Distance of patches. Smaller gives finer maps; half of it takes about sixteen times as long",
        ),
    }


def _object_defaults(model: str) -> CosegmentJob:
    defaults = _info(model).defaults
    return CosegmentJob(CosegmentParams.for_model(defaults), defaults.segment_size, defaults.segment_stride)


def _object_knobs(model: str) -> Mapping[str, Knob]:
    return {
        **_input_knobs(_info(model)),
        "params.threshold": Knob(
            "Saliency",
            high=1.0,
            help="How much a region must stand out to belong to the object. Lower finds more, higher less",
        ),
        "params.votes": Knob(
            "Agreement",
            high=1.0,
            step=0.05,
            help="Share of the images in which a region must stand out",
        ),
        "params.refine": Knob(
            "Outlines",
            words={"guided": "Guided filter", "grabcut": "GrabCut", "crf": "CRF", "none": "As found"},
            help="How outlines follow the edges of the photograph",
        ),
        "params.method": Knob(
            "Method",
            words={
                "seeded": "Seeded (improved)",
                "paper": "As in the paper",
                "baseline": "Saliency alone",
            },
        ),
        "params.saliency": Knob(
            "Saliency from",
            words={"cls": "Class attention", "background": "Unlike the border", "mean": "Both"},
        ),
        "params.clusters": Knob("Clusters", low=2, high=60, step=1, none="By the elbow rule"),
        "params.outlier_cosine": Knob(
            "Odd images",
            high=1.0,
            none="Keep all",
            help="Images less similar than this to the others get an empty mask",
        ),
        "params.seed": Knob("Seed", low=0, high=9999, step=1, help="The same seed gives the same result"),
    }


TASKS: tuple[TaskSpec, ...] = (
    TaskSpec(
        "object",
        "Object",
        "Finds the object that the images share",
        _object_defaults,
        _object_knobs,
        ("params.threshold",),
        (
            "params.method",
            "params.refine",
            "params.votes",
            "params.saliency",
            "params.clusters",
            "params.outlier_cosine",
            "size",
            "stride",
            "params.seed",
        ),
        "Find object",
    ),
)
"""What the Run panel offers."""


def make_jobs() -> dict[str, MakeMaskJob]:
    """How each task's job is made, by task id."""
    return {"object": mask_job(find_object)}
