"""Landmarks regressed from part scores, and how their errors are measured."""

import numpy as np
import pytest

from counterpart.core.errors import FormatError, JobCancelledError, UsageError
from counterpart.core.evaluate.landmarks import box_sizes, inter_ocular, score_landmarks, splits
from counterpart.core.geometry import GridGeometry
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.landmarks import LandmarkModel, LandmarkParams, PartMaps, fit_landmarks, predict_landmarks
from tests.quality.landmarks import by_image_side

HW = (96, 128)
GEOMETRY = GridGeometry.plan(HW, None, 8, 4)
OFFSETS = np.array([[0, 0], [12, 3], [-9, 8], [4, -14]], float)
"""Landmarks relative to the middle between the two parts, at scale 1."""


def face(rng, shift=6.0, scale=1.0, hw=HW, geometry=GEOMETRY, tilt=0.0):
    """Two round parts, one beside the other, and landmarks that go with them."""
    middle = np.array([hw[1] / 2, hw[0] / 2]) + rng.uniform(-shift, shift, 2)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    centres = middle + np.array([[-11.0, 0], [11.0, 0]]) * scale @ turn
    places = geometry.token_centres()
    heat = [np.exp(-((((places - c) / (7 * scale)) ** 2).sum(-1) ** 2)) for c in centres]
    inside = np.stack(heat, axis=-1)
    background = np.clip(1 - inside.sum(axis=-1, keepdims=True), 0, 1)
    scores = np.concatenate([background, inside], axis=-1).astype(np.float32)
    return PartMaps(scores, geometry), middle + OFFSETS * scale @ turn


