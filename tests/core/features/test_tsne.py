"""Embeddings by t-SNE: which descriptors are taken, where they start, which points are neighbours."""

import sys

import numpy as np
import pytest

from counterpart.core.errors import CounterpartError, JobCancelledError, UsageError
from counterpart.core.features.tsne import TsneParams, embed_tsne, sample_descriptors
from counterpart.core.jobs import CancelToken, JobContext, silent
from tests.core.synthetic import given_map

FAST = TsneParams(every=1, early_iterations=30, iterations=40)


def clustered(count=3, rows=5, cols=6):
    """Maps whose left half is one kind of token and whose right half is another."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(2, 16))
    maps = []
    for _ in range(count):
        values = np.repeat(kinds[(np.arange(cols) >= cols // 2).astype(int)][None], rows, axis=0)
        maps.append(given_map(values + rng.normal(0, 0.15, values.shape)))
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
        embed_tsne([given_map(np.ones((5, 6, 4)))], None, TsneParams(), silent())


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


# Which descriptors


def taken(result):
    """(image, row, column) of each point, and its descriptor."""
    values, images, places = result
    return [(int(image), *map(int, rc)) for image, rc in zip(images, places, strict=True)], values


def numbered(*shapes):
    """Features whose descriptors point to their own token: (cos, sin) of an angle that grows from token to token."""
    maps = []
    for rows, cols in shapes:
        angle = np.arange(rows * cols).reshape(rows, cols) / 10
        maps.append(given_map(3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)))
    return maps


def test_every_nth_token_of_each_image_in_the_order_of_reading():
    ctx = silent()
    found, values = taken(sample_descriptors(numbered((2, 3), (3, 2)), None, TsneParams(every=4, limit=4), ctx))
    assert found == [(0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 2, 0)]
    np.testing.assert_allclose(np.arctan2(values[:, 1], values[:, 0]), [0, 0.4, 0, 0.4], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, rtol=1e-5)
    assert not ctx.warnings


@pytest.mark.parametrize(
    ("every", "limit", "expected"),
    [
        (1, 8, [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]),
        (1, 4, [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]),
        # Every second gives four; the first, the last, and what lies nearest to the middle of them.
        (1, 3, [(0, 0, 0), (1, 0, 0), (1, 1, 0)]),
        (2, 3, [(0, 0, 0), (1, 0, 0), (1, 1, 0)]),
        (0, 8, [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]),
    ],
)
def test_a_limit_is_kept_evenly_over_the_set(every, limit, expected):
    ctx = silent()
    found, _ = taken(sample_descriptors(numbered((2, 2), (2, 2)), None, TsneParams(every=every, limit=limit), ctx))
    assert found == expected
    had = {1: "1 (8)", 2: "2 (4)"}.get(every)
    told = f"{limit} descriptors are shown, evenly taken, instead of one in {had}"
    assert ctx.warnings == ([] if limit == 8 else [told])


def test_masks_choose_tokens_before_they_are_thinned():
    masks = [np.array([[True, False, True], [True, True, False]]), np.zeros((2, 3), bool)]
    maps, ctx = numbered((2, 3), (2, 3)), silent()
    found, _ = taken(sample_descriptors(maps, None, TsneParams(every=2, limit=2), ctx, masks.__getitem__))
    assert found == [(0, 0, 0), (0, 1, 0)]
    assert not ctx.warnings
    found, _ = taken(sample_descriptors(maps, None, TsneParams(every=1, limit=2), ctx, masks.__getitem__))
    assert found == [(0, 0, 0), (0, 1, 1)]
    assert ctx.warnings == ["4 points are thinned to 2"]


def test_twenty_thousand_points_are_shown_at_most():
    for count, shown in ((20_000, 20_000), (20_001, 20_000), (40_001, 20_000)):
        found = sample_descriptors([given_map(np.ones((1, count, 1)))], None, TsneParams(every=1), silent())
        assert len(found[1]) == shown


def test_a_set_of_no_images_gives_no_points():
    values, images, places = sample_descriptors([], None, TsneParams(), silent())
    assert (values.shape, images.shape, places.shape) == ((0, 0), (0,), (0, 2))


def test_tokens_outside_a_region_of_another_grid_are_not_in_it():
    pytest.importorskip("openTSNE")
    result = embed_tsne(clustered(2, 4, 5), None, TsneParams(3, every=1, early_iterations=1, iterations=0), silent())
    assert result.points(0, np.ones((3, 2), bool)).sum() == 6
    assert result.points(1, np.ones((9, 9), bool)).sum() == 20
    assert result.points(1, np.ones((1, 1), bool)).sum() == 1


# The start


def start(maps, seed=0):
    from counterpart.core.features.tsne import _start

    return _start(np.concatenate([feature_map.flat() for feature_map in maps]), seed)


@pytest.mark.parametrize("seed", range(4))
def test_points_start_at_their_first_two_principal_components_a_ten_thousandth_apart(seed):
    rng = np.random.default_rng(seed)
    maps = [given_map(rng.normal(size=(5, 6, 6)) * [9, 4, 2, 1, 1, 1]) for _ in range(3)]
    tokens = np.concatenate([feature_map.flat() for feature_map in maps]).astype(np.float64)
    left, singular, axes = np.linalg.svd(tokens - tokens.mean(axis=0), full_matrices=False)
    scores = (left * singular)[:, :2] * np.sign(axes[:2][[0, 1], np.abs(axes[:2]).argmax(axis=1)])
    got = start(maps) / 1e-4
    np.testing.assert_allclose(got, scores / scores[:, 0].std(), atol=0.05)
    noise = got - scores / scores[:, 0].std()
    assert noise.std() == pytest.approx(0.01, rel=0.2)
    assert np.abs(noise.mean()) < 0.004
    assert np.abs(start(maps) - start(maps, seed=1)).max() > 1e-6


def test_equal_points_start_apart_by_noise_alone():
    got = start([given_map(np.ones((4, 5, 3)))])
    assert got.std() == pytest.approx(1e-6, rel=0.3)


def test_descriptors_of_one_number_start_on_a_line_but_for_the_noise():
    got = start([given_map(np.where(np.arange(20).reshape(4, 5, 1) < 10, -1.0, 1.0))])
    assert got.shape == (20, 2)
    np.testing.assert_allclose(np.abs(got[:, 0]), 1e-4, rtol=0.05)
    assert np.abs(got[:, 1]).max() < 5e-6


# Neighbours and arrangement


@pytest.mark.parametrize(("count", "perplexity"), [(40, 5.0), (2900, 4.0)])
def test_affinities_are_those_of_exact_cosine_neighbours(count, perplexity):
    """The larger set takes two blocks."""
    library = pytest.importorskip("openTSNE")
    from counterpart.core.features.tsne import _affinities, _load

    values = np.random.default_rng(3).normal(size=(count, 6)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    found = _affinities(_load(), values, perplexity, silent())
    away = np.maximum(1 - values.astype(np.float64) @ values.T, 0)
    np.fill_diagonal(away, np.inf)
    nearest = np.argsort(away, axis=1)[:, : int(3 * perplexity)]
    index = library.nearest_neighbors.PrecomputedNeighbors(nearest, np.take_along_axis(away, nearest, axis=1))
    expected = library.affinity.PerplexityBasedNN(perplexity=perplexity, knn_index=index)
    difference = abs(found.P - expected.P)
    assert difference.max() < 0.02 * expected.P.max()
    assert difference.sum() < 1e-3


def test_seven_points_are_too_few_and_eight_are_not():
    pytest.importorskip("openTSNE")
    params = TsneParams(every=1, early_iterations=1, iterations=1)
    with pytest.raises(UsageError, match="7 points are too few"):
        embed_tsne(numbered((1, 7)), None, params, silent())
    result = embed_tsne(numbered((2, 4)), None, params, silent())
    assert result.perplexity == pytest.approx(7 / 3)


def test_a_perplexity_that_the_points_allow_is_used_without_a_word():
    pytest.importorskip("openTSNE")
    ctx = silent()
    result = embed_tsne(numbered((2, 5)), None, TsneParams(3, every=1, early_iterations=1, iterations=0), ctx)
    assert (result.perplexity, ctx.warnings) == (3, [])


def test_progress_ends_at_one_and_previews_come_every_ten_iterations_of_both_phases():
    pytest.importorskip("openTSNE")
    seen, previews = [], []
    ctx = JobContext(seen.append, CancelToken(), min_interval_s=0)
    embed_tsne(clustered(), None, TsneParams(5), ctx, preview=previews.append)
    assert len(previews) == (250 + 500) // 10
    arranging = [each for each in seen if each.text == "Arranging points"]
    assert [each.done for each in arranging] == [*range(10, 751, 10), 750]
    assert {each.total for each in arranging} == {750}
    assert arranging[0].fraction == pytest.approx(0.3 + 0.7 * 10 / 750)
    assert arranging[-1].fraction == 1
    assert max(each.fraction for each in seen if each.text == "Gathering descriptors") <= 0.1
    finding = [each.fraction for each in seen if each.text == "Finding neighbours"]
    assert (finding[0], finding[-1]) == pytest.approx((0.1, 0.3))


def test_exaggeration_draws_neighbours_closer_together():
    pytest.importorskip("openTSNE")

    def width(**more):
        xy = embed_tsne(
            clustered(), None, TsneParams(5, every=1, early_iterations=100, iterations=100, **more), silent()
        )
        right = xy.rc[:, 1] >= 3
        return xy.xy[right].std() + xy.xy[~right].std()

    assert width(exaggeration=1.0) == width() == width(exaggeration=0.2)
    assert width(exaggeration=3.0) < 0.9 * width()
    assert width(exaggeration=2.0) < width()
    assert width(seed=0) == width() != width(seed=1)
