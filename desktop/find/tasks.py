"""The tasks of the Run panel: their parameters, as `core` declares them, in words and ranges for a person."""

from __future__ import annotations

from collections.abc import Mapping

from counterpart.core.backbone.registry import ModelInfo, model_info
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.parts.codebook import Codebook
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.parts.discovery import PartsJob, find_parts
from counterpart.core.pipeline.parts.masks import CosegmentJob, MaskRun, find_object
from counterpart.desktop.find.mask_jobs import MakeMaskJob, MakePreviewJob, MaskRequest, mask_job, preview_job
from counterpart.desktop.jobs.stride_knob import stride_knob
from counterpart.desktop.jobs.task import TaskSpec
from counterpart.desktop.widgets.form import Knob


def _info(model: str) -> ModelInfo:
    return model_info(model)


def _input_knobs(info: ModelInfo) -> dict[str, Knob]:
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
        "stride": stride_knob(info),
    }


def _object_defaults(model: str) -> CosegmentJob:
    return CosegmentJob.for_model(_info(model).defaults)


def _object_for_method(model: str, method: str) -> CosegmentJob:
    return CosegmentJob.for_model(_info(model).defaults, _command_line_method(model, method))


def _parts_defaults(model: str) -> PartsJob:
    return PartsJob.for_model(_info(model).defaults)


def _parts_for_method(model: str, method: str) -> PartsJob:
    return PartsJob.for_model(_info(model).defaults, method=_command_line_method(model, method))


def _command_line_method(model: str, method: str) -> str:
    """What the command line calls a method: where a model's own way is seeded, with measured settings, the default."""
    return "default" if method == _info(model).defaults.cosegment_method == "seeded" else method


_REFINE = {"guided": "Guided filter", "grabcut": "GrabCut", "crf": "CRF", "none": "As found"}
_SEED = Knob("Seed", low=0, high=9999, step=1, help="The same seed gives the same result")


def _object_knobs(model: str) -> Mapping[str, Knob]:
    return {
        **_input_knobs(_info(model)),
        "params.threshold": Knob(
            "Saliency",
            high=1.0,
            step=0.005,
            decimals=3,
            help="How much a region must stand out to belong to the object. Lower finds more, higher less",
        ),
        "params.votes": Knob(
            "Agreement", high=1.0, step=0.05, help="Share of the images in which a region must stand out"
        ),
        "params.refine": Knob("Outlines", words=_REFINE, help="How outlines follow the edges of the photograph"),
        "params.method": Knob(
            "Method",
            words={"seeded": "Seeded (improved)", "paper": "As in the paper", "baseline": "Saliency alone"},
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
        "params.seed": _SEED,
    }


def _parts_knobs(model: str) -> Mapping[str, Knob]:
    own = {
        "params.k": Knob("Parts", low=1, high=24, step=1, help="How many parts the object is divided into"),
        "params.grouping": Knob(
            "Grouping",
            words={"merged": "What is alike", "kmeans": "Parts of like size"},
            help="Join what is alike, or divide evenly, as in the paper",
        ),
        "params.stages": Knob(
            "Stages",
            words={2: "Two", 3: "Three (cluttered images)"},
            help="Three first remove what is not common to the images",
        ),
        "params.crf": Knob("Smooth parts along edges", help="A dense CRF: slow, and small parts may vanish"),
        "params.refine": Knob("Outlines", words=_REFINE, help="How the outline follows the photograph"),
        "params.together": Knob(
            "Decide background with the parts", help="As in the paper; otherwise inside the object's outline"
        ),
        "params.seed": _SEED,
        "augment": Knob(
            "Extra views",
            low=0,
            high=40,
            step=1,
            help="Flipped and cropped copies of each image, for very small sets; each takes the time of an image",
        ),
    }
    return own | {f"object.{name}": knob for name, knob in _object_knobs(model).items()}


def _find_object(
    engine: Engine, refs: list[ImageRef], request: MaskRequest, ctx: JobContext
) -> tuple[MaskRun, Codebook | None]:
    return find_object(engine, refs, request.params, ctx), None


def _find_parts(
    engine: Engine, refs: list[ImageRef], request: MaskRequest, ctx: JobContext
) -> tuple[MaskRun, Codebook | None]:
    previous = request.previous
    if previous is not None and previous.spec.model != engine.info.name:
        previous = None
    found = find_parts(engine, refs, request.params, ctx, previous)
    return found.masks, found.codebook


TASKS: tuple[TaskSpec, ...] = (
    TaskSpec(
        "parts",
        "Parts",
        "Finds the object that the images share, and its parts",
        _parts_defaults,
        _parts_knobs,
        ("params.k", "object.params.threshold"),
        (
            "params.grouping",
            "params.stages",
            "params.crf",
            "params.refine",
            "params.together",
            "object.size",
            "object.stride",
            "object.params.method",
            "object.params.votes",
            "object.params.saliency",
            "object.params.clusters",
            "object.params.outlier_cosine",
            "augment",
            "params.seed",
        ),
        "Find parts",
        "object.params.method",
        _parts_for_method,
        ("params.k", "params.stages", "object.size", "object.stride", "augment", "params.seed"),
    ),
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
        "params.method",
        _object_for_method,
        ("size", "stride", "params.seed"),
    ),
)
"""What the Run panel offers."""


def make_previews() -> dict[str, MakePreviewJob]:
    """How each task is previewed, by task id."""
    return {"parts": preview_job(_find_parts), "object": preview_job(_find_object)}


def make_jobs() -> dict[str, MakeMaskJob]:
    """How each task's job is made, by task id."""
    return {"parts": mask_job(_find_parts), "object": mask_job(_find_object)}
