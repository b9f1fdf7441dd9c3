"""The repository's golden set is what its script makes, and the script's formulas give the numbers of both sets."""

import numpy as np

from tests.conftest import GOLDEN_SETS
from tests.golden import make


def test_the_stored_checkpoint_and_pictures_are_those_that_the_script_draws():
    with np.load(GOLDEN_SETS["repository"], allow_pickle=False) as stored:
        for name, expected in make.inputs().items():
            assert stored[name].dtype == expected.dtype
            np.testing.assert_array_equal(stored[name], expected, err_msg=name)


def test_the_formulas_give_the_stored_numbers(golden):
    state = {name.removeprefix("state/"): value for name, value in golden.items() if name.startswith("state/")}
    numbers = make.compute(state, [golden["image0/rgb"], golden["image1/rgb"]], make.HEADS)
    assert set(numbers) == {name for name in golden if not name.startswith("state/") and not name.endswith("/rgb")}
    for name, found in numbers.items():
        if found.dtype == np.float64:
            scale = 1.0 if name.endswith("margin0") else np.abs(golden[name]).max()
            assert np.abs(found - golden[name]).max() <= 5e-6 * scale, name
        else:
            np.testing.assert_array_equal(found, golden[name], err_msg=name)


def test_the_file_is_small_enough_for_a_repository():
    assert GOLDEN_SETS["repository"].stat().st_size < 500_000
