import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpart.core.backbone.registry import model_info
from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.matching.pairs import (
    BestBuddies,
    MatchParams,
    best_buddies,
    match_pair,
    match_saliency,
    nearest_neighbours,
    select_pairs,
    soft_cycle,
)
from tests.core.synthetic import feature_map, palette, scene_set, similarity_matrix

TAP = Tap(0, "token")
grids = st.tuples(st.integers(1, 7), st.integers(1, 7))
PLAIN = MatchParams(hierarchy=0, saliency_threshold=-1, selection="farthest")


def noise_map(hw, seed, dim=16):
    return np.random.default_rng(seed).normal(size=(*hw, dim)).astype(np.float32)


def as_features(values, patch=8):
    rows, cols, dim = values.shape
    geometry = GridGeometry.plan((rows * patch, cols * patch), None, patch, patch)
    spec = FeatureSpec("synthetic", "0", (TAP,), patch, None, None, storage="float32")
    return FeatureMap(spec, "0", geometry, (values,), (np.zeros(dim, np.float32),), None)


def pairs_of(buddies):
    return set(zip(buddies.a.tolist(), buddies.b.tolist(), strict=True))


@settings(max_examples=40)
@given(grids, grids, st.integers(0, 2), st.integers(0, 4))
def test_matching_b_to_a_mirrors_matching_a_to_b(hw_a, hw_b, hierarchy, seed):
    a, b = noise_map(hw_a, seed), noise_map(hw_b, seed + 50)
    forth = best_buddies(nearest_neighbours(a, b, hierarchy))
    back = best_buddies(nearest_neighbours(b, a, hierarchy))
    clear = clear_rows(a, b, hierarchy)
    assert {p for p in pairs_of(forth) if clear(p)} == {(i, j) for j, i in pairs_of(back) if clear((i, j))}


def clear_rows(a, b, hierarchy):
    """Whether a pair is decided by more than rounding, seen from both its ends."""
    matrix = similarity_matrix(a, b, hierarchy)

    def margin(line):
        top = np.sort(line)[::-1]
        return np.inf if len(top) == 1 else top[0] - top[1]

    return lambda pair: min(margin(matrix[pair[0]]), margin(matrix[:, pair[1]])) > 1e-5


@given(grids, st.integers(0, 2), st.integers(0, 4))
def test_an_image_matches_itself_token_by_token(hw, hierarchy, seed):
    a = noise_map(hw, seed)
    buddies = best_buddies(nearest_neighbours(a, a, hierarchy))
    # Clamped bins can make descriptors of a tiny grid equal; those are ties.
    unclear = np.sort(similarity_matrix(a, a, hierarchy), axis=1)[:, -2:]
    decided = np.flatnonzero((unclear[:, -1] - unclear[:, 0] > 1e-5) | (a.shape[0] * a.shape[1] == 1))
    assert {(i, i) for i in decided.tolist()} <= pairs_of(buddies)
    np.testing.assert_allclose(buddies.score, 1, atol=1e-5)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))
def test_shifting_an_image_shifts_the_matches_with_a_local_encoder(down, right, hierarchy):
    world = noise_map((16, 18), 11)
    a, b = world[:12, :14], world[down : down + 12, right : right + 14]
    buddies = best_buddies(nearest_neighbours(a, b, hierarchy))
    rc_a, rc_b = np.stack(np.divmod(buddies.a, 14), -1), np.stack(np.divmod(buddies.b, 14), -1)
    reach = 4  # of the bins: 3 tokens and half a window of 3
    inner = ((rc_a >= reach + np.array([down, right])) & (rc_a < np.array([12, 14]) - reach)).all(axis=1)
    assert inner.sum() > 0 or max(down, right) > 2
    np.testing.assert_array_equal(rc_a[inner] - rc_b[inner], np.broadcast_to([down, right], rc_a[inner].shape))


def test_ties_go_to_the_first_token():
    same = np.ones((2, 3, 4), np.float32)
    found = nearest_neighbours(same, same, 0)
    np.testing.assert_array_equal(found.ab, 0)
    np.testing.assert_array_equal(found.ba, 0)
    assert pairs_of(best_buddies(found)) == {(0, 0)}


