"""Tracking within a project: what it starts from, what it may change, and what it leaves alone."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import build_parser, main
from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import read_image
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.video.track_job import TrackJob
from counterpart.core.pipeline.video.track_plan import plan_track, span_from
from counterpart.core.pipeline.video.track_project import track_command, track_project
from counterpart.core.project.commands import (
    AddInstance,
    AddPart,
    AddSkeleton,
    Paint,
    ReplaceMasks,
    SetReviewState,
)
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.project.sequence import FrameState, Sequence, frame_state, frames_of, sequence_of
from counterpart.core.track import TrackParams, default_tap
from tests.core.video_files import moving_blob

HW = (96, 128)
COUNT = 9


class ColourEngine:
    """Stands for an engine: descriptors are mean colours of cells, which suffices for a bright blob."""

    provenance = Engine.provenance

    def __init__(self):
        from counterpart.core.backbone.registry import model_info

        self.info = model_info("dinov2_vits14_focus")
        self.defaults = self.info.defaults
        self.plan = SimpleNamespace(weights_sha256="0" * 64)
        self.cache = FeatureCache(None)
        self.encoded = []

    def features(self, refs, taps, size, stride, ctx, **_):
        ctx.check()
        data = read_image(refs[0].path)
        self.encoded.append(refs[0].name)
        geometry = GridGeometry.plan(data.hw, 112, 14, 7)
        colour = geometry.pool(data.rgb.astype(np.float32)) / 255
        descriptors = np.tanh((colour - 0.4) @ np.random.default_rng(0).normal(size=(3, 16))).astype(np.float16)
        spec = FeatureSpec("fake", "0" * 64, tuple(taps), 7, 112, 11)
        return [FeatureMap(spec, data.sha256, geometry, (descriptors,), (descriptors.mean((0, 1)),), None)]


@pytest.fixture
def project(tmp_path):
    """Nine frames of a blob that goes to the right, one part, one skeleton."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(COUNT):
        Image.fromarray(moving_blob(index)).save(folder / f"{index:05d}.png")
    document = Document.new(tmp_path / "blob.counterpart")
    document.add_images(find_images([folder]))
    document.apply(AddPart("blob"))
    document.apply(AddSkeleton(Skeleton(("left", "right"), name="blob")))
    yield document
    document.close()


def paint(document, index):
    """A person draws the blob of a frame."""
    yy, xx = np.mgrid[: HW[0], : HW[1]]
    mask = np.hypot(xx - (30 + 5 * index), yy - HW[0] / 2) < 16
    document.apply(Paint(document.image_ids[index], 1, (0, 0, *HW), mask, hw=HW))


def place(document, index, dx=0.0, origin=Origin.USER):
    x, y = 30 + 5 * index + dx, HW[0] / 2
    points = KeypointSet.make([[x - 8, y], [x + 8, y]], origin=origin, skeleton=1)
    document.apply(AddInstance(document.image_ids[index], points))


def job(engine):
    return TrackJob(TrackParams(tap=default_tap(engine.info), cells=1), 112, 7)


def run(document, span=None, ctx=None, engine=None):
    engine = engine or ColourEngine()
    plan = plan_track(document, document.image_ids, document.revision, span)
    result = track_project(engine, plan, job(engine), ctx or silent())
    command = track_command(plan, result)
    document.apply(command)
    return plan, result, command


def blob_at(document, index):
    found = document.label_map(document.image_ids[index])
    return float(np.nonzero(found.labels)[1].mean())


def test_masks_reach_every_frame_with_their_origin_and_doubt(project):
    paint(project, 4)
    _, result, command = run(project)
    assert result.complete
    assert len(command.outcome.changed) == COUNT - 1
    for index in range(COUNT):
        assert blob_at(project, index) == pytest.approx(30 + 5 * index, abs=4)
    record = project.image(project.image_ids[0])
    assert record.state == "predicted"
    assert 0 <= record.doubt <= 1
    provenance = project.provenance(project.label_map(record.id).provenance)
    assert json.loads(provenance.params)["annotated"] == ["00004.png"]
    project.revert(command)
    assert project.labelled_images() == [project.image_ids[4]]


