"""Colours of principal components."""

import tracemalloc

import numpy as np
import pytest

from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.features.pca import PcaParams, fit_pca
from counterpart.core.jobs import CancelToken, JobContext, silent
from tests.core.synthetic import given_map


def make_scene(rng, rows=12, cols=16, width=24, objects=1):
    """Two kinds of tokens: background everywhere, an object in the middle made of a left and a right part."""
    base = np.zeros((rows, cols, width))
    base[..., 0] = 4
    inner = np.zeros((rows, cols), bool)
    inner[3:-3, 4:-4] = True
    base[inner] = 0
    base[inner, 1] = 4
    left = inner & (np.arange(cols) < cols // 2)
    base[left, 2] = 2
    base[inner & ~left, 3] = 2
    return given_map(base + rng.normal(0, 0.1, base.shape)), inner, left


def coloured(maps, params=None):
    model = fit_pca(maps, None, silent(), params)
    return [model.colours(feature_map) for feature_map in maps]


def test_components_are_those_of_a_plain_decomposition_of_all_tokens_together():
    rng = np.random.default_rng(0)
    maps = [given_map(rng.normal(size=(6, 7, 10)) * np.linspace(3, 1, 10) + 5) for _ in range(4)]
    model = fit_pca(maps, None, silent(), PcaParams(normalised=False))
    tokens = np.concatenate([m.flat(normalised=False) for m in maps]).astype(np.float64)
    _, singular, axes = np.linalg.svd(tokens - tokens.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(model.mean, tokens.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(model.components * axes[:3], axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(model.explained, (singular**2 / np.sum(singular**2))[:3], rtol=1e-4)


def test_the_same_set_has_the_same_colours_whatever_the_sign_the_solver_returns(monkeypatch):
    import scipy.linalg

    rng = np.random.default_rng(1)
    maps = [given_map(rng.normal(size=(5, 6, 8))) for _ in range(3)]
    first = coloured(maps)
    solve = scipy.linalg.eigh

    def flipped(*args, **kwargs):
        values, vectors = solve(*args, **kwargs)
        return values, -vectors

    monkeypatch.setattr(scipy.linalg, "eigh", flipped)
    second = coloured(maps)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_colours_are_joint_over_the_set_so_that_equal_tokens_look_alike_in_every_image():
    rng = np.random.default_rng(2)
    token = rng.normal(size=24)
    maps = [make_scene(rng)[0] for _ in range(3)]
    values = [m.descriptors().copy() for m in maps]
    values[0][2, 3] = values[2][7, 1] = token
    colours = coloured([given_map(v) for v in values])
    assert colours[0].shape == (12, 16, 3)
    assert colours[0].dtype == np.uint8
    np.testing.assert_array_equal(colours[0][2, 3], colours[2][7, 1])


def test_foreground_split_blackens_what_touches_the_border_and_spends_the_colours_inside():
    rng = np.random.default_rng(3)
    scenes = [make_scene(rng) for _ in range(4)]
    found = coloured([s[0] for s in scenes], PcaParams(foreground="component"))
    for colours, (_, inner, left) in zip(found, scenes, strict=True):
        assert not colours[~inner].any()
        first = colours[..., 0].astype(int)
        gap = abs(first[left].mean() - first[inner & ~left].mean())
        assert gap > 128, "the strongest colour separates the two parts"


@pytest.mark.parametrize("token", [[1] * 6, [1, 2, 3], [0.3, 0.7], [5, -1, 0.25, 7, 9]])
def test_a_set_of_one_colour_is_grey_instead_of_amplified_rounding(token):
    maps = [given_map(np.tile(np.array(token, float), (4, 5, 1)))]
    assert (coloured(maps)[0] == 128).all()
    assert not fit_pca(maps, None, silent()).components.any()


def test_fewer_dimensions_than_colours_leave_the_rest_grey():
    rng = np.random.default_rng(5)
    maps, params = [given_map(rng.normal(size=(4, 5, 2)))], PcaParams(normalised=False)
    assert fit_pca(maps, None, silent(), params).components.shape == (3, 2)
    assert (coloured(maps, params)[0][..., 2] == 128).all()


def test_no_images_and_no_foreground_are_said_so():
    with pytest.raises(UsageError, match="no images"):
        fit_pca([], None, silent())
    with pytest.raises(UsageError, match="no token"):
        fit_pca([given_map(np.ones((3, 3, 4)))], None, silent(), PcaParams(foreground="component"))


class Loading:
    """A set whose members are made when asked for, as the cache does."""

    def __init__(self, count, shape):
        self.count, self.shape, self.asked = count, shape, 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        self.asked += 1
        return given_map(np.random.default_rng(index).normal(size=self.shape))


def test_a_large_set_passes_through_without_sitting_in_memory():
    features = Loading(400, (16, 16, 64))  # 26 MB in single precision
    fit_pca(Loading(3, (16, 16, 64)), None, silent())  # the solver's own import is not what is measured
    tracemalloc.start()
    try:
        model = fit_pca(features, None, silent(), PcaParams(fit_tokens=1_000_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert model.components.shape == (3, 64)
    assert peak < 14_000_000, f"{peak / 1e6:.1f} MB"


def test_the_thinned_fit_sees_every_column_of_the_grid():
    rng = np.random.default_rng(6)
    maps = [make_scene(rng)[0] for _ in range(20)]
    full = fit_pca(maps, None, silent())
    thin = fit_pca(maps, None, silent(), PcaParams(fit_tokens=480))
    assert abs(float(full.components[0] @ thin.components[0])) > 0.99


@pytest.mark.parametrize("after", [1, 3, 7])
def test_cancelling_stops_the_colouring(after):
    token = CancelToken()
    seen = []

    def report(progress):
        seen.append(progress)
        if len(seen) == after:
            token.cancel()

    ctx = JobContext(report, token, min_interval_s=0)
    with pytest.raises(JobCancelledError):
        fit_pca(Loading(10, (4, 4, 8)), None, ctx)
    assert len(seen) == after


RAW = PcaParams(normalised=False)


def line(*values, shape=None):
    """Features of one number per token."""
    return given_map(np.array(values, float).reshape(*(shape or (1, len(values))), 1))


def test_between_the_percentiles_colours_rise_evenly_and_beyond_them_they_stay():
    values = np.arange(101)
    model = fit_pca([line(*values)], None, silent(), PcaParams(normalised=False, low=10, high=60))
    assert (model.mean, model.low[0], model.high[0]) == (50, 10 - 50, 60 - 50)
    colours = model.colours(line(*values))[0]
    np.testing.assert_allclose(colours[:, 0], 255 * np.clip((values - 10) / 50, 0, 1), atol=0.501)
    assert (colours[:, 1:] == 128).all()
    assert model.foreground(line(*values)).all()
    np.testing.assert_allclose(model.project(line(3, 70, shape=(2, 1)))[..., 0], [[-47], [20]])


def test_one_percent_of_the_set_is_left_out_at_either_end():
    model = fit_pca([line(*range(201))], None, silent(), RAW)
    assert (model.low[0], model.high[0]) == (2 - 100, 198 - 100)


def test_lengths_of_descriptors_do_not_matter_unless_asked():
    rng = np.random.default_rng(8)
    unit = rng.normal(size=(6, 8, 5))
    longer = unit * np.where(rng.random((6, 8, 1)) < 0.5, 1, 4)
    plain, scaled = (fit_pca([given_map(values)], None, silent()) for values in (unit, longer))
    np.testing.assert_allclose(plain.components, scaled.components, atol=2e-3)
    raw = fit_pca([given_map(longer)], None, silent(), RAW)
    assert np.abs(raw.components - plain.components).max() > 0.1


@pytest.mark.parametrize(
    ("fit_tokens", "taken"),
    [
        (8, [1, 2, 4, 8, 16, 32, 64, 128]),
        (7, [1, 4, 32, 128]),  # every second, beginning one later in the second image
        (4, [1, 4, 32, 128]),
        (3, [1, 8, 32]),
        (0, [1, 32]),
    ],
)
def test_the_fit_looks_at_every_nth_token_and_begins_one_later_in_each_image(fit_tokens, taken):
    maps = [line(1, 2, 4, 8), line(16, 32, 64, 128)]
    model = fit_pca(maps, None, silent(), PcaParams(normalised=False, fit_tokens=fit_tokens))
    assert model.mean == pytest.approx(np.mean(taken))
    split = fit_pca(maps, None, silent(), PcaParams(False, foreground="component", fit_tokens=fit_tokens)).split
    assert split.mean == pytest.approx(np.mean(taken))


@pytest.mark.parametrize("fit_tokens", [0, 1])
def test_one_token_is_looked_at_at_least(fit_tokens):
    model = fit_pca([line(*range(3, 12))], None, silent(), PcaParams(normalised=False, fit_tokens=fit_tokens))
    assert model.mean == 3


@pytest.mark.parametrize(("count", "mean"), [(200_000, 0.5), (200_001, 0)])
def test_two_hundred_thousand_tokens_are_looked_at_and_of_more_each_second(count, mean):
    model = fit_pca([given_map((np.arange(count) % 2).reshape(1, count, 1))], None, silent(), RAW)
    assert model.mean == mean


def test_percentiles_come_from_a_sample_that_is_even_over_the_whole_set():
    from counterpart.core.features.pca import _Moments

    moments = _Moments()
    for part in np.array_split(np.arange(100_000, dtype=np.float32)[:, None], 23):
        moments.add(part)
    np.testing.assert_array_equal(moments.sample()[:, 0], np.arange(0, 100_000, 8))  # at most 16,384 are kept
    mean, _, _ = moments.principal(1)
    assert mean == pytest.approx(49_999.5)


def test_what_a_set_does_not_span_has_no_component_however_small_the_rest_is():
    rng = np.random.default_rng(9)
    values = np.zeros((20, 20, 5))
    values[..., 2] = rng.integers(-8, 9, (20, 20))
    values[..., 4] = rng.choice([-(2.0**-10), 2.0**-10], (20, 20))  # a ten-millionth of the variance
    values[..., 1] = rng.choice([-(2.0**-16), 2.0**-16], (20, 20))  # a ten-billionth: as little as rounding
    model = fit_pca([given_map(values)], None, silent(), RAW)
    np.testing.assert_allclose(np.abs(model.components[:, [2, 4]]), [[1, 0], [0, 1], [0, 0]], atol=1e-4)
    assert not model.components[2].any()
    first, second = np.var(values[..., 2]), np.var(values[..., 4])
    np.testing.assert_allclose(model.explained, [first / (first + second), second / (first + second), 0], rtol=5e-3)


def test_the_largest_loading_is_positive():
    values = np.zeros((1, 2, 3))
    values[0, 1] = [3, -4, 0]
    model = fit_pca([given_map(values)], None, silent(), RAW)
    np.testing.assert_allclose(model.components[0], [-0.6, 0.8, 0], atol=1e-6)
    assert model.explained.tolist() == pytest.approx([1, 0, 0])


def test_descriptors_of_two_widths_are_no_set():
    maps = [given_map(np.ones((2, 2, 6))), given_map(np.ones((2, 2, 4)))]
    with pytest.raises(ValueError, match="descriptors of 4 and 6 values in one set"):
        fit_pca(maps, None, silent())


# Foreground


def otsu(values):
    """The value above which the second class begins, tried one by one: the variance between classes is largest."""
    best = (-1.0, 0.0)
    for threshold in np.unique(values)[:-1]:
        low, high = values[values <= threshold], values[values > threshold]
        best = max(best, (len(low) * len(high) * (low.mean() - high.mean()) ** 2, threshold))
    return best[1]


@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_the_foreground_is_the_side_of_the_valley_that_touches_the_borders_less(bright, seed):
    rng = np.random.default_rng(seed)
    grid = rng.normal(90, 25, (16, 20))
    inner = np.zeros(grid.shape, bool)
    inner[1:-1, 1:-1] = True
    inner[2:-2, 2:-2] = rng.random((12, 16)) < 0.6
    grid[inner] = rng.normal(150, 25, inner.sum())
    # Between 0 and 256, so that each bin of the histogram holds one value.
    grid = np.clip(np.floor(grid), 1, 254) + 0.5
    grid[0, 0], grid[8, 10] = 0, 256
    grid = grid if bright else 256 - grid
    above = grid > otsu(grid.ravel())
    params = PcaParams(normalised=False, foreground="component", low=0, high=100)
    feature_map = given_map(grid[..., None])
    model = fit_pca([feature_map], None, silent(), params)
    found = model.foreground(feature_map)
    np.testing.assert_array_equal(found, above if bright else ~above)
    # The colours are fitted to the foreground alone, and the rest is black.
    assert model.mean == pytest.approx(grid[found].mean(), abs=0.01)
    colours = model.colours(feature_map)
    assert not colours[~found].any()
    span = (grid[found] - grid[found].min()) / np.ptp(grid[found])
    np.testing.assert_allclose(colours[found][:, 0], 255 * span, atol=0.6)


def test_an_object_that_fills_the_image_up_to_a_frame_of_one_token_is_its_foreground():
    grid = np.full((5, 6), 1.0)
    grid[1:-1, 1:-1] = [[7, 8, 7, 8], [8, 7, 8, 7], [7, 8, 7, 8]]
    model = fit_pca([given_map(grid[..., None])], None, silent(), PcaParams(normalised=False, foreground="component"))
    np.testing.assert_array_equal(model.foreground(given_map(grid[..., None])), grid > 1)


def test_an_object_may_touch_the_border_if_the_rest_touches_it_more():
    grid = np.full((8, 8), 1.0)
    grid[1:-1, 1:-1] = 6
    grid[:3] = 6  # twelve of the twenty-eight tokens of the border, three quarters of all
    grid[0, 0] = 7
    params = PcaParams(normalised=False, foreground="component")
    np.testing.assert_array_equal(
        fit_pca([given_map(grid[..., None])], None, silent(), params).foreground(given_map(grid[..., None])), grid > 1
    )


def test_progress_runs_evenly_through_both_passes():
    seen = []
    ctx = JobContext(lambda progress: seen.append(progress.fraction), CancelToken(), min_interval_s=0)
    maps = [given_map(np.pad([[[9.0], [8]]], ((1, 1), (1, 1), (0, 0))))] * 2
    fit_pca(maps, None, ctx, PcaParams(normalised=False, foreground="component"))
    assert seen == pytest.approx([0, 0.25, 0.5, 0.75, 1])