@pytest.mark.parametrize("shapes", [((0, 3), (2, 2)), ((2, 2), (0, 0)), ((0, 0), (0, 0))])
def test_empty_grids_have_no_buddies(shapes):
    a, b = (np.zeros((*hw, 4), np.float32) for hw in shapes)
    found = nearest_neighbours(a, b)
    assert [len(part) for part in (found.ab, found.ba, found.score_ab, found.score_ba)] == [0] * 4
    none = best_buddies(found, np.ones(a.shape[:2], bool), np.ones(b.shape[:2], bool))
    assert [len(part) for part in (none.a, none.b, none.score)] == [0] * 3


def test_one_token_each_are_buddies():
    found = best_buddies(nearest_neighbours(noise_map((1, 1), 0), noise_map((1, 1), 1)))
    assert pairs_of(found) == {(0, 0)}


def test_neighbours_do_not_depend_on_the_blocks(monkeypatch):
    a, b = noise_map((9, 6), 1), noise_map((5, 7), 2)
    whole = nearest_neighbours(a, b)
    monkeypatch.setattr("counterpart.core.features.similarity.similarity_blocks.__defaults__", (2, 1))
    rowwise = nearest_neighbours(a, b)
    np.testing.assert_array_equal(whole.ab, rowwise.ab)
    np.testing.assert_array_equal(whole.ba, rowwise.ba)


def test_reference_fault_foreground_of_the_second_image_is_looked_up_at_the_partner():
    """The reference tests fg_b at the index of the *first* image's token."""
    a = np.eye(4, dtype=np.float32).reshape(2, 2, 4)
    b = a[::-1].copy()  # token i of a is token (i + 2) % 4 of b
    fg_b = np.array([True, True, False, False])  # the partners of a's tokens 2 and 3
    found = best_buddies(nearest_neighbours(a, b, 0), np.ones(4, bool), fg_b)
    assert pairs_of(found) == {(2, 0), (3, 1)}


def test_both_ends_must_be_on_the_foreground():
    a = noise_map((3, 3), 0)
    fg_a, fg_b = np.arange(9) % 2 == 0, np.arange(9) < 6
    found = best_buddies(nearest_neighbours(a, a, 0), fg_a, fg_b)
    assert pairs_of(found) == {(0, 0), (2, 2), (4, 4)}


# ---------------------------------------------------------------------------------------------- match_pair
def test_points_are_token_centres_in_image_pixels():
    maps, _ = scene_set(2, noise=0.3)
    found = match_pair(maps[0], maps[1], None, None, PLAIN, silent())
    for xy, image in ((found.xy_a, maps[0]), (found.xy_b, maps[1])):
        grid = image.geometry.image_to_grid(xy)
        np.testing.assert_allclose(grid, np.rint(grid), atol=1e-9)
    assert (np.diff(found.score) <= 0).all()


@pytest.mark.parametrize("selection", ["kmeans", "farthest"])
def test_k_pairs_are_spread_over_what_was_found(selection):
    a = as_features(noise_map((10, 10), 3))
    params = MatchParams(pairs=7, hierarchy=0, saliency_threshold=-1, selection=selection)
    ctx = silent()
    found = match_pair(a, a, None, None, params, ctx)
    assert len(found) == 7
    assert ctx.warnings == []
    assert len(np.unique(found.xy_a, axis=0)) == 7


@pytest.mark.parametrize("selection", ["kmeans", "farthest"])
def test_more_pairs_than_were_found_gives_fewer_and_says_so(selection):
    a = as_features(noise_map((2, 2), 3))
    ctx = silent()
    params = MatchParams(pairs=10, hierarchy=0, saliency_threshold=-1, selection=selection)
    assert len(match_pair(a, a, None, None, params, ctx)) == 4
    assert ctx.warnings == ["only 4 of 10 pairs found"]


