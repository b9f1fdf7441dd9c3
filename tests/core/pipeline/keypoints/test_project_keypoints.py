"""Transfer within a project: what serves as template, what is asked for, and which instance each result belongs to."""

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import UsageError
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.keypoints import project_keypoints as keypoints
from counterpart.core.pipeline.keypoints.project_keypoints import Placed, Snapshot, snapshot, transfer_in_project
from counterpart.core.pipeline.keypoints.transfer import TransferJob, Transferred, TransferRun
from counterpart.core.project.commands import AddInstance, AddSkeleton
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.transfer import KeypointPrediction, TransferParams

SKELETON = Skeleton(("nose", "left_ear", "right_ear", "tail"), (), (), ((1, 2),), "beast", 1)
PLACES = np.array([(10, 10), (20, 10), (30, 10), (20, 40)], float)
JOB = TransferJob(TransferParams(), (224, 224), 14)


@pytest.fixture
def refs(tmp_path):
    """Four image files by id."""
    made = {}
    for number in (1, 2, 3, 4):
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (80, 60), (number, 0, 0)).save(file)
        made[number] = ImageRef(file, file.name)
    return made


@pytest.fixture
def asked(monkeypatch):
    """What was asked of the transfer itself, which answers with the boxes' corners as places."""
    seen = {}

    def transfer(_engine, templates, targets, skeleton, _job, _ctx, boxes=None, calibration=None):
        seen.update(templates=templates, targets=list(targets), boxes=dict(boxes or {}))
        found = []
        for index, ref in enumerate(targets):
            for box in seen["boxes"].get(index, [None]):
                corner = (0.0, 0.0) if box is None else box[:2]
                prediction = KeypointPrediction(
                    np.tile(corner, (4, 1)),
                    np.array([2, 2, 2, 1], np.uint8),
                    np.array([0.9, 0.8, 0.8, 0.2], np.float32),
                    np.array([0, 0.7, 0.7, 0], np.float32),
                    np.zeros((4, 1)),
                )
                found.append(Transferred(ref, index, (60, 80), box, prediction))
        return TransferRun(skeleton, tuple(found))

    monkeypatch.setattr(keypoints, "transfer_keypoints", transfer)
    return seen


def own(instance, shift=0.0, **more):
    return KeypointSet.make(PLACES + shift, skeleton=1, instance=instance, **more)


def guess(instance, shift=0.0, **more):
    return KeypointSet.make(PLACES + shift, origin=Origin.TRANSFERRED, skeleton=1, instance=instance, **more)


def test_images_without_points_get_a_new_instance_and_those_with_a_template_none(refs, asked):
    points = Snapshot(SKELETON, (Placed(1, refs[1], own(5)),))
    found = transfer_in_project(None, points, refs, JOB, JobContext())
    assert [ref.name for ref in asked["targets"]] == ["2.png", "3.png", "4.png"]
    assert sorted(found.results) == [2, 3, 4]
    (result,) = found.results[2]
    assert result.instance == 0
    assert (result.origin == Origin.TRANSFERRED).all()
    assert result.visibility.tolist() == [2, 2, 2, 1]
    assert found.swaps[2] == [[(1, 2)]]
    assert found.templates == 1


def test_each_of_several_instances_is_looked_for_in_its_place_and_keeps_its_identity(refs, asked):
    boxed = guess(8, 30, box=(35.0, 25.0, 30.0, 30.0))
    points = Snapshot(SKELETON, (Placed(1, refs[1], own(5)), Placed(2, refs[2], guess(7)), Placed(2, refs[2], boxed)))
    found = transfer_in_project(None, points, {2: refs[2], 3: refs[3]}, JOB, JobContext())
    first, second = asked["boxes"][0]
    assert second == (35.0, 25.0, 30.0, 30.0)
    assert first[0] < 10 < 30 < first[0] + first[2]
    assert [each.instance for each in found.results[2]] == [7, 8]
    assert found.results[2][1].xy[0] == pytest.approx((35, 25))
    assert 1 not in asked["boxes"]


def test_a_template_counts_by_its_own_points_alone(refs, asked):
    mixed = KeypointSet.make(PLACES, origin=[0, 0, 1, 0], skeleton=1, instance=5, template=True)
    transfer_in_project(None, Snapshot(SKELETON, (Placed(1, refs[1], mixed),)), refs, JOB, JobContext())
    (template,) = asked["templates"]
    assert template.visible.tolist() == [True, True, False, True]
    assert template.box == (9.5, 9.5, 11.0, 31.0)


def test_what_cannot_be_is_said(refs, asked, tmp_path):
    nothing = Snapshot(SKELETON, (Placed(1, refs[1], guess(5)),))
    with pytest.raises(UsageError, match="no template"):
        transfer_in_project(None, nothing, refs, JOB, JobContext())
    points = Snapshot(SKELETON, (Placed(1, refs[1], own(5)),))
    with pytest.raises(UsageError, match="already"):
        transfer_in_project(None, points, {1: refs[1]}, JOB, JobContext())
    ctx = JobContext()
    gone = Snapshot(SKELETON, (Placed(1, ImageRef(tmp_path / "gone.png", "gone.png"), own(5)),))
    with pytest.raises(UsageError, match="no template"):
        transfer_in_project(None, gone, refs, JOB, ctx)
    assert "gone.png" in str(ctx.failures[0])


def test_a_snapshot_has_the_instances_of_one_skeleton_in_the_images_order(refs):
    with Document.untitled() as document:
        ids = document.add_images(list(refs.values()))
        document.apply(AddSkeleton(SKELETON))
        document.apply(AddSkeleton(Skeleton(("a", "b"), name="other")))
        document.apply(AddInstance(ids[2], KeypointSet.make(PLACES, skeleton=1)))
        document.apply(AddInstance(ids[0], KeypointSet.make(PLACES, skeleton=1)))
        document.apply(AddInstance(ids[0], KeypointSet.make(PLACES[:2], skeleton=2)))
        found = snapshot(document, document.skeleton(1))
        assert [each.image for each in found.instances] == [ids[0], ids[2]]
        assert len(found.templates) == 2