def test_only_what_a_person_made_or_confirmed_is_a_start(project):
    predicted = np.ones(HW, np.uint8)
    project.apply(ReplaceMasks({project.image_ids[0]: predicted, project.image_ids[1]: predicted}))
    with pytest.raises(UsageError, match="no frame is annotated"):
        plan_track(project, project.image_ids, project.revision)
    project.apply(SetReviewState([project.image_ids[1]], "reviewed"))
    plan = plan_track(project, project.image_ids, project.revision)
    assert plan.annotated == [1]
    assert 0 in plan.targets


def test_a_reviewed_frame_without_labels_says_that_nothing_is_there(project):
    paint(project, 0)
    project.apply(SetReviewState([project.image_ids[8]], "reviewed"))
    plan = plan_track(project, project.image_ids, project.revision)
    assert plan.annotated == [0, 8]
    assert plan.masks[8].areas == {}
    project.apply(SetReviewState([project.image_ids[5]], "skipped"))
    assert 5 not in plan_track(project, project.image_ids, project.revision).targets


def test_a_span_ends_at_the_annotated_neighbours(project):
    for index in (1, 4, 7):
        paint(project, index)
    assert list(span_from(project, project.image_ids, 4, "both")) == [2, 3, 4, 5, 6]
    assert list(span_from(project, project.image_ids, 4, "forward")) == [4, 5, 6]
    assert list(span_from(project, project.image_ids, 4, "backward")) == [2, 3, 4]
    with pytest.raises(UsageError, match="nothing on this frame"):
        span_from(project, project.image_ids, 3, "both")
    engine = ColourEngine()
    run(project, span_from(project, project.image_ids, 4, "forward"), engine=engine)
    assert {int(name[:5]) for name in engine.encoded} == {4, 5, 6, 7}
    assert set(project.labelled_images()) == {project.image_ids[index] for index in (1, 4, 5, 6, 7)}


def test_points_of_two_instances_travel_apart_and_are_updated_the_second_time(project):
    place(project, 3)
    place(project, 3, dx=2.0)
    _, result, _ = run(project)
    assert sorted(result.points) == [index for index in range(COUNT) if index != 3]
    first, second = project.keypoints(project.image_ids[5])
    assert first.xy.mean(axis=0) == pytest.approx((55, HW[0] / 2), abs=9)
    assert (first.origin == Origin.TRANSFERRED).all()
    assert project.image(project.image_ids[5]).doubt == pytest.approx(
        1 - np.mean([first.score, second.score]), abs=0.02
    )
    run(project)
    assert len(project.keypoints(project.image_ids[5])) == 2
    assert [each.instance for each in project.keypoints(project.image_ids[5])] == [first.instance, second.instance]


def test_masks_and_points_together_are_one_step(project):
    paint(project, 2)
    place(project, 2)
    _, _, command = run(project)
    assert project.keypoints(project.image_ids[6])
    assert project.label_map(project.image_ids[6]) is not None
    project.revert(command)
    assert not project.keypoints(project.image_ids[6])
    assert project.label_map(project.image_ids[6]) is None
    assert project.image(project.image_ids[6]).doubt is None


def test_frames_of_two_sizes_cannot_both_be_annotated(project):
    paint(project, 0)
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(project.image_path(project.image_ids[3]))
    project.apply(Paint(project.image_ids[3], 1, (0, 0, 5, 5), np.ones((5, 5), bool), hw=(40, 50)))
    with pytest.raises(UsageError, match=r"00000\.png is 128 x 96 pixels, 00003\.png 50 x 40"):
        plan_track(project, project.image_ids, project.revision)


def test_cancelled_before_anything_is_finished_it_is_cancelled(project):
    paint(project, 0)
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        run(project, ctx=JobContext(None, token))
    assert project.labelled_images() == [project.image_ids[0]]