def test_nothing_salient_gives_no_pairs_and_says_so():
    maps, segments = scene_set(2)
    nothing = np.zeros(segments[0].shape, np.float32)
    ctx = silent()
    found = match_pair(maps[0], maps[1], nothing, nothing, MatchParams(hierarchy=0), ctx)
    assert len(found) == 0
    assert found.xy_a.shape == found.xy_b.shape == (0, 2)
    assert ctx.warnings == ["only 0 of 10 pairs found"]


def test_pairs_join_equal_parts_of_the_object():
    maps, segments = scene_set(2, noise=0.2)
    saliency = [(s >= 2).astype(np.float32) for s in segments]
    found = match_pair(maps[0], maps[1], *saliency, MatchParams(pairs=4, hierarchy=0), silent())
    at = [
        s[tuple(m.geometry.nearest_token(xy).T)]
        for s, m, xy in zip(segments, maps, (found.xy_a, found.xy_b), strict=True)
    ]
    assert len(found) == 4
    np.testing.assert_array_equal(at[0], at[1])
    assert (at[0] >= 2).all()


def test_paper_selection_takes_the_most_salient_pair_of_each_cluster():
    colours = palette(2)
    segments = np.repeat([[0, 1]], 4, axis=0)
    image = feature_map(segments, colours, noise=0.001)
    everything = BestBuddies(np.arange(8), np.arange(8), np.ones(8, np.float32))
    salience = np.array([0.1, 0.2, 0.9, 0.3, 0.4, 0.8, 0.5, 0.7])
    chosen = select_pairs(image, image, everything, salience, MatchParams(pairs=2, hierarchy=0))
    np.testing.assert_array_equal(chosen, [2, 5])  # even tokens are segment 0, odd ones segment 1


def test_paper_selection_is_in_the_order_of_the_pairs():
    image = as_features(noise_map((10, 10), 3))
    every = BestBuddies(np.arange(100), np.arange(100), np.ones(100, np.float32))
    chosen = select_pairs(image, image, every, np.ones(100), MatchParams(pairs=9, hierarchy=0))
    assert (np.diff(chosen) > 0).all()


def test_same_seed_same_pairs():
    a, b = as_features(noise_map((9, 9), 1)), as_features(noise_map((9, 9), 2))
    params = MatchParams(pairs=5, hierarchy=1, saliency_threshold=-1, seed=3)
    first, second = (match_pair(a, b, None, None, params, silent()) for _ in range(2))
    np.testing.assert_array_equal(first.xy_a, second.xy_a)
    np.testing.assert_array_equal(first.xy_b, second.xy_b)


def test_cycle_error_is_small_for_distinct_tokens_and_large_for_repeated_ones():
    distinct = as_features(noise_map((8, 8), 0, dim=64))
    assert match_pair(distinct, distinct, None, None, PLAIN, silent()).cycle_error.max() < 0.5
    striped = np.tile(noise_map((8, 2), 0, dim=64), (1, 4, 1))
    striped += 0.001 * noise_map((8, 8), 1, dim=64)
    errors = match_pair(*[as_features(striped)] * 2, None, None, PLAIN, silent()).cycle_error
    assert errors.min() > 8  # pixels; the same stripe recurs every 16


def test_cancelling_stops_the_search():
    token = CancelToken()
    token.cancel()
    maps, _ = scene_set(2)
    with pytest.raises(JobCancelledError):
        match_pair(maps[0], maps[1], None, None, PLAIN, JobContext(token=token))


def test_zero_pairs_cannot_be_asked_for():
    with pytest.raises(UsageError, match="0 pairs"):
        MatchParams(pairs=0)


def test_defaults_are_the_papers():
    paper = MatchParams.paper()
    assert (paper.pairs, str(paper.tap), paper.hierarchy, paper.saliency_threshold) == (10, "9:key", 2, 0.05)
    assert paper.selection == "kmeans"


