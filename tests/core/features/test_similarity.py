import numpy as np
from hypothesis import given
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

grids = st.tuples(st.integers(1, 8), st.integers(1, 8))


def random_map(hw, seed, dim=6):
    return np.random.default_rng(seed).normal(size=(*hw, dim)).astype(np.float32)


def explicit(a, b, hierarchy):
    """Similarities of descriptors that were really built."""
    flat = [l2_normalise(log_bin(v, hierarchy)).reshape(v.shape[0] * v.shape[1], -1) for v in (a, b)]
    return flat[0] @ flat[1].T


@given(grids, grids, st.integers(0, 3), st.integers(0, 3))
def test_factored_similarity_equals_that_of_explicit_descriptors(hw_a, hw_b, hierarchy, seed):
    a, b = random_map(hw_a, seed), random_map(hw_b, seed + 1)
    np.testing.assert_allclose(similarity_matrix(a, b, hierarchy), explicit(a, b, hierarchy), atol=1e-5)


@given(st.integers(0, 2), st.integers(1, 200_000))
def test_blocks_of_any_size_tile_the_matrix(hierarchy, max_bytes):
    a, b = random_map((7, 5), 1), random_map((4, 6), 2)
    whole, seen = similarity_matrix(a, b, hierarchy), 0
    for first, block in similarity_blocks(a, b, hierarchy, max_bytes):
        assert first == seen
        np.testing.assert_allclose(block.numpy(), whole[first : first + len(block)], atol=1e-6)
        seen += len(block)
    assert seen == 35


@given(grids, grids, st.integers(0, 2))
def test_similarities_of_some_tokens_are_rows_of_the_matrix(hw_a, hw_b, hierarchy):
    a, b = random_map(hw_a, 3), random_map(hw_b, 4)
    rc = np.array([[0, 0], [hw_a[0] - 1, hw_a[1] - 1]])
    rows = similarity_matrix(a, b, hierarchy)[rc[:, 0] * hw_a[1] + rc[:, 1]]
    np.testing.assert_allclose(token_similarities(a, rc, b, hierarchy).reshape(2, -1), rows, atol=1e-5)


def test_empty_grids_give_no_blocks():
    empty = np.zeros((0, 4, 6), np.float32)
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
