"""Looks: brightness, contrast and gamma of what is shown, over the range that an image really has."""

import numpy as np
import pytest
import tifffile

from counterpart.core.images.brightness import Look, Samples, look_for, seen_range
from counterpart.core.images.reading import read_image


def test_a_neutral_look_shows_every_level_as_it_is():
    assert Look().neutral
    assert Look().table8().tolist() == list(range(256))
    assert Look().text() == ""


def test_each_setting_does_what_its_name_says():
    plain = Look().table8().astype(int)
    assert (Look(brightness=0.2).table8() >= plain).all()
    assert (Look(brightness=-0.2).table8() <= plain).all()
    steep = Look(contrast=0.1).table8().astype(int)
    assert steep[64] < 64
    assert steep[192] > 192
    assert abs(int(steep[127]) - 127) <= 1
    dark = Look(gamma=2.0).table8()
    assert dark[40] > 90
    assert (dark[0], dark[255]) == (0, 255)


def test_settings_beyond_their_limits_are_the_limits():
    assert Look(9, -9, 100) == Look(1, -1, 4)
    assert Look(gamma=0.0).gamma == 0.25


def test_a_look_can_be_made_for_a_range_and_gives_it_back():
    look = look_for(300, 900, 200, 60_000)
    assert look.window(200, 60_000) == pytest.approx((300, 900), abs=1e-6 * 60_000)


def test_sixteen_bit_images_open_their_real_range_and_not_256_steps(tmp_path):
    ramp = np.linspace(1000, 1100, 101).astype(np.uint16)
    image = np.full((60, 101), 60_000, np.uint16)
    image[:20] = ramp
    tifffile.imwrite(tmp_path / "deep.tif", image)
    data = read_image(tmp_path / "deep.tif", samples=True)
    assert data.samples is not None
    assert len(np.unique(data.rgb[:20])) <= 2  # stretched for models, the ramp is one step of 256
    look = look_for(1000, 1100, data.samples.low, data.samples.high)
    shown = data.samples.table(look)[data.samples.codes[:20]]
    assert len(np.unique(shown)) == 101
    assert shown[0, 0] == 0
    assert shown[0, -1] == 255
    assert data.samples.value(5, 0) == (1005.0,)


def test_without_being_asked_for_samples_are_not_kept_and_the_picture_is_the_same(tmp_path):
    tifffile.imwrite(tmp_path / "deep.tif", (np.arange(600, dtype=np.uint16) * 100).reshape(20, 30))
    plain, deep = read_image(tmp_path / "deep.tif"), read_image(tmp_path / "deep.tif", samples=True)
    assert plain.samples is None
    assert np.array_equal(plain.rgb, deep.rgb)
    assert deep.samples is not None


def test_a_neutral_look_over_samples_is_the_stretched_picture(tmp_path):
    rng = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "deep.tif", rng.integers(0, 65535, (40, 50, 3)).astype(np.uint16))
    data = read_image(tmp_path / "deep.tif", samples=True)
    shown = data.samples.table(Look())[data.samples.codes]
    assert np.abs(shown.astype(int) - data.rgb).max() <= 1


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint32])
def test_samples_of_other_types_keep_their_values(dtype):
    values = np.array([[-1000, 0, 250], [500, 1000, 30_000]])
    values = np.abs(values).astype(dtype) if dtype == np.uint32 else values.astype(dtype)
    samples = Samples.of(values, float(values.min()), float(values.max()))
    for y, x in np.ndindex(values.shape):
        assert samples.value(x, y)[0] == pytest.approx(float(values[y, x]), abs=0.5)


def test_what_is_not_finite_does_not_spoil_the_range():
    samples = Samples.of(np.array([[np.nan, 1.0], [np.inf, 2.0]]), 1.0, 2.0)
    assert samples.value(1, 0)[0] == pytest.approx(1.0)
    assert samples.value(1, 1)[0] == pytest.approx(2.0)


def test_the_seen_range_leaves_out_the_few_that_stick_out():
    values = np.full(1000, 100, np.uint16)
    values[:500] = 200
    values[0], values[1] = 0, 60_000
    assert seen_range(values) == (100.0, 200.0)
    assert seen_range(np.zeros(0, np.uint8)) == (0.0, 1.0)
    assert seen_range(np.full(9, 7, np.uint8)) == (7.0, 8.0)