def test_ties_between_blocks_go_to_the_first_token_too(monkeypatch):
    monkeypatch.setattr("counterpart.core.features.similarity.similarity_blocks.__defaults__", (2, 1))
    same = np.ones((4, 3, 4), np.float32)
    found = nearest_neighbours(same, same, 0)
    np.testing.assert_array_equal(found.ab, 0)
    np.testing.assert_array_equal(found.ba, 0)


@pytest.mark.parametrize(
    ("salience", "second"),
    [
        ({0: 1.0, 1: 0.9, 4: 0.4}, 1),  # 1 * 0.81 beats 4 * 0.16; to the first power 4 * 0.4 would win
        ({0: 1.0, 1: 0.8, 4: 0.5}, 4),  # 4 * 0.25 beats 1 * 0.64; to the third power 1 * 0.512 would win
    ],
)
def test_farthest_points_weigh_distance_by_saliency_squared(salience, second):
    line = as_features(noise_map((1, 5), 0))
    tokens = np.array(list(salience))
    pairs = BestBuddies(tokens, tokens, np.ones(3, np.float32))
    chosen = select_pairs(line, line, pairs, np.array(list(salience.values())), MatchParams(2, selection="farthest"))
    assert tokens[chosen].tolist() == [0, second]


def test_equally_good_pairs_stay_in_the_order_of_their_tokens():
    image = as_features(np.eye(64, dtype=np.float32).reshape(8, 8, 64))
    found = match_pair(image, image, None, None, dataclasses.replace(PLAIN, pairs=64), silent())
    np.testing.assert_array_equal(found.xy_a, image.geometry.token_centres().reshape(-1, 2))


def test_the_way_back_is_the_mean_square_distance_weighted_by_likeness():
    # Likeness lower by 0.02 times the logarithm of 3 counts a third: weights of 3/4 here and 1/4 one token further.
    centres = GridGeometry.plan((8, 16), None, 8, 8).token_centres()
    back = np.array([[[1, 1 - 0.02 * np.log(3)]], [[0.5, 0.5]]], np.float32)
    error = soft_cycle(back, centres, np.array([[3.5, 3.5], [3.5, 0.5]]))
    # 1/4 of 8²; half of 3² and half of 3² + 8².
    np.testing.assert_allclose(error, [4, np.sqrt((9 + 9 + 64) / 2)], rtol=1e-4)


@pytest.mark.parametrize("drawn", ["a", "b"])
def test_the_saliency_of_both_ends_decides(drawn):
    line = as_features(np.eye(5, dtype=np.float32).reshape(1, 5, 5))
    best = np.array([[1, 0.9, 0.1, 0.1, 0.4]], np.float32)
    other = np.full((1, 5), 0.5, np.float32)
    ends = (best, other) if drawn == "a" else (other, best)
    params = MatchParams(pairs=2, hierarchy=0, saliency_threshold=0.05, selection="farthest")
    found = match_pair(line, line, *ends, params, silent())
    # Squares of the means times the distance: 0.7² * 1 for token 1, 0.45² * 4 for token 4.
    assert sorted(found.xy_a[:, 0].tolist()) == [3.5, 35.5]
    everywhere = match_pair(line, line, best, None, params, silent())
    assert sorted(everywhere.xy_a[:, 0].tolist()) == [3.5, 35.5]


def test_only_what_exceeds_the_threshold_is_paired_whichever_image_tells_it():
    line = as_features(np.eye(4, dtype=np.float32).reshape(1, 4, 4))
    saliency = np.array([[0.5, 0.25, 0.75, 0.125]], np.float32)
    params = MatchParams(pairs=4, hierarchy=0, saliency_threshold=0.25, selection="farthest")
    for ends in ((saliency, None), (None, saliency)):
        assert match_pair(line, line, *ends, params, silent()).xy_a[:, 0].tolist() == [3.5, 19.5]


def test_farthest_points_are_compared_with_all_that_were_chosen():
    # From token 0 the farthest is 8; then the middle, whose nearest chosen one is 4 away.
    line = as_features(noise_map((1, 9), 0))
    tokens = np.arange(9)
    pairs = BestBuddies(tokens, tokens, np.ones(9, np.float32))
    salience = np.full(9, 0.9)
    salience[0] = 1
    chosen = select_pairs(line, line, pairs, salience, MatchParams(3, selection="farthest"))
    assert chosen.tolist() == [0, 4, 8]


