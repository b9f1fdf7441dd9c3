"""Tracking through videos: what flows where, from which annotation, in how much memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from counterpart.core.errors import CounterpartError, ImageError, JobCancelledError, OutputError, UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.video import ArrayFrames
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.track import (
    MaskTracker,
    PointTracker,
    TrackParams,
    TrackState,
    default_tap,
    governed,
)
from counterpart.core.track.flow import Look, carry
from counterpart.core.track.masks import cell_geometry, pack_cells, unpack_cells
from counterpart.core.track.params import Segment, plan_segments
from counterpart.core.track.points import hill_tops
from counterpart.core.track.spool import Spool

ROOT = Path(__file__).resolve().parents[3]
HW = (64, 96)
SPEC = FeatureSpec("made", "0" * 64, (Tap(0, "token"),), 4, None, None)
GEOMETRY = GridGeometry.plan(HW, None, 8, 4)
COLOURS = {0: (40, 60, 50), 1: (220, 60, 40), 2: (40, 80, 230)}


def encode(rgb):
    """A tiny local encoder: mean colour of each token's square, against a constant that centring must remove."""
    pooled = np.stack([GEOMETRY.pool(rgb[..., c]) for c in range(3)], axis=-1) / 255
    rows, cols = GEOMETRY.grid_hw
    texture = np.sin(pooled * 9) * 0.5
    constant = np.full((rows, cols, 4), 6.0)
    values = np.concatenate([pooled, texture, constant], axis=-1).astype(np.float32)
    return FeatureMap(SPEC, "0" * 64, GEOMETRY, (values,), (np.zeros(10, np.float32),), None)


def scene(places, hw=HW, side=20, seed=0):
    """A frame with one square per label at (top, left), and its label map; noise as any camera has."""
    labels = np.zeros(hw, np.uint8)
    for label, (top, left) in places.items():
        labels[max(top, 0) : top + side, max(left, 0) : left + side] = label
    rgb = np.array([COLOURS[label] for label in range(3)], np.float32)[labels]
    rgb += np.random.default_rng(seed).normal(0, 6, rgb.shape)
    return rgb.clip(0, 255).astype(np.uint8), labels


def clip(count=12, two=False):
    """A red square that moves right and down, and a blue one that moves left."""
    frames, truth = [], []
    for t in range(count):
        places = {1: (8 + t, 6 + 3 * t)}
        if two:
            places[2] = (36, 70 - 3 * t)
        rgb, labels = scene(places, seed=t)
        frames.append(rgb)
        truth.append(labels)
    return frames, truth


def jaccard(a, b):
    return np.count_nonzero(a & b) / max(np.count_nonzero(a | b), 1)


def agreement(results, truth, label=1):
    return min(jaccard(r.labels == label, truth[r.frame] == label) for r in results)


# What flows --------------------------------------------------


@pytest.mark.parametrize("params", [TrackParams(), TrackParams.paper()])
def test_a_mask_follows_its_object(params):
    frames, truth = clip()
    results = list(MaskTracker(frames, {0: truth[0]}, params, encode, silent()))
    assert [r.frame for r in results] == list(range(12))
    assert agreement(results, truth) > 0.8
    assert results[0].confidence == 1
    assert all(0 <= r.confidence <= 1 for r in results)


def test_the_improved_default_is_finer_than_the_plain_protocol():
    frames, truth = clip()
    plain = agreement(MaskTracker(frames, {0: truth[0]}, TrackParams.paper(), encode, silent()), truth)
    better = agreement(MaskTracker(frames, {0: truth[0]}, TrackParams(), encode, silent()), truth)
    assert better > plain
    assert better > 0.93


def test_several_objects_keep_their_labels_when_they_pass_each_other():
    frames, truth = clip(two=True)
    results = list(MaskTracker(frames, {0: truth[0] * 40}, TrackParams(), encode, silent()))
    for label in (1, 2):
        assert min(jaccard(r.labels == label * 40, truth[r.frame] == label) for r in results) > 0.85
    assert set(np.unique(results[-1].labels)) == {0, 40, 80}
    assert results[-1].labels.dtype == np.uint8


