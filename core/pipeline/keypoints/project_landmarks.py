"""Use case: landmarks of a project's images predicted from the parts that the images share.

For things that always look alike, such as faces: a regression from parts instead of the templates' appearance (paper,
supplement 2). One instance on an image.
"""

from __future__ import annotations

from collections.abc import Mapping

from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine, failed_images
from counterpart.core.pipeline.keypoints.landmarks import LandmarkJob, find_landmarks, learn_landmarks
from counterpart.core.pipeline.keypoints.project_keypoints import (
    PointTransfer,
    Snapshot,
    annotated_of,
    without_template,
)
from counterpart.core.project.points import KeypointSet, Origin


def landmarks_in_project(
    engine: Engine, points: Snapshot, targets: Mapping[int, ImageRef], job: LandmarkJob, ctx: JobContext
) -> PointTransfer:
    """Learn landmarks from a project's templates, by way of the parts of all its chosen images, and place them there.

    Images with a template are left alone. Where an image has several instances, the first is the one predicted.

    Args:
        engine: The model.
        points: The project's instances.
        targets: The images, by id.
        job: How.
        ctx: Progress and cancellation.

    Raises:
        UsageError: Fewer than three templates can be used, or there is no image to predict.
        ProtocolError: The images share no parts.
        ImageError: None of the images can be used.
        JobCancelledError: Cancelled.
    """
    templates = annotated_of(points.templates, ctx)
    wanted = without_template(points, targets)
    fitted = learn_landmarks(engine, list(wanted.values()), templates, points.skeleton, job, ctx.stage(0.0, 0.8))
    run = find_landmarks(engine, list(wanted.values()), fitted.predictor, ctx.stage(0.8, 1.0))
    ids = list(wanted)
    first: dict[int, int] = {}
    for each in points.instances:
        first.setdefault(each.image, each.points.instance)
    results: dict[int, list[KeypointSet]] = {}
    for item in run.found:
        image, found = ids[item.index], item.prediction
        results[image] = [
            KeypointSet.make(
                found.xy,
                found.visibility,
                found.score,
                Origin.TRANSFERRED,
                skeleton=points.skeleton.id,
                instance=first.get(image, 0),
            )
        ]
    failed = failed_images(targets, ctx)
    return PointTransfer(results, {image: [[]] for image in results}, fitted.labelled, failed)
