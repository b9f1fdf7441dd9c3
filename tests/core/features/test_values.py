"""Features as values: what is read out of them, and what tells one request from another."""

import numpy as np
import pytest

from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec, l2_normalise
from counterpart.core.geometry import GridGeometry

KEY, TOKEN = Tap(9, "key"), Tap(11, "token")
SPEC = FeatureSpec("m", "w", (KEY, TOKEN), 8, (16, 24), 11, storage="float32")


@pytest.fixture
def features():
    """Two rows of three tokens of two numbers, for two taps."""
    first = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    geometry = GridGeometry.plan((16, 24), None, 8, 8)
    cls = (np.array([3, 4], np.float32), np.array([6, 8], np.float32))
    return FeatureMap(SPEC, "0", geometry, (first, first + 100), cls, np.zeros((2, 2, 3), np.float32))


def test_vectors_become_unit_and_zero_stays_zero():
    found = l2_normalise(np.array([[[3, 4], [0, 0]], [[0, -2], [1e-9, 0]]]))
    assert found.dtype == np.float32
    # What is shorter than 1e-8 is divided by that.
    np.testing.assert_allclose(found, [[[0.6, 0.8], [0, 0]], [[0, -1], [0.1, 0]]], rtol=1e-6)


def test_descriptors_are_read_by_their_tap_the_first_by_default(features):
    np.testing.assert_array_equal(features.descriptors(), features.maps[0])
    np.testing.assert_array_equal(features.descriptors(TOKEN), features.maps[1])
    assert features.class_descriptor().tolist() == [3, 4]
    assert features.class_descriptor(TOKEN).tolist() == [6, 8]
    with pytest.raises(KeyError, match="3:key was not extracted; there are 9:key, 11:token"):
        features.descriptors(Tap(3, "key"))


def test_flat_descriptors_go_row_by_row(features):
    plain = features.flat(TOKEN, normalised=False)
    np.testing.assert_array_equal(plain, np.arange(12).reshape(6, 2) + 100)
    np.testing.assert_allclose(np.linalg.norm(features.flat(), axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(features.flat()[2], np.array([4, 5]) / np.sqrt(41), rtol=1e-6)


def test_all_arrays_are_counted_and_closed_to_writing(features):
    assert features.nbytes == 4 * (2 * 12 + 2 * 2 + 12)
    for array in (*features.maps, *features.cls, features.attention):
        assert not array.flags.writeable
    assert features.grid_hw == (2, 3)


def test_a_request_is_written_plainly():
    assert SPEC.as_dict() == {
        "model": "m",
        "weights": "w",
        "taps": ["9:key", "11:token"],
        "stride": 8,
        "size": [16, 24],
        "saliency_layer": 11,
        "position_mode": "reference",
        "precision": "float32",
        "storage": "float32",
    }
    assert SPEC.single(TOKEN).taps == (TOKEN,)
    # Caches on disks are addressed by it: it must be the same in every version.
    plain = FeatureSpec("m", "w", (KEY,), 4, 448, None)
    assert plain.as_dict()["size"] == 448
    assert plain.storage == "float16"