def test_labels_above_255_are_kept():
    frames, truth = clip(3)
    results = list(MaskTracker(frames, {0: truth[0].astype(np.int32) * 1000}, TrackParams(), encode, silent()))
    assert results[2].labels.dtype == np.uint16
    assert set(np.unique(results[2].labels)) == {0, 1000}


def test_annotated_frames_come_back_as_they_were_given():
    frames, truth = clip()
    drawn = np.zeros(HW, np.uint8)
    drawn[3:9, 5:50] = 7
    results = {r.frame: r for r in MaskTracker(frames, {0: truth[0], 6: drawn}, TrackParams(), encode, silent())}
    np.testing.assert_array_equal(results[6].labels, drawn)
    assert results[6].confidence == 1


def test_an_annotation_in_the_middle_flows_both_ways():
    frames, truth = clip()
    results = list(MaskTracker(frames, {7: truth[7]}, TrackParams(), encode, silent()))
    assert [r.frame for r in results] == list(range(12))
    assert agreement(results, truth) > 0.85


def test_a_later_annotation_reaches_back_to_an_object_that_came_in_between():
    frames, truth = clip(two=True)
    only_red = np.where(truth[0] == 1, 1, 0).astype(np.uint8)
    params = TrackParams()
    one = {r.frame: r.labels for r in MaskTracker(frames, {0: only_red}, params, encode, silent())}
    both = {r.frame: r.labels for r in MaskTracker(frames, {0: only_red, 11: truth[11]}, params, encode, silent())}
    assert not (one[9] == 2).any()
    assert jaccard(both[9] == 2, truth[9] == 2) > 0.8


def test_without_both_ways_a_later_annotation_changes_only_what_follows():
    frames, truth = clip()
    params = TrackParams(both_ways=False)
    one = {r.frame: r.labels for r in MaskTracker(frames, {0: truth[0]}, params, encode, silent())}
    two = {r.frame: r.labels for r in MaskTracker(frames, {0: truth[0], 8: 0 * truth[8]}, params, encode, silent())}
    for index in range(8):
        np.testing.assert_array_equal(one[index], two[index])
    assert not two[9].any()


