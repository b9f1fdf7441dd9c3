"""The jobs of keypoints: transfer, landmarks from parts, looking for odd points, measuring how good transfer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import Provenance
from counterpart.desktop.jobs.backend import Backend, ModelChoice

if TYPE_CHECKING:
    from counterpart.core.evaluate.keypoint_quality import KeypointQuality
    from counterpart.core.pipeline.keypoints.project_keypoints import CheckedPoint, PointTransfer, Snapshot
    from counterpart.core.pipeline.keypoints.transfer import TransferJob

TransferFunction = Callable[[Backend, JobContext], "tuple[PointTransfer, Provenance]"]
CheckFunction = Callable[[Backend, JobContext], "list[CheckedPoint]"]
EvaluateFunction = Callable[[Backend, JobContext], "KeypointQuality"]
MakeTransferJob = Callable[[ModelChoice, "Snapshot", Mapping[int, ImageRef], "TransferJob"], TransferFunction]
MakeCheckJob = Callable[[ModelChoice, "Snapshot", "TransferJob"], CheckFunction]
MakeEvaluateJob = Callable[[ModelChoice, "Snapshot", "TransferJob"], EvaluateFunction]


def transfer_job(
    choice: ModelChoice, points: Snapshot, targets: Mapping[int, ImageRef], job: TransferJob
) -> TransferFunction:
    """A job that transfers keypoints within a project and says where they come from."""

    def run(backend: Backend, ctx: JobContext) -> tuple[PointTransfer, Provenance]:
        from counterpart.core.pipeline.keypoints.project_keypoints import transfer_in_project

        engine = backend.engine(choice)
        found = transfer_in_project(engine, points, targets, job, ctx)
        return found, engine.provenance("transfer", job)

    return run


def landmark_job(choice: ModelChoice, points: Snapshot, targets: Mapping[int, ImageRef]) -> TransferFunction:
    """A job that predicts landmarks of a project from the parts of its images."""

    def run(backend: Backend, ctx: JobContext) -> tuple[PointTransfer, Provenance]:
        from counterpart.core.pipeline.keypoints.landmarks import LandmarkJob
        from counterpart.core.pipeline.keypoints.project_landmarks import landmarks_in_project

        engine = backend.engine(choice)
        job = LandmarkJob.for_engine(engine)
        found = landmarks_in_project(engine, points, targets, job, ctx)
        return found, engine.provenance("landmarks", job)

    return run


def check_job(choice: ModelChoice, points: Snapshot, job: TransferJob) -> CheckFunction:
    """A job that looks for odd ones among the points that a person stands for."""

    def run(backend: Backend, ctx: JobContext) -> list[CheckedPoint]:
        from counterpart.core.pipeline.keypoints.project_keypoints import check_project

        return check_project(backend.engine(choice), points, job, ctx)

    return run


def evaluate_job(choice: ModelChoice, points: Snapshot, job: TransferJob) -> EvaluateFunction:
    """A job that predicts every confirmed instance from the others."""

    def run(backend: Backend, ctx: JobContext) -> KeypointQuality:
        from counterpart.core.pipeline.keypoints.project_keypoints import evaluate_project

        return evaluate_project(backend.engine(choice), points, job, ctx)

    return run
