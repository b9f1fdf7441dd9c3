"""The pieces of transfer: views, names, prior, decoding, calibration."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.geometry import GridGeometry
from counterpart.core.project.points import Skeleton
from counterpart.core.resources import resource_path
from counterpart.core.transfer import Calibration, TemplateBank, TransferParams, ViewKey, box_window, template_window
from counterpart.core.transfer.calibration import MIN_OUTCOMES
from counterpart.core.transfer.decode import CUES, disc_sums, locate, point_cues
from counterpart.core.transfer.heatmaps import compete, similarity_maps, softmax_maps
from counterpart.core.transfer.prior import facing_vote, hough_vote
from counterpart.core.transfer.skeleton import derive_mirror_pairs, mirror_order
from counterpart.core.transfer.views import View
from tests.core.transfer_scenes import CELL, LAYOUT, TAP, TWIN, features, template

PARAMS = TransferParams(tap=TAP)


# ---------------------------------------------------------------------------------------------- views
@given(
    st.tuples(st.integers(40, 300), st.integers(40, 300)),
    st.booleans(),
    st.booleans(),
    st.tuples(st.floats(-5, 300), st.floats(-5, 300)),
)
def test_a_view_maps_there_and_back(image_hw, windowed, mirrored, xy):
    window = (7, 11, image_hw[1] - 3, image_hw[0] - 2) if windowed else None
    hw = (window[3] - window[1], window[2] - window[0]) if window else image_hw
    geometry = GridGeometry.plan(hw, (32, 32), 8, 4)
    view = View(ViewKey(window, mirrored), dataclasses.replace(features(np.zeros((3, 3, 4))), geometry=geometry))
    np.testing.assert_allclose(view.to_image(view.to_grid(xy)), xy, atol=1e-6)


def test_a_mirrored_window_shows_the_same_place_at_the_mirrored_token():
    tokens = np.zeros((6, 8, 4), np.float32)
    window = (16, 8, 16 + 8 * CELL, 8 + 6 * CELL)
    plain, mirrored = (View(ViewKey(window, flip), features(tokens)) for flip in (False, True))
    xy = np.array([40.0, 30.0])
    np.testing.assert_allclose(plain.to_grid(xy)[1] + mirrored.to_grid(xy)[1], 7)
    np.testing.assert_allclose(plain.to_grid(xy)[0], mirrored.to_grid(xy)[0])


def test_a_view_cuts_and_flips_pixels():
    rgb = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    np.testing.assert_array_equal(ViewKey((1, 0, 4, 2)).cut(rgb), rgb[:2, 1:4])
    np.testing.assert_array_equal(ViewKey(None, mirrored=True).cut(rgb), rgb[:, ::-1])


def test_views_are_cached_under_digests_of_their_own():
    keys = [ViewKey(), ViewKey(mirrored=True), ViewKey((0, 0, 5, 5)), ViewKey((0, 0, 5, 5), mirrored=True)]
    assert len({key.digest("abc") for key in keys}) == 4
    assert ViewKey().digest("abc") == "abc"


def test_a_box_becomes_a_window_with_a_margin_inside_the_image():
    assert box_window((99.5, 49.5, 100, 60), (200, 400)) == (85, 35, 215, 125)
    left, top, right, bottom = box_window((-20.0, -20.0, 100, 60), (200, 400))
    assert (left, top) == (0, 0)
    assert right <= 400
    assert bottom <= 200


@pytest.mark.parametrize("box", [(500, 10, 20, 20), (-50, 10, 20, 20), (10, 300, 20, 20)])
def test_a_box_outside_the_image_looks_at_the_whole(box):
    assert box_window(box, (200, 400)) is None


def test_a_tiny_box_still_shows_its_surroundings():
    left, top, right, bottom = box_window((100.0, 100.0, 2, 2), (300, 400))
    assert right - left >= 0.15 * 400
    assert bottom - top >= 0.15 * 400


def test_a_template_without_box_shows_what_its_points_span():
    xy = np.array([[100.0, 100], [140, 120], [120, 160], [np.nan, np.nan]])
    visible = np.array([True, True, True, False])
    left, top, right, bottom = template_window(xy, visible, None, (400, 400))
    assert 0 < left < 100 < 140 < right < 200
    assert 0 < top < 100 < 160 < bottom < 220
    assert template_window(xy, visible & (np.arange(4) < 2), None, (400, 400)) is None


# ---------------------------------------------------------------------------------------------- names
@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (("left_eye", "nose", "right_eye"), ((0, 2),)),
        (("eye_R", "eye_L"), ((1, 0),)),
        (("l_hip", "r_hip", "l_knee", "r_knee"), ((0, 1), (2, 3))),
        (("LeftPaw", "RightPaw"), ((0, 1),)),
        (("ear.l", "ear.r"), ((0, 1),)),
        (("LEye", "REye", "Lip"), ((0, 1),)),
        (("pawL", "pawR"), ((0, 1),)),
        (("left_eye", "nose"), ()),
        (("tail", "trail", "lab"), ()),
        (("Left Eye", "Right Eye"), ((0, 1),)),
    ],
)
def test_mirror_pairs_are_read_from_names(names, pairs):
    assert derive_mirror_pairs(names) == pairs


def test_pairs_of_the_skeleton_come_before_names():
    skeleton = Skeleton(("left_a", "right_a", "x", "y"), mirror_pairs=((2, 3),))
    np.testing.assert_array_equal(mirror_order(skeleton), [0, 1, 3, 2])


# ---------------------------------------------------------------------------------------------- maps
def test_binned_similarity_is_that_of_neighbourhoods_laid_side_by_side():
    tokens = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
    prototypes = np.random.default_rng(1).normal(size=(2, 9, 4)).astype(np.float32)
    padded = np.pad(tokens, ((1, 1), (1, 1), (0, 0)), mode="edge")
    expected = np.zeros((2, 5, 6))
    for r in range(5):
        for c in range(6):
            around = padded[r : r + 3, c : c + 3].reshape(9, 4)
            expected[:, r, c] = np.einsum("kod,od->k", prototypes, around) / 9
    np.testing.assert_allclose(similarity_maps(tokens, prototypes, 1.0), expected, atol=1e-5)


def test_competition_takes_off_the_best_other_known_keypoint():
    maps = np.array([[[0.9]], [[0.5]], [[0.8]]], np.float32)
    lowered = compete(maps, np.array([True, True, False]), 0.5)
    np.testing.assert_allclose(lowered.ravel(), [0.9 - 0.25, 0.5 - 0.45, 0.8 - 0.45], atol=1e-6)


def test_softmax_maps_are_distributions():
    chances = softmax_maps(np.random.default_rng(0).normal(size=(3, 4, 5)) * 300, 0.05)
    np.testing.assert_allclose(chances.sum(axis=(1, 2)), 1, atol=1e-5)


# ---------------------------------------------------------------------------------------------- prior
def bank_and_chances(seed=3):
    order = TWIN.copy()
    bank = TemplateBank([template(seed=1), template(seed=2)], order, PARAMS)
    chances = np.random.default_rng(seed).random((8, 20, 24)).astype(np.float32) ** 8
    return bank, chances / chances.sum(axis=(1, 2), keepdims=True)


def test_a_keypoint_does_not_vote_for_itself():
    bank, chances = bank_and_chances()
    params = dataclasses.replace(PARAMS, hypotheses=10**9)
    pitch = np.array([8.0, 8.0])
    changed = chances.copy()
    changed[3] = np.roll(changed[3], 5, axis=1)
    before, after = (hough_vote(c, pitch, bank, params).prior for c in (chances, changed))
    np.testing.assert_allclose(after[3], before[3], rtol=2e-3, atol=1e-7)
    assert np.abs(after[4] - before[4]).max() > 1e-5


def test_near_keypoints_have_more_say_than_far_ones():
    bank, chances = bank_and_chances()
    pitch = np.array([8.0, 8.0])
    tail = chances.copy()
    tail[7] = np.roll(tail[7], 5, axis=1)

    def change_of_an_eye(locality):
        params = dataclasses.replace(PARAMS, hypotheses=10**9, locality=locality)
        before, after = (hough_vote(c, pitch, bank, params).prior[1] for c in (chances, tail))
        return np.abs(after - before).sum()

    assert change_of_an_eye(0.4) < 0.5 * change_of_an_eye(np.inf)


def test_the_vote_finds_place_size_and_facing_of_a_layout():
    bank = TemplateBank([template(seed=1), template(seed=2)], TWIN, PARAMS)
    chances = np.full((8, 20, 24), 1e-4, np.float32)
    rc = LAYOUT + np.array((9, 8))
    facing_right = rc[:, 1].max() + rc[:, 1].min() - rc[:, 1]
    for k in range(8):
        chances[k, rc[TWIN[k], 0], facing_right[TWIN[k]]] = 1
    chances /= chances.sum(axis=(1, 2), keepdims=True)
    params = dataclasses.replace(PARAMS, scales=(0.7, 12 / (0.6 * 24), 1.2))
    vote = hough_vote(chances, np.array([8.0, 8.0]), bank, params)
    np.testing.assert_allclose(vote.prior.sum(axis=(1, 2)), 1, atol=1e-4)
    facing = facing_vote(chances, np.array([8.0, 8.0]), bank, params)
    np.testing.assert_allclose(facing.sum(), 1, atol=1e-6)
    assert facing[[1, 3]].sum() > 0.9  # the flipped views
    assert abs(vote.size - 12 * CELL) < 2 * CELL
    for k in (1, 3, 6):
        peak = np.unravel_index(vote.prior[k].argmax(), (20, 24))
        assert np.abs(np.array(peak) - (rc[TWIN[k], 0], facing_right[TWIN[k]])).max() <= 1


def test_an_unknown_keypoint_has_a_uniform_prior():
    bank = TemplateBank([template(seed=1, hidden=(7,))], TWIN, PARAMS)
    chances = bank_and_chances()[1]
    prior = hough_vote(chances, np.array([8.0, 8.0]), bank, PARAMS).prior
    np.testing.assert_allclose(prior[7], 1 / (20 * 24))


# ---------------------------------------------------------------------------------------------- decoding
def test_the_broader_hill_wins_over_the_higher_spike():
    chances = np.zeros((1, 20, 20), np.float32)
    chances[0, 3, 3] = 0.2
    chances[0, 11:14, 11:14] = 0.8 / 9
    rc, mass = locate(chances, np.array([2.0, 2.0]))
    np.testing.assert_allclose(rc[0], [12, 12], atol=0.05)
    np.testing.assert_allclose(mass[0], 0.8, atol=0.01)
    spike, _ = locate(chances, np.zeros(2))
    np.testing.assert_allclose(spike[0], [3, 3], atol=0.05)


def test_a_point_between_tokens_is_placed_between_them():
    chances = np.zeros((1, 9, 9), np.float32)
    chances[0, 4, 4], chances[0, 4, 5] = 0.75, 0.25
    rc, _ = locate(chances, np.array([1.5, 1.5]))
    np.testing.assert_allclose(rc[0], [4, 4.25], atol=1e-4)


@given(st.floats(0.1, 30), st.floats(0.1, 30))
def test_mass_within_a_distance_is_at_most_all(down, across):
    chances = np.random.default_rng(0).random((2, 6, 7)).astype(np.float32)
    chances /= chances.sum(axis=(1, 2), keepdims=True)
    sums = disc_sums(chances, np.array([down, across]))
    assert sums.max() <= 1 + 1e-5
    assert (sums >= chances - 1e-6).all()


# ---------------------------------------------------------------------------------------------- calibration
def outcomes(count=4000, seed=0):
    rng = np.random.default_rng(seed)
    cues = rng.normal(size=(count, len(CUES)))
    cues[:, 2] = 0.12 + 0.04 * cues[:, 2]  # the strength of a vote is a share, and hardly varies
    chance = 1 / (1 + np.exp(-(0.8 * cues[:, 0] - 7.5 * (cues[:, 2] - 0.12) + 0.5)))
    return cues, rng.random(count) < chance


def test_a_fit_recovers_what_made_the_outcomes():
    found = Calibration.fit(*outcomes())
    weights = np.multiply(found.weights, [1, 1, 0.04, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(weights, [0.8, 0, -0.3, 0, 0, 0, 0, 0], atol=0.12)
    np.testing.assert_allclose(found.bias + 0.12 * found.weights[2], 0.5, atol=0.12)


def test_few_outcomes_keep_the_built_in_calibration():
    cues, right = outcomes(MIN_OUTCOMES - 1)
    assert Calibration.refit([cues], [right]) is Calibration.built_in()


def test_many_outcomes_move_the_calibration_to_the_persons_own_points():
    cues, right = outcomes()
    own = Calibration.refit([cues[:2000], cues[2000:]], [right[:2000], right[2000:]])
    np.testing.assert_allclose(0.04 * own.weights[2], -0.3, atol=0.15)  # the built-in one has another sign


def test_outcomes_that_are_all_alike_do_not_break_the_fit():
    cues, _ = outcomes(300)
    chance = Calibration.refit([cues], [np.ones(300, bool)]).chance(cues)
    assert np.isfinite(chance).all()
    assert chance.mean() > 0.9
    assert (chance > Calibration.built_in().chance(cues)).mean() > 0.95


def test_the_built_in_calibration_says_where_it_comes_from():
    data = json.loads(resource_path("transfer_calibration.json").read_text(encoding="utf-8"))
    assert set(data["weights"]) == set(CUES)
    assert Calibration.built_in().source == data["source"] != ""


def test_more_mass_means_a_higher_score():
    masses = np.linspace(0, 1, 11).astype(np.float32)
    cues = point_cues(masses, masses, 0.3, np.full(11, 5), np.zeros(11), masses, np.zeros((11, 11)), boxed=False)
    assert (np.diff(Calibration.built_in().chance(cues)) >= 0).all()


def test_sure_neighbours_and_a_place_that_fits_the_other_points_mean_a_higher_score():
    mass, near = np.array([0.4, 0.1, 0.9], np.float32), np.array([(0, 1, 0), (1, 0, 1), (0, 1, 0)], float)

    def chance(layout, near):
        cues = point_cues(mass, mass, 0.3, np.full(3, 5), np.zeros(3), np.full(3, layout), near, boxed=False)
        return Calibration.built_in().chance(cues)

    assert (chance(0.6, near) > chance(0.05, near)).all()
    beside_the_sure_one = near.copy()
    beside_the_sure_one[0] = (0, 0, 1)
    assert chance(0.3, near)[0] < chance(0.3, beside_the_sure_one)[0]


def test_a_point_that_has_no_neighbours_is_judged_by_itself():
    mass = np.array([0.3], np.float32)
    cues = point_cues(mass, mass, 0.3, np.array([5]), np.zeros(1), mass, np.zeros((1, 1)), boxed=False)
    assert cues[0, CUES.index("neighbours")] == cues[0, CUES.index("mass")]
