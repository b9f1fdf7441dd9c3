"""Doubt, familiarity and the order of labelling, worked by hand on a few numbers."""

import numpy as np
import pytest

from counterpart.core.propagate import doubt_map, familiarity, image_doubt, next_to_label, unlike_the_rest
from tests.core.part_scores import scores


def test_the_doubt_of_a_cell_is_what_its_likeliest_label_lacks_of_a_full_lead():
    found = doubt_map(scores([[[0.7, 0.2, 0.1], [0.1, 0.45, 0.45]], [[0.0, 0.0, 1.0], [0.25, 0.05, 0.7]]]))
    np.testing.assert_allclose(found, [[0.5, 1.0], [0.0, 0.55]], atol=1e-6)
    np.testing.assert_array_equal(doubt_map(scores(np.ones((2, 3, 1)))), np.zeros((2, 3)))
    two = doubt_map(scores([[[0.3, 0.7]]]))
    np.testing.assert_allclose(two, [[0.6]], atol=1e-6)


def test_the_lead_is_that_over_the_second_of_many_labels():
    shares = np.array([0.05, 0.4, 0.02, 0.3, 0.08, 0.15])
    rng = np.random.default_rng(0)
    cells = np.stack([rng.permutation(shares) for _ in range(40)])[None]
    np.testing.assert_allclose(doubt_map(scores(cells)), np.full((1, 40), 0.9), atol=1e-6)


def test_the_doubt_of_an_image_is_the_share_of_its_parts_that_is_expected_to_be_wrong():
    # Expected to be wrong: 0.1 + 0.3 + 0.4 of four cells; expected to be parts: 0.1 + 0.7 + 0.6 + 1.
    cells = [[[0.9, 0.1, 0.0], [0.3, 0.7, 0.0]], [[0.4, 0.0, 0.6], [0.0, 0.0, 1.0]]]
    assert image_doubt(scores(cells)) == pytest.approx(0.8 / 2.4)
    assert image_doubt(scores([[[1.0, 0.0], [0.0, 1.0]]])) == 0
    # Cells in doubt that go to background count with what part they may be.
    assert image_doubt(scores([[[0.45, 0.46, 0.09], [0.55, 0.25, 0.2]]])) == pytest.approx(0.99 / 1.0)


def test_an_image_without_any_part_is_in_full_doubt():
    assert image_doubt(scores([[[0.9, 0.1], [1.0, 0.0]]])) == 1
    assert image_doubt(scores([[[1.0, 0.0], [1.0, 0.0]]])) == 1


def test_familiarity_is_the_mean_likeness_of_the_tokens_that_are_mostly_part():
    # Tokens of 2 x 2 cells: the first has two cells that are part and two nearly so, the second one of four.
    part = np.array([[1, 1, 1, 0], [0.5, 0.1, 0, 0]])
    cells = np.stack([1 - part, part], axis=-1)
    assert familiarity(scores(cells, [[0.75, 0.25]])) == pytest.approx(0.75)
    half = np.array([[1, 1, 1, 1], [0, 0, 1, 0.5]])
    cells = np.stack([1 - half, half], axis=-1)  # exactly half of the first is not mostly
    assert familiarity(scores(cells, [[0.75, 0.25]])) == pytest.approx(0.25)


def test_familiarity_of_an_image_without_parts_is_that_of_all_its_tokens():
    cells = np.broadcast_to([1.0, 0.0], (1, 3, 2))
    assert familiarity(scores(cells, [[0.9, 0.6, 0.3]])) == pytest.approx(0.6)


@pytest.mark.parametrize(("value", "unlike"), [(0.41, False), (0.40, True)])
def test_unlike_the_rest_is_five_spreads_below_the_middle(value, unlike):
    """Middle 0.7, median deviation 0.04: the bound is 0.7 - 5 * 1.4826 * 0.04 = 0.4035."""
    rest = [0.66, 0.68, 0.70, 0.72, 0.74, 0.76]
    assert unlike_the_rest([value, *rest]).tolist() == [unlike] + [False] * 6


@pytest.mark.parametrize(("value", "unlike"), [(0.605, False), (0.595, True)])
def test_unlike_the_rest_is_at_least_a_tenth_below_where_the_rest_is_all_alike(value, unlike):
    assert unlike_the_rest([0.7, 0.7, value, 0.7, 0.7]).tolist() == [False, False, unlike, False, False]


def test_images_that_spread_widely_are_not_called_unlike():
    assert not unlike_the_rest([0.1, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]).any()
    assert not unlike_the_rest([0.7, 0.7, 0.7, 0.0]).any()  # four are too few
    assert unlike_the_rest([1.0, 0.7, 0.7, 0.7, 0.7]).sum() == 0  # more familiar than the rest is no fault


AXES = np.eye(3, dtype=np.float32)


@pytest.mark.parametrize(("doubt", "first"), [(0.21, 0), (0.24, 1)])
def test_an_image_like_a_labelled_one_counts_a_quarter_of_its_doubt(doubt, first):
    """The first is the labelled image again: 0.9 * 0.25 = 0.225. The second is as far as can be: all of its doubt."""
    assert next_to_label([0.9, doubt], AXES[:2], AXES[:1]) == [first]


def test_coverage_grows_with_the_distance_to_the_nearest_labelled_image():
    """Distances 1 and 0.4: coverage 1 and 0.25 + 0.75 * 0.4 = 0.55."""
    descriptors = np.array([[0, 1, 0], [0.6, 0, 0.8]], np.float32)
    labelled = np.array([[1, 0, 0]], np.float32)
    assert next_to_label([0.54, 1.0], descriptors, labelled) == [1]
    assert next_to_label([0.56, 1.0], descriptors, labelled) == [0]
    nearer = np.array([[1, 0, 0], [0, 1, 0]], np.float32)  # now the first is labelled: 0.25, and the second is farthest
    assert next_to_label([0.9, 0.23], descriptors, nearer) == [1]
    assert next_to_label([0.9, 0.22], descriptors, nearer) == [0]


def test_what_is_chosen_covers_what_is_like_it():
    """Three alike and doubtful, one apart and less so: the second choice is the one apart."""
    descriptors = AXES[[0, 0, 0, 1]]
    assert next_to_label([0.9, 0.8, 0.7, 0.3], descriptors, AXES[2:], 4) == [0, 3, 1, 2]


def test_with_nothing_labelled_the_most_typical_of_equal_doubt_comes_first():
    descriptors = AXES[[0, 1, 1, 2]]
    assert next_to_label([0.5] * 4, descriptors, AXES[:0], 2)[0] == 1
    # Their mean is (0.25, 0.5, 0.25): 2 plus a product with it of 0.5 for the typical, of 0.25 for the others,
    # whose doubt counts 0.25 + 0.75 * 2.25 / 2.5 = 0.925.
    assert next_to_label([0.55, 0.5, 0.5, 0.5], descriptors, AXES[:0]) == [0]
    assert next_to_label([0.53, 0.5, 0.5, 0.5], descriptors, AXES[:0]) == [1]


def test_all_alike_and_labelled_go_by_doubt_alone():
    assert next_to_label([0.2, 0.9, 0.5], AXES[[0, 0, 0]], AXES[:1], 5) == [1, 2, 0]


def test_one_image_is_chosen_unless_more_are_asked_for():
    assert next_to_label([0.2, 0.9], AXES[:2], AXES[2:]) == [1]
    assert next_to_label([], AXES[:0], AXES[2:]) == []
