"""Files of the program's own: every bit counts, header and checksum included."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from counterpart.core.sealed import seal, seal_values, unseal, unseal_values

ARRAYS = {
    "map": np.arange(12, dtype=np.float16).reshape(3, 4).T,
    "empty": np.zeros((0, 5), np.float32),
    "flags": np.array([True, False]),
}
ABOUT = {"image": "a" * 64, "note": 'says "seal":"' + "0" * 64 + '" itself; ünï'}


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(seal(ARRAYS, ABOUT))
    return path


def test_what_was_sealed_comes_back_and_may_be_changed(sealed):
    arrays, about = unseal(sealed, required=True)
    assert about == ABOUT
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].flags.writeable


def test_any_reader_of_safetensors_reads_a_sealed_file(sealed):
    with safe_open(sealed, "np") as file:
        np.testing.assert_array_equal(file.get_tensor("map"), ARRAYS["map"])
        assert file.metadata().items() >= ABOUT.items()


def test_a_flipped_bit_in_any_byte_is_found(sealed):
    data = bytearray(sealed.read_bytes())
    for place in range(len(data)):
        data[place] ^= 1 << place % 8
        sealed.write_bytes(data)
        with pytest.raises(ValueError, match=r"."):
            unseal(sealed, required=True)
        data[place] ^= 1 << place % 8


def test_a_file_that_was_cut_off_or_prolonged_is_found(sealed):
    data = sealed.read_bytes()
    for length in range(len(data)):
        sealed.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"."):
            unseal(sealed, required=True)
    sealed.write_bytes(data + b"\0")
    with pytest.raises(ValueError, match="changed"):
        unseal(sealed)


def test_a_file_without_a_seal_is_read_where_it_may_be(tmp_path):
    path = tmp_path / "old.safetensors"
    save_file({"a": np.arange(3)}, path, metadata={"about": "x"})
    arrays, about = unseal(path)
    assert about == {"about": "x"}
    np.testing.assert_array_equal(arrays["a"], np.arange(3))
    with pytest.raises(ValueError, match="no seal"):
        unseal(path, required=True)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\xff" * 100, b"\x02" + bytes(7) + b"{}", b"\x02" + bytes(7) + b"[]", b"a" * 500]
)
def test_something_else_is_refused(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match=r"."):
        unseal(tmp_path / "x", required=True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="not a file"):
        unseal(tmp_path / "folder")
    with pytest.raises(FileNotFoundError):
        unseal(tmp_path / "absent")


VALUES = {"frame": 3, "file": "00003.png", "confidence": 0.8125, "nested": {"b": [1, None, "ü"], "a": float("inf")}}


def test_values_come_back_from_json_and_every_flipped_bit_changes_nothing_or_is_found():
    line = json.dumps(seal_values(VALUES)).encode()
    assert unseal_values(json.loads(line), required=True) == VALUES
    data = bytearray(line)
    for place in range(8 * len(data)):
        data[place // 8] ^= 1 << place % 8
        try:
            found = unseal_values(json.loads(data), required=True)
        except ValueError:
            found = VALUES
        assert found == VALUES
        data[place // 8] ^= 1 << place % 8


def test_values_without_a_seal_are_taken_where_they_may_be():
    assert unseal_values({"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="no seal"):
        unseal_values({"a": 1}, required=True)
    with pytest.raises(ValueError, match="no object"):
        unseal_values([1])
