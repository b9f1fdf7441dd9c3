"""Views of the feature space: colours of principal components, pictures of maps, t-SNE."""

import sys
import tracemalloc

import numpy as np
import pytest

from counterpart.core.errors import CounterpartError, JobCancelledError, UsageError
from counterpart.core.features.pca import PcaParams, fit_pca
from counterpart.core.features.pictures import (
    attention_pictures,
    colour_scale,
    colour_values,
    grid_picture,
    heat_overlay,
    stretch,
)
from counterpart.core.features.taps import Tap
from counterpart.core.features.tsne import TsneParams, embed_tsne
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.jobs import CancelToken, JobContext, silent

SPEC = FeatureSpec("made", "0" * 64, (Tap(9, "token"),), 8, None, None)


def make_map(values, image_hw=None, attention=None):
    rows, cols, width = values.shape
    hw = image_hw or (rows * 8, cols * 8)
    geometry = GridGeometry(hw, (rows * 8, cols * 8), 8, 8, (rows, cols))
    return FeatureMap(SPEC, "0" * 64, geometry, (values.astype(np.float16),), (np.zeros(width, np.float32),), attention)


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
    return make_map(base + rng.normal(0, 0.1, base.shape)), inner, left


def coloured(maps, params=None):
    model = fit_pca(maps, None, silent(), params)
    return [model.colours(feature_map) for feature_map in maps]


# PCA --------------------------------------------------


