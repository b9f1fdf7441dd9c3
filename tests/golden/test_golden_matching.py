"""Parity of log-binning and best buddies with an independent implementation."""

import numpy as np
import pytest

from counterpart.core.features.binning import log_bin
from counterpart.core.matching.pairs import best_buddies, nearest_neighbours

STRIDES = (4, 8)
TIE = 1e-5
"""Below this margin the two implementations may rightly choose differently."""


def keys(golden, image, stride):
    grid = golden[f"image{image}/stride{stride}/grid"]
    return golden[f"image{image}/stride{stride}/layer9/key_with_cls"][1:].reshape(*grid, -1)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("image", [0, 1])
def test_log_binned_keys(golden, image, stride):
    expected = golden[f"image{image}/stride{stride}/layer9/key_logbin_h2"]
    found = log_bin(keys(golden, image, stride)).reshape(expected.shape)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("stride", STRIDES)
def test_nearest_neighbours_and_best_buddies(golden, stride):
    found = nearest_neighbours(keys(golden, 0, stride), keys(golden, 1, stride), hierarchy=2)
    clear = golden[f"pair/stride{stride}/margin0"] >= TIE
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found.ab[clear], golden[f"pair/stride{stride}/nn_0to1"][clear])
    buddies = np.zeros(len(clear), bool)
    buddies[best_buddies(found).a] = True
    # The margin of the way back is not in the file, so rows whose way back differs are left out, and must be few.
    same_back = (found.ba == golden[f"pair/stride{stride}/nn_1to0"])[found.ab]
    assert same_back.mean() > 0.99
    mask = golden[f"pair/stride{stride}/best_buddy_mask0"]
    np.testing.assert_array_equal(buddies[clear & same_back], mask[clear & same_back])