def test_pairs_at_one_place_are_chosen_once():
    line = as_features(noise_map((1, 3), 0))
    pairs = BestBuddies(np.array([1, 1, 1]), np.array([2, 2, 2]), np.ones(3, np.float32))
    chosen = select_pairs(line, line, pairs, np.ones(3), MatchParams(2, selection="farthest"))
    assert chosen.tolist() == [0]


def test_what_a_model_is_matched_by_follows_its_descriptors():
    defaults = model_info("dino_vits8").defaults
    by_key = MatchParams.for_model(dataclasses.replace(defaults, match_tap=Tap(9, "key")))
    assert (by_key.hierarchy, by_key.selection, by_key.pairs, by_key.seed) == (2, "kmeans", 10, 0)
    other = dataclasses.replace(defaults, match_tap=Tap(11, "token"), match_saliency_threshold=0.3)
    by_token = MatchParams.for_model(other, pairs=4, seed=7)
    assert (by_token.hierarchy, by_token.selection, by_token.tap) == (1, "farthest", Tap(11, "token"))
    assert (by_token.pairs, by_token.seed, by_token.saliency_threshold) == (4, 7, 0.3)
    with pytest.raises(UsageError, match="-1 levels"):
        MatchParams(hierarchy=-1)
    assert MatchParams(pairs=1, hierarchy=0).pairs == 1


def test_distances_count_in_the_longest_side_of_each_image():
    # The second image is twice as large and shows the same; its tokens in another order. Farthest from token 0, which
    # stands first in both, is the one with the greatest sum of squares in units of each image's side.
    small, large = as_features(noise_map((2, 4), 0)), as_features(noise_map((2, 4), 0), patch=16)
    pairs = BestBuddies(np.array([0, 3, 1]), np.array([0, 1, 2]), np.ones(3, np.float32))
    # (3/4)² + (1/4)² for the second pair, (1/4)² + (2/4)² for the third.
    salience = np.array([1, 0.8, 0.9])
    assert select_pairs(small, large, pairs, salience, MatchParams(2, selection="farthest")).tolist() == [0, 1]
    swapped = BestBuddies(pairs.b, pairs.a, pairs.score)
    assert select_pairs(small, large, swapped, salience, MatchParams(2, selection="farthest")).tolist() == [0, 1]
    # As large as each other in their own units: 3/4 of the one weighs as much as 3/4 of the other.
    even = BestBuddies(np.array([0, 3, 0]), np.array([0, 0, 3]), np.ones(3, np.float32))
    large = as_features(noise_map((1, 4), 0), patch=16)
    for best, salience in ((1, [1, 0.91, 0.9]), (2, [1, 0.9, 0.91])):
        chosen = select_pairs(small, large, even, np.array(salience), MatchParams(2, selection="farthest"))
        assert chosen.tolist() == [0, best]


def test_saliency_for_pairs_is_class_attention_where_there_is_any():
    defaults = dataclasses.replace(model_info("dino_vits8").defaults, saliency_tap=TAP, saliency_heads=None)
    segments = np.zeros((8, 8), int)
    segments[3:5, 3:5] = 1
    with_attention = feature_map(segments, palette(2), noise=0, salient=(0,))
    without = feature_map(segments, palette(2), noise=0, salient=(0,), attention=False)
    np.testing.assert_array_equal(match_saliency(with_attention, defaults), segments == 0)  # what the class token sees
    # What is unlike the border.
    np.testing.assert_allclose(match_saliency(without, defaults), segments == 1, atol=1e-6)


def test_as_many_pairs_as_are_wanted_is_no_warning():
    image, ctx = as_features(noise_map((2, 2), 3)), silent()
    assert len(match_pair(image, image, None, None, dataclasses.replace(PLAIN, pairs=4), ctx)) == 4
    assert ctx.warnings == []
    MatchParams(pairs=1)
