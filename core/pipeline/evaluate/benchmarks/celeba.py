"""Landmark regression on CelebA (the paper's supplement, table 2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpart.core.errors import FormatError, ProtocolError, UsageError
from counterpart.core.evaluate.datasets.celeba import CELEBA_LANDMARKS, CelebaFace, CelebaSet, read_celeba
from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.jobs import JobContext
from counterpart.core.landmarks import LandmarkPredictor
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.evaluate.benchmarks.items import ItemStore, run_items
from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan, keep, open_store, settings
from counterpart.core.pipeline.evaluate.benchmarks.published import PUBLISHED
from counterpart.core.pipeline.evaluate.benchmarks.table import Row, Table
from counterpart.core.pipeline.keypoints.landmarks import LandmarkJob, find_landmarks, learn_from_codebook
from counterpart.core.pipeline.parts.discovery import find_parts
from counterpart.core.project.points import Skeleton
from counterpart.core.wording import counted

_CHUNK = 32
"""Faces that are predicted, and kept, together."""
_SKELETON = Skeleton(CELEBA_LANDMARKS, mirror_pairs=((0, 1), (3, 4)), name="face")


@dataclass(frozen=True, slots=True)
class CelebaJob:
    """How landmarks are learnt.

    Attributes:
        landmarks: Parts and regression; its number of parts is replaced by each of `parts`.
        parts: Numbers of parts.
        discover: Training faces that parts are found in; more cost time and change little.
        labelled: Training faces that the regression learns from; None for all.
    """

    landmarks: LandmarkJob
    parts: tuple[int, ...] = (4, 8)
    discover: int = 200
    labelled: int | None = None

    def __post_init__(self) -> None:
        if self.discover < 2 or (self.labelled is not None and self.labelled < 3):
            raise UsageError("too few faces to learn from", hint="At least 2 for parts and 3 for landmarks")


def measure_celeba(
    engine: Engine, root: Path, job: CelebaJob, plan: Plan, ctx: JobContext, *, aligned: bool | None = None
) -> Table:
    """Find parts, learn landmarks on the training list, predict the testing list.

    The error of a face is the mean distance of its landmarks in per cent of the distance of its eyes. Results are kept
    face by face, landmark models as `parts-K.safetensors`.

    Args:
        engine: The model.
        root: The data set.
        job: How.
        plan: What part (`limit` counts faces of each list), and where results are kept.
        ctx: Progress, cancellation, and faces that cannot be used.
        aligned: Which images; those in the wild where they are there by default.

    Raises:
        ProtocolError: This is not CelebA, or nothing could be measured.
    """
    faces = read_celeba(root, ctx.stage(0.0, 0.02), aligned=aligned, limit=plan.limit)
    params = settings(engine, "celeba", job, aligned=faces.aligned, train=len(faces.train))
    store = open_store(plan, params, ctx)
    span = 0.98 / len(job.parts)
    figures: list[list[float]] = []
    errors: dict[int, list[float]] = {}
    for number, k in enumerate(job.parts):
        part = ctx.stage(0.02 + number * span, 0.02 + (number + 1) * span)
        by_face = _measure(engine, faces, job, k, plan, store, part)
        errors[k] = [float(np.mean(values)) for values in by_face]
        figures.append(np.mean(by_face, axis=0).tolist())
    rows = tuple(Row(name, tuple(f[i] for f in figures)) for i, name in enumerate(CELEBA_LANDMARKS))
    result = Row("mean", tuple(float(np.mean(errors[k])) for k in job.parts))
    return keep(plan, _table(engine, faces, job, plan, rows, result, len(errors[job.parts[0]])))


def _table(
    engine: Engine, faces: CelebaSet, job: CelebaJob, plan: Plan, rows: tuple[Row, ...], result: Row, measured: int
) -> Table:
    published = tuple(
        Row(row.name, tuple({4: row.values[0], 8: row.values[1]}.get(k) for k in job.parts))
        for row in PUBLISHED["celeba"]
    )
    found = job.landmarks.parts.object
    title = (
        f"CelebA landmarks: {engine.info.name}, from part {job.landmarks.params.method}"
        f"{' and descriptors' if job.landmarks.descriptors else ''}, size {found.size}, "
        f"stride {found.stride}; error in % of the distance of the eyes"
    )
    learnt = len(faces.train) if job.labelled is None else min(job.labelled, len(faces.train))
    kind = "aligned crops" if faces.aligned else "photographs"
    notes = [f"{counted(learnt, 'labelled face')}, {measured} measured: {kind}, lists of {faces.split}."]
    if faces.dropped:
        notes.append(f"Left out, as the face covers less than 30 % of the photograph: {faces.dropped}.")
    if faces.aligned or plan.limit is not None or learnt < len(faces.train) or faces.split != "MAFL":
        notes.append(
            "The published figures are for photographs in the wild and the lists of MAFL; these do not compare."
        )
    return Table(title, tuple(f"k = {k}" for k in job.parts), rows, result, published, tuple(notes), 2)


def _measure(
    engine: Engine, faces: CelebaSet, job: CelebaJob, k: int, plan: Plan, store: ItemStore, ctx: JobContext
) -> list[list[float]]:
    """Errors of each test face, in per cent."""
    chunks = [faces.test[start : start + _CHUNK] for start in range(0, len(faces.test), _CHUNK)]

    def key(chunk: Sequence[CelebaFace]) -> str:
        return f"k={k}: {chunk[0].name} to {chunk[-1].name}"

    predictor = None
    if any(key(chunk) not in store for chunk in chunks):
        predictor = _predictor(engine, faces, job, k, plan, store, ctx.stage(0.0, 0.6))

    def work(chunk: Sequence[CelebaFace], part: JobContext) -> dict[str, Any]:
        assert predictor is not None
        truth = {face.name: face.xy for face in chunk}
        run = find_landmarks(engine, [ImageRef(face.path, face.name) for face in chunk], predictor, part)
        out = {}
        for item in run.found:
            xy = truth[item.ref.name]
            eyes = float(np.linalg.norm(xy[0] - xy[1]))
            if eyes > 0:
                errors = np.linalg.norm(item.prediction.xy - xy, axis=1) / eyes * 100
                out[item.ref.name] = [round(float(value), 4) for value in errors]
        return out

    found = run_items(chunks, key, work, store, ctx.stage(0.6, 1.0))
    errors = [values for result in found.values() for values in result.values()]
    if not errors:
        raise ProtocolError("no face could be measured", hint="See the reasons given for each")
    return errors


def _predictor(
    engine: Engine, faces: CelebaSet, job: CelebaJob, k: int, plan: Plan, store: ItemStore, ctx: JobContext
) -> LandmarkPredictor:
    """Learnt anew, or what an earlier run with the same parameters left."""
    file = None if plan.out is None else plan.out / f"parts-{k}.safetensors"
    if file is not None and file.is_file() and f"k={k}" in store:
        try:
            return LandmarkPredictor.load(file)
        except FormatError:
            ctx.warn(f"{file}: the landmark model is damaged and is learnt again")
    own = job.landmarks.parts
    parts = dataclasses.replace(own, params=dataclasses.replace(own.params, k=k))
    landmarks = dataclasses.replace(job.landmarks, parts=parts)
    even = np.unique(np.linspace(0, len(faces.train) - 1, min(job.discover, len(faces.train))).astype(int))
    refs = [ImageRef(faces.train[i].path, faces.train[i].name) for i in even]
    run = find_parts(engine, refs, parts, ctx.stage(0.0, 0.4))
    if run.codebook is None:
        raise ProtocolError("no parts were found that the faces share", hint="Use more faces")
    labelled = [_annotated(face) for face in faces.train[: job.labelled]]
    fitted = learn_from_codebook(engine, run.codebook, labelled, _SKELETON, landmarks, ctx.stage(0.4, 1.0))
    if file is not None:
        fitted.predictor.save(file)
        store.add(f"k={k}", {"labelled": fitted.labelled})
    return fitted.predictor


def _annotated(face: CelebaFace) -> Annotated:
    low, high = face.xy.min(axis=0), face.xy.max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    visible = np.ones(len(face.xy), np.bool_)
    return Annotated(ImageRef(face.path, face.name), image_size(face.path), face.xy, visible, box)