def test_frames_say_whose_they_are(project):
    record = project.image(project.image_ids[0])
    states = {
        ("todo", None): FrameState.NONE,
        ("predicted", None): FrameState.TRACKED,
        ("predicted", 0.2): FrameState.TRACKED,
        ("predicted", 0.4): FrameState.DOUBTFUL,
        ("edited", 0.4): FrameState.ANNOTATED,
        ("reviewed", None): FrameState.ANNOTATED,
        ("skipped", None): FrameState.SKIPPED,
    }
    for (state, doubt), expected in states.items():
        assert frame_state(dataclasses.replace(record, state=state, doubt=doubt)) is expected


@pytest.mark.parametrize("value", [None, False, 3, "x", [], {"fps": "a"}, {"fps": -2}, {"fps": True}, {"video": 4}])
def test_a_setting_that_makes_no_sense_is_no_sequence_or_has_the_usual_rate(value):
    found = sequence_of({"sequence": value})
    assert found is None or (found.fps, found.video) == (25.0, "")
    assert sequence_of(Sequence(12.5, "a.mp4").setting()) == Sequence(12.5, "a.mp4")


def test_the_command_tracks_within_a_project(project, capsys, monkeypatch, tmp_path):
    paint(project, 2)
    path = project.path
    project.close()
    monkeypatch.setattr("counterpart.core.cli.frames.engine_from", lambda args: ColourEngine())
    monkeypatch.setattr("counterpart.core.cli.frames.track_job", lambda args, engine: job(engine))
    assert main(["track-project", str(path), "--from", "2", "--direction", "forward", "--json", "--quiet"]) == 0
    report = json.loads(capsys.readouterr().out)
    (report,) = report["videos"]
    assert report["annotated"] == ["00002.png"]
    assert report["changed"] == [f"{index:05d}.png" for index in range(3, COUNT)]
    assert main(["track-project", str(path), "--from", "0", "--quiet"]) == 2
    assert "nothing on this frame" in capsys.readouterr().err


def test_a_cancelled_command_keeps_what_is_finished_and_says_so(project, monkeypatch):
    paint(project, 0)
    path, ids = project.path, project.image_ids
    project.close()
    ctx = silent()

    class Cancelling(ColourEngine):
        def features(self, refs, *args, **kwargs):
            if refs[0].name == "00004.png":
                ctx.token.cancel()
            return super().features(refs, *args, **kwargs)

    monkeypatch.setattr("counterpart.core.cli.frames.engine_from", lambda args: Cancelling())
    monkeypatch.setattr("counterpart.core.cli.frames.track_job", lambda args, engine: job(engine))
    parser = build_parser()
    args = parser.parse_args(["track-project", str(path)])
    with pytest.raises(JobCancelledError):
        args.command(args, ctx)
    assert ctx.warnings == ["3 frames were finished and are in the project; the others are as they were"]
    with Document.open(path) as document:
        assert document.labelled_images() == list(ids[:4])


def test_each_folder_is_a_video_of_its_own(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "clips"
    for name in ("a", "b", "c"):
        (folder / name).mkdir(parents=True)
        for index in range(3):
            Image.fromarray(moving_blob(index)).save(folder / name / f"{index}.png")
    path = tmp_path / "clips.counterpart"
    with Document.new(path) as document:
        document.add_images(find_images([folder]))
        document.apply(AddPart("blob"))
        paint(document, 0)
        document.apply(SetReviewState([document.image_ids[8]], "reviewed"))
        assert [document.image(image).name for image in frames_of(document, "b")] == ["b/0.png", "b/1.png", "b/2.png"]
    monkeypatch.setattr("counterpart.core.cli.frames.engine_from", lambda args: ColourEngine())
    monkeypatch.setattr("counterpart.core.cli.frames.track_job", lambda args, engine: job(engine))
    assert main(["track-project", str(path), "--folder", "a", "--json", "--quiet"]) == 0
    (report,) = json.loads(capsys.readouterr().out)["videos"]
    assert report["changed"] == ["a/1.png", "a/2.png"]
    assert main(["track-project", str(path), "--from", "0", "--quiet"]) == 2
    assert "--folder" in capsys.readouterr().err
    assert main(["track-project", str(path), "--folder", "z", "--quiet"]) == 2
    assert "no folder 'z'" in capsys.readouterr().err