def test_components_are_those_of_a_plain_decomposition_of_all_tokens_together():
    rng = np.random.default_rng(0)
    maps = [make_map(rng.normal(size=(6, 7, 10)) * np.linspace(3, 1, 10) + 5) for _ in range(4)]
    model = fit_pca(maps, None, silent(), PcaParams(normalised=False))
    tokens = np.concatenate([m.flat(normalised=False) for m in maps]).astype(np.float64)
    _, singular, axes = np.linalg.svd(tokens - tokens.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(model.mean, tokens.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(model.components * axes[:3], axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(model.explained, (singular**2 / np.sum(singular**2))[:3], rtol=1e-4)


def test_the_same_set_has_the_same_colours_whatever_the_sign_the_solver_returns(monkeypatch):
    import scipy.linalg

    rng = np.random.default_rng(1)
    maps = [make_map(rng.normal(size=(5, 6, 8))) for _ in range(3)]
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
    colours = coloured([make_map(v) for v in values])
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


def test_a_set_of_one_colour_is_grey_instead_of_amplified_rounding():
    maps = [make_map(np.ones((4, 5, 6)))]
    assert (coloured(maps)[0] == 128).all()
    assert not fit_pca(maps, None, silent()).components.any()


def test_fewer_dimensions_than_colours_leave_the_rest_grey():
    rng = np.random.default_rng(5)
    maps, params = [make_map(rng.normal(size=(4, 5, 2)))], PcaParams(normalised=False)
    assert fit_pca(maps, None, silent(), params).components.shape == (3, 2)
    assert (coloured(maps, params)[0][..., 2] == 128).all()


def test_no_images_and_no_foreground_are_said_so():
    with pytest.raises(UsageError, match="no images"):
        fit_pca([], None, silent())
    with pytest.raises(UsageError, match="no token"):
        fit_pca([make_map(np.ones((3, 3, 4)))], None, silent(), PcaParams(foreground="component"))


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
        return make_map(np.random.default_rng(index).normal(size=self.shape))


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


# Pictures --------------------------------------------------


def test_the_colour_scale_grows_lighter_all_the_way():
    scale = colour_scale().astype(float)
    lightness = scale @ [0.2126, 0.7152, 0.0722]
    assert scale.shape == (256, 3)
    assert (np.diff(lightness) >= -0.5).all()
    assert lightness[-1] - lightness[0] > 150


def test_values_outside_the_range_and_not_numbers_take_the_ends_of_the_scale():
    colours = colour_values(np.array([-1.0, 0.0, 1.0, 2.0, np.nan, np.inf]))
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[2], colours[3])
    np.testing.assert_array_equal(colours[4], colours[0])
    np.testing.assert_array_equal(colours[5], colours[2])


def test_stretching_a_constant_map_gives_zero_not_a_division():
    assert not stretch(np.full((3, 4), 7.0)).any()
    assert stretch(np.zeros((0, 0))).shape == (0, 0)
    np.testing.assert_allclose(stretch(np.array([2.0, 3.0, 4.0])), [0, 0.5, 1])


def test_a_bright_token_lights_up_at_its_own_place_in_the_photograph():
    geometry = GridGeometry.plan((60, 100), 80, 8, 4)
    grid = np.zeros(geometry.grid_hw, np.float32)
    grid[5, 11] = 1
    for smooth in (True, False):
        picture = grid_picture(grid, geometry, smooth=smooth)
        assert picture.shape == (60, 100, 3)
        ys, xs = np.nonzero(picture.sum(axis=-1) > picture.sum(axis=-1).max() - 12)
        np.testing.assert_allclose([xs.mean(), ys.mean()], geometry.grid_to_image([5, 11]), atol=0.7)


def test_an_overlay_keeps_the_photograph_visible_in_grey():
    geometry = GridGeometry.plan((32, 48), None, 8, 8)
    rgb = np.zeros((32, 48, 3), np.uint8)
    rgb[:, :24] = (255, 0, 0)
    picture = heat_overlay(rgb, np.zeros(geometry.grid_hw, np.float32), geometry)
    left, right = picture[5, 5].astype(int), picture[5, 40].astype(int)
    assert (left > right).all()
    assert np.ptp(left - right) <= 1, "the photograph adds brightness, no hue"


def test_each_head_is_shown_over_its_own_range():
    rng = np.random.default_rng(7)
    attention = np.stack([rng.random((4, 6)), rng.random((4, 6)) * 1e-4]).astype(np.float32)
    pictures = attention_pictures(make_map(np.ones((4, 6, 3)), (50, 75), attention))
    assert pictures.shape == (2, 50, 75, 3)
    assert pictures[1].max() > 200


def test_features_without_attention_are_named():
    with pytest.raises(UsageError, match="made gives no attention"):
        attention_pictures(make_map(np.ones((4, 6, 3))))


# t-SNE --------------------------------------------------

FAST = TsneParams(every=1, early_iterations=30, iterations=40)


def clustered(count=3, rows=5, cols=6):
    """Maps whose left half is one kind of token and whose right half is another."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(2, 16))
    maps = []
    for _ in range(count):
        values = np.repeat(kinds[(np.arange(cols) >= cols // 2).astype(int)][None], rows, axis=0)
        maps.append(make_map(values + rng.normal(0, 0.15, values.shape)))
    return maps


def test_points_of_a_kind_lie_together_and_remember_image_and_token():
    pytest.importorskip("openTSNE")
    result = embed_tsne(clustered(), None, FAST, silent())
    assert result.xy.shape == (90, 2)
    np.testing.assert_array_equal(np.unique(result.image), [0, 1, 2])
    right = result.rc[:, 1] >= 3
    gap = np.linalg.norm(result.xy[right].mean(axis=0) - result.xy[~right].mean(axis=0))
    spread = result.xy[right].std(axis=0).max() + result.xy[~right].std(axis=0).max()
    assert gap > 1.5 * spread


def test_the_same_seed_gives_the_same_embedding():
    pytest.importorskip("openTSNE")
    first = embed_tsne(clustered(), None, FAST, silent())
    second = embed_tsne(clustered(), None, FAST, silent())
    np.testing.assert_array_equal(first.xy, second.xy)


def test_every_tenth_descriptor_is_taken_and_perplexity_yields_to_few_points():
    pytest.importorskip("openTSNE")
    ctx = silent()
    params = TsneParams(early_iterations=10, iterations=10)
    result = embed_tsne(clustered(4, 10, 10), None, params, ctx)
    np.testing.assert_array_equal(result.rc[:10], [[r, 0] for r in range(10)])
    assert len(result.xy) == 40
    assert result.perplexity == pytest.approx(13)
    assert any("Perplexity 13 instead of 300" in text for text in ctx.warnings)


def test_a_limit_thins_the_points_and_says_so():
    pytest.importorskip("openTSNE")
    ctx = silent()
    params = TsneParams(every=1, limit=50, perplexity=5, early_iterations=5, iterations=5)
    result = embed_tsne(clustered(), None, params, ctx)
    assert 20 <= len(result.xy) <= 50
    assert any("instead of one in 1 (" in text or "thinned" in text for text in ctx.warnings)


def test_too_few_points_are_said_so():
    pytest.importorskip("openTSNE")
    with pytest.raises(UsageError, match="3 points are too few"):
        embed_tsne([make_map(np.ones((5, 6, 4)))], None, TsneParams(), silent())


def test_selected_points_light_their_tokens_and_a_region_its_points():
    pytest.importorskip("openTSNE")
    result = embed_tsne(clustered(), None, TsneParams(3, early_iterations=5, iterations=0, every=1), silent())
    region = np.zeros((5, 6), bool)
    region[1:3, 2:5] = True
    selected = result.points(1, region)
    assert selected.sum() == 6
    np.testing.assert_array_equal(result.tokens(selected, 1, (5, 6)), region)
    assert not result.tokens(selected, 0, (5, 6)).any()


def test_progress_is_reported_and_a_cancel_stops_in_the_middle_of_the_arrangement():
    pytest.importorskip("openTSNE")
    token = CancelToken()
    seen = []

    def report(progress):
        seen.append(progress)
        if progress.text == "Arranging points" and progress.fraction > 0.5:
            token.cancel()

    ctx = JobContext(report, token, min_interval_s=0)
    previews = []
    with pytest.raises(JobCancelledError):
        embed_tsne(clustered(), None, FAST, ctx, preview=previews.append)
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 0.9
    assert previews[-1].shape == (90, 2)


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(CounterpartError, match=r"counterpart\[explore\]"):
        embed_tsne(clustered(), None, FAST, silent())
