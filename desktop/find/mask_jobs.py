"""Jobs that give label maps: what they return, and how a run of the engine becomes that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.parts.codebook import Codebook
from counterpart.core.pipeline.engine import Engine, failed_images
from counterpart.core.pipeline.parts.masks import MaskRun
from counterpart.core.project.model import Provenance
from counterpart.core.project.palette import Colour
from counterpart.core.project.tiles import PackedLabels, pack_labels
from counterpart.desktop.jobs.backend import Backend, ModelChoice

_FOUND = 0.7
"""Share of a job's time until the soft result is there; the rest makes label maps of it."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskResult:
    """Label maps of many images.

    Attributes:
        masks: Packed label maps by image id.
        labels: What their values mean: 0, a part id, or the name of a part.
        provenance: Where they come from.
        doubts: How doubtful each image is, in [0, 1].
        failed: Why an image could not be used, by id.
        note: One sentence on what was found.
        codebook: The parts themselves, to find them again; None for tasks without.
    """

    masks: Mapping[int, PackedLabels]
    labels: Mapping[int, int | str]
    provenance: Provenance
    doubts: Mapping[int, float] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)
    note: str = ""
    codebook: Codebook | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MaskRequest:
    """What a job works from.

    Attributes:
        choice: The model.
        params: Parameters of the task.
        refs: The images, by id.
        previous: Parts found before, whose names are kept where they are found again.
    """

    choice: ModelChoice
    params: Any
    refs: Mapping[int, ImageRef]
    previous: Codebook | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PreviewResult:
    """What a run would give, on the token grids.

    Attributes:
        grids: By image id (rows, columns) uint8 labels and where the tokens lie.
        names: What labels mean, from 1 on.
        colours: Their colours.
        outliers: Images that seem to show something else.
        note: One sentence on what was found.
    """

    grids: Mapping[int, tuple[NDArray[np.uint8], GridGeometry]]
    names: Mapping[int, str]
    colours: Mapping[int, Colour]
    outliers: frozenset[int] = frozenset()
    note: str = ""


MaskFunction = Callable[[Backend, JobContext], MaskResult]
PreviewFunction = Callable[[Backend, JobContext], PreviewResult]
MakePreviewJob = Callable[[MaskRequest], PreviewFunction]
"""Makes the preview of a task."""
MakeMaskJob = Callable[[MaskRequest], MaskFunction]
"""Makes the job of a task."""
Find = Callable[[Engine, list[ImageRef], MaskRequest, JobContext], tuple[MaskRun, Codebook | None]]
"""A use case of `core.pipeline`."""


def mask_job(find: Find) -> MakeMaskJob:
    """The maker of jobs for a use case that gives a `MaskRun`."""

    def make(request: MaskRequest) -> MaskFunction:
        choice, refs = request.choice, request.refs

        def run(backend: Backend, ctx: JobContext) -> MaskResult:
            engine = backend.engine(choice)
            ids = list(refs)
            found, codebook = find(engine, list(refs.values()), request, ctx.stage(0.0, _FOUND))
            masks, doubts = _label_maps(found, ids, ctx.stage(_FOUND, 1.0))
            failed = failed_images(refs, ctx)
            provenance = engine.provenance(found.kind, found.params)
            note = f"{found.note[:1].upper()}{found.note[1:]}." if found.note else ""
            return MaskResult(masks, {0: 0, **found.names}, provenance, doubts, failed, note, codebook)

        return run

    return make


def preview_job(find: Find) -> MakePreviewJob:
    """The maker of previews for a use case that gives a `MaskRun`: its result on the token grids, without pixels."""

    def make(request: MaskRequest) -> PreviewFunction:
        ids, refs = list(request.refs), list(request.refs.values())

        def run(backend: Backend, ctx: JobContext) -> PreviewResult:
            found, _ = find(backend.engine(request.choice), refs, request, ctx)
            grids, outliers = {}, set()
            for index in range(len(found)):
                image = ids[found.features.indices[index]]
                grids[image] = (found.token_labels(index), found.features[index].geometry)
                if found.outliers[index]:
                    outliers.add(image)
            return PreviewResult(grids, found.names, found.colours, frozenset(outliers), found.note)

        return run

    return make


def _label_maps(found: MaskRun, ids: list[int], ctx: JobContext) -> tuple[dict[int, PackedLabels], dict[int, float]]:
    """Packed label maps and doubts by image id; an image whose file went away is recorded in `ctx.failures`."""
    masks: dict[int, PackedLabels] = {}
    doubts: dict[int, float] = {}
    for index in range(len(found)):
        ref = found.features.refs[index]
        ctx.step(index, len(found), f"Masks of {ref.name}")
        try:
            labels = found.labels(index, ctx)
        except ImageError as error:
            ctx.fail(error)
            continue
        image = ids[found.features.indices[index]]
        masks[image] = pack_labels(labels)
        doubts[image] = found.doubts[index]
    ctx.step(len(found), len(found), "Masks are made")
    return masks, doubts