def faces(count, seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    pairs = [face(rng, **kwargs) for _ in range(count)]
    return [maps for maps, _ in pairs], np.stack([xy for _, xy in pairs])


def error_of(model, images, xy):
    found = np.stack([predict_landmarks(model, image).xy for image in images])
    return float(np.linalg.norm(found - xy, axis=-1).mean())


@pytest.mark.parametrize("params", [LandmarkParams.paper(), LandmarkParams(method="centroids"), LandmarkParams()])
def test_landmarks_follow_the_parts(params):
    images, xy = faces(20)
    new, truth = faces(10, seed=1)
    model = fit_landmarks(images, xy, params, silent())
    still = np.linalg.norm(truth - xy.mean(axis=0), axis=-1).mean()
    assert error_of(model, new, truth) < min(0.35 * still, 1.6)


def test_centroids_give_the_exact_linear_map_where_there_is_one():
    images, xy = faces(12)
    model = fit_landmarks(images, xy, LandmarkParams(method="centroids", frame="image", penalty=1e-6), silent())
    new, truth = faces(5, seed=1)
    assert error_of(model, new, truth) < 0.15


def test_the_objects_own_frame_carries_over_to_other_places_and_sizes():
    images, xy = faces(15)
    model = fit_landmarks(images, xy, LandmarkParams(frame="object"), silent())
    large = GridGeometry.plan((192, 256), None, 8, 4)
    new, truth = faces(6, seed=1, shift=40.0, scale=1.7, hw=(192, 256), geometry=large)
    assert error_of(model, new, truth) < 2.5
    assert model.frame == "object"


def test_auto_takes_the_frame_in_which_leave_one_out_is_better():
    rng = np.random.default_rng(0)
    pairs = [face(rng, shift=14.0, scale=rng.uniform(0.6, 1.4)) for _ in range(25)]
    model = fit_landmarks([m for m, _ in pairs], np.stack([xy for _, xy in pairs]), LandmarkParams(), silent())
    assert model.frame == "object"


def test_the_spread_tells_the_error_on_new_images():
    rng = np.random.default_rng(3)
    images, xy = faces(25)
    noisy = xy + rng.normal(0, 1, xy.shape) * np.array([0.2, 0.2, 4.0, 0.2])[:, None]
    model = fit_landmarks(images, noisy, LandmarkParams(), silent())
    spread = predict_landmarks(model, images[0]).spread
    assert spread.argmax() == 2
    assert spread[2] == pytest.approx(4 * np.sqrt(2), rel=0.5)


def test_missing_labels_are_left_out_landmark_by_landmark():
    images, xy = faces(15)
    gappy = xy.copy()
    gappy[::2, 1] = np.nan
    gappy[2:, 3] = np.nan
    ctx = silent()
    model = fit_landmarks(images, gappy, LandmarkParams(), ctx, names=["a", "b", "c", "d"])
    new, truth = faces(5, seed=1)
    found = predict_landmarks(model, new[0])
    assert np.isnan(found.xy[3]).all()
    assert np.linalg.norm(found.xy[:3] - truth[0, :3], axis=-1).max() < 3
    assert any("'d' is labelled in fewer than 3 images" in text for text in ctx.warnings)


@pytest.mark.parametrize("method", ["centroids", "scores"])
def test_a_part_that_is_missing_from_an_image_does_not_throw_its_landmarks_away(method):
    images, xy = faces(15)
    model = fit_landmarks(images, xy, LandmarkParams(method=method, frame="image"), silent())
    new, truth = faces(1, seed=1)
    scores = new[0].scores.copy()
    scores[..., 2] = 0
    scores[..., 0] = 1 - scores[..., 1]
    found = predict_landmarks(model, PartMaps(scores, GEOMETRY))
    assert np.isfinite(found.xy).all()
    assert np.linalg.norm(found.xy - truth[0], axis=-1).max() < 12


def test_an_image_without_any_part_gives_the_usual_places():
    images, xy = faces(15)
    for frame in ("image", "object"):
        model = fit_landmarks(images, xy, LandmarkParams(frame=frame), silent())
        empty = np.zeros((*GEOMETRY.grid_hw, 3), np.float32)
        empty[..., 0] = 1
        found = predict_landmarks(model, PartMaps(empty, GEOMETRY)).xy
        assert np.isfinite(found).all()


def test_labels_with_left_and_right_exchanged_are_found_named_and_left_out():
    images, xy = faces(18, shift=4.0)
    wrong = xy.copy()
    wrong[4] = xy[4, [0, 2, 1, 3]]
    ctx = silent()
    robust = fit_landmarks(images, wrong, LandmarkParams(frame="image"), ctx)
    plain = fit_landmarks(images, wrong, LandmarkParams(frame="image", robust=False), silent())
    new, truth = faces(10, seed=1, shift=4.0)
    assert robust.dropped[4, [1, 2]].all()
    assert robust.dropped.sum() <= 4
    assert error_of(robust, new, truth) < error_of(plain, new, truth)
    assert any("were left out: 5" in text for text in ctx.warnings)


def test_descriptors_tell_what_parts_do_not():
    rng = np.random.default_rng(0)

    def with_mole(count):
        images, marks = [], []
        for _ in range(count):
            maps, xy = face(rng, shift=1.0)
            mole = xy[0] + rng.uniform(-8, 8, 2)
            away = ((GEOMETRY.token_centres() - mole) ** 2).sum(-1, keepdims=True)
            values = np.concatenate([np.exp(-away / 60), np.exp(-away / 400), np.ones_like(away)], axis=-1)
            images.append(PartMaps(maps.scores, GEOMETRY, values.astype(np.float32)))
            marks.append(mole[None])
        return images, np.stack(marks)

    images, xy = with_mole(25)
    new, truth = with_mole(10)
    params = LandmarkParams(frame="image", reach=0.25)
    blind = fit_landmarks([PartMaps(m.scores, GEOMETRY) for m in images], xy, params, silent())
    seeing = fit_landmarks(images, xy, params, silent())
    plain = error_of(blind, [PartMaps(m.scores, GEOMETRY) for m in new], truth)
    assert error_of(seeing, new, truth) < 0.7 * plain


def test_a_model_comes_back_from_its_file_as_it_was(tmp_path):
    images, xy = faces(10)
    model = fit_landmarks(images, xy, LandmarkParams(), silent(), names=["nase", "öhr", "c", "d"])
    path = tmp_path / "ünï" / "landmarks.safetensors"
    model.save(path)
    again = LandmarkModel.load(path)
    assert (again.names, again.parts, again.params) == (model.names, model.parts, model.params)
    first, second = predict_landmarks(model, images[0]), predict_landmarks(again, images[0])
    np.testing.assert_array_equal(first.xy, second.xy)
    np.testing.assert_array_equal(first.spread, second.spread)


def test_a_file_that_is_no_model_is_named(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(FormatError, match=r"broken\.safetensors: this is not a landmark model"):
        LandmarkModel.load(path)
    with pytest.raises(FormatError, match="not a landmark model"):
        LandmarkModel.load(tmp_path / "missing.safetensors")


def test_images_with_other_parts_are_refused():
    images, xy = faces(6)
    model = fit_landmarks(images, xy, LandmarkParams(), silent())
    other = PartMaps(np.zeros((*GEOMETRY.grid_hw, 6), np.float32), GEOMETRY)
    with pytest.raises(UsageError, match="learnt from 2 parts, this image has 5"):
        predict_landmarks(model, other)
    with pytest.raises(UsageError, match="different parts"):
        fit_landmarks([*images, other], np.concatenate([xy, xy[:1]]), LandmarkParams(), silent())


def test_too_few_labels_are_said_so():
    images, xy = faces(4)
    with pytest.raises(UsageError, match="2 labelled images are too few"):
        fit_landmarks(images[:2], xy[:2], LandmarkParams(), silent())
    with pytest.raises(UsageError, match="no landmark is labelled"):
        fit_landmarks(images, np.full_like(xy, np.nan), LandmarkParams(), silent())


def test_cancelling_stops_the_fit():
    token = CancelToken()
    token.cancel()
    images, xy = faces(5)
    with pytest.raises(JobCancelledError):
        fit_landmarks(images, xy, LandmarkParams(), JobContext(token=token))


# Errors --------------------------------------------------


def test_errors_are_in_per_cent_of_the_distance_of_the_eyes():
    truth = np.array([[[10.0, 20], [60, 20], [35, 50]], [[10, 20], [np.nan, np.nan], [35, 50]]])
    predicted = truth + np.array([3.0, 4.0])
    score = score_landmarks(predicted, truth, inter_ocular(truth, 0, 1))
    np.testing.assert_allclose(score.errors[0], 10)
    assert np.isnan(score.errors[1]).all(), "without both eyes there is no measure"
    assert score.mean == pytest.approx(10)
    assert score.failures(above=9) == 100
    np.testing.assert_allclose(score.per_landmark, 10)


def test_errors_can_be_measured_by_the_size_of_a_box():
    truth = np.zeros((1, 1, 2))
    score = score_landmarks(truth + np.array([0, 5]), truth, box_sizes([[0, 0, 20, 5]]))
    assert score.mean == pytest.approx(50)
    assert np.isnan(score_landmarks(truth * np.nan, truth, box_sizes([[0, 0, 2, 2]])).mean)


def test_mirrored_images_are_named_by_the_side_that_landmarks_lie_on():
    right_way = np.array([[60.0, 0], [20, 0], [40, 9]])
    mirrored = right_way[[1, 0, 2]]
    without_eyes = np.full((3, 2), np.nan)
    without_eyes[2] = 1
    named, swapped = by_image_side(np.stack([right_way, mirrored, without_eyes]), [(0, 1)], (0, 1))
    np.testing.assert_array_equal(named[0], named[1])
    np.testing.assert_array_equal(swapped, [False, True, False])


def test_divisions_are_the_same_for_the_same_seed_and_use_only_what_may_be_labelled():
    usable = np.arange(30) % 3 > 0
    first, second = splits(usable, 8, 3), splits(usable, 8, 3)
    for (a, rest), (b, _) in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
        assert usable[a].all()
        assert len(a) == 8
        np.testing.assert_array_equal(np.sort(np.concatenate([a, rest])), np.arange(30))
    assert not np.array_equal(first[0][0], first[1][0])
