import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.features.binning import bins, log_bin, log_bin_at, log_bin_norms, pooled

grids = st.tuples(st.integers(1, 9), st.integers(1, 9))


def random_map(hw, seed=0, dim=5):
    return np.random.default_rng(seed).normal(size=(*hw, dim)).astype(np.float32)


def naive_log_bin(values, hierarchy):
    """The definition, token by token."""
    rows, cols, _ = values.shape
    out = np.zeros((rows, cols), dtype=object)
    for r in range(rows):
        for c in range(cols):
            parts = []
            for level in range(hierarchy):
                step = 3**level
                for dr in (-step, 0, step):
                    for dc in (-step, 0, step):
                        if level > 0 and dr == dc == 0:
                            continue
                        at_r, at_c = min(max(r + dr, 0), rows - 1), min(max(c + dc, 0), cols - 1)
                        half = step // 2
                        window = values[max(at_r - half, 0) : at_r + half + 1, max(at_c - half, 0) : at_c + half + 1]
                        parts.append(window.reshape(-1, values.shape[2]).mean(axis=0))
            out[r, c] = np.concatenate(parts)
    return np.stack([np.stack(list(row)) for row in out])


def test_hierarchy_of_two_has_nine_and_eight_bins_in_row_order():
    layout = bins(2)
    assert len(layout) == 17
    assert [(b.rows, b.cols) for b in layout[:3]] == [(-1, -1), (-1, 0), (-1, 1)]
    assert (layout[9].level, layout[9].rows, layout[9].cols) == (1, -3, -3)
    assert sum((b.rows, b.cols) == (0, 0) for b in layout) == 1


def test_no_hierarchy_is_the_descriptor_itself():
    values = random_map((4, 3))
    np.testing.assert_array_equal(log_bin(values, 0), values)


def test_negative_hierarchy_is_refused():
    with pytest.raises(ValueError, match="levels"):
        bins(-1)


@given(grids, st.integers(1, 3), st.integers(0, 5))
def test_log_bin_follows_the_definition(hw, hierarchy, seed):
    values = random_map(hw, seed)
    np.testing.assert_allclose(log_bin(values, hierarchy), naive_log_bin(values, hierarchy), atol=2e-6)


@given(grids, st.integers(0, 3))
def test_norms_are_those_of_the_explicit_descriptors(hw, hierarchy):
    values = random_map(hw)
    expected = np.linalg.norm(log_bin(values, hierarchy), axis=-1)
    np.testing.assert_allclose(log_bin_norms(values, hierarchy), expected, rtol=1e-5)


def test_some_tokens_are_binned_as_all_are():
    values = random_map((6, 8))
    rc = np.array([[0, 0], [5, 7], [2, 3]])
    some = log_bin_at(values, rc).reshape(3, -1)
    np.testing.assert_array_equal(some, log_bin(values)[rc[:, 0], rc[:, 1]])


def test_mean_at_the_border_does_not_count_padding():
    values = np.ones((3, 3, 1), np.float32)
    np.testing.assert_allclose(pooled(values, 2), 1)
