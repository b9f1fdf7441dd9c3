import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpart.core.features.binning import log_bin
from counterpart.core.features.similarity import (
    SimilarityField,
    similarity_blocks,
    similarity_map,
    token_similarities,
)
from counterpart.core.features.values import l2_normalise
from tests.core.synthetic import PATCH, TAP, feature_map, palette, scene_set, similarity_matrix

grids = st.tuples(st.integers(1, 6), st.integers(1, 6))  # the widest bins reach farther
few = settings(max_examples=40)


def random_map(hw, seed, dim=6):
    return np.random.default_rng(seed).normal(size=(*hw, dim)).astype(np.float32)


def explicit(a, b, hierarchy):
    """Similarities of descriptors that were really built."""
    flat = [l2_normalise(log_bin(v, hierarchy)).reshape(v.shape[0] * v.shape[1], -1) for v in (a, b)]
    return flat[0] @ flat[1].T


@few
@given(grids, grids, st.integers(0, 3), st.integers(0, 3))
def test_factored_similarity_equals_that_of_explicit_descriptors(hw_a, hw_b, hierarchy, seed):
    a, b = random_map(hw_a, seed), random_map(hw_b, seed + 1)
    np.testing.assert_allclose(similarity_matrix(a, b, hierarchy), explicit(a, b, hierarchy), atol=1e-5)


@few
@given(st.integers(0, 2), st.integers(1, 200_000))
def test_blocks_of_any_size_tile_the_matrix(hierarchy, max_bytes):
    a, b = random_map((7, 5), 1), random_map((4, 6), 2)
    whole, seen = similarity_matrix(a, b, hierarchy), 0
    for first, block in similarity_blocks(a, b, hierarchy, max_bytes):
        assert first == seen
        np.testing.assert_allclose(block.numpy(), whole[first : first + len(block)], atol=1e-6)
        seen += len(block)
    assert seen == 35


@few
@given(grids, grids, st.integers(0, 2))
def test_similarities_of_some_tokens_are_rows_of_the_matrix(hw_a, hw_b, hierarchy):
    a, b = random_map(hw_a, 3), random_map(hw_b, 4)
    rc = np.array([[0, 0], [hw_a[0] - 1, hw_a[1] - 1]])
    rows = similarity_matrix(a, b, hierarchy)[rc[:, 0] * hw_a[1] + rc[:, 1]]
    np.testing.assert_allclose(token_similarities(a, rc, b, hierarchy).reshape(2, -1), rows, atol=1e-5)


def test_two_levels_of_bins_are_compared_unless_said_otherwise():
    a, b, rc = random_map((7, 6), 1), random_map((5, 8), 2), np.array([[3, 2]])
    whole = next(similarity_blocks(a, b))[1].numpy()
    np.testing.assert_allclose(whole, explicit(a, b, 2), atol=1e-5)
    np.testing.assert_allclose(token_similarities(a, rc, b).ravel(), whole[3 * 6 + 2], atol=1e-5)


@pytest.mark.parametrize("hw", [(0, 4), (4, 0)])
def test_empty_grids_give_no_blocks(hw):
    empty = np.zeros((*hw, 6), np.float32)
    assert list(similarity_blocks(empty, random_map((2, 2), 0))) == []
    assert list(similarity_blocks(random_map((2, 2), 0), empty)) == []


def test_zero_descriptors_are_similar_to_nothing():
    zero = np.zeros((2, 2, 6), np.float32)
    assert np.abs(similarity_matrix(zero, random_map((2, 2), 0))).max() == 0


def test_map_is_high_on_the_part_that_was_pointed_at():
    maps, segments = scene_set(2)
    inside = np.argwhere(segments[0] == 2)[4]
    xy = maps[0].geometry.grid_to_image(inside)
    for hierarchy in (0, 1):
        found = similarity_map(maps[0], xy, maps[1], TAP, hierarchy)
        assert found.shape == segments[1].shape
        assert found[segments[1] == 2].mean() > found[segments[1] != 2].mean() + 0.2


def test_field_gives_for_each_image_what_the_single_map_gives():
    maps, _ = scene_set(3)
    small = feature_map(np.zeros((5, 4), int), palette(4))
    field = SimilarityField([*maps, small])
    xy = np.array([41.3, 52.6])
    found = field.at(1, xy)
    assert len(field) == len(found) == 4
    for single, image in zip(found, [*maps, small], strict=True):
        np.testing.assert_allclose(single, similarity_map(maps[1], xy, image), atol=1e-6)


def test_field_of_no_images_has_no_maps():
    assert SimilarityField([]).query(np.zeros(0)) == []


def test_pointing_at_a_token_centre_finds_the_token_itself():
    maps, _ = scene_set(1, noise=0.5)
    found = similarity_map(maps[0], maps[0].geometry.grid_to_image([3, 5]), maps[0])
    assert found[3, 5] == found.max()
    np.testing.assert_allclose(found[3, 5], 1, atol=1e-5)


def test_pointing_outside_the_image_takes_the_border():
    maps, _ = scene_set(1, noise=0.5)
    outside = similarity_map(maps[0], [-100, -100], maps[0])
    border = similarity_map(maps[0], [PATCH / 2 - 0.5, PATCH / 2 - 0.5], maps[0])
    np.testing.assert_allclose(outside, border, atol=1e-6)
    rows, columns = maps[0].grid_hw
    beyond = similarity_map(maps[0], [1e6, 1e6], maps[0])
    assert beyond[rows - 1, columns - 1] == pytest.approx(1, abs=1e-5)


def test_between_tokens_their_descriptors_are_mixed_by_nearness():
    image = feature_map(np.arange(4).reshape(2, 2), palette(4), noise=0)
    found = similarity_map(image, image.geometry.grid_to_image([0.25, 0.75]), image)
    weights = np.array([[0.75 * 0.25, 0.75 * 0.75], [0.25 * 0.25, 0.25 * 0.75]])
    np.testing.assert_allclose(found, weights / np.linalg.norm(weights), atol=1e-5)
    wide = feature_map(np.arange(12).reshape(3, 4), palette(12), noise=0)
    for row, column in ((1, 2), (0, 1)):
        at = SimilarityField([image, wide]).at(1, wide.geometry.grid_to_image([row + 0.5, column + 0.25]))[1]
        expected = np.zeros((3, 4))
        expected[row : row + 2, column : column + 2] = [[0.75, 0.25]] * 2
        np.testing.assert_allclose(at, expected / np.linalg.norm(expected), atol=1e-5)