def test_a_frame_whose_object_went_away_is_empty_and_a_muddled_one_is_doubted():
    frames, truth = clip(4)
    gone, _ = scene({}, seed=9)
    mud = ((frames[3].astype(int) + np.array(COLOURS[0])) // 2 + 20).clip(0, 255).astype(np.uint8)
    clear = list(MaskTracker([frames[0], frames[1]], {0: truth[0]}, TrackParams(), encode, silent()))[1]
    away = list(MaskTracker([frames[0], gone], {0: truth[0]}, TrackParams(), encode, silent()))[1]
    doubtful = list(MaskTracker([frames[0], mud], {0: truth[0]}, TrackParams(), encode, silent()))[1]
    assert not away.labels.any()
    assert doubtful.confidence < clear.confidence


def test_a_search_radius_of_nothing_looks_everywhere():
    near, labels = scene({1: (4, 4)})
    far, moved = scene({1: (40, 70)}, seed=1)
    local = list(MaskTracker([near, far], {0: labels}, TrackParams(radius=0.1), encode, silent()))[1]
    everywhere = list(MaskTracker([near, far], {0: labels}, TrackParams(radius=0), encode, silent()))[1]
    assert not local.labels[moved == 1].any()
    assert jaccard(everywhere.labels == 1, moved == 1) > 0.85


def test_votes_come_from_the_most_similar_tokens_within_reach():
    rng = np.random.default_rng(0)
    import torch

    rows, cols, width = 11, 14, 6
    vectors = rng.normal(size=(3, rows, cols, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    labels = rng.random((2, rows, cols, 4)).astype(np.float32)
    context = [Look(torch.from_numpy(vectors[i]), torch.from_numpy(labels[i])) for i in range(2)]
    out = carry(torch.from_numpy(vectors[2]), context, (2, 3), 5, 0.1)
    for r, c in [(0, 0), (5, 7), (10, 13), (3, 8), (7, 0)]:
        reach = [
            (i, y, x)
            for i in range(2)
            for y in range(max(r - 2, 0), min(r + 3, rows))
            for x in range(max(c - 3, 0), min(c + 4, cols))
        ]
        seen = [(float(vectors[2, r, c] @ vectors[at]), labels[at]) for at in reach]
        top = sorted(seen, key=lambda pair: -pair[0])[:5]
        weights = np.exp(np.array([s for s, _ in top]) / 0.1)
        expected = (weights[:, None] * np.array([v for _, v in top])).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(out[r, c], expected, rtol=1e-4)


def test_the_papers_radius_is_twelve_tokens_at_stride_8_of_480_rows():
    params = TrackParams.paper()
    geometry = GridGeometry.plan((480, 848), None, 8, 8)
    assert round(params.radius * 480 / float(geometry.token_pitch_xy[1])) == 12
    assert (params.top_k, params.context, params.temperature) == (5, 7, 0.1)


def test_cells_divide_each_token_in_place():
    geometry = GridGeometry.plan((60, 100), 112, 14, 7)
    fine = cell_geometry(geometry, 2)
    coarse, small = geometry.token_centres(), fine.token_centres()
    rows, cols = geometry.grid_hw
    assert fine.grid_hw == (2 * rows, 2 * cols)
    np.testing.assert_allclose(small.reshape(rows, 2, cols, 2, 2).mean(axis=(1, 3)), coarse, atol=1e-9)
    pitch = small[0, 1, 0] - small[0, 0, 0]
    assert pitch == pytest.approx(geometry.token_pitch_xy[0] / 2)
    values = np.random.default_rng(0).random((2 * rows, 2 * cols, 3)).astype(np.float32)
    np.testing.assert_array_equal(unpack_cells(pack_cells(values, 2), 2), values)


# Points --------------------------------------------------


def corners(truth):
    """Corners and centre of the red square in every frame, (T, 5, 2) xy."""
    boxes = []
    for labels in truth:
        ys, xs = np.nonzero(labels == 1)
        x0, x1, y0, y1 = xs.min(), xs.max(), ys.min(), ys.max()
        boxes.append([(x0, y0), (x1, y0), (x0, y1), (x1, y1), ((x0 + x1) / 2, (y0 + y1) / 2)])
    return np.array(boxes, float)


def painted(count):
    """The same square, painted so that each place on it looks different."""
    frames, truth = clip(count)
    v, u = np.mgrid[0:20, 0:20] / 19
    paint = np.stack([255 * u, 255 * v, 255 * (1 - u)], axis=-1).astype(np.uint8)
    for rgb, labels in zip(frames, truth, strict=True):
        ys, xs = np.nonzero(labels == 1)
        rgb[ys, xs] = paint[ys - ys.min(), xs - xs.min()]
    return frames, truth


def test_points_follow_their_object_and_stay_sharp():
    frames, truth = painted(12)
    expected = corners(truth)
    results = list(PointTracker(frames, {0: (expected[0], [2] * 5)}, TrackParams(), encode, silent()))
    assert [r.frame for r in results] == list(range(12))
    np.testing.assert_array_equal(results[0].xy, expected[0])
    np.testing.assert_array_equal(results[0].score, 1)
    errors = [np.linalg.norm(r.xy - expected[r.frame], axis=1).max() for r in results]
    assert max(errors) < 6, "one and a half tokens"
    assert all((r.score > 0).all() and (r.score <= 1).all() for r in results)


def test_a_point_that_is_not_annotated_is_not_guessed():
    frames, truth = clip(4)
    expected = corners(truth)
    results = list(PointTracker(frames, {0: (expected[0], [2, 0, 1, 2, 2])}, TrackParams(), encode, silent()))
    for result in results:
        assert np.isnan(result.xy[1]).all()
        assert result.score[1] == 0
        assert np.isfinite(np.delete(result.xy, 1, axis=0)).all()


def test_points_annotated_at_both_ends_meet_in_the_middle():
    frames, truth = painted(12)
    expected = corners(truth)
    annotations = {0: (expected[0], [2, 2, 2, 2, 0]), 11: (expected[11], [2, 2, 2, 2, 0])}
    results = {r.frame: r for r in PointTracker(frames, annotations, TrackParams(), encode, silent())}
    errors = [np.linalg.norm(results[t].xy[:4] - expected[t][:4], axis=1).max() for t in range(12)]
    assert max(errors) < 6


def test_point_tracking_goes_on_where_it_stopped():
    frames, truth = clip(9)
    given = {0: (corners(truth)[0], [2] * 5)}
    whole = {r.frame: r for r in PointTracker(frames, given, TrackParams(), encode, silent())}
    tracker = PointTracker(frames, given, TrackParams(), encode, silent())
    for result in tracker:
        if result.frame == 4:
            break
    rest = list(PointTracker(frames, given, TrackParams(), encode, silent(), state=tracker.state))
    assert [r.frame for r in rest] == [5, 6, 7, 8]
    for result in rest:
        np.testing.assert_array_equal(result.xy, whole[result.frame].xy)


def test_frames_annotated_with_different_numbers_of_points_are_refused():
    frames, _ = clip(3)
    with pytest.raises(UsageError, match="1 and 2 points"):
        list(PointTracker(frames, {0: ([[5, 5]], [2]), 2: ([[5, 5], [6, 6]], [2, 2])}, TrackParams(), encode, silent()))


def test_the_top_of_a_hill_is_found_between_tokens():
    from counterpart.core.track.points import _hills

    rc = np.array([[3.3, 6.8], [0.2, 0.1], [9.0, 4.5]])
    found, height = hill_tops(_hills(rc, np.array([1, 1, 0.5], np.float32), (11, 9)))
    np.testing.assert_allclose(found, rc, atol=0.3)
    assert height[2] == pytest.approx(0.44, abs=0.05)
    assert np.isnan(hill_tops(np.zeros((4, 4, 1), np.float32))[0]).all()


# Ranges, corrections, going on --------------------------------------------------


def test_segments_lie_between_annotated_frames():
    assert plan_segments([3, 7, 8], 12) == [
        Segment(0, 3, None, 3),
        Segment(4, 7, 3, 7),
        Segment(9, 12, 8, None),
    ]
    assert plan_segments([0], 1) == []


@pytest.mark.parametrize(
    ("annotated", "corrected", "expected"),
    [([0], 5, (1, 12)), ([0, 5], 5, (1, 12)), ([0, 4, 9], 6, (5, 9)), ([6], 2, (0, 6)), ([], 3, (0, 12))],
)
def test_a_correction_governs_the_frames_up_to_its_annotated_neighbours(annotated, corrected, expected):
    assert governed(annotated, corrected, 12) == range(*expected)


def test_tracking_the_governed_frames_alone_equals_tracking_everything_again():
    frames, truth = clip(14, two=True)
    before = {0: truth[0], 9: truth[9]}
    after = {**before, 5: truth[5]}
    old = {r.frame: r.labels for r in MaskTracker(frames, before, TrackParams(), encode, silent())}
    new = {r.frame: r.labels for r in MaskTracker(frames, after, TrackParams(), encode, silent())}
    span = governed(before, 5, 14)
    part = {
        r.frame: r.labels
        for r in MaskTracker(frames, after, TrackParams(), encode, silent(), start=span.start, stop=span.stop)
    }
    assert sorted(part) == list(span) == list(range(1, 9))
    for index in range(14):
        np.testing.assert_array_equal(new[index], part[index] if index in part else old[index])


def test_a_run_that_stopped_goes_on_exactly_as_if_it_had_not(tmp_path):
    frames, truth = clip(14)
    whole = {r.frame: r for r in MaskTracker(frames, {0: truth[0]}, TrackParams(), encode, silent())}
    tracker = MaskTracker(frames, {0: truth[0]}, TrackParams(), encode, silent())
    for result in tracker:
        if result.frame == 6:
            break
    assert tracker.state is not None
    tracker.state.save(tmp_path / "state.safetensors")
    state = TrackState.load(tmp_path / "state.safetensors")
    encoded = []

    def counting(rgb):
        encoded.append(1)
        return encode(rgb)

    rest = list(MaskTracker(frames, {0: truth[0]}, TrackParams(), counting, silent(), state=state))
    assert [r.frame for r in rest] == list(range(7, 14))
    assert len(encoded) == 8, "the annotated frame, and those that were left"
    for result in rest:
        np.testing.assert_array_equal(result.labels, whole[result.frame].labels)
        assert result.confidence == whole[result.frame].confidence


def test_a_damaged_state_says_to_start_again(tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(CounterpartError, match="Start tracking again"):
        TrackState.load(path)
    with pytest.raises(CounterpartError, match="Start tracking again"):
        TrackState.load(tmp_path / "missing.safetensors")


def test_frames_are_encoded_once_even_where_they_are_gone_through_twice():
    frames, truth = clip()
    seen = []

    def counting(rgb):
        seen.append(rgb.tobytes())
        return encode(rgb)

    list(MaskTracker(frames, {0: truth[0], 6: truth[6], 11: truth[11]}, TrackParams(), counting, silent()))
    assert len(seen) == len(set(seen)) == 12


# Bad input --------------------------------------------------


def test_a_mask_of_another_size_is_named_with_both_sizes():
    frames, truth = clip(3)
    with pytest.raises(UsageError, match=r"frame 00001 is 48 x 64 pixels, the video is 96 x 64"):
        list(MaskTracker(frames, {0: truth[0], 1: truth[1][:, :48]}, TrackParams(), encode, silent()))


def test_annotations_that_cannot_be_used_are_named():
    frames, truth = clip(3)
    with pytest.raises(UsageError, match="no annotated frame"):
        list(MaskTracker(frames, {}, TrackParams(), encode, silent()))
    with pytest.raises(UsageError, match="frame 3 is annotated, but the video has 3 frames"):
        list(MaskTracker(frames, {3: truth[0]}, TrackParams(), encode, silent()))
    with pytest.raises(UsageError, match="labels"):
        list(MaskTracker(frames, {0: truth[0].astype(int) - 1}, TrackParams(), encode, silent()))
    with pytest.raises(UsageError, match="cannot track"):
        TrackParams(top_k=0)


def test_a_change_of_size_in_the_middle_is_named_and_what_came_before_is_kept():
    frames, truth = clip(6)
    frames[4] = frames[4][:32]
    got = []
    with pytest.raises(ImageError, match="frame 00004 is 96 x 32"):
        got.extend(r.frame for r in MaskTracker(frames, {0: truth[0]}, TrackParams(), encode, silent()))
    assert got == [0, 1, 2, 3]


class Gappy(ArrayFrames):
    """A source of which some frames cannot be read."""

    def __init__(self, images, missing):
        super().__init__(images)
        self.missing = missing

    def frames(self, ctx, start=0, stop=None):
        for frame in super().frames(ctx, start, stop):
            if frame.index not in self.missing:
                yield frame


@pytest.mark.parametrize("later", [False, True])
def test_unreadable_frames_are_left_out_and_the_others_follow(later):
    frames, truth = clip()
    annotations = {0: truth[0], **({11: truth[11]} if later else {})}
    results = list(MaskTracker(Gappy(frames, {4, 5}), annotations, TrackParams(), encode, silent()))
    assert [r.frame for r in results] == [0, 1, 2, 3, *range(6, 12)]
    assert agreement(results, truth) > 0.85


def test_an_annotated_frame_that_cannot_be_read_is_named():
    frames, truth = clip(5)
    with pytest.raises(UsageError, match="annotated frame 00000 cannot be read"):
        list(MaskTracker(Gappy(frames, {0}), {0: truth[0]}, TrackParams(), encode, silent()))


def test_a_full_disk_says_where_space_is_missing(monkeypatch):
    with Spool() as spool:

        class Full:
            def seek(self, *_):
                return 0

            def write(self, _):
                raise OSError(28, "No space left on device")

            def close(self):
                pass

        spool._file.close()
        monkeypatch.setattr(spool, "_file", Full())
        with pytest.raises(OutputError, match="No space left on device"):
            spool.put("a", 0, np.zeros(3))


def test_what_was_spooled_comes_back_in_half_precision():
    values = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    with Spool() as spool:
        spool.put("a", 3, values)
        spool.put("b", 3, values * 2)
        np.testing.assert_allclose(spool.get("a", 3), values, atol=1e-3)
        np.testing.assert_allclose(spool.get("b", 3), values * 2, atol=2e-3)
        assert spool.get("a", 4) is None


# Progress, cancelling, memory --------------------------------------------------


@pytest.mark.parametrize("annotated", [[0], [0, 6], [6], [11]])
def test_progress_grows_to_the_end_and_a_cancel_stops_at_any_step(annotated):
    frames, truth = clip()
    annotations = {index: truth[index] for index in annotated}
    seen = []
    list(MaskTracker(frames, annotations, TrackParams(), encode, JobContext(seen.append, min_interval_s=0)))
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    for after in (1, len(seen) // 2, len(seen) - 2):
        token = CancelToken()
        counted = []

        def report(progress, counted=counted, token=token, after=after):
            counted.append(progress)
            if len(counted) == after:
                token.cancel()

        with pytest.raises(JobCancelledError):
            list(MaskTracker(frames, annotations, TrackParams(), encode, JobContext(report, token, min_interval_s=0)))


class Endless:
    """A long video that is made while it is read."""

    def __init__(self, count):
        self.count, self.hw = count, HW

    def __len__(self):
        return self.count

    def name(self, index):
        return f"{index:05d}"

    def frames(self, ctx, start=0, stop=None):
        from counterpart.core.images.video import Frame

        for index in range(start, self.count if stop is None else min(stop, self.count)):
            rgb, _ = scene({1: (20, 10 + index % 40)}, seed=index)
            yield Frame(index, self.name(index), rgb)


@pytest.mark.parametrize("both_ends", [False, True])
def test_memory_does_not_grow_with_the_length_of_the_video(both_ends):
    import tracemalloc

    def peak(count):
        labels = {0: scene({1: (20, 10)})[1]}
        if both_ends:
            labels[count - 1] = scene({1: (20, 10 + (count - 1) % 40)})[1]
        tracemalloc.start()
        try:
            for _ in MaskTracker(Endless(count), labels, TrackParams(), encode, silent()):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(3)
    assert peak(60) < peak(15) + 200_000


def test_choosing_settings_does_not_load_torch():
    code = (
        "import sys, counterpart.core.track; counterpart.core.track.TrackParams.paper(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_each_model_is_tracked_with_the_descriptors_that_suit_it():
    from counterpart.core.backbone.registry import model_info

    assert str(default_tap(model_info("dinov2_vits14_focus"))) == "11:value"
    assert str(default_tap(model_info("dino_vits8"))) == "11:normtoken"
    assert default_tap(model_info("resnet50")).facet == "token"
